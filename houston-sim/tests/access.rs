//! Who may do what, and what everybody else hears.

mod common;

use common::{ADMIN, JANE, VIEWER, demo, get, refusal, send, version};
use houston_sim::{Houston, Settings};
use serde_json::{Value, json};

const FORBIDDEN: &str = "FORBIDDEN";
const MESSAGE: &str = "You do not have the appropriate permissions for that";

#[tokio::test]
async fn every_refusal_is_the_same() {
    let houston = demo("2.1.0");
    let expired = houston.expired_token("admin@example.com").expect("a user");
    let forged = format!("{}x", houston.token("admin@example.com").expect("a user"));
    for token in ["", "nonsense", &"a".repeat(32), &expired, &forged, VIEWER] {
        let answer = send(&houston, token, "query All { users { id } }", Value::Null).await;
        let expected = json!({
            "errors": [{
                "message": MESSAGE,
                "locations": [{"line": 1, "column": 13}],
                "path": ["users"],
                "extensions": {"code": FORBIDDEN},
            }],
            "data": {"users": null},
        });
        assert_eq!(answer, expected, "{token}");
    }
}

#[tokio::test]
async fn tokens_work_bare_with_bearer_and_as_keys() {
    let houston = demo("1.0.0");
    let token = houston.token("jane.doe@example.com").expect("a user");
    let key = houston.api_key("Terraform").expect("a service account");
    let workspaces = "{ workspaces { label } }";
    for token in [token.as_str(), &format!("Bearer {token}"), JANE] {
        assert_eq!(get(&houston, token, workspaces, Value::Null, "/workspaces/1/label").await, "Marketing Analytics");
    }
    assert_eq!(get(&houston, &key, "{ users { id } }", Value::Null, "/users").await.as_array().map(Vec::len), Some(24));
    // A service account is nobody's user, and no token can be made for it.
    assert_eq!(get(&houston, &key, "{ self { user { id } } }", Value::Null, "/self/user").await, Value::Null);
    let (code, _) = refusal(&houston, &key, "{ self { user { id } token { value } } }", Value::Null).await;
    assert_eq!(code, "INTERNAL_SERVER_ERROR");
}

#[tokio::test]
async fn public_fields_need_no_token_and_errors_leave_the_rest_alone() {
    let houston = demo("0.34.0");
    let answer = send(&houston, "", "{ appConfig { version } users { id } }", Value::Null).await;
    assert_eq!(answer["data"], json!({"appConfig": {"version": "0.34.0"}, "users": null}));
    assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn roles_cascade_as_the_release_has_it() {
    let houston = demo("0.29.2");
    let workspace = houston.workspace_id("Finance Reporting").expect("a workspace");
    let rename = "mutation($id: Uuid!) { updateWorkspace(workspaceUuid: $id, payload: {description: \"x\"}) { id } }";
    // A system admin is no member of this workspace; system roles reach into workspaces from 0.30 on.
    assert_eq!(refusal(&houston, ADMIN, rename, json!({"id": workspace})).await.0, FORBIDDEN);
    houston.set_version(version("0.30.0")).expect("a valid slice");
    get(&houston, ADMIN, rename, json!({"id": workspace}), "/updateWorkspace/id").await;

    // A workspace admin is an admin of its deployments; other workspace roles bring no deployment role.
    let deployment = houston.deployment_id("boreal-comet-1596").expect("a deployment");
    let logs = "query($id: Uuid!) { logs(deploymentUuid: $id) { message } }";
    get(&houston, JANE, logs, json!({"id": deployment}), "/logs").await;
    assert_eq!(refusal(&houston, VIEWER, logs, json!({"id": deployment})).await.0, FORBIDDEN);

    // Roles elsewhere do not count.
    let elsewhere = houston.deployment_id("galactic-zenith-5120").expect("a deployment");
    assert_eq!(refusal(&houston, JANE, logs, json!({"id": elsewhere})).await.0, FORBIDDEN);
}

#[tokio::test]
async fn the_workspace_argument_decides_before_the_deployment() {
    let houston = demo("2.1.0");
    let own = houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let foreign = houston.workspace_id("Finance Reporting").expect("a workspace");
    let upsert = "mutation($w: Uuid, $d: Uuid) { upsertDeployment(workspaceUuid: $w, deploymentUuid: $d) { id } }";
    assert_eq!(refusal(&houston, JANE, upsert, json!({"w": foreign, "d": own})).await.0, FORBIDDEN);
    get(&houston, JANE, upsert, json!({"d": own}), "/upsertDeployment/id").await;
}

#[tokio::test]
async fn teams_pass_their_roles_on() {
    let houston = demo("2.1.0");
    // Through the team Data Engineers only.
    let token = houston.token("kwame.mensah@example.com").expect("a user");
    let workspace = houston.workspace_id("Data Platform").expect("a workspace");
    let query = "query($id: Uuid!) { workspace(workspaceUuid: $id) { label } }";
    assert_eq!(get(&houston, &token, query, json!({"id": workspace}), "/workspace/label").await, "Data Platform");
}

#[tokio::test]
async fn login_and_its_failures() {
    let houston = demo("2.1.0");
    let login = "mutation($i: String, $p: String!) { createToken(identity: $i, password: $p) { token { value payload { uuid exp } } } }";
    let with = |identity: &str, password: &str| json!({"i": format!("{identity}@example.com"), "p": password});
    let token = get(&houston, "", login, with("jane.doe", "demo-password"), "/createToken/token/value").await;
    get(&houston, common::id(&token), "{ workspaces { id } }", Value::Null, "/workspaces/0/id").await;
    let refused = async |identity: &str, password: &str| refusal(&houston, "", login, with(identity, password)).await.0;
    assert_eq!(refused("nobody", "demo-password").await, "RESOURCE_NOT_FOUND");
    assert_eq!(refused("jane.doe", "wrong").await, "INTERNAL_SERVER_ERROR");
    assert_eq!(refused("rafael.souza", "demo-password").await, "ACCOUNT_NOT_CONFIRMED");
    assert_eq!(refused("liam.gallagher", "demo-password").await, "INTERNAL_SERVER_ERROR");

    // Looking at one's own token makes a new one.
    let minted = houston.tokens_minted();
    get(&houston, JANE, "{ self { token { value } } }", Value::Null, "/self/token/value").await;
    assert_eq!(houston.tokens_minted(), minted + 1);
    get(&houston, JANE, "{ self { user { id } } }", Value::Null, "/self/user/id").await;
    assert_eq!(houston.tokens_minted(), minted + 1);
}

#[tokio::test]
async fn the_first_user_is_system_admin_and_the_next_needs_an_invitation() {
    let houston = Houston::empty(Settings::default()).expect("a valid slice");
    let sign_up = "mutation($e: String!, $t: String) { createUser(email: $e, password: \"pw\", inviteToken: $t) { token { value } isAdmin user { id } } }";
    let first = get(&houston, "", sign_up, json!({"e": "First@Example.com"}), "/createUser").await;
    assert_eq!(first["isAdmin"], true);
    let token = common::id(&first["token"]["value"]);
    let (code, _) = refusal(&houston, "", sign_up, json!({"e": "second@example.com"})).await;
    assert_eq!(code, "PUBLIC_SIGNUPS_DISABLED");

    let invite = "mutation { inviteUser(email: \"second@example.com\") { id } }";
    let invited = get(&houston, token, invite, Value::Null, "/inviteUser/id").await;
    assert_eq!(refusal(&houston, token, invite, Value::Null).await.0, "USER_ALREADY_INVITED");
    let mail = houston.mails().pop().expect("a mail");
    let elsewhere = json!({"e": "third@example.com", "t": mail.token});
    assert_eq!(refusal(&houston, "", sign_up, elsewhere).await.0, "INVITE_EMAIL_NOT_MATCH");
    let second = get(&houston, "", sign_up, json!({"e": mail.to, "t": mail.token}), "/createUser").await;
    assert_eq!(second["user"]["id"], invited);
    assert_eq!(second["isAdmin"], false);

    // The last system admin stays.
    let remove = "mutation($id: Uuid!) { removeUser(userUuid: $id) { id } }";
    let (_, message) = refusal(&houston, token, remove, json!({"id": first["user"]["id"]})).await;
    assert!(message.starts_with("There are no other system administrators."), "{message}");
}
