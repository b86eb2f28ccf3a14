//! Shaping: Houston's value becomes the body that callers get. Bytes are copied or sliced, never parsed into a tree.

use super::{Failure, listing::join};
use crate::catalogue::{Plan, Shape};
use bytes::Bytes;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An object's fields as raw JSON, in order.
pub(super) type RawFields<'a> = IndexMap<&'a str, &'a RawValue>;

/// A list in its envelope.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) value: &'a RawValue,
}

/// Shapes the root field's value, which lies in `reply`.
///
/// # Errors
/// [`Failure::NotFound`] if the first item of an empty list is asked for, [`Failure::BadReply`] if Houston sent
/// something of another shape.
pub(super) fn shape(plan: &Plan, reply: &Bytes, value: &RawValue) -> Result<Bytes, Failure> {
    let unexpected = |why: serde_json::Error| Failure::unreadable(plan.operation.root_field(), &why);
    let opening = match &plan.shape {
        Shape::Scalar => None,
        Shape::Object | Shape::Inner(_) | Shape::Wrapped(_) => Some('{'),
        Shape::List | Shape::First => Some('['),
    };
    if opening.is_some_and(|opening| !value.get().starts_with(opening)) {
        let field = plan.operation.root_field();
        return Err(Failure::BadReply(format!("{field} is not what Houston's schema says it is").into()));
    }
    match &plan.shape {
        Shape::Object => Ok(reply.slice_ref(value.get().as_bytes())),
        Shape::Scalar => Ok(wrap(&[(&plan.response_key, value.get().as_bytes())])),
        Shape::List => Ok(wrap(&[("value", value.get().as_bytes())])),
        Shape::First => {
            let items: Vec<Option<&RawValue>> = serde_json::from_str(value.get()).map_err(unexpected)?;
            let first = items.into_iter().flatten().next().ok_or(Failure::NotFound)?;
            Ok(reply.slice_ref(first.get().as_bytes()))
        }
        Shape::Inner(name) => {
            let fields: RawFields<'_> = serde_json::from_str(value.get()).map_err(unexpected)?;
            let inner = fields.get(name.as_str()).filter(|inner| inner.get() != "null").ok_or(Failure::NotFound)?;
            Ok(reply.slice_ref(inner.get().as_bytes()))
        }
        Shape::Wrapped(list) => {
            let fields: RawFields<'_> = serde_json::from_str(value.get()).map_err(unexpected)?;
            let items =
                fields.get(list.as_str()).map_or("[]", |items| if items.get() == "null" { "[]" } else { items.get() });
            let rest = fields.iter().filter(|(name, _)| *name != list);
            let parts: Vec<_> = std::iter::once(("value", items.as_bytes()))
                .chain(rest.map(|(name, value)| (*name, value.get().as_bytes())))
                .collect();
            Ok(wrap(&parts))
        }
    }
}

/// An envelope around a page of items. The fields beside the list stay as they are in `whole`.
pub(super) fn envelope(whole: &[u8], items: &[u8]) -> Result<Bytes, serde_json::Error> {
    let fields: RawFields<'_> = serde_json::from_slice(whole)?;
    let parts: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, if *name == "value" { items } else { value.get().as_bytes() }))
        .collect();
    Ok(wrap(&parts))
}

/// The items of a list in its envelope.
pub(super) fn items(envelope: &[u8]) -> Result<Vec<&RawValue>, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_slice(envelope)?;
    serde_json::from_str(envelope.value.get())
}

/// One envelope of the items of several.
pub(super) fn concatenate(pages: &[Bytes]) -> Result<Bytes, serde_json::Error> {
    let mut all = Vec::new();
    for page in pages {
        all.extend(items(page)?);
    }
    match pages.last() {
        Some(last) => envelope(last, &join(&all)),
        None => Ok(Bytes::from_static(b"{\"value\":[]}")),
    }
}

/// An object of ready-made JSON values.
fn wrap(parts: &[(&str, &[u8])]) -> Bytes {
    let mut object =
        Vec::with_capacity(parts.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 2);
    object.push(b'{');
    for (index, (name, value)) in parts.iter().enumerate() {
        if index > 0 {
            object.push(b',');
        }
        // The names are names of GraphQL (2.1.9): they need no escapes.
        object.push(b'"');
        object.extend_from_slice(name.as_bytes());
        object.extend_from_slice(b"\":");
        object.extend_from_slice(value);
    }
    object.push(b'}');
    object.into()
}
