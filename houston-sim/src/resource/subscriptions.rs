//! Logs, and the root fields of `Subscription`: what one event shows.
//!
//! When events are due is the business of `socket.rs`.

use super::{Answer, metrics};
use crate::{
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::LogLine,
};
use houston_schema::Version;
use serde_json::{Value as Json, json};

/// At most this many lines come back from one call of `logs`.
const MOST_LINES: usize = 800;

/// Resolves one event; `line` is what an event of `log` is about.
pub(crate) fn resolve(ctx: &mut Ctx<'_>, line: Option<&LogLine>, field: &str, args: &Args) -> Option<Answer> {
    Some(match field {
        "log" => match line {
            Some(line) => Ok(shown(line).into()),
            None => no_deployment(ctx),
        },
        "metrics" => match ctx.world.deployment(args.text("deploymentUuid")) {
            Some(deployment) => Ok(metrics::series(ctx, &deployment, args).into()),
            None => no_deployment(ctx),
        },
        "deploymentStatus" => {
            let deployment = ctx.world.deployment_by_release(args.text("releaseName"));
            Ok(deployment.map_or(Value::NULL, |each| json!({"status": metrics::status(ctx, &each)}).into()))
        }
        _ => return None,
    })
}

/// The newest stored lines after `timestamp`, oldest first. Without Elasticsearch there are none, and no error.
pub(crate) fn stored_logs(ctx: &Ctx<'_>, args: &Args) -> Answer {
    let Some(deployment) = ctx.world.deployment(args.text("deploymentUuid")) else { return no_deployment(ctx) };
    if !ctx.settings.elasticsearch {
        return Ok(Json::Array(Vec::new()).into());
    }
    let filter = Filter::of(args);
    let after = args.time("timestamp");
    let lines = ctx.world.logs_before(&deployment, ctx.now, after, MOST_LINES, |line| filter.lets_through(line));
    Ok(Json::Array(lines.iter().map(shown).collect()).into())
}

fn shown(line: &LogLine) -> Json {
    json!({
        "id": line.id,
        "timestamp": line.at.iso(),
        "release": line.release,
        "component": line.component,
        // Never filled in 2020.
        "level": null,
        "message": line.message,
    })
}

/// A deployment that is not there: up to 0.33.0 whatever JavaScript says about null, afterwards nothing.
fn no_deployment(ctx: &Ctx<'_>) -> Answer {
    if ctx.version < Version::new(0, 33, 1) {
        return Err(Error::Internal("Cannot read property 'releaseName' of null".to_owned()));
    }
    Ok(Value::NULL)
}

/// The component and the phrase that a reader of logs is after.
#[derive(Debug)]
pub(crate) struct Filter {
    component: Option<String>,
    phrase: Option<String>,
}

impl Filter {
    pub(crate) fn of(args: &Args) -> Self {
        let set = |name: &str| args.string(name).filter(|text| !text.is_empty());
        Self { component: set("component"), phrase: set("search").map(|text| text.to_lowercase()) }
    }

    /// Lines that mark the end of a log for the log reader of Airflow are never shown.
    pub(crate) fn lets_through(&self, line: &LogLine) -> bool {
        self.component.as_ref().is_none_or(|component| line.component == *component)
            && self.phrase.as_ref().is_none_or(|phrase| line.message.to_lowercase().contains(phrase))
            && !line.message.contains("end_of_log")
    }
}
