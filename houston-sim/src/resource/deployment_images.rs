//! Which image a deployment runs, and which versions it is to run. Upgrades take two steps: a mutation records the
//! version that is wanted, and the next push of an image with that version brings it.

use super::{
    Answer,
    deployment_changes::{CHART, change, invalid, need},
    deployments::airflow_of,
};
use crate::{
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::Deployment,
};

/// What a push does: the image runs, and versions that were wanted and are in it run too.
pub(super) fn push_image(deployment: &mut Deployment, args: &Args) {
    let Some(image) = args.string("image") else { return };
    deployment.image = Some(image);
    if let Some(runtime) = args.string("runtimeVersion") {
        deployment.desired_runtime_version = None;
        deployment.desired_airflow_version = None;
        deployment.airflow_version = None;
        deployment.runtime_version = Some(runtime);
    } else if let Some(airflow) = args.string("airflowVersion") {
        deployment.desired_airflow_version = None;
        deployment.airflow_version = Some(airflow);
    }
}

/// Points a deployment, named by its release, at an image. The variables stay.
pub(crate) fn deploy_image(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    if !ctx.settings.image_endpoint {
        // How Houston says so is unknown.
        return Err(Error::Internal("updateDeploymentImage is not enabled".to_owned()));
    }
    let deployment = ctx.world.deployment_by_release(args.text("releaseName")).ok_or(Error::NotFound)?;
    Ok(change(ctx, &deployment.id, |each| push_image(each, args)))
}

pub(crate) fn upgrade_chart(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let version = args.opt("version").unwrap_or(CHART).to_owned();
    Ok(change(ctx, &deployment.id, |each| each.version = version))
}

/// Records the wish; the next push of an image with that version fulfils it. The version that runs takes it back.
pub(crate) fn want_airflow(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let wanted = args.string("desiredAirflowVersion").filter(|each| deployment.airflow_version.as_ref() != Some(each));
    Ok(Value::maybe(ctx.world.deployments.update(&deployment.id, |each| each.desired_airflow_version = wanted)))
}

pub(crate) fn want_runtime(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    let wanted = args.text("desiredRuntimeVersion");
    if airflow_of(wanted).is_none() {
        // What Houston says to a version it does not know is unknown.
        return Err(invalid("Invalid deployment"));
    }
    let wanted = Some(wanted.to_owned()).filter(|_| deployment.runtime_version.as_deref() != Some(wanted));
    Ok(Value::maybe(ctx.world.deployments.update(&deployment.id, |each| each.desired_runtime_version = wanted)))
}

pub(crate) fn cancel_runtime(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = need(ctx, args.text("deploymentUuid"))?;
    Ok(Value::maybe(ctx.world.deployments.update(&deployment.id, |each| each.desired_runtime_version = None)))
}
