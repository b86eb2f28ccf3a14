//! The published documents, and Swagger UI to read them in.

use super::{App, failed, request::none_match};
use crate::{
    config,
    openapi::{self, Format, Publisher},
    problem::{Code, Problem},
};
use axum::{
    body::Body,
    extract::{ConnectInfo, Path, State, rejection::PathRejection},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// At most this many renderings are kept; each address that callers use has its own.
const RENDERINGS: usize = 64;

const INITIALIZER: &[u8] = include_bytes!("swagger-initializer.js");

/// Nothing but the gateway's own files may run or be loaded. Swagger UI writes styles into its elements.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                                       img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'";

/// One published document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Document {
    OpenApi30,
    OpenApi31,
    Swagger20,
    Yaml,
    Postman,
}

/// A document as it is served, and its validator.
type Rendering = (Bytes, HeaderValue);

/// Renderings, made when first asked for: by document, by the address that callers use, and by the plans.
pub(super) struct Documents {
    settings: config::Documents,
    kept: Mutex<HashMap<(Document, String, usize), Rendering>>,
}

impl Documents {
    pub(super) fn new(settings: config::Documents) -> Self {
        Self { settings, kept: Mutex::default() }
    }

    /// The document for callers who use `origin`.
    fn get(&self, app: &App, document: Document, origin: String) -> Rendering {
        let plans = app.gateway.plans();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= RENDERINGS {
            kept.clear();
        }
        let compiled_as = Arc::as_ptr(&plans).addr();
        let make = || {
            let config::Documents { contact_name, contact_email } = &self.settings;
            let publisher = Publisher { url: &origin, contact_name, contact_email };
            let render = |format| openapi::document(&app.catalogue, &plans, publisher, format);
            let text = match document {
                Document::OpenApi30 => render(Format::OpenApi30).to_string(),
                Document::OpenApi31 => render(Format::OpenApi31).to_string(),
                Document::Swagger20 => render(Format::Swagger20).to_string(),
                Document::Yaml => openapi::yaml(&render(Format::OpenApi30)).unwrap_or_default(),
                Document::Postman => openapi::postman(&app.catalogue, &plans, publisher).to_string(),
            };
            let etag = crate::cache::etag(text.as_bytes());
            (Bytes::from(text), etag)
        };
        kept.entry((document, origin.clone(), compiled_as)).or_insert_with(make).clone()
    }
}

/// Serves a document: readable without a token and from every page.
pub(super) async fn document(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    document: Document,
) -> Response {
    let origin = app.origin.of(&headers, Some(peer.ip()));
    let (body, etag) = app.documents.get(&app, document, origin);
    let kind = if document == Document::Yaml { "application/yaml" } else { "application/json" };
    let mut response = if etag.to_str().is_ok_and(|etag| none_match(&headers, etag).is_some()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], Body::from(body)).into_response()
    };
    let out = response.headers_mut();
    out.insert(header::ETAG, etag);
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    out.insert(header::VARY, HeaderValue::from_static("Host, X-Forwarded-Host, X-Forwarded-Proto"));
    out.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// `/docs` without its slash: relative addresses need it.
pub(super) async fn to_docs(State(app): State<Arc<App>>) -> Redirect {
    Redirect::permanent(&format!("{}/docs/", app.base_path))
}

/// Serves Swagger UI's page.
pub(super) async fn index(
    app: State<Arc<App>>,
    peer: ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    file(app, peer, Ok(Path("index.html".to_owned())), uri, headers).await
}

/// Serves Swagger UI's files, which are compiled in.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    name: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    name.ok().and_then(|Path(name)| asset(&name, &headers)).unwrap_or_else(|| {
        let problem = Problem::new(Code::NoSuchRoute, "There is no such file; the page is /docs/.");
        failed(&app, &problem, peer, &Method::GET, uri.path(), &headers)
    })
}

fn asset(name: &str, headers: &HeaderMap) -> Option<Response> {
    let (bytes, kind) = match name {
        "swagger-initializer.js" => (Bytes::from_static(INITIALIZER), "text/javascript".to_owned()),
        _ => utoipa_swagger_ui::serve(name, Arc::new(utoipa_swagger_ui::Config::from("/openapi.json")))
            .ok()
            .flatten()
            .map(|file| (Bytes::from(file.bytes.into_owned()), file.content_type))?,
    };
    let etag = crate::cache::etag(&bytes);
    let mut response = if etag.to_str().is_ok_and(|etag| none_match(headers, etag).is_some()) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response()
    };
    let out = response.headers_mut();
    out.insert(header::ETAG, etag);
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}
