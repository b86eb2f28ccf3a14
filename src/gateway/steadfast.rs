//! What must be brought to an end, whoever goes away.

use futures_util::future::{BoxFuture, FutureExt};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::runtime::Handle;

/// A future that its waiter runs as any other, and that goes on as a task of its own if the waiter is dropped. To make it
/// a task from the start, as a rule, would cost each change another 3 µs: a tenth of it.
pub(super) struct Steadfast<T: Send + 'static>(Option<BoxFuture<'static, T>>);

impl<T: Send + 'static> Steadfast<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(work.boxed()))
    }
}

impl<T: Send + 'static> Future for Steadfast<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Out of reach while it runs: what panics must not be run again.
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let outcome = work.poll_unpin(context);
        if outcome.is_pending() {
            self.0 = Some(work);
        }
        outcome
    }
}

impl<T: Send + 'static> Drop for Steadfast<T> {
    fn drop(&mut self) {
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}
