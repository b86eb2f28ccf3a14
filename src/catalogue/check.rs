//! Checks that need more than one operation: routes that overlap, operations that refer to others, secrets.

use super::{
    Catalogue, Operation, Path, REPLAY_SINCE, Route, Segment, Source,
    diagnostic::{Diagnostics, Fault, nearest},
    prune::definition_of,
};
use apollo_compiler::{
    Name, Node,
    ast::{Definition, InputObjectTypeDefinition, Selection, Type},
    parser::SourceMap,
};
use std::sync::Arc;

/// Groups operations into routes and reports those that overlap.
pub(super) fn routes(operations: &[Arc<Operation>], faults: &mut Diagnostics) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let at = operation.definition.name.as_ref().and_then(Name::location);
        if let Some(twin) = operations[..index].iter().find(|each| each.name == operation.name) {
            let fault = Fault::new(
                format!("{} is declared twice", operation.name),
                at,
                format!("the other one serves {} {}", twin.method, twin.path),
            );
            faults.push(&operation.sources, fault);
        }
        if let Some(route) =
            routes.iter_mut().find(|each| each.method == operation.method && each.path == operation.path)
        {
            route.operations.push(index);
            continue;
        }
        if let Some((other, why)) =
            operations[..index].iter().find_map(|each| Some((each, clash(&each.path, &operation.path)?)))
        {
            let label = format!("{} already serves {} {}", other.name, other.method, other.path);
            faults.push(
                &operation.sources,
                Fault::new(format!("{} overlaps another route: {why}", operation.path), at, label),
            );
        }
        routes.push(Route { method: operation.method.clone(), path: operation.path.clone(), operations: vec![index] });
    }
    routes
}

/// Why two paths cannot stand side by side: at the first segment where they part, one of them is a variable.
fn clash(a: &Path, b: &Path) -> Option<String> {
    let parted = a.segments().iter().zip(b.segments()).find(|(a, b)| a != b);
    match parted? {
        (Segment::Variable(a), Segment::Variable(b)) => Some(format!("{{{a}}} and {{{b}}} name the same segment")),
        (Segment::Variable(name), Segment::Literal(word)) | (Segment::Literal(word), Segment::Variable(name)) => {
            Some(format!("\"{word}\" could be a value of {{{name}}}"))
        }
        (Segment::Literal(_), Segment::Literal(_)) => None,
    }
}

/// Takes an input type that the catalogue declares.
pub(super) fn virtual_input(
    catalogue: &mut Catalogue,
    input: &Node<InputObjectTypeDefinition>,
    sources: &SourceMap,
    faults: &mut Diagnostics,
) {
    if catalogue.schema.all().types.contains_key(&input.name) {
        let label = "an input type of the catalogue needs a name of its own";
        faults.push(sources, Fault::new(format!("Houston has a type {}", input.name), input.name.location(), label));
    } else if catalogue.virtuals.insert(input.name.clone(), input.clone()).is_some() {
        faults.push(
            sources,
            Fault::new(format!("{} is declared twice", input.name), input.name.location(), "here again"),
        );
    }
}

/// Reports a definition that has no place among operations.
pub(super) fn misplaced(definition: &Definition, sources: &SourceMap, faults: &mut Diagnostics) {
    let label = "only operations, fragments and input types stand here";
    faults.push(
        sources,
        Fault::new("this does not belong among the operations", definition.location(), label)
            .help("Houston's own types stand in config/houston.graphql"),
    );
}

/// Checks everything by which operations refer to each other or to what must not be kept.
pub(super) fn references(catalogue: &Catalogue, faults: &mut Diagnostics) {
    for operation in &catalogue.operations {
        for variable in &operation.variables {
            let at = variable.definition.location();
            match &variable.source {
                Source::Lookup { operation: target, path } => {
                    if let Some(found) = target_of(catalogue, operation, target, at, faults)
                        && !selects(found.definition.selection_set.first(), path)
                    {
                        let label = format!("{target} does not select {}", path.join("."));
                        faults.push(&operation.sources, Fault::new("nothing would be found", at, label));
                    }
                }
                Source::Merge { operation: target, by } => {
                    if let Some(found) = target_of(catalogue, operation, target, at, faults)
                        && let Some(why) = cannot_merge(catalogue, &variable.definition.ty, found, by)
                    {
                        let message = format!("${} cannot be merged", variable.name);
                        faults.push(&operation.sources, Fault::new(message, at, why).help("what is not read is lost"));
                    }
                }
                Source::Flat if !catalogue.virtuals.contains_key(variable.definition.ty.inner_named_type()) => {
                    let label = "declare an `input` in this file and use it here";
                    let message = "@flat is for input types of the catalogue";
                    faults.push(&operation.sources, Fault::new(message, at, label));
                }
                _ => {}
            }
        }
        for (argument, field) in [("list", &operation.list), ("object", &operation.object)] {
            let Some(field) = field else { continue };
            if !selects(operation.definition.selection_set.first(), std::slice::from_ref(field)) {
                let at = operation.definition.directives.get("rest").and_then(|each| each.location());
                let label = format!("{argument} names {field}, which the operation does not select");
                faults.push(&operation.sources, Fault::new("nothing would be answered", at, label));
            }
        }
        if let Some(required) = &operation.requires_empty {
            let at = operation.definition.directives.get("requiresEmpty").and_then(|each| each.location());
            if let Some(found) = target_of(catalogue, operation, &required.operation, at, faults)
                && !answers_list(catalogue, found)
            {
                let message = format!("{} cannot be empty", found.name);
                faults.push(&operation.sources, Fault::new(message, at, "it does not answer with a list"));
            }
        }
        if let Some(replay) = &operation.replay {
            let at = operation.definition.directives.get("stream").and_then(|each| each.location());
            let found = target_of(catalogue, operation, replay, at, faults);
            let since = |each: &Operation| each.variables.iter().any(|variable| variable.name == REPLAY_SINCE);
            if found.is_some_and(|found| !since(found) || !since(operation)) {
                let label = format!("{replay} and {} both need ${REPLAY_SINCE}: DateTime", operation.name);
                faults.push(&operation.sources, Fault::new(format!("{replay} cannot replay this"), at, label));
            }
        }
        if operation.cache.is_some() {
            let root = catalogue.schema.all().root_operation(operation.kind);
            secrets(catalogue, operation, &operation.definition.selection_set, root, faults);
        }
    }
}

/// Finds the operation that another one refers to and checks that it can be run with the other one's variables.
fn target_of<'c>(
    catalogue: &'c Catalogue,
    operation: &Operation,
    target: &str,
    at: Option<apollo_compiler::parser::SourceSpan>,
    faults: &mut Diagnostics,
) -> Option<&'c Operation> {
    let Some(found) = catalogue.operation(target) else {
        let mut fault = Fault::new(format!("there is no operation {target}"), at, "named here");
        if let Some(near) = nearest(target, catalogue.operations.iter().map(|each| each.name.as_str())) {
            fault = fault.help(format!("did you mean {near}?"));
        }
        faults.push(&operation.sources, fault);
        return None;
    };
    if found.kind != apollo_compiler::ast::OperationType::Query {
        faults.push(
            &operation.sources,
            Fault::new(format!("{target} is not a query"), at, "only queries are read first"),
        );
        return None;
    }
    if reaches(catalogue, found, &operation.name, 0) {
        faults
            .push(&operation.sources, Fault::new(format!("{target} leads back to {}", operation.name), at, "a circle"));
        return None;
    }
    for needed in &found.variables {
        let from_caller = matches!(needed.source, Source::Path | Source::Query | Source::Body | Source::Flat);
        let required = needed.definition.ty.is_non_null() && needed.definition.default_value.is_none();
        if from_caller && required && !operation.variables.iter().any(|each| each.name == needed.name) {
            let label = format!("{target} needs ${}, which {} does not have", needed.name, operation.name);
            faults.push(&operation.sources, Fault::new(format!("{target} cannot be read first"), at, label));
        }
    }
    Some(found)
}

/// Why items of type `ty` cannot be laid over what `target` reads. All of an item is written back, so all of it is read.
fn cannot_merge(catalogue: &Catalogue, ty: &Type, target: &Operation, by: &str) -> Option<String> {
    let all = catalogue.schema.all();
    let item = all.get_input_object(ty.inner_named_type()).filter(|_| ty.is_list());
    let Some(item) = item else { return Some(format!("{ty} is no list of input objects")) };
    if !item.fields.contains_key(by) {
        return Some(format!("{} has no field {by}", item.name));
    }
    if !answers_list(catalogue, target) {
        return Some(format!("{} does not answer with a list", target.name));
    }
    let root = target.definition.selection_set.first();
    let path_to = |name: &Name| target.list.iter().cloned().chain([name.to_string()]).collect::<Vec<_>>();
    let unread = item.fields.keys().find(|name| !selects(root, &path_to(name)))?;
    Some(format!("{} does not select {unread}", target.name))
}

fn answers_list(catalogue: &Catalogue, operation: &Operation) -> bool {
    let all = catalogue.schema.all();
    let field = all.root_operation(operation.kind).and_then(|root| definition_of(all, root, operation.root_field()));
    operation.answers_list(field.is_some_and(|field| field.ty.is_list()))
}

/// Whether reading `from` first would need `name` first.
fn reaches(catalogue: &Catalogue, from: &Operation, name: &str, depth: usize) -> bool {
    let targets = from.variables.iter().filter_map(|each| match &each.source {
        Source::Lookup { operation, .. } | Source::Merge { operation, .. } => Some(operation),
        _ => None,
    });
    depth > 8
        || from.name == name
        || targets.filter_map(|each| catalogue.operation(each)).any(|each| reaches(catalogue, each, name, depth + 1))
}

fn selects(selection: Option<&Selection>, path: &[String]) -> bool {
    let Some(field) = selection.and_then(Selection::as_field) else { return false };
    match path.split_first() {
        None => true,
        Some((first, rest)) => field.selection_set.iter().any(|inner| {
            inner.as_field().is_some_and(|each| each.response_name() == first.as_str()) && selects(Some(inner), rest)
        }),
    }
}

/// Reports fields marked `@secret` in the selection of an operation whose answers are kept.
fn secrets(
    catalogue: &Catalogue,
    operation: &Operation,
    selection: &[Selection],
    parent: Option<&Name>,
    faults: &mut Diagnostics,
) {
    let all = catalogue.schema.all();
    for field in selection.iter().filter_map(Selection::as_field) {
        let Some(definition) = parent.and_then(|parent| definition_of(all, parent, &field.name)) else { continue };
        if definition.directives.has("secret") {
            let fault = Fault::new(
                format!("{} is a secret and would be kept", field.name),
                field.name.location(),
                format!("{} has @cache", operation.name),
            );
            faults.push(&operation.sources, fault.help("take the field out, or the directive"));
        }
        secrets(catalogue, operation, &field.selection_set, Some(definition.ty.inner_named_type()), faults);
    }
}
