//! The world behind the API: records in tables, and what is looked up across them.

mod company;
mod demo;
mod logs;
mod names;
mod records;
mod releases;
mod table;
mod time;

pub(crate) use demo::PEOPLE_WITH_TOKENS;
pub(crate) use records::{
    Binding, Cluster, Deployment, DeploymentMode, Email, Health, Id, Invite, LogLine, Record, ServiceAccount, Subject,
    Team, User, UserStatus, Variable, Workspace,
};
pub(crate) use releases::{AIRFLOW, RUNTIME};
pub(crate) use table::Table;
pub(crate) use time::Time;

use crate::{
    Mail,
    access::{Role, Scope, ScopeKind},
};
use names::Names;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Everything a Houston knows.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) users: Table<User>,
    pub(crate) workspaces: Table<Workspace>,
    pub(crate) deployments: Table<Deployment>,
    pub(crate) bindings: Table<Binding>,
    pub(crate) teams: Table<Team>,
    pub(crate) service_accounts: Table<ServiceAccount>,
    pub(crate) invites: Table<Invite>,
    pub(crate) clusters: Table<Cluster>,
    /// Lines that were pushed in, by deployment. Demo deployments have others besides, computed from the clock.
    logs: HashMap<Id, Vec<LogLine>>,
    chatty: bool,
    names: Names,
    /// How far the clock was put forward.
    ahead: Duration,
    mails: Vec<Mail>,
    fresh_token: Option<String>,
    tokens_minted: u64,
}

impl World {
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn now(&self) -> Time {
        Time::system().plus(self.ahead)
    }

    pub(crate) fn advance(&mut self, span: Duration) {
        self.ahead = self.ahead.saturating_add(span);
    }

    pub(crate) fn new_id(&mut self) -> Id {
        let now = self.now();
        self.names.id(now)
    }

    pub(crate) fn new_key(&mut self) -> String {
        self.names.key()
    }

    pub(crate) fn new_release_name(&mut self) -> String {
        loop {
            let name = self.names.release();
            if self.deployments.iter().all(|each| each.release_name != name) {
                return name;
            }
        }
    }

    pub(crate) fn send(&mut self, mail: Mail) {
        self.mails.push(mail);
    }

    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.mails.clone()
    }

    /// Takes note of a token, which the answer under way also sets as a cookie.
    pub(crate) fn minted(&mut self, token: String) {
        self.tokens_minted += 1;
        self.fresh_token = Some(token);
    }

    pub(crate) fn take_fresh_token(&mut self) -> Option<String> {
        self.fresh_token.take()
    }

    pub(crate) fn tokens_minted(&self) -> u64 {
        self.tokens_minted
    }

    /// A deployment that is not deleted.
    pub(crate) fn deployment(&self, id: &str) -> Option<Arc<Deployment>> {
        self.deployments.get(id).filter(|each| each.deleted.is_none())
    }

    pub(crate) fn deployment_by_release(&self, name: &str) -> Option<Arc<Deployment>> {
        self.live_deployments().find(|each| each.release_name == name).cloned()
    }

    pub(crate) fn live_deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        self.deployments.iter().filter(|each| each.deleted.is_none())
    }

    pub(crate) fn user_by_email(&self, email: &str) -> Option<Arc<User>> {
        let email = email.to_lowercase();
        self.users.iter().find(|user| user.emails.iter().any(|each| each.address == email)).cloned()
    }

    pub(crate) fn bindings_of(&self, subject: &Subject) -> Vec<Arc<Binding>> {
        self.bindings.iter().filter(|each| each.subject == *subject).cloned().collect()
    }

    pub(crate) fn bindings_on(&self, scope: &Scope) -> Vec<Arc<Binding>> {
        self.bindings.iter().filter(|each| each.scope == *scope).cloned().collect()
    }

    /// The roles of a subject, those of its teams included.
    pub(crate) fn roles_of(&self, subject: &Subject) -> Vec<(Role, Scope)> {
        let held_by = |holder: &Subject| match (holder, subject) {
            (Subject::Team(team), Subject::User(user)) => {
                self.teams.get(team).is_some_and(|team| team.members.contains(user))
            }
            _ => holder == subject,
        };
        self.bindings.iter().filter(|each| held_by(&each.subject)).map(|each| (each.role, each.scope.clone())).collect()
    }

    /// Binds a role, or changes the role that the subject already has on the entity.
    pub(crate) fn bind(&mut self, subject: Subject, role: Role, scope: Scope) -> Arc<Binding> {
        let now = self.now();
        let present = self
            .bindings
            .iter()
            .find(|each| each.subject == subject && each.scope == scope && each.scope != Scope::System);
        if let Some(id) = present.map(|each| each.id.clone())
            && let Some(changed) = self.bindings.update(&id, |each| {
                each.role = role;
                each.updated = now;
            })
        {
            return changed;
        }
        let id = self.new_id();
        self.bindings.add(Binding { id, role, subject, scope, created: now, updated: now })
    }

    /// Takes every role of the subject on the entity away; the last of them, if there was one.
    pub(crate) fn unbind(&mut self, subject: &Subject, scope: &Scope) -> Option<Arc<Binding>> {
        self.bindings.remove_where(|each| each.subject == *subject && each.scope == *scope).pop()
    }

    pub(crate) fn system_admins(&self) -> usize {
        self.bindings
            .iter()
            .filter(|each| each.role == Role::SYSTEM_ADMIN && matches!(each.subject, Subject::User(_)))
            .count()
    }

    /// Users with a role of their own on the entity.
    pub(crate) fn users_on(&self, scope: &Scope) -> Vec<Arc<User>> {
        let subjects: Vec<&Subject> =
            self.bindings.iter().filter(|each| each.scope == *scope).map(|each| &each.subject).collect();
        self.users
            .iter()
            .filter(|user| subjects.iter().any(|each| **each == Subject::User(user.id.clone())))
            .cloned()
            .collect()
    }

    pub(crate) fn teams_on(&self, scope: &Scope) -> Vec<Arc<Team>> {
        let bindings = self.bindings_on(scope);
        self.teams
            .iter()
            .filter(|team| bindings.iter().any(|each| each.subject == Subject::Team(team.id.clone())))
            .cloned()
            .collect()
    }

    pub(crate) fn service_accounts_on(&self, scope: &Scope) -> Vec<Arc<ServiceAccount>> {
        let bindings = self.bindings_on(scope);
        let bound = |id: &str| bindings.iter().any(|each| each.subject == Subject::ServiceAccount(id.to_owned()));
        self.service_accounts.iter().filter(|each| bound(&each.id)).cloned().collect()
    }

    /// The single binding of a service account.
    pub(crate) fn binding_of(&self, service_account: &str) -> Option<Arc<Binding>> {
        self.bindings_of(&Subject::ServiceAccount(service_account.to_owned())).into_iter().next()
    }

    /// Forgets a deployment and everything that hangs on it.
    pub(crate) fn remove_deployment(&mut self, id: &str) -> Option<Arc<Deployment>> {
        let scope = Scope::Deployment(id.to_owned());
        self.remove_scope(&scope);
        self.logs.remove(id);
        self.deployments.remove(id)
    }

    /// Forgets the roles on an entity, and its service accounts.
    pub(crate) fn remove_scope(&mut self, scope: &Scope) {
        for account in self.service_accounts_on(scope) {
            self.service_accounts.remove(&account.id);
        }
        self.bindings.remove_where(|each| each.scope == *scope);
    }

    /// The workspaces a subject has a role in.
    pub(crate) fn workspaces_of(&self, subject: &Subject) -> Vec<Arc<Workspace>> {
        let roles = self.roles_of(subject);
        let holds = |id: &str| roles.iter().any(|(_, scope)| *scope == Scope::Workspace(id.to_owned()));
        self.workspaces.iter().filter(|each| holds(&each.id)).cloned().collect()
    }

    /// The deployments a subject has a role on, directly or through the workspace, or all for a system role.
    pub(crate) fn deployments_of(&self, subject: &Subject) -> Vec<Arc<Deployment>> {
        let roles = self.roles_of(subject);
        let everything = roles.iter().any(|(role, _)| role.scope == ScopeKind::System);
        let holds = |each: &Deployment| {
            roles.iter().any(|(_, scope)| {
                *scope == Scope::Deployment(each.id.clone()) || *scope == Scope::Workspace(each.workspace.clone())
            })
        };
        self.live_deployments().filter(|each| everything || holds(each)).cloned().collect()
    }
}
