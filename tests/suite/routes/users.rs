//! Accounts of the platform: invited, signed up, verified, given roles, deleted.

use super::{find, items, walk};
use crate::harness::{ADMIN, OWNER, VIEWER};
use houston_sim::MailKind;
use reqwest::Method;
use serde_json::{Value, json};

pub const ROUTES: &[&str] = &[
    "GET /invites",
    "POST /invites",
    "DELETE /invites/{inviteId}",
    "GET /users",
    "POST /users",
    "GET /users/{userId}",
    "DELETE /users/{userId}",
    "PUT /users/{userId}/system-roles/{role}",
    "DELETE /users/{userId}/system-roles/{role}",
    "POST /email-verifications",
    "GET /emails/{address}",
];

#[tokio::test]
async fn people_are_invited_to_the_platform_and_uninvited() {
    walk(&["GET /invites", "POST /invites", "DELETE /invites/{inviteId}"], async |w| {
        let listed = w.guarded(ADMIN, VIEWER, Method::GET, "/invites", Value::Null).await.expect(200);
        assert_eq!(items(&listed).len(), 3);
        let body = json!({ "email": "Guest@Example.com" });
        let invited = w.guarded(ADMIN, VIEWER, Method::POST, "/invites", body.clone()).await.expect(201).json();
        assert_eq!(invited["email"], "guest@example.com");
        assert!(invited.get("token").is_none(), "the token is for the invited only");
        assert_eq!(w.post(ADMIN, "/invites", body).await.expect(409).problem(), "CONFLICT");
        let known = w.post(ADMIN, "/invites", json!({ "email": "viewer@example.com" })).await.expect(409);
        assert_eq!(known.problem(), "CONFLICT");

        let id = super::id(&invited);
        assert!(find(&w.list(ADMIN, "/invites").await, &id).is_some());
        assert_eq!(w.list(ADMIN, "/invites?email=guest").await.len(), 1);
        assert_eq!(w.list(ADMIN, &format!("/invites?inviteId={id}")).await.len(), 1);
        let path = format!("/invites/{id}");
        // Houston asks for no more than a login here.
        w.to_members(ADMIN, Method::DELETE, &path, Value::Null).await.expect(200);
        assert!(find(&w.list(ADMIN, "/invites").await, &id).is_none());
        w.unknown(ADMIN, Method::DELETE, &path, Value::Null).await;
    })
    .await;
}

#[tokio::test]
async fn users_sign_up_get_roles_and_are_deleted() {
    walk(&ROUTES[3..], async |w| {
        let body =
            |token: Value| json!({ "email": "guest@example.com", "password": "secret-enough", "inviteToken": token });
        assert_eq!(w.post("", "/users", body(json!(null))).await.expect(403).problem(), "FORBIDDEN");
        assert_eq!(w.post("", "/users", body(json!("none"))).await.expect(422).problem(), "UNPROCESSABLE");
        assert!(w.list(ADMIN, "/users?email=guest@example.com").await.is_empty());
        w.post(ADMIN, "/invites", json!({ "email": "guest@example.com" })).await.expect(201);
        let mails = w.houston.mails();
        let mail = mails.iter().rfind(|mail| mail.kind == MailKind::Invitation).expect("a mail");
        let signed_up = w.post("", "/users", body(json!(mail.token))).await.expect(201).json();
        assert!(signed_up.get("token").is_none());
        let id = super::id(&signed_up);

        let found = w.guarded(ADMIN, OWNER, Method::GET, "/users?email=guest@example.com", Value::Null).await;
        assert_eq!(items(&found.expect(200))[0]["id"], id.as_str());
        assert!(w.list(ADMIN, "/users?fullName=tom%C3%A1%C5%A1").await.len() == 1);
        assert_eq!(w.list(ADMIN, "/users").await.len(), 25);
        let path = format!("/users/{id}");
        let read = w.guarded(ADMIN, OWNER, Method::GET, &path, Value::Null).await.expect(200).json();
        assert_eq!(read["roleBindings"], json!([]));
        w.unknown(ADMIN, Method::GET, "/users/none", Value::Null).await;

        let role = format!("{path}/system-roles/SYSTEM_EDITOR");
        let given = w.guarded(ADMIN, OWNER, Method::PUT, &role, Value::Null).await.expect(200).json();
        assert_eq!((&given["role"], &given["user"]["id"]), (&json!("SYSTEM_EDITOR"), &json!(id)));
        assert_eq!(w.get(ADMIN, &path).await.expect(200).json()["roleBindings"][0]["role"], "SYSTEM_EDITOR");
        assert_eq!(w.ask(ADMIN, Method::PUT, &role, &Value::Null).await.expect(409).problem(), "CONFLICT");
        let wrong = format!("{path}/system-roles/WORKSPACE_ADMIN");
        assert_eq!(w.ask(ADMIN, Method::PUT, &wrong, &Value::Null).await.expect(422).problem(), "UNPROCESSABLE");
        let no_role = format!("{path}/system-roles/EMPEROR");
        assert_eq!(w.ask(ADMIN, Method::PUT, &no_role, &Value::Null).await.expect(400).problem(), "INVALID_REQUEST");
        w.guarded(ADMIN, OWNER, Method::DELETE, &role, Value::Null).await.expect(200);
        assert_eq!(w.get(ADMIN, &path).await.expect(200).json()["roleBindings"], json!([]));
        w.unknown(ADMIN, Method::DELETE, &role, Value::Null).await;

        let address = "/emails/rafael.souza%40example.com";
        let before = w.to_members(VIEWER, Method::GET, address, Value::Null).await.expect(200).json();
        assert_eq!((&before["verified"], before.get("token")), (&json!(false), None));
        let verification = json!({ "email": "rafael.souza@example.com" });
        let verified = w.guarded(ADMIN, OWNER, Method::POST, "/email-verifications", verification).await.expect(200);
        assert_eq!(verified.json(), json!({ "verified": true }));
        assert_eq!(w.get(VIEWER, address).await.expect(200).json()["verified"], true);
        let nobody = json!({ "email": "nobody@example.com" });
        w.unknown(ADMIN, Method::POST, "/email-verifications", nobody).await;
        w.unknown(VIEWER, Method::GET, "/emails/nobody@example.com", Value::Null).await;

        w.guarded(ADMIN, OWNER, Method::DELETE, &path, Value::Null).await.expect(200);
        for method in [Method::GET, Method::DELETE] {
            w.unknown(ADMIN, method, &path, Value::Null).await;
        }
        let admin = format!("/users/{}", w.user("admin@example.com").await);
        assert_eq!(w.delete(ADMIN, &admin).await.expect(409).problem(), "CONFLICT", "the last administrator stays");
    })
    .await;
}
