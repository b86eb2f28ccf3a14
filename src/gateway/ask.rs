//! What the REST side asks: a request, who makes it, and how fresh the answer has to be.

use crate::{cache::Found, caller::Caller, houston::Trace};
use std::time::Duration;

/// A request, as the REST side hands it over, but for the parts that variables are bound from. It has no `Debug`, or its
/// tokens would end up in a log one day.
#[derive(Clone)]
pub struct Ask {
    /// The index of the route in the catalogue.
    pub route: usize,
    /// Who asks.
    pub context: Context,
    /// What the caller says about caching.
    pub cache: CacheRequest,
    /// The key under which a POST is done only once.
    pub idempotency_key: Option<String>,
}

/// Who asks, and what identifies the request.
#[derive(Clone, Default)]
pub struct Context {
    /// The caller, if a credential was sent.
    pub caller: Option<Caller>,
    /// Headers that go along to Houston.
    pub trace: Trace,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("caller", &self.caller.as_ref().map(|each| each.fingerprint))
            .finish_non_exhaustive()
    }
}

/// The request's `Cache-Control` (RFC 9111, 5.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheRequest {
    /// Ask Houston, whatever is stored.
    pub no_cache: bool,
    /// Store nothing.
    pub no_store: bool,
    /// Do not ask Houston.
    pub only_if_cached: bool,
    /// The oldest acceptable age.
    pub max_age: Option<Duration>,
    /// How much freshness has to be left.
    pub min_fresh: Option<Duration>,
}

impl CacheRequest {
    /// Whether an entry is good enough.
    pub(super) fn accepts<E>(&self, found: &Found<E>) -> bool {
        self.max_age.is_none_or(|max| found.age <= max)
            && self.min_fresh.is_none_or(|min| found.age + min <= found.entry.ttl)
    }
}
