//! Where connections go: outgoing ones by remote address and port, counted as net/tcp and net/tcp6 stream past.
//!
//! Memory is bounded whatever peers and programs do. As long as there are no more than [`PAIRS`] pairs of a local
//! address and a destination, all is exact. When there are more, the half with the fewest sockets is forgotten, and the
//! most that any of those may have had stands with each that is found later: so many sockets its figures may lack
//! (lossy counting, Manku and Motwani 2002). Destinations whose figures may lack more than one in a hundred are not
//! shown.

use crate::proc::error::{Fault, NoMemory};
use crate::proc::port_set::EphemeralPorts;
use crate::proc::sockets::{Address, Endpoint, Head, TcpState};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How many pairs of local address and destination are counted at a time: as many as fill a hash table of 2 MiB.
const PAIRS: usize = 28_672;

/// How many destinations are kept of a reading.
pub const ROWS: usize = 256;

/// Outgoing connections to one remote address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// Where they go; the mapped IPv4 addresses of IPv6 sockets as IPv4, since they take from the same ports.
    pub endpoint: SocketAddr,
    /// All of them, in whatever state.
    pub sockets: u64,
    /// Those in established.
    pub established: u64,
    /// Those in synSent.
    pub syn_sent: u64,
    /// Those in closeWait.
    pub close_wait: u64,
    /// Those in timeWait.
    pub time_wait: u64,
    /// The share of the ephemeral ports in use by the local address that uses most of them towards this destination;
    /// `None` if it is not known which ports these are.
    pub ephemeral: Option<Share>,
}

/// How many of the ephemeral ports are in use, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// In use.
    pub used: u64,
    /// All of them.
    pub of: u64,
}

impl Share {
    /// In whole percent, rounded down; `None` if there are no ports.
    #[must_use]
    pub fn percent(self) -> Option<u64> {
        (self.used * 100).checked_div(self.of)
    }
}

/// The destinations with the most sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Destinations {
    /// At most [`ROWS`], in the order of their index.
    pub rows: Vec<Destination>,
    /// How many ephemeral ports there are, if that is known.
    pub ports: Option<u64>,
}

impl Destinations {
    /// How many of the ephemeral ports are in use towards one destination at most, and which that is; 0 towards none if
    /// there are no outgoing connections. `None` if it is not known which ports these are.
    #[must_use]
    pub fn worst(&self) -> Option<(Option<SocketAddr>, Share)> {
        let shares = self.rows.iter().filter_map(|row| Some((Some(row.endpoint), row.ephemeral?)));
        let worst = shares.max_by_key(|(_, share)| share.used);
        worst.or(Some((None, Share { used: 0, of: self.ports? })))
    }
}

/// Addresses as IPv6, IPv4 ones mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pair {
    remote: [u8; 16],
    port: u16,
    local: [u8; 16],
}

impl Pair {
    fn endpoint(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::from(self.remote).to_canonical(), self.port)
    }
}

fn mapped<A: Address>(endpoint: Endpoint<A>) -> [u8; 16] {
    match endpoint.address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::octets(&address),
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    sockets: u32,
    established: u32,
    syn_sent: u32,
    close_wait: u32,
    time_wait: u32,
    ephemeral: u32,
    /// How many sockets these figures may lack at most.
    lacks: u32,
}

/// The connections of both families so far.
#[derive(Debug)]
pub(super) struct Counting {
    pairs: HashMap<Pair, Figures>,
    most: usize,
    lacks: u32,
    ports: Option<EphemeralPorts>,
}

impl Counting {
    /// No connections yet; `ports` are those that connect(2) chooses from, if known.
    pub fn new(ports: Option<EphemeralPorts>) -> Self {
        Self::of_most(PAIRS, ports)
    }

    fn of_most(most: usize, ports: Option<EphemeralPorts>) -> Self {
        Self { pairs: HashMap::new(), most, lacks: 0, ports }
    }

    /// Counts an outgoing connection.
    pub fn count<A: Address>(&mut self, head: &Head<'_>, state: TcpState) -> Result<(), Fault> {
        let (local, remote) = (head.local::<A>()?, head.remote::<A>()?);
        let pair = Pair { remote: mapped(remote), port: remote.port, local: mapped(local) };
        Ok(self.add(pair, local.port, state)?)
    }

    fn add(&mut self, pair: Pair, local_port: u16, state: TcpState) -> Result<(), NoMemory> {
        if self.pairs.len() >= self.most && !self.pairs.contains_key(&pair) {
            self.forget_half()?;
        }
        self.pairs.try_reserve(1).map_err(|_| NoMemory)?;
        let lacks = self.lacks;
        let figures = self.pairs.entry(pair).or_insert(Figures { lacks, ..Figures::default() });
        let count = |figure: &mut u32, counts: bool| *figure = figure.saturating_add(counts.into());
        count(&mut figures.sockets, true);
        count(&mut figures.established, state == TcpState::Established);
        count(&mut figures.syn_sent, state == TcpState::SynSent);
        count(&mut figures.close_wait, state == TcpState::CloseWait);
        count(&mut figures.time_wait, state == TcpState::TimeWait);
        let is_ephemeral = self.ports.as_ref().is_some_and(|ports| ports.contains(local_port));
        count(&mut figures.ephemeral, is_ephemeral);
        Ok(())
    }

    /// Forgets the pairs that may have the fewest sockets, at least half of all.
    fn forget_half(&mut self) -> Result<(), NoMemory> {
        let most = |figures: &Figures| figures.sockets.saturating_add(figures.lacks);
        let mut sizes = Vec::new();
        sizes.try_reserve_exact(self.pairs.len()).map_err(|_| NoMemory)?;
        sizes.extend(self.pairs.values().map(most));
        let middle = sizes.len() / 2;
        if middle < sizes.len() {
            self.lacks = *sizes.select_nth_unstable(middle).1;
        }
        let lacks = self.lacks;
        self.pairs.retain(|_, figures| most(figures) > lacks);
        Ok(())
    }

    /// The destinations with the most sockets.
    pub fn largest(self) -> Result<Destinations, NoMemory> {
        let mut pairs = Vec::new();
        pairs.try_reserve_exact(self.pairs.len()).map_err(|_| NoMemory)?;
        pairs.extend(self.pairs);
        pairs.sort_unstable_by_key(|(pair, _)| *pair);
        let ports = self.ports.as_ref().map(|ports| ports.number().into());
        let mut rows = Vec::new();
        for of_one in pairs.chunk_by(|(a, _), (b, _)| (a.remote, a.port) == (b.remote, b.port)) {
            let Some((pair, _)) = of_one.first() else { continue };
            let sum = |of: fn(&Figures) -> u32| {
                of_one.iter().map(|(_, figures)| u64::from(of(figures))).sum::<u64>()
            };
            let sockets = sum(|figures| figures.sockets);
            if sum(|figures| figures.lacks) * 100 > sockets {
                continue;
            }
            let busiest = of_one.iter().map(|(_, figures)| figures.ephemeral).max().unwrap_or(0);
            rows.push(Destination {
                endpoint: pair.endpoint(),
                sockets,
                established: sum(|figures| figures.established),
                syn_sent: sum(|figures| figures.syn_sent),
                close_wait: sum(|figures| figures.close_wait),
                time_wait: sum(|figures| figures.time_wait),
                ephemeral: ports.map(|of| Share { used: busiest.into(), of }),
            });
            if rows.len() == 2 * ROWS {
                keep_largest(&mut rows);
            }
        }
        keep_largest(&mut rows);
        rows.sort_unstable_by_key(|row| row.endpoint);
        rows.shrink_to_fit();
        Ok(Destinations { rows, ports })
    }
}

/// Keeps the rows with the most sockets; of those with as many, the first by endpoint.
fn keep_largest(rows: &mut Vec<Destination>) {
    rows.sort_unstable_by_key(|row| (std::cmp::Reverse(row.sockets), row.endpoint));
    rows.truncate(ROWS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::port_set::PortSet;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn pair(remote: u32, port: u16, local: u8) -> Pair {
        let address = |number: u32| std::net::Ipv4Addr::from(number).to_ipv6_mapped().octets();
        Pair { remote: address(remote), port, local: address(local.into()) }
    }

    fn ports() -> Option<EphemeralPorts> {
        Some(EphemeralPorts::new((1000, 1099), &PortSet::default()))
    }

    #[test]
    fn the_share_is_that_of_the_busiest_local_address() {
        let mut counting = Counting::new(ports());
        for port in 1000..1040 {
            counting.add(pair(9, 443, 1), port, TcpState::Established).unwrap();
        }
        for port in 1000..1030 {
            counting.add(pair(9, 443, 2), port, TcpState::TimeWait).unwrap();
        }
        // Not an ephemeral port, and another destination at the same address.
        counting.add(pair(9, 443, 1), 80, TcpState::SynSent).unwrap();
        counting.add(pair(9, 80, 1), 1000, TcpState::CloseWait).unwrap();
        let destinations = counting.largest().unwrap();
        let row = |port: u16, figures: [u64; 5], percent| Destination {
            endpoint: ([0, 0, 0, 9], port).into(),
            sockets: figures[0],
            established: figures[1],
            syn_sent: figures[2],
            close_wait: figures[3],
            time_wait: figures[4],
            ephemeral: Some(Share { used: percent, of: 100 }),
        };
        assert_eq!(destinations.rows, [row(80, [1, 0, 0, 1, 0], 1), row(443, [71, 40, 1, 0, 30], 40)]);
        let worst = (Some(([0, 0, 0, 9], 443).into()), Share { used: 40, of: 100 });
        assert_eq!(destinations.worst(), Some(worst));
        let none = Share { used: 0, of: 100 };
        assert_eq!(Counting::new(ports()).largest().unwrap().worst(), Some((None, none)));
        let mut unknown = Counting::new(None);
        unknown.add(pair(9, 443, 1), 1000, TcpState::Established).unwrap();
        assert_eq!(unknown.largest().unwrap().worst(), None);
    }

    #[test]
    fn the_256_with_the_most_sockets_are_kept_in_order() {
        let mut counting = Counting::new(None);
        for remote in 0..1000_u32 {
            for local in 0..=(remote % 3) as u8 {
                counting.add(pair(remote, 1, local), 0, TcpState::Established).unwrap();
            }
        }
        let rows = counting.largest().unwrap().rows;
        let expected: Vec<_> = (0..1000).filter(|remote| remote % 3 == 2).take(ROWS).collect();
        let found: Vec<_> = rows
            .iter()
            .map(|row| match row.endpoint.ip() {
                IpAddr::V4(address) => u32::from(address),
                IpAddr::V6(_) => u32::MAX,
            })
            .collect();
        assert_eq!(found, expected);
        assert!(rows.iter().all(|row| row.sockets == 3));
    }

    proptest! {
        /// Beside counts of all: what is shown lacks one in a hundred at most, what lacks nothing says so, and what is
        /// not shown is small.
        #[test]
        fn memory_is_bounded_and_figures_are_right(
            stream in proptest::collection::vec((0..400_u32, any::<bool>()), 0..2000),
            heavy in 0..400_u32,
        ) {
            const MOST: usize = 64;
            let (mut counting, mut all) = (Counting::of_most(MOST, None), BTreeMap::<u32, u32>::new());
            for (remote, is_heavy) in stream {
                let remote = if is_heavy { heavy } else { remote };
                *all.entry(remote).or_default() += 1;
                counting.add(pair(remote, 1, 1), 0, TcpState::Established).unwrap();
                prop_assert!(counting.pairs.len() <= MOST);
            }
            for (remote, sockets) in &all {
                match counting.pairs.get(&pair(*remote, 1, 1)) {
                    Some(figures) => {
                        prop_assert!(figures.sockets <= *sockets && *sockets <= figures.sockets + figures.lacks);
                    }
                    None => prop_assert!(*sockets <= counting.lacks),
                }
            }
            // Each time at least half of the table was forgotten, so this many sockets were needed for each of them.
            let sockets: u32 = all.values().sum();
            prop_assert!(counting.lacks as usize * MOST / 2 <= sockets as usize);
            let exact = all.len() <= MOST;
            for row in counting.largest().unwrap().rows {
                let IpAddr::V4(remote) = row.endpoint.ip() else { panic!("no IPv4") };
                let sockets = u64::from(all[&u32::from(remote)]);
                prop_assert!(row.sockets <= sockets && sockets * 100 <= row.sockets * 101);
                prop_assert!(!exact || row.sockets == sockets);
            }
        }
    }
}
