//! Reads that come before the operation itself: looked-up variables, merged lists, conditions.

use super::{
    CacheRequest, Call, Context, Failure, Gateway, bind::Bound, listing::Listing, merge::merge, shape,
    variables::Variables,
};
use crate::catalogue::{Plan, Plans, Source};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::value::RawValue;
use std::sync::Arc;

/// How that is read which a decision or a write depends on.
const ANEW: CacheRequest =
    CacheRequest { no_cache: true, no_store: false, only_if_cached: false, max_age: None, min_fresh: None };

impl Gateway {
    /// Fills in the variables that do not come from the request itself. What is looked up for a `request` that stores
    /// nothing, or does not ask Houston, is read like that too.
    pub(super) async fn complete(
        self: &Arc<Self>,
        plans: &Arc<Plans>,
        plan: &Arc<Plan>,
        bound: Bound,
        context: &Context,
        request: CacheRequest,
    ) -> Result<Variables, Failure> {
        let Bound { mut variables, merges } = bound;
        // A name never changes under its id: it is as fresh as it was.
        let request = CacheRequest { no_cache: false, max_age: None, min_fresh: None, ..request };
        for (index, input) in plan.inputs.iter().enumerate() {
            if let (Source::Lookup { operation, path }, None) = (&input.source, variables.get(index)) {
                let found = self.read_first(plans, operation, plan, &variables, context, request).await?;
                let value = follow(&found, path).ok_or(Failure::NotFound)?;
                variables.push(index, &input.name, |out| out.push_str(value.get()));
            }
        }
        for (index, sent) in merges {
            let input = &plan.inputs[index];
            if let Source::Merge { operation, by } = &input.source {
                let current = self.read_first(plans, operation, plan, &variables, context, ANEW).await?;
                let merged = merge(input, by, &current, sent)?;
                variables.push(index, &input.name, |out| out.push_str(&merged));
            }
        }
        Ok(variables)
    }

    /// Refuses a mutation while the list that it must find empty is not.
    pub(super) async fn require_empty(
        self: &Arc<Self>,
        plans: &Arc<Plans>,
        call: &Call,
        context: &Context,
    ) -> Result<(), Failure> {
        let Some(required) = &call.plan.operation.requires_empty else { return Ok(()) };
        let found = self.read_first(plans, &required.operation, &call.plan, &call.variables, context, ANEW).await?;
        let items = shape::items(found.as_bytes()).map_err(|why| Failure::BadReply(why.to_string().into()))?;
        if items.is_empty() { Ok(()) } else { Err(Failure::Conflict(required.detail.as_str().into())) }
    }

    /// Runs another operation first, as the same caller, with the variables of the same names.
    fn read_first<'f>(
        self: &'f Arc<Self>,
        plans: &'f Arc<Plans>,
        operation: &'f str,
        asking: &'f Arc<Plan>,
        variables: &'f Variables,
        context: &'f Context,
        request: CacheRequest,
    ) -> BoxFuture<'f, Result<String, Failure>> {
        async move {
            let Some(plan) = plans.by_name(operation) else {
                let lifespan = asking.lifespan;
                return Err(Failure::NotInThisVersion { version: plans.version, lifespan });
            };
            let mut own = Variables::new();
            for (index, input) in plan.inputs.iter().enumerate() {
                let same = asking.inputs.iter().position(|each| each.name == input.name);
                if let Some(value) = same.and_then(|same| variables.get(same)) {
                    own.push(index, &input.name, |out| out.push_str(value));
                }
            }
            // What is known already need not be looked up again.
            let bound = Bound { variables: own, merges: Vec::new() };
            let variables = self.complete(plans, plan, bound, context, request).await?;
            let call = Call { plan: Arc::clone(plan), variables, listing: Listing::default() };
            let body: Vec<u8> = self.read(&call, context, request).await?.body.into();
            String::from_utf8(body).map_err(|_| Failure::BadReply("the answer is not UTF-8".into()))
        }
        .boxed()
    }
}

/// Follows field names into an answer; a list on the way gives its first item.
fn follow<'a>(text: &'a str, path: &[String]) -> Option<&'a RawValue> {
    let mut value: &RawValue = serde_json::from_str(text).ok()?;
    let mut path = path.iter();
    loop {
        if value.get().starts_with('[') {
            let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
            value = items.into_iter().next()?;
            continue;
        }
        let Some(name) = path.next() else { break };
        let fields: shape::RawFields<'a> = serde_json::from_str(value.get()).ok()?;
        value = fields.get(name.as_str()).copied()?;
    }
    (value.get() != "null").then_some(value)
}
