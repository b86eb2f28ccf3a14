//! The published documents, and Swagger UI to read them in.

use super::{App, Exchange, respond};
use crate::{
    catalogue::Plans,
    config,
    gateway::Gateway,
    openapi::{self, Format, Publisher},
    problem::{Code, Problem},
};
use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::task::spawn_blocking;

const INITIALIZER: &[u8] = include_bytes!("swagger-initializer.js");

/// Nothing but the gateway's own files may run or be loaded. Swagger UI writes styles into its elements.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; frame-ancestors 'none'; base-uri 'self'",
);

/// One published document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Document {
    OpenApi30,
    OpenApi31,
    Swagger20,
    Yaml,
    Postman,
}

/// The documents of one set of plans, each made when it is first asked for, with a pattern where the address of the
/// caller belongs: no header makes anything be rendered, or kept, twice.
struct Renderings {
    /// Kept alive with them: an address in memory alone could be that of other plans by and by.
    plans: Arc<Plans>,
    texts: [OnceLock<String>; 5],
}

impl Renderings {
    fn kept(&self, document: Document) -> &OnceLock<String> {
        &self.texts[document as usize]
    }

    /// The text of a document. It takes a moment the first time, and whoever else asks then waits for the same.
    fn text(&self, app: &App, document: Document) -> &str {
        self.kept(document).get_or_init(|| {
            let config::Documents { contact_name, contact_email } = &app.documents.settings;
            let publisher = Publisher { url: &app.origin.pattern(), contact_name, contact_email };
            let render = |format| openapi::document(&app.catalogue, &self.plans, publisher, format);
            match document {
                Document::OpenApi30 => render(Format::OpenApi30).to_string(),
                Document::OpenApi31 => render(Format::OpenApi31).to_string(),
                Document::Swagger20 => render(Format::Swagger20).to_string(),
                Document::Yaml => openapi::yaml(&render(Format::OpenApi30)).unwrap_or_default(),
                Document::Postman => openapi::postman(&app.catalogue, &self.plans, publisher).to_string(),
            }
        })
    }
}

/// The documents of the plans that are served at the moment.
pub(super) struct Documents {
    settings: config::Documents,
    renderings: Mutex<Option<Arc<Renderings>>>,
}

impl Documents {
    pub(super) fn new(settings: config::Documents) -> Self {
        Self { settings, renderings: Mutex::default() }
    }

    fn renderings(&self, gateway: &Gateway) -> Arc<Renderings> {
        let mut kept = self.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        let plans = gateway.plans();
        kept.take_if(|renderings| !Arc::ptr_eq(&renderings.plans, &plans));
        Arc::clone(kept.get_or_insert_with(|| Arc::new(Renderings { plans, texts: Default::default() })))
    }
}

/// Serves a document: readable without a token and from every page.
pub(super) async fn document(Extension(exchange): Extension<Arc<Exchange>>, document: Document) -> Response {
    let app = &exchange.app;
    let renderings = app.documents.renderings(&app.gateway);
    if renderings.kept(document).get().is_none() {
        let (app, renderings) = (Arc::clone(app), Arc::clone(&renderings));
        // Should that fail, what follows fails likewise and is answered like every fault.
        let _made = spawn_blocking(move || renderings.text(&app, document).len()).await;
    }
    let text = exchange.fill(renderings.text(app, document));
    let kind = match document {
        Document::Yaml => HeaderValue::from_static("application/yaml"),
        _ => respond::JSON,
    };
    let others = [
        (header::VARY, HeaderValue::from_static("Host, X-Forwarded-Host, X-Forwarded-Proto")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    ];
    published(&exchange.head.headers, text.into(), kind, others)
}

/// Serves bytes that everybody may have and that change only with the gateway or its plans.
fn published(headers: &HeaderMap, bytes: Bytes, kind: HeaderValue, others: [(HeaderName, HeaderValue); 2]) -> Response {
    let etag = crate::cache::etag(&bytes);
    let known = respond::not_modified(headers, &etag).map(IntoResponse::into_response);
    let mut response =
        known.unwrap_or_else(|| ([(header::CONTENT_TYPE, kind), (header::ETAG, etag)], bytes).into_response());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    response.headers_mut().extend(others);
    response
}

/// `/docs` without its slash: relative addresses need it.
pub(super) async fn to_docs(State(app): State<Arc<App>>) -> Redirect {
    Redirect::permanent(&format!("{}/docs/", app.base_path))
}

/// Serves Swagger UI's page.
pub(super) async fn index(exchange: Extension<Arc<Exchange>>) -> Response {
    file(exchange, Ok(Path("index.html".to_owned()))).await
}

/// Serves Swagger UI's files, which are compiled in.
pub(super) async fn file(
    Extension(exchange): Extension<Arc<Exchange>>,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    name.ok().and_then(|Path(name)| asset(&name, &exchange.head.headers)).unwrap_or_else(|| {
        exchange.failed(&Problem::new(Code::NoSuchRoute, "There is no such file; the page is /docs/.")).into_response()
    })
}

fn asset(name: &str, headers: &HeaderMap) -> Option<Response> {
    let (bytes, kind) = match name {
        "swagger-initializer.js" => (Bytes::from_static(INITIALIZER), HeaderValue::from_static("text/javascript")),
        _ => {
            let config = Arc::new(utoipa_swagger_ui::Config::from("/openapi.json"));
            let file = utoipa_swagger_ui::serve(name, config).ok().flatten()?;
            (Bytes::from(file.bytes.into_owned()), HeaderValue::try_from(file.content_type).ok()?)
        }
    };
    let others = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Some(published(headers, bytes, kind, others))
}
