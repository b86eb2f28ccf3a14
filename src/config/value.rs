//! Values of settings: read with what makes no sense refused, so that the fault is told where the value stands.

use houston_schema::Version;
use serde::{Deserialize, Deserializer, de::Error};
use std::{collections::BTreeMap, fmt::Display, time::Duration};
use time::{
    OffsetDateTime, UtcOffset,
    format_description::well_known::{Rfc2822, Rfc3339},
};
use tracing_subscriber::EnvFilter;
use url::Url;

/// Longer times are slips; and far beyond them, sums of times would overflow.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Room for as many events is made for each feed at its start.
const MOST_EVENTS: usize = 65_536;

/// Reads the address of a GraphQL endpoint.
///
/// # Errors
/// If it is no address, or of another scheme.
pub fn http_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| format!("\"{text}\" is no address: {why}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(format!("\"{text}\" does not start with http:// or https://")),
    }
}

pub(super) fn houston_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    http_url(&String::deserialize(deserializer)?).map_err(Error::custom)
}

pub(super) fn websocket_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(&text).map_err(|why| refused(&text, format!("is no address: {why}")))?;
    let fits = matches!(url.scheme(), "ws" | "wss");
    if fits { Ok(Some(url)) } else { Err(refused(&text, "does not start with ws:// or wss://")) }
}

pub(super) fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(text);
    }
    http_url(&text).map(|_| text).map_err(Error::custom)
}

pub(super) fn base_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let fits = text.is_empty() || text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(plain));
    if fits { Ok(text) } else { Err(refused(&text, "is no prefix like \"/houston\", without a slash at its end")) }
}

/// An origin (RFC 6454) is compared as a whole: one with a path or a slash at its end would never be met.
pub(super) fn origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    let is_origin = |text: &str| Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text);
    match all.iter().find(|text| *text != "*" && !is_origin(text)) {
        Some(text) => Err(refused(text, "is no origin like \"https://tools.example.com\"")),
        None => Ok(all),
    }
}

pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let fault = (!text.is_empty()).then(|| text.parse::<Version>().err()).flatten();
    fault.map_or(Ok(text), |why| Err(Error::custom(why)))
}

/// Reads a time in RFC 3339, as the date that headers carry (RFC 9110, 5.6.7).
pub(super) fn http_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let time = OffsetDateTime::parse(&text, &Rfc3339).ok();
    let date = time.and_then(|time| time.to_offset(UtcOffset::UTC).format(&Rfc2822).ok());
    let date = date.ok_or_else(|| refused(&text, "is not a time such as 2027-03-01T00:00:00Z"))?;
    Ok(Some(date.replace("+0000", "GMT")))
}

pub(super) fn level_filter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<EnvFilter>().map_err(|why| refused(&text, format!("is no filter: {why}")))?;
    Ok(text)
}

pub(super) fn positive<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + Default + PartialEq,
{
    let number = N::deserialize(deserializer)?;
    if number == N::default() { Err(Error::custom("it is at least 1")) } else { Ok(number) }
}

pub(super) fn events<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = positive(deserializer)?;
    if number <= MOST_EVENTS { Ok(number) } else { Err(Error::custom(format!("it is at most {MOST_EVENTS}"))) }
}

pub(super) fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    bounded(Duration::from_millis(u64::deserialize(deserializer)?))
}

/// A time that cannot be none at all.
pub(super) fn some_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    bounded(Duration::from_millis(positive(deserializer)?))
}

pub(super) fn seconds_by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let all = BTreeMap::<String, u64>::deserialize(deserializer)?;
    all.values().try_for_each(|seconds| bounded(Duration::from_secs(*seconds)).map(drop))?;
    Ok(all)
}

fn bounded<E: Error>(time: Duration) -> Result<Duration, E> {
    if time <= LONGEST { Ok(time) } else { Err(E::custom("it is at most 31 days")) }
}

fn refused<E: Error>(text: &str, why: impl Display) -> E {
    E::custom(format!("\"{text}\" {why}"))
}
