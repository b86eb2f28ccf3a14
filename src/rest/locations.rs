//! Where what a request creates can be read: the `Location` of a 201 (RFC 9110, 10.2.2).

use crate::catalogue::{Catalogue, Path as RoutePath};
use http::Method;
use std::collections::HashMap;

/// For each path that creates something, the path that reads one thing of the same type: below it by id, or else at the
/// top by id. What the path already names is not what it creates.
pub(super) fn of(catalogue: &Catalogue) -> HashMap<RoutePath, RoutePath> {
    let all = catalogue.schema.all();
    let type_of = |index: usize| {
        let operation = &catalogue.operations[index];
        let field =
            all.root_operation(operation.kind).and_then(|root| all.type_field(root, operation.root_field()).ok());
        let returned = field?.ty.inner_named_type();
        let inner = operation.object.as_ref().and_then(|name| all.type_field(returned, name).ok());
        Some(inner.map_or(returned, |field| field.ty.inner_named_type()).clone())
    };
    let mut locations = HashMap::new();
    for created in catalogue.routes.iter().filter(|route| route.method == Method::POST) {
        let reads = catalogue.routes.iter().filter(|route| {
            route.method == Method::GET
                && route.path.last_variable().is_some_and(|name| name.ends_with("Id"))
                && type_of(route.operations[0]) == type_of(created.operations[0])
        });
        let own = created.path.segments();
        let below = |route: &RoutePath| route.segments().split_last().is_some_and(|(_, parent)| parent == own);
        let named = |route: &RoutePath| created.path.variables().any(|each| Some(each) == route.last_variable());
        let top = |route: &RoutePath| route.segments().len() == 2 && !named(route);
        let read =
            reads.clone().find(|route| below(&route.path)).or_else(|| reads.clone().find(|route| top(&route.path)));
        if let Some(read) = read {
            locations.insert(created.path.clone(), read.path.clone());
        }
    }
    locations
}
