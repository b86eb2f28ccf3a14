//! A gateway that is asked without HTTP: exactly when and for as long as a test wants, with times too short for settings.

use crate::{harness::World, routes::parse};
use houston_gateway::{
    cache::{Cache, Limits},
    caller::{Caller, FingerprintKey},
    catalogue::Catalogue,
    config::Config,
    gateway::{Answer, Ask, CacheRequest, Context, Failure, Gateway, Parts},
    houston::{Houston, Trace},
    server,
};
use http::{HeaderMap, HeaderValue};
use reqwest::Method;
use serde_json::Value;
use std::{borrow::Cow, sync::Arc, time::Instant};

/// See the module.
pub struct Inside {
    /// The simulated Houston, and a gateway of its own, for what is no part of the test.
    pub world: World,
    pub gateway: Arc<Gateway>,
    catalogue: Arc<Catalogue>,
    config: Config,
    credentials: FingerprintKey,
}

impl Inside {
    pub async fn new(limits: Limits, adjust: impl FnOnce(&mut Catalogue)) -> Self {
        let world = World::new().await;
        let mut config = Config::load_with(None, |_| None).expect("the defaults");
        config.houston.url = format!("http://{}/v1", world.houston_address).parse().expect("a URL");
        config.houston.version = world.houston.version().to_string();
        config.houston.retries = 0;
        config.houston.breaker_failures = u32::MAX;
        let mut catalogue = server::catalogue(&config).expect("a catalogue");
        adjust(&mut catalogue);
        let catalogue = Arc::new(catalogue);
        let gateway = gateway(&catalogue, &config, limits);
        Self { world, gateway, catalogue, config, credentials: FingerprintKey::random() }
    }

    /// Another gateway takes the place of this one, as after a restart.
    pub fn restart(&mut self, limits: Limits) {
        self.gateway = gateway(&self.catalogue, &self.config, limits);
    }

    /// Asks; a body of null is none.
    pub async fn ask(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: &Value,
        cache: CacheRequest,
    ) -> Result<Answer, Failure> {
        self.ask_once(None, token, method, path, body, cache).await
    }

    /// Asks with an idempotency key.
    pub async fn ask_once(
        &self,
        idempotency_key: Option<&str>,
        token: &str,
        method: Method,
        path: &str,
        body: &Value,
        cache: CacheRequest,
    ) -> Result<Answer, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_str(token).expect("a token"));
        let (route, values) = parse(&method, path).expect("a route");
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let parts = || Parts {
            path: values.iter().map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value))).collect(),
            query: Vec::new(),
            headers: &headers,
            body: &body,
        };
        let caller = Caller::of(&headers, &self.credentials).expect("a credential");
        let context = Context { caller, trace: Trace::default() };
        let idempotency_key = idempotency_key.map(str::to_owned);
        let errand = self.gateway.understand(Ask { route, context, cache, idempotency_key }, &parts())?;
        match self.gateway.recall(&errand, Instant::now()) {
            Some(outcome) => outcome,
            None => self.gateway.answer(&errand, || Some(parts())).await,
        }
    }

    pub async fn get(&self, token: &str, path: &str) -> Result<Answer, Failure> {
        self.ask(token, Method::GET, path, &Value::Null, CacheRequest::default()).await
    }
}

fn gateway(catalogue: &Arc<Catalogue>, config: &Config, limits: Limits) -> Arc<Gateway> {
    let plans = server::plans(catalogue, config.houston.version.parse().expect("a version")).expect("plans");
    let houston = Houston::new(config.houston.clone()).expect("a client");
    let cache = Cache::new(limits, catalogue.routes.len());
    Gateway::new(houston, Some(cache), Arc::clone(catalogue), plans, config.streams.clone())
}

/// The JSON of an answer.
pub fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

/// The status of a failure.
pub fn status(failure: &Failure) -> u16 {
    failure.problem().code.status().as_u16()
}
