//! Where connections go: outgoing ones by remote address and port, counted as net/tcp and net/tcp6 stream past.
//!
//! Memory is bounded whatever peers and programs do. As long as there are no more than 28,672 destinations, and as many
//! pairs of a local address and a destination, all is exact. When there are more, the half with the fewest sockets is
//! forgotten, and the most that any of those may have had stands with each that is found later: so many sockets its
//! figures may lack (lossy counting, Manku and Motwani 2002). Figures that may lack more than one in a hundred are not
//! shown.

use crate::proc::error::{Fault, NoMemory};
use crate::proc::port_set::EphemeralPorts;
use crate::proc::sockets::{Address, Endpoint, Head, TcpState};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// How many destinations, and how many pairs of local address and destination, are counted at a time: as many as fill a
/// hash table with 32,768 places.
const MOST: usize = 28_672;

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
    /// The share of the ephemeral ports in use by the local address that uses most of them towards this destination, without
    /// those that the kernel gives out again; `None` if it is not known.
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
    /// How many of the ephemeral ports are in use towards one destination at most, whether it has a row or not, and which
    /// that is; 0 towards none if there are no outgoing connections. `None` if it is not known.
    pub worst: Option<(Option<SocketAddr>, Share)>,
}

/// A remote address, as IPv6, IPv4 ones mapped, and port.
type Remote = ([u8; 16], u16);

fn endpoint((address, port): Remote) -> SocketAddr {
    SocketAddr::new(IpAddr::from(address).to_canonical(), port)
}

fn mapped<A: Address>(endpoint: Endpoint<A>) -> [u8; 16] {
    match endpoint.address.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::octets(&address),
    }
}

/// Figures of one key, by which [`Lossy`] decides what to forget.
trait Counted: Copy + Default {
    fn size(&self) -> u32;
}

#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    sockets: u32,
    established: u32,
    syn_sent: u32,
    close_wait: u32,
    time_wait: u32,
}

impl Counted for Figures {
    fn size(&self) -> u32 {
        self.sockets
    }
}

/// Ephemeral ports in use.
impl Counted for u32 {
    fn size(&self) -> u32 {
        *self
    }
}

/// Counts by key in bounded memory.
#[derive(Debug)]
struct Lossy<K, F> {
    /// With how much the figures may lack at most.
    all: HashMap<K, (F, u32)>,
    most: usize,
    /// How much what was forgotten may have had at most.
    lacks: u32,
}

impl<K: Hash + Eq, F: Counted> Lossy<K, F> {
    fn new(most: usize) -> Self {
        Self { all: HashMap::new(), most, lacks: 0 }
    }

    /// The figures of a key, to add one to their size.
    fn of(&mut self, key: K) -> Result<&mut F, NoMemory> {
        if self.all.len() >= self.most && !self.all.contains_key(&key) {
            self.forget_half()?;
        }
        self.all.try_reserve(1).map_err(|_| NoMemory)?;
        let lacks = self.lacks;
        Ok(&mut self.all.entry(key).or_insert((F::default(), lacks)).0)
    }

    /// Forgets what may have the smallest size, at least half of all.
    fn forget_half(&mut self) -> Result<(), NoMemory> {
        let most = |(figures, lacks): &(F, u32)| figures.size().saturating_add(*lacks);
        let mut sizes = Vec::new();
        sizes.try_reserve_exact(self.all.len()).map_err(|_| NoMemory)?;
        sizes.extend(self.all.values().map(most));
        let middle = sizes.len() / 2;
        if middle < sizes.len() {
            self.lacks = *sizes.select_nth_unstable(middle).1;
        }
        let lacks = self.lacks;
        self.all.retain(|_, figures| most(figures) > lacks);
        Ok(())
    }
}

/// Whether so much may be shown of which so much may be missing.
fn is_right(size: u32, lacks: u32) -> bool {
    u64::from(lacks) * 100 <= u64::from(size)
}

/// The connections of both families so far.
#[derive(Debug)]
pub(super) struct Counting {
    remotes: Lossy<Remote, Figures>,
    /// Ephemeral ports in use by remote and local address.
    pairs: Lossy<(Remote, [u8; 16]), u32>,
    ports: Option<EphemeralPorts>,
}

impl Counting {
    /// No connections yet; `ports` are those that connect(2) chooses from, if known.
    pub fn new(ports: Option<EphemeralPorts>) -> Self {
        Self::of_most(MOST, ports)
    }

    fn of_most(most: usize, ports: Option<EphemeralPorts>) -> Self {
        Self { remotes: Lossy::new(most), pairs: Lossy::new(most), ports }
    }

    /// Counts an outgoing connection.
    pub fn count<A: Address>(&mut self, head: &Head<'_>, state: TcpState) -> Result<(), Fault> {
        let (local, remote) = (head.local::<A>()?, head.remote::<A>()?);
        Ok(self.add((mapped(remote), remote.port), (mapped(local), local.port), state)?)
    }

    fn add(&mut self, remote: Remote, local: Remote, state: TcpState) -> Result<(), NoMemory> {
        let figures = self.remotes.of(remote)?;
        let count = |figure: &mut u32, counts: bool| *figure = figure.saturating_add(counts.into());
        count(&mut figures.sockets, true);
        count(&mut figures.established, state == TcpState::Established);
        count(&mut figures.syn_sent, state == TcpState::SynSent);
        count(&mut figures.close_wait, state == TcpState::CloseWait);
        count(&mut figures.time_wait, state == TcpState::TimeWait);
        let Some(ports) = self.ports.as_ref().filter(|ports| ports.contains(local.1)) else {
            return Ok(());
        };
        let is_free =
            state == TcpState::TimeWait && ports.reuses_time_wait(is_loopback(local) || is_loopback(remote));
        if !is_free {
            let used = self.pairs.of((remote, local.0))?;
            *used = used.saturating_add(1);
        }
        Ok(())
    }

    /// The destinations with the most sockets.
    pub fn largest(self) -> Result<Destinations, NoMemory> {
        let of = self.ports.as_ref().map(|ports| u64::from(ports.number()));
        let forgot = self.pairs.lacks;
        let share = |used: u32| Some(Share { used: used.into(), of: of? });
        // The busiest local address of each destination; of what is not right nothing is known.
        let mut busiest = HashMap::<Remote, (u32, u32)>::new();
        busiest.try_reserve(self.pairs.all.len()).map_err(|_| NoMemory)?;
        for ((remote, _), (used, lacks)) in self.pairs.all {
            let one = busiest.entry(remote).or_default();
            *one = (*one).max((used, lacks));
        }
        let right = |(used, lacks): (u32, u32)| is_right(used, lacks.max(forgot));
        let worst = busiest.iter().max_by_key(|(remote, one)| (**one, Reverse(**remote)));
        let worst = match worst {
            Some((remote, one)) if right(*one) => share(one.0).map(|share| (Some(endpoint(*remote)), share)),
            None if forgot == 0 => share(0).map(|share| (None, share)),
            _ => None,
        };
        let mut rows = Vec::new();
        for (remote, (figures, lacks)) in self.remotes.all {
            if !is_right(figures.sockets, lacks) {
                continue;
            }
            let used = busiest.get(&remote).copied().or((forgot == 0).then_some((0, 0)));
            rows.push(Destination {
                endpoint: endpoint(remote),
                sockets: figures.sockets.into(),
                established: figures.established.into(),
                syn_sent: figures.syn_sent.into(),
                close_wait: figures.close_wait.into(),
                time_wait: figures.time_wait.into(),
                ephemeral: used.filter(|one| right(*one)).and_then(|(used, _)| share(used)),
            });
            if rows.len() == 2 * ROWS {
                keep_largest(&mut rows);
            }
        }
        keep_largest(&mut rows);
        rows.sort_unstable_by_key(|row| row.endpoint);
        rows.shrink_to_fit();
        Ok(Destinations { rows, worst })
    }
}

fn is_loopback(end: Remote) -> bool {
    endpoint(end).ip().is_loopback()
}

/// Keeps the rows with the most sockets; of those with as many, the first by endpoint.
fn keep_largest(rows: &mut Vec<Destination>) {
    rows.sort_unstable_by_key(|row| (Reverse(row.sockets), row.endpoint));
    rows.truncate(ROWS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::port_set::PortSet;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn address(number: u32) -> [u8; 16] {
        std::net::Ipv4Addr::from(number).to_ipv6_mapped().octets()
    }

    fn add(counting: &mut Counting, remote: (u32, u16), local: (u32, u16), state: TcpState) {
        counting.add((address(remote.0), remote.1), (address(local.0), local.1), state).unwrap();
    }

    fn ports() -> Option<EphemeralPorts> {
        Some(EphemeralPorts::new((1000, 1099), &PortSet::default(), 0))
    }

    #[test]
    fn the_share_is_that_of_the_busiest_local_address() {
        let mut counting = Counting::new(ports());
        for port in 1000..1040 {
            add(&mut counting, (9, 443), (1, port), TcpState::Established);
        }
        for port in 1000..1030 {
            add(&mut counting, (9, 443), (2, port), TcpState::TimeWait);
        }
        // Not an ephemeral port, and another destination at the same address.
        add(&mut counting, (9, 443), (1, 80), TcpState::SynSent);
        add(&mut counting, (9, 80), (1, 1000), TcpState::CloseWait);
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
        assert_eq!(destinations.worst, Some(worst));
        let none = Share { used: 0, of: 100 };
        assert_eq!(Counting::new(ports()).largest().unwrap().worst, Some((None, none)));
        let mut unknown = Counting::new(None);
        add(&mut unknown, (9, 443), (1, 1000), TcpState::Established);
        assert_eq!(unknown.largest().unwrap().worst, None);
    }

    /// By tcp_tw_reuse: 0 never, 1 always, 2 on loopback (`tcp_twsk_unique` in net/ipv4/tcp_ipv4.c).
    #[test]
    fn ports_in_time_wait_that_are_given_out_again_are_free() {
        let used = |reuse: u64, remote: [u8; 4]| {
            let mut counting =
                Counting::new(Some(EphemeralPorts::new((1000, 1099), &PortSet::default(), reuse)));
            let remote = (u32::from_be_bytes(remote), 443);
            add(&mut counting, remote, (1, 1000), TcpState::TimeWait);
            add(&mut counting, remote, (1, 1001), TcpState::Established);
            counting.largest().unwrap().rows[0].ephemeral.map(|share| share.used)
        };
        let (here, there) = ([127, 0, 0, 1], [192, 0, 2, 7]);
        assert_eq!(
            [0, 1, 2].map(|reuse| (used(reuse, here), used(reuse, there))),
            [(Some(2), Some(2)), (Some(1), Some(1)), (Some(1), Some(2))]
        );
    }

    #[test]
    fn the_256_with_the_most_sockets_are_kept_in_order() {
        let mut counting = Counting::new(None);
        for remote in 0..1000_u32 {
            for local in 0..=(remote % 3) as u8 {
                add(&mut counting, (remote, 1), (local.into(), 0), TcpState::Established);
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
            let (mut counting, mut all) = (Counting::of_most(MOST, ports()), BTreeMap::<u32, u32>::new());
            let (mut used, mut here) = (BTreeMap::<(u32, u32), u32>::new(), 2);
            for (remote, is_heavy) in stream {
                let remote = if is_heavy { heavy } else { remote };
                *all.entry(remote).or_default() += 1;
                // Each from an address of its own, but for the heavy one.
                let local = if is_heavy { 1 } else { here };
                add(&mut counting, (remote, 1), (local, 1000), TcpState::Established);
                *used.entry((remote, local)).or_default() += 1;
                here += 1;
                prop_assert!(counting.remotes.all.len() <= MOST && counting.pairs.all.len() <= MOST);
            }
            for (remote, sockets) in &all {
                match counting.remotes.all.get(&(address(*remote), 1)) {
                    Some((figures, lacks)) => {
                        prop_assert!(figures.sockets <= *sockets && *sockets <= figures.sockets + lacks);
                    }
                    None => prop_assert!(*sockets <= counting.remotes.lacks),
                }
            }
            // Each time at least half of the table was forgotten, so this many sockets were needed for each of them.
            let sockets: u32 = all.values().sum();
            prop_assert!(counting.remotes.lacks as usize * MOST / 2 <= sockets as usize);
            let exact = all.len() <= MOST;
            let busiest = |remote: u32| {
                let of_remote = used.range((remote, 0)..=(remote, u32::MAX));
                of_remote.map(|(_, used)| u64::from(*used)).max().unwrap_or(0)
            };
            let destinations = counting.largest().unwrap();
            if let Some((_, share)) = destinations.worst {
                let worst = all.keys().map(|remote| busiest(*remote)).max().unwrap_or(0);
                prop_assert!(share.used <= worst && worst * 100 <= share.used * 101);
            }
            for row in destinations.rows {
                let IpAddr::V4(remote) = row.endpoint.ip() else { panic!("no IPv4") };
                let sockets = u64::from(all[&u32::from(remote)]);
                prop_assert!(row.sockets <= sockets && sockets * 100 <= row.sockets * 101);
                prop_assert!(!exact || row.sockets == sockets);
                if let Some(share) = row.ephemeral {
                    let busiest = busiest(u32::from(remote));
                    prop_assert!(share.used <= busiest && busiest * 100 <= share.used * 101);
                }
            }
        }
    }
}
