//! Reads: through the cache where the operation allows it, as fresh as the caller wants it.

use super::{Answer, CacheOutcome, CacheRequest, Call, Context, Errand, Failure, Gateway, keys::cache_key};
use crate::{
    cache::{Cache, Entry, Fetch, Freshness, Key},
    catalogue::{CachePolicy, Plan},
};
use futures_util::FutureExt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

impl Gateway {
    /// The answer, if the cache holds one that is fresh enough: at once, whatever else may have to be waited for.
    ///
    /// Most requests end here, and never become a future. Moving futures about, each as large as its largest branch, was
    /// a tenth of an answer from the cache.
    pub fn recall(&self, errand: &Errand, now: Instant) -> Option<Result<Answer, Failure>> {
        let Errand { ask, call, .. } = errand;
        let (cache, policy) = self.keeping(&call.plan, ask.cache)?;
        if ask.cache.no_cache || !errand.is_complete() {
            return None;
        }
        let caller = ask.context.caller.as_ref().filter(|_| !policy.public);
        let found = cache.get(&cache_key(cache, call, caller), now)?;
        let is_good = found.freshness == Freshness::Fresh && ask.cache.accepts(&found);
        is_good.then(|| kept(call, &found.entry, found.age, CacheOutcome::Hit))
    }

    /// Answers a read.
    pub(super) async fn read(
        self: &Arc<Self>,
        call: &Call,
        context: &Context,
        request: CacheRequest,
    ) -> Result<Answer, Failure> {
        if let Some((cache, policy)) = self.keeping(&call.plan, request) {
            // What all callers share is asked for in nobody's name.
            let anonymous = Context { caller: None, trace: context.trace.clone() };
            let context = if policy.public { &anonymous } else { context };
            let key = cache_key(cache, call, context.caller.as_ref());
            let (entry, age, outcome) = self.read_through(cache, key, policy.ttl, call, context, request).await?;
            return kept(call, &entry, age, outcome);
        }
        if request.only_if_cached {
            return Err(Failure::NotCached);
        }
        let mut answer = Answer::uncached(Arc::clone(&call.plan), self.perform(call, context).await?);
        answer.page(&call.listing)?;
        Ok(answer)
    }

    /// The cache and the policy, for what is kept at all.
    fn keeping<'g>(
        &'g self,
        plan: &'g Plan,
        request: CacheRequest,
    ) -> Option<(&'g Arc<Cache<Failure>>, &'g CachePolicy)> {
        let (cache, policy) = (self.cache.as_ref()?, plan.operation.cache.as_ref()?);
        (!request.no_store && plan.may_be_kept).then_some((cache, policy))
    }

    async fn read_through(
        self: &Arc<Self>,
        cache: &Arc<Cache<Failure>>,
        key: Key,
        ttl: Duration,
        call: &Call,
        context: &Context,
        request: CacheRequest,
    ) -> Result<(Arc<Entry<Failure>>, Duration, CacheOutcome), Failure> {
        let fetch = || {
            let (gateway, cache, call, context) = (Arc::clone(self), Arc::clone(cache), call.clone(), context.clone());
            async move {
                let (asked, owner) = (Instant::now(), call.plan.route);
                match gateway.perform(&call, &context).await {
                    Ok(body) => Ok(cache.answer(body.unwrap_or_default(), ttl, asked, owner)),
                    Err(failure) if failure.is_absence() => Ok(cache.absence(failure, asked, owner)),
                    Err(failure) => {
                        // Houston's no takes back what it said before.
                        if !failure.is_outage() {
                            cache.remove(&key);
                        }
                        Err(failure)
                    }
                }
            }
            .boxed()
        };
        let stored = if request.no_cache { None } else { cache.get(&key, Instant::now()) };
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
            Some(_) if !request.only_if_cached => return self.renew(cache, key, fetch()).await,
            _ => None,
        };
        if request.only_if_cached {
            return Err(Failure::NotCached);
        }
        if request.no_cache {
            return self.renew(cache, key, fetch()).await;
        }
        let fetched = cache.fetch(key, Failure::Lost, fetch()).await;
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
        fetch: Fetch<Failure>,
    ) -> Result<(Arc<Entry<Failure>>, Duration, CacheOutcome), Failure> {
        let entry = Arc::new(fetch.await?);
        let outcome = if cache.keeps(&entry) { CacheOutcome::Bypass } else { CacheOutcome::TooLarge };
        cache.put(key, Arc::clone(&entry));
        Ok((Arc::clone(&entry), entry.age(), outcome))
    }
}

/// An answer from the cache, which may say that there is no such thing.
fn kept(call: &Call, entry: &Entry<Failure>, age: Duration, outcome: CacheOutcome) -> Result<Answer, Failure> {
    if let Some(why) = &entry.absence {
        return Err(Failure::clone(why));
    }
    let mut answer = Answer::cached(&call.plan, entry, age, outcome);
    answer.page(&call.listing)?;
    Ok(answer)
}
