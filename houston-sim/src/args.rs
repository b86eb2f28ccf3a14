//! The arguments of one field, read by name.
//!
//! Houston's own scalars (`Uuid`, `Id`, `JSON`) accept any JSON, so every reader here has an answer for values of an
//! unexpected kind: they count as absent, and an absent id is an id that nothing has.

use crate::world::Time;
use serde_json::{Map, Value};

/// Arguments, or any other JSON object a client sent.
#[derive(Debug, Default)]
pub(crate) struct Args(Map<String, Value>);

impl Args {
    pub(crate) fn new(arguments: impl serde::Serialize) -> Self {
        match serde_json::to_value(arguments) {
            Ok(Value::Object(map)) => Self(map),
            _ => Self::default(),
        }
    }

    /// The value as sent; `None` for absent and for null.
    pub(crate) fn json(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn opt(&self, name: &str) -> Option<&str> {
        self.json(name)?.as_str()
    }

    /// A text that the schema demands; empty if it is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.opt(name).unwrap_or_default()
    }

    pub(crate) fn string(&self, name: &str) -> Option<String> {
        self.opt(name).map(str::to_owned)
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.json(name)?.as_i64()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.json(name)?.as_bool()
    }

    pub(crate) fn time(&self, name: &str) -> Option<Time> {
        Time::parse(self.opt(name)?)
    }

    /// An object; empty if absent.
    pub(crate) fn object(&self, name: &str) -> Self {
        Self(self.json(name).and_then(Value::as_object).cloned().unwrap_or_default())
    }

    /// A list of objects.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        let items = self.json(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(|each| Some(Self(each.as_object()?.clone()))).collect()
    }

    /// A list of texts; `None` if absent.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let items = self.json(name)?.as_array()?;
        Some(items.iter().filter_map(|each| each.as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.json(name).is_some()
    }
}
