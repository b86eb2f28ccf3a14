//! Data plane clusters, and trying git credentials from one.

use super::{find, walk};
use crate::harness::{ADMIN, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /clusters",
    "POST /clusters",
    "GET /clusters/{clusterId}",
    "PATCH /clusters/{clusterId}",
    "DELETE /clusters/{clusterId}",
    // Nobody knows what Houston answers here: without its own schema this is 501 at every release.
    "POST /cluster-reconciliations",
    "POST /git-sync/validations",
];

#[tokio::test]
async fn clusters_are_registered_changed_and_deregistered() {
    walk(ROUTES, async |w| {
        let listed = w.to_members(VIEWER, Method::GET, "/clusters", Value::Null).await.expect(200);
        assert_eq!(listed.json()["total"], 2);
        assert_eq!(w.list(VIEWER, "/clusters?search=us-east").await.len(), 1);
        assert_eq!(w.list(VIEWER, "/clusters?k8sVersion=1.33").await.len(), 1);

        let body = json!({ "name": "ap-south", "metadataUrl": "https://dp-ap.astro.example.com/metadata" });
        let reply = w.guarded(ADMIN, VIEWER, Method::POST, "/clusters", body.clone()).await;
        let id = w.created(ADMIN, reply, "/clusters").await;
        assert_eq!(w.post(ADMIN, "/clusters", body).await.expect(422).problem(), "UNPROCESSABLE", "the name is taken");
        assert!(find(&w.list(VIEWER, "/clusters").await, &id).is_some());

        let path = format!("/clusters/{id}");
        let read = w.guarded(ADMIN, VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(read["status"], "ACTIVE");
        let down = json!({ "status": "INACTIVE", "statusReason": { "message": "Maintenance" } });
        let changed = w.guarded(ADMIN, VIEWER, Method::PATCH, &path, down).await.expect(200).json();
        assert_eq!(changed["statusReason"]["message"], "Maintenance");
        assert_eq!(w.get(ADMIN, &path).await.expect(200).json()["status"], "INACTIVE");
        let renaming = w.patch(ADMIN, &path, json!({ "name": "ap-south-1" })).await.expect(409);
        assert_eq!(renaming.problem(), "CONFLICT", "only its status may change");

        let gone = w.guarded(ADMIN, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200).json();
        assert_eq!(gone["id"], id);
        for method in [Method::GET, Method::DELETE] {
            w.unknown(ADMIN, method, &path, Value::Null).await;
        }
        w.unknown(ADMIN, Method::PATCH, &path, json!({ "status": "ACTIVE" })).await;
        assert!(find(&w.list(VIEWER, "/clusters").await, &id).is_none());

        if w.has("POST /git-sync/validations") {
            let cluster = super::id(&listed.json()["value"][0]);
            for (token, category) in [("good", "OK"), ("expired", "AUTH_FAILED")] {
                let repository = "https://git.example.com/dags.git";
                let body = json!({ "clusterId": cluster, "repositoryUrl": repository, "httpsToken": token });
                let tried = w.to_members(VIEWER, Method::POST, "/git-sync/validations", body).await.expect(200).json();
                assert_eq!(tried["category"], category);
                assert_eq!(tried["valid"], category == "OK");
            }
            let body = json!({ "clusterId": "none", "repositoryUrl": "https://git.example.com", "httpsToken": "x" });
            w.unknown(VIEWER, Method::POST, "/git-sync/validations", body).await;
        }
    })
    .await;
}
