//! Lists as CSV (RFC 4180), for spreadsheets.
//!
//! One row an item, one column a field, named as in JSON; fields of inner objects are dotted (`workspace.label`). Columns
//! stand in the order in which they first appear. Null and absent are empty; a list of plain values is joined by `; `; a
//! list of objects is its JSON text.

use indexmap::IndexSet;
use serde_json::{Map, Value};

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
pub(super) fn table(envelope: &[u8]) -> Result<Vec<u8>, CsvError> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        value: Vec<Map<String, Value>>,
    }
    let Envelope { value } = serde_json::from_slice(envelope)?;
    let rows: Vec<Vec<(String, String)>> = value.iter().map(|item| cells(item, "")).collect();
    let columns: IndexSet<&str> = rows.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    if !columns.is_empty() {
        writer.write_record(&columns)?;
    }
    for row in &rows {
        writer.write_record(
            columns
                .iter()
                .map(|column| row.iter().find(|(name, _)| name == column).map_or("", |(_, cell)| cell.as_str())),
        )?;
    }
    Ok(writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?)
}

fn cells(item: &Map<String, Value>, prefix: &str) -> Vec<(String, String)> {
    item.iter()
        .flat_map(|(name, value)| {
            let name = format!("{prefix}{name}");
            match value {
                Value::Object(inner) => cells(inner, &format!("{name}.")),
                plain => vec![(name, cell(plain))],
            }
        })
        .collect()
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
