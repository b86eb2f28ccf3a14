//! The published documents. Under way.
use crate::catalogue::{Catalogue, Plans};
/// Format.
#[derive(Clone, Copy, Debug)]
pub enum Format {
    /// a
    OpenApi31,
    /// b
    OpenApi30,
    /// c
    Swagger20,
}
/// Document.
pub fn document(_: &Catalogue, _: &Plans, _: &str, _: Format) -> serde_json::Value {
    serde_json::Value::Null
}
/// Yaml.
pub fn yaml(_: &serde_json::Value) -> Result<String, std::fmt::Error> {
    Ok(String::new())
}
/// Postman.
pub fn postman(_: &Catalogue, _: &Plans, _: &str) -> serde_json::Value {
    serde_json::Value::Null
}
