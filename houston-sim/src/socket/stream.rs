//! One operation on a websocket: when its events are due.

use super::{Frame, Kind, Over};
use crate::{
    Houston,
    access::Caller,
    args::Args,
    execute::{Parsed, Release, Request},
    resource::subscriptions::Filter,
    world::LogLine,
};
use apollo_compiler::{ast, executable::Operation};
use serde_json::{Map, Value as Json, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout_at},
};

/// One operation that a client started.
pub(super) struct Stream {
    pub(super) houston: Houston,
    pub(super) release: Arc<Release>,
    pub(super) parsed: Arc<Parsed>,
    pub(super) request: Request,
    /// None if the operation must not be carried out.
    pub(super) caller: Option<Caller>,
    pub(super) id: Option<String>,
    /// An error that a fault puts in place of events. It is sent once, and the operation ends.
    pub(super) failure: Option<Json>,
    pub(super) events: mpsc::Sender<Frame>,
    /// Counts as running for as long as it is held.
    pub(super) _running: Arc<()>,
}

impl Stream {
    pub(super) async fn run(self) {
        let settings = &self.houston.0.settings;
        if let Some(error) = self.failure.clone() {
            if self.send(Kind::Event(json!({"errors": [error], "data": null}))).await.is_ok() {
                drop(self.send(Kind::Complete).await);
            }
            return;
        }
        let outcome = match (&self.caller, self.parsed.operation(self.request.operation.as_deref())) {
            (None, _) => self.fail(json!({"message": "Not connected, or too many subscriptions"})).await,
            (Some(_), Err(reply)) => {
                let first = reply.body.pointer("/errors/0").cloned().unwrap_or_default();
                self.fail(first).await
            }
            (Some(caller), Ok((_, operation))) => match root(operation) {
                Some("log") => {
                    let args = arguments(operation, &self.request.variables);
                    let end = Instant::now() + settings.stream_limit;
                    timeout_at(end, self.follow_log(caller, &args)).await.unwrap_or(Ok(()))
                }
                Some("metrics") => {
                    let end = Instant::now() + settings.stream_limit;
                    timeout_at(end, self.repeat(caller, settings.metrics_interval)).await.unwrap_or(Ok(()))
                }
                Some(_) => {
                    let end = Instant::now() + settings.status_limit;
                    timeout_at(end, self.repeat(caller, settings.status_interval)).await.unwrap_or(Ok(()))
                }
                // Queries and mutations work over the websocket as well: one event and done.
                None => self.event(caller, None).await,
            },
        };
        if outcome.is_ok() {
            drop(self.send(Kind::Complete).await);
        }
    }

    /// The permission is asked for with every event, so whoever lacks it gets a subscription full of errors.
    async fn event(&self, caller: &Caller, line: Option<Arc<LogLine>>) -> Result<(), Over> {
        let reply = self.houston.execute(&self.release, &self.parsed, &self.request, caller, line);
        self.send(Kind::Event(reply.body)).await
    }

    async fn repeat(&self, caller: &Caller, every: Duration) -> Result<(), Over> {
        let mut ticks = ticks(every);
        loop {
            ticks.tick().await;
            self.event(caller, None).await?;
        }
    }

    /// Starts at the present moment, whatever `timestamp` says.
    async fn follow_log(&self, caller: &Caller, args: &Args) -> Result<(), Over> {
        let filter = Filter::of(args);
        let start = {
            let world = self.houston.world();
            world.deployment(args.text("deploymentUuid")).map(|deployment| {
                let position = world.end_of_logs(&deployment);
                (deployment, position)
            })
        };
        // A log of nothing is one event, and the end.
        let Some((deployment, mut position)) = start else { return self.event(caller, None).await };
        let mut ticks = ticks(self.houston.0.settings.log_interval);
        loop {
            ticks.tick().await;
            let lines = self.houston.world().logs_since(&deployment, &mut position);
            for line in lines.into_iter().filter(|line| filter.lets_through(line)) {
                self.event(caller, Some(Arc::new(line))).await?;
            }
        }
    }

    /// A refusal; there is no `complete` after it.
    async fn fail(&self, error: Json) -> Result<(), Over> {
        drop(self.send(Kind::Error(error)).await);
        Err(Over)
    }

    async fn send(&self, kind: Kind) -> Result<(), Over> {
        self.events.send(Frame { id: self.id.clone(), kind }).await.map_err(|_| Over)
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// The root field of a subscription; none for other operations.
fn root(operation: &Operation) -> Option<&str> {
    if !operation.is_subscription() {
        return None;
    }
    let field = operation.selection_set.selections.first().and_then(|selection| selection.as_field());
    Some(field.map_or("", |field| field.name.as_str()))
}

/// The arguments of the root field, which decide what there is to wait for.
fn arguments(operation: &Operation, variables: &Map<String, Json>) -> Args {
    let field = operation.selection_set.selections.first().and_then(|selection| selection.as_field());
    let pairs = field.iter().flat_map(|field| &field.arguments);
    let value = |value: &ast::Value| match value {
        ast::Value::Variable(name) => variables.get(name.as_str()).cloned().unwrap_or_default(),
        // Every argument of `log` is a text.
        value => value.as_str().map_or(Json::Null, Json::from),
    };
    Args::new(pairs.map(|pair| (pair.name.to_string(), value(&pair.value))).collect::<Map<_, _>>())
}
