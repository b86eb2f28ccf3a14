//! What a cached answer is found by, and what a mutation makes unreachable.

use super::{Call, Failure, variables::Variables};
use crate::{
    cache::{Cache, Key, TagSlot},
    caller::{Caller, Fingerprint},
    catalogue::Plan,
};

/// What every cached answer of a caller depends on: who may do what.
const ACCESS: &str = "access";

/// The key of a read. `caller` is `None` for answers that all share.
pub(super) fn cache_key(cache: &Cache<Failure>, call: &Call, caller: Option<&Caller>) -> Key {
    let Call { plan, variables, listing } = call;
    let fingerprint = caller.map_or(Fingerprint::EVERYBODY, |caller| caller.fingerprint);
    let policy = plan.operation.cache.iter().flat_map(|policy| &policy.tags);
    let own = policy.flat_map(|tag| match &tag.variable {
        None => [Some(TagSlot::of(&tag.prefix, "")), None],
        // The second is the whole family: a change that cannot name its member makes all of them stale.
        Some(name) => {
            let member = value_of(plan, variables, name).map(|value| TagSlot::of(&tag.prefix, value));
            [member, Some(TagSlot::of(&tag.prefix, ""))]
        }
    });
    let personal = caller.map(|caller| [caller_slot(caller), TagSlot::of(ACCESS, "")]);
    let tags = own.flatten().chain(personal.into_iter().flatten());
    // The whole list is another thing than its first page, although it begins with the same call.
    if plan.operation.is_paged() && listing.is_one_page_of_houston() {
        let page = listing.with_variables(plan, variables.clone());
        return cache.key(plan.identity, page.text(), fingerprint, tags);
    }
    cache.key(plan.identity, variables.text(), fingerprint, tags)
}

/// What a mutation makes stale.
pub(super) fn changed_tags(call: &Call) -> Vec<TagSlot> {
    let tags = call.plan.operation.invalidates.iter();
    tags.map(|tag| {
        let value = tag.variable.as_ref().and_then(|name| value_of(&call.plan, &call.variables, name));
        TagSlot::of(&tag.prefix, value.unwrap_or_default())
    })
    .collect()
}

/// Whether a mutation changes who may do what.
pub(super) fn changes_access(call: &Call) -> bool {
    call.plan.operation.invalidates.iter().any(|tag| tag.prefix == ACCESS)
}

/// A variable's JSON text.
pub(super) fn value_of<'v>(plan: &Plan, variables: &'v Variables, name: &str) -> Option<&'v str> {
    variables.get(plan.inputs.iter().position(|input| input.name == name)?)
}

/// The tag that every answer of a caller carries.
pub(super) fn caller_slot(caller: &Caller) -> TagSlot {
    let mut hex = [0; 32];
    for (index, byte) in caller.fingerprint.as_bytes().iter().enumerate() {
        hex[2 * index] = b'a' + (byte >> 4);
        hex[2 * index + 1] = b'a' + (byte & 15);
    }
    TagSlot::of("caller:", str::from_utf8(&hex).unwrap_or_default())
}

/// The slot of a tag that is written out: `deployments`, `deployment:<id>`, or `deployment:` for all of them.
pub(super) fn named_slot(tag: &str) -> TagSlot {
    match tag.split_once(':') {
        Some((kind, value)) if !value.is_empty() => {
            TagSlot::of(&format!("{kind}:"), &serde_json::Value::from(value).to_string())
        }
        _ => TagSlot::of(tag, ""),
    }
}
