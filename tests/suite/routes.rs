//! Every route of the catalogue, walked end to end at the oldest and at the newest release that has it: created, read,
//! changed and deleted as it applies, refused to whoever may not, and 501 where the release lacks it.
//!
//! Each module declares its routes. A walk fails unless it had a success from each of them, and one test compares what
//! the modules declare with the catalogue: so no route is left out, and none is only mentioned.

mod auth;
mod clusters;
mod deployment_members;
mod deployment_settings;
mod deployments;
mod platform;
mod service_accounts;
mod teams;
mod users;
mod workspace_members;
mod workspaces;

use crate::{
    harness::{ADMIN, Reply, World},
    witness::{Witness, Witnessed},
};
use futures_util::FutureExt;
use houston_gateway::{
    catalogue::{Catalogue, Path, Plans, Segment},
    config::Config,
    server,
};
use houston_schema::{NEWEST, RELEASES, Version};
use houston_sim::Settings;
use reqwest::Method;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

/// What the modules walk.
const WALKED: [&[&str]; 11] = [
    auth::ROUTES,
    clusters::ROUTES,
    deployment_members::ROUTES,
    deployment_settings::ROUTES,
    deployments::ROUTES,
    platform::ROUTES,
    service_accounts::ROUTES,
    teams::ROUTES,
    users::ROUTES,
    workspace_members::ROUTES,
    workspaces::ROUTES,
];

/// Subscriptions, whose tests are those of the streams.
const STREAMED: [&str; 5] = [
    "GET /deployments/{deploymentId}/logs/stream",
    "GET /deployments/{deploymentId}/metrics",
    "GET /deployments/{deploymentId}/metrics/stream",
    "GET /deployments/{deploymentId}/status",
    "GET /deployments/{deploymentId}/status/stream",
];

#[test]
fn every_route_of_the_catalogue_is_walked_once() {
    let declared: Vec<&str> = WALKED.into_iter().flatten().copied().chain(STREAMED).collect();
    let once: BTreeSet<&str> = declared.iter().copied().collect();
    assert_eq!(declared.len(), once.len(), "a route is declared twice");
    let known: BTreeSet<String> = catalogue().routes.iter().map(|each| route_name(&each.method, &each.path)).collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(known.difference(&once).collect::<Vec<_>>(), Vec::<&&str>::new(), "not walked");
    assert_eq!(once.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "not in the catalogue");
}

#[test]
fn whatever_a_release_can_do_has_a_route_there() {
    let catalogue = catalogue();
    for version in RELEASES {
        let (slice, plans) = (catalogue.schema.at(version).expect("a slice"), plans(version));
        let mut reachable: BTreeSet<&str> = BTreeSet::new();
        for (route, planned) in catalogue.routes.iter().zip(&plans.routes) {
            if !planned.plans.is_empty() {
                reachable.extend(route.operations.iter().map(|index| catalogue.operations[*index].root_field()));
            }
        }
        let roots = [&slice.schema_definition.query, &slice.schema_definition.mutation];
        for root in roots.into_iter().chain([&slice.schema_definition.subscription]).flatten() {
            let object = slice.get_object(&root.name).expect("a root");
            for field in object.fields.keys() {
                assert!(reachable.contains(field.as_str()), "{}.{field} has no route at {version}", root.name);
            }
        }
    }
}

/// One walk: a demo world at one release, and what the walk needs to ask of it.
pub struct Walk {
    world: World,
    pub version: Version,
}

impl Deref for Walk {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// Takes the steps at every release that is the oldest or the newest with one of `routes`.
pub async fn walk(routes: &[&str], steps: impl AsyncFn(&Walk)) {
    let witnessed = Witnessed::default();
    for version in releases(routes).into_iter().rev() {
        let settings = Settings { version, manual_namespace_names: true, ..Settings::default() };
        let mut world = World::with(settings, keep_for_good).await;
        world.witness = Some(Witness::of(&mut world, version, Arc::clone(&witnessed)).await);
        let walk = Walk { world, version };
        let taken = async {
            steps(&walk).await;
            walk.finish(routes).await;
        };
        assert!(AssertUnwindSafe(taken).catch_unwind().await.is_ok(), "the walk at Houston {version} failed");
    }
}

/// Nothing that is cached grows old while a walk lasts: what goes stale is what a change invalidates.
fn keep_for_good(config: &mut Config) {
    let cached = catalogue().operations.iter().filter(|each| each.cache.is_some());
    config.cache.ttl_seconds = cached.map(|each| (each.name.clone(), 3600)).collect();
    config.cache.absence = Duration::from_secs(3600);
}

impl Walk {
    pub fn since(&self, major: u16, minor: u16, patch: u16) -> bool {
        self.version >= Version::new(major, minor, patch)
    }

    /// Whether this release has the route.
    pub fn has(&self, route: &str) -> bool {
        let index = index_of(route);
        !plans(self.version).routes[index].plans.is_empty()
    }

    /// Sends a request; a body of null is none.
    pub async fn ask(&self, token: &str, method: Method, path: &str, body: &Value) -> Reply {
        let request = self.request(token, method, path);
        self.send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// The answer to `token`'s request, after it was refused to those who are not logged in.
    pub async fn to_members(&self, token: &str, method: Method, path: &str, body: Value) -> Reply {
        for nobody in ["", "not-a-token-of-anybody"] {
            let refused = self.ask(nobody, method.clone(), path, &body).await.expect(401);
            assert_eq!(refused.problem(), "UNAUTHENTICATED");
        }
        self.ask(token, method, path, &body).await
    }

    /// The answer to `token`'s request, after it was refused to those who are not logged in and to `stranger`.
    pub async fn guarded(&self, token: &str, stranger: &str, method: Method, path: &str, body: Value) -> Reply {
        let refused = self.ask(stranger, method.clone(), path, &body).await.expect(403);
        assert_eq!(refused.problem(), "FORBIDDEN");
        self.to_members(token, method, path, body).await
    }

    /// Checks that there is no such thing for `token`.
    pub async fn unknown(&self, token: &str, method: Method, path: &str, body: Value) {
        let reply = self.ask(token, method, path, &body).await.expect(404);
        assert_eq!(reply.problem(), "NOT_FOUND");
    }

    /// The items of a list.
    pub async fn list(&self, token: &str, path: &str) -> Vec<Value> {
        items(&self.get(token, path).await.expect(200))
    }

    /// The id of the user with this e-mail address.
    pub async fn user(&self, email: &str) -> String {
        id(&self.list(ADMIN, &format!("/users?email={email}")).await[0])
    }

    /// The id of the demo team with this name.
    pub async fn team(&self, name: &str) -> String {
        let teams = self.list(ADMIN, "/teams").await;
        id(teams.iter().find(|each| each["name"] == name).expect("a team"))
    }

    /// The id of the demo deployment with this release name.
    pub fn deployment(&self, release_name: &str) -> String {
        self.houston.deployment_id(release_name).expect("a deployment")
    }

    /// The id of a demo workspace.
    pub fn workspace_id(&self, label: &str) -> String {
        self.houston.workspace_id(label).expect("a workspace")
    }

    /// The id of what was created, after checking that `Location` is `path` and leads to it.
    pub async fn created(&self, token: &str, reply: Reply, collection: &str) -> String {
        let reply = reply.expect(201);
        let id = id(&reply.json());
        let path = format!("{collection}/{id}");
        assert_eq!(reply.header("location"), format!("http://{}{path}", self.gateway));
        assert_eq!(self.get(token, &path).await.expect(200).json()["id"], id.as_str());
        id
    }

    /// Checks that the walk had a success from each of `routes` that this release has, and that the others are 501.
    async fn finish(&self, routes: &[&str]) {
        let plans = plans(self.version);
        for name in routes {
            let index = index_of(name);
            let (route, planned) = (&catalogue().routes[index], &plans.routes[index]);
            if planned.plans.is_empty() {
                // Every text can stand for a variable, its own name in braces too.
                let path = route.path.to_string();
                let reply = self.ask(ADMIN, route.method.clone(), &path, &Value::Null).await.expect(501);
                assert_eq!(reply.problem(), "NOT_IMPLEMENTED", "{name}");
                let detail = reply.json()["detail"].to_string();
                assert!(detail.contains(&format!("This is Houston {}", self.version)), "{name}: {detail}");
                continue;
            }
            let answered = self.answered.lock().expect("nobody panicked here");
            let succeeded = answered.iter().any(|(method, path, status)| {
                *method == route.method && (200..300).contains(status) && fits(&route.path, path)
            });
            assert!(succeeded, "{name} was never answered with a success");
        }
    }
}

/// The items of a list in its envelope.
#[track_caller]
pub fn items(reply: &Reply) -> Vec<Value> {
    reply.json()["value"].as_array().expect("a list").clone()
}

#[track_caller]
pub fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}")).to_owned()
}

/// The item with this id.
pub fn find<'i>(items: &'i [Value], id: &str) -> Option<&'i Value> {
    items.iter().find(|each| each["id"] == id)
}

/// The role that an item's bindings give it on the workspace or deployment with this id.
pub fn role_on<'i>(item: &'i Value, kind: &str, id: &str) -> Option<&'i str> {
    let bindings = item["roleBindings"].as_array().expect("role bindings");
    bindings.iter().find(|each| each[kind]["id"] == id).and_then(|each| each["role"].as_str())
}

/// The catalogue that ships, compiled once for all tests.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        let config = Config::load_with(None, |_| None).expect("the defaults");
        server::catalogue(&config).expect("a catalogue without faults")
    });
    &CATALOGUE
}

/// The plans for a release, compiled once for all tests.
pub fn plans(version: Version) -> Arc<Plans> {
    static PLANS: Mutex<BTreeMap<Version, Arc<Plans>>> = Mutex::new(BTreeMap::new());
    let mut known = PLANS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let compile = || Arc::new(server::plans(catalogue(), version).expect("plans without faults"));
    Arc::clone(known.entry(version).or_insert_with(compile))
}

fn route_name(method: &Method, path: &Path) -> String {
    format!("{method} {path}")
}

fn index_of(route: &str) -> usize {
    let mut routes = catalogue().routes.iter();
    routes.position(|each| route_name(&each.method, &each.path) == route).unwrap_or_else(|| panic!("no route {route}"))
}

/// The oldest and the newest release of each of `routes`.
fn releases(routes: &[&str]) -> BTreeSet<Version> {
    let newest = plans(NEWEST);
    let lifespans = routes.iter().map(|route| newest.routes[index_of(route)].lifespan);
    let ends = lifespans.flat_map(|lifespan| {
        let living = || RELEASES.into_iter().filter(move |each| lifespan.contains(*each));
        [living().min(), living().max()]
    });
    ends.flatten().collect()
}

/// Whether a path was made from a template.
fn fits(template: &Path, path: &str) -> bool {
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    parts.len() == template.segments().len()
        && template.segments().iter().zip(parts).all(|(segment, part)| match segment {
            Segment::Literal(word) => word == part,
            Segment::Variable(_) => !part.is_empty(),
        })
}

/// The index of the route that serves a path, and what its variables stand for there.
pub fn parse(method: &Method, path: &str) -> Option<(usize, Vec<(String, String)>)> {
    let mut routes = catalogue().routes.iter().enumerate();
    let (index, route) = routes.find(|(_, each)| each.method == *method && fits(&each.path, path))?;
    let parts = route.path.segments().iter().zip(path.trim_start_matches('/').split('/'));
    let values = parts.filter_map(|(segment, part)| match segment {
        Segment::Variable(name) => Some((name.clone(), part.to_owned())),
        Segment::Literal(_) => None,
    });
    Some((index, values.collect()))
}
