//! Workspaces.

use super::{Answer, invites, page::page};
use crate::{
    access::{Entity, Role, Scope},
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    world::Workspace,
};
use serde_json::{Map, json};
use std::sync::Arc;

pub(crate) fn field(ctx: &Ctx<'_>, workspace: &Workspace, name: &str) -> Option<Value> {
    let scope = Scope::Workspace(workspace.id.clone());
    Some(match name {
        "id" => workspace.id.clone().into(),
        "label" => workspace.label.clone().into(),
        "description" => workspace.description.clone().into(),
        "active" => (!workspace.suspended).into(),
        // One object where one expects a list: the schema says so since 0.23.
        "invites" => {
            let first = ctx.world.invites.iter().find(|each| invites::in_workspace(each, &workspace.id));
            Value::Item(first.map(|each| invites::item(each)))
        }
        "properties" => Map::new().into(),
        "users" => Value::list(ctx.world.users_on(&scope)),
        "deployments" => {
            let deployments = ctx.world.live_deployments().filter(|each| each.workspace == workspace.id);
            Value::list(deployments.cloned().collect::<Vec<_>>())
        }
        "serviceAccounts" => Value::list(ctx.world.service_accounts_on(&scope)),
        "roleBindings" => Value::list(ctx.world.bindings_on(&scope)),
        "stripeCustomerId" => workspace.stripe_customer.clone().into(),
        "trialEndsAt" => Value::opt_date(workspace.trial_ends),
        "billingEnabled" | "paywallEnabled" => false.into(),
        "workspaceCapabilities" => capabilities(ctx, &workspace.id),
        "createdAt" => Value::date(workspace.created),
        "updatedAt" => Value::date(workspace.updated),
        _ => return None,
    })
}

fn capabilities(ctx: &Ctx<'_>, id: &str) -> Value {
    let entity = Entity::workspace(id);
    let may = |permissions: &[&str]| ctx.may_any(permissions, &entity);
    let iam = may(&["workspace.iam.update", "system.iam.update"]);
    json!({
        "canUpdateBilling": may(&["workspace.billing.update"]),
        "canUpdateIAM": iam,
        "canUpdateWorkspace": may(&["workspace.config.update", "system.workspace.update"]),
        "canDeleteWorkspace": may(&["workspace.config.delete", "system.workspace.delete"]),
        "canCreateDeployment": may(&["workspace.deployments.create", "system.deployments.create"]),
        "canInviteUser": iam,
        "canUpdateUser": iam,
        "canDeleteUser": iam,
        "canCreateServiceAccount": may(&["workspace.serviceAccounts.create", "system.serviceAccounts.create"]),
        "canUpdateServiceAccount": may(&["workspace.serviceAccounts.update", "system.serviceAccounts.update"]),
        "canDeleteServiceAccount": may(&["workspace.serviceAccounts.delete", "system.serviceAccounts.delete"]),
    })
    .into()
}

fn bound(ctx: &Ctx<'_>) -> Vec<Arc<Workspace>> {
    ctx.caller.subject().map(|subject| ctx.world.workspaces_of(&subject)).unwrap_or_default()
}

/// The workspaces that the caller has a role in; even a system admin sees no others here.
pub(crate) fn own(ctx: &Ctx<'_>, args: &Args) -> Value {
    let label = args.opt("label");
    Value::list(bound(ctx).into_iter().filter(|each| label.is_none_or(|label| each.label == label)))
}

pub(crate) fn page_of_own(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(page(ctx, args, bound(ctx)))
}

/// Labels need not be unique. The caller becomes the admin.
pub(crate) fn create(ctx: &mut Ctx<'_>, args: &Args) -> Value {
    let id = ctx.world.new_id();
    let workspace = ctx.world.workspaces.add(Workspace {
        id: id.clone(),
        label: args.text("label").to_owned(),
        description: args.string("description"),
        created: ctx.now,
        updated: ctx.now,
        ..Workspace::default()
    });
    if let Some(subject) = ctx.caller.subject() {
        ctx.world.bind(subject, Role::WORKSPACE_ADMIN, Scope::Workspace(id));
    }
    Value::item(workspace)
}

/// Keeps `label` and `description` of the payload; other keys vanish without a word.
pub(crate) fn update(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("workspaceUuid");
    ctx.world.workspaces.need(id)?;
    let (payload, now) = (args.object("payload"), ctx.now);
    let changed = ctx.world.workspaces.update(id, |workspace| {
        if let Some(label) = payload.string("label") {
            workspace.label = label;
        }
        if let Some(description) = payload.string("description") {
            workspace.description = Some(description);
        }
        workspace.updated = now;
    });
    Ok(Value::maybe(changed))
}

/// Meant to be refused while deployments are live. In Houston's source the check is never awaited and so never
/// refuses; here a setting says whether it works. What then becomes of the deployments is unknown: they go as well.
pub(crate) fn delete(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    let deployments = ctx.world.live_deployments().filter(|each| each.workspace == workspace.id);
    let deployments: Vec<_> = deployments.map(|each| each.id.clone()).collect();
    if ctx.settings.workspace_delete_guard && !deployments.is_empty() {
        return Err(Error::WorkspaceInUse);
    }
    for deployment in deployments {
        ctx.world.remove_deployment(&deployment);
    }
    ctx.world.remove_scope(&Scope::Workspace(workspace.id.clone()));
    ctx.world.invites.remove_where(|each| invites::in_workspace(each, &workspace.id));
    ctx.world.workspaces.remove(&workspace.id);
    Ok(Value::item(workspace))
}
