//! Generations: how a mutation makes cached answers unreachable, for every caller, in constant time.
//!
//! A tag hashes to one of a fixed number of counters. The counters of a read's tags are folded into its cache key, so
//! raising one of them changes the key: what was stored before is never found again, and what a read that began before
//! the mutation stores afterwards is stored under a key that nobody will ask for. Two tags may share a counter; then one
//! of them is invalidated needlessly, never the other way round.

use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// Enough for tags to collide rarely: 32 KiB.
const COUNTERS: usize = 4096;

/// The counters.
#[derive(Debug)]
pub(crate) struct Generations(Box<[AtomicU64]>);

/// The counter of one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagSlot(usize);

impl TagSlot {
    /// The slot of `prefix` followed by `value`. Every tag with a value also has a slot for its whole family, which has
    /// no value.
    pub(crate) fn of(prefix: &str, value: &str) -> Self {
        let hash = xxh3_64(prefix.as_bytes()) ^ xxh3_64(value.as_bytes()).rotate_left(17);
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits are used")]
        Self(hash as usize % COUNTERS)
    }
}

impl Generations {
    pub(super) fn new() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Makes everything stale that carries the tag.
    pub(super) fn raise(&self, slot: TagSlot) {
        self.0[slot.0].fetch_add(1, Ordering::SeqCst);
    }

    /// Makes everything stale.
    pub(super) fn raise_all(&self) {
        for counter in &self.0 {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn current(&self, slot: TagSlot) -> u64 {
        self.0[slot.0].load(Ordering::SeqCst)
    }
}
