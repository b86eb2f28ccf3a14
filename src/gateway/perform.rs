//! Asking Houston: send, unwrap, shape, and understand what went wrong.

use super::{
    Call, Context, Failure, Gateway, Refusal,
    answer::uncuttable,
    keys::caller_slot,
    reply::Reply,
    shape,
    variables::Variables,
    verdict::{Verdict, judge},
};
use crate::{
    catalogue::Plan,
    houston::{CallError, Subscription},
    problem::{Code, Fault, Place},
};
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;

/// At most this many pages are gathered into one whole list.
const MAX_PAGES: usize = 100;

/// Something that any valid token may read.
const PROBE: &[u8] =
    br#"{"operationName":"GatewayCredential","query":"query GatewayCredential { deploymentConfig { __typename } }"}"#;

/// A list that is too long to be gathered. A part of it must not pass for the whole.
fn endless() -> Failure {
    let detail = "is needed: the whole list is more than the gateway gathers from Houston's pages";
    Failure::Invalid([Fault { at: Place::Parameter("limit".to_owned()), detail: detail.to_owned() }].into())
}

impl Gateway {
    /// Asks Houston and shapes what it says. `None`: Houston answers null, and that is an answer.
    ///
    /// A list that Houston only gives page by page is gathered, unless a page is what was asked for.
    pub(super) async fn perform(&self, call: &Call, context: &Context) -> Result<Option<Bytes>, Failure> {
        let Call { plan, variables, listing } = call;
        if !plan.operation.is_paged() {
            return self.perform_once(plan, variables, context).await;
        }
        let mut page = listing.of_houston();
        let mut pages = Vec::new();
        loop {
            let variables = page.with_variables(plan, variables.clone());
            let Some(body) = self.perform_once(plan, &variables, context).await? else { return Ok(None) };
            if listing.is_one_page_of_houston() {
                return Ok(Some(body));
            }
            let next = page.after(plan, &shape::items(&body).map_err(uncuttable)?);
            if pages.last() == Some(&body) {
                return Err(Failure::BadReply("Houston gives the same page again and again".into()));
            }
            pages.push(body);
            match next {
                Some(_) if pages.len() == MAX_PAGES => return Err(endless()),
                Some(next) => page = next,
                None => return shape::concatenate(&pages).map(Some).map_err(uncuttable),
            }
        }
    }

    async fn perform_once(
        &self,
        plan: &Plan,
        variables: &Variables,
        context: &Context,
    ) -> Result<Option<Bytes>, Failure> {
        let request = plan.request(|index| variables.get(index).is_some());
        let (caller, trace) = (context.caller.as_ref(), &context.trace);
        let bytes = if plan.operation.kind.is_subscription() {
            // Boxed, as all that is rare: a future is as large as its largest branch.
            let first = Box::pin(self.houston.first_event(request, variables.text(), caller, trace)).await;
            Box::pin(self.welcomed(first, context)).await?
        } else {
            let repeatable = !plan.operation.kind.is_mutation();
            self.houston.call(request, variables.text(), repeatable, caller, trace).await?
        };
        let reply =
            Reply::read(&bytes, &plan.response_key).map_err(|why| Failure::unreadable("Houston's answer", &why))?;
        if !reply.errors.is_empty() {
            return Err(Box::pin(self.refusal(plan, reply, context)).await);
        }
        match reply.value {
            Some(value) => shape::shape(plan, &bytes, value).map(Some),
            None if !reply.is_graphql => Err(Failure::BadReply("Houston's answer is not GraphQL".into())),
            None if plan.operation.absent == StatusCode::NOT_FOUND => Err(Failure::NotFound),
            None => Ok(None),
        }
    }

    /// Subscribes at Houston.
    pub(super) async fn subscribe(
        &self,
        plan: &Plan,
        variables: &Variables,
        context: &Context,
    ) -> Result<Subscription, Failure> {
        let request = plan.request(|index| variables.get(index).is_some());
        let (caller, trace) = (context.caller.as_ref(), &context.trace);
        let subscription = self.houston.subscribe(request, variables.text(), caller, trace).await;
        self.welcomed(subscription, context).await
    }

    /// Finds out why Houston hung up, if it did: it may be the credential, of which it says nothing.
    pub(super) async fn welcomed<T>(&self, outcome: Result<T, CallError>, context: &Context) -> Result<T, Failure> {
        match outcome {
            Err(CallError::Rejected(_)) if !self.is_known(context).await? => {
                Err(Failure::Refused(Arc::new(Refusal { code: Code::Unauthenticated, errors: Vec::new() })))
            }
            outcome => outcome.map_err(Failure::from),
        }
    }

    /// Understands Houston's errors.
    pub(super) async fn refusal(&self, plan: &Plan, reply: Reply<'_>, context: &Context) -> Failure {
        let code = match judge(plan.operation.root_field(), &reply.errors) {
            Verdict::Is(code) => code,
            Verdict::UnauthenticatedOrForbidden => match self.is_known(context).await {
                Ok(true) => Code::Forbidden,
                Ok(false) => Code::Unauthenticated,
                Err(failure) => return failure,
            },
        };
        if code == Code::SchemaDrift {
            tracing::warn!(
                operation = plan.operation.name,
                errors = ?reply.errors,
                "Houston does not know what it was asked; looking again at its version"
            );
            self.drift.notify_one();
        }
        if let (Code::Forbidden | Code::Unauthenticated, Some(caller)) = (code, &context.caller) {
            self.invalidate(&[caller_slot(caller)]);
        }
        Failure::Refused(Arc::new(Refusal { code, errors: reply.errors }))
    }

    /// Whether Houston knows the caller. It answers a bad token and a missing permission alike, so it is asked for
    /// something that any valid token may read.
    async fn is_known(&self, context: &Context) -> Result<bool, Failure> {
        let Some(caller) = &context.caller else { return Ok(false) };
        if let Some(known) = self.credentials.get(&caller.fingerprint) {
            return Ok(known);
        }
        let bytes = self.houston.send(Bytes::from_static(PROBE), true, Some(caller), &context.trace).await?;
        let reply =
            Reply::read(&bytes, "deploymentConfig").map_err(|why| Failure::unreadable("Houston's answer", &why))?;
        let known = reply.errors.is_empty();
        self.credentials.insert(caller.fingerprint, known);
        Ok(known)
    }
}
