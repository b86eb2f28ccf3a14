//! Which permissions each root field asks for.
//!
//! The schema document annotates what the newest public source shows. Fields that came later have no evidence of
//! their own; [`guess`] gives them the permission that the role configuration of their release suggests.

use crate::{
    access::{Caller, Entity, may},
    args::Args,
    error::Error,
    world::World,
};
use apollo_compiler::{Schema, ast::OperationType, schema::FieldDefinition};
use houston_schema::Version;
use std::collections::HashMap;

/// What a caller needs to resolve a root field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Public,
    Authenticated,
    Any(Vec<String>),
    All(Vec<String>),
}

/// The rule of every root field, over all releases.
#[derive(Debug)]
pub(crate) struct Rules(HashMap<(OperationType, String), Rule>);

impl Rules {
    /// Reads the annotations of the whole schema.
    pub(crate) fn of(schema: &Schema) -> Self {
        let mut rules = HashMap::new();
        for operation in [OperationType::Query, OperationType::Mutation, OperationType::Subscription] {
            let root = schema.root_operation(operation).and_then(|name| schema.get_object(name));
            for (name, field) in root.iter().flat_map(|root| &root.fields) {
                if let Some(rule) = annotated(field) {
                    rules.insert((operation, name.to_string()), rule);
                }
            }
        }
        Self(rules)
    }

    fn of_field(&self, operation: OperationType, field: &str, version: Version) -> Rule {
        // A field that is neither annotated nor known by name asks for a login, no more.
        guess(field, version)
            .or_else(|| self.0.get(&(operation, field.to_owned())).cloned())
            .unwrap_or(Rule::Authenticated)
    }

    /// Refuses with the one message that Houston has for every kind of "no".
    pub(crate) fn check(
        &self,
        world: &World,
        caller: &Caller,
        version: Version,
        (operation, field): (OperationType, &str),
        args: &Args,
    ) -> Result<(), Error> {
        let entity = entity(world, args);
        let has = |permission: &String| may(world, caller, version, permission, &entity);
        let allowed = match self.of_field(operation, field, version) {
            Rule::Public => true,
            Rule::Authenticated => *caller != Caller::Anonymous,
            Rule::Any(permissions) => permissions.iter().any(has),
            Rule::All(permissions) => permissions.iter().all(has),
        };
        if allowed { Ok(()) } else { Err(Error::Permission) }
    }
}

/// The entity of a call: its workspace if the arguments name one, else its deployment, never both.
fn entity(world: &World, args: &Args) -> Entity {
    if let Some(id) = args.opt("workspaceUuid") {
        return Entity::workspace(id);
    }
    let place = args.object("where");
    let id = args.opt("deploymentUuid").or_else(|| args.opt("deploymentId")).or_else(|| place.opt("id"));
    if let Some(id) = id {
        return Entity::deployment(id);
    }
    let release = args.opt("releaseName").or_else(|| place.opt("releaseName"));
    match release.and_then(|name| world.deployment_by_release(name)) {
        Some(deployment) => Entity::deployment(&deployment.id),
        None => Entity::default(),
    }
}

fn annotated(field: &FieldDefinition) -> Option<Rule> {
    let directive = field.directives.get("permissions")?;
    let list = |name: &str| {
        let values = directive.specified_argument_by_name(name)?.as_list()?;
        Some(values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect::<Vec<_>>())
    };
    if let Some(all) = list("all") {
        return Some(Rule::All(all));
    }
    let any = list("any")?;
    Some(match any.first().map(String::as_str) {
        Some("@public") => Rule::Public,
        Some("@authenticated") => Rule::Authenticated,
        _ => Rule::Any(any),
    })
}

/// Rules without evidence, and rules that the role configuration of later releases contradicts.
fn guess(field: &str, version: Version) -> Option<Rule> {
    let any = |permissions: &[&str]| Some(Rule::Any(permissions.iter().map(|each| (*each).to_owned()).collect()));
    match field {
        // Since 0.23 variables have permissions of their own.
        "deploymentVariables" => any(&["deployment.variables.get", "system.deployment.variables.get"]),
        "updateDeploymentVariables" => any(&["deployment.variables.update", "system.deployment.variables.update"]),
        // A client of 1.x calls it with workspace and deployment tokens; the list is then limited to what they see.
        "deployments" if version >= Version::new(1, 0, 0) => Some(Rule::Authenticated),
        "sysWorkspaces" => any(&["system.workspace.get"]),
        "email" => any(&["system.getEmailById"]),
        "deployment" => any(&["system.getDeploymentById"]),
        "airflowRelease" => any(&["system.getAirflowReleaseById"]),
        "deploymentUsers" => any(&["deployment.users.get", "system.users.get"]),
        "deploymentTeams" => any(&["deployment.teams.get", "system.teams.get"]),
        "deploymentTaskUsage" => any(&["deployment.taskUsage.get", "system.taskUsage.get"]),
        "paginatedWorkspaceUsers" => any(&["workspace.users.get", "system.users.get"]),
        "workspaceTeams" | "paginatedTeams" => any(&["workspace.teams.get", "system.teams.get"]),
        "upsertDeployment" => {
            any(&["workspace.deployments.upsert", "deployment.config.upsert", "system.deployments.upsert"])
        }
        "adoptDeployment" => any(&["workspace.deployments.create", "system.deployments.create"]),
        "unadoptDeployment" => any(&["deployment.config.delete", "system.deployments.delete"]),
        "updateDeploymentAirflow"
        | "updateDeploymentRuntime"
        | "cancelRuntimeUpdate"
        | "updateDeploymentKedaConfig"
        | "updateDeploymentConfig"
        | "deleteDeploymentConfig" => any(&["deployment.config.update", "system.deployments.update"]),
        "updateDeploymentImage" => any(&["deployment.images.push", "system.deployments.images.push"]),
        "updateWorkspaceDeploymentsConfig" | "deleteWorkspaceDeploymentsConfig" => {
            any(&["workspace.config.update", "system.workspace.update"])
        }
        "deploymentAddUserRole" | "deploymentUpdateUserRole" | "deploymentRemoveUserRole" => {
            any(&["deployment.userRoles.update", "system.iam.update"])
        }
        "deploymentAddTeamRole" | "deploymentUpdateTeamRole" | "deploymentRemoveTeamRole" => {
            any(&["deployment.teamRoles.update", "system.iam.update"])
        }
        "workspaceUpsertUserRole" | "workspaceAddTeam" | "workspaceUpdateTeamRole" | "workspaceRemoveTeam" => {
            any(&["workspace.iam.update", "system.iam.update"])
        }
        "createTeam" => any(&["system.teams.create"]),
        "updateTeam" => any(&["system.teams.update"]),
        "removeTeam" => any(&["system.teams.remove"]),
        "createTeamSystemRoleBinding" | "deleteTeamSystemRoleBinding" => any(&["system.iam.update"]),
        "registerCluster" => any(&["system.clusters.create"]),
        "deregisterCluster" => any(&["system.clusters.delete"]),
        _ => None,
    }
}
