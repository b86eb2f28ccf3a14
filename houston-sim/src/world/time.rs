//! Points in time, in the milliseconds that Houston's records keep.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::{
    OffsetDateTime,
    format_description::well_known::{
        Iso8601, Rfc3339,
        iso8601::{Config, EncodedConfig, TimePrecision},
    },
};

/// `2025-03-14T09:26:53.000Z`
const JAVASCRIPT: EncodedConfig =
    Config::DEFAULT.set_time_precision(TimePrecision::Second { decimal_digits: std::num::NonZeroU8::new(3) }).encode();

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) i64);

impl Time {
    pub(crate) fn system() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Reads what a `DateTime` argument holds; `None` for anything but RFC 3339.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }

    pub(crate) fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    pub(crate) fn plus_days(self, days: i64) -> Self {
        Self(self.0.saturating_add(days.saturating_mul(86_400_000)))
    }

    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The form all of Houston's dates have in answers.
    pub(crate) fn iso(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|time| time.format(&Iso8601::<JAVASCRIPT>).ok())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn reads_and_writes_dates_as_javascript_does() {
        let time = Time::parse("2025-03-14T10:26:53+01:00").expect("a date");
        assert_eq!(time.iso(), "2025-03-14T09:26:53.000Z");
        assert_eq!(Time::parse("yesterday"), None);
    }
}
