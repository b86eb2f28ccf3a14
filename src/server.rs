//! Composition root: builds everything from the settings, runs it, and lets it finish.

mod connections;
mod idle;
mod stream;

use crate::{
    cache::{Cache, Limits},
    catalogue::{CannotBeCached, Catalogue, Diagnostics, Plans, UnreadableOperations, embedded, overlaid},
    config::Config,
    gateway::Gateway,
    houston::{ClientError, Houston, probe},
    rest::{App, Front, Health, Unroutable},
    telemetry::Metrics,
};
use houston_schema::{HoustonSchema, InvalidVersion, NEWEST, SDL, SchemaError, Version};
use std::{future::Future, io, net::SocketAddr, net::TcpListener, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// How often recorded durations are folded into histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long to wait at most for the next look at a Houston that has never answered: nobody is served before it does.
const IMPATIENCE: Duration = Duration::from_secs(5);

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operations have faults.
    #[error(transparent)]
    Catalogue(#[from] Diagnostics),
    /// The folder of own operations cannot be read.
    #[error(transparent)]
    Operations(#[from] UnreadableOperations),
    /// Houston's schema document has faults.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A time is set for an operation that is not cached.
    #[error(transparent)]
    Ttl(#[from] CannotBeCached),
    /// The configured version is none.
    #[error("houston.version: {0}")]
    Version(#[from] InvalidVersion),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The metrics cannot be set up.
    #[error("metrics: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The routes exclude each other.
    #[error(transparent)]
    Routes(#[from] Unroutable),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The runtime cannot take the listener over.
    #[error("serving failed: {0}")]
    Serve(#[from] io::Error),
}

/// Everything that serves requests, ready to run.
pub struct Server {
    app: Arc<App>,
    catalogue: Arc<Catalogue>,
    gateway: Arc<Gateway>,
    config: Config,
    listener: TcpListener,
}

/// Reads and checks the catalogue that the settings name.
///
/// # Errors
/// Every fault of it.
pub fn catalogue(config: &Config) -> Result<Catalogue, StartError> {
    let folder = &config.catalogue.operations;
    let files = if folder.as_os_str().is_empty() { embedded() } else { overlaid(folder)? };
    let mut catalogue = Catalogue::compile(HoustonSchema::parse(SDL, "config/houston.graphql")?, &files)?;
    for (operation, seconds) in &config.cache.ttl_seconds {
        catalogue.set_ttl(operation, Duration::from_secs(*seconds))?;
    }
    Ok(catalogue)
}

/// Compiles the catalogue for a release, by the built-in schema.
///
/// # Errors
/// If an operation does not fit the schema: a fault of the operation.
pub fn plans(catalogue: &Catalogue, version: Version) -> Result<Plans, StartError> {
    let (plans, faults) = catalogue.plan(&catalogue.schema.at(version)?, version);
    if faults.is_empty() { Ok(plans) } else { Err(faults.into()) }
}

/// The Houston release to assume until Houston has told.
///
/// # Errors
/// If the settings name something else.
pub fn assumed_version(config: &Config) -> Result<Version, InvalidVersion> {
    if config.houston.version.is_empty() { Ok(NEWEST) } else { config.houston.version.parse() }
}

impl Server {
    /// Builds everything and takes the address, but serves nothing yet.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn bind(config: Config) -> Result<Self, StartError> {
        let catalogue = Arc::new(catalogue(&config)?);
        let plans = plans(&catalogue, assumed_version(&config)?)?;
        let cache = config.cache.enabled.then(|| {
            let limits = Limits {
                capacity_bytes: config.cache.capacity_bytes,
                entry_bytes: config.cache.entry_limit_bytes,
                stale_while_revalidate: config.cache.stale_while_revalidate,
                stale_if_error: config.cache.stale_if_error,
                absence: config.cache.absence,
            };
            Cache::new(limits, catalogue.routes.len())
        });
        let houston = Houston::new(config.houston.clone())?;
        let gateway = Gateway::new(houston, cache, Arc::clone(&catalogue), plans, config.streams.clone());
        let app = App::new(Arc::clone(&catalogue), Arc::clone(&gateway), Metrics::new()?, &config)?;
        let address = config.server.listen;
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = listen().map_err(|source| StartError::Listen { address, source })?;
        Ok(Self { app, catalogue, gateway, config, listener })
    }

    /// The address that is listened on, with the port that the system chose if it was left open.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets running requests finish, as long as the settings allow.
    ///
    /// # Errors
    /// If the runtime cannot take the listener over. Once it serves, nothing ends it but `stop`.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), StartError> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let front = Front::new(Arc::clone(&self.app), &self.config);
        let gateway = Arc::clone(&self.gateway);
        let watch = {
            let (app, houston) = (Arc::clone(&self.app), self.config.houston.clone());
            move || watch(Arc::clone(&app), Arc::clone(&self.catalogue), Arc::clone(&self.gateway), houston.clone())
        };
        let upkeep = async {
            loop {
                sleep(UPKEEP).await;
                self.app.upkeep();
            }
        };
        let stop = async {
            stop.await;
            tracing::info!("shutting down: finishing what runs");
            self.app.health.store(Arc::new(Health::Draining));
            // They would run for hours.
            gateway.end_streams();
        };
        tokio::select! {
            () = connections::serve(listener, front, &self.config.server, stop) => Ok(()),
            () = unceasing(watch, IMPATIENCE) => Ok(()),
            () = upkeep => Ok(()),
        }
    }
}

/// Runs what never ends as a task of its own, so that a panic in it ends nothing else, and begins it again after a `pause`.
/// The task ends with this future. Never ends.
async fn unceasing<F>(begin: impl Fn() -> F, pause: Duration)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        if let Err(why) = AbortOnDropHandle::new(tokio::spawn(begin())).await {
            tracing::error!(%why, "the watch over Houston failed and begins again; what is served stays as it is");
        }
        sleep(pause).await;
    }
}

/// Keeps the plans true to the connected Houston: asks for its version again and again, at once when it turns out not to
/// know what it was asked, and swaps the plans when the answer changes. Never ends.
async fn watch(app: Arc<App>, catalogue: Arc<Catalogue>, gateway: Arc<Gateway>, settings: crate::config::Houston) {
    if !settings.probe {
        let version = gateway.plans().version;
        tell(&app, Health::Ready { version, introspected: false });
        return std::future::pending().await;
    }
    let mut pause = Duration::from_millis(250);
    loop {
        let asked = Instant::now();
        match probe::server(gateway.houston()).await {
            Ok(server) => {
                pause = settings.probe_interval;
                adopt(&app, &catalogue, &gateway, server);
            }
            Err(why) => {
                tracing::warn!(%why, "Houston does not tell its version");
                if !matches!(**app.health.load(), Health::Ready { .. }) {
                    tell(&app, Health::Unreachable(why.to_string()));
                    pause = (pause * 2).min(IMPATIENCE).min(settings.probe_interval);
                }
            }
        }
        gateway.has_looked(asked);
        tokio::select! {
            () = sleep_until(asked + pause) => {}
            // Drift is noticed by many requests at once; one look a second is enough.
            () = gateway.drift.notified() => sleep_until(asked + Duration::from_secs(1)).await,
        }
    }
}

/// Compiles the catalogue for what Houston told about itself, and serves it from now on.
fn adopt(app: &App, catalogue: &Catalogue, gateway: &Gateway, server: probe::Server) {
    let version = server.version;
    let introspected = server.schema.is_some();
    let by_own_schema = matches!(**app.health.load(), Health::Ready { introspected: true, .. });
    if !introspected && !by_own_schema && version == gateway.plans().version {
        // What was assumed is true: the plans are those already.
        return tell(app, Health::Ready { version, introspected });
    }
    let compiled = match server.schema {
        Some(schema) => Ok(catalogue.plan(&schema, version)),
        None => catalogue.schema.at(version).map(|schema| catalogue.plan(&schema, version)),
    };
    let (plans, faults) = match compiled {
        Ok(compiled) => compiled,
        Err(error) => return tracing::error!(%error, %version, "cannot compile for this Houston; the old plans stay"),
    };
    if !faults.is_empty() {
        tracing::warn!(%version, %faults, "some operations do not fit this Houston and are not served");
    }
    if !plans.is_same_as(&gateway.plans()) {
        tracing::info!(%version, introspected, operations = plans.iter().count(), "compiled for this Houston");
        gateway.replace_plans(plans);
    }
    tell(app, Health::Ready { version, introspected });
}

/// Says how things are, unless the end has come already.
fn tell(app: &App, health: Health) {
    let health = Arc::new(health);
    app.health.rcu(|now| Arc::clone(if **now == Health::Draining { now } else { &health }));
}

#[cfg(test)]
mod tests {
    use super::unceasing;
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };
    use tokio::{sync::mpsc, time::timeout};

    #[tokio::test]
    async fn what_panics_begins_again_and_ends_with_who_waits_for_it() {
        let (begins, mut begun) = mpsc::unbounded_channel();
        let beginnings = AtomicU32::new(0);
        let begin = move || {
            let (number, begins) = (beginnings.fetch_add(1, Ordering::Relaxed), begins.clone());
            async move {
                begins.send(number).expect("somebody who counts");
                assert!(number >= 2, "a reason to begin again");
                std::future::pending().await
            }
        };
        let running = tokio::spawn(unceasing(begin, Duration::ZERO));
        for expected in 0..3 {
            assert_eq!(begun.recv().await, Some(expected));
        }
        running.abort();
        let end = timeout(Duration::from_secs(10), begun.recv()).await;
        assert_eq!(end.expect("the task ends, and its sender with it"), None);
    }
}
