//! Users in workspaces and on deployments.
//!
//! Guards that later releases added (the last user of a workspace stays, an admin cannot change their own role) are not
//! here: nobody has recorded how they answer.

use super::{Answer, invites};
use crate::{
    access::{Role, Scope, ScopeKind},
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::{Id, Invite, Subject, User},
};
use std::sync::Arc;

/// The `role` argument, which has to be a workspace role.
pub(crate) fn workspace_role(args: &Args) -> Result<Role, Error> {
    let role: Option<Role> = args.text("role").parse().ok();
    role.filter(|role| role.scope == ScopeKind::Workspace).ok_or(Error::InvalidWorkspaceRole)
}

/// The `role` argument, which has to be a deployment role. Houston's words for any other are unknown.
pub(crate) fn deployment_role(args: &Args) -> Result<Role, Error> {
    let role: Option<Role> = args.text("role").parse().ok();
    role.filter(|role| role.scope == ScopeKind::Deployment).ok_or(Error::InvalidRole)
}

/// The `deploymentRoles` argument; entries that name no deployment role are dropped.
pub(crate) fn deployment_roles(args: &Args) -> Vec<(Id, Role)> {
    let entries = args.objects("deploymentRoles");
    entries.iter().filter_map(|each| Some((each.string("deploymentId")?, deployment_role(each).ok()?))).collect()
}

/// A known address is bound at once, an unknown one is invited.
pub(crate) fn add_to_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = workspace_role(args)?;
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    let email = args.text("email").to_lowercase();
    let deployment_roles = deployment_roles(args);
    if let Some(user) = ctx.world.user_by_email(&email) {
        let subject = Subject::User(user.id.clone());
        ctx.world.bind(subject.clone(), role, Scope::Workspace(workspace.id.clone()));
        for (deployment, role) in deployment_roles {
            ctx.world.bind(subject.clone(), role, Scope::Deployment(deployment));
        }
    } else if ctx.world.invites.iter().any(|each| each.email == email && invites::in_workspace(each, &workspace.id)) {
        return Err(Error::AlreadyInvited);
    } else {
        let assignment = Some((workspace.id.clone(), role));
        invites::store(ctx, Invite { email, assignment, deployment_roles, ..Invite::default() });
    }
    Ok(Value::item(workspace))
}

fn binding_in(ctx: &Ctx<'_>, user: &User, scope: &Scope) -> bool {
    ctx.world.bindings_on(scope).iter().any(|each| each.subject == Subject::User(user.id.clone()))
}

/// Changes the role that waits in an open invitation, if there is one.
fn change_invite(ctx: &mut Ctx<'_>, email: &str, workspace: &str, role: Role) -> bool {
    let waits = |each: &&Arc<Invite>| each.email == email && invites::in_workspace(each, workspace);
    let Some(id) = ctx.world.invites.iter().find(waits).map(|each| each.id.clone()) else { return false };
    ctx.world.invites.update(&id, |invite| invite.assignment = Some((workspace.to_owned(), role)));
    true
}

pub(crate) fn change_in_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = workspace_role(args)?;
    let (email, workspace) = (args.text("email").to_lowercase(), args.text("workspaceUuid").to_owned());
    if !change_invite(ctx, &email, &workspace, role) {
        let scope = Scope::Workspace(workspace);
        let member = ctx.world.user_by_email(&email).filter(|user| binding_in(ctx, user, &scope));
        let user = member.ok_or(Error::NotFound)?;
        ctx.world.bind(Subject::User(user.id.clone()), role, scope);
    }
    Ok(role.to_string().into())
}

pub(crate) fn upsert_in_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = workspace_role(args)?;
    let (email, workspace) = (args.text("email").to_lowercase(), args.text("workspaceUuid").to_owned());
    if !change_invite(ctx, &email, &workspace, role) {
        let user = ctx.world.user_by_email(&email).ok_or(Error::NotFound)?;
        ctx.world.workspaces.need(&workspace)?;
        ctx.world.bind(Subject::User(user.id.clone()), role, Scope::Workspace(workspace));
    }
    Ok(role.to_string().into())
}

/// Somebody who is no member is removed as well, so to speak.
pub(crate) fn remove_from_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    let subject = Subject::User(args.text("userUuid").to_owned());
    ctx.world.unbind(&subject, &Scope::Workspace(workspace.id.clone()));
    for deployment in ctx.world.deployments.all().iter().filter(|each| each.workspace == workspace.id) {
        ctx.world.unbind(&subject, &Scope::Deployment(deployment.id.clone()));
    }
    Ok(Value::item(workspace))
}

/// The user and the deployment that a call names; the user goes by e-mail.
fn on_deployment(ctx: &Ctx<'_>, args: &Args) -> Result<(Arc<User>, Scope), Error> {
    let id = args.text("deploymentId");
    let deployment =
        ctx.world.deployment(id).ok_or_else(|| Error::NoNode { model: "Deployment", id: id.to_owned() })?;
    let user = ctx.world.user_by_email(args.text("email")).ok_or(Error::NotFound)?;
    Ok((user, Scope::Deployment(deployment.id.clone())))
}

/// Whether somebody who already has a role gets an error is unknown; here the role is changed.
pub(crate) fn add_to_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = deployment_role(args)?;
    let (user, scope) = on_deployment(ctx, args)?;
    Ok(Value::item(ctx.world.bind(Subject::User(user.id.clone()), role, scope)))
}

pub(crate) fn change_in_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = deployment_role(args)?;
    let (user, scope) = on_deployment(ctx, args)?;
    if !binding_in(ctx, &user, &scope) {
        return Err(Error::NotFound);
    }
    Ok(Value::item(ctx.world.bind(Subject::User(user.id.clone()), role, scope)))
}

pub(crate) fn remove_from_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (user, scope) = on_deployment(ctx, args)?;
    let gone = ctx.world.unbind(&Subject::User(user.id.clone()), &scope).ok_or(Error::NotFound)?;
    Ok(Value::item(gone))
}
