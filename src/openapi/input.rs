//! What callers send: schemas of parameters and of request bodies, and the bodies' examples.

use super::{
    describe, example,
    schema::{leaf, list, reference, typed},
    selection::Leaf,
    usage::Meaning,
};
use crate::{
    catalogue::{Catalogue, Input, InputField, InputKind, InputType, ObjectType, Plan, Source},
    gateway::LONGEST_PARAMETER,
};
use apollo_compiler::ast::InputValueDefinition;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type, schema::AdditionalProperties};

/// The most characters that a text in a body can have: as many as the largest body has bytes by default.
const LONGEST_TEXT: usize = 1_048_576;

/// The nested input objects that were met, by name, and whether null is one of their values.
pub(super) type InputObjects = BTreeMap<String, (bool, RefOr<Schema>)>;

/// One field of a body.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) ty: InputType,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    pub(super) meaning: Meaning,
}

/// A leaf, if the kind is one.
fn as_leaf(kind: &InputKind) -> Option<Leaf> {
    Some(match kind {
        InputKind::Int => Leaf::Integer,
        InputKind::Float => Leaf::Number,
        InputKind::Boolean => Leaf::Boolean,
        InputKind::Text { .. } => Leaf::Text,
        InputKind::DateTime => Leaf::Time,
        InputKind::Json => Leaf::Any,
        InputKind::Enum(values) => Leaf::Choice(values.values.clone()),
        InputKind::List(_) | InputKind::Object(_) => return None,
    })
}

/// The schema of a value in the path, the query string or a header.
pub(super) fn parameter(ty: &InputType, default: Option<Value>) -> RefOr<Schema> {
    match &ty.kind {
        InputKind::List(item) => {
            list(parameter(item, None), false, "").description(None::<String>).default(default).into()
        }
        // Objects and arbitrary JSON stand in an address as their text.
        InputKind::Object(_) | InputKind::Json => bounded(leaf(&Leaf::Text, false), 1, LONGEST_PARAMETER).into(),
        kind => {
            let leaf = leaf(&as_leaf(kind).unwrap_or(Leaf::Text), false).default(default);
            match kind {
                InputKind::Text { .. } => bounded(leaf, 1, LONGEST_PARAMETER).into(),
                _ => leaf.into(),
            }
        }
    }
}

/// The fields of the body that one plan takes.
pub(super) fn members(catalogue: &Catalogue, plan: &Plan) -> Vec<Member> {
    plan.inputs.iter().flat_map(|input| members_of(catalogue, plan, input)).collect()
}

fn members_of(catalogue: &Catalogue, plan: &Plan, input: &Input) -> Vec<Member> {
    match (&input.source, &input.ty.kind) {
        (Source::Body | Source::Merge { .. }, _) => {
            let variable = plan.operation.variables.iter().find(|each| each.name == input.name);
            vec![Member {
                name: input.name.clone(),
                ty: input.ty.clone(),
                required: input.is_required(),
                default: variable.and_then(|each| each.default_value()).map(example::literal),
                meaning: Meaning::of_variable(catalogue, &plan.operation, &input.name),
            }]
        }
        (Source::Flat, InputKind::Object(object)) => {
            let member = |field: &InputField| Member {
                name: field.name.clone(),
                ty: field.ty.clone(),
                required: field.is_required(),
                default: None,
                meaning: meaning_of_field(catalogue, object, &field.name),
            };
            object.fields.iter().map(member).collect()
        }
        _ => Vec::new(),
    }
}

/// The schema of a body with these fields.
pub(super) fn body(catalogue: &Catalogue, members: &[Member], objects: &mut InputObjects) -> ObjectBuilder {
    let mut schema = ObjectBuilder::new().additional_properties(Some(AdditionalProperties::FreeForm(false)));
    for member in members {
        schema = schema
            .property(&member.name, value(catalogue, &member.ty, &member.meaning, objects, member.default.clone()));
        if member.required {
            schema = schema.required(&member.name);
        }
    }
    schema
}

fn value(
    catalogue: &Catalogue,
    ty: &InputType,
    meaning: &Meaning,
    objects: &mut InputObjects,
    default: Option<Value>,
) -> RefOr<Schema> {
    let example = meaning.example.as_ref().map(|declared| example::input(ty, Some(declared)));
    match &ty.kind {
        InputKind::List(item) => {
            let items = value(catalogue, item, &Meaning::default(), objects, None);
            list(items, ty.nullable, &meaning.description).default(default).examples(example).into()
        }
        InputKind::Object(object) => nested(catalogue, object, ty.nullable, objects),
        kind => {
            let mut schema = leaf(&as_leaf(kind).unwrap_or(Leaf::Any), ty.nullable).default(default).examples(example);
            if let InputKind::Text { id } = kind {
                schema = bounded(schema, usize::from(*id), LONGEST_TEXT);
            }
            if meaning.secret && matches!(kind, InputKind::Text { .. }) {
                schema = schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)));
            }
            if !meaning.description.is_empty() {
                schema = schema.description(Some(&meaning.description));
            }
            schema.into()
        }
    }
}

/// A component for an input object. A reference cannot say whether null is welcome, so the component does; should an
/// object be wanted both ways, the second way has a component of its own.
fn nested(catalogue: &Catalogue, object: &ObjectType, nullable: bool, objects: &mut InputObjects) -> RefOr<Schema> {
    let mut name = object.name.clone();
    if objects.get(&name).is_some_and(|(other, _)| *other != nullable) {
        name += if nullable { "OrNull" } else { "NotNull" };
    }
    if !objects.contains_key(&name) {
        let members = object.fields.iter().map(|field| Member {
            name: field.name.clone(),
            ty: field.ty.clone(),
            required: field.is_required(),
            default: None,
            meaning: meaning_of_field(catalogue, object, &field.name),
        });
        let members: Vec<_> = members.collect();
        let all = catalogue.schema.all();
        let description = all.types.get(object.name.as_str()).and_then(|ty| ty.description());
        let schema = body(catalogue, &members, objects)
            .schema_type(typed(Type::Object, nullable))
            .description(description.map(|text| describe::unwrapped(text)));
        objects.insert(name.clone(), (nullable, schema.into()));
    }
    reference(&name)
}

fn meaning_of_field(catalogue: &Catalogue, object: &ObjectType, field: &str) -> Meaning {
    let declared =
        catalogue.virtual_input(&object.name).and_then(|input| input.fields.iter().find(|each| each.name == field));
    let known = || catalogue.schema.all().get_input_object(&object.name)?.fields.get(field).map(|each| &each.node);
    let definition: Option<&InputValueDefinition> = declared.or_else(known).map(|each| &**each);
    definition.map(Meaning::of).unwrap_or_default()
}

/// A body that can be sent: what is required and a few of the fields that most callers set.
pub(super) fn body_example(members: &[Member]) -> Value {
    const TYPICAL: usize = 2;
    let value = |member: &Member| (member.name.clone(), example::input(&member.ty, member.meaning.example.as_ref()));
    let required: Vec<_> = members.iter().filter(|member| member.required).collect();
    let typical = members.iter().filter(|member| !member.required && is_typical(member));
    if required.is_empty() {
        // A change of one thing. A description is best: nothing else goes by it.
        let target = members.first().filter(|member| matches!(member.ty.kind, InputKind::Text { id: true }));
        let typical: Vec<_> = typical.collect();
        let described = typical.iter().find(|member| member.name == "description");
        let chosen = described.map_or(&typical[..typical.len().min(TYPICAL)], std::slice::from_ref);
        return target.into_iter().chain(chosen.iter().copied()).map(value).collect::<Map<_, _>>().into();
    }
    let typical: Vec<_> = typical.take(TYPICAL).map(|member| &member.name).collect();
    let is_key = |member: &Member| matches!(member.ty.kind, InputKind::Text { id: true });
    let chosen = |member: &&Member| member.required || is_key(member) || typical.contains(&&member.name);
    members.iter().filter(chosen).map(value).collect::<Map<_, _>>().into()
}

/// Whether most callers set the field. Versions and release names fit one installation only.
fn is_typical(member: &Member) -> bool {
    let plain = matches!(member.ty.kind, InputKind::Text { id: false } | InputKind::Enum(_) | InputKind::Boolean);
    let particular =
        ["releaseName", "namespace", "version"].contains(&&*member.name) || member.name.ends_with("Version");
    plain && !particular && !member.meaning.secret && member.meaning.example.is_some()
}

fn bounded(schema: ObjectBuilder, least: usize, most: usize) -> ObjectBuilder {
    schema.min_length((least > 0).then_some(least)).max_length(Some(most))
}
