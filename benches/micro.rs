//! The steps of a request, one by one, without sockets: `cargo bench --bench micro`.
//!
//! `bind` understands a request, `look_up` goes on from there to an empty cache, `hit` to a full one; `route` is all of them
//! and of HTTP but the bytes of the connection.
#![expect(clippy::unwrap_used, reason = "benchmarks")]

use axum::body::Body;
use bytes::Bytes;
use divan::{Bencher, counter::BytesCount};
use futures_util::FutureExt;
use houston_gateway::{
    cache::{Cache, Limits},
    caller::{Caller, FingerprintKey},
    config::Config,
    gateway::{Ask, CacheRequest, Context, Errand, Failure, Gateway, Parts, Reply},
    houston::{Houston, Trace},
    rest::{App, Front},
    server,
    telemetry::Metrics,
};
use houston_schema::NEWEST;
use http::{HeaderMap, HeaderValue, Method, Request};
use std::{
    borrow::Cow,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const ID: &str = "10000000-0000-4000-8000-000000000001";
const PATH: &str = "/workspaces/{workspaceId}";

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

/// A gateway, and what is needed to ask it.
struct World {
    gateway: Arc<Gateway>,
    front: Arc<Front>,
    route: usize,
    caller: Caller,
    headers: HeaderMap,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let mut config = Config::load_with(None, |_| None).unwrap();
        config.houston.url = format!("http://{}/v1", stub()).parse().unwrap();
        let catalogue = Arc::new(server::catalogue(&config).unwrap());
        let plans = server::plans(&catalogue, NEWEST).unwrap();
        let route = catalogue
            .routes
            .iter()
            .position(|each| each.method == Method::GET && each.path.to_string() == PATH)
            .unwrap();
        let cache = {
            let limits = Limits {
                capacity_bytes: 1 << 26,
                entry_bytes: 1 << 22,
                // Benchmarks take longer than the answers are fresh.
                stale_while_revalidate: Duration::ZERO,
                stale_if_error: Duration::ZERO,
                absence: Duration::ZERO,
            };
            Cache::new(limits, catalogue.routes.len())
        };
        let houston = Houston::new(config.houston.clone()).unwrap();
        let gateway = Gateway::new(houston, Some(cache), Arc::clone(&catalogue), plans, config.streams.clone());
        let app = App::new(catalogue, Arc::clone(&gateway), Metrics::new().unwrap(), &config).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("bench-token"));
        let caller = Caller::of(&headers, &FingerprintKey::random()).unwrap().unwrap();
        let front = Front::new(app, &config);
        drop(_entered);
        Self { gateway, front, route, caller, headers, runtime }
    }

    fn parts(&self) -> Parts<'_> {
        let path = vec![(Cow::Borrowed("workspaceId"), Cow::Borrowed(ID))];
        Parts { path, query: Vec::new(), headers: &self.headers, body: &[] }
    }

    fn understand(&self, parts: &Parts<'_>) -> Result<Errand, Failure> {
        let context = Context { caller: Some(self.caller.clone()), trace: Trace::default() };
        let ask = Ask { route: self.route, context, cache: CacheRequest::default(), idempotency_key: None };
        self.gateway.understand(ask, parts)
    }

    fn request(&self) -> Request<Body> {
        let request = Request::get(format!("/workspaces/{ID}")).header("x-api-key", "bench-token");
        request.header("host", "localhost:8080").body(Body::empty()).unwrap()
    }
}

/// A Houston that always answers with the same workspace of 1 KB.
fn stub() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            while stream.read(&mut request).is_ok_and(|read| read > 0) {
                let body = reply(1 << 10);
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
                stream.write_all(&body).unwrap();
            }
        }
    });
    address
}

/// Houston's reply with a workspace of about `size` bytes in many small objects.
fn reply(size: usize) -> Bytes {
    let item = r#"{"id":"ckx0000000000000000000001","label":"Deployment \"one\"","workers":3,"paused":false},"#;
    let items = item.repeat(size / item.len());
    format!(r#"{{"data":{{"workspace":{{"id":"{ID}","items":[{}]}}}}}}"#, items.trim_end_matches(',')).into()
}

#[divan::bench]
fn bind(bencher: Bencher) {
    let world = World::new();
    bencher.bench_local(|| world.understand(&world.parts()).ok().unwrap());
}

#[divan::bench]
fn look_up(bencher: Bencher) {
    let world = World::new();
    let errand = world.understand(&world.parts()).ok().unwrap();
    bencher.bench_local(|| world.gateway.recall(&errand, Instant::now()).is_none());
}

#[divan::bench(max_time = 5)]
fn hit(bencher: Bencher) {
    let world = World::new();
    let errand = world.understand(&world.parts()).ok().unwrap();
    world.runtime.block_on(world.gateway.answer(&errand, || None)).unwrap();
    bencher.bench_local(|| world.gateway.recall(&errand, Instant::now()).unwrap().unwrap());
}

#[divan::bench(max_time = 5)]
fn route(bencher: Bencher) {
    let world = World::new();
    assert!(world.runtime.block_on(world.front.answer(PEER, world.request())).status().is_success());
    bencher
        .with_inputs(|| world.request())
        .bench_local_values(|request| world.front.answer(PEER, request).now_or_never().unwrap());
}

#[divan::bench]
fn fingerprint(bencher: Bencher) {
    let key = FingerprintKey::random();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(&format!("Bearer {}", "t".repeat(200))).unwrap());
    bencher.bench_local(|| Caller::of(&headers, &key));
}

#[divan::bench(args = [1 << 10, 20 << 10, 1 << 20])]
fn unwrap(bencher: Bencher, size: usize) {
    let reply = reply(size);
    bencher.counter(BytesCount::new(reply.len())).bench_local(|| {
        let read = Reply::read(&reply, "workspace").unwrap();
        reply.slice_ref(read.value.unwrap().get().as_bytes())
    });
}

#[divan::bench]
fn problem(bencher: Bencher) {
    let world = World::new();
    bencher.bench_local(|| {
        let mut parts = world.parts();
        parts.query.push((Cow::Borrowed("labl"), Cow::Borrowed("x")));
        world.understand(&parts).err().unwrap().problem()
    });
}

fn main() {
    divan::main();
}
