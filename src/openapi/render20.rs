//! Swagger 2.0 from the 3.0 document, in the profile that connectors of Power Automate, Power Apps and Logic Apps take:
//! one schema an operation, plain JSON, labels on everything that a form shows, and no streams.

use super::describe;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Headers that a form would show and that no flow needs.
const LEFT_OUT: [&str; 2] = ["#/components/parameters/IfNoneMatch", "#/components/parameters/CacheControl"];

/// Renders a 3.0 document as Swagger 2.0.
pub(super) fn render(document: Value) -> Value {
    let part = |name: &str| document.get(name).cloned().unwrap_or_default();
    let server = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let (scheme, rest) = server.split_once("://").unwrap_or(("https", server));
    let (host, base) = rest.split_once('/').unwrap_or((rest, ""));
    let mut swagger = Map::new();
    let mut set = |name: &str, value: Value| swagger.insert(name.to_owned(), value);
    set("swagger", "2.0".into());
    set("info", part("info"));
    set("host", host.into());
    set("basePath", format!("/{base}").into());
    set("schemes", json!([scheme]));
    set("consumes", json!(["application/json"]));
    set("produces", json!(["application/json"]));
    set("securityDefinitions", json!({ "ApiKey": document.pointer("/components/securitySchemes/ApiKey") }));
    set("security", json!([{ "ApiKey": [] }]));
    set("tags", part("tags"));
    set("externalDocs", part("externalDocs"));
    set("paths", mapped(&part("paths"), |_, item| path(item)));
    let component = |name: &str| document.pointer(&format!("/components/{name}")).cloned().unwrap_or_default();
    let shared = mapped(&component("parameters"), |name, value| {
        let used = !LEFT_OUT.iter().any(|each| each.ends_with(&format!("/{name}")));
        used.then(|| parameter(value)).flatten()
    });
    set("parameters", shared);
    // The schema of problems would be a second one, so only their descriptions stay.
    set(
        "responses",
        mapped(&component("responses"), |_, value| Some(json!({ "description": value.get("description") }))),
    );
    set("definitions", mapped(&component("schemas"), |_, value| Some(schema(value))));
    let mut swagger = Value::Object(swagger);
    drop_unused(&mut swagger);
    swagger
}

/// An object whose members are rendered one by one; `None` leaves one out.
fn mapped(members: &Value, each: impl Fn(&str, &Value) -> Option<Value>) -> Value {
    let members = members.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), each(name, value)?))).collect::<Map<_, _>>().into()
}

fn path(item: &Value) -> Option<Value> {
    let item = mapped(item, |_, value| operation(value));
    item.as_object().is_some_and(|item| !item.is_empty()).then_some(item)
}

/// An operation; none for a stream, which no flow can follow.
fn operation(operation: &Value) -> Option<Value> {
    if operation.pointer("/responses/200/content/text~1event-stream").is_some() {
        return None;
    }
    let mut rendered = Map::new();
    for name in ["tags", "summary", "description", "operationId", "deprecated", "security"] {
        if let Some(value) = operation.get(name) {
            rendered.insert(name.to_owned(), value.clone());
        }
    }
    let given = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let parameters: Vec<_> = given.filter_map(parameter).chain(operation.get("requestBody").map(body)).collect();
    let responses = operation.get("responses").cloned().unwrap_or_default();
    rendered.insert("responses".to_owned(), mapped(&responses, response));
    if parameters.contains(&json!({ "$ref": "#/parameters/Cursor" })) {
        rendered.insert("x-ms-pageable".to_owned(), json!({ "nextLinkName": "nextLink" }));
    }
    if !parameters.is_empty() {
        rendered.insert("parameters".to_owned(), parameters.into());
    }
    Some(rendered.into())
}

fn parameter(parameter: &Value) -> Option<Value> {
    if let Some(reference) = parameter.get("$ref").and_then(Value::as_str) {
        return (!LEFT_OUT.contains(&reference)).then(|| json!({ "$ref": moved(reference) }));
    }
    let name = parameter.get("name").and_then(Value::as_str)?;
    let required = parameter.get("required") == Some(&true.into());
    let mut rendered = Map::new();
    for member in ["name", "in", "description", "required"] {
        rendered.insert(member.to_owned(), parameter.get(member)?.clone());
    }
    let Value::Object(schema) = schema(parameter.get("schema")?) else { return None };
    let is_list = schema.contains_key("items");
    rendered.extend(schema);
    if is_list {
        rendered.insert("collectionFormat".to_owned(), "csv".into());
    }
    rendered.insert("x-ms-summary".to_owned(), describe::label(name).into());
    if parameter.get("in") == Some(&"path".into()) {
        rendered.insert("x-ms-url-encoding".to_owned(), "single".into());
    } else if !required {
        rendered.insert("x-ms-visibility".to_owned(), "advanced".into());
    }
    Some(rendered.into())
}

fn body(body: &Value) -> Value {
    let content = body.pointer("/content/application~1json/schema").cloned().unwrap_or_default();
    json!({
        "name": "body",
        "in": "body",
        "description": body.get("description"),
        "required": body.get("required"),
        "schema": schema(&content),
        "x-ms-summary": "Body",
    })
}

fn response(status: &str, response: &Value) -> Option<Value> {
    if status == "304" {
        return None;
    }
    if let Some(reference) = response.get("$ref").and_then(Value::as_str) {
        return Some(json!({ "$ref": moved(reference) }));
    }
    let mut rendered = Map::new();
    rendered.insert("description".to_owned(), response.get("description")?.clone());
    if let Some(content) = response.pointer("/content/application~1json/schema") {
        rendered.insert("schema".to_owned(), schema(content));
    }
    Some(rendered.into())
}

/// A schema in the words of 2.0. Null has none, so it becomes an extension.
fn schema(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let mut rendered = Map::new();
    let mut nullable = false;
    for (name, value) in members {
        let value = match name.as_str() {
            "$ref" => moved(value.as_str().unwrap_or_default()).into(),
            "nullable" => {
                nullable = true;
                continue;
            }
            "properties" => mapped(value, |name, property| Some(labelled(name, self::schema(property)))),
            "items" | "additionalProperties" => self::schema(value),
            "allOf" => value.as_array().into_iter().flatten().map(self::schema).collect(),
            "enum" => value.as_array().into_iter().flatten().filter(|each| !each.is_null()).cloned().collect(),
            _ => value.clone(),
        };
        rendered.insert(name.clone(), value);
    }
    if nullable {
        rendered.insert("x-nullable".to_owned(), true.into());
    }
    rendered.into()
}

/// A property with the label that forms show. A reference stands alone.
fn labelled(name: &str, mut property: Value) -> Value {
    if let Some(members) = property.as_object_mut().filter(|members| !members.contains_key("$ref")) {
        members.insert("x-ms-summary".to_owned(), describe::label(name).into());
    }
    property
}

/// Where a component is in 2.0.
fn moved(reference: &str) -> String {
    reference.replace("#/components/schemas/", "#/definitions/").replace("#/components/", "#/")
}

/// Takes out what nothing refers to: the streams' and problems' schemas, and what only they need.
fn drop_unused(swagger: &mut Value) {
    loop {
        let mut used = BTreeSet::new();
        references(swagger, &mut used);
        let mut dropped = false;
        for group in ["definitions", "responses", "parameters"] {
            let Some(members) = swagger.get_mut(group).and_then(Value::as_object_mut) else { continue };
            let before = members.len();
            members.retain(|name, _| used.contains(&format!("#/{group}/{name}")));
            dropped |= members.len() < before;
        }
        if !dropped {
            return;
        }
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}
