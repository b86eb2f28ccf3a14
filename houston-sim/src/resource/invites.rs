//! Invitations, to the platform or to a workspace.

use super::Answer;
use crate::{
    Mail, MailKind,
    args::Args,
    error::Error,
    graph::{Ctx, Item, Value},
    world::Invite,
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// An invitation as answers show it.
pub(crate) fn item(invite: &Invite) -> Item {
    let workspace = invite.assignment.as_ref().map(|(id, role)| json!({"workspaceId": id, "role": role.to_string()}));
    let fields = json!({
        "id": invite.id,
        "uuid": invite.id,
        // A text in the schema; what it holds is unknown.
        "assignments": Json::Array(workspace.into_iter().collect()).to_string(),
        "role": invite.assignment.as_ref().map(|(_, role)| role.to_string()),
        "email": invite.email,
        "token": invite.token,
        "createdAt": invite.created.iso(),
        "updatedAt": invite.updated.iso(),
    });
    let fields = fields.as_object().cloned().unwrap_or_default();
    Item::Plain("Invite".to_owned(), Arc::new(fields))
}

pub(crate) fn in_workspace(invite: &Invite, workspace: &str) -> bool {
    invite.assignment.as_ref().is_some_and(|(id, _)| id == workspace)
}

/// The open invitations, of one workspace or of all, that an `InviteSearch` finds: by id, else by part of the address.
pub(crate) fn list(ctx: &Ctx<'_>, args: &Args, workspace: Option<&str>) -> Value {
    let criteria = args.object("invite");
    let found = |invite: &Invite| match (criteria.opt("inviteUuid"), criteria.opt("email")) {
        (Some(id), _) => invite.id == id,
        (None, Some(part)) => invite.email.contains(&part.to_lowercase()),
        (None, None) => true,
    };
    let invites = ctx.world.invites.iter().filter(|each| workspace.is_none_or(|id| in_workspace(each, id)));
    Value::List(invites.filter(|each| found(each)).map(|each| item(each)).collect())
}

/// Stores an invitation and mails it.
pub(crate) fn store(ctx: &mut Ctx<'_>, mut invite: Invite) -> Arc<Invite> {
    invite.id = ctx.world.new_id();
    invite.token = ctx.world.new_key();
    invite.email = invite.email.to_lowercase();
    (invite.created, invite.updated) = (ctx.now, ctx.now);
    ctx.world.send(Mail { to: invite.email.clone(), kind: MailKind::Invitation, token: invite.token.clone() });
    ctx.world.invites.add(invite)
}

pub(crate) fn invite(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let email = args.text("email").to_lowercase();
    if ctx.world.user_by_email(&email).is_some() {
        return Err(Error::DuplicateEmail);
    }
    if ctx.world.invites.iter().any(|each| each.email == email) {
        return Err(Error::AlreadyInvited);
    }
    let invite = store(ctx, Invite { email, ..Invite::default() });
    Ok(Value::item(item(&invite)))
}

/// Takes the id of the invitation, whatever the field's name says.
pub(crate) fn delete(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let invite = ctx.world.invites.need(args.text("inviteUuid"))?;
    ctx.world.invites.remove(&invite.id);
    Ok(Value::item(item(&invite)))
}
