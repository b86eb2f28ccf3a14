//! The errors Houston answers with: exact message and `extensions.code` of each.
//!
//! Most of Houston's own errors carry no code of their own and come out as `INTERNAL_SERVER_ERROR`; for those only the
//! message tells one from another.

/// Why a field could not be resolved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Error {
    #[error("You do not have the appropriate permissions for that")]
    Permission,
    #[error("No password credentials found")]
    NoPassword,
    #[error("Invalid password and username combination")]
    InvalidCredentials,
    #[error("Your account is awaiting email confirmation")]
    EmailNotConfirmed,
    #[error("The requested resource was not found")]
    NotFound,
    #[error(
        "Public sign ups are disabled, a valid inviteToken is required to login to the platform. Public sign ups can be enabled via configuration change."
    )]
    SignupsDisabled,
    #[error("Invite token not found")]
    UnknownInviteToken,
    #[error("This email is not associated with the specified invite token")]
    InviteOfSomebodyElse,
    #[error("Email address in use")]
    DuplicateEmail,
    #[error("User already invited")]
    AlreadyInvited,
    #[error("Invalid token")]
    InvalidToken,
    #[error("Invalid resetToken")]
    InvalidResetToken,
    #[error("Invalid role")]
    InvalidRole,
    #[error("invalid workspace role")]
    InvalidWorkspaceRole,
    #[error("Entity and role types don't match")]
    RoleMismatch,
    #[error("A duplicate role binding already exists")]
    DuplicateRoleBinding,
    #[error("The role binding does not exist for this user")]
    MissingRoleBinding,
    #[error("There are no other system administrators. Please assign another before removing yourself.")]
    LastSystemAdmin,
    #[error("A required argument was not sent: serviceAccountUuid or entityUuid")]
    MissingArgument,
    #[error("Workspace already has a deployment named {0}")]
    DuplicateDeployment(String),
    #[error("Service Account already exists with the name {0}")]
    DuplicateServiceAccount(String),
    #[error("Release name not formatted correctly.")]
    InvalidReleaseName,
    #[error("base-images is reserved name")]
    ReservedReleaseName,
    #[error("{0} exceeds max char limit of 63.")]
    LongReleaseName(String),
    /// Everything Houston calls an invalid deployment, with its own text.
    #[error("{0}")]
    InvalidDeployment(String),
    #[error("You must first deprovision all deployments before you can delete your workspace.")]
    WorkspaceInUse,
    #[error("workspaceUser query unexpectedly returned more than a single user!")]
    ManyUsers,
    #[error("This operation is not allowed as the cluster is not active")]
    ClusterInactive,
    /// What the database layer says about an id that a mutation does not find. Its words changed with every
    /// generation of Houston; these are the oldest known ones.
    #[error("No Node for the model {model} with value {id} for id found.")]
    NoNode { model: &'static str, id: String },
    /// Input that Houston refuses in words nobody has recorded.
    #[error("{0}")]
    BadInput(String),
    /// A failure inside Houston.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// The value of `extensions.code`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Permission => "FORBIDDEN",
            Self::NoPassword => "UNAUTHENTICATED",
            Self::EmailNotConfirmed => "ACCOUNT_NOT_CONFIRMED",
            Self::NotFound => "RESOURCE_NOT_FOUND",
            Self::SignupsDisabled => "PUBLIC_SIGNUPS_DISABLED",
            Self::InviteOfSomebodyElse => "INVITE_EMAIL_NOT_MATCH",
            Self::DuplicateEmail => "DUPLICATE_EMAIL",
            Self::AlreadyInvited => "USER_ALREADY_INVITED",
            Self::UnknownInviteToken
            | Self::InvalidToken
            | Self::InvalidResetToken
            | Self::InvalidRole
            | Self::InvalidWorkspaceRole
            | Self::RoleMismatch
            | Self::DuplicateRoleBinding
            | Self::MissingRoleBinding
            | Self::MissingArgument
            | Self::DuplicateDeployment(_)
            | Self::DuplicateServiceAccount(_)
            | Self::InvalidReleaseName
            | Self::ReservedReleaseName
            | Self::LongReleaseName(_)
            | Self::BadInput(_) => "BAD_USER_INPUT",
            Self::InvalidCredentials
            | Self::LastSystemAdmin
            | Self::InvalidDeployment(_)
            | Self::WorkspaceInUse
            | Self::ManyUsers
            | Self::ClusterInactive
            | Self::NoNode { .. }
            | Self::Internal(_) => "INTERNAL_SERVER_ERROR",
        }
    }
}
