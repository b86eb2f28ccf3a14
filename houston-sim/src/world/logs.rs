//! Log lines: the ones pushed in, and the ones a demo deployment keeps writing.
//!
//! The latter are not kept anywhere. Time is cut into slots of a second; what a deployment writes in a slot follows
//! from its release name and the number of the slot, so that any reader at any time sees the same lines.

use super::{Deployment, LogLine, Time, World, names::mix};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// How far back a reader looks for lines of a demo deployment.
const HISTORY_SLOTS: i64 = 6 * 3600;

const DAGS: [&str; 8] = [
    "daily_orders_load",
    "customer_360",
    "ads_spend_ingest",
    "churn_features",
    "ledger_reconciliation",
    "inventory_snapshot",
    "dbt_marts",
    "sla_report",
];

const TASKS: [&str; 6] = ["extract", "stage_to_s3", "load_snowflake", "transform", "quality_checks", "publish"];

/// How far a stream has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pushed: usize,
    slot: i64,
}

impl World {
    /// Lets every deployment write lines of its own.
    pub(super) fn make_chatty(&mut self) {
        self.chatty = true;
    }

    pub(crate) fn silence(&mut self) {
        self.chatty = false;
    }

    pub(crate) fn push_log(&mut self, deployment: &str, component: &str, message: &str) -> bool {
        let Some(release) = self.deployment(deployment).map(|each| each.release_name.clone()) else { return false };
        let (id, at) = (self.new_key(), self.now());
        let id = id.chars().take(20).collect();
        let line = LogLine { id, at, release, component: component.to_owned(), message: message.to_owned() };
        self.logs.entry(deployment.to_owned()).or_default().push(line);
        true
    }

    /// The newest `most` lines between `after` and `now` that pass, oldest first.
    pub(crate) fn logs_before(
        &self,
        deployment: &Deployment,
        now: Time,
        after: Option<Time>,
        most: usize,
        passes: impl Fn(&LogLine) -> bool,
    ) -> Vec<LogLine> {
        let in_time = |line: &LogLine| after.is_none_or(|after| line.at > after) && line.at <= now;
        let mut lines: Vec<LogLine> =
            self.pushed(deployment).iter().filter(|line| in_time(line) && passes(line)).cloned().collect();
        if self.chatty {
            let oldest = (now.seconds() - HISTORY_SLOTS).max(deployment.created.seconds());
            let oldest = oldest.max(after.map_or(i64::MIN, Time::seconds));
            let written = (oldest..=now.seconds()).rev().filter_map(|slot| written_in(deployment, slot));
            lines.extend(written.filter(|line| in_time(line) && passes(line)).take(most));
        }
        lines.sort_by_key(|line| line.at);
        lines.split_off(lines.len().saturating_sub(most))
    }

    /// Where a stream starts that begins now.
    pub(crate) fn end_of_logs(&self, deployment: &Deployment) -> Position {
        Position { pushed: self.pushed(deployment).len(), slot: self.now().seconds() }
    }

    /// The lines since `position`, which moves on.
    pub(crate) fn logs_since(&self, deployment: &Deployment, position: &mut Position) -> Vec<LogLine> {
        let now = self.now().seconds();
        let pushed = self.pushed(deployment);
        let mut lines = pushed.get(position.pushed..).unwrap_or_default().to_vec();
        if self.chatty {
            // A slot is read when it is over: not all of it may have happened before. A clock that was put forward a
            // lot leaves more behind than a stream would ever have carried.
            let first = position.slot.max(now - HISTORY_SLOTS);
            lines.extend((first..now).filter_map(|slot| written_in(deployment, slot)));
        }
        *position = Position { pushed: pushed.len(), slot: now.max(position.slot) };
        lines.sort_by_key(|line| line.at);
        lines
    }

    fn pushed(&self, deployment: &Deployment) -> &[LogLine] {
        self.logs.get(&deployment.id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a deployment writes in one second: most of the time a line, sometimes nothing.
fn written_in(deployment: &Deployment, slot: i64) -> Option<LogLine> {
    let seed = BuildHasherDefault::<DefaultHasher>::new().hash_one((&deployment.release_name, slot));
    let chance = mix(seed);
    if chance.is_multiple_of(8) {
        return None;
    }
    let pick = |list: &[&'static str], shift: u32| {
        list.get((chance >> shift) as usize % list.len()).copied().unwrap_or_default()
    };
    let (dag, task) = (pick(&DAGS, 8), pick(&TASKS, 16));
    let number = (chance >> 24) % 400;
    let run = format!("scheduled__{}", Time((slot - slot.rem_euclid(3600)) * 1000).iso());
    let (component, message) = match (chance >> 40) % 10 {
        0 => (
            "scheduler",
            format!("Setting next_dagrun for {dag} to {}", Time((slot - slot.rem_euclid(3600) + 3600) * 1000).iso()),
        ),
        1 => ("scheduler", format!("1 tasks up for execution: <TaskInstance: {dag}.{task} {run} [scheduled]>")),
        2 => (
            "scheduler",
            format!(
                "Sending TaskInstanceKey(dag_id='{dag}', task_id='{task}', run_id='{run}', try_number=1) to executor"
            ),
        ),
        3 => ("scheduler", format!("DAG {dag} is at (or above) max_active_runs (1 of 1), not creating any more runs")),
        4 => (
            "worker",
            format!(
                "Running <TaskInstance: {dag}.{task} {run} [running]> on host {}-worker-0",
                deployment.release_name
            ),
        ),
        5 => (
            "worker",
            format!("Marking task as SUCCESS. dag_id={dag}, task_id={task}, duration={}.{:02}s", number, chance % 100),
        ),
        6 => ("worker", format!("{} rows written to analytics.{dag}", number * 137)),
        7 => (
            "webserver",
            format!(
                "10.0.{}.{} - - \"GET /api/v1/dags/{dag}/dagRuns HTTP/1.1\" 200 {}",
                number % 16,
                number % 251,
                900 + number
            ),
        ),
        8 => ("triggerer", format!("{} triggers currently running", number % 12)),
        _ => ("webserver", format!("10.0.{}.{} - - \"GET /health HTTP/1.1\" 200 141", number % 16, number % 251)),
    };
    Some(LogLine {
        id: format!("{chance:016x}{:04x}", slot.rem_euclid(0x1_0000)),
        at: Time(slot * 1000 + i64::try_from(chance % 1000).unwrap_or_default()),
        release: deployment.release_name.clone(),
        component: component.to_owned(),
        message,
    })
}
