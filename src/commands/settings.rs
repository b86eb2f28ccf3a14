//! The settings of a command: those of file and environment, with the command line's on top.

use crate::Failure;
use clap::Args;
use houston_gateway::{
    catalogue::{Catalogue, Plans},
    config::{Config, ConfigError, http_url},
    server::{self, StartError},
};
use houston_schema::Version;
use std::path::PathBuf;

/// Settings that all commands take. Secrets come from the environment or a file, never from the command line.
#[derive(Args)]
pub(crate) struct Settings {
    /// The configuration file; config/gateway.toml shows every setting
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder of own operations, laid over the built-in ones
    #[arg(long, value_name = "DIR")]
    operations: Option<PathBuf>,
    /// Houston's GraphQL endpoint, https://houston.BASEDOMAIN/v1
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub(super) houston_url: Option<url::Url>,
    /// The Houston version to assume until Houston itself has told
    #[arg(long, value_name = "V")]
    houston_version: Option<Version>,
}

impl Settings {
    /// The settings of file and environment, with the command line's on top.
    pub(super) fn load(&self) -> Result<Config, ConfigError> {
        let mut config = Config::load(self.config.as_deref())?;
        if let Some(folder) = &self.operations {
            config.catalogue.operations.clone_from(folder);
        }
        if let Some(url) = &self.houston_url {
            config.houston.url.clone_from(url);
        }
        if let Some(version) = self.houston_version {
            config.houston.version = version.to_string();
        }
        Ok(config)
    }

    /// What `serve` compiles from these settings, for the release that they assume.
    pub(super) fn compile(&self) -> Result<(Config, Catalogue, Plans), Failure> {
        let config = self.load()?;
        let catalogue = server::catalogue(&config)?;
        let plans = server::plans(&catalogue, server::assumed_version(&config).map_err(StartError::from)?)?;
        Ok((config, catalogue, plans))
    }
}
