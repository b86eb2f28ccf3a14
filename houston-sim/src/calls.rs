//! What clients sent: counted by operation and by root field, and the last of it in full.

use http::HeaderMap;
use std::collections::{HashMap, VecDeque};

/// Requests beyond this number are only counted.
const KEPT: usize = 500;

/// One GraphQL request as it arrived, over HTTP or over the websocket.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the operation, if it has one.
    pub operation: Option<String>,
    /// The root fields it selects.
    pub fields: Vec<String>,
    /// The document.
    pub document: String,
    /// The variables.
    pub variables: serde_json::Value,
    /// The headers as they were, credentials included. Those of the upgrade request for a websocket.
    pub headers: HeaderMap,
}

/// What a Houston has seen up to one moment.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    total: u64,
    by_operation: HashMap<String, u64>,
    by_field: HashMap<String, u64>,
    recent: Vec<Call>,
}

impl Calls {
    /// All GraphQL requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Requests with this operation name.
    #[must_use]
    pub fn operation(&self, name: &str) -> u64 {
        self.by_operation.get(name).copied().unwrap_or_default()
    }

    /// Requests that select this root field.
    #[must_use]
    pub fn field(&self, name: &str) -> u64 {
        self.by_field.get(name).copied().unwrap_or_default()
    }

    /// The latest requests, oldest first.
    #[must_use]
    pub fn recent(&self) -> &[Call] {
        &self.recent
    }

    /// The latest request.
    #[must_use]
    pub fn last(&self) -> Option<&Call> {
        self.recent.last()
    }
}

/// The counters themselves.
#[derive(Debug, Default)]
pub(crate) struct CallLog {
    total: u64,
    by_operation: HashMap<String, u64>,
    by_field: HashMap<String, u64>,
    recent: VecDeque<Call>,
}

impl CallLog {
    pub(crate) fn note(&mut self, call: Call) {
        self.total += 1;
        if let Some(name) = &call.operation {
            *self.by_operation.entry(name.clone()).or_default() += 1;
        }
        for field in &call.fields {
            *self.by_field.entry(field.clone()).or_default() += 1;
        }
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls {
            total: self.total,
            by_operation: self.by_operation.clone(),
            by_field: self.by_field.clone(),
            recent: self.recent.iter().cloned().collect(),
        }
    }

    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
