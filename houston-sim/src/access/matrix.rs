//! The permissions of each role. Operators can change them; these are the defaults, with the release at which a
//! permission came or went.

use super::{
    Level::{self, Admin, Editor, Viewer},
    ScopeKind::{self, Deployment, System, Workspace},
};
use houston_schema::Version;

/// What the role `USER` brings. The three `...ById` have been there since 0.29; what guarded those queries before is
/// unknown, so they are open to everybody at every release.
pub(super) const EVERYBODY: [&str; 4] =
    ["system.workspace.create", "system.getAirflowReleaseById", "system.getEmailById", "system.getDeploymentById"];

/// Whether a role of this level has the permission at this release.
pub(super) fn grants(kind: ScopeKind, level: Level, permission: &str, version: Version) -> bool {
    MATRIX.iter().any(|row| {
        row.kind == kind
            && row.level <= level
            && row.since <= version
            && row.until.is_none_or(|until| version < until)
            && row.permissions.contains(&permission)
    })
}

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
