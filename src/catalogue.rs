//! The contract: every REST endpoint is one annotated GraphQL operation, and nothing else lists endpoints.
//!
//! [`Catalogue::compile`] reads and checks the operations, reporting all faults at once. [`Catalogue::plan`] fits them
//! to the schema of one Houston. No I/O happens here but reading the operations' files, and no HTTP framework is known.

mod check;
mod diagnostic;
mod directive;
mod elsewhere;
mod input;
mod operation;
mod plan;
mod prune;
mod read;
mod request;
mod selection;
mod source;
mod template;

pub use diagnostic::{Diagnostics, nearest};
pub use input::{EnumType, InputField, InputKind, InputType, ObjectType};
pub use operation::{CachePolicy, Operation, PageRole, RequiresEmpty, Source, Variable};
pub use plan::{Input, Plan, Plans, RoutePlan, Shape};
pub use selection::{LONGEST_FIELDS, SelectionError};
pub use source::{SourceFile, UnreadableOperations, embedded, overlaid};
pub use template::{Path, Segment, Tag};

/// The variable of a stream and of its replay that says from when on.
pub const REPLAY_SINCE: &str = "since";

use apollo_compiler::{
    Name, Node,
    ast::{Definition, Document, FragmentDefinition},
    collections::IndexMap,
};
use directive::Directives;
use houston_schema::HoustonSchema;
use http::Method;
use input::VirtualInputs;
use std::{sync::Arc, time::Duration};

/// All endpoints, checked, before any Houston version is known.
#[derive(Debug)]
pub struct Catalogue {
    /// Houston's schema over all releases.
    pub schema: HoustonSchema,
    /// The operations, in the order of their files.
    pub operations: Vec<Arc<Operation>>,
    /// The routes: one for each method and path.
    pub routes: Vec<Route>,
    /// The resources, each with its description.
    pub resources: Vec<Resource>,
    virtuals: VirtualInputs,
}

/// A time was set for an operation whose answers are never kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cache.ttl_seconds: there is no operation {0} whose answers are cached")]
pub struct CannotBeCached(String);

/// A method and path, and the operations that serve it.
#[derive(Debug)]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path.
    pub path: Path,
    /// Indices into [`Catalogue::operations`]. The first names the route.
    pub operations: Vec<usize>,
}

/// A file of operations, which is a tag of the published documents.
#[derive(Debug)]
pub struct Resource {
    /// Its name, `workspace-users`.
    pub name: String,
    /// The comment at the top of the file.
    pub description: String,
}

impl Catalogue {
    /// Reads and checks `files` against Houston's schema over all releases.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn compile(schema: HoustonSchema, files: &[SourceFile]) -> Result<Self, Diagnostics> {
        let directives = Directives::load()?;
        let mut faults = Diagnostics::default();
        let mut catalogue = Self {
            schema,
            operations: Vec::new(),
            routes: Vec::new(),
            resources: Vec::new(),
            virtuals: IndexMap::default(),
        };
        for file in files {
            catalogue.read(file, &directives, &mut faults);
        }
        catalogue.routes = check::routes(&catalogue.operations, &mut faults);
        check::references(&catalogue, &mut faults);
        faults.into_result(catalogue)
    }

    /// Keeps the answers of an operation for another time than its directive says; zero keeps none.
    ///
    /// # Errors
    /// If there is no such operation, or none whose answers may be kept.
    pub fn set_ttl(&mut self, name: &str, ttl: Duration) -> Result<(), CannotBeCached> {
        let found = self.operations.iter_mut().find(|each| each.name == name).and_then(Arc::get_mut);
        let operation = found.filter(|each| each.cache.is_some()).ok_or_else(|| CannotBeCached(name.to_owned()))?;
        match &mut operation.cache {
            Some(policy) if !ttl.is_zero() => policy.ttl = ttl,
            policy => *policy = None,
        }
        Ok(())
    }

    /// The operation that names a route in the published documents.
    #[must_use]
    pub fn name_of(&self, route: &Route) -> &Operation {
        &self.operations[route.operations[0]]
    }

    /// An operation by its name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Arc<Operation>> {
        self.operations.iter().find(|each| each.name == name)
    }

    /// An input type that the catalogue declares itself.
    #[must_use]
    pub fn virtual_input(&self, name: &str) -> Option<&apollo_compiler::ast::InputObjectTypeDefinition> {
        self.virtuals.get(name).map(|each| &**each)
    }

    fn read(&mut self, file: &SourceFile, directives: &Directives, faults: &mut Diagnostics) {
        let document = match Document::parse(file.text.as_str(), &file.path) {
            Ok(document) => document,
            Err(found) => return faults.extend(&found.errors),
        };
        let sources = Arc::new(document.sources.clone());
        let mut fragments: IndexMap<Name, Node<FragmentDefinition>> = IndexMap::default();
        for definition in &document.definitions {
            match definition {
                Definition::FragmentDefinition(fragment) => {
                    fragments.insert(fragment.name.clone(), fragment.clone());
                }
                Definition::InputObjectTypeDefinition(input) => check::virtual_input(self, input, &sources, faults),
                Definition::OperationDefinition(_) => {}
                other => check::misplaced(other, &sources, faults),
            }
        }
        let written = document.definitions.iter().filter_map(Definition::as_operation_definition);
        for definition in written {
            let read = read::operation(definition, file.resource(), &fragments, directives, &sources, faults);
            self.operations.extend(read.map(Arc::new));
        }
        self.resources.push(Resource { name: file.resource().to_owned(), description: header(&file.text) });
    }
}

/// The comment at the top of a file, if an empty line follows it.
fn header(text: &str) -> String {
    let lines: Vec<_> = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim).collect();
    match text.lines().nth(lines.len()) {
        Some(next) if next.trim().is_empty() => lines.join(" "),
        _ => String::new(),
    }
}
