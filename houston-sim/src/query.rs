//! The root fields of `Query`, and who answers them.

use crate::{
    args::Args,
    graph::{Ctx, Value},
    resource::{
        Answer, auth, billing, clusters, deployments, invites, metrics, platform, service_accounts, subscriptions,
        teams, users, variables, workspaces,
    },
};

/// Resolves a root field; `None` if the simulator does not know it.
pub(crate) fn resolve(ctx: &mut Ctx<'_>, field: &str, args: &Args) -> Option<Answer> {
    Some(match field {
        "appConfig" => Ok(platform::app_config(ctx, args)),
        "authConfig" => Ok(platform::auth_config(ctx, args)),
        "updateAvailable" => Ok(platform::update_available(ctx)),
        "deploymentConfig" => Ok(platform::deployment_config(ctx)),
        "availableNamespaces" => Ok(platform::available_namespaces(ctx)),
        "airflowRelease" => Ok(platform::airflow_release(args)),
        "airflowReleases" => Ok(platform::airflow_releases()),
        "runtimeReleases" => Ok(platform::runtime_releases(args)),

        "self" => Ok(auth::myself(ctx)),

        "workspace" => Ok(Value::maybe(ctx.world.workspaces.get(args.text("workspaceUuid")))),
        "workspaces" => Ok(workspaces::own(ctx, args)),
        "paginatedWorkspaces" => Ok(workspaces::page_of_own(ctx, args)),
        "sysWorkspaces" => Ok(Value::list(ctx.world.workspaces.all())),

        "deployment" => Ok(deployments::one(ctx, args)),
        "deployments" => Ok(deployments::all(ctx, args)),
        "paginatedDeployments" => Ok(deployments::page_of_visible(ctx, args)),
        "workspaceDeployments" => Ok(deployments::of_workspace(ctx, args)),
        "workspaceDeployment" => Ok(Value::maybe(ctx.world.deployment_by_release(args.text("releaseName")))),
        "deploymentVariables" => Ok(variables::of_deployment(ctx, args)),
        "deploymentUsers" => Ok(users::of_deployment(ctx, args)),
        "deploymentTeams" => Ok(teams::of_deployment(ctx, args)),
        "deploymentTaskUsage" => Ok(metrics::task_usage(ctx, args)),
        "logs" => subscriptions::stored_logs(ctx, args),

        "deploymentServiceAccount" => Ok(service_accounts::one(ctx, args, "deploymentUuid")),
        "deploymentServiceAccounts" => Ok(service_accounts::list(ctx, args, "deploymentUuid")),
        "workspaceServiceAccount" => Ok(service_accounts::one(ctx, args, "workspaceUuid")),
        "workspaceServiceAccounts" => Ok(service_accounts::list(ctx, args, "workspaceUuid")),
        "serviceAccounts" => service_accounts::legacy_list(ctx, args),

        "workspaceInvites" => Ok(invites::list(ctx, args, Some(args.text("workspaceUuid")))),
        "invites" => Ok(invites::list(ctx, args, None)),

        "workspaceUsers" => Ok(users::of_workspace(ctx, args)),
        "paginatedWorkspaceUsers" => Ok(users::page_of_workspace(ctx, args)),
        "workspaceUser" => users::one_of_workspace(ctx, args),
        "users" => Ok(users::all(ctx, args)),
        "email" => Ok(users::email(ctx, args)),

        "workspaceTeams" => Ok(teams::of_workspace(ctx, args)),
        "team" => Ok(Value::maybe(ctx.world.teams.get(args.text("teamUuid")))),
        "teamUsers" => Ok(teams::users(ctx, args)),
        "paginatedTeams" => Ok(teams::page_of_all(ctx, args)),

        "cluster" => Ok(Value::maybe(ctx.world.clusters.get(args.text("id")))),
        "paginatedClusters" => Ok(clusters::page_of_all(ctx, args)),

        "card" => Ok(billing::card(ctx, args)),
        _ => return None,
    })
}
