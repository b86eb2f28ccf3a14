//! The annotated schema, and the slice of it that one release has.

use crate::Version;
use apollo_compiler::{
    Name, Node, Schema,
    ast::{Definition, DirectiveList, Document, FieldDefinition, InputValueDefinition},
    validation::Valid,
};

/// Directives that speak to this project and that no Houston knows; a slice carries none of them.
const ANNOTATIONS: [&str; 5] = ["since", "until", "permissions", "secret", "example"];

/// A placeholder of the schema document for a result that nobody has documented. No Houston has such a type, so a
/// slice carries no field that returns it; only a server's own introspection can tell what such a field really is.
pub const UNKNOWN_SHAPE: &str = "UnknownShape";

/// Houston's schema over all releases, with the annotations that say which release has what.
#[derive(Debug)]
pub struct HoustonSchema {
    document: Document,
    all: Valid<Schema>,
}

/// Why a schema document cannot be used. The text names file, line and column of every fault.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The document is not a valid GraphQL schema.
    #[error("{0}")]
    Invalid(String),
    /// What is left of the document at one release is not a valid schema.
    #[error("the schema is not valid at Houston {version}:\n{faults}")]
    InvalidSlice {
        /// The release.
        version: Version,
        /// The reports.
        faults: String,
    },
    /// `@since` or `@until` holds something that is not a release.
    #[error("{at}: {source}")]
    Version {
        /// Where it stands: file, line and column.
        at: String,
        /// What is wrong with it.
        source: crate::InvalidVersion,
    },
}

/// The releases that have an element: from `since` (the oldest, if absent) up to but not including `until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifespan {
    /// First release with the element.
    pub since: Option<Version>,
    /// First release without it.
    pub until: Option<Version>,
}

impl Lifespan {
    /// Reads `@since` and `@until` off an element. Anything unreadable counts as absent:
    /// [`HoustonSchema::parse`] refuses such documents.
    #[must_use]
    pub fn of(directives: &DirectiveList) -> Self {
        let read = |name: &str| {
            let argument = directives.get(name)?.specified_argument_by_name("v")?;
            argument.as_str()?.parse().ok()
        };
        Self { since: read("since"), until: read("until") }
    }

    /// Whether `version` has the element.
    #[must_use]
    pub fn contains(&self, version: Version) -> bool {
        self.since.is_none_or(|since| since <= version) && self.until.is_none_or(|until| version < until)
    }

    /// The releases that both lifespans cover.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { since: self.since.max(other.since), until }
    }

    /// The releases from the first to the last that one of the lifespans covers.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let since = self.since.zip(other.since).map(|(a, b)| a.min(b));
        let until = self.until.zip(other.until).map(|(a, b)| a.max(b));
        Self { since, until }
    }
}

impl HoustonSchema {
    /// Parses and checks an annotated schema document. `path` is the name that diagnostics show.
    ///
    /// # Errors
    /// Every syntax and validation fault, with positions.
    pub fn parse(sdl: &str, path: &str) -> Result<Self, SchemaError> {
        let document = Document::parse(sdl, path).map_err(|faults| SchemaError::Invalid(faults.errors.to_string()))?;
        let all = document.to_schema_validate().map_err(|faults| SchemaError::Invalid(faults.errors.to_string()))?;
        let schema = Self { document, all };
        schema.check_annotations()?;
        Ok(schema)
    }

    /// The schema over all releases, annotations included. No single Houston has exactly this schema.
    #[must_use]
    pub fn all(&self) -> &Valid<Schema> {
        &self.all
    }

    /// The schema of one release, without annotations.
    ///
    /// # Errors
    /// If what is left at `version` is not a valid schema: a fault of the document, not of the version.
    pub fn at(&self, version: Version) -> Result<Valid<Schema>, SchemaError> {
        let mut slice = Document::new();
        slice.sources = self.document.sources.clone();
        slice.definitions =
            self.document.definitions.iter().filter_map(|each| slice_definition(each, version)).collect();
        slice
            .to_schema_validate()
            .map_err(|faults| SchemaError::InvalidSlice { version, faults: faults.errors.to_string() })
    }

    fn check_annotations(&self) -> Result<(), SchemaError> {
        let mut lists: Vec<&DirectiveList> = Vec::new();
        for definition in &self.document.definitions {
            lists.push(definition.directives());
            match definition {
                Definition::ObjectTypeDefinition(object) => {
                    for field in &object.fields {
                        lists.push(&field.directives);
                        lists.extend(field.arguments.iter().map(|each| &each.directives));
                    }
                }
                Definition::InputObjectTypeDefinition(input) => {
                    lists.extend(input.fields.iter().map(|each| &each.directives));
                }
                Definition::EnumTypeDefinition(values) => {
                    lists.extend(values.values.iter().map(|each| &each.directives));
                }
                _ => {}
            }
        }
        for directive in lists.into_iter().flat_map(|list| list.iter()) {
            let version = match directive.name.as_str() {
                "since" | "until" => directive.specified_argument_by_name("v").and_then(|value| value.as_str()),
                _ => None,
            };
            if let Some(Err(source)) = version.map(str::parse::<Version>) {
                let at = match directive.line_column_range(&self.document.sources) {
                    Some(range) => format!("config/houston.graphql:{}:{}", range.start.line, range.start.column),
                    None => "config/houston.graphql".to_owned(),
                };
                return Err(SchemaError::Version { at, source });
            }
        }
        Ok(())
    }
}

fn slice_definition(definition: &Definition, version: Version) -> Option<Definition> {
    if !Lifespan::of(definition.directives()).contains(version) || definition.name().is_some_and(is_placeholder) {
        return None;
    }
    let mut definition = definition.clone();
    match &mut definition {
        Definition::DirectiveDefinition(directive) if ANNOTATIONS.contains(&directive.name.as_str()) => return None,
        Definition::ScalarTypeDefinition(scalar) => strip(&mut scalar.make_mut().directives),
        Definition::ObjectTypeDefinition(object) => {
            let object = object.make_mut();
            strip(&mut object.directives);
            object.fields.retain(|field| {
                Lifespan::of(&field.directives).contains(version) && !is_placeholder(field.ty.inner_named_type())
            });
            for field in &mut object.fields {
                let field: &mut FieldDefinition = field.make_mut();
                strip(&mut field.directives);
                slice_inputs(&mut field.arguments, version);
            }
        }
        Definition::InputObjectTypeDefinition(input) => {
            let input = input.make_mut();
            strip(&mut input.directives);
            slice_inputs(&mut input.fields, version);
        }
        Definition::EnumTypeDefinition(values) => {
            let values = values.make_mut();
            strip(&mut values.directives);
            values.values.retain(|each| Lifespan::of(&each.directives).contains(version));
            for value in &mut values.values {
                strip(&mut value.make_mut().directives);
            }
        }
        _ => {}
    }
    Some(definition)
}

fn slice_inputs(inputs: &mut Vec<Node<InputValueDefinition>>, version: Version) {
    inputs.retain(|each| Lifespan::of(&each.directives).contains(version));
    for input in inputs {
        strip(&mut input.make_mut().directives);
    }
}

fn strip(directives: &mut DirectiveList) {
    directives.retain(|each| !ANNOTATIONS.contains(&each.name.as_str()));
}

fn is_placeholder(name: &Name) -> bool {
    name.as_str() == UNKNOWN_SHAPE
}
