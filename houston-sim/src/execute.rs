//! Executing documents: parsing, validating, resolving, and the shape of answers and errors.

use crate::{
    Houston,
    access::Caller,
    graph::{CODE_END, Item, Object, Session},
    world::LogLine,
};
use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::{self, OperationType},
    executable::{Operation, Selection, SelectionSet},
    parser::Parser,
    request::coerce_variable_values,
    resolvers::Execution,
    response::{ExecutionResponse, GraphQLError, JsonMap},
    validation::{DiagnosticList, Valid},
};
use houston_schema::Version;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Levels of nesting that a document may have. Introspection needs about fifteen.
const DEEPEST: usize = 24;

/// Fields that one answer may have; the graph has cycles, and a short document can ask for a very long walk.
const MOST_FIELDS: u32 = 200_000;

/// Documents that a release keeps ready.
const KEPT_DOCUMENTS: usize = 512;

/// One release of Houston: its schema, and documents that were checked against it.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) version: Version,
    pub(crate) schema: Valid<Schema>,
    documents: Mutex<HashMap<String, Arc<Parsed>>>,
}

/// A document, or what is wrong with it.
#[derive(Debug)]
pub(crate) struct Parsed {
    operations: Vec<Outline>,
    document: Result<Valid<ExecutableDocument>, Reply>,
}

/// An operation as far as it can be told without a schema.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    pub(crate) name: Option<String>,
    pub(crate) fields: Vec<String>,
}

/// A GraphQL request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) query: String,
    pub(crate) operation: Option<String>,
    pub(crate) variables: Map<String, Json>,
}

impl Request {
    /// Reads the members of a request off a JSON object. Anything of an unexpected kind counts as absent.
    pub(crate) fn of(body: &Json) -> Self {
        let text = |key: &str| body.get(key).and_then(Json::as_str).map(str::to_owned);
        Self {
            query: text("query").unwrap_or_default(),
            operation: text("operationName").filter(|name| !name.is_empty()),
            variables: body.get("variables").and_then(Json::as_object).cloned().unwrap_or_default(),
        }
    }
}

/// An answer, before anything goes wrong with it.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Json,
    /// A token that was minted on the way, for the cookie.
    pub(crate) token: Option<String>,
}

impl Reply {
    fn ok(body: Json, token: Option<String>) -> Self {
        Self { status: StatusCode::OK, body, token }
    }

    /// A request that was refused before it was executed: no data, no paths.
    pub(crate) fn refused(code: &str, errors: Vec<GraphQLError>) -> Self {
        let errors: Vec<Json> = errors.into_iter().map(|error| finish(error, code)).collect();
        Self { status: StatusCode::BAD_REQUEST, body: json!({"errors": errors}), token: None }
    }

    fn refused_with(code: &str, message: &str) -> Self {
        Self::refused(code, vec![GraphQLError::new(message, None, &Arc::default())])
    }
}

/// The error with its code, which hides in the message if a resolver put it there.
fn finish(mut error: GraphQLError, code: &str) -> Json {
    if let Some((hidden, message)) = error.message.split_once(CODE_END) {
        let hidden = hidden.trim_start_matches("resolver error: ").to_owned();
        error.message = message.to_owned();
        error.extensions.insert("code", hidden.into());
    } else {
        error.extensions.insert("code", code.into());
    }
    serde_json::to_value(error).unwrap_or_default()
}

impl Release {
    pub(crate) fn new(version: Version, schema: Valid<Schema>) -> Self {
        Self { version, schema, documents: Mutex::default() }
    }

    pub(crate) fn parse(&self, query: &str) -> Arc<Parsed> {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = documents.get(query) {
            return Arc::clone(known);
        }
        let parsed = Arc::new(Parsed::new(&self.schema, query));
        if documents.len() >= KEPT_DOCUMENTS {
            documents.clear();
        }
        documents.insert(query.to_owned(), Arc::clone(&parsed));
        parsed
    }
}

impl Parsed {
    fn new(schema: &Valid<Schema>, query: &str) -> Self {
        let document = match Parser::new().recursion_limit(64).token_limit(20_000).parse_ast(query, "") {
            Ok(document) => document,
            Err(faults) => {
                let reply = Reply::refused("GRAPHQL_PARSE_FAILED", messages(&faults.errors));
                return Self { operations: Vec::new(), document: Err(reply) };
            }
        };
        let operations = outlines(&document);
        let document = match document.to_executable_validate(schema) {
            Ok(document) if too_deep(&document) => {
                Err(Reply::refused_with("GRAPHQL_VALIDATION_FAILED", "The document is nested too deeply"))
            }
            Ok(document) => Ok(document),
            Err(faults) => Err(Reply::refused("GRAPHQL_VALIDATION_FAILED", messages(&faults.errors))),
        };
        Self { operations, document }
    }

    /// The operation that a name chooses, or the first one.
    pub(crate) fn outline(&self, name: Option<&str>) -> Outline {
        let named = self.operations.iter().find(|each| name.is_some() && each.name.as_deref() == name);
        let mut outline = named.or(self.operations.first()).cloned().unwrap_or_default();
        if named.is_none() && name.is_some() {
            outline.name = name.map(str::to_owned);
        }
        outline
    }

    /// The document and the operation to execute.
    pub(crate) fn operation(&self, name: Option<&str>) -> Result<(&Valid<ExecutableDocument>, &Operation), Reply> {
        let document = self.document.as_ref().map_err(Clone::clone)?;
        match document.operations.get(name) {
            Ok(operation) => Ok((document, operation)),
            Err(_) => Err(match name {
                Some(name) => {
                    Reply::refused_with("GRAPHQL_VALIDATION_FAILED", &format!("Unknown operation named \"{name}\"."))
                }
                None => Reply::refused_with(
                    "GRAPHQL_VALIDATION_FAILED",
                    "Must provide operation name if query contains multiple operations.",
                ),
            }),
        }
    }
}

/// The messages that the reference implementation of GraphQL has for these faults, which is what Houston runs on.
fn messages(faults: &DiagnosticList) -> Vec<GraphQLError> {
    faults.iter().map(|fault| fault.unstable_to_json_compat()).collect()
}

fn outlines(document: &ast::Document) -> Vec<Outline> {
    let fields = |selections: &[ast::Selection]| {
        let mut open: Vec<&ast::Selection> = selections.iter().rev().collect();
        let mut fields = Vec::new();
        while let Some(selection) = open.pop() {
            match selection {
                ast::Selection::Field(field) => fields.push(field.name.to_string()),
                ast::Selection::InlineFragment(fragment) => open.extend(fragment.selection_set.iter().rev()),
                // Root fields inside named fragments are not looked for: no client writes them.
                ast::Selection::FragmentSpread(_) => {}
            }
        }
        fields
    };
    let outline = |definition: &ast::Definition| match definition {
        ast::Definition::OperationDefinition(operation) => Some(Outline {
            name: operation.name.as_ref().map(ToString::to_string),
            fields: fields(&operation.selection_set),
        }),
        _ => None,
    };
    document.definitions.iter().filter_map(outline).collect()
}

/// Levels of nesting below a selection set. `known` holds the fragments seen so far: without it, fragments that are
/// spread twice each would double the work with every one of them.
fn depth<'a>(document: &'a ExecutableDocument, set: &'a SelectionSet, known: &mut HashMap<&'a str, usize>) -> usize {
    let below = set.selections.iter().map(|selection| match selection {
        Selection::Field(field) => 1 + depth(document, &field.selection_set, known),
        Selection::InlineFragment(fragment) => depth(document, &fragment.selection_set, known),
        Selection::FragmentSpread(spread) => {
            let name = spread.fragment_name.as_str();
            if let Some(depth) = known.get(name) {
                return *depth;
            }
            let fragment = document.fragments.get(name);
            let depth = fragment.map_or(0, |fragment| depth(document, &fragment.selection_set, known));
            known.insert(name, depth);
            depth
        }
    });
    below.max().unwrap_or(0)
}

fn too_deep(document: &ExecutableDocument) -> bool {
    let mut known = HashMap::new();
    document.operations.iter().any(|each| depth(document, &each.selection_set, &mut known) > DEEPEST)
}

impl Houston {
    /// Executes a request; `line` is the log line that an event of the `log` subscription is about.
    pub(crate) fn execute(
        &self,
        release: &Release,
        parsed: &Parsed,
        request: &Request,
        caller: &Caller,
        line: Option<Arc<LogLine>>,
    ) -> Reply {
        let (document, operation) = match parsed.operation(request.operation.as_deref()) {
            Ok(found) => found,
            Err(reply) => return reply,
        };
        let introspects = |name: &str| name == "__schema" || name == "__type";
        if !self.0.settings.introspection && operation.root_fields(document).any(|field| introspects(&field.name)) {
            return Reply::refused_with(
                "GRAPHQL_VALIDATION_FAILED",
                "GraphQL introspection is not allowed by Apollo Server, but the query contained __schema or __type. To enable introspection, pass introspection: true to ApolloServer in production",
            );
        }
        let variables: JsonMap =
            request.variables.iter().map(|(key, value)| (key.as_str().into(), value.clone().into())).collect();
        for variable in operation.variables.iter().filter(|each| each.ty.is_non_null() && each.default_value.is_none())
        {
            if variables.get(variable.name.as_str()).is_none() {
                let (name, ty) = (&variable.name, &variable.ty);
                let text = format!("Variable \"${name}\" of required type \"{ty}\" was not provided.");
                return Reply::refused_with("INTERNAL_SERVER_ERROR", &text);
            }
        }
        let variables = match coerce_variable_values(&release.schema, operation, &variables) {
            Ok(variables) => variables,
            // Status and code are those of Apollo Server 2; what later ones of Houston's answer is unknown.
            Err(fault) => return Reply::refused_with("INTERNAL_SERVER_ERROR", &fault.message().to_string()),
        };
        let item = match operation.operation_type {
            OperationType::Query => Item::Query,
            OperationType::Mutation => Item::Mutation,
            OperationType::Subscription => Item::Subscription(line),
        };
        let mut world = self.world();
        let session = Session {
            world: std::cell::RefCell::new(&mut world),
            caller,
            rules: &self.0.rules,
            budget: std::cell::Cell::new(MOST_FIELDS),
            version: release.version,
            settings: &self.0.settings,
        };
        let response = Execution::new(&release.schema, document)
            .operation(operation)
            .coerced_variable_values(&variables)
            .enable_schema_introspection(true)
            .execute_sync(&Object { session: &session, item });
        let token = world.take_fresh_token();
        match response {
            Ok(response) => Reply::ok(body(response), token),
            Err(fault) => Reply::refused_with("INTERNAL_SERVER_ERROR", &fault.message().to_string()),
        }
    }
}

fn body(response: ExecutionResponse) -> Json {
    let mut body = Map::new();
    if !response.errors.is_empty() {
        let errors = response.errors.into_iter().map(|error| finish(error, "INTERNAL_SERVER_ERROR"));
        body.insert("errors".to_owned(), errors.collect::<Vec<_>>().into());
    }
    body.insert("data".to_owned(), serde_json::to_value(response.data).unwrap_or_default());
    Json::Object(body)
}
