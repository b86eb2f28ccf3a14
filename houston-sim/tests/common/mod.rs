//! A client in a few lines, and short names for what tests ask.
#![allow(dead_code, reason = "every test file uses its own share")]

use axum::body::Body;
use houston_sim::{Houston, Settings, Version};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

pub(crate) const ADMIN: &str = "demo-system-admin";
pub(crate) const JANE: &str = "demo-workspace-admin";
pub(crate) const VIEWER: &str = "demo-workspace-viewer";

pub(crate) fn settings(version: &str) -> Settings {
    Settings { version: version.parse().expect("a version"), demo_tokens: true, chatter: false, ..Settings::default() }
}

pub(crate) fn demo(version: &str) -> Houston {
    Houston::demo(settings(version)).expect("a valid slice")
}

pub(crate) fn version(text: &str) -> Version {
    text.parse().expect("a version")
}

/// Status and body of one request.
pub(crate) async fn post(houston: &Houston, token: &str, body: &str) -> (StatusCode, String) {
    let mut request = Request::post("/v1").header(header::CONTENT_TYPE, "application/json");
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = houston.router().oneshot(request).await.expect("an answer");
    let status = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The answer to a document that Houston accepts.
pub(crate) async fn send(houston: &Houston, token: &str, query: &str, variables: Value) -> Value {
    let body = json!({"query": query, "variables": variables}).to_string();
    let (status, body) = post(houston, token, &body).await;
    assert_eq!(status, StatusCode::OK, "{query}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// The value at a path of the data, for an answer without errors.
pub(crate) async fn get(houston: &Houston, token: &str, query: &str, variables: Value, path: &str) -> Value {
    let answer = send(houston, token, query, variables).await;
    assert_eq!(answer.get("errors"), None, "{query}: {answer}");
    answer.pointer(&format!("/data{path}")).unwrap_or_else(|| panic!("no {path} in {answer}")).clone()
}

/// Code and message of the only error.
pub(crate) async fn refusal(houston: &Houston, token: &str, query: &str, variables: Value) -> (String, String) {
    let answer = send(houston, token, query, variables).await;
    let errors = answer["errors"].as_array().unwrap_or_else(|| panic!("no error in {answer}"));
    assert_eq!(errors.len(), 1, "{answer}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&errors[0]["extensions"]["code"]), text(&errors[0]["message"]))
}

pub(crate) fn id(value: &Value) -> &str {
    value.as_str().expect("an id")
}
