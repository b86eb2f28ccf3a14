//! A Houston release number, compared on its numeric part.

use std::{fmt, str::FromStr};

/// A Houston release, such as `0.34.0` or `2.1.0`.
///
/// Pre-release suffixes (`2.1.0-alpha.1`) and build metadata are accepted and dropped: Houston's development builds
/// already carry the schema of the release they lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

/// Text that is not a release number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a Houston version; write it as MAJOR.MINOR.PATCH, for example 0.34.0")]
pub struct InvalidVersion(String);

impl Version {
    /// The release `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion(text.chars().take(40).collect());
        let plain = text.trim().trim_start_matches('v');
        let numeric = plain.split(['-', '+']).next().unwrap_or_default();
        let mut parts = numeric.split('.').map(str::parse::<u16>);
        let mut next = |required: bool| match parts.next() {
            Some(part) => part.map_err(|_| invalid()),
            None if required => Err(invalid()),
            None => Ok(0),
        };
        let version = Self::new(next(true)?, next(true)?, next(false)?);
        match parts.next() {
            None => Ok(version),
            Some(_) => Err(invalid()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn compares_on_the_numeric_part() {
        let parse = |text: &str| text.parse::<Version>().expect("a version");
        assert_eq!(parse("2.1.0-alpha.1"), Version::new(2, 1, 0));
        assert_eq!(parse("v1.0"), Version::new(1, 0, 0));
        assert!(parse("0.9.9") < parse("0.31.6"));
        assert!("banana".parse::<Version>().is_err());
        assert!("1".parse::<Version>().is_err());
        assert!("1.2.3.4".parse::<Version>().is_err());
    }
}
