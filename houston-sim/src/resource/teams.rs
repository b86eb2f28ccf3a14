//! Teams: made here or by an identity provider, with roles like those of users.

use super::{
    Answer,
    members::{deployment_role, deployment_roles, workspace_role},
    page::page,
    users::system_role,
};
use crate::{
    access::Scope,
    args::Args,
    error::Error,
    graph::{Ctx, Item, Value},
    world::{Id, Record, Subject, Team, User},
};
use std::sync::Arc;

const LOCAL: &str = "local";

pub(crate) fn field(ctx: &Ctx<'_>, team: &Team, name: &str) -> Option<Value> {
    Some(match name {
        "id" => team.id.clone().into(),
        "name" => team.name.clone().into(),
        "provider" => team.provider.clone().into(),
        "description" => team.description.clone().into(),
        "users" => Value::list(members(ctx, team)),
        "roleBindings" => Value::list(ctx.world.bindings_of(&Subject::Team(team.id.clone()))),
        "createdAt" => Value::date(team.created),
        _ => return None,
    })
}

fn members(ctx: &Ctx<'_>, team: &Team) -> Vec<Arc<User>> {
    team.members.iter().filter_map(|id| ctx.world.users.get(id)).collect()
}

pub(crate) fn of_workspace(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(ctx.world.teams_on(&Scope::Workspace(args.text("workspaceUuid").to_owned())))
}

pub(crate) fn of_deployment(ctx: &Ctx<'_>, args: &Args) -> Value {
    Value::list(ctx.world.teams_on(&Scope::Deployment(args.text("deploymentUuid").to_owned())))
}

pub(crate) fn users(ctx: &Ctx<'_>, args: &Args) -> Value {
    let team = ctx.world.teams.get(args.text("teamUuid"));
    Value::list(team.map(|team| members(ctx, &team)).unwrap_or_default())
}

/// A search phrase needs three characters; what a shorter one does is unknown, here it is ignored.
pub(crate) fn page_of_all(ctx: &Ctx<'_>, args: &Args) -> Value {
    let phrase = args.opt("searchPhrase").filter(|phrase| phrase.chars().count() >= 3).map(str::to_lowercase);
    let mut teams = match args.opt("workspaceUuid").filter(|id| !id.is_empty()) {
        Some(id) => ctx.world.teams_on(&Scope::Workspace(id.to_owned())),
        None => ctx.world.teams.all(),
    };
    teams.retain(|team| phrase.as_ref().is_none_or(|phrase| team.name.to_lowercase().contains(phrase)));
    let count = teams.len();
    let teams = Value::list(page(ctx, args, teams));
    Value::item(Item::Mixed("PaginatedTeams", vec![("count", count.into()), ("teams", teams)]))
}

fn result(team: Arc<Team>, message: &str) -> Value {
    Value::item(Item::Mixed("TeamMutationResult", vec![("team", Value::item(team)), ("message", message.into())]))
}

fn by_name(ctx: &Ctx<'_>, name: &str, provider: &str) -> Option<Arc<Team>> {
    ctx.world.teams.iter().find(|team| team.name == name && team.provider == provider).cloned()
}

/// Names are unique for each provider; how Houston says so is unknown.
fn check_name(ctx: &Ctx<'_>, name: &str, provider: &str) -> Result<(), Error> {
    match by_name(ctx, name, provider) {
        Some(_) => Err(Error::BadInput(format!("Team already exists with the name {name}"))),
        None => Ok(()),
    }
}

/// Members can be set for local teams only; how Houston refuses others is unknown.
fn check_local(provider: &str) -> Result<(), Error> {
    if provider == LOCAL {
        return Ok(());
    }
    Err(Error::BadInput("Users of a team from an identity provider cannot be changed".to_owned()))
}

fn known(ctx: &Ctx<'_>, ids: Vec<Id>) -> Result<Vec<Id>, Error> {
    ids.iter().try_for_each(|id| ctx.world.users.need(id).map(drop))?;
    Ok(ids)
}

pub(crate) fn create(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (name, provider) = (args.text("name"), args.opt("provider").unwrap_or(LOCAL));
    check_name(ctx, name, provider)?;
    let members = known(ctx, args.texts("userIds").unwrap_or_default())?;
    if !members.is_empty() {
        check_local(provider)?;
    }
    let team = Team {
        id: ctx.world.new_id(),
        name: name.to_owned(),
        provider: provider.to_owned(),
        description: args.string("description"),
        members,
        created: ctx.now,
    };
    Ok(result(ctx.world.teams.add(team), "Team created"))
}

/// A team goes by `id`, else by `name` and `provider`.
fn find(ctx: &Ctx<'_>, args: &Args, id: &str) -> Result<Arc<Team>, Error> {
    match (args.opt(id), args.opt("name")) {
        (Some(id), _) => ctx.world.teams.need(id),
        (None, Some(name)) => by_name(ctx, name, args.opt("provider").unwrap_or(LOCAL)).ok_or(Error::NotFound),
        (None, None) => Err(Error::NotFound),
    }
}

/// `addUserIds` and `removeUserIds` are relative to the present members, `teamUserIds` is the new list.
pub(crate) fn update(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let team = find(ctx, args, "id")?;
    let mut members = args.texts("teamUserIds").unwrap_or_else(|| team.members.clone());
    for id in args.texts("addUserIds").unwrap_or_default() {
        if !members.contains(&id) {
            members.push(id);
        }
    }
    let leaving = args.texts("removeUserIds").unwrap_or_default();
    members.retain(|id| !leaving.contains(id));
    if members != team.members {
        check_local(&team.provider)?;
    }
    let members = known(ctx, members)?;
    let rename = args.opt("newName").or_else(|| args.opt("id").and(args.opt("name")));
    let rename = rename.filter(|name| *name != team.name);
    if let Some(name) = rename {
        check_name(ctx, name, &team.provider)?;
    }
    let changed = ctx.world.teams.update(&team.id, |team| {
        team.members = members;
        if let Some(name) = rename {
            team.name = name.to_owned();
        }
        if let Some(description) = args.string("description") {
            team.description = Some(description);
        }
    });
    Ok(changed.map_or(Value::NULL, |team| result(team, "Team updated")))
}

/// A team of an identity provider can be removed only when it is empty; how Houston says so is unknown.
pub(crate) fn remove(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let team = find(ctx, args, "teamUuid")?;
    if team.provider != LOCAL && !team.members.is_empty() {
        return Err(Error::BadInput(
            "A team from an identity provider can be removed only when it is empty".to_owned(),
        ));
    }
    let subject = Subject::Team(team.id.clone());
    ctx.world.bindings.remove_where(|each| each.subject == subject);
    ctx.world.teams.remove(team.id());
    Ok(Value::item(team))
}

fn subject(ctx: &Ctx<'_>, args: &Args) -> Result<Subject, Error> {
    Ok(Subject::Team(ctx.world.teams.need(args.text("teamUuid"))?.id.clone()))
}

pub(crate) fn bind_to_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (role, subject) = (deployment_role(args)?, subject(ctx, args)?);
    let deployment = ctx.world.deployments.need(args.text("deploymentUuid"))?;
    Ok(Value::item(ctx.world.bind(subject, role, Scope::Deployment(deployment.id.clone()))))
}

pub(crate) fn unbind_from_deployment(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let subject = subject(ctx, args)?;
    let scope = Scope::Deployment(args.text("deploymentUuid").to_owned());
    Ok(Value::item(ctx.world.unbind(&subject, &scope).ok_or(Error::NotFound)?))
}

pub(crate) fn add_to_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (role, subject) = (workspace_role(args)?, subject(ctx, args)?);
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    ctx.world.bind(subject.clone(), role, Scope::Workspace(workspace.id.clone()));
    for (deployment, role) in deployment_roles(args) {
        ctx.world.bind(subject.clone(), role, Scope::Deployment(deployment));
    }
    Ok(Value::item(workspace))
}

pub(crate) fn change_in_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (role, subject) = (workspace_role(args)?, subject(ctx, args)?);
    let scope = Scope::Workspace(args.text("workspaceUuid").to_owned());
    if ctx.world.bindings_on(&scope).iter().all(|each| each.subject != subject) {
        return Err(Error::NotFound);
    }
    ctx.world.bind(subject, role, scope);
    Ok(role.to_string().into())
}

pub(crate) fn remove_from_workspace(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let subject = subject(ctx, args)?;
    let workspace = ctx.world.workspaces.need(args.text("workspaceUuid"))?;
    ctx.world.unbind(&subject, &Scope::Workspace(workspace.id.clone()));
    Ok(Value::item(workspace))
}

pub(crate) fn bind_to_system(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (role, subject) = (system_role(args)?, subject(ctx, args)?);
    if ctx.world.bindings_of(&subject).iter().any(|each| each.role == role) {
        return Err(Error::DuplicateRoleBinding);
    }
    Ok(Value::item(ctx.world.bind(subject, role, Scope::System)))
}

/// Needs the role that the team has at present.
pub(crate) fn unbind_from_system(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (role, subject) = (system_role(args)?, subject(ctx, args)?);
    let held = ctx.world.bindings_of(&subject).into_iter().find(|each| each.role == role);
    let binding = held.ok_or(Error::MissingRoleBinding)?;
    ctx.world.bindings.remove(&binding.id);
    Ok(Value::item(binding))
}
