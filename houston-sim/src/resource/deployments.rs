//! Deployments as answers show them, and the queries that find them.

use super::{metrics, page::page, variables};
use crate::{
    access::{Entity, Scope},
    args::Args,
    graph::{Ctx, Value},
    world::{AIRFLOW, Deployment, DeploymentMode, RUNTIME},
};
use houston_schema::Version;
use serde_json::{Value as Json, json};
use std::sync::Arc;

pub(crate) fn field(ctx: &Ctx<'_>, deployment: &Arc<Deployment>, name: &str) -> Option<Value> {
    let scope = Scope::Deployment(deployment.id.clone());
    let config = |key: &str| deployment.config.get(key).cloned().unwrap_or_default();
    Some(match name {
        "id" => deployment.id.clone().into(),
        "label" => deployment.label.clone().into(),
        "description" => deployment.description.clone().into(),
        "releaseName" => deployment.release_name.clone().into(),
        "namespace" => deployment.namespace.clone().into(),
        "type" => "airflow".into(),
        "version" => deployment.version.clone().into(),
        "airflowVersion" => deployment.airflow_version.clone().into(),
        // Nothing wanted shows as the version that runs.
        "desiredAirflowVersion" => {
            deployment.desired_airflow_version.clone().or_else(|| deployment.airflow_version.clone()).into()
        }
        "runtimeVersion" => deployment.runtime_version.clone().into(),
        "desiredRuntimeVersion" => {
            deployment.desired_runtime_version.clone().or_else(|| deployment.runtime_version.clone()).into()
        }
        "runtimeAirflowVersion" => deployment.runtime_version.as_deref().and_then(airflow_of).into(),
        "executor" => config("executor").into(),
        "config" => deployment.config.clone().into(),
        "properties" => deployment.properties.clone().into(),
        "workers" => config("workers").into(),
        "webserver" => config("webserver").into(),
        "scheduler" => scheduler(&config("scheduler")).into(),
        "alertEmails" => deployment.alert_emails.clone().into(),
        "dagDeployment" => deployment.dag_deployment.clone().into(),
        "environmentVariables" | "upsertedEnvironmentVariables" => variables::shown(deployment),
        "urls" => urls(ctx, deployment).into(),
        "deployInfo" => deploy_info(deployment).into(),
        // What `status` holds is unknown; the status of the pods is as good a guess as any.
        "status" => metrics::status(ctx, deployment).into(),
        "deploymentStatus" => json!({"status": metrics::status(ctx, deployment)}).into(),
        "workspace" => Value::maybe(ctx.world.workspaces.get(&deployment.workspace)),
        "clusterId" => deployment.cluster.clone().into(),
        "cluster" => Value::maybe(deployment.cluster.as_deref().and_then(|id| ctx.world.clusters.get(id))),
        "mode" => match deployment.mode {
            DeploymentMode::Helm => "helm".into(),
            DeploymentMode::Operator => "operator".into(),
        },
        "analyticsPluginEnabled" | "airflowDbCleanupPluginEnabled" => false.into(),
        "roleBindings" => Value::list(ctx.world.bindings_on(&scope)),
        "serviceAccounts" => Value::list(ctx.world.service_accounts_on(&scope)),
        "deploymentCapabilities" => capabilities(ctx, &deployment.id),
        "createdAt" => Value::date(deployment.created),
        "updatedAt" => Value::date(deployment.updated),
        _ => return None,
    })
}

/// The Airflow version inside a Runtime version.
pub(crate) fn airflow_of(runtime: &str) -> Option<&'static str> {
    RUNTIME.iter().find(|(version, ..)| *version == runtime).map(|(_, airflow, _)| *airflow)
}

/// The schema wants the limits of `replicas` here, not the number.
fn scheduler(config: &Json) -> Json {
    let replicas = config.get("replicas").and_then(Json::as_i64).unwrap_or(1);
    let first_with_many = AIRFLOW.iter().map(|(version, _)| *version).find(|version| version.starts_with("2."));
    json!({
        "replicas": {"default": replicas, "minimum": 1, "limit": 4, "minAirflowVersion": first_with_many},
        "resources": config.get("resources"),
    })
}

fn urls(ctx: &Ctx<'_>, deployment: &Deployment) -> Json {
    let base = format!("https://deployments.{}/{}", ctx.settings.base_domain, deployment.release_name);
    let url = |kind: &str, path: &str| json!({"type": kind, "url": format!("{base}/{path}")});
    let mut urls = vec![url("airflow", "airflow")];
    if deployment.config.get("executor").and_then(Json::as_str) == Some("CeleryExecutor") {
        urls.push(url("flower", "flower"));
    }
    if ctx.version >= Version::new(1, 0, 0) {
        urls.push(json!({"type": "registry", "url": format!("registry.{}/{}", ctx.settings.base_domain, deployment.release_name)}));
        urls.push(url("dagserver", "dags"));
    }
    urls.into()
}

fn deploy_info(deployment: &Deployment) -> Json {
    let tag = |number: u32| format!("deploy-{number}");
    let running = (deployment.deploys > 0).then(|| tag(deployment.deploys));
    let current = deployment.image.clone().or(running);
    let next = tag(deployment.deploys.saturating_add(1));
    json!({"current": current, "desired": current, "nextCli": next, "next": next})
}

fn capabilities(ctx: &Ctx<'_>, id: &str) -> Value {
    let entity = Entity::deployment(id);
    let may = |permissions: &[&str]| ctx.may_any(permissions, &entity);
    json!({
        "canDeploy": may(&["deployment.images.push", "system.deployments.images.push"]),
        "canUpdateDeployment": may(&["deployment.config.update", "system.deployments.update"]),
        "canDeleteDeployment": may(&["deployment.config.delete", "system.deployments.delete"]),
        "canCreateServiceAccount": may(&["deployment.serviceAccounts.create", "system.serviceAccounts.create"]),
        "canUpdateServiceAccount": may(&["deployment.serviceAccounts.update", "system.serviceAccounts.update"]),
        "canDeleteServiceAccount": may(&["deployment.serviceAccounts.delete", "system.serviceAccounts.delete"]),
        "canUpdateVariables": may(&["deployment.variables.update", "system.deployment.variables.update"]),
        "canUpdateUserRole": may(&["deployment.userRoles.update", "system.iam.update"]),
    })
    .into()
}

pub(crate) fn one(ctx: &Ctx<'_>, args: &Args) -> Value {
    let place = args.object("where");
    let by_id = place.opt("id").and_then(|id| ctx.world.deployment(id));
    let by_release = || place.opt("releaseName").and_then(|name| ctx.world.deployment_by_release(name));
    Value::maybe(by_id.or_else(by_release))
}

fn visible(ctx: &Ctx<'_>) -> Vec<Arc<Deployment>> {
    ctx.caller.subject().map(|subject| ctx.world.deployments_of(&subject)).unwrap_or_default()
}

/// Every live deployment; from 1.0 those that the caller can see.
pub(crate) fn all(ctx: &Ctx<'_>, args: &Args) -> Value {
    let release = args.opt("releaseName");
    let deployments = if ctx.version < Version::new(1, 0, 0) {
        ctx.world.live_deployments().cloned().collect()
    } else {
        visible(ctx)
    };
    Value::list(deployments.into_iter().filter(|each| release.is_none_or(|name| each.release_name == name)))
}

pub(crate) fn page_of_visible(ctx: &Ctx<'_>, args: &Args) -> Value {
    let name = args.opt("name").map(str::to_lowercase);
    let mut deployments = visible(ctx);
    deployments.retain(|each| {
        name.as_ref().is_none_or(|name| each.label.to_lowercase().contains(name) || each.release_name.contains(name))
            && args.opt("clusterId").is_none_or(|id| each.cluster.as_deref() == Some(id))
    });
    Value::list(page(ctx, args, deployments))
}

pub(crate) fn of_workspace(ctx: &Ctx<'_>, args: &Args) -> Value {
    let (workspace, release) = (args.text("workspaceUuid"), args.opt("releaseName"));
    let deployments = ctx
        .world
        .live_deployments()
        .filter(|each| each.workspace == workspace && release.is_none_or(|name| each.release_name == name));
    Value::list(deployments.cloned().collect::<Vec<_>>())
}
