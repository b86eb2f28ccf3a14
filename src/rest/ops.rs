//! Pages for operators: whether the gateway lives, whether it is ready, its numbers, and what its problems mean.

use super::{App, failed};
use crate::problem::{Code, Problem};
use axum::{
    extract::{Path, Query, State},
    response::{Html, IntoResponse, Response},
};
use houston_schema::Version;
use http::{HeaderMap, Method, StatusCode, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::sync::Arc;

/// The header of the operator's token.
const ADMIN_TOKEN: &str = "x-admin-token";

/// Whether requests can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Houston has not been asked yet.
    Starting,
    /// Houston answered.
    Ready {
        /// Its version.
        version: Version,
        /// Whether its own schema is used, rather than the built-in one.
        introspected: bool,
    },
    /// Houston has never answered since the start.
    Unreachable(String),
    /// The gateway is about to stop.
    Draining,
}

pub(super) async fn livez() -> &'static str {
    "alive\n"
}

pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let (status, text) = match &**app.health.load() {
        Health::Ready { version, introspected } => {
            let schema = if *introspected { "its own schema" } else { "the built-in schema" };
            (StatusCode::OK, format!("ready: Houston {version}, {schema}\n"))
        }
        Health::Starting => (StatusCode::SERVICE_UNAVAILABLE, "not ready: Houston has not been asked yet\n".to_owned()),
        Health::Unreachable(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")),
        Health::Draining => (StatusCode::SERVICE_UNAVAILABLE, "not ready: shutting down\n".to_owned()),
    };
    (status, text).into_response()
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    for (route, evictions) in app.routes.iter().zip(app.gateway.cache().iter().flat_map(|cache| cache.evictions())) {
        route.evictions(evictions);
    }
    let size = app.gateway.cache().map(|cache| cache.size());
    let text = app.metrics.render(size, app.gateway.open_streams());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// What of the cache to forget.
#[derive(Deserialize)]
pub(super) struct Forget {
    /// A tag of the catalogue with its value, `deployments` or `deployment:ckwb2…`; all without it.
    tag: Option<String>,
}

/// `DELETE /cache`: forgets everything, or what carries a tag. Only for who has the operator's own token.
pub(super) async fn clear_cache(
    State(app): State<Arc<App>>,
    Query(forget): Query<Forget>,
    headers: HeaderMap,
) -> Response {
    let sent = headers.get(ADMIN_TOKEN).map(|value| value.as_bytes()).unwrap_or_default();
    let known = app.admin_token.as_ref().map(|token| token.expose_secret().as_bytes());
    // Hashes are compared, so that the time it takes tells nothing about the token.
    if !known.is_some_and(|known| blake3::hash(known) == blake3::hash(sent)) {
        let problem = Problem::new(Code::Forbidden, "This needs the operator's token as X-Admin-Token.");
        return failed(&app, &problem, &Method::DELETE, "/cache", &headers);
    }
    app.gateway.forget(forget.tag.as_deref());
    StatusCode::NO_CONTENT.into_response()
}

/// `/problems/{code}`: what a problem's `type` leads to.
pub(super) async fn problem_page(Path(slug): Path<String>) -> Response {
    let Some(code) = Code::ALL.into_iter().find(|code| code.slug() == slug) else {
        return (StatusCode::NOT_FOUND, Html("<p>There is no such problem.</p>")).into_response();
    };
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>{name}</title><h1>{title}</h1>\
         <p><code>{name}</code>, HTTP status {status}.</p><p>{cause}</p><p>{cure}</p>",
        name = code.name(),
        title = code.title(),
        status = code.status().as_u16(),
        cause = code.cause(),
        cure = code.cure(),
    );
    Html(page).into_response()
}
