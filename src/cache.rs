//! Cached answers: bounded by bytes, kept per caller, fetched once, unreachable after a mutation.
//!
//! Freshness is held in the entry itself: fresh for its `ttl`, then usable while a refresh runs (stale-while-revalidate)
//! or while Houston fails (stale-if-error, RFC 5861). moka only bounds the memory. A miss is fetched in a task of its
//! own, which all callers that ask for the same thing share and which none of them can cancel by going away.

mod tags;

pub(crate) use tags::TagSlot;

use crate::caller::Fingerprint;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use http::HeaderValue;
use moka::{notification::RemovalCause, policy::EvictionPolicy, sync::Cache as Store};
use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tags::Generations;
use tokio::sync::oneshot;
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

/// What an entry costs beside its body: key, validator, timers and the store's own bookkeeping. Measured, over 100,000.
const OVERHEAD: u32 = 700;

/// The store evicts in batches: up to this many new entries may stand in it beyond its bound.
const BATCH: u64 = 64;

/// How much is kept and for how long beyond freshness.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all entries together.
    pub capacity_bytes: u64,
    /// Bytes of the largest entry.
    pub entry_bytes: usize,
    /// How long past its freshness an entry is used while it is refreshed.
    pub stale_while_revalidate: Duration,
    /// How long past its freshness an entry is used while Houston fails.
    pub stale_if_error: Duration,
    /// How long it is remembered that there is no such thing.
    pub absence: Duration,
}

/// The cache. `E` is the error of a fetch, which all its waiters get and which is never stored.
pub struct Cache<E> {
    store: Store<Key, Arc<Entry<E>>>,
    flights: Mutex<HashMap<Key, Flight<E>>>,
    generations: Generations,
    /// Of the hashes of requests, so that nobody can work out beforehand which are alike.
    seed: u64,
    limits: Limits,
    /// How many entries had to make room, by owner.
    evictions: Arc<[AtomicU64]>,
}

type Flight<E> = Shared<BoxFuture<'static, Result<Arc<Entry<E>>, E>>>;

/// What asks for an answer. On the heap from the start: it goes through several hands and on into a task.
pub type Fetch<E> = BoxFuture<'static, Result<Entry<E>, E>>;

/// What an answer is found by: who asked, and a hash over all else that it depends on. The caller is no part of the hash:
/// whatever anybody finds that hashes alike, it leads to no other caller's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    caller: Fingerprint,
    request: u128,
}

/// One cached answer.
#[derive(Debug)]
pub struct Entry<E> {
    /// The body.
    pub body: Bytes,
    /// That there is no such thing, in the words that say so.
    pub absence: Option<Box<E>>,
    /// The strong validator of the body (RFC 9110, 8.8.3).
    pub etag: HeaderValue,
    /// How long it is fresh.
    pub ttl: Duration,
    /// Whose it is, as far as evictions are counted.
    owner: usize,
    /// When it was asked for: it may be as old as that (RFC 9111, 4.2.3).
    asked: Instant,
    refreshing: AtomicBool,
}

/// What a fetch yields.
#[derive(Debug)]
pub struct Fetched<E> {
    /// The answer, or why there is none.
    pub outcome: Result<Arc<Entry<E>>, E>,
    /// Whether somebody else had asked for it already.
    pub joined: bool,
}

/// An entry that was found.
#[derive(Debug)]
pub struct Found<E> {
    /// The entry.
    pub entry: Arc<Entry<E>>,
    /// How old it is. Kept, because asking the clock again and again adds up to 1 % of a hit.
    pub age: Duration,
    /// How usable that makes it.
    pub freshness: Freshness,
}

/// How usable an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As good as new.
    Fresh,
    /// To be used once more, and refreshed behind the caller's back.
    Stale,
    /// To be used only if Houston cannot be asked.
    Expired,
}

impl<E> Entry<E> {
    /// How long ago it was asked for.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.asked.elapsed()
    }

    fn weight(&self) -> u32 {
        u32::try_from(self.body.len()).unwrap_or(u32::MAX).saturating_add(OVERHEAD)
    }

    /// Whether the caller shall refresh it: true for one caller only.
    fn claim_refresh(&self) -> bool {
        !self.refreshing.swap(true, Ordering::AcqRel)
    }
}

/// A strong validator of a body (RFC 9110, 8.8.3): its hash, quoted.
#[must_use]
pub fn etag(body: &[u8]) -> HeaderValue {
    let mut text = [b'"'; 24];
    // Sixteen bytes are twenty-two characters. Formatting them would take ten times as long.
    let _fits = URL_SAFE_NO_PAD.encode_slice(xxh3_128(body).to_le_bytes(), &mut text[1..23]);
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("\"0\""))
}

impl<E: Clone + Send + Sync + 'static> Cache<E> {
    /// An empty cache. Entries have one of `owners`.
    #[must_use]
    pub fn new(limits: Limits, owners: usize) -> Arc<Self> {
        let evictions: Arc<[AtomicU64]> = (0..owners).map(|_| AtomicU64::new(0)).collect();
        let evicted = Arc::clone(&evictions);
        let store = Store::builder()
            .max_capacity(limits.capacity_bytes)
            // Least recently used: the default policy keeps hardly any new entry once the cache is full and hot.
            .eviction_policy(EvictionPolicy::lru())
            .weigher(|_, entry: &Arc<Entry<E>>| entry.weight())
            .eviction_listener(move |_, entry: Arc<Entry<E>>, cause| {
                if let (RemovalCause::Size, Some(count)) = (cause, evicted.get(entry.owner)) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        let seed = RandomState::new().hash_one("requests");
        Arc::new(Self { store, flights: Mutex::default(), generations: Generations::new(), seed, limits, evictions })
    }

    /// The key of an answer: what is asked (`identity` and `variables`), by whom, at the present generation of the tags
    /// that it depends on.
    pub(crate) fn key(
        &self,
        identity: u128,
        variables: &str,
        caller: Fingerprint,
        tags: impl IntoIterator<Item = TagSlot>,
    ) -> Key {
        // The sum would do for one tag; mixing keeps two tags that change in turn from cancelling out.
        let generations = tags
            .into_iter()
            .fold(0u64, |all, tag| all.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(self.generations.current(tag)));
        let mut all = [0; 40];
        all[..16].copy_from_slice(&identity.to_le_bytes());
        all[16..24].copy_from_slice(&generations.to_le_bytes());
        all[24..].copy_from_slice(&xxh3_128_with_seed(variables.as_bytes(), self.seed).to_le_bytes());
        Key { caller, request: xxh3_128_with_seed(&all, self.seed) }
    }

    /// Makes everything stale that carries one of `tags`.
    pub(crate) fn invalidate(&self, tags: &[TagSlot]) {
        tags.iter().for_each(|tag| self.generations.raise(*tag));
    }

    /// Makes everything stale and frees its memory.
    pub fn clear(&self) {
        self.generations.raise_all();
        self.store.invalidate_all();
    }

    /// An answer that was asked for at `asked` and is fresh for `ttl` from then on. What may be kept gets an allocation of
    /// its own: a slice of what was received would keep all of that alive.
    #[must_use]
    pub fn answer(&self, body: Bytes, ttl: Duration, asked: Instant, owner: usize) -> Entry<E> {
        let body = if body.len() <= self.limits.entry_bytes { Bytes::copy_from_slice(&body) } else { body };
        Entry { etag: etag(&body), body, absence: None, ttl, owner, asked, refreshing: AtomicBool::new(false) }
    }

    /// An entry that says that there is no such thing.
    #[must_use]
    pub fn absence(&self, why: E, asked: Instant, owner: usize) -> Entry<E> {
        let nothing = self.answer(Bytes::new(), self.limits.absence, asked, owner);
        Entry { absence: Some(Box::new(why)), ..nothing }
    }

    /// Whether an entry is worth keeping: not too large, and good for any time at all.
    #[must_use]
    pub fn keeps(&self, entry: &Entry<E>) -> bool {
        entry.body.len() <= self.limits.entry_bytes
            && u64::from(entry.weight()) <= self.limits.capacity_bytes
            && !entry.ttl.is_zero()
    }

    /// What is stored under `key`, however old, and how usable it is `now`.
    pub fn get(&self, key: &Key, now: Instant) -> Option<Found<E>> {
        let entry = self.store.get(key)?;
        let age = now.saturating_duration_since(entry.asked);
        let past = age.saturating_sub(entry.ttl);
        let freshness = if past.is_zero() {
            Freshness::Fresh
        } else if entry.body.is_empty() {
            // What was not there may be by now: that is worth asking.
            return None;
        } else if past <= self.limits.stale_while_revalidate {
            Freshness::Stale
        } else if past <= self.limits.stale_if_error {
            Freshness::Expired
        } else {
            self.remove(key);
            return None;
        };
        Some(Found { entry, age, freshness })
    }

    /// Fetches and stores an answer, once for all who ask at the same time. Nobody can cancel the fetch; `lost` is the
    /// error if it dies all the same.
    pub async fn fetch(self: &Arc<Self>, key: Key, lost: E, fetch: Fetch<E>) -> Fetched<E> {
        let (flight, tell) = match self.flights.lock().unwrap_or_else(PoisonError::into_inner).entry(key) {
            Occupied(flight) => (flight.get().clone(), None),
            Vacant(place) => {
                let (tell, told) = oneshot::channel();
                let flight = told.map(|told| told.unwrap_or(Err(lost))).boxed().shared();
                (place.insert(flight).clone(), Some(tell))
            }
        };
        let joined = tell.is_none();
        if let Some(tell) = tell {
            self.take_off(key, fetch, tell);
        }
        Fetched { outcome: flight.await, joined }
    }

    /// Refreshes `entry` behind the caller's back, unless somebody does already.
    pub fn refresh(self: &Arc<Self>, key: Key, entry: &Arc<Entry<E>>, lost: E, fetch: Fetch<E>) {
        if entry.claim_refresh() {
            let (cache, entry) = (Arc::clone(self), Arc::clone(entry));
            tokio::spawn(async move {
                if cache.fetch(key, lost, fetch).await.outcome.is_err() {
                    entry.refreshing.store(false, Ordering::Release);
                }
            });
        }
    }

    /// Stores an answer, unless one is there that was asked for later. One that is not worth keeping takes what was known
    /// before along with it.
    pub fn put(&self, key: Key, entry: Arc<Entry<E>>) {
        if !self.keeps(&entry) {
            return self.remove(&key);
        }
        let weight = u64::from(entry.weight());
        let newest = |known: Option<moka::Entry<Key, Arc<Entry<E>>>>| {
            let known = known.map(moka::Entry::into_value).filter(|known| known.asked > entry.asked);
            known.unwrap_or(entry)
        };
        self.store.entry(key).and_upsert_with(newest);
        // A batch of entries as large as this would exceed the bound by more than an eighth.
        if weight * BATCH * 8 > self.limits.capacity_bytes {
            self.store.run_pending_tasks();
        }
    }

    /// Forgets one answer.
    pub fn remove(&self, key: &Key) {
        self.store.invalidate(key);
    }

    /// How many entries had to make room for others, by owner.
    pub fn evictions(&self) -> impl Iterator<Item = u64> {
        self.evictions.iter().map(|count| count.load(Ordering::Relaxed))
    }

    /// Entries and bytes held at the moment. The store settles its accounts only when it is used, or told to.
    pub fn size(&self) -> (u64, u64) {
        self.store.run_pending_tasks();
        (self.store.entry_count(), self.store.weighted_size())
    }

    /// Starts a flight that is on the list already. Not under the list's lock: a runtime that ends drops what it is to start
    /// at once, and [`Landing`] takes that lock.
    fn take_off(self: &Arc<Self>, key: Key, fetch: Fetch<E>, tell: oneshot::Sender<Result<Arc<Entry<E>>, E>>) {
        let landing = Landing { cache: Arc::clone(self), key };
        tokio::spawn(async move {
            let outcome = match landing.cache.get(&key, Instant::now()) {
                // Another flight may have landed between the caller's look into the store and this one's take-off.
                Some(Found { entry, freshness: Freshness::Fresh, .. }) => Ok(entry),
                _ => fetch.await.map(Arc::new),
            };
            if let Ok(entry) = &outcome {
                landing.cache.put(key, Arc::clone(entry));
            }
            drop(landing);
            // Perhaps everybody who asked is gone.
            let _heard = tell.send(outcome);
        });
    }
}

/// Takes a flight off the list when it is over, even if its task panics.
struct Landing<E> {
    cache: Arc<Cache<E>>,
    key: Key,
}

impl<E> Drop for Landing<E> {
    fn drop(&mut self) {
        self.cache.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
