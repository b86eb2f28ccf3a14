//! A Houston to talk to: Astronomer's control plane API on an in-memory world.
//!
//! The simulator executes the schema of any release from 0.25 on, with Houston's permissions, error texts, habits and
//! quirks, as far as public sources show them; where they show nothing it does the mildest thing that loses nobody's data
//! unnoticed, and a comment says `unknown`. It serves the gateway's demo and tests, and whoever wants to read how Houston
//! behaves:
//!
//! * [`Settings`] and [`Houston`]: starting one, changing it while clients are at it, looking at what they sent;
//! * [`Faults`]: what else can go wrong between a client and Houston;
//! * `http`, `socket`: how Houston speaks, what it answers to what it does not understand, when it hangs up;
//! * `rules`, `access`: which permission each field asks for, and which role brings it at which release;
//! * `error`: every refusal, in Houston's words;
//! * `resource`: what each field does, one file for each kind of thing; `variables` and `deployment_changes` show how a
//!   client can lose what it did not mean to.

mod access;
mod args;
mod calls;
mod error;
mod execute;
mod fault;
mod graph;
mod http;
mod mutation;
mod query;
mod resource;
mod rules;
mod serve;
mod settings;
mod socket;
mod token;
mod world;

pub use calls::{Call, Calls};
pub use fault::{Fault, Faults, Trouble};
pub use houston_schema::Version;
pub use settings::Settings;

use access::Caller;
use calls::CallLog;
use execute::Release;
use houston_schema::{HoustonSchema, SDL, SchemaError};
use rules::Rules;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};
use world::{Subject, UserStatus, World};

/// A running Houston. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Houston(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    schema: HoustonSchema,
    rules: Rules,
    release: RwLock<Arc<Release>>,
    world: Mutex<World>,
    /// Makes the world as it was at the start.
    seed: fn() -> World,
    faults: Faults,
    calls: Mutex<CallLog>,
    /// Each running subscription holds a clone.
    running: Arc<()>,
}

/// A message that Houston would have mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// What it is about.
    pub kind: MailKind,
    /// The token inside.
    pub token: String,
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailKind {
    /// `createUser` takes the token as `inviteToken`.
    Invitation,
    /// `confirmEmail` takes the token.
    Confirmation,
    /// `resetPassword` takes the token.
    PasswordReset,
}

impl Houston {
    /// A Houston with a believable world: workspaces, deployments, people. Everybody's password is `demo-password`.
    ///
    /// # Errors
    /// If the schema document has no valid slice at the version asked for.
    pub fn demo(settings: Settings) -> Result<Self, SchemaError> {
        Self::new(settings, World::demo)
    }

    /// A Houston as it is right after installation: nobody has signed up yet.
    ///
    /// # Errors
    /// If the schema document has no valid slice at the version asked for.
    pub fn empty(settings: Settings) -> Result<Self, SchemaError> {
        Self::new(settings, World::empty)
    }

    fn new(settings: Settings, seed: fn() -> World) -> Result<Self, SchemaError> {
        let schema = HoustonSchema::parse(SDL, "config/houston.graphql")?;
        let release = Release::new(settings.version, schema.at(settings.version)?);
        let houston = Self(Arc::new(Inner {
            rules: Rules::of(schema.all()),
            schema,
            release: RwLock::new(Arc::new(release)),
            world: Mutex::default(),
            seed,
            faults: Faults::default(),
            calls: Mutex::default(),
            running: Arc::default(),
            settings,
        }));
        houston.reset();
        Ok(houston)
    }

    /// Puts the world back to what it was at the start. Faults and counters stay.
    pub fn reset(&self) {
        let mut world = (self.0.seed)();
        if !self.0.settings.chatter {
            world.silence();
        }
        *self.world() = world;
    }

    /// Upgrades (or downgrades) to another release while clients are connected.
    ///
    /// # Errors
    /// If the schema document has no valid slice at that version. The old release then stays.
    pub fn set_version(&self, version: Version) -> Result<(), SchemaError> {
        let release = Release::new(version, self.0.schema.at(version)?);
        *self.0.release.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(release);
        Ok(())
    }

    /// The release that runs at present.
    #[must_use]
    pub fn version(&self) -> Version {
        self.release().version
    }

    /// What this Houston was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// A fresh token of the user with this e-mail address.
    #[must_use]
    pub fn token(&self, email: &str) -> Option<String> {
        let world = self.world();
        Some(token::mint(&world.user_by_email(email)?.id, world.now(), self.0.settings.token_lifetime))
    }

    /// A token of the user that expired an hour ago. Houston treats it like no token at all.
    #[must_use]
    pub fn expired_token(&self, email: &str) -> Option<String> {
        let world = self.world();
        let user = world.user_by_email(email)?;
        let lifetime = self.0.settings.token_lifetime;
        let back = i64::try_from(lifetime.as_millis()).unwrap_or_default() + 3_600_000;
        Some(token::mint(&user.id, world::Time(world.now().0 - back), lifetime))
    }

    /// The switches for what can go wrong.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What clients have sent so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.call_log().calls()
    }

    /// Starts counting anew.
    pub fn forget_calls(&self) {
        self.call_log().forget();
    }

    /// How many subscriptions run at the moment.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        Arc::strong_count(&self.0.running) - 1
    }

    /// How many tokens logins and reads of `self.token` have made.
    #[must_use]
    pub fn tokens_minted(&self) -> u64 {
        self.world().tokens_minted()
    }

    /// Mails sent so far, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.world().mails()
    }

    /// Adds a line to the log of a deployment; false if there is no such deployment.
    pub fn push_log(&self, deployment_id: &str, component: &str, message: &str) -> bool {
        self.world().push_log(deployment_id, component, message)
    }

    /// Puts the clock forward: keys get masked, tokens expire, roll-outs finish.
    pub fn advance(&self, span: Duration) {
        self.world().advance(span);
    }

    /// The id of the live deployment with this release name.
    #[must_use]
    pub fn deployment_id(&self, release_name: &str) -> Option<String> {
        Some(self.world().deployment_by_release(release_name)?.id.clone())
    }

    /// The environment variables of a deployment as they are stored, secrets in clear: key and value.
    #[must_use]
    pub fn variables(&self, deployment_id: &str) -> Vec<(String, String)> {
        let deployment = self.world().deployments.get(deployment_id);
        let variables = deployment.map(|each| each.variables.clone()).unwrap_or_default();
        variables.into_iter().map(|each| (each.key, each.value)).collect()
    }

    /// The id of the first workspace with this label.
    #[must_use]
    pub fn workspace_id(&self, label: &str) -> Option<String> {
        self.world().workspaces.iter().find(|each| each.label == label).map(|each| each.id.clone())
    }

    fn release(&self) -> Arc<Release> {
        Arc::clone(&self.0.release.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call_log(&self) -> MutexGuard<'_, CallLog> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever a credential belongs to. One that is worth nothing is dropped without a word.
    fn caller(&self, credential: &str) -> Caller {
        let credential = credential.replace("Bearer ", "");
        let credential = credential.trim();
        let mut world = self.world();
        if credential.len() == 32 && !credential.contains('.') {
            let found =
                world.service_accounts.iter().find(|each| each.api_key == credential).map(|each| each.id.clone());
            let Some(id) = found else { return Caller::Anonymous };
            let now = world.now();
            world.service_accounts.update(&id, |account| account.last_used = Some(now));
            return Caller::ServiceAccount(id);
        }
        let demo =
            world::PEOPLE_WITH_TOKENS.iter().find(|(token, _)| self.0.settings.demo_tokens && *token == credential);
        let id = match demo {
            Some((_, email)) => world.user_by_email(email).map(|user| user.id.clone()),
            None => token::read(credential).filter(|claims| claims.valid_at(world.now())).map(|claims| claims.uuid),
        };
        match id.and_then(|id| world.users.get(&id)) {
            Some(user) if user.status == UserStatus::Active => Caller::User(user.id.clone()),
            _ => Caller::Anonymous,
        }
    }

    /// The API key of a service account, found by its label. Answers mask it ten minutes after its creation.
    #[must_use]
    pub fn api_key(&self, label: &str) -> Option<String> {
        self.world().service_accounts.iter().find(|each| each.label == label).map(|each| each.api_key.clone())
    }

    /// Every role of a user as (role, id of the workspace or deployment).
    #[must_use]
    pub fn roles(&self, email: &str) -> Vec<(String, Option<String>)> {
        let world = self.world();
        let Some(user) = world.user_by_email(email) else { return Vec::new() };
        let roles = world.roles_of(&Subject::User(user.id.clone()));
        let entity = |scope| match scope {
            access::Scope::System => None,
            access::Scope::Workspace(id) | access::Scope::Deployment(id) => Some(id),
        };
        roles.into_iter().map(|(role, scope)| (role.to_string(), entity(scope))).collect()
    }
}
