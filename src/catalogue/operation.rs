//! One endpoint, before any Houston version is known: what its annotations say.

use super::template::{Path, Tag};
use apollo_compiler::{
    Node,
    ast::{Argument, OperationDefinition, OperationType, Selection, Value, VariableDefinition},
    parser::SourceMap,
};
use houston_schema::Lifespan;
use http::{Method, StatusCode};
use std::{sync::Arc, time::Duration};

/// One endpoint of the catalogue.
#[derive(Debug)]
pub struct Operation {
    /// The operation's name, PascalCase.
    pub name: String,
    /// Query, mutation or subscription.
    pub kind: OperationType,
    /// The file it stands in, which is its OpenAPI tag: `workspace-users`.
    pub resource: String,
    /// First line of the comment above the operation.
    pub summary: String,
    /// The rest of that comment.
    pub description: String,
    /// Method.
    pub method: Method,
    /// Path.
    pub path: Path,
    /// Status of success.
    pub status: StatusCode,
    /// Status when Houston answers null: 404 or 204.
    pub absent: StatusCode,
    /// After how many seconds it is worth looking what became of a change that Houston only queues.
    pub poll: Option<u32>,
    /// Whether the first item of the returned list is the answer.
    pub one: bool,
    /// The field of the returned object that holds the list.
    pub list: Option<String>,
    /// The field of the returned object that holds the object that is the answer.
    pub object: Option<String>,
    /// The releases that the operation is written for, beyond what its fields say.
    pub lifespan: Lifespan,
    /// How long and for whom an answer is kept; nothing is kept without it.
    pub cache: Option<CachePolicy>,
    /// What the mutation makes stale.
    pub invalidates: Vec<Tag>,
    /// A read that must find an empty list before the mutation runs.
    pub requires_empty: Option<RequiresEmpty>,
    /// Whether every event is served, rather than the first.
    pub stream: bool,
    /// The query that reads what a listener of the stream missed.
    pub replay: Option<String>,
    /// The variables, in the order of their declaration.
    pub variables: Vec<Variable>,
    /// The operation as written, fragments expanded.
    pub(super) definition: Node<OperationDefinition>,
    pub(super) sources: Arc<SourceMap>,
}

/// How an answer is kept.
#[derive(Clone, Debug)]
pub struct CachePolicy {
    /// How long it is fresh.
    pub ttl: Duration,
    /// Whether all callers share it.
    pub public: bool,
    /// What invalidates it.
    pub tags: Vec<Tag>,
}

/// `@requiresEmpty`.
#[derive(Clone, Debug)]
pub struct RequiresEmpty {
    /// The operation that reads the list.
    pub operation: String,
    /// What the caller is told.
    pub detail: String,
}

/// One variable of an operation.
#[derive(Clone, Debug)]
pub struct Variable {
    /// The public name.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
    pub(super) definition: Node<VariableDefinition>,
}

/// Where a variable's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A field of the JSON body.
    Body,
    /// The fields of its input type are fields of the JSON body.
    Flat,
    /// A request header.
    Header(String),
    /// Another operation's answer.
    Lookup {
        /// The operation to run first.
        operation: String,
        /// The fields that lead to the value.
        path: Vec<String>,
    },
    /// A body field whose items are laid over the list that another operation reads.
    Merge {
        /// The operation that reads the current list.
        operation: String,
        /// The field that identifies an item.
        by: String,
    },
    /// The caller's `limit` and `cursor`.
    Page(PageRole),
}

/// What a paging variable carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageRole {
    /// How many items.
    Limit,
    /// The id of the last item seen.
    After,
    /// The page's number, counted from `first`.
    Number {
        /// The number of the first page.
        first: u32,
    },
}

impl Operation {
    /// The field of Houston's schema that the operation asks for.
    #[must_use]
    pub fn root_field(&self) -> &str {
        self.definition.selection_set.iter().find_map(Selection::as_field).map_or("", |field| field.name.as_str())
    }

    /// What the operation passes to that field, as written.
    #[must_use]
    pub fn arguments(&self) -> &[Node<Argument>] {
        self.definition.selection_set.iter().find_map(Selection::as_field).map_or(&[], |field| &field.arguments)
    }

    /// The name of a stream's events: the root field's, which goes without `deployment`: `log`, `metrics`, `status`.
    #[must_use]
    pub fn event_name(&self) -> String {
        let field = self.root_field();
        let short = field.strip_prefix("deployment").filter(|rest| !rest.is_empty()).unwrap_or(field);
        let mut letters = short.chars();
        letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
    }

    /// Whether the operation asks Houston for one page rather than a whole list.
    #[must_use]
    pub fn is_paged(&self) -> bool {
        self.variables.iter().any(|each| matches!(each.source, Source::Page(_)))
    }

    /// Whether answers are a list.
    #[must_use]
    pub fn answers_list(&self, root_is_list: bool) -> bool {
        (root_is_list && !self.one) || self.list.is_some()
    }
}

impl Variable {
    /// What Houston is sent when the caller sends nothing.
    #[must_use]
    pub fn default_value(&self) -> Option<&Value> {
        self.definition.default_value.as_deref()
    }
}
