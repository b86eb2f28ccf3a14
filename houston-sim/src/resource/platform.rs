//! The installation itself: versions, switches, limits and known releases.

use super::deployment_config::{MOST_CPU, MOST_MEMORY};
use crate::{
    args::Args,
    graph::{Ctx, Value},
    world::{AIRFLOW, RUNTIME, Time},
};
use serde_json::{Map, Value as Json, json};

/// The switches a client needs before it calls anything else. The arguments choose the layer of overrides.
pub(crate) fn app_config(ctx: &Ctx<'_>, args: &Args) -> Value {
    let flags = json!({
        "nfsMountDagDeployment": true,
        "hardDeleteDeployment": ctx.settings.hard_delete,
        "manualNamespaceNames": ctx.settings.manual_namespace_names,
        "triggererEnabled": true,
        "gitSyncDagDeployment": true,
        "namespaceFreeFormEntry": false,
        "byoUpdateRegistryEnabled": false,
        "astroRuntimeEnabled": true,
        "dagOnlyDeployment": true,
    });
    let mut flags = flags.as_object().cloned().unwrap_or_default();
    for layer in layers(ctx, args) {
        // An override that names a flag changes it; which overrides reach the flags is unknown.
        for (key, value) in layer {
            if let Some(flag) = flags.get_mut(&key) {
                *flag = value;
            }
        }
    }
    let flag = |name: &str| flags.get(name).cloned().unwrap_or_default();
    json!({
        "version": ctx.version.to_string(),
        "baseDomain": ctx.settings.base_domain,
        "smtpConfigured": true,
        "manualReleaseNames": ctx.settings.manual_release_names,
        "prometheusEnabled": true,
        "elasticSearchEnabled": ctx.settings.elasticsearch,
        "configureDagDeployment": true,
        "nfsMountDagDeployment": flag("nfsMountDagDeployment"),
        "hardDeleteDeployment": flag("hardDeleteDeployment"),
        "manualNamespaceNames": flag("manualNamespaceNames"),
        "triggererEnabled": flag("triggererEnabled"),
        "featureFlags": flags,
        "byoUpdateRegistryHost": null,
    })
    .into()
}

/// Overrides in the order in which the later wins: cluster, workspace, deployment.
fn layers(ctx: &Ctx<'_>, args: &Args) -> Vec<Map<String, Json>> {
    let world = &ctx.world;
    let cluster = args.opt("clusterId").and_then(|id| world.clusters.get(id)).map(|each| each.overrides.clone());
    let workspace =
        args.opt("workspaceUuid").and_then(|id| world.workspaces.get(id)).map(|each| each.overrides.clone());
    let deployment = args.opt("deploymentUuid").and_then(|id| world.deployment(id)).map(|each| each.overrides.clone());
    [cluster, workspace, deployment].into_iter().flatten().collect()
}

pub(crate) fn auth_config(ctx: &Ctx<'_>, args: &Args) -> Value {
    let provider = |name: &str, shown: &str| {
        let mut url = format!("https://houston.{}/v1/oauth/start?provider={name}", ctx.settings.base_domain);
        if let Some(redirect) = args.opt("redirect") {
            url.push_str("&redirect=");
            url.push_str(redirect);
        }
        json!({"name": name, "displayName": shown, "url": url})
    };
    json!({
        "publicSignup": ctx.settings.public_signup,
        "externalSignupUrl": null,
        "initialSignup": ctx.world.users.is_empty(),
        "localEnabled": true,
        "providers": [provider("okta", "Okta")],
    })
    .into()
}

/// A patch release that is not out yet, so that there is something to see.
pub(crate) fn update_available(ctx: &Ctx<'_>) -> Value {
    if ctx.version == houston_schema::NEWEST {
        return Value::NULL;
    }
    json!({
        "version": houston_schema::NEWEST.to_string(),
        "url": format!("https://updates.{}/{}", ctx.settings.base_domain, houston_schema::NEWEST),
        "level": "new_feature",
        "description": "A newer platform release is available",
        "releaseDate": "2026-05-12T00:00:00.000Z",
    })
    .into()
}

/// The same for every workspace and deployment: the arguments are ignored.
pub(crate) fn deployment_config(ctx: &Ctx<'_>) -> Value {
    let images = AIRFLOW
        .iter()
        .map(|(version, _)| json!({"version": version, "channel": "stable", "tag": format!("{version}-onbuild")}));
    let versions = AIRFLOW.iter().map(|(version, _)| *version).collect::<Vec<_>>();
    let newest = versions.first().copied().unwrap_or_default();
    let executor = |name: &str, components: &[&str]| {
        let label = name.trim_end_matches("Executor");
        json!({"name": name, "label": label, "components": components, "enabled": true})
    };
    json!({
        "defaults": {
            "executor": "CeleryExecutor",
            "channel": "stable",
            "scheduler": {"replicas": 1, "cpu": 500, "memory": 1920},
            "webserver": {"replicas": 1, "cpu": 500, "memory": 1920},
            "workers": {"replicas": 1, "cpu": 1000, "memory": 3840, "terminationGracePeriodSeconds": 600},
        },
        "limits": {
            "scheduler": {"cpu": MOST_CPU, "memory": MOST_MEMORY},
            "webserver": {"cpu": MOST_CPU, "memory": MOST_MEMORY},
            "workers": {"cpu": MOST_CPU, "memory": MOST_MEMORY, "replicas": 20},
        },
        "astroUnit": {"cpu": 100, "memory": 384, "pods": 1.0, "airflowConns": 5.0, "actualConns": 0.5, "price": 10.0},
        "maxExtraAu": 400,
        "executors": [
            executor("LocalExecutor", &["scheduler", "webserver"]),
            executor("CeleryExecutor", &["scheduler", "webserver", "workers"]),
            executor("KubernetesExecutor", &["scheduler", "webserver"]),
        ],
        "singleNamespace": false,
        "loggingEnabled": ctx.settings.elasticsearch,
        "latestVersion": "1.15.0",
        "airflowImages": images.collect::<Vec<_>>(),
        "airflowVersions": versions,
        "defaultAirflowImageTag": newest,
        "defaultAirflowChartVersion": "1.15.0",
    })
    .into()
}

/// Namespaces that nobody uses yet; there are some only if names can be chosen.
pub(crate) fn available_namespaces(ctx: &Ctx<'_>) -> Value {
    let free = ["data-platform-dev", "data-platform-prod", "finance-reporting", "ml-sandbox"];
    let taken = |name: &str| ctx.world.live_deployments().any(|each| each.namespace == name);
    let free = free.into_iter().filter(|name| ctx.settings.manual_namespace_names && !taken(name));
    Json::Array(free.map(|name| json!({"name": name})).collect()).into()
}

fn airflow((version, date): &(&str, &str)) -> Json {
    json!({
        "tag": format!("{version}-onbuild"),
        "version": version,
        "url": format!("https://airflow.apache.org/docs/apache-airflow/{version}/"),
        "level": "bug_fix",
        "description": format!("Apache Airflow {version}"),
        "releaseDate": Time::parse(&format!("{date}T00:00:00Z")).map(Time::iso),
        "channel": "stable",
    })
}

/// Releases have no id of their own; the tag serves for both.
pub(crate) fn airflow_release(args: &Args) -> Value {
    let place = args.object("where");
    let wanted = place.opt("tag").or_else(|| place.opt("id"));
    AIRFLOW.iter().map(airflow).find(|each| each.get("tag").and_then(Json::as_str) == wanted).into()
}

pub(crate) fn airflow_releases() -> Value {
    Json::Array(AIRFLOW.iter().map(airflow).collect()).into()
}

pub(crate) fn runtime_releases(args: &Args) -> Value {
    let wanted = args.opt("airflowVersion");
    let releases = RUNTIME.iter().filter(|(_, airflow, _)| wanted.is_none_or(|wanted| *airflow == wanted));
    let shown = releases.map(|(version, airflow, migrates)| {
        json!({"version": version, "airflowVersion": airflow, "airflowDatabaseMigrations": migrates})
    });
    Json::Array(shown.collect()).into()
}
