//! Who works in a workspace: users, invited people, teams and service accounts.

use super::{OUTSIDER, find, items, role_on, walk};
use crate::harness::{OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /workspaces/{workspaceId}/users",
    "POST /workspaces/{workspaceId}/users",
    "GET /workspaces/{workspaceId}/users/{userId}",
    "PATCH /workspaces/{workspaceId}/users/{userId}",
    "DELETE /workspaces/{workspaceId}/users/{userId}",
    "GET /workspaces/{workspaceId}/invites",
    "DELETE /workspaces/{workspaceId}/invites/{inviteId}",
    "GET /workspaces/{workspaceId}/teams",
    "POST /workspaces/{workspaceId}/teams",
    "PATCH /workspaces/{workspaceId}/teams/{teamId}",
    "DELETE /workspaces/{workspaceId}/teams/{teamId}",
    "GET /workspaces/{workspaceId}/service-accounts",
    "POST /workspaces/{workspaceId}/service-accounts",
    "GET /workspaces/{workspaceId}/service-accounts/{serviceAccountId}",
    "PATCH /workspaces/{workspaceId}/service-accounts/{serviceAccountId}",
    "DELETE /workspaces/{workspaceId}/service-accounts/{serviceAccountId}",
];

#[tokio::test]
async fn users_join_a_workspace_change_their_role_and_leave() {
    walk(&ROUTES[..7], async |w| {
        let workspace = w.workspace_id("Marketing Analytics");
        let users = format!("/workspaces/{workspace}/users");
        let member = w.user(OUTSIDER).await;
        let path = format!("{users}/{member}");
        assert_eq!(items(&w.guarded(OWNER, VIEWER, Method::GET, &users, Value::Null).await.expect(200)).len(), 5);
        assert_eq!(w.list(OWNER, &format!("{users}?limit=2")).await.len(), 2);
        w.unknown(OWNER, Method::GET, &path, Value::Null).await;

        let body = json!({ "email": OUTSIDER, "role": "WORKSPACE_EDITOR" });
        let joined = w.guarded(OWNER, VIEWER, Method::POST, &users, body).await.expect(201).json();
        assert_eq!(joined["id"], workspace.as_str(), "the answer is the workspace");
        assert_eq!(w.list(OWNER, &format!("{users}?email={OUTSIDER}")).await.len(), 1);
        let read = w.guarded(OWNER, VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(role_on(&read, "workspace", &workspace), Some("WORKSPACE_EDITOR"));

        let body = json!({ "role": "WORKSPACE_ADMIN" });
        let changed = w.guarded(OWNER, VIEWER, Method::PATCH, &path, body.clone()).await.expect(200);
        assert_eq!(changed.json(), json!({ "role": "WORKSPACE_ADMIN" }));
        let read = w.get(OWNER, &path).await.expect(200).json();
        assert_eq!(role_on(&read, "workspace", &workspace), Some("WORKSPACE_ADMIN"));
        let wrong = w.patch(OWNER, &path, json!({ "role": "SYSTEM_ADMIN" })).await.expect(422);
        assert_eq!(wrong.problem(), "UNPROCESSABLE");
        w.unknown(OWNER, Method::PATCH, &format!("{users}/none"), body).await;

        w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
        w.unknown(OWNER, Method::GET, &path, Value::Null).await;
        assert_eq!(w.list(OWNER, &users).await.len(), 5);

        let body = json!({ "email": "partner@example.org" });
        w.post(OWNER, &users, body).await.expect(201);
        let invites = format!("/workspaces/{workspace}/invites");
        let invited = items(&w.guarded(OWNER, VIEWER, Method::GET, &invites, Value::Null).await.expect(200));
        assert_eq!(
            (&invited[0]["email"], &invited[0]["role"]),
            (&json!("partner@example.org"), &json!("WORKSPACE_VIEWER"))
        );
        assert!(invited[0].get("token").is_none());
        assert_eq!(w.list(OWNER, &format!("{invites}?email=nobody")).await.len(), 0);
        let path = format!("{invites}/{}", super::id(&invited[0]));
        w.to_members(OWNER, Method::DELETE, &path, Value::Null).await.expect(200);
        assert!(w.list(OWNER, &invites).await.is_empty());
        w.unknown(OWNER, Method::DELETE, &path, Value::Null).await;
    })
    .await;
}

#[tokio::test]
async fn teams_join_a_workspace_change_their_role_and_leave() {
    walk(&ROUTES[7..11], async |w| {
        let workspace = w.workspace_id("Marketing Analytics");
        let teams = format!("/workspaces/{workspace}/teams");
        let team = w.team("Finance Operations").await;
        let path = format!("{teams}/{team}");
        let listed = w.to_members(OWNER, Method::GET, &teams, Value::Null).await.expect(200);
        assert!(find(&items(&listed), &team).is_none());
        assert_eq!(w.get(VIEWER, &teams).await.expect(403).problem(), "FORBIDDEN");

        let body = json!({ "teamId": team });
        let joined = w.guarded(OWNER, VIEWER, Method::POST, &teams, body).await.expect(201).json();
        assert_eq!(joined["id"], workspace.as_str(), "the answer is the workspace");
        let role = async || {
            let teams = w.list(OWNER, &teams).await;
            role_on(find(&teams, &team)?, "workspace", &workspace).map(str::to_owned)
        };
        assert_eq!(role().await.as_deref(), Some("WORKSPACE_VIEWER"));
        let body = json!({ "role": "WORKSPACE_ADMIN" });
        let changed = w.guarded(OWNER, VIEWER, Method::PATCH, &path, body.clone()).await.expect(200);
        assert_eq!(changed.json(), json!({ "role": "WORKSPACE_ADMIN" }));
        assert_eq!(role().await.as_deref(), Some("WORKSPACE_ADMIN"));
        w.unknown(OWNER, Method::PATCH, &format!("{teams}/none"), body).await;

        w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
        assert_eq!(role().await, None);
        w.unknown(OWNER, Method::DELETE, &format!("{teams}/none"), Value::Null).await;
    })
    .await;
}

#[tokio::test]
async fn service_accounts_of_a_workspace_are_created_changed_and_deleted() {
    walk(&ROUTES[11..], async |w| {
        let workspace = w.workspace_id("Marketing Analytics");
        super::service_accounts::of(w, &format!("/workspaces/{workspace}"), "workspace", &workspace).await;
    })
    .await;
}
