//! Data plane clusters.

use super::{Answer, overrides, page::page};
use crate::{
    args::Args,
    error::Error,
    graph::{Ctx, Item, Value},
    world::Cluster,
};
use serde_json::{Value as Json, json};

pub(crate) fn field(cluster: &Cluster, name: &str) -> Option<Value> {
    Some(match name {
        "id" => cluster.id.clone().into(),
        "name" => cluster.name.clone().into(),
        "k8sVersion" => cluster.k8s_version.clone().into(),
        "cloudProvider" => cluster.provider.clone().into(),
        "status" => if cluster.inactive { "INACTIVE" } else { "ACTIVE" }.into(),
        "statusReason" => cluster.status_reason.clone().into(),
        "healthStatus" => cluster.health.clone().into(),
        "config" => cluster.config.clone().into(),
        _ => return None,
    })
}

pub(crate) fn page_of_all(ctx: &Ctx<'_>, args: &Args) -> Value {
    let phrase = args.opt("searchPhrase").map(str::to_lowercase);
    let mut clusters = ctx.world.clusters.all();
    clusters.retain(|each| {
        phrase.as_ref().is_none_or(|phrase| each.name.to_lowercase().contains(phrase))
            && args.opt("k8sVersion").is_none_or(|version| each.k8s_version == version)
            && args.opt("id").is_none_or(|id| each.id == id)
    });
    match args.opt("sortBy") {
        Some("name") => clusters.sort_by(|a, b| a.name.cmp(&b.name)),
        Some("k8sVersion") => clusters.sort_by(|a, b| a.k8s_version.cmp(&b.k8s_version)),
        // Other columns are unknown and leave the order alone.
        _ => {}
    }
    if args.opt("sortDirection").is_some_and(|direction| direction.eq_ignore_ascii_case("desc")) {
        clusters.reverse();
    }
    let count = clusters.len();
    let clusters = Value::list(page(ctx, args, clusters));
    Value::item(Item::Mixed("PaginatedClusters", vec![("clusters", clusters), ("count", count.into())]))
}

/// Houston probes the metadata URL; this one believes it. How a taken name or URL is refused is unknown.
pub(crate) fn register(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (name, url) = (args.text("name"), args.text("metadataUrl"));
    if ctx.world.clusters.iter().any(|each| each.name == name || each.metadata_url == url) {
        return Err(Error::BadInput(format!("Cluster already exists with the name {name} or the URL {url}")));
    }
    let id = ctx.world.new_id();
    let cluster = Cluster {
        config: json!({
            "dataplane": {"id": id, "url": url, "chartVersion": ctx.version.to_string(), "mode": "data"},
            "commander": {"url": url, "version": ctx.version.to_string()},
        }),
        id,
        name: name.to_owned(),
        metadata_url: url.to_owned(),
        k8s_version: "1.33".to_owned(),
        provider: "local".to_owned(),
        inactive: false,
        status_reason: Json::Null,
        health: json!({"status": "HEALTHY"}),
        overrides: overrides::partial(args),
    };
    Ok(Value::item(ctx.world.clusters.add(cluster)))
}

/// While a cluster is inactive only its status can be changed.
pub(crate) fn update(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let cluster = ctx.world.clusters.need(args.text("id"))?;
    if cluster.inactive && (args.has("name") || args.has("deploymentsConfigOverride")) {
        return Err(Error::ClusterInactive);
    }
    let changed = ctx.world.clusters.update(&cluster.id, |each| {
        if let Some(name) = args.string("name") {
            each.name = name;
        }
        if let Some(status) = args.opt("status") {
            each.inactive = status == "INACTIVE";
        }
        if let Some(reason) = args.json("statusReason") {
            each.status_reason = reason.clone();
        }
        overrides::merge(&mut each.overrides, &overrides::partial(args));
    });
    Ok(Value::maybe(changed))
}

/// Removes the record and nothing else.
pub(crate) fn deregister(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let cluster = ctx.world.clusters.need(args.text("id"))?;
    ctx.world.clusters.remove(&cluster.id);
    Ok(Value::item(cluster))
}

/// The cluster of an id, if it can be worked with.
pub(crate) fn active(ctx: &Ctx<'_>, id: &str) -> Result<(), Error> {
    if ctx.world.clusters.need(id)?.inactive { Err(Error::ClusterInactive) } else { Ok(()) }
}

/// Goes by the looks of the URL and of the token, since there is no repository to ask: a host that says what is wrong
/// with it (`unreachable.example.com`, `timeout...`, `self-signed...`) and a token with `bad` or `expired` in it fail.
pub(crate) fn validate_git_credentials(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    active(ctx, args.text("clusterId"))?;
    let (url, token) = (args.text("repositoryUrl"), args.text("httpsToken"));
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let (category, message) = if host.is_empty() || !host.contains('.') {
        ("INVALID_URL", "The repository URL is not a valid HTTPS URL")
    } else if host.contains("timeout") {
        ("TIMEOUT", "The repository did not answer in time")
    } else if host.contains("self-signed") {
        ("TLS_ERROR", "The certificate of the repository host is not trusted")
    } else if host.contains("unreachable") {
        ("UNREACHABLE", "The repository host cannot be reached")
    } else if token.is_empty() || token.contains("bad") || token.contains("expired") {
        ("AUTH_FAILED", "The repository refused the credentials")
    } else {
        ("OK", "The credentials give access to the repository")
    };
    Ok(json!({"valid": category == "OK", "category": category, "message": message}).into())
}
