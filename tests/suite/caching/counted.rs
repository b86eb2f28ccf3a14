//! What operators see of the cache.

use crate::harness::{ADMIN, OWNER, World};
use futures_util::future::join_all;
use houston_sim::Settings;
use reqwest::Method;
use std::time::{Duration, Instant};

/// The value of a metric, its labels included.
async fn metric(world: &World, name: &str) -> f64 {
    let metrics = world.get("", "/metrics").await.expect(200).text;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().expect("a number")
}

/// Waits until a metric is as expected: the store settles its accounts now and then, on the occasion of a request.
async fn until(world: &World, name: &str, expected: impl Fn(f64) -> bool) -> f64 {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        let value = metric(world, name).await;
        if expected(value) {
            return value;
        }
        assert!(Instant::now() < patience, "{name} is {value}");
        world.get(OWNER, "/self").await.expect(200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn operators_see_how_much_is_kept_and_that_it_is_freed() {
    let world = World::with(Settings::default(), |config| {
        config.admin_token = Some("the-operators-own-token".to_owned().into());
    })
    .await;
    let mut bodies = 0;
    for path in ["/self", "/workspaces", "/deployments"] {
        bodies += world.get(OWNER, path).await.expect(200).text.len();
    }
    until(&world, "houston_gateway_cache_entries", |entries| entries == 3.0).await;
    let bytes = metric(&world, "houston_gateway_cache_bytes").await;
    // The bodies, and what keeping each of them takes.
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let bodies = bodies as f64;
    assert!(bytes > bodies && bytes < bodies + 3.0 * 2_000.0, "{bytes} for {bodies}");
    let forget = world.request("", Method::DELETE, "/cache").header("x-admin-token", "the-operators-own-token");
    world.send(forget).await.expect(204);
    // What asks for the accounts to be settled is kept itself.
    until(&world, "houston_gateway_cache_entries", |entries| entries <= 1.0).await;
    assert!(metric(&world, "houston_gateway_cache_bytes").await < bytes / 2.0);
}

#[tokio::test]
async fn what_had_to_make_room_is_counted_where_it_belongs() {
    // For about four users.
    let world = World::with(Settings::default(), |config| config.cache.capacity_bytes = 6_000).await;
    let users = world.get(ADMIN, "/users?fields=id").await.expect(200).json();
    let users = users["value"].as_array().expect("a list").iter().map(|user| user["id"].as_str().expect("an id"));
    let paths: Vec<_> = users.map(|id| format!("/users/{id}")).collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in &paths {
        world.get(ADMIN, path).await.expect(200);
    }
    let evictions = |operation: &str| format!("houston_gateway_cache_evictions_total{{operation=\"{operation}\"}}");
    until(&world, &evictions("GetUser"), |count| count >= 5.0).await;
    for operation in ["GetPlatformConfig", "ListWorkspaces", "GetWorkspace"] {
        assert_eq!(metric(&world, &evictions(operation)).await, 0.0, "{operation}");
    }
}

#[tokio::test]
async fn every_read_is_counted_once_by_its_operation() {
    let world = World::new().await;
    join_all((0..4).map(|_| world.get(OWNER, "/workspaces"))).await;
    for wish in ["no-cache", "no-store", "max-age=60"] {
        world.send(world.request(OWNER, Method::GET, "/workspaces").header("cache-control", wish)).await.expect(200);
    }
    let metrics = world.get("", "/metrics").await.expect(200).text;
    let counted = |operation: &str| -> f64 {
        let start = format!("houston_gateway_cache_total{{operation=\"{operation}\"");
        let lines = metrics.lines().filter(|line| line.starts_with(&start));
        lines.map(|line| line.rsplit(' ').next().expect("a value").parse::<f64>().expect("a number")).sum()
    };
    assert_eq!((counted("ListWorkspaces"), counted("GetSelf")), (7.0, 0.0), "{metrics}");
}
