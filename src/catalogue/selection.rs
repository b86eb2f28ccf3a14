//! Sparse fields: `fields=id,label,workspace.label` becomes the selection of the GraphQL document itself, so Houston
//! does less work.

use super::{
    Catalogue, Diagnostics, Plan, Plans, Shape,
    diagnostic::nearest,
    prune::{Pruned, definition_of, prune},
};
use apollo_compiler::{
    Name, Node, Schema,
    ast::{DirectiveList, Field, Selection},
};
use houston_schema::Lifespan;
use indexmap::IndexMap;

/// How many names a path may have.
const MAX_DEPTH: usize = 4;

/// How many characters the list of paths may have: room for a hundred, and for an address that has all else in it too.
pub const LONGEST_FIELDS: usize = 1400;

/// Why a selection cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionError {
    /// What was asked for cannot be, at any Houston. The text says what is wrong.
    Invalid(String),
    /// A field that this Houston does not have.
    Elsewhere {
        /// The field, dotted.
        field: String,
        /// The releases that have it.
        lifespan: Lifespan,
    },
}

/// The fields that were asked for, as a tree.
#[derive(Debug, Default)]
struct Tree(IndexMap<String, Tree>);

impl Tree {
    fn parse(text: &str) -> Result<Self, SelectionError> {
        let length = text.chars().count();
        if length > LONGEST_FIELDS {
            return Err(SelectionError::Invalid(format!(
                "has {length} characters; at most {LONGEST_FIELDS} are taken"
            )));
        }
        let mut tree = Self::default();
        for path in text.split(',').map(str::trim) {
            let names: Vec<_> = path.split('.').collect();
            if names.iter().any(|name| name.is_empty()) {
                return Err(SelectionError::Invalid(format!(
                    "\"{path}\" is not a field; write fields=id,workspace.label"
                )));
            }
            if names.len() > MAX_DEPTH {
                return Err(SelectionError::Invalid(format!("{path} is too deep: at most {MAX_DEPTH} names")));
            }
            let mut branch = &mut tree;
            for name in names {
                branch = branch.0.entry(name.to_owned()).or_default();
            }
        }
        Ok(tree)
    }
}

impl Catalogue {
    /// Compiles `plan` with another selection: the fields that `fields` lists, comma separated and dotted. `id` is always
    /// among them, so that lists can be walked.
    ///
    /// # Errors
    /// If a field does not exist, is a secret, or lies too deep.
    pub fn select(&self, plans: &Plans, plan: &Plan, fields: &str) -> Result<Plan, SelectionError> {
        let tree = Tree::parse(fields)?;
        let mut selector = Selector { catalogue: self, plans, wider: false };
        let mut nothing_new = Diagnostics::default();
        let unknown = || SelectionError::Invalid("cannot be chosen for this operation".to_owned());
        let pruned = prune(&plan.operation, self.schema.all(), &plans.server, &mut nothing_new).ok_or_else(unknown)?;
        let Pruned { mut definition, variables, fields: missing } = pruned;
        let Some(Selection::Field(root)) = definition.selection_set.first_mut() else { return Err(unknown()) };
        let root = root.make_mut();
        let root_type = plan.root_type.inner_named_type();
        match &plan.shape {
            Shape::Wrapped(held) | Shape::Inner(held) => {
                let holder = root.selection_set.iter_mut().filter_map(|each| match each {
                    Selection::Field(field) if field.response_name() == held.as_str() => Some(field.make_mut()),
                    _ => None,
                });
                for field in holder {
                    let item = definition_of(&plans.server, root_type, &field.name).ok_or_else(unknown)?;
                    field.selection_set =
                        selector.select(&tree, item.ty.inner_named_type(), &field.selection_set, "")?;
                }
            }
            _ => root.selection_set = selector.select(&tree, root_type, &root.selection_set, "")?,
        }
        let wider = selector.wider;
        let pruned = Pruned { definition, variables, fields: missing };
        let compiled = self.finish(&plan.operation, pruned, &plans.server, plans.version, &mut nothing_new);
        let mut compiled = compiled.ok_or_else(unknown)?;
        compiled.route = plan.route;
        // A relation that the operation itself does not select may change by what its tags do not name.
        compiled.may_be_kept &= !wider;
        Ok(compiled)
    }
}

struct Selector<'a> {
    catalogue: &'a Catalogue,
    plans: &'a Plans,
    /// Whether a relation was chosen that the operation does not select by itself.
    wider: bool,
}

impl Selector<'_> {
    /// Chooses the fields of `tree` from an object of type `parent`. `usual` is what the operation selects of it.
    fn select(
        &mut self,
        tree: &Tree,
        parent: &Name,
        usual: &[Selection],
        path: &str,
    ) -> Result<Vec<Selection>, SelectionError> {
        let mut chosen = Vec::new();
        if !tree.0.contains_key("id") && definition_of(&self.plans.server, parent, "id").is_some() {
            chosen.extend(self.field("id", &Tree::default(), parent, usual, path).ok());
        }
        for (name, inner) in &tree.0 {
            chosen.push(self.field(name, inner, parent, usual, path)?);
        }
        Ok(chosen)
    }

    fn field(
        &mut self,
        name: &str,
        inner: &Tree,
        parent: &Name,
        usual: &[Selection],
        path: &str,
    ) -> Result<Selection, SelectionError> {
        let dotted = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        // The public name may be an alias.
        let known = usual.iter().filter_map(Selection::as_field).find(|field| field.response_name() == name);
        let houston_name = known.map_or(name, |field| field.name.as_str());
        let all = self.catalogue.schema.all();
        let annotated = definition_of(all, parent, houston_name);
        let Some(definition) = definition_of(&self.plans.server, parent, houston_name) else {
            return Err(match annotated {
                Some(field) => SelectionError::Elsewhere { field: dotted, lifespan: Lifespan::of(&field.directives) },
                None => self.unknown(&dotted, name, parent, usual),
            });
        };
        if known.is_none() && annotated.is_some_and(|field| field.directives.has("secret")) {
            return Err(SelectionError::Invalid(format!("{dotted} is a secret and is not given out here")));
        }
        let mut field = match known {
            Some(field) => Field::clone(field),
            None => plain_field(definition.name.clone()),
        };
        let ty = definition.ty.inner_named_type();
        let is_leaf = self.plans.server.types.get(ty).is_none_or(|ty| ty.is_leaf());
        if is_leaf && !inner.0.is_empty() {
            return Err(SelectionError::Invalid(format!("{dotted} has no fields of its own")));
        }
        if !is_leaf {
            self.wider |= known.is_none();
            if !inner.0.is_empty() {
                field.selection_set = self.select(inner, ty, &field.selection_set, &dotted)?;
            } else if known.is_none() {
                field.selection_set = scalars(all, &self.plans.server, ty);
            }
        }
        Ok(Selection::Field(Node::new(field)))
    }

    fn unknown(&self, dotted: &str, name: &str, parent: &Name, usual: &[Selection]) -> SelectionError {
        let object = self.plans.server.get_object(parent);
        let houston = object.into_iter().flat_map(|object| object.fields.keys().map(Name::as_str));
        let public = usual.iter().filter_map(Selection::as_field).map(|field| field.response_name().as_str());
        let hint = match nearest(name, houston.chain(public.clone())) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", public.collect::<Vec<_>>().join(", ")),
        };
        SelectionError::Invalid(format!("there is no field {dotted}; {hint}"))
    }
}

/// All scalar fields of a type that need no argument and are no secrets: what is meant by naming a relation alone.
pub(super) fn scalars(all: &Schema, server: &Schema, ty: &Name) -> Vec<Selection> {
    let fields = server.get_object(ty).into_iter().flat_map(|object| object.fields.values());
    let plain = fields.filter(|field| {
        server.types.get(field.ty.inner_named_type()).is_none_or(|ty| ty.is_leaf())
            && !field.arguments.iter().any(|argument| argument.is_required())
            && !definition_of(all, ty, &field.name).is_some_and(|field| field.directives.has("secret"))
    });
    plain.map(|field| Selection::Field(Node::new(plain_field(field.name.clone())))).collect()
}

fn plain_field(name: Name) -> Field {
    Field { alias: None, name, arguments: Vec::new(), directives: DirectiveList::default(), selection_set: Vec::new() }
}
