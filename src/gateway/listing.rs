//! Lists: which part of a list is asked for, and how it is cut from the whole.
//!
//! Every list takes `limit`, `cursor`, `sort`, `updatedSince` and `createdSince`. Where Houston pages a list itself, a
//! plain `limit` and `cursor` are passed on; everything else is cut here, from the whole list, which the cache holds.

use super::{
    bind::{Faults, Query},
    variables::Variables,
};
use crate::{
    catalogue::{PageRole, Plan, Source},
    problem::Place,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny, de::MapAccess, de::Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, cmp::Ordering, fmt, num::NonZeroU32};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The largest `limit`.
pub const MAX_LIMIT: u32 = 200;

/// The most items that every Houston returns for one page: larger pages are cut by some releases, refused by others.
pub(super) const HOUSTON_PAGE: u32 = 100;

/// The parameters that lists take besides their own.
pub const PARAMETERS: [&str; 5] = ["limit", "cursor", "sort", "updatedSince", "createdSince"];

/// The part of a list that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    limit: Option<NonZeroU32>,
    cursor: Option<Cursor>,
    sort: Option<Sort>,
    since: Vec<(&'static str, OffsetDateTime)>,
}

/// Where a page starts. Opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cursor {
    /// After the item with this id.
    After(String),
    /// At Houston's page of this number, counted from 0, of pages of this size.
    Page { number: u32, size: u32 },
    /// After the item with this id, or at this position if there is no such item any more.
    Position(usize, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sort {
    field: String,
    descending: bool,
}

/// A page: the items as JSON text, and where the next page starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) body: Vec<u8>,
    pub(super) next: Option<String>,
}

impl Listing {
    /// Whether Houston's own paging can serve what `query` asks for.
    pub(super) fn can_be_paged_by_houston(query: &Query<'_>) -> bool {
        let first = |name: &str| query.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_ref());
        let limit = first("limit").and_then(|limit| limit.parse().ok());
        let cursor = first("cursor").and_then(Cursor::read);
        let cut_here = ["sort", "updatedSince", "createdSince"].into_iter().any(|name| first(name).is_some());
        !cut_here && Self { limit, cursor, ..Self::default() }.is_one_page_of_houston()
    }

    /// Takes the list parameters out of `query`. `usual` is the plan without the caller's choice of fields.
    ///
    /// Items that never say when they were created are all kept by `createdSince`: a polling trigger sends it to any list.
    pub(super) fn take(query: &mut Query<'_>, plan: &Plan, usual: &Plan, faults: &mut Faults) -> Self {
        let mut listing = Self::default();
        let fields = plan.item_scalars();
        let mut seen = Vec::new();
        query.retain(|(name, value)| {
            let Some(parameter) = PARAMETERS.iter().find(|each| **each == name) else { return true };
            let place = Place::Parameter((*parameter).to_owned());
            if seen.contains(parameter) {
                faults.invalid(&place, "stands more than once");
            }
            seen.push(*parameter);
            match *parameter {
                "limit" => match value.parse::<NonZeroU32>() {
                    Ok(limit) if limit.get() <= MAX_LIMIT => listing.limit = Some(limit),
                    _ => faults.invalid(&place, format!("\"{value}\" is not a whole number from 1 to {MAX_LIMIT}")),
                },
                "cursor" => match Cursor::read(value) {
                    Some(cursor) => listing.cursor = Some(cursor),
                    None => faults.invalid(&place, "is not a cursor of this list; take it from nextCursor or nextLink"),
                },
                "sort" => {
                    let field = value.strip_prefix('-').unwrap_or(value);
                    if fields.contains(&field) {
                        listing.sort = Some(Sort { field: field.to_owned(), descending: value.starts_with('-') });
                    } else {
                        faults.unknown(&place, field, "field", fields.iter().copied());
                    }
                }
                since => {
                    let field = if since == "updatedSince" { "updatedAt" } else { "createdAt" };
                    let is_timeless = field == "createdAt" && !usual.item_scalars().contains(&field);
                    if !fields.contains(&field) && !is_timeless {
                        faults.invalid(&place, format!("is not for this list: its items have no {field}"));
                    }
                    match OffsetDateTime::parse(value, &Rfc3339) {
                        Ok(_) if is_timeless => {}
                        Ok(time) => listing.since.push((field, time)),
                        Err(_) => faults.invalid(
                            &place,
                            format!(
                                "\"{value}\" is not a time; write it as RFC 3339, for example 2026-11-23T17:00:00Z"
                            ),
                        ),
                    }
                }
            }
            false
        });
        listing
    }

    /// Whether the whole list is asked for, as Houston orders it.
    pub(super) fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a single page, as Houston cuts it, is what was asked for.
    pub(super) fn is_one_page_of_houston(&self) -> bool {
        let houston_knows_the_place = match &self.cursor {
            None | Some(Cursor::After(_)) => true,
            // Pages of another size begin elsewhere.
            Some(Cursor::Page { size, .. }) => *size == self.houston_limit(),
            Some(Cursor::Position(..)) => false,
        };
        let is_part = self.limit.is_some() || self.cursor.is_some();
        is_part && houston_knows_the_place && self.sort.is_none() && self.since.is_empty()
    }

    /// The page that Houston is asked for first: the one that is wanted, or else the first of all.
    pub(super) fn of_houston(&self) -> Self {
        if self.is_one_page_of_houston() { self.clone() } else { Self::default() }
    }

    /// Adds Houston's paging variables.
    pub(super) fn with_variables(&self, plan: &Plan, mut variables: Variables) -> Variables {
        for (index, input) in plan.inputs.iter().enumerate() {
            let value = match (&input.source, &self.cursor) {
                (Source::Page(PageRole::Limit), _) => self.houston_limit().to_string(),
                (Source::Page(PageRole::After), Some(Cursor::After(id))) => {
                    serde_json::Value::from(id.as_str()).to_string()
                }
                (Source::Page(PageRole::Number { first }), Some(Cursor::Page { number, .. })) => {
                    (first + number).to_string()
                }
                (Source::Page(PageRole::Number { first }), _) => first.to_string(),
                _ => continue,
            };
            variables.push(index, &input.name, |out| out.push_str(&value));
        }
        variables
    }

    /// How many items Houston is asked for.
    fn houston_limit(&self) -> u32 {
        self.limit.map_or(HOUSTON_PAGE, NonZeroU32::get).min(HOUSTON_PAGE)
    }

    /// The next page to ask Houston for, after one with these items. `None` if that was the last.
    pub(super) fn after(&self, plan: &Plan, items: &[&RawValue]) -> Option<Self> {
        if items.len() < self.houston_limit() as usize {
            return None;
        }
        let by_number = plan.inputs.iter().any(|input| matches!(input.source, Source::Page(PageRole::Number { .. })));
        let cursor = if by_number {
            let number = if let Some(Cursor::Page { number, .. }) = self.cursor { number } else { 0 };
            Cursor::Page { number: number + 1, size: self.houston_limit() }
        } else {
            Cursor::After(scalar(items.last()?, "id").text()?.to_owned())
        };
        Some(Self { cursor: Some(cursor), ..self.clone() })
    }

    /// The cursor as callers see it.
    pub(super) fn cursor_text(&self) -> Option<String> {
        self.cursor.as_ref().map(Cursor::write)
    }

    /// Cuts the page out of the whole list.
    ///
    /// # Errors
    /// If `whole` is not a list.
    pub(super) fn cut(&self, whole: &RawValue) -> Result<Page, serde_json::Error> {
        let mut items: Vec<&RawValue> = serde_json::from_str(whole.get())?;
        for (field, since) in &self.since {
            items.retain(|item| {
                let time = scalar(item, field);
                time.text()
                    .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
                    .is_some_and(|time| time >= *since)
            });
        }
        if let Some(sort) = &self.sort {
            items.sort_by_cached_key(|item| Order(scalar(item, &sort.field), sort.descending));
        }
        let start = match &self.cursor {
            None => 0,
            Some(Cursor::Page { number, size }) => *number as usize * *size as usize,
            Some(Cursor::After(id)) => position_after(&items, id).unwrap_or(items.len()),
            Some(Cursor::Position(position, id)) => position_after(&items, id).unwrap_or(*position),
        };
        let start = start.min(items.len());
        let end = self.limit.map_or(items.len(), |limit| items.len().min(start + limit.get() as usize));
        let next = (end < items.len()).then(|| {
            let id = items[..end].last().map(|last| scalar(last, "id").text().unwrap_or_default().to_owned());
            Cursor::Position(end, id.unwrap_or_default()).write()
        });
        Ok(Page { body: join(&items[start..end]), next })
    }
}

/// Items as a JSON list.
pub(super) fn join(items: &[&RawValue]) -> Vec<u8> {
    let mut list = Vec::with_capacity(items.iter().map(|item| item.get().len() + 1).sum::<usize>() + 2);
    list.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            list.push(b',');
        }
        list.extend_from_slice(item.get().as_bytes());
    }
    list.push(b']');
    list
}

impl Cursor {
    fn write(&self) -> String {
        URL_SAFE_NO_PAD.encode(match self {
            Self::After(id) => format!("a:{id}"),
            Self::Page { number, size } => format!("p:{number}:{size}"),
            Self::Position(position, id) => format!("o:{position}:{id}"),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "a" if !rest.is_empty() => Some(Self::After(rest.to_owned())),
            "p" => {
                let (number, size) = rest.split_once(':')?;
                let number = number.parse().ok().filter(|number| *number < u32::MAX / 2)?;
                Some(Self::Page { number, size: size.parse().ok().filter(|size| (1..=HOUSTON_PAGE).contains(size))? })
            }
            "o" => {
                let (position, id) = rest.split_once(':')?;
                Some(Self::Position(position.parse().ok()?, id.to_owned()))
            }
            _ => None,
        }
    }
}

fn position_after(items: &[&RawValue], id: &str) -> Option<usize> {
    if id.is_empty() {
        return None;
    }
    items.iter().position(|item| scalar(item, "id").text() == Some(id)).map(|position| position + 1)
}

/// A scalar field of an item, for comparing. Everything that is not a scalar counts as absent.
#[derive(Clone, Debug, PartialEq)]
enum Scalar<'a> {
    Absent,
    Boolean(bool),
    Number(f64),
    Text(Cow<'a, str>),
}

impl Scalar<'_> {
    fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Boolean(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
        }
    }
}

/// A sort key: absent values come last, whichever way the rest is sorted.
#[derive(PartialEq)]
struct Order<'a>(Scalar<'a>, bool);

impl Eq for Order<'_> {}

impl PartialOrd for Order<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Order<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let ascending = match (&self.0, &other.0) {
            (Scalar::Absent, Scalar::Absent) => return Ordering::Equal,
            (Scalar::Absent, _) => return Ordering::Greater,
            (_, Scalar::Absent) => return Ordering::Less,
            (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
            (Scalar::Number(a), Scalar::Number(b)) => a.total_cmp(b),
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        };
        if self.1 { ascending.reverse() } else { ascending }
    }
}

/// Reads one field of an object, skipping the rest.
fn scalar<'a>(item: &'a RawValue, field: &str) -> Scalar<'a> {
    struct Field<'f>(&'f str);

    impl<'de> Visitor<'de> for Field<'_> {
        type Value = Scalar<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut found = Scalar::Absent;
            while let Some(name) = entries.next_key::<Cow<'de, str>>()? {
                if name == self.0 {
                    found = read_scalar(entries.next_value()?);
                } else {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    serde_json::Deserializer::from_str(item.get()).deserialize_map(Field(field)).unwrap_or(Scalar::Absent)
}

fn read_scalar(raw: &RawValue) -> Scalar<'_> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    match raw.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw.get()).map_or(Scalar::Absent, |Text(text)| Scalar::Text(text)),
        Some(b't') => Scalar::Boolean(true),
        Some(b'f') => Scalar::Boolean(false),
        _ => raw.get().parse().map_or(Scalar::Absent, Scalar::Number),
    }
}
