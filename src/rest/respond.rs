//! Writing responses: answers with their headers, problems with theirs.

use super::{App, Body, Exchange, Response, csv, request::Form, request::none_match, request::not_acceptable};
use crate::{
    cache::etag,
    gateway::{Answer, CacheOutcome},
    problem::{Code, Problem},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, mem};

pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// A private cache may keep an answer but asks again each time: the gateway answers that from memory, with 304, and a
/// caller never sees something older than its own last change.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, max-age=0, must-revalidate");
pub(super) const VARY: HeaderValue = HeaderValue::from_static("Authorization, X-API-Key, Accept, Accept-Encoding");
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What of a path segment or query value is written as it is (RFC 3986, 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An answer in the form that the caller takes, with its media type.
pub(super) struct Formed {
    pub(super) answer: Answer,
    media_type: HeaderValue,
    preference_applied: bool,
}

/// Writes an answer in the form that the caller takes.
pub(super) fn formed(app: &App, mut answer: Answer, form: Form) -> Result<Formed, Problem> {
    match form {
        Form::Json | Form::Events => Ok(Formed { answer, media_type: JSON, preference_applied: false }),
        Form::Csv if !answer.plan.shape.is_list() => Err(not_acceptable("application/json")),
        Form::Csv => {
            let columns = app.gateway.plans().columns(&answer.plan);
            let table = csv::table(&columns, &answer.body)
                .map_err(|why| Problem::new(Code::BadUpstreamAnswer, why.to_string()))?;
            answer.etag = Some(etag(&table));
            answer.body = table.into();
            Ok(Formed { answer, media_type: CSV, preference_applied: false })
        }
        Form::Minimal => Ok(Formed { answer, media_type: JSON, preference_applied: true }),
    }
}

/// A response to a request that went well.
pub(super) fn answer(exchange: &mut Exchange, formed: Formed) -> Response {
    let Exchange { app, head, .. } = &*exchange;
    let Formed { answer, media_type, preference_applied } = formed;
    let is_read = head.method == Method::GET || head.method == Method::HEAD;
    if let Some(etag) = answer.etag.as_ref().filter(|_| is_read && answer.status.is_success())
        && let Some(mut response) = not_modified(&head.headers, etag)
    {
        freshness(&answer, response.headers_mut());
        return response;
    }
    let mut body = answer.body.clone();
    let mut link = None;
    if let Some(cursor) = &answer.next {
        let next = next_link(&exchange.origin(), &head.uri, cursor, &app.base_path);
        if media_type == JSON {
            body = with_next(&body, &next, cursor);
        }
        link = HeaderValue::try_from(format!("<{next}>; rel=\"next\"")).ok();
    }
    let location = if answer.status == StatusCode::CREATED { location(app, &answer) } else { None };
    let location = location.and_then(|location| HeaderValue::try_from(format!("{}{location}", exchange.origin())).ok());
    let mut status = answer.status;
    if preference_applied {
        body = Bytes::new();
        // 201 says something without a body, 200 does not (RFC 9110, 15.3.5).
        if status == StatusCode::OK {
            status = StatusCode::NO_CONTENT;
        }
    }
    let empty = body.is_empty();
    let mut response = Response::new(whole(body));
    *response.status_mut() = status;
    let out = response.headers_mut();
    // In the room that the request's headers took, which nobody reads any more. hyper hands it back with the next request
    // of the connection: so much room is too much for the allocator's quick lists.
    *out = mem::take(&mut exchange.head.headers);
    out.clear();
    if !empty {
        out.insert(header::CONTENT_TYPE, media_type);
    }
    if preference_applied {
        out.insert("preference-applied", HeaderValue::from_static("return=minimal"));
    }
    if answer.replayed {
        out.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    if let Some(link) = link {
        out.insert(header::LINK, link);
    }
    if is_read {
        freshness(&answer, out);
        if let Some(etag) = answer.etag {
            out.insert(header::ETAG, etag);
        }
    } else {
        out.insert(header::CACHE_CONTROL, NO_STORE);
    }
    if let Some(seconds) = answer.plan.operation.poll {
        out.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(location) = location {
        out.insert(header::LOCATION, location);
    }
    response
}

fn whole(body: Bytes) -> Body {
    Body::Left(Full::new(body))
}

/// 304, if the caller says that it has what `etag` stands for.
pub(super) fn not_modified(headers: &HeaderMap, etag: &HeaderValue) -> Option<Response> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return None;
    }
    let known = none_match(headers, etag.to_str().ok()?)?;
    // As the caller has it, or its cache does not find what is meant (RFC 9111, 4.3.4): weak, if it was compressed.
    let known = HeaderValue::try_from(known).ok()?;
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(header::ETAG, known);
    Some(response)
}

/// The headers that say how fresh a read is (RFC 9110 and 9111, RFC 9211).
fn freshness(answer: &Answer, headers: &mut HeaderMap) {
    let kept = answer.cache != CacheOutcome::Uncacheable;
    headers.insert(header::CACHE_CONTROL, if kept { REVALIDATE } else { NO_STORE });
    headers.insert(header::VARY, VARY);
    headers.insert(
        CACHE_STATUS,
        HeaderValue::from_static(match answer.cache {
            CacheOutcome::Hit => "houston-gateway; hit",
            CacheOutcome::Stale => "houston-gateway; hit; detail=stale-while-revalidate",
            CacheOutcome::StaleOnError => "houston-gateway; fwd=stale; detail=stale-if-error",
            CacheOutcome::Miss => "houston-gateway; fwd=uri-miss; stored",
            CacheOutcome::Coalesced => "houston-gateway; fwd=uri-miss; collapsed",
            CacheOutcome::Renewed => "houston-gateway; fwd=stale; stored",
            CacheOutcome::Bypass => "houston-gateway; fwd=request; stored",
            CacheOutcome::TooLarge => "houston-gateway; fwd=uri-miss; detail=too-large",
            CacheOutcome::Uncacheable => "houston-gateway; fwd=bypass",
        }),
    );
    if kept {
        headers.insert(header::AGE, HeaderValue::from(answer.age.as_secs()));
    }
}

/// Weakens the validator of what was compressed: it stands for the same answer, but not for the same bytes (RFC 9110,
/// 8.8.3.3).
pub(super) fn weaken<B>(mut response: http::Response<B>) -> http::Response<B> {
    let headers = response.headers_mut();
    if headers.contains_key(header::CONTENT_ENCODING)
        && let Some(etag) = headers.get_mut(header::ETAG)
        && etag.as_bytes().starts_with(b"\"")
        && let Ok(weak) = HeaderValue::try_from([b"W/", etag.as_bytes()].concat())
    {
        *etag = weak;
    }
    response
}

/// The same request for the next page.
fn next_link(origin: &str, uri: &http::Uri, cursor: &str, base_path: &str) -> String {
    let path = uri.path().strip_prefix(base_path).unwrap_or(uri.path());
    let query = uri.query().unwrap_or_default().split('&');
    let rest = query.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut link = format!("{origin}{path}?");
    for pair in rest {
        link.push_str(pair);
        link.push('&');
    }
    link + "cursor=" + cursor
}

/// An envelope with its links added at the end.
fn with_next(envelope: &Bytes, link: &str, cursor: &str) -> Bytes {
    let open = envelope.strip_suffix(b"}").unwrap_or(envelope);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut body = Vec::with_capacity(open.len() + link.len() + cursor.len() + 40);
    body.extend_from_slice(open);
    body.extend_from_slice(format!(",\"nextLink\":{},\"nextCursor\":{}}}", quoted(link), quoted(cursor)).as_bytes());
    body.into()
}

/// Where what was created can be read: the path of the route that reads one thing of the same type.
fn location(app: &App, answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Created<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    let route = app.locations.get(&answer.plan.operation.path)?;
    let created: Created<'_> = serde_json::from_slice(&answer.body).ok()?;
    let mut location = String::new();
    for segment in route.segments() {
        location.push('/');
        match segment {
            crate::catalogue::Segment::Literal(word) => location.push_str(word),
            crate::catalogue::Segment::Variable(name) => {
                let sent = answer.path.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str());
                location.extend(utf8_percent_encode(sent.unwrap_or(&created.id), ESCAPED));
            }
        }
    }
    Some(location)
}

/// A problem, tied to its request (RFC 9457).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemBody<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [crate::problem::Fault],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    houston: &'a [crate::problem::HoustonError],
}

/// A problem's document, tied to its request.
pub(super) fn problem_document(problem: &Problem, origin: &str, path: &str, request_id: &str) -> Vec<u8> {
    let code = problem.code;
    let body = ProblemBody {
        kind: format!("{origin}/problems/{}", code.slug()),
        title: code.title(),
        status: code.status().as_u16(),
        detail: &problem.detail,
        instance: path,
        code: code.name(),
        request_id,
        errors: &problem.errors,
        houston: &problem.houston,
    };
    // Text, numbers and lists always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// A response to a request that went wrong.
pub(super) fn problem(problem: &Problem, origin: &str, path: &str, request_id: &str) -> Response {
    let code = problem.code;
    let mut response = Response::new(whole(problem_document(problem, origin, path, request_id).into()));
    *response.status_mut() = code.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    if code == Code::Unauthenticated {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Houston\""));
    }
    if let Some(seconds) = problem.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
