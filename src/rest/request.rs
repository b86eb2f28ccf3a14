//! Reading a request: credentials aside, everything that HTTP says about it.

use super::events::EVENT_STREAM;
use crate::{
    gateway::{CacheRequest, Query},
    problem::{Code, Fault, Place, Problem},
};
use axum::{BoxError, body::HttpBody};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use std::{borrow::Cow, str::Utf8Error, time::Duration};
use tokio::time::timeout;

/// Decodes a query string (WHATWG URL, application/x-www-form-urlencoded), strictly: what is not UTF-8 is refused.
pub(super) fn query(text: Option<&str>) -> Result<Query<'_>, Problem> {
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode_form(name)?, decode_form(value)?))
    });
    decoded.collect::<Result<_, Utf8Error>>().map_err(|_| {
        Problem::new(Code::InvalidRequest, "The query string is not UTF-8 once its percent signs are decoded.")
    })
}

/// Decodes what percent signs stand for (RFC 3986, 2.1). Most texts have none.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if text.contains('%') { percent_decode_str(text).decode_utf8() } else { Ok(Cow::Borrowed(text)) }
}

/// The same for a form, where a plus is a space.
fn decode_form(text: &str) -> Result<Cow<'_, str>, Utf8Error> {
    if text.contains('+') { Ok(Cow::Owned(decode(&text.replace('+', " "))?.into_owned())) } else { decode(text) }
}

/// What a body may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

/// Whether requests of this method have a body that says something.
pub(super) fn has_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Reads a body and checks that it is JSON by its media type.
pub(super) async fn body<B>(method: &Method, headers: &HeaderMap, body: B, limits: BodyLimits) -> Result<Bytes, Problem>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let too_large = || Problem::new(Code::BodyTooLarge, format!("The body may have at most {} bytes.", limits.bytes));
    // Whoever asks first whether to send it (`Expect: 100-continue`) is told before a byte of it is on its way.
    if usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX) > limits.bytes {
        return Err(too_large());
    }
    let collected = Box::pin(timeout(limits.time, Limited::new(body, limits.bytes).collect())).await;
    let collected = collected.map_err(|_| Problem::new(Code::InvalidRequest, "The body did not arrive in time."))?;
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(_) => return Err(Problem::new(Code::InvalidRequest, "The body broke off before its end.")),
    };
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (*method == Method::PATCH && essence.eq_ignore_ascii_case("application/merge-patch+json"));
    let unsupported = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    if is_json {
        return match headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
            None | Some(b"" | b"identity") => Ok(bytes),
            Some(_) => unsupported("The body is compressed (Content-Encoding); send it as it is.".to_owned()),
        };
    }
    let shown: String = essence.chars().take(60).collect();
    unsupported(match shown.as_str() {
        "" => "The body has no Content-Type; send application/json.".to_owned(),
        _ => format!("The body is {shown}; send application/json."),
    })
}

/// Whether an `Accept` header (RFC 9110, 12.5.1) takes `offered`, a media type such as `application/json`. No header
/// takes everything.
pub(super) fn accepts(headers: &HeaderMap, offered: &str) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    if values.peek().is_none() {
        return true;
    }
    let ranges = values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    // The most specific range that fits decides; a weight of zero refuses.
    let kind = offered.split('/').next().unwrap_or_default();
    ranges
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next()?;
            let specific = match name {
                "*/*" | "" => 0,
                _ if name.strip_suffix("/*").is_some_and(|each| each.eq_ignore_ascii_case(kind)) => 1,
                _ if name.eq_ignore_ascii_case(offered) => 2,
                _ => return None,
            };
            let weight = parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
            let weight = weight.and_then(|(_, weight)| weight.parse::<f32>().ok()).filter(|weight| !weight.is_nan());
            Some((specific, weight.unwrap_or(1.0) > 0.0))
        })
        .max_by_key(|(specific, _)| *specific)
        .is_some_and(|(_, wanted)| wanted)
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    /// Of a stream, one by one as they come.
    Events,
    /// For lists.
    Csv,
    /// Not at all: `Prefer: return=minimal` (RFC 7240, 4.2).
    Minimal,
}

/// Decides by `Accept` and `Prefer` how the answer is written: JSON wherever it is taken.
/// What streams is events wherever those are taken; elsewhere it is the first of them.
pub(super) fn form(method: &Method, headers: &HeaderMap, is_stream: bool) -> Result<Form, Problem> {
    if is_stream {
        return match accepts(headers, EVENT_STREAM) {
            true => Ok(Form::Events),
            false if accepts(headers, "application/json") => Ok(Form::Json),
            false => Err(not_acceptable(EVENT_STREAM)),
        };
    }
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if !is_read && prefers_minimal(headers) {
        Ok(Form::Minimal)
    } else if accepts(headers, "application/json") {
        Ok(Form::Json)
    } else if is_read && accepts(headers, "text/csv") {
        Ok(Form::Csv)
    } else {
        Err(not_acceptable("application/json"))
    }
}

fn prefers_minimal(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split([',', ';'])).any(|each| each.trim() == "return=minimal")
}

/// The problem of a request that takes nothing the gateway can produce.
pub(super) fn not_acceptable(offered: &str) -> Problem {
    Problem::new(Code::NotAcceptable, format!("This is answered as {offered}; send Accept: {offered} or leave it out."))
}

/// Reads `Idempotency-Key` off a POST.
pub(super) fn idempotency_key(method: &Method, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    if *method != Method::POST {
        return Ok(None);
    }
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if (1..=255).contains(&text.len()) {
        return Ok(Some(text.to_owned()));
    }
    let detail = "is between 1 and 255 printable characters; a UUID is a good choice".to_owned();
    Err(Problem {
        errors: vec![Fault { at: Place::Header("Idempotency-Key".to_owned()), detail: detail.clone() }],
        ..Problem::new(Code::InvalidRequest, format!("The header Idempotency-Key {detail}."))
    })
}

/// Reads `Cache-Control` (RFC 9111, 5.2.1). What is unknown is passed over, as the RFC says.
pub(super) fn cache_request(headers: &HeaderMap) -> CacheRequest {
    let mut request = CacheRequest::default();
    for value in headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok()) {
        for directive in value.split(',').map(str::trim) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.to_ascii_lowercase().as_str() {
                "no-cache" => request.no_cache = true,
                "no-store" => request.no_store = true,
                "only-if-cached" => request.only_if_cached = true,
                "max-age" => request.max_age = seconds(argument),
                "min-fresh" => request.min_fresh = seconds(argument),
                _ => {}
            }
        }
    }
    request
}

/// Reads `delta-seconds` (RFC 9111, 1.2.2). What is longer than 2^31, in 68 years, counts as that.
fn seconds(argument: &str) -> Option<Duration> {
    const LONGEST: u64 = 1 << 31;
    let digits = argument.trim_matches('"');
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(digits.parse().unwrap_or(LONGEST).min(LONGEST)))
}

/// How `If-None-Match` (RFC 9110, 13.1.2) names `etag`, if it does: by `*`, or in its list, weakly compared.
pub(super) fn none_match<'h>(headers: &'h HeaderMap, etag: &'h str) -> Option<&'h str> {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(',')).map(str::trim);
    named.find_map(|each| match each {
        "*" => Some(etag),
        _ => (each.trim_start_matches("W/") == etag).then_some(each),
    })
}
