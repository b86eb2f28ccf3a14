//! Signing up and logging in.

use super::Answer;
use crate::{
    Mail, MailKind,
    access::{Role, Scope},
    args::Args,
    error::Error,
    graph::{Ctx, Value},
    token,
    world::{Email, Subject, User, UserStatus},
};
use serde_json::{Map, json};
use std::sync::Arc;

/// An `AuthUser`: somebody who is logged in, and how they come by a token.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    user: Option<Arc<User>>,
    token: AuthToken,
}

#[derive(Clone, Debug)]
enum AuthToken {
    /// The account waits for confirmation.
    None,
    /// Minted by the mutation that logged the user in.
    Ready(String),
    /// Minted when somebody looks: reading `self.token` has this side effect.
    OnRead,
}

impl Auth {
    /// Nobody has recorded what `permissions` looks like; an empty object is.
    pub(crate) fn field(&self, ctx: &mut Ctx<'_>, name: &str) -> Option<Answer> {
        let is_admin = self.user.as_ref().is_some_and(|user| {
            let bindings = ctx.world.bindings_of(&Subject::User(user.id.clone()));
            bindings.iter().any(|each| each.role == Role::SYSTEM_ADMIN)
        });
        Some(Ok(match name {
            "user" => Value::maybe(self.user.clone()),
            "token" => return Some(self.token(ctx)),
            "permissions" => Map::new().into(),
            "isAdmin" => is_admin.into(),
            "authUserCapabilities" => json!({"canSysAdmin": is_admin}).into(),
            _ => return None,
        }))
    }

    fn token(&self, ctx: &mut Ctx<'_>) -> Answer {
        let value = match &self.token {
            AuthToken::None => return Ok(Value::NULL),
            AuthToken::Ready(value) => value.clone(),
            AuthToken::OnRead => {
                // A service account has no user record to make a token for.
                let user = self
                    .user
                    .as_ref()
                    .ok_or_else(|| Error::Internal("Cannot read property 'id' of null".to_owned()))?;
                mint(ctx, user)
            }
        };
        let claims = token::read(&value).ok_or_else(|| Error::Internal("unreadable token".to_owned()))?;
        let payload = json!({"uuid": claims.uuid, "iat": claims.iat, "exp": claims.exp});
        Ok(json!({"value": value, "payload": payload}).into())
    }
}

fn mint(ctx: &mut Ctx<'_>, user: &User) -> String {
    let value = token::mint(&user.id, ctx.now, ctx.settings.token_lifetime);
    ctx.world.minted(value.clone());
    value
}

fn logged_in(ctx: &mut Ctx<'_>, user: Arc<User>) -> Answer {
    let token = AuthToken::Ready(mint(ctx, &user));
    Ok(Value::item(Auth { user: Some(user), token }))
}

impl From<Auth> for crate::graph::Item {
    fn from(auth: Auth) -> Self {
        Self::Auth(auth)
    }
}

pub(crate) fn myself(ctx: &Ctx<'_>) -> Value {
    let user = ctx.caller.user().and_then(|id| ctx.world.users.get(id));
    Value::item(Auth { user, token: AuthToken::OnRead })
}

pub(crate) fn create_user(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let address = args.text("email").to_lowercase();
    let first = ctx.world.users.is_empty();
    let invite = match args.opt("inviteToken") {
        Some(token) => {
            let found = ctx.world.invites.iter().find(|each| each.token == token).cloned();
            let invite = found.ok_or(Error::UnknownInviteToken)?;
            if invite.email != address {
                return Err(Error::InviteOfSomebodyElse);
            }
            Some(invite)
        }
        None if first || ctx.settings.public_signup => None,
        None => return Err(Error::SignupsDisabled),
    };
    if ctx.world.user_by_email(&address).is_some() {
        return Err(Error::DuplicateEmail);
    }
    let confirmed = first || invite.is_some();
    let profile = args.object("profile");
    let now = ctx.now;
    let token = (!confirmed).then(|| ctx.world.new_key());
    if let Some(token) = &token {
        ctx.world.send(Mail { to: address.clone(), kind: MailKind::Confirmation, token: token.clone() });
    }
    let email = Email {
        id: ctx.world.new_id(),
        address: address.clone(),
        primary: true,
        verified: confirmed,
        token,
        created: now,
        updated: now,
    };
    let user = User {
        // Who came in by an invitation keeps its id.
        id: invite.as_ref().map_or_else(|| ctx.world.new_id(), |invite| invite.id.clone()),
        username: args.string("username").unwrap_or(address),
        full_name: profile.string("fullName").unwrap_or_default(),
        status: if confirmed { UserStatus::Active } else { UserStatus::Pending },
        emails: vec![email],
        password: args.string("password"),
        created: now,
        updated: now,
        ..User::default()
    };
    let user = ctx.world.users.add(user);
    let subject = Subject::User(user.id.clone());
    if first {
        ctx.world.bind(subject.clone(), Role::SYSTEM_ADMIN, Scope::System);
    }
    if let Some(invite) = invite {
        ctx.world.invites.remove(&invite.id);
        if let Some((workspace, role)) = &invite.assignment {
            ctx.world.bind(subject.clone(), *role, Scope::Workspace(workspace.clone()));
        }
        for (deployment, role) in &invite.deployment_roles {
            ctx.world.bind(subject.clone(), *role, Scope::Deployment(deployment.clone()));
        }
    }
    if confirmed { logged_in(ctx, user) } else { Ok(Value::item(Auth { user: Some(user), token: AuthToken::None })) }
}

pub(crate) fn confirm_email(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let token = args.text("token");
    let waits = |user: &User| user.emails.iter().any(|each| each.token.as_deref() == Some(token));
    let id = ctx.world.users.iter().find(|user| waits(user)).map(|user| user.id.clone()).ok_or(Error::InvalidToken)?;
    let user = ctx.world.users.update(&id, |user| {
        for email in user.emails.iter_mut().filter(|each| each.token.as_deref() == Some(token)) {
            email.verified = true;
            email.token = None;
        }
        user.status = UserStatus::Active;
    });
    logged_in(ctx, user.ok_or(Error::InvalidToken)?)
}

pub(crate) fn create_token(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let identity = args.text("identity");
    let by_name = || ctx.world.users.iter().find(|user| user.username == identity).cloned();
    let user = ctx.world.user_by_email(identity).or_else(by_name).ok_or(Error::NotFound)?;
    let password = user.password.as_deref().ok_or(Error::NoPassword)?;
    if password != args.text("password") {
        return Err(Error::InvalidCredentials);
    }
    match user.status {
        UserStatus::Active => logged_in(ctx, user),
        UserStatus::Pending => Err(Error::EmailNotConfirmed),
        UserStatus::Banned | UserStatus::Inactive => Err(Error::InvalidCredentials),
    }
}

/// True whether or not the address is known, so that nobody learns which it is.
pub(crate) fn forgot_password(ctx: &mut Ctx<'_>, args: &Args) -> Value {
    if let Some(user) = ctx.world.user_by_email(args.text("email")) {
        let token = ctx.world.new_key();
        ctx.world.users.update(&user.id, |user| user.reset_token = Some(token.clone()));
        ctx.world.send(Mail { to: args.text("email").to_lowercase(), kind: MailKind::PasswordReset, token });
    }
    true.into()
}

pub(crate) fn resend_confirmation(ctx: &mut Ctx<'_>, args: &Args) -> Value {
    let address = args.text("email").to_lowercase();
    let user = ctx.world.user_by_email(&address);
    let email = user.iter().flat_map(|user| &user.emails).find(|each| each.address == address && !each.verified);
    let Some(token) = email.and_then(|email| email.token.clone()) else { return false.into() };
    ctx.world.send(Mail { to: address, kind: MailKind::Confirmation, token });
    true.into()
}

pub(crate) fn reset_password(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let token = args.text("token");
    let waits = |user: &User| user.reset_token.as_deref() == Some(token);
    let id = ctx.world.users.iter().find(|user| waits(user)).map(|user| user.id.clone());
    let id = id.ok_or(Error::InvalidResetToken)?;
    let user = ctx.world.users.update(&id, |user| {
        user.reset_token = None;
        user.password = args.string("password");
    });
    logged_in(ctx, user.ok_or(Error::InvalidResetToken)?)
}
