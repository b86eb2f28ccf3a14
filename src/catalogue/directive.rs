//! Reads the directives of `config/directives.graphql` off an operation.
//!
//! The GraphQL compiler itself checks them, against their definitions: an operation's directives are copied to a probe,
//! an operation that selects nothing but a field which takes anything. What passes can be read without further questions.

use super::{diagnostic::Diagnostics, source::DIRECTIVES};
use apollo_compiler::{
    Name, Node, Schema,
    ast::{
        Argument, Definition, Directive, Document, Field, OperationDefinition, OperationType, Selection, Type, Value,
    },
    parser::SourceMap,
    validation::Valid,
};
use std::sync::Arc;

const PROBE: &str = "
    scalar Anything
    type Query { probe(of: Anything): Anything }
    type Mutation { probe(of: Anything): Anything }
    type Subscription { probe(of: Anything): Anything }
";

/// The definitions of the directives, with their defaults.
pub(super) struct Directives {
    schema: Valid<Schema>,
}

impl Directives {
    /// Compiles the definitions.
    pub(super) fn load() -> Result<Self, Diagnostics> {
        let text = format!("{DIRECTIVES}{PROBE}");
        match Schema::parse_and_validate(text, "config/directives.graphql") {
            Ok(schema) => Ok(Self { schema }),
            Err(faults) => {
                let mut diagnostics = Diagnostics::default();
                diagnostics.extend(&faults.errors);
                Err(diagnostics)
            }
        }
    }

    /// Checks every directive on `operation` and on its variables.
    pub(super) fn check(&self, operation: &OperationDefinition, sources: &SourceMap, faults: &mut Diagnostics) -> bool {
        let (Ok(field), Ok(argument), Ok(anything)) = (Name::new("probe"), Name::new("of"), Name::new("Anything"))
        else {
            return false;
        };
        let mut probe = operation.clone();
        let mut variables = Vec::new();
        for variable in &mut probe.variables {
            let variable = variable.make_mut();
            variable.ty = Node::new(Type::Named(anything.clone()));
            variable.default_value = None;
            variables.push(Node::new(Value::Variable(variable.name.clone())));
        }
        probe.selection_set = vec![Selection::Field(Node::new(Field {
            alias: None,
            name: field,
            arguments: vec![Node::new(Argument { name: argument, value: Node::new(Value::List(variables)) })],
            directives: Default::default(),
            selection_set: Vec::new(),
        }))];
        let mut document = Document::new();
        // With the definitions, which reports point at too.
        document.sources = sources.clone();
        Arc::make_mut(&mut document.sources).extend(self.schema.sources.iter().map(|(id, file)| (*id, file.clone())));
        document.definitions.push(Definition::OperationDefinition(Node::new(probe)));
        match document.to_executable_validate(&self.schema) {
            Ok(_) => true,
            Err(found) => {
                faults.extend(&found.errors);
                false
            }
        }
    }

    /// An argument's value, the definition's default included.
    fn value<'a>(&'a self, directive: &'a Directive, argument: &str) -> Option<&'a Node<Value>> {
        directive.argument_by_name(argument, &self.schema).ok().filter(|value| !value.is_null())
    }

    pub(super) fn text<'a>(&'a self, directive: &'a Directive, argument: &str) -> Option<&'a Node<Value>> {
        self.value(directive, argument).filter(|value| value.as_str().is_some())
    }

    pub(super) fn string(&self, directive: &Directive, argument: &str) -> Option<String> {
        self.value(directive, argument)?.as_str().map(str::to_owned)
    }

    pub(super) fn enumeration<'a>(&'a self, directive: &'a Directive, argument: &str) -> &'a str {
        self.value(directive, argument).and_then(|value| value.as_enum()).map_or("", Name::as_str)
    }

    pub(super) fn boolean(&self, directive: &Directive, argument: &str) -> bool {
        self.value(directive, argument).and_then(|value| value.to_bool()).unwrap_or_default()
    }

    pub(super) fn integer(&self, directive: &Directive, argument: &str) -> i32 {
        self.value(directive, argument).and_then(|value| value.to_i32()).unwrap_or_default()
    }

    pub(super) fn list<'a>(&'a self, directive: &'a Directive, argument: &str) -> &'a [Node<Value>] {
        self.value(directive, argument).and_then(|value| value.as_list()).unwrap_or_default()
    }
}

/// Which method of HTTP an operation type may be served under: reads are safe (RFC 9110, 9.2.1), mutations are not.
pub(super) fn may_serve(kind: OperationType, method: &http::Method) -> bool {
    (kind == OperationType::Mutation) != (*method == http::Method::GET)
}
