//! The walk that a newcomer takes, at every release: list, create, read, change, add, delete; and what is refused.

use crate::harness::{ADMIN, OWNER, RELEASES, VIEWER, World};
use houston_schema::Version;
use reqwest::Method;
use serde_json::{Value, json};

/// A body for a new deployment: from 1.0 on it needs a cluster.
async fn new_deployment(world: &World, version: Version, label: &str) -> Value {
    let mut body = json!({ "label": label, "executor": "CeleryExecutor" });
    if version >= Version::new(1, 0, 0) {
        body["clusterId"] = world.get(ADMIN, "/clusters").await.expect(200).json()["value"][0]["id"].clone();
    }
    body
}

#[tokio::test]
async fn a_newcomers_walk_at_every_release() {
    for version in RELEASES {
        let world = World::at(version).await;
        let workspace = world.workspace(OWNER, "Data Platform").await;
        let list = format!("/workspaces/{workspace}/deployments");

        let body = new_deployment(&world, version, "Newcomer").await;
        let created = world.post(OWNER, &list, body).await.expect(201);
        let id = created.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/deployments/{id}");
        assert_eq!(created.header("location"), format!("http://{}{path}", world.gateway), "at {version}");

        assert_eq!(created.header("retry-after"), "5", "Houston only queues it, at {version}");
        let read = world.get(OWNER, &path).await.expect(200).json();
        assert_eq!(read["label"], "Newcomer", "at {version}");
        let listed = world.get(OWNER, &list).await.expect(200).json();
        assert!(
            listed["value"].as_array().expect("a list").iter().any(|each| each["id"] == id.as_str()),
            "at {version}"
        );

        world.patch(OWNER, &path, json!({ "description": "changed" })).await.expect(200);
        let changed = world.get(OWNER, &path).await.expect(200).json();
        assert_eq!(changed["description"], "changed", "at {version}");
        assert_eq!(changed["label"], "Newcomer", "at {version}");

        let user = json!({ "email": "new.hire@example.com", "role": "WORKSPACE_VIEWER" });
        world.post(OWNER, &format!("/workspaces/{workspace}/users"), user).await.expect(201);

        assert_eq!(world.delete(VIEWER, &path).await.expect(403).problem(), "FORBIDDEN", "at {version}");
        world.delete(OWNER, &path).await.expect(200);
        assert_eq!(world.get(OWNER, &path).await.expect(404).problem(), "NOT_FOUND", "at {version}");
    }
}

#[tokio::test]
async fn what_a_newcomer_gets_wrong_at_every_release() {
    for version in RELEASES {
        let world = World::at(version).await;
        let workspace = world.workspace(OWNER, "Data Platform").await;
        let (path, users) = (format!("/workspaces/{workspace}"), format!("/workspaces/{workspace}/users"));
        let send = |kind: &'static str, body: &'static str| {
            world.send(world.request(OWNER, Method::PATCH, &path).header("content-type", kind).body(body))
        };
        let before = world.houston.calls().total();
        for (reply, status, code, tells) in [
            (world.get("", "/workspaces").await, 401, "UNAUTHENTICATED", "X-API-Key"),
            (world.get(ADMIN, "/deployments?limit=x").await, 400, "INVALID_REQUEST", r#""parameter":"limit""#),
            (world.patch(OWNER, &path, json!({ "lable": "x" })).await, 400, "INVALID_REQUEST", "did you mean label?"),
            (
                world.post(OWNER, &users, json!({ "email": "x@example.com", "role": "KING" })).await,
                400,
                "INVALID_REQUEST",
                "WORKSPACE_ADMIN, WORKSPACE_EDITOR, WORKSPACE_VIEWER",
            ),
            (world.put(OWNER, "/workspaces", json!({})).await, 405, "METHOD_NOT_ALLOWED", "PUT"),
            (send("text/plain", "{}").await, 415, "UNSUPPORTED_MEDIA_TYPE", "text/plain"),
            (send("application/json", "{\n  \"label\": \n}").await, 400, "MALFORMED_JSON", "line 3 column 1"),
        ] {
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (status, code), "at {version}");
            assert!(reply.text.contains(tells), "{tells} is not told at {version}: {}", reply.text);
            assert_eq!(reply.header("allow").is_empty(), status != 405, "at {version}: {:?}", reply.headers);
        }
        assert_eq!(world.houston.calls().total(), before, "none of this reached Houston {version}");
        assert_eq!(world.get("no-such-token", "/workspaces").await.expect(401).problem(), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn the_three_forms_of_a_credential() {
    for version in RELEASES {
        let world = World::at(version).await;
        for (name, value) in [
            ("x-api-key", OWNER.to_owned()),
            ("authorization", format!("Bearer {OWNER}")),
            ("authorization", format!("bearer {OWNER}")),
            ("authorization", OWNER.to_owned()),
        ] {
            let request = world.request("", Method::GET, "/workspaces").header(name, value);
            world.send(request).await.expect(200);
        }
    }
}
