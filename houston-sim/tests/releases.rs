//! Every release that the project knows: its slice is a valid schema, and the simulator answers all of it.

mod common;

use apollo_compiler::{
    Schema,
    ast::OperationType,
    schema::{ExtendedType, FieldDefinition, Type},
};
use common::{ADMIN, demo, send};
use houston_schema::{HoustonSchema, RELEASES, SDL};
use houston_sim::Houston;
use serde_json::Value;

/// An argument that a mutation or query finds something with, if the name tells which thing.
fn argument(houston: &Houston, schema: &Schema, name: &str, ty: &Type) -> String {
    let id = |found: Option<String>| format!("{:?}", found.unwrap_or_default());
    match (name, ty.inner_named_type().as_str()) {
        _ if ty.is_list() => "[]".to_owned(),
        ("workspaceUuid", _) => id(houston.workspace_id("Data Platform")),
        ("deploymentUuid" | "deploymentId", _) => id(houston.deployment_id("stellar-horizon-4217")),
        ("releaseName", _) => "\"stellar-horizon-4217\"".to_owned(),
        ("email", _) => "\"jane.doe@example.com\"".to_owned(),
        ("metricType", _) => "[DEPLOYMENT_TASKS]".to_owned(),
        ("where", _) => "{}".to_owned(),
        (_, "JSON") => "{}".to_owned(),
        (_, "Int") => "1".to_owned(),
        (_, "Boolean") => "true".to_owned(),
        (_, inner) => match schema.types.get(inner) {
            Some(ExtendedType::Enum(values)) => {
                values.values.keys().next().map(ToString::to_string).unwrap_or_default()
            }
            Some(ExtendedType::InputObject(_)) => "{}".to_owned(),
            _ => "\"something\"".to_owned(),
        },
    }
}

/// All fields of a type, and of the objects in them down to a depth.
fn selection(schema: &Schema, ty: &str, depth: usize) -> String {
    let Some(object) = schema.get_object(ty) else { return String::new() };
    let mut fields = String::new();
    for (name, field) in &object.fields {
        let inner = field.ty.inner_named_type();
        if schema.get_object(inner).is_none() {
            fields.push_str(&format!(" {name}"));
        } else if depth > 0 {
            fields.push_str(&format!(" {name}{}", selection(schema, inner, depth - 1)));
        }
    }
    if fields.is_empty() { " { __typename }".to_owned() } else { format!(" {{{fields} }}") }
}

fn call(houston: &Houston, schema: &Schema, name: &str, field: &FieldDefinition, depth: usize) -> String {
    let wanted = field.arguments.iter().filter(|each| each.is_required() || each.name == "metricType");
    let sent: Vec<_> =
        wanted.map(|each| format!("{}: {}", each.name, argument(houston, schema, &each.name, &each.ty))).collect();
    let sent = if sent.is_empty() { String::new() } else { format!("({})", sent.join(", ")) };
    format!("{name}{sent}{}", selection(schema, field.ty.inner_named_type(), depth))
}

#[tokio::test]
async fn every_root_field_is_answered_at_every_release() {
    let schema = HoustonSchema::parse(SDL, "config/houston.graphql").expect("a schema");
    for version in RELEASES {
        let slice = schema.at(version).unwrap_or_else(|fault| panic!("{version}: {fault}"));
        let houston = demo(&version.to_string());
        // Queries show every field of every type; for mutations it is enough that they are carried out.
        for (operation, word, depth) in [(OperationType::Query, "query", 2), (OperationType::Mutation, "mutation", 0)] {
            let root = slice.root_operation(operation).expect("a root type");
            let root = slice.get_object(root).expect("a root type");
            for (name, field) in &root.fields {
                if operation == OperationType::Mutation {
                    houston.reset();
                }
                let document = format!("{word} {{ {} }}", call(&houston, &slice, name, field, depth));
                let answer = send(&houston, ADMIN, &document, Value::Null).await;
                for error in answer["errors"].as_array().into_iter().flatten() {
                    let message = error["message"].as_str().unwrap_or_default();
                    let ours = ["unexpected field name", "resolver", "resolved to", ", expected"];
                    assert!(!ours.iter().any(|part| message.contains(part)), "{version}: {document}: {message}");
                }
            }
        }
    }
}
