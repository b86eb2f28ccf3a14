//! The demo world on a port of its own.

use clap::Parser;
use houston_sim::{Houston, Settings, Version};
use std::{error::Error, io::Write, net::SocketAddr};
use tokio::net::TcpListener;

/// A Houston to talk to, with believable data that lasts until it stops.
#[derive(Parser)]
#[command(name = "houston-sim", version)]
struct Options {
    /// Address to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8871")]
    listen: SocketAddr,

    /// The Houston release to be, for example 0.34.0.
    #[arg(long, value_name = "V", default_value_t = houston_schema::NEWEST)]
    houston_version: Version,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let settings = Settings { version: options.houston_version, demo_tokens: true, ..Settings::default() };
    let houston = Houston::demo(settings)?;
    let listener = TcpListener::bind(options.listen).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "Houston {} on http://{address}/v1", options.houston_version)?;
    houston.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}
