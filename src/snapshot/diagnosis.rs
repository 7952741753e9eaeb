//! The source `sock_diag`: what only the kernel's socket diagnosis says, to anybody who asks. For TCP and Unix listeners
//! their limits and drops; when somebody asks for them, all TCP sockets by their owner and the paths of connections.
//!
//! Counts come from /proc, whatever a dump says: they do not need this source.

use super::detail::Detail;
use super::listeners::{self, Limits, MOST_PATHS, UnixCounting, UnixListener};
use super::owners::{ByCgroup, OwnedSocket, Owner};
use super::paths::{self, PortPaths};
use super::problem::Problem;
use super::services::is_connection;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::cgroups::{NoHierarchy, Units};
use crate::proc::cpu::Stopwatch;
use crate::proc::diag::inet::{self, TcpQuery};
use crate::proc::diag::{MessageFault, unix};
use crate::proc::error::NoMemory;
use crate::proc::netlink;
use crate::proc::port_set::PortSet;
use crate::proc::read::ProcRoot;
use crate::proc::sockets::TcpState;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What each dump may cost, in CPU time. As with net/tcp, only very many listeners in one bucket take so long.
const BUDGET: Duration = Duration::from_secs(3);

/// One reading of the source.
#[derive(Debug, Default)]
pub struct Diagnosis {
    /// Of every TCP endpoint that listens.
    pub listeners: Option<HashMap<SocketAddr, Limits>>,
    /// In the order of their index.
    pub unix_listeners: Option<Vec<UnixListener>>,
    /// TCP sockets by unit, in the order of their index; present when asked for.
    pub units: Option<Vec<Owner>>,
    /// For each local port with a listener and connections, by port; present when asked for.
    pub paths: Option<Vec<PortPaths>>,
    /// All TCP sockets, for the search for their programs; present when asked for.
    pub sockets: Option<Arc<Vec<OwnedSocket>>>,
    /// The names of the cgroups above.
    names: Arc<Units>,
    detail: Detail,
}

impl Diagnosis {
    /// The unit of a TCP endpoint that listens: all of them if its sockets are of several; empty if none is known.
    #[must_use]
    pub fn owner(&self, limits: &Limits) -> String {
        let mut names: Vec<&str> =
            limits.cgroups.iter().filter_map(|cgroup| self.names.name(*cgroup)).map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        crate::text::fitting(names.join(", "), crate::proc::cgroups::LONGEST)
    }
}

/// What a host cannot say, without anything being wrong: told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// sock_diag shows the network namespace of this process.
    #[error(
        "the root of /proc is another network namespace's, which sock_diag would not show: no limits and owners of \
         listeners, no Unix listeners, owners and round-trip times"
    )]
    Elsewhere,
    /// Linux before 5.8, or without CONFIG_SOCK_CGROUP_DATA.
    #[error("this kernel does not tell the cgroup of a socket: no owners by unit")]
    NotTold,
    /// As with the first hierarchy alone.
    #[error("{0}: no owners by unit")]
    NoHierarchy(NoHierarchy),
}

/// What stays from one reading to the next.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    names: Arc<Units>,
    lack: Option<Lack>,
    told: Option<Lack>,
}

/// What the dump of all TCP sockets has shown so far.
#[derive(Default)]
struct All {
    owners: ByCgroup,
    paths: paths::Counting,
    /// The ports of listeners, which the kernel dumps before all connections (`inet_diag_dump_icsk`).
    listening: PortSet,
    sockets: Option<Vec<OwnedSocket>>,
}

impl All {
    #[inline]
    fn add(&mut self, payload: &[u8]) -> Result<(), MessageFault> {
        let socket = inet::socket_of_either(payload)?;
        // The source `tcp` tells of states that no MIB knows.
        let Some(state) = socket.tcp_state() else { return Ok(()) };
        self.owners.add(socket.inode, socket.cgroup, state);
        let port = socket.local.port();
        if state == TcpState::Listen {
            self.listening.insert(port);
        } else if let Some(path) =
            socket.path.filter(|_| is_connection(state) && self.listening.contains(port))
        {
            self.paths.add(port, path)?;
        }
        if let Some(sockets) = &mut self.sockets {
            if sockets.len() == sockets.capacity() {
                sockets.try_reserve(sockets.len().max(256)).map_err(|_| NoMemory)?;
            }
            sockets.push(OwnedSocket { inode: socket.inode, state });
        }
        Ok(())
    }
}

/// A reading under way.
#[derive(Default)]
struct Diagnosing {
    this: Diagnosis,
    problems: Vec<Problem>,
}

impl Diagnosing {
    /// Makes a dump of its own budget; `None`, and a problem, if it fails.
    fn dump(
        &mut self,
        what: &'static str,
        query: &crate::proc::diag::Query,
        each: impl FnMut(&[u8]) -> Result<(), MessageFault>,
    ) -> Option<()> {
        let stopwatch = Stopwatch::start();
        let dumped = netlink::dump(query, || stopwatch.spent() < BUDGET, each);
        dumped.map_err(|why| self.problems.push(Problem::NoDump { what, why: why.into() })).ok()
    }

    fn listeners(&mut self) {
        let mut counting = listeners::Counting::default();
        let query = inet::tcp(TcpQuery::Listeners);
        let dumped = self.dump("TCP listeners", &query, |payload| {
            let socket = inet::socket_of_either(payload)?;
            if socket.tcp_state() == Some(TcpState::Listen) {
                counting.add(&socket)?;
            }
            Ok(())
        });
        self.this.listeners = dumped.map(|()| counting.into_endpoints());
    }

    fn unix_listeners(&mut self) {
        let mut counting = UnixCounting::default();
        let dumped = self.dump("Unix listeners", &unix::listeners(), |payload| {
            if let Some(listener) = unix::listener(payload)? {
                counting.add(&listener)?;
            }
            Ok(())
        });
        if counting.has_too_many {
            self.problems.push(Problem::ManyUnixListeners { most: MOST_PATHS });
        }
        self.this.unix_listeners = dumped.map(|()| counting.into_rows());
    }

    /// Returns the sockets by cgroup, whose names are still to be found.
    fn all(&mut self, detail: Detail) -> Option<ByCgroup> {
        let sockets = (detail >= Detail::Rows).then(Vec::new);
        let mut all = All { sockets, ..All::default() };
        self.dump("TCP sockets", &inet::tcp(TcpQuery::All), |payload| all.add(payload))?;
        self.this.paths = Some(all.paths.by_port());
        self.this.sockets = all.sockets.map(|mut sockets| {
            sockets.shrink_to_fit();
            Arc::new(sockets)
        });
        Some(all.owners)
    }

    /// Finds the names of all cgroups, and what cannot be known about them.
    fn name(&mut self, owners: Option<&ByCgroup>, names: &Units) -> Option<Lack> {
        let listeners = self.this.listeners.iter().flat_map(HashMap::values);
        let mut cgroups: HashSet<u64> = listeners.flat_map(|limits| limits.cgroups.iter().copied()).collect();
        cgroups.extend(owners.iter().flat_map(|owners| owners.cgroups()));
        let lack = match names.of(&cgroups) {
            Ok(names) => {
                self.this.names = Arc::new(names);
                owners.filter(|owners| owners.are_not_told()).map(|_| Lack::NotTold)
            }
            Err(cause) => Some(Lack::NoHierarchy(cause)),
        };
        if lack.is_none() {
            self.this.units = owners.map(|owners| owners.named(&self.this.names));
        }
        lack
    }
}

impl Source for Diagnosis {
    const NAME: &'static str = "sock_diag";
    const READ_FROM: &'static str = "the kernel's sock_diag, and the cgroup2 file system";
    const MOST: Detail = Detail::Rows;
    type Memory = Memory;
    type Known = Arc<Units>;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn is_wanted(memory: &Memory) -> bool {
        memory.lack != Some(Lack::Elsewhere)
    }

    fn known(_: Option<&Self>, memory: &Memory, _: &Others<'_>) -> Arc<Units> {
        Arc::clone(&memory.names)
    }

    fn read(root: &ProcRoot, detail: Detail, names: Arc<Units>) -> Reading<Self> {
        if !root.is_of_own_namespace() {
            let memory = Memory { lack: Some(Lack::Elsewhere), ..Memory::default() };
            return Reading { data: None, problems: Vec::new(), notes: Vec::new(), memory: Some(memory) };
        }
        let mut reading = Diagnosing::default();
        reading.listeners();
        reading.unix_listeners();
        let owners = if detail >= Detail::Peers { reading.all(detail) } else { None };
        let lack = reading.name(owners.as_ref(), &names);
        let Diagnosing { mut this, problems } = reading;
        this.detail = detail;
        let memory = Memory { names: Arc::clone(&this.names), lack, told: None };
        Reading { data: Some(this), problems, notes: Vec::new(), memory: Some(memory) }
    }

    /// Tells what a host cannot say, once.
    fn follow(reading: &mut Reading<Self>, memory: &mut Memory, _: Timing, _: SystemTime) -> Option<String> {
        let next = reading.memory.as_mut()?;
        // Whether the kernel tells cgroups is known only when all sockets were dumped.
        next.told = next.lack.or(memory.told);
        (next.told != memory.told).then(|| next.told.map(|lack| lack.to_string())).flatten()
    }

    fn detail(&self) -> Detail {
        self.detail
    }

    fn drop_to(&mut self, detail: Detail) {
        self.detail = self.detail.min(detail);
        self.sockets.take_if(|_| detail < Detail::Rows);
        if detail < Detail::Peers {
            (self.units, self.paths) = (None, None);
        }
    }

    fn inodes(&self, into: &mut Vec<u64>) {
        if let Some(sockets) = &self.sockets {
            into.reserve_exact(sockets.len());
            into.extend(sockets.iter().map(|socket| u64::from(socket.inode)));
        }
    }

    fn owned(&self) -> Option<Arc<Vec<OwnedSocket>>> {
        self.sockets.clone()
    }
}
