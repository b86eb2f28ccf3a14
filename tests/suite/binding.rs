//! What a request must look like, and what its sender is told otherwise.

use crate::harness::{ADMIN, OWNER, Reply, World};
use reqwest::Method;
use serde_json::{Value, json};

/// The faults of a problem, as (place, detail).
fn faults(reply: &Reply) -> Vec<(String, String)> {
    let problem = reply.json();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    let place = |error: &Value| {
        let places = ["pointer", "parameter", "header"].iter().filter_map(|kind| error[*kind].as_str());
        places.map(str::to_owned).next().expect("a place")
    };
    errors.iter().map(|error| (place(error), error["detail"].as_str().expect("a detail").to_owned())).collect()
}

#[tokio::test]
async fn a_parameter_of_the_wrong_type_is_named() {
    let world = World::new().await;
    let reply = world.get(ADMIN, "/deployments?limit=x").await.expect(400);
    assert_eq!(reply.problem(), "INVALID_REQUEST");
    assert_eq!(faults(&reply), [("limit".to_owned(), "\"x\" is not a whole number from 1 to 200".to_owned())]);
    for wrong in ["limit=0", "limit=201", "limit=-1", "limit=1.5", "limit=", "limit=1&limit=2"] {
        let reply = world.get(ADMIN, &format!("/deployments?{wrong}")).await.expect(400);
        assert_eq!(faults(&reply)[0].0, "limit", "{wrong}");
    }
}

#[tokio::test]
async fn unknown_names_are_refused_with_the_nearest_known_one() {
    let world = World::new().await;
    let reply = world.get(ADMIN, "/deployments?limt=3").await.expect(400);
    assert_eq!(faults(&reply)[0].0, "limt");
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    let reply = world.patch(OWNER, &path, json!({ "lable": "x" })).await.expect(400);
    let found = faults(&reply);
    assert!(
        found.iter().any(|(place, detail)| place == "/lable" && detail.contains("did you mean label?")),
        "{found:?}"
    );
}

#[tokio::test]
async fn an_enumeration_lists_its_values() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let body = json!({ "email": "x@example.com", "role": "KING" });
    let reply = world.post(OWNER, &format!("/workspaces/{workspace}/users"), body).await.expect(400);
    let found = faults(&reply);
    assert_eq!(found[0].0, "/role");
    assert!(found[0].1.contains("WORKSPACE_ADMIN") && found[0].1.contains("WORKSPACE_VIEWER"), "{found:?}");
}

#[tokio::test]
async fn all_faults_come_at_once() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let body =
        json!({ "clusterId": 5, "executor": "Celery", "workers": { "replicas": "two", "size": 3 }, "colour": 1 });
    let reply = world.post(OWNER, &format!("/workspaces/{workspace}/deployments?x=1"), body).await.expect(400);
    let places: Vec<_> = faults(&reply).into_iter().map(|(place, _)| place).collect();
    for place in ["/label", "/clusterId", "/executor", "/workers/replicas", "/workers/size", "/colour", "x"] {
        assert!(places.iter().any(|each| each == place), "{place} is not among {places:?}");
    }
}

#[tokio::test]
async fn a_flood_of_faults_is_cut_off() {
    let world = World::new().await;
    let fields = (0..50_000).map(|number| (format!("field{number}"), Value::Null));
    let reply = world.post(OWNER, "/workspaces", Value::Object(fields.collect())).await.expect(400);
    assert_eq!(faults(&reply).len(), 100);
    assert_eq!(reply.json()["detail"], "At least 100 things are wrong; see errors.");
}

#[tokio::test]
async fn broken_json_is_told_with_line_and_column() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let send = |text: &'static str| {
        let request = world.request(OWNER, Method::PATCH, &format!("/workspaces/{workspace}"));
        world.send(request.header("content-type", "application/json").body(text))
    };
    let reply = send("{\n  \"label\": \n}").await.expect(400);
    assert_eq!(reply.problem(), "MALFORMED_JSON");
    assert!(reply.text.contains("line 3 column 1"), "{}", reply.text);
    let reply = send(r#"{"label": "a", "label": "b"}"#).await.expect(400);
    assert!(reply.text.contains("stands twice"), "{}", reply.text);
    let deep: &'static str = Box::leak("[".repeat(1000).into_boxed_str());
    assert_eq!(send(deep).await.expect(400).problem(), "MALFORMED_JSON");
    for odd in ["[1]", "null", "\"text\"", "1e9", " "] {
        assert_eq!(send(odd).await.expect(400).problem(), "INVALID_REQUEST", "{odd}");
    }
    for broken in [
        r#"{"label": NaN}"#,
        r#"{"label": 1e999}"#,
        r#"{"label": "a",}"#,
        r#"{"label": "a"} {}"#,
        r#"{"label": "\ud800"}"#,
        r#"{"label": "a", "l\u0061bel": "b"}"#,
        "{\"label\": \"a\nb\"}",
    ] {
        assert_eq!(send(broken).await.expect(400).problem(), "MALFORMED_JSON", "{broken}");
    }
    // Windows programs begin their files with a byte order mark.
    send("\u{feff}{\"description\": \"by Windows\"}").await.expect(200);
}

#[tokio::test]
async fn media_types_are_checked() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    let send = |kind: &'static str| {
        let request = world.request(OWNER, Method::PATCH, &path).header("content-type", kind);
        world.send(request.body(r#"{"description":"by media type"}"#))
    };
    send("application/merge-patch+json").await.expect(200);
    send("application/json; charset=utf-8").await.expect(200);
    assert_eq!(send("text/plain").await.expect(415).problem(), "UNSUPPORTED_MEDIA_TYPE");
    let request =
        world.request(OWNER, Method::POST, "/workspaces").header("content-type", "application/merge-patch+json");
    world.send(request.body(r#"{"label":"x"}"#)).await.expect(415);
    let request = world.request(OWNER, Method::GET, "/workspaces").header("accept", "image/png");
    assert_eq!(world.send(request).await.expect(406).problem(), "NOT_ACCEPTABLE");
    for refused in ["application/json;q=0", "application/json;Q=0.0, text/html"] {
        world.send(world.request(OWNER, Method::GET, "/workspaces").header("accept", refused)).await.expect(406);
    }
    for taken in [
        "*/*",
        "application/*",
        "image/png, application/json;q=0.5",
        "text/html, */*;q=0.1",
        "application/json;odata.metadata=minimal",
        ";;,,/, application/json;q=nan",
    ] {
        world.send(world.request(OWNER, Method::GET, "/workspaces").header("accept", taken)).await.expect(200);
    }
}

#[tokio::test]
async fn null_clears_and_absence_keeps() {
    let world = World::new().await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let path = format!("/workspaces/{workspace}");
    world.patch(OWNER, &path, json!({ "description": "kept" })).await.expect(200);
    world.patch(OWNER, &path, json!({ "label": "Renamed" })).await.expect(200);
    let read = world.get(OWNER, &path).await.expect(200).json();
    assert_eq!((read["label"].as_str(), read["description"].as_str()), (Some("Renamed"), Some("kept")));
    world.patch(OWNER, &path, json!({ "description": null })).await.expect(200);
    let sent = world.last_call().variables.to_string();
    assert!(sent.contains("\"description\":null") && !sent.contains("\"label\""), "{sent}");
}

#[tokio::test]
async fn texts_stay_texts_and_are_decoded_once() {
    let world = World::new().await;
    for (written, meant) in
        [("007", "007"), ("a%2Fb", "a/b"), ("a%252Fb", "a%2Fb"), ("%22%7D%20%7B", "\"} {"), ("1e3", "1e3")]
    {
        world.get(ADMIN, &format!("/deployments/{written}")).await.expect(404);
        let sent = world.last_call().variables;
        assert_eq!(sent["deploymentId"], meant, "{sent}");
    }
    world.get(ADMIN, "/users?fullName=Jane+D%C3%B6e").await.expect(200);
    assert_eq!(world.last_call().variables["fullName"], "Jane Döe");
    world.get(ADMIN, "/users?fullName=%FF").await.expect(400);
}

#[tokio::test]
async fn filters_that_are_not_sent_are_not_in_the_document() {
    let world = World::new().await;
    world.get(ADMIN, "/users").await.expect(200);
    let document = world.last_call().document;
    assert!(!document.contains("user:"), "{document}");
    world.get(ADMIN, "/users?email=jane.doe@example.com").await.expect(200);
    let document = world.last_call().document;
    assert!(document.contains("user:"), "{document}");
}

#[tokio::test]
async fn sizes_are_bounded() {
    let world = World::with(houston_sim::Settings::default(), |config| config.server.body_limit_bytes = 1000).await;
    let body = json!({ "label": "x".repeat(2000) });
    assert_eq!(world.post(OWNER, "/workspaces", body).await.expect(413).problem(), "BODY_TOO_LARGE");
    // Of unknown length, until it is too much.
    let pieces = futures_util::stream::iter([(); 5].map(|()| Ok::<_, std::io::Error>("x".repeat(300))));
    let request = world.request(OWNER, Method::POST, "/workspaces").header("content-type", "application/json");
    let reply = world.send(request.body(reqwest::Body::wrap_stream(pieces))).await.expect(413);
    assert_eq!(reply.problem(), "BODY_TOO_LARGE");
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let world = World::new().await;
    let request = world.request(OWNER, Method::POST, "/workspaces").json(&json!({ "label": "x" }));
    let reply = world.send(request.header("content-encoding", "gzip")).await.expect(415);
    assert_eq!(reply.problem(), "UNSUPPORTED_MEDIA_TYPE");
    assert!(reply.text.contains("Content-Encoding"), "{}", reply.text);
}

mod any_text {
    //! Whatever is sent, Houston gets exactly that value, or the sender gets a 400.

    use crate::harness::{ADMIN, OWNER, World};
    use houston_sim::Settings;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::{prelude::*, test_runner::TestRunner};
    use serde_json::json;
    use tokio::runtime::Runtime;

    #[test]
    fn reaches_houston_unchanged_or_is_refused() {
        let runtime = Runtime::new().expect("a runtime");
        // Without a cache: a text that comes twice is sent twice.
        let uncached = World::with(Settings::default(), |config| config.cache.enabled = false);
        let world = runtime.block_on(uncached);
        let workspace = runtime.block_on(world.workspace(OWNER, "Data Platform"));
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() });
        runner
            .run(&any::<String>(), |text| {
                runtime.block_on(async {
                    let escaped = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
                    let reply = world.get(ADMIN, &format!("/users?fullName={escaped}")).await;
                    if text.is_empty() {
                        prop_assert_eq!(reply.status.as_u16(), 400);
                    } else {
                        prop_assert_eq!(reply.status.as_u16(), 200);
                        let sent = world.last_call().variables;
                        prop_assert_eq!(&sent["fullName"], text.as_str());
                    }
                    let body = json!({ "description": text });
                    world.patch(OWNER, &format!("/workspaces/{workspace}"), body).await.expect(200);
                    let sent = world.last_call().variables;
                    prop_assert_eq!(&sent["payload"]["description"], text.as_str());
                    Ok(())
                })
            })
            .expect("texts survive");
    }
}
