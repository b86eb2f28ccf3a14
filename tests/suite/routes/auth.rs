//! Logging in, and who one is then.

use super::{Walk, walk};
use crate::harness::{ADMIN, VIEWER};
use houston_sim::MailKind;
use reqwest::Method;
use serde_json::json;

pub const ROUTES: &[&str] = &[
    "GET /auth/config",
    "POST /auth/tokens",
    "POST /auth/confirmation-mails",
    "POST /auth/email-confirmations",
    "POST /auth/password-resets",
    "PUT /auth/password",
    "GET /self",
    "PATCH /self",
];

#[tokio::test]
async fn people_log_in_confirm_their_address_and_reset_their_password() {
    walk(ROUTES, async |w| {
        let config = w.get("", "/auth/config?redirect=https://app.example.com").await.expect(200).json();
        assert_eq!(config["localEnabled"], true);
        assert!(config["providers"][0]["url"].as_str().expect("a URL").contains("redirect="));

        let token = log_in(w, "viewer@example.com", "demo-password", 201).await;
        assert_eq!(w.get(&token, "/self").await.expect(200).json()["user"]["username"], "viewer@example.com");
        log_in(w, "viewer@example.com", "wrong", 401).await;
        log_in(w, "nobody@example.com", "demo-password", 401).await;
        log_in(w, "rafael.souza@example.com", "demo-password", 403).await;

        let again = |email: &str| w.post("", "/auth/confirmation-mails", json!({ "email": email }));
        assert_eq!(again("nobody@example.com").await.expect(202).json(), json!({ "accepted": false }));
        assert_eq!(again("rafael.souza@example.com").await.expect(202).json(), json!({ "accepted": true }));
        let confirmation = json!({ "token": mailed(w, MailKind::Confirmation) });
        let confirmed = w.post("", "/auth/email-confirmations", confirmation.clone()).await.expect(200).json();
        assert_eq!(confirmed["user"]["status"], "active");
        assert!(confirmed["token"]["payload"]["userId"] == confirmed["user"]["id"]);
        let used = w.post("", "/auth/email-confirmations", confirmation).await.expect(422);
        assert_eq!(used.problem(), "UNPROCESSABLE");
        log_in(w, "rafael.souza@example.com", "demo-password", 201).await;

        for email in ["nobody@example.com", "rafael.souza@example.com"] {
            let reset = w.post("", "/auth/password-resets", json!({ "email": email })).await.expect(202);
            assert_eq!(reset.json(), json!({ "accepted": true }), "which does not tell who has an account");
        }
        let reset = json!({ "token": mailed(w, MailKind::PasswordReset), "password": "a-new-one" });
        let logged_in = w.put("", "/auth/password", reset.clone()).await.expect(200);
        assert_eq!(logged_in.header("cache-control"), "no-store");
        assert_eq!(w.put("", "/auth/password", reset).await.expect(422).problem(), "UNPROCESSABLE");
        log_in(w, "rafael.souza@example.com", "demo-password", 401).await;
        log_in(w, "rafael.souza@example.com", "a-new-one", 201).await;

        let me = w.to_members(VIEWER, Method::GET, "/self", json!(null)).await.expect(200).json();
        assert_eq!(me["user"]["fullName"], "Victor Ibarra");
        assert_eq!(me["isAdmin"], false);
        assert!(me.get("token").is_none(), "reading it would mint one");
        let name = json!({ "fullName": "Victor I. Barra" });
        let changed = w.to_members(VIEWER, Method::PATCH, "/self", name).await.expect(200).json();
        assert_eq!(changed["fullName"], "Victor I. Barra");
        assert_eq!(w.get(VIEWER, "/self").await.expect(200).json()["user"]["fullName"], "Victor I. Barra");
        assert_eq!(w.patch(VIEWER, "/self", json!({})).await.expect(400).problem(), "INVALID_REQUEST");
        assert_eq!(w.get(ADMIN, "/self").await.expect(200).json()["isAdmin"], true);

        let key = w.houston.api_key("Terraform").expect("a key");
        assert_eq!(w.get(&key, "/self").await.expect(200).json()["user"], json!(null), "it has no user record");
    })
    .await;
}

/// The token that a log-in gives; empty if it fails, as expected.
async fn log_in(w: &Walk, identity: &str, password: &str, status: u16) -> String {
    let body = json!({ "identity": identity, "password": password });
    let reply = w.post("", "/auth/tokens", body).await.expect(status);
    assert_eq!(reply.header("cache-control"), "no-store");
    match status {
        201 => reply.json()["token"]["value"].as_str().expect("a token").to_owned(),
        401 => {
            assert_eq!(reply.problem(), "UNAUTHENTICATED");
            String::new()
        }
        _ => {
            assert_eq!(reply.problem(), "ACCOUNT_NOT_CONFIRMED");
            String::new()
        }
    }
}

fn mailed(w: &Walk, kind: MailKind) -> String {
    let mails = w.houston.mails();
    mails.into_iter().rfind(|mail| mail.kind == kind).expect("a mail").token
}
