//! One gateway, many Houstons: what each release can do, what happens when the release changes, and when there is none.

use crate::{
    harness::{ADMIN, OWNER, Reply, World},
    routes::{catalogue, plans},
};
use apollo_compiler::ExecutableDocument;
use houston_gateway::{
    config::Config,
    houston::{Houston as Client, probe},
    openapi::{self, Format, Publisher},
};
use houston_schema::{NEWEST, RELEASES, Version};
use houston_sim::{Fault, Houston, Settings, Trouble};
use http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    task::block_in_place,
    time::{Instant, sleep},
};

#[test]
fn every_document_that_is_sent_fits_the_release_it_is_sent_to() {
    for version in RELEASES {
        let slice = catalogue().schema.at(version).expect("a slice");
        // Compiled without faults, or this panics.
        for plan in plans(version).iter() {
            // With and without the filters, which a request may leave out.
            for is_sent in [true, false] {
                let request = [plan.request(|_| is_sent), b"{}}"].concat();
                let request: Value = serde_json::from_slice(&request).expect("JSON");
                let document = request["query"].as_str().expect("a document");
                assert_eq!(request["operationName"], plan.operation.name, "at {version}");
                let valid = ExecutableDocument::parse_and_validate(&slice, document, "sent");
                assert!(
                    valid.is_ok(),
                    "{} at {version}: {document}\n{}",
                    plan.operation.name,
                    valid.expect_err("faults").errors
                );
                for annotation in ["@rest", "@cache", "@page", "@lookup", "@invalidates", "@flat"] {
                    assert!(!document.contains(annotation), "{document}");
                }
            }
        }
    }
}

#[tokio::test]
async fn introspection_tells_the_same_as_the_annotations() {
    let (houston, mut config) = (houston(Version::new(0, 25, 0)), config());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    config.houston.url = format!("http://{}/v1", listener.local_addr().expect("an address")).parse().expect("a URL");
    let client = Client::new(config.houston).expect("a client");
    let serving = houston.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    for version in RELEASES {
        houston.set_version(version).expect("a release");
        let server = probe::server(&client).await.expect("a probe");
        assert_eq!(server.version, version);
        let (own, faults) = catalogue().plan(&server.schema.expect("its schema"), version);
        assert!(faults.is_empty(), "{faults}");
        assert!(own.is_same_as(&plans(version)), "other documents at {version}");
    }
}

#[tokio::test]
async fn a_server_without_introspection_is_served_by_the_annotations() {
    let version = Version::new(0, 34, 0);
    let settings = Settings { version, introspection: false, ..Settings::default() };
    let world = World::with(settings, |config| probing(config, "")).await;
    let told = ready(&world, "Houston 0.34.0").await;
    assert!(told.text.contains("the built-in schema"), "{}", told.text);
    world.get(OWNER, "/workspaces").await.expect(200);
    world.get(ADMIN, "/clusters").await.expect(501);
}

#[tokio::test]
async fn what_a_release_lacks_is_told_with_the_releases_that_have_it() {
    let old = World::at(Version::new(0, 25, 0)).await;
    let workspace = old.workspace(OWNER, "Data Platform").await;
    for (path, releases) in [
        ("/teams", "Houston 0.28.0 and later"),
        ("/clusters", "Houston 1.0.0 and later"),
        ("/deployments/x/task-usage?startDate=2026-01-01&endDate=2026-01-02", "Houston 1.0.0 and later"),
    ] {
        lacks_route(&old.get(ADMIN, path).await.expect(501), "0.25.0", releases);
    }
    let deployments = format!("/workspaces/{workspace}/deployments");
    for (body, pointer, releases) in [
        (json!({ "triggerer": { "replicas": 1 } }), "/triggerer", "0.26.0 and later"),
        (json!({ "runtimeVersion": "12.7.1" }), "/runtimeVersion", "0.29.0 and later"),
        (json!({ "clusterId": "x" }), "/clusterId", "1.0.0 and later"),
        (json!({ "mode": "helm" }), "/mode", "2.1.0 and later"),
        (json!({ "dagDeployment": { "type": "dag_deploy" } }), "/dagDeployment/type", "0.34.0 and later"),
        (json!({ "dagDeployment": { "authType": "x" } }), "/dagDeployment/authType", "2.1.0 and later"),
    ] {
        let mut whole = json!({ "label": "New" });
        whole.as_object_mut().expect("an object").extend(body.as_object().expect("an object").clone());
        lacks_part(&old.post(OWNER, &deployments, whole).await, &json!({ "pointer": pointer }), releases);
    }
    let listed = old.get(OWNER, "/workspaces?label=x").await;
    lacks_part(&listed, &json!({ "parameter": "label" }), "0.35.0 and later");
    let listed = old.get(ADMIN, "/deployments?name=x").await;
    lacks_part(&listed, &json!({ "parameter": "name" }), "0.32.0 and later");
    let both = json!({ "label": "New", "triggerer": {}, "mode": "helm" });
    let reply = old.post(OWNER, &deployments, both).await.expect(422);
    assert_eq!(reply.json()["errors"].as_array().expect("errors").len(), 2, "all at once");
    assert_eq!(old.houston.calls().field("createDeployment"), 0, "nothing of this reached Houston");

    let new = World::new().await;
    let reply = new.send(new.request(ADMIN, Method::POST, "/cluster-reconciliations")).await.expect(501);
    let unknown = "This is Houston 2.1.0, but its schema, as far as it is known, lacks the operation.";
    assert_eq!(reply.json()["detail"], unknown, "what nobody has documented");
    let card = format!("/workspaces/{workspace}/card?stripeCustomerId=x");
    lacks_route(&new.get(OWNER, &card).await.expect(501), "2.1.0", "Houston before 0.35.0");
    let airflow = json!({ "airflowVersion": "2.9.3" });
    let reply = new.put(OWNER, "/deployments/x/airflow-version", airflow).await.expect(501);
    lacks_route(&reply, "2.1.0", "Houston 0.23.0 to before 1.0.1");
    let deployment = new.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let path = format!("/deployments/{deployment}");
    let reply = new.patch(OWNER, &path, json!({ "config": { "executor": "LocalExecutor" } })).await;
    lacks_part(&reply, &json!({ "pointer": "/config" }), "before 1.0.0");
    let root = new.request(ADMIN, Method::PUT, "/users/x/system-roles/SYSTEM_ROOT_ADMIN");
    let root = new.send(root).await;
    lacks_part(&root, &json!({ "parameter": "role" }), "0.31.0 to before 0.32.0");
}

#[track_caller]
fn lacks_route(reply: &Reply, here: &str, releases: &str) {
    assert_eq!(reply.problem(), "NOT_IMPLEMENTED");
    let expected = format!("This is Houston {here}; the operation is part of {releases}.");
    assert_eq!(reply.json()["detail"], expected.as_str());
}

#[track_caller]
fn lacks_part(reply: &Reply, place: &Value, releases: &str) {
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (422, "NOT_IN_THIS_VERSION"), "{}", reply.text);
    let errors = reply.json()["errors"].as_array().expect("errors").clone();
    let place = place.as_object().expect("a place");
    let (name, at) = place.iter().next().expect("a place");
    let error = errors.iter().find(|each| each[name] == *at).unwrap_or_else(|| panic!("nothing at {at}: {errors:?}"));
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.contains(&format!("of Houston {releases};")), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn houston_is_upgraded_and_downgraded_under_a_running_gateway_and_no_request_is_lost() {
    let old = Version::new(0, 34, 0);
    let settings = Settings { version: old, ..Settings::default() };
    let world = Arc::new(World::with(settings, |config| probing(config, "")).await);
    ready(&world, "Houston 0.34.0").await;
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let (deployment, workspace) = (format!("/deployments/{deployment}"), world.workspace(OWNER, "Data Platform").await);
    world.get(ADMIN, "/clusters").await.expect(501);

    let over = Arc::new(AtomicBool::new(false));
    let callers = (0..4).map(|number| {
        let (world, over, deployment, workspace) =
            (Arc::clone(&world), Arc::clone(&over), deployment.clone(), workspace.clone());
        tokio::spawn(async move {
            let variables = format!("{deployment}/variables");
            let mut made = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                let fresh = |path| world.request(OWNER, Method::GET, path).header("cache-control", "no-cache");
                let account = json!({ "label": format!("{number}-{}", made.len()), "role": "WORKSPACE_VIEWER" });
                let accounts = format!("/workspaces/{workspace}/service-accounts");
                let account = world.request(OWNER, Method::POST, &accounts).json(&account);
                let account = account.header("idempotency-key", format!("{number}-{}", made.len()));
                world.send(fresh("/platform/config")).await.expect(200);
                world.send(fresh(&deployment)).await.expect(200);
                world.send(fresh("/deployments?limit=2")).await.expect(200);
                world.get(OWNER, &variables).await.expect(200);
                world.patch(OWNER, &variables, json!({ "items": [] })).await.expect(200);
                world.patch(OWNER, &deployment, json!({ "description": "Changed" })).await.expect(200);
                let account = world.send(account).await.expect(201).json();
                made.insert(account["id"].as_str().expect("an id").to_owned());
                let status = world.request(OWNER, Method::GET, &format!("{deployment}/status/stream"));
                assert_eq!(status.send().await.expect("an answer").status(), 200);
            }
            made.len()
        })
    });
    let callers: Vec<_> = callers.collect();
    for version in [Version::new(2, 1, 0), old, Version::new(1, 0, 1)] {
        let calls = world.houston.calls().total();
        world.houston.set_version(version).expect("a release");
        ready(&world, &format!("Houston {version}")).await;
        until(&world, |_| world.houston.calls().total() > calls + 200).await;
    }
    over.store(true, Ordering::Relaxed);
    let mut made = 0;
    for caller in callers {
        made += caller.await.expect("every request was answered");
    }
    world.get(ADMIN, "/clusters").await.expect(200);
    let accounts = world.get(OWNER, &format!("/workspaces/{workspace}/service-accounts")).await.expect(200);
    let ours = |each: &&Value| each["label"].as_str().is_some_and(|label| label.as_bytes()[1] == b'-');
    assert_eq!(accounts.json()["value"].as_array().expect("a list").iter().filter(ours).count(), made, "each once");
    assert_eq!(world.houston.variables(deployment.rsplit('/').next().expect("an id")).len(), 6, "and none is lost");
}

#[tokio::test]
async fn documents_follow_the_plans_to_and_fro() {
    let old = RELEASES[0];
    let world = World::with(Settings { version: old, ..Settings::default() }, |config| probing(config, "")).await;
    let url = format!("http://{}", world.gateway);
    let publisher = Publisher { url: &url, contact_name: "", contact_email: "" };
    let made = |version| openapi::document(catalogue(), &plans(version), publisher, Format::OpenApi30)["paths"].clone();
    assert!(made(old) != made(NEWEST), "another release, another document");
    for version in [old, NEWEST, old, NEWEST] {
        world.houston.set_version(version).expect("a release");
        ready(&world, &format!("Houston {version}")).await;
        let served = world.get("", "/openapi.json").await.expect(200).json();
        assert!(served["paths"] == made(version), "at {version}");
    }
}

#[tokio::test]
async fn what_a_houston_does_not_know_after_all_is_done_the_other_way() {
    // Nobody knows since when Houston has these; where it lacks them and does not let itself be introspected, it says so.
    let world = World::with(Settings::default(), |config| config.cache.enabled = false).await;
    let lacks = |field: &str| {
        let words = format!("Cannot query field \"{field}\" on type \"Query\".");
        world.houston.faults().add(Fault::new(Trouble::Validation(words)).on(field));
    };
    lacks("workspaceUpsertUserRole");
    lacks("paginatedWorkspaces");
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let viewer = format!("/workspaces/{workspace}/users?email=viewer@example.com");
    let viewer = crate::routes::id(&crate::routes::items(&world.get(OWNER, &viewer).await.expect(200))[0]);
    let path = format!("/workspaces/{workspace}/users/{viewer}");
    let changed = world.patch(OWNER, &path, json!({ "role": "WORKSPACE_EDITOR" })).await.expect(200);
    assert_eq!(changed.json(), json!({ "role": "WORKSPACE_EDITOR" }));
    let calls = world.houston.calls();
    assert_eq!((calls.field("workspaceUpsertUserRole"), calls.field("workspaceUpdateUserRole")), (1, 1));
    let page = world.get(OWNER, "/workspaces?limit=1").await.expect(200).json();
    assert_eq!(page["value"].as_array().expect("a list").len(), 1);
    let next = page["nextLink"].as_str().expect("another page").split_once("/workspaces").expect("a path").1;
    let next = world.get(OWNER, &format!("/workspaces{next}")).await.expect(200).json();
    assert_ne!(next["value"][0]["id"], page["value"][0]["id"]);
    // If there is no other way, that is told.
    lacks("workspaceUpdateUserRole");
    let reply = world.patch(OWNER, &path, json!({ "role": "WORKSPACE_VIEWER" })).await.expect(502);
    assert_eq!(reply.problem(), "SCHEMA_DRIFT");
}

#[tokio::test]
async fn a_houston_that_keeps_its_version_to_itself_is_taken_for_what_is_configured() {
    let houston = houston(Version::new(0, 34, 0));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let serving = houston.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let probed = async |configured: &str| {
        let mut config = config().houston;
        config.url = url.parse().expect("a URL");
        config.version = configured.to_owned();
        probe::server(&Client::new(config).expect("a client")).await
    };
    assert_eq!(probed("0.28.0").await.expect("a probe").version, Version::new(0, 34, 0), "what is told counts");
    let words = "You do not have the appropriate permissions for that";
    houston.faults().add(Fault::error(words, "FORBIDDEN").on("GatewayProbe"));
    let server = probed("0.28.0").await.expect("a probe");
    assert_eq!(server.version, Version::new(0, 28, 0));
    assert!(server.schema.is_some_and(|schema| schema.type_field("Query", "paginatedDeployments").is_ok()), "its own");
    assert!(matches!(probed("").await, Err(probe::ProbeError::NoVersion)));
    houston.faults().add(Fault::new(Trouble::Status(StatusCode::BAD_GATEWAY)));
    assert!(
        matches!(probed("0.28.0").await, Err(probe::ProbeError::Call(_))),
        "nobody is there to be taken for anything"
    );
}

#[tokio::test]
async fn routes_that_newer_releases_lack_say_so() {
    let world = World::at(Version::new(0, 34, 0)).await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let card = format!("/workspaces/{workspace}/card?stripeCustomerId=x");
    for reply in [world.get(OWNER, &card).await, world.get("", &card).await, World::new().await.get(OWNER, &card).await]
    {
        let since = reply.header("deprecation").strip_prefix('@').expect("a date (RFC 9745, 2.1)");
        assert!(since.parse::<i64>().is_ok(), "{since}");
    }
    assert_eq!(world.get(OWNER, "/workspaces").await.expect(200).header("deprecation"), "");
}

#[tokio::test]
async fn a_gateway_starts_without_houston_and_is_ready_when_it_comes() {
    let place = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let version = Version::new(1, 0, 0);
    let settings = Settings { version, ..Settings::default() };
    let world = World::with(settings, |config| {
        config.houston.url = format!("http://{place}/v1").parse().expect("a URL");
        probing(config, "0.34.0");
    })
    .await;
    world.get("", "/livez").await.expect(200);
    let waiting = until(&world, |reply| reply.text.contains("cannot connect")).await.expect(503);
    assert!(!waiting.text.contains(&place.to_string()), "the address is nobody's business: {}", waiting.text);
    let refused = world.get(OWNER, "/workspaces").await.expect(503);
    assert_eq!(refused.problem(), "HOUSTON_UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
    world.get(OWNER, "/clusters").await.expect(501);

    let (serving, listener) = (world.houston.clone(), TcpListener::bind(place).await.expect("the port"));
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    ready(&world, "Houston 1.0.0").await;
    world.get(OWNER, "/workspaces").await.expect(200);
    world.get(ADMIN, "/clusters").await.expect(200);
}

#[test]
fn what_only_a_servers_own_schema_tells_is_served_when_it_does() {
    let version = Version::new(2, 1, 0);
    let sdl = catalogue().schema.at(version).expect("a slice").to_string();
    let sdl = sdl.replacen("type Mutation {", "type Mutation {\n  reconcileClusterMetadataJob: Boolean\n", 1);
    let schema = apollo_compiler::Schema::parse_and_validate(sdl, "server").expect("a schema");
    let (plans, faults) = catalogue().plan(&schema, version);
    assert!(faults.is_empty(), "{faults}");
    assert!(plans.by_name("ReconcileClusters").is_some());
    assert!(crate::routes::plans(version).by_name("ReconcileClusters").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tells_what_a_live_houston_can_do_and_why_not_more() {
    for (version, introspection) in [("0.34.0", true), ("0.34.0", false), ("2.1.0", true)] {
        let settings = Settings { version: version.parse().expect("a release"), introspection, ..Settings::default() };
        let houston = Houston::demo(settings).expect("a Houston");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        tokio::spawn(async move { houston.serve(listener, std::future::pending()).await });
        // It waits for the simulator, which runs on the other thread.
        let mut check = Command::new(env!("CARGO_BIN_EXE_houston-gateway"));
        let check = block_in_place(|| check.args(["check", "--houston-url", &url]).output()).expect("a run");
        assert!(check.status.success(), "{check:?}");
        let report = String::from_utf8(check.stdout).expect("text");
        let (first, rest) = report.split_once('\n').expect("lines");
        let how = if introspection { "its own schema" } else { "the built-in schema: introspection is off" };
        assert_eq!(first, format!("Houston {version}, by {how}"));
        let (routes, counts) = rest.trim_end().rsplit_once('\n').expect("a last line");
        let routes: Vec<_> = routes.lines().map(|line| line.split('\t').collect::<Vec<_>>()).collect();
        assert_eq!(routes.len(), catalogue().routes.len());
        let count = |state| routes.iter().filter(|route| route[0] == state).count();
        let [full, narrowed, absent] = ["full", "narrowed", "absent"].map(count);
        assert_eq!(counts, format!("{full} full, {narrowed} narrowed, {absent} absent"));
        assert_eq!(full + narrowed + absent, routes.len());
        let said = |method: &str, path: &str| {
            let route = routes.iter().find(|route| route[1] == method && route[2] == path).expect("a route");
            (route[0], route[3])
        };
        assert_eq!(said("POST", "/workspaces"), ("full", ""));
        if version == "2.1.0" {
            assert_eq!(said("GET", "/workspaces"), ("full", ""));
            assert_eq!(said("GET", "/workspaces/{workspaceId}/card"), ("absent", "part of Houston before 0.35.0"));
            let unknown = ("absent", "not in its schema, as far as that is known");
            assert_eq!(said("POST", "/cluster-reconciliations"), unknown);
        } else {
            assert_eq!(said("GET", "/workspaces"), ("narrowed", "$label"));
            assert_eq!(said("GET", "/clusters"), ("absent", "part of Houston 1.0.0 and later"));
            let (state, why) = said("GET", "/deployments/{deploymentId}");
            assert_eq!((state, why.contains("deployment.cluster")), ("narrowed", true), "{why}");
        }
    }
}

fn config() -> Config {
    Config::load_with(None, |_| None).expect("the defaults")
}

fn houston(version: Version) -> Houston {
    Houston::demo(Settings { version, ..Settings::default() }).expect("a Houston")
}

/// Lets the gateway find the release out by itself, beginning with what it is told.
fn probing(config: &mut Config, version: &str) {
    config.houston.probe = true;
    config.houston.probe_interval = Duration::from_millis(200);
    config.houston.version = version.to_owned();
}

/// What `/readyz` says when it is ready and says so of this release.
async fn ready(world: &World, what: &str) -> Reply {
    until(world, |reply| reply.text.contains(what)).await.expect(200)
}

async fn until(world: &World, is_it: impl Fn(&Reply) -> bool) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let reply = world.get("", "/readyz").await;
        if is_it(&reply) {
            return reply;
        }
        assert!(Instant::now() < deadline, "{}: {}", reply.status, reply.text);
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn routes_that_will_be_gone_say_when_if_the_operator_does() {
    let file = std::env::temp_dir().join(format!("sunset-{}.toml", std::process::id()));
    std::fs::write(&file, "[houston]\nsunset = \"2027-03-01T01:00:00+01:00\"\n").expect("a writable folder");
    let read = houston_gateway::config::Config::load_with(Some(&file), |_| None).expect("settings");
    let settings = Settings { version: Version::new(0, 34, 0), ..Settings::default() };
    let world = World::with(settings, |config| config.houston.sunset = read.houston.sunset).await;
    let workspace = world.workspace(OWNER, "Data Platform").await;
    let card = world.get(OWNER, &format!("/workspaces/{workspace}/card?stripeCustomerId=cus_1")).await;
    assert_eq!(card.header("sunset"), "Mon, 01 Mar 2027 00:00:00 GMT");
    assert_eq!(world.get(OWNER, "/workspaces").await.expect(200).header("sunset"), "");
}
