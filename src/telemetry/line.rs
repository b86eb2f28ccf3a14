//! Log lines: those of the access log, one for each request, are written by hand; all others as usual.
//!
//! The usual formatter takes about a microsecond for such a line, a tenth of an answer from the cache: half of it for the
//! time of day, the rest for the machinery of `fmt`.

use std::{cell::Cell, fmt};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer, time::FormatTime},
    registry::LookupSpan,
};

/// The target of the access log's events. Their texts hold nothing that needs an escape.
pub(crate) const ACCESS: &str = "access";

/// Room for most lines.
const LINE: usize = 192;

/// The time of day in UTC, to the microsecond (RFC 3339).
pub(super) struct Clock;

thread_local! {
    /// The last second that was written, and how: all that changes within it is the fraction.
    static SECOND: Cell<(i64, [u8; 19])> = const { Cell::new((i64::MIN, [0; 19])) };
}

impl FormatTime for Clock {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let now = OffsetDateTime::now_utc();
        let (mut second, mut text) = SECOND.get();
        if second != now.unix_timestamp() {
            second = now.unix_timestamp();
            let written = now.format(&Rfc3339).map_err(|_| fmt::Error)?;
            text = written.as_bytes().first_chunk().copied().ok_or(fmt::Error)?;
            SECOND.set((second, text));
        }
        out.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)?;
        // Seven digits, of which the first is no part of the fraction but keeps its zeros.
        out.write_str(".")?;
        out.write_str(itoa::Buffer::new().format(1_000_000 + now.microsecond()).get(1..).unwrap_or_default())?;
        out.write_str("Z")
    }
}

/// Formats events, those of the access log by hand.
pub(super) struct Lines<F> {
    pub(super) usual: F,
    pub(super) json: bool,
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        // On a terminal lines are coloured, and nobody counts nanoseconds.
        if event.metadata().target() != ACCESS || out.has_ansi_escapes() {
            return self.usual.format_event(context, out, event);
        }
        if self.json {
            out.write_str("{\"timestamp\":\"")?;
        }
        Clock.format_time(&mut out)?;
        let level = event.metadata().level().as_str();
        let mut line = String::with_capacity(LINE);
        if self.json {
            line.extend(["\",\"level\":\"", level, "\""]);
        } else {
            line.extend([if level.len() < 5 { "  " } else { " " }, level, " access:"]);
        }
        event.record(&mut Fields { line: &mut line, json: self.json });
        line.push_str(if self.json { ",\"target\":\"access\"}\n" } else { "\n" });
        out.write_str(&line)
    }
}

/// Appends fields one after the other.
struct Fields<'l> {
    line: &'l mut String,
    json: bool,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) -> &mut String {
        let (before, after) = if self.json { (",\"", "\":") } else { (" ", "=") };
        self.line.extend([before, field.name(), after]);
        self.line
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field).extend(["\"", value, "\""]);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field).push_str(itoa::Buffer::new().format(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field).extend([format!("{value:?}")]);
    }
}
