//! Problems: what went wrong with one request, as its caller sees it (RFC 9457).

mod code;

pub use code::Code;

use serde::Serialize;

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
