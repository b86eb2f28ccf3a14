//! The published documents: the catalogue, as the rest of the world reads it.
//!
//! One OpenAPI 3.1 model is made from the plans for one Houston, so a document shows what that Houston can do. The older
//! versions are rendered from its JSON: 3.0 for Swagger UI and most importers, 2.0 in a profile for connectors, and a
//! Postman collection. Equal input gives equal bytes.

mod describe;
mod example;
mod input;
mod model;
mod names;
mod operation;
mod parameters;
mod postman;
mod problems;
mod render20;
mod render30;
mod schema;
mod selection;
mod usage;

use crate::{
    catalogue::{Catalogue, Plans},
    problem::Code,
};
use serde_json::Value;

/// A version of OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 3.1, the model itself.
    OpenApi31,
    /// 3.0.3, which every tool reads.
    OpenApi30,
    /// Swagger 2.0 for connectors of Power Automate, Power Apps and Logic Apps: no streams, one schema an operation.
    Swagger20,
}

/// Who publishes a document, and where.
#[derive(Clone, Copy, Debug)]
pub struct Publisher<'a> {
    /// The address that callers use, base path included.
    pub url: &'a str,
    /// Whom readers can turn to.
    pub contact_name: &'a str,
    /// Where they reach them.
    pub contact_email: &'a str,
}

/// A document that cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("the document cannot be written as YAML: {0}")]
pub struct YamlError(#[from] yaml_serde::Error);

/// The document of what `plans` can serve.
#[must_use]
pub fn document(catalogue: &Catalogue, plans: &Plans, publisher: Publisher<'_>, format: Format) -> Value {
    let url = publisher.url.trim_end_matches('/');
    let model = model::build(catalogue, plans, Publisher { url, ..publisher });
    match format {
        Format::OpenApi31 => model,
        Format::OpenApi30 => render30::render(model),
        Format::Swagger20 => render20::render(render30::render(model)),
    }
}

/// A document as YAML.
///
/// # Errors
/// If a value has no place in YAML; documents of this module have none such.
pub fn yaml(document: &Value) -> Result<String, YamlError> {
    Ok(yaml_serde::to_string(document)?)
}

/// What the problem of `code` looks like.
#[must_use]
pub fn problem(code: Code, server_url: &str) -> Value {
    problems::of(code, server_url)
}

/// A Postman collection (2.1) of what `plans` can serve. It runs against the demo as it is.
#[must_use]
pub fn postman(catalogue: &Catalogue, plans: &Plans, publisher: Publisher<'_>) -> Value {
    postman::render(&document(catalogue, plans, publisher, Format::OpenApi30))
}
