//! How a request reaches Houston and its answer comes back: over a kept connection, whole, and within limits.

use super::{CallError, ClientError, USER_AGENT, innermost, pool::Pool};
use crate::config;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::time::Duration;
use tower::BoxError;

/// Idle connections are given up before Node.js, which closes them after 5 s, does so under a request.
const IDLE: Duration = Duration::from_secs(4);

/// The clients that are used.
pub(super) enum Transport {
    /// Plain HTTP, as inside a cluster. What the other one knows beyond that would cost each call another 10 µs of CPU
    /// time, a quarter of an answer that is not cached.
    Plain(Pool),
    /// HTTPS, certificate authorities, proxies; and Houston's address.
    Secure(reqwest::Client, Uri),
}

impl Transport {
    /// # Errors
    /// If TLS cannot be set up, or no request can be sent to Houston's address.
    pub(super) fn new(settings: &config::Houston) -> Result<Self, ClientError> {
        if settings.url.scheme() == "http" && !settings.use_proxy {
            return Ok(Self::Plain(Pool::new(settings, IDLE)?));
        }
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(settings.connect_timeout)
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(settings.max_in_flight)
                .tcp_nodelay(true)
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false);
            if settings.use_proxy { builder } else { builder.no_proxy() }
        };
        // A slim container has no store of certificate authorities, and then no client can be built at all: fall back
        // to the Mozilla roots that are compiled in.
        let client = builder().build().or_else(|_| {
            let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
            let roots = roots.filter_map(|each| reqwest::Certificate::from_der(each).ok());
            builder().tls_certs_only(roots).build()
        })?;
        let address = settings.url.as_str().parse().map_err(http::Error::from)?;
        Ok(Self::Secure(client, address))
    }

    /// Posts a request's body and reads the whole answer, up to `limit` bytes of it.
    pub(super) async fn post(
        &self,
        body: Bytes,
        headers: impl FnOnce(&mut HeaderMap),
        limit: usize,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let request = |room| {
            let mut request = Request::new(body);
            *request.method_mut() = http::Method::POST;
            *request.headers_mut() = room;
            let out = request.headers_mut();
            out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            out.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
            out.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
            headers(out);
            request
        };
        match self {
            Self::Plain(pool) => {
                let (status, body, connection) = pool.send(request).await?;
                let body = whole(body, limit).await?;
                pool.keep(connection);
                Ok((status, body))
            }
            Self::Secure(client, address) => {
                Box::pin(secure(client, address.clone(), request(HeaderMap::new()), limit)).await
            }
        }
    }
}

async fn secure(
    client: &reqwest::Client,
    address: Uri,
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<(StatusCode, Bytes), CallError> {
    *request.uri_mut() = address;
    let unsendable = |error: reqwest::Error| CallError::Connect(innermost(&error.without_url()));
    let answer = client.execute(request.try_into().map_err(unsendable)?).await.map_err(|error| {
        // The address is left out: it is none of a caller's business.
        let error = error.without_url();
        let why = innermost(&error);
        if error.is_connect() { CallError::Connect(why) } else { CallError::Broken(why) }
    })?;
    let status = answer.status();
    Ok((status, whole(reqwest::Body::from(answer), limit).await?))
}

/// Answers of up to so many bytes are copied. As slices they would keep the connection's read buffer, and a new one would
/// have to be made for each call.
const COPIED: usize = 4 << 10;

/// Reads an answer's body. Most come in one piece, which is used as it is unless it is small.
async fn whole<B>(mut body: B, limit: usize) -> Result<Bytes, CallError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let announced = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(CallError::TooLarge(limit));
    }
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let broken = |error: BoxError| CallError::Broken(innermost(&*error));
        let Ok(piece) = frame.map_err(|error| broken(error.into()))?.into_data() else { continue };
        if first.len().max(rest.len()) + piece.len() > limit {
            return Err(CallError::TooLarge(limit));
        }
        if first.is_empty() {
            first = piece;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced.unwrap_or(2 * (first.len() + piece.len())));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&piece);
    }
    Ok(match rest.is_empty() {
        true if first.len() <= COPIED => Bytes::copy_from_slice(&first),
        true => first,
        false => rest.freeze(),
    })
}
