//! Understanding: what a request asks for, before anything is waited for.

use super::{
    Ask, Call, FIELDS, Failure, Gateway, Parts, Query,
    bind::{self, Bound, Faults},
    choose::choose,
    json::Json,
    listing::Listing,
};
use crate::{
    catalogue::{Input, Plan, Plans, SelectionError, Shape, Source},
    houston::Trace,
    problem::Place,
};
use http::StatusCode;
use std::{borrow::Cow, sync::Arc};

/// A request that is understood: what is asked of Houston, with the variables that it brings along.
pub struct Errand {
    pub(super) ask: Ask,
    pub(super) plans: Arc<Plans>,
    pub(super) call: Call,
    /// See [`Bound::merges`].
    pub(super) merges: Vec<(usize, Option<Json>)>,
    /// The path's variables, if something is created: for `Location`.
    pub(super) path: Vec<(String, String)>,
    /// What tells the request from others under the same idempotency key, if there is one. As the caller sent it, before
    /// anything is looked up: the first attempt may have changed what is found.
    pub(super) idempotency_fingerprint: Option<String>,
}

impl Errand {
    /// Whether nothing has to be read first.
    pub(super) fn is_complete(&self) -> bool {
        let Call { plan, variables, .. } = &self.call;
        let is_bound = |(index, input): (usize, &Input)| match input.source {
            Source::Lookup { .. } => variables.get(index).is_some(),
            _ => true,
        };
        self.merges.is_empty() && plan.inputs.iter().enumerate().all(is_bound)
    }

    /// What was bound, for those who fill in the rest.
    pub(super) fn bound(&self) -> Bound {
        Bound { variables: self.call.variables.clone(), merges: self.merges.clone() }
    }

    /// Says what goes along to Houston if it is asked.
    pub fn trace(&mut self, trace: Trace) {
        self.ask.context.trace = trace;
    }
}

impl Gateway {
    /// Understands a request.
    ///
    /// # Errors
    /// All that is wrong with it, or why this Houston cannot do it.
    pub fn understand(&self, ask: Ask, parts: &Parts<'_>) -> Result<Errand, Failure> {
        let plans = self.plans.load_full();
        let plan = choose(&plans.routes[ask.route], parts, &plans)?;
        self.understand_by(&plans, plan, ask, parts)
    }

    /// Understands a request as one for this plan of its route.
    pub(super) fn understand_by(
        &self,
        plans: &Arc<Plans>,
        plan: &Arc<Plan>,
        ask: Ask,
        parts: &Parts<'_>,
    ) -> Result<Errand, Failure> {
        if ask.context.caller.is_none() && !plan.public {
            return Err(Failure::NoCredential);
        }
        let (usual, mut plan) = (plan, Arc::clone(plan));
        // What steers the gateway is taken out.
        let mut query = Cow::Borrowed(parts.query.as_slice());
        let mut faults = Faults::new(plans.version);
        if plan.shape != Shape::Scalar && query.iter().any(|(name, _)| name == FIELDS) {
            plan = self.select(plans, plan, query.to_mut(), &mut faults);
        }
        let listing = if plan.shape.is_list() && !query.is_empty() {
            Listing::take(query.to_mut(), &plan, usual, &mut faults)
        } else {
            Listing::default()
        };
        let bound = bind::bind(&plan, parts, &query, faults)?;
        let path = if plan.operation.status == StatusCode::CREATED { owned(&parts.path) } else { Vec::new() };
        let fingerprint = || format!("{} {:?} {}", ask.route, parts.query, bound.text());
        let idempotency_fingerprint = ask.idempotency_key.is_some().then(fingerprint);
        let Bound { variables, merges } = bound;
        let call = Call { plan, variables, listing };
        Ok(Errand { ask, plans: Arc::clone(plans), call, merges, path, idempotency_fingerprint })
    }

    /// The plan with the fields that the caller chose, if any were.
    fn select(&self, plans: &Plans, plan: Arc<Plan>, query: &mut Query<'_>, faults: &mut Faults) -> Arc<Plan> {
        let Some(position) = query.iter().position(|(name, _)| name == FIELDS) else { return plan };
        let (_, fields) = query.remove(position);
        let key = (plan.identity, fields.into_owned());
        if let Some(known) = self.selections.get(&key) {
            return known;
        }
        let place = Place::Parameter(FIELDS.to_owned());
        match self.catalogue.select(plans, &plan, &key.1) {
            Ok(selected) => {
                let selected = Arc::new(selected);
                self.selections.insert(key, Arc::clone(&selected));
                selected
            }
            Err(SelectionError::Invalid(why)) => {
                faults.invalid(&place, why);
                plan
            }
            Err(SelectionError::Elsewhere { field, lifespan }) => {
                faults.elsewhere(&place, &format!("{field} is a field"), lifespan);
                plan
            }
        }
    }
}

fn owned(path: &Query<'_>) -> Vec<(String, String)> {
    path.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
