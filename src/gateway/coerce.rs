//! Coercion: what a caller sent, checked against the declared GraphQL type and written as a variable's JSON.
//!
//! The declared type decides, never the look of the text: `007` sent for a `String` stays text, `1` for a `Boolean` is
//! true, `banana` is an error. GraphQL's input coercion (3.5 to 3.12) holds, without its list wrapping.

use super::{
    bind::Faults,
    json::{Json, write_text},
};
use crate::{
    catalogue::{EnumType, InputKind, InputType, ObjectType, nearest},
    problem::Place,
};
use serde_json::Number;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The most characters of a value in the path, the query string or a header. Longer ones are refused here, with their
/// name: all parameters of an operation at their longest, each character escaped to twelve, fit into an address, which
/// the server refuses without a word above 64 KB.
pub const LONGEST_PARAMETER: usize = 800;

/// Texts longer than this are cut in messages.
const SHOWN: usize = 60;

/// Writes a text from the path, the query string or a header as JSON of the declared type. `place` tells where it stands,
/// for faults.
pub(super) fn text(ty: &InputType, text: &str, place: &dyn Fn() -> Place, out: &mut String, faults: &mut Faults) {
    let wrong = |faults: &mut Faults, expected: &str| {
        faults.invalid(&place(), format!("\"{}\" is not {expected}", shown(text)));
    };
    if text.is_empty() {
        return faults.invalid(&place(), "is empty; send a value or leave it out");
    }
    // No text has more characters than bytes.
    let length = if text.len() > LONGEST_PARAMETER { text.chars().count() } else { 0 };
    if length > LONGEST_PARAMETER {
        return faults.invalid(&place(), format!("has {length} characters; at most {LONGEST_PARAMETER} are taken"));
    }
    match &ty.kind {
        InputKind::Text { .. } => write_text(text, out),
        InputKind::Int => match text.parse::<i32>() {
            Ok(number) => out.push_str(&number.to_string()),
            Err(_) => wrong(faults, "a whole number (at most 32 bits)"),
        },
        InputKind::Float => match text.parse().ok().and_then(Number::from_f64) {
            Some(number) => out.push_str(&number.to_string()),
            None => wrong(faults, "a number"),
        },
        InputKind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => out.push_str("true"),
            "false" | "0" | "no" => out.push_str("false"),
            _ => wrong(faults, "a boolean; write true or false"),
        },
        InputKind::DateTime => {
            if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
                write_text(text, out);
            } else {
                wrong(faults, "a time; write it as RFC 3339, for example 2026-11-23T17:00:00Z");
            }
        }
        InputKind::Enum(values) => enumeration(values, text, place, out, faults),
        InputKind::List(item) => {
            out.push('[');
            for (index, part) in text.split(',').enumerate() {
                if index > 0 {
                    out.push(',');
                }
                self::text(item, part.trim(), place, out, faults);
            }
            out.push(']');
        }
        InputKind::Json | InputKind::Object(_) => match Json::read(text.as_bytes()) {
            Ok(value) => json(ty, &value, &place(), out, faults),
            Err(why) => faults.invalid(&place(), format!("is not JSON: {why}")),
        },
    }
}

/// Writes a value from the body as JSON of the declared type.
pub(super) fn json(ty: &InputType, value: &Json, place: &Place, out: &mut String, faults: &mut Faults) {
    match (&ty.kind, value) {
        (_, Json::Null) if ty.nullable => out.push_str("null"),
        (_, Json::Null) => faults.invalid(place, "cannot be null"),
        (InputKind::Json, _) => value.write(out),
        (InputKind::Text { id: true }, Json::Text(text)) if text.is_empty() => faults.invalid(place, "is empty"),
        (InputKind::Text { .. }, Json::Text(text)) => write_text(text, out),
        (InputKind::Boolean, Json::Boolean(_)) => value.write(out),
        (InputKind::Float, Json::Number(_)) => value.write(out),
        (InputKind::Int, Json::Number(number)) => match number.as_i64().map(i32::try_from) {
            Some(Ok(number)) => out.push_str(&number.to_string()),
            _ => faults.invalid(place, format!("{number} is not a whole number of at most 32 bits")),
        },
        (InputKind::DateTime, Json::Text(text)) if OffsetDateTime::parse(text, &Rfc3339).is_ok() => {
            write_text(text, out)
        }
        (InputKind::DateTime, Json::Text(text)) => {
            let example = "write it as RFC 3339, for example 2026-11-23T17:00:00Z";
            faults.invalid(place, format!("\"{}\" is not a time; {example}", shown(text)));
        }
        (InputKind::Enum(values), Json::Text(text)) => enumeration(values, text, &|| place.clone(), out, faults),
        (InputKind::List(item), Json::List(items)) => {
            out.push('[');
            for (index, each) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json(item, each, &inside(place, &index.to_string()), out, faults);
            }
            out.push(']');
        }
        (InputKind::Object(object), Json::Object(fields)) => self::object(object, fields, place, out, faults),
        (kind, _) => faults.invalid(place, format!("is {}, not {}", value.kind(), expected(kind))),
    }
}

/// Writes an object, field by field in the declared order, so that equal objects make equal texts.
pub(super) fn object(ty: &ObjectType, sent: &[(String, Json)], place: &Place, out: &mut String, faults: &mut Faults) {
    out.push('{');
    let start = out.len();
    for field in &ty.fields {
        let place = inside(place, &field.name);
        match sent.iter().find(|(name, _)| *name == field.name) {
            Some((name, value)) => {
                if out.len() > start {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                json(&field.ty, value, &place, out, faults);
            }
            None if field.is_required() => faults.invalid(&place, "is missing"),
            None => {}
        }
    }
    out.push('}');
    for (name, _) in sent.iter().filter(|(name, _)| !ty.fields.iter().any(|field| field.name == *name)) {
        let place = inside(place, name);
        match ty.elsewhere.iter().find(|(known, _)| known == name) {
            Some((_, lifespan)) => faults.elsewhere(&place, "is a field", *lifespan),
            None => faults.unknown(&place, name, "field", ty.fields.iter().map(|field| field.name.as_str())),
        }
    }
}

fn enumeration(values: &EnumType, text: &str, place: &dyn Fn() -> Place, out: &mut String, faults: &mut Faults) {
    if values.values.iter().any(|value| value == text) {
        write_text(text, out);
    } else if let Some((_, lifespan)) = values.elsewhere.iter().find(|(value, _)| value == text) {
        faults.elsewhere(&place(), &format!("\"{text}\" is a value"), *lifespan);
    } else {
        let near = nearest(text, values.values.iter().map(String::as_str));
        let hint = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
        let known = values.values.join(", ");
        faults.invalid(&place(), format!("\"{}\" is not one of {known}{hint}", shown(text)));
    }
}

/// The place of a part of what stands at `place`: JSON Pointers grow, parameters stay.
pub(super) fn inside(place: &Place, name: &str) -> Place {
    match place {
        Place::Pointer(pointer) => Place::Pointer(format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))),
        other => other.clone(),
    }
}

fn expected(kind: &InputKind) -> &'static str {
    match kind {
        InputKind::Int => "a whole number",
        InputKind::Float => "a number",
        InputKind::Boolean => "a boolean",
        InputKind::Text { .. } | InputKind::Enum(_) => "a string",
        InputKind::DateTime => "a time (a string)",
        InputKind::List(_) => "a list",
        InputKind::Object(_) | InputKind::Json => "an object",
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
