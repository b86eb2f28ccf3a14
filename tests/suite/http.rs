//! Habits of HTTP: methods, paths, credentials, conditional requests, documents, health.

use crate::harness::{OWNER, VIEWER, World};
use houston_sim::{Fault, Trouble};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn wrong_methods_and_paths() {
    let world = World::new().await;
    let reply = world.put(OWNER, "/workspaces", serde_json::json!({})).await.expect(405);
    assert_eq!(reply.problem(), "METHOD_NOT_ALLOWED");
    let allow = reply.header("allow");
    assert!(allow.contains("GET") && allow.contains("POST") && !allow.contains("PUT"), "{allow}");
    assert_eq!(world.get(OWNER, "/nowhere").await.expect(404).problem(), "NO_SUCH_ROUTE");
    assert_eq!(world.get(OWNER, "/workspaces/").await.expect(404).problem(), "NO_SUCH_ROUTE");
}

#[tokio::test]
async fn credentials_that_cannot_be_good_do_not_reach_houston() {
    let world = World::new().await;
    let expired = world.houston.expired_token("jane.doe@example.com").expect("a token");
    let before = world.houston.calls().total();
    for (name, value) in [
        ("accept", "*/*".to_owned()),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", "Basic amFuZTpwYXNz".to_owned()),
        ("authorization", format!("Bearer {expired}")),
    ] {
        let request = world.request("", Method::GET, "/workspaces").header(name, value);
        let reply = world.send(request).await.expect(401);
        assert_eq!(reply.problem(), "UNAUTHENTICATED");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(world.houston.calls().total(), before);
}

#[tokio::test]
async fn a_wrong_token_is_401_and_a_missing_permission_403() {
    let world = World::new().await;
    assert_eq!(world.get("no-such-token", "/workspaces").await.expect(401).problem(), "UNAUTHENTICATED");
    assert_eq!(world.get(VIEWER, "/users").await.expect(403).problem(), "FORBIDDEN");
}

#[tokio::test]
async fn a_public_operation_needs_no_token() {
    let world = World::new().await;
    world.get("", "/platform/config").await.expect(200);
    world.get("", "/auth/config").await.expect(200);
}

#[tokio::test]
async fn request_ids_are_taken_if_sane_and_made_otherwise() {
    let world = World::new().await;
    let send =
        |id: &'static str| world.send(world.request(OWNER, Method::GET, "/workspaces").header("x-request-id", id));
    assert_eq!(send("flow-2041/step-3").await.header("x-request-id"), "flow-2041/step-3");
    assert_ne!(send("a b\"c").await.header("x-request-id"), "a b\"c");
    let made = world.get(OWNER, "/workspaces").await;
    assert!(made.header("x-request-id").len() >= 16);
    world.houston.forget_calls();
    let request = world.request(OWNER, Method::GET, "/deployments/none").header("x-request-id", "trace-me-1");
    world.send(request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).await;
    let seen = world.last_call().headers;
    assert_eq!(seen["x-request-id"], "trace-me-1");
    assert!(seen.contains_key("traceparent"));
}

#[tokio::test]
async fn an_etag_saves_the_body() {
    let world = World::new().await;
    let first = world.get(OWNER, "/workspaces").await.expect(200);
    let etag = first.header("etag").to_owned();
    let asks =
        |value: String| world.send(world.request(OWNER, Method::GET, "/workspaces").header("if-none-match", value));
    for matching in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
        let reply = asks(matching.clone()).await;
        assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
        let as_sent = if matching.starts_with("W/") { &matching } else { &etag };
        assert_eq!((reply.text.as_str(), reply.header("etag")), ("", as_sent.as_str()));
    }
    asks("\"other\"".to_owned()).await.expect(200);
}

#[tokio::test]
async fn documents_and_pages_need_no_token() {
    let world = World::new().await;
    for path in ["/openapi.json", "/openapi-3.1.json", "/swagger2.json", "/openapi.yaml", "/postman.json"] {
        let reply = world.get("", path).await.expect(200);
        assert_eq!(reply.header("access-control-allow-origin"), "*", "{path}");
        let again = world.request("", Method::GET, path).header("if-none-match", reply.header("etag"));
        world.send(again).await.expect(304);
    }
    for path in
        ["/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js", "/livez", "/readyz", "/metrics"]
    {
        world.get("", path).await.expect(200);
    }
    assert_eq!(world.get("", "/docs").await.expect(308).header("location"), "/docs/");
    assert!(world.get("", "/docs/").await.header("content-security-policy").contains("script-src 'self'"));
}

#[tokio::test]
async fn problems_lead_to_a_page_about_them() {
    let world = World::new().await;
    let problem = world.get("", "/workspaces").await.expect(401).json();
    let kind = problem["type"].as_str().expect("a type");
    let path = kind.strip_prefix(&format!("http://{}", world.gateway)).expect("an address of the gateway");
    let page = world.get("", path).await.expect(200);
    assert!(page.text.contains("UNAUTHENTICATED"), "{}", page.text);
    for code in houston_gateway::problem::Code::ALL {
        world.get("", &format!("/problems/{}", code.slug())).await.expect(200);
    }
}

#[tokio::test]
async fn a_base_path_prefixes_everything() {
    let world =
        World::with(houston_sim::Settings::default(), |config| config.server.base_path = "/houston".into()).await;
    world.get(OWNER, "/workspaces").await.expect(404);
    let page = world.get(OWNER, "/houston/workspaces?limit=1").await.expect(200).json();
    let next = page["nextLink"].as_str().expect("a next page").to_owned();
    let path = next.strip_prefix(&format!("http://{}", world.gateway)).expect("an absolute link").to_owned();
    world.get(OWNER, &path).await.expect(200);
    assert_eq!(world.get("", "/houston/docs").await.expect(308).header("location"), "/houston/docs/");
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_trusted_proxies_only() {
    let origin = |trusted: bool| async move {
        let world = World::with(houston_sim::Settings::default(), |config| {
            if trusted {
                config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
            }
        })
        .await;
        let request = world.request(OWNER, Method::GET, "/workspaces?limit=1");
        let request = request.header("x-forwarded-proto", "https").header("x-forwarded-host", "api.example.com");
        world.send(request).await.expect(200).json()["nextLink"].as_str().expect("a link").to_owned()
    };
    assert!(origin(true).await.starts_with("https://api.example.com/workspaces?"));
    assert!(origin(false).await.starts_with("http://127.0.0.1:"));
}

#[tokio::test]
async fn shutting_down_finishes_what_runs() {
    let world = World::new().await;
    world
        .houston
        .faults()
        .add(Fault::new(Trouble::Latency(std::time::Duration::from_millis(400))).on("ListClusters").times(1));
    let slow = world.client.get(format!("http://{}/clusters", world.gateway)).header("x-api-key", OWNER).send();
    let slow = tokio::spawn(slow);
    while world.houston.calls().operation("ListClusters") == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.stop().await;
    assert_eq!(slow.await.expect("no panic").expect("an answer").status(), 200);
}
