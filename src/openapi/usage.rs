//! What a variable means: the argument of Houston's that it feeds, which has the description and an example.

use super::{describe, example};
use crate::catalogue::{Catalogue, Operation, Source};
use apollo_compiler::{
    Node, Schema,
    ast::{InputValueDefinition, Value},
};

/// What is known about a variable or about a field of an input object.
#[derive(Clone, Debug, Default)]
pub(super) struct Meaning {
    pub(super) description: String,
    pub(super) example: Option<serde_json::Value>,
    pub(super) secret: bool,
}

impl Meaning {
    /// What a definition says.
    pub(super) fn of(definition: &InputValueDefinition) -> Self {
        Self {
            description: describe::unwrapped(definition.description.as_deref().unwrap_or_default()),
            example: example::declared(&definition.directives),
            secret: definition.directives.has("secret"),
        }
    }

    /// What the place says that `variable` ends up in.
    pub(super) fn of_variable(catalogue: &Catalogue, operation: &Operation, variable: &str) -> Self {
        Self::or_name(find(catalogue, operation, variable, 0), variable)
    }

    /// The same for a variable of the path. Houston may take it as a filter or let it be absent, which its description
    /// then says; another operation that takes it for what it names says better what it is.
    pub(super) fn of_path_variable(catalogue: &Catalogue, operation: &Operation, variable: &str) -> Self {
        let own = find(catalogue, operation, variable, 0);
        let named = |found: &&Node<InputValueDefinition>| found.ty.is_non_null();
        let others = || {
            let alike = catalogue.operations.iter().filter(|each| each.path.variables().any(|name| name == variable));
            alike.filter_map(|each| find(catalogue, each, variable, 0)).find(named)
        };
        Self::or_name(own.filter(named).or_else(others).or(own), variable)
    }

    fn or_name(found: Option<&Node<InputValueDefinition>>, variable: &str) -> Self {
        let mut meaning = found.map(|found| Self::of(found)).unwrap_or_default();
        if meaning.description.is_empty() {
            meaning.description = format!("{}.", describe::label(variable));
        }
        meaning
    }
}

/// Follows a variable to an argument, or to a field of an argument's object; if the operation itself has no use for it,
/// through the operations that are read first with it.
fn find<'c>(
    catalogue: &'c Catalogue,
    operation: &Operation,
    variable: &str,
    depth: usize,
) -> Option<&'c Node<InputValueDefinition>> {
    let all = catalogue.schema.all();
    let root = all.root_operation(operation.kind)?;
    let field = all.type_field(root, operation.root_field()).ok()?;
    let own = operation.arguments().iter().find_map(|argument| {
        let definition = field.argument_by_name(&argument.name)?;
        inside(all, definition, &argument.value, variable)
    });
    own.or_else(|| {
        let read_first = operation.variables.iter().filter_map(|each| match &each.source {
            Source::Lookup { operation, .. } | Source::Merge { operation, .. } => catalogue.operation(operation),
            _ => None,
        });
        let mut read_first = read_first.filter(|_| depth < 4);
        read_first.find_map(|target| find(catalogue, target, variable, depth + 1))
    })
}

fn inside<'c>(
    all: &'c Schema,
    definition: &'c Node<InputValueDefinition>,
    value: &Value,
    variable: &str,
) -> Option<&'c Node<InputValueDefinition>> {
    match value {
        Value::Variable(name) => (name == variable).then_some(definition),
        Value::List(items) => items.iter().find_map(|item| inside(all, definition, item, variable)),
        Value::Object(fields) => {
            let object = all.get_input_object(definition.ty.inner_named_type())?;
            fields.iter().find_map(|(name, value)| inside(all, &object.fields.get(name)?.node, value, variable))
        }
        _ => None,
    }
}
