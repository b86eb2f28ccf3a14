//! A request's GraphQL variables, kept as the JSON text that is sent and that keys the cache.

use super::json::write_text;
use crate::catalogue::Plan;
use std::ops::Range;

/// The variables of one request. They are written in the order of the plan's inputs, so equal requests make equal
/// texts, whatever order the caller used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Variables {
    /// An object without its closing brace.
    text: String,
    /// Where the value of each input stands in `text`.
    values: Vec<(usize, Range<usize>)>,
}

impl Variables {
    pub(super) fn new() -> Self {
        let mut text = String::with_capacity(96);
        text.push('{');
        Self { text, values: Vec::with_capacity(4) }
    }

    /// Adds the variable of the plan's input `index`.
    pub(super) fn push(&mut self, index: usize, name: &str, write: impl FnOnce(&mut String)) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        write_text(name, &mut self.text);
        self.text.push(':');
        let start = self.text.len();
        write(&mut self.text);
        self.values.push((index, start..self.text.len()));
    }

    /// The same without the variable `name`.
    pub(super) fn without(&self, name: &str, plan: &Plan) -> Self {
        let mut rest = Self::new();
        for (index, input) in plan.inputs.iter().enumerate().filter(|(_, input)| input.name != name) {
            if let Some(value) = self.get(index) {
                rest.push(index, &input.name, |out| out.push_str(value));
            }
        }
        rest
    }

    /// The JSON text of the variable of input `index`, if it was sent.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        self.values.iter().find(|(each, _)| *each == index).and_then(|(_, range)| self.text.get(range.clone()))
    }

    /// The object without its closing brace: what keys the cache.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}
