//! Config governance: overrides of platform settings for a workspace, a deployment or a cluster.

use super::Answer;
use crate::{
    args::Args,
    graph::{Ctx, Value},
    world::Time,
};
use serde_json::{Map, Value as Json, json};

/// As a value, takes the key out.
const DELETE_KEY: &str = "DELETE_KEY";

/// Merges a partial object into what is stored.
pub(crate) fn merge(stored: &mut Map<String, Json>, partial: &Map<String, Json>) {
    for (key, value) in partial {
        match (value, stored.get_mut(key)) {
            (Json::String(text), _) if text == DELETE_KEY => drop(stored.shift_remove(key)),
            (Json::Object(inner), Some(Json::Object(present))) => merge(present, inner),
            (value, _) => drop(stored.insert(key.clone(), value.clone())),
        }
    }
}

/// The object that the argument holds; empty if it is none.
pub(crate) fn partial(args: &Args) -> Map<String, Json> {
    args.json("deploymentsConfigOverride").and_then(Json::as_object).cloned().unwrap_or_default()
}

/// The id is the entity's: what ids such records have is unknown.
fn record(id: &str, config: &Map<String, Json>, deleted: Option<Time>) -> Value {
    json!({"id": id, "config": config, "deletedAt": deleted.map(Time::iso)}).into()
}

pub(crate) fn of_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("deploymentUuid");
    ctx.world.deployments.need(id)?;
    let changed = ctx.world.deployments.update(id, |each| merge(&mut each.overrides, &partial(args)));
    Ok(changed.map_or(Value::NULL, |each| record(id, &each.overrides, None)))
}

pub(crate) fn clear_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let before = ctx.world.deployments.need(args.text("deploymentUuid"))?;
    ctx.world.deployments.update(&before.id, |each| each.overrides.clear());
    Ok(record(&before.id, &before.overrides, Some(ctx.now)))
}

pub(crate) fn of_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("workspaceUuid");
    ctx.world.workspaces.need(id)?;
    let changed = ctx.world.workspaces.update(id, |each| merge(&mut each.overrides, &partial(args)));
    Ok(changed.map_or(Value::NULL, |each| record(id, &each.overrides, None)))
}

pub(crate) fn clear_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let before = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    ctx.world.workspaces.update(&before.id, |each| each.overrides.clear());
    Ok(record(&before.id, &before.overrides, Some(ctx.now)))
}
