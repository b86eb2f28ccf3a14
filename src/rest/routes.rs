//! Which route a request is for: by its path, then by its method.
//!
//! A look-up in one radix tree, however many routes there are. The framework's own router would box a future for each
//! handler and copy what the path binds; that was 8 % of an answer from the cache.

use super::request;
use crate::{
    catalogue::{Catalogue, Path},
    gateway::Query,
    problem::{Code, Problem},
};
use http::{HeaderValue, Method};
use std::{borrow::Cow, str::Utf8Error};

/// A path of the catalogue that no router can hold beside the others.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be routed: {source}")]
pub struct Unroutable {
    path: String,
    source: matchit::InsertError,
}

/// All routes of the catalogue.
pub(super) struct Routes {
    base_path: String,
    paths: matchit::Router<Methods>,
}

/// What one path takes.
struct Methods {
    /// The index of the route of each method.
    routes: Vec<(Method, usize)>,
    allow: HeaderValue,
}

/// Where a request leads.
pub(super) enum Found<'r> {
    /// To the route of this index.
    Route(usize),
    /// To a path that takes other methods: these.
    OtherMethods(&'r HeaderValue),
    /// Out of the catalogue.
    Nowhere,
}

impl Routes {
    /// # Errors
    /// If the catalogue holds paths that exclude each other, which it never does once it is checked.
    pub(super) fn new(catalogue: &Catalogue, base_path: &str) -> Result<Self, Unroutable> {
        let mut by_path: indexmap::IndexMap<&Path, Vec<(Method, usize)>> = indexmap::IndexMap::new();
        for (index, route) in catalogue.routes.iter().enumerate() {
            by_path.entry(&route.path).or_default().push((route.method.clone(), index));
        }
        let mut paths = matchit::Router::new();
        for (path, routes) in by_path {
            let path = path.to_string();
            let methods = Methods { allow: allow(&routes), routes };
            paths.insert(&path, methods).map_err(|source| Unroutable { path, source })?;
        }
        Ok(Self { base_path: base_path.to_owned(), paths })
    }

    /// Finds the route of a request. HEAD is GET without a body (RFC 9110, 9.3.2).
    pub(super) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Some(found) = path.strip_prefix(&self.base_path).and_then(|path| self.paths.at(path).ok()) else {
            return Found::Nowhere;
        };
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        match found.value.routes.iter().find(|(each, _)| each == method) {
            Some((_, route)) => Found::Route(*route),
            None => Found::OtherMethods(&found.value.allow),
        }
    }
}

/// What the path of a request to a route binds, decoded.
pub(super) fn parameters<'r>(route: &'r Path, base_path: &str, path: &'r str) -> Result<Query<'r>, Problem> {
    let segments = path.get(base_path.len()..).unwrap_or_default().split('/').skip(1);
    let bound = route.segments().iter().zip(segments).filter_map(|(segment, text)| Some((segment.variable()?, text)));
    bound
        .map(|(name, text)| Ok((Cow::Borrowed(name), request::decode(text)?)))
        .collect::<Result<_, Utf8Error>>()
        .map_err(|_| Problem::new(Code::InvalidRequest, "The path is not UTF-8 once its percent signs are decoded."))
}

/// The value of `Allow` (RFC 9110, 10.2.1).
fn allow(routes: &[(Method, usize)]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|(method, _)| method.as_str()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    // Names of methods are always a header value.
    HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
}
