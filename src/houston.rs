//! Houston: the one place that talks to it, over HTTP and over WebSockets.

mod breaker;
mod pool;
pub mod probe;
mod socket;
mod subscription;
mod tally;
mod transport;

pub use subscription::Subscription;
pub use tally::{OUTCOMES, Standing};

use crate::{caller::Caller, config};
use breaker::Breaker;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use socket::Dialer;
use std::{error::Error, sync::Arc, time::Duration};
use tally::Tally;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout, timeout_at},
};
use tower::retry::budget::{Budget, TpsBudget};
use transport::Transport;

/// The first pause before trying again; each further one doubles.
const BACKOFF: Duration = Duration::from_millis(40);

const USER_AGENT: &str = concat!("houston-gateway/", env!("CARGO_PKG_VERSION"));

/// A client of one Houston.
pub struct Houston {
    transport: Transport,
    dialer: Dialer,
    turns: Semaphore,
    retries: TpsBudget,
    breaker: Breaker,
    tally: Tally,
    settings: config::Houston,
}

/// Headers of the caller's request that Houston gets to see.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// `X-Request-Id`.
    pub request_id: Option<HeaderValue>,
    /// `traceparent` (W3C Trace Context).
    pub traceparent: Option<HeaderValue>,
}

/// Why Houston gave no answer that can be looked into.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// No connection was opened: nothing was sent.
    #[error("cannot connect to Houston: {0}")]
    Connect(Arc<str>),
    /// The connection broke before the answer was complete: Houston may or may not have acted.
    #[error("the connection to Houston broke: {0}")]
    Broken(Arc<str>),
    /// The deadline passed.
    #[error("Houston did not answer within {0:?}")]
    Timeout(Duration),
    /// The answer is larger than the limit.
    #[error("Houston's answer is larger than {0} bytes")]
    TooLarge(usize),
    /// A proxy in front of Houston, or Houston itself, answered with this status and no GraphQL.
    #[error("HTTP status {0} without a GraphQL answer")]
    Status(StatusCode),
    /// Too many calls are running.
    #[error("too many calls to Houston are running")]
    Busy,
    /// Houston failed too often; no call is made for a while.
    #[error("Houston failed repeatedly; calls are held back for {0:?}")]
    Open(Duration),
    /// Houston closed a WebSocket instead of acknowledging the credential.
    #[error("Houston did not acknowledge the WebSocket: {0}")]
    Rejected(Arc<str>),
}

/// A client that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// For HTTP.
    #[error("cannot set up the HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// For WebSockets.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The address is one that no request can be sent to.
    #[error("houston.url: {0}")]
    Address(#[from] http::Error),
}

impl Trace {
    /// Adds the headers to a request.
    fn insert(&self, headers: &mut HeaderMap) {
        if let Some(id) = &self.request_id {
            headers.insert("x-request-id", id.clone());
        }
        if let Some(parent) = &self.traceparent {
            headers.insert("traceparent", parent.clone());
        }
    }
}

impl Houston {
    /// A client for the Houston that `settings` name.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(settings: config::Houston) -> Result<Self, ClientError> {
        Ok(Self {
            transport: Transport::new(&settings)?,
            dialer: Dialer::new(&settings)?,
            turns: Semaphore::new(settings.max_in_flight.min(Semaphore::MAX_PERMITS)),
            retries: TpsBudget::new(Duration::from_secs(10), 10, 0.2),
            breaker: Breaker::new(settings.breaker_failures, settings.breaker),
            tally: Tally::default(),
            settings,
        })
    }

    /// How things stand with Houston.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let in_flight = self.settings.max_in_flight.saturating_sub(self.turns.available_permits());
        self.tally.standing(in_flight, self.breaker.is_open())
    }

    /// Whether Houston is asked for its version again and again.
    #[must_use]
    pub fn is_probed(&self) -> bool {
        self.settings.probe
    }

    /// Completes `request`, which ends with `"variables":`, by `variables`, an object's JSON text without its closing
    /// brace, and sends it. `repeatable` says that sending it twice does no harm.
    ///
    /// # Errors
    /// If there is no answer to look into. What is repeatable is tried again as far as the retry budget allows, anything
    /// else only if nothing was sent.
    pub async fn call(
        &self,
        request: &[u8],
        variables: &str,
        repeatable: bool,
        caller: Option<&Caller>,
        trace: &Trace,
    ) -> Result<Bytes, CallError> {
        let mut body = BytesMut::with_capacity(request.len() + variables.len() + 2);
        body.extend_from_slice(request);
        body.extend_from_slice(variables.as_bytes());
        body.extend_from_slice(b"}}");
        self.send(body.freeze(), repeatable, caller, trace).await
    }

    /// Sends a request's body. `repeatable` says that sending it twice does no harm.
    pub(crate) async fn send(
        &self,
        body: Bytes,
        repeatable: bool,
        caller: Option<&Caller>,
        trace: &Trace,
    ) -> Result<Bytes, CallError> {
        let started = Instant::now();
        let outcome = self.send_until(started + self.settings.deadline, body, repeatable, caller, trace).await;
        self.tally.count(&outcome, started.elapsed());
        outcome
    }

    /// Sends a request's body until there is an answer, or no hope for one.
    async fn send_until(
        &self,
        deadline: Instant,
        body: Bytes,
        repeatable: bool,
        caller: Option<&Caller>,
        trace: &Trace,
    ) -> Result<Bytes, CallError> {
        self.breaker.admit().map_err(CallError::Open)?;
        let _turn = self.turn().await?;
        let mut attempt = 0;
        self.retries.deposit();
        loop {
            let outcome = match timeout_at(deadline, self.send_once(body.clone(), caller, trace)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(CallError::Timeout(self.settings.deadline)),
            };
            let Err(error) = outcome else {
                self.breaker.succeeded();
                return outcome;
            };
            if error.is_outage() {
                self.breaker.failed();
            }
            let may_repeat = matches!(error, CallError::Connect(_)) || (repeatable && error.is_transient());
            if !may_repeat || attempt >= self.settings.retries || !self.retries.withdraw() {
                return Err(error);
            }
            self.tally.count_retry();
            sleep(backoff(BACKOFF, attempt)).await;
            attempt += 1;
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, CallError> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        match timeout(self.settings.queue, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(CallError::Busy),
        }
    }

    async fn send_once(&self, body: Bytes, caller: Option<&Caller>, trace: &Trace) -> Result<Bytes, CallError> {
        let headers = |headers: &mut HeaderMap| {
            if let Some(caller) = caller {
                headers.insert(header::AUTHORIZATION, caller.authorization().clone());
            }
            trace.insert(headers);
        };
        let (status, bytes) = self.transport.post(body, headers, self.settings.reply_limit_bytes).await?;
        // Apollo answers 400 with a GraphQL body; a proxy in front answers anything with HTML.
        if status.is_success() || bytes.trim_ascii_start().first() == Some(&b'{') {
            Ok(bytes)
        } else {
            Err(CallError::Status(status))
        }
    }
}

impl CallError {
    /// Whether trying again may help.
    fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Broken(_) => true,
            Self::Status(status) => matches!(status.as_u16(), 502..=504),
            _ => false,
        }
    }

    /// Whether Houston itself seems to be in trouble.
    fn is_outage(&self) -> bool {
        self.is_transient() || matches!(self, Self::Timeout(_))
    }
}

/// A pause that doubles from `first` on, give or take a half, so that callers do not come back together.
pub(crate) fn backoff(first: Duration, attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 100;
    first * 2u32.pow(attempt.min(6)) * u32::try_from(random + 50).unwrap_or(100) / 100
}

/// What happened, in the words of the error at the root of all.
fn innermost(error: &(dyn Error + 'static)) -> Arc<str> {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().into()
}
