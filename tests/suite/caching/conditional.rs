//! What HTTP says about validators and freshness.

use super::slow;
use crate::harness::{ADMIN, OWNER, World};
use futures_util::future::join_all;
use reqwest::Method;
use std::time::Duration;

#[tokio::test]
async fn a_304_says_what_the_200_would_have_said() {
    let world = World::new().await;
    let first = world.get(OWNER, "/workspaces").await.expect(200);
    for method in [Method::GET, Method::HEAD] {
        let request = world.request(OWNER, method, "/workspaces").header("if-none-match", first.header("etag"));
        let unchanged = world.send(request).await.expect(304);
        // RFC 9110, 15.4.5.
        for name in ["etag", "cache-control", "vary"] {
            assert_eq!(unchanged.header(name), first.header(name), "{name}");
        }
        assert!(unchanged.headers.contains_key("date"));
        assert!(!unchanged.headers.contains_key("content-type"));
        assert_eq!(unchanged.header("cache-status"), "houston-gateway; hit");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    let get = world.get(OWNER, "/workspaces").await.expect(200);
    let head = world.send(world.request(OWNER, Method::HEAD, "/workspaces")).await.expect(200);
    assert_eq!(head.text, "");
    for name in ["etag", "cache-control", "vary", "content-type", "content-length"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

#[tokio::test]
async fn what_is_compressed_has_a_weak_validator_that_works() {
    let world = World::new().await;
    let plain = world.get(ADMIN, "/users").await.expect(200).header("etag").to_owned();
    for coding in ["gzip", "zstd"] {
        let ask = || world.request(ADMIN, Method::GET, "/users").header("accept-encoding", coding);
        let packed = world.send(ask()).await.expect(200);
        assert_eq!(packed.header("content-encoding"), coding);
        let etag = packed.header("etag");
        // Other bytes may not have the same strong validator (RFC 9110, 8.8.3.3).
        assert_eq!(etag, format!("W/{plain}"));
        let unchanged = world.send(ask().header("if-none-match", etag)).await.expect(304);
        assert_eq!(unchanged.header("etag"), etag, "as the caller's cache has it");
        world.send(ask().header("if-none-match", &plain)).await.expect(304);
    }
}

#[tokio::test]
async fn who_joins_a_fetch_is_told_so() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 100));
    let replies = join_all((0..5).map(|_| world.get(OWNER, "/workspaces"))).await;
    let told = |status: &str| replies.iter().filter(|reply| reply.header("cache-status") == status).count();
    assert_eq!(told("houston-gateway; fwd=uri-miss; stored"), 1);
    assert_eq!(told("houston-gateway; fwd=uri-miss; collapsed"), 4);
}

#[tokio::test]
async fn what_is_too_large_is_not_said_to_be_stored() {
    let world = World::with(houston_sim::Settings::default(), |config| config.cache.entry_limit_bytes = 100).await;
    for _ in 0..2 {
        let reply = world.get(OWNER, "/workspaces").await.expect(200);
        assert_eq!(reply.header("cache-status"), "houston-gateway; fwd=uri-miss; detail=too-large");
    }
}

#[tokio::test]
async fn that_there_is_no_such_thing_is_known_for_a_moment() {
    for (absence, calls) in [(Duration::from_secs(60), 1), (Duration::ZERO, 2)] {
        let world = World::with(houston_sim::Settings::default(), |config| config.cache.absence = absence).await;
        for _ in 0..2 {
            let reply = world.get(ADMIN, "/users/nobody").await.expect(404);
            assert_eq!((reply.problem().as_str(), reply.header("cache-control")), ("NOT_FOUND", "no-store"));
        }
        assert_eq!(world.houston.calls().operation("GetUser"), calls);
    }
}

#[tokio::test]
async fn only_if_cached_asks_nobody_not_even_for_what_has_to_be_looked_up() {
    let world = World::new().await;
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let path = format!("/deployments/{deployment}/status");
    let ask = || world.send(world.request(OWNER, Method::GET, &path).header("cache-control", "only-if-cached"));
    assert_eq!(ask().await.expect(504).problem(), "NOT_CACHED");
    assert_eq!(world.houston.calls().total(), 0);
    world.get(OWNER, &path).await.expect(200);
    ask().await.expect(200);
}
