//! Teams, their members and their system roles.

use super::{find, items, walk};
use crate::harness::{ADMIN, OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /teams",
    "POST /teams",
    "GET /teams/{teamId}",
    "PATCH /teams/{teamId}",
    "DELETE /teams/{teamId}",
    "GET /teams/{teamId}/users",
    "PUT /teams/{teamId}/system-roles/{role}",
    "DELETE /teams/{teamId}/system-roles/{role}",
];

#[tokio::test]
async fn teams_are_created_read_changed_given_roles_and_deleted() {
    walk(ROUTES, async |w| {
        let listed = w.guarded(ADMIN, OWNER, Method::GET, "/teams", Value::Null).await.expect(200);
        assert_eq!(listed.json()["total"], 4);
        let workspace = w.workspace_id("Data Platform");
        assert_eq!(w.list(OWNER, &format!("/teams?workspaceId={workspace}")).await.len(), 1);
        if w.since(1, 0, 0) {
            assert_eq!(w.list(ADMIN, "/teams?search=engineer").await.len(), 2);
        } else {
            let search = w.get(ADMIN, "/teams?search=engineer").await.expect(422);
            assert_eq!(search.problem(), "NOT_IN_THIS_VERSION");
        }

        let mut id = w.team("Finance Operations").await;
        let viewer = w.user("viewer@example.com").await;
        if w.has("POST /teams") {
            let body = json!({ "name": "Risk", "userIds": [viewer] });
            let created = w.guarded(ADMIN, OWNER, Method::POST, "/teams", body.clone()).await.expect(201);
            id = super::id(&created.json());
            assert!(created.header("location").ends_with(&format!("/teams/{id}")));
            assert_eq!(w.post(ADMIN, "/teams", body).await.expect(422).problem(), "UNPROCESSABLE");
            assert!(find(&w.list(ADMIN, "/teams").await, &id).is_some());
        }
        let path = format!("/teams/{id}");
        let users = format!("{path}/users");
        let read = w.to_members(ADMIN, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(read["id"], id.as_str());
        assert!(!items(&w.to_members(ADMIN, Method::GET, &users, Value::Null).await.expect(200)).is_empty());
        w.unknown(ADMIN, Method::GET, "/teams/none", Value::Null).await;

        if w.has("PATCH /teams/{teamId}") {
            let change = json!({ "name": "Fraud", "removeUserIds": [viewer] });
            let changed = w.guarded(ADMIN, OWNER, Method::PATCH, &path, change.clone()).await.expect(200).json();
            assert_eq!(changed["name"], "Fraud");
            assert_eq!(w.get(ADMIN, &path).await.expect(200).json()["name"], "Fraud");
            assert!(w.list(ADMIN, &users).await.is_empty());
            w.unknown(ADMIN, Method::PATCH, "/teams/none", change).await;
        }
        if w.has("PUT /teams/{teamId}/system-roles/{role}") {
            let role = format!("{path}/system-roles/SYSTEM_VIEWER");
            w.guarded(ADMIN, OWNER, Method::PUT, &role, Value::Null).await.expect(200);
            let bindings = w.get(ADMIN, &path).await.expect(200).json()["roleBindings"].clone();
            assert!(bindings.as_array().expect("a list").iter().any(|each| each["role"] == "SYSTEM_VIEWER"));
            assert_eq!(w.ask(ADMIN, Method::PUT, &role, &Value::Null).await.expect(409).problem(), "CONFLICT");
            w.guarded(ADMIN, OWNER, Method::DELETE, &role, Value::Null).await.expect(200);
            w.unknown(ADMIN, Method::DELETE, &role, Value::Null).await;
        }
        if w.has("DELETE /teams/{teamId}") {
            w.guarded(ADMIN, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
            for method in [Method::GET, Method::DELETE] {
                w.unknown(ADMIN, method, &path, Value::Null).await;
            }
            assert!(find(&w.list(ADMIN, "/teams").await, &id).is_none());
        }
    })
    .await;
}
