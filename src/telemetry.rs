//! Telemetry: the log, and the names of all metrics.

mod line;
mod writer;

pub(crate) use line::ACCESS;
pub use writer::LogGuard;

use crate::{
    config::{Log, LogFormat},
    houston::{OUTCOMES, Standing},
};
use line::{Clock, Lines};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::{fs::File, io, io::IsTerminal as _, os::fd::AsFd as _, time::Duration};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

const REQUESTS: &str = "houston_gateway_requests_total";
const DURATION: &str = "houston_gateway_request_duration_seconds";
const CACHE: &str = "houston_gateway_cache_total";
const CACHE_EVICTIONS: &str = "houston_gateway_cache_evictions_total";
const CACHE_ENTRIES: &str = "houston_gateway_cache_entries";
const CACHE_BYTES: &str = "houston_gateway_cache_bytes";
const STREAMS: &str = "houston_gateway_streams_open";
const CALLS: &str = "houston_gateway_houston_calls_total";
const ANSWERING: &str = "houston_gateway_houston_answer_microseconds_total";
const RETRIES: &str = "houston_gateway_houston_retries_total";
const IN_FLIGHT: &str = "houston_gateway_houston_in_flight";
const HELD_BACK: &str = "houston_gateway_houston_held_back";

/// Upper bounds in seconds: cached answers lie in the first, Houston's in the last.
const BUCKETS: [f64; 12] = [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0, 30.0];

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("log.filter: {0}")]
pub struct InvalidFilter(#[from] tracing_subscriber::filter::ParseError);

/// A log that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Its filter cannot be read.
    #[error(transparent)]
    Filter(#[from] InvalidFilter),
    /// The thread that writes it cannot be started.
    #[error("cannot start logging: {0}")]
    Thread(#[from] io::Error),
}

/// Reads a log filter. Whatever it says, what would show credentials stays out: the WebSocket library traces whole frames,
/// and the first of each connection holds the token. Its own directives are passed over, because the longest target counts.
///
/// # Errors
/// If the text is no filter.
pub fn filter(text: &str) -> Result<EnvFilter, InvalidFilter> {
    let theirs = |directive: &&str| !directive.trim_start().starts_with("tungstenite");
    let safe: Vec<_> = text.split(',').filter(theirs).collect();
    Ok(safe.join(",").parse::<EnvFilter>()?.add_directive("tungstenite=debug".parse()?))
}

/// Starts logging to standard output. Lines are handed to a thread that writes what has gathered in one go; it writes the
/// rest when the guard is dropped.
///
/// # Errors
/// If the filter cannot be read.
pub fn log(settings: &Log) -> Result<LogGuard, LogError> {
    let filter = filter(&settings.filter)?;
    // `Stdout` cuts what it is given into lines again; a file does not. The descriptor is a duplicate: closing it closes
    // nothing else.
    let (writer, guard) = writer::gather(File::from(io::stdout().as_fd().try_clone_to_owned()?))?;
    let registry = tracing_subscriber::registry().with(filter);
    // A second start, as in tests, changes nothing.
    let _already_started = match settings.format {
        LogFormat::Text => {
            let layer = fmt::layer().with_ansi(io::stdout().is_terminal()).with_timer(Clock).with_writer(writer);
            registry.with(layer.map_event_format(|usual| Lines { usual, json: false })).try_init()
        }
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_timer(Clock).with_writer(writer);
            registry.with(layer.map_event_format(|usual| Lines { usual, json: true })).try_init()
        }
    };
    // What should never happen stands in the log, in its form, rather than beside it.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "the gateway failed")));
    Ok(guard)
}

/// All metrics of one gateway. Handles are registered once and kept: counting costs an atomic addition.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    entries: Gauge,
    bytes: Gauge,
    streams: Gauge,
    houston: HoustonMetrics,
}

/// How things stand with Houston.
struct HoustonMetrics {
    calls: [Counter; OUTCOMES.len()],
    answering: Counter,
    retries: Counter,
    in_flight: Gauge,
    held_back: Gauge,
}

/// The metrics of one operation.
pub struct RouteMetrics {
    by_class: [Counter; 5],
    duration: Histogram,
    cache: [Counter; 9],
    evictions: Counter,
}

impl Metrics {
    /// Sets the metrics up.
    ///
    /// # Errors
    /// If the recorder refuses its settings, which are fixed.
    pub fn new() -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS)?
            .build_recorder();
        recorder.describe_counter(REQUESTS.into(), None, "Requests by operation and class of status".into());
        recorder.describe_histogram(DURATION.into(), Some(Unit::Seconds), "Time from request to response".into());
        recorder.describe_counter(CACHE.into(), None, "Reads by operation and what the cache did".into());
        let evictions = "Answers that had to make room for others, by operation";
        recorder.describe_counter(CACHE_EVICTIONS.into(), None, evictions.into());
        recorder.describe_gauge(CACHE_ENTRIES.into(), None, "Answers in the cache".into());
        recorder.describe_gauge(CACHE_BYTES.into(), Some(Unit::Bytes), "Bytes in the cache".into());
        recorder.describe_gauge(STREAMS.into(), None, "Streams that callers listen to".into());
        recorder.describe_counter(CALLS.into(), None, "Calls to Houston by what became of them".into());
        recorder.describe_counter(
            ANSWERING.into(),
            Some(Unit::Microseconds),
            "Time that Houston's answers took".into(),
        );
        recorder.describe_counter(RETRIES.into(), None, "Calls to Houston that were tried again".into());
        recorder.describe_gauge(IN_FLIGHT.into(), None, "Calls to Houston that run".into());
        recorder.describe_gauge(HELD_BACK.into(), None, "1 while calls are held back because Houston failed".into());
        let handle = recorder.handle();
        let entries = recorder.register_gauge(&Key::from_static_name(CACHE_ENTRIES), &METADATA);
        let bytes = recorder.register_gauge(&Key::from_static_name(CACHE_BYTES), &METADATA);
        let streams = recorder.register_gauge(&Key::from_static_name(STREAMS), &METADATA);
        let counter = |name| recorder.register_counter(&Key::from_static_name(name), &METADATA);
        let houston = HoustonMetrics {
            calls: OUTCOMES.map(|outcome| {
                let key = Key::from_parts(CALLS, vec![Label::new("outcome", outcome)]);
                recorder.register_counter(&key, &METADATA)
            }),
            answering: counter(ANSWERING),
            retries: counter(RETRIES),
            in_flight: recorder.register_gauge(&Key::from_static_name(IN_FLIGHT), &METADATA),
            held_back: recorder.register_gauge(&Key::from_static_name(HELD_BACK), &METADATA),
        };
        Ok(Self { recorder, handle, entries, bytes, streams, houston })
    }

    /// The metrics of an operation.
    #[must_use]
    pub fn route(&self, operation: &str) -> RouteMetrics {
        let counter = |name: &'static str, label: &'static str, value: &'static str| {
            let labels = vec![Label::new("operation", operation.to_owned()), Label::new(label, value)];
            self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
        };
        let labels = vec![Label::new("operation", operation.to_owned())];
        RouteMetrics {
            by_class: ["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| counter(REQUESTS, "status", class)),
            duration: self.recorder.register_histogram(&Key::from_parts(DURATION, labels.clone()), &METADATA),
            // In the order of `CacheOutcome`.
            cache: [
                "hit",
                "stale",
                "stale-on-error",
                "miss",
                "coalesced",
                "renewed",
                "bypass",
                "too-large",
                "uncacheable",
            ]
            .map(|outcome| counter(CACHE, "outcome", outcome)),
            evictions: self.recorder.register_counter(&Key::from_parts(CACHE_EVICTIONS, labels), &METADATA),
        }
    }

    /// All metrics in Prometheus' text format. `cache` is its entries and bytes, `streams` how many are open, `houston`
    /// how things stand there.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    pub fn render(&self, cache: Option<(u64, u64)>, streams: usize, houston: &Standing) -> String {
        if let Some((entries, bytes)) = cache {
            self.entries.set(entries as f64);
            self.bytes.set(bytes as f64);
        }
        self.streams.set(streams as f64);
        for (counter, count) in self.houston.calls.iter().zip(houston.calls) {
            counter.absolute(count);
        }
        self.houston.answering.absolute(u64::try_from(houston.answering.as_micros()).unwrap_or(u64::MAX));
        self.houston.retries.absolute(houston.retries);
        self.houston.in_flight.set(houston.in_flight as f64);
        self.houston.held_back.set(f64::from(u8::from(houston.is_open)));
        self.upkeep();
        self.handle.render()
    }

    /// Folds recorded durations into the histograms. Needed now and then, or they pile up.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl RouteMetrics {
    /// Counts a response.
    pub fn count(&self, status: u16, took: Duration) {
        if let Some(counter) = self.by_class.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.increment(1);
        }
        self.duration.record(took.as_secs_f64());
    }

    /// Tells how many answers had to make room for others so far.
    pub fn evictions(&self, count: u64) {
        self.evictions.absolute(count);
    }

    /// Counts what the cache did.
    pub fn count_cache(&self, outcome: crate::gateway::CacheOutcome) {
        self.cache[outcome as usize].increment(1);
    }
}
