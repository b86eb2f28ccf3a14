//! Random callers at the same time, against a model of what each of them may see.
//!
//! The model: every caller owns a workspace whose description counts its owner's changes, and into which she lets
//! somebody and out again. Houston is asked by the gateway alone, so whoever reads sees at least what was acknowledged
//! when the read began, and at most what was sent when it ended. Entries live for milliseconds and few fit into the
//! cache, so they grow stale, expire and make room all the time; Houston is slow, breaks off and fails; readers and
//! writers go away; operators empty the cache.

use super::inside::{Inside, json, status};
use crate::harness::ADMIN;
use futures_util::future::{join, join_all, poll_immediate};
use houston_gateway::{
    cache::Limits,
    gateway::{
        Answer,
        CacheOutcome::{Bypass, Hit, Miss},
        CacheRequest, Failure,
    },
};
use houston_sim::{Fault, Trouble};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Runtime, time::sleep};

const PEOPLE: [&str; 3] = ["jane.doe@example.com", "viewer@example.com", "marta.kowalska@example.com"];
const GUEST: &str = "fatima.zahra@example.com";

const TTL: Duration = Duration::from_millis(100);

/// A few answers.
const CAPACITY: u64 = 9_000;

const LIMITS: Limits = Limits {
    capacity_bytes: CAPACITY,
    entry_bytes: 4_000,
    stale_while_revalidate: Duration::from_millis(50),
    stale_if_error: Duration::from_millis(300),
    absence: Duration::from_millis(100),
};

#[derive(Clone, Debug)]
enum Act {
    /// Reads somebody's workspace: one's own, one that is shared, or one that is none of one's business.
    Read {
        of: usize,
        wishes: CacheRequest,
    },
    /// Lists one's workspaces.
    List,
    /// Looks whether the guest is in one's own workspace.
    LookForGuest,
    /// Changes one's own workspace.
    Write,
    /// The same, reading all the while.
    WriteAndRead,
    /// The same, but goes away before the answer.
    WriteAndLeave,
    /// Reads and goes away.
    ReadAndLeave {
        of: usize,
    },
    /// Lets the guest in, or throws her out.
    Guest {
        is_in: bool,
    },
    /// Founds a workspace, looks at it, closes it, and looks again.
    FoundAndClose,
    /// Houston gets into trouble.
    Trouble {
        kind: u8,
        times: u32,
    },
    Wait {
        milliseconds: u64,
    },
    EmptyCache,
}

fn wishes() -> impl Strategy<Value = CacheRequest> {
    let none = CacheRequest::default();
    select(vec![
        none,
        none,
        none,
        CacheRequest { no_cache: true, ..none },
        CacheRequest { no_store: true, ..none },
        CacheRequest { only_if_cached: true, ..none },
        CacheRequest { max_age: Some(Duration::ZERO), ..none },
        CacheRequest { max_age: Some(TTL / 4), ..none },
        CacheRequest { min_fresh: Some(TTL / 4), ..none },
    ])
}

/// Who does what.
fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let of = 0..PEOPLE.len();
    let act = prop_oneof![
        16 => (of.clone(), wishes()).prop_map(|(of, wishes)| Act::Read { of, wishes }),
        2 => Just(Act::List),
        4 => Just(Act::LookForGuest),
        3 => Just(Act::Write),
        3 => Just(Act::WriteAndRead),
        1 => Just(Act::WriteAndLeave),
        2 => of.prop_map(|of| Act::ReadAndLeave { of }),
        2 => any::<bool>().prop_map(|is_in| Act::Guest { is_in }),
        1 => Just(Act::FoundAndClose),
        4 => (any::<u8>(), 1..3u32).prop_map(|(kind, times)| Act::Trouble { kind, times }),
        1 => (1..150u64).prop_map(|milliseconds| Act::Wait { milliseconds }),
        1 => Just(Act::EmptyCache),
    ];
    vec((0..PEOPLE.len(), act), 20..80)
}

/// One caller, and what the model knows of her workspace.
struct Person {
    token: String,
    workspace: String,
    /// Numbers of changes.
    sent: AtomicU64,
    acknowledged: AtomicU64,
}

/// The first two share their workspaces with each other; the third keeps hers to herself.
fn may_read(reader: usize, owner: usize) -> bool {
    reader == owner || (reader < 2 && owner < 2)
}

struct Room {
    inside: Inside,
    people: Vec<Person>,
    guest: String,
    /// What the cache did for those who read, and how often.
    outcomes: Mutex<BTreeMap<usize, usize>>,
    evictions: Mutex<u64>,
}

impl Room {
    async fn new() -> Self {
        let inside = Inside::new(LIMITS, |catalogue| {
            for operation in ["ListWorkspaces", "GetWorkspace", "GetWorkspaceUser"] {
                catalogue.set_ttl(operation, TTL).expect("it is cached");
            }
        })
        .await;
        let world = &inside.world;
        let mut people = Vec::new();
        for email in PEOPLE {
            let token = world.houston.token(email).expect("a user");
            let label = json!({ "label": format!("The workspace of {email}") });
            let workspace = world.post(&token, "/workspaces", label).await.expect(201).json();
            let workspace = workspace["id"].as_str().expect("an id").to_owned();
            people.push(Person { token, workspace, sent: AtomicU64::new(0), acknowledged: AtomicU64::new(0) });
        }
        for (owner, email) in [(0, PEOPLE[1]), (1, PEOPLE[0])] {
            let Person { token, workspace, .. } = &people[owner];
            let member = json!({ "email": email, "role": "WORKSPACE_VIEWER" });
            world.post(token, &format!("/workspaces/{workspace}/users"), member).await.expect(201);
        }
        let guest = world.find(ADMIN, "/users", "username", GUEST).await["id"].as_str().expect("an id").to_owned();
        Self { inside, people, guest, outcomes: Mutex::default(), evictions: Mutex::default() }
    }

    async fn read(&self, reader: usize, path: &str, wishes: CacheRequest) -> Result<Answer, Failure> {
        self.inside.ask(&self.people[reader].token, Method::GET, path, &Value::Null, wishes).await
    }

    async fn change(&self, who: usize, method: Method, path: &str, body: Value) -> Result<Answer, Failure> {
        self.inside.ask(&self.people[who].token, method, path, &body, CacheRequest::default()).await
    }

    /// Reads a workspace and checks it against the model. Whether it was answered.
    async fn look(&self, reader: usize, owner: usize, wishes: CacheRequest) -> Result<bool, TestCaseError> {
        let person = &self.people[owner];
        let at_least = person.acknowledged.load(Ordering::SeqCst);
        let read = self.read(reader, &format!("/workspaces/{}", person.workspace), wishes).await;
        let at_most = person.sent.load(Ordering::SeqCst);
        let Ok(answer) = read else { return Ok(false) };
        lock(&self.outcomes).entry(answer.cache as usize).and_modify(|count| *count += 1).or_insert(1);
        let read = json(&answer);
        prop_assert!(may_read(reader, owner), "{} sees the workspace of {}: {}", reader, owner, read);
        prop_assert_eq!(&read["id"], person.workspace.as_str());
        let seen = read["description"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0);
        prop_assert!(
            (at_least..=at_most).contains(&seen),
            "{} sees change {} of {} ({:?}), not {} to {}",
            reader,
            seen,
            owner,
            answer.cache,
            at_least,
            at_most
        );
        Ok(true)
    }

    /// Changes one's own workspace. Who leaves before the answer comes back only when she sees that it was done: two
    /// changes of hers are never on their way at the same time, or nobody could say which one is the later.
    async fn write(&self, who: usize, leaves: bool) {
        let Person { workspace, sent, acknowledged, .. } = &self.people[who];
        let number = sent.fetch_add(1, Ordering::SeqCst) + 1;
        let path = format!("/workspaces/{workspace}");
        let description = json!({ "description": number.to_string() });
        let change = self.change(who, Method::PATCH, &path, description.clone());
        if !leaves {
            if change.await.is_ok() {
                acknowledged.store(number, Ordering::SeqCst);
            }
            return;
        }
        // Polled once, it is on its way, if not done.
        drop(poll_immediate(Box::pin(change)).await);
        let no_store = CacheRequest { no_store: true, ..CacheRequest::default() };
        loop {
            let seen = self.read(who, &path, no_store).await;
            if seen.is_ok_and(|seen| json(&seen)["description"] == description["description"]) {
                break;
            }
        }
    }

    /// Reads what Houston is about to change, and again when it has.
    async fn write_and_read(&self, who: usize) -> Result<(), TestCaseError> {
        let slow = Fault::new(Trouble::Latency(Duration::from_millis(10))).on("UpdateWorkspace");
        self.inside.world.houston.faults().add(slow.times(1));
        let well = CacheRequest::default();
        let meanwhile = async {
            sleep(Duration::from_millis(2)).await;
            self.look(who, who, well).await
        };
        let ((), meanwhile) = join(self.write(who, false), meanwhile).await;
        meanwhile?;
        self.look(who, who, well).await.map(drop)
    }

    /// Lists one's workspaces: all that one may read are there, and no other.
    async fn list(&self, who: usize) -> Result<bool, TestCaseError> {
        let Ok(answer) = self.read(who, "/workspaces", CacheRequest::default()).await else { return Ok(false) };
        let list = json(&answer);
        let items = list["value"].as_array().expect("a list");
        for (owner, person) in self.people.iter().enumerate() {
            let shown = items.iter().any(|each| each["id"] == person.workspace.as_str());
            prop_assert_eq!(shown, may_read(who, owner), "what {} sees of {}: {}", who, owner, list);
        }
        Ok(true)
    }

    /// Looks whether the guest is in one's workspace, which `known` says if it is known.
    async fn look_for_guest(&self, who: usize, known: Option<bool>) -> Result<bool, TestCaseError> {
        let path = format!("/workspaces/{}/users/{}", self.people[who].workspace, self.guest);
        let seen = match self.read(who, &path, CacheRequest::default()).await {
            Ok(_) => true,
            Err(failure) if status(&failure) == 404 => false,
            Err(_) => return Ok(false),
        };
        prop_assert!(known.is_none_or(|known| known == seen), "the guest of {}: seen {}, known {:?}", who, seen, known);
        Ok(true)
    }

    /// Lets the guest in, or throws her out. What is known of her afterwards, if `known` was known before.
    async fn guest(&self, who: usize, is_in: bool, known: Option<bool>) -> Option<bool> {
        let users = format!("/workspaces/{}/users", self.people[who].workspace);
        let (method, path, body) = match is_in {
            true => (Method::POST, users, json!({ "email": GUEST, "role": "WORKSPACE_VIEWER" })),
            false => (Method::DELETE, format!("{users}/{}", self.guest), Value::Null),
        };
        match self.change(who, method, &path, body).await {
            Ok(_) => Some(is_in),
            Err(failure) if failure.is_outage() => None,
            Err(_) => known,
        }
    }

    async fn found_and_close(&self, who: usize) -> Result<(), TestCaseError> {
        let label = json!({ "label": format!("For a moment, of {who}") });
        let Ok(founded) = self.change(who, Method::POST, "/workspaces", label).await else { return Ok(()) };
        let path = format!("/workspaces/{}", json(&founded)["id"].as_str().expect("an id"));
        let read = self.read(who, &path, CacheRequest::default()).await;
        prop_assert!(read.as_ref().map_or_else(Failure::is_outage, |_| true), "founded, and {:?}", read);
        if self.change(who, Method::DELETE, &path, Value::Null).await.is_ok() {
            let read = self.read(who, &path, CacheRequest::default()).await;
            prop_assert!(read.is_err(), "closed, and {:?}", read);
        }
        Ok(())
    }

    fn trouble(&self, kind: u8, times: u32) {
        let reads = ["GetWorkspace", "ListWorkspaces", "GetWorkspaceUser"];
        let read = reads[usize::from(kind) % reads.len()];
        let latency = Trouble::Latency(Duration::from_millis(u64::from(kind % 16)));
        let fault = match kind % 9 {
            0 | 1 => Fault::new(latency).on(read),
            2 => Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on(read),
            3 => Fault::new(Trouble::Drop).on(read),
            4 => Fault::new(Trouble::Garbage).on(read),
            5 => Fault::error("boom", "INTERNAL_SERVER_ERROR").on(read),
            6 | 7 => Fault::new(latency).on("UpdateWorkspace"),
            // Houston does it, but nobody hears of it.
            _ => Fault::new(Trouble::Truncate).on("UpdateWorkspace"),
        };
        self.inside.world.houston.faults().add(fault.times(times));
    }

    /// One caller's way through the acts that are hers.
    async fn walk(&self, me: usize, acts: &[(usize, Act)]) -> Result<(), TestCaseError> {
        let mut guest = None;
        for (_, act) in acts.iter().filter(|(who, _)| *who == me) {
            match act {
                Act::Read { of, wishes } => drop(self.look(me, *of, *wishes).await?),
                Act::List => drop(self.list(me).await?),
                Act::LookForGuest => drop(self.look_for_guest(me, guest).await?),
                Act::Write => self.write(me, false).await,
                Act::WriteAndRead => self.write_and_read(me).await?,
                Act::WriteAndLeave => self.write(me, true).await,
                Act::ReadAndLeave { of } => {
                    let path = format!("/workspaces/{}", self.people[*of].workspace);
                    drop(poll_immediate(Box::pin(self.read(me, &path, CacheRequest::default()))).await);
                }
                Act::Guest { is_in } => guest = self.guest(me, *is_in, guest).await,
                Act::FoundAndClose => self.found_and_close(me).await?,
                Act::Trouble { kind, times } => self.trouble(*kind, *times),
                Act::Wait { milliseconds } => sleep(Duration::from_millis(*milliseconds)).await,
                Act::EmptyCache => self.inside.gateway.forget(None),
            }
        }
        Ok(())
    }

    /// Once Houston is well again, nobody hears of its troubles any more. A read may still join one that began before;
    /// the next one may not.
    async fn recover(&self) -> Result<(), TestCaseError> {
        self.inside.world.houston.faults().clear();
        let well = CacheRequest::default();
        for me in 0..PEOPLE.len() {
            prop_assert!(self.look(me, me, well).await? || self.look(me, me, well).await?, "an error of {} stays", me);
            prop_assert!(self.list(me).await? || self.list(me).await?, "an error of {} stays", me);
        }
        Ok(())
    }
}

#[test]
fn everybody_sees_what_is_theirs_and_nothing_older_than_what_was_acknowledged() {
    let runtime = Runtime::new().expect("a runtime");
    let room = RefCell::new(runtime.block_on(Room::new()));
    let settings = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(settings).run(&acts(), |acts| {
        // A cache that nobody has used yet: refusals of earlier rounds would set the callers apart.
        room.borrow_mut().inside.restart(LIMITS);
        let room = room.borrow();
        runtime.block_on(async {
            let walks = (0..PEOPLE.len()).map(|me| room.walk(me, &acts));
            join_all(walks).await.into_iter().collect::<Result<(), _>>()?;
            let cache = room.inside.gateway.cache().expect("a cache");
            let (_, bytes) = cache.size();
            prop_assert!(bytes <= CAPACITY + CAPACITY / 4, "{} bytes", bytes);
            *lock(&room.evictions) += cache.evictions().sum::<u64>();
            room.recover().await
        })
    });
    run.expect("the model holds");
    let outcomes = lock(&room.borrow().outcomes).clone();
    for outcome in [Hit, Miss, Bypass] {
        assert!(outcomes.contains_key(&(outcome as usize)), "nobody was answered by {outcome:?}: {outcomes:?}");
    }
    assert!(*lock(&room.borrow().evictions) > 0, "nothing had to make room");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
