//! What Prometheus knows of a deployment: status, series and task counts.

use crate::{
    args::Args,
    graph::{Ctx, Value},
    world::{Deployment, Health, Time},
};
use serde_json::{Value as Json, json};

/// `DEPLOYING` while the queue works on a change, then whatever the pods say.
pub(crate) fn status(ctx: &Ctx<'_>, deployment: &Deployment) -> &'static str {
    if ctx.now < deployment.busy_until {
        return "DEPLOYING";
    }
    match deployment.health {
        Health::Healthy => "HEALTHY",
        Health::Unhealthy => "UNHEALTHY",
        Health::Unknown => "UNKNOWN",
    }
}

/// The labels of each type, and about what value each has.
fn labels(metric_type: &str) -> &'static [(&'static str, i64)] {
    match metric_type {
        "DEPLOYMENT_STATUS" => &[("deploymentStatus", 1), ("schedulerHeartbeat", 1), ("coreContainerStatus", 1)],
        "DEPLOYMENT_TASKS" => {
            &[("runningTasks", 6), ("queuedTasks", 2), ("failedTasks", 1), ("successfulTasks", 240), ("taskStatus", 1)]
        }
        "DEPLOYMENT_DATABASE" => &[("totalDatabaseConnections", 24), ("totalWaitingClients", 1)],
        "DEPLOYMENT_SCHEDULER" => &[
            ("heartbeat", 12),
            ("dagCount", 31),
            ("zombieCount", 1),
            ("taskSuccessCount", 240),
            ("taskFailCount", 3),
            ("taskSuccessRate", 98),
            ("taskFailRate", 2),
        ],
        "DEPLOYMENT_QUOTAS" => &[
            ("maxPods", 45),
            ("cpuMax", 22),
            ("memoryMax", 84_480),
            ("runningPods", 9),
            ("reservedCPU", 5),
            ("reservedMemory", 19_200),
        ],
        "DEPLOYMENT_USAGE" => &[("cpuUsage", 3), ("memoryUsage", 6_144), ("networkRx", 52_000), ("networkTx", 31_000)],
        _ => &[],
    }
}

/// One entry for each label of the types asked for. `since` and `step` (seconds) turn samples into series.
///
/// Leaving the type out failed in 2020; which error it gave is unknown, so here it gives no series.
pub(crate) fn series(ctx: &Ctx<'_>, deployment: &Deployment, args: &Args) -> Json {
    let types = args.texts("metricType").unwrap_or_default();
    let labels = types.iter().flat_map(|each| labels(each));
    let metric = |(label, about): &(&str, i64)| {
        let wave = |at: i64| (about + (about / 8) * ((at / 30) % 3 - 1)).to_string();
        let now = ctx.now.seconds();
        let mut series = json!({
            "metric": {"release": deployment.release_name, "namespace": deployment.namespace},
            "value": [now, wave(now)],
        });
        if let Some(since) = args.int("since") {
            let step = args.int("step").unwrap_or(30).clamp(1, 86_400);
            // 500 samples are more than any chart shows.
            let start = now.saturating_sub(since.max(0)).max(now - 500 * step);
            let mut samples = Vec::new();
            let mut at = start;
            while at <= now {
                samples.push(json!([at, wave(at)]));
                at += step;
            }
            if let Some(series) = series.as_object_mut() {
                series.shift_remove("value");
                series.insert("values".to_owned(), samples.into());
            }
        }
        json!({"label": label, "result": [series]})
    };
    Json::Array(labels.map(metric).collect())
}

/// Counts for the days from `startDate` to `endDate`, both written YYYY-MM-DD.
pub(crate) fn task_usage(ctx: &Ctx<'_>, args: &Args) -> Value {
    if ctx.world.deployment_by_release(args.text("releaseName")).is_none() {
        return Value::NULL;
    }
    let (start, end) = (args.text("startDate"), args.text("endDate"));
    let day = |text: &str| Time::parse(&format!("{text}T00:00:00Z")).map(|time| time.seconds() / 86_400);
    // What dates of another form do is unknown; they count as one day here.
    let days = match (day(start), day(end)) {
        (Some(start), Some(end)) => (end - start + 1).clamp(0, 3_660),
        _ => 1,
    };
    let (successful, failed) = (days * 240, days * 3);
    json!({
        "countSuccessfulTasks": successful,
        "countFailedTasks": failed,
        "countTotalTasks": successful + failed,
        "startDateRange": start,
        "endDateRange": end,
    })
    .into()
}
