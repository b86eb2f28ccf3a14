//! A Postman collection (2.1) from the 3.0 document: a folder for each tag, in order, ready to run.

use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The token of the demo's system administrator.
const TOKEN: &str = "demo-system-admin";

/// Renders a 3.0 document as a collection.
pub(super) fn render(document: &Value) -> Value {
    let server = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let folders = tags.map(|tag| {
        let requests: Vec<_> = operations(document)
            .filter(|(_, _, operation)| operation.pointer("/tags/0") == tag.get("name"))
            .map(|(path, method, operation)| request(document, path, method, operation))
            .collect();
        json!({ "name": tag.get("name"), "description": tag.get("description"), "item": requests })
    });
    json!({
        "info": {
            "name": document.pointer("/info/title"),
            "description": document.pointer("/info/description"),
            "version": document.pointer("/info/version"),
            "schema": SCHEMA,
        },
        "auth": {
            "type": "apikey",
            "apikey": [
                { "key": "key", "value": "X-API-Key", "type": "string" },
                { "key": "value", "value": "{{token}}", "type": "string" },
                { "key": "in", "value": "header", "type": "string" },
            ],
        },
        "variable": [
            { "key": "baseUrl", "value": server, "type": "string" },
            { "key": "token", "value": TOKEN, "type": "string" },
        ],
        "item": folders.collect::<Vec<_>>(),
    })
}

/// Every operation with its path and method, in the order of the document.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn request(document: &Value, path: &str, method: &str, operation: &Value) -> Value {
    let parameters = parameters(document, operation);
    let mut request = Map::new();
    request.insert("method".to_owned(), method.to_uppercase().into());
    if operation.get("security") == Some(&json!([])) {
        request.insert("auth".to_owned(), json!({ "type": "noauth" }));
    }
    let mut headers: Vec<Value> = of_place(&parameters, "header").collect();
    headers.insert(0, json!({ "key": "Accept", "value": "application/json" }));
    if let Some(example) = operation.pointer("/requestBody/content/application~1json/example") {
        headers.insert(1, json!({ "key": "Content-Type", "value": "application/json" }));
        let raw = serde_json::to_string_pretty(example).unwrap_or_default();
        let body = json!({ "mode": "raw", "raw": raw, "options": { "raw": { "language": "json" } } });
        request.insert("body".to_owned(), body);
    }
    request.insert("header".to_owned(), headers.into());
    request.insert("url".to_owned(), url(path, &parameters));
    request.insert("description".to_owned(), operation.get("description").cloned().unwrap_or_default());
    json!({ "name": operation.get("summary"), "request": request, "response": [] })
}

fn url(path: &str, parameters: &[&Value]) -> Value {
    let segments: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => format!(":{name}"),
            None => segment.to_owned(),
        })
        .collect();
    let query: Vec<Value> = of_place(parameters, "query").collect();
    let enabled = query.iter().filter(|each| each.get("disabled").is_none());
    let enabled: Vec<_> =
        enabled.map(|each| format!("{}={}", text(each.get("key")), text(each.get("value")))).collect();
    let mark = if enabled.is_empty() { "" } else { "?" };
    let mut url = Map::new();
    url.insert("raw".to_owned(), format!("{{{{baseUrl}}}}/{}{mark}{}", segments.join("/"), enabled.join("&")).into());
    url.insert("host".to_owned(), json!(["{{baseUrl}}"]));
    url.insert("path".to_owned(), segments.into());
    if !query.is_empty() {
        url.insert("query".to_owned(), query.into());
    }
    let variables: Vec<_> = of_place(parameters, "path").collect();
    if !variables.is_empty() {
        url.insert("variable".to_owned(), variables.into());
    }
    url.into()
}

/// The parameters of an operation, references resolved.
fn parameters<'d>(document: &'d Value, operation: &'d Value) -> Vec<&'d Value> {
    let given = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    given
        .filter_map(|each| match each.get("$ref").and_then(Value::as_str) {
            Some(reference) => document.pointer(reference.trim_start_matches('#')),
            None => Some(each),
        })
        .collect()
}

/// The parameters of one place. Optional ones are there to be ticked.
fn of_place<'p>(parameters: &'p [&Value], place: &'p str) -> impl Iterator<Item = Value> + 'p {
    parameters.iter().filter(move |each| each.get("in") == Some(&place.into())).map(|each| {
        let example = each.get("example").or_else(|| each.get("x-example"));
        let mut entry = Map::new();
        entry.insert("key".to_owned(), each.get("name").cloned().unwrap_or_default());
        entry.insert("value".to_owned(), text(example).into());
        entry.insert("description".to_owned(), each.get("description").cloned().unwrap_or_default());
        if each.get("required") != Some(&true.into()) {
            entry.insert("disabled".to_owned(), true.into());
        }
        entry.into()
    })
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}
