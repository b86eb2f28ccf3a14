//! Callers who take their time over an answer: what Houston gave lies here until they have it, and Houston is free for
//! others.

use crate::harness::{OWNER, World};
use axum::{Router, http::header, routing::post, serve::ListenerExt};
use bytes::Bytes;
use houston_sim::Settings;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// More than all buffers between the gateway and a reader take together: Linux gives a sender 4 MiB.
const LARGE: usize = 12 << 20;

/// What a reader keeps in its socket.
const BUFFER: u32 = 16 << 10;

/// A gateway to a Houston that says a lot about workspaces whose ids begin with `large`, and how many connections the
/// gateway opened to it.
async fn world(configure: impl FnOnce(&mut houston_gateway::config::Config)) -> (World, Arc<AtomicUsize>) {
    let reply = |label: &str| Bytes::from(format!(r#"{{"data":{{"workspace":{{"id":"x","label":"{label}"}}}}}}"#));
    let (large, small) = (reply(&"x".repeat(LARGE)), reply("x"));
    let says = async move |asked: String| {
        let reply = if asked.contains(r#""workspaceId":"large"#) { &large } else { &small };
        ([(header::CONTENT_TYPE, "application/json")], reply.clone())
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let listener = listener.tap_io(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let router = Router::new().route("/v1", post(says));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let world = World::with(Settings::default(), |config| {
        config.houston.url = format!("http://{address}/v1").parse().expect("a URL");
        configure(config);
    })
    .await;
    (world, opened)
}

/// Somebody who has asked for a large answer and has seen its beginning.
struct Reader(TcpStream);

impl Reader {
    async fn begin(world: &World, id: &str, cache_control: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(BUFFER).expect("a small buffer");
        let mut stream = socket.connect(world.gateway).await.expect("a connection");
        let request = format!(
            "GET /workspaces/{id} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {OWNER}\r\n\
             cache-control: {cache_control}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.expect("a writable connection");
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 200", "{id}");
        Self(stream)
    }

    async fn sip(&mut self) {
        self.0.read_exact(&mut [0; 1000]).await.expect("more of the answer");
    }

    /// All that is left of the answer.
    async fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // The connection may break off under it.
        let _ended = self.0.read_to_end(&mut rest).await;
        rest
    }
}

#[tokio::test]
async fn who_reads_slowly_or_not_at_all_holds_nothing_of_houston() {
    const READERS: usize = 4;
    // Both ways of an answer: by the cache, for which it is too large, and past it.
    for cache_control in ["no-cache", "no-store"] {
        let (world, opened) = world(|config| config.houston.max_in_flight = 1).await;
        let mut readers = Vec::new();
        for number in 0..READERS {
            readers.push(Reader::begin(&world, &format!("large-{number}"), cache_control).await);
        }
        for number in 0..10 {
            world.get(OWNER, &format!("/workspaces/small-{number}")).await.expect(200);
            readers[0].sip().await;
        }
        let metrics = world.get("", "/metrics").await.text;
        assert!(metrics.contains("\nhouston_gateway_houston_in_flight 0\n"), "{metrics}");
        // Nobody who goes away takes anything along.
        drop(readers.pop());
        world.get(OWNER, "/workspaces/small").await.expect(200);
        // One for all; another, should the first have been idle for too long.
        assert!(opened.load(Ordering::SeqCst) < READERS, "{opened:?} connections to Houston");
        for reader in readers {
            let rest = reader.rest().await;
            assert!(rest.len() > LARGE - 20_000 && rest.ends_with(b"xxx\"}"), "{} bytes", rest.len());
        }
    }
}

#[tokio::test]
async fn who_reads_slowly_is_not_taken_for_somebody_who_is_gone() {
    let (world, _) = world(|config| config.server.idle_timeout = Duration::from_secs(1)).await;
    let mut reader = Reader::begin(&world, "large", "no-store").await;
    let mut read = 0;
    // All in all longer than a connection may be idle.
    for _ in 0..10 {
        sleep(Duration::from_millis(150)).await;
        read += reader.0.read_exact(&mut vec![0; 1 << 20]).await.expect("more of the answer");
    }
    let rest = reader.rest().await;
    assert!(read + rest.len() > LARGE && rest.ends_with(b"xxx\"}"), "{} bytes", read + rest.len());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_never_reads_gives_its_place_up() {
    let (world, _) = world(|config| {
        config.server.max_connections = 1;
        config.server.idle_timeout = Duration::from_millis(300);
    })
    .await;
    let reader = Reader::begin(&world, "large", "no-store").await;
    let next = timeout(Duration::from_secs(30), world.get(OWNER, "/workspaces/small")).await;
    next.expect("a place").expect(200);
    let rest = reader.rest().await;
    assert!(rest.len() < LARGE, "all of it was there: {} bytes", rest.len());
}
