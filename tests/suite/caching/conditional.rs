//! What HTTP says about validators and freshness.

use super::slow;
use crate::{
    harness::{ADMIN, OWNER, VIEWER, World},
    lists::reads,
    routes::{parse, plans},
};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

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
        // Said by an error of Houston's, in words that are told again.
        let workspace = world.houston.workspace_id("Data Platform").expect("a workspace");
        let path = format!("/workspaces/{workspace}/users/nobody");
        let told = [world.get(ADMIN, &path).await.expect(404), world.get(ADMIN, &path).await.expect(404)];
        assert!(told.iter().all(|reply| !reply.json()["houston"][0]["message"].is_null()), "{told:?}");
        assert_eq!(world.houston.calls().operation("GetWorkspaceUser"), calls);
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

#[tokio::test]
async fn an_answer_is_as_fresh_as_its_caller_wants_it() {
    let world = World::new().await;
    let ask = async |directives: &[&str]| {
        let mut request = world.request(OWNER, Method::GET, "/workspaces");
        for line in directives {
            request = request.header("cache-control", *line);
        }
        world.send(request).await.expect(200)
    };
    let hit = |wanted: bool| if wanted { "houston-gateway; hit" } else { "houston-gateway; fwd=request; stored" };
    ask(&[]).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    for (directives, wanted) in [
        (&["max-age=60"] as &[_], true),
        (&["min-fresh=2"], true),
        (&["max-age=60, min-fresh=2"], true),
        (&["max-stale=60, no-transform, unheard-of=\"1\""], true),
        // No number at all is no wish.
        (&["max-age, min-fresh=soon"], true),
    ] {
        let reply = ask(directives).await;
        assert_eq!(reply.header("cache-status"), hit(wanted), "{directives:?}");
        assert!(reply.header("age").parse::<u64>().expect("seconds") >= 1, "{directives:?}");
    }
    // What nobody shall keep takes the place of nothing.
    assert_eq!(ask(&["no-store"]).await.header("cache-status"), "houston-gateway; fwd=bypass");
    assert!(ask(&[]).await.header("age").parse::<u64>().expect("seconds") >= 1);
    for directives in
        [&["max-age=0"] as &[_], &["Max-Age=\"0\""], &["max-age=60", "min-fresh=11"], &["max-age=60,NO-CACHE"]]
    {
        let reply = ask(directives).await;
        assert_eq!((reply.header("cache-status"), reply.header("age")), (hit(false), "0"), "{directives:?}");
    }
    // Whoever comes next has the newest.
    let next = ask(&[]).await;
    assert_eq!((next.header("cache-status"), next.header("age")), (hit(true), "0"));
}

#[tokio::test]
async fn an_answer_is_as_old_as_the_question() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 1100));
    let reply = world.get(OWNER, "/workspaces").await.expect(200);
    assert!(reply.header("age").parse::<u64>().expect("seconds") >= 1, "{:?}", reply.headers);
}

#[tokio::test]
async fn each_operation_is_kept_for_as_long_as_the_catalogue_says() {
    let settings = houston_sim::Settings { manual_namespace_names: true, ..Default::default() };
    let world = World::with(settings, |_| {}).await;
    let plans = plans(world.houston.version());
    let mut times = BTreeSet::new();
    for read in reads(&world).await {
        let (route, _) = parse(&Method::GET, read.path.split('?').next().expect("a path")).expect("a route");
        let Some(policy) = &plans.routes[route].plans[0].operation.cache else { continue };
        let ask = async |fresh: u64| {
            let request = world.request(ADMIN, Method::GET, &read.path);
            let reply = world.send(request.header("cache-control", format!("min-fresh={fresh}"))).await;
            assert!(reply.status.is_success(), "{}", reply.text);
            assert_eq!(reply.header("cache-control"), "private, max-age=0, must-revalidate", "{}", read.path);
            reply.header("cache-status").to_owned()
        };
        ask(0).await;
        let ttl = policy.ttl.as_secs();
        // Some seconds for this test to be slow in.
        assert_eq!(ask(ttl - 4).await, "houston-gateway; hit", "{}", read.path);
        assert_eq!(ask(ttl + 1).await, "houston-gateway; fwd=request; stored", "{}", read.path);
        times.insert(ttl);
    }
    assert_eq!(times.into_iter().collect::<Vec<_>>(), [5, 10, 30, 60, 300]);
}

#[tokio::test]
async fn what_an_answer_depends_on_is_named_and_no_shared_cache_may_keep_it() {
    let world = World::new().await;
    let ask = async |path: &str, name: &str, value: &str, accept: &str, coding: &str| {
        let request = world.client.get(format!("http://{}{path}", world.gateway)).header(name, value);
        let reply = world.send(request.header("accept", accept).header("accept-encoding", coding)).await.expect(200);
        assert_eq!(reply.header("vary").to_lowercase(), "authorization, x-api-key, accept, accept-encoding");
        assert_eq!(reply.header("cache-control"), "private, max-age=0, must-revalidate");
        reply.header("etag").to_owned()
    };
    let (any, plain, bearer) = ("*/*", "identity", format!("Bearer {VIEWER}"));
    let validators = [
        ask("/self", "x-api-key", OWNER, any, plain).await,
        ask("/self", "x-api-key", ADMIN, any, plain).await,
        ask("/self", "authorization", &bearer, any, plain).await,
        ask("/users", "x-api-key", ADMIN, any, plain).await,
        ask("/users", "x-api-key", ADMIN, "text/csv", plain).await,
        ask("/users", "x-api-key", ADMIN, any, "gzip").await,
    ];
    assert_eq!(validators.iter().collect::<BTreeSet<_>>().len(), validators.len(), "{validators:?}");
}

#[tokio::test]
async fn a_validator_stands_for_one_state_of_one_thing() {
    let world = World::new().await;
    let path = format!("/workspaces/{}", world.workspace(OWNER, "Data Platform").await);
    let ask = async |path: &str, tags: &[&str]| {
        let mut request = world.request(OWNER, Method::GET, path);
        for line in tags {
            request = request.header("if-none-match", *line);
        }
        world.send(request).await
    };
    let old = world.get(OWNER, &path).await.expect(200);
    let old = old.header("etag");
    let listed = format!("W/\"a\" ,{old},\"b\"");
    let listed = listed.as_str();
    for tags in [&["\"a\"", old] as &[_], &[listed], &["*"]] {
        ask(&path, tags).await.expect(304);
    }
    for tags in [&["\"a\"", "\"b\""] as &[_], &["a, b"], &[""], &[old.trim_matches('"')]] {
        ask(&path, tags).await.expect(200);
    }
    world.patch(OWNER, &path, json!({ "label": "Another state" })).await.expect(200);
    let new = ask(&path, &[old]).await.expect(200);
    assert_ne!(new.header("etag"), old);
    // `*` is whatever there is: nothing, where there is nothing.
    ask(&format!("{path}/users/nobody"), &["*"]).await.expect(404);
}
