//! Streams: a subscription's events, one after the other, for as long as a caller listens.
//!
//! Listeners of one caller to the same thing share a [`Feed`]. Each knows by itself how far it is. One that reads too
//! slowly holds nobody up: a log it reads on from the store, of samples it gets the newest.

use super::{
    Ask, CacheRequest, Context, Failure, Gateway, Parts,
    bind::{self, Faults},
    choose::choose,
    feed::{Batch, Feed, Subject},
    keys::value_of,
    replay::{Item, Mark, Position, Replay},
};
use crate::{
    caller::Fingerprint,
    catalogue::{Plans, REPLAY_SINCE},
    config,
};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

/// An event of a stream.
#[derive(Clone, Debug)]
pub struct Event {
    /// From where a listener can go on; `None` leaves it as it is.
    pub id: Option<Arc<str>>,
    /// What kind of event it is: `log`, `metrics`, `status`, `gap`.
    pub name: Arc<str>,
    /// Houston's JSON, byte for byte.
    pub data: Bytes,
}

/// The events of a stream. A failure is its last.
pub type Events = BoxStream<'static, Result<Event, Failure>>;

/// What runs and who listens.
pub(super) struct Streams {
    settings: config::Streams,
    feeds: Mutex<HashMap<FeedKey, Weak<Feed>>>,
    places: Mutex<Places>,
    closing: CancellationToken,
}

/// What listeners share a feed by: the document, its variables and the caller.
type FeedKey = (u128, String, Fingerprint);

#[derive(Default)]
struct Places {
    taken: usize,
    by_caller: HashMap<Fingerprint, usize>,
}

/// The place of one stream among those that may be open. It is given up by dropping it.
struct Place {
    streams: Arc<Streams>,
    caller: Fingerprint,
}

impl Gateway {
    /// Opens a stream. It is open when Houston has accepted the subscription, and what could be refused at once was not.
    ///
    /// # Errors
    /// Why there is no stream.
    pub async fn open(self: &Arc<Self>, ask: &Ask, parts: &Parts<'_>) -> Result<Events, Failure> {
        let plans = self.plans.load_full();
        match self.open_by(&plans, ask, parts).await {
            Err(failure) if failure.is_drift() => match self.renewed(&plans).await {
                Some(plans) => self.open_by(&plans, ask, parts).await,
                None => Err(failure),
            },
            outcome => outcome,
        }
    }

    async fn open_by(self: &Arc<Self>, plans: &Arc<Plans>, ask: &Ask, parts: &Parts<'_>) -> Result<Events, Failure> {
        let Ask { route, context, .. } = ask;
        let plan = Arc::clone(choose(&plans.routes[*route], parts, plans)?);
        if context.caller.is_none() && !plan.public {
            return Err(Failure::NoCredential);
        }
        let place = Streams::enter(&self.streams, fingerprint(context))?;
        let bound = bind::bind(&plan, parts, &parts.query, Faults::new(plans.version))?;
        let variables = self.complete(plans, &plan, bound, context, CacheRequest::default()).await?;
        let replay = Replay::of(self, plans, &plan, &variables, context).await?;
        let waiting = self.streams.settings.buffer_events;
        let mut asked = None;
        let mut subscribed = variables.clone();
        if replay.is_some() {
            let last_event = parts.headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
            asked = Position::asked(last_event, value_of(&plan, &variables, REPLAY_SINCE), waiting)?;
            subscribed = variables.without(REPLAY_SINCE, &plan);
        }
        let (feed, batches) = self.join(Subject {
            gateway: Arc::clone(self),
            plan: Arc::clone(&plan),
            variables: subscribed,
            context: context.clone(),
            replay: replay.clone(),
        });
        feed.opened().await?;
        let (catches_up, latest) = (asked.is_some(), feed.latest());
        let mut listener = Listener {
            feed: Some(feed),
            backlog: VecDeque::new(),
            batches,
            name: plan.operation.event_name().into(),
            position: asked.unwrap_or_else(|| Position::now(waiting)),
            replay,
            count: 0,
            closing: self.streams.closing.clone(),
            _place: place,
        };
        if catches_up {
            listener.catch_up().await?;
        }
        // What waits already begins with something at least as old.
        if listener.batches.is_empty() {
            latest.iter().for_each(|item| listener.hear(item));
        }
        Ok(unfold(listener, async |mut listener| Some((listener.next().await?, listener))).boxed())
    }

    /// How many streams are open.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.streams.places().taken
    }

    /// Ends all streams, those to come included: the gateway shuts down.
    pub fn end_streams(&self) {
        self.streams.closing.cancel();
    }

    /// Listens to the feed of a subject, which is started if it does not run.
    fn join(&self, subject: Subject) -> (Arc<Feed>, broadcast::Receiver<Batch>) {
        let key = (subject.plan.identity, subject.variables.text().to_owned(), fingerprint(&subject.context));
        let mut feeds = self.streams.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feeds.get(&key).and_then(Weak::upgrade)
            && let Some(batches) = feed.listen()
        {
            return (feed, batches);
        }
        feeds.retain(|_, feed| feed.strong_count() > 0);
        let (feed, batches) = Feed::start(subject, &self.streams.closing);
        feeds.insert(key, Arc::downgrade(&feed));
        (feed, batches)
    }
}

/// One listener.
struct Listener {
    /// None after the last event.
    feed: Option<Arc<Feed>>,
    batches: broadcast::Receiver<Batch>,
    /// What is to be delivered before anything new is received.
    backlog: VecDeque<Event>,
    name: Arc<str>,
    replay: Option<Replay>,
    /// How far it is in a log.
    position: Position,
    /// How far it is in what is only counted.
    count: u64,
    closing: CancellationToken,
    _place: Place,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Event, Failure>> {
        loop {
            if let Some(event) = self.backlog.pop_front() {
                return Some(Ok(event));
            }
            self.feed.as_ref()?;
            let received = tokio::select! {
                biased;
                () = self.closing.cancelled() => return None,
                received = self.batches.recv() => received,
            };
            let failure = match received {
                Ok(Ok(items)) => {
                    items.iter().for_each(|item| self.hear(item));
                    continue;
                }
                Ok(Err(failure)) => failure,
                Err(RecvError::Lagged(_)) => match self.catch_up().await {
                    Ok(()) => continue,
                    Err(failure) => failure,
                },
                Err(RecvError::Closed) => return None,
            };
            self.feed = None;
            return Some(Err(failure));
        }
    }

    /// Takes an item of the feed, unless it was read before.
    fn hear(&mut self, item: &Item) {
        let is_new = match &item.mark {
            Mark::Line(stamp) => self.position.admit(stamp.as_ref()),
            Mark::Count(count) => {
                *count > self.count && {
                    self.count = *count;
                    true
                }
            }
            Mark::Gap => true,
        };
        if is_new {
            self.backlog.push_back(self.event(item));
        }
    }

    /// Reads from the stored log what this listener has not heard.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let Some(replay) = &self.replay else { return Ok(()) };
        let items = replay.missed(&mut self.position).await?;
        let events: Vec<_> = items.iter().map(|item| self.event(item)).collect();
        self.backlog.extend(events);
        Ok(())
    }

    fn event(&self, item: &Item) -> Event {
        let name = if matches!(item.mark, Mark::Gap) { "gap".into() } else { Arc::clone(&self.name) };
        Event { id: item.id.clone(), name, data: item.data.clone() }
    }
}

impl Streams {
    pub(super) fn new(settings: config::Streams) -> Arc<Self> {
        Arc::new(Self {
            settings,
            feeds: Mutex::default(),
            places: Mutex::default(),
            closing: CancellationToken::new(),
        })
    }

    pub(super) fn settings(&self) -> &config::Streams {
        &self.settings
    }

    fn enter(streams: &Arc<Self>, caller: Fingerprint) -> Result<Place, Failure> {
        if streams.closing.is_cancelled() {
            return Err(Failure::ShuttingDown);
        }
        let mut places = streams.places();
        let own = places.by_caller.get(&caller).copied().unwrap_or_default();
        if own >= streams.settings.max_per_caller {
            return Err(Failure::TooManyStreams(streams.settings.max_per_caller));
        }
        if places.taken >= streams.settings.max_total {
            return Err(Failure::TooManyStreams(streams.settings.max_total));
        }
        places.taken += 1;
        places.by_caller.insert(caller, own + 1);
        Ok(Place { streams: Arc::clone(streams), caller })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.streams.places();
        places.taken = places.taken.saturating_sub(1);
        if let Some(own) = places.by_caller.get_mut(&self.caller) {
            *own -= 1;
            if *own == 0 {
                places.by_caller.remove(&self.caller);
            }
        }
    }
}

fn fingerprint(context: &Context) -> Fingerprint {
    context.caller.as_ref().map_or(Fingerprint::EVERYBODY, |caller| caller.fingerprint)
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Streams};
    use crate::{config::Config, gateway::Failure};

    #[test]
    fn no_stream_begins_during_a_shutdown() {
        let streams = Streams::new(Config::load_with(None, |_| None).expect("the defaults").streams);
        assert!(Streams::enter(&streams, Fingerprint::EVERYBODY).is_ok());
        streams.closing.cancel();
        let refused = Streams::enter(&streams, Fingerprint::EVERYBODY).err();
        assert!(matches!(refused, Some(Failure::ShuttingDown)), "{refused:?}");
    }
}
