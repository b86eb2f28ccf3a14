//! Lists as CSV (RFC 4180), for spreadsheets.
//!
//! One row an item, one column a selected field, named as in JSON; fields of inner objects are dotted
//! (`workspace.label`). The columns are the same whatever the list holds, so pages fit together and an empty list still
//! has its head. Null and absent are empty; a list of plain values is joined by `; `; everything else is its JSON text.

use serde_json::Value;

/// The column of items that have no fields.
const ITEM: &str = "value";

/// A list that cannot be written as CSV.
#[derive(Debug, thiserror::Error)]
pub(super) enum CsvError {
    /// The body is not the envelope of a list.
    #[error("not a list: {0}")]
    Json(#[from] serde_json::Error),
    /// A row cannot be written.
    #[error("{0}")]
    Row(#[from] csv::Error),
}

/// Writes the items of a list's envelope.
pub(super) fn table(columns: &[String], envelope: &[u8]) -> Result<Vec<u8>, CsvError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        value: Vec<Value>,
    }
    let Envelope { value } = serde_json::from_slice(envelope)?;
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if columns.is_empty() {
        writer.write_record([ITEM])?;
    } else {
        writer.write_record(columns)?;
    }
    for item in &value {
        if columns.is_empty() {
            writer.write_record([cell(item)])?;
        } else {
            writer.write_record(columns.iter().map(|column| cell(inner(item, column))))?;
        }
    }
    Ok(writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?)
}

/// What stands in `item` at a dotted name.
fn inner<'i>(item: &'i Value, column: &str) -> &'i Value {
    column.split('.').fold(item, |value, name| &value[name])
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}
