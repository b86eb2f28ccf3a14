//! User accounts: searching, changing and removing them, and their roles on the system.

use super::{Answer, page::page};
use crate::{
    access::{Role, Scope, ScopeKind},
    args::Args,
    error::Error,
    graph::{Ctx, Item, Value},
    world::{Binding, Record, Subject, User, UserStatus},
};
use serde_json::{Value as Json, json};
use std::sync::Arc;

pub(crate) fn field(ctx: &Ctx<'_>, user: &Arc<User>, name: &str) -> Option<Value> {
    Some(match name {
        "id" => user.id.clone().into(),
        "username" => user.username.clone().into(),
        "fullName" => user.full_name.clone().into(),
        "status" => user.status.as_str().into(),
        "emails" => Value::List((0..user.emails.len()).map(|index| Item::Email(Arc::clone(user), index)).collect()),
        "profile" => {
            let entry = |(key, value): &(String, String)| json!({"key": key, "value": value, "category": null});
            Json::Array(user.profile.iter().map(entry).collect()).into()
        }
        "roleBindings" => Value::list(ctx.world.bindings_of(&Subject::User(user.id.clone()))),
        "createdAt" => Value::date(user.created),
        "updatedAt" => Value::date(user.updated),
        _ => return None,
    })
}

pub(crate) fn email_field(user: &Arc<User>, index: usize, name: &str) -> Option<Value> {
    let email = user.emails.get(index)?;
    Some(match name {
        "id" => email.id.clone().into(),
        "address" => email.address.clone().into(),
        "primary" => email.primary.into(),
        "verified" => email.verified.into(),
        "token" => email.token.clone().into(),
        "user" => Value::item(Arc::clone(user)),
        "createdAt" => Value::date(email.created),
        "updatedAt" => Value::date(email.updated),
        _ => return None,
    })
}

pub(crate) fn binding_field(ctx: &Ctx<'_>, binding: &Binding, name: &str) -> Option<Value> {
    let world = &ctx.world;
    Some(match (name, &binding.subject, &binding.scope) {
        ("id", ..) => binding.id.clone().into(),
        ("role", ..) => binding.role.to_string().into(),
        ("user", Subject::User(id), _) => Value::maybe(world.users.get(id)),
        ("serviceAccount", Subject::ServiceAccount(id), _) => Value::maybe(world.service_accounts.get(id)),
        ("team", Subject::Team(id), _) => Value::maybe(world.teams.get(id)),
        ("workspace", _, Scope::Workspace(id)) => Value::maybe(world.workspaces.get(id)),
        ("deployment", _, Scope::Deployment(id)) => Value::maybe(world.deployment(id)),
        ("user" | "serviceAccount" | "team" | "workspace" | "deployment", ..) => Value::Item(None),
        ("createdAt", ..) => Value::date(binding.created),
        ("updatedAt", ..) => Value::date(binding.updated),
        _ => return None,
    })
}

/// A `UserSearch`: its first criterion counts, the others are ignored.
fn search(users: Vec<Arc<User>>, criteria: &Args) -> Vec<Arc<User>> {
    let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
    let matches: Box<dyn Fn(&User) -> bool> =
        if let Some(id) = criteria.string("userId").or_else(|| criteria.string("userUuid")) {
            Box::new(move |user| user.id == id)
        } else if let Some(email) = criteria.string("email") {
            Box::new(move |user| user.emails.iter().any(|each| each.address == email.to_lowercase()))
        } else if let Some(name) = criteria.string("username") {
            Box::new(move |user| contains(&user.username, &name))
        } else if let Some(name) = criteria.string("fullName") {
            // Whether case matters here is unknown.
            Box::new(move |user| contains(&user.full_name, &name))
        } else {
            return users;
        };
    users.into_iter().filter(|user| matches(user)).collect()
}

pub(crate) fn all(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(search(ctx.world.users.all(), &args.object("user")))
}

fn in_workspace(ctx: &Ctx<'_>, args: &Args) -> Vec<Arc<User>> {
    ctx.world.users_on(&Scope::Workspace(args.text("workspaceUuid").to_owned()))
}

pub(crate) fn of_workspace(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(search(in_workspace(ctx, args), &args.object("user")))
}

pub(crate) fn page_of_workspace(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(page(ctx, args, in_workspace(ctx, args)))
}

pub(crate) fn one_of_workspace(ctx: &Ctx<'_>, args: &Args) -> Answer {
    let mut found = search(in_workspace(ctx, args), &args.object("user"));
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(Error::NotFound),
        (Some(user), true) => Ok(Value::item(user)),
        (Some(_), false) => Err(Error::ManyUsers),
    }
}

pub(crate) fn of_deployment(ctx: &Ctx<'_>, args: &Args) -> Value {
    let users = ctx.world.users_on(&Scope::Deployment(args.text("deploymentId").to_owned()));
    Value::list(search(users, &args.object("user")))
}

pub(crate) fn email(ctx: &Ctx<'_>, args: &Args) -> Value {
    let criteria = args.object("where");
    for user in ctx.world.users.iter() {
        let wanted = user.emails.iter().position(|email| {
            criteria.opt("id").is_some_and(|id| email.id == id)
                || criteria.opt("address").is_some_and(|address| email.address == address.to_lowercase())
                || criteria.opt("token").is_some_and(|token| email.token.as_deref() == Some(token))
        });
        if let Some(index) = wanted {
            return Value::Item(Some(Item::Email(Arc::clone(user), index)));
        }
    }
    Value::Item(None)
}

/// Only `fullName` is kept of the payload.
pub(crate) fn update_self(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = ctx.caller.user().unwrap_or_default().to_owned();
    ctx.world.users.need(&id)?;
    let (name, now) = (args.object("payload").string("fullName"), ctx.now);
    let changed = ctx.world.users.update(&id, |user| {
        if let Some(name) = name {
            user.full_name = name;
            user.updated = now;
        }
    });
    Ok(Value::maybe(changed))
}

pub(crate) fn remove(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let user = ctx.world.users.need(args.text("userUuid"))?;
    let subject = Subject::User(user.id.clone());
    let is_admin = ctx.world.bindings_of(&subject).iter().any(|each| each.role == Role::SYSTEM_ADMIN);
    if is_admin && ctx.world.system_admins() < 2 {
        return Err(Error::LastSystemAdmin);
    }
    ctx.world.bindings.remove_where(|each| each.subject == subject);
    for team in ctx.world.teams.ids() {
        ctx.world.teams.update(&team, |team| team.members.retain(|member| *member != user.id));
    }
    ctx.world.users.remove(user.id());
    Ok(Value::item(user))
}

pub(crate) fn verify_email(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let user = ctx.world.user_by_email(args.text("email")).ok_or(Error::NotFound)?;
    let address = args.text("email").to_lowercase();
    ctx.world.users.update(&user.id, |user| {
        for email in user.emails.iter_mut().filter(|each| each.address == address) {
            email.verified = true;
            email.token = None;
        }
        if user.status == UserStatus::Pending {
            user.status = UserStatus::Active;
        }
    });
    Ok(true.into())
}

/// The `role` argument, which has to be a system role.
pub(crate) fn system_role(args: &Args) -> Result<Role, Error> {
    let role: Option<Role> = args.text("role").parse().ok();
    role.filter(|role| role.scope == ScopeKind::System).ok_or(Error::InvalidRole)
}

pub(crate) fn bind_to_system(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = system_role(args)?;
    let user = ctx.world.users.need(args.text("userId"))?;
    let subject = Subject::User(user.id.clone());
    if ctx.world.bindings_of(&subject).iter().any(|each| each.role == role) {
        return Err(Error::DuplicateRoleBinding);
    }
    Ok(Value::item(ctx.world.bind(subject, role, Scope::System)))
}

pub(crate) fn unbind_from_system(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let role = system_role(args)?;
    let subject = Subject::User(args.text("userId").to_owned());
    let held = ctx.world.bindings_of(&subject).into_iter().find(|each| each.role == role);
    let binding = held.ok_or(Error::MissingRoleBinding)?;
    if role == Role::SYSTEM_ADMIN && ctx.world.system_admins() < 2 {
        return Err(Error::LastSystemAdmin);
    }
    ctx.world.bindings.remove(&binding.id);
    Ok(Value::item(binding))
}
