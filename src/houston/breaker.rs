//! A circuit breaker: after many failures in a row, calls are refused at once for a while instead of waiting in vain.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Closed while things go well, open after `failures` in a row; then one call in `pause` is let through to see.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    in_a_row: AtomicU32,
    /// Milliseconds since `origin` until which calls are refused.
    open_until: AtomicU64,
    origin: Instant,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, in_a_row: AtomicU32::new(0), open_until: AtomicU64::new(0), origin: Instant::now() }
    }

    /// Whether a call may be made. If not: how long to wait. When the pause is over one caller gets through, and
    /// everybody else waits another pause for what it finds.
    pub(super) fn admit(&self) -> Result<(), Duration> {
        if !self.is_open() {
            return Ok(());
        }
        let now = self.now();
        let until = self.open_until.load(Ordering::Acquire);
        if now < until {
            return Err(Duration::from_millis(until - now));
        }
        let next = now.saturating_add(millis(self.pause));
        match self.open_until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.pause),
        }
    }

    /// Whether calls are held back.
    pub(super) fn is_open(&self) -> bool {
        self.in_a_row.load(Ordering::Relaxed) >= self.failures
    }

    pub(super) fn succeeded(&self) {
        self.in_a_row.store(0, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        if self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1) == self.failures {
            self.open_until.store(self.now().saturating_add(millis(self.pause)), Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        millis(self.origin.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Breaker;
    use std::{thread::sleep, time::Duration};

    #[test]
    fn opens_after_failures_in_a_row_and_lets_one_call_through() {
        let breaker = Breaker::new(2, Duration::from_millis(50));
        breaker.failed();
        breaker.succeeded();
        breaker.failed();
        assert!(breaker.admit().is_ok(), "one failure in a row is not two");
        breaker.failed();
        assert!(breaker.admit().is_err(), "open");
        sleep(Duration::from_millis(60));
        assert!(breaker.admit().is_ok(), "one call to see");
        assert!(breaker.admit().is_err(), "the others wait");
        breaker.succeeded();
        assert!(breaker.admit().is_ok(), "closed");
    }
}
