//! The published documents: complete, faithful to what is sent to Houston, and the same every time.

use crate::harness::World;
use houston_gateway::{
    catalogue::{Catalogue, Plan, Plans, Shape, embedded},
    openapi::{Format, Publisher, document, postman, yaml},
};
use houston_schema::{HoustonSchema, NEWEST, RELEASES, SDL, Version};
use http::Method;
use serde_json::Value;
use std::{collections::BTreeSet, env, fs, path::Path, sync::LazyLock};

const PUBLISHER: Publisher<'_> = Publisher {
    url: "http://127.0.0.1:8080",
    contact_name: "Your platform team",
    contact_email: "platform@example.com",
};
const FORMATS: [Format; 3] = [Format::OpenApi31, Format::OpenApi30, Format::Swagger20];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(compiled);

fn compiled() -> Catalogue {
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("a schema");
    Catalogue::compile(schema, &embedded()).expect("a catalogue")
}

fn plans(catalogue: &Catalogue, version: Version) -> Plans {
    let server = catalogue.schema.at(version).expect("a slice");
    let (plans, faults) = catalogue.plan(&server, version);
    assert!(faults.is_empty(), "{faults}");
    plans
}

fn published(version: Version, format: Format) -> Value {
    let catalogue = &*CATALOGUE;
    document(catalogue, &plans(catalogue, version), PUBLISHER, format)
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_item = |(path, item): (&String, &Value)| {
        let methods = item.as_object().expect("a path item").clone();
        methods.into_iter().map(|(method, operation)| (path.clone(), method, operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_item).collect()
}

/// Calls `visit` with every object of the document that is no example.
fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            let parts =
                members.iter().filter(|(name, _)| !["example", "default", "x-example"].contains(&name.as_str()));
            parts.for_each(|(_, member)| walk(member, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn references(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(value, &mut |members| found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned)));
    found
}

fn resolve<'d>(document: &'d Value, mut value: &'d Value) -> &'d Value {
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        value = document.pointer(reference.trim_start_matches('#')).expect("what is referred to");
    }
    value
}

#[test]
fn committed_documents_are_what_the_program_makes() {
    let catalogue = &*CATALOGUE;
    let plans = plans(catalogue, NEWEST);
    let of = |format| document(catalogue, &plans, PUBLISHER, format);
    let json = |value: &Value| serde_json::to_string_pretty(value).expect("JSON") + "\n";
    let files = [
        ("openapi-3.1.json", json(&of(Format::OpenApi31))),
        ("openapi-3.0.json", json(&of(Format::OpenApi30))),
        ("swagger-2.0.json", json(&of(Format::Swagger20))),
        ("openapi.yaml", yaml(&of(Format::OpenApi30)).expect("YAML")),
        ("postman.json", json(&postman(catalogue, &plans, PUBLISHER))),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi");
    for (name, made) in files {
        let path = folder.join(name);
        if env::var_os("UPDATE_OPENAPI").is_some() {
            fs::write(&path, made).expect("the file can be written");
        } else {
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == made, "openapi/{name} is out of date; run the tests with UPDATE_OPENAPI=1");
        }
    }
}

#[test]
fn rendering_again_gives_the_same_bytes() {
    let (one, other) = (&*CATALOGUE, &compiled());
    let (plans_of_one, plans_of_other) = (plans(one, NEWEST), plans(other, NEWEST));
    for format in FORMATS {
        let first = document(one, &plans_of_one, PUBLISHER, format).to_string();
        for _ in 0..5 {
            let again = document(other, &plans_of_other, PUBLISHER, format).to_string();
            assert!(first == again, "{format:?} differs");
        }
    }
    let first = postman(one, &plans_of_one, PUBLISHER).to_string();
    let again = postman(other, &plans_of_other, PUBLISHER).to_string();
    assert!(first == again);
}

#[test]
fn every_living_route_appears_and_no_other() {
    let catalogue = &*CATALOGUE;
    for version in RELEASES {
        let plans = plans(catalogue, version);
        let living = catalogue.routes.iter().zip(&plans.routes).filter(|(_, plan)| !plan.plans.is_empty());
        let expected: BTreeSet<_> = living
            .map(|(route, _)| {
                let name = catalogue.name_of(route).name.clone();
                (route.path.to_string(), route.method.as_str().to_lowercase(), name)
            })
            .collect();
        let made = document(catalogue, &plans, PUBLISHER, Format::OpenApi31);
        let shown: BTreeSet<_> = operations(&made)
            .into_iter()
            .map(|(path, method, operation)| {
                (path, method, operation["operationId"].as_str().expect("an id").to_owned())
            })
            .collect();
        assert_eq!(expected, shown, "Houston {version}");
    }
}

#[test]
fn routes_say_which_fields_of_houston_they_serve() {
    let made = published(NEWEST, Format::OpenApi31);
    for (path, method, operation) in operations(&made) {
        let fields = operation["x-houston-field"].as_array().expect("a list");
        assert!(!fields.is_empty(), "{method} {path}");
    }
    assert_eq!(
        made["paths"]["/deployments"]["get"]["x-houston-field"],
        serde_json::json!(["deployments", "paginatedDeployments"])
    );
}

#[test]
fn references_resolve_and_every_component_is_used() {
    for version in [NEWEST, Version::new(1, 0, 0), Version::new(0, 25, 0)] {
        for format in FORMATS {
            let made = published(version, format);
            let referred = references(&made);
            for reference in &referred {
                let found = made.pointer(reference.trim_start_matches('#'));
                assert!(found.is_some(), "{version} {format:?}: {reference} leads nowhere");
            }
            let groups: &[&str] = if format == Format::Swagger20 {
                &["definitions", "responses", "parameters"]
            } else {
                &["components/schemas", "components/responses", "components/parameters", "components/headers"]
            };
            for group in groups {
                for name in made.pointer(&format!("/{group}")).and_then(Value::as_object).expect("a group").keys() {
                    assert!(
                        referred.contains(&format!("#/{group}/{name}")),
                        "{version} {format:?}: nothing uses {name}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_schema_contains_itself_or_offers_a_choice() {
    for format in FORMATS {
        let made = published(NEWEST, format);
        let group = if format == Format::Swagger20 { "/definitions" } else { "/components/schemas" };
        let schemas = made.pointer(group).and_then(Value::as_object).expect("schemas");
        for name in schemas.keys() {
            let mut reached = references(&schemas[name]);
            let mut todo: Vec<_> = reached.iter().cloned().collect();
            while let Some(next) = todo.pop() {
                let inner = references(made.pointer(next.trim_start_matches('#')).expect("a schema"));
                todo.extend(inner.into_iter().filter(|each| reached.insert(each.clone())));
            }
            assert!(!reached.contains(&format!("#{group}/{name}")), "{name} contains itself");
        }
        walk(&made, &mut |members| {
            for word in ["oneOf", "anyOf", "not", "discriminator"] {
                assert!(!members.contains_key(word), "{format:?} has {word}");
            }
        });
    }
}

#[test]
fn swagger_2_0_keeps_to_the_limits_of_connectors() {
    for version in RELEASES {
        let made = published(version, Format::Swagger20);
        let operations = operations(&made);
        assert!(serde_json::to_string_pretty(&made).expect("JSON").len() < 1_000_000);
        assert!(operations.len() <= 256);
        for (path, method, operation) in operations {
            let responses = operation["responses"].as_object().expect("responses");
            let with_schema = responses.values().filter(|each| resolve(&made, each).get("schema").is_some()).count();
            assert!(with_schema <= 1, "{method} {path} has {with_schema} schemas");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(resolve(&made, parameter)["x-ms-summary"].is_string(), "{method} {path}");
            }
        }
    }
}

#[test]
fn lists_page_by_next_link_in_swagger_2_0() {
    let made = published(NEWEST, Format::Swagger20);
    let list = &made["paths"]["/workspaces"]["get"];
    assert_eq!(list["x-ms-pageable"]["nextLinkName"], "nextLink");
    let envelope = resolve(&made, &list["responses"]["200"]["schema"]);
    assert_eq!(envelope["properties"]["value"]["type"], "array");
    assert!(made["paths"]["/workspaces"]["post"].get("x-ms-pageable").is_none());
}

/// The schema of an answer holds exactly what the operations of its route select.
#[test]
fn answers_have_the_fields_that_are_selected() {
    let catalogue = &*CATALOGUE;
    for version in [NEWEST, Version::new(0, 34, 0), Version::new(0, 25, 0)] {
        let plans = plans(catalogue, version);
        let made = document(catalogue, &plans, PUBLISHER, Format::OpenApi31);
        for (route, of_route) in catalogue.routes.iter().zip(&plans.routes) {
            let Some(plan) = of_route.plans.first() else { continue };
            let method = route.method.as_str().to_lowercase();
            let operation = &made["paths"][route.path.to_string()][&method];
            let status = plan.operation.status.as_str();
            let schema = resolve(&made, &operation["responses"][status]["content"]["application/json"]["schema"]);
            let mut shown = BTreeSet::new();
            paths_of_schema(&made, schema, "", &mut shown);
            let mut selected = BTreeSet::new();
            of_route.plans.iter().for_each(|plan| paths_of_plan(plan, &mut selected));
            assert_eq!(selected, shown, "{} at Houston {version}", plan.operation.name);
        }
    }
}

fn paths_of_schema(document: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let schema = resolve(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        paths_of_schema(document, part, at, found);
    }
    if let Some(items) = schema.get("items") {
        return paths_of_schema(document, items, at, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        paths_of_schema(document, property, &path, found);
        found.insert(path);
    }
}

fn paths_of_plan(plan: &Plan, found: &mut BTreeSet<String>) {
    use apollo_compiler::ast::Selection;
    fn add(selection: &[Selection], at: &str, found: &mut BTreeSet<String>) {
        for field in selection.iter().filter_map(Selection::as_field) {
            let name = field.response_name().to_string();
            let path = if at.is_empty() { name } else { format!("{at}.{name}") };
            add(&field.selection_set, &path, found);
            found.insert(path);
        }
    }
    let links = ["value", "nextLink", "nextCursor"].map(str::to_owned);
    match &plan.shape {
        Shape::Object | Shape::First => add(&plan.selection, "", found),
        Shape::Scalar => {
            found.insert(plan.response_key.clone());
        }
        Shape::List => {
            add(&plan.selection, "value", found);
            found.extend(links);
        }
        Shape::Inner(object) => {
            let mut all = BTreeSet::new();
            add(&plan.selection, "", &mut all);
            let within = format!("{object}.");
            found.extend(all.iter().filter_map(|path| path.strip_prefix(&within)).map(str::to_owned));
        }
        Shape::Wrapped(list) => {
            let mut all = BTreeSet::new();
            add(&plan.selection, "", &mut all);
            let within = format!("{list}.");
            all.remove(list);
            found.extend(all.into_iter().map(|path| match path.strip_prefix(&within) {
                Some(inner) => format!("value.{inner}"),
                None => path,
            }));
            found.extend(links);
        }
    }
}

#[test]
fn bodies_are_closed_and_have_an_example_that_fits() {
    let made = published(NEWEST, Format::OpenApi31);
    for (path, method, operation) in operations(&made) {
        let Some(body) = operation.get("requestBody") else { continue };
        let content = &body["content"]["application/json"];
        let schema = resolve(&made, &content["schema"]);
        assert_eq!(schema["additionalProperties"], false, "{method} {path}");
        let example = content["example"].as_object().expect("an example");
        for required in schema["required"].as_array().into_iter().flatten() {
            assert!(example.contains_key(required.as_str().expect("a name")), "{method} {path}: {required}");
        }
        for name in example.keys() {
            assert!(schema["properties"].get(name).is_some(), "{method} {path}: {name}");
        }
        assert_eq!(body["content"].get("application/merge-patch+json").is_some(), method == "patch");
    }
}

#[test]
fn secrets_are_passwords_in_what_is_sent() {
    let made = published(NEWEST, Format::OpenApi31);
    let schemas = &made["components"]["schemas"];
    assert_eq!(schemas["CreateTokenBody"]["properties"]["password"]["format"], "password");
    assert_eq!(schemas["ValidateGitSyncCredentialsBody"]["properties"]["httpsToken"]["format"], "password");
}

#[test]
fn null_is_a_type_in_3_1_a_flag_in_3_0_and_an_extension_in_2_0() {
    let label = |format: Format, group: &str| {
        published(NEWEST, format).pointer(&format!("{group}/Workspace/properties/label")).expect("a label").clone()
    };
    assert_eq!(label(Format::OpenApi31, "/components/schemas")["type"], serde_json::json!(["string", "null"]));
    let flagged = label(Format::OpenApi30, "/components/schemas");
    assert_eq!((&flagged["type"], &flagged["nullable"]), (&"string".into(), &true.into()));
    let extended = label(Format::Swagger20, "/definitions");
    assert_eq!((&extended["type"], &extended["x-nullable"]), (&"string".into(), &true.into()));
}

#[test]
fn public_operations_need_no_token_and_the_others_do() {
    let made = published(NEWEST, Format::OpenApi31);
    assert_eq!(made["paths"]["/auth/tokens"]["post"]["security"], serde_json::json!([]));
    assert!(made["paths"]["/workspaces"]["get"].get("security").is_none());
    assert_eq!(made["security"], serde_json::json!([{ "ApiKey": [] }, { "Bearer": [] }]));
}

#[test]
fn what_ends_with_a_known_release_is_deprecated() {
    let made = published(Version::new(0, 34, 0), Format::OpenApi31);
    let card = &made["paths"]["/workspaces/{workspaceId}/card"]["get"];
    assert_eq!(card["deprecated"], true);
    assert_eq!(card["x-houston-until"], "0.35.0");
    assert!(made["paths"]["/workspaces"]["get"].get("deprecated").is_none());
}

#[test]
fn tags_come_in_order_of_use_with_a_description() {
    let made = published(NEWEST, Format::OpenApi31);
    let tags = made["tags"].as_array().expect("tags");
    assert_eq!(tags[0]["name"], "Self");
    assert_eq!(tags[3]["name"], "Workspace users");
    assert!(tags.iter().all(|tag| tag["description"].as_str().is_some_and(|text| !text.is_empty())));
}

#[test]
fn the_base_path_reaches_every_document() {
    let catalogue = &*CATALOGUE;
    let plans = plans(catalogue, NEWEST);
    let server = Publisher { url: "https://api.example.com/houston/", ..PUBLISHER };
    let modern = document(catalogue, &plans, server, Format::OpenApi30);
    assert_eq!(modern["servers"][0]["url"], "https://api.example.com/houston");
    let old = document(catalogue, &plans, server, Format::Swagger20);
    assert_eq!((&old["host"], &old["basePath"]), (&"api.example.com".into(), &"/houston".into()));
    assert_eq!(old["schemes"], serde_json::json!(["https"]));
    assert_eq!(postman(catalogue, &plans, server)["variable"][0]["value"], "https://api.example.com/houston");
}

#[test]
fn the_postman_collection_has_a_folder_for_each_tag_and_every_request_once() {
    let catalogue = &*CATALOGUE;
    let plans = plans(catalogue, NEWEST);
    let collection = postman(catalogue, &plans, PUBLISHER);
    let folders = collection["item"].as_array().expect("folders");
    let made = document(catalogue, &plans, PUBLISHER, Format::OpenApi30);
    let names: Vec<_> = folders.iter().map(|folder| folder["name"].clone()).collect();
    let tags: Vec<_> = made["tags"].as_array().expect("tags").iter().map(|tag| tag["name"].clone()).collect();
    assert_eq!(names, tags);
    let requests: usize = folders.iter().map(|folder| folder["item"].as_array().expect("requests").len()).sum();
    assert_eq!(requests, operations(&made).len());
}

#[test]
fn the_postman_collection_deletes_what_it_created() {
    let catalogue = &*CATALOGUE;
    let collection = postman(catalogue, &plans(catalogue, NEWEST), PUBLISHER).to_string();
    for variable in ["CreateWorkspace.id", "CreateDeployment.id", "AdoptDeployment.id", "CreateSystemServiceAccount.id"]
    {
        assert!(collection.contains(&format!("collectionVariables.set(\\\"{variable}\\\"")), "{variable} is not set");
        assert!(collection.contains(&format!("{{{{{variable}}}}}")), "{variable} is not used");
    }
}

#[test]
fn variables_of_the_path_say_what_they_name() {
    let made = published(NEWEST, Format::OpenApi31);
    for (path, method, operation) in operations(&made) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(&made, parameter);
            if parameter["in"] == "path" {
                let description = parameter["description"].as_str().expect("a description");
                assert!(!description.starts_with("Only "), "{method} {path}: {description}");
                assert!(parameter.get("example").is_some(), "{method} {path}");
            }
        }
    }
}

/// Whatever is longer than a server takes is refused without a word about what is wrong.
#[test]
fn an_address_with_every_parameter_at_its_longest_is_taken() {
    const LONGEST_ADDRESS: u64 = 65_534;
    const LONGEST_ESCAPE: u64 = "%F0%9F%9A%80".len() as u64;
    let made = published(NEWEST, Format::OpenApi31);
    for (path, method, operation) in operations(&made) {
        let parameters = operation["parameters"].as_array().into_iter().flatten().map(|each| resolve(&made, each));
        let in_address = parameters.filter(|each| each["in"] == "path" || each["in"] == "query");
        let longest = in_address.map(|each| {
            let name = each["name"].as_str().expect("a name").len() as u64 + 2;
            name + each["schema"]["maxLength"].as_u64().unwrap_or(100) * LONGEST_ESCAPE
        });
        let address = path.len() as u64 + longest.sum::<u64>();
        assert!(address <= LONGEST_ADDRESS, "{method} {path}: {address} characters");
    }
}

#[test]
fn events_are_described_one_by_one() {
    let made = published(NEWEST, Format::OpenApi31);
    let stream = |path: &str| made["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"].clone();
    let log = stream("/deployments/{deploymentId}/logs/stream");
    assert_eq!(log["schema"]["properties"]["event"]["enum"], serde_json::json!(["log", "gap", "error"]));
    let metrics = stream("/deployments/{deploymentId}/metrics/stream");
    assert_eq!(metrics["schema"]["properties"]["event"]["enum"], serde_json::json!(["metrics", "error"]));
    let data = metrics["example"]["data"].as_str().expect("text");
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert!(data[0]["label"].is_string(), "the items of a list, without the envelope of an answer: {data}");
}

/// The documents by the path that serves them, as they are made for an address.
fn served(url: &str) -> [(&'static str, String); 5] {
    let (catalogue, publisher) = (&*CATALOGUE, Publisher { url, ..PUBLISHER });
    let plans = plans(catalogue, NEWEST);
    let of = |format| document(catalogue, &plans, publisher, format);
    let usual = of(Format::OpenApi30);
    [
        ("/openapi.json", usual.to_string()),
        ("/openapi-3.1.json", of(Format::OpenApi31).to_string()),
        ("/swagger2.json", of(Format::Swagger20).to_string()),
        ("/openapi.yaml", yaml(&usual).expect("YAML")),
        ("/postman.json", postman(catalogue, &plans, publisher).to_string()),
    ]
}

#[tokio::test]
async fn what_is_served_is_what_would_be_made_for_the_address_of_the_caller() {
    for base_path in ["", "/houston"] {
        let world = World::with(houston_sim::Settings::default(), |config| {
            PUBLISHER.contact_name.clone_into(&mut config.documents.contact_name);
            PUBLISHER.contact_email.clone_into(&mut config.documents.contact_email);
            base_path.clone_into(&mut config.server.base_path);
            config.server.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
        })
        .await;
        for (scheme, host, seen) in [
            ("https", "api.example.com", "api.example.com"),
            ("http", "[::1]:8080", "[::1]:8080"),
            // What would end a text, or be a key in YAML, is no host.
            ("http", "a\"b", "localhost"),
            ("http", "api.example.com:", "localhost"),
            // Nothing is filled into what a caller says.
            ("https", "scheme.invalid", "scheme.invalid"),
        ] {
            for (path, made) in served(&format!("{scheme}://{seen}{base_path}")) {
                let ask = world.request("", Method::GET, &format!("{base_path}{path}"));
                let ask = ask.header("x-forwarded-proto", scheme).header("x-forwarded-host", host);
                assert!(world.send(ask).await.expect(200).text == made, "{path} for {scheme}://{host}{base_path}");
            }
        }
    }
}

#[tokio::test]
async fn each_address_has_its_own_validator_and_what_was_compressed_is_known_by_its_weak_one() {
    let world = World::new().await;
    for path in ["/openapi.json", "/swagger2.json", "/openapi.yaml", "/postman.json", "/docs/swagger-ui.css"] {
        let ask = || world.request("", Method::GET, path);
        let strong = world.send(ask()).await.expect(200).header("etag").to_owned();
        let compressed = world.send(ask().header("accept-encoding", "gzip")).await.expect(200);
        assert_eq!(
            (compressed.header("content-encoding"), compressed.header("etag")),
            ("gzip", &*format!("W/{strong}"))
        );
        for known in [strong.clone(), format!("W/{strong}")] {
            let unchanged = world.send(ask().header("if-none-match", &known)).await.expect(304);
            assert_eq!((unchanged.header("etag"), unchanged.header("cache-control")), (&*known, "public, no-cache"));
        }
        let elsewhere = ask().header("host", "api.example.com").header("if-none-match", &strong);
        world.send(elsewhere).await.expect(if path.starts_with("/docs/") { 304 } else { 200 });
    }
}
