//! Roles, the permissions they bring, and who may do what.
//!
//! A permission is named `<scope>.<resource>.<verb>`. System permissions count everywhere; workspace and deployment
//! permissions count only through a role on exactly the entity that the arguments of a call name.

mod matrix;

use crate::world::{Id, Subject, World};
use houston_schema::Version;
use matrix::{EVERYBODY, grants};
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
