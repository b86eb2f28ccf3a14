//! Idempotency keys: a POST that is sent again under the same key is not done again; its first outcome is told again.

use super::{Answer, Failure};
use crate::{caller::Fingerprint, houston::CallError};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use moka::future::Cache;
use std::{future::Future, sync::Arc, time::Duration};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How long outcomes are remembered. Some hold a new service account's key, which Houston itself shows for ten minutes.
pub const MEMORY: Duration = Duration::from_mins(10);

/// At most this many outcomes are remembered; the oldest go first.
const CAPACITY: u64 = 10_000;

type Outcome = Shared<BoxFuture<'static, Result<Answer, Failure>>>;

/// The outcomes of requests that carried a key, by caller and key.
pub(super) struct Replays(Cache<(Fingerprint, u128), Arc<First>>);

/// The first request that came with a key.
struct First {
    /// What it asked for.
    request: u64,
    outcome: Outcome,
}

impl Replays {
    pub(super) fn new() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(MEMORY).build())
    }

    /// Runs `request` unless the caller's `key` was used before: then waits for that outcome and tells it again.
    ///
    /// # Errors
    /// The outcome's own, or [`Failure::KeyReused`] if the key came with another request.
    pub(super) async fn once(
        &self,
        caller: Fingerprint,
        key: &str,
        request: &str,
        run: impl Future<Output = Result<Answer, Failure>> + Send + 'static,
    ) -> Result<Answer, Failure> {
        let slot = (caller, xxh3_128(key.as_bytes()));
        let request = xxh3_64(request.as_bytes());
        let start = async {
            // In a task of its own: a caller that goes away does not stop what others with the key wait for.
            let task = tokio::spawn(run).map(|joined| joined.unwrap_or(Err(Failure::Lost)));
            Arc::new(First { request, outcome: task.boxed().shared() })
        };
        let entry = self.0.entry(slot).or_insert_with(start).await;
        let is_first = entry.is_fresh();
        let first = entry.into_value();
        if first.request != request {
            return Err(Failure::KeyReused);
        }
        let mut outcome = first.outcome.clone().await;
        match &mut outcome {
            Ok(answer) => answer.replayed = !is_first,
            // Nothing was done, so the next try with the key is a first one.
            Err(Failure::Call(CallError::Connect(_) | CallError::Busy | CallError::Open(_))) => {
                self.0.invalidate(&slot).await
            }
            Err(failure) if failure.is_drift() => self.0.invalidate(&slot).await,
            Err(_) => {}
        }
        outcome
    }
}
