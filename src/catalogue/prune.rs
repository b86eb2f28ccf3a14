//! Fits an operation to the schema of one Houston: what that server does not know is taken out of the document.

use super::{
    Operation,
    diagnostic::{Diagnostics, Fault, nearest},
    selection::scalars,
};
use apollo_compiler::{
    Name, Node, Schema,
    ast::{Argument, DirectiveList, FieldDefinition, OperationDefinition, Selection, Type, Value},
    schema::ExtendedType,
};
use houston_schema::{Lifespan, UNKNOWN_SHAPE};
use std::collections::{BTreeMap, BTreeSet};

/// What is left of an operation on one Houston.
pub(super) struct Pruned {
    /// The document: only what this Houston knows, none of our directives.
    pub(super) definition: OperationDefinition,
    /// The variables that fed nothing but pruned arguments, and the releases that have those arguments.
    pub(super) variables: BTreeMap<String, Lifespan>,
    /// Paths of the fields that were taken out, dotted.
    pub(super) fields: Vec<String>,
}

struct Pruner<'a> {
    all: &'a Schema,
    server: &'a Schema,
    operation: &'a Operation,
    faults: &'a mut Diagnostics,
    dropped_variables: BTreeMap<String, Lifespan>,
    dropped_fields: Vec<String>,
    used: BTreeSet<Name>,
    /// The input types that this Houston expects of variables that are arguments as they are.
    expected: BTreeMap<Name, Name>,
}

/// Takes out of `operation` what `server` lacks. `all` is the schema over all releases: what it does not know either is
/// a fault of the operation. `None` if the server has no such root field.
pub(super) fn prune(operation: &Operation, all: &Schema, server: &Schema, faults: &mut Diagnostics) -> Option<Pruned> {
    let mut definition = OperationDefinition::clone(&operation.definition);
    let mut pruner = Pruner {
        all,
        server,
        operation,
        faults,
        dropped_variables: BTreeMap::new(),
        dropped_fields: Vec::new(),
        used: BTreeSet::new(),
        expected: BTreeMap::new(),
    };
    let root =
        server.root_operation(definition.operation_type).or_else(|| all.root_operation(definition.operation_type))?;
    pruner.selections(&mut definition.selection_set, &root.clone(), "");
    let Pruner { dropped_variables, dropped_fields, used, expected, .. } = pruner;
    definition.directives = DirectiveList::default();
    definition.variables.retain(|each| used.contains(&each.name));
    for variable in &mut definition.variables {
        let variable = variable.make_mut();
        variable.directives = DirectiveList::default();
        // Some of Houston's input types are known by their fields only, not by name: where the server's schema calls a
        // type by another name than ours, its name holds.
        if let Some(name) = expected.get(&variable.name)
            && !server.types.contains_key(variable.ty.inner_named_type())
            && all.types.contains_key(variable.ty.inner_named_type())
        {
            variable.ty = Node::new(renamed(&variable.ty, name));
        }
    }
    let variables =
        dropped_variables.into_iter().filter(|(name, _)| !used.iter().any(|each| each == name.as_str())).collect();
    (!definition.selection_set.is_empty()).then_some(Pruned { definition, variables, fields: dropped_fields })
}

/// A type with another name inside.
fn renamed(ty: &Type, name: &Name) -> Type {
    match ty {
        Type::Named(_) => Type::Named(name.clone()),
        Type::NonNullNamed(_) => Type::NonNullNamed(name.clone()),
        Type::List(item) => Type::List(Box::new(renamed(item, name))),
        Type::NonNullList(item) => Type::NonNullList(Box::new(renamed(item, name))),
    }
}

impl Pruner<'_> {
    fn selections(&mut self, selections: &mut Vec<Selection>, parent: &Name, path: &str) {
        selections.retain_mut(|selection| match selection {
            Selection::Field(field) => self.field(field.make_mut(), parent, path),
            _ => false,
        });
    }

    fn field(&mut self, field: &mut apollo_compiler::ast::Field, parent: &Name, path: &str) -> bool {
        let path = if path.is_empty() { field.name.to_string() } else { format!("{path}.{}", field.name) };
        let Some(definition) = definition_of(self.server, parent, &field.name) else {
            match definition_of(self.all, parent, &field.name) {
                Some(_) => self.dropped_fields.push(path),
                None => self.unknown(
                    &format!("{parent} has no field {}", field.name),
                    &field.name,
                    fields_of(self.all, parent),
                ),
            }
            return false;
        };
        let definition = definition.clone();
        let known_anywhere = definition_of(self.all, parent, &field.name).cloned();
        field.arguments.retain_mut(|argument| {
            if let Some(expected) = definition.argument_by_name(&argument.name) {
                let expected = expected.ty.inner_named_type().clone();
                if let Some(variable) = argument.value.as_variable() {
                    self.expected.insert(variable.clone(), expected.clone());
                }
                self.value(&mut argument.make_mut().value, &expected);
                return true;
            }
            match known_anywhere.as_ref().and_then(|known| known.argument_by_name(&argument.name)) {
                Some(known) => self.drop_variables_of(argument, Lifespan::of(&known.directives)),
                None => self.unknown(
                    &format!("{} has no argument {}", field.name, argument.name),
                    &argument.name,
                    known_anywhere.iter().flat_map(|each| &each.arguments).map(|each| each.name.as_str()),
                ),
            }
            false
        });
        let inner = definition.ty.inner_named_type().clone();
        if field.selection_set.is_empty() {
            // Where nobody has documented a shape, the server's own schema is all there is to go by.
            if known_anywhere.is_some_and(|known| known.ty.inner_named_type() == UNKNOWN_SHAPE) {
                field.selection_set = scalars(self.all, self.server, &inner);
            }
            return true;
        }
        self.selections(&mut field.selection_set, &inner, &path);
        !field.selection_set.is_empty()
    }

    /// Takes unknown fields out of input object literals, and notes the variables that stay.
    fn value(&mut self, value: &mut Node<Value>, expected: &Name) {
        match value.make_mut() {
            Value::Variable(name) => {
                self.used.insert(name.clone());
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.value(item, expected)),
            Value::Object(fields) => {
                let server = self.server;
                let Some(ExtendedType::InputObject(input)) = server.types.get(expected) else { return };
                let all = self.all.get_input_object(expected);
                fields.retain_mut(|(name, value)| {
                    if let Some(field) = input.fields.get(name) {
                        self.value(value, field.ty.inner_named_type());
                        return true;
                    }
                    match all.and_then(|all| all.fields.get(name)) {
                        Some(known) => self.drop_variables_in(value, Lifespan::of(&known.directives)),
                        None => self.unknown(
                            &format!("{expected} has no field {name}"),
                            name,
                            input.fields.keys().map(Name::as_str),
                        ),
                    }
                    false
                });
            }
            _ => {}
        }
    }

    fn drop_variables_of(&mut self, argument: &Node<Argument>, lifespan: Lifespan) {
        self.drop_variables_in(&argument.value, lifespan);
    }

    fn drop_variables_in(&mut self, value: &Node<Value>, lifespan: Lifespan) {
        match &**value {
            Value::Variable(name) => {
                self.dropped_variables.insert(name.to_string(), lifespan);
            }
            Value::List(items) => items.iter().for_each(|item| self.drop_variables_in(item, lifespan)),
            Value::Object(fields) => fields.iter().for_each(|(_, value)| self.drop_variables_in(value, lifespan)),
            _ => {}
        }
    }

    fn unknown<'n>(&mut self, message: &str, name: &Name, known: impl IntoIterator<Item = &'n str>) {
        let mut fault = Fault::new(message, name.location(), "Houston's schema does not know this name");
        if let Some(near) = nearest(name, known) {
            fault = fault.help(format!("did you mean {near}?"));
        }
        self.faults.push(&self.operation.sources, fault);
    }
}

/// A field of an object type.
pub(super) fn definition_of<'s>(schema: &'s Schema, parent: &str, field: &str) -> Option<&'s FieldDefinition> {
    let definition = schema.type_field(parent, field).ok()?;
    Some(definition)
}

fn fields_of<'s>(schema: &'s Schema, parent: &str) -> impl Iterator<Item = &'s str> {
    schema.get_object(parent).into_iter().flat_map(|object| object.fields.keys().map(Name::as_str))
}
