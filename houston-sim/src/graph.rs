//! The objects that a query walks: one [`Item`] for each kind of GraphQL object, resolved field by field.
//!
//! Items own what they read, so nothing is borrowed from the world while an answer is being put together.

use crate::{
    Settings,
    access::{Caller, Entity, may},
    args::Args,
    error::Error,
    mutation, query,
    resource::{auth, clusters, deployments, service_accounts, subscriptions, teams, users, workspaces},
    rules::Rules,
    world::{Binding, Cluster, Deployment, LogLine, ServiceAccount, Team, Time, User, Workspace, World},
};
use apollo_compiler::{
    ast::OperationType,
    resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue},
    schema::{ExtendedType, Type},
};
use houston_schema::Version;
use serde_json::{Map, Value as Json};
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

/// What a resolver has at hand.
pub(crate) struct Ctx<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) caller: &'a Caller,
    pub(crate) version: Version,
    pub(crate) settings: &'a Settings,
    pub(crate) now: Time,
}

impl Ctx<'_> {
    pub(crate) fn may(&self, permission: &str, entity: &Entity) -> bool {
        may(self.world, self.caller, self.version, permission, entity)
    }

    /// Whether any of the permissions is there.
    pub(crate) fn may_any(&self, permissions: &[&str], entity: &Entity) -> bool {
        permissions.iter().any(|each| self.may(each, entity))
    }
}

/// What a field resolves to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Json(Json),
    Item(Option<Item>),
    List(Vec<Item>),
}

/// One object of the graph.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Query,
    Mutation,
    /// A subscription's root, with the log line that an event of `log` is about.
    Subscription(Option<Arc<LogLine>>),
    /// An object without relations: type name and fields. Fields that are missing are null.
    Plain(String, Arc<Map<String, Json>>),
    /// An object put together for one answer.
    Mixed(&'static str, Vec<(&'static str, Value)>),
    Auth(auth::Auth),
    User(Arc<User>),
    /// The e-mail address at an index of a user.
    Email(Arc<User>, usize),
    Workspace(Arc<Workspace>),
    Deployment(Arc<Deployment>),
    Binding(Arc<Binding>),
    ServiceAccount(Arc<ServiceAccount>),
    Team(Arc<Team>),
    Cluster(Arc<Cluster>),
}

macro_rules! items {
    ($($record:ident),*) => {
        $(impl From<Arc<$record>> for Item {
            fn from(record: Arc<$record>) -> Self { Self::$record(record) }
        })*
    };
}
items!(User, Workspace, Deployment, Binding, ServiceAccount, Team, Cluster);

impl<T: Into<Json>> From<T> for Value {
    fn from(value: T) -> Self {
        Self::Json(value.into())
    }
}

impl Value {
    pub(crate) const NULL: Self = Self::Json(Json::Null);

    pub(crate) fn item(item: impl Into<Item>) -> Self {
        Self::Item(Some(item.into()))
    }

    pub(crate) fn maybe(item: Option<impl Into<Item>>) -> Self {
        Self::Item(item.map(Into::into))
    }

    pub(crate) fn list<T: Into<Item>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    pub(crate) fn date(time: Time) -> Self {
        Self::Json(time.iso().into())
    }

    pub(crate) fn opt_date(time: Option<Time>) -> Self {
        Self::Json(time.map(Time::iso).into())
    }
}

impl Item {
    fn type_name(&self) -> &str {
        match self {
            Self::Query => "Query",
            Self::Mutation => "Mutation",
            Self::Subscription(_) => "Subscription",
            Self::Plain(name, _) => name,
            Self::Mixed(name, _) => name,
            Self::Auth(_) => "AuthUser",
            Self::User(_) => "User",
            Self::Email(..) => "Email",
            Self::Workspace(_) => "Workspace",
            Self::Deployment(_) => "Deployment",
            Self::Binding(_) => "RoleBinding",
            Self::ServiceAccount(_) => "ServiceAccount",
            Self::Team(_) => "Team",
            Self::Cluster(_) => "Cluster",
        }
    }

    /// The value of a field; `None` for a field this object does not know.
    fn field(&self, ctx: &mut Ctx<'_>, name: &str, args: &Args) -> Result<Option<Value>, Error> {
        match self {
            Self::Query => query::resolve(ctx, name, args).transpose(),
            Self::Mutation => mutation::resolve(ctx, name, args).transpose(),
            Self::Subscription(line) => subscriptions::resolve(ctx, line.as_deref(), name, args).transpose(),
            Self::Plain(_, fields) => Ok(Some(fields.get(name).cloned().unwrap_or_default().into())),
            Self::Mixed(_, fields) => {
                let field = fields.iter().find(|(key, _)| *key == name);
                Ok(Some(field.map_or(Value::NULL, |(_, value)| value.clone())))
            }
            Self::Auth(auth) => auth.field(ctx, name).transpose(),
            Self::User(user) => Ok(users::field(ctx, user, name)),
            Self::Email(user, index) => Ok(users::email_field(user, *index, name)),
            Self::Workspace(workspace) => Ok(workspaces::field(ctx, workspace, name)),
            Self::Deployment(deployment) => Ok(deployments::field(ctx, deployment, name)),
            Self::Binding(binding) => Ok(users::binding_field(ctx, binding, name)),
            Self::ServiceAccount(account) => Ok(service_accounts::field(ctx, account, name)),
            Self::Team(team) => Ok(teams::field(ctx, team, name)),
            Self::Cluster(cluster) => Ok(clusters::field(cluster, name)),
        }
    }
}

/// One execution: who asks, and the world they ask about.
pub(crate) struct Session<'a> {
    /// Borrowed for one field at a time, never while another one is being resolved.
    pub(crate) world: RefCell<&'a mut World>,
    /// Fields that may still be resolved.
    pub(crate) budget: Cell<u32>,
    pub(crate) caller: &'a Caller,
    pub(crate) rules: &'a Rules,
    pub(crate) version: Version,
    pub(crate) settings: &'a Settings,
}

impl Session<'_> {
    fn resolve(&self, item: &Item, name: &str, args: &Args) -> Result<Option<Value>, Error> {
        let Some(left) = self.budget.get().checked_sub(1) else {
            return Err(Error::Internal("the answer is too large".to_owned()));
        };
        self.budget.set(left);
        let Ok(mut world) = self.world.try_borrow_mut() else {
            return Err(Error::Internal("the world is in use".to_owned()));
        };
        let operation = match item {
            Item::Query => Some(OperationType::Query),
            Item::Mutation => Some(OperationType::Mutation),
            Item::Subscription(_) => Some(OperationType::Subscription),
            _ => None,
        };
        if let Some(operation) = operation {
            self.rules.check(&world, self.caller, self.version, (operation, name), args)?;
        }
        let now = world.now();
        let mut ctx =
            Ctx { world: &mut world, caller: self.caller, version: self.version, settings: self.settings, now };
        item.field(&mut ctx, name, args)
    }
}

/// An item as the executor sees it.
pub(crate) struct Object<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) item: Item,
}

/// Separates the code from the message inside a field error, which has room for a message only.
pub(crate) const CODE_END: char = '\u{1f}';

impl ObjectValue for Object<'_> {
    fn type_name(&self) -> &str {
        self.item.type_name()
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let args = Args::new(info.arguments());
        match self.session.resolve(&self.item, info.field_name(), &args) {
            Ok(Some(value)) => Ok(self.complete(info, &info.field_definition().ty, value)),
            Ok(None) => Err(self.unknown_field_error(info)),
            Err(error) => Err(FieldError { message: format!("{}{CODE_END}{error}", error.code()) }),
        }
    }
}

impl<'a> Object<'a> {
    fn complete<'b>(&'b self, info: &ResolveInfo<'_>, ty: &Type, value: Value) -> ResolvedValue<'b> {
        let object = |item: Item| Object { session: self.session, item };
        match value {
            Value::Item(item) => ResolvedValue::nullable_object(item.map(object)),
            Value::List(items) => ResolvedValue::list(
                items.into_iter().map(|item| ResolvedValue::object(object(item))).collect::<Vec<_>>(),
            ),
            Value::Json(json) => self.complete_json(info, ty, json),
        }
    }

    /// JSON in the place of an object or a list becomes one.
    fn complete_json<'b>(&'b self, info: &ResolveInfo<'_>, ty: &Type, json: Json) -> ResolvedValue<'b> {
        let name = ty.inner_named_type();
        match json {
            Json::Array(items) if ty.is_list() => {
                let items: Vec<_> =
                    items.into_iter().map(|item| self.complete_json(info, ty.item_type(), item)).collect();
                ResolvedValue::list(items)
            }
            Json::Object(fields) if matches!(info.schema().types.get(name), Some(ExtendedType::Object(_))) => {
                let item = Item::Plain(name.to_string(), Arc::new(fields));
                ResolvedValue::object(Object { session: self.session, item })
            }
            json => ResolvedValue::leaf(json),
        }
    }
}
