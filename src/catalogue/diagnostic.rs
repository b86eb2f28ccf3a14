//! What is wrong with a catalogue: every fault at once, each with file, line, column and a caret.

use apollo_compiler::{
    diagnostic::{CliReport, Color},
    parser::{SourceMap, SourceSpan},
    validation::DiagnosticList,
};
use std::fmt;

/// The faults of a catalogue. Displays as one report a fault.
#[derive(Debug, Default)]
pub struct Diagnostics {
    reports: Vec<String>,
}

/// One fault of our own rules; GraphQL's own come from the compiler.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) at: Option<SourceSpan>,
    pub(super) label: String,
    pub(super) help: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, at: Option<SourceSpan>, label: impl Into<String>) -> Self {
        Self { message: message.into(), at, label: label.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Diagnostics {
    pub(super) fn push(&mut self, sources: &SourceMap, fault: Fault) {
        let mut report = CliReport::builder(sources, fault.at, Color::Never);
        report.with_message(fault.message);
        report.with_label_opt(fault.at, fault.label);
        if let Some(help) = fault.help {
            report.with_help(help);
        }
        self.reports.push(report.into_string());
    }

    /// Takes over the compiler's own reports.
    pub(super) fn extend(&mut self, list: &DiagnosticList) {
        self.reports.extend(list.iter().map(|each| each.to_report(Color::Never).into_string()));
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// How many faults there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    /// Ends a step that collected faults: `value` if there are none.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in &self.reports {
            writeln!(f, "{}", report.trim_end())?;
        }
        let faults = if self.len() == 1 { "fault" } else { "faults" };
        write!(f, "{} {faults} in the catalogue", self.len())
    }
}

impl std::error::Error for Diagnostics {}

/// The known name nearest to `name`, if one is near enough to be a typing slip.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|each| (strsim::damerau_levenshtein(&name.to_lowercase(), &each.to_lowercase()), each))
        .filter(|(distance, each)| *distance <= 1 + each.len().min(name.len()) / 4)
        .min()
        .map(|(_, each)| each)
}
