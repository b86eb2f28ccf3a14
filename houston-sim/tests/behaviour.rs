//! The habits of Houston that a client has to know.

mod common;

use common::{ADMIN, JANE, demo, get, id, post, refusal, send, settings, version};
use houston_sim::Houston;
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const VARIABLES: &str =
    "query($id: Uuid!) { deploymentVariables(deploymentUuid: $id, releaseName: \"\") { key value isSecret } }";
const REPLACE: &str = "mutation($id: Uuid!, $v: [InputEnvironmentVariable]!) { updateDeploymentVariables(deploymentUuid: $id, releaseName: \"stellar-horizon-4217\", environmentVariables: $v) { key value isSecret } }";

fn production(houston: &Houston) -> String {
    houston.deployment_id("stellar-horizon-4217").expect("a deployment")
}

#[tokio::test]
async fn requests_that_are_refused_before_they_run() {
    let houston = demo("2.1.0");
    let refused = async |query: &str| {
        let (status, body) = post(&houston, ADMIN, &json!({"query": query}).to_string()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(body.get("data"), None);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&body["errors"][0]["extensions"]["code"]), text(&body["errors"][0]["message"]))
    };
    assert_eq!(refused("{ users {").await.0, "GRAPHQL_PARSE_FAILED");
    let (code, message) = refused("{ nonsense }").await;
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
    assert!(message.starts_with("Cannot query field \"nonsense\" on type \"Query\"."), "{message}");
    let (_, message) = refused("{ users(nonsense: 1) { id } }").await;
    assert!(message.starts_with("Unknown argument \"nonsense\""), "{message}");
    let (_, message) = refused("query($x: Nonsense) { users { id @skip(if: $x) } }").await;
    assert!(message.starts_with("Unknown type \"Nonsense\""), "{message}");
    let (code, message) = refused("query($id: Uuid!) { workspace(workspaceUuid: $id) { id } }").await;
    assert_eq!(code, "INTERNAL_SERVER_ERROR");
    assert_eq!(message, "Variable \"$id\" of required type \"Uuid!\" was not provided.");
    let deep = format!("{{ users {}id{} }}", "{ roleBindings { user ".repeat(20), "} }".repeat(20));
    assert_eq!(refused(&deep).await.0, "GRAPHQL_VALIDATION_FAILED");

    // Long chains and doubled spreads must cost neither the stack nor the day.
    let chain: String = (0..2500).map(|n| format!("fragment f{n} on User {{ ...f{} }} ", n + 1)).collect();
    let chain = format!("{{ users {{ ...f0 }} }} {chain} fragment f2500 on User {{ id }}");
    post(&houston, ADMIN, &json!({"query": chain}).to_string()).await;
    let doubled: String = (0..60).map(|n| format!("fragment f{n} on User {{ ...f{0} ...f{0} }} ", n + 1)).collect();
    let doubled = format!("{{ users {{ ...f0 }} }} {doubled} fragment f60 on User {{ id }}");
    post(&houston, ADMIN, &json!({"query": doubled}).to_string()).await;

    for body in ["", "nonsense", "null", "7", "[]", "{}", "{\"query\": 3}", "{\"query\": \"\"}"] {
        assert_eq!(post(&houston, ADMIN, body).await.0, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn introspection_has_a_switch() {
    let query = "{ __schema { queryType { name } } }";
    assert_eq!(get(&demo("0.25.0"), "", query, Value::Null, "/__schema/queryType/name").await, "Query");
    let houston = Houston::demo(houston_sim::Settings { introspection: false, ..settings("2.1.0") }).expect("a slice");
    let (status, body) = post(&houston, ADMIN, &json!({"query": query}).to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("GRAPHQL_VALIDATION_FAILED"), "{body}");
}

#[tokio::test]
async fn variables_are_replaced_as_a_whole_and_secrets_stay() {
    let houston = demo("2.1.0");
    let deployment = production(&houston);
    let before = get(&houston, JANE, VARIABLES, json!({"id": deployment}), "/deploymentVariables").await;
    let keys: Vec<_> = before.as_array().expect("a list").iter().map(|each| id(&each["key"]).to_owned()).collect();
    assert!(keys.is_sorted());
    assert!(
        before.as_array().expect("a list").contains(&json!({"key": "SLACK_WEBHOOK", "value": "", "isSecret": true}))
    );

    let replace =
        async |variables: Value| send(&houston, JANE, REPLACE, json!({"id": deployment, "v": variables})).await;
    let answer = replace(json!([
        {"key": "SLACK_WEBHOOK", "value": "", "isSecret": true},
        {"key": "A", "value": "1"},
    ]))
    .await;
    let after = json!([
        {"key": "A", "value": "1", "isSecret": false},
        {"key": "SLACK_WEBHOOK", "value": "", "isSecret": true},
    ]);
    assert_eq!(answer["data"]["updateDeploymentVariables"], after);
    // Only what is sent as a secret keeps its value; otherwise an empty one empties it, and nothing leaks.
    let kept = replace(json!([{"key": "SLACK_WEBHOOK", "value": "", "isSecret": false}])).await;
    assert_eq!(kept["data"]["updateDeploymentVariables"][0]["value"], "");

    let message = async |key: &str| {
        let answer = replace(json!([{"key": key, "value": "x"}])).await;
        id(&answer["errors"][0]["message"]).to_owned()
    };
    assert_eq!(message("lower").await, "Invalid Environment Variable Key: lower (use alphanumeric and underscores)");
    assert_eq!(message("__").await, "Invalid Environment Variable Key: __ (use alphanumeric and underscores)");
    assert_eq!(
        message("AIRFLOW__CORE__EXECUTOR").await,
        "AIRFLOW__CORE__EXECUTOR is set automatically and cannot be overridden"
    );
}

#[tokio::test]
async fn upsert_loses_variables_and_has_to_be_switched_on_before_1_0() {
    let houston = demo("0.34.0");
    let deployment = production(&houston);
    let upsert = "mutation($id: Uuid) { upsertDeployment(deploymentUuid: $id, description: \"new\") { description upsertedEnvironmentVariables { key } } }";
    assert_eq!(refusal(&houston, JANE, upsert, json!({"id": deployment})).await.0, "INTERNAL_SERVER_ERROR");
    houston.set_version(version("1.0.0")).expect("a slice");
    let answer = get(&houston, JANE, upsert, json!({"id": deployment}), "/upsertDeployment").await;
    assert_eq!(answer, json!({"description": "new", "upsertedEnvironmentVariables": []}));
}

#[tokio::test]
async fn deployments_are_queued_named_and_deleted() {
    let houston = demo("0.34.0");
    let workspace = houston.workspace_id("Data Platform").expect("a workspace");
    let create = "mutation($w: Uuid!, $l: String!, $r: String, $c: JSON) { createDeployment(workspaceUuid: $w, type: \"airflow\", label: $l, releaseName: $r, config: $c) { id releaseName deploymentStatus { status } config } }";
    let with = |label: &str, release: &str| json!({"w": workspace, "l": label, "r": release, "c": {"workers": {"replicas": 3, "resources": {"limits": {"cpu": 200}}}}});
    let made = get(&houston, JANE, create, with("New One", "new-one"), "/createDeployment").await;
    assert_eq!(made["deploymentStatus"]["status"], "DEPLOYING");
    assert_eq!(made["config"]["workers"]["replicas"], 3);
    assert_eq!(made["config"]["workers"]["resources"]["limits"], json!({"cpu": 200, "memory": 3840}));
    houston.advance(Duration::from_secs(5));
    let status = "query($id: String) { deployment(where: {id: $id}) { deploymentStatus { status } } }";
    let id_only = json!({"id": made["id"]});
    assert_eq!(get(&houston, JANE, status, id_only.clone(), "/deployment/deploymentStatus/status").await, "HEALTHY");

    let message = async |label: &str, release: &str| refusal(&houston, JANE, create, with(label, release)).await.1;
    assert_eq!(message("New One", "x").await, "Workspace already has a deployment named New One");
    assert_eq!(message("Other", "-x").await, "Release name not formatted correctly.");
    assert_eq!(message("Other", "base-images").await, "base-images is reserved name");

    // A soft deletion hides the record; its label is free and its release name is not.
    let delete = "mutation($id: Uuid!) { deleteDeployment(deploymentUuid: $id) { id } }";
    get(&houston, JANE, delete, id_only.clone(), "/deleteDeployment/id").await;
    assert_eq!(get(&houston, JANE, status, id_only, "/deployment").await, Value::Null);
    assert!(message("New One", "new-one").await.contains("unique constraint"));
}

#[tokio::test]
async fn pages_are_counted_from_zero_or_from_one() {
    let houston = demo("0.30.0");
    let page = "query($t: Int, $n: Int) { paginatedWorkspaces(take: $t, pageNumber: $n) { label } }";
    let first = async |number: i64| {
        let token = houston.token("jane.doe@example.com").expect("a user");
        get(&houston, &token, page, json!({"t": 1, "n": number}), "/paginatedWorkspaces").await
    };
    assert_eq!(first(0).await, json!([{"label": "Data Platform"}]));
    assert_eq!(first(1).await, json!([{"label": "Marketing Analytics"}]));
    houston.set_version(version("0.31.6")).expect("a slice");
    assert_eq!(first(0).await, json!([{"label": "Data Platform"}]));
    assert_eq!(first(1).await, json!([{"label": "Data Platform"}]));
    assert_eq!(first(2).await, json!([{"label": "Marketing Analytics"}]));

    let create = "mutation { createWorkspace(label: \"One of many\") { id } }";
    for _ in 0..110 {
        send(&houston, JANE, create, Value::Null).await;
    }
    let rows =
        async || get(&houston, JANE, page, json!({"t": 500}), "/paginatedWorkspaces").await.as_array().map(Vec::len);
    assert_eq!(rows().await, Some(100));
    houston.set_version(version("0.32.0")).expect("a slice");
    assert_eq!(rows().await, Some(101));
}

#[tokio::test]
async fn keys_are_shown_for_ten_minutes() {
    let houston = demo("2.1.0");
    let workspace = houston.workspace_id("Data Platform").expect("a workspace");
    let create = "mutation($w: Uuid!) { createWorkspaceServiceAccount(workspaceUuid: $w, label: \"CI\", role: WORKSPACE_EDITOR) { id apiKey } }";
    let made = get(&houston, JANE, create, json!({"w": workspace}), "/createWorkspaceServiceAccount").await;
    let key = id(&made["apiKey"]).to_owned();
    assert!(key.len() == 32 && !key.contains('*'));
    let message = refusal(&houston, JANE, create, json!({"w": workspace})).await.1;
    assert_eq!(message, "Service Account already exists with the name CI");

    let one = "query($w: Uuid!, $s: Uuid!) { workspaceServiceAccount(workspaceUuid: $w, serviceAccountUuid: $s) { apiKey entityType } }";
    let shown = json!({"w": workspace, "s": made["id"]});
    assert_eq!(get(&houston, JANE, one, shown.clone(), "/workspaceServiceAccount/apiKey").await, key.as_str());
    houston.advance(Duration::from_secs(601));
    let masked = get(&houston, JANE, one, shown, "/workspaceServiceAccount/apiKey").await;
    assert_eq!(masked, format!("{}{}", &key[..6], "*".repeat(26)));
    get(&houston, &key, "{ workspaces { id } }", Value::Null, "/workspaces/0/id").await;
}

#[tokio::test]
async fn members_invitations_and_roles() {
    let houston = demo("2.1.0");
    let workspace = houston.workspace_id("Data Platform").expect("a workspace");
    let add = "mutation($e: String!, $w: Uuid, $r: Role!) { workspaceAddUser(email: $e, workspaceUuid: $w, role: $r) { id } }";
    let with = |email: &str, role: &str| json!({"e": email, "w": workspace, "r": role});
    get(&houston, JANE, add, with("yuki.sato@example.com", "WORKSPACE_VIEWER"), "/workspaceAddUser/id").await;
    get(&houston, JANE, add, with("somebody@example.net", "WORKSPACE_VIEWER"), "/workspaceAddUser/id").await;
    assert_eq!(houston.mails().len(), 1);
    assert_eq!(
        refusal(&houston, JANE, add, with("somebody@example.net", "WORKSPACE_VIEWER")).await.0,
        "USER_ALREADY_INVITED"
    );
    assert_eq!(refusal(&houston, JANE, add, with("x@example.net", "SYSTEM_ADMIN")).await.1, "invalid workspace role");

    let change = "mutation($e: String!, $w: Uuid!, $r: Role!) { workspaceUpdateUserRole(email: $e, workspaceUuid: $w, role: $r) }";
    let role =
        get(&houston, JANE, change, with("yuki.sato@example.com", "WORKSPACE_EDITOR"), "/workspaceUpdateUserRole")
            .await;
    assert_eq!(role, "WORKSPACE_EDITOR");
    assert_eq!(
        refusal(&houston, JANE, change, with("chloe.martin@example.com", "WORKSPACE_EDITOR")).await.0,
        "RESOURCE_NOT_FOUND"
    );

    let delete = "mutation($w: Uuid!) { deleteWorkspace(workspaceUuid: $w) { id label } }";
    // The guard that never fires: fourteen deployments less.
    assert_eq!(get(&houston, JANE, delete, json!({"w": workspace}), "/deleteWorkspace/label").await, "Data Platform");
    assert_eq!(houston.deployment_id("stellar-horizon-4217"), None);
    let strict =
        Houston::demo(houston_sim::Settings { workspace_delete_guard: true, ..settings("2.1.0") }).expect("a slice");
    let message = refusal(&strict, JANE, delete, json!({"w": workspace})).await.1;
    assert!(message.starts_with("You must first deprovision all deployments"), "{message}");
}

#[tokio::test]
async fn unknown_ids_give_null_to_readers_and_errors_to_writers() {
    let houston = demo("2.1.0");
    let read = "{ workspace(workspaceUuid: \"nope\") { id } deployment(where: {id: \"nope\"}) { id } team(teamUuid: 7) { id } cluster(id: {a: 1}) { id } }";
    let nothing = json!({"workspace": null, "deployment": null, "team": null, "cluster": null});
    assert_eq!(get(&houston, ADMIN, read, Value::Null, "").await, nothing);
    let write = "mutation { deleteDeployment(deploymentUuid: \"nope\") { id } }";
    assert!(refusal(&houston, ADMIN, write, Value::Null).await.1.starts_with("No Node for the model Deployment"));
}

#[tokio::test]
async fn an_inactive_cluster_takes_nothing_but_its_status() {
    let houston = demo("2.1.0");
    let cluster =
        get(&houston, ADMIN, "{ paginatedClusters { count clusters { id } } }", Value::Null, "/paginatedClusters")
            .await;
    assert_eq!(cluster["count"], 2);
    let cluster = json!({"id": cluster["clusters"][0]["id"]});
    let sleep = "mutation($id: Uuid!) { updateCluster(id: $id, status: INACTIVE) { status } }";
    assert_eq!(get(&houston, ADMIN, sleep, cluster.clone(), "/updateCluster/status").await, "INACTIVE");
    let rename = "mutation($id: Uuid!) { updateCluster(id: $id, name: \"x\") { status } }";
    let message = refusal(&houston, ADMIN, rename, cluster).await.1;
    assert_eq!(message, "This operation is not allowed as the cluster is not active");
}

#[tokio::test]
async fn logs_come_oldest_first_and_at_most_800() {
    let houston = Houston::demo(houston_sim::Settings { chatter: true, ..settings("2.1.0") }).expect("a slice");
    let deployment = production(&houston);
    let logs = "query($id: Uuid!, $c: String, $s: String) { logs(deploymentUuid: $id, component: $c, search: $s) { timestamp component message } }";
    let lines = get(&houston, JANE, logs, json!({"id": deployment}), "/logs").await;
    let lines = lines.as_array().expect("a list");
    assert_eq!(lines.len(), 800);
    assert!(lines.is_sorted_by_key(|line| id(&line["timestamp"]).to_owned()));
    houston.push_log(&deployment, "scheduler", "A very particular sentence");
    let found =
        get(&houston, JANE, logs, json!({"id": deployment, "c": "scheduler", "s": "very PARTICULAR"}), "/logs").await;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn upgrades_take_two_steps() {
    let houston = demo("1.0.0");
    let ids = json!({"id": houston.deployment_id("cosmic-meteor-6651")});
    let versions = "query($id: String) { deployment(where: {id: $id}) { runtimeVersion desiredRuntimeVersion deployInfo { current nextCli } } }";
    let seen = async || get(&houston, JANE, versions, ids.clone(), "/deployment").await;
    assert_eq!(
        (&seen().await["runtimeVersion"], &seen().await["desiredRuntimeVersion"]),
        (&json!("10.9.0"), &json!("12.7.1"))
    );
    let cancel = "mutation($id: Uuid!) { cancelRuntimeUpdate(deploymentUuid: $id) { desiredRuntimeVersion } }";
    get(&houston, JANE, cancel, ids.clone(), "/cancelRuntimeUpdate").await;
    assert_eq!(seen().await["desiredRuntimeVersion"], "10.9.0");
    let want = "mutation($id: Uuid!) { updateDeploymentRuntime(deploymentUuid: $id, desiredRuntimeVersion: \"11.10.0\") { id } }";
    get(&houston, JANE, want, ids.clone(), "/updateDeploymentRuntime").await;
    assert_eq!(
        (&seen().await["runtimeVersion"], &seen().await["desiredRuntimeVersion"]),
        (&json!("10.9.0"), &json!("11.10.0"))
    );
    let push = "mutation { updateDeploymentImage(releaseName: \"cosmic-meteor-6651\", image: \"registry.example.com/a:1\", runtimeVersion: \"11.10.0\") { id } }";
    get(&houston, JANE, push, Value::Null, "/updateDeploymentImage").await;
    let info = json!({"current": "registry.example.com/a:1", "nextCli": "deploy-42"});
    let done = json!({"runtimeVersion": "11.10.0", "desiredRuntimeVersion": "11.10.0", "deployInfo": info});
    assert_eq!(seen().await, done);
}

#[tokio::test]
async fn updates_keep_what_they_know() {
    let houston = demo("0.34.0");
    let update = "mutation($id: Uuid!, $p: JSON, $c: JSON) { updateDeployment(deploymentUuid: $id, payload: $p, config: $c) { label description config alertEmails properties } }";
    let with = |payload: Value, config: Value| json!({"id": production(&houston), "p": payload, "c": config});
    let payload =
        json!({"label": "Renamed", "releaseName": "nope", "properties": {"alert_emails": "[\"a@example.com\"]"}});
    let after =
        get(&houston, JANE, update, with(payload, json!({"scheduler": {"replicas": 4}})), "/updateDeployment").await;
    assert_eq!((&after["label"], &after["alertEmails"]), (&json!("Renamed"), &json!(["a@example.com"])));
    assert_eq!(after["config"]["scheduler"]["replicas"], 4);
    assert_eq!(after["config"]["executor"], "CeleryExecutor");
    let message = async |payload: Value, config: Value| refusal(&houston, JANE, update, with(payload, config)).await.1;
    assert_eq!(message(json!({"properties": {"x": 1}}), json!({})).await, "x is not a valid deployment property");
    let greedy = json!({"workers": {"resources": {"limits": {"cpu": 99_000}}}});
    assert_eq!(message(json!({}), greedy).await, "Maximum CPU for pod exceeded");
    assert_eq!(
        message(json!({"label": "Warehouse Staging"}), json!({})).await,
        "Workspace already has a deployment named Warehouse Staging"
    );
}

#[tokio::test]
async fn overrides_are_merged_and_keys_deleted() {
    let houston = demo("2.1.0");
    let merge = "mutation($id: Uuid!, $o: JSON!) { updateDeploymentConfig(deploymentUuid: $id, deploymentsConfigOverride: $o, reason: \"test\") { config deletedAt } }";
    let merged = async |partial: Value| {
        get(&houston, JANE, merge, json!({"id": production(&houston), "o": partial}), "/updateDeploymentConfig/config")
            .await
    };
    merged(json!({"a": {"b": 1, "c": 2}})).await;
    assert_eq!(merged(json!({"a": {"b": "DELETE_KEY"}, "d": true})).await, json!({"a": {"c": 2}, "d": true}));

    let check = "mutation($c: Uuid!, $t: String!) { validateGitSyncCredentials(clusterId: $c, repositoryUrl: \"https://git.example.com/x.git\", httpsToken: $t) { valid category } }";
    let cluster = get(
        &houston,
        ADMIN,
        "{ paginatedClusters { clusters { id } } }",
        Value::Null,
        "/paginatedClusters/clusters/0/id",
    )
    .await;
    let verdict = async |token: &str| {
        get(&houston, JANE, check, json!({"c": cluster, "t": token}), "/validateGitSyncCredentials/category").await
    };
    assert_eq!((verdict("good").await, verdict("expired").await), (json!("OK"), json!("AUTH_FAILED")));
}
