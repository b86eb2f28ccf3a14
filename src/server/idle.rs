//! Connections on which nothing happens: they are closed, so that nobody holds one for nothing.
//!
//! All are looked at now and then. A timer for each request, as hyper would have it, takes a lock twice and an allocation,
//! 2 % of an answer from the cache; this is one store for each write.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::AbortHandle,
    time::{Interval, MissedTickBehavior, interval},
};

/// So many looks are taken in the time that a connection may be idle.
const LOOKS: u32 = 20;

/// So many connections may have ended before anybody minds.
const FEW: usize = 64;

/// All connections, and when something last happened on them.
pub(super) struct Connections {
    /// Looks taken so far: the time of all this, which costs nothing to read.
    looks: Arc<AtomicU32>,
    open: Vec<(Arc<Pulse>, AbortHandle)>,
    /// With so many in `open`, those that have ended are taken out: what is known of them keeps their memory.
    many: usize,
}

/// When something last happened on one connection.
pub(super) struct Pulse {
    looks: Arc<AtomicU32>,
    written: AtomicU32,
    answering: AtomicBool,
}

/// A request that is being answered, however long it takes.
pub(super) struct Answering(Arc<Pulse>);

impl Connections {
    /// No connections; those to come may be `idle` for so long. The interval says when to look at them.
    pub(super) fn new(idle: Duration) -> (Self, Interval) {
        let mut looks = interval((idle / LOOKS).max(Duration::from_millis(1)));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        (Self { looks: Arc::default(), open: Vec::new(), many: FEW }, looks)
    }

    /// The pulse of a connection that begins.
    pub(super) fn pulse(&self) -> Arc<Pulse> {
        let written = AtomicU32::new(self.looks.load(Relaxed));
        Arc::new(Pulse { looks: Arc::clone(&self.looks), written, answering: AtomicBool::new(false) })
    }

    /// Takes a connection in, which `task` serves.
    pub(super) fn add(&mut self, pulse: Arc<Pulse>, task: AbortHandle) {
        if self.open.len() >= self.many {
            self.open.retain(|(_, task)| !task.is_finished());
            self.many = 2 * self.open.len() + FEW;
        }
        self.open.push((pulse, task));
    }

    /// Looks at all connections and ends those that were idle for too long. An idle one is nothing but a wait for a request.
    pub(super) fn look(&mut self) {
        let now = self.looks.fetch_add(1, Relaxed).wrapping_add(1);
        self.open.retain(|(pulse, task)| {
            if pulse.is_idle(now) {
                task.abort();
            }
            !task.is_finished()
        });
    }
}

impl Pulse {
    /// Something was written: an answer, or a part of one that its caller reads slowly.
    pub(super) fn beat(&self) {
        self.written.store(self.looks.load(Relaxed), Relaxed);
    }

    /// A request came.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        self.answering.store(true, Relaxed);
        Answering(Arc::clone(self))
    }

    fn is_idle(&self, now: u32) -> bool {
        !self.answering.load(Relaxed) && now.wrapping_sub(self.written.load(Relaxed)) > LOOKS
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.beat();
        self.0.answering.store(false, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Connections, FEW};
    use std::time::Duration;

    #[tokio::test]
    async fn what_has_ended_is_not_remembered_for_long() {
        let (mut connections, _) = Connections::new(Duration::from_secs(60));
        let lasting = tokio::spawn(std::future::pending::<()>());
        connections.add(connections.pulse(), lasting.abort_handle());
        for _ in 0..1000 {
            let task = tokio::spawn(async {});
            let handle = task.abort_handle();
            task.await.expect("an end");
            connections.add(connections.pulse(), handle);
        }
        assert!(connections.open.len() <= 2 * FEW + 2, "{}", connections.open.len());
        connections.look();
        assert_eq!(connections.open.len(), 1);
    }
}
