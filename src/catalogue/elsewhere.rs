//! What a route takes on other releases only. Operations for different releases share a route and differ in their
//! variables; a name that only an absent one knows is not unknown, it belongs to another release.

use super::{Catalogue, InputKind, Operation, Plan, Source, prune::definition_of};
use apollo_compiler::ast::Selection;
use houston_schema::{Lifespan, Version};

impl Catalogue {
    /// Notes in `plan` what only the other operations of its route take, those for releases other than `version`.
    pub(super) fn note_elsewhere(&self, plan: &mut Plan, route: &[usize], version: Version) {
        for operation in route.iter().map(|index| &self.operations[*index]) {
            for (name, lifespan) in self.names(operation) {
                if !lifespan.contains(version) && !takes(plan, name) {
                    plan.narrowed.entry(name.to_owned()).or_insert(lifespan);
                }
            }
        }
    }

    /// The names that callers send to an operation, each with the releases that take it.
    fn names<'o>(&'o self, operation: &'o Operation) -> impl Iterator<Item = (&'o str, Lifespan)> {
        let root = operation.definition.selection_set.iter().find_map(Selection::as_field);
        let all = self.schema.all();
        let parent = all.root_operation(operation.kind);
        let known = parent.zip(root).and_then(|(parent, field)| definition_of(all, parent, &field.name));
        let whole = self.lifespan(operation);
        operation.variables.iter().flat_map(move |variable| {
            let fed = root.and_then(|field| {
                let mut arguments = field.arguments.iter();
                arguments.find(|each| each.value.as_variable().is_some_and(|name| name.as_str() == variable.name))
            });
            let argument = fed.zip(known).and_then(|(fed, known)| known.argument_by_name(&fed.name));
            let lifespan = argument.map_or(whole, |argument| whole.and(Lifespan::of(&argument.directives)));
            let names = match &variable.source {
                Source::Query | Source::Body | Source::Merge { .. } => vec![variable.name.as_str()],
                Source::Flat => {
                    let object = self.virtuals.get(variable.definition.ty.inner_named_type());
                    object.iter().flat_map(|object| &object.fields).map(|field| field.name.as_str()).collect()
                }
                _ => Vec::new(),
            };
            names.into_iter().map(move |name| (name, lifespan))
        })
    }
}

/// Whether callers may send this name to the plan.
fn takes(plan: &Plan, name: &str) -> bool {
    plan.inputs.iter().any(|input| match (&input.source, &input.ty.kind) {
        (Source::Flat, InputKind::Object(object)) => object.fields.iter().any(|field| field.name == name),
        _ => input.name == name,
    })
}
