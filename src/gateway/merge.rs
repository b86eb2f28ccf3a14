//! Merging: a caller's items laid over a list that Houston only replaces as a whole.

use super::{Failure, bind::Bound, json::Json};
use crate::{
    catalogue::{Input, InputKind, ObjectType, Plan, Source},
    problem::{Fault, Place},
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// So many lists can be changed side by side; two of them may have to wait for each other without need.
const SIDE_BY_SIDE: usize = 256;

/// Whose turn it is. Between the reading and the writing of a list nobody else's change comes in, as far as it goes
/// through this gateway.
pub(super) struct Turns(Vec<Arc<Mutex<()>>>);

/// A turn; it is over when this is dropped.
pub(super) type Turn = OwnedMutexGuard<()>;

impl Turns {
    pub(super) fn new() -> Self {
        Self(std::iter::repeat_with(Arc::default).take(SIDE_BY_SIDE).collect())
    }

    /// Waits for the turn to change the list that `plan` lays items over; none if it lays none.
    pub(super) async fn wait(&self, plan: &Plan, bound: &Bound) -> Option<Turn> {
        let (first, _) = bound.merges.first()?;
        let Source::Merge { operation, .. } = &plan.inputs.get(*first)?.source else { return None };
        let mut hasher = DefaultHasher::new();
        operation.hash(&mut hasher);
        for (index, _) in plan.inputs.iter().enumerate().filter(|(_, input)| input.source == Source::Path) {
            bound.variables.get(index).hash(&mut hasher);
        }
        let place = usize::try_from(hasher.finish() % self.0.len() as u64).unwrap_or_default();
        Some(Arc::clone(&self.0[place]).lock_owned().await)
    }
}

/// The fields of an item, in order.
type Fields = Vec<(String, Json)>;

/// Lays the caller's items over the current ones. Items are told apart by the field `by`; an item whose other fields
/// are all null goes away. Only fields that the input type has are sent back.
///
/// What is sent replaces what Houston has, so whatever is not understood is an error, never an empty list.
pub(super) fn merge(input: &Input, by: &str, current: &str, sent: Option<Json>) -> Result<String, Failure> {
    let unreadable =
        || Failure::BadReply("Houston's present list, which the change is laid over, is unreadable".into());
    let item = item_type(input).ok_or_else(unreadable)?;
    let mut merged = present(current).ok_or_else(unreadable)?;
    for fields in &mut merged {
        fields.retain(|(name, _)| item.fields.iter().any(|field| field.name == *name));
    }
    let changes = match sent {
        Some(Json::List(items)) => items,
        _ => Vec::new(),
    };
    let mut faults = Vec::new();
    for (index, change) in changes.into_iter().enumerate() {
        let Json::Object(change) = change else { continue };
        let key = get(&change, by).cloned();
        let known = merged.iter().position(|fields| get(fields, by) == key.as_ref());
        let removes = change.len() > 1 && change.iter().all(|(name, value)| name == by || *value == Json::Null);
        match known {
            Some(position) if removes => {
                merged.remove(position);
            }
            None if removes => {}
            Some(position) => match lost_secret(item, &merged[position], &change) {
                Some(secret) => faults.push(Fault {
                    at: Place::Pointer(format!("/{}/{index}/{secret}", input.name)),
                    detail: "is missing; Houston does not show the stored one, so it would be lost by this change"
                        .to_owned(),
                }),
                None => lay_over(&mut merged[position], change),
            },
            None => merged.push(change),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::Invalid(faults.into()));
    }
    let mut text = String::new();
    Json::List(merged.into_iter().map(Json::Object).collect()).write(&mut text);
    Ok(text)
}

/// The type of the items of a list of objects.
fn item_type(input: &Input) -> Option<&ObjectType> {
    let InputKind::List(item) = &input.ty.kind else { return None };
    if let InputKind::Object(item) = &item.kind { Some(item) } else { None }
}

/// The items of a list in its envelope, if it is one and nothing but objects is in it.
fn present(envelope: &str) -> Option<Vec<Fields>> {
    let Json::Object(envelope) = Json::read(envelope.as_bytes()).ok()? else { return None };
    let (_, list) = envelope.into_iter().find(|(name, _)| name == "value")?;
    let Json::List(items) = list else { return None };
    items.into_iter().map(|item| if let Json::Object(fields) = item { Some(fields) } else { None }).collect()
}

/// The secret that a change would lose: Houston shows it blank and takes blank for "as it was", but only for an item that
/// is sent back as it was.
fn lost_secret<'t>(item: &'t ObjectType, present: &Fields, change: &Fields) -> Option<&'t str> {
    let changes = change.iter().any(|(name, value)| get(present, name) != Some(value));
    let is_blank = |name: &str| match get(present, name) {
        Some(Json::Text(text)) => text.is_empty(),
        value => value.is_none_or(|value| *value == Json::Null),
    };
    let mut secrets = item.fields.iter().filter(|field| field.is_secret).map(|field| field.name.as_str());
    secrets.find(|name| changes && is_blank(name) && get(change, name).is_none())
}

fn lay_over(item: &mut Fields, change: Fields) {
    for (name, value) in change {
        match item.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => item.push((name, value)),
        }
    }
}

fn get<'f>(fields: &'f Fields, name: &str) -> Option<&'f Json> {
    fields.iter().find(|(each, _)| each == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::present;

    #[test]
    fn only_a_list_of_objects_is_a_list_to_lay_changes_over() {
        assert_eq!(present(r#"{"value":[{"key":"A"},{"key":"B"}]}"#).map(|items| items.len()), Some(2));
        assert_eq!(present(r#"{"value":[]}"#).map(|items| items.len()), Some(0));
        for other in [r#"{"value":[{"key":"A"},null]}"#, r#"{"value":null}"#, r#"{"items":[]}"#, "[]", "{}", ""] {
            assert!(present(other).is_none(), "{other}");
        }
    }
}
