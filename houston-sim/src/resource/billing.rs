//! Cards, customers and trials: relics of the cloud edition, gone with 0.35.

use super::Answer;
use crate::{
    args::Args,
    graph::{Ctx, Value},
};
use serde_json::json;

pub(crate) fn card(ctx: &Ctx<'_>, args: &Args) -> Value {
    let workspace = ctx.world.workspaces.get(args.text("workspaceUuid"));
    workspace.and_then(|workspace| workspace.card.clone()).into()
}

/// The token stands for a card that a payment service knows; here every token is the same test card.
pub(crate) fn set_card(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("workspaceUuid");
    ctx.world.workspaces.need(id)?;
    let card = json!({
        "name": args.opt("company").unwrap_or(args.text("billingEmail")),
        "expMonth": 12,
        "expYear": 2030,
        "last4": "4242",
        "brand": "Visa",
        "billingEmail": args.text("billingEmail"),
        "company": args.opt("company"),
    });
    ctx.world.workspaces.update(id, |workspace| workspace.card = Some(card.clone()));
    Ok(card.into())
}

pub(crate) fn add_customer(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let id = args.text("workspaceUuid");
    ctx.world.workspaces.need(id)?;
    Ok(Value::maybe(
        ctx.world.workspaces.update(id, |workspace| workspace.stripe_customer = args.string("stripeCustomerId")),
    ))
}

pub(crate) fn suspend(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (id, suspended) = (args.text("workspaceUuid"), args.flag("isSuspended").unwrap_or(false));
    ctx.world.workspaces.need(id)?;
    Ok(Value::maybe(ctx.world.workspaces.update(id, |workspace| workspace.suspended = suspended)))
}

pub(crate) fn extend_trial(ctx: &mut Ctx<'_>, args: &Args) -> Answer {
    let (id, now) = (args.text("workspaceUuid"), ctx.now);
    ctx.world.workspaces.need(id)?;
    let days = args.int("extraDays").unwrap_or(0);
    let changed = ctx.world.workspaces.update(id, |workspace| {
        workspace.trial_ends = Some(workspace.trial_ends.unwrap_or(now).plus_days(days));
    });
    Ok(Value::maybe(changed))
}
