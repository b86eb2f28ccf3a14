//! What the REST side gets: the body, and what it has to know to write a response.

use super::{Failure, listing::Listing, shape};
use crate::{
    cache::{Entry, etag},
    catalogue::Plan,
};
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use std::{sync::Arc, time::Duration};

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The operation that was performed.
    pub plan: Arc<Plan>,
    /// Status.
    pub status: StatusCode,
    /// JSON; empty where there is nothing to say.
    pub body: Bytes,
    /// The strong validator; reads have one.
    pub etag: Option<HeaderValue>,
    /// Where the next page of a list starts.
    pub next: Option<String>,
    /// What the cache did.
    pub cache: CacheOutcome,
    /// How old the body is.
    pub age: Duration,
    /// The path's variables, if something was created: for `Location`.
    pub path: Vec<(String, String)>,
    /// Whether this is the outcome of an earlier request with the same idempotency key.
    pub replayed: bool,
}

/// What the cache did for a request (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheOutcome {
    /// Stored and fresh.
    Hit,
    /// Stored and no longer fresh; it is refreshed behind the caller's back.
    Stale,
    /// Stored and too old, but Houston cannot be asked.
    StaleOnError,
    /// Fetched.
    Miss,
    /// Fetched by somebody else, who had asked for the same at that time.
    Coalesced,
    /// Fetched, because what was stored was too old.
    Renewed,
    /// Fetched, because the caller wanted it so.
    Bypass,
    /// Fetched, and too large to be stored.
    TooLarge,
    /// The operation's answers are not kept.
    Uncacheable,
}

impl Answer {
    pub(super) fn cached(plan: &Arc<Plan>, entry: &Entry<Failure>, age: Duration, cache: CacheOutcome) -> Self {
        Self {
            plan: Arc::clone(plan),
            status: if entry.body.is_empty() { plan.operation.absent } else { plan.operation.status },
            body: entry.body.clone(),
            etag: Some(entry.etag.clone()),
            next: None,
            cache,
            age,
            path: Vec::new(),
            replayed: false,
        }
    }

    pub(super) fn uncached(plan: Arc<Plan>, body: Option<Bytes>) -> Self {
        let status = if body.is_some() { plan.operation.status } else { plan.operation.absent };
        let body = body.unwrap_or_default();
        let etag = (!plan.operation.kind.is_mutation()).then(|| etag(&body));
        Self {
            plan,
            status,
            body,
            etag,
            next: None,
            cache: CacheOutcome::Uncacheable,
            age: Duration::ZERO,
            path: Vec::new(),
            replayed: false,
        }
    }

    /// Narrows a list to the part that was asked for.
    pub(super) fn page(&mut self, listing: &Listing) -> Result<(), Failure> {
        if !self.plan.shape.is_list() || self.body.is_empty() {
            return Ok(());
        }
        if self.plan.operation.is_paged() && listing.is_one_page_of_houston() {
            let items = shape::items(&self.body).map_err(uncuttable)?;
            self.next = listing.after(&self.plan, &items).and_then(|next| next.cursor_text());
        } else if !listing.is_whole() {
            let envelope: shape::Envelope<'_> = serde_json::from_slice(&self.body).map_err(uncuttable)?;
            let page = listing.cut(envelope.value).map_err(uncuttable)?;
            self.body = shape::envelope(&self.body, &page.body).map_err(uncuttable)?;
            self.next = page.next;
            self.etag = Some(etag(&self.body));
        }
        Ok(())
    }
}

pub(super) fn uncuttable(why: serde_json::Error) -> Failure {
    Failure::unreadable("Houston's list", &why)
}
