//! One request, from its arrival to its response.

use super::{App, Response, respond};
use crate::{
    problem::{Code, Problem},
    telemetry::{ACCESS, RouteMetrics},
};
use http::{HeaderName, HeaderValue, request::Parts as Head};
use std::{
    mem,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

/// The header that carries a request's id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request but for its body, and what it is answered with the help of.
pub(super) struct Exchange {
    pub(super) app: Arc<App>,
    pub(super) head: Head,
    pub(super) id: HeaderValue,
    pub(super) arrived: Instant,
    peer: IpAddr,
}

impl Exchange {
    pub(super) fn begin(app: &Arc<App>, peer: SocketAddr, head: Head) -> Self {
        let id = app.request_ids.of(&head.headers);
        Self { app: Arc::clone(app), head, id, arrived: Instant::now(), peer: peer.ip() }
    }

    pub(super) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// The path, as it was sent.
    pub(super) fn path(&self) -> &str {
        self.head.uri.path()
    }

    /// The address under which the caller reached the gateway.
    pub(super) fn origin(&self) -> String {
        self.app.origin.of(&self.head.headers, Some(self.peer))
    }

    /// A text of all callers, for this one.
    pub(super) fn fill(&self, text: &str) -> String {
        self.app.origin.fill(text, &self.head.headers, Some(self.peer))
    }

    /// The response to a request that reached no route.
    pub(super) fn failed(&self, problem: &Problem) -> Response {
        let response = respond::problem(problem, &self.origin(), self.path(), self.id());
        self.seal(response, self.id.clone(), "none", &self.app.other)
    }

    /// Finishes the response of a route.
    pub(super) fn end(&mut self, response: Response, route: usize) -> Response {
        // Not cloned: the second owner of a text makes an allocation of its own.
        let id = mem::replace(&mut self.id, HeaderValue::from_static(""));
        let name = &self.app.catalogue.name_of(&self.app.catalogue.routes[route]).name;
        self.seal(response, id, name, &self.app.by_route[route])
    }

    /// Counts the response, logs it, gives it the id. The log shows the route, not the address, so neither ids nor anything
    /// in a query string can reach it.
    fn seal(&self, mut response: Response, id: HeaderValue, route: &str, metrics: &RouteMetrics) -> Response {
        let took = self.arrived.elapsed();
        let status = response.status().as_u16();
        metrics.count(status, took);
        tracing::info!(
            target: ACCESS,
            method = self.head.method.as_str(),
            route,
            status,
            microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            request_id = id.to_str().unwrap_or_default(),
        );
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

/// The last resort: a fault of ours is a problem, not a broken connection.
pub(super) fn broken() -> Problem {
    Problem::new(Code::Internal, "The gateway failed; its log says why.")
}
