//! Names for the shapes of answers: equal shapes share one.
//!
//! The fullest shape of a type that one operation shows alone has the type's name. The others are named after their
//! place: the items of a list, the part of another type, or else the first operation that answers with them.

use super::selection::{Answer, Content, List, Record};
use std::collections::BTreeSet;

/// A route's operation and what it answers with.
#[derive(Clone, Copy)]
pub(super) struct Answering<'a> {
    pub(super) operation: &'a str,
    pub(super) answer: &'a Answer,
}

/// The names of all shapes.
pub(super) struct Names<'a> {
    records: Vec<(&'a Record, String)>,
    envelopes: Vec<(&'a Answer, String)>,
}

/// Where a shape stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'a> {
    Item,
    Answer,
    Part(&'a str),
}

struct Seen<'a> {
    record: &'a Record,
    /// The best of the places where it stands.
    place: Place<'a>,
    /// Whether it is also an answer of its own.
    alone: bool,
    operation: &'a str,
}

impl<'a> Names<'a> {
    /// Names every shape of `answers`, never by a name that is `taken`.
    pub(super) fn new(answers: &[Answering<'a>], mut taken: BTreeSet<String>) -> Self {
        let mut seen = Vec::new();
        for each in answers {
            match each.answer {
                Answer::Object(record) => note(&mut seen, record, Place::Answer, each.operation),
                Answer::List(List { items: Content::Record(record), .. }) => {
                    note(&mut seen, record, Place::Item, each.operation);
                }
                _ => {}
            }
        }
        let mut claim = |wanted: String| {
            let mut numbered = (2..).map(|number| format!("{wanted}{number}"));
            let free = if taken.contains(&wanted) { numbered.find(|each| !taken.contains(each)) } else { None };
            let name = free.unwrap_or(wanted);
            taken.insert(name.clone());
            name
        };
        let records: Vec<_> = seen.iter().map(|each| (each.record, claim(name(each, &seen)))).collect();
        let mut envelopes: Vec<(&Answer, String)> = Vec::new();
        for each in answers.iter().filter(|each| !matches!(each.answer, Answer::Object(_))) {
            if !envelopes.iter().any(|(known, _)| *known == each.answer) {
                envelopes.push((each.answer, claim(envelope_name(each, answers))));
            }
        }
        Self { records, envelopes }
    }

    pub(super) fn records(&self) -> impl Iterator<Item = (&'a Record, &str)> {
        self.records.iter().map(|(record, name)| (*record, name.as_str()))
    }

    pub(super) fn envelopes(&self) -> impl Iterator<Item = (&'a Answer, &str)> {
        self.envelopes.iter().map(|(answer, name)| (*answer, name.as_str()))
    }

    /// The name of an object's shape.
    pub(super) fn of_record(&self, record: &Record) -> &str {
        self.records().find(|(known, _)| *known == record).map_or("", |(_, name)| name)
    }

    /// The name of an answer's shape.
    pub(super) fn of_answer(&self, answer: &Answer) -> &str {
        match answer {
            Answer::Object(record) => self.of_record(record),
            other => self.envelopes().find(|(known, _)| *known == other).map_or("", |(_, name)| name),
        }
    }
}

/// Notes a shape and those of the lists in it.
fn note<'a>(seen: &mut Vec<Seen<'a>>, record: &'a Record, place: Place<'a>, operation: &'a str) {
    let alone = place == Place::Answer;
    match seen.iter_mut().find(|each| each.record == record) {
        Some(known) => {
            known.alone |= alone;
            if place < known.place {
                (known.place, known.operation) = (place, operation);
            }
        }
        None => {
            seen.push(Seen { record, place, alone, operation });
            parts(seen, record, operation);
        }
    }
}

fn parts<'a>(seen: &mut Vec<Seen<'a>>, record: &'a Record, operation: &'a str) {
    for field in &record.fields {
        match (&field.content, field.content.record()) {
            (Content::List(_), Some(item)) => note(seen, item, Place::Part(&record.of), operation),
            (_, Some(inner)) => parts(seen, inner, operation),
            _ => {}
        }
    }
}

fn name(shape: &Seen<'_>, seen: &[Seen<'_>]) -> String {
    let of = &shape.record.of;
    let kin = || seen.iter().filter(|each| each.record.of == *of);
    let fullest = |each: &&Seen<'_>| (each.alone, each.record.size());
    // Of equals the first, which is the one that `max_by_key` finds last when it looks backwards.
    let first = kin().collect::<Vec<_>>().into_iter().rev().max_by_key(fullest);
    if first.is_some_and(|first| first.record == shape.record) {
        return of.clone();
    }
    let others = kin().filter(|each| !first.is_some_and(|first| first.record == each.record));
    let only = others.filter(|each| each.place == shape.place).count() == 1;
    match shape.place {
        Place::Answer => format!("{}Result", shape.operation),
        Place::Item if only => format!("{of}Summary"),
        Place::Item => format!("{}Item", plural(shape.operation)),
        Place::Part(whole) if only => format!("{whole}{of}"),
        Place::Part(_) => format!("{}{of}", shape.operation),
    }
}

fn envelope_name(each: &Answering<'_>, answers: &[Answering<'_>]) -> String {
    let Some(record) = each.answer.record() else { return format!("{}Result", each.operation) };
    let rival = |other: &&Answering<'_>| {
        matches!(other.answer, Answer::List(_))
            && other.answer != each.answer
            && other.answer.record().is_some_and(|its| its.of == record.of)
    };
    match answers.iter().find(rival) {
        None => format!("{}List", record.of),
        Some(_) => format!("{}List", plural(each.operation)),
    }
}

/// What a list operation lists: `ListTeamUsers` becomes `TeamUsers`.
fn plural(operation: &str) -> &str {
    operation.strip_prefix("List").unwrap_or(operation)
}
