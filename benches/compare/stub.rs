//! A stand-in for Houston that costs next to nothing: canned GraphQL answers, chosen by what the request's body holds.
//!
//! `stub-houston ADDRESS [LATENCY_MS]`
//!
//! | request | answer |
//! |---|---|
//! | `POST` with `"workspaceId":"1…`, `"2…`, `"3…` or `"4…` | a workspace of 1 KB, 20 KB, 1 MB or 20 MB |
//! | `POST` with `removeTeam` | the removed team |
//! | `POST` with `appConfig` | its version |
//! | any other `POST` | an error, as with introspection turned off |
//! | `GET /calls` | how many of the first two kinds there were |
//! | any other `GET` | the 1 KB workspace, for a cache of plain HTTP to keep |
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a tool for developers")]

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    env,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::{net::TcpListener, time::sleep};

const REMOVED: &[u8] = br#"{"data":{"removeTeam":{"id":"10000000-0000-4000-8000-000000000001","name":"Bench"}}}"#;
const VERSION: &[u8] = br#"{"data":{"appConfig":{"version":"2.1.0"}}}"#;
const REFUSED: &[u8] = br#"{"errors":[{"message":"introspection is off","extensions":{"code":"FORBIDDEN"}}]}"#;

/// What is answered, made once.
struct Canned {
    workspaces: [Bytes; 4],
    plain: Bytes,
    latency: Duration,
    calls: AtomicU64,
}

/// A workspace of about `size` bytes: many small objects, as Houston's answers are.
fn workspace(size: usize) -> String {
    let mut json =
        r#"{"id":"10000000-0000-4000-8000-000000000001","label":"Bench","active":true,"deployments":["#.to_owned();
    let mut number = 0;
    while json.len() + 190 < size {
        let comma = if number == 0 { "" } else { "," };
        json += &format!(
            r#"{comma}{{"id":"ckx{number:022}","label":"Deployment \"{number}\"","version":"12.1.{number}","workers":{number},"paused":false,"cluster":null,"createdAt":"2026-11-23T17:00:00.000Z"}}"#
        );
        number += 1;
    }
    json + "]}"
}

impl Canned {
    fn new(latency: Duration) -> Self {
        let reply = |size| Bytes::from(format!(r#"{{"data":{{"workspace":{}}}}}"#, workspace(size)));
        Self {
            workspaces: [1 << 10, 20 << 10, 1 << 20, 20 << 20].map(reply),
            plain: workspace(1 << 10).into(),
            latency,
            calls: AtomicU64::new(0),
        }
    }

    fn answer(&self, request: &str) -> Option<Bytes> {
        if let Some((_, id)) = request.rsplit_once(r#""workspaceId":""#) {
            let size = id.bytes().next()?.checked_sub(b'1')?;
            return self.workspaces.get(usize::from(size)).cloned();
        }
        request.contains("removeTeam").then(|| Bytes::from_static(REMOVED))
    }
}

async fn serve(canned: &Canned, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = if request.method() == Method::POST {
        let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let text = str::from_utf8(&body).unwrap_or_default();
        if let Some(answer) = canned.answer(text) {
            canned.calls.fetch_add(1, Ordering::Relaxed);
            if !canned.latency.is_zero() {
                sleep(canned.latency).await;
            }
            answer
        } else if text.contains("appConfig") {
            Bytes::from_static(VERSION)
        } else {
            Bytes::from_static(REFUSED)
        }
    } else if request.uri().path() == "/calls" {
        canned.calls.load(Ordering::Relaxed).to_string().into()
    } else {
        canned.plain.clone()
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:9100".to_owned());
    let latency = arguments.next().map_or(0, |text| text.parse().unwrap());
    let canned: &'static Canned = Box::leak(Box::new(Canned::new(Duration::from_millis(latency))));
    let listener = TcpListener::bind(&address).await.unwrap();
    eprintln!("a stand-in for Houston on http://{address}/v1, {latency} ms late");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _kept_as_it_is = stream.set_nodelay(true);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(canned, request));
            // A client that goes away is no fault.
            let _gone = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
