//! Settings: built-in defaults, then a file, then the environment, then the command line.
//!
//! `config/gateway.toml` is both the documentation of the settings and their defaults. Only this module reads the
//! environment.

use secrecy::SecretString;
use serde::Deserialize;
use std::{
    borrow::Cow, collections::BTreeMap, env, fmt, io, net::IpAddr, net::SocketAddr, ops::Range, path::Path,
    path::PathBuf, time::Duration,
};
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

/// The defaults, with their documentation.
pub const DEFAULTS: &str = include_str!("../config/gateway.toml");

const PREFIX: &str = "HOUSTON_GATEWAY";

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
    pub base_path: String,
    /// The address that callers use; may be empty.
    pub public_url: String,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The largest request body.
    pub body_limit_bytes: usize,
    /// How long the headers of a request may take, and then its body.
    #[serde(rename = "receive_timeout_ms", deserialize_with = "milliseconds")]
    pub receive_timeout: Duration,
    /// How long running requests may take after SIGTERM.
    #[serde(rename = "drain_ms", deserialize_with = "milliseconds")]
    pub drain: Duration,
}

/// `[houston]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Houston {
    /// The GraphQL endpoint.
    pub url: url::Url,
    /// The WebSocket of subscriptions; derived from `url` if there is none.
    #[serde(deserialize_with = "optional_url")]
    pub websocket_url: Option<url::Url>,
    /// The version to assume; may be empty.
    pub version: String,
    /// Whether to ask Houston for its version and schema.
    pub probe: bool,
    /// How often.
    #[serde(rename = "probe_interval_ms", deserialize_with = "milliseconds")]
    pub probe_interval: Duration,
    /// How long opening a connection may take.
    #[serde(rename = "connect_timeout_ms", deserialize_with = "milliseconds")]
    pub connect_timeout: Duration,
    /// How long a call may take in all.
    #[serde(rename = "deadline_ms", deserialize_with = "milliseconds")]
    pub deadline: Duration,
    /// The largest answer.
    pub reply_limit_bytes: usize,
    /// How many calls may run at once.
    pub max_in_flight: usize,
    /// How long a call may wait for its turn.
    #[serde(rename = "queue_ms", deserialize_with = "milliseconds")]
    pub queue: Duration,
    /// How often a query is tried again.
    pub retries: u32,
    /// Failures in a row that open the breaker.
    pub breaker_failures: u32,
    /// How long the breaker stays open.
    #[serde(rename = "breaker_ms", deserialize_with = "milliseconds")]
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
    #[serde(rename = "stale_while_revalidate_ms", deserialize_with = "milliseconds")]
    pub stale_while_revalidate: Duration,
    /// Use past freshness while Houston fails.
    #[serde(rename = "stale_if_error_ms", deserialize_with = "milliseconds")]
    pub stale_if_error: Duration,
    /// How long it is known that there is no such thing.
    #[serde(rename = "absence_ms", deserialize_with = "milliseconds")]
    pub absence: Duration,
    /// Seconds of freshness by operation, instead of the catalogue's.
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
    #[serde(rename = "heartbeat_ms", deserialize_with = "milliseconds")]
    pub heartbeat: Duration,
    /// The first pause before a broken stream is opened again.
    #[serde(rename = "retry_ms", deserialize_with = "milliseconds")]
    pub retry: Duration,
    /// Events that may wait for a slow reader.
    pub buffer_events: usize,
}

/// `[cors]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Origins whose pages may call the API.
    pub allowed_origins: Vec<String>,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// What is logged.
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

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is wrong. The text shows every fault with line, column and a caret.
    #[error("{0}")]
    File(String),
    /// A variable, or what all origins amount to, is wrong.
    #[error("{origin}: {source}")]
    Invalid {
        /// The variable.
        origin: Origin,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
    /// A setting has a value that makes no sense.
    #[error("{setting} {detail}")]
    Nonsense {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

/// Where a setting came from.
#[derive(Debug)]
pub enum Origin {
    /// An environment variable.
    Variable(String),
    /// Everything laid over each other.
    Combined,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Combined => f.write_str("configuration"),
        }
    }
}

impl Config {
    /// Reads the settings: defaults, then `file`, then the environment.
    ///
    /// # Errors
    /// If the file cannot be read, or a setting is unknown or unusable.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_with(file, |name| env::var(name).ok())
    }

    /// As [`Self::load`], with the environment as a function.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(file: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let invalid = |origin| move |source| ConfigError::Invalid { origin, source: Box::new(source) };
        let mut settings: Table = DEFAULTS.parse().map_err(invalid(Origin::Combined))?;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
            let own = read_file(&text, &path.display().to_string(), &settings)?;
            overlay(&mut settings, own);
        }
        for (section, values) in &mut settings {
            let Value::Table(values) = values else { continue };
            for (name, value) in values.iter_mut() {
                let variable_name = format!("{PREFIX}_{section}_{name}").to_uppercase();
                if let Some(text) = variable(&variable_name) {
                    *value = parse_like(value, &text).map_err(invalid(Origin::Variable(variable_name)))?;
                }
            }
        }
        let mut config: Self = settings.try_into().map_err(invalid(Origin::Combined))?;
        config.admin_token =
            variable(&format!("{PREFIX}_ADMIN_TOKEN")).filter(|text| !text.is_empty()).map(SecretString::from);
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let nonsense = |setting, detail: &str| Err(ConfigError::Nonsense { setting, detail: detail.to_owned() });
        let base = &self.server.base_path;
        if !base.is_empty() && (!base.starts_with('/') || base.ends_with('/') || base.contains(['{', '}', '*'])) {
            return nonsense("server.base_path", "starts with a slash and does not end with one, like \"/houston\"");
        }
        if !self.server.public_url.is_empty() && url::Url::parse(&self.server.public_url).is_err() {
            return nonsense("server.public_url", "is not an address such as https://houston-api.example.com");
        }
        if !matches!(self.houston.url.scheme(), "http" | "https") {
            return nonsense("houston.url", "starts with http:// or https://");
        }
        if self.houston.websocket_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "ws" | "wss")) {
            return nonsense("houston.websocket_url", "starts with ws:// or wss://, or is empty");
        }
        if self.streams.heartbeat.is_zero() {
            return nonsense("streams.heartbeat_ms", "is at least 1");
        }
        if self.houston.max_in_flight == 0 || self.streams.buffer_events == 0 {
            return nonsense("houston.max_in_flight and streams.buffer_events", "are at least 1");
        }
        Ok(())
    }
}

/// Reads a file and checks each of its settings by itself, so that every fault is found and told with its place.
fn read_file(text: &str, path: &str, defaults: &Table) -> Result<Table, ConfigError> {
    let fault = |error: &toml::de::Error, span: Range<usize>| {
        let before = text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let (number, column) = (before.matches('\n').count() + 1, span.start - line_start + 1);
        let carets = "^".repeat(span.len().clamp(1, line.len().saturating_sub(column - 1).max(1)));
        format!(
            "{path}:{number}:{column}: {}\n  | {line}\n  | {carets:>width$}",
            error.message(),
            width = column - 1 + carets.len()
        )
    };
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        ConfigError::File(fault(&error, span))
    })?;
    let own: Table = text.parse().unwrap_or_default();
    let mut faults = Vec::new();
    // One setting, laid over the defaults.
    let mut check = |section: &Spanned<Cow<'_, str>>, name: Option<&Spanned<Cow<'_, str>>>, span: Range<usize>| {
        let mut alone = own.clone();
        alone.retain(|each, _| each == section.get_ref());
        if let (Some(name), Some(Value::Table(settings))) = (name, alone.get_mut(section.get_ref().as_ref())) {
            settings.retain(|each, _| each == name.get_ref());
        }
        let mut settings = defaults.clone();
        overlay(&mut settings, alone);
        if let Err(error) = settings.try_into::<Config>() {
            let unknown = error.message().starts_with("unknown field");
            faults.push(fault(&error, if unknown { name.unwrap_or(section).span() } else { span }));
        }
    };
    for (section, values) in document.get_ref() {
        match values.get_ref() {
            DeValue::Table(settings) if defaults.contains_key(section.get_ref().as_ref()) => {
                settings.iter().for_each(|(name, value)| check(section, Some(name), value.span()));
            }
            _ => check(section, None, values.span()),
        }
    }
    if faults.is_empty() { Ok(own) } else { Err(ConfigError::File(faults.join("\n"))) }
}

fn overlay(under: &mut Table, over: Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

/// Reads the text of an environment variable as the type that the setting has. Lists are comma separated.
fn parse_like(current: &Value, text: &str) -> Result<Value, toml::de::Error> {
    match current {
        Value::String(_) => Ok(Value::String(text.to_owned())),
        Value::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::Array(items.map(|item| Value::String(item.to_owned())).collect()))
        }
        _ => {
            let document: Table = format!("value = {text}").parse()?;
            Ok(document.get("value").cloned().unwrap_or_else(|| Value::String(text.to_owned())))
        }
    }
}

fn optional_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<url::Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(serde::de::Error::custom) }
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}
