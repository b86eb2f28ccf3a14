//! Examples: what `@example` declares, and what stands in where nothing is declared.

use super::selection::{Answer, Content, Field, Leaf, List, Record};
use crate::catalogue::{InputKind, InputType};
use apollo_compiler::ast::{self, DirectiveList};
use serde_json::{Map, Value, json};

/// A time at which everything in examples happens that does not say otherwise.
pub(super) const TIME: &str = "2025-11-18T09:24:31.000Z";

/// The value of `@example`.
pub(super) fn declared(directives: &DirectiveList) -> Option<Value> {
    Some(literal(directives.get("example")?.specified_argument_by_name("value")?))
}

/// A GraphQL literal as JSON.
pub(super) fn literal(value: &ast::Value) -> Value {
    match value {
        ast::Value::Null | ast::Value::Variable(_) => Value::Null,
        ast::Value::Enum(name) => name.as_str().into(),
        ast::Value::String(text) => text.as_str().into(),
        ast::Value::Boolean(truth) => (*truth).into(),
        ast::Value::Int(number) => number.as_str().parse::<i64>().map_or(Value::Null, Value::from),
        ast::Value::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        ast::Value::List(items) => items.iter().map(|item| literal(item)).collect(),
        ast::Value::Object(fields) => fields.iter().map(|(name, value)| (name.to_string(), literal(value))).collect(),
    }
}

/// An answer. `next` is the address of a list's next page.
pub(super) fn answer(answer: &Answer, next: Option<&str>) -> Value {
    match answer {
        Answer::Object(record) => self::record(record),
        Answer::Scalar(field) => json!({ field.name.as_str(): self::field(field) }),
        Answer::List(list) => self::list(list, next),
    }
}

fn list(list: &List, next: Option<&str>) -> Value {
    let mut envelope = Map::new();
    envelope.insert("value".to_owned(), json!([content(&list.items)]));
    envelope.extend(list.beside.iter().map(|each| (each.name.clone(), field(each))));
    if let Some(next) = next {
        envelope.insert("nextLink".to_owned(), next.into());
        envelope.insert("nextCursor".to_owned(), CURSOR.into());
    }
    envelope.into()
}

/// A cursor that every list takes.
pub(super) const CURSOR: &str = "bzoxOg";

fn record(record: &Record) -> Value {
    record.fields.iter().map(|each| (each.name.clone(), field(each))).collect::<Map<_, _>>().into()
}

fn field(field: &Field) -> Value {
    field.example.clone().unwrap_or_else(|| content(&field.content))
}

fn content(content: &Content) -> Value {
    match content {
        Content::Leaf(leaf) => self::leaf(leaf),
        Content::Record(record) => self::record(record),
        Content::List(items) => json!([self::content(items)]),
    }
}

fn leaf(leaf: &Leaf) -> Value {
    match leaf {
        Leaf::Text => "text".into(),
        Leaf::Integer => 1.into(),
        Leaf::Number => 1.5.into(),
        Leaf::Boolean => true.into(),
        Leaf::Time => TIME.into(),
        Leaf::Any => json!({}),
        Leaf::Choice(values) => values.first().map_or(Value::Null, |first| first.as_str().into()),
    }
}

/// A value for an input: the declared one as far as this release takes it, or one of the right type.
pub(super) fn input(ty: &InputType, declared: Option<&Value>) -> Value {
    declared.and_then(|value| fitted(&ty.kind, value)).unwrap_or_else(|| of_kind(&ty.kind))
}

/// The parts of `value` that are of the kind.
fn fitted(kind: &InputKind, value: &Value) -> Option<Value> {
    match (kind, value) {
        (InputKind::Enum(values), Value::String(text)) => values.values.contains(text).then(|| value.clone()),
        (InputKind::List(item), Value::Array(items)) => {
            Some(items.iter().filter_map(|each| fitted(&item.kind, each)).collect())
        }
        (InputKind::Object(object), Value::Object(members)) => {
            let known = object.fields.iter().filter_map(|field| {
                let value = fitted(&field.ty.kind, members.get(&field.name)?)?;
                Some((field.name.clone(), value))
            });
            Some(known.collect::<Map<_, _>>().into())
        }
        (InputKind::Enum(_) | InputKind::List(_) | InputKind::Object(_), _) => None,
        _ => Some(value.clone()),
    }
}

fn of_kind(kind: &InputKind) -> Value {
    match kind {
        InputKind::Int => 1.into(),
        InputKind::Float => 1.5.into(),
        InputKind::Boolean => true.into(),
        InputKind::Text { .. } => "text".into(),
        InputKind::DateTime => TIME.into(),
        InputKind::Json => json!({}),
        InputKind::Enum(values) => values.values.first().map_or(Value::Null, |first| first.as_str().into()),
        InputKind::List(item) => json!([of_kind(&item.kind)]),
        InputKind::Object(object) => {
            let required = object.fields.iter().filter(|field| field.is_required());
            required.map(|field| (field.name.clone(), of_kind(&field.ty.kind))).collect::<Map<_, _>>().into()
        }
    }
}
