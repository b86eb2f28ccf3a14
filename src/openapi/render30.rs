//! OpenAPI 3.0.3 from the 3.1 model: types and examples are single, null is a flag, and a reference stands alone.

use serde_json::{Map, Value};

/// Renders the model as 3.0.3.
pub(super) fn render(mut model: Value) -> Value {
    if let Some(version) = model.get_mut("openapi") {
        *version = "3.0.3".into();
    }
    for part in ["paths", "components"] {
        if let Some(part) = model.get_mut(part) {
            lower(part);
        }
    }
    model
}

fn lower(value: &mut Value) {
    match value {
        Value::Object(members) => {
            single_type(members);
            single_example(members);
            if members.contains_key("$ref") {
                members.retain(|name, _| name == "$ref");
            }
            for (name, member) in members.iter_mut() {
                match name.as_str() {
                    "example" | "default" | "enum" => {}
                    // Names of properties are not keywords.
                    "properties" => member.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(lower),
                    _ => lower(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lower),
        _ => {}
    }
}

/// `examples: [one]` of a schema becomes `example: one`.
fn single_example(members: &mut Map<String, Value>) {
    if let Some(Value::Array(examples)) = members.get_mut("examples")
        && let Some(first) = examples.pop()
    {
        members.remove("examples");
        members.insert("example".to_owned(), first);
    }
}

/// `type: [string, null]` becomes `type: string, nullable: true`.
fn single_type(members: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = members.get("type") else { return };
    let single = types.iter().find(|each| *each != "null").cloned().unwrap_or_default();
    let rest = std::mem::take(members);
    for (name, value) in rest {
        if name == "type" {
            members.insert(name, single.clone());
            members.insert("nullable".to_owned(), true.into());
        } else {
            members.insert(name, value);
        }
    }
}
