//! A gateway in front of a simulated Houston, and a client to talk to it: HTTP in, HTTP out.

use crate::{secrecy, witness::Witness};
use houston_gateway::{config::Config, server::Server};
use houston_schema::Version;
use houston_sim::{Houston, Settings};
use reqwest::{Client, Method, Request, RequestBuilder, Response, StatusCode, header::HeaderMap};
use serde_json::Value;
use std::{net::SocketAddr, sync::Mutex, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub const ADMIN: &str = "demo-system-admin";
pub const OWNER: &str = "demo-workspace-admin";
pub const VIEWER: &str = "demo-workspace-viewer";

/// The releases that the whole suite is run against.
pub const RELEASES: [Version; 4] =
    [Version::new(0, 25, 0), Version::new(0, 34, 0), Version::new(1, 0, 0), Version::new(2, 1, 0)];

/// A gateway and its Houston, both on ports of their own. They stop when this is dropped.
pub struct World {
    pub houston: Houston,
    pub houston_address: SocketAddr,
    pub gateway: SocketAddr,
    pub client: Client,
    /// Every request so far: method, path and the status it was answered with.
    pub answered: Mutex<Vec<(Method, String, u16)>>,
    /// Who looks at the cache before and after each change, if anybody does.
    pub witness: Option<Witness>,
    stop: Option<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|why| panic!("{why}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a readable header"))
    }

    /// The reply, if its status is the expected one; otherwise the test fails and shows the whole reply.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}\n{:?}", self.text, self.headers);
        self
    }

    /// The problem's code, having checked that this is a problem.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        assert_eq!(problem["requestId"], self.header("x-request-id"), "{problem}");
        problem["code"].as_str().expect("a code").to_owned()
    }
}

impl World {
    /// A demo world at the newest release.
    pub async fn new() -> Self {
        Self::at(houston_schema::NEWEST).await
    }

    /// A demo world at `version`.
    pub async fn at(version: Version) -> Self {
        Self::with(Settings { version, ..Settings::default() }, |_| {}).await
    }

    /// A demo world with settings of its own.
    pub async fn with(settings: Settings, configure: impl FnOnce(&mut Config)) -> Self {
        secrecy::watch();
        let version = settings.version;
        let quick = Settings {
            demo_tokens: true,
            chatter: false,
            upsert_enabled: true,
            deploy_time: Duration::from_millis(50),
            ..settings
        };
        let houston = Houston::demo(quick).expect("a Houston");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let houston_address = listener.local_addr().expect("an address");
        let serving = houston.clone();
        let simulator = tokio::spawn(async move {
            serving.serve(listener, std::future::pending()).await.expect("Houston serves");
        });
        let (stop, stopped) = oneshot::channel();
        let (gateway, serving) = serve(houston_address, version, configure, async { drop(stopped.await) });
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let (answered, stop, tasks) = (Mutex::default(), Some(stop), vec![simulator, serving]);
        Self { houston, houston_address, gateway, client, answered, witness: None, stop, tasks }
    }

    /// Another gateway to the same Houston.
    pub fn beside(&mut self, configure: impl FnOnce(&mut Config)) -> SocketAddr {
        let version = self.houston.version();
        let (gateway, serving) = serve(self.houston_address, version, configure, std::future::pending());
        self.tasks.insert(0, serving);
        gateway
    }

    /// A request with a token as `X-API-Key`; none if the token is empty.
    pub fn request(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        secrecy::keep_secret(token);
        let request = self.client.request(method, format!("http://{}{path}", self.gateway));
        if token.is_empty() { request } else { request.header("x-api-key", token) }
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let request = request.build().expect("a request");
        match &self.witness {
            Some(witness) => witness.watch(self, request).await,
            None => self.execute(request).await,
        }
    }

    /// Sends a request without a witness.
    pub async fn execute(&self, request: Request) -> Reply {
        let response = self.begin(request).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.expect("a body");
        secrecy::keep_secrets_in(text.as_bytes());
        Reply { status, headers, text }
    }

    /// Sends a request and leaves the body to be read: that of a stream goes on.
    pub async fn begin(&self, request: Request) -> Response {
        secrecy::keep_secrets_in(request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default());
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.expect("an answer");
        self.answered.lock().expect("nobody panicked here").push((method, path, response.status().as_u16()));
        response
    }

    pub async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(self.request(token, Method::GET, path)).await
    }

    pub async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(self.request(token, Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(self.request(token, Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send(self.request(token, Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, token: &str, path: &str) -> Reply {
        self.send(self.request(token, Method::DELETE, path)).await
    }

    /// The id of the first workspace of `token`'s list with this label.
    pub async fn workspace(&self, token: &str, label: &str) -> String {
        self.find(token, "/workspaces", "label", label).await["id"].as_str().expect("an id").to_owned()
    }

    /// The item of a list whose `field` is `value`.
    pub async fn find(&self, token: &str, list: &str, field: &str, value: &str) -> Value {
        let list = self.get(token, list).await.expect(200).json();
        let found = list["value"].as_array().expect("a list").iter().find(|item| item[field] == value);
        found.unwrap_or_else(|| panic!("no {field} {value} in {list}")).clone()
    }

    /// What Houston was asked last.
    pub fn last_call(&self) -> houston_sim::Call {
        self.houston.calls().last().expect("a call").clone()
    }

    /// Stops the gateway as SIGTERM does and waits for it.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(serving) = self.tasks.pop() {
            serving.await.expect("a clean end");
        }
    }
}

/// Starts a gateway to the Houston at `houston`. It serves until `stopped`.
fn serve(
    houston: SocketAddr,
    version: Version,
    configure: impl FnOnce(&mut Config),
    stopped: impl Future<Output = ()> + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let mut config = Config::load_with(None, |_| None).expect("the defaults");
    config.server.listen = "127.0.0.1:0".parse().expect("an address");
    config.houston.url = format!("http://{houston}/v1").parse().expect("a URL");
    config.houston.version = version.to_string();
    config.houston.probe = false;
    configure(&mut config);
    let server = Server::bind(config).expect("a gateway");
    let address = server.address().expect("an address");
    (address, tokio::spawn(async move { server.run(stopped).await.expect("the gateway serves") }))
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(secrecy::leak(), None, "a log line shows a secret");
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}
