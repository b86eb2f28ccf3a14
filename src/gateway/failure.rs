//! Why a request has no answer.

use super::bind::{BindError, MOST_FAULTS, releases};
use crate::{
    caller::InvalidCredential,
    houston::CallError,
    problem::{Code, Fault, HoustonError, Problem},
};
use houston_schema::{Lifespan, Version};
use std::sync::Arc;

/// Why a request has no answer. Cheap to clone: all who wait for one fetch get the same one.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// The request is wrong; nothing was sent to Houston.
    #[error("invalid request")]
    Invalid(Arc<[Fault]>),
    /// The body is not JSON.
    #[error("the body is not JSON: {0}")]
    Malformed(Arc<serde_json::Error>),
    /// This Houston version does not take what was sent.
    #[error("not in this Houston version")]
    Narrowed(Arc<[Fault]>),
    /// This Houston version lacks the route.
    #[error("Houston {version} lacks the route")]
    NotInThisVersion {
        /// The version that is connected.
        version: Version,
        /// The releases that have the route.
        lifespan: Lifespan,
    },
    /// No credential was sent.
    #[error("no credential")]
    NoCredential,
    /// A credential was sent that cannot be valid.
    #[error("{0}")]
    BadCredential(#[from] InvalidCredential),
    /// Houston refused the operation, or failed at it.
    #[error("Houston refused: {}", .0.code.name())]
    Refused(Arc<Refusal>),
    /// Houston has no such thing.
    #[error("not found")]
    NotFound,
    /// A condition of the catalogue does not hold.
    #[error("conflict: {0}")]
    Conflict(Arc<str>),
    /// Houston could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Houston's answer is not a GraphQL response, or not of the expected shape.
    #[error("{0}")]
    BadReply(Arc<str>),
    /// So many streams are open as may be.
    #[error("{0} streams are open")]
    TooManyStreams(usize),
    /// The gateway shuts down, and no stream begins any more.
    #[error("the gateway shuts down")]
    ShuttingDown,
    /// `only-if-cached`, and nothing suitable is cached.
    #[error("not cached")]
    NotCached,
    /// The idempotency key came with another request before.
    #[error("the idempotency key belongs to another request")]
    KeyReused,
    /// A task of the gateway died.
    #[error("a task of the gateway died")]
    Lost,
}

/// What Houston refused, and how it was understood.
#[derive(Debug)]
pub struct Refusal {
    /// What it amounts to.
    pub code: Code,
    /// Houston's own words.
    pub errors: Vec<HoustonError>,
}

impl Failure {
    /// What Houston sent cannot be read. Where that is told; the parser's words are not, which may quote what it read.
    pub(super) fn unreadable(what: &str, why: &serde_json::Error) -> Self {
        Self::BadReply(
            format!("{what} is not of the expected form at line {}, column {}", why.line(), why.column()).into(),
        )
    }

    /// Whether the failure says nothing about the request, so that an older answer may stand in (RFC 5861, 4).
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Call(_) | Self::BadReply(_) | Self::Lost => true,
            Self::Refused(refusal) => refusal.code.status().is_server_error(),
            _ => false,
        }
    }

    /// Whether there is no such thing, for this caller: worth remembering for a moment.
    pub(super) fn is_absence(&self) -> bool {
        match self {
            Self::NotFound => true,
            Self::Refused(refusal) => refusal.code == Code::NotFound,
            _ => false,
        }
    }

    /// Whether Houston does not know what it was asked, and so has done nothing.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == Code::SchemaDrift)
    }

    /// What callers are told.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Invalid(errors) => {
                Problem { errors: errors.to_vec(), ..Problem::new(Code::InvalidRequest, summary(errors)) }
            }
            Self::Malformed(why) => Problem::new(Code::MalformedJson, why.to_string()),
            Self::Narrowed(errors) => {
                Problem { errors: errors.to_vec(), ..Problem::new(Code::NotInThisVersion, summary(errors)) }
            }
            Self::NotInThisVersion { version, lifespan } if lifespan.contains(*version) => Problem::new(
                Code::NotImplemented,
                format!("This is Houston {version}, but its schema, as far as it is known, lacks the operation."),
            ),
            Self::NotInThisVersion { version, lifespan } => Problem::new(
                Code::NotImplemented,
                format!("This is Houston {version}; the operation is part of Houston {}.", releases(*lifespan)),
            ),
            Self::NoCredential => Problem::new(
                Code::Unauthenticated,
                "Send your Houston token as X-API-Key or as Authorization: Bearer; POST /auth/tokens makes one, \
                 and so does a service account.",
            ),
            Self::BadCredential(why) => Problem::new(Code::Unauthenticated, sentence(&why.to_string())),
            Self::Refused(refusal) => refused(refusal),
            Self::NotFound => Problem::new(
                Code::NotFound,
                "Houston has nothing under this id, or does not show it to you. Ids are opaque; a list shows them.",
            ),
            Self::Conflict(detail) => Problem::new(Code::Conflict, &**detail),
            Self::Call(error) => call(error),
            Self::BadReply(why) => Problem::new(Code::BadUpstreamAnswer, sentence(why)),
            Self::TooManyStreams(limit) => Problem {
                retry_after: Some(10),
                ..Problem::new(
                    Code::TooManyRequests,
                    format!("{limit} streams are open, which is as many as the gateway allows; close one first."),
                )
            },
            Self::ShuttingDown => Problem {
                retry_after: Some(1),
                ..Problem::new(
                    Code::Overloaded,
                    "The gateway is shutting down and begins no more streams; open it again, and another one serves it.",
                )
            },
            Self::NotCached => Problem::new(
                Code::NotCached,
                "The request allows only a cached answer; send it without only-if-cached.",
            ),
            Self::KeyReused => Problem::new(
                Code::IdempotencyKeyReused,
                "This Idempotency-Key came with another request before; make a new key for each new request.",
            ),
            Self::Lost => Problem::new(Code::Internal, "The gateway could not finish the request; its log says why."),
        }
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Malformed(why) => Self::Malformed(Arc::new(why)),
            // What no Houston takes comes first: mending it may make the rest moot.
            BindError::Faults(faults) if faults.invalid.is_empty() => Self::Narrowed(faults.elsewhere.into()),
            BindError::Faults(mut faults) => {
                faults.invalid.append(&mut faults.elsewhere);
                Self::Invalid(faults.invalid.into())
            }
        }
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let said = refusal.errors.first().map_or("", |error| error.message.as_str());
    let detail = match refusal.code {
        Code::Forbidden => "The token is valid, but its roles do not allow this operation here.".to_owned(),
        Code::Unauthenticated if said.contains("permissions") || said.is_empty() => {
            "Houston does not accept the token; it may have expired. Log in again and send the new one.".to_owned()
        }
        Code::SchemaDrift => {
            "Houston does not know what the gateway asked for, although its version should. Try again in a moment; if it stays \
             like that, tell who runs the gateway."
                .to_owned()
        }
        Code::HoustonFailed => format!("Houston reports an error of its own: {}", sentence(said)),
        _ => sentence(said),
    };
    let retry_after = matches!(refusal.code, Code::SchemaDrift | Code::HoustonUnavailable).then_some(5);
    // A schema error describes the gateway's own document, which tells a caller nothing.
    let houston = if refusal.code == Code::SchemaDrift { Vec::new() } else { refusal.errors.clone() };
    Problem { houston, retry_after, ..Problem::new(refusal.code, detail) }
}

fn call(error: &CallError) -> Problem {
    let (code, detail, retry_after) = match error {
        CallError::Connect(_) => {
            (Code::HoustonUnavailable, "Houston cannot be reached; nothing was sent to it.", Some(5))
        }
        CallError::Broken(_) => (
            Code::BadUpstreamAnswer,
            "The connection to Houston broke before its answer was complete. A change may or may not have been made: look first.",
            None,
        ),
        CallError::Timeout(_) => (
            Code::HoustonTimeout,
            "Houston did not answer in time. A change may or may not have been made: look first.",
            None,
        ),
        CallError::TooLarge(_) => {
            (Code::BadUpstreamAnswer, "Houston's answer is larger than the gateway takes; ask for fewer fields.", None)
        }
        CallError::Status(status) => match status.as_u16() {
            413 => (Code::BodyTooLarge, "A proxy in front of Houston refuses a request of this size.", None),
            429 => (Code::TooManyRequests, "A proxy in front of Houston asks for fewer requests.", Some(10)),
            503 => (Code::HoustonUnavailable, "Houston is not available at the moment.", Some(5)),
            504 => (Code::HoustonTimeout, "A proxy in front of Houston waited in vain for it.", None),
            _ => (Code::BadUpstreamAnswer, "A proxy in front of Houston answered in its place.", Some(5)),
        },
        CallError::Rejected(_) => {
            (Code::BadUpstreamAnswer, "Houston, or a proxy in front of it, refuses the WebSocket.", Some(5))
        }
        CallError::Busy => (Code::Overloaded, "Too many calls to Houston are running already.", Some(1)),
        CallError::Open(pause) => {
            let seconds = pause.as_secs() + 1;
            (Code::HoustonUnavailable, "Houston failed repeatedly; the gateway gives it a pause.", Some(seconds))
        }
    };
    Problem { retry_after, ..Problem::new(code, detail) }
}

fn summary(errors: &[Fault]) -> String {
    match errors {
        [one] => {
            let place = match &one.at {
                crate::problem::Place::Pointer(pointer) if pointer.is_empty() => "The body".to_owned(),
                crate::problem::Place::Pointer(pointer) => format!("The field {pointer}"),
                crate::problem::Place::Parameter(name) => format!("The parameter {name}"),
                crate::problem::Place::Header(name) => format!("The header {name}"),
            };
            sentence(&format!("{place}: {}", one.detail))
        }
        _ if errors.len() >= MOST_FAULTS => format!("At least {MOST_FAULTS} things are wrong; see errors."),
        _ => format!("{} things are wrong; see errors.", errors.len()),
    }
}

/// A text as a sentence: upper case first, a full stop at the end.
fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let Some(first) = chars.next() else { return "No reason was given.".to_owned() };
    let mut sentence: String = first.to_uppercase().chain(chars).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
