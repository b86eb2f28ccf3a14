//! What became of the calls to Houston, counted for operators.

use super::CallError;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// What can become of a call, as it is named in the metrics.
pub const OUTCOMES: [&str; 9] =
    ["answered", "connect", "broken", "timeout", "too_large", "status", "busy", "open", "rejected"];

/// Counts calls by what became of them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_outcome: [AtomicU64; OUTCOMES.len()],
    microseconds: AtomicU64,
    retries: AtomicU64,
}

/// How things stand with Houston.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Calls since the start, in the order of [`OUTCOMES`]. A call with its retries is one.
    pub calls: [u64; OUTCOMES.len()],
    /// How long those that Houston answered took in all.
    pub answering: Duration,
    /// How often a call was tried again.
    pub retries: u64,
    /// How many calls run.
    pub in_flight: usize,
    /// Whether calls are held back, because Houston failed too often.
    pub is_open: bool,
}

impl Tally {
    pub(super) fn count<T>(&self, outcome: &Result<T, CallError>, took: Duration) {
        let index = match outcome {
            Ok(_) => 0,
            Err(CallError::Connect(_)) => 1,
            Err(CallError::Broken(_)) => 2,
            Err(CallError::Timeout(_)) => 3,
            Err(CallError::TooLarge(_)) => 4,
            Err(CallError::Status(_)) => 5,
            Err(CallError::Busy) => 6,
            Err(CallError::Open(_)) => 7,
            Err(CallError::Rejected(_)) => 8,
        };
        self.by_outcome[index].fetch_add(1, Ordering::Relaxed);
        if index == 0 {
            self.microseconds.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn standing(&self, in_flight: usize, is_open: bool) -> Standing {
        Standing {
            calls: self.by_outcome.each_ref().map(|count| count.load(Ordering::Relaxed)),
            answering: Duration::from_micros(self.microseconds.load(Ordering::Relaxed)),
            retries: self.retries.load(Ordering::Relaxed),
            in_flight,
            is_open,
        }
    }
}
