//! What Houston's errors mean: the one table that turns codes and messages into problem codes.
//!
//! Houston gives most of its errors the code `INTERNAL_SERVER_ERROR` or `BAD_USER_INPUT`, so only the message tells them
//! apart. The first row that fits decides.

use crate::problem::{Code, HoustonError};

/// What a reply's errors amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A problem of this kind.
    Is(Code),
    /// Houston's `FORBIDDEN`, in whatever words: it does not tell a bad token from a missing permission, so somebody has to find out.
    UnauthenticatedOrForbidden,
}

/// How a row recognises a message.
enum Text {
    Any,
    Starts(&'static str),
    Holds(&'static str),
    /// Begins with the number and name of a gRPC status, as errors of Commander do: `13 INTERNAL: ...`.
    Grpc,
}

/// A row: the root field (any, if `None`), the code (any, if `None`), the message, and what it means.
type Row = (Option<&'static str>, Option<&'static str>, Text, Verdict);

const INTERNAL: Option<&str> = Some("INTERNAL_SERVER_ERROR");
const BAD_INPUT: Option<&str> = Some("BAD_USER_INPUT");

const TABLE: &[Row] = &[
    // The gateway sent what this Houston does not know: never the caller's fault.
    (None, Some("GRAPHQL_VALIDATION_FAILED"), Text::Any, Verdict::Is(Code::SchemaDrift)),
    (None, Some("GRAPHQL_PARSE_FAILED"), Text::Any, Verdict::Is(Code::SchemaDrift)),
    (None, None, Text::Starts("Cannot query field"), Verdict::Is(Code::SchemaDrift)),
    (None, None, Text::Starts("Unknown argument"), Verdict::Is(Code::SchemaDrift)),
    (None, None, Text::Starts("Unknown type"), Verdict::Is(Code::SchemaDrift)),
    // Who the caller is.
    (None, Some("FORBIDDEN"), Text::Any, Verdict::UnauthenticatedOrForbidden),
    (None, INTERNAL, Text::Starts("Insufficient permissions."), Verdict::UnauthenticatedOrForbidden),
    (None, None, Text::Starts("AUTH_TOKEN_REFRESH_FAILED"), Verdict::Is(Code::Unauthenticated)),
    (None, Some("UNAUTHENTICATED"), Text::Any, Verdict::Is(Code::Unauthenticated)),
    (Some("createToken"), Some("RESOURCE_NOT_FOUND"), Text::Any, Verdict::Is(Code::Unauthenticated)),
    (None, None, Text::Starts("Invalid password and username combination"), Verdict::Is(Code::Unauthenticated)),
    (None, Some("ACCOUNT_NOT_CONFIRMED"), Text::Any, Verdict::Is(Code::AccountNotConfirmed)),
    (None, Some("PUBLIC_SIGNUPS_DISABLED"), Text::Any, Verdict::Is(Code::Forbidden)),
    // What is not there.
    (None, Some("RESOURCE_NOT_FOUND"), Text::Any, Verdict::Is(Code::NotFound)),
    (None, BAD_INPUT, Text::Starts("The role binding does not exist"), Verdict::Is(Code::NotFound)),
    (None, INTERNAL, Text::Starts("No Node for the model"), Verdict::Is(Code::NotFound)),
    (None, INTERNAL, Text::Starts("Invalid authentication provider"), Verdict::Is(Code::NotFound)),
    // Before 0.33.1 JavaScript speaks for a deployment that is not there.
    (Some("logs"), INTERNAL, Text::Starts("Cannot read propert"), Verdict::Is(Code::NotFound)),
    (Some("log"), INTERNAL, Text::Starts("Cannot read propert"), Verdict::Is(Code::NotFound)),
    (Some("metrics"), INTERNAL, Text::Starts("Cannot read propert"), Verdict::Is(Code::NotFound)),
    // What clashes.
    (None, Some("DUPLICATE_EMAIL"), Text::Any, Verdict::Is(Code::Conflict)),
    (None, Some("USER_ALREADY_INVITED"), Text::Any, Verdict::Is(Code::Conflict)),
    (None, BAD_INPUT, Text::Starts("A duplicate role binding already exists"), Verdict::Is(Code::Conflict)),
    (None, BAD_INPUT, Text::Starts("Workspace already has a deployment named"), Verdict::Is(Code::Conflict)),
    (None, BAD_INPUT, Text::Starts("Service Account already exists"), Verdict::Is(Code::Conflict)),
    (None, None, Text::Starts("There are no other system administrators"), Verdict::Is(Code::Conflict)),
    (None, None, Text::Starts("You must first deprovision all deployments"), Verdict::Is(Code::Conflict)),
    (None, None, Text::Starts("workspaceUser query unexpectedly returned"), Verdict::Is(Code::Conflict)),
    (None, None, Text::Holds("not allowed as the cluster is not active"), Verdict::Is(Code::Conflict)),
    // Billing, on cloud installations of old.
    (None, None, Text::Starts("Workspace is suspended"), Verdict::Is(Code::PaymentRequired)),
    (None, None, Text::Starts("Workspace is in trial mode"), Verdict::Is(Code::PaymentRequired)),
    // What Houston's rules refuse.
    (None, Some("INVITE_EMAIL_NOT_MATCH"), Text::Any, Verdict::Is(Code::Unprocessable)),
    (None, BAD_INPUT, Text::Starts("A required argument was not sent"), Verdict::Is(Code::InvalidRequest)),
    (None, BAD_INPUT, Text::Any, Verdict::Is(Code::Unprocessable)),
    (None, None, Text::Starts("Variable \"$"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Holds("is not a valid deployment property"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Starts("Maximum CPU for pod exceeded"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Starts("Maximum Memory for pod exceeded"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Starts("Minimum Extra AU not met"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Starts("Invalid Environment Variable Key"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Holds("set automatically and cannot be overridden"), Verdict::Is(Code::Unprocessable)),
    (None, INTERNAL, Text::Starts("Invalid deployment"), Verdict::Is(Code::Unprocessable)),
    // What failed behind Houston.
    (None, None, Text::Starts("14 UNAVAILABLE"), Verdict::Is(Code::HoustonUnavailable)),
    (None, None, Text::Starts("4 DEADLINE_EXCEEDED"), Verdict::Is(Code::HoustonTimeout)),
    (None, None, Text::Grpc, Verdict::Is(Code::BadUpstreamAnswer)),
];

/// Decides what `errors`, reported for `root_field`, amount to. Drift outweighs everything else; otherwise the first
/// error decides. What no row knows is Houston's own failure.
pub(super) fn judge(root_field: &str, errors: &[HoustonError]) -> Verdict {
    let verdicts = || errors.iter().map(|error| judge_one(root_field, error));
    verdicts()
        .find(|each| *each == Verdict::Is(Code::SchemaDrift))
        .or_else(|| verdicts().next())
        .unwrap_or(Verdict::Is(Code::HoustonFailed))
}

fn judge_one(root_field: &str, error: &HoustonError) -> Verdict {
    let fits = |(field, code, text, _): &&Row| {
        field.is_none_or(|field| field == root_field)
            && code.is_none_or(|code| error.code.as_deref() == Some(code))
            && text.fits(&error.message)
    };
    TABLE.iter().find(fits).map_or(Verdict::Is(Code::HoustonFailed), |(_, _, _, verdict)| *verdict)
}

impl Text {
    fn fits(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Starts(start) => message.starts_with(start),
            Self::Holds(part) => message.contains(part),
            Self::Grpc => message.split_once(' ').is_some_and(|(number, rest)| {
                number.parse::<u8>().is_ok_and(|number| number <= 16)
                    && rest.split_once(':').is_some_and(|(name, _)| {
                        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
                    })
            }),
        }
    }
}
