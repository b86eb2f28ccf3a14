//! What Houston refuses, and what that takes back.

use crate::harness::{ADMIN, OWNER, VIEWER, World};
use futures_util::future::join_all;
use houston_sim::{Fault, Settings, Trouble};
use http::StatusCode;
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

const HIT: &str = "houston-gateway; hit";
const MISS: &str = "houston-gateway; fwd=uri-miss; stored";

#[tokio::test]
async fn a_refusal_takes_back_all_that_was_said_to_this_caller() {
    let world = World::new().await;
    let outcome =
        async |token: &str, path: &str| world.get(token, path).await.expect(200).header("cache-status").to_owned();
    for (path, fault, expected) in
        [("/users", None, 403), ("/deployments", Some(Fault::session_lost().on("ListDeployments").times(1)), 401)]
    {
        for token in [OWNER, VIEWER] {
            for path in ["/workspaces", "/self"] {
                world.get(token, path).await.expect(200);
                assert_eq!(outcome(token, path).await, HIT);
            }
        }
        fault.into_iter().for_each(|fault| world.houston.faults().add(fault));
        world.get(VIEWER, path).await.expect(expected);
        for path in ["/workspaces", "/self"] {
            assert_eq!(outcome(VIEWER, path).await, MISS, "after {expected}");
            assert_eq!(outcome(OWNER, path).await, HIT, "nobody else loses anything");
        }
    }
}

#[tokio::test]
async fn who_is_let_in_sees_it_at_once() {
    let world = World::new().await;
    let made = world.post(OWNER, "/workspaces", json!({ "label": "Of the owner" })).await.expect(201).json();
    let path = format!("/workspaces/{}", made["id"].as_str().expect("an id"));
    for list in ["/workspaces", "/self"] {
        assert!(!world.get(VIEWER, list).await.expect(200).text.contains("Of the owner"));
    }
    world.get(VIEWER, &path).await.expect(403);
    let member = json!({ "email": "viewer@example.com", "role": "WORKSPACE_VIEWER" });
    world.get(VIEWER, "/workspaces").await.expect(200);
    world.post(OWNER, &format!("{path}/users"), member).await.expect(201);
    world.get(VIEWER, &path).await.expect(200);
    assert!(world.get(VIEWER, "/workspaces").await.expect(200).text.contains("Of the owner"));
}

#[tokio::test]
async fn whatever_goes_wrong_is_told_to_who_asked_and_kept_for_nobody() {
    let world = World::with(Settings::default(), |config| {
        config.admin_token = Some("the-operators-own-token".to_owned().into());
        config.houston.retries = 0;
        config.houston.breaker_failures = u32::MAX;
        config.houston.deadline = Duration::from_millis(500);
    })
    .await;
    let (input, internal) = ("BAD_USER_INPUT", "INTERNAL_SERVER_ERROR");
    let error = |message: &str, code: &str, with_data| Trouble::Error {
        message: message.to_owned(),
        code: Some(code.to_owned()),
        with_data,
    };
    for (trouble, expected) in [
        (error("boom", internal, false), 500),
        (error("boom", internal, true), 500),
        (error("You do not have the appropriate permissions", "FORBIDDEN", false), 403),
        (error("Invalid JWT", "UNAUTHENTICATED", false), 401),
        (error("Invalid token", input, false), 422),
        (error("A duplicate role binding already exists", input, false), 409),
        (Trouble::Status(StatusCode::SERVICE_UNAVAILABLE), 503),
        (Trouble::Status(StatusCode::TOO_MANY_REQUESTS), 429),
        (Trouble::Garbage, 502),
        (Trouble::Truncate, 502),
        (Trouble::Drop, 502),
        (Trouble::Latency(Duration::from_secs(5)), 504),
    ] {
        let forget = world.request("", Method::DELETE, "/cache").header("x-admin-token", "the-operators-own-token");
        world.send(forget).await.expect(204);
        world.houston.faults().add(Fault::new(trouble.clone()).on("ListWorkspaces"));
        for reply in join_all((0..5).map(|_| world.get(OWNER, "/workspaces"))).await {
            assert_eq!(reply.status.as_u16(), expected, "{trouble:?}: {}", reply.text);
            assert_eq!(reply.header("cache-control"), "no-store");
        }
        world.houston.faults().clear();
        let next = world.get(OWNER, "/workspaces").await.expect(200);
        assert_eq!(next.header("cache-status"), MISS, "after {trouble:?}");
    }
}

#[tokio::test]
async fn what_is_everybodys_is_asked_for_once_and_in_nobodys_name() {
    let world = World::new().await;
    let first = world.get(OWNER, "/platform/config").await.expect(200);
    assert_eq!(first.header("cache-status"), MISS);
    assert!(!world.last_call().headers.contains_key("authorization"));
    for token in [ADMIN, VIEWER, ""] {
        let shared = world.get(token, "/platform/config").await.expect(200);
        assert_eq!((shared.header("cache-status"), &shared.text), (HIT, &first.text));
    }
    // What is one caller's own is asked for by each of them.
    for token in [OWNER, VIEWER] {
        assert_eq!(world.get(token, "/workspaces").await.expect(200).header("cache-status"), MISS);
    }
}
