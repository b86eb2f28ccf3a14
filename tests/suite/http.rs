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
    // Nobody can say which of the two is meant.
    let twice = world.request(OWNER, Method::GET, "/workspaces").header("x-api-key", VIEWER);
    assert_eq!(world.send(twice).await.expect(401).problem(), "UNAUTHENTICATED");
    assert_eq!(world.houston.calls().total(), before);
}

#[tokio::test]
async fn the_api_key_goes_before_authorization() {
    let world = World::new().await;
    let asks = |key: &'static str, authorization: &'static str| {
        world.send(world.request(key, Method::GET, "/self").header("authorization", authorization))
    };
    let who = |reply: crate::harness::Reply| reply.json()["user"]["username"].clone();
    let owner = who(world.get(OWNER, "/self").await.expect(200));
    assert_eq!(who(asks(OWNER, "Bearer demo-workspace-viewer").await.expect(200)), owner);
    asks("not-a-token-of-anybody", "Bearer demo-workspace-admin").await.expect(401);
    // A tab is as good as a space, and the same token twice as good as once.
    assert_eq!(who(asks("", "Bearer\tdemo-workspace-admin").await.expect(200)), owner);
    let twice = world.request(OWNER, Method::GET, "/self").header("x-api-key", OWNER);
    assert_eq!(who(world.send(twice).await.expect(200)), owner);
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
    // Whoever logs in again may well send the old token along.
    let expired = world.houston.expired_token("jane.doe@example.com").expect("a token");
    let login = serde_json::json!({ "identity": "jane.doe@example.com", "password": "demo-password" });
    world.post(&expired, "/auth/tokens", login).await.expect(201);
    world.get(&expired, "/platform/config").await.expect(200);
    world.get(&expired, "/self").await.expect(401);
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send_a_token() {
    let origin = "https://tools.example.com";
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.cors.allowed_origins = vec![origin.to_owned()];
    })
    .await;
    let asks = |from: &'static str| {
        let request = world.request("", Method::OPTIONS, "/workspaces").header("origin", from);
        let request = request.header("access-control-request-method", "PATCH");
        world.send(request.header("access-control-request-headers", "authorization,content-type"))
    };
    let allowed = asks(origin).await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), origin);
    // "*" would not cover Authorization.
    assert!(allowed.header("access-control-allow-headers").contains("authorization"), "{:?}", allowed.headers);
    assert!(allowed.header("access-control-allow-methods").contains("PATCH"), "{:?}", allowed.headers);
    assert_eq!(asks("https://elsewhere.example").await.header("access-control-allow-origin"), "");
    let read = world.send(world.request(OWNER, Method::GET, "/workspaces").header("origin", origin)).await.expect(200);
    assert_eq!(read.header("access-control-allow-origin"), origin);
    assert!(read.header("access-control-expose-headers").contains("etag"), "{:?}", read.headers);
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
    for nothing in ["/docs/nothing.js", "/docs/%FF"] {
        assert_eq!(world.get("", nothing).await.expect(404).problem(), "NO_SUCH_ROUTE");
    }
    assert_eq!(world.get("", "/docs").await.expect(308).header("location"), "/docs/");
    assert!(world.get("", "/docs/").await.header("content-security-policy").contains("script-src 'self'"));
}

#[tokio::test]
async fn problems_lead_to_a_page_about_them() {
    for base_path in ["", "/houston"] {
        let world =
            World::with(houston_sim::Settings::default(), |config| config.server.base_path = base_path.into()).await;
        let own = |address: &str| {
            let path = address.strip_prefix(&format!("http://{}", world.gateway));
            path.expect("an address of the gateway").to_owned()
        };
        let problem = world.get("", &format!("{base_path}/workspaces")).await.expect(401).json();
        let about = own(problem["type"].as_str().expect("a type"));
        let page = world.get("", &about).await.expect(200);
        assert!(page.header("content-security-policy").contains("default-src 'none'"));
        let all = world.get("", &format!("{base_path}/problems/")).await.expect(200);
        for code in houston_gateway::problem::Code::ALL {
            assert!(all.text.contains(&format!("href=\"{}\"", code.slug())), "{}", code.name());
            let page = world.get("", &format!("{base_path}/problems/{}", code.slug())).await.expect(200);
            for part in [code.name(), code.title(), code.cause(), code.cure()] {
                assert!(page.text.contains(part), "{} lacks {part}", code.name());
            }
        }
        assert!(page.text.contains("href=\"../docs/\""));
        world.get("", &format!("{base_path}/docs/")).await.expect(200);
        for unknown in ["bad-luck", "<b>", "%FF"] {
            let reply = world.get("", &format!("{base_path}/problems/{unknown}")).await.expect(404);
            assert_eq!(reply.problem(), "NO_SUCH_ROUTE");
        }
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_call_with_any_form_of_a_token() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.cors.allowed_origins = vec!["https://tools.example.com".into()];
    })
    .await;
    let ask = |method: Method, origin: &'static str| {
        world.request(OWNER, method, "/workspaces?limit=1").header("origin", origin)
    };
    for header in ["authorization", "x-api-key", "idempotency-key"] {
        let asked = ask(Method::OPTIONS, "https://tools.example.com")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", header);
        let allowed = world.send(asked).await.expect(200);
        assert_eq!(allowed.header("access-control-allow-origin"), "https://tools.example.com");
        // A star would leave out `Authorization`.
        assert_eq!(allowed.header("access-control-allow-headers"), header);
        assert_eq!(allowed.header("access-control-max-age"), "600");
    }
    let own = world.send(ask(Method::GET, "https://tools.example.com")).await.expect(200);
    assert_eq!(own.header("access-control-allow-origin"), "https://tools.example.com");
    for header in ["link", "etag", "cache-status", "x-request-id"] {
        assert!(own.header("access-control-expose-headers").contains(header), "{header}");
    }
    let other = world.send(ask(Method::GET, "https://elsewhere.example")).await.expect(200);
    assert_eq!(other.header("access-control-allow-origin"), "");
    let document = world.request("", Method::GET, "/openapi.json").header("origin", "https://elsewhere.example");
    assert_eq!(world.send(document).await.expect(200).header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn a_slip_does_not_empty_the_whole_cache() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.admin_token = Some("the-operators-own-token".to_owned().into());
    })
    .await;
    for query in ["?tg=workspaces", "?tag=", "?tag=workspaces&tag=deployments", "?tag=%FF"] {
        let request = world.request("", Method::DELETE, &format!("/cache{query}"));
        let reply = world.send(request.header("x-admin-token", "the-operators-own-token")).await.expect(400);
        assert_eq!(reply.problem(), "INVALID_REQUEST", "{query}");
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

/// Every address that an answer holds, of whatever kind the answer is.
async fn addresses(world: &World, base_path: &str) -> Vec<String> {
    let ask = |method: Method, path: &str| {
        let request = world.request(OWNER, method, &format!("{base_path}{path}"));
        request.header("x-forwarded-proto", "https").header("x-forwarded-host", "api.example.com")
    };
    let text = |value: &serde_json::Value| value.as_str().expect("an address").to_owned();
    let mut addresses = Vec::new();
    let list = world.send(ask(Method::GET, "/workspaces?limit=1")).await.expect(200);
    addresses.push(text(&list.json()["nextLink"]));
    addresses.push(list.header("link").trim_start_matches('<').to_owned());
    let created = ask(Method::POST, "/workspaces").json(&serde_json::json!({ "label": "Somewhere" }));
    addresses.push(world.send(created).await.expect(201).header("location").to_owned());
    for (method, path, status) in [
        (Method::GET, "/deployments/none", 404),
        (Method::GET, "/nowhere", 404),
        (Method::PUT, "/workspaces", 405),
        (Method::GET, "/workspaces?limit=x", 400),
    ] {
        addresses.push(text(&world.send(ask(method, path)).await.expect(status).json()["type"]));
    }
    for path in ["/openapi.json", "/openapi-3.1.json"] {
        let document = world.send(ask(Method::GET, path)).await.expect(200).json();
        addresses.extend([text(&document["servers"][0]["url"]), text(&document["externalDocs"]["url"])]);
    }
    let swagger = world.send(ask(Method::GET, "/swagger2.json")).await.expect(200).json();
    let base_path = text(&swagger["basePath"]);
    addresses.push(format!("{}://{}{}", text(&swagger["schemes"][0]), text(&swagger["host"]), base_path));
    let yaml = world.send(ask(Method::GET, "/openapi.yaml")).await.expect(200).text;
    addresses.push(yaml.split_once("- url: ").expect("a server").1.lines().next().expect("an address").to_owned());
    let postman = world.send(ask(Method::GET, "/postman.json")).await.expect(200).json();
    addresses.push(text(&postman["variable"][0]["value"]));
    let page = world.send(ask(Method::GET, "/problems/not-found")).await.expect(200).text;
    addresses.push(page.split_once("\"type\": \"").expect("an example").1.to_owned());
    addresses
}

#[tokio::test]
async fn forwarded_headers_are_believed_from_trusted_proxies_only() {
    for trusted in [true, false] {
        let world = World::with(houston_sim::Settings::default(), |config| {
            config.server.base_path = "/houston".into();
            if trusted {
                config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
            }
        })
        .await;
        let own = format!("http://{}/houston", world.gateway);
        let expected = if trusted { "https://api.example.com/houston" } else { &own };
        for address in addresses(&world, "/houston").await {
            assert!(address.starts_with(expected), "{address} is not below {expected}");
        }
    }
}

#[tokio::test]
async fn a_public_url_goes_before_what_a_request_says() {
    let world = World::with(houston_sim::Settings::default(), |config| {
        config.documents.contact_name = "Data platform".into();
        config.documents.contact_email = "data@houston-api.example.com".into();
        config.server.public_url = "https://houston-api.example.com/v1/".into();
        config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    for address in addresses(&world, "").await {
        assert!(address.starts_with("https://houston-api.example.com/v1"), "{address}");
    }
    let contact = &world.get("", "/openapi.json").await.expect(200).json()["info"]["contact"];
    assert_eq!(
        (&contact["name"], &contact["email"]),
        (&"Data platform".into(), &"data@houston-api.example.com".into())
    );
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

#[tokio::test]
async fn who_takes_no_encoding_at_all_gets_the_answer_as_it_is() {
    let world = World::new().await;
    for refused in ["identity;q=0", "*;q=0", "br, *;q=0"] {
        let create = world.request(OWNER, Method::POST, "/workspaces").header("accept-encoding", refused);
        let created = world.send(create.json(&serde_json::json!({ "label": "As it is" }))).await.expect(201);
        assert_eq!(created.header("content-encoding"), "");
        assert_eq!(created.json()["label"], "As it is");
    }
}
