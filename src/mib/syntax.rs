//! The types of objects, and the values that belong to them.

use crate::proc::counters::Figure;
use crate::registry::CounterKind;
use crate::smi::inet::AddressType;
use crate::smi::value::Value;

/// The type of an object, as the MIB module declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Integer32
    Integer32,
    /// Integer32 with a range.
    Range(i32, i32),
    /// INTEGER with labels.
    Enumeration(&'static [(u32, &'static str)]),
    /// A textual convention of our own module with labels.
    Labels(&'static Labels),
    /// Counter32
    Counter32,
    /// Counter64
    Counter64,
    /// Gauge32
    Gauge32,
    /// Unsigned32
    Unsigned32,
    /// TimeTicks
    TimeTicks,
    /// IpAddress
    IpAddress,
    /// VariablePointer
    VariablePointer,
    /// SnmpAdminString with its smallest and largest SIZE.
    Text(u32, u32),
    /// DateAndTime
    DateAndTime,
    /// InetAddressType
    InetAddressType,
    /// InetAddress
    InetAddress,
    /// InetPortNumber
    InetPortNumber,
}

/// An enumeration that several objects share.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    /// Name of the textual convention.
    pub name: &'static str,
    /// Its DESCRIPTION.
    pub description: &'static str,
    /// Number and label.
    pub labels: &'static [(u32, &'static str)],
}

impl Syntax {
    /// The labels of the numbers; empty if the type has none.
    #[must_use]
    pub fn labels(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::Enumeration(labels) => labels,
            Self::Labels(convention) => convention.labels,
            Self::InetAddressType => &AddressType::LABELS,
            _ => &[],
        }
    }

    /// Whether a value is of this type.
    #[must_use]
    pub fn admits(self, value: &Value) -> bool {
        match self {
            Self::Integer32 => matches!(value, Value::Integer(_)),
            Self::Range(low, high) => matches!(value, Value::Integer(n) if (low..=high).contains(n)),
            Self::Enumeration(_) | Self::Labels(_) | Self::InetAddressType => {
                let known =
                    |n: i32| self.labels().iter().any(|&(number, _)| i64::from(number) == i64::from(n));
                matches!(value, Value::Integer(n) if known(*n))
            }
            Self::Counter32 => matches!(value, Value::Counter32(_)),
            Self::Counter64 => matches!(value, Value::Counter64(_)),
            Self::Gauge32 | Self::Unsigned32 | Self::InetPortNumber => matches!(value, Value::Gauge32(_)),
            Self::TimeTicks => matches!(value, Value::TimeTicks(_)),
            Self::IpAddress => matches!(value, Value::IpAddress(_)),
            Self::VariablePointer => matches!(value, Value::ObjectIdentifier(_)),
            Self::Text(low, high) => {
                matches!(value, Value::OctetString(octets) if (low as usize..=high as usize).contains(&octets.len()))
            }
            Self::DateAndTime => {
                matches!(value, Value::OctetString(octets) if matches!(octets.len(), 8 | 11))
            }
            Self::InetAddress => {
                matches!(value, Value::OctetString(octets) if matches!(octets.len(), 4 | 16))
            }
        }
    }
}

/// A figure as a value of a numeric type; `None` if the type cannot hold it.
#[must_use]
pub fn typed(syntax: Syntax, figure: Figure) -> Option<Value> {
    match (syntax, figure) {
        (Syntax::Counter32, Figure::Count(count)) => Some(Value::counter32(count)),
        (Syntax::Counter64, Figure::Count(count)) => Some(Value::Counter64(count)),
        (Syntax::Gauge32, Figure::Count(count)) => Some(Value::gauge32(count)),
        // Only a gauge may stay at its maximum: for a setting that would be a different setting.
        (Syntax::Unsigned32, Figure::Count(count)) => u32::try_from(count).ok().map(Value::Gauge32),
        // A number without a label would be a value that the MIB module forbids.
        (Syntax::Enumeration(labels), Figure::Count(count)) => {
            let &(number, _) = labels.iter().find(|(number, _)| u64::from(*number) == count)?;
            i32::try_from(number).ok().map(Value::Integer)
        }
        (Syntax::Integer32 | Syntax::Range(..), Figure::Count(count)) => {
            i32::try_from(count).ok().map(Value::Integer)
        }
        (Syntax::Integer32 | Syntax::Range(..), Figure::Negative(number)) => {
            i32::try_from(number).ok().map(Value::Integer)
        }
        _ => None,
    }
}

/// The type of a registered counter.
#[must_use]
pub fn registered_syntax(kind: CounterKind) -> Syntax {
    match kind {
        CounterKind::Counter => Syntax::Counter64,
        CounterKind::Gauge => Syntax::Gauge32,
        CounterKind::Setting => Syntax::Unsigned32,
        CounterKind::Integer => Syntax::Integer32,
        CounterKind::Enumeration(labels) => Syntax::Enumeration(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_its_type_cannot_hold_has_no_value() {
        let forwarding = Syntax::Enumeration(&[(1, "forwarding"), (2, "notForwarding")]);
        assert_eq!(typed(forwarding, Figure::Count(2)), Some(Value::Integer(2)));
        for figure in [Figure::Count(0), Figure::Count(3), Figure::Count(1 << 32 | 1), Figure::Negative(-1)] {
            assert_eq!(typed(forwarding, figure), None, "{figure:?}");
        }
        let most = u64::from(u32::MAX);
        assert_eq!(typed(Syntax::Unsigned32, Figure::Count(most)), Some(Value::Gauge32(u32::MAX)));
        assert_eq!(typed(Syntax::Unsigned32, Figure::Count(most + 1)), None);
        assert_eq!(typed(Syntax::Unsigned32, Figure::Negative(-1)), None);
        assert_eq!(typed(Syntax::Gauge32, Figure::Count(most + 1)), Some(Value::Gauge32(u32::MAX)));
    }

    #[test]
    fn a_figure_is_a_value_of_its_type() {
        assert_eq!(typed(Syntax::Counter32, Figure::Count(1 << 32 | 5)), Some(Value::Counter32(5)));
        for syntax in [Syntax::Integer32, Syntax::Range(-1, 9)] {
            assert_eq!(typed(syntax, Figure::Count(5)), Some(Value::Integer(5)));
            assert_eq!(typed(syntax, Figure::Negative(-1)), Some(Value::Integer(-1)));
        }
    }

    #[test]
    fn a_type_admits_its_own_values_and_no_others() {
        let labels = Syntax::Enumeration(&[(1, "on"), (2, "off")]);
        assert!(labels.admits(&Value::Integer(1)) && labels.admits(&Value::Integer(2)));
        assert!(!labels.admits(&Value::Integer(3)) && !labels.admits(&Value::Gauge32(1)));
        let range = Syntax::Range(0, 100);
        assert!(range.admits(&Value::Integer(100)) && !range.admits(&Value::Integer(101)));
        assert!(Syntax::Gauge32.admits(&Value::Gauge32(5)) && !Syntax::Counter32.admits(&Value::Gauge32(5)));
        let text = Syntax::Text(1, 3);
        assert!(text.admits(&Value::text("abc")) && !text.admits(&Value::text("")));
        assert!(!text.admits(&Value::text("abcd")));
    }
}
