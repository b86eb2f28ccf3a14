//! Faces callers: routes, headers, statuses, problems. Everything that is HTTP and nothing that is GraphQL.

mod csv;
mod docs;
mod endpoint;
mod events;
mod exchange;
mod ids;
mod locations;
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
    BoxError, Extension, Router,
    body::HttpBody,
    routing::{delete, get},
};
use bytes::Bytes;
use docs::{Document, Documents};
use endpoint::Endpoint;
use exchange::{Exchange, REQUEST_ID, broken};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Either, Ready, ready},
};
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::Full;
use ids::RequestIds;
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
            // A stream that says nothing would be taken for a connection that nobody uses.
            streams: config::Streams {
                heartbeat: config.streams.heartbeat.min(config.server.idle_timeout / 2),
                ..config.streams.clone()
            },
            by_route,
            other: metrics.route("none"),
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

/// The body of a response: in memory, or whatever the pages, a stream or a compression make of it.
pub type Body = http_body_util::Either<Full<Bytes>, axum::body::Body>;

/// A response.
pub type Response = http::Response<Body>;

/// A response that is there already, or one that has to be waited for.
pub type Answering = Either<Ready<Response>, BoxFuture<'static, Response>>;

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
    pub fn answer<B>(self: &Arc<Self>, peer: SocketAddr, request: Request<B>) -> Answering
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let is_plain = self.cors.is_none() && !request.headers().contains_key(header::ACCEPT_ENCODING);
        match is_plain {
            true => self.dispatch(peer, request),
            false => Either::Right(Arc::clone(self).dressed(peer, request).boxed()),
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
        let answer = service_fn(|request| {
            self.dispatch(peer, request).map(|response| Ok::<_, Infallible>(response.map(axum::body::Body::new)))
        });
        let dressed = ServiceBuilder::new()
            .option_layer(self.cors.clone())
            .map_response(respond::weaken)
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(PACKET).and(NotForContentType::SSE)));
        let Ok(response) = dressed.service(answer).oneshot(request).await;
        response.map(|body| Body::Right(axum::body::Body::new(body)))
    }

    fn dispatch<B>(&self, peer: SocketAddr, request: Request<B>) -> Answering
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (head, body) = request.into_parts();
        let exchange = Exchange::begin(&self.app, peer, head);
        match self.app.routes.find(&exchange.head.method, exchange.path()) {
            Found::Route(route) => Endpoint { exchange, route }.answer(body),
            Found::OtherMethods(allow) => {
                let mut response = exchange.failed(&wrong_method(&exchange.head.method));
                response.headers_mut().insert(header::ALLOW, allow.clone());
                Either::Left(ready(response))
            }
            Found::Nowhere => {
                let exchange = Arc::new(exchange);
                let mut request = Request::from_parts(exchange.head.clone(), axum::body::Body::empty());
                request.extensions_mut().insert(Arc::clone(&exchange));
                let page = AssertUnwindSafe(self.pages.clone().oneshot(request)).catch_unwind();
                Either::Right(Box::pin(page.map(move |page| match page {
                    Ok(Ok(response)) => response.map(Body::Right),
                    Err(_) => exchange.failed(&broken()),
                })))
            }
        }
    }
}

/// All that is not of the catalogue: the documents and the operators' pages.
fn pages(app: &Arc<App>) -> Router {
    let document = |which: Document| get(move |exchange: Extension<Arc<Exchange>>| docs::document(exchange, which));
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

async fn method_not_allowed(Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    // The router adds Allow.
    exchange.failed(&wrong_method(&exchange.head.method))
}

async fn no_such_route(Extension(exchange): Extension<Arc<Exchange>>) -> Response {
    let hint = match exchange.path().strip_suffix('/') {
        Some(path) if !path.is_empty() => "Paths have no slash at their end.",
        _ => "GET /openapi.json lists all paths, /docs shows them.",
    };
    exchange.failed(&Problem::new(Code::NoSuchRoute, hint))
}

fn wrong_method(method: &Method) -> Problem {
    Problem::new(Code::MethodNotAllowed, format!("{method} is not a method of this path; Allow lists them."))
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
