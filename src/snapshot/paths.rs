//! How the connections of each service are on their paths: round-trip times, and what was sent again.

use crate::proc::diag::inet::Path;
use crate::proc::error::NoMemory;
use std::collections::HashMap;

/// The connections of one local port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortPaths {
    /// The local port.
    pub port: u16,
    /// The round-trip time in microseconds that half of the connections do not exceed; `None` if none was measured.
    pub median: Option<u32>,
    /// The one that 95 of 100 do not exceed.
    pub p95: Option<u32>,
    /// Of a thousand octets sent, how many were sent again; `None` if nothing was sent or the kernel does not say.
    pub retransmitted: Option<u64>,
}

/// What a dump has shown so far.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// Port and round-trip time of each connection.
    times: Vec<(u16, u32)>,
    /// Octets sent, and sent again, by port; `None` if one connection does not say.
    sent: HashMap<u16, Option<(u64, u64)>>,
}

impl Counting {
    /// Counts a connection.
    #[inline]
    pub fn add(&mut self, port: u16, path: Path) -> Result<(), NoMemory> {
        if path.round_trip > 0 {
            if self.times.len() == self.times.capacity() {
                self.times.try_reserve(self.times.len().max(256)).map_err(|_| NoMemory)?;
            }
            self.times.push((port, path.round_trip));
        }
        let sum = self.sent.entry(port).or_insert(Some((0, 0)));
        *sum = sum
            .zip(path.sent)
            .map(|((all, again), (sent, resent))| (all.saturating_add(sent), again.saturating_add(resent)));
        Ok(())
    }

    /// In the order of the ports.
    pub fn by_port(mut self) -> Vec<PortPaths> {
        self.times.sort_unstable();
        let permille = |sent: Option<(u64, u64)>| {
            let (all, again) = sent.filter(|(all, _)| *all > 0)?;
            u64::try_from(u128::from(again) * 1000 / u128::from(all)).ok()
        };
        let none = |(port, sent)| PortPaths { port, median: None, p95: None, retransmitted: permille(sent) };
        let mut ports: Vec<_> = self.sent.into_iter().map(none).collect();
        ports.sort_unstable_by_key(|paths| paths.port);
        for times in self.times.chunk_by(|a, b| a.0 == b.0) {
            let ranked =
                |percent: usize| times.get((times.len() * percent).div_ceil(100) - 1).map(|(_, time)| *time);
            let at = times.first().and_then(|(port, _)| find(&ports, *port));
            if let Some(paths) = at.and_then(|at| ports.get_mut(at)) {
                (paths.median, paths.p95) = (ranked(50), ranked(95));
            }
        }
        ports
    }
}

/// The position of a port.
#[must_use]
pub fn find(ports: &[PortPaths], port: u16) -> Option<usize> {
    ports.binary_search_by_key(&port, |paths| paths.port).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_figures_of_single_connections() {
        let mut counting = Counting::default();
        let path = |round_trip, sent| Path { round_trip, sent };
        for time in (1..=100).rev() {
            counting.add(80, path(time, Some((1000, u64::from(time == 1) * 10)))).unwrap();
        }
        counting.add(81, path(7, Some((0, 0)))).unwrap();
        counting.add(82, path(0, Some((u64::MAX, u64::MAX / 2)))).unwrap();
        counting.add(82, path(0, Some((u64::MAX, 0)))).unwrap();
        counting.add(83, path(5, None)).unwrap();
        for time in [9, 1, 5] {
            counting.add(83, path(time, Some((10, 1)))).unwrap();
        }
        let ports = counting.by_port();
        let of = |port| {
            let PortPaths { median, p95, retransmitted, .. } = ports[find(&ports, port).unwrap()];
            (median, p95, retransmitted)
        };
        assert_eq!(of(80), (Some(50), Some(95), Some(0)));
        assert_eq!(of(81), (Some(7), Some(7), None));
        assert_eq!(of(82), (None, None, Some(499)));
        assert_eq!((of(83), ports.len()), ((Some(5), Some(9), None), 4));
    }

    #[test]
    fn half_of_what_was_sent_again() {
        let mut counting = Counting::default();
        counting.add(80, Path { round_trip: 3, sent: Some((2000, 1000)) }).unwrap();
        counting.add(80, Path { round_trip: 4, sent: Some((2000, 0)) }).unwrap();
        let half = PortPaths { port: 80, median: Some(3), p95: Some(4), retransmitted: Some(250) };
        assert_eq!(counting.by_port(), [half]);
    }
}
