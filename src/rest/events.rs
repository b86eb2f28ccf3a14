//! Server-Sent Events (WHATWG HTML, 9.2): a stream of the gateway as bytes on the wire.
//!
//! An event has `id`, `event` and `data`, in this order. The last one may be named `error`; its data is a problem, as
//! any request would have been answered with. Comments keep the connection open while there is nothing to say.

use super::{Body, Response, respond};
use crate::{
    config,
    gateway::{Event, Events},
    problem::Problem,
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use http::{HeaderName, HeaderValue, header};
use http_body_util::Full;
use std::{convert::Infallible, time::Duration};
use tokio::time::timeout;

/// The media type of a stream.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// Tells nginx and its kind not to gather events before passing them on.
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

const HEARTBEAT: &[u8] = b": still here\n\n";

/// A response that is a stream. `document` makes a problem's JSON, tied to the request.
pub(super) fn response(
    events: Events,
    settings: &config::Streams,
    document: impl Fn(&Problem) -> Vec<u8> + Send + 'static,
) -> Response {
    // At once, so that headers reach the caller before the first event does.
    let hello = Bytes::from(format!("retry: {}\n\n", settings.retry.as_millis()));
    let heartbeat = settings.heartbeat;
    let rest = stream::unfold((events, document), move |state| next(state, heartbeat));
    let body = stream::iter([hello]).chain(rest).map(Ok::<_, Infallible>);
    respond_with(Body::Right(axum::body::Body::from_stream(body)))
}

/// The response to HEAD: nothing is opened.
pub(super) fn head() -> Response {
    respond_with(Body::Left(Full::default()))
}

fn respond_with(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, respond::VARY);
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// The next piece of the body: an event, or a comment if there is none within `heartbeat`.
async fn next<F>((mut events, document): (Events, F), heartbeat: Duration) -> Option<(Bytes, (Events, F))>
where
    F: Fn(&Problem) -> Vec<u8>,
{
    let piece = match timeout(heartbeat, events.next()).await {
        Err(_) => Bytes::from_static(HEARTBEAT),
        Ok(None) => return None,
        Ok(Some(Ok(event))) => frame(&event),
        Ok(Some(Err(failure))) => {
            let data = document(&failure.problem()).into();
            frame(&Event { id: None, name: "error".into(), data })
        }
    };
    Some((piece, (events, document)))
}

/// One event. Neither ids nor names hold line breaks.
fn frame(event: &Event) -> Bytes {
    let mut bytes = BytesMut::with_capacity(event.data.len() + 96);
    if let Some(id) = &event.id {
        bytes.put_slice(b"id: ");
        bytes.put_slice(id.as_bytes());
        bytes.put_u8(b'\n');
    }
    bytes.put_slice(b"event: ");
    bytes.put_slice(event.name.as_bytes());
    // JSON may be spread over lines: each needs its own field, and the reader joins them again.
    for line in event.data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        bytes.put_slice(b"\ndata: ");
        bytes.put_slice(line);
    }
    bytes.put_slice(b"\n\n");
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::frame;
    use crate::gateway::Event;
    use bytes::Bytes;

    #[test]
    fn events_on_the_wire() {
        let event = |id: Option<&str>, data: &'static str| {
            frame(&Event { id: id.map(Into::into), name: "log".into(), data: Bytes::from_static(data.as_bytes()) })
        };
        assert_eq!(event(Some("7"), r#"{"a":1}"#), "id: 7\nevent: log\ndata: {\"a\":1}\n\n");
        assert_eq!(event(None, "{\n\"a\":1}"), "event: log\ndata: {\ndata: \"a\":1}\n\n");
    }
}
