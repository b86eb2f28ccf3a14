//! A feed: one subscription at Houston, kept running, for all listeners of the same caller to the same thing.
//!
//! The feed never waits for a listener. Who falls behind by more than the buffer notices, and helps itself.

use super::{
    Context, Failure, Gateway,
    replay::{Item, Mark, Position, Replay, Stamp},
    reply::Reply,
    variables::Variables,
};
use crate::{catalogue::Plan, houston::backoff};
use bytes::Bytes;
use http::StatusCode;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{broadcast, watch},
    task::yield_now,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How often a subscription is opened again that brings nothing, before listeners are told.
const ATTEMPTS: u32 = 6;

/// A subscription that lasted so long was in order, even if it brought nothing.
const LASTING: Duration = Duration::from_secs(30);

/// Houston does not say when it has started a subscription. After its first event it has, and after this time too: it
/// looks for new lines every second.
const STARTED: Duration = Duration::from_millis(1500);

/// How long a first event is waited for that may well be a refusal.
const FIRST_EVENT: Duration = Duration::from_secs(1);

/// What goes to listeners: items, or why there will be no more.
pub(super) type Batch = Result<Arc<[Item]>, Failure>;

/// A running subscription. It is stopped when the last listener drops this.
pub(super) struct Feed {
    /// Weak, so that the channel closes when the task is over.
    batches: broadcast::WeakSender<Batch>,
    state: watch::Receiver<State>,
    _leave: DropGuard,
}

#[derive(Default)]
struct State {
    /// Whether Houston accepted the subscription, once that is known.
    opened: Option<Result<(), Failure>>,
    /// The last event, for who comes later; not of a log, where each line stands for itself.
    latest: Option<Item>,
}

/// What is subscribed to.
pub(super) struct Subject {
    pub(super) gateway: Arc<Gateway>,
    pub(super) plan: Arc<Plan>,
    pub(super) variables: Variables,
    pub(super) context: Context,
    pub(super) replay: Option<Replay>,
}

impl Feed {
    /// Starts a feed and listens to it. It ends with `closing` at the latest.
    pub(super) fn start(subject: Subject, closing: &CancellationToken) -> (Arc<Self>, broadcast::Receiver<Batch>) {
        let settings = subject.gateway.streams.settings();
        let (batches, first) = broadcast::channel(settings.buffer_events);
        let (state, watched) = watch::channel(State::default());
        let leave = closing.child_token();
        let feed = Self { batches: batches.downgrade(), state: watched, _leave: leave.clone().drop_guard() };
        let position = Position::now(settings.buffer_events);
        let follower = Follower { retry: settings.retry, subject, position, batches, state, count: 0 };
        tokio::spawn(follower.run(leave));
        (Arc::new(feed), first)
    }

    /// Listens from now on; `None` if the feed is over.
    pub(super) fn listen(&self) -> Option<broadcast::Receiver<Batch>> {
        self.batches.upgrade().map(|batches| batches.subscribe())
    }

    /// Waits until Houston has accepted the subscription.
    ///
    /// # Errors
    /// Why it has not.
    pub(super) async fn opened(&self) -> Result<(), Failure> {
        let mut state = self.state.clone();
        let state = state.wait_for(|state| state.opened.is_some()).await.map_err(|_| Failure::Lost)?;
        state.opened.clone().unwrap_or(Err(Failure::Lost))
    }

    pub(super) fn latest(&self) -> Option<Item> {
        self.state.borrow().latest.clone()
    }
}

/// Keeps the subscription running.
struct Follower {
    subject: Subject,
    position: Position,
    retry: Duration,
    batches: broadcast::Sender<Batch>,
    state: watch::Sender<State>,
    /// Events so far.
    count: u64,
}

impl Follower {
    async fn run(mut self, leave: CancellationToken) {
        tokio::select! {
            // Whoever still waits for it to open is told why it never will; if nobody is left, nobody is.
            () = leave.cancelled() => self.opened(Err(Failure::ShuttingDown)),
            failure = self.follow() => {
                tracing::debug!(%failure, operation = self.subject.plan.operation.name, "a stream ends");
                if self.is_open() {
                    // Nobody listens any more: nobody needs to know.
                    let _heard = self.batches.send(Err(failure));
                } else {
                    self.opened(Err(failure));
                }
            }
        }
    }

    /// Opens the subscription again and again, and says why that is no longer possible.
    async fn follow(&mut self) -> Failure {
        let mut failures = 0;
        loop {
            let (count, started) = (self.count, Instant::now());
            let ended = || Failure::BadReply("Houston ends the subscription as soon as it is opened".into());
            let failure = self.session().await.err().unwrap_or_else(ended);
            // Who comes back after a drift is served by the plans for what Houston has become.
            if !failure.is_outage() || failure.is_drift() || !self.is_open() {
                return failure;
            }
            failures = if self.count > count || started.elapsed() >= LASTING { 0 } else { failures + 1 };
            if failures > ATTEMPTS {
                return failure;
            }
            tracing::debug!(%failure, failures, operation = self.subject.plan.operation.name, "subscribing again");
            // A cut-off is Houston's habit and no reason to wait, only not to come back all at once.
            sleep(if failures == 0 { backoff(self.retry / 20, 0) } else { backoff(self.retry, failures - 1) }).await;
        }
    }

    /// One subscription, from its start to its end. It is subscribed first and read second: what falls between is in
    /// both.
    async fn session(&mut self) -> Result<(), Failure> {
        let Subject { gateway, plan, variables, context, replay } = &self.subject;
        let replays = replay.is_some();
        let mut subscription = gateway.subscribe(plan, variables, context).await?;
        self.catch_up().await?;
        if replays {
            // The same permission was asked for just now.
            self.opened(Ok(()));
        }
        let mut started = Some(Instant::now() + if replays { STARTED } else { FIRST_EVENT });
        loop {
            let event = match started {
                Some(latest) => timeout_at(latest, subscription.next()).await,
                None => Ok(subscription.next().await),
            };
            if started.take().is_some() {
                self.catch_up().await?;
            }
            if let Ok(event) = event {
                let Some(payload) = event? else { return Ok(()) };
                self.pass_on(&payload).await?;
            }
            self.opened(Ok(()));
        }
    }

    /// Passes on what was written and not heard.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let Some(replay) = &self.subject.replay else { return Ok(()) };
        let items = replay.missed(&mut self.position).await?;
        self.publish(items);
        Ok(())
    }

    async fn pass_on(&mut self, payload: &Bytes) -> Result<(), Failure> {
        let Subject { gateway, plan, context, replay, .. } = &self.subject;
        let reply =
            Reply::read(payload, &plan.response_key).map_err(|why| Failure::unreadable("Houston's event", &why))?;
        if !reply.errors.is_empty() {
            return Err(gateway.refusal(plan, reply, context).await);
        }
        let value = match reply.value {
            Some(value) => value,
            None if plan.operation.absent == StatusCode::NOT_FOUND => return Err(Failure::NotFound),
            None => return Ok(()),
        };
        // A copy: a slice would keep all of the socket's read buffer alive for as long as somebody is behind.
        let data = Bytes::copy_from_slice(value.get().as_bytes());
        if replay.is_some() {
            let stamp = Stamp::of(value.get());
            if !self.position.admit(stamp.as_ref()) {
                return Ok(());
            }
            self.publish(vec![Item { data, id: self.position.id(), mark: Mark::Line(stamp) }]);
        } else {
            let number = self.count + 1;
            let item = Item { data, id: Some(number.to_string().into()), mark: Mark::Count(number) };
            self.state.send_modify(|state| state.latest = Some(item.clone()));
            self.publish(vec![item]);
        }
        // Listeners get a turn before the next event, or a burst would run past the buffer.
        yield_now().await;
        Ok(())
    }

    fn publish(&mut self, items: Vec<Item>) {
        if !items.is_empty() {
            self.count += u64::try_from(items.len()).unwrap_or_default();
            let _heard = self.batches.send(Ok(items.into()));
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state.borrow().opened, Some(Ok(())))
    }

    fn opened(&self, outcome: Result<(), Failure>) {
        self.state.send_if_modified(|state| {
            state.opened.is_none() && {
                state.opened = Some(outcome);
                true
            }
        });
    }
}
