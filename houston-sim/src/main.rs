//! The demo world on a port of its own.

use clap::Parser;
use houston_sim::{Houston, Settings, Version};
use std::{error::Error, io::Write, net::SocketAddr};
use tokio::net::TcpListener;

/// The oldest release whose habits are known here.
const OLDEST: Version = houston_schema::RELEASES[0];

/// How to talk to it, for who has just started it.
const HINTS: &str = "\
Subscriptions are at /ws, as graphql-ws. Send one of these as Authorization, or log in with createToken: the
password of admin@example.com, jane.doe@example.com, viewer@example.com and all others is demo-password.
  demo-system-admin       every permission
  demo-workspace-admin    administers two workspaces
  demo-workspace-viewer   may only look
";

const TRY: &str = "\
Try it:
  curl -s http://127.0.0.1:8871/v1 -H 'Content-Type: application/json' -H 'Authorization: demo-workspace-admin' \\
    -d '{\"query\": \"{ workspaces { id label deployments { releaseName } } }\"}'
  houston-gateway check --houston-url http://127.0.0.1:8871/v1
  houston-gateway serve --houston-url http://127.0.0.1:8871/v1";

/// A Houston to talk to, with believable data that lasts until it stops.
#[derive(Parser)]
#[command(name = "houston-sim", version, after_help = TRY)]
struct Options {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8871")]
    listen: SocketAddr,

    /// The Houston release to be, 0.25.0 or later.
    #[arg(long, value_name = "V", default_value_t = houston_schema::NEWEST, value_parser = known)]
    houston_version: Version,
}

/// A release that is not older than what is known of Houston.
fn known(text: &str) -> Result<Version, String> {
    let version: Version = text.parse().map_err(|error: houston_schema::InvalidVersion| error.to_string())?;
    if version < OLDEST { Err(format!("nothing is known here of releases before {OLDEST}")) } else { Ok(version) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let settings = Settings { version: options.houston_version, demo_tokens: true, ..Settings::default() };
    let houston = Houston::demo(settings)?;
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "Houston {} on http://{address}/v1\n{HINTS}", options.houston_version)?;
    houston.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
