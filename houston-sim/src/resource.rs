//! What Houston does, one module for each resource.

pub(crate) mod auth;
pub(crate) mod billing;
pub(crate) mod clusters;
pub(crate) mod deployment_changes;
mod deployment_config;
pub(crate) mod deployment_images;
pub(crate) mod deployments;
pub(crate) mod invites;
pub(crate) mod members;
pub(crate) mod metrics;
pub(crate) mod overrides;
pub(crate) mod page;
pub(crate) mod platform;
pub(crate) mod service_accounts;
pub(crate) mod subscriptions;
pub(crate) mod teams;
pub(crate) mod users;
pub(crate) mod variables;
pub(crate) mod workspaces;

use crate::{error::Error, graph::Value};

/// What a root field resolves to.
pub(crate) type Answer = Result<Value, Error>;
