//! Binding: the parts of an HTTP request become a plan's variables, or a list of all that is wrong with them.

use super::{
    FIELDS,
    coerce::{self, inside},
    json::Json,
    listing::PARAMETERS,
    variables::Variables,
};
use crate::{
    catalogue::{Input, InputKind, InputType, Plan, Shape, Source, nearest},
    problem::{Fault, Place},
};
use houston_schema::{Lifespan, Version};
use http::HeaderMap;
use std::borrow::Cow;

/// A query string's parameters, decoded, in order.
pub type Query<'r> = Vec<(Cow<'r, str>, Cow<'r, str>)>;

/// The parts of a request that variables are bound from: credentials and passwords among them, hence no `Debug`.
pub struct Parts<'r> {
    /// The path's variables, decoded.
    pub path: Vec<(Cow<'r, str>, Cow<'r, str>)>,
    /// The query string's parameters.
    pub query: Query<'r>,
    /// The headers.
    pub headers: &'r HeaderMap,
    /// The body; empty if there was none.
    pub body: &'r [u8],
}

/// As many faults as are told: whoever has more mends these first, and no answer is many times as large as its request.
pub(super) const MOST_FAULTS: usize = 100;

/// All that is wrong with a request, up to [`MOST_FAULTS`].
#[derive(Debug, Default)]
pub struct Faults {
    /// What no Houston would take.
    pub invalid: Vec<Fault>,
    /// What this Houston does not take, but other releases do.
    pub elsewhere: Vec<Fault>,
    version: Option<Version>,
}

/// Why a request cannot be bound.
#[derive(Debug)]
pub enum BindError {
    /// The body is not JSON.
    Malformed(serde_json::Error),
    /// Parameters or fields are wrong.
    Faults(Faults),
}

/// A bound request.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) variables: Variables,
    /// The lists to lay over what Houston has now: the plan's input and the caller's items, if any were sent.
    pub(super) merges: Vec<(usize, Option<Json>)>,
}

impl Bound {
    /// All that was bound, as JSON texts.
    pub(super) fn text(&self) -> String {
        let mut text = self.variables.text().to_owned();
        for (_, items) in &self.merges {
            text.push('\n');
            items.iter().for_each(|items| items.write(&mut text));
        }
        text
    }
}

impl Faults {
    pub(super) fn new(version: Version) -> Self {
        Self { version: Some(version), ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.invalid.is_empty() && self.elsewhere.is_empty()
    }

    fn is_full(&self) -> bool {
        self.invalid.len() + self.elsewhere.len() >= MOST_FAULTS
    }

    pub(super) fn invalid(&mut self, place: &Place, detail: impl Into<String>) {
        if !self.is_full() {
            self.invalid.push(Fault { at: place.clone(), detail: detail.into() });
        }
    }

    pub(super) fn elsewhere(&mut self, place: &Place, what: &str, lifespan: Lifespan) {
        if self.is_full() {
            return;
        }
        let here = self.version.map(|version| format!("; this one is {version}")).unwrap_or_default();
        self.elsewhere
            .push(Fault { at: place.clone(), detail: format!("{what} of Houston {}{here}", releases(lifespan)) });
    }

    pub(super) fn unknown<'n>(&mut self, place: &Place, name: &str, kind: &str, known: impl Iterator<Item = &'n str>) {
        if self.is_full() {
            return;
        }
        let known: Vec<_> = known.collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if known.is_empty() => "none is taken here".to_owned(),
            None => format!("known are {}", known.join(", ")),
        };
        self.invalid(place, format!("there is no {kind} of this name; {hint}"));
    }
}

/// Words for a lifespan: "1.0.0 and later", "0.25.0 to before 1.0.0".
#[must_use]
pub fn releases(lifespan: Lifespan) -> String {
    match (lifespan.since, lifespan.until) {
        (Some(since), Some(until)) => format!("{since} to before {until}"),
        (Some(since), None) => format!("{since} and later"),
        (None, Some(until)) => format!("before {until}"),
        (None, None) => "every release".to_owned(),
    }
}

/// Binds a request to `plan`'s variables. `query` is what of its query string is left when the parameters that steer the
/// gateway are taken out; `faults` holds what was found before.
pub(super) fn bind(
    plan: &Plan,
    parts: &Parts<'_>,
    query: &[(Cow<'_, str>, Cow<'_, str>)],
    faults: Faults,
) -> Result<Bound, BindError> {
    let mut binder = Binder { plan, parts, query, faults, variables: Variables::new(), merges: Vec::new() };
    let body = binder.body()?;
    for (index, input) in plan.inputs.iter().enumerate() {
        binder.input(index, input, &body);
    }
    binder.refuse_unknown_parameters();
    binder.refuse_unknown_fields(&body);
    if binder.faults.is_empty() {
        Ok(Bound { variables: binder.variables, merges: binder.merges })
    } else {
        Err(BindError::Faults(binder.faults))
    }
}

struct Binder<'r> {
    plan: &'r Plan,
    parts: &'r Parts<'r>,
    query: &'r [(Cow<'r, str>, Cow<'r, str>)],
    faults: Faults,
    variables: Variables,
    merges: Vec<(usize, Option<Json>)>,
}

impl<'r> Binder<'r> {
    /// The body's fields. No body is no fields; anything but an object is a fault.
    fn body(&mut self) -> Result<Vec<(String, Json)>, BindError> {
        if self.parts.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Vec::new());
        }
        match Json::read(self.parts.body).map_err(BindError::Malformed)? {
            Json::Object(fields) => Ok(fields),
            other => {
                let place = Place::Pointer(String::new());
                self.faults.invalid(&place, format!("the body is {}, not an object", other.kind()));
                Ok(Vec::new())
            }
        }
    }

    fn input(&mut self, index: usize, input: &Input, body: &[(String, Json)]) {
        let name = &input.name;
        let sent = match &input.source {
            Source::Path => find(&self.parts.path, name).map(Cow::Borrowed),
            Source::Query => self.query(name, &input.ty),
            Source::Header(header) => {
                let value = self.parts.headers.get(header.as_str());
                value.map(|value| String::from_utf8_lossy(value.as_bytes()))
            }
            Source::Body => return self.field(index, input, body),
            Source::Flat => return self.flat(index, input, body),
            Source::Merge { .. } => return self.merge(index, input, body),
            // Filled in later: by reading another operation, and by the page that is asked for.
            Source::Lookup { .. } | Source::Page(_) => return,
        };
        // Only for faults: most requests have none.
        let place = || match &input.source {
            Source::Header(header) => Place::Header(header.clone()),
            _ => Place::Parameter(name.clone()),
        };
        match sent {
            Some(text) => {
                let faults = &mut self.faults;
                self.variables.push(index, name, |out| coerce::text(&input.ty, &text, &place, out, faults));
            }
            None if input.is_required() => self.faults.invalid(&place(), "is missing"),
            None => {}
        }
    }

    /// A query parameter. Only a list may stand there more than once.
    fn query(&mut self, name: &str, ty: &InputType) -> Option<Cow<'r, str>> {
        let query = self.query;
        let mut values = query.iter().filter(|(each, _)| each == name).map(|(_, value)| value);
        let first = values.next()?;
        let rest: Vec<_> = values.collect();
        if rest.is_empty() {
            return Some(Cow::Borrowed(first));
        }
        if !matches!(ty.kind, InputKind::List(_)) {
            self.faults.invalid(&Place::Parameter(name.to_owned()), "stands more than once");
        }
        Some(Cow::Owned(rest.into_iter().fold(first.to_string(), |all, each| all + "," + each)))
    }

    fn field(&mut self, index: usize, input: &Input, body: &[(String, Json)]) {
        let place = inside(&Place::Pointer(String::new()), &input.name);
        match body.iter().find(|(name, _)| *name == input.name) {
            Some((_, value)) => {
                let faults = &mut self.faults;
                self.variables.push(index, &input.name, |out| coerce::json(&input.ty, value, &place, out, faults));
            }
            None if input.is_required() => self.faults.invalid(&place, "is missing"),
            None => {}
        }
    }

    /// Gathers the body fields that make up one input object.
    fn flat(&mut self, index: usize, input: &Input, body: &[(String, Json)]) {
        let InputKind::Object(object) = &input.ty.kind else { return };
        let own: Vec<_> =
            body.iter().filter(|(name, _)| object.fields.iter().any(|field| field.name == *name)).cloned().collect();
        let place = Place::Pointer(String::new());
        if own.is_empty() {
            if input.is_required() {
                let names: Vec<_> = object.fields.iter().map(|field| field.name.as_str()).collect();
                self.faults.invalid(&place, format!("at least one of {} is needed", names.join(", ")));
            }
            return;
        }
        let faults = &mut self.faults;
        self.variables.push(index, &input.name, |out| coerce::object(object, &own, &place, out, faults));
    }

    /// Checks the items of a list that is merged later; a null field says that its item goes away.
    fn merge(&mut self, index: usize, input: &Input, body: &[(String, Json)]) {
        let sent = body.iter().find(|(name, _)| *name == input.name).map(|(_, value)| value.clone());
        let place = inside(&Place::Pointer(String::new()), &input.name);
        match &sent {
            Some(value) => coerce::json(&input.ty, value, &place, &mut String::new(), &mut self.faults),
            None if input.is_required() => self.faults.invalid(&place, "is missing"),
            None => {}
        }
        self.merges.push((index, sent));
    }

    fn refuse_unknown_parameters(&mut self) {
        let own =
            || self.plan.inputs.iter().filter(|input| input.source == Source::Query).map(|input| input.name.as_str());
        // What steers the gateway was taken out, once; whoever misspells it is told of it all the same.
        let of_lists = PARAMETERS.into_iter().filter(|_| self.plan.shape.is_list());
        let of_objects = [FIELDS].into_iter().filter(|_| self.plan.shape != Shape::Scalar);
        let known = || own().chain(of_lists.clone()).chain(of_objects.clone());
        for (name, _) in self.query {
            if own().any(|each| each == name) {
                continue;
            }
            let place = Place::Parameter(name.to_string());
            match self.plan.narrowed.get(name.as_ref()) {
                Some(lifespan) => self.faults.elsewhere(&place, "is a parameter", *lifespan),
                None if known().any(|each| each == name) => self.faults.invalid(&place, "stands more than once"),
                None => self.faults.unknown(&place, name, "parameter", known()),
            }
        }
    }

    fn refuse_unknown_fields(&mut self, body: &[(String, Json)]) {
        let known: Vec<&str> = self.plan.inputs.iter().flat_map(body_names).collect();
        for (name, _) in body.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let place = inside(&Place::Pointer(String::new()), name);
            match self.plan.narrowed.get(name) {
                Some(lifespan) => self.faults.elsewhere(&place, "is a field", *lifespan),
                None => self.faults.unknown(&place, name, "field", known.iter().copied()),
            }
        }
    }
}

/// The body fields that an input is bound from.
fn body_names(input: &Input) -> Vec<&str> {
    match (&input.source, &input.ty.kind) {
        (Source::Body | Source::Merge { .. }, _) => vec![input.name.as_str()],
        (Source::Flat, InputKind::Object(object)) => object.fields.iter().map(|field| field.name.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn find<'v>(pairs: &'v [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Option<&'v str> {
    pairs.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_ref())
}
