//! Opening a WebSocket to Houston (RFC 6455): address, TLS, deadlines, sub-protocol.

use super::{CallError, Trace};
use crate::config;
use http::{HeaderValue, StatusCode, header};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{Error, client::IntoClientRequest, protocol::WebSocketConfig},
};
use url::Url;

/// Houston writes small frames; the library's default would reserve 128 KiB for each socket.
const READ_BUFFER: usize = 16 << 10;

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How GraphQL is spoken on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// `graphql-ws`, the frames of Apollo's subscriptions-transport-ws: what every known Houston speaks.
    Legacy,
    /// `graphql-transport-ws`, its successor.
    Transport,
}

/// Opens sockets to one Houston.
pub(super) struct Dialer {
    url: Url,
    connector: Connector,
    limits: WebSocketConfig,
    connect_timeout: Duration,
}

impl Dialer {
    /// # Errors
    /// If TLS cannot be set up.
    pub(super) fn new(settings: &config::Houston) -> Result<Self, rustls::Error> {
        let url = address(settings);
        let connector = if url.scheme() == "wss" { Connector::Rustls(tls()?) } else { Connector::Plain };
        let limits = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .max_message_size(Some(settings.reply_limit_bytes))
            .max_frame_size(Some(settings.reply_limit_bytes));
        Ok(Self { url, connector, limits, connect_timeout: settings.connect_timeout })
    }

    /// Opens a socket. Houston gets no credential yet: that goes with the first frame.
    ///
    /// # Errors
    /// [`CallError::Connect`] if no connection was opened, [`CallError::Status`] if something other than a WebSocket
    /// answered, [`CallError::Broken`] if it cannot be understood.
    pub(super) async fn dial(&self, trace: &Trace) -> Result<(Socket, Protocol), CallError> {
        let mut request = self.url.as_str().into_client_request().map_err(refused)?;
        let headers = request.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("graphql-ws, graphql-transport-ws"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(super::USER_AGENT));
        trace.insert(headers);
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_or_known_default().unwrap_or_default();
        let stream = timeout(self.connect_timeout, TcpStream::connect((host, port)))
            .await
            .map_err(|_| CallError::Connect("no connection in time".into()))?
            .map_err(|why| CallError::Connect(why.to_string().into()))?;
        // Frames are small and final; waiting to fill a packet only delays them.
        let _best_effort = stream.set_nodelay(true);
        let connector = Some(self.connector.clone());
        let (socket, response) =
            client_async_tls_with_config(request, stream, Some(self.limits), connector).await.map_err(refused)?;
        match response.headers().get(header::SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes) {
            Some(b"graphql-transport-ws") => Ok((socket, Protocol::Transport)),
            _ => Ok((socket, Protocol::Legacy)),
        }
    }
}

/// Houston's WebSocket is beside its GraphQL endpoint: `https://houston.BASEDOMAIN/v1` makes `wss://houston.BASEDOMAIN/ws`.
fn address(settings: &config::Houston) -> Url {
    if let Some(url) = &settings.websocket_url {
        return url.clone();
    }
    let mut url = settings.url.clone();
    let path = url.path().trim_end_matches('/');
    let path = format!("{}/ws", path.strip_suffix("/v1").unwrap_or(path));
    url.set_path(&path);
    url.set_query(None);
    // Between these schemes a change is always possible.
    let _changed = url.set_scheme(if url.scheme() == "https" { "wss" } else { "ws" });
    url
}

/// Trusts the authorities of the system; without any, as in a slim container, those of Mozilla that are compiled in.
fn tls() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why there is no socket.
fn refused(error: Error) -> CallError {
    match error {
        Error::Http(response) => CallError::Status(response.status()),
        Error::Io(why) => CallError::Connect(why.to_string().into()),
        other => failed(other),
    }
}

/// Why a socket broke.
pub(super) fn failed(error: Error) -> CallError {
    match error {
        Error::Capacity(tokio_tungstenite::tungstenite::error::CapacityError::MessageTooLong { max_size, .. }) => {
            CallError::TooLarge(max_size)
        }
        Error::Http(response) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
            CallError::Status(response.status())
        }
        other => CallError::Broken(other.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::address;
    use crate::config::Config;

    #[test]
    fn the_socket_is_beside_the_endpoint() {
        let mut settings = Config::load_with(None, |_| None).expect("the defaults").houston;
        for (url, socket) in [
            ("https://houston.example.com/v1", "wss://houston.example.com/ws"),
            ("https://houston.example.com/v1/", "wss://houston.example.com/ws"),
            ("http://127.0.0.1:8871/v1", "ws://127.0.0.1:8871/ws"),
            ("https://example.com/houston/v1?x=1", "wss://example.com/houston/ws"),
            ("https://example.com", "wss://example.com/ws"),
        ] {
            settings.url = url.parse().expect("a URL");
            assert_eq!(address(&settings).as_str(), socket);
        }
    }
}
