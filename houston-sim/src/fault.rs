//! Faults that can be switched on: slow answers, proxies in the way, broken bodies, errors of every kind.

use http::StatusCode;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The answer takes this much longer.
    Latency(Duration),
    /// A proxy in front answers with this status and an HTML page. Houston is not reached.
    Status(StatusCode),
    /// The connection closes without an answer. Needs [`Houston::serve`](crate::Houston::serve): a bare router has no
    /// connection to close and answers 500.
    Drop,
    /// The connection closes in the middle of the body.
    Truncate,
    /// Status 200 and a body that is not JSON.
    Garbage,
    /// Houston answers with this error instead of the result, or besides it.
    Error {
        /// Its text.
        message: String,
        /// Its `extensions.code`, if it has one.
        code: Option<String>,
        /// Whether the operation is carried out and its data is in the answer.
        with_data: bool,
    },
    /// Status 400 and `GRAPHQL_VALIDATION_FAILED`, without data, as if Houston had another schema.
    Validation(String),
    /// Errors carry `extensions.exception.stacktrace`.
    StackTrace,
    /// The answer is at least this many bytes long.
    Huge(usize),
    /// The websocket breaks off after this many events.
    DropSocketAfter(u32),
}

/// A trouble, and which requests have it.
#[derive(Clone, Debug)]
pub struct Fault {
    trouble: Trouble,
    on: Option<String>,
    left: Option<u32>,
}

impl Fault {
    /// Trouble for every request from now on.
    #[must_use]
    pub fn new(trouble: Trouble) -> Self {
        Self { trouble, on: None, left: None }
    }

    /// The login at the identity provider could not be renewed. The code that goes with it is unknown.
    #[must_use]
    pub fn session_lost() -> Self {
        let message = "AUTH_TOKEN_REFRESH_FAILED".to_owned();
        Self::new(Trouble::Error { message, code: None, with_data: false })
    }

    /// An error with this message and code in place of the result.
    #[must_use]
    pub fn error(message: &str, code: &str) -> Self {
        Self::new(Trouble::Error { message: message.to_owned(), code: Some(code.to_owned()), with_data: false })
    }

    /// Only for requests with this operation name or root field; `ws` stands for opening a websocket.
    #[must_use]
    pub fn on(mut self, name: &str) -> Self {
        self.on = Some(name.to_owned());
        self
    }

    /// Only for the next `times` of these requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Switches a fault on.
    pub fn add(&self, fault: Fault) {
        self.list().push(fault);
    }

    /// Switches all faults off.
    pub fn clear(&self) {
        self.list().clear();
    }

    fn list(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The troubles of a request, each of which is one time nearer to its end.
    pub(crate) fn take(&self, operation: Option<&str>, fields: &[String]) -> Vec<Trouble> {
        let mut list = self.list();
        let concerns = |fault: &Fault| match fault.on.as_deref() {
            None => true,
            Some(name) => operation == Some(name) || fields.iter().any(|field| field == name),
        };
        let mut troubles = Vec::new();
        for fault in list.iter_mut().filter(|fault| concerns(fault)) {
            if let Some(left) = &mut fault.left {
                *left = left.saturating_sub(1);
            }
            troubles.push(fault.trouble.clone());
        }
        list.retain(|fault| fault.left != Some(0));
        troubles
    }
}
