//! What the simulator remembers: one struct for each kind of record in Houston's database.

use super::Time;
use crate::access::{Role, Scope};
use serde_json::{Map, Value};

/// An opaque id, such as `ckwb2kx2k000008l7d9fz3h4q`. Never an RFC 4122 one.
pub(crate) type Id = String;

/// Something that is kept in a [`Table`](super::Table).
pub(crate) trait Record: Clone {
    /// The name that database errors use.
    const MODEL: &'static str;
    fn id(&self) -> &str;
}

macro_rules! records {
    ($($record:ident),*) => {
        $(impl Record for $record {
            const MODEL: &'static str = stringify!($record);
            fn id(&self) -> &str { &self.id }
        })*
    };
}
records!(User, Workspace, Deployment, Binding, Team, ServiceAccount, Invite, Cluster);

#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) id: Id,
    pub(crate) username: String,
    pub(crate) full_name: String,
    pub(crate) status: UserStatus,
    pub(crate) emails: Vec<Email>,
    /// In clear: nothing here is worth hiding.
    pub(crate) password: Option<String>,
    pub(crate) reset_token: Option<String>,
    pub(crate) profile: Vec<(String, String)>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum UserStatus {
    #[default]
    Active,
    Pending,
    Banned,
    Inactive,
}

impl UserStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Banned => "banned",
            Self::Inactive => "inactive",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Email {
    pub(crate) id: Id,
    pub(crate) address: String,
    pub(crate) primary: bool,
    pub(crate) verified: bool,
    pub(crate) token: Option<String>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) id: Id,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) suspended: bool,
    pub(crate) stripe_customer: Option<String>,
    pub(crate) card: Option<Value>,
    pub(crate) trial_ends: Option<Time>,
    pub(crate) overrides: Map<String, Value>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Deployment {
    pub(crate) id: Id,
    pub(crate) workspace: Id,
    pub(crate) label: String,
    pub(crate) description: Option<String>,
    pub(crate) release_name: String,
    pub(crate) namespace: String,
    /// Version of the Airflow chart.
    pub(crate) version: String,
    pub(crate) airflow_version: Option<String>,
    pub(crate) desired_airflow_version: Option<String>,
    pub(crate) runtime_version: Option<String>,
    pub(crate) desired_runtime_version: Option<String>,
    pub(crate) config: Map<String, Value>,
    pub(crate) properties: Map<String, Value>,
    pub(crate) alert_emails: Vec<String>,
    pub(crate) dag_deployment: Map<String, Value>,
    pub(crate) variables: Vec<Variable>,
    /// How often the CLI has deployed; `deploy-N` is the tag that runs.
    pub(crate) deploys: u32,
    /// The image of the last `updateDeploymentImage`, if that came after the last push.
    pub(crate) image: Option<String>,
    pub(crate) cluster: Option<Id>,
    pub(crate) mode: DeploymentMode,
    pub(crate) adopted: bool,
    pub(crate) overrides: Map<String, Value>,
    pub(crate) health: Health,
    /// Until then the worker behind the queue is still rolling the last change out.
    pub(crate) busy_until: Time,
    /// A soft-deleted record keeps its release name and shows up nowhere.
    pub(crate) deleted: Option<Time>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DeploymentMode {
    #[default]
    Helm,
    Operator,
}

/// How a deployment does once nothing is being rolled out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Health {
    #[default]
    Healthy,
    Unhealthy,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) secret: bool,
}

/// A role on something, held by somebody.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) id: Id,
    pub(crate) role: Role,
    pub(crate) subject: Subject,
    pub(crate) scope: Scope,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    User(Id),
    ServiceAccount(Id),
    Team(Id),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Team {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) provider: String,
    pub(crate) description: Option<String>,
    pub(crate) members: Vec<Id>,
    pub(crate) created: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceAccount {
    pub(crate) id: Id,
    pub(crate) api_key: String,
    pub(crate) label: String,
    pub(crate) category: Option<String>,
    pub(crate) last_used: Option<Time>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Invite {
    pub(crate) id: Id,
    pub(crate) email: String,
    pub(crate) token: String,
    /// The workspace and role that wait for the invited; none for an invitation to the platform.
    pub(crate) assignment: Option<(Id, Role)>,
    pub(crate) deployment_roles: Vec<(Id, Role)>,
    pub(crate) created: Time,
    pub(crate) updated: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) metadata_url: String,
    pub(crate) k8s_version: String,
    pub(crate) provider: String,
    pub(crate) inactive: bool,
    pub(crate) status_reason: Value,
    pub(crate) health: Value,
    pub(crate) config: Value,
    pub(crate) overrides: Map<String, Value>,
}

/// One stored log line.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) id: String,
    pub(crate) at: Time,
    pub(crate) release: String,
    pub(crate) component: String,
    pub(crate) message: String,
}
