//! A look at all that a threshold watches: one instance, or those of a column one after the other.

use super::growth::Counts;
use super::quantity::Quantity;
use super::threshold::{Standing, Status, Threshold};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::Readings;
use std::time::{Duration, Instant};

/// A look that has begun. It may go on in another turn of the loop.
#[derive(Debug)]
pub struct Scan {
    /// What is looked at.
    pub readings: Readings,
    /// How long it has taken so far.
    pub spent: Duration,
    /// The name of the instance that was looked at last.
    last: Option<Oid>,
    worst: Option<Worst>,
    counts: Counts,
}

/// Of several that are equally bad the first.
#[derive(Debug)]
struct Worst {
    name: Oid,
    quantity: Quantity,
    standing: Standing,
}

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// The worst instance, its value and its status.
    Worst(Box<Oid>, Quantity, Status),
    /// A column in which nothing is wrong, since no instance has a value that could be.
    Well,
    /// A rate needs two readings.
    NotYet,
    /// There is no value.
    Nothing,
}

impl Scan {
    /// Begins a look at what was read at `read`; `before` is what was counted in the look before it.
    #[must_use]
    pub fn new(read: Instant, readings: Readings, before: Option<&Counts>) -> Self {
        let counts = Counts::new(read, before);
        Self { readings, spent: Duration::ZERO, last: None, worst: None, counts }
    }

    /// The name of the instance that was looked at last.
    #[must_use]
    pub fn last(&self) -> Option<&Oid> {
        self.last.as_ref()
    }

    /// Whether the rest need not be looked at.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.counts.are_too_many()
    }

    /// Looks at an instance, after those with lesser names; `of` is what its value is a percentage of.
    pub fn add(
        &mut self,
        threshold: &Threshold,
        before: Option<&Counts>,
        name: Oid,
        value: &Value,
        of: Option<&Value>,
    ) {
        if let Some(quantity) = self.quantity(threshold, before, &name, value, of) {
            let standing = threshold.standing(quantity.number());
            if self.worst.as_ref().is_none_or(|worst| worst.standing < standing) {
                self.worst = Some(Worst { name: name.clone(), quantity, standing });
            }
        }
        self.last = Some(name);
    }

    fn quantity(
        &mut self,
        threshold: &Threshold,
        before: Option<&Counts>,
        name: &Oid,
        value: &Value,
        of: Option<&Value>,
    ) -> Option<Quantity> {
        let quantity = Quantity::of(value)?;
        if threshold.of.is_some() {
            return quantity.percent_of(Quantity::of(of?)?);
        }
        match quantity {
            Quantity::Count(count) if threshold.per_second => {
                let index = name.strip_prefix(threshold.oid.as_slice())?;
                self.counts.add(before, index, value, count).map(Quantity::Fraction)
            }
            quantity => Some(quantity),
        }
    }

    /// What came of the look, and what was counted, for the next; `readable` says whether instances that were not there
    /// do not exist.
    #[must_use]
    pub fn outcome(self, threshold: &Threshold, readable: bool) -> (Outcome, Option<Counts>) {
        let outcome = match self.worst {
            _ if self.counts.are_too_many() => Outcome::Nothing,
            Some(Worst { name, quantity, standing }) => {
                Outcome::Worst(Box::new(name), quantity, standing.status)
            }
            None if self.last.is_none() && threshold.column && readable => Outcome::Well,
            None if self.last.is_none() || !threshold.per_second => Outcome::Nothing,
            // Instances that were not there before.
            None if threshold.column && self.counts.compared => Outcome::Well,
            None => Outcome::NotYet,
        };
        let counts = (threshold.per_second && outcome != Outcome::Nothing).then_some(self.counts);
        (outcome, counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn threshold(text: &str) -> Threshold {
        Config::parse(&format!("[[threshold]]\nname = \"a\"\n{text}")).unwrap().thresholds.remove(0)
    }

    /// The outcome for these rows, each with its value and that of `of`.
    fn outcome(
        threshold: &Threshold,
        before: Option<&Counts>,
        read: Instant,
        rows: &[(u32, Value, Option<Value>)],
        readable: bool,
    ) -> (Outcome, Option<Counts>) {
        let mut scan = Scan::new(read, Readings::default(), before);
        for (subid, value, of) in rows {
            let mut name = threshold.oid.clone();
            name.push(*subid);
            scan.add(threshold, before, name, value, of.as_ref());
        }
        scan.outcome(threshold, readable)
    }

    fn worst(outcome: &Outcome) -> Option<(u32, Quantity, Status)> {
        let Outcome::Worst(name, quantity, status) = outcome else { return None };
        Some((*name.as_slice().last()?, *quantity, *status))
    }

    /// An empty table is not one that cannot be read, and an instance that does not exist is no empty table.
    #[test]
    fn nothing_is_not_the_same_everywhere() {
        let column = threshold("object = \"lnsListenerAcceptQueue.*\"\ncritical = \"5\"");
        let instance = threshold("object = \"tcpCurrEstab.0\"\ncritical = \"5\"");
        let now = Instant::now();
        assert_eq!(outcome(&column, None, now, &[], true).0, Outcome::Well);
        assert_eq!(outcome(&column, None, now, &[], false).0, Outcome::Nothing);
        assert_eq!(outcome(&instance, None, now, &[], true).0, Outcome::Nothing);
    }

    /// Against the whole list, with many values and ranges.
    #[test]
    fn the_worst_is_the_first_of_the_worst() {
        let mut random = 3_u64;
        let mut random = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((random >> 33) % below).unwrap()
        };
        for ranges in [("20", "40"), ("20:", "10:"), ("15:25", "5:35"), ("@10:30", "@15:25"), ("~:9", "30:")]
        {
            let text = format!(
                "object = \"lnsListenerAcceptQueue.*\"\nwarning = \"{}\"\ncritical = \"{}\"",
                ranges.0, ranges.1
            );
            let threshold = threshold(&text);
            for _ in 0..500 {
                let values: Vec<u32> = (0..1 + random(6)).map(|_| random(50)).collect();
                let rows = values.iter().zip(0..).map(|(value, row)| (row, Value::Gauge32(*value), None));
                let (found, _) = outcome(&threshold, None, Instant::now(), &rows.collect::<Vec<_>>(), true);
                let (row, quantity, status) = worst(&found).unwrap();
                assert_eq!(quantity, Quantity::Count(values[row as usize].into()));
                let standing = |value: u32| threshold.standing(value.into());
                let own = standing(values[row as usize]);
                assert_eq!(status, own.status);
                for (other, value) in (0..).zip(&values) {
                    assert!(
                        standing(*value) <= own && (other >= row || standing(*value) < own),
                        "{values:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn percentages_and_what_has_none() {
        let of = "object = \"lnsListenerAcceptQueue.*\"\nof = \"lnsListenerSockets.*\"\ncritical = \"100\"";
        let share = threshold(of);
        let row = |row, value, of: Option<u32>| (row, Value::Gauge32(value), of.map(Value::Gauge32));
        let of = |rows: &[_]| outcome(&share, None, Instant::now(), rows, true).0;
        assert_eq!(
            worst(&of(&[
                row(1, 996, Some(1000)),
                row(2, 50, Some(100)),
                row(3, 9, Some(0)),
                row(4, 9, None)
            ])),
            Some((1, Quantity::Fraction(99.6), Status::Ok))
        );
        assert_eq!(
            worst(&of(&[row(1, 1001, Some(1000)), row(2, 3, Some(1))])),
            Some((2, Quantity::Fraction(300.0), Status::Critical))
        );
        assert_eq!(of(&[row(3, 9, Some(0)), row(4, 9, None)]), Outcome::Nothing);
    }

    #[test]
    fn rates_of_rows_that_come_and_go() {
        let rate =
            threshold("object = \"lnsUdpEndpointDropsOfOpenSockets.*\"\nper-second = true\ncritical = \"5\"");
        let row = |row, value| (row, Value::Gauge32(value), None);
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let (first, counts) = outcome(&rate, None, start, &[row(1, 100), row(2, 0)], true);
        assert_eq!(first, Outcome::NotYet);
        let (again, counts) = outcome(&rate, counts.as_ref(), start, &[row(1, 100), row(2, 0)], true);
        assert_eq!(again, Outcome::NotYet, "the same reading");
        let (grown, counts) = outcome(&rate, counts.as_ref(), start + second, &[row(2, 6), row(3, 99)], true);
        assert_eq!(worst(&grown), Some((2, Quantity::Fraction(6.0), Status::Critical)));
        let (others, counts) = outcome(&rate, counts.as_ref(), start + second * 2, &[row(4, 50)], true);
        assert_eq!(others, Outcome::Well, "none has a rate yet, and what had one is gone");
        let (unread, counts) = outcome(&rate, counts.as_ref(), start + second * 3, &[], false);
        assert_eq!(unread, Outcome::Nothing);
        let (back, _) = outcome(&rate, counts.as_ref(), start + second * 4, &[row(4, 5000)], true);
        assert_eq!(back, Outcome::NotYet, "as from the start");
    }

    /// What a local user can do by the hundred thousand is told, and hides nothing.
    #[test]
    fn of_too_many_instances_there_is_no_rate() {
        let rate =
            threshold("object = \"lnsUdpEndpointDropsOfOpenSockets.*\"\nper-second = true\ncritical = \"5\"");
        let mut scan = Scan::new(Instant::now(), Readings::default(), None);
        let over = (0..70_000).position(|row| {
            let mut name = rate.oid.clone();
            name.push(row);
            scan.add(&rate, None, name, &Value::Gauge32(0), None);
            scan.is_over()
        });
        assert_eq!(over, Some(65_536));
        let (outcome, counts) = scan.outcome(&rate, true);
        assert!(outcome == Outcome::Nothing && counts.is_none());
    }
}
