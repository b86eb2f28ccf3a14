//! What a deployment is made of: components and their resources, properties, and where DAGs come from.

use super::{deployment_changes::invalid, overrides::merge};
use crate::{args::Args, error::Error, world::Deployment};
use serde_json::{Map, Value as Json, json};

/// Parts of a deployment that have an argument each and a key in `config`.
const COMPONENTS: [&str; 5] = ["scheduler", "webserver", "workers", "triggerer", "dagProcessor"];

/// The most a pod may have: 35 astro units of 100 millicores and 384 MiB.
pub(crate) const MOST_CPU: i64 = 3_500;
pub(crate) const MOST_MEMORY: i64 = 13_440;

/// The present `config` with what a call changes in it, checked against the limits.
pub(super) fn config(args: &Args, stored: &Map<String, Json>) -> Result<Map<String, Json>, Error> {
    let mut config = stored.clone();
    merge(&mut config, args.json("config").and_then(Json::as_object).unwrap_or(&Map::new()));
    if let Some(executor) = args.json("executor") {
        config.insert("executor".to_owned(), executor.clone());
    }
    for component in COMPONENTS {
        if let Some(sent @ Json::Object(_)) = args.json(component) {
            merge(&mut config, &Map::from_iter([(component.to_owned(), sent.clone())]));
        }
    }
    for component in COMPONENTS {
        let Some(resources) = config.get_mut(component).and_then(|each| each.get_mut("resources")) else { continue };
        let Some(resources) = resources.as_object_mut() else { continue };
        if let Some(limits) = resources.get("limits").cloned() {
            check_limits(&limits)?;
            resources.entry("requests").or_insert(limits);
        }
    }
    Ok(config)
}

fn check_limits(limits: &Json) -> Result<(), Error> {
    let exceeds = |key: &str, most: i64| limits.get(key).and_then(Json::as_i64).is_some_and(|value| value > most);
    if exceeds("cpu", MOST_CPU) {
        return Err(invalid("Maximum CPU for pod exceeded"));
    }
    if exceeds("memory", MOST_MEMORY) {
        return Err(invalid("Maximum Memory for pod exceeded"));
    }
    Ok(())
}

/// Takes `properties` over; `alert_emails`, a list or a text that holds one, goes to where alerts are kept.
pub(super) fn set_properties(deployment: &mut Deployment, properties: &Args) {
    for key in ["extra_au", "component_version"] {
        if let Some(value) = properties.json(key) {
            deployment.properties.insert(key.to_owned(), value.clone());
        }
    }
    let emails = match properties.opt("alert_emails") {
        Some(text) => serde_json::from_str(text).ok(),
        None => properties.texts("alert_emails"),
    };
    if let Some(emails) = emails {
        deployment.properties.insert("alert_emails".to_owned(), emails.clone().into());
        deployment.alert_emails = emails;
    }
}

pub(super) fn check_properties(properties: Option<&Json>) -> Result<(), Error> {
    let Some(properties) = properties.and_then(Json::as_object) else { return Ok(()) };
    for key in properties.keys() {
        if !["extra_au", "component_version", "alert_emails"].contains(&key.as_str()) {
            return Err(Error::InvalidDeployment(format!("{key} is not a valid deployment property")));
        }
    }
    if properties.get("extra_au").and_then(Json::as_i64).is_some_and(|units| units < 0) {
        return Err(invalid("Minimum Extra AU not met"));
    }
    Ok(())
}

pub(super) fn set_dags(deployment: &mut Deployment, args: &Args) {
    if let Some(dags) = args.json("dagDeployment").and_then(Json::as_object) {
        deployment.dag_deployment.clone_from(dags);
    }
}

pub(super) fn default_config() -> Map<String, Json> {
    let resources = |cpu: i64, memory: i64| {
        let amount = json!({"cpu": cpu, "memory": memory});
        json!({"limits": amount, "requests": amount})
    };
    Map::from_iter([
        ("executor".to_owned(), "CeleryExecutor".into()),
        ("scheduler".to_owned(), json!({"replicas": 1, "resources": resources(500, 1920)})),
        ("webserver".to_owned(), json!({"replicas": 1, "resources": resources(500, 1920)})),
        (
            "workers".to_owned(),
            json!({"replicas": 1, "terminationGracePeriodSeconds": 600, "resources": resources(1000, 3840)}),
        ),
        ("triggerer".to_owned(), json!({"replicas": 1, "resources": resources(500, 1920)})),
    ])
}
