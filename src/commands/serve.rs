//! `serve`: runs the gateway until a signal, with a simulated Houston inside if it is to be a demo.

use super::settings::Settings;
use crate::Failure;
use clap::Args;
use houston_gateway::{
    config::Config,
    server::{self, Server, StartError},
    telemetry,
};
use std::{io, net::SocketAddr, thread::available_parallelism};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

#[derive(Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: Settings,
    /// Start a simulated Houston with a believable world inside this process, and serve that
    #[arg(long)]
    demo: bool,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

pub(crate) fn serve(options: Serve) -> Result<(), Failure> {
    let mut config = options.settings.load()?;
    if let Some(address) = options.listen {
        config.server.listen = address;
    }
    let _writes_the_rest = telemetry::log(&config.log)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
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
        let mut signalled = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let run = server.run(async { drop(stopped.await) });
        let twice = async {
            signalled().await;
            drop(stop);
            signalled().await;
        };
        tokio::select! {
            ended = run => Ok(ended?),
            () = twice => {
                tracing::warn!("told to stop again: what still runs is cut off");
                Ok(())
            }
        }
    });
    // Whatever the time to finish was not enough for is cut off; a look-up of a name cannot be, and nobody waits for it.
    runtime.shutdown_background();
    ended
}

/// Where everything runs: on all processors that the process may use. A single one needs no scheduler that hands work to
/// others.
fn runtime() -> io::Result<Runtime> {
    let alone = available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let mut builder = if alone { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.enable_all().build()
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
