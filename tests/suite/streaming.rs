//! Streams: logs, metrics and health as Server-Sent Events, and as snapshots.

use crate::harness::{ADMIN, OWNER, Reply, VIEWER, World};
use houston_gateway::config::Config;
use houston_schema::{NEWEST, Version};
use houston_sim::{Fault, Settings, Trouble};
use http::StatusCode;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const OLDEST: Version = Version::new(0, 25, 0);

/// Nothing here takes longer; what does has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Houston whose streams are quick.
fn quick(version: Version) -> Settings {
    Settings {
        version,
        log_interval: Duration::from_millis(2),
        metrics_interval: Duration::from_millis(10),
        status_interval: Duration::from_millis(10),
        keep_alive: Duration::from_millis(20),
        ..Settings::default()
    }
}

fn impatient(config: &mut Config) {
    config.streams.retry = Duration::from_millis(4);
}

async fn world() -> World {
    World::with(quick(NEWEST), impatient).await
}

/// A deployment that the demo users may see, and one that only others may.
fn deployment(world: &World) -> String {
    world.houston.deployment_id("stellar-horizon-4217").expect("a deployment")
}

fn foreign(world: &World) -> String {
    world.houston.deployment_id("galactic-zenith-5120").expect("a deployment")
}

fn logs(world: &World) -> String {
    format!("/deployments/{}/logs/stream", deployment(world))
}

/// An open stream.
struct Listener {
    response: Response,
    buffer: String,
    comments: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }

    fn message(&self) -> String {
        assert_eq!(self.name, "log", "{self:?}");
        self.json()["message"].as_str().expect("a message").to_owned()
    }
}

impl Listener {
    async fn open(request: RequestBuilder) -> Self {
        let response = timeout(PATIENCE, request.send()).await.expect("in time").expect("an answer");
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, buffer: String::new(), comments: 0 }
    }

    async fn at(world: &World, token: &str, path: &str) -> Self {
        Self::open(world.request(token, Method::GET, path)).await
    }

    async fn after(world: &World, token: &str, path: &str, id: &str) -> Self {
        Self::open(world.request(token, Method::GET, path).header("last-event-id", id)).await
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let mut event = Event::default();
                for line in block.lines() {
                    let (field, value) = line.split_once(':').expect("a field");
                    let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
                    match field {
                        "" => self.comments += 1,
                        "id" => event.id = value,
                        "event" => event.name = value,
                        "data" => event.data += &value,
                        "retry" => {}
                        _ => panic!("{line}"),
                    }
                }
                self.buffer = rest.to_owned();
                if event != Event::default() {
                    return Some(event);
                }
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("in time").expect("no broken stream")?;
            self.buffer += str::from_utf8(&chunk).expect("text");
        }
    }

    async fn event(&mut self) -> Event {
        self.next().await.expect("an event")
    }

    async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.event().await.message());
        }
        messages
    }
}

fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("line {number}")).collect()
}

fn write(world: &World, range: std::ops::Range<usize>) {
    for line in numbered(range) {
        assert!(world.houston.push_log(&deployment(world), "scheduler", &line));
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn lines_in_order_over_both_protocols_old_and_new() {
    for version in [OLDEST, NEWEST] {
        for transport_ws in [false, true] {
            let world = World::with(Settings { transport_ws, ..quick(version) }, impatient).await;
            write(&world, 0..3);
            sleep(Duration::from_millis(2)).await;
            let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
            write(&world, 3..40);
            let first = listener.event().await;
            assert_eq!(first.message(), "line 3", "at {version}");
            let line = first.json();
            let id = format!("{}~{}", line["timestamp"].as_str().expect("a time"), line["id"].as_str().expect("an id"));
            assert_eq!(first.id, id);
            assert_eq!(listener.messages(36).await, numbered(4..40), "at {version}");
        }
    }
}

#[tokio::test]
async fn headers_of_a_stream() {
    let world = world().await;
    let request = world.request(OWNER, Method::GET, &logs(&world)).header("accept-encoding", "gzip, zstd");
    let mut listener = Listener::open(request).await;
    let headers = listener.response.headers().clone();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(headers.contains_key("x-request-id"));
    assert!(!headers.contains_key("content-encoding"), "a compressor would hold events back");
    let first = listener.response.chunk().await.expect("a chunk").expect("a chunk");
    assert_eq!(first, "retry: 4\n\n");

    assert_eq!(
        world.get("", "/metrics").await.text.lines().filter(|line| *line == "houston_gateway_streams_open 1").count(),
        1
    );
    for (accept, status) in [("text/csv", 406), ("*/*", 200), ("text/*", 200), ("text/event-stream;q=0", 406)] {
        let request = world.request(OWNER, Method::GET, &logs(&world)).header("accept", accept);
        assert_eq!(request.send().await.expect("an answer").status(), status, "{accept}");
    }
    let status = logs(&world).replace("/logs/", "/status/");
    let first = world.send(world.request(OWNER, Method::GET, &status).header("accept", "application/json")).await;
    assert_eq!(first.expect(200).json(), serde_json::json!({ "status": "HEALTHY" }), "the first event alone");
    world.houston.forget_calls();
    let head = world.send(world.request(OWNER, Method::HEAD, &logs(&world))).await.expect(200);
    assert_eq!(head.header("content-type"), "text/event-stream");
    assert_eq!(world.houston.calls().total(), 0);
}

#[tokio::test]
async fn resuming_loses_and_doubles_nothing() {
    for version in [OLDEST, NEWEST] {
        let world = World::with(quick(version), impatient).await;
        let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
        write(&world, 0..10);
        // All ten are of the same millisecond, or nearly so.
        let fifth = loop {
            let event = listener.event().await;
            if event.message() == "line 4" {
                break event;
            }
        };
        drop(listener);
        write(&world, 10..20);
        let mut listener = Listener::after(&world, OWNER, &logs(&world), &fifth.id).await;
        assert_eq!(listener.messages(15).await, numbered(5..20), "at {version}");
        write(&world, 20..25);
        assert_eq!(listener.messages(5).await, numbered(20..25), "at {version}");
    }
}

#[tokio::test]
async fn starting_at_a_time() {
    let world = world().await;
    write(&world, 0..5);
    let mut listener = Listener::at(&world, OWNER, &(logs(&world) + "?since=2020-01-01T00:00:00Z")).await;
    assert_eq!(listener.messages(5).await, numbered(0..5));
    let refused = world.get(OWNER, &(logs(&world) + "?since=yesterday")).await.expect(400);
    assert_eq!(refused.problem(), "INVALID_REQUEST");
    let request = world.request(OWNER, Method::GET, &logs(&world)).header("last-event-id", "17");
    assert_eq!(world.send(request).await.expect(400).problem(), "INVALID_REQUEST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_listeners_while_houston_drops_connections() {
    let world = World::with(quick(NEWEST), |config| {
        impatient(config);
        config.streams.max_per_caller = 300;
    })
    .await;
    let path = logs(&world);
    world.houston.faults().add(Fault::new(Trouble::DropSocketAfter(7)).on("log"));
    let opening = (0..200).map(|_| Listener::at(&world, OWNER, &path));
    let listeners: Vec<_> = futures_util::future::join_all(opening).await;
    assert_eq!(world.houston.subscriptions(), 1, "one caller, one log, one subscription");

    let other = Listener::at(&world, ADMIN, &path).await;
    let everybody = listeners.into_iter().chain([other]);
    let reading = everybody.map(|mut listener| tokio::spawn(async move { listener.messages(200).await }));
    let reading: Vec<_> = reading.collect();
    for number in 0..200 {
        write(&world, number..number + 1);
        if number == 100 {
            // A restart.
            world.houston.faults().add(Fault::new(Trouble::Status(StatusCode::BAD_GATEWAY)).on("ws").times(2));
        }
        sleep(Duration::from_millis(1)).await;
    }
    for messages in futures_util::future::join_all(reading).await {
        assert_eq!(messages.expect("a list"), numbered(0..200));
    }
    assert!(world.houston.calls().field("log") > 10, "connections were dropped");
}

#[tokio::test]
async fn houston_cuts_streams_off() {
    let settings = Settings { stream_limit: Duration::from_millis(40), ..quick(NEWEST) };
    let world = World::with(settings, impatient).await;
    let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
    for number in 0..60 {
        write(&world, number..number + 1);
        sleep(Duration::from_millis(4)).await;
    }
    assert_eq!(listener.messages(60).await, numbered(0..60));
    assert!(world.houston.calls().field("log") > 3);
}

#[tokio::test]
async fn a_slow_reader_misses_nothing_and_holds_nobody_up() {
    let world = World::with(quick(NEWEST), |config| {
        impatient(config);
        config.streams.buffer_events = 4;
    })
    .await;
    let mut slow = Listener::at(&world, OWNER, &logs(&world)).await;
    let mut brisk = Listener::at(&world, OWNER, &logs(&world)).await;
    let long = "x".repeat(64 << 10);
    for number in 0..200 {
        world.houston.push_log(&deployment(&world), "worker", &format!("{number} {long}"));
        assert!(brisk.event().await.message().starts_with(&format!("{number} ")));
    }
    for number in 0..200 {
        assert!(slow.event().await.message().starts_with(&format!("{number} ")));
    }
}

#[tokio::test]
async fn samples_come_numbered_and_the_latest_at_once() {
    for version in [OLDEST, NEWEST] {
        let world = World::with(quick(version), impatient).await;
        let mut listener = Listener::at(
            &world,
            OWNER,
            &format!("/deployments/{}/metrics/stream?type=DEPLOYMENT_STATUS", deployment(&world)),
        )
        .await;
        for number in 1..4 {
            let event = listener.event().await;
            assert_eq!((event.name.as_str(), event.id.as_str()), ("metrics", number.to_string().as_str()));
            assert!(event.json()[0]["label"].is_string(), "{event:?}");
        }
        let mut listener =
            Listener::at(&world, OWNER, &format!("/deployments/{}/status/stream", deployment(&world))).await;
        let event = listener.event().await;
        assert_eq!(event.name, "status");
        assert!(event.json()["status"].is_string(), "{event:?}");
    }
}

#[tokio::test]
async fn snapshots_are_the_first_event() {
    for version in [OLDEST, NEWEST] {
        let world = World::with(quick(version), impatient).await;
        let base = format!("/deployments/{}", deployment(&world));
        let metrics = world.get(OWNER, &format!("{base}/metrics")).await.expect(200).json();
        assert!(metrics["value"][0]["label"].is_string(), "{metrics}");
        let status = world.get(OWNER, &format!("{base}/status")).await.expect(200);
        assert!(status.json()["status"].is_string(), "{status:?}");
        assert!(world.get(OWNER, &format!("{base}/status")).await.expect(200).header("cache-status").contains("hit"));
        assert_eq!(world.houston.calls().field("deploymentStatus"), 1);
        until("snapshots end their subscriptions", || world.houston.subscriptions() == 0).await;

        let refused = world.get(VIEWER, &format!("/deployments/{}/metrics", foreign(&world))).await.expect(403);
        assert_eq!(refused.problem(), "FORBIDDEN", "at {version}");
        assert_eq!(
            world.get("nonsense-token", &format!("{base}/metrics")).await.expect(401).problem(),
            "UNAUTHENTICATED"
        );
        world.houston.faults().add(Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on("ws"));
        let down = world.get(OWNER, &format!("{base}/metrics?type=DEPLOYMENT_TASKS")).await.expect(503);
        assert_eq!(down.problem(), "HOUSTON_UNAVAILABLE");
    }
}

#[tokio::test]
async fn what_is_refused_is_a_problem() {
    for version in [OLDEST, NEWEST] {
        for transport_ws in [false, true] {
            let world = World::with(Settings { transport_ws, ..quick(version) }, impatient).await;
            let foreign = foreign(&world);
            for stream in ["logs", "metrics"] {
                let path = format!("/deployments/{foreign}/{stream}/stream");
                assert_eq!(world.get("", &path).await.expect(401).problem(), "UNAUTHENTICATED");
                assert_eq!(world.get("nonsense-token", &path).await.expect(401).problem(), "UNAUTHENTICATED");
                assert_eq!(world.get(VIEWER, &path).await.expect(403).problem(), "FORBIDDEN", "at {version}");
            }
            assert_eq!(world.get(OWNER, "/deployments/nothing/status/stream").await.expect(404).problem(), "NOT_FOUND");
            until("refused streams are gone", || world.houston.subscriptions() == 0).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_later_on_is_an_error_event() {
    let settings = Settings { stream_limit: Duration::from_millis(40), ..quick(NEWEST) };
    let world = World::with(settings, impatient).await;
    let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
    let words = "You do not have the appropriate permissions for that";
    world.houston.faults().add(Fault::error(words, "FORBIDDEN").on("log"));
    write(&world, 0..1);
    assert_eq!(listener.messages(1).await, numbered(0..1));
    let last = listener.event().await;
    assert_eq!(last.name, "error");
    let problem = last.json();
    assert_eq!(problem["code"], "FORBIDDEN");
    assert_eq!(problem["status"], 403);
    assert_eq!(problem["instance"], logs(&world));
    assert_eq!(problem["requestId"], listener.response.headers()["x-request-id"].to_str().expect("an id"));
    assert_eq!(listener.next().await, None);
}

#[tokio::test]
async fn after_repeated_failure_listeners_are_told() {
    let world = world().await;
    world.houston.faults().add(Fault::new(Trouble::DropSocketAfter(1)).on("log"));
    let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
    world.houston.faults().add(Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on("ws"));
    write(&world, 0..1);
    assert_eq!(listener.messages(1).await, numbered(0..1));
    let last = listener.event().await;
    assert_eq!((last.name.as_str(), &last.json()["code"]), ("error", &Value::from("HOUSTON_UNAVAILABLE")));
    assert_eq!(listener.next().await, None);
    // And where they were is where they can go on from, once Houston is back.
    world.houston.faults().clear();
    write(&world, 1..3);
    let id = {
        let mut listener = Listener::at(&world, OWNER, &(logs(&world) + "?since=2020-01-01T00:00:00Z")).await;
        listener.event().await.id
    };
    let mut listener = Listener::after(&world, OWNER, &logs(&world), &id).await;
    assert_eq!(listener.messages(2).await, numbered(1..3));
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let world = World::with(quick(NEWEST), |config| config.streams.heartbeat = Duration::from_millis(5)).await;
    let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
    sleep(Duration::from_millis(50)).await;
    write(&world, 0..1);
    assert_eq!(listener.messages(1).await, numbered(0..1));
    assert!(listener.comments >= 3, "{}", listener.comments);
}

#[tokio::test]
async fn streams_are_capped() {
    let world = World::with(quick(NEWEST), |config| {
        config.streams.max_per_caller = 2;
        config.streams.max_total = 3;
    })
    .await;
    let refused = |reply: Reply| {
        let reply = reply.expect(429);
        assert_eq!(reply.problem(), "TOO_MANY_REQUESTS");
        assert_eq!(reply.header("retry-after"), "10");
    };
    let first = Listener::at(&world, OWNER, &logs(&world)).await;
    let _second = Listener::at(&world, OWNER, &logs(&world)).await;
    refused(world.get(OWNER, &logs(&world)).await);
    let _third = Listener::at(&world, ADMIN, &logs(&world)).await;
    refused(world.get(ADMIN, &logs(&world)).await);
    drop(first);
    // The place is free as soon as the gateway has noticed.
    let start = Instant::now();
    while world.request(OWNER, Method::GET, &logs(&world)).send().await.expect("an answer").status() != 200 {
        assert!(start.elapsed() < PATIENCE);
        sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn who_goes_ends_the_subscription() {
    for transport_ws in [false, true] {
        let world = World::with(Settings { transport_ws, ..quick(NEWEST) }, impatient).await;
        let first = Listener::at(&world, OWNER, &logs(&world)).await;
        let second = Listener::at(&world, OWNER, &logs(&world)).await;
        assert_eq!(world.houston.subscriptions(), 1);
        drop(first);
        sleep(Duration::from_millis(20)).await;
        assert_eq!(world.houston.subscriptions(), 1, "somebody listens still");
        drop(second);
        until("the subscription ends", || world.houston.subscriptions() == 0).await;
    }
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_streams() {
    let world = world().await;
    let mut listener = Listener::at(&world, OWNER, &logs(&world)).await;
    write(&world, 0..1);
    assert_eq!(listener.messages(1).await, numbered(0..1));
    let houston = world.houston.clone();
    let start = Instant::now();
    let end = tokio::spawn(async move { listener.next().await });
    world.stop().await;
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(end.await.expect("an end"), None);
    until("the subscription ends", || houston.subscriptions() == 0).await;
}

#[tokio::test]
async fn a_stream_that_opens_during_a_shutdown_is_told_to_come_back() {
    let world = world().await;
    world.houston.faults().add(Fault::new(Trouble::Latency(Duration::from_millis(300))).on("ListDeploymentLogs"));
    let opening = tokio::spawn(world.request(OWNER, Method::GET, &logs(&world)).send());
    let houston = world.houston.clone();
    until("the log is read", || houston.calls().operation("ListDeploymentLogs") > 0).await;
    world.stop().await;
    let response = opening.await.expect("no panic").expect("an answer");
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    let problem: Value = response.json().await.expect("a problem");
    assert_eq!(problem["code"], "OVERLOADED");
}
