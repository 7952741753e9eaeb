//! What sock_diag says of the sockets that listen: their limits, and what they dropped.

use crate::proc::diag::inet::DumpedSocket;
use crate::proc::diag::unix;
use crate::proc::error::NoMemory;
use crate::proc::seen::Seen;
use crate::text::{fitting, printable};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The longest address of a Unix socket, in octets (UNIX_PATH_MAX).
pub const LONGEST_PATH: usize = 108;

/// How many Unix listeners have rows: any user can make more than that.
pub const MOST_PATHS: usize = 16_384;

/// How many different cgroups of one endpoint are kept.
const MOST_CGROUPS: usize = 8;

/// The listening TCP sockets of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// How many connections may wait, over all sockets.
    pub limit: u64,
    /// Connections that these sockets dropped; `None` if the kernel does not say.
    pub drops: Option<u64>,
    /// The fullest of the sockets, in percent of its own limit.
    pub fullest: u64,
    /// The cgroups in which they were made.
    pub cgroups: Vec<u64>,
}

/// Limits by endpoint, as a dump goes by.
#[derive(Default)]
pub(super) struct Counting {
    endpoints: HashMap<SocketAddr, Limits>,
    seen: Seen,
}

impl Counting {
    /// Counts a listener. Between two datagrams the kernel keeps its place in a bucket as a number of sockets
    /// (`inet_diag_dump_icsk` in net/ipv4/inet_diag.c), so it may repeat some.
    pub fn add(&mut self, socket: &DumpedSocket<SocketAddr>) -> Result<(), NoMemory> {
        let (port, inode) = (socket.local.port().to_ne_bytes(), socket.inode.to_ne_bytes());
        if socket.inode != 0 && self.seen.again((&port, &inode)) {
            return Ok(());
        }
        self.endpoints.try_reserve(1).map_err(|_| NoMemory)?;
        let new = || Limits { drops: Some(0), ..Limits::default() };
        let limits = self.endpoints.entry(socket.local).or_insert_with(new);
        limits.limit += u64::from(socket.transmit_queue);
        limits.drops = limits.drops.zip(socket.drops).map(|(sum, drops)| sum + u64::from(drops));
        limits.fullest = limits.fullest.max(percent(socket.receive_queue, socket.transmit_queue));
        if let Some(cgroup) = socket.cgroup.filter(|cgroup| !limits.cgroups.contains(cgroup)) {
            if limits.cgroups.len() < MOST_CGROUPS {
                limits.cgroups.push(cgroup);
            }
        }
        Ok(())
    }

    pub fn into_endpoints(self) -> HashMap<SocketAddr, Limits> {
        self.endpoints
    }
}

/// A queue in percent of its limit, rounded down: over 100 if the kernel takes no more (`sk_acceptq_is_full` wants more
/// waiting than the limit). With a limit of 0 one connection may wait, and that is all of it.
fn percent(queue: u32, limit: u32) -> u64 {
    u64::from(queue) * 100 / u64::from(limit.max(1))
}

/// The Unix sockets that listen on one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListener {
    /// The address: a path, or `@` and a name that is no file; every NUL is an `@`, as in net/unix.
    pub path: Box<str>,
    /// Connections that wait for accept(2), over all sockets.
    pub queue: u64,
    /// How many may wait, over all sockets.
    pub limit: u64,
    /// How many sockets. More than one if the file was removed while one still listened.
    pub sockets: u64,
}

/// Unix listeners by address, as a dump goes by.
#[derive(Default)]
pub(super) struct UnixCounting {
    /// Queue, limit, sockets.
    paths: HashMap<Box<str>, (u64, u64, u64)>,
    seen: Seen,
    /// Whether some have no row.
    pub has_too_many: bool,
}

impl UnixCounting {
    pub fn add(&mut self, socket: &unix::UnixListener<'_>) -> Result<(), NoMemory> {
        let path = address(socket.name);
        // The place in the dump is a number of sockets here too (`unix_diag_dump`, net/unix/diag.c).
        if self.seen.again((path.as_bytes(), &socket.inode.to_ne_bytes())) {
            return Ok(());
        }
        if self.paths.len() >= MOST_PATHS && !self.paths.contains_key(&*path) {
            self.has_too_many = true;
            return Ok(());
        }
        self.paths.try_reserve(1).map_err(|_| NoMemory)?;
        let (queue, limit, sockets) = self.paths.entry(path.into()).or_default();
        *queue += u64::from(socket.queue.0);
        *limit += u64::from(socket.queue.1);
        *sockets += 1;
        Ok(())
    }

    /// In the order of their index.
    pub fn into_rows(self) -> Vec<UnixListener> {
        let rows = self.paths.into_iter();
        let mut rows: Vec<_> = rows
            .map(|(path, (queue, limit, sockets))| UnixListener { path, queue, limit, sockets })
            .collect();
        rows.sort_unstable_by(|a, b| by_index(&a.path, &b.path));
        rows
    }
}

/// The order of texts in an index: shorter ones first (RFC 2578 section 7.7).
pub(super) fn by_index(a: &str, b: &str) -> std::cmp::Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}

fn address(name: &[u8]) -> String {
    let text = match name.strip_prefix(b"\0") {
        Some(_) => {
            let name: Vec<u8> = name.iter().map(|octet| if *octet == 0 { b'@' } else { *octet }).collect();
            printable(&name)
        }
        // The kernel counts the NUL behind a path, except where there was no room for one.
        None => printable(name.strip_suffix(b"\0").unwrap_or(name)),
    };
    fitting(text, LONGEST_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn listener(local: &str, queue: (u32, u32), inode: u32) -> DumpedSocket<SocketAddr> {
        DumpedSocket {
            local: local.parse().unwrap(),
            remote: "0.0.0.0:0".parse().unwrap(),
            state: 10,
            receive_queue: queue.0,
            transmit_queue: queue.1,
            inode,
            drops: Some(inode),
            cgroup: Some(u64::from(inode) / 10),
            path: None,
        }
    }

    #[test]
    fn sockets_of_one_endpoint_add_up_and_the_fullest_stands_out() {
        let mut counting = Counting::default();
        for (queue, inode) in [((3, 128), 11), ((65, 128), 12), ((0, 10), 29), ((65, 128), 12)] {
            counting.add(&listener("127.0.0.1:80", queue, inode)).unwrap();
        }
        counting.add(&DumpedSocket { drops: None, ..listener("[::1]:80", (2, 1), 13) }).unwrap();
        counting.add(&listener("[::1]:81", (1, 0), 0)).unwrap();
        counting.add(&listener("[::1]:81", (0, 0), 0)).unwrap();
        let endpoints = counting.into_endpoints();
        let of = |local: &str| endpoints[&local.parse().unwrap()].clone();
        let both = Limits { limit: 266, drops: Some(52), fullest: 50, cgroups: vec![1, 2] };
        assert_eq!(of("127.0.0.1:80"), both);
        assert_eq!(of("[::1]:80"), Limits { limit: 1, drops: None, fullest: 200, cgroups: vec![1] });
        assert_eq!(of("[::1]:81"), Limits { limit: 0, drops: Some(0), fullest: 100, cgroups: vec![0] });
        assert_eq!(percent(u32::MAX, 1), u64::from(u32::MAX) * 100);
    }

    #[test]
    fn addresses_are_those_of_net_unix() {
        for (name, told) in [
            (&b"/run/a.sock\0"[..], "/run/a.sock"),
            (b"/run/a.sock", "/run/a.sock"),
            (b"a b\0", "a b"),
            (b"\0/tmp/.X11-unix/X0", "@/tmp/.X11-unix/X0"),
            (b"\0a\0b\0", "@a@b@"),
            (b"/run/\xff\n\0", "/run/\\xff\\x0a"),
        ] {
            assert_eq!(address(name), told);
        }
        assert_eq!(address(&[b'x'; 108]).len(), 108);
        let odd = address(&[0xfe; 108]);
        assert!(
            odd.len() <= 108
                && odd.contains('~')
                && odd != address(&[[0xfe; 107].as_slice(), &[0xfd]].concat())
        );
    }

    #[test]
    fn unix_listeners_of_one_address_add_up_and_are_bounded() {
        let mut counting = UnixCounting::default();
        let add = |counting: &mut UnixCounting, name: &[u8], queue, inode| {
            counting.add(&unix::UnixListener { name, queue, inode }).unwrap();
        };
        for (name, queue, inode) in
            [(&b"/b\0"[..], (1, 5), 1), (b"/b\0", (2, 5), 2), (b"/b\0", (2, 5), 2), (b"\0long", (0, 1), 3)]
        {
            add(&mut counting, name, queue, inode);
        }
        let row =
            |path: &str, queue, limit, sockets| UnixListener { path: path.into(), queue, limit, sockets };
        let mut many = UnixCounting::default();
        add(&mut many, b"/b\0", (1, 5), 1);
        assert_eq!(counting.into_rows(), [row("/b", 3, 10, 2), row("@long", 0, 1, 1)]);
        for number in 0..u32::try_from(MOST_PATHS).unwrap() {
            assert!(!many.has_too_many);
            add(&mut many, format!("\0{number}").as_bytes(), (0, 1), number);
        }
        add(&mut many, b"/b\0", (1, 5), 77);
        assert!(many.has_too_many);
        let rows = many.into_rows();
        assert_eq!(
            (rows.len(), rows.iter().find(|row| &*row.path == "/b").unwrap().sockets),
            (MOST_PATHS, 2)
        );
    }
}
