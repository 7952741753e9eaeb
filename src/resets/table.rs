//! Resets counted by direction, port and reason, in a table of bounded size.

use crate::trace::reset::{Direction, Reset, Side};
use lru::LruCache;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;

/// The most rows allowed.
pub const LARGEST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// The ephemeral ports if the kernel does not report them (net/ipv4/af_inet.c).
pub const EPHEMERAL: RangeInclusive<u16> = 32768..=60999;

/// What one row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Sent or received.
    pub direction: Direction,
    /// The end that the port belongs to.
    pub side: Side,
    /// The port of the service.
    pub port: u16,
    /// The kernel's number for the reason, if it gives one.
    pub reason: Option<u32>,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many rows were made before it: a displaced row that starts again gets another number.
    pub number: u64,
    /// How many resets.
    pub count: u64,
    /// The last address seen at this end.
    pub local: Option<IpAddr>,
    /// The last address seen at the other end.
    pub remote: Option<IpAddr>,
    /// The thread responsible at this end.
    pub local_thread: Vote,
    /// The thread responsible at the other end, if that is this host too.
    pub remote_thread: Vote,
}

/// The thread named most often of late, since the one that happened to run is not always the culprit: Boyer and Moore's
/// majority vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vote {
    thread: u32,
    lead: u32,
}

impl Vote {
    fn cast(&mut self, thread: u32) {
        if self.lead == 0 {
            *self = Self { thread, lead: 1 };
        } else if self.thread == thread {
            // A long lead must not take as long again to lose.
            self.lead = (self.lead + 1).min(16);
        } else {
            self.lead -= 1;
        }
    }

    /// The thread.
    #[must_use]
    pub fn thread(self) -> Option<u32> {
        (self.thread != 0).then_some(self.thread)
    }
}

/// One bit per direction, side and port: 32 KiB, whatever was displaced.
#[derive(Debug)]
struct Places(Vec<u64>);

impl Places {
    fn none() -> Self {
        Self(vec![0; 2 * 2 * (1 << 16) / 64])
    }

    fn bit(key: &Key) -> (usize, u64) {
        let received = usize::from(key.direction == Direction::Received);
        let remote = usize::from(key.side == Side::Remote);
        let bit = (received << 17) | (remote << 16) | usize::from(key.port);
        (bit / 64, 1 << (bit % 64))
    }

    fn add(&mut self, key: &Key) {
        let (at, bit) = Self::bit(key);
        if let Some(word) = self.0.get_mut(at) {
            *word |= bit;
        }
    }

    fn has(&self, key: &Key) -> bool {
        let (at, bit) = Self::bit(key);
        self.0.get(at).is_some_and(|word| word & bit != 0)
    }
}

/// The table.
#[derive(Debug)]
pub struct ResetTable {
    rows: LruCache<Key, Tally>,
    ephemeral: RangeInclusive<u16>,
    /// How many rows were ever made.
    made: u64,
    /// Where rows were displaced since [`Self::take_fall`].
    vacated: Places,
    /// Whether a row was made there again.
    fell: bool,
    /// How many rows were displaced.
    pub displaced: u64,
    /// How many resets those had counted.
    pub displaced_resets: u64,
}

impl Default for ResetTable {
    fn default() -> Self {
        Self {
            rows: LruCache::new(LARGEST),
            ephemeral: EPHEMERAL,
            made: 0,
            vacated: Places::none(),
            fell: false,
            displaced: 0,
            displaced_resets: 0,
        }
    }
}

impl ResetTable {
    /// Sets which ports are ephemeral from now on (net.ipv4.ip_local_port_range).
    pub fn set_ephemeral(&mut self, ports: RangeInclusive<u16>) {
        self.ephemeral = ports;
    }

    /// Counts a reset. If its row does not fit, it displaces the row not seen for the longest time.
    pub fn count(&mut self, reset: &Reset) {
        let (side, port) = self.service(reset);
        let key = Key { direction: reset.direction, side, port, reason: reset.reason };
        if let Some(row) = self.rows.get_mut(&key) {
            row.add(reset);
            return;
        }
        let mut row = Tally { number: self.made, ..Tally::default() };
        self.made += 1;
        row.add(reset);
        self.fell |= self.vacated.has(&key);
        if let Some((key, row)) = self.rows.push(key, row) {
            self.vacated.add(&key);
            self.displaced += 1;
            self.displaced_resets += row.count;
        }
    }

    /// Whether, since the last call, a row displaced then or earlier has started again, so that a reader may find a
    /// lower count than before. If so, all counts are taken to start anew, and the next call reports only further
    /// falls.
    pub fn take_fall(&mut self) -> bool {
        if self.fell {
            (self.fell, self.vacated) = (false, Places::none());
            return true;
        }
        false
    }

    /// The port of the service: the local one if it is not ephemeral, else the remote one if that is not, else the
    /// local one.
    fn service(&self, reset: &Reset) -> (Side, u16) {
        let (local, remote) = (reset.local.port, reset.remote.port);
        // 0 is no port: the peer of a listener has none.
        let is_service = |port: u16| port != 0 && !self.ephemeral.contains(&port);
        if !is_service(local) && is_service(remote) { (Side::Remote, remote) } else { (Side::Local, local) }
    }

    /// All rows, in arbitrary order.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Tally)> {
        self.rows.iter()
    }
}

impl Tally {
    fn add(&mut self, reset: &Reset) {
        self.count += 1;
        self.local = reset.local.address.or(self.local);
        self.remote = reset.remote.address.or(self.remote);
        match reset.thread {
            Some((Side::Local, thread)) => self.local_thread.cast(thread),
            Some((Side::Remote, thread)) => self.remote_thread.cast(thread),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::reset::End;
    use std::collections::HashMap;

    fn end(port: u16) -> End {
        End { address: Some([127, 0, 0, 1].into()), port }
    }

    fn reset(local: u16, remote: u16) -> Reset {
        Reset {
            direction: Direction::Sent,
            local: end(local),
            remote: end(remote),
            reason: Some(1),
            thread: Some((Side::Remote, 7)),
        }
    }

    fn keys(table: &ResetTable) -> Vec<(Side, u16, u64)> {
        let mut keys: Vec<_> = table.rows().map(|(key, row)| (key.side, key.port, row.count)).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_port_is_that_of_the_service() {
        let mut table = ResetTable::default();
        table.count(&reset(7211, 50_000));
        table.count(&reset(50_000, 443));
        // Both or neither could be the service's port.
        table.count(&reset(25, 443));
        table.count(&reset(50_000, 50_001));
        // The peer of a listener has no port.
        table.count(&reset(50_002, 0));
        table.count(&reset(50_000, 443));
        assert_eq!(
            keys(&table),
            [
                (Side::Local, 25, 1),
                (Side::Local, 7211, 1),
                (Side::Local, 50_000, 1),
                (Side::Local, 50_002, 1),
                (Side::Remote, 443, 2),
            ]
        );
        table.set_ephemeral(1024..=65_535);
        table.count(&reset(7211, 25));
        assert!(keys(&table).contains(&(Side::Remote, 25, 1)));
    }

    #[test]
    fn direction_and_reason_are_rows_of_their_own() {
        let mut table = ResetTable::default();
        for direction in [Direction::Sent, Direction::Received] {
            for reason in [None, Some(0), Some(1)] {
                table.count(&Reset { direction, reason, ..reset(7211, 50_000) });
            }
        }
        assert_eq!(table.rows().count(), 6);
    }

    #[test]
    fn rows_not_seen_for_long_make_way_and_are_counted() {
        let mut table = ResetTable::default();
        let ports = 1..=u16::try_from(LARGEST.get()).unwrap();
        for port in ports.clone() {
            table.count(&reset(port, 50_000));
            table.count(&reset(port, 50_000));
        }
        assert_eq!((table.rows().count(), table.displaced), (LARGEST.get(), 0));
        // The first is seen again, so the second is displaced.
        table.count(&reset(1, 50_000));
        table.count(&reset(20_000, 50_000));
        let ports: Vec<_> = keys(&table).into_iter().map(|(_, port, _)| port).collect();
        assert_eq!((ports.len(), ports[0], ports[1]), (LARGEST.get(), 1, 3));
        assert_eq!((table.displaced, table.displaced_resets), (1, 2));
        for port in 1..=u16::MAX {
            table.count(&reset(7, port));
            table.count(&reset(port, 50_000));
        }
        let counted: u64 = table.rows().map(|(_, row)| row.count).sum();
        assert_eq!(table.rows().count(), LARGEST.get());
        assert_eq!(counted + table.displaced_resets, 2 * 4096 + 2 + 2 * 65_535);
    }

    /// If a row's count falls, or may have fallen, between two readings, a fall is reported between them.
    #[test]
    fn a_row_that_comes_again_is_told_and_no_other() {
        let mut table = ResetTable::default();
        let fill = |table: &mut ResetTable, from: u16| {
            (from..from + 4096).for_each(|port| table.count(&reset(port, 50_000)));
        };
        fill(&mut table, 1);
        // Rows grow, and new ones displace others, the first among them.
        fill(&mut table, 1);
        fill(&mut table, 5000);
        assert!(!table.take_fall());
        assert!(!keys(&table).iter().any(|(_, port, _)| *port == 1));
        // The same port in the other direction is another row.
        table.count(&Reset { direction: Direction::Received, ..reset(1, 50_000) });
        assert!(!table.take_fall());
        // However long ago it was displaced, and whatever its reason was then.
        table.count(&Reset { reason: Some(2), ..reset(1, 50_000) });
        assert!(table.take_fall());
        assert!(!table.take_fall(), "told once");
        // All other displaced rows restart with it; rows displaced since then do not.
        table.count(&reset(2, 50_000));
        assert!(!table.take_fall());
        fill(&mut table, 10_000);
        table.count(&reset(2, 50_000));
        assert!(table.take_fall());
    }

    /// Readings at any time: no count is lower than in an earlier reading with the same start of counting.
    #[test]
    fn no_count_falls_between_two_falls() {
        let (mut table, mut seen, mut since, mut random) =
            (ResetTable::default(), HashMap::new(), 0_u32, 1_u32);
        for step in 0..200_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // A few thousand more keys than rows, some of them far more frequent than others.
            let port = u16::try_from((random >> 8) % if random >> 31 == 0 { 7000 } else { 100 }).unwrap();
            table.count(&Reset { reason: Some(random & 1), ..reset(port + 1, 50_000) });
            if step % 997 == 0 {
                since += u32::from(table.take_fall());
                for (key, row) in table.rows() {
                    let (then, before) = seen.insert(*key, (since, row.count)).unwrap_or((since, 0));
                    assert!(then != since || before <= row.count, "{key:?} {before} {}", row.count);
                }
            }
        }
        assert!(since > 10, "{since}");
        assert!(table.displaced > 10_000, "{}", table.displaced);
    }

    #[test]
    fn a_row_that_comes_again_is_another_one() {
        let mut table = ResetTable::default();
        let number = |table: &ResetTable| table.rows().find(|(key, _)| key.port == 1).unwrap().1.number;
        table.count(&reset(1, 50_000));
        table.count(&reset(1, 50_000));
        assert_eq!(number(&table), 0);
        (2..=4097).for_each(|port| table.count(&reset(port, 50_000)));
        table.count(&reset(1, 50_000));
        assert_eq!(number(&table), 4097);
    }

    #[test]
    fn what_was_seen_last_stands_and_what_is_unknown_does_not_hide_it() {
        let mut table = ResetTable::default();
        table.count(&reset(7211, 50_000));
        let nobody = End { address: None, port: 0 };
        table.count(&Reset {
            local: End { address: None, port: 7211 },
            remote: nobody,
            thread: None,
            ..reset(7211, 0)
        });
        let (_, row) = table.rows().next().unwrap();
        assert_eq!((row.count, row.local, row.remote), (2, end(0).address, end(0).address));
        assert_eq!((row.local_thread.thread(), row.remote_thread.thread()), (None, Some(7)));
    }

    #[test]
    fn the_thread_is_the_one_that_was_named_most_often() {
        let mut vote = Vote::default();
        [7, 8, 7, 7, 9].into_iter().for_each(|thread| vote.cast(thread));
        assert_eq!(vote.thread(), Some(7));
        (0..1000).for_each(|_| vote.cast(7));
        // A new culprit takes the lead before long.
        (0..20).for_each(|_| vote.cast(8));
        assert_eq!(vote.thread(), Some(8));
    }
}
