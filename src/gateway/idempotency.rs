//! Idempotency keys: a POST that is sent again under the same key is not done again; its first outcome is told again.

use super::{Answer, Failure};
use crate::{caller::Fingerprint, houston::CallError};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use moka::{ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long outcomes are remembered. Some hold a new service account's key, which Houston itself shows for ten minutes.
pub const MEMORY: Duration = Duration::from_mins(10);

/// Bytes of all outcomes together; the oldest go first.
const CAPACITY: u64 = 16 << 20;

/// What an outcome costs beside its body.
const OVERHEAD: u32 = 1024;

type Outcome = Shared<BoxFuture<'static, Result<Answer, Failure>>>;

/// The outcomes of requests that carried a key, by caller and key.
pub(super) struct Replays(Cache<(Fingerprint, u128), Arc<First>>);

/// The first request that came with a key.
struct First {
    /// What it asked for.
    request: u64,
    outcome: Outcome,
    /// Bytes of the outcome's body, once there is one. Tells this attempt from every other.
    bytes: Arc<AtomicU32>,
}

impl Replays {
    pub(super) fn new() -> Self {
        let weigher = |_: &_, first: &Arc<First>| first.bytes.load(Ordering::Relaxed).saturating_add(OVERHEAD);
        let cache = Cache::builder().max_capacity(CAPACITY).weigher(weigher).time_to_live(MEMORY);
        // The default policy would rather refuse a new key than forget an old one.
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    /// Runs `request` unless the caller's `key` was used before: then waits for that outcome and tells it again. Where
    /// `run` fails before anything was sent that changes something, the next try with the key is a first one.
    ///
    /// # Errors
    /// The outcome's own, or [`Failure::KeyReused`] if the key came with another request.
    pub(super) async fn once(
        &self,
        caller: Fingerprint,
        key: &str,
        request: &str,
        run: impl Future<Output = Result<Result<Answer, Failure>, Failure>> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let slot = (caller, xxh3_128(key.as_bytes()));
        let request = xxh3_64(request.as_bytes());
        let memory = self.0.clone();
        let start = || {
            let bytes = Arc::new(AtomicU32::new(0));
            let own = Arc::clone(&bytes);
            // In a task of its own: a caller that goes away does not stop what others with the key wait for.
            let task = tokio::spawn(async move {
                let (outcome, is_over) = match run.await {
                    Ok(outcome) => (outcome, true),
                    Err(before) => (Err(before), false),
                };
                let body = outcome.as_ref().map_or(0, |answer| answer.body.len());
                own.store(u32::try_from(body).unwrap_or(u32::MAX), Ordering::Relaxed);
                let settle = |known: Option<moka::Entry<_, Arc<First>>>| {
                    let known = known.map(moka::Entry::into_value).filter(|known| Arc::ptr_eq(&known.bytes, &own));
                    match known {
                        Some(_) if !is_over || did_nothing(&outcome) => Op::Remove,
                        // Weighs it anew, and counts its time from now on.
                        Some(known) => Op::Put(known),
                        None => Op::Nop,
                    }
                };
                memory.entry(slot).and_compute_with(settle);
                outcome
            });
            let outcome = task.map(|joined| joined.unwrap_or(Err(Failure::Lost))).boxed().shared();
            Arc::new(First { request, outcome, bytes })
        };
        let entry = self.0.entry(slot).or_insert_with(start);
        let is_first = entry.is_fresh();
        let first = entry.into_value();
        if first.request != request {
            return Err(Failure::KeyReused);
        }
        let mut outcome = first.outcome.clone().await;
        if let Ok(answer) = &mut outcome {
            answer.replayed = !is_first;
        }
        outcome
    }
}

/// Whether Houston has not heard of the request, so that the next try with the key is a first one.
fn did_nothing(outcome: &Result<Answer, Failure>) -> bool {
    match outcome {
        Err(Failure::Call(CallError::Connect(_) | CallError::Busy | CallError::Open(_))) => true,
        Err(failure) => failure.is_drift(),
        Ok(_) => false,
    }
}
