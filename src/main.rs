//! The commands: `serve`, `check`, `openapi`, `routes`, `problems`, `healthcheck`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks through its standard streams")]

mod commands;

use clap::{Parser, Subcommand, error::ErrorKind as UsageError};
use commands::{Format, Serve, Settings};
use houston_gateway::{config::ConfigError, houston::probe, server::StartError, telemetry};
use std::{net::SocketAddr, process::ExitCode};

/// Exit codes of sysexits.h.
mod exit {
    pub(super) const USAGE: u8 = 64;
    pub(super) const DATA: u8 = 65;
    pub(super) const UNAVAILABLE: u8 = 69;
    pub(super) const SOFTWARE: u8 = 70;
    pub(super) const CONFIG: u8 = 78;
}

/// All of Astronomer's Houston GraphQL API as REST.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the REST API
    Serve(Serve),
    /// Compile the catalogue and the configuration as `serve` does, and print every fault; with --houston-url, ask that
    /// Houston what it is and tell which routes it can serve in full, in part or not at all
    Check(Settings),
    /// Print the OpenAPI document
    Openapi {
        #[command(flatten)]
        settings: Settings,
        /// Which version of OpenAPI
        #[arg(long, value_enum, default_value = "3.0")]
        format: Format,
    },
    /// Print the table of routes
    Routes(Settings),
    /// Print the table of problems: code, status, title, cause and cure
    Problems,
    /// Ask the gateway that runs on this machine with the same settings whether it is alive; for containers
    Healthcheck(Settings),
}

/// Why a command ends without success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Log(#[from] telemetry::LogError),
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    #[error("Houston cannot be asked: {0}")]
    Probe(#[from] probe::ProbeError),
    #[error("the demo cannot start: {0}")]
    Demo(#[from] houston_schema::SchemaError),
    #[error("{address} is not alive: {why}")]
    NotAlive { address: SocketAddr, why: String },
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Log(_) | Self::Start(StartError::Version(_) | StartError::Ttl(_)) => exit::CONFIG,
            Self::Start(StartError::Catalogue(_) | StartError::Operations(_) | StartError::Schema(_)) => exit::DATA,
            Self::Start(StartError::Listen { .. }) | Self::NotAlive { .. } | Self::Probe(_) => exit::UNAVAILABLE,
            Self::Start(_) | Self::System(_) | Self::Demo(_) => exit::SOFTWARE,
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let asked_for = matches!(error.kind(), UsageError::DisplayHelp | UsageError::DisplayVersion);
            // Printing can only fail if nobody listens.
            let _nobody_listens = error.print();
            return if asked_for { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) };
        }
    };
    let outcome = match cli.command {
        Command::Serve(options) => commands::serve(options),
        Command::Check(settings) => commands::check(&settings),
        Command::Openapi { settings, format } => commands::openapi(&settings, format),
        Command::Routes(settings) => commands::routes(&settings),
        Command::Problems => commands::problems(),
        Command::Healthcheck(settings) => commands::healthcheck(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
