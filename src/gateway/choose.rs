//! Choosing: which operation of a route answers a request, and which does when Houston does not know that one after all.

use super::{Answer, Ask, Errand, FIELDS, Failure, Gateway, Parts, listing, listing::Listing};
use crate::catalogue::{Plan, Plans, RoutePlan};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};

/// How long a request waits to learn whether Houston has become another one.
const LOOK: Duration = Duration::from_secs(10);

impl Gateway {
    /// Answers a request whose document Houston does not know: by another operation of the route, or by other plans.
    pub(super) async fn answer_otherwise(
        self: &Arc<Self>,
        refused: &Errand,
        parts: &Parts<'_>,
        mut failure: Failure,
    ) -> Result<Answer, Failure> {
        let Errand { plans, call: tried, ask, .. } = refused;
        for plan in fitting(&plans.routes[ask.route], parts) {
            // Another selection of the caller's choice is another plan of the same operation.
            if plan.operation.name == tried.plan.operation.name {
                continue;
            }
            match self.answer_by(plans, plan, ask, parts).await {
                Err(again) if again.is_drift() => failure = again,
                outcome => return outcome,
            }
        }
        let Some(plans) = self.renewed(plans).await else { return Err(failure) };
        let plan = choose(&plans.routes[ask.route], parts, &plans)?;
        self.answer_by(&plans, plan, ask, parts).await
    }

    async fn answer_by(
        self: &Arc<Self>,
        plans: &Arc<Plans>,
        plan: &Arc<Plan>,
        ask: &Ask,
        parts: &Parts<'_>,
    ) -> Result<Answer, Failure> {
        self.run(&self.understand_by(plans, plan, ask.clone(), parts)?).await
    }

    /// The plans that take the place of `old`, once it is known whether Houston has become another one. It has refused a
    /// document that it should know, and refuses before it does anything: by other plans all of the request may be tried
    /// again, changes too.
    pub(super) async fn renewed(&self, old: &Arc<Plans>) -> Option<Arc<Plans>> {
        let refused = Instant::now();
        let renewed = || Some(self.plans.load_full()).filter(|plans| !Arc::ptr_eq(plans, old));
        if renewed().is_none() && self.houston.is_probed() {
            let mut looked = self.looked.subscribe();
            let look = looked.wait_for(|began| *began >= refused);
            // Nobody is worse off for a look that takes too long.
            let _late = timeout(LOOK, look).await;
        }
        renewed()
    }
}

/// Chooses among the operations of a route: see [`fitting`].
pub(super) fn choose<'p>(route: &'p RoutePlan, parts: &Parts<'_>, plans: &Plans) -> Result<&'p Arc<Plan>, Failure> {
    let Some(first) = route.plans.first() else {
        return Err(Failure::NotInThisVersion { version: plans.version, lifespan: route.lifespan });
    };
    if route.plans.len() == 1 {
        return Ok(first);
    }
    Ok(fitting(route, parts).first().copied().unwrap_or(first))
}

/// The operations of a route that take every parameter that was sent, the preferred one first: where a page is asked for,
/// one that lets Houston page, otherwise one that gives the whole list.
fn fitting<'p>(route: &'p RoutePlan, parts: &Parts<'_>) -> Vec<&'p Arc<Plan>> {
    let takes_all = |plan: &&Arc<Plan>| {
        let own = |name: &str| {
            plan.inputs.iter().any(|input| input.name == name) || name == FIELDS || listing::PARAMETERS.contains(&name)
        };
        parts.query.iter().all(|(name, _)| own(name))
    };
    let wants_page = Listing::can_be_paged_by_houston(&parts.query);
    let mut fitting: Vec<_> = route.plans.iter().filter(takes_all).collect();
    fitting.sort_by_key(|plan| plan.operation.is_paged() != wants_page);
    fitting
}
