//! Problems: the one closed list of what can go wrong, as callers see it (RFC 9457).

use http::StatusCode;
use serde::Serialize;

/// What went wrong. The code is stable: callers branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A parameter or body field is missing, unknown or of the wrong type.
    InvalidRequest,
    /// The body is not JSON.
    MalformedJson,
    /// No credential, or one that Houston does not accept.
    Unauthenticated,
    /// The billing state of the workspace forbids it.
    PaymentRequired,
    /// The caller's roles do not allow it.
    Forbidden,
    /// The account still waits for its e-mail confirmation.
    AccountNotConfirmed,
    /// The thing does not exist, or is hidden from the caller.
    NotFound,
    /// No such path.
    NoSuchRoute,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// None of the acceptable media types can be produced.
    NotAcceptable,
    /// It clashes with what exists.
    Conflict,
    /// The body is larger than the configured limit.
    BodyTooLarge,
    /// The body is not JSON by its `Content-Type`.
    UnsupportedMediaType,
    /// Houston's rules refuse the values.
    Unprocessable,
    /// This Houston version does not take a value that was sent.
    NotInThisVersion,
    /// The same idempotency key came with another body.
    IdempotencyKeyReused,
    /// Too many requests or streams.
    TooManyRequests,
    /// The gateway failed.
    Internal,
    /// Houston failed.
    HoustonFailed,
    /// This Houston version lacks the whole route.
    NotImplemented,
    /// Houston refused a document that it should know: its schema is not what the gateway believes.
    SchemaDrift,
    /// Houston, or a proxy in front of it, sent something that is no GraphQL answer.
    BadUpstreamAnswer,
    /// Houston cannot be reached.
    HoustonUnavailable,
    /// The gateway or Houston has too much to do.
    Overloaded,
    /// Houston took too long.
    HoustonTimeout,
    /// `only-if-cached` was asked for and nothing fresh is cached.
    NotCached,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::InvalidRequest,
        Self::MalformedJson,
        Self::Unauthenticated,
        Self::PaymentRequired,
        Self::Forbidden,
        Self::AccountNotConfirmed,
        Self::NotFound,
        Self::NoSuchRoute,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Conflict,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::Unprocessable,
        Self::NotInThisVersion,
        Self::IdempotencyKeyReused,
        Self::TooManyRequests,
        Self::Internal,
        Self::HoustonFailed,
        Self::NotImplemented,
        Self::SchemaDrift,
        Self::BadUpstreamAnswer,
        Self::HoustonUnavailable,
        Self::Overloaded,
        Self::HoustonTimeout,
        Self::NotCached,
    ];

    /// Status, stable name and title.
    const fn row(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "INVALID_REQUEST", "The request is not valid"),
            Self::MalformedJson => (StatusCode::BAD_REQUEST, "MALFORMED_JSON", "The body is not JSON"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "A valid token is needed"),
            Self::PaymentRequired => (StatusCode::PAYMENT_REQUIRED, "PAYMENT_REQUIRED", "Billing forbids this"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "FORBIDDEN", "Your roles do not allow this"),
            Self::AccountNotConfirmed => {
                (StatusCode::FORBIDDEN, "ACCOUNT_NOT_CONFIRMED", "The account is not confirmed")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", "There is no such thing"),
            Self::NoSuchRoute => (StatusCode::NOT_FOUND, "NO_SUCH_ROUTE", "There is no such path"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "The path does not take this method")
            }
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", "No acceptable media type"),
            Self::Conflict => (StatusCode::CONFLICT, "CONFLICT", "This clashes with what exists"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "The body is too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "The body has the wrong media type")
            }
            Self::Unprocessable => (StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE", "Houston refuses these values"),
            Self::NotInThisVersion => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "NOT_IN_THIS_VERSION",
                "This Houston version does not take a value that was sent",
            ),
            Self::IdempotencyKeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "The idempotency key belongs to another request",
            ),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "The gateway failed"),
            Self::HoustonFailed => (StatusCode::INTERNAL_SERVER_ERROR, "HOUSTON_FAILED", "Houston failed"),
            Self::NotImplemented => {
                (StatusCode::NOT_IMPLEMENTED, "NOT_IMPLEMENTED", "This Houston version lacks the operation")
            }
            Self::SchemaDrift => {
                (StatusCode::BAD_GATEWAY, "SCHEMA_DRIFT", "Houston's schema is not what the gateway expects")
            }
            Self::BadUpstreamAnswer => {
                (StatusCode::BAD_GATEWAY, "BAD_UPSTREAM_ANSWER", "Houston's answer cannot be understood")
            }
            Self::HoustonUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "HOUSTON_UNAVAILABLE", "Houston cannot be reached")
            }
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED", "Too much to do at the moment"),
            Self::HoustonTimeout => (StatusCode::GATEWAY_TIMEOUT, "HOUSTON_TIMEOUT", "Houston took too long"),
            Self::NotCached => (StatusCode::GATEWAY_TIMEOUT, "NOT_CACHED", "Nothing suitable is cached"),
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// The stable name, `SCREAMING_SNAKE_CASE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// A short sentence, the same for every problem of this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// What is behind it, for the documentation.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        match self {
            Self::InvalidRequest => "A parameter or a field of the body is missing, unknown, or not of its type.",
            Self::MalformedJson => "The body cannot be read as JSON; detail names line and column.",
            Self::Unauthenticated => {
                "There is no token, or Houston does not accept it. Houston tokens expire after a day by default."
            }
            Self::PaymentRequired => "The workspace is suspended or in trial.",
            Self::Forbidden => "The token is valid, but no role of its owner allows the operation on this thing.",
            Self::AccountNotConfirmed => "The password is right, but the e-mail address has not been confirmed.",
            Self::NotFound => "Houston has nothing under this id, or hides it from this token.",
            Self::NoSuchRoute => "The path is not part of the API.",
            Self::MethodNotAllowed => "The path exists, but not with this method.",
            Self::NotAcceptable => "The Accept header names no media type that this can be answered in.",
            Self::Conflict => "The name is taken, the thing exists already, or something else has to go first.",
            Self::BodyTooLarge => "The body is larger than the gateway or a proxy in front of Houston takes.",
            Self::UnsupportedMediaType => "The Content-Type of the body is not JSON.",
            Self::Unprocessable => "The request is well-formed, but Houston's own rules refuse a value.",
            Self::NotInThisVersion => "A value was sent that only other Houston releases take.",
            Self::IdempotencyKeyReused => "The Idempotency-Key was used before, with another body or path.",
            Self::TooManyRequests => "More requests or streams at once than are allowed.",
            Self::Internal => "A fault of the gateway.",
            Self::HoustonFailed => "Houston reports an internal error.",
            Self::NotImplemented => "The operation is not part of the Houston release that is connected.",
            Self::SchemaDrift => {
                "Houston's schema is not the one that the gateway compiled for, perhaps because it was upgraded just now."
            }
            Self::BadUpstreamAnswer => {
                "Houston, the data plane behind it, or a proxy in front of it sent something that is not an answer."
            }
            Self::HoustonUnavailable => "Houston cannot be reached, or has failed so often that it is given a pause.",
            Self::Overloaded => "More calls to Houston are running than the gateway allows.",
            Self::HoustonTimeout => "Houston did not answer before the deadline.",
            Self::NotCached => "The request said only-if-cached, and no suitable answer is cached.",
        }
    }

    /// What to do about it, for the documentation.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        match self {
            Self::InvalidRequest => "Look at errors: each entry names its place and what would be right.",
            Self::MalformedJson => "Mend the JSON. Keys may stand only once in an object.",
            Self::Unauthenticated => {
                "Send a valid token as X-API-Key or Authorization: Bearer. POST /auth/tokens makes one."
            }
            Self::PaymentRequired => "Settle the billing of the workspace.",
            Self::Forbidden => {
                "Ask an administrator of the workspace or the platform for the role, or use another token."
            }
            Self::AccountNotConfirmed => {
                "Follow the link in the confirmation mail; POST /auth/confirmation-mails sends it again."
            }
            Self::NotFound => "Check the id with the list that it came from. Ids are opaque and case-sensitive.",
            Self::NoSuchRoute => "Look the path up in /docs or /openapi.json. There is no slash at the end of a path.",
            Self::MethodNotAllowed => "The Allow header lists the methods.",
            Self::NotAcceptable => "Send Accept: application/json, or no Accept header.",
            Self::Conflict => "Read detail, change what it names, and try again.",
            Self::BodyTooLarge => "Send less at once. Operators can raise server.body_limit_bytes.",
            Self::UnsupportedMediaType => "Send Content-Type: application/json.",
            Self::Unprocessable => "Read detail and houston, change the value, and try again.",
            Self::NotInThisVersion => "Leave it out, or talk to a Houston that knows it; errors names the releases.",
            Self::IdempotencyKeyReused => "Make a new key for each new request.",
            Self::TooManyRequests => "Wait for the seconds in Retry-After, then try again.",
            Self::Internal => "Report it with the request id; the gateway's log says more.",
            Self::HoustonFailed => "Read houston. If it persists, report it to who runs Houston, with the request id.",
            Self::NotImplemented => "detail names the releases that have it.",
            Self::SchemaDrift => "Try again in a moment: the gateway has begun to look at Houston's version again.",
            Self::BadUpstreamAnswer => "Try reads again. After a change look first whether it took effect.",
            Self::HoustonUnavailable => "Wait for the seconds in Retry-After, then try again.",
            Self::Overloaded => "Wait for the seconds in Retry-After, then try again.",
            Self::HoustonTimeout => "Try reads again. After a change look first whether it took effect.",
            Self::NotCached => "Send it without only-if-cached.",
        }
    }

    /// The name as it stands in a problem's `type` and in the documentation's anchors: `not-found`.
    #[must_use]
    pub fn slug(self) -> String {
        self.name().to_lowercase().replace('_', "-")
    }
}

/// What is wrong with one part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where it is.
    #[serde(flatten)]
    pub at: Place,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// A part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A JSON Pointer into the body (RFC 6901).
    Pointer(String),
    /// The name of a path or query parameter.
    Parameter(String),
    /// The name of a header.
    Header(String),
}

/// An error that Houston reported, without anything that belongs to its inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoustonError {
    /// Houston's message.
    pub message: String,
    /// `extensions.code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The path of the failing field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<serde_json::Value>,
}

/// A problem, before it is tied to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What happened this time, and what to do about it.
    pub detail: String,
    /// For bad input: all that is wrong.
    pub errors: Vec<Fault>,
    /// What Houston said.
    pub houston: Vec<HoustonError>,
    /// After how many seconds it is worth trying again.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with nothing but a detail.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), houston: Vec::new(), retry_after: None }
    }
}
