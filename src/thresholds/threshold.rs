//! What is watched, and how a number stands against its ranges.

use super::quantity::Quantity;
use crate::range::Range;
use crate::smi::oid::Oid;
use std::time::Duration;

/// A valid threshold: its object is one of ours and numeric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// lnsThresholdName: 1 to 32 letters, digits and `-_.`
    pub name: String,
    /// The instance or the column, as it was written.
    pub object: String,
    /// The instance; of a column, what the names of all instances that are watched begin with.
    pub oid: Oid,
    /// Whether a column is watched, written with `.*`: of its instances the worst counts.
    pub column: bool,
    /// The index of the instance as people read it; empty for a scalar and for a column.
    pub instance: String,
    /// What the value is a percentage of.
    pub of: Option<Box<Of>>,
    /// Where the value alerts with a warning.
    pub warning: Option<Range>,
    /// Where the value alerts as critical.
    pub critical: Option<Range>,
    /// Whether the value is the growth of a counter per second.
    pub per_second: bool,
    /// How often to look.
    pub interval: Duration,
}

/// What a value is a percentage of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Of {
    /// As it was written.
    pub object: String,
    /// The instance; of a column, what comes before the same index as that of the object.
    pub oid: Oid,
    /// Whether it is a column.
    pub column: bool,
}

impl Of {
    /// The instance that belongs to one of the object, given what follows the threshold's OID in its name.
    #[must_use]
    pub fn beside(&self, index: &[u32]) -> Oid {
        let mut name = self.oid.clone();
        if self.column {
            name.extend(index);
        }
        name
    }
}

/// lnsThresholdStatus
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The value lies in both ranges.
    Ok = 1,
    /// It alerts with a warning.
    Warning = 2,
    /// It alerts as critical.
    Critical = 3,
    /// There is no value.
    Unknown = 4,
}

impl Status {
    /// Numbers and labels of lnsThresholdStatus.
    pub const LABELS: [(u32, &'static str); 4] = [(1, "ok"), (2, "warning"), (3, "critical"), (4, "unknown")];

    /// The label.
    #[must_use]
    pub fn label(self) -> &'static str {
        Self::LABELS.iter().find(|(number, _)| *number == self as u32).map_or("", |(_, label)| label)
    }
}

/// How bad a number is: the greater, the worse.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Standing {
    /// What counts first.
    pub status: Status,
    /// How far the number is beyond the range that it alerts by; while it is ok, how near it is to the nearest.
    beyond: f64,
}

impl Threshold {
    /// Whether both compare the same value: of the same instance, whatever its name and base OID.
    #[must_use]
    pub fn watches_the_same_as(&self, other: &Self) -> bool {
        let same_of = match (&self.of, &other.of) {
            (None, None) => true,
            (Some(a), Some(b)) => a.column == b.column && (a.oid == b.oid || a.object == b.object),
            _ => false,
        };
        same_of
            && self.per_second == other.per_second
            && self.column == other.column
            && (self.oid == other.oid || self.object == other.object)
    }

    /// How a number stands.
    #[must_use]
    pub fn standing(&self, number: f64) -> Standing {
        let alerts = |range: Option<Range>| range.filter(|range| range.alerts(number));
        let beyond = |range: Range| range.beyond(number);
        if let Some(range) = alerts(self.critical) {
            return Standing { status: Status::Critical, beyond: beyond(range) };
        }
        if let Some(range) = alerts(self.warning) {
            return Standing { status: Status::Warning, beyond: beyond(range) };
        }
        let ranges = self.warning.into_iter().chain(self.critical);
        Standing { status: Status::Ok, beyond: ranges.map(beyond).fold(f64::NEG_INFINITY, f64::max) }
    }

    /// lnsThresholdValue. A fraction has two digits, or as many as it takes not to look as if it stood otherwise: 100.004
    /// is no 100.00 if 100 is the most that is well.
    #[must_use]
    pub fn text(&self, quantity: Quantity) -> String {
        let Quantity::Fraction(number) = quantity else { return quantity.to_string() };
        let short = format!("{number:.2}");
        let status = |number| self.standing(number).status;
        if short.parse().is_ok_and(|shown| status(shown) == status(number)) {
            return short;
        }
        let mut long = number.to_string();
        long.truncate(LONGEST_VALUE);
        long
    }
}

/// The longest lnsThresholdValue, in octets: more than any number needs before its point.
const LONGEST_VALUE: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn threshold(warning: &str, critical: &str) -> Threshold {
        let range = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        Threshold {
            name: "a".into(),
            object: "tcpOutRsts.0".into(),
            oid: "1.3.6.1.2.1.6.15.0".parse().unwrap(),
            column: false,
            instance: String::new(),
            of: None,
            warning: range(warning),
            critical: range(critical),
            per_second: false,
            interval: Duration::from_secs(30),
        }
    }

    /// Numbers from the least bad to the worst.
    #[test]
    fn the_worst_is_what_stands_worst_and_then_furthest() {
        for (warning, critical, rising) in [
            ("10", "20", &[0.0, 4.0, 10.0, 11.0, 20.0, 21.0, 1e19][..]),
            // Both ends alert: 5 is nearer to an end than 8, and -3 further below than 12 is above.
            ("0:10", "", &[5.0, 8.0, 10.0, 11.0, 12.0, -3.0]),
            ("10:", "5:", &[1000.0, 10.0, 9.0, 5.0, 4.0, 0.0]),
            // Inside alerts: in the middle is worst.
            ("@10:20", "", &[0.0, 9.0, 21.0 - 0.5, 10.0, 12.0, 15.0]),
            // Near to a critical that lies the other way.
            ("~:100", "10:", &[55.0, 95.0, 10.0, 101.0, 9.0]),
        ] {
            let threshold = threshold(warning, critical);
            for pair in rising.windows(2) {
                let [a, b] = [threshold.standing(pair[0]), threshold.standing(pair[1])];
                assert!(a < b, "{warning} {critical}: {pair:?} {a:?} {b:?}");
            }
        }
    }

    /// As properties, over many numbers: the order is total, and no number of a lesser status is worse.
    #[test]
    fn standings_are_ordered_as_their_statuses_are() {
        let ranges = ["", "10", "10:", "~:10", "-5:5", "@10:20", "@~:5", "~:", "@~:", "0:0"];
        let numbers: Vec<f64> = (-60..=60).map(|number| f64::from(number) / 2.0).collect();
        for warning in ranges {
            for critical in ranges {
                let threshold = threshold(warning, critical);
                for &a in &numbers {
                    let alerts = |range: Option<Range>| range.is_some_and(|range| range.alerts(a));
                    let standing = threshold.standing(a);
                    let expected = match (alerts(threshold.critical), alerts(threshold.warning)) {
                        (true, _) => Status::Critical,
                        (false, true) => Status::Warning,
                        _ => Status::Ok,
                    };
                    assert_eq!(standing.status, expected, "{warning} {critical} {a}");
                    assert!(expected == Status::Ok || standing.beyond >= 0.0);
                    for &b in &numbers {
                        let other = threshold.standing(b);
                        let order = standing.partial_cmp(&other).expect("a total order");
                        assert_eq!(order.reverse(), other.partial_cmp(&standing).unwrap());
                        assert!(standing.status <= other.status || order.is_gt());
                    }
                }
            }
        }
    }

    #[test]
    fn a_fraction_is_not_rounded_into_another_range() {
        let shown = |critical: &str, number| threshold("", critical).text(Quantity::Fraction(number));
        assert_eq!(shown("100", 99.6), "99.60");
        assert_eq!(shown("100", 100.4), "100.40");
        assert_eq!(shown("100", 100.004), "100.004");
        assert_eq!(shown("100:", 99.999), "99.999");
        assert_eq!(shown("100", 100.0), "100.00");
        assert_eq!(shown("0", 1.0 / 3600.0), "0.0002777777777777778");
        assert_eq!(shown("1", 1.0 / 3600.0), "0.00");
        // The smallest and the largest there can be.
        let [least, most] = [100.0 / 2_f64.powi(64), 100.0 * 2_f64.powi(64)];
        assert_eq!(shown("0", least).len(), 32);
        assert_eq!(shown("0", most), "1844674407370955161600.00");
    }

    #[test]
    fn what_is_watched_is_the_same_by_either_name() {
        let named = threshold("10", "");
        let of = |object: &str, oid: &str, column| {
            Some(Box::new(Of { object: object.into(), oid: oid.parse().unwrap(), column }))
        };
        let share = Threshold { of: of("a.0", "1.3.0", false), ..named.clone() };
        assert!(share.watches_the_same_as(&Threshold { of: of("a.0", "1.4.0", false), ..named.clone() }));
        assert!(share.watches_the_same_as(&Threshold { of: of("1.3.0", "1.3.0", false), ..named.clone() }));
        for other in [of("b.0", "1.4.0", false), of("a.0", "1.3.0", true), None] {
            assert!(!share.watches_the_same_as(&Threshold { of: other, ..named.clone() }));
        }
        assert!(!named.watches_the_same_as(&Threshold { column: true, ..named.clone() }));
    }
}
