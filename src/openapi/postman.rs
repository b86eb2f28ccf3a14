//! A Postman collection (2.1) from the 3.0 document: a folder for each tag, in order, ready to run.

use serde_json::{Map, Value, json};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";

/// The token of the demo's system administrator.
const TOKEN: &str = "demo-system-admin";

/// Renders a 3.0 document as a collection.
pub(super) fn render(document: &Value) -> Value {
    let server = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or_default();
    let all: Vec<_> = operations(document).collect();
    let pairs = pairs(document, &all);
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    let folders = tags.map(|tag| {
        let mut own: Vec<_> = all.iter().filter(|each| each.value.pointer("/tags/0") == tag.get("name")).collect();
        // What is taken away is taken away last.
        own.sort_by_key(|each| each.method == "delete");
        let requests = own.into_iter().map(|each| request(document, each, &pairs));
        json!({ "name": tag.get("name"), "description": tag.get("description"), "item": requests.collect::<Vec<_>>() })
    });
    let mut variables = vec![
        json!({ "key": "baseUrl", "value": server, "type": "string" }),
        json!({ "key": "token", "value": TOKEN, "type": "string" }),
    ];
    variables.extend(pairs.iter().map(|pair| json!({ "key": pair.variable, "value": pair.example, "type": "string" })));
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
        "variable": variables,
        "item": folders.collect::<Vec<_>>(),
    })
}

/// An operation of the document.
struct Operation<'d> {
    path: &'d str,
    method: &'d str,
    value: &'d Value,
}

impl<'d> Operation<'d> {
    fn id(&self) -> &'d str {
        self.value.get("operationId").and_then(Value::as_str).unwrap_or_default()
    }

    /// The last word of the path that is no variable.
    fn collection(&self) -> &'d str {
        self.path.rsplit('/').find(|segment| !segment.starts_with('{')).unwrap_or_default()
    }

    /// The example of the id of what is created.
    fn created(&self) -> Option<&'d Value> {
        self.value.pointer("/responses/201/content/application~1json/example/id")
    }
}

/// A call that creates and the call that takes away again what it made, so that a run leaves all else alone.
struct Pair<'d> {
    creates: &'d str,
    deletes: &'d str,
    /// The collection's variable that hands the id over.
    variable: String,
    example: &'d str,
}

/// Finds the pairs: under one tag, at `/things` and `/things/{id}` or at `/adoptions` and `/things/{id}/adoption`, where
/// what is made has an id like the one that is taken.
fn pairs<'d>(document: &'d Value, all: &[Operation<'d>]) -> Vec<Pair<'d>> {
    let pair = |deletes: &Operation<'d>| {
        let parameters = parameters(document, deletes.value);
        let taken = parameters.into_iter().rfind(|each| each.get("in") == Some(&"path".into()))?.get("example")?;
        let creates = all.iter().find(|each| {
            each.method == "post"
                && each.value.pointer("/tags/0") == deletes.value.pointer("/tags/0")
                && [deletes.collection(), &format!("{}s", deletes.collection())].contains(&each.collection())
                && each.created() == Some(taken)
        })?;
        let variable = format!("{}.id", creates.id());
        Some(Pair { creates: creates.id(), deletes: deletes.id(), variable, example: taken.as_str()? })
    };
    all.iter().filter(|each| each.method == "delete").filter_map(pair).collect()
}

/// Every operation, in the order of the document.
fn operations(document: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, value)| Operation { path, method, value })
    })
}

fn request(document: &Value, operation: &Operation<'_>, pairs: &[Pair<'_>]) -> Value {
    let parameters = parameters(document, operation.value);
    let mut request = Map::new();
    request.insert("method".to_owned(), operation.method.to_uppercase().into());
    if operation.value.get("security") == Some(&json!([])) {
        request.insert("auth".to_owned(), json!({ "type": "noauth" }));
    }
    let mut headers: Vec<Value> = of_place(&parameters, "header").collect();
    headers.insert(0, json!({ "key": "Accept", "value": "application/json" }));
    if let Some(example) = operation.value.pointer("/requestBody/content/application~1json/example") {
        headers.insert(1, json!({ "key": "Content-Type", "value": "application/json" }));
        let raw = serde_json::to_string_pretty(example).unwrap_or_default();
        let body = json!({ "mode": "raw", "raw": raw, "options": { "raw": { "language": "json" } } });
        request.insert("body".to_owned(), body);
    }
    request.insert("header".to_owned(), headers.into());
    let mut url = url(operation.path, &parameters);
    if let Some(pair) = pairs.iter().find(|pair| pair.deletes == operation.id())
        && let Some(last) = url.pointer_mut("/variable").and_then(Value::as_array_mut).and_then(|all| all.last_mut())
    {
        last["value"] = format!("{{{{{}}}}}", pair.variable).into();
    }
    request.insert("url".to_owned(), url);
    request.insert("description".to_owned(), operation.value.get("description").cloned().unwrap_or_default());
    let mut item = json!({ "name": operation.value.get("summary"), "request": request, "response": [] });
    if let Some(pair) = pairs.iter().find(|pair| pair.creates == operation.id()) {
        let script = [
            "if (pm.response.code === 201) {".to_owned(),
            format!("    pm.collectionVariables.set(\"{}\", pm.response.json().id);", pair.variable),
            "}".to_owned(),
        ];
        item["event"] = json!([{ "listen": "test", "script": { "type": "text/javascript", "exec": script } }]);
    }
    item
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
