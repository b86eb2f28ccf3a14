//! Reads: through the cache where the operation allows it, as fresh as the caller wants it.

use super::{Answer, CacheOutcome, CacheRequest, Call, Context, Failure, Gateway, keys::cache_key};
use crate::cache::{Cache, Entry, Freshness, Key};
use http::StatusCode;
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

impl Gateway {
    /// Answers a read.
    ///
    /// Whatever asks Houston is boxed, here and wherever a request may go another way than to the cache: a future is as
    /// large as its largest branch and is moved several times before it runs. Those moves were 7 % of an answer from the
    /// cache.
    pub(super) async fn read(
        self: &Arc<Self>,
        call: &Call,
        context: &Context,
        request: CacheRequest,
    ) -> Result<Answer, Failure> {
        let mut answer = match (&self.cache, &call.plan.operation.cache) {
            (Some(cache), Some(policy)) if !request.no_store && call.plan.may_be_kept => {
                // What all callers share is asked for in nobody's name.
                let anonymous = Context { caller: None, trace: context.trace.clone() };
                let context = if policy.public { &anonymous } else { context };
                let key = cache_key(cache, call, context.caller.as_ref());
                let (entry, age, outcome) = self.read_through(cache, key, policy.ttl, call, context, request).await?;
                if entry.body.is_empty() && call.plan.operation.absent == StatusCode::NOT_FOUND {
                    return Err(Failure::NotFound);
                }
                Answer::cached(&call.plan, &entry, age, outcome)
            }
            _ if request.only_if_cached => return Err(Failure::NotCached),
            _ => Answer::uncached(Arc::clone(&call.plan), Box::pin(self.perform(call, context)).await?),
        };
        if call.plan.shape.is_list() && !answer.body.is_empty() {
            answer.page(&call.listing)?;
        }
        Ok(answer)
    }

    async fn read_through(
        self: &Arc<Self>,
        cache: &Arc<Cache<Failure>>,
        key: Key,
        ttl: Duration,
        call: &Call,
        context: &Context,
        request: CacheRequest,
    ) -> Result<(Arc<Entry>, Duration, CacheOutcome), Failure> {
        let fetch = || {
            let (gateway, cache, call, context) = (Arc::clone(self), Arc::clone(cache), call.clone(), context.clone());
            async move {
                let (asked, owner) = (Instant::now(), call.plan.route);
                match gateway.perform(&call, &context).await {
                    // The entry gets an allocation of its own: a slice would keep the client's whole read buffer alive.
                    Ok(body) => Ok(Entry::new(body.map(|body| body.to_vec()).unwrap_or_default(), ttl, asked, owner)),
                    Err(Failure::NotFound) => Ok(cache.absence(asked, owner)),
                    Err(failure) => {
                        // Houston's no takes back what it said before.
                        if !failure.is_outage() {
                            cache.remove(&key).await;
                        }
                        Err(failure)
                    }
                }
            }
        };
        let stored = if request.no_cache { None } else { cache.get(&key).await };
        let expired = match stored {
            Some(found) if request.accepts(&found) => match found.freshness {
                Freshness::Fresh => return Ok((found.entry, found.age, CacheOutcome::Hit)),
                Freshness::Stale => {
                    if !request.only_if_cached {
                        cache.refresh(key, &found.entry, Failure::Lost, fetch());
                    }
                    return Ok((found.entry, found.age, CacheOutcome::Stale));
                }
                Freshness::Expired => Some(found),
            },
            // Too old for this caller: fetched apart from those for whom it is good enough.
            Some(_) if !request.only_if_cached => return Box::pin(self.renew(cache, key, fetch())).await,
            _ => None,
        };
        if request.only_if_cached {
            return Err(Failure::NotCached);
        }
        if request.no_cache {
            return Box::pin(self.renew(cache, key, fetch())).await;
        }
        let fetched = Box::pin(cache.fetch(key, Failure::Lost, fetch())).await;
        let (entry, outcome) = match (fetched.outcome, expired) {
            (Ok(entry), _) if !cache.keeps(&entry) => (entry, CacheOutcome::TooLarge),
            (Ok(entry), _) if fetched.joined => (entry, CacheOutcome::Coalesced),
            (Ok(entry), Some(_)) => (entry, CacheOutcome::Renewed),
            (Ok(entry), None) => (entry, CacheOutcome::Miss),
            (Err(failure), Some(old)) if failure.is_outage() => (old.entry, CacheOutcome::StaleOnError),
            (Err(failure), _) => return Err(failure),
        };
        Ok((Arc::clone(&entry), entry.age(), outcome))
    }

    /// Fetches for one caller alone, and stores what comes for all its next requests. A caller that goes away stops it:
    /// nobody else waits.
    async fn renew(
        &self,
        cache: &Arc<Cache<Failure>>,
        key: Key,
        fetch: impl Future<Output = Result<Entry, Failure>>,
    ) -> Result<(Arc<Entry>, Duration, CacheOutcome), Failure> {
        let entry = Arc::new(fetch.await?);
        let outcome = if cache.keeps(&entry) { CacheOutcome::Bypass } else { CacheOutcome::TooLarge };
        cache.put(key, Arc::clone(&entry)).await;
        Ok((Arc::clone(&entry), entry.age(), outcome))
    }
}
