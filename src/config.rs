//! Settings: built-in defaults, then a file, then the environment, then the command line.
//!
//! `config/gateway.toml` is both the documentation of the settings and their defaults. Only this module reads the
//! environment.

mod source;
mod value;

pub use source::{ConfigError, DEFAULTS};
pub use value::http_url;

use secrecy::SecretString;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How callers reach the gateway.
    pub server: Server,
    /// How the gateway reaches Houston.
    pub houston: Houston,
    /// What is kept.
    pub cache: Cache,
    /// Server-Sent Events.
    pub streams: Streams,
    /// Pages of other origins.
    pub cors: Cors,
    /// The published documents.
    pub documents: Documents,
    /// Logging.
    pub log: Log,
    /// Own operations.
    pub catalogue: Catalogue,
    /// The token that guards the operator's routes, from `HOUSTON_GATEWAY_ADMIN_TOKEN` only.
    #[serde(skip)]
    pub admin_token: Option<SecretString>,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// A prefix of every path; empty or starting with a slash.
    #[serde(deserialize_with = "value::base_path")]
    pub base_path: String,
    /// The address that callers use; may be empty.
    #[serde(deserialize_with = "value::public_url")]
    pub public_url: String,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The largest request body.
    pub body_limit_bytes: usize,
    /// Open connections of callers.
    #[serde(deserialize_with = "value::positive")]
    pub max_connections: usize,
    /// How long a connection may be silent, and how long the headers of a request may take.
    #[serde(rename = "idle_timeout_ms", deserialize_with = "value::some_milliseconds")]
    pub idle_timeout: Duration,
    /// How long the body of a request may take.
    #[serde(rename = "body_timeout_ms", deserialize_with = "value::some_milliseconds")]
    pub body_timeout: Duration,
    /// How long running requests may take after SIGTERM.
    #[serde(rename = "drain_ms", deserialize_with = "value::milliseconds")]
    pub drain: Duration,
}

/// `[houston]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Houston {
    /// The GraphQL endpoint.
    #[serde(deserialize_with = "value::houston_url")]
    pub url: url::Url,
    /// The WebSocket of subscriptions; derived from `url` if there is none.
    #[serde(deserialize_with = "value::websocket_url")]
    pub websocket_url: Option<url::Url>,
    /// The version to assume; may be empty.
    #[serde(deserialize_with = "value::version")]
    pub version: String,
    /// When an upgrade takes routes away, as an HTTP-date (RFC 9110, 5.6.7).
    #[serde(deserialize_with = "value::http_date")]
    pub sunset: Option<String>,
    /// Whether to ask Houston for its version and schema.
    pub probe: bool,
    /// How often.
    #[serde(rename = "probe_interval_ms", deserialize_with = "value::some_milliseconds")]
    pub probe_interval: Duration,
    /// How long opening a connection may take.
    #[serde(rename = "connect_timeout_ms", deserialize_with = "value::some_milliseconds")]
    pub connect_timeout: Duration,
    /// How long a call may take in all.
    #[serde(rename = "deadline_ms", deserialize_with = "value::some_milliseconds")]
    pub deadline: Duration,
    /// The largest answer.
    #[serde(deserialize_with = "value::positive")]
    pub reply_limit_bytes: usize,
    /// How many calls may run at once.
    #[serde(deserialize_with = "value::positive")]
    pub max_in_flight: usize,
    /// How long a call may wait for its turn.
    #[serde(rename = "queue_ms", deserialize_with = "value::milliseconds")]
    pub queue: Duration,
    /// How often a query is tried again.
    pub retries: u32,
    /// Failures in a row that open the breaker.
    #[serde(deserialize_with = "value::positive")]
    pub breaker_failures: u32,
    /// How long the breaker stays open.
    #[serde(rename = "breaker_ms", deserialize_with = "value::milliseconds")]
    pub breaker: Duration,
    /// Whether to honour the proxy of the environment.
    pub use_proxy: bool,
}

/// `[cache]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Whether anything is kept.
    pub enabled: bool,
    /// Bytes in all.
    pub capacity_bytes: u64,
    /// Bytes of the largest answer that is kept.
    pub entry_limit_bytes: usize,
    /// Use past freshness while refreshing.
    #[serde(rename = "stale_while_revalidate_ms", deserialize_with = "value::milliseconds")]
    pub stale_while_revalidate: Duration,
    /// Use past freshness while Houston fails.
    #[serde(rename = "stale_if_error_ms", deserialize_with = "value::milliseconds")]
    pub stale_if_error: Duration,
    /// How long it is known that there is no such thing.
    #[serde(rename = "absence_ms", deserialize_with = "value::milliseconds")]
    pub absence: Duration,
    /// Seconds of freshness by operation, instead of the catalogue's.
    #[serde(deserialize_with = "value::seconds_by_name")]
    pub ttl_seconds: BTreeMap<String, u64>,
}

/// `[streams]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// Open streams in all.
    pub max_total: usize,
    /// Open streams of one caller.
    pub max_per_caller: usize,
    /// Silence after which a comment is sent.
    #[serde(rename = "heartbeat_ms", deserialize_with = "value::some_milliseconds")]
    pub heartbeat: Duration,
    /// The first pause before a broken stream is opened again.
    #[serde(rename = "retry_ms", deserialize_with = "value::milliseconds")]
    pub retry: Duration,
    /// Events that may wait for a slow reader.
    #[serde(deserialize_with = "value::events")]
    pub buffer_events: usize,
}

/// `[cors]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins whose pages may call the API.
    #[serde(deserialize_with = "value::origins")]
    pub allowed_origins: Vec<String>,
}

/// `[documents]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Documents {
    /// Whom readers can turn to.
    pub contact_name: String,
    /// Where they reach them.
    pub contact_email: String,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What is logged.
    #[serde(deserialize_with = "value::level_filter")]
    pub filter: String,
    /// How.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[catalogue]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// A folder of own operations; may be empty.
    pub operations: PathBuf,
}
