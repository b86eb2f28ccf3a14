//! Connections to Houston over plain HTTP, kept for the next call. What nobody has sent yet may change the connection;
//! what may have been sent never does.

use super::{CallError, innermost};
use crate::config;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1},
};
use hyper_util::client::legacy::connect::HttpConnector;
use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// A connection as those see it who send requests. It closes when this is dropped.
pub(super) struct Connection {
    requests: http1::SendRequest<Full<Bytes>>,
    /// Room for headers. hyper writes those of an answer where those of its request were; from there they go round, which
    /// spares each call two allocations: 1.5 % of a change.
    room: HeaderMap,
}

/// Connections to one Houston: as many as calls run, and those that were used lately.
pub(super) struct Pool {
    connector: HttpConnector,
    connect_timeout: Duration,
    address: Uri,
    /// What the request line says: the path alone.
    path: Uri,
    host: HeaderValue,
    idle: Arc<Idle>,
    sweeping: Once,
}

/// Connections that no call uses. The one that came last goes first, so that no more are kept than are needed.
struct Idle {
    kept: Mutex<Vec<Kept>>,
    most: usize,
    /// For how long one is kept.
    patience: Duration,
}

struct Kept {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// # Errors
    /// If the settings' address is one that no request can be sent to.
    pub(super) fn new(settings: &config::Houston, patience: Duration) -> Result<Self, http::Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let address: Uri = settings.url.as_str().parse()?;
        let path = address.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        // An address of IPv6 has its brackets already, and the port that goes without saying is left out.
        let name = settings.url.host_str().unwrap_or_default();
        let host = settings.url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        Ok(Self {
            connector,
            connect_timeout: settings.connect_timeout,
            address,
            path: path.into(),
            host: host.try_into()?,
            idle: Arc::new(Idle { kept: Mutex::default(), most: settings.max_in_flight, patience }),
            sweeping: Once::new(),
        })
    }

    /// Sends a request, whose address is filled in here, and returns the answer: its body is still to be read. Once that
    /// was done to the end, the connection goes back by [`Self::keep`]; if it is dropped instead, it closes.
    ///
    /// The request is made once there is a connection and stays in no variable of this function: each call, and all that
    /// waits for one, would be 500 bytes larger, a third, and is moved several times.
    ///
    /// # Errors
    /// [`CallError::Connect`] if nothing was sent, [`CallError::Broken`] if Houston may have got the request.
    pub(super) async fn send(
        &self,
        request: impl FnOnce(HeaderMap) -> Request<Bytes>,
    ) -> Result<(StatusCode, Incoming, Connection), CallError> {
        let Some(mut connection) = self.idle.take() else {
            return Box::pin(self.send_first(self.addressed(request(HeaderMap::new())))).await;
        };
        let room = mem::take(&mut connection.room);
        let unsent = match connection.requests.try_send_request(self.addressed(request(room))).await {
            Ok(answer) => return Ok(connection.answered(answer)),
            Err(refused) => unsent(refused)?,
        };
        drop(connection);
        Box::pin(self.send_first(unsent)).await
    }

    /// Sends a request over a new connection.
    async fn send_first(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Incoming, Connection), CallError> {
        let mut connection = self.open().await?;
        match connection.requests.try_send_request(request).await {
            Ok(answer) => Ok(connection.answered(answer)),
            Err(refused) => unsent(refused).and_then(|_| Err(CallError::Connect("closed at once".into()))),
        }
    }

    fn addressed(&self, request: Request<Bytes>) -> Request<Full<Bytes>> {
        let mut request = request.map(Full::new);
        *request.uri_mut() = self.path.clone();
        request.headers_mut().insert(header::HOST, self.host.clone());
        request
    }

    /// Takes a connection back whose answer was read to its end.
    pub(super) fn keep(&self, mut connection: Connection) {
        if connection.requests.is_ready() {
            return self.idle.put(connection);
        }
        // Either its task, on another processor, has yet to see the end of the answer, or it will not go on.
        let idle = Arc::clone(&self.idle);
        tokio::spawn(async move {
            if let Ok(Ok(())) = timeout(idle.patience, connection.requests.ready()).await {
                idle.put(connection);
            }
        });
    }

    async fn open(&self) -> Result<Connection, CallError> {
        // The connector's own limit would leave out looking up the name.
        let stream = timeout(self.connect_timeout, self.connector.clone().oneshot(self.address.clone()))
            .await
            .map_err(|_| CallError::Connect("no connection in time".into()))?
            .map_err(|why| CallError::Connect(innermost(&why)))?;
        // Most requests are small: to copy one behind its head is cheaper than to write two pieces, by up to 3 % of a change.
        let opened = http1::Builder::new().writev(false).handshake(stream).await;
        let (requests, running) = opened.map_err(|why| CallError::Connect(innermost(&why)))?;
        // How it ends is told to the call that it ends under.
        tokio::spawn(running);
        self.sweeping.call_once(|| {
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        });
        Ok(Connection { requests, room: HeaderMap::new() })
    }
}

impl Connection {
    /// What of an answer is looked at, and the connection for the next one.
    fn answered(mut self, answer: Response<Incoming>) -> (StatusCode, Incoming, Self) {
        let (head, body) = answer.into_parts();
        self.room = head.headers;
        self.room.clear();
        (head.status, body, self)
    }
}

impl Idle {
    fn take(&self) -> Option<Connection> {
        let mut kept = self.kept();
        while let Some(last) = kept.pop() {
            if last.is_usable(self.patience) {
                return Some(last.connection);
            }
        }
        None
    }

    fn put(&self, connection: Connection) {
        let mut kept = self.kept();
        if kept.len() < self.most {
            kept.push(Kept { connection, since: Instant::now() });
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether neither side has given it up.
    fn is_usable(&self, patience: Duration) -> bool {
        self.connection.requests.is_ready() && self.since.elapsed() < patience
    }
}

/// The request, if nothing of it was sent.
fn unsent(mut refused: TrySendError<Request<Full<Bytes>>>) -> Result<Request<Full<Bytes>>, CallError> {
    refused.take_message().ok_or_else(|| CallError::Broken(innermost(refused.error())))
}

/// Closes what is idle for too long, when nobody calls who would find it, as long as there is a pool.
async fn sweep(idle: Weak<Idle>) {
    while let Some(idle) = idle.upgrade() {
        idle.kept().retain(|kept| kept.is_usable(idle.patience));
        let patience = idle.patience;
        drop(idle);
        sleep(patience).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use crate::config::Config;
    use std::time::Duration;

    #[test]
    fn requests_name_the_path_and_the_host_apart() {
        let mut settings = Config::load_with(None, |_| None).expect("the defaults").houston;
        for (url, host, path) in [
            ("http://houston", "houston", "/"),
            ("http://houston:80/v1", "houston", "/v1"),
            ("http://houston:8871/v1?x=1#y", "houston:8871", "/v1?x=1"),
            ("http://10.0.0.7/v1/", "10.0.0.7", "/v1/"),
            ("http://[fd00::7]/v1", "[fd00::7]", "/v1"),
            ("http://[::1]:8871/v1", "[::1]:8871", "/v1"),
            ("http://me:secret@houston:8871/v1", "houston:8871", "/v1"),
            ("http://h\u{f6}uston.example/v1", "xn--huston-wxa.example", "/v1"),
        ] {
            settings.url = url.parse().expect("a URL");
            let pool = Pool::new(&settings, Duration::MAX).expect("an address");
            assert_eq!((pool.host.as_bytes(), pool.path.to_string().as_str()), (host.as_bytes(), path), "{url}");
        }
    }
}
