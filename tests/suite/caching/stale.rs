//! What is no longer fresh: for how long it is used, what for, and who is asked meanwhile.

use super::{elsewhere, slow};
use crate::harness::{ADMIN, OWNER, Reply, World};
use futures_util::future::{join, join_all};
use houston_sim::{Fault, Settings, Trouble};
use http::StatusCode;
use reqwest::Method;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const STALE: &str = "houston-gateway; hit; detail=stale-while-revalidate";
const STALE_ON_ERROR: &str = "houston-gateway; fwd=stale; detail=stale-if-error";

/// Long enough for a machine that is busy with other things to see it fresh.
const TTL: Duration = Duration::from_secs(2);

/// A world whose lists of workspaces are fresh for [`TTL`] and used for so long beyond it: while they are renewed, and
/// while Houston fails.
async fn world(while_revalidate: Duration, if_error: Duration) -> World {
    World::with(Settings::default(), |config| {
        config.cache.ttl_seconds = [("ListWorkspaces".to_owned(), TTL.as_secs())].into();
        config.cache.stale_while_revalidate = while_revalidate;
        config.cache.stale_if_error = if_error;
        config.houston.retries = 0;
        config.houston.breaker_failures = u32::MAX;
        config.houston.deadline = Duration::from_secs(1);
    })
    .await
}

/// Reads, and waits until what was read is no longer fresh.
async fn age(world: &World) -> Reply {
    let read = world.get(OWNER, "/workspaces").await.expect(200);
    sleep(TTL + Duration::from_millis(50)).await;
    read
}

async fn ask(world: &World, cache_control: &str) -> Reply {
    world.send(world.request(OWNER, Method::GET, "/workspaces").header("cache-control", cache_control)).await
}

/// Reads until the answer is fresh from the cache.
async fn until_it_is_fresh(world: &World) -> Reply {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let read = world.get(OWNER, "/workspaces").await.expect(200);
        if read.header("cache-status") == "houston-gateway; hit" {
            return read;
        }
        assert_eq!(read.header("cache-status"), STALE);
        assert!(Instant::now() < patience, "nobody renews it");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_changed_elsewhere_is_fetched_once_behind_the_backs_of_all() {
    let mut world = world(Duration::from_secs(60), Duration::ZERO).await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    elsewhere(&mut world, Method::PATCH, &format!("/workspaces/{workspace}"), r#"{"label":"Changed elsewhere"}"#).await;
    let old = age(&world).await;
    assert!(old.text.contains("Data Platform"), "a time to live bounds what nobody tells of");
    world.houston.faults().add(slow("ListWorkspaces", 100).times(1));
    for read in join_all((0..20).map(|_| world.get(OWNER, "/workspaces"))).await {
        assert_eq!((read.header("cache-status"), &read.text), (STALE, &old.text));
        assert!(read.header("age").parse::<u64>().expect("seconds") >= TTL.as_secs());
    }
    let new = until_it_is_fresh(&world).await;
    assert!(new.text.contains("Changed elsewhere"), "{}", new.text);
    assert_ne!(new.header("etag"), old.header("etag"));
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 2);
}

#[tokio::test]
async fn what_could_not_be_renewed_is_tried_again() {
    let world = world(Duration::from_secs(60), Duration::from_secs(60)).await;
    age(&world).await;
    let unavailable = Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE));
    world.houston.faults().add(unavailable.on("ListWorkspaces").times(2));
    until_it_is_fresh(&world).await;
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 4, "the first, two that failed, and the last");
}

#[tokio::test]
async fn only_if_cached_takes_what_is_renewed_but_has_nothing_renewed() {
    let (renewed, kept) =
        join(world(Duration::from_secs(60), Duration::ZERO), world(Duration::ZERO, Duration::from_secs(60))).await;
    join(age(&renewed), age(&kept)).await;
    assert_eq!(ask(&renewed, "only-if-cached").await.expect(200).header("cache-status"), STALE);
    assert_eq!(
        ask(&kept, "only-if-cached").await.expect(504).problem(),
        "NOT_CACHED",
        "Houston is not known to be down"
    );
    sleep(Duration::from_millis(200)).await;
    for world in [renewed, kept] {
        assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
    }
}

#[tokio::test]
async fn whatever_houston_fails_by_what_is_known_stands_in_and_says_how_old_it_is() {
    let world = world(Duration::ZERO, Duration::from_secs(60)).await;
    let old = age(&world).await;
    let faults = world.houston.faults();
    for trouble in [
        Trouble::Status(StatusCode::BAD_GATEWAY),
        Trouble::Drop,
        Trouble::Truncate,
        Trouble::Garbage,
        Trouble::Latency(Duration::from_secs(10)),
        Trouble::Error { message: "boom".to_owned(), code: None, with_data: true },
    ] {
        faults.add(Fault::new(trouble.clone()).on("ListWorkspaces"));
        let stale = world.get(OWNER, "/workspaces").await.expect(200);
        assert_eq!((stale.header("cache-status"), &stale.text), (STALE_ON_ERROR, &old.text), "{trouble:?}");
        assert_eq!(stale.header("etag"), old.header("etag"));
        assert!(stale.header("age").parse::<u64>().expect("seconds") >= TTL.as_secs());
        assert!(!stale.headers.contains_key("warning"), "which is obsolete (RFC 9111, 5.5)");
        let unchanged = world.request(OWNER, Method::GET, "/workspaces").header("if-none-match", old.header("etag"));
        assert_eq!(world.send(unchanged).await.expect(304).header("cache-status"), STALE_ON_ERROR);
        for wish in ["no-cache", "no-store", "max-age=0"] {
            assert!(ask(&world, wish).await.status.is_server_error(), "{trouble:?} and {wish}");
        }
        faults.clear();
    }
    // A no is no failure: it takes back what was said before.
    faults.add(Fault::error("You do not have the appropriate permissions", "FORBIDDEN").on("ListWorkspaces"));
    world.get(OWNER, "/workspaces").await.expect(403);
    faults.clear();
    faults.add(Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on("ListWorkspaces"));
    world.get(OWNER, "/workspaces").await.expect(503);
}

#[tokio::test]
async fn what_is_too_old_stands_in_for_nobody() {
    let (never, a_second) = join(world(Duration::ZERO, Duration::ZERO), world(Duration::ZERO, TTL)).await;
    let unavailable = Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on("ListWorkspaces");
    join(age(&never), async {
        age(&a_second).await;
        sleep(TTL).await;
    })
    .await;
    for world in [never, a_second] {
        world.houston.faults().add(unavailable.clone());
        assert_eq!(world.get(OWNER, "/workspaces").await.expect(503).problem(), "HOUSTON_UNAVAILABLE");
    }
}

#[tokio::test]
async fn what_was_not_there_is_asked_for_again() {
    let mut world = World::with(Settings::default(), |config| {
        config.cache.absence = Duration::from_millis(200);
        config.cache.stale_while_revalidate = Duration::from_secs(60);
    })
    .await;
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let users = format!("/deployments/{deployment}/users");
    let user = world.find(ADMIN, "/users", "username", "marta.kowalska@example.com").await;
    let path = format!("{users}/{}", user["id"].as_str().expect("an id"));
    world.get(OWNER, &path).await.expect(404);
    let member = r#"{"email":"marta.kowalska@example.com","role":"DEPLOYMENT_VIEWER"}"#;
    elsewhere(&mut world, Method::POST, &users, member).await;
    sleep(Duration::from_millis(200)).await;
    world.get(OWNER, &path).await.expect(200);
}
