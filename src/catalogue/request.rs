//! The request's bytes: a plan's document as it is sent, up to the variables.

use super::Input;
use apollo_compiler::{
    Name,
    ast::{OperationDefinition, Selection},
};
use bytes::Bytes;

/// What is sent, up to and including `"variables":`. Variables and a closing brace complete it.
#[derive(Debug)]
pub(super) struct RequestText {
    usual: Bytes,
    unfiltered: Option<Unfiltered>,
}

/// A second form, without filter arguments. `users(user: {})` need not mean the same as `users`.
#[derive(Debug)]
struct Unfiltered {
    /// The inputs of the filters: this form is for requests that send none of them.
    inputs: Vec<usize>,
    text: Bytes,
}

impl RequestText {
    /// The texts of an operation that is sent under `name` as `document`, which is the text of `definition`.
    pub(super) fn new(name: &str, document: &str, definition: &OperationDefinition, inputs: &[Input]) -> Self {
        let unfiltered = without_filters(definition, inputs).map(|(definition, inputs)| {
            let document = definition.serialize().no_indent().to_string();
            Unfiltered { inputs, text: prefix(name, &document) }
        });
        Self { usual: prefix(name, document), unfiltered }
    }

    /// The text for a request of which `is_sent` tells which inputs have a value.
    pub(super) fn of(&self, is_sent: impl Fn(usize) -> bool) -> &[u8] {
        match &self.unfiltered {
            Some(unfiltered) if !unfiltered.inputs.iter().any(|input| is_sent(*input)) => &unfiltered.text,
            _ => &self.usual,
        }
    }
}

/// The operation without the arguments that are objects of optional variables only, if it has any, and the inputs that
/// feed them.
fn without_filters(definition: &OperationDefinition, inputs: &[Input]) -> Option<(OperationDefinition, Vec<usize>)> {
    let mut definition = definition.clone();
    let Some(Selection::Field(field)) = definition.selection_set.first_mut() else { return None };
    let mut filters = Vec::new();
    field.make_mut().arguments.retain(|argument| {
        let Some(fields) = argument.value.as_object() else { return true };
        let fed: Option<Vec<usize>> = fields
            .iter()
            .map(|(_, value)| {
                let name = value.as_variable()?;
                inputs.iter().position(|input| input.name == name.as_str() && !input.is_required())
            })
            .collect();
        let Some(fed) = fed else { return true };
        filters.extend(fed);
        false
    });
    if filters.is_empty() {
        return None;
    }
    let fed = |name: &Name| filters.iter().any(|index| inputs[*index].name == name.as_str());
    definition.variables.retain(|variable| !fed(&variable.name));
    Some((definition, filters))
}

fn prefix(name: &str, document: &str) -> Bytes {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    format!("{{\"operationName\":{},\"query\":{},\"variables\":", text(name), text(document)).into()
}
