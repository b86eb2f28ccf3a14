//! Connections to Houston over plain HTTP: which call goes over which, when one is given up, and that nothing is sent
//! twice when one ends.

mod wire;

use crate::harness::{OWNER, World};
use axum::http::StatusCode;
use reqwest::Method;
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{io::AsyncReadExt, net::TcpStream, sync::Semaphore, time::sleep};
use wire::{Does, Event, Wire};

/// For how long the gateway keeps an idle connection.
const IDLE: Duration = Duration::from_secs(4);

/// Reads, which has to succeed.
async fn read(world: &World) {
    world.get(OWNER, "/workspaces").await.expect(200);
}

/// Makes a change, and tells the status of the answer.
async fn change(world: &World, label: &str) -> StatusCode {
    world.post(OWNER, "/workspaces", json!({ "label": label })).await.status
}

#[tokio::test]
async fn calls_in_turn_go_over_one_connection() {
    let wire = Wire::listen(|_| Does::Answer).await;
    let world = wire.world().await;
    for turn in 0..5 {
        read(&world).await;
        assert_eq!(change(&world, &format!("Turn {turn}")).await, 201);
    }
    assert_eq!(wire.over(), [0; 10]);
    for (_, asked) in wire.asked() {
        assert!(asked.head.starts_with("post /v1 http/1.1\r\n"), "the request line has the path alone: {}", asked.head);
        let hosts: Vec<_> = asked.head.lines().filter(|line| line.starts_with("host:")).collect();
        assert_eq!(hosts, [format!("host: {}", wire.address)], "{}", asked.head);
    }
}

#[tokio::test]
async fn the_connection_that_came_back_last_goes_first() {
    let signals: [Arc<Semaphore>; 2] = [(); 2].map(|()| Arc::new(Semaphore::new(0)));
    let held = signals.clone();
    let wire = Wire::listen(move |number| held.get(number).cloned().map_or(Does::Answer, Does::AnswerAtSignal)).await;
    let world = wire.world().await;
    let first = read(&world);
    let second = async {
        wire.until_asked(1).await;
        change(&world, "Second").await
    };
    let signal = async {
        wire.until_asked(2).await;
        signals[1].add_permits(1);
        sleep(Duration::from_millis(50)).await;
        signals[0].add_permits(1);
    };
    let ((), status, ()) = tokio::join!(first, second, signal);
    assert_eq!(status, 201);
    for _ in 0..3 {
        read(&world).await;
    }
    assert_eq!(wire.over(), [0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_connection_that_houston_closed_meanwhile_is_no_error() {
    let wire = Wire::listen(|number| if number < 3 { Does::AnswerAndClose(0) } else { Does::Answer }).await;
    let world = wire.world().await;
    read(&world).await;
    wire.until_ended(0).await;
    read(&world).await;
    wire.until_ended(1).await;
    assert_eq!(change(&world, "One").await, 201);
    wire.until_ended(2).await;
    assert_eq!(change(&world, "Two").await, 201);
    assert_eq!(wire.over(), [0, 1, 2, 3]);
    let metrics = world.get("", "/metrics").await.text;
    assert!(metrics.contains("\nhouston_gateway_houston_retries_total 0\n"), "{metrics}");
}

#[tokio::test]
async fn what_was_not_sent_yet_goes_over_another_connection() {
    let close = Arc::new(Semaphore::new(0));
    let signal = Arc::clone(&close);
    let wire = Wire::listen(move |number| match number {
        0 => Does::AnswerAndCloseAtSignal(Arc::clone(&signal)),
        _ => Does::Answer,
    })
    .await;
    let world = wire.world().await;
    let mut caller = TcpStream::connect(world.gateway).await.expect("a connection");
    for number in 0..2 {
        let body = format!("{{\"label\":\"Number {number}\"}}");
        let length = body.len();
        let request = format!(
            "POST /workspaces HTTP/1.1\r\nhost: gateway\r\nx-api-key: {OWNER}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        // The gateway's thread, which is this one, waits for the network next, and finds both at once: the request, and
        // that Houston closed. The request is handled first, and takes a connection that nobody knows to be closed.
        assert_eq!(caller.try_write(request.as_bytes()).expect("room"), request.len());
        close.add_permits(number);
        let mut answer = String::new();
        while !answer.ends_with('}') {
            let mut piece = [0; 4096];
            let length = caller.read(&mut piece).await.expect("an answer");
            assert!(length > 0, "it ends early: {answer}");
            answer.push_str(std::str::from_utf8(&piece[..length]).expect("text"));
        }
        assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
        assert_eq!(wire.changes(&format!("Number {number}")), 1);
    }
    assert_eq!(wire.over(), [0, 1]);
    let metrics = world.get("", "/metrics").await.text;
    assert!(metrics.contains("\nhouston_gateway_houston_retries_total 0\n"), "it is the same call: {metrics}");
}

#[tokio::test]
async fn however_close_the_race_no_change_is_sent_twice() {
    // Houston closes before, while and after the gateway takes the connection for the next call.
    let wire = Wire::listen(|number| Does::AnswerAndClose(number % 100)).await;
    let world = wire.world_with(|config| config.houston.breaker_failures = 1000).await;
    for turn in 0..300 {
        let label = format!("Turn {turn}");
        let status = change(&world, &label).await;
        let arrived = wire.changes(&label);
        assert!(status == 201 && arrived == 1 || status == 502 && arrived <= 1, "{label}: {status}, {arrived} times");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_answer_is_the_end_of_a_change() {
    let wire = Wire::listen(|number| if number == 1 { Does::HalfAnswer } else { Does::Answer }).await;
    let world = wire.world().await;
    read(&world).await;
    assert_eq!(change(&world, "Broken").await, 502);
    assert_eq!(wire.changes("Broken"), 1);
    assert_eq!(change(&world, "Next").await, 201);
    assert_eq!(wire.over(), [0, 0, 1], "and of the connection");
}

#[tokio::test]
async fn an_announced_last_answer_is_the_last() {
    let wire = Wire::listen(|number| if number == 0 { Does::AnswerLast } else { Does::Answer }).await;
    let world = wire.world().await;
    for label in ["Zero", "One", "Two"] {
        assert_eq!(change(&world, label).await, 201);
    }
    assert_eq!(wire.over(), [0, 1, 1]);
    wire.until_ended(0).await;
}

#[tokio::test]
async fn a_late_answer_is_nobodys() {
    let late = Duration::from_millis(600);
    let wire = Wire::listen(move |number| if number == 1 { Does::AnswerAfter(late) } else { Does::Answer }).await;
    let world = wire.world_with(|config| config.houston.deadline = Duration::from_millis(150)).await;
    read(&world).await;
    assert_eq!(change(&world, "Late").await, 504);
    assert_eq!(change(&world, "Next").await, 201);
    sleep(late).await;
    read(&world).await;
    assert_eq!(wire.over(), [0, 0, 1, 1], "the connection that owes an answer is closed");
    wire.until_ended(0).await;
    assert_eq!(wire.changes("Late"), 1);
}

#[tokio::test]
async fn the_connection_of_a_caller_who_went_away_is_closed_and_no_other() {
    let late = Duration::from_millis(600);
    let wire = Wire::listen(move |number| if number == 0 { Does::AnswerAfter(late) } else { Does::Answer }).await;
    let world = wire.world().await;
    let impatient = world.request(OWNER, Method::GET, "/workspaces").timeout(Duration::from_millis(200)).send();
    let patient = async {
        wire.until_asked(1).await;
        read(&world).await;
    };
    let (impatient, ()) = tokio::join!(impatient, patient);
    assert!(impatient.is_err(), "the caller is gone");
    wire.until_ended(0).await;
    read(&world).await;
    sleep(late).await;
    read(&world).await;
    assert_eq!(wire.over(), [0, 1, 1, 1]);
}

#[tokio::test]
async fn who_is_idle_for_too_long_is_not_used() {
    let wire = Wire::listen(|_| Does::Answer).await;
    let world = wire.world().await;
    read(&world).await;
    sleep(IDLE - Duration::from_secs(1)).await;
    read(&world).await;
    sleep(IDLE + Duration::from_millis(200)).await;
    assert_eq!(change(&world, "Later").await, 201);
    assert_eq!(wire.over(), [0, 0, 1]);
}

#[tokio::test]
async fn who_is_idle_for_too_long_is_closed_without_a_call() {
    let wire = Wire::listen(|_| Does::Answer).await;
    let world = wire.world().await;
    let _some_at_once = tokio::join!(read(&world), read(&world), read(&world));
    let began = Instant::now();
    wire.until(|events| {
        let count = |what: fn(&Event) -> bool| events.iter().filter(|event| what(event)).count();
        count(|event| matches!(event, Event::Opened(_))) == count(|event| matches!(event, Event::Ended(_)))
    })
    .await;
    let took = began.elapsed();
    assert!(took > IDLE - Duration::from_millis(100) && took < IDLE * 2 + Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let wire = Wire::listen(|_| Does::Answer).await;
    let port = wire.address.port();
    // A name that commonly stands for ::1, where nobody listens, and for 127.0.0.1.
    let url = format!("http://localhost:{port}/some/where?x=1");
    let world = wire.world_with(|config| config.houston.url = url.parse().expect("a URL")).await;
    read(&world).await;
    let (_, asked) = wire.asked().remove(0);
    assert!(asked.head.starts_with("post /some/where?x=1 http/1.1\r\n"), "{}", asked.head);
    assert!(asked.head.contains(&format!("\r\nhost: localhost:{port}\r\n")), "{}", asked.head);
}
