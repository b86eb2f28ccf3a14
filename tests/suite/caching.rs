//! The cache: whose answers, how fresh, how often fetched.

mod conditional;
mod counted;
mod inside;
mod model;
mod races;
mod refused;
mod stale;

use crate::harness::{ADMIN, OWNER, VIEWER, World};
use futures_util::future::join_all;
use houston_sim::{Fault, Trouble};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream};

fn slow(operation: &str, milliseconds: u64) -> Fault {
    Fault::new(Trouble::Latency(Duration::from_millis(milliseconds))).on(operation)
}

/// Waits until Houston was asked for this.
async fn asked(world: &World, operation: &str) {
    while world.houston.calls().operation(operation) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Changes something through another gateway, so that this one hears nothing of it.
async fn elsewhere(world: &mut World, method: Method, path: &str, body: &'static str) {
    let gateway = world.beside(|_| {});
    let request = world.client.request(method, format!("http://{gateway}{path}")).header("x-api-key", OWNER);
    let reply = request.header("content-type", "application/json").body(body).send().await.expect("an answer");
    assert!(reply.status().is_success(), "{}", reply.status());
}

#[tokio::test]
async fn the_second_read_is_a_hit() {
    let world = World::new().await;
    let first = world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(first.header("cache-status"), "houston-gateway; fwd=uri-miss; stored");
    let second = world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(second.header("cache-status"), "houston-gateway; hit");
    assert_eq!(second.header("age"), "0");
    assert_eq!((first.text, first.headers["etag"].clone()), (second.text, second.headers["etag"].clone()));
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn cold_identical_reads_are_one_call() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 100));
    let replies = join_all((0..500).map(|_| world.get(OWNER, "/workspaces"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text == replies[0].text));
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn callers_who_go_away_neither_stop_nor_multiply_a_fetch() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 2500));
    let request = format!("GET /workspaces HTTP/1.1\r\nhost: gateway\r\nx-api-key: {OWNER}\r\n\r\n");
    let connections = join_all((0..200).map(|_| TcpStream::connect(world.gateway))).await;
    let mut impatient: Vec<_> = connections.into_iter().map(|each| each.expect("a connection")).collect();
    for connection in &mut impatient {
        connection.write_all(request.as_bytes()).await.expect("a writable connection");
    }
    // One of them has Houston asked. Whoever comes now finds that under way, and is there when they are gone.
    asked(&world, "ListWorkspaces").await;
    let patient = world.get(OWNER, "/workspaces");
    let leave = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(impatient);
    };
    let (patient, ()) = tokio::join!(patient, leave);
    assert_eq!(patient.expect(200).header("cache-status"), "houston-gateway; fwd=uri-miss; collapsed");
    assert_eq!(world.get(OWNER, "/workspaces").await.header("cache-status"), "houston-gateway; hit");
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn secrets_are_not_kept() {
    let world = World::new().await;
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let path = format!("/deployments/{deployment}/variables");
    for _ in 0..2 {
        let reply = world.get(OWNER, &path).await.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("cache-status"), "houston-gateway; fwd=bypass");
    }
    assert_eq!(world.houston.calls().operation("ListDeploymentVariables"), 2);
}

#[tokio::test]
async fn callers_say_how_fresh() {
    let world = World::new().await;
    let ask = |directive: &'static str| {
        world.send(world.request(OWNER, Method::GET, "/workspaces").header("cache-control", directive))
    };
    assert_eq!(ask("only-if-cached").await.expect(504).problem(), "NOT_CACHED");
    ask("no-store").await.expect(200);
    ask("only-if-cached").await.expect(504);
    ask("max-age=5").await.expect(200);
    ask("only-if-cached").await.expect(200);
    assert_eq!(ask("no-cache").await.header("cache-status"), "houston-gateway; fwd=request; stored");
    assert_eq!(ask("max-age=60").await.header("cache-status"), "houston-gateway; hit");
    assert_eq!(ask("min-fresh=3600").await.header("cache-status"), "houston-gateway; fwd=request; stored");
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 4);
}

#[tokio::test]
async fn a_change_is_seen_by_the_next_read_of_everybody() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    for token in [OWNER, ADMIN] {
        world.get(token, &path).await.expect(200);
    }
    world.patch(OWNER, &path, json!({ "label": "Seen by all" })).await.expect(200);
    for token in [OWNER, ADMIN] {
        assert_eq!(world.get(token, &path).await.expect(200).json()["label"], "Seen by all");
    }
}

#[tokio::test]
async fn a_read_that_began_before_a_change_does_not_bring_the_old_state_back() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    world.houston.faults().add(slow("GetWorkspace", 500).times(1));
    let before = world.get(OWNER, &path);
    let change = async {
        asked(&world, "GetWorkspace").await;
        world.patch(OWNER, &path, json!({ "label": "After" })).await.expect(200);
    };
    tokio::join!(before, change);
    assert_eq!(world.get(OWNER, &path).await.expect(200).json()["label"], "After");
}

#[tokio::test]
async fn a_read_while_a_change_runs_is_not_found_afterwards() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    world.get(OWNER, &path).await.expect(200);
    world.houston.faults().add(slow("UpdateWorkspace", 500).times(1));
    let change = async { world.patch(OWNER, &path, json!({ "label": "After" })).await.expect(200) };
    let meanwhile = async {
        asked(&world, "UpdateWorkspace").await;
        let meanwhile = world.get(OWNER, &path).await.expect(200);
        assert_eq!(meanwhile.json()["label"], "Data Platform");
        assert_eq!(meanwhile.header("cache-status"), "houston-gateway; fwd=uri-miss; stored", "from before the change");
    };
    tokio::join!(change, meanwhile);
    assert_eq!(world.get(OWNER, &path).await.expect(200).json()["label"], "After");
}

#[tokio::test]
async fn a_change_with_unknown_outcome_invalidates_too() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    world.get(OWNER, &path).await.expect(200);
    world.houston.faults().add(Fault::new(Trouble::Truncate).on("UpdateWorkspace").times(1));
    let reply = world.patch(OWNER, &path, json!({ "label": "Perhaps" })).await;
    assert_eq!(reply.status, 502, "{}", reply.text);
    assert_eq!(world.get(OWNER, &path).await.header("cache-status"), "houston-gateway; fwd=uri-miss; stored");
}

#[tokio::test]
async fn a_caller_who_loses_a_role_loses_what_was_cached() {
    let world = World::new().await;
    let workspace = world.workspace(ADMIN, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    world.get(VIEWER, &path).await.expect(200);
    let viewer = world.find(ADMIN, "/users", "username", "viewer@example.com").await;
    let user = viewer["id"].as_str().expect("an id");
    world.delete(OWNER, &format!("{path}/users/{user}")).await.expect(200);
    assert_eq!(world.get(VIEWER, &path).await.expect(403).problem(), "FORBIDDEN");
}

#[tokio::test]
async fn a_cache_that_is_switched_off_keeps_nothing() {
    let world = World::with(houston_sim::Settings::default(), |config| config.cache.enabled = false).await;
    for _ in 0..2 {
        assert_eq!(
            world.get(OWNER, "/workspaces").await.expect(200).header("cache-status"),
            "houston-gateway; fwd=bypass"
        );
    }
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 2);
}

#[tokio::test]
async fn an_operator_can_make_the_gateway_forget() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.admin_token = Some("the-operators-own-token".to_owned().into());
    })
    .await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    let forget = |token: &'static str, query: String| {
        let request = world.request("", Method::DELETE, &format!("/cache{query}"));
        world.send(request.header("x-admin-token", token))
    };
    let outcome = || async { world.get(OWNER, &path).await.expect(200).header("cache-status").to_owned() };
    outcome().await;
    for guess in ["guess", "", "the-operators-own-toke", ADMIN] {
        assert_eq!(forget(guess, String::new()).await.expect(403).problem(), "FORBIDDEN");
    }
    assert_eq!(world.delete(ADMIN, "/cache").await.expect(403).problem(), "FORBIDDEN");
    assert_eq!(outcome().await, "houston-gateway; hit");
    forget("the-operators-own-token", "?tag=workspace:another".to_owned()).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; hit");
    forget("the-operators-own-token", format!("?tag=workspace:{workspace}")).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; fwd=uri-miss; stored");
    forget("the-operators-own-token", "?tag=workspace:".to_owned()).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; fwd=uri-miss; stored", "the whole family");
    forget("the-operators-own-token", String::new()).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; fwd=uri-miss; stored");
    let unguarded = World::new().await;
    assert_eq!(unguarded.delete(ADMIN, "/cache").await.expect(404).problem(), "NO_SUCH_ROUTE");
}

#[tokio::test]
async fn settings_can_change_how_long_an_operation_is_kept() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.cache.ttl_seconds = [("ListWorkspaces".to_owned(), 0), ("GetSelf".to_owned(), 1)].into();
        config.cache.stale_while_revalidate = Duration::ZERO;
    })
    .await;
    for _ in 0..2 {
        assert_eq!(world.get(OWNER, "/workspaces").await.header("cache-status"), "houston-gateway; fwd=bypass");
    }
    world.get(OWNER, "/self").await.expect(200);
    assert_eq!(world.get(OWNER, "/self").await.header("cache-status"), "houston-gateway; hit");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(world.get(OWNER, "/self").await.header("cache-status"), "houston-gateway; fwd=stale; stored");
}

#[tokio::test]
async fn the_metrics_tell_what_the_cache_did() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.cache.capacity_bytes = 6_000;
        config.cache.stale_while_revalidate = Duration::from_secs(60);
        config.cache.ttl_seconds = [("GetSelf".to_owned(), 1)].into();
    })
    .await;
    let count = async |outcome: &str, operation: &str| -> f64 {
        let metrics = world.get("", "/metrics").await.expect(200).text;
        let line = format!("houston_gateway_cache_total{{operation=\"{operation}\",outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|each| each.strip_prefix(&line)).expect("a line").parse().expect("a number")
    };
    world.houston.faults().add(slow("ListWorkspaces", 100));
    join_all((0..10).map(|_| world.get(OWNER, "/workspaces"))).await;
    world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(count("miss", "ListWorkspaces").await, 1.0);
    assert_eq!(count("coalesced", "ListWorkspaces").await, 9.0);
    assert_eq!(count("hit", "ListWorkspaces").await, 1.0);
    world.get(OWNER, "/self").await.expect(200);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let stale = world.get(OWNER, "/self").await.expect(200);
    assert_eq!(stale.header("cache-status"), "houston-gateway; hit; detail=stale-while-revalidate");
    assert_eq!(count("stale", "GetSelf").await, 1.0);
    // Everybody's answers do not fit.
    for token in [ADMIN, OWNER, VIEWER] {
        for path in ["/self", "/workspaces", "/deployments"] {
            world.get(token, path).await;
        }
    }
    let evictions = async || {
        let metrics = world.get("", "/metrics").await.expect(200).text;
        let counts =
            metrics.lines().filter(|line| line.starts_with("houston_gateway_cache_evictions_total{operation="));
        counts.map(|line| line.rsplit(' ').next().expect("a number").parse::<f64>().expect("a number")).sum::<f64>()
    };
    assert!(evictions().await >= 1.0);
}
