//! Workspaces, their setting overrides, and what is left of their billing.

use super::{Walk, find, items, walk};
use crate::harness::{ADMIN, OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /workspaces",
    "POST /workspaces",
    "GET /workspaces/{workspaceId}",
    "PATCH /workspaces/{workspaceId}",
    "DELETE /workspaces/{workspaceId}",
    "GET /system/workspaces",
    "PUT /workspaces/{workspaceId}/deployments-config",
    "DELETE /workspaces/{workspaceId}/deployments-config",
    "GET /workspaces/{workspaceId}/card",
    "POST /workspaces/{workspaceId}/card",
    "PUT /workspaces/{workspaceId}/card",
    "PUT /workspaces/{workspaceId}/customer",
    "PUT /workspaces/{workspaceId}/suspension",
    "POST /workspaces/{workspaceId}/trial-extensions",
];

#[tokio::test]
async fn workspaces_are_created_read_changed_and_deleted() {
    walk(ROUTES, async |w| {
        assert_eq!(items(&w.to_members(OWNER, Method::GET, "/workspaces", Value::Null).await.expect(200)).len(), 2);
        let body = json!({ "label": "Experiments", "description": "Short-lived" });
        let reply = w.to_members(OWNER, Method::POST, "/workspaces", body).await;
        let id = w.created(OWNER, reply, "/workspaces").await;
        assert!(find(&w.list(OWNER, "/workspaces").await, &id).is_some());
        assert_eq!(w.list(OWNER, "/workspaces?limit=2").await.len(), 2);
        assert!(find(&w.list(VIEWER, "/workspaces").await, &id).is_none());

        let path = format!("/workspaces/{id}");
        let read = w.guarded(OWNER, VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(read["workspaceCapabilities"]["canDeleteWorkspace"], true);
        let label = json!({ "label": "Trials" });
        let changed = w.guarded(OWNER, VIEWER, Method::PATCH, &path, label).await.expect(200).json();
        assert_eq!((&changed["label"], &changed["description"]), (&json!("Trials"), &json!("Short-lived")));
        assert_eq!(w.get(OWNER, &path).await.expect(200).json()["label"], "Trials");
        assert_eq!(find(&w.list(OWNER, "/workspaces").await, &id).expect("it")["label"], "Trials");
        w.unknown(ADMIN, Method::GET, "/workspaces/none", Value::Null).await;

        if w.has("GET /system/workspaces") {
            let all = w.guarded(ADMIN, OWNER, Method::GET, "/system/workspaces", Value::Null).await.expect(200);
            assert_eq!(items(&all).len(), 6);
        }
        if w.has("PUT /workspaces/{workspaceId}/deployments-config") {
            overrides(w, &path).await;
        }
        if w.has("GET /workspaces/{workspaceId}/card") {
            billing(w, &path).await;
        }

        w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
        w.unknown(ADMIN, Method::GET, &path, Value::Null).await;
        w.unknown(ADMIN, Method::DELETE, &path, Value::Null).await;
        assert!(find(&w.list(OWNER, "/workspaces").await, &id).is_none());
    })
    .await;
}

async fn overrides(w: &Walk, path: &str) {
    let path = &format!("{path}/deployments-config");
    let set = |value: Value| json!({ "deploymentsConfigOverride": value, "reason": "trial" });
    let first = set(json!({ "hardDeleteDeployment": true, "logging": { "level": "debug" } }));
    w.guarded(OWNER, VIEWER, Method::PUT, path, first).await.expect(200);
    let merged = w.put(OWNER, path, set(json!({ "logging": "DELETE_KEY" }))).await.expect(200).json();
    assert_eq!(merged["config"], json!({ "hardDeleteDeployment": true }));
    let removed = w.guarded(OWNER, VIEWER, Method::DELETE, &format!("{path}?reason=over"), Value::Null).await;
    assert!(removed.expect(200).json()["deletedAt"].is_string());
    w.unknown(ADMIN, Method::PUT, "/workspaces/none/deployments-config", set(json!({}))).await;
}

async fn billing(w: &Walk, path: &str) {
    let (card, customer) = (format!("{path}/card"), json!({ "stripeCustomerId": "cus_9s6XKzkNRiz8i3" }));
    let read = format!("{card}?stripeCustomerId=cus_9s6XKzkNRiz8i3");
    w.unknown(OWNER, Method::GET, &read, Value::Null).await;
    let body = json!({ "billingEmail": "billing@example.com", "token": "tok_visa" });
    let stored = w.guarded(OWNER, VIEWER, Method::POST, &card, body).await.expect(201).json();
    assert_eq!(stored["last4"], "4242");
    let body = json!({ "billingEmail": "finance@example.com", "token": "tok_visa" });
    w.guarded(OWNER, VIEWER, Method::PUT, &card, body).await.expect(200);
    let shown = w.guarded(OWNER, VIEWER, Method::GET, &read, Value::Null).await.expect(200).json();
    assert_eq!(shown["billingEmail"], "finance@example.com");

    let attached = w.guarded(ADMIN, OWNER, Method::PUT, &format!("{path}/customer"), customer).await.expect(200);
    assert_eq!(attached.json()["stripeCustomerId"], "cus_9s6XKzkNRiz8i3");
    for suspended in [true, false] {
        let body = json!({ "isSuspended": suspended });
        w.guarded(ADMIN, OWNER, Method::PUT, &format!("{path}/suspension"), body).await.expect(200);
        assert_eq!(w.get(OWNER, path).await.expect(200).json()["active"], !suspended);
    }
    let days = json!({ "extraDays": 14 });
    let extended = w.guarded(ADMIN, OWNER, Method::POST, &format!("{path}/trial-extensions"), days).await.expect(200);
    assert!(extended.json()["trialEndsAt"].is_string());
    w.unknown(ADMIN, Method::PUT, "/workspaces/none/suspension", json!({ "isSuspended": true })).await;
}
