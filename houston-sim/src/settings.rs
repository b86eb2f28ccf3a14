//! How a simulated Houston is set up.

use houston_schema::{NEWEST, Version};
use std::time::Duration;

/// What an operator would have configured, and how fast time passes for streams.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The release to be.
    pub version: Version,
    /// Whether introspection is answered (`apollo.introspection`).
    pub introspection: bool,
    /// Whether the tokens `demo-system-admin`, `demo-workspace-admin` and `demo-workspace-viewer` work.
    pub demo_tokens: bool,
    /// The domain in URLs and in the name of the cookie.
    pub base_domain: String,
    /// Namespace of the platform, which prefixes the namespaces of deployments.
    pub namespace: String,
    /// Whether anybody may sign up, not only who was invited.
    pub public_signup: bool,
    /// Whether release names can be chosen.
    pub manual_release_names: bool,
    /// Whether namespaces can be chosen.
    pub manual_namespace_names: bool,
    /// Whether `deploymentHardDelete` has an effect before 2.0.
    pub hard_delete: bool,
    /// Whether `upsertDeployment` works before 1.0 (`deployments.upsertDeploymentEnabled`).
    pub upsert_enabled: bool,
    /// Whether images can be set through the API (`enableUpdateDeploymentImageEndpoint`).
    pub image_endpoint: bool,
    /// Whether `deleteWorkspace` refuses while deployments are live, as Houston meant to and never did.
    pub workspace_delete_guard: bool,
    /// Whether there are stored logs.
    pub elasticsearch: bool,
    /// Whether deployments of the demo world write log lines of their own.
    pub chatter: bool,
    /// Whether `/ws` speaks `graphql-transport-ws` besides `graphql-ws`.
    pub transport_ws: bool,
    /// How long a deployment is `DEPLOYING` after a change.
    pub deploy_time: Duration,
    /// How long a new API key is shown in full.
    pub show_key_for: Duration,
    /// How long a token is good for.
    pub token_lifetime: Duration,
    /// Time between two looks at the log by a `log` subscription.
    pub log_interval: Duration,
    /// Time between two events of a `metrics` subscription.
    pub metrics_interval: Duration,
    /// Time between two events of a `deploymentStatus` subscription.
    pub status_interval: Duration,
    /// When `log` and `metrics` subscriptions end.
    pub stream_limit: Duration,
    /// When `deploymentStatus` subscriptions end.
    pub status_limit: Duration,
    /// Time between two keep-alive frames.
    pub keep_alive: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: NEWEST,
            introspection: true,
            demo_tokens: false,
            base_domain: "astro.example.com".to_owned(),
            namespace: "astronomer".to_owned(),
            public_signup: false,
            manual_release_names: true,
            manual_namespace_names: false,
            hard_delete: true,
            upsert_enabled: false,
            image_endpoint: true,
            workspace_delete_guard: false,
            elasticsearch: true,
            chatter: true,
            transport_ws: false,
            deploy_time: Duration::from_secs(3),
            show_key_for: Duration::from_mins(10),
            token_lifetime: Duration::from_hours(24),
            log_interval: Duration::from_secs(1),
            metrics_interval: Duration::from_secs(30),
            status_interval: Duration::from_mins(1),
            stream_limit: Duration::from_mins(20),
            status_limit: Duration::from_hours(24),
            keep_alive: Duration::from_secs(20),
        }
    }
}
