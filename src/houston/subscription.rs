//! Subscriptions: one operation on one WebSocket, in either of GraphQL's two sub-protocols.
//!
//! Houston looks at the credential once, in the first frame, and closes the socket if it does not like it. A started
//! operation is not acknowledged: the first sign of life is its first event.

use super::{
    CallError, Houston, Trace,
    socket::{Protocol, Socket, failed},
};
use crate::caller::Caller;
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

/// After this much silence the other side is asked whether it is still there, and after as much again it is given up. No
/// more is promised: Houston may or may not send keep-alive frames.
const SILENCE: Duration = Duration::from_secs(20);

/// How long the last frames may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The operation's id. A socket carries only one.
const ID: &str = "1";

/// A running subscription. When it is dropped Houston is told so, and the socket is closed.
pub struct Subscription {
    /// None once Houston has ended it.
    socket: Option<Socket>,
    protocol: Protocol,
}

/// A frame of either sub-protocol. Its id is of no interest: there is one operation.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Houston {
    /// Subscribes. `request` and `variables` are as for [`Houston::call`]. The breaker and the cap on calls do not
    /// matter here: a proxy may well serve `/v1` and refuse WebSockets, and a stream lasts for hours.
    ///
    /// # Errors
    /// If Houston cannot be reached; [`CallError::Rejected`] if it closes the socket rather than acknowledge the
    /// credential.
    pub async fn subscribe(
        &self,
        request: &[u8],
        variables: &str,
        caller: Option<&Caller>,
        trace: &Trace,
    ) -> Result<Subscription, CallError> {
        let (started, deadline) = (Instant::now(), self.settings.deadline);
        let opening = async {
            let (socket, protocol) = self.dialer.dial(trace).await?;
            let mut subscription = Subscription { socket: Some(socket), protocol };
            subscription.introduce(caller).await?;
            subscription.start(request, variables).await?;
            Ok(subscription)
        };
        let outcome = timeout(deadline, opening).await.unwrap_or(Err(CallError::Timeout(deadline)));
        self.tally.count(&outcome, started.elapsed());
        outcome
    }

    /// The payload of a subscription's first event. Counts as a call in flight.
    ///
    /// # Errors
    /// As [`Houston::subscribe`]; [`CallError::Broken`] if there is no event.
    pub async fn first_event(
        &self,
        request: &[u8],
        variables: &str,
        caller: Option<&Caller>,
        trace: &Trace,
    ) -> Result<Bytes, CallError> {
        let _turn = self.turn().await?;
        let deadline = self.settings.deadline;
        let first = async {
            let mut subscription = self.subscribe(request, variables, caller, trace).await?;
            let first = subscription.next().await?;
            first.ok_or_else(|| CallError::Broken("the subscription ended without an event".into()))
        };
        timeout(deadline, first).await.unwrap_or(Err(CallError::Timeout(deadline)))
    }
}

impl Subscription {
    /// The next event's payload: a GraphQL response (GraphQL, 7.1), exactly as Houston wrote it. `None`: Houston has
    /// ended the subscription. May be cancelled without losing anything.
    ///
    /// # Errors
    /// If the connection breaks, goes silent, or carries something else than frames.
    pub async fn next(&mut self) -> Result<Option<Bytes>, CallError> {
        while self.socket.is_some() {
            let bytes = self.receive().await?;
            let frame = read(&bytes)?;
            match &*frame.kind {
                "data" | "next" => {
                    if let Some(payload) = frame.payload {
                        return Ok(Some(bytes.slice_ref(payload.get().as_bytes())));
                    }
                }
                "error" => {
                    let reply = as_reply(frame.payload);
                    self.leave();
                    return Ok(Some(reply));
                }
                "complete" => self.leave(),
                "connection_error" => return Err(CallError::Rejected(words(frame.payload))),
                "ping" => self.send(r#"{"type":"pong"}"#.into()).await?,
                // Keep-alive frames, and whatever else a server finds worth saying.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Says who is there and waits until Houston is content.
    async fn introduce(&mut self, caller: Option<&Caller>) -> Result<(), CallError> {
        let token = caller.and_then(|caller| caller.authorization().to_str().ok());
        let payload =
            token.map_or_else(|| serde_json::json!({}), |token| serde_json::json!({ "authorization": token }));
        self.send(format!(r#"{{"type":"connection_init","payload":{payload}}}"#)).await?;
        loop {
            // A server that does not like the credential may just hang up.
            let bytes = self.receive().await.map_err(|error| match error {
                CallError::Broken(why) => CallError::Rejected(why),
                other => other,
            })?;
            let frame = read(&bytes)?;
            match &*frame.kind {
                "connection_ack" => return Ok(()),
                "connection_error" => return Err(CallError::Rejected(words(frame.payload))),
                "ping" => self.send(r#"{"type":"pong"}"#.into()).await?,
                _ => {}
            }
        }
    }

    async fn start(&mut self, request: &[u8], variables: &str) -> Result<(), CallError> {
        let kind = match self.protocol {
            Protocol::Legacy => "start",
            Protocol::Transport => "subscribe",
        };
        let mut frame = format!(r#"{{"id":"{ID}","type":"{kind}","payload":"#).into_bytes();
        frame.extend_from_slice(request);
        frame.extend_from_slice(variables.as_bytes());
        frame.extend_from_slice(b"}}}");
        self.send(String::from_utf8(frame).map_err(|why| CallError::Broken(why.to_string().into()))?).await
    }

    async fn send(&mut self, frame: String) -> Result<(), CallError> {
        let Some(socket) = &mut self.socket else { return Err(CallError::Broken("the socket is closed".into())) };
        socket.send(Message::text(frame)).await.map_err(failed)
    }

    /// The next text.
    async fn receive(&mut self) -> Result<Bytes, CallError> {
        let Some(socket) = &mut self.socket else { return Err(CallError::Broken("the socket is closed".into())) };
        let mut asked = false;
        loop {
            match timeout(SILENCE, socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.into()),
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let why = frame.map_or_else(String::new, |frame| format!(", {} {}", frame.code, frame.reason));
                    return Err(CallError::Broken(format!("Houston closed the socket{why}").into()));
                }
                Ok(Some(Ok(_))) => asked = false,
                Ok(Some(Err(error))) => return Err(failed(error)),
                Ok(None) => return Err(CallError::Broken("Houston closed the connection".into())),
                Err(_) if asked => return Err(CallError::Broken("Houston has gone silent".into())),
                Err(_) => {
                    socket.send(Message::Ping(Bytes::new())).await.map_err(failed)?;
                    asked = true;
                }
            }
        }
    }

    /// Stops the operation and closes the socket, behind the caller's back.
    fn leave(&mut self) {
        let (Some(mut socket), Ok(runtime)) = (self.socket.take(), Handle::try_current()) else { return };
        let last: &[_] = match self.protocol {
            Protocol::Legacy => &[r#"{"id":"1","type":"stop"}"#, r#"{"type":"connection_terminate"}"#],
            Protocol::Transport => &[r#"{"id":"1","type":"complete"}"#],
        };
        runtime.spawn(timeout(FAREWELL, async move {
            for frame in last {
                socket.feed(Message::text(*frame)).await?;
            }
            socket.close(None).await
        }));
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

fn read(bytes: &Bytes) -> Result<Frame<'_>, CallError> {
    serde_json::from_slice(bytes).map_err(|why| CallError::Broken(format!("this is not a frame: {why}").into()))
}

/// The payload of an `error` frame, one error or a list of them, as a GraphQL response.
fn as_reply(payload: Option<&RawValue>) -> Bytes {
    let errors = payload.map_or("{}", RawValue::get);
    let (open, close) = if errors.starts_with('[') { ("{\"errors\":", "}") } else { ("{\"errors\":[", "]}") };
    let mut reply = BytesMut::with_capacity(errors.len() + 16);
    reply.extend_from_slice(open.as_bytes());
    reply.extend_from_slice(errors.as_bytes());
    reply.extend_from_slice(close.as_bytes());
    reply.freeze()
}

fn words(payload: Option<&RawValue>) -> Arc<str> {
    payload.map_or("no reason was given", RawValue::get).into()
}
