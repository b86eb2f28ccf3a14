//! Making, changing and removing deployments.
//!
//! Every change is queued: the mutation returns the new record at once, and the deployment is `DEPLOYING` for a while.

use super::{
    Answer, clusters,
    deployment_config::{check_properties, config, default_config, set_dags, set_properties},
    deployment_images::push_image,
    overrides::merge,
    variables,
};
use crate::{
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::{AIRFLOW, Deployment, DeploymentMode, RUNTIME},
};
use houston_schema::Version;
use serde_json::{Map, json};
use std::sync::Arc;

pub(super) const CHART: &str = "1.15.0";

pub(super) fn invalid(text: &str) -> Error {
    Error::InvalidDeployment(text.to_owned())
}

pub(super) fn need(ctx: &Ctx<'_>, id: &str) -> Result<Arc<Deployment>, Error> {
    ctx.world.deployment(id).ok_or_else(|| Error::NoNode { model: "Deployment", id: id.to_owned() })
}

/// Stores a change and queues its roll-out.
pub(super) fn change(ctx: &mut Ctx<'_>, id: &str, change: impl FnOnce(&mut Deployment)) -> Value {
    let (now, busy) = (ctx.now, ctx.now.plus(ctx.settings.deploy_time));
    let changed = ctx.world.deployments.update(id, |deployment| {
        change(deployment);
        deployment.updated = now;
        deployment.busy_until = busy;
    });
    Value::maybe(changed)
}

/// Labels are unique among the live deployments of a workspace.
fn check_label(ctx: &Ctx<'_>, workspace: &str, label: &str, own: Option<&str>) -> Result<(), Error> {
    let mut others = ctx.world.live_deployments().filter(|each| Some(each.id.as_str()) != own);
    if others.any(|each| each.workspace == workspace && each.label == label) {
        return Err(Error::DuplicateDeployment(label.to_owned()));
    }
    Ok(())
}

/// The release name that the caller chose, or a random one. Soft-deleted deployments keep theirs.
fn release_name(ctx: &mut Ctx<'_>, args: &Args) -> Result<String, Error> {
    let Some(name) = args.opt("releaseName").filter(|name| ctx.settings.manual_release_names && !name.is_empty())
    else {
        return Ok(ctx.world.new_release_name());
    };
    let good = name.len() <= 63
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.chars().all(|c| c.is_ascii_digit())
        && !name.starts_with('-')
        && !name.ends_with('-');
    if !good {
        return Err(Error::InvalidReleaseName);
    }
    if name == "base-images" {
        return Err(Error::ReservedReleaseName);
    }
    let full = format!("{}-{name}", ctx.settings.namespace);
    if full.len() > 63 {
        return Err(Error::LongReleaseName(full));
    }
    if ctx.world.deployments.iter().any(|each| each.release_name == name) {
        return Err(Error::Internal(
            "A unique constraint would be violated on Deployment. Details: Field name = releaseName".to_owned(),
        ));
    }
    Ok(name.to_owned())
}

/// A deployment with everything that a call says about it, not stored yet.
fn new_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Result<Deployment, Error> {
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    let label = args.text("label");
    check_label(ctx, &workspace.id, label, None)?;
    check_properties(args.json("properties"))?;
    let variables = variables::accept(&args.objects("environmentVariables"), &[])?;
    let config = config(args, &default_config())?;
    let release_name = release_name(ctx, args)?;
    let runtime_version = args.string("runtimeVersion").or_else(|| {
        // From 1.0.1 nothing but Runtime can be chosen.
        let only_runtime = ctx.version >= Version::new(1, 0, 1);
        RUNTIME.first().filter(|_| only_runtime).map(|(version, ..)| (*version).to_owned())
    });
    let airflow_version = match &runtime_version {
        Some(_) => None,
        None => args.string("airflowVersion").or_else(|| AIRFLOW.first().map(|(version, _)| (*version).to_owned())),
    };
    let namespace = args.string("namespace").unwrap_or_else(|| format!("{}-{release_name}", ctx.settings.namespace));
    let mut deployment = Deployment {
        id: ctx.world.new_id(),
        workspace: workspace.id.clone(),
        label: label.to_owned(),
        description: args.string("description"),
        release_name,
        namespace,
        version: args.string("version").unwrap_or_else(|| CHART.to_owned()),
        airflow_version,
        runtime_version,
        config,
        variables,
        cluster: args.string("clusterId"),
        mode: if args.opt("mode") == Some("operator") { DeploymentMode::Operator } else { DeploymentMode::Helm },
        dag_deployment: Map::from_iter([("type".to_owned(), "image".into())]),
        busy_until: ctx.now.plus(ctx.settings.deploy_time),
        created: ctx.now,
        updated: ctx.now,
        ..Deployment::default()
    };
    set_properties(&mut deployment, &args.object("properties"));
    set_dags(&mut deployment, args);
    Ok(deployment)
}

pub(crate) fn create(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = new_deployment(ctx, args)?;
    Ok(Value::item(ctx.world.deployments.add(deployment)))
}

/// Keeps `label`, `description`, `version` and `properties` of the payload; other keys vanish without a word.
pub(crate) fn update(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let payload = args.object("payload");
    if let Some(label) = payload.opt("label") {
        check_label(ctx, &deployment.workspace, label, Some(&deployment.id))?;
    }
    check_properties(payload.json("properties"))?;
    let config = config(args, &deployment.config)?;
    Ok(change(ctx, &deployment.id, |each| {
        if let Some(label) = payload.string("label") {
            each.label = label;
        }
        if let Some(description) = payload.string("description") {
            each.description = Some(description);
        }
        if let Some(version) = payload.string("version") {
            each.version = version;
        }
        each.config = config;
        set_properties(each, &payload.object("properties"));
        set_dags(each, args);
    }))
}

/// Without `deploymentUuid` a creation, with it an update. From 2.1 on a release name and an image alone deploy the image:
/// an update like any other, so it loses the variables too. Whether a real Houston spares them then is unknown; who writes
/// against this one is safe either way.
pub(crate) fn upsert(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    if ctx.version < Version::new(1, 0, 0) && !ctx.settings.upsert_enabled {
        // How Houston says that the operation is switched off is unknown.
        return Err(Error::Internal("upsertDeployment is not enabled".to_owned()));
    }
    if let Some(id) = args.opt("deploymentUuid") {
        let deployment = need(ctx, id)?;
        return upsert_present(ctx, args, &deployment);
    }
    if ctx.version >= Version::new(2, 1, 0) && !args.has("workspaceUuid") && args.has("image") {
        let deployment = ctx.world.deployment_by_release(args.text("releaseName")).ok_or(Error::NotFound)?;
        return upsert_present(ctx, args, &deployment);
    }
    if ctx.version >= Version::new(1, 0, 0) {
        // A cluster is needed; the words for a missing one are the default text.
        clusters::active(ctx, args.opt("clusterId").ok_or_else(|| invalid("Invalid deployment"))?)?;
    }
    let mut deployment = new_deployment(ctx, args)?;
    push_image(&mut deployment, args);
    Ok(Value::item(ctx.world.deployments.add(deployment)))
}

/// Variables that are not sent are lost.
fn upsert_present(ctx: &mut Ctx<'_>, args: &Args, deployment: &Deployment) -> Answer {
    if let Some(cluster) = &deployment.cluster {
        clusters::active(ctx, cluster)?;
    }
    if let Some(label) = args.opt("label") {
        check_label(ctx, &deployment.workspace, label, Some(&deployment.id))?;
    }
    check_properties(args.json("properties"))?;
    let variables = variables::accept(&args.objects("environmentVariables"), &deployment.variables)?;
    let config = config(args, &deployment.config)?;
    Ok(change(ctx, &deployment.id, |each| {
        if let Some(label) = args.string("label") {
            each.label = label;
        }
        if let Some(description) = args.string("description") {
            each.description = Some(description);
        }
        if let Some(version) = args.string("version") {
            each.version = version;
        }
        each.variables = variables;
        each.config = config;
        match args.opt("mode") {
            Some("operator") => each.mode = DeploymentMode::Operator,
            Some(_) => each.mode = DeploymentMode::Helm,
            None => {}
        }
        set_properties(each, &args.object("properties"));
        set_dags(each, args);
        if args.has("image") {
            push_image(each, args);
        } else {
            each.desired_runtime_version = args
                .string("desiredRuntimeVersion")
                .or_else(|| args.string("runtimeVersion"))
                .or_else(|| each.desired_runtime_version.take())
                .filter(|wanted| each.runtime_version.as_ref() != Some(wanted));
        }
    }))
}

/// A soft deletion leaves the record with its release name behind; from 2.0 every deletion is a hard one.
pub(crate) fn delete(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let asked = args.flag("deploymentHardDelete").unwrap_or(false);
    let possible = ctx.settings.hard_delete && ctx.version >= Version::new(0, 25, 6);
    if ctx.version >= Version::new(2, 0, 0) || (asked && possible) {
        return Ok(Value::maybe(ctx.world.remove_deployment(&deployment.id)));
    }
    let now = ctx.now;
    Ok(Value::maybe(ctx.world.deployments.update(&deployment.id, |each| each.deleted = Some(now))))
}

/// Takes a custom resource over whose settings nobody asks about: they are made up.
pub(crate) fn adopt(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    clusters::active(ctx, args.text("clusterId"))?;
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    let name = args.text("crName");
    let label = args.opt("label").unwrap_or(name);
    check_label(ctx, &workspace.id, label, None)?;
    let deployment = Deployment {
        id: ctx.world.new_id(),
        workspace: workspace.id.clone(),
        label: label.to_owned(),
        description: args.string("description"),
        release_name: name.to_owned(),
        namespace: args.text("crNamespace").to_owned(),
        version: CHART.to_owned(),
        runtime_version: RUNTIME.first().map(|(version, ..)| (*version).to_owned()),
        config: default_config(),
        cluster: args.string("clusterId"),
        mode: DeploymentMode::Operator,
        adopted: true,
        created: ctx.now,
        updated: ctx.now,
        ..Deployment::default()
    };
    Ok(Value::item(ctx.world.deployments.add(deployment)))
}

/// Forgets the record. How Houston answers for a deployment that was never adopted is unknown.
pub(crate) fn unadopt(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    if !deployment.adopted {
        return Err(invalid("Invalid deployment"));
    }
    Ok(Value::maybe(ctx.world.remove_deployment(&deployment.id)))
}

/// Where `config` keeps the switch is unknown.
pub(crate) fn set_keda(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let keda = json!({"workers": {"keda": {"enabled": args.flag("state").unwrap_or(false)}}});
    Ok(change(ctx, &deployment.id, |each| merge(&mut each.config, keda.as_object().unwrap_or(&Map::new()))))
}

pub(crate) fn set_alert_emails(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let emails = args.texts("alertEmails").unwrap_or_default();
    Ok(Value::maybe(ctx.world.deployments.update(&deployment.id, |each| each.alert_emails = emails)))
}
