//! The catalogue compiled for one Houston: what to send for each route, what to accept, what comes back.

use super::{
    Catalogue, Operation,
    diagnostic::Diagnostics,
    input::{InputType, Types},
    operation::Source,
    prune::{Pruned, definition_of, prune},
    request::RequestText,
};
use apollo_compiler::{
    Name, Node, Schema,
    ast::{Definition, Document, OperationDefinition, Selection, Type},
    validation::Valid,
};
use houston_schema::{Lifespan, Version};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use xxhash_rust::xxh3::xxh3_128;

/// Every route of the catalogue, compiled for one Houston.
#[derive(Debug)]
pub struct Plans {
    /// The release compiled for.
    pub version: Version,
    /// The routes, in the order of [`Catalogue::routes`].
    pub routes: Vec<RoutePlan>,
    /// The schema of the Houston compiled for.
    pub(super) server: Arc<Valid<Schema>>,
    by_name: HashMap<String, Arc<Plan>>,
}

/// What one route can do on one Houston.
#[derive(Debug)]
pub struct RoutePlan {
    /// The operations that this Houston can execute, the first of them preferred. Empty: the route is not available.
    pub plans: Vec<Arc<Plan>>,
    /// The releases that have at least one operation of the route.
    pub lifespan: Lifespan,
}

/// One operation, ready to be sent to one Houston.
#[derive(Debug)]
pub struct Plan {
    /// The operation.
    pub operation: Arc<Operation>,
    /// The index of its route in the catalogue.
    pub route: usize,
    /// Tells this plan from every other one, of other releases and other selections too. Part of cache keys.
    pub identity: u128,
    /// The GraphQL document that is sent.
    pub document: String,
    request: RequestText,
    /// The key under `data` that holds the answer.
    pub response_key: String,
    /// What becomes of that value.
    pub shape: Shape,
    /// The variables that this Houston takes.
    pub inputs: Vec<Input>,
    /// The variables that it does not take, and the releases that do.
    pub narrowed: BTreeMap<String, Lifespan>,
    /// The fields that it does not have, dotted.
    pub missing_fields: Vec<String>,
    /// The type of the root field.
    pub root_type: Type,
    /// What is selected of it.
    pub selection: Vec<Selection>,
    /// Whether Houston answers without a token.
    pub public: bool,
    /// Whether answers may be kept, as far as the operation's policy says so.
    pub may_be_kept: bool,
    /// The releases that have the root field.
    pub lifespan: Lifespan,
}

/// A variable of a plan.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its public name.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
    /// Its type.
    pub ty: InputType,
    /// Whether the document holds a default, so that it may be absent although its type is not nullable.
    pub has_default: bool,
}

impl Input {
    /// Whether a caller has to send it.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.ty.nullable && !self.has_default
    }
}

/// What becomes of the root field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object is the answer as it is.
    Object,
    /// The first item of a list is the answer.
    First,
    /// A list is put into the envelope.
    List,
    /// An object holds the list under this name; its other fields stay beside the list.
    Wrapped(String),
    /// An object holds the one that is the answer under this name.
    Inner(String),
    /// A scalar is put into an object, under the response key.
    Scalar,
}

impl Shape {
    /// Whether the answer is a list in its envelope.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self, Self::List | Self::Wrapped(_))
    }
}

impl Plan {
    /// The request's body up to and including `"variables":`. Variables and a closing brace complete it. `is_sent` tells
    /// which inputs have a value.
    #[must_use]
    pub fn request(&self, is_sent: impl Fn(usize) -> bool) -> &[u8] {
        self.request.of(is_sent)
    }

    /// The names of the scalar fields that an item of the list has, or the object.
    #[must_use]
    pub fn item_scalars(&self) -> Vec<&str> {
        let selection = match &self.shape {
            Shape::Wrapped(list) => {
                let holder = self.selection.iter().filter_map(Selection::as_field);
                let mut holder = holder.filter(|field| field.response_name() == list.as_str());
                holder.next().map_or(&[][..], |field| &field.selection_set)
            }
            _ => &self.selection,
        };
        let fields = selection.iter().filter_map(Selection::as_field);
        fields.filter(|field| field.selection_set.is_empty()).map(|field| field.response_name().as_str()).collect()
    }
}

impl Plans {
    /// The plan of an operation by its name.
    #[must_use]
    pub fn by_name(&self, operation: &str) -> Option<&Arc<Plan>> {
        self.by_name.get(operation)
    }

    /// The schema of the Houston compiled for. It has no annotations.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.server
    }

    /// The columns of a table of what `plan` lists: the selected fields of an item in their order, dotted for those of an
    /// object in it. They do not depend on what the list holds. None if the items have no fields.
    #[must_use]
    pub fn columns(&self, plan: &Plan) -> Vec<String> {
        let mut columns = Vec::new();
        let root = plan.root_type.inner_named_type();
        match &plan.shape {
            Shape::Wrapped(list) => {
                let holder = plan.selection.iter().filter_map(Selection::as_field);
                for field in holder.filter(|field| field.response_name() == list.as_str()) {
                    if let Ok(definition) = self.server.type_field(root, &field.name) {
                        self.add_columns(definition.ty.inner_named_type(), &field.selection_set, "", &mut columns);
                    }
                }
            }
            _ => self.add_columns(root, &plan.selection, "", &mut columns),
        }
        columns
    }

    fn add_columns(&self, ty: &Name, selection: &[Selection], within: &str, columns: &mut Vec<String>) {
        for field in selection.iter().filter_map(Selection::as_field) {
            let name = format!("{within}{}", field.response_name());
            match self.server.type_field(ty, &field.name) {
                Ok(definition) if !field.selection_set.is_empty() && !definition.ty.is_list() => {
                    let inner = definition.ty.inner_named_type();
                    self.add_columns(inner, &field.selection_set, &format!("{name}."), columns);
                }
                _ => columns.push(name),
            }
        }
    }

    /// Whether these plans send the same documents to the same release.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.version == other.version
            && self.iter().map(|plan| plan.identity).eq(other.iter().map(|plan| plan.identity))
    }

    /// The plans in the order of the routes.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.routes.iter().flat_map(|route| &route.plans)
    }
}

impl Catalogue {
    /// Compiles the catalogue for one Houston. `server` is its schema. A faulty operation is left out and reported;
    /// the others are served.
    #[must_use]
    pub fn plan(&self, server: &Valid<Schema>, version: Version) -> (Plans, Diagnostics) {
        let mut faults = Diagnostics::default();
        let mut by_name = HashMap::new();
        let routes = self.routes.iter().enumerate().map(|(index, route)| {
            let operations = || route.operations.iter().map(|index| &self.operations[*index]);
            let planned = operations().filter_map(|operation| {
                let mut plan = self.plan_one(operation, server, version, &mut faults)?;
                plan.route = index;
                self.note_elsewhere(&mut plan, &route.operations, version);
                Some(Arc::new(plan))
            });
            let plans: Vec<_> = planned.collect();
            for plan in &plans {
                by_name.insert(plan.operation.name.clone(), Arc::clone(plan));
            }
            let lifespan = operations().map(|each| self.lifespan(each)).reduce(Lifespan::or);
            RoutePlan { plans, lifespan: lifespan.unwrap_or_default() }
        });
        let routes = routes.collect();
        (Plans { version, routes, by_name, server: Arc::new(server.clone()) }, faults)
    }

    /// The releases that have what an operation asks for.
    #[must_use]
    pub fn lifespan(&self, operation: &Operation) -> Lifespan {
        let all = self.schema.all();
        let field = all
            .root_operation(operation.kind)
            .and_then(|root| definition_of(all, root, operation.root_field()))
            .map(|field| Lifespan::of(&field.directives));
        field.unwrap_or_default().and(operation.lifespan)
    }

    fn plan_one(
        &self,
        operation: &Arc<Operation>,
        server: &Valid<Schema>,
        version: Version,
        faults: &mut Diagnostics,
    ) -> Option<Plan> {
        if !operation.lifespan.contains(version) {
            return None;
        }
        let pruned = prune(operation, self.schema.all(), server, faults)?;
        self.finish(operation, pruned, server, version, faults)
    }

    /// Validates a pruned operation and derives from it all that serving it needs.
    pub(super) fn finish(
        &self,
        operation: &Arc<Operation>,
        pruned: Pruned,
        server: &Valid<Schema>,
        version: Version,
        faults: &mut Diagnostics,
    ) -> Option<Plan> {
        let Pruned { mut definition, variables: narrowed, fields: missing_fields } = pruned;
        let types = Types { all: self.schema.all(), server, virtuals: &self.virtuals };
        // Variables that only a path, a look-up or a tag needs are bound as well; Houston ignores what its document
        // does not declare (GraphQL, 6.1.2).
        let inputs: Vec<Input> = operation
            .variables
            .iter()
            .filter(|each| !narrowed.contains_key(&each.name))
            .map(|each| Input {
                name: each.name.clone(),
                source: each.source.clone(),
                ty: types.input(declared(&definition, each).unwrap_or(&each.definition.ty)),
                has_default: each.definition.default_value.is_some(),
            })
            .collect();
        self.send_virtual_inputs_as_json(&mut definition);
        let document = validated(operation, definition, server, faults)?;
        let definition = document.definitions.iter().find_map(Definition::as_operation_definition)?;
        let field = definition.selection_set.iter().find_map(Selection::as_field)?;
        let parent = server.root_operation(operation.kind)?;
        let root_type = definition_of(server, parent, &field.name)?.ty.clone();
        let is_leaf = server.types.get(root_type.inner_named_type()).is_some_and(|each| each.is_leaf());
        let shape = match (&operation.list, &operation.object) {
            (Some(list), _) => Shape::Wrapped(list.clone()),
            (None, Some(object)) => Shape::Inner(object.clone()),
            _ if root_type.is_list() && operation.one => Shape::First,
            _ if root_type.is_list() => Shape::List,
            _ if is_leaf => Shape::Scalar,
            _ => Shape::Object,
        };
        let all = self.schema.all();
        let annotated = all.root_operation(operation.kind).and_then(|root| definition_of(all, root, &field.name));
        let response_key = field.response_name().to_string();
        let selection = field.selection_set.clone();
        let text = document.serialize().no_indent().to_string();
        Some(Plan {
            identity: xxh3_128(format!("{version}\n{text}").as_bytes()),
            operation: Arc::clone(operation),
            request: RequestText::new(&operation.name, &text, definition, &inputs),
            document: text,
            response_key,
            shape,
            inputs,
            narrowed,
            missing_fields,
            root_type,
            selection,
            route: 0,
            may_be_kept: operation.cache.is_some(),
            public: annotated.is_some_and(|field| permissions(field).any(|each| each == "@public")),
            lifespan: self.lifespan(operation),
        })
    }

    fn send_virtual_inputs_as_json(&self, definition: &mut OperationDefinition) {
        let Ok(json) = Name::new("JSON") else { return };
        for variable in &mut definition.variables {
            if self.virtuals.contains_key(variable.ty.inner_named_type()) {
                let required = variable.ty.is_non_null();
                let ty = Type::Named(json.clone());
                variable.make_mut().ty = Node::new(if required { ty.non_null() } else { ty });
            }
        }
    }
}

/// The type of a variable as this Houston calls it.
fn declared<'d>(definition: &'d OperationDefinition, variable: &super::Variable) -> Option<&'d Type> {
    let same = definition.variables.iter().find(|each| each.name.as_str() == variable.name);
    same.map(|each| &*each.ty)
}

/// Validates what is about to be sent against the schema of the server that it will be sent to.
fn validated(
    operation: &Operation,
    definition: OperationDefinition,
    server: &Valid<Schema>,
    faults: &mut Diagnostics,
) -> Option<Document> {
    let mut document = Document::new();
    document.sources = (*operation.sources).clone();
    document.definitions.push(Definition::OperationDefinition(Node::new(definition)));
    match document.to_executable_validate(server) {
        Ok(_) => Some(document),
        Err(found) => {
            faults.extend(&found.errors);
            None
        }
    }
}

/// The names in a root field's `@permissions`.
pub(crate) fn permissions(field: &apollo_compiler::ast::FieldDefinition) -> impl Iterator<Item = &str> {
    let arguments = field.directives.get("permissions").into_iter().flat_map(|each| &each.arguments);
    arguments.filter_map(|each| each.value.as_list()).flatten().filter_map(|each| each.as_str())
}
