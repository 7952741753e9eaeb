//! Ranges as Nagios plugins take them for `--warning` and `--critical`, for `check` and for the configuration.
//!
//! The syntax is `[@][START:]END`, from the Monitoring Plugins Development Guidelines, "Threshold and Ranges". A range
//! says which values are good, both ends included; values outside it alert. With `@` values inside it alert.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// A range of values, and whether to alert outside it or, with `@`, inside it.
///
/// Its ends are numbers or infinite, never NaN, and the start is never above the end.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Range {
    start: f64,
    end: f64,
    inside: bool,
}

/// No end of a range is NaN.
impl Eq for Range {}

/// Why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Nothing but white space, or nothing after `@`.
    #[error("an empty range; {FORMS}")]
    Empty,
    /// An end of the range that is not a decimal number, such as a unit, NaN or a word.
    #[error("'{0}' is no number; {FORMS}")]
    NotANumber(String),
    /// A number that no double can hold.
    #[error("'{0}' is too large a number")]
    TooLarge(String),
    /// `~` anywhere but before the colon.
    #[error("'~' is minus infinity and stands only before the colon, as in ~:10")]
    Tilde,
    /// More than one colon.
    #[error("more than one colon; {FORMS}")]
    Colons,
    /// Nothing could lie in the range.
    #[error("the start, {start}, is above the end, {end}{}", negative(end))]
    StartAboveEnd {
        /// As a number, 0 if it was left out.
        start: String,
        /// As a number.
        end: String,
    },
}

const FORMS: &str = "allowed: 10, 10:, ~:10, 10:20, and each with @ before it to alert inside the range";

fn negative(end: &str) -> String {
    if end.starts_with('-') { format!("; to alert above {end}, write ~:{end}") } else { String::new() }
}

impl Range {
    /// The range from 0 to this number, as `10` stands for.
    #[must_use]
    pub fn up_to(end: u8) -> Self {
        Self { start: 0.0, end: end.into(), inside: false }
    }

    /// Whether this value alerts. NaN lies inside no range.
    #[must_use]
    pub fn alerts(&self, value: f64) -> bool {
        (self.start <= value && value <= self.end) == self.inside
    }

    /// How far a value is beyond the end of the range where it begins to alert; below 0 if it is on the other side. The
    /// start is no such end if it is 0, as in `10`, unless the value lies below it: hardly any value can.
    #[must_use]
    pub fn beyond(&self, value: f64) -> f64 {
        let below = if self.start == 0.0 && value >= 0.0 { f64::NEG_INFINITY } else { self.start - value };
        let outside = below.max(value - self.end);
        if self.inside { -outside } else { outside }
    }
}

/// Parses an end of a range: decimal digits, with an optional fraction and exponent.
fn number(text: &str) -> Result<f64, RangeError> {
    let not_a_number = || RangeError::NotANumber(text.to_owned());
    // The standard library's parser takes 'inf' and 'nan' too.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return Err(not_a_number());
    }
    let number: f64 = text.parse().map_err(|_| not_a_number())?;
    if !number.is_finite() {
        return Err(RangeError::TooLarge(text.to_owned()));
    }
    // -0 would be printed as such.
    Ok(number + 0.0)
}

impl FromStr for Range {
    type Err = RangeError;

    /// White space around the range is ignored; inside the range it is an error. As in the plugins themselves, an
    /// omitted start is 0 and an omitted end is infinite, so that `:10` is `10` and `:` is `0:`.
    fn from_str(text: &str) -> Result<Self, RangeError> {
        let text = text.trim();
        let (inside, bounds) = text.strip_prefix('@').map_or((false, text), |bounds| (true, bounds));
        if bounds.is_empty() {
            return Err(RangeError::Empty);
        }
        let (start, end) = bounds.split_once(':').unwrap_or(("", bounds));
        if end.contains(':') {
            return Err(RangeError::Colons);
        }
        if end.contains('~') {
            return Err(RangeError::Tilde);
        }
        let start = match start {
            "~" => f64::NEG_INFINITY,
            "" => 0.0,
            start => number(start)?,
        };
        let end = if end.is_empty() { f64::INFINITY } else { number(end)? };
        if start > end {
            return Err(RangeError::StartAboveEnd { start: start.to_string(), end: end.to_string() });
        }
        Ok(Self { start, end, inside })
    }
}

impl TryFrom<String> for Range {
    type Error = RangeError;

    fn try_from(text: String) -> Result<Self, RangeError> {
        text.parse()
    }
}

impl fmt::Display for Range {
    /// The shortest form that parses to the same range, without exponents, as in performance data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.inside { "@" } else { "" })?;
        if self.start == f64::NEG_INFINITY {
            f.write_str("~:")?;
        } else if self.start != 0.0 || self.end == f64::INFINITY {
            write!(f, "{}:", self.start)?;
        }
        if self.end == f64::INFINITY { Ok(()) } else { write!(f, "{}", self.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn error(text: &str) -> RangeError {
        text.parse::<Range>().expect_err(text)
    }

    /// The table of the Monitoring Plugins Development Guidelines, with what alerts and what does not at every edge.
    #[test]
    fn the_table_of_the_guidelines() {
        for (text, alerting, well) in [
            ("10", &[-0.5, -1.0, 10.5, 11.0][..], &[0.0, 5.0, 10.0][..]),
            ("10:", &[9.9, 0.0, -1.0], &[10.0, 11.0, 1e300]),
            ("~:10", &[10.1, 11.0], &[10.0, 0.0, -1e300]),
            ("10:20", &[9.0, 9.999, 20.001, 21.0], &[10.0, 15.0, 20.0]),
            ("@10:20", &[10.0, 15.0, 20.0], &[9.999, 20.001, 0.0]),
            ("@10", &[0.0, 10.0], &[-0.1, 10.1]),
            ("@~:10", &[-1e300, 10.0], &[10.1]),
            ("-20:-10", &[-20.5, -9.5, 0.0], &[-20.0, -10.0]),
            ("~:-10", &[-9.0, 0.0], &[-10.0, -11.0]),
            ("0.5:2.25", &[0.4, 2.26], &[0.5, 2.25]),
            ("0", &[1.0, -1.0], &[0.0, -0.0]),
            ("10:10", &[9.0, 11.0], &[10.0]),
            ("~:", &[], &[-1e300, 0.0, 1e300]),
            ("@~:", &[-1e300, 0.0, 1e300], &[]),
        ] {
            for &value in alerting {
                assert!(range(text).alerts(value), "{text}: {value}");
            }
            for &value in well {
                assert!(!range(text).alerts(value), "{text}: {value}");
            }
        }
    }

    #[test]
    fn up_to_a_number() {
        assert_eq!((Range::up_to(10), Range::up_to(0)), (range("10"), range("0")));
    }

    #[test]
    fn infinities_are_values_and_nan_is_inside_nothing() {
        assert!(range("10").alerts(f64::INFINITY) && range("10").alerts(f64::NEG_INFINITY));
        assert!(!range("10:").alerts(f64::INFINITY) && !range("~:10").alerts(f64::NEG_INFINITY));
        assert!(range("~:").alerts(f64::NAN) && !range("@~:").alerts(f64::NAN));
    }

    #[test]
    fn how_far_beyond_the_end_where_it_alerts() {
        for (text, value, beyond) in [
            ("10", 12.0, 2.0),
            ("10", 10.0, 0.0),
            ("10", 4.0, -6.0),
            // Nothing is near to the 0 that is not written, and what lies below it is beyond.
            ("10", 0.0, -10.0),
            ("10", -3.0, 3.0),
            ("0:", 5.0, f64::NEG_INFINITY),
            ("5:10", 6.0, -1.0),
            ("5:", 3.0, 2.0),
            ("~:10", -50.0, -60.0),
            ("~:", 5.0, f64::NEG_INFINITY),
            ("@10:20", 15.0, 5.0),
            ("@10:20", 20.0, 0.0),
            ("@10:20", 23.0, -3.0),
            ("@5", 0.0, 5.0),
            ("@~:", 0.0, f64::INFINITY),
        ] {
            assert_eq!(range(text).beyond(value), beyond, "{text}: {value}");
        }
    }

    #[test]
    fn printed_in_the_shortest_form_and_read_back() {
        for (text, printed) in [
            ("10", "10"),
            ("0:10", "10"),
            (":10", "10"),
            ("-0:10", "10"),
            ("0:", "0:"),
            (":", "0:"),
            ("10:", "10:"),
            ("~:10", "~:10"),
            ("~:", "~:"),
            ("@10:20", "@10:20"),
            ("@0:10", "@10"),
            (" \t10:20\n", "10:20"),
            ("+5:1e3", "5:1000"),
            (".5:2.50", "0.5:2.5"),
            ("-5:-0", "-5:0"),
            ("0.1", "0.1"),
            ("9007199254740993", "9007199254740992"),
        ] {
            assert_eq!(range(text).to_string(), printed, "{text}");
            assert_eq!(range(printed), range(text), "{text}");
        }
        let largest = Range { start: f64::MIN, end: f64::MAX, inside: true };
        let smallest = Range { start: 0.0, end: 5e-324, inside: false };
        for extreme in [largest, smallest] {
            assert_eq!(range(&extreme.to_string()), extreme);
        }
    }

    #[test]
    fn mistakes_are_named() {
        for text in ["", " ", "@", " @ "] {
            assert_eq!(error(text), RangeError::Empty, "{text:?}");
        }
        for (text, part) in [
            ("ten", "ten"),
            ("10%", "10%"),
            ("5s:", "5s"),
            ("10: 20", " 20"),
            ("@ 10", " 10"),
            ("1,5", "1,5"),
            ("inf", "inf"),
            ("nan:", "nan"),
            ("0x10", "0x10"),
            ("--5:", "--5"),
            (".:", "."),
            ("1:e", "e"),
            ("@@10", "@10"),
            ("10:@20", "@20"),
            ("~5:10", "~5"),
            ("٣", "٣"),
        ] {
            assert_eq!(error(text), RangeError::NotANumber(part.into()), "{text}");
        }
        assert_eq!(error("1e999"), RangeError::TooLarge("1e999".into()));
        assert_eq!(error("-1e999:"), RangeError::TooLarge("-1e999".into()));
        assert_eq!(error("10:20:30"), RangeError::Colons);
        for text in ["~", "10:~", "@~"] {
            assert_eq!(error(text), RangeError::Tilde, "{text}");
        }
        assert_eq!(error("20:10").to_string(), "the start, 20, is above the end, 10");
        assert_eq!(
            error("-5").to_string(),
            "the start, 0, is above the end, -5; to alert above -5, write ~:-5"
        );
        assert!(error("ten").to_string().starts_with("'ten' is no number; allowed: 10, 10:, ~:10, 10:20"));
    }

    /// As a value of the configuration: the error of the range comes with its line.
    #[test]
    fn read_from_toml() {
        #[derive(Deserialize)]
        struct Threshold {
            warning: Range,
        }
        let threshold: Threshold = toml::from_str("warning = \"0:500\"").unwrap();
        assert_eq!(threshold.warning, range("500"));
        let error = toml::from_str::<Threshold>("\nwarning = \"500:0\"").err().unwrap().to_string();
        assert!(error.contains("line 2") && error.contains("the start, 500, is above"), "{error}");
    }
}
