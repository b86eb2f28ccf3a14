//! `check`: tells what is wrong with settings and operations, or what a live Houston can do of them.

use super::{print, settings::Settings};
use crate::Failure;
use houston_gateway::{
    catalogue::Catalogue,
    config::Config,
    gateway::releases,
    houston::{Houston, probe},
    server::{self, StartError},
};
use houston_schema::RELEASES;

pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
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
            None if plan.lifespan.contains(version) => (2, "not in its schema, as far as that is known".to_owned()),
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
