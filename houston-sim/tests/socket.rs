//! Subscriptions, frame by frame.

mod common;

use common::{JANE, VIEWER, settings};
use futures_util::{SinkExt, StreamExt};
use houston_sim::{Fault, Houston, Settings, Trouble};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

fn houston() -> Houston {
    let quick = Duration::from_millis(5);
    let settings = Settings {
        log_interval: quick,
        metrics_interval: quick,
        status_interval: quick,
        transport_ws: true,
        ..settings("2.1.0")
    };
    Houston::demo(settings).expect("a slice")
}

impl Client {
    async fn open(houston: &Houston, protocol: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut request =
            format!("ws://{}/ws", listener.local_addr().expect("an address")).into_client_request().expect("a URL");
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().expect("a header"));
        let houston = houston.clone();
        tokio::spawn(async move { houston.serve(listener, std::future::pending()).await });
        let (socket, response) = connect_async(request).await.expect("a socket");
        assert_eq!(response.headers()["sec-websocket-protocol"], protocol);
        Self(socket)
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    /// The next frame that is no keep-alive; null at the end.
    async fn next(&mut self) -> Value {
        loop {
            match tokio::time::timeout(Duration::from_secs(5), self.0.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    if frame["type"] != "ka" {
                        return frame;
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Value::Null,
                Some(Ok(_)) => {}
            }
        }
    }

    async fn init(&mut self, token: &str) {
        self.send(json!({"type": "connection_init", "payload": {"Authorization": format!("Bearer {token}")}})).await;
        assert_eq!(self.next().await["type"], "connection_ack");
    }
}

fn log(houston: &Houston) -> (String, Value) {
    let deployment = houston.deployment_id("boreal-comet-1596").expect("a deployment");
    let query = "subscription Tail($d: Uuid!) { log(deploymentUuid: $d, search: \"line\") { message component } }";
    (deployment.clone(), json!({"query": query, "variables": {"d": deployment}}))
}

#[tokio::test]
async fn lines_arrive_until_the_client_stops() {
    let houston = houston();
    let (deployment, payload) = log(&houston);
    houston.push_log(&deployment, "scheduler", "line from before");
    let mut client = Client::open(&houston, "graphql-ws").await;
    client.init(JANE).await;
    client.send(json!({"id": "1", "type": "start", "payload": payload})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    houston.push_log(&deployment, "worker", "something else");
    houston.push_log(&deployment, "worker", "line one");
    let event = json!({"type": "data", "id": "1", "payload": {"data": {"log": {"message": "line one", "component": "worker"}}}});
    assert_eq!(client.next().await, event);
    client.send(json!({"id": "1", "type": "stop"})).await;
    assert_eq!(client.next().await, json!({"type": "complete", "id": "1"}));
    client.send(json!({"type": "connection_terminate"})).await;
    assert_eq!(client.next().await, Value::Null);
    assert_eq!(houston.calls().operation("Tail"), 1);
}

#[tokio::test]
async fn whoever_lacks_the_permission_is_told_with_every_event() {
    let houston = houston();
    let (deployment, payload) = log(&houston);
    let mut client = Client::open(&houston, "graphql-ws").await;
    client.init(VIEWER).await;
    // The reference client leaves the id out.
    client.send(json!({"type": "start", "payload": payload})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    houston.push_log(&deployment, "worker", "line one");
    let event = client.next().await;
    assert_eq!(event["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(event.get("id"), None);
}

#[tokio::test]
async fn bad_tokens_and_bad_documents_are_refused() {
    let houston = houston();
    let mut client = Client::open(&houston, "graphql-ws").await;
    client.send(json!({"type": "connection_init", "payload": {"authorization": "nonsense"}})).await;
    assert_eq!(client.next().await["type"], "connection_error");
    assert_eq!(client.next().await, Value::Null);

    let mut client = Client::open(&houston, "graphql-ws").await;
    client.init(JANE).await;
    client.send(json!({"id": "1", "type": "start", "payload": {"query": "subscription { nonsense }"}})).await;
    let frame = client.next().await;
    assert_eq!((&frame["type"], &frame["id"]), (&json!("error"), &json!("1")));
    assert!(frame["payload"]["message"].as_str().is_some_and(|text| text.starts_with("Cannot query field")));
}

#[tokio::test]
async fn metrics_and_status_repeat_and_the_newer_protocol_works() {
    let houston = houston();
    let deployment = houston.deployment_id("boreal-comet-1596").expect("a deployment");
    let mut client = Client::open(&houston, "graphql-transport-ws").await;
    client.init(JANE).await;
    let query =
        "subscription($d: Uuid!) { metrics(deploymentUuid: $d, metricType: [DEPLOYMENT_USAGE]) { label result } }";
    let payload = json!({"query": query, "variables": {"d": deployment}});
    client.send(json!({"id": "m", "type": "subscribe", "payload": payload})).await;
    for _ in 0..3 {
        let event = client.next().await;
        assert_eq!(event["type"], "next");
        assert_eq!(event["payload"]["data"]["metrics"][0]["label"], "cpuUsage");
    }
    client.send(json!({"id": "m", "type": "complete"})).await;
    let query = "subscription { deploymentStatus(releaseName: \"boreal-comet-1596\") { status } }";
    client.send(json!({"id": "s", "type": "subscribe", "payload": {"query": query}})).await;
    loop {
        let event = client.next().await;
        if event["id"] == "s" {
            assert_eq!(event["payload"]["data"]["deploymentStatus"]["status"], "HEALTHY");
            break;
        }
    }
}

#[tokio::test]
async fn sockets_break_off_after_some_events() {
    let houston = houston();
    let (deployment, payload) = log(&houston);
    houston.faults().add(Fault::new(Trouble::DropSocketAfter(2)).on("log"));
    let mut client = Client::open(&houston, "graphql-ws").await;
    client.init(JANE).await;
    client.send(json!({"id": "1", "type": "start", "payload": payload})).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    for _ in 0..5 {
        houston.push_log(&deployment, "worker", "line");
    }
    assert_eq!(client.next().await["type"], "data");
    assert_eq!(client.next().await["type"], "data");
    assert_eq!(client.next().await, Value::Null);
}
