//! Schemas of answers: they follow what is selected, never the whole type.
//!
//! An object that a field holds stands where it is, since a reference could say neither what the field is nor that it may
//! be null. Answers and the items of lists are named components.

use super::{
    describe,
    names::Names,
    selection::{Answer, Content, Field, Leaf, List, Record},
};
use utoipa::openapi::{
    AllOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Ref, RefOr, Schema, SchemaFormat, Type,
    schema::{ComponentsBuilder, SchemaType},
};

/// The schema of a value without parts.
pub(super) fn leaf(leaf: &Leaf, nullable: bool) -> ObjectBuilder {
    let (ty, format) = match leaf {
        Leaf::Text | Leaf::Choice(_) => (Type::String, None),
        Leaf::Integer => (Type::Integer, Some(KnownFormat::Int32)),
        Leaf::Number => (Type::Number, Some(KnownFormat::Double)),
        Leaf::Boolean => (Type::Boolean, None),
        Leaf::Time => (Type::String, Some(KnownFormat::DateTime)),
        Leaf::Any => return ObjectBuilder::new().schema_type(SchemaType::AnyValue),
    };
    let schema = ObjectBuilder::new().schema_type(typed(ty, nullable)).format(format.map(SchemaFormat::KnownFormat));
    match leaf {
        Leaf::Integer => schema.minimum(Some(f64::from(i32::MIN))).maximum(Some(f64::from(i32::MAX))),
        Leaf::Choice(values) => {
            let null = nullable.then_some(serde_json::Value::Null);
            schema.enum_values(Some(values.iter().map(|each| each.as_str().into()).chain(null)))
        }
        _ => schema,
    }
}

/// A type that null may belong to.
pub(super) fn typed(ty: Type, nullable: bool) -> SchemaType {
    if nullable { [ty, Type::Null].into_iter().collect() } else { ty.into() }
}

/// A list of `items`.
pub(super) fn list(items: RefOr<Schema>, nullable: bool, description: &str) -> ArrayBuilder {
    ArrayBuilder::new().schema_type(typed(Type::Array, nullable)).items(items).description(Some(description))
}

/// Where the schema of an answer is.
pub(super) fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// Adds the schemas of all answers. Those of `open` need no parameter to be asked for.
pub(super) fn components(names: &Names<'_>, open: &[&Answer], mut components: ComponentsBuilder) -> ComponentsBuilder {
    for (record, name) in names.records() {
        let mut schema = object(record, names);
        // Importers take the first array in an answer that needs no parameter for things to page through. What is only
        // a part of the answer is kept apart from it.
        if open.iter().any(|answer| matches!(answer, Answer::Object(open) if open == record)) {
            for field in record.fields.iter().filter(|field| matches!(field.content, Content::List(_))) {
                let part = format!("{name}{}", describe::capitalised(&field.name));
                let whole =
                    AllOfBuilder::new().item(Ref::from_schema_name(&part)).description(Some(&field.description));
                schema = schema.property(&field.name, whole);
                components = components.schema(part, property(field, names));
            }
        }
        components = components.schema(name, schema);
    }
    for (answer, name) in names.envelopes() {
        components = components.schema(
            name,
            match answer {
                Answer::List(list) => envelope(list, names),
                Answer::Scalar(field) => {
                    let value = property(field, names);
                    ObjectBuilder::new()
                        .description(Some("A single value."))
                        .property(&field.name, value)
                        .required(&field.name)
                }
                Answer::Object(record) => object(record, names),
            },
        );
    }
    components
}

fn envelope(list: &List, names: &Names<'_>) -> ObjectBuilder {
    let what = list.items.record().map(|record| describe::label(&record.of).to_lowercase());
    let what = what.map_or_else(|| "A list.".to_owned(), |what| format!("A list, or a page of one: {what}."));
    let mut schema = ObjectBuilder::new()
        .description(Some(what))
        .property("value", self::list(content(&list.items, false, "", names), false, "The items."))
        .required("value");
    for field in &list.beside {
        schema = schema.property(&field.name, property(field, names));
    }
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let link = "Where the next page is; absent on the last one.";
    let cursor = "The `cursor` of the next page; absent on the last one.";
    schema
        .property("nextLink", text().format(Some(SchemaFormat::Custom("uri".to_owned()))).description(Some(link)))
        .property("nextCursor", text().description(Some(cursor)))
}

/// The schema of an object. Only `id` is sure to be there: `fields` can leave out the others.
fn object(record: &Record, names: &Names<'_>) -> ObjectBuilder {
    let mut schema = ObjectBuilder::new().description(Some(&record.description));
    for field in &record.fields {
        schema = schema.property(&field.name, property(field, names));
    }
    if record.has("id") { schema.required("id") } else { schema }
}

fn property(field: &Field, names: &Names<'_>) -> RefOr<Schema> {
    match &field.content {
        Content::Leaf(leaf) => {
            let described = self::leaf(leaf, field.nullable).description(Some(&field.description));
            described.examples(field.example.clone()).into()
        }
        content => self::content(content, field.nullable, &field.description, names),
    }
}

fn content(content: &Content, nullable: bool, description: &str, names: &Names<'_>) -> RefOr<Schema> {
    match content {
        Content::Leaf(leaf) => self::leaf(leaf, nullable).into(),
        Content::Record(record) if description.is_empty() => reference(names.of_record(record)),
        Content::Record(record) => {
            object(record, names).description(Some(description)).schema_type(typed(Type::Object, nullable)).into()
        }
        // Houston's types allow null among the items of nearly every list, and Houston sends none.
        Content::List(items) => list(self::content(items, false, "", names), nullable, description).into(),
    }
}
