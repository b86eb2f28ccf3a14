//! Cutting one page out of a list.

use crate::{args::Args, graph::Ctx, world::Record};
use houston_schema::Version;
use std::sync::Arc;

/// The rows that `take`, `cursor` and `pageNumber` ask for.
///
/// What a `take` above the cap does is unknown; here it is lowered to the cap, and a missing one means the cap. The
/// base of `pageNumber` is known for workspaces only; the other lists follow it.
pub(crate) fn page<T: Record>(ctx: &Ctx<'_>, args: &Args, rows: Vec<Arc<T>>) -> Vec<Arc<T>> {
    let cap = if ctx.version < Version::new(0, 32, 0) { 100 } else { 101 };
    let take = args.int("take").unwrap_or(cap).clamp(0, cap);
    let skip = if let Some(number) = args.int("pageNumber") {
        let before = if ctx.version < Version::new(0, 31, 6) { number } else { number.max(1) - 1 };
        before.max(0).saturating_mul(take)
    } else {
        match args.opt("cursor").filter(|cursor| !cursor.is_empty()) {
            None => 0,
            Some(cursor) => {
                let at = rows.iter().position(|row| row.id() == cursor);
                at.map_or(i64::MAX, |at| i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1))
            }
        }
    };
    let as_count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
    rows.into_iter().skip(as_count(skip)).take(as_count(take)).collect()
}
