//! Where Houston's habits and what REST callers expect differ, and what the gateway makes of it.

use crate::{
    harness::{ADMIN, OWNER, VIEWER, World},
    routes::{id, items},
};
use houston_schema::Version;
use houston_sim::{Fault, Settings, Trouble};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// A deployment of the demo world with five variables, two of them secret.
const DEPLOYMENT: &str = "stellar-horizon-4217";
const SECRET: (&str, &str) = ("SNOWFLAKE_PASSWORD", "correct-horse-battery");

fn deployment(world: &World) -> String {
    world.houston.deployment_id(DEPLOYMENT).expect("a deployment")
}

/// What Houston has stored, secrets in clear.
fn stored(world: &World) -> BTreeSet<(String, String)> {
    world.houston.variables(&deployment(world)).into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn variable(key: &str, value: Value, secret: Value) -> Value {
    json!({ "key": key, "value": value, "isSecret": secret })
}

#[tokio::test]
async fn variables_that_are_put_replace_the_set_and_blank_secrets_keep_their_value() {
    for version in [Version::new(0, 25, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let path = format!("/deployments/{}/variables", deployment(&world));
        let items = [variable("REGION", json!("eu"), json!(false)), variable(SECRET.0, json!(""), json!(true))];
        world.put(OWNER, &path, json!({ "items": items })).await.expect(200);
        assert_eq!(stored(&world), pairs(&[("REGION", "eu"), SECRET]), "at {version}");
        let items = [variable(SECRET.0, json!("a-new-one"), json!(true))];
        let answer = world.put(OWNER, &path, json!({ "items": items })).await.expect(200);
        assert_eq!(stored(&world), pairs(&[(SECRET.0, "a-new-one")]), "at {version}");
        assert!(!answer.text.contains("a-new-one") && answer.header("cache-control") == "no-store");
        world.put(OWNER, &path, json!({ "items": [] })).await.expect(200);
        assert!(stored(&world).is_empty(), "at {version}");
        world.put(OWNER, &path, json!({})).await.expect(400);
    }
}

#[tokio::test]
async fn variables_that_are_patched_are_merged_by_key_and_null_removes() {
    for version in [Version::new(0, 25, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let (path, before) = (format!("/deployments/{}/variables", deployment(&world)), stored(&world));
        let items = [
            variable("AWS_DEFAULT_REGION", json!("us-east-1"), json!(false)),
            json!({ "key": "SNOWFLAKE_USER", "value": null }),
            variable("NEVER_WAS", Value::Null, Value::Null),
            variable("ADDED", json!("yes"), json!(false)),
        ];
        let answer = world.patch(OWNER, &path, json!({ "items": items })).await.expect(200).json();
        let mut expected = before.clone();
        expected.retain(|(key, _)| !["AWS_DEFAULT_REGION", "SNOWFLAKE_USER"].contains(&key.as_str()));
        expected.extend(pairs(&[("AWS_DEFAULT_REGION", "us-east-1"), ("ADDED", "yes")]));
        assert_eq!(stored(&world), expected, "at {version}");
        assert_eq!(answer["value"].as_array().expect("a list").len(), expected.len());
        assert_eq!(world.get(OWNER, &path).await.expect(200).json(), answer);

        world.patch(OWNER, &path, json!({ "items": [] })).await.expect(200);
        assert_eq!(stored(&world), expected, "nothing to change changes nothing");
    }
}

#[tokio::test]
async fn changes_of_one_list_at_once_lose_nothing_to_each_other() {
    for version in [Version::new(0, 25, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let (deployment, before) = (format!("/deployments/{}", deployment(&world)), stored(&world));
        // Each would have read before another one has written.
        world.houston.faults().add(Fault::new(Trouble::Latency(Duration::from_millis(5))));
        let changes = (0..20).map(async |number| {
            let added = variable(&format!("ADDED_{number}"), json!("x"), json!(false));
            let (path, list) = match number % 2 {
                1 if version >= Version::new(1, 0, 0) => (deployment.clone(), "environmentVariables"),
                _ => (format!("{deployment}/variables"), "items"),
            };
            world.patch(OWNER, &path, json!({ list: [added] })).await.expect(200)
        });
        futures_util::future::join_all(changes).await;
        let added = (0..20).map(|number| (format!("ADDED_{number}"), "x".to_owned()));
        let expected: BTreeSet<_> = before.into_iter().chain(added).collect();
        assert_eq!(stored(&world), expected, "at {version}");
    }
}

#[tokio::test]
async fn a_secret_is_not_lost_by_changing_something_else_about_it() {
    for version in [Version::new(0, 25, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let before = stored(&world);
        let (deployment, kept) =
            (format!("/deployments/{}", deployment(&world)), variable("KEPT", json!("x"), json!(false)));
        for (path, list) in [(format!("{deployment}/variables"), "items"), (deployment, "environmentVariables")] {
            if list != "items" && version < Version::new(1, 0, 0) {
                continue;
            }
            // Houston shows the secret blank. Sent back blank as a plain variable it would be blank from then on.
            let unveil = json!({ "key": SECRET.0, "isSecret": false });
            world.houston.forget_calls();
            let refused = world.patch(OWNER, &path, json!({ list: [kept, unveil] })).await.expect(400);
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{list}/1/value"), "{}", refused.text);
            let calls = world.houston.calls();
            assert_eq!(calls.field("updateDeploymentVariables") + calls.field("upsertDeployment"), 0, "at {version}");
            assert_eq!(stored(&world), before, "at {version}");

            let same = json!({ "key": SECRET.0, "isSecret": true });
            let hide = json!({ "key": "AWS_DEFAULT_REGION", "isSecret": true });
            world.patch(OWNER, &path, json!({ list: [same, hide] })).await.expect(200);
            assert_eq!(stored(&world), before, "at {version}");
        }
        let path = format!("/deployments/{}/variables", self::deployment(&world));
        let unveil = variable(SECRET.0, json!("in the open"), json!(false));
        let answer = world.patch(OWNER, &path, json!({ "items": [unveil] })).await.expect(200);
        assert!(items(&answer).contains(&unveil), "at {version}");
    }
}

#[tokio::test]
async fn changing_a_deployment_loses_no_variables() {
    for version in [Version::new(0, 34, 0), Version::new(1, 0, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let (path, before) = (format!("/deployments/{}", deployment(&world)), stored(&world));
        world.patch(OWNER, &path, json!({ "description": "Changed" })).await.expect(200);
        assert_eq!(stored(&world), before, "at {version}");
        let image = json!({ "image": "registry.example.com/loads:7", "runtimeVersion": "12.7.1" });
        world.put(OWNER, &format!("{path}/image"), image).await.expect(200);
        assert_eq!(stored(&world), before, "at {version}");
        if version >= Version::new(1, 0, 0) {
            let items = [variable("AWS_DEFAULT_REGION", json!("us-east-1"), json!(false))];
            world.patch(OWNER, &path, json!({ "environmentVariables": items })).await.expect(200);
            let after = stored(&world);
            assert_eq!(after.len(), before.len(), "at {version}");
            assert!(after.is_superset(&pairs(&[("AWS_DEFAULT_REGION", "us-east-1"), SECRET])), "at {version}");
        }
        let read = world.get(OWNER, &path).await.expect(200).json();
        assert_eq!((&read["label"], &read["description"]), (&json!("Warehouse Production"), &json!("Changed")));
        // This is Houston's upsert as it is, and says so: here they are lost.
        let upsert = json!({ "deploymentId": deployment(&world), "description": "Upserted" });
        world.put(OWNER, "/deployments", upsert).await.expect(200);
        assert!(stored(&world).is_empty(), "at {version}");
    }
}

#[tokio::test]
async fn a_workspace_with_deployments_is_not_deleted_although_houston_would() {
    for version in [Version::new(0, 25, 0), Version::new(2, 1, 0)] {
        let world = World::at(version).await;
        let path = format!("/workspaces/{}", world.workspace(OWNER, "Marketing Analytics").await);
        let refused = world.delete(OWNER, &path).await.expect(409);
        assert_eq!(refused.problem(), "CONFLICT");
        assert_eq!(refused.json()["detail"], "The workspace still has deployments. Delete them first.");
        assert_eq!(world.houston.calls().field("deleteWorkspace"), 0, "at {version}");
        for each in items(&world.get(OWNER, &format!("{path}/deployments")).await.expect(200)) {
            world.delete(OWNER, &format!("/deployments/{}", id(&each))).await.expect(200);
        }
        world.delete(OWNER, &path).await.expect(200);
        assert_eq!(world.houston.calls().field("deleteWorkspace"), 1, "at {version}");
    }
    // A Houston that guards itself says no more.
    let world = World::with(Settings { workspace_delete_guard: true, ..Settings::default() }, |_| {}).await;
    let path = format!("/workspaces/{}", world.workspace(OWNER, "Marketing Analytics").await);
    world.delete(OWNER, &path).await.expect(409);
}

#[tokio::test]
async fn people_who_are_known_join_at_once_others_are_invited_once() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Marketing Analytics").await;
    let (users, invites) = (format!("/workspaces/{workspace}/users"), format!("/workspaces/{workspace}/invites"));
    world
        .post(OWNER, &users, json!({ "email": "Ben.Carter@Example.com", "role": "WORKSPACE_EDITOR" }))
        .await
        .expect(201);
    assert!(
        world
            .houston
            .roles("ben.carter@example.com")
            .contains(&("WORKSPACE_EDITOR".to_owned(), Some(workspace.clone())))
    );
    assert!(world.houston.mails().is_empty());

    let stranger = json!({ "email": "stranger@example.org", "role": "WORKSPACE_VIEWER" });
    world.post(OWNER, &users, stranger.clone()).await.expect(201);
    assert_eq!(world.houston.mails().len(), 1);
    assert_eq!(world.post(OWNER, &users, stranger).await.expect(409).problem(), "CONFLICT");
    let listed = world.get(OWNER, &invites).await.expect(200).json();
    assert_eq!(listed["value"].as_array().expect("a list").len(), 1);
    assert!(!listed.to_string().contains(&world.houston.mails()[0].token), "the invitation's token stays secret");

    let wrong = json!({ "email": "third@example.org", "role": "DEPLOYMENT_ADMIN" });
    assert_eq!(world.post(OWNER, &users, wrong).await.expect(422).problem(), "UNPROCESSABLE");
}

#[tokio::test]
async fn an_api_key_is_shown_at_its_creation_and_never_again() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    for (path, role) in [
        (format!("/workspaces/{workspace}/service-accounts"), "WORKSPACE_VIEWER"),
        (format!("/deployments/{}/service-accounts", deployment(&world)), "DEPLOYMENT_VIEWER"),
    ] {
        let body = json!({ "label": "Once", "role": role });
        let created = world.post(OWNER, &path, body).await.expect(201);
        assert_eq!(created.header("cache-control"), "no-store");
        let key = created.json()["apiKey"].as_str().expect("a key").to_owned();
        // Houston shows the whole key for ten minutes to whoever asks; the gateway does not ask.
        let one = format!("{path}/{}", created.json()["id"].as_str().expect("an id"));
        for read in [&path, &one] {
            assert!(!world.get(OWNER, read).await.expect(200).text.contains(&key[..6]), "{read}");
            assert!(!world.last_call().document.contains("apiKey"));
        }
        let wanted = world.get(OWNER, &format!("{path}?fields=id,apiKey")).await;
        assert!(wanted.status.is_client_error(), "{}", wanted.text);
        let changed = world.patch(OWNER, &one, json!({ "category": "x" })).await.expect(200);
        assert!(!changed.text.contains(&key[..6]));
        let deleted = world.delete(OWNER, &one).await.expect(200);
        assert!(!deleted.text.contains(&key[..6]));
    }
}

#[tokio::test]
async fn forbidden_is_401_for_a_dead_token_and_403_for_a_living_one() {
    let world = World::new().await;
    let body = json!({ "email": "guest@example.com" });
    world.houston.forget_calls();
    for _ in 0..3 {
        assert_eq!(
            world.post("no-such-token", "/invites", body.clone()).await.expect(401).problem(),
            "UNAUTHENTICATED"
        );
        assert_eq!(world.post(VIEWER, "/invites", body.clone()).await.expect(403).problem(), "FORBIDDEN");
    }
    assert_eq!(world.houston.calls().field("inviteUser"), 6);
    assert_eq!(world.houston.calls().operation("GatewayCredential"), 2, "each token is tried once and remembered");

    let expired = world.houston.expired_token("admin@example.com").expect("a token");
    world.houston.forget_calls();
    let refused = world.post(&expired, "/invites", body.clone()).await.expect(401);
    assert!(refused.json()["detail"].as_str().expect("a detail").contains("expired"), "{}", refused.text);
    assert_eq!(world.houston.calls().total(), 0, "the token says so itself");
    // A service account has no user record, but is as good as anybody.
    let key = world.houston.api_key("Workspace reporting").expect("a key");
    assert_eq!(world.post(&key, "/invites", body.clone()).await.expect(403).problem(), "FORBIDDEN");
    let key = world.houston.api_key("Terraform").expect("a key");
    world.post(&key, "/invites", body).await.expect(201);
}

/// The ids of a list, page by page.
async fn walk(world: &World, token: &str, list: &str, limit: u32) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = format!("{list}?limit={limit}");
    loop {
        let page = world.get(token, &path).await.expect(200);
        let items = items(&page);
        assert!(items.len() <= limit as usize, "{path}");
        all.extend(items.iter().map(id));
        let Some(cursor) = page.json()["nextCursor"].as_str().map(str::to_owned) else { return all };
        path = format!("{list}?limit={limit}&cursor={cursor}");
    }
}

fn assert_once(walked: &[String], whole: &[String], what: &str) {
    assert_eq!(walked.len(), whole.len(), "{what}");
    assert_eq!(BTreeSet::from_iter(walked), BTreeSet::from_iter(whole), "{what}");
}

#[tokio::test]
async fn pages_are_counted_as_the_release_counts_them() {
    for (version, first) in [
        (Version::new(0, 28, 0), None),
        (Version::new(0, 31, 0), Some(0)),
        (Version::new(0, 31, 5), Some(0)),
        (Version::new(0, 31, 6), Some(1)),
        (Version::new(2, 1, 0), Some(1)),
    ] {
        let world = World::at(version).await;
        for number in 0..5 {
            let body = json!({ "label": format!("Workspace {number}"), "description": "One of many" });
            world.post(OWNER, "/workspaces", body).await.expect(201);
        }
        let whole = walk(&world, OWNER, "/workspaces", 200).await;
        assert_eq!(whole.len(), 7);
        world.houston.forget_calls();
        assert_once(&walk(&world, OWNER, "/workspaces", 3).await, &whole, &format!("at {version}"));
        let calls = world.houston.calls();
        let numbers: Vec<_> = calls.recent().iter().filter_map(|call| call.variables["page"].as_i64()).collect();
        let expected: Vec<_> = first.iter().flat_map(|first| *first..first + 3).collect();
        assert_eq!(numbers, expected, "at {version}");
        // Who goes on with another limit, or with none, misses nothing and sees nothing twice.
        for rest in ["", "&limit=1", "&limit=3", "&limit=200"] {
            let page = world.get(OWNER, "/workspaces?limit=2").await.expect(200);
            let cursor = page.json()["nextCursor"].as_str().expect("a cursor").to_owned();
            let next = items(&world.get(OWNER, &format!("/workspaces?cursor={cursor}{rest}")).await.expect(200));
            let next: Vec<String> = next.iter().map(id).collect();
            assert_eq!(next, whole[2..2 + next.len()], "{rest} at {version}");
            assert!(!next.is_empty(), "{rest} at {version}");
        }
        let workspace = world.workspace(OWNER, "Data Platform").await;
        let users = format!("/workspaces/{workspace}/users");
        let whole = walk(&world, OWNER, &users, 200).await;
        assert_eq!(whole.len(), 7, "at {version}");
        assert_once(&walk(&world, OWNER, &users, 2).await, &whole, &format!("at {version}"));
    }
}

#[tokio::test]
async fn a_list_that_houston_only_gives_in_pages_comes_whole_without_a_limit() {
    let world = World::new().await;
    for number in 0..120 {
        let team = json!({ "name": format!("Team {number}") });
        world.post(ADMIN, "/teams", team).await.expect(201);
        let url = format!("https://dp-{number}.astro.example.com/metadata");
        let cluster = json!({ "name": format!("cluster-{number}"), "metadataUrl": url });
        world.post(ADMIN, "/clusters", cluster).await.expect(201);
    }
    for (list, field, total) in [("/teams", "paginatedTeams", 124), ("/clusters", "paginatedClusters", 122)] {
        world.houston.forget_calls();
        let whole = world.get(ADMIN, list).await.expect(200);
        let ids: Vec<String> = items(&whole).iter().map(id).collect();
        let whole = whole.json();
        assert_eq!((ids.len(), &whole["total"]), (total, &json!(total)), "{list}");
        assert!(whole.get("nextLink").is_none(), "{list}");
        let calls = world.houston.calls();
        assert_eq!(calls.field(field), 2, "{list}");
        // More than its cap and Houston cuts the page, or refuses it: nobody knows.
        assert!(calls.recent().iter().all(|call| call.variables["limit"] == 100), "{list}");
        for limit in [7, 60, 100, 200] {
            assert_once(&walk(&world, ADMIN, list, limit).await, &ids, &format!("{list} by {limit}"));
        }
        let sorted = world.get(ADMIN, &format!("{list}?sort=id&limit=2")).await.expect(200).json();
        let place = sorted["nextCursor"].as_str().expect("a cursor");
        let next = items(&world.get(ADMIN, &format!("{list}?limit=1&cursor={place}")).await.expect(200));
        let seen = items(&world.get(ADMIN, &format!("{list}?limit=1")).await.expect(200));
        assert_ne!(next, seen, "{list}: a place in the order of the gateway is no place for Houston");
        let last = world.get(ADMIN, &format!("{list}?sort=-name&limit=1")).await.expect(200).json();
        assert_eq!((last["value"].as_array().expect("a list").len(), &last["total"]), (1, &json!(total)), "{list}");
    }
}
