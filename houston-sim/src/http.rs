//! Houston over HTTP: `/v1`, its explorer page and its health.

use crate::{
    Call, Houston, Trouble,
    access::Caller,
    execute::{Reply, Request},
    socket,
};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use houston_schema::Version;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value as Json, json};
use std::{collections::HashMap, io, time::Duration};
use tokio_util::sync::CancellationToken;

/// Requests longer than this are refused.
const LONGEST_BODY: usize = 16 << 20;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) houston: Houston,
    /// Ends websockets when the server stops.
    pub(crate) closing: CancellationToken,
}

/// Marks an answer that must not be given: the connection closes instead.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(crate) struct Dropped;

impl Houston {
    /// The HTTP interface, for a server of your own or for calls without a network.
    pub fn router(&self) -> Router {
        self.router_until(CancellationToken::new())
    }

    pub(crate) fn router_until(&self, closing: CancellationToken) -> Router {
        let graphql = get(explorer).post(graphql);
        Router::new()
            .route("/v1", graphql.clone())
            .route("/v1/", graphql)
            .route("/v1/healthz", get(async || json_body(&json!({}))))
            .route("/v1/.well-known/jwks.json", get(async || json_body(&json!({"keys": []}))))
            // The ingress of the platform keeps these to itself.
            .route("/v1/metrics", get(async || html(StatusCode::FORBIDDEN)))
            .route("/v1/alerts", get(async || html(StatusCode::FORBIDDEN)))
            .route("/ws", get(socket::open))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(Server { houston: self.clone(), closing })
    }
}

async fn graphql(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Json = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return plain(StatusCode::BAD_REQUEST, &format!("Unexpected token in JSON: {error}")),
    };
    if body.is_array() {
        // Apollo Server 2 would take batches; whether a later Houston does is unknown, and no client sends them.
        return plain(StatusCode::BAD_REQUEST, "Operation batching disabled.");
    }
    let request = Request::of(&body);
    if request.query.is_empty() {
        return plain(StatusCode::BAD_REQUEST, "Must provide query string.");
    }
    answer(&server.houston, &headers, request).await
}

/// A browser gets the explorer; a query in the URL is executed unless it changes something.
async fn explorer(
    State(server): State<Server>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let Some(query) = parameters.get("query") else {
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], EXPLORER).into_response();
    };
    let variables = parameters.get("variables").and_then(|text| serde_json::from_str(text).ok());
    let request = Request {
        query: query.clone(),
        operation: parameters.get("operationName").cloned(),
        variables: variables.unwrap_or_default(),
    };
    let parsed = server.houston.release().parse(query);
    if parsed.operation(request.operation.as_deref()).is_ok_and(|(_, operation)| !operation.is_query()) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "GET supports only query operation");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    answer(&server.houston, &headers, request).await
}

const EXPLORER: &str = "<!DOCTYPE html>
<html><head><meta charset=\"utf-8\"><title>Houston</title></head>
<body><h1>Houston</h1><p>This is a simulator. Send GraphQL by POST to /v1.</p></body></html>
";

/// Answers a request, with whatever trouble is switched on for it.
async fn answer(houston: &Houston, headers: &HeaderMap, request: Request) -> Response {
    let release = houston.release();
    let parsed = release.parse(&request.query);
    let outline = parsed.outline(request.operation.as_deref());
    houston.call_log().note(Call {
        operation: outline.name.clone(),
        fields: outline.fields.clone(),
        document: request.query.clone(),
        variables: Json::Object(request.variables.clone()),
        headers: headers.clone(),
    });
    let troubles = houston.0.faults.take(outline.name.as_deref(), &outline.fields);
    if let Some(response) = before_houston(&troubles).await {
        return response;
    }
    for trouble in &troubles {
        match trouble {
            Trouble::Validation(message) => {
                let error = json!({"message": message, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}});
                let body = json!({"errors": [error]});
                return respond(
                    houston,
                    &release.version,
                    Reply { status: StatusCode::BAD_REQUEST, body, token: None },
                    &troubles,
                );
            }
            Trouble::Error { message, code, with_data: false } => {
                let nulls: serde_json::Map<_, _> =
                    outline.fields.iter().map(|name| (name.clone(), Json::Null)).collect();
                let body = json!({"errors": [fault(message, code.as_deref(), &outline.fields)], "data": nulls});
                return respond(
                    houston,
                    &release.version,
                    Reply { status: StatusCode::OK, body, token: None },
                    &troubles,
                );
            }
            _ => {}
        }
    }
    if parsed.operation(request.operation.as_deref()).is_ok_and(|(_, operation)| operation.is_subscription()) {
        return plain(StatusCode::BAD_REQUEST, "Subscriptions are not supported over HTTP");
    }
    let caller = caller(houston, headers);
    let mut reply = houston.execute(&release, &parsed, &request, &caller, None);
    for trouble in &troubles {
        if let Trouble::Error { message, code, with_data: true } = trouble {
            let error = fault(message, code.as_deref(), &outline.fields);
            match reply.body.get_mut("errors").and_then(Json::as_array_mut) {
                Some(errors) => errors.push(error),
                None => reply.body["errors"] = json!([error]),
            }
        }
    }
    respond(houston, &release.version, reply, &troubles)
}

/// The troubles that keep a request from reaching Houston at all.
pub(crate) async fn before_houston(troubles: &[Trouble]) -> Option<Response> {
    for trouble in troubles {
        match trouble {
            Trouble::Latency(span) => tokio::time::sleep(*span).await,
            Trouble::Status(status) => return Some(html(*status)),
            Trouble::Drop => {
                let mut response = plain(StatusCode::INTERNAL_SERVER_ERROR, "dropped");
                response.extensions_mut().insert(Dropped);
                return Some(response);
            }
            Trouble::Garbage => {
                let start = b"\x1f\x8b{\"data\":".as_slice();
                return Some(([(header::CONTENT_TYPE, "application/json")], start).into_response());
            }
            _ => {}
        }
    }
    None
}

pub(crate) fn fault(message: &str, code: Option<&str>, fields: &[String]) -> Json {
    let mut error = json!({"message": message, "locations": [{"line": 1, "column": 1}]});
    if let Some(field) = fields.first() {
        error["path"] = json!([field]);
    }
    if let Some(code) = code {
        error["extensions"] = json!({"code": code});
    }
    error
}

fn respond(houston: &Houston, version: &Version, mut reply: Reply, troubles: &[Trouble]) -> Response {
    for trouble in troubles {
        match trouble {
            Trouble::StackTrace => {
                for error in reply.body.get_mut("errors").and_then(Json::as_array_mut).into_iter().flatten() {
                    let line = format!("Error: {}", error.get("message").and_then(Json::as_str).unwrap_or_default());
                    let place = "    at resolve (/houston/src/resolvers/index.js:42:11)";
                    error["extensions"]["exception"] = json!({"stacktrace": [line, place]});
                }
            }
            Trouble::Huge(size) => reply.body["extensions"] = json!({"padding": "x".repeat(*size)}),
            _ => {}
        }
    }
    let text = reply.body.to_string();
    let mut response = if troubles.contains(&Trouble::Truncate) { truncated(text) } else { text.into_response() };
    *response.status_mut() = reply.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    if let Some(token) = reply.token
        && let Ok(cookie) = HeaderValue::from_str(&cookie(houston, *version, &token))
    {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Half of the body, announced as the whole, and then the connection breaks.
fn truncated(text: String) -> Response {
    let whole = text.len();
    let half = Bytes::from(text).slice(..whole / 2);
    let first = stream::iter([Ok(half)]);
    let then = stream::once(async {
        // An error right away would keep even the first half from being sent.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let mut response = Body::from_stream(first.chain(then)).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, whole.into());
    response
}

fn cookie_name(houston: &Houston) -> String {
    format!("astronomer_{}_auth", houston.0.settings.base_domain.replace(['.', '-'], "_"))
}

fn cookie(houston: &Houston, version: Version, token: &str) -> String {
    let (name, domain) = (cookie_name(houston), &houston.0.settings.base_domain);
    let http_only = if version < Version::new(0, 29, 0) { "" } else { "; HttpOnly" };
    format!("{name}={token}; Domain=.{domain}; Path=/; Secure{http_only}")
}

/// The header comes first, then the cookie.
fn caller(houston: &Houston, headers: &HeaderMap) -> Caller {
    if let Some(credential) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) {
        return houston.caller(credential);
    }
    let name = cookie_name(houston);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map_or(Caller::Anonymous, |(_, value)| houston.caller(value))
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Response {
    (status, text.to_owned()).into_response()
}

fn json_body(body: &Json) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
}

/// What a proxy or an ingress in front of Houston says.
fn html(status: StatusCode) -> Response {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    (status, [(header::CONTENT_TYPE, "text/html")], page).into_response()
}
