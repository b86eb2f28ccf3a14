//! Service accounts and their API keys.

use super::Answer;
use crate::{
    access::{Role, Scope, ScopeKind},
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::{ServiceAccount, Subject},
};

pub(crate) fn field(ctx: &Ctx<'_>, account: &ServiceAccount, name: &str) -> Option<Value> {
    let binding = ctx.world.binding_of(&account.id);
    let scope = binding.as_ref().map(|each| &each.scope);
    let workspace = match scope {
        Some(Scope::Workspace(id)) => Some(id.clone()),
        _ => None,
    };
    let deployment = match scope {
        Some(Scope::Deployment(id)) => Some(id.clone()),
        _ => None,
    };
    Some(match name {
        "id" => account.id.clone().into(),
        "apiKey" => key(ctx, account).into(),
        "label" => account.label.clone().into(),
        "category" => account.category.clone().into(),
        // System accounts say DEPLOYMENT too, with no entity.
        "entityType" => if workspace.is_some() { "WORKSPACE" } else { "DEPLOYMENT" }.into(),
        "entityUuid" => workspace.or(deployment).into(),
        "workspaceUuid" => workspace.into(),
        "deploymentUuid" => deployment.into(),
        "active" => true.into(),
        "lastUsedAt" => Value::opt_date(account.last_used),
        "roleBindings" => Value::list(binding),
        "createdAt" => Value::date(account.created),
        "updatedAt" => Value::date(account.updated),
        _ => return None,
    })
}

/// The whole key for the first ten minutes, then six characters and stars.
fn key(ctx: &Ctx<'_>, account: &ServiceAccount) -> String {
    if ctx.now <= account.created.plus(ctx.settings.show_key_for) {
        return account.api_key.clone();
    }
    let shown: String = account.api_key.chars().take(6).collect();
    format!("{shown:*<32}")
}

/// The scope that the argument `parent` (`workspaceUuid` or `deploymentUuid`) names.
fn scope(args: &Args, parent: &str) -> Scope {
    let id = args.text(parent).to_owned();
    if parent == "workspaceUuid" { Scope::Workspace(id) } else { Scope::Deployment(id) }
}

pub(crate) fn one(ctx: &Ctx<'_>, args: &Args, parent: &str) -> Value {
    let accounts = ctx.world.service_accounts_on(&scope(args, parent));
    Value::maybe(accounts.into_iter().find(|each| each.id == args.text("serviceAccountUuid")))
}

pub(crate) fn list(ctx: &Ctx<'_>, args: &Args, parent: &str) -> Value {
    Value::list(ctx.world.service_accounts_on(&scope(args, parent)))
}

/// By id or by entity; one of them has to be sent.
pub(crate) fn legacy_list(ctx: &Ctx<'_>, args: &Args) -> Answer {
    if let Some(id) = args.opt("serviceAccountUuid") {
        return Ok(Value::list(ctx.world.service_accounts.get(id)));
    }
    let entity = args.opt("entityUuid").ok_or(Error::MissingArgument)?.to_owned();
    let scope = match args.text("entityType") {
        "WORKSPACE" => Scope::Workspace(entity),
        _ => Scope::Deployment(entity),
    };
    Ok(Value::list(ctx.world.service_accounts_on(&scope)))
}

/// Labels are unique inside a workspace or deployment.
fn check_label(ctx: &Ctx<'_>, scope: &Scope, label: &str) -> Result<(), Error> {
    let taken = *scope != Scope::System && ctx.world.service_accounts_on(scope).iter().any(|each| each.label == label);
    if taken { Err(Error::DuplicateServiceAccount(label.to_owned())) } else { Ok(()) }
}

fn create(ctx: &mut Ctx<'_>, args: &Args, scope: Scope, kind: ScopeKind) -> Answer {
    let role: Role = args.text("role").parse().map_err(|_| Error::InvalidRole)?;
    if role.scope != kind {
        return Err(if kind == ScopeKind::System { Error::InvalidRole } else { Error::RoleMismatch });
    }
    match &scope {
        Scope::System => {}
        Scope::Workspace(id) => drop(ctx.world.workspaces.need(id)?),
        Scope::Deployment(id) => drop(ctx.world.deployments.need(id)?),
    }
    check_label(ctx, &scope, args.text("label"))?;
    let account = ServiceAccount {
        id: ctx.world.new_id(),
        api_key: ctx.world.new_key(),
        label: args.text("label").to_owned(),
        category: args.string("category"),
        last_used: None,
        created: ctx.now,
        updated: ctx.now,
    };
    let account = ctx.world.service_accounts.add(account);
    ctx.world.bind(Subject::ServiceAccount(account.id.clone()), role, scope);
    Ok(Value::item(account))
}

pub(crate) fn create_for_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    create(ctx, args, scope(args, "deploymentUuid"), ScopeKind::Deployment)
}

pub(crate) fn create_for_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    create(ctx, args, scope(args, "workspaceUuid"), ScopeKind::Workspace)
}

pub(crate) fn create_for_system(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    create(ctx, args, Scope::System, ScopeKind::System)
}

pub(crate) fn create_legacy(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let entity = args.text("entityUuid").to_owned();
    let (scope, kind) = match args.text("entityType") {
        "WORKSPACE" => (Scope::Workspace(entity), ScopeKind::Workspace),
        "SYSTEM" => (Scope::System, ScopeKind::System),
        _ => (Scope::Deployment(entity), ScopeKind::Deployment),
    };
    match create(ctx, args, scope, kind) {
        Err(Error::InvalidRole) => Err(Error::RoleMismatch),
        answer => answer,
    }
}

/// Keeps `category`, `label` and `role` of the payload.
pub(crate) fn update(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("serviceAccountUuid");
    let account = ctx.world.service_accounts.need(id)?;
    let (payload, now) = (args.object("payload"), ctx.now);
    let binding = ctx.world.binding_of(id);
    if let (Some(label), Some(binding)) = (payload.opt("label").filter(|label| *label != account.label), &binding) {
        check_label(ctx, &binding.scope, label)?;
    }
    if let Some(role) = payload.opt("role") {
        let role: Role = role.parse().map_err(|_| Error::InvalidRole)?;
        if let Some(binding) = binding {
            if role.scope != Role::scope_of(&binding.scope) {
                return Err(Error::RoleMismatch);
            }
            ctx.world.bindings.update(&binding.id, |each| each.role = role);
        }
    }
    let changed = ctx.world.service_accounts.update(id, |account| {
        if let Some(label) = payload.string("label") {
            account.label = label;
        }
        if let Some(category) = payload.string("category") {
            account.category = Some(category);
        }
        account.updated = now;
    });
    Ok(Value::maybe(changed))
}

pub(crate) fn delete(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("serviceAccountUuid");
    let account = ctx.world.service_accounts.remove(id).ok_or(Error::NotFound)?;
    let subject = Subject::ServiceAccount(id.to_owned());
    ctx.world.bindings.remove_where(|each| each.subject == subject);
    Ok(Value::item(account))
}
