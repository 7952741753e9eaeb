//! What sock_diag says of the sockets that listen: their limits, and what they dropped.

use crate::proc::diag::inet::DumpedSocket;
use crate::proc::diag::unix;
use crate::proc::error::NoMemory;
use crate::proc::seen::Seen;
use crate::text::{distinct, fitting};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The longest address of a Unix socket, in octets (UNIX_PATH_MAX).
pub const LONGEST_PATH: usize = 108;

/// How many Unix listeners with connections that wait have rows, and how many without: any user can make more than that.
pub const MOST_PATHS: usize = 16_384;

/// How many different cgroups of one endpoint are kept.
const MOST_CGROUPS: usize = 8;

/// The cgroups in which the sockets of an endpoint were made; nearly always one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    first: Option<u64>,
    /// A few at most.
    more: Vec<u64>,
}

impl Cgroups {
    /// Each of them once.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.first.into_iter().chain(self.more.iter().copied())
    }

    fn add(&mut self, cgroup: u64) {
        match self.first {
            None => self.first = Some(cgroup),
            Some(first) if first == cgroup || self.more.contains(&cgroup) => {}
            Some(_) if self.more.len() + 1 < MOST_CGROUPS => self.more.push(cgroup),
            Some(_) => {}
        }
    }
}

/// The listening TCP sockets of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Where they listen.
    pub endpoint: SocketAddr,
    /// How many connections may wait, over all sockets.
    pub limit: u64,
    /// Connections that these sockets dropped; `None` if the kernel does not say.
    pub drops: Option<u64>,
    /// The fullest of the sockets, in percent of its own limit.
    pub fullest: u64,
    /// The cgroups in which they were made.
    pub cgroups: Cgroups,
}

/// Limits by endpoint, as a dump goes by.
#[derive(Default)]
pub(super) struct Counting {
    /// One for each socket.
    sockets: Vec<Limits>,
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
        if self.sockets.len() == self.sockets.capacity() {
            self.sockets.try_reserve_exact((self.sockets.len() / 4).max(256)).map_err(|_| NoMemory)?;
        }
        let cgroups = Cgroups { first: socket.cgroup, more: Vec::new() };
        self.sockets.push(Limits {
            endpoint: socket.local,
            limit: socket.transmit_queue.into(),
            drops: socket.drops.map(u64::from),
            fullest: percent(socket.receive_queue, socket.transmit_queue),
            cgroups,
        });
        Ok(())
    }

    /// In the order of their endpoints.
    pub fn into_endpoints(mut self) -> Vec<Limits> {
        self.sockets.sort_unstable_by_key(|limits| limits.endpoint);
        self.sockets.dedup_by(|later, kept| {
            let same = later.endpoint == kept.endpoint;
            if same {
                kept.limit += later.limit;
                kept.drops = kept.drops.zip(later.drops).map(|(sum, drops)| sum + drops);
                kept.fullest = kept.fullest.max(later.fullest);
                later.cgroups.iter().for_each(|cgroup| kept.cgroups.add(cgroup));
            }
            same
        });
        self.sockets.shrink_to_fit();
        self.sockets
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
    /// The fullest of them, in percent of its own limit.
    pub fullest: u64,
}

/// Unix listeners by address, as a dump goes by.
#[derive(Default)]
pub(super) struct UnixCounting {
    paths: HashMap<Box<str>, UnixQueue>,
    /// How many of them have connections that wait.
    waiting: usize,
    seen: Seen,
    /// Whether some have no row.
    pub has_too_many: bool,
}

#[derive(Default)]
struct UnixQueue {
    queue: u64,
    limit: u64,
    sockets: u64,
    fullest: u64,
}

impl UnixCounting {
    /// Addresses with connections that wait have room of their own, so that no number of idle ones hides them.
    pub fn add(&mut self, socket: &unix::UnixListener<'_>) -> Result<(), NoMemory> {
        let path = address(socket.name);
        // The place in the dump is a number of sockets here too (`unix_diag_dump`, net/unix/diag.c).
        if self.seen.again((path.as_bytes(), &socket.inode.to_ne_bytes())) {
            return Ok(());
        }
        let (queue, limit) = socket.queue;
        let waits = queue > 0;
        if !self.paths.contains_key(&*path) {
            let taken = if waits { self.waiting } else { self.paths.len() - self.waiting };
            if taken >= MOST_PATHS {
                self.has_too_many = true;
                return Ok(());
            }
            self.paths.try_reserve(1).map_err(|_| NoMemory)?;
            self.waiting += usize::from(waits);
        }
        let sum = self.paths.entry(path.into()).or_default();
        sum.queue += u64::from(queue);
        sum.limit += u64::from(limit);
        sum.sockets += 1;
        sum.fullest = sum.fullest.max(percent(queue, limit));
        Ok(())
    }

    /// In the order of their index.
    pub fn into_rows(self) -> Vec<UnixListener> {
        let row = |(path, UnixQueue { queue, limit, sockets, fullest })| UnixListener {
            path,
            queue,
            limit,
            sockets,
            fullest,
        };
        let mut rows: Vec<_> = self.paths.into_iter().map(row).collect();
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
            distinct(&name)
        }
        // The kernel counts the NUL behind a path, except where there was no room for one.
        None => match distinct(name.strip_suffix(b"\0").unwrap_or(name)) {
            // A file in some program's folder must not be taken for an abstract name.
            path if path.starts_with('@') => format!("./{path}"),
            path => path,
        },
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
        assert!(endpoints.windows(2).all(|pair| pair[0].endpoint < pair[1].endpoint));
        let of = |local: &str| {
            let limits = endpoints.iter().find(|limits| limits.endpoint.to_string() == local).unwrap();
            (limits.limit, limits.drops, limits.fullest, limits.cgroups.iter().collect::<Vec<_>>())
        };
        assert_eq!(of("127.0.0.1:80"), (266, Some(52), 50, vec![1, 2]));
        assert_eq!(of("[::1]:80"), (1, None, 200, vec![1]));
        assert_eq!(of("[::1]:81"), (0, Some(0), 100, vec![0]));
        let mut cgroups = Cgroups::default();
        (0..20).chain(0..20).for_each(|cgroup| cgroups.add(cgroup));
        assert_eq!(cgroups.iter().collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
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
            (b"/run/\\xff\0", "/run/\\x5cxff"),
            (b"@docker\0", "./@docker"),
            (b"\0docker", "@docker"),
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
            [(&b"/b\0"[..], (6, 5), 1), (b"/b\0", (2, 50), 2), (b"/b\0", (2, 50), 2), (b"\0long", (0, 1), 3)]
        {
            add(&mut counting, name, queue, inode);
        }
        let row = |path: &str, queue, limit, sockets, fullest| UnixListener {
            path: path.into(),
            queue,
            limit,
            sockets,
            fullest,
        };
        assert_eq!(counting.into_rows(), [row("/b", 8, 55, 2, 120), row("@long", 0, 1, 1, 0)]);
        let mut many = UnixCounting::default();
        for number in 0..u32::try_from(MOST_PATHS).unwrap() {
            assert!(!many.has_too_many);
            add(&mut many, format!("\0{number}").as_bytes(), (0, 1), number);
        }
        // Another socket of one of them, one more, and one that is full.
        add(&mut many, b"\x007", (0, 1), 99_997);
        assert!(!many.has_too_many);
        add(&mut many, b"\0more", (0, 1), 99_998);
        add(&mut many, b"/full\0", (2, 1), 99_999);
        assert!(many.has_too_many);
        let rows = many.into_rows();
        let of = |path: &str| rows.iter().find(|row| &*row.path == path);
        assert_eq!((rows.len(), of("@7").unwrap().sockets, of("@more")), (MOST_PATHS + 1, 2, None));
        assert_eq!(of("/full").unwrap().fullest, 200);
    }
}
