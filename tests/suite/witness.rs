//! A witness of changes: before each one it reads all that the cache may hold, as several callers, and afterwards it
//! compares what the cache still gives out with what Houston says now. So every route that is walked proves its
//! `@invalidates`, and every read its tags, whoever was granted or lost what.

use crate::{
    harness::{ADMIN, OWNER, Reply, World},
    routes::{parse, plans},
};
use futures_util::{StreamExt, stream};
use houston_gateway::catalogue::{Operation, Plan, Segment, Source};
use houston_schema::Version;
use reqwest::{Client, Method, Request, StatusCode};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How many reads are on their way at the same time.
const AT_ONCE: usize = 16;

/// Longer than Houston takes to deploy: what a change sets going is over before anybody looks.
const SETTLED: Duration = Duration::from_millis(60);

/// What changes by itself: each call of a service account.
const RESTLESS: [&str; 1] = ["lastUsedAt"];

/// What shows the present moment, whoever changes what.
const LIVE: &str = "GetDeploymentMetrics";

/// Somebody who has no role anywhere but those that walks give her.
const STRANGER: &str = "marta.kowalska@example.com";

/// Operations whose changes were witnessed: one of each is enough.
pub type Witnessed = Arc<Mutex<BTreeSet<String>>>;

/// See the module.
pub struct Witness {
    version: Version,
    client: Client,
    /// A gateway to the same Houston that keeps nothing.
    truth: SocketAddr,
    witnessed: Witnessed,
    knowledge: Mutex<Knowledge>,
}

/// What to ask for, as whom, and what of it is in the cache.
#[derive(Clone, Default)]
struct Knowledge {
    /// What can stand for a variable.
    values: BTreeMap<String, String>,
    /// What the walk came across last.
    latest: BTreeMap<String, String>,
    callers: BTreeSet<String>,
    /// What is in the cache, what was answered when it was asked for last, and what was refused.
    warm: BTreeSet<Read>,
    allowed: BTreeSet<Read>,
    refused: BTreeSet<Read>,
}

/// One read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Read {
    token: String,
    path: String,
}

/// What came of a read, so far as it matters.
#[derive(Debug, PartialEq)]
struct Told {
    status: StatusCode,
    body: Value,
}

impl Witness {
    /// A witness of what happens to `world`, whose gateway has to keep answers for longer than any walk takes.
    pub async fn of(world: &mut World, version: Version, witnessed: Witnessed) -> Self {
        let truth = world.beside(|config| config.cache.enabled = false);
        let id = |found: Value| found["id"].as_str().expect("an id").to_owned();
        let release = "stellar-horizon-4217";
        let mut values = BTreeMap::from([
            ("workspaceId", world.houston.workspace_id("Marketing Analytics").expect("a workspace")),
            ("userId", id(world.find(ADMIN, "/users", "username", STRANGER).await)),
            ("releaseName", release.to_owned()),
            ("deploymentId", world.houston.deployment_id(release).expect("a deployment")),
            ("serviceAccountId", "none-yet".to_owned()),
            ("tag", "2.3.4".to_owned()),
            ("startDate", "2021-01-01".to_owned()),
            ("endDate", "2021-02-01".to_owned()),
        ]);
        if plans(version).by_name("ListTeams").is_some() {
            values.insert("teamId", id(world.find(ADMIN, "/teams", "name", "Finance Operations").await));
        }
        if plans(version).by_name("ListClusters").is_some() {
            values.insert("clusterId", id(world.find(ADMIN, "/clusters", "name", "eu-central-production").await));
        }
        let mut callers = BTreeSet::from([ADMIN, OWNER].map(str::to_owned));
        callers.extend(world.houston.token(STRANGER));
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let knowledge = Mutex::new(Knowledge { values, callers, ..Knowledge::default() });
        Self { version, client: world.client.clone(), truth, witnessed, knowledge }
    }

    /// Sends a request. If it changes anything, compares what is cached afterwards with what Houston says.
    pub async fn watch(&self, world: &World, request: Request) -> Reply {
        let Some(operation) = self.changing(&request) else {
            let reply = world.execute(request).await;
            if !reply.status.is_success() {
                lock(&self.knowledge).warm.clear();
            }
            return reply;
        };
        if lock(&self.witnessed).contains(&operation.name) {
            lock(&self.knowledge).unlearn();
            return world.execute(request).await;
        }
        lock(&self.knowledge).meet(&request);
        self.warm_up(world).await;
        let change = request.try_clone().expect("a whole body");
        let reply = world.execute(request).await;
        if reply.status.is_success() {
            world.houston.advance(SETTLED);
            self.compare(world, &operation.name).await;
            lock(&self.witnessed).insert(operation.name.clone());
            let mut knowledge = lock(&self.knowledge);
            knowledge.learn(&change, &reply);
            if operation.invalidates.iter().any(|tag| tag.prefix == "access") {
                knowledge.refused.clear();
            }
        } else {
            lock(&self.knowledge).warm.clear();
        }
        reply
    }

    /// The operation that a request performs at this release, if that is a change.
    fn changing(&self, request: &Request) -> Option<Arc<Operation>> {
        let (index, _) = parse(request.method(), request.url().path())?;
        let plan = plans(self.version).routes[index].plans.first()?.clone();
        plan.operation.kind.is_mutation().then(|| Arc::clone(&plan.operation))
    }

    /// Makes the cache hold all that it may hold. A refusal makes it forget all that it holds for that caller, so what
    /// may be refused comes first.
    async fn warm_up(&self, world: &World) {
        let Knowledge { mut warm, mut allowed, mut refused, .. } = lock(&self.knowledge).clone();
        let all: BTreeSet<_> = self.reads().difference(&refused).cloned().collect();
        let mut cold: BTreeSet<_> = all.difference(&allowed).cloned().collect();
        loop {
            for (read, told) in self.ask(world.gateway, cold, "").await {
                if told.status.is_success() || told.status == StatusCode::NOT_FOUND {
                    allowed.insert(read.clone());
                    warm.insert(read);
                } else {
                    allowed.remove(&read);
                    warm.retain(|each| each.token != read.token);
                    refused.insert(read);
                }
            }
            cold = all.intersection(&allowed).filter(|read| !warm.contains(read)).cloned().collect();
            if cold.is_empty() {
                break;
            }
        }
        let mut knowledge = lock(&self.knowledge);
        (knowledge.warm, knowledge.allowed, knowledge.refused) = (warm, allowed, refused);
    }

    /// Compares all that the cache holds with what Houston says.
    async fn compare(&self, world: &World, operation: &str) {
        let warm = std::mem::take(&mut lock(&self.knowledge).warm);
        let mut kept = self.ask(world.gateway, warm, "only-if-cached").await;
        kept.retain(|(_, told)| told.status != StatusCode::GATEWAY_TIMEOUT);
        let reads: BTreeSet<_> = kept.iter().map(|(read, _)| read.clone()).collect();
        let truth: BTreeMap<_, _> = self.ask(self.truth, reads.clone(), "").await.into_iter().collect();
        for (read, told) in &kept {
            assert_eq!(*told, truth[read], "{} is answered as before {operation}", read.path);
        }
        lock(&self.knowledge).warm = reads;
    }

    /// Everything that the cache may hold, for everybody.
    fn reads(&self) -> BTreeSet<Read> {
        let (plans, known) = (plans(self.version), lock(&self.knowledge));
        let cached = plans.iter().filter(|plan| plan.operation.cache.is_some() && plan.operation.name != LIVE);
        let paths: BTreeSet<_> = cached.flat_map(|plan| known.paths(plan)).collect();
        let read = |token: &String, path: String| Read { token: token.clone(), path };
        paths.iter().flat_map(|path| known.callers.iter().map(move |token| read(token, path.clone()))).collect()
    }

    async fn ask(
        &self,
        gateway: SocketAddr,
        reads: impl IntoIterator<Item = Read>,
        cache_control: &str,
    ) -> Vec<(Read, Told)> {
        let answers = stream::iter(reads).map(async |read| {
            let told = self.told(gateway, &read, cache_control).await;
            (read, told)
        });
        answers.buffer_unordered(AT_ONCE).collect().await
    }

    async fn told(&self, gateway: SocketAddr, read: &Read, cache_control: &str) -> Told {
        let origin = format!("http://{gateway}");
        let request = self.client.get(format!("{origin}{}", read.path));
        let request = request.header("x-api-key", &read.token).header("cache-control", cache_control);
        let response = request.send().await.expect("an answer");
        let status = response.status();
        let text = response.text().await.expect("a body").replace(&origin, "");
        let mut body = if status.is_success() { serde_json::from_str(&text).unwrap_or_default() } else { Value::Null };
        calm(&mut body);
        Told { status, body }
    }
}

impl Knowledge {
    /// Takes note of what a change names, and of who makes it.
    fn meet(&mut self, request: &Request) {
        let (_, values) = parse(request.method(), request.url().path()).expect("a route");
        self.latest.extend(values);
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
            let ids = fields.into_iter().filter(|(name, _)| self.values.contains_key(name));
            let ids: Vec<_> = ids.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
            self.latest.extend(ids);
        }
    }

    /// Forgets what the cache holds, and what is refused: something changed without a witness.
    fn unlearn(&mut self) {
        self.warm.clear();
        self.refused.clear();
    }

    /// Takes note of what came into being.
    fn learn(&mut self, request: &Request, reply: &Reply) {
        let location = reply.header("location").split_once("//").and_then(|(_, rest)| rest.split_once('/'));
        if let Some((_, values)) = location.and_then(|(_, path)| parse(&Method::GET, &format!("/{path}"))) {
            self.latest.extend(values);
        }
        if request.url().path().ends_with("/service-accounts") {
            let account = reply.json();
            let text = |field: &str| account[field].as_str().map(str::to_owned);
            self.latest.extend(text("id").map(|id| ("serviceAccountId".to_owned(), id)));
            self.callers.extend(text("apiKey"));
        }
    }

    /// The addresses under which a plan can be asked for something known.
    fn paths(&self, plan: &Plan) -> BTreeSet<String> {
        let asked = |name: &str| -> BTreeSet<String> {
            [self.values.get(name), self.latest.get(name)].into_iter().flatten().cloned().collect()
        };
        let mut paths = BTreeSet::from([String::new()]);
        for segment in plan.operation.path.segments() {
            let words = match segment {
                Segment::Literal(word) => BTreeSet::from([word.clone()]),
                Segment::Variable(name) => asked(name),
            };
            assert!(!words.is_empty(), "nothing is known for {segment:?} of {}", plan.operation.name);
            paths = paths.iter().flat_map(|path| words.iter().map(move |word| format!("{path}/{word}"))).collect();
        }
        let inputs = || plan.inputs.iter().filter(|input| input.source == Source::Query);
        let pairs = |name: &str| asked(name).into_iter().map(|value| format!("&{name}={value}")).collect::<Vec<_>>();
        let mut query = if plan.operation.is_paged() { "?limit=2".to_owned() } else { "?".to_owned() };
        for input in inputs().filter(|input| input.is_required()) {
            let pair = pairs(&input.name);
            assert!(!pair.is_empty(), "nothing is known for ?{}= of {}", input.name, plan.operation.name);
            query += &pair[0];
        }
        let optional = inputs().filter(|input| !input.is_required()).flat_map(|input| pairs(&input.name));
        let queries: Vec<_> = optional.map(|pair| format!("{query}{pair}")).chain([query.clone()]).collect();
        paths.iter().flat_map(|path| queries.iter().map(move |query| format!("{path}{query}"))).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blanks what changes by itself.
fn calm(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if RESTLESS.contains(&name.as_str()) { *value = Value::Null } else { calm(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(calm),
        _ => {}
    }
}
