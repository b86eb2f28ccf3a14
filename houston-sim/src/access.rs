//! Roles, the permissions they bring, and who may do what.
//!
//! A permission is named `<scope>.<resource>.<verb>`. System permissions count everywhere; workspace and deployment
//! permissions count only through a role on exactly the entity that the arguments of a call name. Operators can change
//! the matrix; this is the default one, with the release at which a permission came or went.

use crate::world::{Id, Subject, World};
use houston_schema::Version;
use std::{fmt, str::FromStr};

/// What a role is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    System,
    Workspace(Id),
    Deployment(Id),
}

/// The scope of a role or of a permission, without the entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    System,
    Workspace,
    Deployment,
}

/// How much a role allows inside its scope. Each level includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Viewer,
    Editor,
    Admin,
}

/// A role that can be stored. `USER`, which everybody has, never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) scope: ScopeKind,
    pub(crate) level: Level,
}

impl Role {
    pub(crate) const SYSTEM_ADMIN: Self = Self { scope: ScopeKind::System, level: Level::Admin };
    pub(crate) const WORKSPACE_ADMIN: Self = Self { scope: ScopeKind::Workspace, level: Level::Admin };

    /// The kind of role that can be bound to an entity.
    pub(crate) fn scope_of(scope: &Scope) -> ScopeKind {
        match scope {
            Scope::System => ScopeKind::System,
            Scope::Workspace(_) => ScopeKind::Workspace,
            Scope::Deployment(_) => ScopeKind::Deployment,
        }
    }
}

/// Text that names no role that can be stored.
pub(crate) struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(name: &str) -> Result<Self, NotARole> {
        let (scope, level) = name.split_once('_').ok_or(NotARole)?;
        let scope = match scope {
            "SYSTEM" => ScopeKind::System,
            "WORKSPACE" => ScopeKind::Workspace,
            "DEPLOYMENT" => ScopeKind::Deployment,
            _ => return Err(NotARole),
        };
        let level = match level {
            "VIEWER" => Level::Viewer,
            "EDITOR" => Level::Editor,
            // 0.31 alone knew a root admin; it is an admin here.
            "ADMIN" | "ROOT_ADMIN" => Level::Admin,
            _ => return Err(NotARole),
        };
        Ok(Self { scope, level })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = match self.scope {
            ScopeKind::System => "SYSTEM",
            ScopeKind::Workspace => "WORKSPACE",
            ScopeKind::Deployment => "DEPLOYMENT",
        };
        let level = match self.level {
            Level::Viewer => "VIEWER",
            Level::Editor => "EDITOR",
            Level::Admin => "ADMIN",
        };
        write!(f, "{scope}_{level}")
    }
}

/// Who sends a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// No credential, or one that is not worth anything: Houston does not tell the two apart.
    Anonymous,
    User(Id),
    ServiceAccount(Id),
}

impl Caller {
    pub(crate) fn subject(&self) -> Option<Subject> {
        match self {
            Self::Anonymous => None,
            Self::User(id) => Some(Subject::User(id.clone())),
            Self::ServiceAccount(id) => Some(Subject::ServiceAccount(id.clone())),
        }
    }

    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::User(id) => Some(id),
            _ => None,
        }
    }
}

/// The entity a call is about, as far as its arguments tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entity {
    pub(crate) workspace: Option<Id>,
    pub(crate) deployment: Option<Id>,
}

impl Entity {
    pub(crate) fn workspace(id: &str) -> Self {
        Self { workspace: Some(id.to_owned()), deployment: None }
    }

    pub(crate) fn deployment(id: &str) -> Self {
        Self { workspace: None, deployment: Some(id.to_owned()) }
    }
}

/// Whether `caller` has `permission` for `entity`.
pub(crate) fn may(world: &World, caller: &Caller, version: Version, permission: &str, entity: &Entity) -> bool {
    let Some(subject) = caller.subject() else { return false };
    let roles = world.roles_of(&subject);
    let system = roles.iter().filter(|(_, scope)| *scope == Scope::System).map(|(role, _)| role.level).max();
    let on = |wanted: Scope| roles.iter().filter(move |(_, scope)| *scope == wanted).map(|(role, _)| role.level).max();

    let (kind, level) = match permission.split_once('.').map(|(scope, _)| scope) {
        Some("system") => {
            if EVERYBODY.contains(&permission) {
                return true;
            }
            (ScopeKind::System, system)
        }
        Some("workspace") => {
            let Some(workspace) = &entity.workspace else { return false };
            (ScopeKind::Workspace, on(Scope::Workspace(workspace.clone())).max(inherited(system, version)))
        }
        Some("deployment") => {
            let Some(deployment) = &entity.deployment else { return false };
            let owner = world.deployments.get(deployment).map(|each| each.workspace.clone());
            let as_member = owner.and_then(|workspace| on(Scope::Workspace(workspace)));
            // Up to 0.16 a workspace role acts as the deployment role of its level; since deployment roles exist
            // only the admin's does.
            let as_member = as_member.filter(|level| version < Version::new(0, 23, 0) || *level == Level::Admin);
            (
                ScopeKind::Deployment,
                on(Scope::Deployment(deployment.clone())).max(as_member).max(inherited(system, version)),
            )
        }
        _ => return false,
    };
    level.is_some_and(|level| grants(kind, level, permission, version))
}

/// From 0.30 a system role includes the workspace and deployment permissions of its level.
fn inherited(system: Option<Level>, version: Version) -> Option<Level> {
    system.filter(|_| version >= Version::new(0, 30, 0))
}

fn grants(kind: ScopeKind, level: Level, permission: &str, version: Version) -> bool {
    MATRIX.iter().any(|row| {
        row.kind == kind
            && row.level <= level
            && row.since <= version
            && row.until.is_none_or(|until| version < until)
            && row.permissions.contains(&permission)
    })
}

/// What the role `USER` brings. The three `...ById` have been there since 0.29; what guarded those queries before is
/// unknown, so they are open to everybody at every release.
const EVERYBODY: [&str; 4] =
    ["system.workspace.create", "system.getAirflowReleaseById", "system.getEmailById", "system.getDeploymentById"];

struct Row {
    kind: ScopeKind,
    level: Level,
    since: Version,
    until: Option<Version>,
    permissions: &'static [&'static str],
}

const fn row(kind: ScopeKind, level: Level, permissions: &'static [&'static str]) -> Row {
    Row { kind, level, since: Version::new(0, 0, 0), until: None, permissions }
}

const fn since(version: Version, row: Row) -> Row {
    Row { since: version, ..row }
}

const fn until(version: Version, row: Row) -> Row {
    Row { until: Some(version), ..row }
}

use Level::{Admin, Editor, Viewer};
use ScopeKind::{Deployment, System, Workspace};

const V0_27: Version = Version::new(0, 27, 0);
const V0_28: Version = Version::new(0, 28, 0);
const V0_29: Version = Version::new(0, 29, 0);
const V0_30: Version = Version::new(0, 30, 0);
const V0_31: Version = Version::new(0, 31, 0);
const V0_32: Version = Version::new(0, 32, 0);
const V0_35: Version = Version::new(0, 35, 0);
const V1_0: Version = Version::new(1, 0, 0);

static MATRIX: &[Row] = &[
    row(
        Workspace,
        Viewer,
        &["workspace.config.get", "workspace.deployments.get", "workspace.serviceAccounts.get", "workspace.users.get"],
    ),
    since(V0_27, row(Workspace, Viewer, &["workspace.teams.get"])),
    since(V0_31, row(Workspace, Viewer, &["workspace.taskUsage.get"])),
    row(
        Workspace,
        Editor,
        &[
            "workspace.config.update",
            "workspace.deployments.create",
            "workspace.serviceAccounts.create",
            "workspace.serviceAccounts.update",
            "workspace.serviceAccounts.delete",
        ],
    ),
    since(V0_32, row(Workspace, Editor, &["workspace.deployments.upsert", "workspace.adminCount.get"])),
    row(Workspace, Admin, &["workspace.invites.get", "workspace.config.delete", "workspace.iam.update"]),
    since(V0_28, row(Workspace, Admin, &["workspace.teams.getAll", "workspace.users.getAll"])),
    until(V0_35, row(Workspace, Admin, &["workspace.billing.update"])),
    row(
        Deployment,
        Viewer,
        &[
            "deployment.airflow.get",
            "deployment.config.get",
            "deployment.logs.get",
            "deployment.images.pull",
            "deployment.metrics.get",
            "deployment.serviceAccounts.get",
            "deployment.variables.get",
            "deployment.users.get",
        ],
    ),
    since(V0_27, row(Deployment, Viewer, &["deployment.teams.get"])),
    since(V0_31, row(Deployment, Viewer, &["deployment.taskUsage.get"])),
    since(V0_32, row(Deployment, Viewer, &["deployment.status.get"])),
    since(V0_35, row(Deployment, Viewer, &["deployment.deployRevisions.get"])),
    row(
        Deployment,
        Editor,
        &[
            "deployment.airflow.user",
            "deployment.config.update",
            "deployment.images.push",
            "deployment.serviceAccounts.create",
            "deployment.serviceAccounts.update",
            "deployment.serviceAccounts.delete",
            "deployment.variables.update",
        ],
    ),
    since(V0_32, row(Deployment, Editor, &["deployment.config.upsert", "deployment.adminCount.get"])),
    row(Deployment, Admin, &["deployment.airflow.admin", "deployment.config.delete", "deployment.userRoles.update"]),
    since(V0_27, row(Deployment, Admin, &["deployment.teamRoles.update"])),
    row(
        System,
        Viewer,
        &[
            "system.airflow.get",
            "system.deployment.variables.get",
            "system.deployments.get",
            "system.deployments.logs",
            "system.deployments.metrics",
            "system.deployments.status",
            "system.invite.get",
            "system.monitoring.get",
            "system.serviceAccounts.get",
            "system.updates.get",
            "system.users.get",
            "system.workspace.get",
        ],
    ),
    since(V0_27, row(System, Viewer, &["system.teams.get"])),
    since(V0_30, row(System, Viewer, &["system.airflow.viewer"])),
    since(V0_31, row(System, Viewer, &["system.taskUsage.get"])),
    since(V0_35, row(System, Viewer, &["system.deployRevisions.get"])),
    row(
        System,
        Editor,
        &[
            "system.deployment.variables.update",
            "system.serviceAccounts.update",
            "system.airflow.user",
            "system.registryBaseImages.push",
        ],
    ),
    until(V0_30, row(System, Editor, &["system.iam.update"])),
    since(V0_32, row(System, Editor, &["system.adminCount.get"])),
    row(
        System,
        Admin,
        &[
            "system.iam.update",
            "system.invites.get",
            "system.deployments.create",
            "system.deployments.update",
            "system.deployments.delete",
            "system.serviceAccounts.create",
            "system.serviceAccounts.delete",
            "system.user.invite",
            "system.user.delete",
            "system.user.verifyEmail",
            "system.workspace.delete",
            "system.airflow.admin",
        ],
    ),
    since(V0_27, row(System, Admin, &["system.deployments.images.push"])),
    since(V0_28, row(System, Admin, &["system.workspace.update"])),
    since(V0_29, row(System, Admin, &["system.teams.remove"])),
    since(V0_32, row(System, Admin, &["system.deployments.upsert", "system.cleanupAirflowDb.delete"])),
    since(
        V0_35,
        row(System, Admin, &["system.teams.create", "system.teams.update", "system.cleanupDeployRevisions.delete"]),
    ),
    until(
        V0_35,
        row(
            System,
            Admin,
            &["system.workspace.addCustomerId", "system.workspace.suspend", "system.workspace.extendTrial"],
        ),
    ),
    // Documented as "system.clusters.*"; only get and update are spelled out anywhere.
    since(
        V1_0,
        row(
            System,
            Admin,
            &["system.clusters.get", "system.clusters.create", "system.clusters.update", "system.clusters.delete"],
        ),
    ),
];
