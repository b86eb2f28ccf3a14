//! Parameters: those of an operation's own, and those that the gateway adds to every list or answer.

use super::{
    example, input,
    selection::{Content, Leaf, Record},
    usage::Meaning,
};
use crate::{
    catalogue::{Catalogue, Input, InputKind, LONGEST_FIELDS, Plan, RoutePlan, Source},
    gateway::{LONGEST_PARAMETER, MAX_LIMIT},
};
use serde_json::Value;
use utoipa::openapi::{
    KnownFormat, ObjectBuilder, Ref, RefOr, Required, Schema, SchemaFormat, Type,
    extensions::Extensions,
    path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
    schema::ComponentsBuilder,
};

/// Where an optional parameter's example is kept. An `example` would be filled in by Swagger UI, and so would narrow
/// every answer to what the example names.
pub(super) const OPTIONAL_EXAMPLE: &str = "x-example";

/// The id of an event that can be replayed, in examples.
pub(super) const EVENT_ID: &str = "2025-11-18T09:24:31.482Z~AXk3V0yQb8mJ2rD1tHcE";

/// The most characters of a cursor: a place in a list, and the id of an item there.
const LONGEST_CURSOR: usize = 400;

const SINCE: &str = "2025-01-01T00:00:00Z";

/// The parameters that `route` takes from the path, the query string and headers.
pub(super) fn own(catalogue: &Catalogue, route: &RoutePlan) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for plan in &route.plans {
        for input in &plan.inputs {
            let (place, name) = match &input.source {
                Source::Path => (ParameterIn::Path, &input.name),
                Source::Query => (ParameterIn::Query, &input.name),
                Source::Header(header) => (ParameterIn::Header, header),
                _ => continue,
            };
            if parameters.iter().any(|known| known.name == *name) {
                continue;
            }
            let variable = plan.operation.variables.iter().find(|each| each.name == input.name);
            let default = variable.and_then(|each| each.default_value()).map(example::literal);
            let meaning = match input.source {
                Source::Path => Meaning::of_path_variable(catalogue, &plan.operation, &input.name),
                _ => Meaning::of_variable(catalogue, &plan.operation, &input.name),
            };
            parameters.push(parameter(name, place, input, is_required(route, &input.name), meaning, default));
        }
    }
    parameters
}

/// Whether every operation of the route wants it.
fn is_required(route: &RoutePlan, name: &str) -> bool {
    route.plans.iter().all(|plan| plan.inputs.iter().any(|input| input.name == name && input.is_required()))
}

fn parameter(
    name: &str,
    place: ParameterIn,
    input: &Input,
    required: bool,
    meaning: Meaning,
    default: Option<Value>,
) -> Parameter {
    let is_list = matches!(input.ty.kind, InputKind::List(_));
    let mut value = example::input(&input.ty, meaning.example.as_ref());
    if let (InputKind::Json | InputKind::Object(_), false) = (&input.ty.kind, value.is_string()) {
        value = value.to_string().into();
    }
    let known = required || meaning.example.is_some();
    let builder = ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .description(Some(meaning.description))
        .schema(Some(input::parameter(&input.ty, default)))
        .style(is_list.then_some(ParameterStyle::Form))
        .explode(is_list.then_some(false));
    match (required, known) {
        (true, _) => builder.example(Some(value)).build(),
        (false, true) => builder.extensions(Some(Extensions::from_iter([(OPTIONAL_EXAMPLE, value)]))).build(),
        (false, false) => builder.build(),
    }
}

/// The example of a path variable.
pub(super) fn path_example(catalogue: &Catalogue, plan: &Plan, name: &str) -> Option<String> {
    let input = plan.inputs.iter().find(|input| input.name == name)?;
    let meaning = Meaning::of_path_variable(catalogue, &plan.operation, name);
    example::input(&input.ty, meaning.example.as_ref()).as_str().map(str::to_owned)
}

/// What a list takes besides: references to shared parameters, and the fields that it can be sorted by. An `open` list
/// needs no parameter.
pub(super) fn of_list(items: &Content, open: bool) -> Vec<RefOr<Parameter>> {
    let record = items.record();
    let has = |field: &str| record.is_some_and(|record| record.has(field));
    let mut parameters = vec![shared("Limit"), shared("Cursor")];
    parameters.extend(record.and_then(sort).map(RefOr::T));
    parameters.extend(has("updatedAt").then(|| shared("UpdatedSince")));
    // Triggers poll open lists. Where the items carry no time the parameter is taken nevertheless, and keeps them all.
    let timeless = !has("updatedAt") && !has("createdAt");
    parameters.extend((has("createdAt") || (open && timeless)).then(|| shared("CreatedSince")));
    parameters
}

fn sort(record: &Record) -> Option<Parameter> {
    let plain = |content: &Content| matches!(content, Content::Leaf(leaf) if *leaf != Leaf::Any);
    let fields: Vec<_> =
        record.fields.iter().filter(|each| plain(&each.content)).map(|each| each.name.as_str()).collect();
    if fields.is_empty() {
        return None;
    }
    let values = fields.iter().flat_map(|each| [(*each).to_owned(), format!("-{each}")]);
    let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(values));
    let text = "The field to sort by; a minus before it turns the order round. Items without a value come last.";
    Some(query("sort", text, schema.into()).build())
}

/// A reference to a shared parameter.
pub(super) fn shared(name: &str) -> RefOr<Parameter> {
    RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")))
}

/// The header by which a listener that was cut off goes on.
pub(super) fn last_event_id() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).max_length(Some(LONGEST_PARAMETER));
    let text = "The `id` of the last event that was received. The stream begins with what came after it.";
    let header = query("Last-Event-ID", text, schema.into()).parameter_in(ParameterIn::Header);
    header.extensions(Some(Extensions::from_iter([(OPTIONAL_EXAMPLE, EVENT_ID)]))).build()
}

/// Adds the shared parameters.
pub(super) fn components(components: ComponentsBuilder) -> ComponentsBuilder {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let time = || text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(1.0))
        .maximum(Some(f64::from(MAX_LIMIT)));
    let header = |name: &str, description: &str, schema: ObjectBuilder| {
        query(name, description, schema.into()).parameter_in(ParameterIn::Header)
    };
    let suggested = |value: &str| Some(Extensions::from_iter([(OPTIONAL_EXAMPLE, value)]));
    let all = [
        (
            "Limit",
            query("limit", "How many items to return at most. All of them if left out.", limit.into())
                .example(Some(50.into())),
        ),
        (
            "Cursor",
            query(
                "cursor",
                "Where to go on: the `nextCursor` of the page before. Leave it out to start.",
                text().min_length(Some(1)).max_length(Some(LONGEST_CURSOR)).into(),
            )
            .extensions(suggested(example::CURSOR)),
        ),
        (
            "UpdatedSince",
            query(
                "updatedSince",
                "Only items that changed at this time or later (RFC 3339). For polling.",
                time().into(),
            )
            .extensions(suggested(SINCE)),
        ),
        (
            "CreatedSince",
            query(
                "createdSince",
                "Only items created at this time or later (RFC 3339). Items that carry no such time are all kept.",
                time().into(),
            )
            .extensions(suggested(SINCE)),
        ),
        (
            "Fields",
            query(
                "fields",
                "Only these fields, separated by commas, with dots for inner ones: `label,workspace.label`. `id` \
                 always comes along. Houston is asked for nothing else.",
                text().min_length(Some(1)).max_length(Some(LONGEST_FIELDS)).into(),
            )
            .extensions(suggested("id")),
        ),
        (
            "IdempotencyKey",
            header(
                "Idempotency-Key",
                "A text of your own that is new for every change. Sent again with the same body it brings the first \
                 answer back instead of doing the change twice; with another body it answers 422.",
                text().min_length(Some(1)).max_length(Some(255)),
            )
            .extensions(suggested("7f1c2f0e-create-1")),
        ),
        (
            "IfNoneMatch",
            header(
                "If-None-Match",
                "The `ETag` of an answer that you have. If it still holds, the answer is 304 without a body.",
                text(),
            )
            .extensions(suggested("\"5f2a9c71d8e0\"")),
        ),
        (
            "CacheControl",
            header(
                "Cache-Control",
                "How fresh the answer has to be: `no-cache` asks Houston now, `max-age=5` takes what is at most 5 seconds \
                 old. Left out, what the gateway has read a few seconds ago is good enough.",
                text(),
            )
            .extensions(suggested("no-cache")),
        ),
    ];
    all.into_iter().fold(components, |components, (name, parameter)| components.parameter(name, parameter.build()))
}

fn query(name: &str, description: &str, schema: RefOr<Schema>) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}
