//! One request to a route of the catalogue: read, ask the gateway, write.

use super::{
    App, events,
    observe::Exchange,
    request::{self, Form},
    respond,
    routes::Parameters,
};
use crate::{
    caller::Caller,
    gateway::{Answer, Ask, Context, Events, Failure, Parts},
    houston::Trace,
    problem::Problem,
};
use axum::{BoxError, body::HttpBody, response::Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, request::Parts as Head};
use std::net::SocketAddr;

/// For routes that newer Houston releases lack (RFC 9745): the day on which this API first said so. When they will be gone
/// (`Sunset`, RFC 8594) only the operator knows, who upgrades Houston.
const DEPRECATED_SINCE: HeaderValue = HeaderValue::from_static("@1795392000");

const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// W3C Trace Context, 3.2.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a route answers with.
enum Served {
    Answer(Answer, Form),
    Stream(Events),
    /// What HEAD gets to see of a stream.
    StreamHead,
}

/// Answers a request to the route of this index, which bound `path`.
pub(super) async fn answer<B>(
    app: &App,
    route: usize,
    path: Parameters<'_>,
    peer: SocketAddr,
    head: &Head,
    body: B,
) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let exchange = Exchange::begin(&app.request_ids, &head.headers);
    let operation = app.catalogue.name_of(&app.catalogue.routes[route]);
    let metrics = &app.by_route[route];
    let origin = || app.origin.of(&head.headers, Some(peer.ip()));
    let served = serve(app, route, path, head, body, operation.stream, &exchange).await;
    let written = served.and_then(|served| match served {
        Served::StreamHead => Ok(events::head()),
        Served::Stream(stream) => {
            let (origin, path, id) = (origin(), head.uri.path().to_owned(), exchange.id().to_owned());
            let document = move |problem: &Problem| respond::problem_document(problem, &origin, &path, &id);
            Ok(events::response(stream, &app.streams, document))
        }
        Served::Answer(answer, form) => {
            if head.method == Method::GET {
                metrics.count_cache(answer.cache);
            }
            let formed = respond::formed(app, answer, form)?;
            Ok(respond::answer(app, formed, &head.method, &head.uri, &head.headers, origin))
        }
    });
    let mut response =
        written.unwrap_or_else(|problem| respond::problem(&problem, &origin(), head.uri.path(), exchange.id()));
    if app.gateway.is_ageing(route) {
        response.headers_mut().insert("deprecation", DEPRECATED_SINCE);
        response.headers_mut().extend(app.sunset.clone().map(|sunset| (SUNSET, sunset)));
    }
    exchange.end(response, head.method.as_str(), &operation.name, metrics)
}

async fn serve<B>(
    app: &App,
    route: usize,
    path: Parameters<'_>,
    head: &Head,
    body: B,
    is_stream: bool,
    exchange: &Exchange,
) -> Result<Served, Problem>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let form = request::form(&head.method, &head.headers, is_stream)?;
    let caller = match Caller::of(&head.headers, &app.credentials) {
        // Whoever logs in again may well send the old token along; Houston passes it over too.
        Err(_) if app.gateway.is_public(route) => None,
        Err(why) => return Err(Failure::from(why).problem()),
        // Nothing is read from whom nobody knows.
        Ok(None) if !app.gateway.is_public(route) => return Err(Failure::NoCredential.problem()),
        Ok(caller) => caller,
    };
    let body = request::body(&head.method, &head.headers, body, app.body_limits).await?;
    let traceparent = head.headers.get(&TRACEPARENT).cloned();
    let ask = Ask {
        route,
        context: Context { caller, trace: Trace { request_id: Some(exchange.id.clone()), traceparent } },
        parts: Parts { path, query: request::query(head.uri.query())?, headers: &head.headers, body: &body },
        cache: request::cache_request(&head.headers),
        idempotency_key: request::idempotency_key(&head.method, &head.headers)?,
    };
    let served = match form {
        Form::Events if head.method == Method::HEAD => Ok(Served::StreamHead),
        Form::Events => Box::pin(app.gateway.open(ask)).await.map(Served::Stream),
        _ => app.gateway.answer(&ask).await.map(|answer| Served::Answer(answer, form)),
    };
    served.map_err(|failure| {
        tracing::debug!(%failure, request_id = exchange.id(), "no answer");
        failure.problem()
    })
}
