//! Faces callers: routes, headers, statuses, problems. Everything that is HTTP and nothing that is GraphQL.

mod csv;
mod docs;
mod endpoint;
mod events;
mod locations;
mod observe;
mod ops;
mod origin;
mod problems;
mod request;
mod respond;
mod routes;

pub use ops::Health;
pub use routes::Unroutable;

use crate::{
    caller::FingerprintKey,
    catalogue::{Catalogue, Path as RoutePath},
    config::{self, Config},
    gateway::Gateway,
    problem::{Code, Problem},
    telemetry::{Metrics, RouteMetrics},
};
use arc_swap::ArcSwap;
use axum::{
    BoxError, Router,
    body::{Body, HttpBody},
    extract::{ConnectInfo, State},
    response::Response,
    routing::{delete, get},
};
use bytes::Bytes;
use docs::{Document, Documents};
use futures_util::{FutureExt, future::Either};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};
use observe::{Exchange, REQUEST_ID, RequestIds};
use origin::Origin;
use request::BodyLimits;
use routes::{Found, Routes};
use secrecy::SecretString;
use std::{
    collections::HashMap, convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_http::{
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    cors::{AllowHeaders, AllowOrigin, CorsLayer},
};

/// Bodies of up to so many bytes are not compressed: with their headers they fit into one packet as they are.
const PACKET: u64 = 1000;

/// For how long browsers remember what CORS allows.
const PREFLIGHT_AGE: Duration = Duration::from_secs(600);

/// All that handling a request needs.
pub struct App {
    catalogue: Arc<Catalogue>,
    gateway: Arc<Gateway>,
    /// Whether the gateway is ready; kept up to date by the server.
    pub health: ArcSwap<Health>,
    credentials: FingerprintKey,
    origin: Origin,
    base_path: String,
    body_limits: BodyLimits,
    streams: config::Streams,
    routes: Routes,
    /// For each path that creates: the path that reads what was created.
    locations: HashMap<RoutePath, RoutePath>,
    /// Of each route, in the order of the catalogue.
    by_route: Vec<RouteMetrics>,
    other: RouteMetrics,
    request_ids: RequestIds,
    metrics: Metrics,
    documents: Documents,
    admin_token: Option<SecretString>,
    sunset: Option<HeaderValue>,
}

impl App {
    /// Puts together what requests are handled with.
    ///
    /// # Errors
    /// If the routes of the catalogue exclude each other.
    pub fn new(
        catalogue: Arc<Catalogue>,
        gateway: Arc<Gateway>,
        metrics: Metrics,
        config: &Config,
    ) -> Result<Arc<Self>, Unroutable> {
        let by_route = catalogue.routes.iter().map(|route| metrics.route(&catalogue.name_of(route).name)).collect();
        Ok(Arc::new(Self {
            routes: Routes::new(&catalogue, &config.server.base_path)?,
            locations: locations::of(&catalogue),
            gateway,
            health: ArcSwap::from_pointee(Health::Starting),
            credentials: FingerprintKey::random(),
            origin: Origin::new(&config.server),
            base_path: config.server.base_path.clone(),
            body_limits: BodyLimits { bytes: config.server.body_limit_bytes, time: config.server.body_timeout },
            streams: config.streams.clone(),
            by_route,
            other: observe::other(&metrics),
            request_ids: RequestIds::new(),
            metrics,
            documents: Documents::new(config.documents.clone()),
            admin_token: config.admin_token.clone(),
            sunset: config.houston.sunset.as_deref().and_then(|date| HeaderValue::try_from(date).ok()),
            catalogue,
        }))
    }

    /// Keeps the metrics small; to be called every few seconds.
    pub fn upkeep(&self) {
        self.metrics.upkeep();
    }
}

/// Answers requests: by the catalogue's routes, or else by the pages. What costs something for each request goes around
/// the whole only for who wants it: compression for who accepts an encoding, CORS where origins are allowed.
pub struct Front {
    app: Arc<App>,
    pages: Router,
    cors: Option<CorsLayer>,
}

impl Front {
    /// Puts everything that answers requests together.
    #[must_use]
    pub fn new(app: Arc<App>, config: &Config) -> Arc<Self> {
        let origins = &config.cors.allowed_origins;
        Arc::new(Self { pages: pages(&app), cors: (!origins.is_empty()).then(|| cors(origins)), app })
    }

    /// Answers a request that came from `peer`.
    ///
    /// This and [`Self::dispatch`] take the request apart before their futures begin: each future that holds a request
    /// holds it twice, and all of it is moved before it runs.
    pub fn answer<B>(
        self: &Arc<Self>,
        peer: SocketAddr,
        request: Request<B>,
    ) -> impl Future<Output = Response> + Send + use<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let is_plain = self.cors.is_none() && !request.headers().contains_key(header::ACCEPT_ENCODING);
        let front = Arc::clone(self);
        match is_plain {
            true => Either::Left(front.dispatch(peer, request)),
            false => Either::Right(front.dressed(peer, request).boxed()),
        }
    }

    async fn dressed<B>(self: Arc<Self>, peer: SocketAddr, mut request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        // Compression that finds no coding to its taste would call what was done "not acceptable". The answer as it is can
        // always be had (RFC 9110, 12.5.3). The first word on a coding counts, so this one leads.
        let wishes: Vec<_> = request.headers().get_all(header::ACCEPT_ENCODING).iter().cloned().collect();
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity;q=0.001"));
        for wish in wishes {
            request.headers_mut().append(header::ACCEPT_ENCODING, wish);
        }
        let answer = service_fn(|request| Arc::clone(&self).dispatch(peer, request).map(Ok::<_, Infallible>));
        let dressed = ServiceBuilder::new()
            .option_layer(self.cors.clone())
            .map_response(respond::weaken)
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(PACKET).and(NotForContentType::SSE)));
        let Ok(response) = dressed.service(answer).oneshot(request).await;
        response.map(Body::new)
    }

    fn dispatch<B>(self: Arc<Self>, peer: SocketAddr, request: Request<B>) -> impl Future<Output = Response> + Send
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (head, body) = request.into_parts();
        async move {
            // The last resort: a fault of ours is a problem, not a broken connection.
            AssertUnwindSafe(self.find(peer, &head, body)).catch_unwind().await.unwrap_or_else(|_| {
                let problem = Problem::new(Code::Internal, "The gateway failed; its log says why.");
                failed(&self.app, &problem, peer, &head.method, head.uri.path(), &head.headers)
            })
        }
    }

    async fn find<B>(&self, peer: SocketAddr, head: &Parts, body: B) -> Response
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let app = &*self.app;
        match app.routes.find(&head.method, head.uri.path()) {
            Found::Route(route, path) => endpoint::answer(app, route, path, peer, head, body).await,
            Found::OtherMethods(allow) => {
                let problem = wrong_method(&head.method);
                let mut response = failed(app, &problem, peer, &head.method, head.uri.path(), &head.headers);
                response.headers_mut().insert(header::ALLOW, allow.clone());
                response
            }
            Found::NoText => {
                let detail = "The path is not UTF-8 once its percent signs are decoded.";
                let problem = Problem::new(Code::InvalidRequest, detail);
                failed(app, &problem, peer, &head.method, head.uri.path(), &head.headers)
            }
            Found::Nowhere => {
                let mut request = Request::from_parts(head.clone(), Body::new(body));
                request.extensions_mut().insert(ConnectInfo(peer));
                let Ok(response) = Box::pin(self.pages.clone().oneshot(request)).await;
                response
            }
        }
    }
}

/// All that is not of the catalogue: the documents and the operators' pages.
fn pages(app: &Arc<App>) -> Router {
    let document = |which: Document| {
        get(move |app, peer: ConnectInfo<SocketAddr>, headers: HeaderMap| docs::document(app, peer, headers, which))
    };
    let router = Router::new()
        .route("/openapi.json", document(Document::OpenApi30))
        .route("/openapi-3.1.json", document(Document::OpenApi31))
        .route("/swagger2.json", document(Document::Swagger20))
        .route("/openapi.yaml", document(Document::Yaml))
        .route("/postman.json", document(Document::Postman))
        .route("/docs", get(docs::to_docs))
        .route("/docs/", get(docs::index))
        .route("/docs/{*file}", get(docs::file))
        .route("/problems/", get(problems::all))
        .route("/problems/{code}", get(problems::one))
        .route("/livez", get(ops::livez))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .merge(operators(app))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_route);
    let router = if app.base_path.is_empty() {
        router
    } else {
        Router::new().nest(&app.base_path, router).fallback(no_such_route)
    };
    router.with_state(Arc::clone(app))
}

/// What only operators may do; nothing, where no token guards it.
fn operators(app: &App) -> Router<Arc<App>> {
    match app.admin_token {
        Some(_) => Router::new().route("/cache", delete(ops::clear_cache)),
        None => Router::new(),
    }
}

async fn method_not_allowed(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // The router adds Allow.
    failed(&app, &wrong_method(&method), peer, &method, uri.path(), &headers)
}

async fn no_such_route(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let hint = match uri.path().strip_suffix('/') {
        Some(path) if !path.is_empty() => "Paths have no slash at their end.",
        _ => "GET /openapi.json lists all paths, /docs shows them.",
    };
    failed(&app, &Problem::new(Code::NoSuchRoute, hint), peer, &method, uri.path(), &headers)
}

fn wrong_method(method: &Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not a method of this path; Allow lists them."))
}

/// The answer to a request that reached no route.
fn failed(
    app: &App,
    problem: &Problem,
    peer: SocketAddr,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Response {
    let exchange = Exchange::begin(&app.request_ids, headers);
    let response = respond::problem(problem, &app.origin.of(headers, Some(peer.ip())), path, exchange.id());
    exchange.end(response, method.as_str(), "none", &app.other)
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
    let origin =
        if origins.iter().any(|origin| origin == "*") { AllowOrigin::any() } else { AllowOrigin::list(allowed) };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // By name: "*" does not cover Authorization (WHATWG Fetch, 3.3.4).
        .allow_headers(AllowHeaders::mirror_request())
        // Or browsers ask anew every five seconds (WHATWG Fetch, 4.8).
        .max_age(PREFLIGHT_AGE)
        .expose_headers([
            header::AGE,
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("deprecation"),
            HeaderName::from_static("preference-applied"),
            HeaderName::from_static("sunset"),
            REQUEST_ID,
            respond::CACHE_STATUS,
            respond::IDEMPOTENCY_REPLAYED,
        ])
}
