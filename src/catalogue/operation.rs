//! One endpoint: an annotated GraphQL operation, read once, before any Houston version is known.

use super::{
    diagnostic::{Diagnostics, Fault},
    directive::{Directives, may_serve},
    template::{Path, Tag},
};
use apollo_compiler::{
    Name, Node,
    ast::{Argument, FragmentDefinition, OperationDefinition, OperationType, Selection, Value, VariableDefinition},
    collections::IndexMap,
    parser::{SourceMap, SourceSpan},
};
use houston_schema::{Lifespan, Version};
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

/// Reads one operation. `None` means that faults were recorded.
pub(super) fn read(
    definition: &Node<OperationDefinition>,
    resource: &str,
    fragments: &IndexMap<Name, Node<FragmentDefinition>>,
    directives: &Directives,
    sources: &Arc<SourceMap>,
    faults: &mut Diagnostics,
) -> Option<Operation> {
    let before = faults.len();
    let mut reader = Reader { directives, sources, faults };
    let operation = reader.operation(definition, resource, fragments);
    (faults.len() == before).then_some(operation).flatten()
}

struct Reader<'a> {
    directives: &'a Directives,
    sources: &'a Arc<SourceMap>,
    faults: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn fault(&mut self, fault: Fault) {
        self.faults.push(self.sources, fault);
    }

    fn operation(
        &mut self,
        written: &Node<OperationDefinition>,
        resource: &str,
        fragments: &IndexMap<Name, Node<FragmentDefinition>>,
    ) -> Option<Operation> {
        let at = written.location();
        let Some(name) = &written.name else {
            self.fault(Fault::new("an operation needs a name", at, "this one has none"));
            return None;
        };
        if !name.starts_with(|first: char| first.is_ascii_uppercase()) || name.contains('_') {
            self.fault(
                Fault::new("an operation's name is PascalCase", name.location(), "this name becomes the operationId")
                    .help("connectors refuse anything but letters and digits, the first one upper case"),
            );
        }
        if !self.directives.check(written, self.sources, self.faults) {
            return None;
        }
        let mut definition = written.clone();
        self.expand(&mut definition.make_mut().selection_set, fragments, 0);
        let [Selection::Field(_)] = definition.selection_set.as_slice() else {
            self.fault(
                Fault::new("an operation asks for exactly one root field", at, "its value becomes the whole answer")
                    .help("write one operation for each root field"),
            );
            return None;
        };
        let Some(rest) = written.directives.get("rest") else {
            self.fault(
                Fault::new(format!("{name} is not served"), name.location(), "no @rest(method:, path:) here")
                    .help("every operation of the catalogue is an endpoint"),
            );
            return None;
        };
        let (summary, description) = self.comment(at);
        if summary.is_empty() {
            self.fault(
                Fault::new(
                    format!("{name} has no description"),
                    name.location(),
                    "write a comment above the operation",
                )
                .help("its first line is the summary in the published documents, the rest the description"),
            );
        }
        let method = Method::from_bytes(self.directives.enumeration(rest, "method").as_bytes()).unwrap_or(Method::GET);
        if !may_serve(written.operation_type, &method) {
            self.fault(Fault::new(
                format!("a {} cannot be served by {method}", written.operation_type),
                rest.location(),
                "GET is for queries and subscriptions, the other methods are for mutations",
            ));
        }
        let path = self.path(rest)?;
        let variables: Vec<_> = written.variables.iter().map(|each| self.variable(each, &path, &method)).collect();
        for missing in path.variables().filter(|name| !variables.iter().any(|each| each.name == *name)) {
            self.fault(Fault::new(
                format!("the path names {{{missing}}}, which is no variable of {name}"),
                rest.location(),
                format!("declare ${missing}, or take it out of the path"),
            ));
        }
        let cache = written.directives.get("cache");
        let invalidates = written.directives.get("invalidates");
        let mut tags = |directive| {
            let known: Vec<_> = variables.iter().map(|each| each.name.as_str()).collect();
            self.tags(directive, &known)
        };
        let cache_tags = cache.map(&mut tags).unwrap_or_default();
        let invalidates = invalidates.map(tags).unwrap_or_default();
        let status = self.status(rest, "status", 200..=299);
        Some(Operation {
            name: name.to_string(),
            kind: written.operation_type,
            resource: resource.to_owned(),
            summary,
            description,
            status,
            absent: self.status(rest, "absent", 200..=499),
            poll: Some(self.directives.integer(rest, "poll").unsigned_abs()).filter(|seconds| *seconds > 0),
            one: self.directives.boolean(rest, "one"),
            list: self.directives.string(rest, "list"),
            object: self.directives.string(rest, "object"),
            lifespan: Lifespan { since: self.version(rest, "since"), until: self.version(rest, "until") },
            cache: cache.map(|each| CachePolicy {
                ttl: Duration::from_secs(self.directives.integer(each, "ttl").unsigned_abs().into()),
                public: self.directives.enumeration(each, "scope") == "PUBLIC",
                tags: cache_tags,
            }),
            invalidates,
            requires_empty: written.directives.get("requiresEmpty").and_then(|each| {
                Some(RequiresEmpty {
                    operation: self.directives.string(each, "operation")?,
                    detail: self.directives.string(each, "detail")?,
                })
            }),
            stream: written.directives.has("stream"),
            replay: written.directives.get("stream").and_then(|each| self.directives.string(each, "replay")),
            method,
            path,
            variables,
            definition,
            sources: Arc::clone(self.sources),
        })
    }

    /// Replaces fragment spreads by what they stand for, so that later steps see plain fields only.
    fn expand(
        &mut self,
        selections: &mut Vec<Selection>,
        fragments: &IndexMap<Name, Node<FragmentDefinition>>,
        depth: usize,
    ) {
        let written = std::mem::take(selections);
        for mut selection in written {
            match &mut selection {
                Selection::Field(field) => {
                    self.expand(&mut field.make_mut().selection_set, fragments, depth);
                    selections.push(selection);
                }
                Selection::FragmentSpread(spread) => match fragments.get(&spread.fragment_name) {
                    Some(fragment) if depth < 8 => {
                        let mut inner = fragment.selection_set.clone();
                        self.expand(&mut inner, fragments, depth + 1);
                        selections.append(&mut inner);
                    }
                    Some(_) => {
                        self.fault(Fault::new("fragments nest too deeply", spread.location(), "at most 8 levels"))
                    }
                    None => self.fault(Fault::new(
                        format!("there is no fragment {}", spread.fragment_name),
                        spread.location(),
                        "fragments are declared in the file that uses them",
                    )),
                },
                Selection::InlineFragment(inline) => {
                    self.fault(Fault::new("inline fragments are not served", inline.location(), "list the fields"));
                }
            }
        }
    }

    /// The comment lines directly above an operation: the first is the summary, the rest the description.
    fn comment(&self, at: Option<SourceSpan>) -> (String, String) {
        let above = at.and_then(|at| self.sources.get(&at.file_id())?.source_text().get(..at.offset()));
        let mut lines: Vec<&str> = above
            .unwrap_or_default()
            .lines()
            .rev()
            .map_while(|line| line.strip_prefix('#'))
            .map(|line| line.strip_prefix(' ').unwrap_or(line))
            .collect();
        lines.reverse();
        let summary = lines.first().copied().unwrap_or_default().trim().to_owned();
        (summary, lines.get(1..).unwrap_or_default().join("\n").trim().to_owned())
    }

    fn path(&mut self, rest: &Node<apollo_compiler::ast::Directive>) -> Option<Path> {
        let directives = self.directives;
        let value = directives.text(rest, "path")?;
        match Path::parse(value.as_str()?) {
            Ok(path) => Some(path),
            Err(why) => {
                self.fault(Fault::new("this is not a path", value.location(), why));
                None
            }
        }
    }

    fn variable(&mut self, written: &Node<VariableDefinition>, path: &Path, method: &Method) -> Variable {
        let directives = self.directives;
        let name = written.name.as_str();
        let mut chosen = Vec::new();
        for directive in written.directives.iter() {
            let text = |argument: &str| directives.string(directive, argument).unwrap_or_default();
            chosen.push(match directive.name.as_str() {
                "from" => Source::Header(text("header")),
                "flat" => Source::Flat,
                "lookup" => Source::Lookup {
                    operation: text("operation"),
                    path: text("path").split('.').map(str::to_owned).collect(),
                },
                "merge" => Source::Merge { operation: text("operation"), by: text("by") },
                _ => Source::Page(match directives.enumeration(directive, "as") {
                    "LIMIT" => PageRole::Limit,
                    "AFTER" => PageRole::After,
                    "NUMBER_FROM_ONE" => PageRole::Number { first: 1 },
                    _ => PageRole::Number { first: 0 },
                }),
            });
        }
        let by_rule = if path.variables().any(|each| each == name) {
            Source::Path
        } else if method == Method::GET || method == Method::DELETE {
            Source::Query
        } else {
            Source::Body
        };
        if chosen.len() > 1 || (by_rule == Source::Path && !chosen.is_empty()) {
            self.fault(Fault::new(
                format!("${name} has two sources"),
                written.location(),
                "a variable comes from the path, or from one directive, or from where the method says",
            ));
        }
        if by_rule == Source::Path && !written.ty.is_non_null() {
            self.fault(Fault::new(
                format!("${name} stands in the path but may be null"),
                written.location(),
                format!("write {}!", written.ty),
            ));
        }
        Variable { name: name.to_owned(), source: chosen.pop().unwrap_or(by_rule), definition: written.clone() }
    }

    fn tags(&mut self, directive: &Node<apollo_compiler::ast::Directive>, variables: &[&str]) -> Vec<Tag> {
        let directives = self.directives;
        let mut tags = Vec::new();
        for value in directives.list(directive, "tags") {
            let text = value.as_str().unwrap_or_default();
            match Tag::parse(text) {
                Ok(tag) => match &tag.variable {
                    Some(name) if !variables.contains(&name.as_str()) => self.fault(
                        Fault::new(
                            format!("the tag names {{{name}}}, which is no variable here"),
                            value.location(),
                            "a tag can only be told apart by a variable of its operation",
                        )
                        .help("tag by the collection instead, for example \"deployments\""),
                    ),
                    _ => tags.push(tag),
                },
                Err(why) => self.fault(Fault::new("this is not a tag", value.location(), why)),
            }
        }
        tags
    }

    fn status(
        &mut self,
        rest: &Node<apollo_compiler::ast::Directive>,
        argument: &str,
        range: std::ops::RangeInclusive<u16>,
    ) -> StatusCode {
        let number = u16::try_from(self.directives.integer(rest, argument)).unwrap_or_default();
        match StatusCode::from_u16(number) {
            Ok(status) if range.contains(&number) => status,
            _ => {
                let label = format!("{argument} lies between {} and {}", range.start(), range.end());
                self.fault(Fault::new(format!("{number} is no status for this"), rest.location(), label));
                StatusCode::OK
            }
        }
    }

    fn version(&mut self, rest: &Node<apollo_compiler::ast::Directive>, argument: &str) -> Option<Version> {
        let directives = self.directives;
        let value = directives.text(rest, argument)?;
        match value.as_str()?.parse() {
            Ok(version) => Some(version),
            Err(why) => {
                self.fault(Fault::new("this is not a Houston version", value.location(), why.to_string()));
                None
            }
        }
    }
}
