//! Durations within bounds, as written in the configuration and on the command line: `500ms`, `5s`, `1h`.

use super::error::ValueError;
use serde::Deserialize;
use std::str::FromStr;
use std::time::Duration;

/// A duration of `LEAST` to `MOST` milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Bounded<const LEAST: u64, const MOST: u64>(Duration);

impl<const LEAST: u64, const MOST: u64> Bounded<LEAST, MOST> {
    /// Makes a default. An out-of-bounds value does not compile if the call is a constant.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        assert!(LEAST <= milliseconds && milliseconds <= MOST);
        Self(Duration::from_millis(milliseconds))
    }
}

impl<const LEAST: u64, const MOST: u64> FromStr for Bounded<LEAST, MOST> {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (least, most) = (Duration::from_millis(LEAST), Duration::from_millis(MOST));
        match humantime::parse_duration(text) {
            Ok(duration) if (least..=most).contains(&duration) => Ok(Self(duration)),
            Ok(_) => Err(ValueError::DurationRange { text: text.to_owned(), least, most }),
            Err(_) => Err(ValueError::NoDuration { text: text.to_owned(), least, most }),
        }
    }
}

impl<const LEAST: u64, const MOST: u64> TryFrom<String> for Bounded<LEAST, MOST> {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl<const LEAST: u64, const MOST: u64> From<Bounded<LEAST, MOST>> for Duration {
    fn from(bounded: Bounded<LEAST, MOST>) -> Self {
        bounded.0
    }
}
