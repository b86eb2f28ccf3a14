//! The commands: `serve`, `check`, `openapi`, `routes`, `problems`, `healthcheck`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks through its standard streams")]

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind as UsageError};
use houston_gateway::{
    catalogue::{Catalogue, Plans},
    config::{Config, ConfigError},
    gateway::releases,
    houston::{Houston, probe},
    openapi,
    problem::Code,
    server::{self, Server, StartError},
    telemetry,
};
use houston_schema::{RELEASES, Version};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

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

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Start a simulated Houston with a believable world inside this process, and serve that
    #[arg(long)]
    demo: bool,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Settings that all commands take. Secrets come from the environment or a file, never from the command line.
#[derive(Args, Default)]
struct Settings {
    /// The configuration file; config/gateway.toml shows every setting
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A folder of own operations, laid over the built-in ones
    #[arg(long, value_name = "DIR")]
    operations: Option<PathBuf>,
    /// Houston's GraphQL endpoint, https://houston.BASEDOMAIN/v1
    #[arg(long, value_name = "URL")]
    houston_url: Option<url::Url>,
    /// The Houston version to assume until Houston itself has told
    #[arg(long, value_name = "V")]
    houston_version: Option<Version>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    #[value(name = "3.1")]
    OpenApi31,
    #[value(name = "3.0")]
    OpenApi30,
    #[value(name = "2.0")]
    Swagger20,
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
        Command::Serve(options) => serve(options),
        Command::Check(settings) => check(&settings),
        Command::Openapi { settings, format } => print_openapi(&settings, format),
        Command::Routes(settings) => print_routes(&settings),
        Command::Problems => print_problems(),
        Command::Healthcheck(settings) => healthcheck(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

impl Settings {
    /// The settings of file and environment, with the command line's on top.
    fn load(&self) -> Result<Config, ConfigError> {
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

    fn compile(&self) -> Result<(Catalogue, Plans), Failure> {
        let config = self.load()?;
        let catalogue = server::catalogue(&config)?;
        let plans = server::plans(&catalogue, server::assumed_version(&config).map_err(StartError::from)?)?;
        Ok((catalogue, plans))
    }
}

fn serve(options: Serve) -> Result<(), Failure> {
    let mut config = options.settings.load()?;
    if let Some(address) = options.listen {
        config.server.listen = address;
    }
    let _writes_the_rest = telemetry::log(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        if options.demo {
            start_demo(&mut config).await?;
        }
        let (houston, base_path) = (config.houston.url.clone(), config.server.base_path.clone());
        let server = Server::bind(config)?;
        let url = format!("http://{}{base_path}", server.address()?);
        if options.demo {
            greet(&url);
        } else {
            println!("Houston Gateway on {url}, serving {houston}; Swagger UI: {url}/docs/");
        }
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        Ok(server.run(stop).await?)
    })
}

/// Starts the simulator on a port of its own and points the settings at it.
async fn start_demo(config: &mut Config) -> Result<(), Failure> {
    let version = server::assumed_version(config).map_err(StartError::from)?;
    let settings = houston_sim::Settings { version, demo_tokens: true, ..houston_sim::Settings::default() };
    let houston = houston_sim::Houston::demo(settings)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    if let Ok(url) = format!("http://{address}/v1").parse() {
        config.houston.url = url;
    }
    tokio::spawn(async move {
        if let Err(error) = houston.serve(listener, std::future::pending()).await {
            tracing::error!(%error, "the simulated Houston stopped");
        }
    });
    Ok(())
}

fn greet(url: &str) {
    println!(
        "Houston Gateway on {url}, with a simulated Houston inside

  Swagger UI   {url}/docs/
  Tokens       demo-system-admin, demo-workspace-admin, demo-workspace-viewer
  Try          curl -H 'X-API-Key: demo-workspace-admin' '{url}/workspaces?limit=2'
"
    );
}

/// Writes to standard output. A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => Err(why.into()),
        _ => Ok(()),
    }
}

fn check(settings: &Settings) -> Result<(), Failure> {
    let config = settings.load()?;
    let catalogue = server::catalogue(&config)?;
    if settings.houston_url.is_some() {
        return check_live(&catalogue, config);
    }
    let mut report = String::new();
    // `serve` may meet any release, so a fault at one of them is a fault.
    let assumed = server::assumed_version(&config).map_err(StartError::from)?;
    for version in RELEASES.into_iter().filter(|each| *each != assumed).chain([assumed]) {
        let plans = server::plans(&catalogue, version)?;
        let served = plans.routes.iter().filter(|route| !route.plans.is_empty()).count();
        report += &format!("Houston {version}: {served} of {} routes\n", catalogue.routes.len());
    }
    print(&format!("{report}{} operations, no faults\n", catalogue.operations.len()))
}

/// Asks a live Houston what it is, and tells what of the catalogue it can do.
fn check_live(catalogue: &Catalogue, config: Config) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let houston = Houston::new(config.houston).map_err(StartError::from)?;
    let server = runtime.block_on(probe::server(&houston))?;
    let version = server.version;
    let (how, schema) = match server.schema {
        Some(schema) => ("its own schema", schema),
        None => ("the built-in schema: introspection is off", catalogue.schema.at(version).map_err(StartError::from)?),
    };
    let (plans, faults) = catalogue.plan(&schema, version);
    let mut report = format!("Houston {version}, by {how}\n");
    let mut counts = [0; 3];
    for (route, plan) in catalogue.routes.iter().zip(&plans.routes) {
        let (state, why) = match plan.plans.first() {
            None => (2, format!("part of Houston {}", releases(plan.lifespan))),
            Some(plan) => {
                let missing = plan.narrowed.keys().map(|name| format!("${name}"));
                let missing: Vec<_> = missing.chain(plan.missing_fields.iter().cloned()).collect();
                (usize::from(!missing.is_empty()), missing.join(", "))
            }
        };
        counts[state] += 1;
        report += &format!("{}\t{}\t{}\t{why}\n", ["full", "narrowed", "absent"][state], route.method, route.path);
    }
    print(&format!("{report}{} full, {} narrowed, {} absent\n", counts[0], counts[1], counts[2]))?;
    if faults.is_empty() { Ok(()) } else { Err(StartError::from(faults).into()) }
}

fn print_openapi(settings: &Settings, format: Format) -> Result<(), Failure> {
    let (catalogue, plans) = settings.compile()?;
    let config = settings.load()?;
    let server_url = match config.server.public_url.trim_end_matches('/') {
        "" => format!("http://{}{}", config.server.listen, config.server.base_path),
        url => url.to_owned(),
    };
    let format = match format {
        Format::OpenApi31 => openapi::Format::OpenApi31,
        Format::OpenApi30 => openapi::Format::OpenApi30,
        Format::Swagger20 => openapi::Format::Swagger20,
    };
    print(&format!("{:#}\n", openapi::document(&catalogue, &plans, &server_url, format)))
}

fn print_routes(settings: &Settings) -> Result<(), Failure> {
    let (catalogue, plans) = settings.compile()?;
    let mut table = "method\tpath\toperation\thouston\treleases\there\n".to_owned();
    for (route, plan) in catalogue.routes.iter().zip(&plans.routes) {
        let operations = route.operations.iter().map(|index| &catalogue.operations[*index]);
        let mut fields: Vec<_> = operations.map(|each| each.root_field()).collect();
        fields.dedup();
        table += &format!(
            "{}\t{}\t{}\t{}\t{}\t{}\n",
            route.method,
            route.path,
            catalogue.name_of(route).name,
            fields.join(" | "),
            releases(plan.lifespan),
            plan.plans.first().map_or("-", |plan| plan.operation.name.as_str()),
        );
    }
    print(&table)
}

fn print_problems() -> Result<(), Failure> {
    let mut table = "code\tstatus\ttitle\tcause\tcure\n".to_owned();
    for code in Code::ALL {
        let status = code.status().as_u16();
        table += &format!("{}\t{status}\t{}\t{}\t{}\n", code.name(), code.title(), code.cause(), code.cure());
    }
    print(&table)
}

/// `GET /livez` by hand: an image with nothing but this program can tell its health.
fn healthcheck(settings: &Settings) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(2);
    let server = settings.load()?.server;
    let mut address = server.listen;
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        write!(connection, "GET {}/livez HTTP/1.0\r\nhost: {address}\r\n\r\n", server.base_path)?;
        let mut status = [0; 12];
        connection.read_exact(&mut status)?;
        Ok(String::from_utf8_lossy(&status[9..]).into_owned())
    };
    match ask() {
        Ok(status) if status == "200" => Ok(()),
        Ok(status) => Err(Failure::NotAlive { address, why: format!("it answers {status}") }),
        Err(why) => Err(Failure::NotAlive { address, why: why.to_string() }),
    }
}
