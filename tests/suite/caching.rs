//! The cache: whose answers, how fresh, how often fetched.

use crate::harness::{ADMIN, OWNER, VIEWER, World};
use futures_util::future::join_all;
use houston_sim::{Fault, Trouble};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

fn slow(operation: &str, milliseconds: u64) -> Fault {
    Fault::new(Trouble::Latency(Duration::from_millis(milliseconds))).on(operation)
}

#[tokio::test]
async fn the_second_read_is_a_hit() {
    let world = World::new().await;
    let first = world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(first.header("cache-status"), "houston-gateway; fwd=uri-miss; stored");
    let second = world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(second.header("cache-status"), "houston-gateway; hit");
    assert_eq!(second.header("age"), "0");
    assert!(second.header("cache-control").starts_with("private"));
    assert!(second.header("vary").contains("Authorization"));
    assert_eq!((first.text, first.headers["etag"].clone()), (second.text, second.headers["etag"].clone()));
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn cold_identical_reads_are_one_call() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 100));
    let replies = join_all((0..200).map(|_| world.get(OWNER, "/workspaces"))).await;
    assert!(replies.iter().all(|reply| reply.status == 200 && reply.text == replies[0].text));
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn callers_who_go_away_neither_stop_nor_multiply_a_fetch() {
    let world = World::new().await;
    world.houston.faults().add(slow("ListWorkspaces", 150));
    let aborted = join_all((0..200).map(|_| async {
        let request = world.request(OWNER, Method::GET, "/workspaces").timeout(Duration::from_millis(60));
        request.send().await.is_err()
    }))
    .await;
    assert!(aborted.iter().all(|gone| *gone));
    world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(world.houston.calls().operation("ListWorkspaces"), 1);
}

#[tokio::test]
async fn errors_are_not_kept() {
    let world = World::new().await;
    world.houston.faults().add(Fault::error("boom", "INTERNAL_SERVER_ERROR").on("ListWorkspaces").times(1));
    world.get(OWNER, "/workspaces").await.expect(500);
    world.get(OWNER, "/workspaces").await.expect(200);
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
    assert_eq!(ask("min-fresh=3600").await.header("cache-status"), "houston-gateway; fwd=uri-miss; stored");
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
    world.houston.faults().add(slow("GetWorkspace", 200).times(1));
    let before = world.get(OWNER, &path);
    let change = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
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
    world.houston.faults().add(slow("UpdateWorkspace", 200).times(1));
    let change = async { world.patch(OWNER, &path, json!({ "label": "After" })).await.expect(200) };
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(world.get(OWNER, &path).await.expect(200).json()["label"], "Data Platform");
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
async fn stale_answers_stand_in_while_houston_is_down() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.cache.stale_while_revalidate = Duration::ZERO;
        config.houston.retries = 0;
    })
    .await;
    // Namespaces and the like are fresh for longer; 10 s is what workspaces have, so a stale one is made by waiting.
    world.get(OWNER, "/workspaces").await.expect(200);
    let fresh = world.get(OWNER, "/workspaces").await.expect(200);
    world.houston.faults().add(Fault::new(Trouble::Status(StatusCode::SERVICE_UNAVAILABLE)));
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    let stale = world.get(OWNER, "/workspaces").await.expect(200);
    assert_eq!(stale.header("cache-status"), "houston-gateway; hit; fwd=stale; detail=stale-if-error");
    assert_eq!(stale.text, fresh.text);
    assert!(stale.header("age").parse::<u64>().expect("seconds") >= 10);
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
    assert_eq!(forget("guess", String::new()).await.expect(403).problem(), "FORBIDDEN");
    assert_eq!(outcome().await, "houston-gateway; hit");
    forget("the-operators-own-token", "?tag=workspace:another".to_owned()).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; hit");
    forget("the-operators-own-token", format!("?tag=workspace:{workspace}")).await.expect(204);
    assert_eq!(outcome().await, "houston-gateway; fwd=uri-miss; stored");
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
    assert_eq!(world.get(OWNER, "/self").await.header("cache-status"), "houston-gateway; fwd=uri-miss; stored");
}

mod isolation {
    //! Random concurrent callers, reads and writes: nobody sees another's data, nor less than their own last write.

    use super::*;
    use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
    use tokio::runtime::Runtime;

    #[derive(Clone, Debug)]
    enum Step {
        Read { caller: usize, wishes: &'static str },
        List { caller: usize },
        Write { caller: usize, text: u16 },
        Abort { caller: usize },
        Trouble(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let caller = 0..3usize;
        let wishes = prop_oneof![Just(""), Just("no-cache"), Just("max-age=0"), Just("max-age=60"), Just("no-store")];
        vec(
            prop_oneof![
                5 => (caller.clone(), wishes).prop_map(|(caller, wishes)| Step::Read { caller, wishes }),
                3 => caller.clone().prop_map(|caller| Step::List { caller }),
                3 => (caller.clone(), any::<u16>()).prop_map(|(caller, text)| Step::Write { caller, text }),
                1 => caller.prop_map(|caller| Step::Abort { caller }),
                1 => any::<u8>().prop_map(Step::Trouble),
            ],
            10..60,
        )
    }

    /// Three callers, each with a workspace of their own that the others cannot see.
    struct Room {
        world: World,
        callers: Vec<(String, String)>,
    }

    async fn room() -> Room {
        let world = World::new().await;
        let mut callers = Vec::new();
        for email in ["jane.doe@example.com", "viewer@example.com", "admin@example.com"] {
            let token = world.houston.token(email).expect("a user");
            let label = format!("Private of {email}");
            let created = world.post(&token, "/workspaces", json!({ "label": label })).await.expect(201).json();
            callers.push((token, created["id"].as_str().expect("an id").to_owned()));
        }
        Room { world, callers }
    }

    /// The number at the end of a description that a caller wrote, and whose it is.
    fn written(text: &str) -> Option<(usize, u64)> {
        let (caller, number) = text.strip_prefix("w")?.split_once('#')?;
        Some((caller.parse().ok()?, number.parse().ok()?))
    }

    #[test]
    fn nobody_sees_anothers_data_or_less_than_their_own_last_write() {
        let runtime = Runtime::new().expect("a runtime");
        let room = runtime.block_on(room());
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });
        let round = std::sync::atomic::AtomicU64::new(1);
        runner
            .run(&steps(), |steps| {
                let start = round.fetch_add(1000, std::sync::atomic::Ordering::Relaxed);
                // Every caller walks through its own steps; the callers run at the same time.
                runtime.block_on(async {
                    room.world.houston.faults().clear();
                    let walks = (0..3).map(|caller| walk(&room, caller, start, &steps));
                    join_all(walks).await.into_iter().collect::<Result<Vec<()>, TestCaseError>>().map(drop)
                })
            })
            .expect("isolation holds");
    }

    async fn walk(room: &Room, me: usize, start: u64, steps: &[Step]) -> Result<(), TestCaseError> {
        let Room { world, callers } = room;
        let (token, workspace) = &callers[me];
        let path = format!("/workspaces/{workspace}");
        let mut number = start;
        let mut acknowledged = 0;
        for step in steps {
            match step {
                Step::Read { caller, wishes } if *caller == me => {
                    let mut request = world.request(token, Method::GET, &path);
                    if !wishes.is_empty() {
                        request = request.header("cache-control", *wishes);
                    }
                    let reply = world.send(request).await;
                    if reply.status == 200 {
                        let read = reply.json();
                        prop_assert_eq!(&read["id"], workspace.as_str());
                        let seen = read["description"].as_str().and_then(written);
                        prop_assert!(seen.is_none_or(|(by, _)| by == me), "{} is not mine", read);
                        prop_assert!(
                            seen.map_or(0, |(_, number)| number) >= acknowledged,
                            "{} is older than {}",
                            read,
                            acknowledged
                        );
                    }
                }
                Step::List { caller } if *caller == me => {
                    let reply = world.get(token, "/workspaces").await;
                    if reply.status == 200 {
                        let list = reply.json();
                        for (other, (_, theirs)) in callers.iter().enumerate() {
                            let shown = list["value"]
                                .as_array()
                                .expect("a list")
                                .iter()
                                .any(|each| each["id"] == theirs.as_str());
                            prop_assert_eq!(shown, other == me, "the list of {} and the workspace of {}", me, other);
                        }
                    }
                }
                Step::Write { caller, text } if *caller == me => {
                    number += 1 + u64::from(text % 3);
                    let body = json!({ "description": format!("w{me}#{number}") });
                    if world.patch(token, &path, body).await.status == 200 {
                        acknowledged = number;
                    }
                }
                Step::Abort { caller } if *caller == me => {
                    let request = world.request(token, Method::GET, &path).header("cache-control", "no-cache");
                    drop(request.timeout(Duration::from_micros(500)).send().await);
                }
                Step::Trouble(kind) if me == 0 => {
                    let trouble = match kind % 4 {
                        0 => Trouble::Latency(Duration::from_millis(u64::from(kind % 16))),
                        1 => Trouble::Status(StatusCode::SERVICE_UNAVAILABLE),
                        2 => Trouble::Truncate,
                        _ => Trouble::Drop,
                    };
                    world.houston.faults().add(Fault::new(trouble).on("GetWorkspace").times(2));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
