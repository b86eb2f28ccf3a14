//! The request story: a REST request becomes a GraphQL request, and Houston's reply becomes an answer.
//!
//! One straight path through typed values: choose the plan, bind its variables, fill in what has to be read first, then
//! either read through the cache or change and invalidate. No HTTP status is chosen here but those of the catalogue.

mod bind;
mod coerce;
mod failure;
mod feed;
mod idempotency;
mod json;
mod listing;
mod prepare;
mod replay;
mod reply;
mod shape;
mod stream;
mod variables;
mod verdict;

pub use bind::{Parts, releases};
pub use failure::{Failure, Refusal};
pub use idempotency::MEMORY as IDEMPOTENCY_MEMORY;
pub use listing::{MAX_LIMIT, PARAMETERS as LIST_PARAMETERS};
pub use stream::{Event, Events};

use crate::{
    cache::{Cache, Entry, Freshness, Key, TagSlot, etag},
    caller::{Caller, Fingerprint},
    catalogue::{Catalogue, Plan, Plans, RoutePlan, SelectionError, Shape},
    config,
    houston::{CallError, Houston, Subscription, Trace},
    problem::{Code, Place},
};
use arc_swap::ArcSwap;
use bind::Faults;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use idempotency::Replays;
use listing::Listing;
use reply::Reply;
use std::{future::Future, sync::Arc, time::Duration};
use stream::Streams;
use tokio::sync::Notify;
use variables::Variables;
use verdict::{Verdict, judge};

/// The parameter that chooses fields.
pub const FIELDS: &str = "fields";

/// What every cached answer of a caller depends on: who may do what.
const ACCESS: &str = "access";

/// How long it is remembered that a credential is good, or not.
const CREDENTIAL_MEMORY: Duration = Duration::from_secs(5);

/// At most this many selections of callers are kept compiled.
const SELECTIONS: u64 = 1_000;

/// How long it is remembered that there is no such thing.
const ABSENCE: Duration = Duration::from_secs(1);

/// At most this many pages are gathered into one whole list.
const MAX_PAGES: usize = 100;

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
    selections: moka::future::Cache<(u128, String), Arc<Plan>>,
    replays: Replays,
    credentials: moka::future::Cache<Fingerprint, bool>,
    streams: Arc<Streams>,
    /// Told when Houston's schema turns out to be another one than the plans were made for.
    pub drift: Notify,
}

/// A request, as the REST side hands it over.
#[derive(Debug)]
pub struct Ask<'r> {
    /// The index of the route in the catalogue.
    pub route: usize,
    /// Who asks.
    pub context: Context,
    /// What variables are bound from.
    pub parts: Parts<'r>,
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
    /// Fetched, perhaps together with others.
    Miss,
    /// Fetched because the caller wanted it so.
    Bypass,
    /// The operation's answers are not kept.
    Uncacheable,
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
        let selections = moka::future::Cache::new(SELECTIONS);
        let replays = Replays::new();
        let credentials = moka::future::Cache::builder().max_capacity(10_000).time_to_live(CREDENTIAL_MEMORY).build();
        Arc::new(Self {
            houston,
            cache,
            plans: ArcSwap::from_pointee(plans),
            credentials,
            streams: Streams::new(streams),
            drift: Notify::new(),
            catalogue,
            selections,
            replays,
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

    /// Answers a request.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn answer(self: &Arc<Self>, ask: Ask<'_>) -> Result<Answer, Failure> {
        let Ask { route, context, mut parts, cache, idempotency_key } = ask;
        let plans = self.plans.load_full();
        let mut plan = Arc::clone(choose(&plans.routes[route], &parts, &plans)?);
        if context.caller.is_none() && !plan.public {
            return Err(Failure::NoCredential);
        }
        let mut faults = Faults::new(plans.version);
        if plan.shape != Shape::Scalar {
            plan = self.select(&plans, plan, &mut parts, &mut faults).await;
        }
        let listing =
            if plan.shape.is_list() { Listing::take(&mut parts.query, &plan, &mut faults) } else { Listing::default() };
        let bound = bind::bind(&plan, &parts, faults)?;
        let variables = self.complete(&plans, &plan, bound, &context).await?;
        let call = Call { plan, variables, listing };
        let mut answer = if call.plan.operation.kind.is_mutation() {
            match (idempotency_key, context.caller.as_ref().map(|caller| caller.fingerprint)) {
                (Some(key), Some(caller)) => {
                    let request = format!("{:x}{}", call.plan.identity, call.variables.text());
                    let gateway = Arc::clone(self);
                    let run = async move { gateway.change(&plans, call, context).await };
                    self.replays.once(caller, &key, &request, run).await?
                }
                _ => self.change(&plans, call, context).await?,
            }
        } else {
            self.read(&call, &context, cache).await?
        };
        if answer.status == StatusCode::CREATED {
            let path = parts.path.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
            answer.path = path.collect();
        }
        Ok(answer)
    }

    /// The plan with the fields that the caller chose, if any were.
    async fn select(&self, plans: &Plans, plan: Arc<Plan>, parts: &mut Parts<'_>, faults: &mut Faults) -> Arc<Plan> {
        let Some(position) = parts.query.iter().position(|(name, _)| name == FIELDS) else { return plan };
        let (_, fields) = parts.query.remove(position);
        let key = (plan.identity, fields.into_owned());
        if let Some(known) = self.selections.get(&key).await {
            return known;
        }
        let place = Place::Parameter(FIELDS.to_owned());
        match self.catalogue.select(plans, &plan, &key.1) {
            Ok(selected) => {
                let selected = Arc::new(selected);
                self.selections.insert(key, Arc::clone(&selected)).await;
                selected
            }
            Err(SelectionError::Invalid(why)) => {
                faults.invalid(&place, why);
                plan
            }
            Err(SelectionError::Elsewhere { field, lifespan }) => {
                faults.elsewhere(&place, &format!("{field} is a field"), lifespan);
                plan
            }
        }
    }

    /// Sends a mutation. It runs in a task of its own: a caller that goes away neither stops it half-way nor keeps the
    /// cache from learning of it. What it makes stale is unreachable before it starts, for reads that begin while it
    /// runs, and again when it is over, for what those reads saw; also when nobody knows whether it took effect.
    async fn change(self: &Arc<Self>, plans: &Arc<Plans>, call: Call, context: Context) -> Result<Answer, Failure> {
        self.require_empty(plans, &call, &context).await?;
        let gateway = Arc::clone(self);
        let task = tokio::spawn(async move {
            let tags = changed_tags(&call);
            gateway.invalidate(&tags);
            let outcome = gateway.perform(&call, &context).await;
            gateway.invalidate(&tags);
            outcome.map(|body| Answer::uncached(call.plan, body))
        });
        task.await.unwrap_or(Err(Failure::Lost))
    }

    async fn read(self: &Arc<Self>, call: &Call, context: &Context, request: CacheRequest) -> Result<Answer, Failure> {
        let mut answer = match (&self.cache, &call.plan.operation.cache) {
            (Some(cache), Some(policy)) if !request.no_store && call.plan.may_be_kept => {
                let public = policy.public;
                let key = cache_key(cache, call, if public { None } else { context.caller.as_ref() });
                let (entry, outcome) = self.read_through(cache, key, policy.ttl, call, context, request).await?;
                if entry.body.is_empty() && call.plan.operation.absent == StatusCode::NOT_FOUND {
                    return Err(Failure::NotFound);
                }
                Answer::cached(&call.plan, &entry, outcome)
            }
            _ if request.only_if_cached => return Err(Failure::NotCached),
            _ => Answer::uncached(Arc::clone(&call.plan), self.perform(call, context).await?),
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
    ) -> Result<(Arc<Entry>, CacheOutcome), Failure> {
        let fetch = || {
            let (gateway, call, context) = (Arc::clone(self), call.clone(), context.clone());
            async move {
                let body = match gateway.perform(&call, &context).await {
                    Err(Failure::NotFound) => return Ok(Entry::new(Vec::new(), ABSENCE)),
                    body => body?,
                };
                // The entry gets an allocation of its own: a slice would keep the client's whole read buffer alive.
                Ok(Entry::new(body.map(|body| body.to_vec()).unwrap_or_default(), ttl))
            }
        };
        let stored = if request.no_cache { None } else { cache.get(&key).await };
        let expired = match stored {
            Some((entry, freshness)) if request.accepts(&entry) => match freshness {
                Freshness::Fresh => return Ok((entry, CacheOutcome::Hit)),
                Freshness::Stale => {
                    cache.refresh(key, &entry, Failure::Lost, fetch());
                    return Ok((entry, CacheOutcome::Stale));
                }
                Freshness::Expired => Some(entry),
            },
            // Too old for this caller: fetched apart from those for whom it is good enough.
            Some(_) if !request.only_if_cached => return self.renew(cache, key, fetch(), CacheOutcome::Miss).await,
            _ => None,
        };
        if request.only_if_cached {
            return Err(Failure::NotCached);
        }
        if request.no_cache {
            return self.renew(cache, key, fetch(), CacheOutcome::Bypass).await;
        }
        match (cache.fetch(key, Failure::Lost, fetch()).await, expired) {
            (Ok(entry), _) => Ok((entry, CacheOutcome::Miss)),
            (Err(failure), Some(old)) if failure.is_outage() => Ok((old, CacheOutcome::StaleOnError)),
            (Err(failure), _) => Err(failure),
        }
    }

    /// Fetches for one caller alone, and stores what comes for all its next requests.
    async fn renew(
        &self,
        cache: &Arc<Cache<Failure>>,
        key: Key,
        fetch: impl Future<Output = Result<Entry, Failure>>,
        outcome: CacheOutcome,
    ) -> Result<(Arc<Entry>, CacheOutcome), Failure> {
        let entry = Arc::new(fetch.await?);
        cache.put(key, Arc::clone(&entry)).await;
        Ok((entry, outcome))
    }

    /// Asks Houston and shapes what it says. `None`: Houston answers null, and that is an answer.
    ///
    /// A list that Houston only gives page by page is gathered, unless a page is what was asked for.
    async fn perform(&self, call: &Call, context: &Context) -> Result<Option<Bytes>, Failure> {
        let Call { plan, variables, listing } = call;
        if !plan.operation.is_paged() {
            return self.perform_once(plan, variables, context).await;
        }
        let mut page = listing.of_houston();
        let mut pages = Vec::new();
        loop {
            let variables = page.with_variables(plan, variables.clone());
            let Some(body) = self.perform_once(plan, &variables, context).await? else { return Ok(None) };
            if listing.is_one_page_of_houston() {
                return Ok(Some(body));
            }
            let next = page.after(plan, &shape::items(&body).map_err(uncuttable)?);
            pages.push(body);
            match next {
                Some(next) if pages.len() < MAX_PAGES => page = next,
                _ => return shape::concatenate(&pages).map(Some).map_err(uncuttable),
            }
        }
    }

    async fn perform_once(
        &self,
        plan: &Plan,
        variables: &Variables,
        context: &Context,
    ) -> Result<Option<Bytes>, Failure> {
        let request = plan.request(|index| variables.get(index).is_some());
        let (caller, trace) = (context.caller.as_ref(), &context.trace);
        let bytes = if plan.operation.kind.is_subscription() {
            let first = self.houston.first_event(request, variables.text(), caller, trace).await;
            self.welcomed(first, context).await?
        } else {
            let repeatable = !plan.operation.kind.is_mutation();
            self.houston.call(request, variables.text(), repeatable, caller, trace).await?
        };
        let reply = Reply::read(&bytes, &plan.response_key)
            .map_err(|why| Failure::BadReply(format!("Houston's answer is not JSON: {why}").into()))?;
        if !reply.errors.is_empty() {
            return Err(self.refusal(plan, reply, context).await);
        }
        match reply.value {
            Some(value) => shape::shape(plan, &bytes, value).map(Some),
            None if !reply.is_graphql => Err(Failure::BadReply("Houston's answer is not GraphQL".into())),
            None if plan.operation.absent == StatusCode::NOT_FOUND => Err(Failure::NotFound),
            None => Ok(None),
        }
    }

    /// Subscribes at Houston.
    async fn subscribe(&self, plan: &Plan, variables: &Variables, context: &Context) -> Result<Subscription, Failure> {
        let request = plan.request(|index| variables.get(index).is_some());
        let (caller, trace) = (context.caller.as_ref(), &context.trace);
        let subscription = self.houston.subscribe(request, variables.text(), caller, trace).await;
        self.welcomed(subscription, context).await
    }

    /// Finds out why Houston hung up, if it did: it may be the credential, of which it says nothing.
    async fn welcomed<T>(&self, outcome: Result<T, CallError>, context: &Context) -> Result<T, Failure> {
        match outcome {
            Err(CallError::Rejected(_)) if !self.is_known(context).await? => {
                Err(Failure::Refused(Arc::new(Refusal { code: Code::Unauthenticated, errors: Vec::new() })))
            }
            outcome => outcome.map_err(Failure::from),
        }
    }

    /// Understands Houston's errors.
    async fn refusal(&self, plan: &Plan, reply: Reply<'_>, context: &Context) -> Failure {
        let code = match judge(plan.operation.root_field(), &reply.errors) {
            Verdict::Is(code) => code,
            Verdict::UnauthenticatedOrForbidden => match self.is_known(context).await {
                Ok(true) => Code::Forbidden,
                Ok(false) => Code::Unauthenticated,
                Err(failure) => return failure,
            },
        };
        if code == Code::SchemaDrift {
            tracing::warn!(
                operation = plan.operation.name,
                errors = ?reply.errors,
                "Houston does not know what it was asked; looking again at its version"
            );
            self.drift.notify_one();
        }
        if let (Code::Forbidden | Code::Unauthenticated, Some(caller)) = (code, &context.caller) {
            self.invalidate(&[caller_slot(caller)]);
        }
        Failure::Refused(Arc::new(Refusal { code, errors: reply.errors }))
    }

    /// Whether Houston knows the caller. It answers a bad token and a missing permission alike, so it is asked for
    /// something that any valid token may read.
    async fn is_known(&self, context: &Context) -> Result<bool, Failure> {
        let Some(caller) = &context.caller else { return Ok(false) };
        if let Some(known) = self.credentials.get(&caller.fingerprint).await {
            return Ok(known);
        }
        const PROBE: &[u8] =
            br#"{"operationName":"GatewayCredential","query":"query GatewayCredential { deploymentConfig { __typename } }"}"#;
        let bytes = self.houston.send(Bytes::from_static(PROBE), true, Some(caller), &context.trace).await?;
        let reply = Reply::read(&bytes, "deploymentConfig")
            .map_err(|why| Failure::BadReply(format!("Houston's answer is not JSON: {why}").into()))?;
        let known = reply.errors.is_empty();
        self.credentials.insert(caller.fingerprint, known).await;
        Ok(known)
    }

    fn invalidate(&self, tags: &[TagSlot]) {
        if let Some(cache) = &self.cache {
            cache.invalidate(tags);
        }
    }
}

impl CacheRequest {
    fn accepts(&self, entry: &Entry) -> bool {
        let age = entry.age();
        self.max_age.is_none_or(|max| age <= max) && self.min_fresh.is_none_or(|min| age + min <= entry.ttl)
    }
}

impl Answer {
    fn cached(plan: &Arc<Plan>, entry: &Entry, cache: CacheOutcome) -> Self {
        Self {
            plan: Arc::clone(plan),
            status: if entry.body.is_empty() { plan.operation.absent } else { plan.operation.status },
            body: entry.body.clone(),
            etag: Some(entry.etag.clone()),
            next: None,
            cache,
            age: entry.age(),
            path: Vec::new(),
            replayed: false,
        }
    }

    fn uncached(plan: Arc<Plan>, body: Option<Bytes>) -> Self {
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
    fn page(&mut self, listing: &Listing) -> Result<(), Failure> {
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

fn uncuttable(why: serde_json::Error) -> Failure {
    Failure::BadReply(format!("Houston's list cannot be cut: {why}").into())
}

/// Chooses among the operations of a route the first that takes every parameter that was sent: where a page is asked for,
/// one that lets Houston page, otherwise one that gives the whole list.
fn choose<'p>(route: &'p RoutePlan, parts: &Parts<'_>, plans: &Plans) -> Result<&'p Arc<Plan>, Failure> {
    let Some(first) = route.plans.first() else {
        return Err(Failure::NotInThisVersion { version: plans.version, lifespan: route.lifespan });
    };
    if route.plans.len() == 1 {
        return Ok(first);
    }
    let takes_all = |plan: &&Arc<Plan>| {
        let own = |name: &str| {
            plan.inputs.iter().any(|input| input.name == name) || name == FIELDS || listing::PARAMETERS.contains(&name)
        };
        parts.query.iter().all(|(name, _)| own(name))
    };
    let wants_page = Listing::can_be_paged_by_houston(&parts.query);
    let mut fitting: Vec<_> = route.plans.iter().filter(takes_all).collect();
    fitting.sort_by_key(|plan| plan.operation.is_paged() != wants_page);
    Ok(fitting.first().copied().unwrap_or(first))
}

fn cache_key(cache: &Arc<Cache<Failure>>, call: &Call, caller: Option<&Caller>) -> Key {
    let Call { plan, variables, listing } = call;
    let fingerprint = caller.map_or(Fingerprint::EVERYBODY, |caller| caller.fingerprint);
    let policy = plan.operation.cache.iter().flat_map(|policy| &policy.tags);
    let own = policy.flat_map(|tag| match &tag.variable {
        None => [Some(TagSlot::of(&tag.prefix, "")), None],
        // The second is the whole family: a change that cannot name its member makes all of them stale.
        Some(name) => {
            let member = value_of(plan, variables, name).map(|value| TagSlot::of(&tag.prefix, value));
            [member, Some(TagSlot::of(&tag.prefix, ""))]
        }
    });
    let personal = caller.map(|caller| [caller_slot(caller), TagSlot::of(ACCESS, "")]);
    let tags = own.flatten().chain(personal.into_iter().flatten());
    if plan.operation.is_paged() {
        let page = listing.of_houston().with_variables(plan, variables.clone());
        return cache.key(plan.identity, page.text(), fingerprint, tags);
    }
    cache.key(plan.identity, variables.text(), fingerprint, tags)
}

fn changed_tags(call: &Call) -> Vec<TagSlot> {
    let tags = call.plan.operation.invalidates.iter();
    tags.map(|tag| {
        let value = tag.variable.as_ref().and_then(|name| value_of(&call.plan, &call.variables, name));
        TagSlot::of(&tag.prefix, value.unwrap_or_default())
    })
    .collect()
}

/// A variable's JSON text.
fn value_of<'v>(plan: &Plan, variables: &'v Variables, name: &str) -> Option<&'v str> {
    variables.get(plan.inputs.iter().position(|input| input.name == name)?)
}

fn caller_slot(caller: &Caller) -> TagSlot {
    let mut hex = [0; 32];
    for (index, byte) in caller.fingerprint.as_bytes().iter().enumerate() {
        hex[2 * index] = b'a' + (byte >> 4);
        hex[2 * index + 1] = b'a' + (byte & 15);
    }
    TagSlot::of("caller:", str::from_utf8(&hex).unwrap_or_default())
}
