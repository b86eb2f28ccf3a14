//! One gateway, many Houstons: what each release can do, what happens when the release changes, and when there is none.

use crate::{
    harness::{ADMIN, OWNER, Reply, World},
    routes::{catalogue, plans},
};
use apollo_compiler::ExecutableDocument;
use houston_gateway::{
    config::Config,
    houston::{Houston as Client, probe},
};
use houston_schema::{RELEASES, Version};
use houston_sim::{Houston, Settings};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    net::TcpListener,
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
                    valid.unwrap_err().errors
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

#[tokio::test]
async fn houston_is_upgraded_under_a_running_gateway() {
    let settings = Settings { version: Version::new(0, 34, 0), ..Settings::default() };
    let world = World::with(settings, |config| probing(config, "")).await;
    ready(&world, "Houston 0.34.0").await;
    let deployment = world.houston.deployment_id("stellar-horizon-4217").expect("a deployment");
    let deployment = format!("/deployments/{deployment}");
    let variables = format!("{deployment}/variables");
    world.get(ADMIN, "/clusters").await.expect(501);

    world.houston.set_version(Version::new(2, 1, 0)).expect("a release");
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut drifted = 0;
    loop {
        let config = world.request(OWNER, Method::GET, "/platform/config").header("cache-control", "no-cache");
        let fresh = world.request(OWNER, Method::GET, &deployment).header("cache-control", "no-cache");
        for reply in [
            world.send(config).await,
            world.send(fresh).await,
            world.get(OWNER, &variables).await,
            world.patch(OWNER, &deployment, json!({ "description": "Upgraded" })).await,
        ] {
            if reply.status != 200 {
                assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (502, "SCHEMA_DRIFT"), "{}", reply.text);
                assert_eq!(reply.header("retry-after"), "5");
                drifted += 1;
            }
        }
        if world.get("", "/readyz").await.text.contains("Houston 2.1.0") {
            break;
        }
        assert!(Instant::now() < deadline, "the upgrade went unnoticed; {drifted} requests met it");
    }
    assert!(drifted > 0, "the old documents do not fit the new release");
    world.get(ADMIN, "/clusters").await.expect(200);
    for path in [&deployment, &variables] {
        world.get(OWNER, path).await.expect(200);
    }
    world.patch(OWNER, &deployment, json!({ "description": "Upgraded" })).await.expect(200);
    assert_eq!(world.get("", "/platform/config").await.expect(200).json()["version"], "2.1.0");
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
