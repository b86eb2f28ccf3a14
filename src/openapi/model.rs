//! The model: one OpenAPI 3.1 document, from which the other versions are rendered.

use super::{
    Publisher, describe, example,
    input::InputObjects,
    names::{Answering, Names},
    operation::Entry,
    parameters, problems, schema,
    selection::Reader,
};
use crate::{
    caller::API_KEY_HEADER,
    catalogue::{Catalogue, Plans},
};
use http::Method;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, HttpMethod, InfoBuilder, KnownFormat, LicenseBuilder, ObjectBuilder,
    OpenApiBuilder, PathItem, PathsBuilder, ResponseBuilder, SchemaFormat, ServerBuilder, Tag, Type,
    external_docs::ExternalDocsBuilder,
    header::HeaderBuilder,
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

/// The resources in the order in which people come to need them. Others follow, in the order of their names.
const ORDER: [&str; 22] = [
    "self",
    "auth",
    "workspaces",
    "workspace-users",
    "workspace-teams",
    "workspace-service-accounts",
    "deployments",
    "deployment-versions",
    "deployment-settings",
    "deployment-variables",
    "deployment-users",
    "deployment-teams",
    "deployment-service-accounts",
    "deployment-observability",
    "git-sync",
    "users",
    "teams",
    "invites",
    "service-accounts",
    "platform",
    "clusters",
    "billing",
];

/// Builds the model.
pub(super) fn build(catalogue: &Catalogue, plans: &Plans, publisher: Publisher<'_>) -> Value {
    let server_url = publisher.url;
    let entries = entries(catalogue, plans);
    let mut objects = InputObjects::new();
    let mut components = ComponentsBuilder::new();
    for entry in &entries {
        if let Some(body) = entry.body(catalogue, &mut objects) {
            components = components.schema(entry.body_name(), body);
        }
    }
    let answers: Vec<_> =
        entries.iter().map(|each| Answering { operation: &each.operation.name, answer: &each.answer }).collect();
    let taken = objects.keys().cloned().chain(entries.iter().map(Entry::body_name));
    let taken: BTreeSet<_> = taken.chain([problems::SCHEMA, "Fault", "HoustonError"].map(str::to_owned)).collect();
    let names = Names::new(&answers, taken);
    components = components.schemas_from_iter(objects.into_iter().map(|(name, (_, schema))| (name, schema)));
    let open = entries.iter().filter(|entry| entry.is_open()).map(|entry| &entry.answer).collect::<Vec<_>>();
    components = schema::components(&names, &open, components);
    components = parameters::components(components);
    components = problems::components(components, server_url);
    components = headers(security(components), server_url).response(
        "NotModified",
        ResponseBuilder::new()
            .description("What you have still holds.")
            .header_ref("ETag", problems::header("ETag"))
            .header_ref("X-Request-Id", problems::header("RequestId")),
    );
    let mut paths = PathsBuilder::new();
    for entry in &entries {
        let item = PathItem::new(method(&entry.route.method), entry.documented(catalogue, &names, server_url));
        paths = paths.path(entry.route.path.to_string(), item);
    }
    let document = OpenApiBuilder::new()
        .info(info(plans, publisher))
        .servers(Some([ServerBuilder::new().url(server_url).description(Some("This gateway.")).build()]))
        .tags(Some(tags(catalogue, &entries)))
        .security(Some(["ApiKey", "Bearer"].map(|name| SecurityRequirement::new(name, Vec::<String>::new()))))
        .external_docs(Some(
            ExternalDocsBuilder::new()
                .url(format!("{server_url}/docs/"))
                .description(Some("The same, to read and to try out."))
                .build(),
        ))
        .paths(paths)
        .components(Some(components.build()));
    let mut value = serde_json::to_value(document.build()).unwrap_or_default();
    order_methods(&mut value);
    order_extensions(&mut value);
    value
}

/// Puts the operations of a path in the order in which things happen to what it names.
fn order_methods(document: &mut Value) {
    let items = document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    for item in items.filter_map(Value::as_object_mut) {
        let mut given = std::mem::take(item);
        let ordered = ["get", "post", "put", "patch", "delete"].into_iter();
        item.extend(ordered.filter_map(|method| Some((method.to_owned(), given.shift_remove(method)?))));
        item.extend(given);
    }
}

/// The living routes in the order of use.
fn entries<'c>(catalogue: &'c Catalogue, plans: &'c Plans) -> Vec<Entry<'c>> {
    let reader = Reader { all: catalogue.schema.all(), server: plans.schema() };
    let living = catalogue.routes.iter().zip(&plans.routes);
    let mut entries: Vec<_> =
        living.filter_map(|(route, plans)| Entry::new(catalogue, route, plans, reader.answer(plans)?)).collect();
    entries.sort_by_key(|entry| rank(&entry.operation.resource));
    entries
}

fn rank(resource: &str) -> usize {
    ORDER.iter().position(|each| *each == resource).unwrap_or(ORDER.len())
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn tags(catalogue: &Catalogue, entries: &[Entry<'_>]) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for entry in entries {
        let resource = &entry.operation.resource;
        let name = describe::heading(resource);
        if tags.iter().any(|tag| tag.name == name) {
            continue;
        }
        let known = catalogue.resources.iter().find(|each| each.name == *resource);
        let text = known.map(|each| each.description.clone()).filter(|text| !text.is_empty());
        tags.push(TagBuilder::new().description(Some(text.unwrap_or_else(|| format!("{name}.")))).name(name).build());
    }
    tags
}

fn info(plans: &Plans, publisher: Publisher<'_>) -> InfoBuilder {
    InfoBuilder::new()
        .title("Houston Gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(format!(include_str!("introduction.md"), version = plans.version)))
        .contact(Some(
            ContactBuilder::new()
                .name(Some(publisher.contact_name))
                .url(Some(format!("{}/docs/", publisher.url)))
                .email(Some(publisher.contact_email))
                .build(),
        ))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").url(Some("https://www.apache.org/licenses/LICENSE-2.0")).build(),
        ))
}

fn security(components: ComponentsBuilder) -> ComponentsBuilder {
    let key = ApiKeyValue::with_description(
        canonical(API_KEY_HEADER),
        "A token of Houston's, or the API key of a service account, as it is.".to_owned(),
    );
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The same token or API key, sent as `Authorization: Bearer <token>`."))
        .build();
    components
        .security_scheme("ApiKey", SecurityScheme::ApiKey(ApiKey::Header(key)))
        .security_scheme("Bearer", SecurityScheme::Http(bearer))
}

/// A header's name as people write it: `X-API-Key`.
fn canonical(header: &str) -> String {
    let words =
        header.split('-').map(|word| if word == "api" { word.to_uppercase() } else { describe::capitalised(word) });
    words.collect::<Vec<_>>().join("-")
}

fn headers(components: ComponentsBuilder, server_url: &str) -> ComponentsBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let address = text().format(Some(SchemaFormat::Custom("uri".to_owned())));
    let seconds = || {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
            .minimum(Some(0.0))
    };
    let created = format!("{server_url}/workspaces/cl4yz2w6l001k08l7lazk3405");
    let next = format!("<{server_url}/workspaces?limit=1&cursor={}>; rel=\"next\"", example::CURSOR);
    let all = [
        ("RequestId", "Identifies the request in the gateway's log.", text(), Value::from(problems::REQUEST_ID)),
        ("ETag", "Changes when the answer does; send it back as `If-None-Match`.", text(), "\"5f2a9c71d8e0\"".into()),
        ("CacheStatus", "What the gateway's cache did (RFC 9211).", text(), "houston-gateway; hit".into()),
        ("Link", "Where the next page is (RFC 8288); absent on the last one.", text(), next.into()),
        ("Location", "Where what was created can be read.", address, created.into()),
        ("RetryAfter", "After how many seconds it is worth trying again.", seconds(), 2.into()),
        ("LookAgain", "After how many seconds it is worth looking what came of it.", seconds(), 5.into()),
        ("Age", "How many seconds ago Houston said so.", seconds(), 3.into()),
        (
            "IdempotencyReplayed",
            "`true` if this is the first answer to the same `Idempotency-Key` once more; absent otherwise.",
            text(),
            "true".into(),
        ),
        ("Authenticate", "How to send a token.", text(), "Bearer realm=\"Houston\"".into()),
    ];
    all.into_iter().fold(components, |components, (name, description, schema, example)| {
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).example(Some(example));
        components.header(name, header.build())
    })
}

/// Brings extensions into a fixed order: they come out of a hash map.
fn order_extensions(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let extensions: BTreeMap<String, Value> = members
                .iter()
                .filter(|(name, _)| name.starts_with("x-"))
                .map(|(n, v)| (n.clone(), v.clone()))
                .collect();
            if extensions.len() > 1 {
                members.retain(|name, _| !name.starts_with("x-"));
                members.extend(extensions.into_iter().collect::<Map<_, _>>());
            }
            members.values_mut().for_each(order_extensions);
        }
        Value::Array(items) => items.iter_mut().for_each(order_extensions),
        _ => {}
    }
}
