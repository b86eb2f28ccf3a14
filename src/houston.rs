//! Houston: the one place that talks to it, over HTTP and over WebSockets.

mod breaker;
pub mod probe;
mod socket;
mod subscription;

pub use subscription::Subscription;

use crate::{caller::Caller, config};
use breaker::Breaker;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use reqwest::{Client, Url};
use socket::Dialer;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, timeout},
};
use tower::retry::budget::{Budget, TpsBudget};

/// Idle connections are given up before Node.js, which closes them after 5 s, does so under a request.
const IDLE: Duration = Duration::from_secs(4);

/// The first pause before trying again; each further one doubles.
const BACKOFF: Duration = Duration::from_millis(40);

const USER_AGENT: &str = concat!("houston-gateway/", env!("CARGO_PKG_VERSION"));

/// A client of one Houston.
pub struct Houston {
    http: Client,
    dialer: Dialer,
    url: Url,
    turns: Semaphore,
    retries: TpsBudget,
    breaker: Breaker,
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
        let builder = || {
            let builder = Client::builder()
                .connect_timeout(settings.connect_timeout)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(settings.max_in_flight)
                .tcp_nodelay(true)
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .user_agent(USER_AGENT);
            if settings.use_proxy { builder } else { builder.no_proxy() }
        };
        // Reading the system's certificate authorities is an eighth of the start; plain HTTP needs none.
        let is_plain = settings.url.scheme() == "http" && !settings.use_proxy;
        let client = if is_plain { builder().tls_certs_only([]) } else { builder() };
        // A slim container has no store of certificate authorities, and then no client can be built at all: fall back
        // to the Mozilla roots that are compiled in.
        let http = client.build().or_else(|_| {
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let roots = roots.filter_map(|each| reqwest::Certificate::from_der(each).ok());
            builder().tls_certs_only(roots).build()
        })?;
        Ok(Self {
            http,
            dialer: Dialer::new(&settings)?,
            url: settings.url.clone(),
            turns: Semaphore::new(settings.max_in_flight),
            retries: TpsBudget::new(Duration::from_secs(10), 10, 0.2),
            breaker: Breaker::new(settings.breaker_failures, settings.breaker),
            settings,
        })
    }

    /// Where Houston is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
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
        self.breaker.admit().map_err(CallError::Open)?;
        let _turn = self.turn().await?;
        let deadline = Instant::now() + self.settings.deadline;
        let mut attempt = 0;
        self.retries.deposit();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let outcome = match timeout(left, self.send_once(body.clone(), caller, trace)).await {
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
        let mut request = self
            .http
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(body);
        if let Some(caller) = caller {
            request = request.header(header::AUTHORIZATION, caller.authorization().clone());
        }
        let mut headers = HeaderMap::new();
        trace.insert(&mut headers);
        let response = request.headers(headers).send().await.map_err(CallError::from)?;
        let status = response.status();
        let bytes = self.read(response).await?;
        // Apollo answers 400 with a GraphQL body; a proxy in front answers anything with HTML.
        if status.is_success() || bytes.trim_ascii_start().first() == Some(&b'{') {
            Ok(bytes)
        } else {
            Err(CallError::Status(status))
        }
    }

    /// Reads an answer up to the limit. Most come in one piece, which is used as it is.
    async fn read(&self, mut response: reqwest::Response) -> Result<Bytes, CallError> {
        let limit = self.settings.reply_limit_bytes;
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(CallError::TooLarge(limit));
        }
        let Some(first) = response.chunk().await.map_err(CallError::from)? else { return Ok(Bytes::new()) };
        if announced == Some(first.len()) {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity(announced.unwrap_or(first.len() * 2));
        whole.extend_from_slice(&first);
        while let Some(next) = response.chunk().await.map_err(CallError::from)? {
            if whole.len() + next.len() > limit {
                return Err(CallError::TooLarge(limit));
            }
            whole.extend_from_slice(&next);
        }
        Ok(whole.freeze())
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

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        // The address is left out: it is none of a caller's business. The innermost source says what happened.
        let error = error.without_url();
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        let why: Arc<str> = innermost.to_string().into();
        if error.is_connect() { Self::Connect(why) } else { Self::Broken(why) }
    }
}

/// A pause that doubles from `first` on, give or take a half, so that callers do not come back together.
pub(crate) fn backoff(first: Duration, attempt: u32) -> Duration {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(attempt) % 100;
    first * 2u32.pow(attempt.min(6)) * u32::try_from(random + 50).unwrap_or(100) / 100
}
