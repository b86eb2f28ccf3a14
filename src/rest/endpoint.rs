//! One request to a route of the catalogue: read, ask the gateway, write.

use super::{
    Answering, Exchange, Response, events,
    exchange::broken,
    request::{self, Form},
    respond::{self, Formed},
    routes,
};
use crate::{
    caller::Caller,
    catalogue::Operation,
    gateway::{Answer, Ask, Context, Errand, Events, Failure, Parts},
    houston::Trace,
    problem::Problem,
};
use axum::{BoxError, body::HttpBody};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{Either, ready},
};
use http::{HeaderName, HeaderValue, Method};
use std::{
    ops::ControlFlow::{self, Break, Continue},
    panic::{AssertUnwindSafe, catch_unwind},
};

/// For routes that newer Houston releases lack (RFC 9745): the day on which this API first said so. When they will be gone
/// (`Sunset`, RFC 8594) only the operator knows, who upgrades Houston.
const DEPRECATED_SINCE: HeaderValue = HeaderValue::from_static("@1795392000");

const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// W3C Trace Context, 3.2.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request to a route of the catalogue.
pub(super) struct Endpoint {
    pub(super) exchange: Exchange,
    /// The index of the route.
    pub(super) route: usize,
}

/// What a route answers with.
enum Served {
    Answer(Formed),
    Stream(Events),
    /// What HEAD gets to see of a stream.
    StreamHead,
}

/// What is to be waited for.
enum Wait {
    /// For the body, and then for Houston.
    Body(Form, Option<Caller>),
    /// For Houston, to do what is asked.
    Houston(Form, Box<Errand>),
    /// For Houston, to accept a subscription.
    Stream(Option<Caller>),
}

impl Endpoint {
    /// Answers the request: at once, if nothing has to be waited for. The last resort: a fault of ours is a problem, not a
    /// broken connection.
    pub(super) fn answer<B>(mut self, body: B) -> Answering
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let first = || match self.serve_at_once() {
            Ok(Continue(wait)) => Continue(wait),
            Ok(Break(served)) => Break(self.written(Ok(served))),
            Err(problem) => Break(self.written(Err(problem))),
        };
        match catch_unwind(AssertUnwindSafe(first)) {
            Ok(Break(response)) => Either::Left(ready(response)),
            Ok(Continue(wait)) => Either::Right(Box::pin(async move {
                let later = async {
                    let served = self.serve(wait, body).await;
                    self.written(served)
                };
                let response = AssertUnwindSafe(later).catch_unwind().await;
                response.unwrap_or_else(|_| self.written(Err(broken())))
            })),
            Err(_) => Either::Left(ready(self.written(Err(broken())))),
        }
    }

    fn operation(&self) -> &Operation {
        let catalogue = &self.exchange.app.catalogue;
        catalogue.name_of(&catalogue.routes[self.route])
    }

    /// Serves what can be served without waiting for anything.
    fn serve_at_once(&self) -> Result<ControlFlow<Served, Wait>, Problem> {
        let Exchange { app, head, .. } = &self.exchange;
        let form = request::form(&head.method, &head.headers, self.operation().stream)?;
        let caller = match Caller::of(&head.headers, &app.credentials) {
            // Whoever logs in again may well send the old token along; Houston passes it over too.
            Err(_) if app.gateway.is_public(self.route) => None,
            Err(why) => return Err(Failure::from(why).problem()),
            // Nothing is read from whom nobody knows.
            Ok(None) if !app.gateway.is_public(self.route) => return Err(Failure::NoCredential.problem()),
            Ok(caller) => caller,
        };
        if form == Form::Events {
            return Ok(if head.method == Method::HEAD {
                Break(Served::StreamHead)
            } else {
                Continue(Wait::Stream(caller))
            });
        }
        if request::has_body(&head.method) {
            return Ok(Continue(Wait::Body(form, caller)));
        }
        let errand = self.understand(caller, &[])?;
        match app.gateway.recall(&errand, self.exchange.arrived) {
            Some(outcome) => self.formed(outcome, form).map(Break),
            None => Ok(Continue(Wait::Houston(form, Box::new(errand)))),
        }
    }

    /// Serves what has to be waited for.
    async fn serve<B>(&self, wait: Wait, body: B) -> Result<Served, Problem>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let Exchange { app, head, .. } = &self.exchange;
        let (form, mut errand, body) = match wait {
            Wait::Stream(caller) => {
                let (mut ask, parts) = (self.ask(caller)?, self.parts(&[])?);
                ask.context.trace = self.trace();
                let opened = app.gateway.open(&ask, &parts).await;
                return opened.map(Served::Stream).map_err(|why| self.told(&why));
            }
            Wait::Body(form, caller) => {
                let body = request::body(&head.method, &head.headers, body, app.body_limits).await?;
                (form, Box::new(self.understand(caller, &body)?), body)
            }
            Wait::Houston(form, errand) => (form, errand, Bytes::new()),
        };
        errand.trace(self.trace());
        let outcome = app.gateway.answer(&errand, || self.parts(&body).ok()).await;
        self.formed(outcome, form)
    }

    fn understand(&self, caller: Option<Caller>, body: &[u8]) -> Result<Errand, Problem> {
        let (parts, ask) = (self.parts(body)?, self.ask(caller)?);
        self.exchange.app.gateway.understand(ask, &parts).map_err(|why| self.told(&why))
    }

    fn parts<'r>(&'r self, body: &'r [u8]) -> Result<Parts<'r>, Problem> {
        let Exchange { app, head, .. } = &self.exchange;
        let path = routes::parameters(&app.catalogue.routes[self.route].path, &app.base_path, head.uri.path())?;
        Ok(Parts { path, query: request::query(head.uri.query())?, headers: &head.headers, body })
    }

    fn ask(&self, caller: Option<Caller>) -> Result<Ask, Problem> {
        let head = &self.exchange.head;
        Ok(Ask {
            route: self.route,
            context: Context { caller, trace: Trace::default() },
            cache: request::cache_request(&head.headers),
            idempotency_key: request::idempotency_key(&head.method, &head.headers)?,
        })
    }

    /// What goes along to Houston, once it is clear that Houston is asked.
    fn trace(&self) -> Trace {
        let Exchange { head, id, .. } = &self.exchange;
        Trace { request_id: Some(id.clone()), traceparent: head.headers.get(&TRACEPARENT).cloned() }
    }

    fn told(&self, failure: &Failure) -> Problem {
        tracing::debug!(%failure, request_id = self.exchange.id(), "no answer");
        failure.problem()
    }

    fn formed(&self, outcome: Result<Answer, Failure>, form: Form) -> Result<Served, Problem> {
        let answer = outcome.map_err(|why| self.told(&why))?;
        Ok(Served::Answer(respond::formed(&self.exchange.app, answer, form)?))
    }

    fn written(&mut self, served: Result<Served, Problem>) -> Response {
        let Self { exchange, route } = self;
        let route = *route;
        let mut response = match served {
            Ok(Served::Answer(formed)) => {
                if exchange.head.method == Method::GET {
                    exchange.app.by_route[route].count_cache(formed.answer.cache);
                }
                respond::answer(exchange, formed)
            }
            Ok(Served::Stream(stream)) => {
                let (origin, path, id) = (exchange.origin(), exchange.path().to_owned(), exchange.id().to_owned());
                let document = move |problem: &Problem| respond::problem_document(problem, &origin, &path, &id);
                events::response(stream, &exchange.app.streams, document)
            }
            Ok(Served::StreamHead) => events::head(),
            Err(problem) => respond::problem(&problem, &exchange.origin(), exchange.path(), exchange.id()),
        };
        let app = &exchange.app;
        if app.gateway.is_ageing(route) {
            response.headers_mut().insert("deprecation", DEPRECATED_SINCE);
            response.headers_mut().extend(app.sunset.clone().map(|sunset| (SUNSET, sunset)));
        }
        exchange.end(response, route)
    }
}
