//! Environment variables of a deployment.

use super::Answer;
use crate::{
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::{Deployment, Variable},
};
use serde_json::{Value as Json, json};

/// Keys that Houston sets itself, without the prefix `AIRFLOW__`.
const RESERVED: [&str; 14] = [
    "CORE__EXECUTOR",
    "CORE__SQL_ALCHEMY_CONN",
    "CORE__LOAD_EXAMPLES",
    "CORE__FERNET_KEY",
    "WEBSERVER__BASE_URL",
    "CELERY__BROKER_URL",
    "CELERY__RESULT_BACKEND",
    "CELERY__DEFAULT_QUEUE",
    "SCHEDULER__SCHEDULER_HEARTBEAT_SEC",
    "SCHEDULER__STATSD_ON",
    "SCHEDULER__STATSD_HOST",
    "SCHEDULER__STATSD_PORT",
    "SCHEDULER__STATSD_PREFIX",
    "KUBERNETES__NAMESPACE",
];

/// The variables as answers show them: sorted by key, secrets blanked.
pub(crate) fn shown(deployment: &Deployment) -> Value {
    let mut variables: Vec<&Variable> = deployment.variables.iter().collect();
    variables.sort_by(|a, b| a.key.cmp(&b.key));
    let show = |each: &Variable| {
        let value = if each.secret { "" } else { &each.value };
        json!({"key": each.key, "value": value, "isSecret": each.secret})
    };
    Json::Array(variables.into_iter().map(show).collect()).into()
}

/// From 0.23 on by deployment id; a release name is accepted besides and not needed.
pub(crate) fn of_deployment(ctx: &Ctx<'_>, args: &Args) -> Value {
    let by_id = args.opt("deploymentUuid").and_then(|id| ctx.world.deployment(id));
    // A deployment that does not exist has no variables; whether Houston says null or [] is unknown.
    by_id.map_or(Value::NULL, |deployment| shown(&deployment))
}

/// The list that a client sent, checked, with the stored values of secrets that came without one.
pub(crate) fn accept(sent: &[Args], stored: &[Variable]) -> Result<Vec<Variable>, Error> {
    let mut variables: Vec<Variable> = Vec::new();
    for entry in sent {
        let key = entry.text("key");
        if !is_key(key) {
            let text = format!("Invalid Environment Variable Key: {key} (use alphanumeric and underscores)");
            return Err(Error::InvalidDeployment(text));
        }
        let secret = entry.flag("isSecret").unwrap_or(false);
        let mut value = entry.string("value").unwrap_or_default();
        if secret
            && value.is_empty()
            && let Some(present) = stored.iter().find(|each| each.key == key && each.secret)
        {
            value.clone_from(&present.value);
        }
        variables.retain(|each| each.key != key);
        variables.push(Variable { key: key.to_owned(), value, secret });
    }
    let is_reserved = |key: &str| key.strip_prefix("AIRFLOW__").is_some_and(|rest| RESERVED.contains(&rest));
    let reserved: Vec<&str> = variables.iter().map(|each| each.key.as_str()).filter(|key| is_reserved(key)).collect();
    match reserved.as_slice() {
        [] => Ok(variables),
        [key] => Err(Error::InvalidDeployment(format!("{key} is set automatically and cannot be overridden"))),
        [first @ .., last] => {
            let keys = format!("{} and {last}", first.join(", "));
            Err(Error::InvalidDeployment(format!("{keys} are set automatically and cannot be overridden")))
        }
    }
}

/// Starts with a capital or an underscore, goes on with capitals, digits and underscores, and is more than underscores.
fn is_key(key: &str) -> bool {
    let starts = key.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    let goes_on = key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    starts && goes_on && key.chars().any(|c| c != '_')
}

/// Replaces the whole set: keys that are left out are deleted.
pub(crate) fn replace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let deployment = ctx.world.deployments.need(args.text("deploymentUuid"))?;
    let variables = accept(&args.objects("environmentVariables"), &deployment.variables)?;
    let (now, busy) = (ctx.now, ctx.now.plus(ctx.settings.deploy_time));
    let changed = ctx.world.deployments.update(&deployment.id, |each| {
        each.variables = variables;
        each.updated = now;
        // The pods restart.
        each.busy_until = busy;
    });
    Ok(changed.map_or(Value::NULL, |deployment| shown(&deployment)))
}
