//! The root fields of `Mutation`, and who carries them out.

use crate::{
    args::Args,
    graph::Ctx,
    resource::{
        Answer, auth, billing, clusters, deployment_changes as changes, deployment_images as images, invites, members,
        overrides, service_accounts, teams, users, variables, workspaces,
    },
};

/// Carries out a root field; `None` if the simulator does not know it.
pub(crate) fn resolve(ctx: &mut Ctx<'_>, field: &str, args: &Args) -> Option<Answer> {
    Some(match field {
        "createUser" => auth::create_user(ctx, args),
        "confirmEmail" => auth::confirm_email(ctx, args),
        "createToken" => auth::create_token(ctx, args),
        "forgotPassword" => Ok(auth::forgot_password(ctx, args)),
        "resendConfirmation" => Ok(auth::resend_confirmation(ctx, args)),
        "resetPassword" => auth::reset_password(ctx, args),

        "createDeployment" => changes::create(ctx, args),
        "updateDeployment" => changes::update(ctx, args),
        "upsertDeployment" => changes::upsert(ctx, args),
        "deleteDeployment" => changes::delete(ctx, args),
        "adoptDeployment" => changes::adopt(ctx, args),
        "unadoptDeployment" => changes::unadopt(ctx, args),
        "upgradeDeployment" => images::upgrade_chart(ctx, args),
        "updateDeploymentAirflow" => images::want_airflow(ctx, args),
        "updateDeploymentRuntime" => images::want_runtime(ctx, args),
        "cancelRuntimeUpdate" => images::cancel_runtime(ctx, args),
        "updateDeploymentImage" => images::deploy_image(ctx, args),
        "updateDeploymentKedaConfig" => changes::set_keda(ctx, args),
        "deploymentAlertsUpdate" => changes::set_alert_emails(ctx, args),
        "updateDeploymentVariables" => variables::replace(ctx, args),

        "updateDeploymentConfig" => overrides::of_deployment(ctx, args),
        "deleteDeploymentConfig" => overrides::clear_deployment(ctx, args),
        "updateWorkspaceDeploymentsConfig" => overrides::of_workspace(ctx, args),
        "deleteWorkspaceDeploymentsConfig" => overrides::clear_workspace(ctx, args),
        "validateGitSyncCredentials" => clusters::validate_git_credentials(ctx, args),

        "deploymentAddUserRole" => members::add_to_deployment(ctx, args),
        "deploymentUpdateUserRole" => members::change_in_deployment(ctx, args),
        "deploymentRemoveUserRole" => members::remove_from_deployment(ctx, args),
        "deploymentAddTeamRole" => teams::bind_to_deployment(ctx, args),
        "deploymentUpdateTeamRole" => teams::bind_to_deployment(ctx, args),
        "deploymentRemoveTeamRole" => teams::unbind_from_deployment(ctx, args),

        "createWorkspace" => Ok(workspaces::create(ctx, args)),
        "updateWorkspace" => workspaces::update(ctx, args),
        "deleteWorkspace" => workspaces::delete(ctx, args),
        "workspaceAddUser" => members::add_to_workspace(ctx, args),
        "workspaceUpdateUserRole" => members::change_in_workspace(ctx, args),
        "workspaceUpsertUserRole" => members::upsert_in_workspace(ctx, args),
        "workspaceRemoveUser" => members::remove_from_workspace(ctx, args),
        "workspaceAddTeam" => teams::add_to_workspace(ctx, args),
        "workspaceUpdateTeamRole" => teams::change_in_workspace(ctx, args),
        "workspaceRemoveTeam" => teams::remove_from_workspace(ctx, args),

        "createTeam" => teams::create(ctx, args),
        "updateTeam" => teams::update(ctx, args),
        "removeTeam" => teams::remove(ctx, args),
        "createTeamSystemRoleBinding" => teams::bind_to_system(ctx, args),
        "deleteTeamSystemRoleBinding" => teams::unbind_from_system(ctx, args),

        "updateSelf" => users::update_self(ctx, args),
        "removeUser" => users::remove(ctx, args),
        "verifyEmail" => users::verify_email(ctx, args),
        "createSystemRoleBinding" => users::bind_to_system(ctx, args),
        "deleteSystemRoleBinding" => users::unbind_from_system(ctx, args),
        "inviteUser" => invites::invite(ctx, args),
        "deleteInviteToken" => invites::delete(ctx, args),

        "createServiceAccount" => service_accounts::create_legacy(ctx, args),
        "createDeploymentServiceAccount" => service_accounts::create_for_deployment(ctx, args),
        "createWorkspaceServiceAccount" => service_accounts::create_for_workspace(ctx, args),
        "createSystemServiceAccount" => service_accounts::create_for_system(ctx, args),
        "updateServiceAccount" | "updateWorkspaceServiceAccount" | "updateDeploymentServiceAccount" => {
            service_accounts::update(ctx, args)
        }
        "deleteServiceAccount"
        | "deleteWorkspaceServiceAccount"
        | "deleteDeploymentServiceAccount"
        | "deleteSystemServiceAccount" => service_accounts::delete(ctx, args),

        "registerCluster" => clusters::register(ctx, args),
        "updateCluster" => clusters::update(ctx, args),
        "deregisterCluster" => clusters::deregister(ctx, args),

        "addCard" | "updateCard" => billing::set_card(ctx, args),
        "addCustomerId" => billing::add_customer(ctx, args),
        "suspendWorkspace" => billing::suspend(ctx, args),
        "extendWorkspaceTrial" => billing::extend_trial(ctx, args),
        _ => return None,
    })
}
