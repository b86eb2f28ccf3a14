//! The closed list of what can go wrong, each with all that is said of it.

use http::StatusCode;

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

/// What is known of a code.
struct Row {
    status: StatusCode,
    name: &'static str,
    title: &'static str,
    cause: &'static str,
    cure: &'static str,
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

    /// All that is said of a code.
    const fn row(self) -> Row {
        match self {
            Self::InvalidRequest => Row {
                status: StatusCode::BAD_REQUEST,
                name: "INVALID_REQUEST",
                title: "The request is not valid",
                cause: "A parameter or a field of the body is missing, unknown, or not of its type.",
                cure: "Look at errors: each entry names its place and what would be right.",
            },
            Self::MalformedJson => Row {
                status: StatusCode::BAD_REQUEST,
                name: "MALFORMED_JSON",
                title: "The body is not JSON",
                cause: "The body cannot be read as JSON; detail names line and column.",
                cure: "Mend the JSON. Keys may stand only once in an object.",
            },
            Self::Unauthenticated => Row {
                status: StatusCode::UNAUTHORIZED,
                name: "UNAUTHENTICATED",
                title: "A valid token is needed",
                cause: "There is no token, or Houston does not accept it. Houston tokens expire after a day by default.",
                cure: "Send a valid token as X-API-Key or Authorization: Bearer. POST /auth/tokens makes one.",
            },
            Self::PaymentRequired => Row {
                status: StatusCode::PAYMENT_REQUIRED,
                name: "PAYMENT_REQUIRED",
                title: "Billing forbids this",
                cause: "The workspace is suspended or in trial.",
                cure: "Settle the billing of the workspace.",
            },
            Self::Forbidden => Row {
                status: StatusCode::FORBIDDEN,
                name: "FORBIDDEN",
                title: "Your roles do not allow this",
                cause: "The token is valid, but no role of its owner allows the operation on this thing.",
                cure: "Ask an administrator of the workspace or the platform for the role, or use another token.",
            },
            Self::AccountNotConfirmed => Row {
                status: StatusCode::FORBIDDEN,
                name: "ACCOUNT_NOT_CONFIRMED",
                title: "The account is not confirmed",
                cause: "The password is right, but the e-mail address has not been confirmed.",
                cure: "Follow the link in the confirmation mail; POST /auth/confirmation-mails sends it again.",
            },
            Self::NotFound => Row {
                status: StatusCode::NOT_FOUND,
                name: "NOT_FOUND",
                title: "There is no such thing",
                cause: "Houston has nothing under this id, or hides it from this token.",
                cure: "Check the id with the list that it came from. Ids are opaque and case-sensitive.",
            },
            Self::NoSuchRoute => Row {
                status: StatusCode::NOT_FOUND,
                name: "NO_SUCH_ROUTE",
                title: "There is no such path",
                cause: "The path is not part of the API.",
                cure: "Look the path up in /docs or /openapi.json. There is no slash at the end of a path.",
            },
            Self::MethodNotAllowed => Row {
                status: StatusCode::METHOD_NOT_ALLOWED,
                name: "METHOD_NOT_ALLOWED",
                title: "The path does not take this method",
                cause: "The path exists, but not with this method.",
                cure: "The Allow header lists the methods.",
            },
            Self::NotAcceptable => Row {
                status: StatusCode::NOT_ACCEPTABLE,
                name: "NOT_ACCEPTABLE",
                title: "No acceptable media type",
                cause: "The Accept header names no media type that this can be answered in.",
                cure: "Send Accept: application/json, or no Accept header.",
            },
            Self::Conflict => Row {
                status: StatusCode::CONFLICT,
                name: "CONFLICT",
                title: "This clashes with what exists",
                cause: "The name is taken, the thing exists already, or something else has to go first.",
                cure: "Read detail, change what it names, and try again.",
            },
            Self::BodyTooLarge => Row {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                name: "BODY_TOO_LARGE",
                title: "The body is too large",
                cause: "The body is larger than the gateway or a proxy in front of Houston takes.",
                cure: "Send less at once. Operators can raise server.body_limit_bytes.",
            },
            Self::UnsupportedMediaType => Row {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                name: "UNSUPPORTED_MEDIA_TYPE",
                title: "The body has the wrong media type",
                cause: "The Content-Type of the body is not JSON.",
                cure: "Send Content-Type: application/json.",
            },
            Self::Unprocessable => Row {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                name: "UNPROCESSABLE",
                title: "Houston refuses these values",
                cause: "The request is well-formed, but Houston's own rules refuse a value.",
                cure: "Read detail and houston, change the value, and try again.",
            },
            Self::NotInThisVersion => Row {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                name: "NOT_IN_THIS_VERSION",
                title: "This Houston version does not take a value that was sent",
                cause: "A value was sent that only other Houston releases take.",
                cure: "Leave it out, or talk to a Houston that knows it; errors names the releases.",
            },
            Self::IdempotencyKeyReused => Row {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                name: "IDEMPOTENCY_KEY_REUSED",
                title: "The idempotency key belongs to another request",
                cause: "The Idempotency-Key was used before, with another body or path.",
                cure: "Make a new key for each new request.",
            },
            Self::TooManyRequests => Row {
                status: StatusCode::TOO_MANY_REQUESTS,
                name: "TOO_MANY_REQUESTS",
                title: "Too many requests",
                cause: "More requests or streams at once than are allowed.",
                cure: "Wait for the seconds in Retry-After, then try again.",
            },
            Self::Internal => Row {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                name: "INTERNAL",
                title: "The gateway failed",
                cause: "A fault of the gateway.",
                cure: "Report it with the request id; the gateway's log says more.",
            },
            Self::HoustonFailed => Row {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                name: "HOUSTON_FAILED",
                title: "Houston failed",
                cause: "Houston reports an internal error.",
                cure: "Read houston. If it persists, report it to who runs Houston, with the request id.",
            },
            Self::NotImplemented => Row {
                status: StatusCode::NOT_IMPLEMENTED,
                name: "NOT_IMPLEMENTED",
                title: "This Houston version lacks the operation",
                cause: "The operation is not part of the Houston release that is connected.",
                cure: "detail names the releases that have it.",
            },
            Self::SchemaDrift => Row {
                status: StatusCode::BAD_GATEWAY,
                name: "SCHEMA_DRIFT",
                title: "Houston's schema is not what the gateway expects",
                cause: "Houston's schema is not the one that the gateway compiled for, perhaps because it was upgraded just now.",
                cure: "Try again in a moment: the gateway has begun to look at Houston's version again.",
            },
            Self::BadUpstreamAnswer => Row {
                status: StatusCode::BAD_GATEWAY,
                name: "BAD_UPSTREAM_ANSWER",
                title: "Houston's answer cannot be understood",
                cause: "Houston, the data plane behind it, or a proxy in front of it sent something that is not an answer.",
                cure: "Try reads again. After a change look first whether it took effect.",
            },
            Self::HoustonUnavailable => Row {
                status: StatusCode::SERVICE_UNAVAILABLE,
                name: "HOUSTON_UNAVAILABLE",
                title: "Houston cannot be reached",
                cause: "Houston cannot be reached, or has failed so often that it is given a pause.",
                cure: "Wait for the seconds in Retry-After, then try again.",
            },
            Self::Overloaded => Row {
                status: StatusCode::SERVICE_UNAVAILABLE,
                name: "OVERLOADED",
                title: "Too much to do at the moment",
                cause: "More calls to Houston are running than the gateway allows.",
                cure: "Wait for the seconds in Retry-After, then try again.",
            },
            Self::HoustonTimeout => Row {
                status: StatusCode::GATEWAY_TIMEOUT,
                name: "HOUSTON_TIMEOUT",
                title: "Houston took too long",
                cause: "Houston did not answer before the deadline.",
                cure: "Try reads again. After a change look first whether it took effect.",
            },
            Self::NotCached => Row {
                status: StatusCode::GATEWAY_TIMEOUT,
                name: "NOT_CACHED",
                title: "Nothing suitable is cached",
                cause: "The request said only-if-cached, and no suitable answer is cached.",
                cure: "Send it without only-if-cached.",
            },
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().status
    }

    /// The stable name, `SCREAMING_SNAKE_CASE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// A short sentence, the same for every problem of this code.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.row().title
    }

    /// What is behind it, for the documentation.
    #[must_use]
    pub const fn cause(self) -> &'static str {
        self.row().cause
    }

    /// What to do about it, for the documentation.
    #[must_use]
    pub const fn cure(self) -> &'static str {
        self.row().cure
    }

    /// The name as it stands in a problem's `type` and in the documentation's anchors: `not-found`.
    #[must_use]
    pub fn slug(self) -> String {
        self.name().to_lowercase().replace('_', "-")
    }
}
