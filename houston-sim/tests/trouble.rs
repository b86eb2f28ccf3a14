//! Faults, over a real connection, and what the simulator counts.

mod common;

use common::{ADMIN, demo, get, post, send};
use houston_sim::{Fault, Houston, Trouble};
use http::StatusCode;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const QUERY: &str = r#"{"query": "query Mine { workspaces { id } }", "operationName": "Mine"}"#;

async fn serve(houston: &Houston) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let houston = houston.clone();
    tokio::spawn(async move { houston.serve(listener, std::future::pending()).await });
    address
}

/// Everything that comes back until the connection closes.
async fn raw(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /v1 HTTP/1.1\r\nhost: houston\r\nconnection: close\r\nauthorization: {ADMIN}\r\ncontent-length: {}\r\n\r\n",
        QUERY.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(QUERY.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A connection that is torn down may end in an error; what came before counts.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn connections_break_where_they_are_told_to() {
    let houston = demo("2.1.0");
    let address = serve(&houston).await;
    houston.faults().add(Fault::new(Trouble::Drop).on("Mine").times(1));
    assert_eq!(raw(address).await, "");
    houston.faults().add(Fault::new(Trouble::Truncate).on("workspaces").times(1));
    let answer = raw(address).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let announced = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    assert!(body.len() < announced.parse().expect("a number"), "{answer}");
    assert!(raw(address).await.ends_with('}'));
}

#[tokio::test]
async fn answers_go_wrong_in_every_way() {
    let houston = demo("2.1.0");
    let with = async |fault: Fault| {
        houston.faults().add(fault.times(1));
        post(&houston, ADMIN, QUERY).await
    };
    let (status, body) = with(Fault::new(Trouble::Status(StatusCode::BAD_GATEWAY))).await;
    assert!(status == StatusCode::BAD_GATEWAY && body.contains("502 Bad Gateway"), "{body}");
    let (status, body) = with(Fault::new(Trouble::Garbage)).await;
    assert!(status == StatusCode::OK && serde_json::from_str::<Value>(&body).is_err(), "{body}");
    let (status, body) = with(Fault::session_lost()).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["errors"][0]["message"]), (StatusCode::OK, &json!("AUTH_TOKEN_REFRESH_FAILED")));
    assert_eq!(body["data"], json!({"workspaces": null}));
    let partial = Trouble::Error { message: "boom".to_owned(), code: None, with_data: true };
    houston.faults().add(Fault::new(Trouble::StackTrace).times(1));
    let (_, body) = with(Fault::new(partial)).await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert!(
        body["data"]["workspaces"][0]["id"].is_string() && body["errors"][0]["extensions"]["exception"].is_object()
    );
    let (status, body) =
        with(Fault::new(Trouble::Validation("Cannot query field \"x\" on type \"Query\".".to_owned()))).await;
    assert!(status == StatusCode::BAD_REQUEST && !body.contains("data"), "{body}");
    assert!(with(Fault::new(Trouble::Huge(100_000))).await.1.len() > 100_000);
    let started = std::time::Instant::now();
    with(Fault::new(Trouble::Latency(Duration::from_millis(50)))).await;
    assert!(started.elapsed() >= Duration::from_millis(50));
    // And then everything is well again; other operations never were affected.
    houston.faults().add(Fault::error("not for you", "FORBIDDEN").on("Other"));
    get(&houston, ADMIN, "query Mine { workspaces { id } }", Value::Null, "/workspaces/0/id").await;
}

#[tokio::test]
async fn calls_are_counted() {
    let houston = demo("2.1.0");
    send(&houston, ADMIN, "query One { workspaces { id } appConfig { version } }", Value::Null).await;
    send(&houston, "Bearer nonsense", "{ workspaces { id } }", Value::Null).await;
    let calls = houston.calls();
    assert_eq!((calls.total(), calls.operation("One"), calls.field("workspaces"), calls.field("users")), (2, 1, 2, 0));
    assert_eq!(calls.last().expect("a call").headers["authorization"], "Bearer nonsense");
    houston.forget_calls();
    assert_eq!(houston.calls().total(), 0);
}
