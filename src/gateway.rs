//! The request story: a REST request becomes a GraphQL request, and Houston's reply becomes an answer.
//!
//! One straight path through typed values: choose the plan, bind its variables, fill in what has to be read first, then
//! either read through the cache or change and invalidate. No HTTP status is chosen here but those of the catalogue.

mod answer;
mod ask;
mod bind;
mod choose;
mod coerce;
mod errand;
mod failure;
mod feed;
mod idempotency;
mod json;
mod keys;
mod listing;
mod merge;
mod perform;
mod prepare;
mod read;
mod replay;
mod reply;
mod shape;
mod steadfast;
mod stream;
mod variables;
mod verdict;

pub use answer::{Answer, CacheOutcome};
pub use ask::{Ask, CacheRequest, Context};
pub use bind::{Parts, Query, releases};
pub use coerce::LONGEST_PARAMETER;
pub use errand::Errand;
pub use failure::{Failure, Refusal};
pub use idempotency::MEMORY as IDEMPOTENCY_MEMORY;
pub use listing::{MAX_LIMIT, PARAMETERS as LIST_PARAMETERS};
pub use reply::Reply;
pub use stream::{Event, Events};

use crate::{
    cache::{Cache, TagSlot},
    caller::Fingerprint,
    catalogue::{Catalogue, Plan, Plans},
    config,
    houston::Houston,
};
use arc_swap::ArcSwap;
use bind::Bound;
use http::StatusCode;
use idempotency::Replays;
use keys::{changed_tags, changes_access, named_slot};
use listing::Listing;
use merge::Turns;
use std::{sync::Arc, time::Duration};
use steadfast::Steadfast;
use stream::Streams;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use variables::Variables;

/// The parameter that chooses fields.
pub const FIELDS: &str = "fields";

/// How long it is remembered that a credential is good, or not.
const CREDENTIAL_MEMORY: Duration = Duration::from_secs(5);

/// At most this many selections of callers are kept compiled.
const SELECTIONS: u64 = 1_000;

/// What is asked of Houston.
#[derive(Clone, Debug)]
struct Call {
    plan: Arc<Plan>,
    variables: Variables,
    listing: Listing,
}

/// Turns REST requests into answers.
pub struct Gateway {
    houston: Houston,
    cache: Option<Arc<Cache<Failure>>>,
    catalogue: Arc<Catalogue>,
    plans: ArcSwap<Plans>,
    /// Plans with a selection of the caller's choice, by the plan that they come from and the choice.
    selections: moka::sync::Cache<(u128, String), Arc<Plan>>,
    replays: Replays,
    turns: Turns,
    credentials: moka::sync::Cache<Fingerprint, bool>,
    streams: Arc<Streams>,
    /// Told when Houston's schema turns out to be another one than the plans were made for.
    pub drift: Notify,
    /// When the last look at Houston's version began that is over.
    looked: watch::Sender<Instant>,
}

impl Gateway {
    /// A gateway to `houston`, serving `plans`. No `cache`: everything is asked anew.
    #[must_use]
    pub fn new(
        houston: Houston,
        cache: Option<Arc<Cache<Failure>>>,
        catalogue: Arc<Catalogue>,
        plans: Plans,
        streams: config::Streams,
    ) -> Arc<Self> {
        let selections = moka::sync::Cache::new(SELECTIONS);
        let replays = Replays::new();
        let credentials = moka::sync::Cache::builder().max_capacity(10_000).time_to_live(CREDENTIAL_MEMORY).build();
        Arc::new(Self {
            houston,
            cache,
            plans: ArcSwap::from_pointee(plans),
            credentials,
            streams: Streams::new(streams),
            drift: Notify::new(),
            looked: watch::Sender::new(Instant::now()),
            catalogue,
            selections,
            replays,
            turns: Turns::new(),
        })
    }

    /// The plans that are served at the moment.
    #[must_use]
    pub fn plans(&self) -> Arc<Plans> {
        self.plans.load_full()
    }

    /// Serves other plans from now on. Requests that run finish with the old ones.
    pub fn replace_plans(&self, plans: Plans) {
        self.plans.store(Arc::new(plans));
    }

    /// Tells that a look at Houston's version is over, which began at `began`, and that the plans are true to it.
    pub fn has_looked(&self, began: Instant) {
        self.looked.send_replace(began);
    }

    /// Whether a route needs no credential, whichever of its operations is taken.
    #[must_use]
    pub fn is_public(&self, route: usize) -> bool {
        self.plans.load().routes[route].plans.iter().all(|plan| plan.public)
    }

    /// Whether newer releases lack a route.
    #[must_use]
    pub fn is_ageing(&self, route: usize) -> bool {
        self.plans.load().routes[route].lifespan.until.is_some()
    }

    /// The client of Houston.
    #[must_use]
    pub fn houston(&self) -> &Houston {
        &self.houston
    }

    /// The cache, if there is one.
    #[must_use]
    pub fn cache(&self) -> Option<&Arc<Cache<Failure>>> {
        self.cache.as_ref()
    }

    /// Answers a request that is understood. `parts` gives its parts once more, should another operation have to take it.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn answer<'r>(
        self: &Arc<Self>,
        errand: &Errand,
        parts: impl FnOnce() -> Option<Parts<'r>>,
    ) -> Result<Answer, Failure> {
        let outcome = self.run(errand).await;
        if let Err(failure) = &outcome
            && failure.is_drift()
            && let Some(parts) = parts()
        {
            return Box::pin(self.answer_otherwise(errand, &parts, failure.clone())).await;
        }
        outcome
    }

    async fn run(self: &Arc<Self>, errand: &Errand) -> Result<Answer, Failure> {
        let Errand { ask, plans, call, .. } = errand;
        if call.plan.operation.kind.is_mutation() {
            return self.answer_change(errand).await;
        }
        if errand.is_complete() {
            return self.read(call, &ask.context, ask.cache).await;
        }
        Box::pin(async {
            let variables = self.complete(plans, &call.plan, errand.bound(), &ask.context, ask.cache).await?;
            let call = Call { plan: Arc::clone(&call.plan), variables, listing: call.listing.clone() };
            self.read(&call, &ask.context, ask.cache).await
        })
        .await
    }

    async fn answer_change(self: &Arc<Self>, errand: &Errand) -> Result<Answer, Failure> {
        let Ask { context, idempotency_key, .. } = &errand.ask;
        let run = {
            let (gateway, plans, plan) = (Arc::clone(self), Arc::clone(&errand.plans), Arc::clone(&errand.call.plan));
            let (bound, context) = (errand.bound(), context.clone());
            async move { gateway.change(&plans, plan, bound, context).await }
        };
        let caller = context.caller.as_ref().map(|caller| caller.fingerprint);
        let keyed = idempotency_key.as_ref().zip(errand.idempotency_fingerprint.as_ref()).zip(caller);
        let mut answer = match keyed {
            Some(((key, request), caller)) => Box::pin(self.replays.once(caller, key, request, run)).await?,
            None => run.await??,
        };
        if answer.status == StatusCode::CREATED {
            answer.path.clone_from(&errand.path);
        }
        Ok(answer)
    }

    /// Looks up what a mutation needs and sends it. A caller that goes away neither stops it half-way nor keeps the cache
    /// from learning of it. What it makes stale is unreachable before it starts, for reads that begin while it runs, and
    /// again when it is over, for what those reads saw; also when nobody knows whether it took effect.
    ///
    /// # Errors
    /// Why nothing was sent that changes anything. What became of what was sent is the inner outcome.
    async fn change(
        self: &Arc<Self>,
        plans: &Arc<Plans>,
        plan: Arc<Plan>,
        bound: Bound,
        context: Context,
    ) -> Result<Result<Answer, Failure>, Failure> {
        let turn = self.turns.wait(&plan, &bound).await;
        // What a change has to look up is no answer that anybody could have asked not to store.
        let variables = self.complete(plans, &plan, bound, &context, CacheRequest::default()).await?;
        let call = Call { plan, variables, listing: Listing::default() };
        self.require_empty(plans, &call, &context).await?;
        let gateway = Arc::clone(self);
        let sent = Steadfast::new(async move {
            let _until_it_is_done = turn;
            let tags = changed_tags(&call);
            gateway.invalidate(&tags);
            let outcome = gateway.perform(&call, &context).await;
            gateway.invalidate(&tags);
            // Somebody may be gone, and what was a good credential with it.
            if changes_access(&call) {
                gateway.credentials.invalidate_all();
            }
            outcome.map(|body| Answer::uncached(call.plan, body))
        });
        Ok(sent.await)
    }

    /// Forgets cached answers: all, or those that carry a tag as it stands in the catalogue, its variable replaced.
    pub fn forget(&self, tag: Option<&str>) {
        let Some(cache) = &self.cache else { return };
        match tag {
            None => cache.clear(),
            Some(tag) => cache.invalidate(&[named_slot(tag)]),
        }
    }

    fn invalidate(&self, tags: &[TagSlot]) {
        if let Some(cache) = &self.cache {
            cache.invalidate(tags);
        }
    }
}
