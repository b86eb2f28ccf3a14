//! Houston's reply: the root field's value is cut out as bytes, errors are read.

use crate::problem::HoustonError;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// A GraphQL response (GraphQL, 7.1), as far as it is needed. Borrows from the bytes it was read from.
#[derive(Debug, Default)]
pub struct Reply<'a> {
    /// The root field's value. `None`: no data, no such key, or null.
    pub value: Option<&'a RawValue>,
    /// What Houston reports.
    pub errors: Vec<HoustonError>,
    /// Whether there was a `data` or an `errors` key at all, so whether this is GraphQL.
    pub is_graphql: bool,
}

impl<'a> Reply<'a> {
    /// Reads a reply in one pass; only the value under `data.<key>` and the errors are kept.
    ///
    /// # Errors
    /// If the bytes are not a JSON object.
    pub fn read(bytes: &'a [u8], key: &str) -> Result<Self, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let reply = ReplyOf(key).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(reply)
    }
}

struct ReplyOf<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for ReplyOf<'_> {
    type Value = Reply<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReplyOf<'_> {
    type Value = Reply<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a GraphQL response")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut reply = Reply::default();
        while let Some(key) = entries.next_key::<Key>()? {
            match key {
                Key::Data => reply.value = entries.next_value_seed(RootField(self.0))?,
                Key::Errors => {
                    let errors: Option<Vec<WireError>> = entries.next_value()?;
                    reply.errors = errors.unwrap_or_default().into_iter().map(HoustonError::from).collect();
                }
                Key::Other => {
                    entries.next_value::<IgnoredAny>()?;
                    continue;
                }
            }
            reply.is_graphql = true;
        }
        Ok(reply)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Data,
    Errors,
    #[serde(other)]
    Other,
}

/// Reads `data`, which may be null, and keeps the value of one key.
struct RootField<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for RootField<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for RootField<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response's data")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = entries.next_key::<std::borrow::Cow<'de, str>>()? {
            if key == self.0 {
                found = Some(entries.next_value::<&RawValue>()?).filter(|value| value.get() != "null");
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// An error as Houston sends it. Stack traces and everything else unknown are not read.
#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    message: String,
    path: Option<serde_json::Value>,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    code: Option<serde_json::Value>,
}

impl From<WireError> for HoustonError {
    fn from(wire: WireError) -> Self {
        let code = wire.extensions.and_then(|extensions| extensions.code);
        // An unexpected fault of Houston's shows its inside on further lines: source files, queries, stacks.
        let message = wire.message.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        Self { message, code: code.and_then(|code| code.as_str().map(str::to_owned)), path: wire.path }
    }
}
