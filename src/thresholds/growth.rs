//! How fast the counts of one instance, or of all instances of a column, grow from one reading to the next.

use super::quantity::float;
use crate::smi::value::Value;
use std::time::Instant;

/// Of so many instances the counts are kept, as many as there are ports: 4 MiB for IPv4 endpoints, 7 for IPv6. A column
/// with more has no rates, rather than those of a part of it.
const MOST_INSTANCES: usize = 65_536;

/// The counts of one reading, in the order of their indexes.
#[derive(Debug)]
pub struct Counts {
    /// When they were read.
    pub read: Instant,
    /// Whether there was an earlier reading to compare with.
    pub compared: bool,
    /// The indexes one behind the other.
    indexes: Vec<u32>,
    instances: Vec<Instance>,
    /// How far the earlier reading has been gone through.
    at: usize,
}

#[derive(Debug)]
struct Instance {
    /// Where its index ends.
    end: usize,
    count: u64,
    /// Its growth per second until then, if known.
    rate: Option<f64>,
}

impl Counts {
    /// Begins a reading, with the one before it.
    #[must_use]
    pub fn new(read: Instant, before: Option<&Self>) -> Self {
        let compared = before.is_some_and(|before| before.compared || before.read != read);
        Self { read, compared, indexes: Vec::new(), instances: Vec::new(), at: 0 }
    }

    /// Whether there are more instances than are kept.
    #[must_use]
    pub fn are_too_many(&self) -> bool {
        self.instances.len() > MOST_INSTANCES
    }

    /// Adds an instance, whose index is after those added before. Returns its growth per second since the reading
    /// before; `None` if it was not there then, or went back.
    pub fn add(&mut self, before: Option<&Self>, index: &[u32], value: &Value, count: u64) -> Option<f64> {
        let rate = before.and_then(|before| {
            let earlier = before.find(index, &mut self.at)?;
            let seconds = self.read.saturating_duration_since(before.read).as_secs_f64();
            if seconds == 0.0 {
                // The same reading gives the same rate, though the ranges may be others by now.
                return earlier.rate;
            }
            Some(float(grown(value, count, earlier.count)?) / seconds)
        });
        if !self.are_too_many() {
            self.indexes.extend_from_slice(index);
            self.instances.push(Instance { end: self.indexes.len(), count, rate });
        }
        rate
    }

    fn index(&self, position: usize) -> Option<&[u32]> {
        let before = position.checked_sub(1).and_then(|before| self.instances.get(before));
        self.indexes.get(before.map_or(0, |before| before.end)..self.instances.get(position)?.end)
    }

    /// Both readings are in order, so that the search goes on where it ended before.
    fn find(&self, index: &[u32], at: &mut usize) -> Option<&Instance> {
        while self.index(*at).is_some_and(|other| other < index) {
            *at += 1;
        }
        self.instances.get(*at).filter(|_| self.index(*at) == Some(index))
    }
}

/// How much a count grew since it was `before`.
fn grown(value: &Value, count: u64, before: u64) -> Option<u64> {
    match (count.checked_sub(before), value) {
        (Some(grown), _) => Some(grown),
        // A Counter32 continues from 0 (RFC 2578 section 7.1.6).
        (None, Value::Counter32(_)) => Some(count + (1 << 32) - before),
        // What open sockets have counted falls when one closes; what the others counted meanwhile cannot be told.
        (None, Value::Gauge32(_)) => Some(0),
        // A row of resets that made way and came back starts anew; this once there is no rate.
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn counts(
        read: Instant,
        before: Option<&Counts>,
        rows: &BTreeMap<Vec<u32>, u32>,
    ) -> (Counts, Vec<Option<f64>>) {
        let mut counts = Counts::new(read, before);
        let each = rows
            .iter()
            .map(|(index, count)| counts.add(before, index, &Value::Gauge32(*count), u64::from(*count)));
        let rates = each.collect();
        (counts, rates)
    }

    #[test]
    fn each_instance_has_its_own_rate() {
        let rows =
            |rows: &[(&[u32], u32)]| rows.iter().map(|(index, count)| (index.to_vec(), *count)).collect();
        let start = Instant::now();
        let (first, rates) =
            counts(start, None, &rows(&[(&[1, 4], 10), (&[1, 5], 10), (&[2], 7), (&[9], 1)]));
        assert_eq!((rates, first.compared), (vec![None; 4], false));
        // One went, two came, one fell.
        let now = rows(&[(&[1], 100), (&[1, 4], 14), (&[1, 5], 3), (&[3], 5), (&[9], 1)]);
        let (second, rates) = counts(start + Duration::from_secs(2), Some(&first), &now);
        assert_eq!(rates, [None, Some(2.0), Some(0.0), None, Some(0.0)]);
        assert!(second.compared);
        let (third, rates) = counts(second.read, Some(&second), &now);
        assert_eq!((rates, third.compared), (vec![None, Some(2.0), Some(0.0), None, Some(0.0)], true));
    }

    /// Against maps, with rows that come and go.
    #[test]
    fn rates_are_those_of_the_same_index() {
        let mut random = 7_u64;
        let mut random = move |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((random >> 33) % below).unwrap()
        };
        let start = Instant::now();
        let (mut before, mut was) = (None, BTreeMap::new());
        for second in 0..200 {
            let mut rows: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
            for _ in 0..random(20) {
                let index = (0..=random(3)).map(|_| random(3)).collect();
                rows.insert(index, random(100));
            }
            let read = start + Duration::from_secs(second);
            let (now, rates) = counts(read, before.as_ref(), &rows);
            let expected: Vec<_> = rows
                .iter()
                .map(|(index, count)| Some(f64::from(count.saturating_sub(*was.get(index)?))))
                .collect();
            assert_eq!(rates, expected);
            (before, was) = (Some(now), rows);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut all = Counts::new(Instant::now(), None);
        for index in 0..70_000 {
            all.add(None, &[index], &Value::Counter64(0), 0);
        }
        assert!(all.are_too_many() && all.instances.len() == MOST_INSTANCES + 1);
    }
}
