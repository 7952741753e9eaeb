//! Numbers that are compared with ranges.

use crate::smi::value::Value;
use std::fmt;

/// A number that is compared with ranges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantity {
    /// A counter, gauge or setting.
    Count(u64),
    /// A number that may be below zero.
    Integer(i32),
    /// A rate or a percentage.
    Fraction(f64),
}

impl Quantity {
    /// The number that a value is; `None` if it is none.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Counter32(number) | Value::Gauge32(number) | Value::TimeTicks(number) => {
                Some(Self::Count(u64::from(*number)))
            }
            Value::Counter64(number) => Some(Self::Count(*number)),
            Value::Integer(number) => Some(Self::Integer(*number)),
            Value::OctetString(_) | Value::IpAddress(_) | Value::ObjectIdentifier(_) => None,
        }
    }

    /// As ranges compare it.
    #[must_use]
    pub fn number(self) -> f64 {
        match self {
            Self::Count(number) => float(number),
            Self::Integer(number) => f64::from(number),
            Self::Fraction(number) => number,
        }
    }

    /// How much it is per cent of another; `None` if that is not above 0.
    #[must_use]
    pub fn percent_of(self, other: Self) -> Option<Self> {
        let whole = other.number();
        (whole > 0.0).then(|| Self::Fraction(100.0 * self.number() / whole))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Fraction(number) => write!(f, "{number:.2}"),
        }
    }
}

/// A count as a number with a fraction.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a range has no more than 53 bits either"
)]
#[must_use]
pub fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_of_nothing_is_none() {
        let percent = |part, whole| Quantity::Count(part).percent_of(whole);
        assert_eq!(percent(996, Quantity::Count(1000)), Some(Quantity::Fraction(99.6)));
        assert_eq!(percent(0, Quantity::Count(3)), Some(Quantity::Fraction(0.0)));
        assert_eq!(percent(5, Quantity::Count(0)), None);
        // tcpMaxConn is -1 where there is no limit.
        assert_eq!(percent(5, Quantity::Integer(-1)), None);
    }

    #[test]
    fn numbers_and_what_is_none() {
        assert_eq!(Quantity::of(&Value::Counter64(u64::MAX)), Some(Quantity::Count(u64::MAX)));
        assert_eq!(Quantity::of(&Value::Integer(-1)), Some(Quantity::Integer(-1)));
        assert_eq!(Quantity::of(&Value::text("5")), None);
        let shown = [Quantity::Count(u64::MAX), Quantity::Integer(-1), Quantity::Fraction(0.125)];
        assert_eq!(shown.map(|shown| shown.to_string()), ["18446744073709551615", "-1", "0.12"]);
    }
}
