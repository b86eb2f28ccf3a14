//! Lists: pages, order, times, and the shape of answers that callers choose.

use crate::harness::{ADMIN, OWNER, World};
use axum::{Router, routing::post};
use houston_sim::Settings;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::net::TcpListener;

fn ids(list: &Value) -> Vec<String> {
    let items = list["value"].as_array().expect("a list");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// Walks a list by its `nextLink`s.
async fn walk(world: &World, token: &str, first: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = first.to_owned();
    loop {
        let page = world.get(token, &path).await.expect(200);
        let body = page.json();
        all.extend(ids(&body));
        let Some(next) = body["nextLink"].as_str() else {
            assert!(body.get("nextCursor").is_none() && page.header("link").is_empty(), "{body}");
            return all;
        };
        assert_eq!(page.header("link"), format!("<{next}>; rel=\"next\""));
        path = next.strip_prefix(&format!("http://{}", world.gateway)).expect("an absolute link").to_owned();
    }
}

#[tokio::test]
async fn a_list_walked_page_by_page_gives_every_item_once() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    for list in [
        "/workspaces".to_owned(),
        "/system/workspaces".to_owned(),
        "/deployments".to_owned(),
        "/users".to_owned(),
        "/teams".to_owned(),
        format!("/workspaces/{workspace}/users"),
        format!("/workspaces/{workspace}/deployments"),
    ] {
        let whole = ids(&world.get(ADMIN, &list).await.expect(200).json());
        assert!(whole.len() > 1, "{list} has {} items", whole.len());
        for query in ["limit=1", "limit=3", "limit=200", "limit=2&sort=-id"] {
            let walked = walk(&world, ADMIN, &format!("{list}?{query}")).await;
            assert_eq!(walked.len(), whole.len(), "{list}?{query}");
            assert_eq!(BTreeSet::from_iter(&walked), BTreeSet::from_iter(&whole), "{list}?{query}");
        }
    }
}

#[tokio::test]
async fn order_and_times() {
    let world = World::new().await;
    let by = |query: &'static str| world.get(ADMIN, query);
    let labels = |list: &Value| -> Vec<String> {
        list["value"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|item| item["label"].as_str().expect("a label").to_owned())
            .collect()
    };
    let ascending = labels(&by("/deployments?sort=label").await.expect(200).json());
    let mut descending = labels(&by("/deployments?sort=-label").await.expect(200).json());
    assert!(ascending.is_sorted());
    descending.reverse();
    assert_eq!(ascending, descending);
    by("/deployments?sort=colour").await.expect(400);

    let newest = by("/deployments?sort=-createdAt&limit=1").await.expect(200).json();
    let time = newest["value"][0]["createdAt"].as_str().expect("a time").to_owned();
    let since = world.get(ADMIN, &format!("/deployments?createdSince={time}")).await.expect(200).json();
    assert_eq!(ids(&since), ids(&newest));
    let none = by("/deployments?updatedSince=2999-01-01T00:00:00Z").await.expect(200).json();
    assert_eq!(none["value"], json!([]));
    by("/deployments?updatedSince=yesterday").await.expect(400);
    let timeless = by("/airflow-releases?createdSince=2999-01-01T00:00:00Z").await.expect(200).json();
    assert!(!timeless["value"].as_array().expect("a list").is_empty(), "items without a time are kept");
    by("/deployments?fields=label&createdSince=2999-01-01T00:00:00Z").await.expect(400);
    by("/platform/config?limit=1").await.expect(400);
    by("/workspaces?cursor=banana").await.expect(400);
}

#[tokio::test]
async fn fields_are_pushed_into_the_document() {
    let world = World::new().await;
    let list = world.get(ADMIN, "/deployments?fields=label,workspace.label&limit=1").await.expect(200).json();
    let item = list["value"][0].as_object().expect("an object");
    assert_eq!(
        item.keys().collect::<BTreeSet<_>>(),
        BTreeSet::from([&"id".to_owned(), &"label".into(), &"workspace".into()])
    );
    assert_eq!(item["workspace"].as_object().expect("an object").len(), 2);
    let document = world.last_call().document;
    assert!(!document.contains("releaseName") && document.contains("workspace"), "{document}");

    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let one = world.get(ADMIN, &format!("/deployments/{deployment}?fields=releaseName")).await.expect(200).json();
    assert_eq!(one, json!({ "id": deployment, "releaseName": "stellar-horizon-4217" }));
    let teams = world.get(ADMIN, "/teams?fields=name").await.expect(200).json();
    assert_eq!(teams["value"][0].as_object().expect("an object").len(), 2);
    assert!(teams["total"].is_u64(), "{teams}");
}

#[tokio::test]
async fn fields_that_cannot_be_are_explained() {
    let world = World::new().await;
    for (fields, told) in [
        ("labl", "did you mean label?"),
        ("label.x", "has no fields of its own"),
        ("workspace.users.emails.user.id", "too deep"),
        ("id,,label", "is not a field"),
        ("workspace.users.emails.token", "is a secret"),
    ] {
        let reply = world.get(ADMIN, &format!("/deployments?fields={fields}")).await.expect(400);
        assert!(reply.text.contains(told), "{fields}: {}", reply.text);
    }
    let old = World::at(houston_schema::Version::new(0, 25, 0)).await;
    let reply = old.get(ADMIN, "/deployments?fields=runtimeVersion").await.expect(422);
    assert_eq!(reply.problem(), "NOT_IN_THIS_VERSION");
    assert!(reply.text.contains("0.29.0 and later"), "{}", reply.text);
}

#[tokio::test]
async fn wider_selections_are_not_kept() {
    let world = World::new().await;
    let status =
        |path: &'static str| async { world.get(ADMIN, path).await.expect(200).header("cache-status").to_owned() };
    for _ in 0..2 {
        assert_eq!(status("/workspaces?fields=id,users.fullName").await, "houston-gateway; fwd=bypass");
    }
    assert_eq!(status("/workspaces?fields=id,label").await, "houston-gateway; fwd=uri-miss; stored");
    assert_eq!(status("/workspaces?fields=id,label").await, "houston-gateway; hit");
}

#[tokio::test]
async fn lists_as_csv() {
    let world = World::new().await;
    let ask = |path: &'static str| world.send(world.request(ADMIN, Method::GET, path).header("accept", "text/csv"));
    let reply = ask("/deployments?fields=label,workspace.label&sort=label&limit=2").await.expect(200);
    assert!(reply.header("content-type").starts_with("text/csv"));
    assert!(reply.header("link").contains("rel=\"next\""));
    let mut lines = reply.text.split("\r\n");
    assert_eq!(lines.next(), Some("id,label,workspace.id,workspace.label"));
    assert_eq!(lines.count(), 3, "{}", reply.text);
    assert_eq!(ask("/self").await.expect(406).problem(), "NOT_ACCEPTABLE");
}

#[tokio::test]
async fn an_idempotency_key_makes_a_post_happen_once() {
    let world = World::new().await;
    let post = |key: &'static str, label: &'static str| {
        let request = world.request(OWNER, Method::POST, "/workspaces").header("idempotency-key", key);
        world.send(request.json(&json!({ "label": label })))
    };
    let together = futures_util::future::join_all((0..20).map(|_| post("k1", "Once"))).await;
    let first = together[0].json()["id"].clone();
    assert!(together.iter().all(|reply| reply.status == 201 && reply.json()["id"] == first));
    assert_eq!(world.houston.calls().operation("CreateWorkspace"), 1);
    let again = post("k1", "Once").await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("location"), together[0].header("location"));
    assert_eq!(post("k1", "Twice").await.expect(422).problem(), "IDEMPOTENCY_KEY_REUSED");
    let other = world.request(ADMIN, Method::POST, "/workspaces").header("idempotency-key", "k1");
    let other = world.send(other.json(&json!({ "label": "Once" }))).await.expect(201);
    assert_ne!(other.json()["id"], first, "another caller's key is another key");
    assert_eq!(post("k2", "Once").await.expect(201).header("idempotency-replayed"), "");
}

#[tokio::test]
async fn return_minimal_sends_no_body() {
    let world = World::new().await;
    let request = world.request(OWNER, Method::POST, "/workspaces").header("prefer", "return=minimal");
    let created = world.send(request.json(&json!({ "label": "Minimal" }))).await.expect(201);
    assert_eq!((created.text.as_str(), created.header("preference-applied")), ("", "return=minimal"));
    assert!(created.header("location").contains("/workspaces/"));
    let workspace = world.workspace(OWNER, "Minimal").await;
    let request =
        world.request(OWNER, Method::PATCH, &format!("/workspaces/{workspace}")).header("prefer", "return=minimal");
    world.send(request.json(&json!({ "label": "Still minimal" }))).await.expect(204);
}

#[tokio::test]
async fn answers_are_compressed_when_asked_for() {
    let world = World::new().await;
    for coding in ["gzip", "zstd"] {
        let reply = world.send(world.request(ADMIN, Method::GET, "/users").header("accept-encoding", coding)).await;
        assert_eq!(reply.header("content-encoding"), coding);
    }
}

#[tokio::test]
async fn a_list_too_long_to_be_gathered_is_not_cut_off_in_silence() {
    // A Houston with teams without end, and one that does not heed where a page starts.
    for (heeds, expected, code) in [(true, 400, "INVALID_REQUEST"), (false, 502, "BAD_UPSTREAM_ANSWER")] {
        let page = async move |body: String| {
            let variables = serde_json::from_str::<Value>(&body).expect("JSON")["variables"].clone();
            let after = variables["after"].as_str().and_then(|id| id.parse::<usize>().ok());
            let start = after.filter(|_| heeds).map_or(0, |after| after + 1);
            let limit = usize::try_from(variables["limit"].as_u64().expect("a limit")).expect("a small one");
            let teams: Vec<_> = (start..start + limit).map(|id| json!({ "id": id.to_string() })).collect();
            json!({ "data": { "paginatedTeams": { "count": 1_000_000, "teams": teams } } }).to_string()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1", post(page))).await });
        let world = World::with(Settings::default(), |config| {
            config.houston.url = format!("http://{address}/v1").parse().expect("a URL");
        })
        .await;
        let whole = world.get(ADMIN, "/teams").await.expect(expected);
        assert_eq!(whole.problem(), code, "{}", whole.text);
        assert_eq!(world.get(ADMIN, "/teams?limit=3").await.expect(200).json()["value"][2]["id"], "2");
    }
}
