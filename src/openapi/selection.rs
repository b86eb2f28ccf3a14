//! What an answer holds: a plan's selection, joined with the types, descriptions and examples of Houston's schema.

use super::{describe, example};
use crate::catalogue::{Plan, RoutePlan, Shape};
use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, Selection, Type},
    schema::ExtendedType,
};
use serde_json::Value;

/// What a route answers with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// An object.
    Object(Record),
    /// A list in its envelope.
    List(List),
    /// A scalar, in an object under its name.
    Scalar(Field),
}

/// A list and what stands beside it in the envelope.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct List {
    pub(super) items: Content,
    pub(super) beside: Vec<Field>,
}

/// The selected fields of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// The name of its type in Houston's schema.
    pub(super) of: String,
    pub(super) description: String,
    pub(super) fields: Vec<Field>,
}

/// A selected field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) nullable: bool,
    pub(super) content: Content,
    pub(super) example: Option<Value>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Leaf(Leaf),
    Record(Record),
    List(Box<Self>),
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Text,
    Integer,
    Number,
    Boolean,
    Time,
    Any,
    Choice(Vec<String>),
}

/// Where types are looked up.
#[derive(Clone, Copy)]
pub(super) struct Reader<'c> {
    /// Houston's schema over all releases, which has the descriptions and the examples.
    pub(super) all: &'c Schema,
    /// The schema of the Houston that is described, which has the types.
    pub(super) server: &'c Schema,
}

impl Reader<'_> {
    /// What a route answers with: all that its operations answer with. They differ in where they get it, hardly in what.
    pub(super) fn answer(&self, route: &RoutePlan) -> Option<Answer> {
        let mut answers = route.plans.iter().filter_map(|plan| self.answer_of(plan));
        let first = answers.next()?;
        Some(answers.fold(first, Answer::or))
    }

    fn answer_of(&self, plan: &Plan) -> Option<Answer> {
        let root = self.server.root_operation(plan.operation.kind)?;
        let field = self.server.type_field(root, plan.operation.root_field()).ok()?;
        let content = self.content(&plan.root_type, &plan.selection);
        Some(match (&plan.shape, content) {
            (Shape::Scalar, content) => {
                let mut scalar = self.field(&plan.response_key, root, field, content);
                scalar.nullable &= plan.operation.absent.is_success();
                Answer::Scalar(scalar)
            }
            (Shape::Wrapped(list), Content::Record(mut holder)) => {
                let at = holder.fields.iter().position(|each| each.name == *list)?;
                let Content::List(items) = holder.fields.remove(at).content else { return None };
                Answer::List(List { items: *items, beside: holder.fields })
            }
            (Shape::Inner(inner), Content::Record(mut holder)) => {
                let at = holder.fields.iter().position(|each| each.name == *inner)?;
                let Content::Record(object) = holder.fields.remove(at).content else { return None };
                Answer::Object(object)
            }
            (Shape::List, Content::List(items)) => Answer::List(List { items: *items, beside: Vec::new() }),
            (Shape::First, Content::List(items)) => match *items {
                Content::Record(record) => Answer::Object(record),
                _ => return None,
            },
            (_, Content::Record(record)) => Answer::Object(record),
            _ => return None,
        })
    }

    fn content(&self, ty: &Type, selection: &[Selection]) -> Content {
        if ty.is_list() {
            Content::List(Box::new(self.content(ty.item_type(), selection)))
        } else if selection.is_empty() {
            Content::Leaf(self.leaf(ty.inner_named_type()))
        } else {
            Content::Record(self.record(ty.inner_named_type(), selection))
        }
    }

    fn record(&self, name: &str, selection: &[Selection]) -> Record {
        let known = self.all.types.get(name).or_else(|| self.server.types.get(name));
        let description = known.and_then(|ty| ty.description());
        let fields = selection.iter().filter_map(Selection::as_field).filter_map(|selected| {
            let definition = self.server.type_field(name, &selected.name).ok()?;
            let content = self.content(&definition.ty, &selected.selection_set);
            Some(self.field(selected.response_name(), name, definition, content))
        });
        let description = description.map(|text| describe::unwrapped(text)).unwrap_or_default();
        Record { of: name.to_owned(), description, fields: fields.collect() }
    }

    /// A field of `parent`, as `name`.
    fn field(&self, name: &str, parent: &str, definition: &FieldDefinition, content: Content) -> Field {
        let annotated = self.all.type_field(parent, &definition.name).ok();
        let declared = annotated.and_then(|annotated| example::declared(&annotated.directives));
        let description = annotated.and_then(|each| each.description.as_deref()).or(definition.description.as_deref());
        Field {
            name: name.to_owned(),
            description: description.map_or_else(|| format!("{}.", describe::label(name)), describe::unwrapped),
            nullable: !definition.ty.is_non_null(),
            example: declared.filter(|value| fits(value, &content)),
            content,
        }
    }

    fn leaf(&self, name: &str) -> Leaf {
        match (name, self.server.types.get(name)) {
            ("Int", _) => Leaf::Integer,
            ("Float", _) => Leaf::Number,
            ("Boolean", _) => Leaf::Boolean,
            ("DateTime", _) => Leaf::Time,
            ("String" | "ID" | "Uuid" | "Id", _) => Leaf::Text,
            (_, Some(ExtendedType::Enum(values))) => {
                Leaf::Choice(values.values.keys().map(ToString::to_string).collect())
            }
            _ => Leaf::Any,
        }
    }
}

impl Answer {
    /// Adds the fields that only `other` has.
    fn or(mut self, other: Self) -> Self {
        match (&mut self, other) {
            (Self::Object(own), Self::Object(other)) => own.add(other),
            (Self::List(own), Self::List(other)) => {
                if let (Content::Record(own), Content::Record(other)) = (&mut own.items, other.items) {
                    own.add(other);
                }
            }
            _ => {}
        }
        self
    }

    /// The object, or the objects of the list.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Object(record) | Self::List(List { items: Content::Record(record), .. }) => Some(record),
            _ => None,
        }
    }
}

impl Record {
    fn add(&mut self, other: Self) {
        if self.of == other.of {
            let fresh = other.fields.into_iter().filter(|each| !self.has(&each.name)).collect::<Vec<_>>();
            self.fields.extend(fresh);
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|each| each.name == name)
    }

    /// How many fields there are, those of inner objects included.
    pub(super) fn size(&self) -> usize {
        let inner = self.fields.iter().filter_map(|each| each.content.record());
        self.fields.len() + inner.map(Self::size).sum::<usize>()
    }
}

impl Content {
    /// The object that it is or lists.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Leaf(_) => None,
            Self::Record(record) => Some(record),
            Self::List(items) => items.record(),
        }
    }
}

/// Whether a declared example is a value of what it stands at; an enumeration may lack it in this release.
fn fits(value: &Value, content: &Content) -> bool {
    match content {
        Content::Leaf(Leaf::Choice(values)) => {
            value.as_str().is_some_and(|text| values.iter().any(|each| each == text))
        }
        _ => true,
    }
}
