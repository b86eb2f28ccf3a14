//! No token in any log line at any level, in any metric, in any problem: watched during the whole suite.
//!
//! The harness writes every log line of the gateway, the simulator and all libraries, at every level that the gateway's
//! own filter lets through, to [`Watch`], which knows every token that a test sends, and every password, key and secret
//! value in what it sends and gets. A leak fails the test during which it happens.

use crate::harness::{ADMIN, OWNER, World};
use serde_json::Value;
use std::{
    io,
    sync::{Mutex, Once, PoisonError},
};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LEAKED: Mutex<Option<String>> = Mutex::new(None);
static START: Once = Once::new();

/// Reads log lines instead of writing them.
#[derive(Clone, Copy)]
struct Watch;

impl io::Write for Watch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if shows_secret(&line) {
            *LEAKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Watch {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

fn shows_secret(line: &str) -> bool {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|secret| line.contains(secret.as_str()))
}

/// Starts watching, at every level, once for the whole suite.
pub fn watch() {
    START.call_once(|| {
        let filter = houston_gateway::telemetry::filter("trace").expect("a filter");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(Watch).init();
    });
}

/// Watches out for `secret` from now on.
pub fn keep_secret(secret: &str) {
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    if secret.len() >= 8 && !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_owned());
    }
}

/// Watches out for the secrets in a body from now on: what Houston's schema calls one.
pub fn keep_secrets_in(body: &[u8]) {
    fn keep(value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(keep),
            Value::Object(fields) => {
                for (name, value) in fields {
                    let is_secret = match name.as_str() {
                        "password" | "token" | "apiKey" | "sshKey" | "httpsToken" => true,
                        "value" => fields.get("isSecret") == Some(&Value::Bool(true)) || fields.contains_key("payload"),
                        _ => false,
                    };
                    match value {
                        Value::String(text) if is_secret => keep_secret(text),
                        _ => keep(value),
                    }
                }
            }
            _ => {}
        }
    }
    if let Ok(body) = serde_json::from_slice(body) {
        keep(&body);
    }
}

/// The log line that showed a secret, if one did.
pub fn leak() -> Option<String> {
    LEAKED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[tokio::test]
async fn tokens_and_secrets_stay_out_of_metrics_and_problems() {
    let world = World::new().await;
    let bad = "a-token-that-nobody-may-see";
    keep_secret(bad);
    let refused = world.get(bad, "/workspaces").await.expect(401);
    assert!(!refused.text.contains(bad), "{}", refused.text);
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let items = serde_json::json!({ "items": [{ "key": "PASSWORD", "value": "hunter2-hunter2", "isSecret": true }] });
    keep_secret("hunter2-hunter2");
    world.put(ADMIN, &format!("/deployments/{deployment}/variables"), items).await.expect(200);
    world.get(OWNER, "/workspaces").await.expect(200);
    let metrics = world.get("", "/metrics").await.expect(200).text;
    assert!(metrics.contains("ListWorkspaces"), "{metrics}");
    for secret in [bad, ADMIN, OWNER, "hunter2-hunter2"] {
        assert!(!metrics.contains(secret), "{secret} in {metrics}");
    }
}

#[test]
fn no_filter_opens_the_frames_of_websockets() {
    for text in
        ["trace", "tungstenite=trace", "info,tungstenite::protocol=trace", "tungstenite::protocol::frame=trace,warn"]
    {
        let filter = houston_gateway::telemetry::filter(text).expect("a filter");
        let shows = tracing::subscriber::with_default(tracing_subscriber::registry().with(filter), || {
            tracing::enabled!(target: "tungstenite::protocol", tracing::Level::TRACE)
                || tracing::enabled!(target: "tungstenite::protocol::frame", tracing::Level::TRACE)
        });
        assert!(!shows, "{text}");
    }
}

#[test]
fn secrets_of_bodies_are_found() {
    let body = r#"{"password": "one-password", "items": [{"isSecret": true, "value": "two-password"},
        {"isSecret": false, "value": "no-password"}], "token": {"payload": {"sub": "x"}, "value": "three-password"}}"#;
    keep_secrets_in(body.as_bytes());
    assert!(["one-password", "two-password", "three-password"].into_iter().all(shows_secret));
    assert!(!shows_secret("no-password"));
}

#[test]
fn the_watch_sees_what_it_shall_see() {
    keep_secret("a-secret-of-this-test");
    assert!(shows_secret("a line with a-secret-of-this-test in it"));
    assert!(!shows_secret("a line without"));
}
