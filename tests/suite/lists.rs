//! Lists: pages, order, times, and the shape of answers that callers choose.

use crate::harness::{ADMIN, OWNER, RELEASES, World};
use axum::{Router, routing::post};
use houston_sim::Settings;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use tokio::net::TcpListener;

fn ids(list: &Value) -> Vec<String> {
    let items = list["value"].as_array().expect("a list");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

/// A read of the published document, with the document's examples of what it cannot do without: they name what the demo
/// has.
pub struct Read {
    pub path: String,
    parameters: BTreeSet<String>,
    /// An answer, or an item of one.
    example: Map<String, Value>,
}

/// Every read that answers with JSON.
pub async fn reads(world: &World) -> Vec<Read> {
    let document = world.get("", "/openapi.json").await.expect(200).json();
    let resolved = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a component").clone(),
        None => value.clone(),
    };
    let mut reads = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let example = &item["get"]["responses"]["200"]["content"]["application/json"]["example"];
        let Some(example) = example["value"].get(0).unwrap_or(example).as_object() else { continue };
        let mut read = Read { path: path.clone(), parameters: BTreeSet::new(), example: example.clone() };
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten().map(resolved) {
            let name = parameter["name"].as_str().expect("a name").to_owned();
            if parameter["required"] == true {
                let example = parameter["example"].as_str().expect("an example");
                match parameter["in"].as_str() {
                    Some("path") => read.path = read.path.replace(&format!("{{{name}}}"), example),
                    _ => read.path = read.with(&format!("{name}={example}")),
                }
            }
            read.parameters.insert(name);
        }
        // Of no use without one of two parameters, which the document cannot say.
        if path == "/service-accounts" {
            read.path = read.with("entityType=WORKSPACE&entityId=cl4yz2w6l001k08l7lazk3405");
        }
        reads.push(read);
    }
    reads
}

impl Read {
    fn with(&self, query: &str) -> String {
        let mark = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{mark}{query}", self.path)
    }

    fn takes(&self, parameter: &str) -> bool {
        self.parameters.contains(parameter)
    }
}

/// What tells an item from others. The values of metrics are others at every look.
fn name(item: &Value) -> String {
    item.get("id").or_else(|| item.get("result").and_then(|_| item.get("label"))).unwrap_or(item).to_string()
}

fn names(list: &Value) -> Vec<String> {
    list["value"].as_array().expect("a list").iter().map(name).collect()
}

/// Walks a list by its `nextLink`s.
async fn walk(world: &World, token: &str, first: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = first.to_owned();
    loop {
        let page = world.get(token, &path).await.expect(200);
        let body = page.json();
        all.extend(names(&body));
        let Some(next) = body["nextLink"].as_str() else {
            assert!(body.get("nextCursor").is_none() && page.header("link").is_empty(), "{body}");
            return all;
        };
        assert_eq!(page.header("link"), format!("<{next}>; rel=\"next\""));
        path = next.strip_prefix(&format!("http://{}", world.gateway)).expect("an absolute link").to_owned();
    }
}

/// As many pages as one list is walked in.
const PAGES: usize = 12;

#[tokio::test]
async fn every_list_walked_page_by_page_gives_every_item_once() {
    for version in RELEASES {
        let world = World::at(version).await;
        let lists: Vec<_> = reads(&world).await.into_iter().filter(|read| read.takes("cursor")).collect();
        assert!(lists.len() > 10, "{} lists at {version}", lists.len());
        let mut several = 0;
        for list in &lists {
            let mut whole = names(&world.get(ADMIN, &list.path).await.expect(200).json());
            whole.sort();
            several += usize::from(whole.len() > 1);
            let least = whole.len().div_ceil(PAGES).max(1);
            for query in [format!("limit={least}"), format!("limit={}", least + 2), format!("limit={least}&sort=-id")] {
                if query.contains("sort") && !(list.takes("sort") && list.example.contains_key("id")) {
                    continue;
                }
                let mut walked = walk(&world, ADMIN, &list.with(&query)).await;
                walked.sort();
                assert_eq!(walked, whole, "{} at {version}", list.with(&query));
            }
        }
        assert!(several > 10, "{several} lists have more than one item at {version}");
    }
}

#[tokio::test]
async fn every_list_can_be_narrowed_by_the_times_of_its_items() {
    let world = World::new().await;
    for list in reads(&world).await.into_iter().filter(|read| read.takes("cursor")) {
        for (parameter, field) in [("updatedSince", "updatedAt"), ("createdSince", "createdAt")] {
            assert!(list.takes(parameter) || !list.example.contains_key(field), "{} lacks {parameter}", list.path);
            if !list.takes(parameter) || !list.example.contains_key(field) {
                continue;
            }
            let whole = names(&world.get(ADMIN, &list.path).await.expect(200).json());
            let asked = |since: &str| list.with(&format!("{parameter}={since}"));
            let all = world.get(ADMIN, &asked("1999-01-01T00:00:00Z")).await.expect(200).json();
            assert_eq!(names(&all), whole, "{}", list.path);
            let none = world.get(ADMIN, &asked("2999-01-01T00:00:00Z")).await.expect(200).json();
            assert_eq!(none["value"], json!([]), "{}", list.path);
        }
    }
}

#[tokio::test]
async fn every_answer_can_be_cut_down_to_the_fields_that_are_wanted() {
    for version in RELEASES {
        let world = World::at(version).await;
        for read in reads(&world).await.into_iter().filter(|read| read.takes("fields")) {
            // No workspace of the demo has a card, and no newer platform is out.
            if [404, 204].contains(&world.get(ADMIN, &read.path).await.status.as_u16()) {
                let nothing = ["/card", "/platform/update"].iter().any(|each| read.path.contains(each));
                assert!(nothing, "{} at {version}", read.path);
                continue;
            }
            let plain = |(name, value): &(&String, &Value)| *name != "id" && !value.is_object() && !value.is_array();
            let (wanted, _) = read.example.iter().rfind(plain).expect("a plain field besides id");
            let answer = world.get(ADMIN, &read.with(&format!("fields={wanted}"))).await.expect(200).json();
            let objects = answer["value"].as_array().filter(|_| read.takes("cursor")).cloned();
            for object in objects.unwrap_or_else(|| vec![answer]) {
                let mut shown: Vec<_> = object.as_object().expect("an object").keys().collect();
                shown.retain(|name| *name != "id");
                assert_eq!(shown, [wanted], "{} at {version}", read.path);
            }
            let document = world.last_call().document;
            let innermost = document.rsplit('{').next().expect("a selection");
            let asked: Vec<_> = innermost.split(|each: char| !each.is_alphanumeric()).collect();
            let left =
                read.example.keys().filter(|name| *name != "id" && *name != wanted && asked.contains(&name.as_str()));
            assert_eq!(left.count(), 0, "{} at {version} asks Houston for {document}", read.path);

            let misspelt = world.get(ADMIN, &read.with(&format!("fields={wanted}x"))).await.expect(400);
            assert!(misspelt.text.contains(&format!("did you mean {wanted}?")), "{}", misspelt.text);
            world.get(ADMIN, &read.with("fields=a.b.c.d.e")).await.expect(400);
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
async fn who_misspells_what_every_list_takes_is_told_of_it() {
    let world = World::new().await;
    for (query, told) in [
        ("limt=2", "did you mean limit?"),
        ("sotr=label", "did you mean sort?"),
        ("field=id", "did you mean fields?"),
        ("wanted=all", "known are label, limit, cursor, sort, updatedSince, createdSince, fields"),
        ("fields=id&fields=label", "stands more than once"),
    ] {
        let reply = world.get(ADMIN, &format!("/workspaces?{query}")).await.expect(400);
        assert!(reply.text.contains(told), "{query}: {}", reply.text);
    }
    // What is no list takes less.
    let reply = world.get(ADMIN, "/self?limt=2").await.expect(400);
    assert!(!reply.text.contains("limit"), "{}", reply.text);
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
async fn the_columns_of_a_table_are_the_same_whatever_the_list_holds() {
    for version in RELEASES {
        let world = World::at(version).await;
        let head = async |path: &str| {
            let table =
                world.send(world.request(ADMIN, Method::GET, path).header("accept", "text/csv")).await.expect(200);
            let mut reader = csv::Reader::from_reader(table.text.as_bytes());
            let head = reader.headers().expect("a head").clone();
            // Every row has as many cells as the head, or else this fails.
            (head, reader.records().inspect(|row| assert!(row.is_ok(), "{row:?}")).count())
        };
        for list in reads(&world).await.into_iter().filter(|read| read.takes("cursor")) {
            let (columns, rows) = head(&list.path).await;
            let all = names(&world.get(ADMIN, &list.path).await.expect(200).json());
            assert_eq!(rows, all.len(), "{} at {version}", list.path);
            let mut shown: Vec<_> = columns.iter().map(|each| each.split('.').next().expect("a name")).collect();
            shown.dedup();
            assert_eq!(shown, list.example.keys().collect::<Vec<_>>(), "{} at {version}", list.path);
            assert_eq!(head(&list.with("limit=1")).await.0, columns, "{} at {version}", list.path);
            if list.takes("createdSince") && list.example.contains_key("createdAt") {
                let nothing = head(&list.with("createdSince=2999-01-01T00:00:00Z")).await;
                assert_eq!(nothing, (columns, 0), "{} at {version}", list.path);
            }
        }
    }
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
