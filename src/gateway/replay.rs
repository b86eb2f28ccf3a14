//! Replay: what a listener of a log missed, read from the stored log.
//!
//! Houston's `log` starts when it is subscribed to, whatever time it is given, and it breaks off every 20 minutes. What
//! is written meanwhile stands in `logs`. Reading that after subscribing gives both what fell between and what arrives
//! twice; the lines' ids tell them apart.

use super::{
    CacheRequest, Call, Context, Failure, Gateway, Listing, bind::Bound, keys::value_of, shape, variables::Variables,
};
use crate::{
    catalogue::{Plan, Plans, REPLAY_SINCE},
    problem::{Fault, Place},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::VecDeque, sync::Arc};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};
use xxhash_rust::xxh3::xxh3_64;

/// Lines reach the store some seconds after they were written, and not in order: so far back is looked again.
const LATE: Duration = Duration::seconds(10);

/// `logs` gives at most 800 lines; so many more are remembered than what listeners may have waiting.
const REMEMBERED: usize = 1024;

/// The times of log lines are in milliseconds.
const TICK: Duration = Duration::MILLISECOND;

/// Something for a listener.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) data: Bytes,
    /// What a listener who got it sends to go on from here; `None` leaves that as it is.
    pub(super) id: Option<Arc<str>>,
    pub(super) mark: Mark,
}

/// What tells an item from others.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A log line; none if it does not say where it stands.
    Line(Option<Stamp>),
    /// The number of an event that cannot be replayed.
    Count(u64),
    /// Lines are missing here.
    Gap,
}

/// Where a line stands in the log. As text, `<timestamp>~<id>`, it is the id of an event.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    at: OffsetDateTime,
    text: Arc<str>,
    /// A hash of the line's id.
    key: u64,
}

impl Stamp {
    /// The stamp of a line, if it has an id and a time.
    pub(super) fn of(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            id: Cow<'a, str>,
            #[serde(borrow)]
            timestamp: Cow<'a, str>,
        }
        let line: Line<'_> = serde_json::from_str(line).ok()?;
        Self::parse(&format!("{}~{}", line.timestamp, line.id))
    }

    /// Reads the id of an event.
    fn parse(text: &str) -> Option<Self> {
        let (timestamp, id) = text.split_once('~')?;
        // An id with a line break in it would be two fields of an event.
        let sane = !id.is_empty() && !text.chars().any(char::is_control);
        let at = OffsetDateTime::parse(timestamp, &Rfc3339).ok().filter(|_| sane)?;
        Some(Self { at, text: text.into(), key: xxh3_64(id.as_bytes()) })
    }
}

/// How far a log has been read.
#[derive(Clone, Debug)]
pub(super) struct Position {
    /// Nothing from before is wanted.
    floor: OffsetDateTime,
    /// The newest line so far.
    newest: Option<Stamp>,
    /// The keys of the last lines.
    seen: VecDeque<u64>,
    remembered: usize,
    /// Whether the lines around `newest` were read on another connection, so that nobody remembers them.
    resumed: bool,
}

impl Position {
    /// From `floor` on. `waiting` is how many items may wait for a listener.
    fn from(floor: OffsetDateTime, waiting: usize) -> Self {
        let remembered = REMEMBERED + 2 * waiting;
        Self { floor, newest: None, seen: VecDeque::new(), remembered, resumed: false }
    }

    /// From now on, by the gateway's clock: whatever is written before Houston has started the subscription counts.
    pub(super) fn now(waiting: usize) -> Self {
        let now = OffsetDateTime::now_utc();
        Self::from(now.replace_millisecond(now.millisecond()).unwrap_or(now), waiting)
    }

    /// From where a listener says it is: after the event of this id, or else after a time. `None`: it does not say.
    pub(super) fn asked(
        last_event: Option<&str>,
        since: Option<&str>,
        waiting: usize,
    ) -> Result<Option<Self>, Failure> {
        if let Some(id) = last_event {
            let Some(stamp) = Stamp::parse(id) else {
                let detail = "is not the id of an event of this stream; without it the stream starts now";
                let at = Place::Header("Last-Event-ID".to_owned());
                return Err(Failure::Invalid([Fault { at, detail: detail.to_owned() }].into()));
            };
            let mut position = Self::from(stamp.at - TICK, waiting);
            position.admit(Some(&stamp));
            position.resumed = true;
            return Ok(Some(position));
        }
        let since = since.and_then(|text| OffsetDateTime::parse(text.trim_matches('"'), &Rfc3339).ok());
        Ok(since.map(|since| Self::from(since, waiting)))
    }

    /// Whether a line is new; it is not from now on.
    pub(super) fn admit(&mut self, stamp: Option<&Stamp>) -> bool {
        let Some(stamp) = stamp else { return true };
        if self.seen.contains(&stamp.key) {
            return false;
        }
        if self.seen.len() == self.remembered {
            self.seen.pop_front();
        }
        self.seen.push_back(stamp.key);
        if self.newest.as_ref().is_none_or(|newest| newest.at <= stamp.at) {
            self.newest = Some(stamp.clone());
        }
        true
    }

    /// The id of the event that was just admitted: from where to go on, so a late line has that of the newest.
    pub(super) fn id(&self) -> Option<Arc<str>> {
        self.newest.as_ref().map(|newest| Arc::clone(&newest.text))
    }

    /// The time after which missed lines are looked for.
    fn since(&self) -> OffsetDateTime {
        match &self.newest {
            None => self.floor,
            // Houston's clock is behind the gateway's.
            Some(newest) if newest.at <= self.floor => newest.at - TICK,
            Some(newest) => self.floor.max(newest.at - LATE),
        }
    }
}

/// Reads the stored log.
#[derive(Clone)]
pub(super) struct Replay {
    gateway: Arc<Gateway>,
    plan: Arc<Plan>,
    variables: Variables,
    context: Context,
}

impl Replay {
    /// The replay of a stream, if its operation names one that this Houston has.
    pub(super) async fn of(
        gateway: &Arc<Gateway>,
        plans: &Arc<Plans>,
        stream: &Plan,
        variables: &Variables,
        context: &Context,
    ) -> Result<Option<Self>, Failure> {
        let Some(plan) = stream.operation.replay.as_ref().and_then(|name| plans.by_name(name)) else { return Ok(None) };
        let mut own = Variables::new();
        for (index, input) in plan.inputs.iter().enumerate().filter(|(_, input)| input.name != REPLAY_SINCE) {
            if let Some(value) = value_of(stream, variables, &input.name) {
                own.push(index, &input.name, |out| out.push_str(value));
            }
        }
        let bound = Bound { variables: own, merges: Vec::new() };
        let variables = gateway.complete(plans, plan, bound, context, CacheRequest::default()).await?;
        Ok(Some(Self { gateway: Arc::clone(gateway), plan: Arc::clone(plan), variables, context: context.clone() }))
    }

    /// The lines that are stored and not yet read, oldest first, which are read from now on.
    ///
    /// # Errors
    /// As of the query.
    pub(super) async fn missed(&self, position: &mut Position) -> Result<Vec<Item>, Failure> {
        let mut variables = self.variables.clone();
        if let Some(index) = self.plan.inputs.iter().position(|input| input.name == REPLAY_SINCE) {
            variables.push(index, REPLAY_SINCE, |out| *out += &format!("\"{}\"", text_of(position.since())));
        }
        let call = Call { plan: Arc::clone(&self.plan), variables, listing: Listing::default() };
        let Some(body) = self.gateway.perform(&call, &self.context).await? else { return Ok(Vec::new()) };
        let lines = shape::items(&body).map_err(|why| Failure::BadReply(why.to_string().into()))?;
        Ok(position.read(&lines))
    }
}

impl Position {
    /// Takes in stored lines, and says which of them are new.
    fn read(&mut self, lines: &[&RawValue]) -> Vec<Item> {
        let lines: Vec<_> = lines.iter().filter_map(|line| Some((Stamp::of(line.get())?, line.get()))).collect();
        let mut items = Vec::new();
        let resumed = std::mem::take(&mut self.resumed);
        if let (Some(newest), Some((first, _))) = (self.newest.clone(), lines.first()) {
            match lines.iter().position(|(stamp, _)| stamp.key == newest.key) {
                // What stands before was read on the other connection.
                Some(at) if resumed => {
                    for (stamp, _) in &lines[..=at] {
                        self.admit(Some(stamp));
                    }
                }
                Some(_) => {}
                // The line that was read last is older than all that Houston gives: there may be others between.
                None => items.push(gap(newest.at, first.at)),
            }
        }
        for (stamp, line) in lines {
            if self.admit(Some(&stamp)) {
                let data = Bytes::copy_from_slice(line.as_bytes());
                items.push(Item { data, id: self.id(), mark: Mark::Line(Some(stamp)) });
            }
        }
        items
    }
}

fn gap(after: OffsetDateTime, before: OffsetDateTime) -> Item {
    let data = format!(r#"{{"after":"{}","before":"{}"}}"#, text_of(after), text_of(before));
    Item { data: data.into(), id: None, mark: Mark::Gap }
}

fn text_of(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Item, Mark, Position, Stamp};
    use serde_json::value::RawValue;

    fn line(second: u32, id: &str) -> Box<RawValue> {
        let line = format!(r#"{{"id":"{id}","timestamp":"2025-11-18T09:00:{second:02}.000Z","message":"…"}}"#);
        RawValue::from_string(line).expect("JSON")
    }

    /// The ids of the lines that are new, `…` for a gap.
    fn read(position: &mut Position, lines: &[Box<RawValue>]) -> String {
        let lines: Vec<&RawValue> = lines.iter().map(|line| &**line).collect();
        let name = |item: Item| match item.mark {
            Mark::Line(Some(stamp)) => stamp.text.split_once('~').expect("an id").1.to_owned(),
            Mark::Gap => "…".to_owned(),
            other => panic!("{other:?}"),
        };
        position.read(&lines).into_iter().map(name).collect()
    }

    fn resumed(id: &str) -> Position {
        Position::asked(Some(id), None, 16).expect("an id").expect("a position")
    }

    #[test]
    fn a_line_is_read_once() {
        let mut position = Position::asked(None, Some("\"2025-11-18T09:00:00Z\""), 16).expect("a time").expect("one");
        assert_eq!(read(&mut position, &[line(1, "a"), line(1, "b")]), "ab");
        assert_eq!(read(&mut position, &[line(1, "a"), line(1, "b"), line(1, "c")]), "c");
        assert!(!position.admit(Stamp::of(line(1, "c").get()).as_ref()));
        assert!(position.admit(Stamp::of(line(2, "d").get()).as_ref()));
        assert_eq!(position.id().as_deref(), Some("2025-11-18T09:00:02.000Z~d"));
    }

    #[test]
    fn a_late_line_does_not_move_the_place_to_go_on_from() {
        let mut position = resumed("2025-11-18T09:00:05.000Z~e");
        assert_eq!(read(&mut position, &[line(5, "e"), line(6, "f")]), "f");
        assert_eq!(read(&mut position, &[line(4, "d"), line(5, "e"), line(6, "f")]), "d");
        assert_eq!(position.id().as_deref(), Some("2025-11-18T09:00:06.000Z~f"));
    }

    #[test]
    fn resuming_in_the_middle_of_a_millisecond() {
        let mut position = resumed("2025-11-18T09:00:01.000Z~b");
        assert_eq!(read(&mut position, &[line(1, "a"), line(1, "b"), line(1, "c"), line(2, "d")]), "cd");
        assert_eq!(read(&mut position, &[line(1, "a"), line(1, "b"), line(1, "c"), line(2, "d")]), "");
    }

    #[test]
    fn lines_that_are_gone_leave_a_gap() {
        let mut position = resumed("2025-11-18T09:00:01.000Z~b");
        assert_eq!(read(&mut position, &[line(30, "y"), line(31, "z")]), "…yz");
        assert_eq!(read(&mut position, &[line(30, "y"), line(31, "z")]), "");
        assert_eq!(read(&mut position, &[]), "");
    }

    #[test]
    fn only_ids_of_events_are_taken() {
        for id in ["", "7", "yesterday~a", "2025-11-18T09:00:01.000Z~", "2025-11-18T09:00:01.000Z~a\nb"] {
            assert!(Position::asked(Some(id), None, 16).is_err(), "{id}");
        }
    }
}
