//! Learns what the connected Houston is: its version, and its schema where introspection is on.

use super::{CallError, Houston, Trace};
use apollo_compiler::{Schema, validation::Valid};
use bytes::Bytes;
use cynic_introspection::{IntrospectionQuery, SpecificationVersion};
use houston_schema::{InvalidVersion, Version};
use serde::Deserialize;

/// What a Houston told about itself.
#[derive(Debug)]
pub struct Server {
    /// Its version.
    pub version: Version,
    /// Its schema, if it tells.
    pub schema: Option<Valid<Schema>>,
}

/// Why nothing was learned.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An answer that is not GraphQL.
    #[error("Houston's answer is not what was asked for: {0}")]
    Answer(#[from] serde_json::Error),
    /// No version in the answer.
    #[error("Houston does not tell its version")]
    NoVersion,
    /// A version that is not one.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionData {
    app_config: Option<AppConfig>,
}

#[derive(Deserialize)]
struct AppConfig {
    version: Option<String>,
}

/// Asks Houston for its version. Needs no token.
///
/// # Errors
/// If Houston does not answer, or not with a version.
pub async fn version(houston: &Houston) -> Result<Version, ProbeError> {
    let body = Bytes::from_static(
        br#"{"operationName":"GatewayProbe","query":"query GatewayProbe { appConfig { version } }"}"#,
    );
    let reply = houston.send(body, true, None, &Trace::default()).await?;
    let answer: Answer<VersionData> = serde_json::from_slice(&reply)?;
    let version = answer.data.and_then(|data| data.app_config).and_then(|config| config.version);
    Ok(version.ok_or(ProbeError::NoVersion)?.parse()?)
}

/// Asks Houston for its schema. `None` if introspection is off or what comes back is not a schema.
pub async fn schema(houston: &Houston) -> Option<Valid<Schema>> {
    let query = IntrospectionQuery::with_capabilities(SpecificationVersion::June2018.capabilities());
    let body = serde_json::to_vec(&serde_json::json!({ "query": query.query })).ok()?;
    let reply = houston.send(body.into(), true, None, &Trace::default()).await.ok()?;
    let answer: Answer<IntrospectionQuery> = serde_json::from_slice(&reply).ok()?;
    let sdl = answer.data?.into_schema().ok()?.to_sdl();
    match Schema::parse_and_validate(sdl, "introspection") {
        Ok(schema) => Some(schema),
        Err(faults) => {
            tracing::warn!(faults = %faults.errors, "Houston's introspection is not a valid schema; the built-in one is used");
            None
        }
    }
}

/// Asks for both. The configured version counts if Houston answers, but not with a version.
///
/// # Errors
/// As [`version()`].
pub async fn server(houston: &Houston) -> Result<Server, ProbeError> {
    let version = match (version(houston).await, houston.settings.version.parse()) {
        (Err(ProbeError::NoVersion | ProbeError::Version(_)), Ok(configured)) => configured,
        (told, _) => told?,
    };
    Ok(Server { version, schema: schema(houston).await })
}
