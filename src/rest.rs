//! Faces callers: routes, headers, statuses, problems. Everything that is HTTP and nothing that is GraphQL.

mod csv;
mod docs;
mod events;
mod observe;
mod ops;
mod origin;
mod request;
mod respond;

pub use ops::Health;

use crate::{
    caller::{Caller, FingerprintKey},
    catalogue::{Catalogue, Path as RoutePath},
    config::{self, Config},
    gateway::{Answer, Ask, Context, Events, Failure, Gateway, Parts},
    houston::Trace,
    problem::{Code, Problem},
    telemetry::{Metrics, RouteMetrics},
};
use arc_swap::ArcSwap;
use axum::{
    BoxError, Router,
    body::HttpBody,
    extract::{ConnectInfo, RawPathParams, Request, State},
    response::Response,
    routing::{MethodFilter, MethodRouter, delete, get},
};
use bytes::Bytes;
use docs::{Document, Documents};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use observe::{Exchange, REQUEST_ID, RequestIds};
use origin::Origin;
use request::{BodyLimits, Form};
use secrecy::SecretString;
use std::{borrow::Cow, collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc};
use tower::{Service, ServiceBuilder};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, Any, CorsLayer},
};

/// For routes that newer Houston releases lack (RFC 9745): the day on which this API first said so. There is no `Sunset`,
/// for the day on which a Houston is upgraded is its operator's.
const DEPRECATED_SINCE: HeaderValue = HeaderValue::from_static("@1795392000");

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
    /// For each path that creates: the path that reads what was created.
    locations: HashMap<RoutePath, RoutePath>,
    routes: Vec<RouteMetrics>,
    other: RouteMetrics,
    request_ids: RequestIds,
    metrics: Metrics,
    documents: Documents,
    admin_token: Option<SecretString>,
}

impl App {
    /// Puts together what requests are handled with.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, gateway: Arc<Gateway>, metrics: Metrics, config: &Config) -> Arc<Self> {
        let routes = catalogue.routes.iter().map(|route| metrics.route(&catalogue.name_of(route).name)).collect();
        Arc::new(Self {
            locations: locations(&catalogue),
            gateway,
            health: ArcSwap::from_pointee(Health::Starting),
            credentials: FingerprintKey::random(),
            origin: Origin::new(&config.server),
            base_path: config.server.base_path.clone(),
            body_limits: BodyLimits { bytes: config.server.body_limit_bytes, time: config.server.receive_timeout },
            streams: config.streams.clone(),
            routes,
            other: observe::other(&metrics),
            request_ids: RequestIds::new(),
            metrics,
            documents: Documents::default(),
            admin_token: config.admin_token.clone(),
            catalogue,
        })
    }
}

impl App {
    /// Keeps the metrics small; to be called every few seconds.
    pub fn upkeep(&self) {
        self.metrics.upkeep();
    }
}

/// The body of a response on its way out.
pub type Sent = tower_http::body::UnsyncBoxBody<Bytes, BoxError>;

/// Everything that answers requests: the routes, and around all of them compression, CORS and the last resort. These wrap
/// the router as a whole: as layers of it they would be boxed for each route and cost each request another 0.6 µs (5 % of
/// an answer from the cache).
pub fn service<B>(
    app: &Arc<App>,
    config: &Config,
) -> impl Service<http::Request<B>, Response = http::Response<Sent>, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let origins = &config.cors.allowed_origins;
    ServiceBuilder::new()
        .layer(CatchPanicLayer::custom(panicked))
        .option_layer((!origins.is_empty()).then(|| cors(origins)))
        .map_response(respond::weaken)
        .layer(CompressionLayer::new())
        .service(router(app))
}

/// All routes: the catalogue's, the documents, and the operators' pages.
fn router(app: &Arc<App>) -> Router {
    let mut paths: HashMap<String, MethodRouter<Arc<App>>> = HashMap::new();
    for (index, route) in app.catalogue.routes.iter().enumerate() {
        let Ok(filter) = MethodFilter::try_from(route.method.clone()) else { continue };
        let handler = move |State(app): State<Arc<App>>, path: RawPathParams, request: Request| {
            endpoint(app, index, path, request)
        };
        let methods = paths.remove(&route.path.to_string()).unwrap_or_default();
        paths.insert(route.path.to_string(), methods.on(filter, handler));
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(&path, methods);
    }
    let document = |which: Document| {
        get(move |app, peer: ConnectInfo<SocketAddr>, headers: HeaderMap| docs::document(app, peer, headers, which))
    };
    let router = router
        .route("/openapi.json", document(Document::OpenApi30))
        .route("/openapi-3.1.json", document(Document::OpenApi31))
        .route("/swagger2.json", document(Document::Swagger20))
        .route("/openapi.yaml", document(Document::Yaml))
        .route("/postman.json", document(Document::Postman))
        .route("/docs", get(docs::to_docs))
        .route("/docs/", get(docs::index))
        .route("/docs/{*file}", get(docs::file))
        .route("/problems/{code}", get(ops::problem_page))
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

/// What a route answers with.
enum Served {
    Answer(Answer),
    Stream(Events),
    /// What HEAD gets to see of a stream.
    StreamHead,
}

/// One request to a route of the catalogue.
async fn endpoint(app: Arc<App>, route: usize, path: RawPathParams, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let exchange = Exchange::begin(&app.request_ids, &head.headers);
    let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let origin = || app.origin.of(&head.headers, peer);
    let metrics = &app.routes[route];
    let operation = app.catalogue.name_of(&app.catalogue.routes[route]);
    let outcome = async {
        let form = request::form(&head.method, &head.headers, operation.stream)?;
        let body = request::body(&head.method, &head.headers, body, app.body_limits).await?;
        let caller = Caller::of(&head.headers, &app.credentials).map_err(|why| Failure::from(why).problem())?;
        let trace =
            Trace { request_id: Some(exchange.id.clone()), traceparent: head.headers.get("traceparent").cloned() };
        let ask = Ask {
            route,
            context: Context { caller, trace },
            parts: Parts {
                path: path.iter().map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value))).collect(),
                query: request::query(head.uri.query())?,
                headers: &head.headers,
                body: &body,
            },
            cache: request::cache_request(&head.headers),
            idempotency_key: request::idempotency_key(&head.method, &head.headers)?,
        };
        let served = match form == Form::Events {
            true if head.method == Method::HEAD => Ok(Served::StreamHead),
            true => Box::pin(app.gateway.open(ask)).await.map(Served::Stream),
            false => app.gateway.answer(ask).await.map(Served::Answer),
        };
        served.map(|served| (served, form)).map_err(|failure| {
            tracing::debug!(%failure, request_id = exchange.id(), "no answer");
            failure.problem()
        })
    }
    .await;
    let mut response = match outcome {
        Ok((Served::StreamHead, _)) => events::head(),
        Ok((Served::Stream(stream), _)) => {
            let (origin, path, id) = (origin(), head.uri.path().to_owned(), exchange.id().to_owned());
            events::response(stream, &app.streams, move |problem| {
                respond::problem_document(problem, &origin, &path, &id)
            })
        }
        Ok((Served::Answer(answer), form)) => {
            if head.method == Method::GET {
                metrics.count_cache(answer.cache);
            }
            match respond::formed(answer, form) {
                Ok(formed) => respond::answer(&app, formed, &head.method, &head.uri, &head.headers, origin),
                Err(problem) => respond::problem(&problem, &origin(), head.uri.path(), exchange.id()),
            }
        }
        Err(problem) => respond::problem(&problem, &origin(), head.uri.path(), exchange.id()),
    };
    if app.gateway.plans().routes[route].lifespan.until.is_some() {
        response.headers_mut().insert("deprecation", DEPRECATED_SINCE);
    }
    exchange.end(response, head.method.as_str(), &operation.name, metrics)
}

async fn method_not_allowed(State(app): State<Arc<App>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    // The router adds Allow.
    let problem =
        Problem::new(Code::MethodNotAllowed, format!("{method} is not a method of this path; Allow lists them."));
    failed(&app, &problem, &method, uri.path(), &headers)
}

async fn no_such_route(State(app): State<Arc<App>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let hint = match uri.path().strip_suffix('/') {
        Some(_) => "Paths have no slash at their end.",
        None => "GET /openapi.json lists all paths, /docs shows them.",
    };
    failed(&app, &Problem::new(Code::NoSuchRoute, hint), &method, uri.path(), &headers)
}

/// The answer to a request that reached no route.
fn failed(app: &App, problem: &Problem, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let exchange = Exchange::begin(&app.request_ids, headers);
    let response = respond::problem(problem, &app.origin.of(headers, None), path, exchange.id());
    exchange.end(response, method.as_str(), "none", &app.other)
}

/// The last resort: a fault of ours is a problem, not a broken connection.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let problem = Problem::new(Code::Internal, "The gateway failed; its log says why.");
    respond::problem(&problem, "", "", "")
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed: Vec<HeaderValue> = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
    let origin =
        if origins.iter().any(|origin| origin == "*") { AllowOrigin::any() } else { AllowOrigin::list(allowed) };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(Any)
        .expose_headers([header::ETAG, header::LINK, header::LOCATION, header::RETRY_AFTER, REQUEST_ID])
}

/// For each path that creates something, the path that reads one thing of the same type: below it by id, or else at the
/// top by id. What the path already names is not what it creates.
fn locations(catalogue: &Catalogue) -> HashMap<RoutePath, RoutePath> {
    let all = catalogue.schema.all();
    let type_of = |index: usize| {
        let operation = &catalogue.operations[index];
        let field =
            all.root_operation(operation.kind).and_then(|root| all.type_field(root, operation.root_field()).ok());
        let returned = field?.ty.inner_named_type();
        let inner = operation.object.as_ref().and_then(|name| all.type_field(returned, name).ok());
        Some(inner.map_or(returned, |field| field.ty.inner_named_type()).clone())
    };
    let mut locations = HashMap::new();
    for created in catalogue.routes.iter().filter(|route| route.method == Method::POST) {
        let reads = catalogue.routes.iter().filter(|route| {
            route.method == Method::GET
                && route.path.last_variable().is_some_and(|name| name.ends_with("Id"))
                && type_of(route.operations[0]) == type_of(created.operations[0])
        });
        let own = created.path.segments();
        let below = |route: &RoutePath| route.segments().split_last().is_some_and(|(_, parent)| parent == own);
        let named = |route: &RoutePath| created.path.variables().any(|each| Some(each) == route.last_variable());
        let top = |route: &RoutePath| route.segments().len() == 2 && !named(route);
        let read =
            reads.clone().find(|route| below(&route.path)).or_else(|| reads.clone().find(|route| top(&route.path)));
        if let Some(read) = read {
            locations.insert(created.path.clone(), read.path.clone());
        }
    }
    locations
}
