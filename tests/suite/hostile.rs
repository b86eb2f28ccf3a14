//! What no well-meaning client sends: the gateway answers with a problem, or its HTTP parser closes the connection. It
//! never fails, never answers twice, and never works much for it.

use crate::harness::{ADMIN, OWNER, World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{prelude::*, test_runner::TestRunner};
use reqwest::{Method, header::HeaderValue};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::timeout,
};

/// All that the gateway answers to these bytes until it closes the connection, which has to be soon.
async fn raw(world: &World, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(world.gateway).await.expect("a connection");
    connection.write_all(bytes).await.expect("a writable connection");
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(20), connection.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "still open after {:?}", String::from_utf8_lossy(&answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// A request of the workspaces' owner that is the last one of its connection.
fn request(line: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("{line}\r\nhost: gateway\r\nx-api-key: {OWNER}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

/// The status of the one answer.
#[track_caller]
fn status(answer: &str) -> u16 {
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "not one answer: {answer}");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {answer}"))
}

#[tokio::test]
async fn odd_paths_are_no_paths_or_plain_values() {
    let world = World::new().await;
    for (path, expected) in [
        ("/workspaces/..", 403),
        ("/workspaces/%2e%2e", 403),
        ("/workspaces/%252e%252e", 403),
        ("/workspaces/%00", 403),
        ("/workspaces/%", 403),
        ("/workspaces/%zz", 403),
        ("/workspaces/%F0%9F%9A%80", 403),
        ("/workspaces/../metrics", 404),
        ("/workspaces/%2e%2e/metrics", 404),
        ("//workspaces", 404),
        ("/workspaces//", 404),
        ("/Workspaces", 404),
        ("/docs/../Cargo.toml", 404),
        ("/docs/..%2f..%2fetc/passwd", 404),
        ("/workspaces//users", 400),
        ("/workspaces/%FF", 400),
        ("/workspaces/%ED%A0%80", 400),
        ("/workspaces?%FF=1", 400),
        ("/workspaces?limit", 400),
        ("/workspaces?fields=", 400),
        ("/workspaces?fields=id,,", 400),
        ("/workspaces?cursor=%00", 400),
        ("/workspaces?limit=1&limit=1", 400),
        ("/workspaces?&&&", 200),
        ("http://elsewhere.example/workspaces", 200),
    ] {
        let answer = raw(&world, &request(&format!("GET {path} HTTP/1.1"), "", "")).await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        let is_page = path.starts_with("/docs/");
        assert!(expected == 200 || is_page || answer.contains("application/problem+json"), "{path}: {answer}");
    }
    let long = "x".repeat(3000);
    let reply = world.get(ADMIN, &format!("/workspaces/{long}")).await.expect(400);
    assert!(reply.text.contains("at most 800"), "{}", reply.text);
    let many = "id,".repeat(5000) + "id";
    world.get(ADMIN, &format!("/workspaces?fields={many}")).await.expect(400);
    let answer = raw(&world, &request(&format!("GET /{} HTTP/1.1", "x".repeat(70_000)), "", "")).await;
    assert!(matches!(status(&answer), 414 | 431), "{answer}");
}

#[tokio::test]
async fn odd_methods_are_refused_by_name() {
    let world = World::new().await;
    for path in ["/workspaces", "/livez", "/docs/", "/openapi.json", "/problems/not-found"] {
        for method in ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "M-SEARCH"] {
            let answer = raw(&world, &request(&format!("{method} {path} HTTP/1.1"), "", "")).await;
            assert_eq!(status(&answer), 405, "{method} {path}: {answer}");
            assert!(answer.contains("\r\nallow: ") && answer.contains("METHOD_NOT_ALLOWED"), "{answer}");
        }
    }
    let answer = raw(&world, &request("HEAD /workspaces HTTP/1.1", "", "")).await;
    assert!(status(&answer) == 200 && answer.ends_with("\r\n\r\n"), "{answer}");
}

/// Where one server could see the end of a request elsewhere than another (RFC 9112, 11.2): refused, or the last request
/// of its connection. What follows is never taken for a request of its own.
#[tokio::test]
async fn nothing_is_smuggled() {
    let world = World::new().await;
    let (hidden, json) = ("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", "content-type: application/json\r\n");
    for (headers, body) in [
        ("content-length: 4\r\ntransfer-encoding: chunked\r\n", format!("0\r\n\r\n{hidden}")),
        ("content-length: 4\r\ncontent-length: 5\r\n", format!("abcde{hidden}")),
        ("content-length: +4\r\n", format!("abcd{hidden}")),
        ("content-length: -1\r\n", hidden.to_owned()),
        ("content-length: 99999999999999999999999\r\n", hidden.to_owned()),
        ("transfer-encoding: xchunked\r\n", format!("0\r\n\r\n{hidden}")),
        ("transfer-encoding: chunked, identity\r\n", format!("0\r\n\r\n{hidden}")),
        ("transfer-encoding: chunked\r\n", format!("zz\r\n{{}}\r\n0\r\n\r\n{hidden}")),
        ("x-odd : value\r\n", hidden.to_owned()),
        ("x-odd: a\r\n b\r\n", hidden.to_owned()),
        ("x-odd: a\0b\r\n", hidden.to_owned()),
    ] {
        // Not closed by the client's wish.
        let whole = request("POST /workspaces HTTP/1.1", &format!("{json}{headers}"), &body);
        let kept = String::from_utf8_lossy(&whole).replace("connection: close\r\n", "");
        let answer = raw(&world, kept.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{headers}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let world = World::new().await;
    for bytes in
        ["\u{16}\u{3}\u{1}\u{2}\r\n\r\n", "GET /livez\r\n\r\n", "GET  /livez HTTP/1.1\r\n\r\n", "\0\u{1}\r\n\r\n"]
    {
        assert_eq!(status(&raw(&world, bytes.as_bytes()).await), 400, "{bytes:?}");
    }
    // The preface of HTTP/2, which nobody announced.
    assert_eq!(raw(&world, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, "");
    assert_eq!(status(&raw(&world, b"GET /livez HTTP/1.0\r\n\r\n").await), 200);
    let many: String = (0..200).map(|number| format!("x-{number}: a\r\n")).collect();
    assert_eq!(status(&raw(&world, &request("GET /livez HTTP/1.1", &many, "")).await), 431);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let world = World::new().await;
    let headers = "content-type: application/json\r\ncontent-length: 10000000000\r\nexpect: 100-continue\r\n";
    let answer = raw(&world, &request("POST /workspaces HTTP/1.1", headers, "")).await;
    assert_eq!(status(&answer), 413);
    assert!(answer.contains("BODY_TOO_LARGE"), "{answer}");
}

#[tokio::test]
async fn bodies_that_break_off_or_dawdle_are_refused() {
    let settings = houston_sim::Settings::default();
    let world = World::with(settings, |config| {
        config.server.idle_timeout = Duration::from_millis(300);
        config.server.body_timeout = Duration::from_millis(300);
    })
    .await;
    let headers = "content-type: application/json\r\ncontent-length: 40\r\n";
    let answer = raw(&world, &request("POST /workspaces HTTP/1.1", headers, "{\"label\":")).await;
    assert_eq!(status(&answer), 400);
    assert!(answer.contains("did not arrive in time"), "{answer}");
    // A head that never ends, or never begins.
    for bytes in [b"GET /livez HTTP/1.1\r\nhost: " as &[u8], b"P", b""] {
        assert_eq!(raw(&world, bytes).await, "", "{bytes:?}");
    }
}

#[tokio::test]
async fn odd_claims_of_a_token_are_houstons_to_judge() {
    let world = World::new().await;
    let deep = "[".repeat(10_000);
    for (claims, is_asked) in [
        (r#"{"exp":1}"#, false),
        (r#"{"exp":-1}"#, false),
        (r#"{"exp":1e300}"#, true),
        (r#"{"exp":1e999}"#, true),
        (r#"{"exp":"1"}"#, true),
        (r#"{"exp":null}"#, true),
        (r#"{"exp":[1]}"#, true),
        (r#"{"exp":NaN}"#, true),
        (r#"{"sub":"nobody"}"#, true),
        (deep.as_str(), true),
        ("\u{0}", true),
        ("", true),
    ] {
        let before = world.houston.calls().total();
        let token = format!("eyJhbGciOiJub25lIn0.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(world.get(&token, "/workspaces").await.expect(401).problem(), "UNAUTHENTICATED", "{claims:.40}");
        assert_eq!(world.houston.calls().total() > before, is_asked, "{claims:.40}");
    }
}

#[test]
fn whatever_headers_say_nothing_fails() {
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let names = prop::sample::select(vec![
        "accept",
        "accept-encoding",
        "authorization",
        "cache-control",
        "content-type",
        "forwarded",
        "if-none-match",
        "idempotency-key",
        "last-event-id",
        "prefer",
        "range",
        "traceparent",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ]);
    // Words that mean something, numbers at the edge of every integer, and anything at all.
    let words = r#"(max-age|min-fresh|no-cache|return|q|application/json|text/csv|\*/\*|W/|bearer|-)?[=;, "]{0,2}([0-9]{0,25}|18446744073709551615|nan)"#;
    let words = prop::collection::vec(words, 0..5).prop_map(|words| words.join(",").into_bytes());
    let bytes = prop::collection::vec((0x20..=0xff_u8).prop_filter("DEL", |byte| *byte != 0x7f), 0..40);
    let headers = prop::collection::vec((names, prop_oneof![words, bytes]), 1..5);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(&headers, |headers| {
            runtime.block_on(async {
                let mut request = world.request(OWNER, Method::GET, "/workspaces?limit=1");
                for (name, value) in &headers {
                    request = request.header(*name, HeaderValue::from_bytes(value).expect("a value"));
                }
                let reply = world.send(request).await;
                prop_assert!(matches!(reply.status.as_u16(), 200 | 304 | 401 | 406), "{}", reply.text);
                prop_assert!(!reply.header("x-request-id").is_empty());
                Ok(())
            })
        })
        .expect("headers do no harm");
    let wish = runtime.block_on(async {
        let request = world.request(OWNER, Method::GET, "/workspaces");
        world
            .send(request.header("cache-control", "max-age=18446744073709551615, min-fresh=18446744073709551615"))
            .await
    });
    wish.expect(200);
}

#[tokio::test]
async fn who_finds_no_connection_free_waits_for_one() {
    let world = World::with(houston_sim::Settings::default(), |config| config.server.max_connections = 1).await;
    let mut first = TcpStream::connect(world.gateway).await.expect("a connection");
    first.write_all(b"GET /livez HTTP/1.1\r\nhost: gateway\r\n\r\n").await.expect("a writable connection");
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    let get = request("GET /workspaces HTTP/1.1", "", "");
    let second = raw(&world, &get);
    tokio::pin!(second);
    assert!(timeout(Duration::from_millis(300), &mut second).await.is_err(), "two at once");
    drop(first);
    assert_eq!(status(&second.await), 200);
}
