//! Pages for operators: whether the gateway lives, whether it is ready, and its numbers.

use super::{App, Exchange, request};
use crate::problem::{Code, Problem};
use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use houston_schema::Version;
use http::{StatusCode, header};
use secrecy::ExposeSecret;
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
    // First: it settles the accounts of the evictions too.
    let size = app.gateway.cache().map(|cache| cache.size());
    for (route, evictions) in app.by_route.iter().zip(app.gateway.cache().iter().flat_map(|cache| cache.evictions())) {
        route.evictions(evictions);
    }
    let text = app.metrics.render(size, app.gateway.open_streams(), &app.gateway.houston().standing());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// `DELETE /cache`: forgets everything, or what carries the `tag` of the query string. Only for who has the operator's own
/// token.
pub(super) async fn clear_cache(Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let Exchange { app, head, .. } = &*exchange;
    let sent = head.headers.get(ADMIN_TOKEN).map(|value| value.as_bytes()).unwrap_or_default();
    let known = app.admin_token.as_ref().map(|token| token.expose_secret().as_bytes());
    // Hashes are compared, so that the time it takes tells nothing about the token.
    let may = known.is_some_and(|known| blake3::hash(known) == blake3::hash(sent));
    let tag = match may {
        true => forgettable(head.uri.query()),
        false => Err(Problem::new(Code::Forbidden, "This needs the operator's token as X-Admin-Token.")),
    };
    match tag {
        Ok(tag) => {
            tracing::info!(tag, "the operator empties the cache");
            app.gateway.forget(tag.as_deref());
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => exchange.failed(&problem).into_response(),
    }
}

/// A tag of the catalogue with its value, `deployments` or `deployment:ckwb2…`. Without a query string it is everything; a
/// slip in one must not be.
fn forgettable(query: Option<&str>) -> Result<Option<String>, Problem> {
    match request::query(query)?.as_slice() {
        [] => Ok(None),
        [(name, tag)] if name == "tag" && !tag.is_empty() => Ok(Some(tag.to_string())),
        _ => Err(Problem::new(Code::InvalidRequest, "Send ?tag=… once, or nothing to forget everything.")),
    }
}
