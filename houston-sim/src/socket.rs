//! Subscriptions over the websocket at `/ws`.
//!
//! The sub-protocol is `graphql-ws` in the old sense, the frames of `subscriptions-transport-ws`. Whether any Houston
//! speaks the newer `graphql-transport-ws` is unknown; a setting switches it on for clients that want to try.

mod stream;

use crate::{
    Call, Houston, Trouble,
    access::Caller,
    execute::Request,
    http::{Server, before_houston, fault},
};
use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    response::Response,
};
use http::HeaderMap;
use serde_json::{Map, Value as Json, json};
use std::{collections::HashMap, sync::Arc, time::Duration};
use stream::Stream;
use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, interval_at},
};
use tokio_util::sync::CancellationToken;

const LEGACY: &str = "graphql-ws";
const TRANSPORT: &str = "graphql-transport-ws";

/// Subscriptions that one socket may have at a time.
const MOST_SUBSCRIPTIONS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Legacy,
    Transport,
}

pub(crate) async fn open(State(server): State<Server>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let troubles = server.houston.0.faults.take(Some("ws"), &[]);
    if let Some(response) = before_houston(&troubles).await {
        return response;
    }
    let protocols: &[&str] = if server.houston.0.settings.transport_ws { &[TRANSPORT, LEGACY] } else { &[LEGACY] };
    upgrade.protocols(protocols.iter().copied()).on_upgrade(async move |mut socket| {
        let protocol = match socket.protocol().and_then(|name| name.to_str().ok()) {
            Some(LEGACY) => Protocol::Legacy,
            Some(TRANSPORT) => Protocol::Transport,
            _ => return close(&mut socket, 1002, "").await,
        };
        let (events, inbox) = mpsc::channel(32);
        let session = Session {
            houston: server.houston,
            headers,
            protocol,
            caller: None,
            running: HashMap::new(),
            events,
            // How many more events the socket carries before it breaks, if a fault says so.
            left: None,
        };
        session.run(socket, inbox, server.closing).await;
    })
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    drop(socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await);
}

/// One client on one socket.
struct Session {
    houston: Houston,
    headers: HeaderMap,
    protocol: Protocol,
    /// Who it is; known once `connection_init` was accepted.
    caller: Option<Caller>,
    running: HashMap<String, AbortHandle>,
    events: mpsc::Sender<Frame>,
    left: Option<u32>,
}

/// Something for the client.
struct Frame {
    id: Option<String>,
    kind: Kind,
}

enum Kind {
    Event(Json),
    Error(Json),
    Complete,
}

/// Why a session is over.
struct Over;

impl Session {
    async fn run(mut self, mut socket: WebSocket, mut inbox: mpsc::Receiver<Frame>, closing: CancellationToken) {
        let every = self.houston.0.settings.keep_alive.max(Duration::from_millis(1));
        let mut keep_alive = interval_at(Instant::now() + every, every);
        loop {
            let result = tokio::select! {
                () = closing.cancelled() => {
                    close(&mut socket, 1001, "going away").await;
                    Err(Over)
                }
                _ = keep_alive.tick(), if self.caller.is_some() => self.keep_alive(&mut socket).await,
                Some(frame) = inbox.recv() => self.pass_on(&mut socket, frame).await,
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.handle(&mut socket, &text).await,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(Over),
                    Some(Ok(_)) => Ok(()),
                },
            };
            if result.is_err() {
                break;
            }
        }
        for (_, task) in self.running.drain() {
            task.abort();
        }
    }

    async fn keep_alive(&self, socket: &mut WebSocket) -> Result<(), Over> {
        match self.protocol {
            Protocol::Legacy => send(socket, &json!({"type": "ka"})).await,
            Protocol::Transport => send(socket, &json!({"type": "ping"})).await,
        }
    }

    async fn pass_on(&mut self, socket: &mut WebSocket, frame: Frame) -> Result<(), Over> {
        let legacy = self.protocol == Protocol::Legacy;
        let (kind, payload) = match frame.kind {
            Kind::Event(payload) => {
                if let Some(left) = &mut self.left {
                    *left = left.checked_sub(1).ok_or(Over)?;
                }
                (if legacy { "data" } else { "next" }, Some(payload))
            }
            Kind::Error(error) => ("error", Some(if legacy { error } else { json!([error]) })),
            Kind::Complete => {
                self.running.remove(frame.id.as_deref().unwrap_or_default());
                ("complete", None)
            }
        };
        let mut message = Map::from_iter([("type".to_owned(), Json::from(kind))]);
        if let Some(id) = frame.id {
            message.insert("id".to_owned(), id.into());
        }
        if let Some(payload) = payload {
            message.insert("payload".to_owned(), payload);
        }
        send(socket, &Json::Object(message)).await?;
        // Breaks right after the last event, not before the next one.
        if self.left == Some(0) { Err(Over) } else { Ok(()) }
    }

    async fn handle(&mut self, socket: &mut WebSocket, text: &str) -> Result<(), Over> {
        let message: Json = serde_json::from_str(text).unwrap_or_default();
        let id = match message.get("id") {
            Some(Json::String(id)) => Some(id.clone()),
            Some(Json::Number(id)) => Some(id.to_string()),
            _ => None,
        };
        let payload = message.get("payload").cloned().unwrap_or_default();
        match (self.protocol, message.get("type").and_then(Json::as_str)) {
            (_, Some("connection_init")) => self.init(socket, &payload).await,
            (Protocol::Legacy, Some("start")) | (Protocol::Transport, Some("subscribe")) => {
                self.start(id, &payload);
                Ok(())
            }
            (Protocol::Legacy, Some("stop")) => {
                // Apollo's server says `complete` to a client that stops.
                if self.stop(id.as_deref()) {
                    return self.pass_on(socket, Frame { id, kind: Kind::Complete }).await;
                }
                Ok(())
            }
            (Protocol::Transport, Some("complete")) => {
                self.stop(id.as_deref());
                Ok(())
            }
            (Protocol::Transport, Some("ping")) => send(socket, &json!({"type": "pong"})).await,
            (Protocol::Transport, Some("pong")) => Ok(()),
            (Protocol::Legacy, Some("connection_terminate")) => {
                close(socket, 1000, "").await;
                Err(Over)
            }
            (Protocol::Transport, _) => {
                close(socket, 4400, "Invalid message received").await;
                Err(Over)
            }
            (Protocol::Legacy, _) => {
                let error = json!({"message": "Invalid message type!"});
                self.pass_on(socket, Frame { id, kind: Kind::Error(error) }).await
            }
        }
    }

    /// The credential is looked at here and never again.
    async fn init(&mut self, socket: &mut WebSocket, payload: &Json) -> Result<(), Over> {
        let credential = payload.get("authorization").or_else(|| payload.get("Authorization"));
        let caller = self.houston.caller(credential.and_then(Json::as_str).unwrap_or_default());
        match (caller, self.protocol) {
            (Caller::Anonymous, Protocol::Legacy) => {
                // The words are unknown; clients read any refusal as "token expired".
                let error = json!({"type": "connection_error", "payload": {"message": "Invalid token"}});
                send(socket, &error).await?;
                close(socket, 1011, "").await;
                Err(Over)
            }
            (Caller::Anonymous, Protocol::Transport) => {
                close(socket, 4403, "Forbidden").await;
                Err(Over)
            }
            (caller, protocol) => {
                self.caller = Some(caller);
                send(socket, &json!({"type": "connection_ack"})).await?;
                if protocol == Protocol::Legacy { self.keep_alive(socket).await } else { Ok(()) }
            }
        }
    }

    fn stop(&mut self, id: Option<&str>) -> bool {
        let task = self.running.remove(id.unwrap_or_default());
        task.inspect(AbortHandle::abort).is_some()
    }

    fn start(&mut self, id: Option<String>, payload: &Json) {
        let request = Request::of(payload);
        let release = self.houston.release();
        let parsed = release.parse(&request.query);
        let outline = parsed.outline(request.operation.as_deref());
        let mut failure = None;
        for trouble in self.houston.0.faults.take(outline.name.as_deref(), &outline.fields) {
            match trouble {
                Trouble::DropSocketAfter(events) => self.left = Some(events),
                Trouble::Error { message, code, .. } => {
                    failure = Some(fault(&message, code.as_deref(), &outline.fields))
                }
                // The others are troubles of HTTP.
                _ => {}
            }
        }
        self.houston.call_log().note(Call {
            operation: outline.name,
            fields: outline.fields,
            document: request.query.clone(),
            variables: Json::Object(request.variables.clone()),
            headers: self.headers.clone(),
        });
        self.stop(id.as_deref());
        let full = self.running.len() >= MOST_SUBSCRIPTIONS;
        let stream = Stream {
            houston: self.houston.clone(),
            release,
            parsed,
            request,
            caller: self.caller.clone().filter(|_| !full),
            id: id.clone(),
            failure,
            events: self.events.clone(),
            _running: Arc::clone(&self.houston.0.running),
        };
        let task = tokio::spawn(stream.run()).abort_handle();
        self.running.insert(id.unwrap_or_default(), task);
    }
}

async fn send(socket: &mut WebSocket, message: &Json) -> Result<(), Over> {
    socket.send(Message::Text(message.to_string().into())).await.map_err(|_| Over)
}
