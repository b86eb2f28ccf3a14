//! Service accounts: of any entity by Houston's older calls, and of the platform.

use super::{Walk, find, items, walk};
use crate::harness::{ADMIN, OWNER, VIEWER};
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /service-accounts",
    "POST /service-accounts",
    "PATCH /service-accounts/{serviceAccountId}",
    "DELETE /service-accounts/{serviceAccountId}",
    "POST /system/service-accounts",
    "DELETE /system/service-accounts/{serviceAccountId}",
];

#[tokio::test]
async fn service_accounts_of_any_entity_are_created_changed_and_deleted() {
    walk(ROUTES, async |w| {
        let workspace = w.workspace_id("Marketing Analytics");
        let list = format!("/service-accounts?entityType=WORKSPACE&entityId={workspace}");
        let without = w.get(OWNER, "/service-accounts").await.expect(400);
        assert_eq!(without.problem(), "INVALID_REQUEST", "Houston wants an entity or an id");
        assert_eq!(items(&w.to_members(OWNER, Method::GET, &list, Value::Null).await.expect(200)).len(), 1);

        let body =
            |role: &str| json!({ "label": "Exports", "entityType": "WORKSPACE", "entityId": workspace, "role": role });
        let mismatch = w.post(OWNER, "/service-accounts", body("SYSTEM_VIEWER")).await.expect(422);
        assert_eq!(mismatch.problem(), "UNPROCESSABLE");
        let created =
            w.to_members(OWNER, Method::POST, "/service-accounts", body("WORKSPACE_VIEWER")).await.expect(201);
        let (id, key) = (super::id(&created.json()), created.json()["apiKey"].clone());
        assert_eq!(key.as_str().expect("a key").len(), 32);
        assert_eq!(
            w.post(OWNER, "/service-accounts", body("WORKSPACE_VIEWER")).await.expect(409).problem(),
            "CONFLICT"
        );
        let listed = w.list(OWNER, &list).await;
        assert_eq!(find(&listed, &id).expect("it").get("apiKey"), None);
        assert_eq!(w.list(OWNER, &format!("/service-accounts?serviceAccountId={id}")).await.len(), 1);

        let path = format!("/service-accounts/{id}");
        let changed = w.to_members(OWNER, Method::PATCH, &path, json!({ "category": "export" })).await.expect(200);
        assert_eq!(changed.json()["label"], "Exports");
        assert_eq!(find(&w.list(OWNER, &list).await, &id).expect("it")["category"], "export");
        w.to_members(OWNER, Method::DELETE, &path, Value::Null).await.expect(200);
        w.unknown(OWNER, Method::DELETE, &path, Value::Null).await;
        w.unknown(OWNER, Method::PATCH, &path, json!({ "category": "none" })).await;
        assert!(find(&w.list(OWNER, &list).await, &id).is_none());

        let body = json!({ "label": "Audit export", "role": "SYSTEM_VIEWER" });
        let created = w.guarded(ADMIN, OWNER, Method::POST, "/system/service-accounts", body).await.expect(201).json();
        let key = created["apiKey"].as_str().expect("a key").to_owned();
        w.get(&key, "/users").await.expect(200);
        let wrong = json!({ "label": "Audit export", "role": "WORKSPACE_VIEWER" });
        assert_eq!(w.post(ADMIN, "/system/service-accounts", wrong).await.expect(422).problem(), "UNPROCESSABLE");
        let path = format!("/system/service-accounts/{}", super::id(&created));
        w.guarded(ADMIN, OWNER, Method::DELETE, &path, Value::Null).await.expect(200);
        w.unknown(ADMIN, Method::DELETE, &path, Value::Null).await;
        assert_eq!(w.get(&key, "/users").await.expect(401).problem(), "UNAUTHENTICATED", "the key is dead");
    })
    .await;
}

/// The five routes for service accounts of one workspace or deployment, which behave alike.
pub async fn of(w: &Walk, parent: &str, kind: &str, entity: &str) {
    let accounts = format!("{parent}/service-accounts");
    let upper = kind.to_uppercase();
    let outsider = w.outsider();
    let before = items(&w.guarded(OWNER, &outsider, Method::GET, &accounts, Value::Null).await.expect(200)).len();
    let body = json!({ "label": "CI pipeline", "role": format!("{upper}_EDITOR"), "category": "ci" });
    let reply = w.guarded(OWNER, VIEWER, Method::POST, &accounts, body.clone()).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let key = reply.json()["apiKey"].as_str().expect("a key").to_owned();
    let id = w.created(OWNER, reply, &accounts).await;
    assert_eq!(w.post(OWNER, &accounts, body).await.expect(409).problem(), "CONFLICT", "the label is taken");
    w.get(&key, "/platform/deployment-config").await.expect(200);

    let listed = w.list(OWNER, &accounts).await;
    assert_eq!(listed.len(), before + 1);
    let path = format!("{accounts}/{id}");
    let read = w.guarded(OWNER, &outsider, Method::GET, &path, Value::Null).await.expect(200).json();
    assert_eq!(find(&listed, &id), Some(&read));
    assert_eq!((&read["entityId"], read.get("apiKey")), (&json!(entity), None));
    assert_eq!(read["roleBindings"][0]["role"], format!("{upper}_EDITOR"));

    let body = json!({ "label": "Deploys", "role": format!("{upper}_VIEWER") });
    let changed = w.guarded(OWNER, VIEWER, Method::PATCH, &path, body.clone()).await.expect(200).json();
    assert_eq!((&changed["label"], &changed["category"]), (&json!("Deploys"), &json!("ci")));
    let read = w.get(OWNER, &path).await.expect(200).json();
    assert_eq!(read["roleBindings"][0]["role"], format!("{upper}_VIEWER"));

    w.guarded(OWNER, VIEWER, Method::DELETE, &path, Value::Null).await.expect(200);
    for method in [Method::GET, Method::DELETE] {
        w.unknown(OWNER, method, &path, Value::Null).await;
    }
    w.unknown(OWNER, Method::PATCH, &path, body).await;
    assert_eq!(w.list(OWNER, &accounts).await.len(), before);
    let dead = w.get(&key, "/platform/deployment-config").await.expect(401);
    assert_eq!(dead.problem(), "UNAUTHENTICATED");
}
