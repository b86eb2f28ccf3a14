//! Who works on a deployment: users, teams and service accounts.

use super::{find, items, role_on, walk};
use crate::harness::{OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /deployments/{deploymentId}/users",
    "POST /deployments/{deploymentId}/users",
    "GET /deployments/{deploymentId}/users/{userId}",
    "PATCH /deployments/{deploymentId}/users/{userId}",
    "DELETE /deployments/{deploymentId}/users/{userId}",
    "GET /deployments/{deploymentId}/service-accounts",
    "POST /deployments/{deploymentId}/service-accounts",
    "GET /deployments/{deploymentId}/service-accounts/{serviceAccountId}",
    "PATCH /deployments/{deploymentId}/service-accounts/{serviceAccountId}",
    "DELETE /deployments/{deploymentId}/service-accounts/{serviceAccountId}",
    "GET /deployments/{deploymentId}/teams",
    "POST /deployments/{deploymentId}/teams",
    "PATCH /deployments/{deploymentId}/teams/{teamId}",
    "DELETE /deployments/{deploymentId}/teams/{teamId}",
];

#[tokio::test]
async fn users_and_service_accounts_get_roles_on_a_deployment_and_lose_them() {
    walk(&ROUTES[..10], async |w| {
        let deployment = w.deployment("solar-parallax-2308");
        let parent = format!("/deployments/{deployment}");
        let users = format!("{parent}/users");
        let user = w.user("marta.kowalska@example.com").await;
        let path = format!("{users}/{user}");
        let before = items(&w.guarded(OWNER, VIEWER, Method::GET, &users, Value::Null).await.expect(200)).len();
        w.unknown(OWNER, Method::GET, &path, Value::Null).await;

        let body = json!({ "email": "marta.kowalska@example.com", "role": "DEPLOYMENT_EDITOR" });
        let given = w.guarded(OWNER, VIEWER, Method::POST, &users, body).await.expect(201).json();
        assert_eq!((&given["user"]["id"], &given["deployment"]["id"]), (&json!(user), &json!(deployment)));
        assert_eq!(w.list(OWNER, &users).await.len(), before + 1);
        assert_eq!(w.list(OWNER, &format!("{users}?fullName=Marta")).await.len(), 1);
        let read = w.guarded(OWNER, VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(role_on(&read, "deployment", &deployment), Some("DEPLOYMENT_EDITOR"));

        let body = json!({ "role": "DEPLOYMENT_VIEWER" });
        w.guarded(OWNER, VIEWER, Method::PATCH, &path, body.clone()).await.expect(200);
        let read = w.get(OWNER, &path).await.expect(200).json();
        assert_eq!(role_on(&read, "deployment", &deployment), Some("DEPLOYMENT_VIEWER"));
        w.unknown(OWNER, Method::PATCH, &format!("{users}/none"), body).await;
        let wrong = w.patch(OWNER, &path, json!({ "role": "WORKSPACE_ADMIN" })).await.expect(422);
        assert_eq!(wrong.problem(), "UNPROCESSABLE");

        w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
        for method in [Method::GET, Method::DELETE] {
            w.unknown(OWNER, method, &path, Value::Null).await;
        }
        assert_eq!(w.list(OWNER, &users).await.len(), before);

        super::service_accounts::of(w, &parent, "deployment", &deployment).await;
    })
    .await;
}

#[tokio::test]
async fn teams_get_a_role_on_a_deployment_and_lose_it() {
    walk(&ROUTES[10..], async |w| {
        let deployment = w.deployment("solar-parallax-2308");
        let teams = format!("/deployments/{deployment}/teams");
        let team = w.team("Finance Operations").await;
        let path = format!("{teams}/{team}");
        assert!(items(&w.guarded(OWNER, VIEWER, Method::GET, &teams, Value::Null).await.expect(200)).is_empty());

        let body = json!({ "teamId": team, "role": "DEPLOYMENT_EDITOR" });
        let given = w.guarded(OWNER, VIEWER, Method::POST, &teams, body).await.expect(201).json();
        assert_eq!((&given["team"]["id"], &given["deployment"]["id"]), (&json!(team), &json!(deployment)));
        let role = async || {
            let teams = w.list(OWNER, &teams).await;
            role_on(find(&teams, &team)?, "deployment", &deployment).map(str::to_owned)
        };
        assert_eq!(role().await.as_deref(), Some("DEPLOYMENT_EDITOR"));
        let body = json!({ "role": "DEPLOYMENT_ADMIN" });
        w.guarded(OWNER, VIEWER, Method::PATCH, &path, body.clone()).await.expect(200);
        assert_eq!(role().await.as_deref(), Some("DEPLOYMENT_ADMIN"));
        w.unknown(OWNER, Method::PATCH, &format!("{teams}/none"), body).await;
        w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
        assert_eq!(role().await, None);
        w.unknown(OWNER, Method::DELETE, &path, Value::Null).await;
    })
    .await;
}
