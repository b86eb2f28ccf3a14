//! Deployments: created, found, changed, upserted, adopted, deleted.

use super::{Walk, find, items, walk};
use crate::harness::{ADMIN, OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /workspaces/{workspaceId}/deployments",
    "POST /workspaces/{workspaceId}/deployments",
    "GET /workspaces/{workspaceId}/deployments/{releaseName}",
    "POST /workspaces/{workspaceId}/adoptions",
    "GET /deployments",
    "PUT /deployments",
    "GET /deployments/{deploymentId}",
    "PATCH /deployments/{deploymentId}",
    "DELETE /deployments/{deploymentId}",
    "DELETE /deployments/{deploymentId}/adoption",
];

#[tokio::test]
async fn deployments_are_created_found_changed_and_deleted() {
    walk(ROUTES, async |w| {
        let workspace = w.workspace_id("Data Platform");
        let list = format!("/workspaces/{workspace}/deployments");
        let outsider = w.outsider();
        assert_eq!(items(&w.guarded(VIEWER, &outsider, Method::GET, &list, Value::Null).await.expect(200)).len(), 4);

        let mut body = json!({ "label": "Fraud", "releaseName": "fraud-detection", "executor": "LocalExecutor" });
        if w.since(1, 0, 0) {
            let without = w.post(OWNER, &list, body.clone()).await.expect(400);
            assert_eq!(without.json()["errors"][0]["pointer"], "/clusterId");
            body["clusterId"] = json!(cluster(w).await);
        }
        let reply = w.guarded(OWNER, VIEWER, Method::POST, &list, body.clone()).await;
        let id = w.created(OWNER, reply, "/deployments").await;
        assert_eq!(w.post(OWNER, &list, body.clone()).await.expect(409).problem(), "CONFLICT", "the label is taken");
        assert_eq!(find(&w.list(OWNER, &list).await, &id).expect("it")["executor"], "LocalExecutor");
        assert_eq!(w.list(OWNER, &format!("{list}?releaseName=fraud-detection")).await.len(), 1);

        let by_name = format!("{list}/fraud-detection");
        let found = w.guarded(VIEWER, &outsider, Method::GET, &by_name, Value::Null).await.expect(200).json();
        assert_eq!(found["id"], id.as_str());
        w.unknown(VIEWER, Method::GET, &format!("{list}/none"), Value::Null).await;
        let path = format!("/deployments/{id}");
        let read = w.to_members(VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(read["deploymentCapabilities"]["canUpdateDeployment"], false);
        w.unknown(VIEWER, Method::GET, "/deployments/none", Value::Null).await;

        let whole = w.to_members(ADMIN, Method::GET, "/deployments", Value::Null).await.expect(200);
        assert!(find(&items(&whole), &id).is_some());
        assert_eq!(w.list(ADMIN, "/deployments?limit=2").await.len(), 2);
        let of_viewer = w.get(VIEWER, "/deployments").await;
        if w.since(1, 0, 0) {
            assert_eq!(items(&of_viewer.expect(200)).len(), 5, "it shows what the caller may see");
            assert_eq!(w.list(ADMIN, "/deployments?name=fraud&limit=5").await.len(), 1);
        } else {
            assert_eq!(of_viewer.expect(403).problem(), "FORBIDDEN");
        }

        let change = json!({ "label": "Fraud Detection", "description": "Scores payments" });
        let changed = w.guarded(OWNER, VIEWER, Method::PATCH, &path, change.clone()).await.expect(200).json();
        assert_eq!(
            (&changed["label"], &changed["releaseName"]),
            (&json!("Fraud Detection"), &json!("fraud-detection"))
        );
        assert_eq!(w.get(OWNER, &path).await.expect(200).json()["description"], "Scores payments");
        assert_eq!(find(&w.list(OWNER, &list).await, &id).expect("it")["label"], "Fraud Detection");
        w.patch(OWNER, &path, json!({ "executor": "CeleryExecutor" })).await.expect(200);
        let read = w.get(OWNER, &path).await.expect(200).json();
        assert_eq!((&read["executor"], &read["label"]), (&json!("CeleryExecutor"), &json!("Fraud Detection")));
        let taken = w.patch(OWNER, &path, json!({ "label": "Warehouse Staging" })).await.expect(409);
        assert_eq!(taken.problem(), "CONFLICT");
        if w.since(0, 30, 0) {
            w.unknown(ADMIN, Method::PATCH, "/deployments/none", change).await;
        }

        if w.has("PUT /deployments") {
            let again = json!({ "deploymentId": id, "description": "Upserted" });
            let upserted = w.guarded(OWNER, VIEWER, Method::PUT, "/deployments", again).await.expect(200).json();
            assert_eq!(upserted["label"], "Fraud Detection");
            assert_eq!(w.get(OWNER, &path).await.expect(200).json()["description"], "Upserted");
        }
        if w.has("POST /workspaces/{workspaceId}/adoptions") {
            adoption(w, &workspace).await;
        }

        let gone = w.guarded(OWNER, VIEWER, Method::DELETE, &format!("{path}?hardDelete=true"), Value::Null).await;
        assert_eq!(gone.expect(200).json()["workspace"]["id"], workspace.as_str());
        w.unknown(ADMIN, Method::GET, &path, Value::Null).await;
        w.unknown(ADMIN, Method::GET, &by_name, Value::Null).await;
        w.unknown(ADMIN, Method::DELETE, &path, Value::Null).await;
        assert!(find(&w.list(OWNER, &list).await, &id).is_none());
        assert!(find(&w.list(ADMIN, "/deployments").await, &id).is_none());
    })
    .await;
}

async fn adoption(w: &Walk, workspace: &str) {
    let adoptions = format!("/workspaces/{workspace}/adoptions");
    let body =
        json!({ "clusterId": cluster(w).await, "crNamespace": "airflow", "crName": "legacy", "label": "Legacy" });
    let reply = w.guarded(OWNER, VIEWER, Method::POST, &adoptions, body).await;
    let id = w.created(OWNER, reply, "/deployments").await;
    assert_eq!(w.get(OWNER, &format!("/deployments/{id}")).await.expect(200).json()["mode"], "operator");
    let adoption = format!("/deployments/{id}/adoption");
    w.guarded(OWNER, VIEWER, Method::DELETE, &adoption, Value::Null).await.expect(200);
    w.unknown(OWNER, Method::GET, &format!("/deployments/{id}"), Value::Null).await;
    w.unknown(ADMIN, Method::DELETE, &adoption, Value::Null).await;
    let never = format!("/deployments/{}/adoption", w.deployment("stellar-horizon-4217"));
    assert_eq!(w.delete(OWNER, &never).await.expect(422).problem(), "UNPROCESSABLE", "it was never adopted");
}

async fn cluster(w: &Walk) -> String {
    super::id(&w.list(ADMIN, "/clusters").await[0])
}
