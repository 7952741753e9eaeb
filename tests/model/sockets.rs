//! Sockets as rows of a `/proc` tree, and the instances that every table about them must have, put together from the
//! MIB modules and shared with nothing in `src`: a sorted reference list to hold Get, GetNext and GetBulk against.
#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]

use netstat_agentx::smi::oid::Oid;
use netstat_agentx::smi::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound;
use std::path::Path;

pub const BASE: [u32; 10] = [1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 2741];
const TCP: [u32; 7] = [1, 3, 6, 1, 2, 1, 6];
const UDP: [u32; 7] = [1, 3, 6, 1, 2, 1, 7];

/// What lies below one of these is about sockets.
pub fn tables() -> Vec<Vec<u32>> {
    let standard = [[&TCP[..], &[13]], [&TCP, &[19]], [&TCP, &[20]], [&UDP, &[5]], [&UDP, &[7]]];
    standard.iter().map(|parts| parts.concat()).chain([[&BASE[..], &[1, 1]].concat()]).collect()
}

/// A row of one of the four files.
#[derive(Debug, Clone)]
pub struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    /// The kernel's number.
    state: u8,
    transmit: u32,
    receive: u32,
    inode: u64,
    drops: u64,
    /// The number of the timer, and how often something was sent again.
    timer: (u8, u32),
}

fn pick<T: Copy>(from: &[T], number: u8) -> T {
    from[usize::from(number) % from.len()]
}

fn address(ipv6: bool, number: u8) -> IpAddr {
    let four = ["0.0.0.0", "10.0.0.1", "10.0.1.0", "255.255.255.255"];
    let six = ["::", "::1", "::ffff:10.0.0.1", "2001:db8::100"];
    (if ipv6 { pick(&six, number) } else { pick(&four, number) }).parse().unwrap()
}

impl Socket {
    /// A socket from a few numbers, out of few values each, so that many of them collide.
    pub fn picked(ipv6: bool, picks: [u8; 6]) -> Self {
        let ports = [0, 80, 65_535];
        let [local, local_port, remote, remote_port, state, rest] = picks;
        Self {
            local: (address(ipv6, local), pick(&ports, local_port)).into(),
            remote: (address(ipv6, remote), pick(&ports, remote_port)).into(),
            // All that a kernel has and some that it has not, listeners and UDP sockets without a peer more often.
            state: pick(&[1, 7, 7, 7, 10, 10, 10, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 0], state),
            // An int in the kernel: from 2^31 on it is below zero.
            transmit: pick(&[0, 0, 1, i32::MAX as u32, u32::MAX], rest),
            receive: pick(&[0, 3, i32::MAX as u32, 1 << 31], rest),
            inode: pick(&[0, 5, 5 + (1 << 32), 7, u64::MAX], rest),
            drops: pick(&[0, 0, 0, 12, u64::MAX], rest >> 4),
            timer: pick(&[(0, 0), (1, 0), (1, 1), (1, 5), (2, 0), (3, 7), (4, 2)], local.wrapping_add(rest)),
        }
    }

    fn line(&self, slot: usize) -> String {
        let hex = |end: SocketAddr| {
            let octets = match end.ip() {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            let words = octets.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
            words.map(|word| format!("{word:08X}")).collect::<String>() + &format!(":{:04X}", end.port())
        };
        format!(
            "{slot:4}: {} {} {:02X} {:08X}:{:08X} {:02X}:00000000 {:08X}     0        0 {} 2 0000000000000000 {}\n",
            hex(self.local),
            hex(self.remote),
            self.state,
            self.transmit,
            self.receive,
            self.timer.0,
            self.timer.1,
            self.inode,
            self.drops
        )
    }

    /// What waits to be read, and to be sent; `None` below zero.
    fn queues(&self) -> [Option<u64>; 2] {
        [self.receive, self.transmit].map(|queue| (queue < 1 << 31).then_some(queue.into()))
    }

    /// Whether its state is that of a connection.
    fn is_connection(&self) -> bool {
        self.tcp_state().is_some_and(|state| ![1, 2].contains(&state))
    }

    /// TCP-MIB's number of the state; `None` for what is no connection.
    fn tcp_state(&self) -> Option<u32> {
        // From include/net/tcp_states.h, by the kernel's number; the last is TCP_NEW_SYN_RECV.
        let numbers = [5, 3, 4, 6, 7, 11, 1, 8, 9, 2, 10, 4];
        numbers.get(usize::from(self.state).checked_sub(1)?).copied()
    }
}

/// The rows of the four files.
#[derive(Debug, Clone, Default)]
pub struct Sockets {
    pub tcp4: Vec<Socket>,
    pub tcp6: Vec<Socket>,
    pub udp4: Vec<Socket>,
    pub udp6: Vec<Socket>,
}

/// The kernel lists the listeners first (tcp_seq_start, net/ipv4/tcp_ipv4.c).
fn as_listed(sockets: &[Socket]) -> impl Iterator<Item = &Socket> {
    let (listeners, others): (Vec<_>, Vec<_>) = sockets.iter().partition(|socket| socket.state == 10);
    listeners.into_iter().chain(others)
}

pub type Instances = BTreeMap<Vec<u32>, Value>;

impl Sockets {
    /// Writes the four files into ROOT/1/net.
    pub fn write(&self, root: &Path) {
        let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
        let files = [("tcp", &self.tcp4), ("tcp6", &self.tcp6), ("udp", &self.udp4), ("udp6", &self.udp6)];
        for (file, sockets) in files {
            let rows = as_listed(sockets).enumerate().map(|(slot, socket)| socket.line(slot));
            let text = header.to_owned() + &rows.collect::<String>();
            std::fs::write(root.join("1/net").join(file), text).unwrap();
        }
    }

    /// All instances of all tables about sockets, by name. No socket has a process.
    pub fn instances(&self) -> Instances {
        let mut all = Instances::new();
        self.tcp(&mut all);
        self.listeners(&mut all);
        self.services(&mut all);
        self.destinations(&mut all);
        self.udp(&mut all);
        self.udp_endpoints(&mut all);
        self.states(&mut all);
        all
    }

    fn tcp(&self, all: &mut Instances) {
        // The later row of a connection stands.
        let mut connections = BTreeMap::new();
        for socket in as_listed(&self.tcp4).chain(as_listed(&self.tcp6)) {
            if let Some(state) = socket.tcp_state() {
                connections.insert((socket.local, socket.remote), state);
            }
        }
        for ((local, remote), state) in connections {
            let value = integer(state);
            if let (IpAddr::V4(here), IpAddr::V4(there)) = (local.ip(), remote.ip()) {
                let index = [plain(local), plain(remote)].concat();
                let cells = [
                    value.clone(),
                    Value::IpAddress(here.octets()),
                    integer(local.port().into()),
                    Value::IpAddress(there.octets()),
                    integer(remote.port().into()),
                ];
                for (column, cell) in (1..).zip(cells) {
                    put(all, &TCP, &[13, 1, column], &index, cell);
                }
            }
            if state != 2 {
                let index = [inet(local), inet(remote)].concat();
                put(all, &TCP, &[19, 1, 7], &index, value);
                put(all, &TCP, &[19, 1, 8], &index, Value::Gauge32(0));
            }
        }
    }

    fn listeners(&self, all: &mut Instances) {
        let mut listeners = BTreeMap::<SocketAddr, (Option<u64>, u64)>::new();
        let tcp = || self.tcp4.iter().chain(&self.tcp6);
        for socket in tcp().filter(|socket| socket.tcp_state() == Some(2)) {
            let (queue, sockets) = listeners.entry(socket.local).or_insert((Some(0), 0));
            *queue = queue.zip(socket.queues()[0]).map(|(sum, queue)| sum + queue);
            *sockets += 1;
        }
        for (local, (queue, sockets)) in &listeners {
            let index = inet(*local);
            put(all, &TCP, &[20, 1, 4], &index, Value::Gauge32(0));
            if let Some(queue) = *queue {
                put(all, &BASE, &[1, 1, 3, 1, 4], &index, Value::gauge32(queue));
            }
            put(all, &BASE, &[1, 1, 3, 1, 5], &index, Value::gauge32(*sockets));
            put(all, &BASE, &[1, 1, 3, 1, 6], &index, Value::text(&local.to_string()));
        }
        for port in listeners.keys().map(SocketAddr::port).collect::<BTreeSet<_>>() {
            for state in 1..=11 {
                let counted = tcp().filter(|socket| socket.local.port() == port);
                let count = counted.filter(|socket| socket.tcp_state() == Some(state)).count();
                put(all, &BASE, &[1, 1, 4, 1, 3], &[port.into(), state], Value::gauge32(count as u64));
            }
        }
    }

    fn services(&self, all: &mut Instances) {
        let tcp = || self.tcp4.iter().chain(&self.tcp6);
        let listening = tcp().filter(|socket| socket.tcp_state() == Some(2));
        for port in listening.map(|socket| socket.local.port()).collect::<BTreeSet<_>>() {
            let of_port = tcp().filter(|socket| socket.local.port() == port);
            let connections: Vec<_> = of_port.filter(|socket| socket.is_connection()).collect();
            let load: Vec<_> = connections.iter().filter(|socket| socket.tcp_state() != Some(4)).collect();
            let queue = |which: usize| {
                load.iter().try_fold(0, |sum, socket| Some(sum + socket.queues()[which]?)).map(Value::gauge32)
            };
            let timers = |is: fn((u8, u32)) -> bool| {
                Some(Value::gauge32(load.iter().filter(|socket| is(socket.timer)).count() as u64))
            };
            let cells = [
                Some(Value::gauge32(connections.len() as u64)),
                queue(0),
                queue(1),
                timers(|(timer, times)| timer == 1 && times > 0),
                timers(|(timer, times)| timer == 1 && times > 4),
                timers(|(timer, _)| timer == 4),
            ];
            for (column, cell) in (2..).zip(cells) {
                if let Some(cell) = cell {
                    put(all, &BASE, &[1, 1, 6, 1, column], &[port.into()], cell);
                }
            }
        }
    }

    /// None has a share of the ephemeral ports, since those of another root than /proc are not known.
    fn destinations(&self, all: &mut Instances) {
        let mut destinations = BTreeMap::<SocketAddr, Vec<u32>>::new();
        for family in [&self.tcp4, &self.tcp6] {
            let listens = |port: u16| {
                family.iter().any(|socket| socket.tcp_state() == Some(2) && socket.local.port() == port)
            };
            for socket in family.iter().filter(|socket| socket.is_connection()) {
                if !listens(socket.local.port()) {
                    let remote = SocketAddr::new(socket.remote.ip().to_canonical(), socket.remote.port());
                    destinations.entry(remote).or_default().extend(socket.tcp_state());
                }
            }
        }
        for (remote, states) in destinations {
            let index = inet(remote);
            put(all, &BASE, &[1, 1, 7, 1, 4], &index, Value::gauge32(states.len() as u64));
            for (column, state) in [(5, 5), (6, 3), (7, 8), (8, 11)] {
                let count = states.iter().filter(|one| **one == state).count();
                put(all, &BASE, &[1, 1, 7, 1, column], &index, Value::gauge32(count as u64));
            }
            put(all, &BASE, &[1, 1, 7, 1, 10], &index, Value::text(&remote.to_string()));
        }
    }

    fn udp(&self, all: &mut Instances) {
        let mut endpoints = BTreeMap::new();
        for socket in as_listed(&self.udp4).chain(as_listed(&self.udp6)) {
            endpoints.insert((socket.local, socket.remote, socket.inode as u32), socket.state);
        }
        for ((local, remote, instance), state) in endpoints {
            let index = [inet(local), inet(remote), vec![instance]].concat();
            put(all, &UDP, &[7, 1, 8], &index, Value::Gauge32(0));
            if let (IpAddr::V4(address), 7) = (local.ip(), state) {
                put(all, &UDP, &[5, 1, 1], &plain(local), Value::IpAddress(address.octets()));
                put(all, &UDP, &[5, 1, 2], &plain(local), integer(local.port().into()));
            }
        }
    }

    fn udp_endpoints(&self, all: &mut Instances) {
        let mut endpoints = BTreeMap::<SocketAddr, (u64, Option<u64>, u64)>::new();
        for socket in self.udp4.iter().chain(&self.udp6).filter(|socket| socket.state == 7) {
            let (sockets, queue, drops) = endpoints.entry(socket.local).or_insert((0, Some(0), 0));
            *sockets += 1;
            *queue = queue.zip(socket.queues()[0]).map(|(sum, queue)| sum + queue);
            *drops = drops.saturating_add(socket.drops);
        }
        for (local, (sockets, queue, drops)) in endpoints {
            let index = inet(local);
            put(all, &BASE, &[1, 1, 5, 1, 4], &index, Value::gauge32(sockets));
            if let Some(queue) = queue {
                put(all, &BASE, &[1, 1, 5, 1, 5], &index, Value::gauge32(queue));
            }
            put(all, &BASE, &[1, 1, 5, 1, 6], &index, Value::gauge32(drops));
            put(all, &BASE, &[1, 1, 5, 1, 7], &index, Value::text(&local.to_string()));
        }
    }

    fn states(&self, all: &mut Instances) {
        let both = |four: &[Socket], six: &[Socket]| [four, six].concat();
        let tcp = [both(&self.tcp4, &self.tcp6), self.tcp4.clone(), self.tcp6.clone()];
        let udp = [both(&self.udp4, &self.udp6), self.udp4.clone(), self.udp6.clone()];
        for (family, (tcp, udp)) in (0..).zip(tcp.iter().zip(&udp)) {
            for state in 1..=11 {
                let count = tcp.iter().filter(|socket| socket.tcp_state() == Some(state)).count();
                put(all, &BASE, &[1, 1, 1, 1, 3], &[family, state], Value::gauge32(count as u64));
            }
            let sum = |of: fn(&Socket) -> Option<u64>| {
                let sum = |sum: u64, socket: &Socket| Some(sum.saturating_add(of(socket)?));
                udp.iter().try_fold(0, sum).map(Value::gauge32)
            };
            let cells = [
                sum(|_| Some(1)),
                sum(|socket| Some((socket.state == 1).into())),
                sum(|socket| socket.queues()[0]),
                sum(|socket| socket.queues()[1]),
                sum(|socket| Some(socket.drops)),
            ];
            for (column, cell) in (2..).zip(cells) {
                if let Some(cell) = cell {
                    put(all, &BASE, &[1, 1, 2, 1, column], &[family], cell);
                }
            }
        }
    }
}

fn put(all: &mut Instances, group: &[u32], column: &[u32], index: &[u32], value: Value) {
    all.insert([group, column, index].concat(), value);
}

fn integer(number: u32) -> Value {
    Value::Integer(number.try_into().unwrap())
}

/// IpAddress and port as an index.
fn plain(end: SocketAddr) -> Vec<u32> {
    inet(end).split_off(2)
}

/// InetAddressType, InetAddress with its length and InetPortNumber as an index.
fn inet(end: SocketAddr) -> Vec<u32> {
    let (kind, octets) = match end.ip() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    let mut index = vec![kind, octets.len() as u32];
    index.extend(octets.into_iter().map(u32::from));
    index.push(end.port().into());
    index
}

/// A name near an instance, or far from all: the one at `at`, changed as `change` says.
pub fn near(all: &Instances, at: u16, change: u8, argument: u32) -> Oid {
    let mut name = all.keys().nth(usize::from(at) % all.len().max(1)).cloned().unwrap_or_default();
    let last = name.len().saturating_sub(1);
    match change % 8 {
        0 | 1 => {}
        2 => name.truncate(argument as usize % (last + 2)),
        3 => name.push(argument),
        4 => name[last] = name[last].wrapping_add(1),
        5 => name[last] = name[last].wrapping_sub(1),
        6 => {
            let position = argument as usize % (last + 1);
            name[position] = name[position].wrapping_add(argument >> 8);
        }
        _ => name = argument.to_be_bytes().iter().map(|&subid| u32::from(subid % 8)).collect(),
    }
    name.truncate(128);
    Oid::from_slice(&name).unwrap()
}

/// What GetNext must find (RFC 2741 section 7.2.3.2).
pub fn next<'a>(
    all: &'a Instances,
    start: &Oid,
    include: bool,
    end: Option<&Oid>,
) -> Option<(&'a Vec<u32>, &'a Value)> {
    let start = start.as_slice();
    let bound = if include { Bound::Included(start) } else { Bound::Excluded(start) };
    let found = all.range::<[u32], _>((bound, Bound::Unbounded)).next();
    found.filter(|(name, _)| end.is_none_or(|end| name.as_slice() < end.as_slice()))
}
