//! Reads one annotated GraphQL operation, and reports all that is wrong with it by itself.

use super::{
    diagnostic::{Diagnostics, Fault},
    directive::{Directives, may_serve},
    operation::{CachePolicy, Operation, PageRole, RequiresEmpty, Source, Variable},
    template::{Path, Segment, Tag},
};
use apollo_compiler::{
    Name, Node,
    ast::{Directive, FragmentDefinition, OperationDefinition, Selection, VariableDefinition},
    collections::IndexMap,
    parser::{SourceMap, SourceSpan},
};
use houston_schema::{Lifespan, Version};
use http::{HeaderName, Method, StatusCode};
use std::{ops::RangeInclusive, sync::Arc, time::Duration};

/// First segments of paths that the gateway itself answers.
const TAKEN: [&str; 11] = [
    "cache",
    "docs",
    "livez",
    "metrics",
    "openapi-3.1.json",
    "openapi.json",
    "openapi.yaml",
    "postman.json",
    "problems",
    "readyz",
    "swagger2.json",
];

/// How deeply fragments may stand in each other. Those that lead back to themselves would never end.
const MAX_FRAGMENTS: usize = 8;

/// Reads one operation. `None` means that faults were recorded.
pub(super) fn operation(
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
            poll: Some(self.seconds(rest, "poll")).filter(|seconds| *seconds > 0),
            one: self.directives.boolean(rest, "one"),
            list: self.directives.string(rest, "list"),
            object: self.directives.string(rest, "object"),
            lifespan: self.lifespan(rest),
            cache: cache.map(|each| CachePolicy {
                ttl: Duration::from_secs(self.seconds(each, "ttl").into()),
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
                    Some(fragment) if depth < MAX_FRAGMENTS => {
                        let mut inner = fragment.selection_set.clone();
                        self.expand(&mut inner, fragments, depth + 1);
                        selections.append(&mut inner);
                    }
                    Some(_) => {
                        let label = format!("at most {MAX_FRAGMENTS} levels");
                        self.fault(Fault::new("fragments nest too deeply", spread.location(), label));
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

    fn path(&mut self, rest: &Node<Directive>) -> Option<Path> {
        let directives = self.directives;
        let value = directives.text(rest, "path")?;
        match Path::parse(value.as_str()?) {
            Ok(path) => {
                if let Some(Segment::Literal(word)) = path.segments().first()
                    && TAKEN.contains(&word.as_str())
                {
                    let message = format!("the gateway itself answers at /{word}");
                    self.fault(Fault::new(message, value.location(), "choose another first word"));
                }
                Some(path)
            }
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
                "from" => {
                    let header = text("header");
                    if HeaderName::try_from(&header).is_err() {
                        let label = "letters, digits and hyphens";
                        self.fault(Fault::new(format!("\"{header}\" is no header"), directive.location(), label));
                    }
                    Source::Header(header)
                }
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

    fn tags(&mut self, directive: &Node<Directive>, variables: &[&str]) -> Vec<Tag> {
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

    fn status(&mut self, rest: &Node<Directive>, argument: &str, range: RangeInclusive<u16>) -> StatusCode {
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

    fn seconds(&mut self, directive: &Node<Directive>, argument: &str) -> u32 {
        let number = self.directives.integer(directive, argument);
        u32::try_from(number).unwrap_or_else(|_| {
            let message = format!("{number} is no time");
            self.fault(Fault::new(message, directive.location(), format!("{argument} is a number of seconds")));
            0
        })
    }

    fn lifespan(&mut self, rest: &Node<Directive>) -> Lifespan {
        let lifespan = Lifespan { since: self.version(rest, "since"), until: self.version(rest, "until") };
        if let (Some(since), Some(until)) = (lifespan.since, lifespan.until)
            && since >= until
        {
            let label = "until is the first release that is too new";
            self.fault(Fault::new(format!("no release is from {since} to before {until}"), rest.location(), label));
        }
        lifespan
    }

    fn version(&mut self, rest: &Node<Directive>, argument: &str) -> Option<Version> {
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
