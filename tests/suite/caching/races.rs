//! What happens at the same time, often enough to meet the moments that are hard to meet.

use super::inside::{Inside, json, status};
use crate::harness::OWNER;
use bytes::Bytes;
use futures_util::future::join_all;
use houston_gateway::{
    cache::Limits,
    gateway::{CacheOutcome, CacheRequest, Failure},
};
use houston_sim::{Fault, Trouble};
use reqwest::Method;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

const LIMITS: Limits = Limits {
    capacity_bytes: 1 << 26,
    entry_bytes: 1 << 22,
    stale_while_revalidate: Duration::from_hours(1),
    stale_if_error: Duration::from_hours(1),
    absence: Duration::from_secs(60),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cold_identical_reads_are_one_call_whenever_they_come() {
    let inside = Arc::new(Inside::new(LIMITS, |_| {}).await);
    for round in 1..=20 {
        inside.gateway.forget(None);
        let reads = (0..500).map(|_| {
            let inside = Arc::clone(&inside);
            tokio::spawn(async move { inside.get(OWNER, "/workspaces").await.map(|answer| answer.cache) })
        });
        let outcomes: Vec<_> = join_all(reads).await.into_iter().map(|read| read.expect("no panic")).collect();
        assert_eq!(inside.world.houston.calls().operation("ListWorkspaces"), round, "in round {round}");
        let misses = outcomes.iter().filter(|each| matches!(each, Ok(CacheOutcome::Miss))).count();
        assert!(misses >= 1 && outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
}

#[tokio::test]
async fn what_houston_refuses_to_renew_is_not_used_any_more() {
    let limits = Limits { absence: Duration::ZERO, ..LIMITS };
    for (message, code, expected) in
        [("You do not have the appropriate permissions", "FORBIDDEN", 403), ("No such thing", "BAD_USER_INPUT", 422)]
    {
        let inside = Inside::new(limits, |catalogue| {
            catalogue.set_ttl("GetAuthConfig", Duration::from_millis(1)).expect("it is cached");
            catalogue.set_ttl("ListWorkspaces", Duration::from_millis(1)).expect("it is cached");
        })
        .await;
        for path in ["/workspaces", "/auth/config"] {
            inside.get(OWNER, path).await.expect("an answer");
            sleep(Duration::from_millis(5)).await;
            inside.world.houston.faults().add(Fault::error(message, code).on("ListWorkspaces"));
            inside.world.houston.faults().add(Fault::error(message, code).on("GetAuthConfig"));
            let stale = inside.get(OWNER, path).await.expect("the last one before it is known");
            assert_eq!(stale.cache, CacheOutcome::Stale);
            // Much sooner than the stale one would expire.
            let mut refused = Ok(stale);
            for _ in 0..2000 {
                refused = inside.get(OWNER, path).await;
                if refused.is_err() {
                    break;
                }
                sleep(Duration::from_millis(1)).await;
            }
            let refused = refused.expect_err("a refusal");
            assert!([expected, 401].contains(&status(&refused)), "{refused:?}");
            inside.world.houston.faults().clear();
        }
    }
}

#[tokio::test]
async fn a_slow_answer_does_not_replace_one_that_was_asked_for_later() {
    let inside = Inside::new(LIMITS, |_| {}).await;
    let houston = &inside.world.houston;
    houston.faults().add(Fault::new(Trouble::Latency(Duration::from_millis(700))).on("ListWorkspaces").times(1));
    let no_cache = CacheRequest { no_cache: true, ..CacheRequest::default() };
    let slow = inside.get(OWNER, "/workspaces");
    let quick = async {
        while houston.calls().operation("ListWorkspaces") == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        let quick = inside.ask(OWNER, Method::GET, "/workspaces", &json!(null), no_cache).await.expect("an answer");
        // Behind the gateway's back: no tag tells of it. Only so can the two be told apart, for this Houston looks at its
        // world at the end of the latency; another may have looked before.
        let label = json!({ "label": "Made elsewhere" });
        inside.world.post(OWNER, "/workspaces", label).await.expect(201);
        quick
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_ne!(slow.expect("an answer").body, quick.body);
    let next = inside.get(OWNER, "/workspaces").await.expect("an answer");
    assert_eq!((next.cache, next.body), (CacheOutcome::Hit, quick.body));
}

#[tokio::test]
async fn what_nobody_knows_the_outcome_of_is_not_tried_again() {
    let inside = Arc::new(Inside::new(LIMITS, |_| {}).await);
    let body = json!({ "label": "Once" });
    let post = || inside.ask_once(Some("key"), OWNER, Method::POST, "/workspaces", &body, CacheRequest::default());
    // Houston takes a while, so that all of these wait for the first.
    let latency = Fault::new(Trouble::Latency(Duration::from_millis(50))).on("CreateWorkspace");
    inside.world.houston.faults().add(latency);
    inside.world.houston.faults().add(Fault::new(Trouble::Truncate).on("CreateWorkspace").times(1));
    let doubtful = join_all((0..20).map(|_| post())).await;
    assert!(doubtful.iter().all(|each| matches!(each, Err(Failure::Call(_)))), "{doubtful:?}");
    let again = post().await;
    assert!(matches!(again, Err(Failure::Call(_))), "nobody knows whether it was done: {again:?}");
    assert_eq!(inside.world.houston.calls().operation("CreateWorkspace"), 1);
}

#[tokio::test]
async fn the_bound_holds_for_large_answers_too() {
    const CAPACITY: usize = 1 << 20;
    let inside = Inside::new(Limits { capacity_bytes: CAPACITY as u64, ..LIMITS }, |_| {}).await;
    let mut answers = Vec::new();
    for number in 0..40 {
        let body = json!({ "label": format!("Large {number}"), "description": "x".repeat(100_000) });
        let made = inside.ask(OWNER, Method::POST, "/workspaces", &body, CacheRequest::default()).await.expect("made");
        answers.push((json(&made)["id"].as_str().expect("an id").to_owned(), Bytes::new()));
    }
    for index in 0..answers.len() {
        let path = format!("/workspaces/{}", answers[index].0);
        answers[index].1 = inside.get(OWNER, &path).await.expect("an answer").body;
        // What is not ours alone is held by the cache too.
        let held: usize = answers.iter().map(|(_, body)| if body.is_unique() { 0 } else { body.len() }).sum();
        assert!(held <= CAPACITY + CAPACITY / 4, "{held} bytes after {index}");
        assert!(index > 5 || held > index * 100_000, "{held} bytes after {index}");
    }
    let cache = inside.gateway.cache().expect("a cache");
    let evicted: u64 = cache.evictions().sum();
    assert!((25..40).contains(&evicted), "{evicted} made room");
}

#[tokio::test]
async fn what_is_larger_than_an_entry_or_than_the_cache_is_answered_and_not_kept() {
    for limits in [Limits { entry_bytes: 100, ..LIMITS }, Limits { capacity_bytes: 100, ..LIMITS }] {
        let inside = Inside::new(limits, |_| {}).await;
        for calls in 1..=2 {
            let answer = inside.get(OWNER, "/workspaces").await.expect("an answer");
            assert_eq!(answer.cache, CacheOutcome::TooLarge);
            assert_eq!(inside.world.houston.calls().operation("ListWorkspaces"), calls);
        }
    }
}

#[tokio::test]
async fn a_key_belongs_to_what_was_sent_and_not_to_what_was_looked_up() {
    let inside = Inside::new(LIMITS, |_| {}).await;
    let post = |key: &'static str, path: &'static str, body: serde_json::Value| {
        let inside = &inside;
        async move { inside.ask_once(Some(key), OWNER, Method::POST, path, &body, CacheRequest::default()).await }
    };
    let first = post("a", "/workspaces", json!({ "label": "One", "description": "x" })).await.expect("made");
    let again = post("a", "/workspaces", json!({ "description": "x", "label": "One" })).await.expect("told again");
    assert_eq!((first.replayed, again.replayed, &first.body), (false, true, &again.body));
    let elsewhere = post("a", "/service-accounts", json!({ "label": "One", "role": "WORKSPACE_VIEWER" })).await;
    assert!(matches!(elsewhere, Err(Failure::KeyReused | Failure::Invalid(_))), "{elsewhere:?}");
    assert_eq!(inside.world.houston.calls().operation("CreateWorkspace"), 1);
}

#[tokio::test]
async fn a_look_up_that_fails_is_no_outcome_and_hides_none() {
    let inside = Inside::new(LIMITS, |_| {}).await;
    let deployment = inside.world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let path = format!("/deployments/{deployment}/variables");
    let body = json!({ "items": [{ "key": "ONCE", "value": "1" }] });
    let change = || inside.ask_once(Some("key"), OWNER, Method::PATCH, &path, &body, CacheRequest::default());
    let faults = inside.world.houston.faults();
    let broken = Fault::new(Trouble::Garbage).on("ListDeploymentVariables");
    faults.add(broken.clone());
    assert!(matches!(change().await, Err(Failure::BadReply(_))), "what the change is laid over is unknown");
    faults.clear();
    let first = change().await.expect("nothing was sent, so that it can be");
    faults.add(broken);
    let again = change().await.expect("the first outcome, without another look");
    assert_eq!((first.replayed, again.replayed, first.body), (false, true, again.body));
    assert_eq!(inside.world.houston.calls().operation("PatchDeploymentVariables"), 1);
}
