//! When things go wrong between the gateway and Houston: every failure becomes the right problem, and nothing of
//! Houston's inside reaches a caller.

use crate::harness::{ADMIN, OWNER, Reply, World};
use axum::{Router, routing::post};
use houston_sim::{Fault, Settings, Trouble};
use http::StatusCode;
use reqwest::Method;
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

/// A world without a cache, so that every request meets the trouble.
async fn world() -> World {
    World::with(Settings::default(), |config| config.cache.enabled = false).await
}

/// The answer to one change while Houston has this trouble.
async fn changing(world: &World, fault: Fault) -> Reply {
    world.houston.faults().add(fault.on("createWorkspace").times(1));
    world.post(OWNER, "/workspaces", json!({ "label": "Trouble" })).await
}

#[track_caller]
fn assert_problem(reply: &Reply, status: u16, code: &str, what: &str) {
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, code), "{what}: {}", reply.text);
}

#[tokio::test]
async fn errors_are_told_apart_by_code_and_message() {
    let world = world().await;
    let (input, internal) = ("BAD_USER_INPUT", "INTERNAL_SERVER_ERROR");
    for (code, message, status, expected) in [
        ("FORBIDDEN", "You do not have the appropriate permissions for that", 403, "FORBIDDEN"),
        (internal, "Insufficient permissions.", 403, "FORBIDDEN"),
        ("PUBLIC_SIGNUPS_DISABLED", "Public sign ups are disabled, a valid inviteToken is required", 403, "FORBIDDEN"),
        ("ACCOUNT_NOT_CONFIRMED", "Your account is awaiting email confirmation", 403, "ACCOUNT_NOT_CONFIRMED"),
        ("", "AUTH_TOKEN_REFRESH_FAILED", 401, "UNAUTHENTICATED"),
        ("UNAUTHENTICATED", "Invalid JWT", 401, "UNAUTHENTICATED"),
        ("UNAUTHENTICATED", "No password credentials found", 401, "UNAUTHENTICATED"),
        (internal, "Invalid password and username combination", 401, "UNAUTHENTICATED"),
        ("RESOURCE_NOT_FOUND", "The requested resource was not found", 404, "NOT_FOUND"),
        (input, "The role binding does not exist for this user", 404, "NOT_FOUND"),
        (internal, "No Node for the model Workspace with value x for id found.", 404, "NOT_FOUND"),
        (internal, "Invalid authentication provider", 404, "NOT_FOUND"),
        ("DUPLICATE_EMAIL", "Email address in use", 409, "CONFLICT"),
        ("USER_ALREADY_INVITED", "User already invited", 409, "CONFLICT"),
        (input, "A duplicate role binding already exists", 409, "CONFLICT"),
        (input, "Workspace already has a deployment named Loads", 409, "CONFLICT"),
        (input, "Service Account already exists with the name CI", 409, "CONFLICT"),
        (internal, "There are no other system administrators. Please assign another", 409, "CONFLICT"),
        (internal, "You must first deprovision all deployments before you can delete your workspace.", 409, "CONFLICT"),
        (internal, "workspaceUser query unexpectedly returned more than a single user!", 409, "CONFLICT"),
        ("", "This operation is not allowed as the cluster is not active", 409, "CONFLICT"),
        (internal, "Workspace is suspended. This is likely an issue with payment.", 402, "PAYMENT_REQUIRED"),
        (internal, "Workspace is in trial mode. Please add a valid payment method", 402, "PAYMENT_REQUIRED"),
        (input, "A required argument was not sent: serviceAccountUuid or entityUuid", 400, "INVALID_REQUEST"),
        (input, "Invite token not found", 422, "UNPROCESSABLE"),
        (
            "INVITE_EMAIL_NOT_MATCH",
            "This email is not associated with the specified invite token",
            422,
            "UNPROCESSABLE",
        ),
        (input, "Invalid token", 422, "UNPROCESSABLE"),
        (input, "Invalid resetToken", 422, "UNPROCESSABLE"),
        (input, "invalid workspace role", 422, "UNPROCESSABLE"),
        (input, "Invalid role", 422, "UNPROCESSABLE"),
        (input, "Entity and role types don't match", 422, "UNPROCESSABLE"),
        (input, "Release name not formatted correctly.", 422, "UNPROCESSABLE"),
        (input, "base-images is reserved name", 422, "UNPROCESSABLE"),
        (input, "astronomer-x exceeds max char limit of 63.", 422, "UNPROCESSABLE"),
        (input, "Release name exceeds maximum length.", 422, "UNPROCESSABLE"),
        (internal, "colour is not a valid deployment property", 422, "UNPROCESSABLE"),
        (internal, "Maximum CPU for pod exceeded", 422, "UNPROCESSABLE"),
        (internal, "Maximum Memory for pod exceeded", 422, "UNPROCESSABLE"),
        (internal, "Minimum Extra AU not met", 422, "UNPROCESSABLE"),
        (internal, "Invalid Environment Variable Key: a (use alphanumeric and underscores)", 422, "UNPROCESSABLE"),
        (internal, "A is set automatically and cannot be overridden", 422, "UNPROCESSABLE"),
        (internal, "A, B and C are set automatically and cannot be overridden", 422, "UNPROCESSABLE"),
        (internal, "Invalid deployment", 422, "UNPROCESSABLE"),
        (internal, "13 INTERNAL: failed to validate token", 502, "BAD_UPSTREAM_ANSWER"),
        (internal, "14 UNAVAILABLE: No connection established", 503, "HOUSTON_UNAVAILABLE"),
        (internal, "4 DEADLINE_EXCEEDED: Deadline exceeded", 504, "HOUSTON_TIMEOUT"),
        (internal, "TLS Certificate not found, can't sign JWT tokens", 500, "HOUSTON_FAILED"),
        (internal, "Cannot read property 'id' of null", 500, "HOUSTON_FAILED"),
        ("", "", 500, "HOUSTON_FAILED"),
    ] {
        let code = Some(code.to_owned()).filter(|code| !code.is_empty());
        let trouble = Trouble::Error { message: message.to_owned(), code, with_data: false };
        let reply = changing(&world, Fault::new(trouble)).await;
        assert_problem(&reply, status, expected, message);
        assert_eq!(reply.json()["houston"][0]["message"], message);
    }
    world
        .houston
        .faults()
        .add(Fault::error("The requested resource was not found", "RESOURCE_NOT_FOUND").on("createToken"));
    world.houston.faults().add(Fault::error("Insufficient permissions.", internal).on("createWorkspace").times(1));
    let dead = world.post("dead", "/workspaces", json!({ "label": "Trouble" })).await;
    assert_problem(&dead, 401, "UNAUTHENTICATED", "no permission, for no token is known");
    let login = json!({ "identity": "nobody", "password": "x" });
    assert_problem(&world.post("", "/auth/tokens", login).await, 401, "UNAUTHENTICATED", "who logs in is unknown");
}

#[tokio::test]
async fn data_beside_errors_is_a_problem_and_never_a_success() {
    let world = world().await;
    for (message, code) in [("Something broke", None), ("", Some("INTERNAL_SERVER_ERROR".to_owned()))] {
        let trouble = Trouble::Error { message: message.to_owned(), code, with_data: true };
        world.houston.faults().add(Fault::new(trouble).on("workspaces").times(1));
        assert_problem(&world.get(OWNER, "/workspaces").await, 500, "HOUSTON_FAILED", message);
    }
    world.get(OWNER, "/workspaces").await.expect(200);
}

#[tokio::test]
async fn pages_of_a_proxy_in_front_become_problems() {
    let world = world().await;
    for (status, expected, code) in [
        (401, 502, "BAD_UPSTREAM_ANSWER"),
        (403, 502, "BAD_UPSTREAM_ANSWER"),
        (404, 502, "BAD_UPSTREAM_ANSWER"),
        (413, 413, "BODY_TOO_LARGE"),
        (429, 429, "TOO_MANY_REQUESTS"),
        (500, 502, "BAD_UPSTREAM_ANSWER"),
        (502, 502, "BAD_UPSTREAM_ANSWER"),
        (503, 503, "HOUSTON_UNAVAILABLE"),
        (504, 504, "HOUSTON_TIMEOUT"),
        (200, 502, "BAD_UPSTREAM_ANSWER"),
        (302, 502, "BAD_UPSTREAM_ANSWER"),
    ] {
        let trouble = Trouble::Status(StatusCode::from_u16(status).expect("a status"));
        world.houston.forget_calls();
        let reply = changing(&world, Fault::new(trouble.clone())).await;
        assert_problem(&reply, expected, code, &format!("{status} at a change"));
        assert!(!reply.text.contains("nginx") && !reply.text.contains("<html>"), "{}", reply.text);
        assert_eq!(world.houston.calls().field("createWorkspace"), 1, "a change is sent once, whatever comes of it");
        world.houston.faults().add(Fault::new(trouble).on("workspaces"));
        assert_problem(&world.get(OWNER, "/workspaces").await, expected, code, &format!("{status} at a read"));
        world.houston.faults().clear();
    }
    assert!(world.get(OWNER, "/workspaces").await.expect(200).text.contains("Data Platform"));
}

#[tokio::test]
async fn drift_is_502_and_keeps_the_document_to_itself() {
    let world = world().await;
    let message = "Cannot query field \"active\" on type \"Workspace\".";
    let reply = changing(&world, Fault::new(Trouble::Validation(message.to_owned()))).await;
    assert_problem(&reply, 502, "SCHEMA_DRIFT", message);
    assert_eq!(reply.header("retry-after"), "5");
    assert!(!reply.text.contains("active"), "{}", reply.text);
    world.houston.faults().add(Fault::new(Trouble::Validation(message.to_owned())).on("users"));
    assert_problem(&world.get(ADMIN, "/users").await, 502, "SCHEMA_DRIFT", message);
}

#[tokio::test]
async fn stack_traces_stay_inside() {
    let world = world().await;
    let inside =
        "\nInvalid `prisma.workspace.create()` invocation in\n/houston/src/lib/x.js:12:7\n    at Object.<anonymous>";
    let reply = changing(&world, Fault::error(inside, "INTERNAL_SERVER_ERROR")).await.expect(500);
    assert_eq!(reply.json()["houston"][0]["message"], "Invalid `prisma.workspace.create()` invocation in");
    assert!(!reply.text.contains("/houston/src"), "{}", reply.text);
    world.houston.faults().add(Fault::new(Trouble::StackTrace));
    for reply in [
        world.delete(ADMIN, "/users/none").await.expect(404),
        world.get("nobody", "/workspaces").await.expect(401),
        changing(&world, Fault::error("Cannot read property 'id' of null", "INTERNAL_SERVER_ERROR")).await.expect(500),
    ] {
        assert!(reply.json()["houston"][0]["message"].is_string(), "{}", reply.text);
        for inside in ["stacktrace", "exception", "/houston/src", "    at "] {
            assert!(!reply.text.contains(inside), "{}", reply.text);
        }
    }
}

#[tokio::test]
async fn answers_that_are_none_are_502() {
    // A Houston that says the same to everything.
    let says = Arc::new(Mutex::new(""));
    let (said, listener) = (Arc::clone(&says), TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/v1", post(async move || *said.lock().expect("nobody panicked here")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::with(Settings::default(), |config| {
        config.cache.enabled = false;
        config.houston.url = format!("http://{address}/v1").parse().expect("a URL");
    })
    .await;
    let read = async |path: &str, body: &'static str| {
        *says.lock().expect("nobody panicked here") = body;
        world.get(OWNER, path).await
    };
    for body in ["\"10.0.0.7\"", "{\"errors\":\"10.0.0.7\"}", "{\"data\":\"10.0.0.7\"}", "<p>10.0.0.7</p>"] {
        let reply = read("/workspaces", body).await;
        assert_problem(&reply, 502, "BAD_UPSTREAM_ANSWER", body);
        assert!(!reply.text.contains("10.0.0.7"), "what came instead of an answer is not passed on: {}", reply.text);
    }
    for body in [
        "",
        "null",
        "[]",
        "42",
        "{",
        "{}",
        "{\"hello\":\"world\"}",
        "<html><body>Welcome</body></html>",
        "{\"data\":{\"workspaces\":[{\"id\":\"x\"",
        "{\"data\":{\"workspaces\":{\"id\":\"x\"}}}",
        "{\"data\":{\"workspaces\":\"many\"}}",
        "{\"data\":[]}",
        "{\"data\":42}",
        "{\"errors\":\"many\"}",
        "{\"errors\":[{\"message\":42}]}",
        "\u{1f}\u{8b}\u{8}",
    ] {
        assert_problem(&read("/workspaces", body).await, 502, "BAD_UPSTREAM_ANSWER", body);
    }
    let list = read("/workspaces/x", "{\"data\":{\"workspace\":[{\"id\":\"x\"}]}}").await;
    assert_problem(&list, 502, "BAD_UPSTREAM_ANSWER", "a list for an object");
    // What is allowed: members in any order, errors that are null or empty, and members that nobody knows.
    let extended = "{\"extensions\":{\"a\":[1]},\"errors\":[],\"data\":{\"x\":{},\"workspaces\":[]}}";
    assert_eq!(read("/workspaces", extended).await.expect(200).json(), json!({ "value": [] }));
    let object = read("/workspaces/x", "{\"data\":{\"workspace\":{\"id\":\"x\"}},\"errors\":null}").await;
    assert_eq!(object.expect(200).json(), json!({ "id": "x" }));
}

#[tokio::test]
async fn broken_and_endless_answers_are_502() {
    let world = World::with(Settings::default(), |config| {
        config.cache.enabled = false;
        config.houston.reply_limit_bytes = 100_000;
    })
    .await;
    for trouble in [Trouble::Garbage, Trouble::Truncate, Trouble::Drop, Trouble::Huge(200_000)] {
        let reply = changing(&world, Fault::new(trouble.clone())).await;
        assert_problem(&reply, 502, "BAD_UPSTREAM_ANSWER", &format!("{trouble:?} at a change"));
        world.houston.faults().add(Fault::new(trouble.clone()).on("workspaces"));
        let reply = world.get(OWNER, "/workspaces").await;
        assert_problem(&reply, 502, "BAD_UPSTREAM_ANSWER", &format!("{trouble:?} at a read"));
        world.houston.faults().clear();
    }
    world.get(OWNER, "/workspaces").await.expect(200);
}

#[tokio::test]
async fn a_read_survives_one_broken_connection_and_a_change_is_sent_once() {
    let world = world().await;
    for trouble in [Trouble::Drop, Trouble::Truncate, Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)] {
        world.houston.forget_calls();
        world.houston.faults().add(Fault::new(trouble.clone()).on("workspaces").times(1));
        world.get(OWNER, "/workspaces").await.expect(200);
        assert_eq!(world.houston.calls().field("workspaces"), 2, "{trouble:?}");

        let reply = changing(&world, Fault::new(trouble.clone())).await;
        assert!(reply.status.is_server_error(), "{trouble:?}: {}", reply.text);
        assert_eq!(world.houston.calls().field("createWorkspace"), 1, "{trouble:?}");
    }
    // What says nothing about the connection is not tried again.
    world.houston.forget_calls();
    world.houston.faults().add(Fault::error("Something broke", "INTERNAL_SERVER_ERROR").on("workspaces").times(1));
    world.get(OWNER, "/workspaces").await.expect(500);
    assert_eq!(world.houston.calls().field("workspaces"), 1);
}

#[tokio::test]
async fn a_slow_houston_is_504() {
    let world = World::with(Settings::default(), |config| {
        config.cache.enabled = false;
        config.houston.deadline = Duration::from_millis(150);
    })
    .await;
    world.get(OWNER, "/workspaces").await.expect(200);
    let slow = || Fault::new(Trouble::Latency(Duration::from_secs(5)));
    let began = Instant::now();
    assert_problem(&changing(&world, slow()).await, 504, "HOUSTON_TIMEOUT", "a change");
    world.houston.faults().add(slow().on("workspaces"));
    assert_problem(&world.get(OWNER, "/workspaces").await, 504, "HOUSTON_TIMEOUT", "a read");
    assert!(began.elapsed() < Duration::from_secs(3), "the deadline is for all attempts together");
}

#[tokio::test]
async fn when_houston_keeps_failing_it_is_left_alone_and_operators_see_it() {
    let world = World::with(Settings::default(), |config| {
        config.cache.enabled = false;
        config.houston.retries = 1;
        config.houston.breaker_failures = 4;
        config.houston.breaker = Duration::from_millis(1500);
    })
    .await;
    let metric = async |line: &str| {
        let all = world.get("", "/metrics").await.expect(200).text;
        let value =
            all.lines().find_map(|each| each.strip_prefix(line)).unwrap_or_else(|| panic!("no {line} in {all}"));
        value.trim().parse::<u64>().expect("a number")
    };
    let calls =
        async |outcome: &str| metric(&format!("houston_gateway_houston_calls_total{{outcome=\"{outcome}\"}}")).await;
    world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!((calls("answered").await, calls("status").await), (1, 0));
    assert!(metric("houston_gateway_houston_answer_microseconds_total").await > 0);

    world.houston.faults().add(Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)).on("workspaces"));
    for _ in 0..2 {
        let reply = world.get(OWNER, "/workspaces").await;
        assert_problem(&reply, 503, "HOUSTON_UNAVAILABLE", "tried twice each");
    }
    world.houston.forget_calls();
    let refused = world.get(OWNER, "/workspaces").await;
    assert_problem(&refused, 503, "HOUSTON_UNAVAILABLE", "held back");
    assert!(matches!(refused.header("retry-after"), "1" | "2"), "{:?}", refused.headers);
    assert_eq!(world.houston.calls().total(), 0, "Houston is left alone");
    assert_eq!((calls("status").await, calls("open").await), (2, 1));
    assert_eq!(metric("houston_gateway_houston_retries_total").await, 2);
    assert_eq!(metric("houston_gateway_houston_held_back").await, 1);
    assert_eq!(world.get("", "/livez").await.status, 200);

    world.houston.faults().clear();
    let deadline = Instant::now() + Duration::from_secs(10);
    while world.get(OWNER, "/workspaces").await.status != 200 {
        assert!(Instant::now() < deadline, "Houston is never tried again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(metric("houston_gateway_houston_held_back").await, 0);
}

#[tokio::test]
async fn more_calls_than_allowed_are_refused_and_the_others_finish() {
    let world = World::with(Settings::default(), |config| {
        config.cache.enabled = false;
        config.houston.max_in_flight = 1;
        config.houston.queue = Duration::from_millis(20);
    })
    .await;
    world.houston.faults().add(Fault::new(Trouble::Latency(Duration::from_millis(600))).on("workspaces").times(1));
    let slow = async { world.get(OWNER, "/workspaces").await };
    let refused = async {
        while world.houston.calls().field("workspaces") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let metrics = world.get("", "/metrics").await.text;
        assert!(metrics.contains("\nhouston_gateway_houston_in_flight 1\n"), "{metrics}");
        world.get(OWNER, "/deployments/none").await
    };
    let (slow, refused) = tokio::join!(slow, refused);
    slow.expect(200);
    assert_problem(&refused, 503, "OVERLOADED", "no turn");
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn when_nobody_can_tell_401_from_403_the_reason_is_told() {
    let world = world().await;
    let unavailable = Trouble::Status(StatusCode::SERVICE_UNAVAILABLE);
    world.houston.faults().add(Fault::new(unavailable).on("GatewayCredential"));
    let reply = world.send(world.request(OWNER, Method::GET, "/users")).await;
    assert_problem(&reply, 503, "HOUSTON_UNAVAILABLE", "the token cannot be tried");
    world.houston.faults().clear();
    assert_problem(&world.get(OWNER, "/users").await, 403, "FORBIDDEN", "now it can");
}
