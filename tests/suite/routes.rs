//! Every route of the catalogue, walked end to end at the oldest and at the newest release that has it, and likewise for
//! each operation that serves it: created, read, changed and deleted as it applies, refused to whoever may not, and 501
//! where the release lacks it.
//!
//! Each module declares its routes. A walk fails unless it had a success from each of them by the operation meant for the
//! release, a 401 and, where Houston asks for a permission, a 403. One test compares what the modules declare with the
//! catalogue: so no route and no operation is left out, and none is only mentioned.

mod auth;
mod clusters;
mod deployment_members;
mod deployment_settings;
mod deployments;
mod observed;
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
    catalogue::{Catalogue, Path, Plan, Plans, RoutePlan, Segment},
    config::Config,
    server,
};
use houston_schema::{RELEASES, Version};
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

/// Somebody who is in none of the demo users' workspaces.
pub const OUTSIDER: &str = "marta.kowalska@example.com";

/// What the modules walk.
const WALKED: [&[&str]; 12] = [
    auth::ROUTES,
    clusters::ROUTES,
    deployment_members::ROUTES,
    deployment_settings::ROUTES,
    deployments::ROUTES,
    observed::ROUTES,
    platform::ROUTES,
    service_accounts::ROUTES,
    teams::ROUTES,
    users::ROUTES,
    workspace_members::ROUTES,
    workspaces::ROUTES,
];

/// Operations that no request can choose where the walks are, and why that is right.
const OUT_OF_REACH: [&str; 2] = [
    // Houston knows the other way at every release here; the tests of versions take that away from it.
    "UpdateWorkspaceUserRoleByUpdate",
    // For releases before 0.16, which the simulator cannot be.
    "UpdateSelfByUpdateUser",
];

#[test]
fn every_route_of_the_catalogue_is_walked_once() {
    let declared: Vec<&str> = WALKED.into_iter().flatten().copied().collect();
    let once: BTreeSet<&str> = declared.iter().copied().collect();
    assert_eq!(declared.len(), once.len(), "a route is declared twice");
    let known: BTreeSet<String> = catalogue().routes.iter().map(|each| route_name(&each.method, &each.path)).collect();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(known.difference(&once).collect::<Vec<_>>(), Vec::<&&str>::new(), "not walked");
    assert_eq!(once.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "not in the catalogue");
}

#[test]
fn every_operation_of_the_catalogue_is_walked() {
    let mut walked = BTreeSet::from(OUT_OF_REACH);
    let chosen = RELEASES.into_iter().flat_map(|version| {
        let plans = plans(version);
        plans.routes.iter().flat_map(choosable).map(|plan| plan.operation.name.clone()).collect::<Vec<_>>()
    });
    let chosen: BTreeSet<String> = chosen.collect();
    walked.extend(chosen.iter().map(String::as_str));
    // Nobody knows what Houston answers to it; what it does where introspection tells is among the tests of versions.
    walked.insert("ReconcileClusters");
    let known: BTreeSet<&str> = catalogue().operations.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(walked, known);
    assert!(OUT_OF_REACH.iter().all(|name| !chosen.contains(*name)));
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
        let log_interval = Duration::from_millis(2);
        let settings = Settings { version, manual_namespace_names: true, log_interval, ..Settings::default() };
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

    /// The token of somebody who is in none of the demo users' workspaces.
    pub fn outsider(&self) -> String {
        self.houston.token(OUTSIDER).expect("a token")
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

    /// Checks that each of `routes` that this release has was walked, and that the others are 501.
    async fn finish(&self, routes: &[&str]) {
        let plans = plans(self.version);
        for name in routes {
            let index = index_of(name);
            let (route, planned) = (&catalogue().routes[index], &plans.routes[index]);
            let Some(first) = planned.plans.first() else {
                // Every text can stand for a variable, its own name in braces too.
                let path = route.path.to_string();
                let reply = self.ask(ADMIN, route.method.clone(), &path, &Value::Null).await.expect(501);
                assert_eq!(reply.problem(), "NOT_IMPLEMENTED", "{name}");
                let detail = reply.json()["detail"].to_string();
                assert!(detail.contains(&format!("This is Houston {}", self.version)), "{name}: {detail}");
                continue;
            };
            for plan in choosable(planned) {
                let operation = &plan.operation.name;
                assert!(self.houston.calls().operation(operation) > 0, "{name} never made Houston do {operation}");
            }
            let answered = self.answered.lock().expect("nobody panicked here");
            let was = |expected: std::ops::RangeInclusive<u16>| {
                let mut answered =
                    answered.iter().filter(|(method, path, _)| *method == route.method && fits(&route.path, path));
                answered.any(|(.., status)| expected.contains(status))
            };
            assert!(was(200..=299), "{name} was never answered with a success");
            assert!(first.public || was(401..=401), "{name} was never refused to who is not logged in");
            assert!(was(403..=403) || !self.is_guarded(first), "{name} was never refused to who lacks the permission");
        }
    }

    /// Whether Houston asks for a permission that not everybody has, as far as anybody knows.
    fn is_guarded(&self, plan: &Plan) -> bool {
        let (all, field) = (catalogue().schema.all(), plan.operation.root_field());
        let root = all.root_operation(plan.operation.kind).expect("a root");
        let field = all.type_field(root, field).expect("a field");
        let arguments = field.directives.get("permissions").into_iter().flat_map(|each| &each.arguments);
        let permissions = arguments.filter_map(|each| each.value.as_list()).flatten().filter_map(|each| each.as_str());
        let permissions: Vec<_> = permissions.collect();
        match field.name.as_str() {
            // The role that everybody has brings it.
            "createWorkspace" => false,
            // From here on everybody gets what they may see.
            "deployments" if self.since(1, 0, 0) => false,
            _ => permissions.iter().any(|each| !each.starts_with('@')),
        }
    }
}

/// The plans of a route that a request can choose: the first, and the first that lets Houston page.
fn choosable(route: &RoutePlan) -> impl Iterator<Item = &Arc<Plan>> {
    let paged = route.plans.iter().skip(1).find(|plan| plan.operation.is_paged());
    route.plans.first().into_iter().chain(paged)
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

/// The oldest and the newest release of each operation that a request to one of `routes` can choose.
fn releases(routes: &[&str]) -> BTreeSet<Version> {
    let mut ends: BTreeMap<String, (Version, Version)> = BTreeMap::new();
    for version in RELEASES {
        let plans = plans(version);
        for plan in routes.iter().flat_map(|route| choosable(&plans.routes[index_of(route)])) {
            ends.entry(plan.operation.name.clone()).or_insert((version, version)).1 = version;
        }
    }
    ends.into_values().flat_map(|(oldest, newest)| [oldest, newest]).collect()
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
