//! What a deployment does: metrics and health, as they are now and as they come.

use super::walk;
use crate::harness::{ADMIN, VIEWER};
use reqwest::{Method, Response};
use serde_json::Value;

pub const ROUTES: &[&str] = &[
    "GET /deployments/{deploymentId}/logs/stream",
    "GET /deployments/{deploymentId}/metrics",
    "GET /deployments/{deploymentId}/metrics/stream",
    "GET /deployments/{deploymentId}/status",
    "GET /deployments/{deploymentId}/status/stream",
];

#[tokio::test]
async fn a_deployment_is_watched() {
    walk(ROUTES, async |w| {
        let (own, foreign) = (w.deployment("stellar-horizon-4217"), w.deployment("galactic-zenith-5120"));
        for (what, field) in [("metrics", "value"), ("status", "status")] {
            if what == "metrics" {
                let refused = w.get(VIEWER, &format!("/deployments/{foreign}/metrics")).await.expect(403);
                assert_eq!(refused.problem(), "FORBIDDEN");
            }
            let path = format!("/deployments/{own}/{what}");
            let now = w.to_members(VIEWER, Method::GET, &path, Value::Null).await.expect(200).json();
            assert!(!now[field].is_null(), "{now}");
            w.unknown(ADMIN, Method::GET, &format!("/deployments/none/{what}"), Value::Null).await;
        }
        for (what, event) in [("logs", "log"), ("metrics", "metrics"), ("status", "status")] {
            // Houston shows the health to everybody who is logged in.
            let refused = [("", 401), ("not-a-token-of-anybody", 401), (VIEWER, 403)];
            for (token, status) in refused.into_iter().take(if what == "status" { 2 } else { 3 }) {
                w.get(token, &format!("/deployments/{foreign}/{what}/stream")).await.expect(status).problem();
            }
            let mut stream = w
                .begin(
                    w.request(VIEWER, Method::GET, &format!("/deployments/{own}/{what}/stream"))
                        .build()
                        .expect("a request"),
                )
                .await;
            assert_eq!(stream.status(), 200);
            assert!(w.houston.push_log(&own, "scheduler", "a line"));
            assert_eq!(first_event(&mut stream).await, event);
            w.unknown(ADMIN, Method::GET, &format!("/deployments/none/{what}/stream"), Value::Null).await;
        }
    })
    .await;
}

/// The name of the first event.
async fn first_event(stream: &mut Response) -> String {
    let mut text = String::new();
    loop {
        text += str::from_utf8(&stream.chunk().await.expect("a stream").expect("an event")).expect("text");
        if let Some((_, event)) = text.split_once("event: ")
            && let Some((name, _)) = event.split_once('\n')
        {
            return name.to_owned();
        }
    }
}
