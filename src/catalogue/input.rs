//! What a caller may send: the type of every variable, as one Houston takes it.

use apollo_compiler::{
    Name, Node, Schema,
    ast::{InputObjectTypeDefinition, InputValueDefinition, Type},
    collections::IndexMap,
    schema::ExtendedType,
};
use houston_schema::Lifespan;
use std::sync::Arc;

/// Input types that the catalogue declares itself; Houston takes them as JSON.
pub(super) type VirtualInputs = IndexMap<Name, Node<InputObjectTypeDefinition>>;

/// The type of a variable, of a list's items or of an input field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputType {
    /// Whether null is a value of the type.
    pub nullable: bool,
    /// What the value is otherwise.
    pub kind: InputKind,
}

/// See [`InputType`]. Coercion goes by the kind, never by what a text looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// A 32-bit integer (GraphQL, 3.5.1).
    Int,
    /// A double.
    Float,
    /// True or false.
    Boolean,
    /// `String`, `ID`, and Houston's `Uuid` and `Id`: text as it is. Houston's ids are opaque.
    Text {
        /// Whether the text identifies something, and so cannot be empty.
        id: bool,
    },
    /// A time (RFC 3339).
    DateTime,
    /// Any JSON value.
    Json,
    /// One of a few names.
    Enum(Arc<EnumType>),
    /// A list.
    List(Box<InputType>),
    /// An object with known fields.
    Object(Arc<ObjectType>),
}

/// An enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnumType {
    /// Its name in Houston's schema.
    pub name: String,
    /// The values that this Houston takes.
    pub values: Vec<String>,
    /// The values that only other releases take.
    pub elsewhere: Vec<(String, Lifespan)>,
}

/// An input object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectType {
    /// Its name in Houston's schema or in the catalogue.
    pub name: String,
    /// The fields that this Houston takes.
    pub fields: Vec<InputField>,
    /// The fields that only other releases take.
    pub elsewhere: Vec<(String, Lifespan)>,
}

/// A field of an input object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputField {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: InputType,
    /// Whether it has a default, so that it may be absent although its type is not nullable.
    pub has_default: bool,
    /// Whether Houston takes it and never shows it.
    pub is_secret: bool,
}

impl InputField {
    /// Whether a caller has to send the field.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !self.ty.nullable && !self.has_default
    }
}

/// Where the names in a variable's type are looked up.
#[derive(Clone, Copy)]
pub(super) struct Types<'a> {
    pub(super) all: &'a Schema,
    pub(super) server: &'a Schema,
    pub(super) virtuals: &'a VirtualInputs,
}

impl Types<'_> {
    /// The input type that `ty` names. A name that no schema declares is taken as any JSON; validation reports it.
    pub(super) fn input(&self, ty: &Type) -> InputType {
        self.nested(ty, 0)
    }

    fn nested(&self, ty: &Type, depth: usize) -> InputType {
        let kind = match ty {
            Type::List(item) | Type::NonNullList(item) => InputKind::List(Box::new(self.nested(item, depth))),
            Type::Named(name) | Type::NonNullNamed(name) => self.named(name, depth),
        };
        InputType { nullable: !ty.is_non_null(), kind }
    }

    fn named(&self, name: &Name, depth: usize) -> InputKind {
        match name.as_str() {
            "Int" => return InputKind::Int,
            "Float" => return InputKind::Float,
            "Boolean" => return InputKind::Boolean,
            "String" => return InputKind::Text { id: false },
            "ID" | "Uuid" | "Id" => return InputKind::Text { id: true },
            "DateTime" => return InputKind::DateTime,
            _ => {}
        }
        let known = self.server.types.get(name).or_else(|| self.all.types.get(name));
        match (self.virtuals.get(name), known) {
            // A type that contains itself is cut off and taken as JSON, which Houston checks anyway.
            _ if depth > 8 => InputKind::Json,
            (Some(declared), _) => InputKind::Object(Arc::new(ObjectType {
                name: name.to_string(),
                fields: declared.fields.iter().map(|each| self.field(each, each, depth)).collect(),
                elsewhere: Vec::new(),
            })),
            (None, Some(ExtendedType::InputObject(input))) => {
                let all = self.all.get_input_object(name);
                let elsewhere = all.into_iter().flat_map(|all| &all.fields);
                let annotated = |field| all.and_then(|all| all.fields.get(field));
                InputKind::Object(Arc::new(ObjectType {
                    name: name.to_string(),
                    fields: input
                        .fields
                        .values()
                        .map(|each| self.field(each, annotated(&each.name).unwrap_or(each), depth))
                        .collect(),
                    elsewhere: elsewhere
                        .filter(|(name, _)| !input.fields.contains_key(*name))
                        .map(|(name, field)| (name.to_string(), Lifespan::of(&field.directives)))
                        .collect(),
                }))
            }
            (None, Some(ExtendedType::Enum(values))) => {
                let elsewhere = self.all.get_enum(name).into_iter().flat_map(|all| &all.values);
                InputKind::Enum(Arc::new(EnumType {
                    name: name.to_string(),
                    values: values.values.keys().map(Name::to_string).collect(),
                    elsewhere: elsewhere
                        .filter(|(name, _)| !values.values.contains_key(*name))
                        .map(|(name, value)| (name.to_string(), Lifespan::of(&value.directives)))
                        .collect(),
                }))
            }
            _ => InputKind::Json,
        }
    }

    /// `annotated` is the same field in the schema over all releases: a server's own schema has no annotations.
    fn field(&self, field: &InputValueDefinition, annotated: &InputValueDefinition, depth: usize) -> InputField {
        InputField {
            name: field.name.to_string(),
            ty: self.nested(&field.ty, depth + 1),
            has_default: field.default_value.is_some(),
            is_secret: annotated.directives.has("secret"),
        }
    }
}
