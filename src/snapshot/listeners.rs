//! The source `listeners`: what sock_diag says of TCP and Unix sockets that listen. It costs next to nothing, since the
//! kernel does not look at other sockets.

use super::Detail;
use super::diagnosis::{Lack, Lacking, dump};
use super::problem::Problem;
use super::queues::{self, Limits, MOST_PATHS, UnixCounting, UnixListener};
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::cgroups::{LONGEST, Units};
use crate::proc::diag::inet::{self, TcpQuery};
use crate::proc::diag::unix;
use crate::proc::read::ProcRoot;
use crate::proc::sockets::TcpState;
use crate::text::fitting;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One reading of the source.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Of every TCP endpoint that listens; `None` if they could not be dumped.
    pub tcp: Option<HashMap<SocketAddr, Limits>>,
    /// In the order of their index; `None` if they could not be dumped.
    pub unix: Option<Vec<UnixListener>>,
    /// The names of the cgroups in which TCP listeners were made.
    names: Arc<Units>,
}

impl Listeners {
    /// The unit of a TCP endpoint that listens: all of them if its sockets are of several; empty if none is known.
    #[must_use]
    pub fn owner(&self, limits: &Limits) -> String {
        let mut names: Vec<&str> =
            limits.cgroups.iter().filter_map(|cgroup| self.names.name(*cgroup)).map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        fitting(names.join(", "), LONGEST)
    }

    fn tcp(problems: &mut Vec<Problem>) -> Option<HashMap<SocketAddr, Limits>> {
        let mut counting = queues::Counting::default();
        dump("TCP listeners", &inet::tcp(TcpQuery::Listeners), problems, |payload| {
            let socket = inet::socket_of_either(payload)?;
            if socket.tcp_state() == Some(TcpState::Listen) {
                counting.add(&socket)?;
            }
            Ok(())
        })?;
        Some(counting.into_endpoints())
    }

    fn unix(problems: &mut Vec<Problem>) -> Option<Vec<UnixListener>> {
        let mut counting = UnixCounting::default();
        dump("Unix listeners", &unix::listeners(), problems, |payload| {
            if let Some(listener) = unix::listener(payload)? {
                counting.add(&listener)?;
            }
            Ok(())
        })?;
        if counting.has_too_many {
            problems.push(Problem::ManyUnixListeners { most: MOST_PATHS });
        }
        Some(counting.into_rows())
    }
}

/// What stays from one reading to the next.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    names: Arc<Units>,
    lacking: Lacking,
}

impl Source for Listeners {
    const NAME: &'static str = "listeners";
    const READ_FROM: &'static str = "sock_diag, and the cgroup2 file system";
    type Memory = Memory;
    type Known = Arc<Units>;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn is_wanted(memory: &Memory) -> bool {
        !memory.lacking.is_elsewhere()
    }

    fn known(_: Option<&Self>, memory: &Memory, _: &Others<'_>) -> Arc<Units> {
        Arc::clone(&memory.names)
    }

    fn read(root: &ProcRoot, _: Detail, names: Arc<Units>) -> Reading<Self> {
        let mut problems = Vec::new();
        if !root.is_of_own_namespace() {
            let memory = Memory { lacking: Lacking::of(Some(Lack::Elsewhere)), ..Memory::default() };
            return Reading { data: None, problems, notes: Vec::new(), memory: Some(memory) };
        }
        let mut this =
            Self { tcp: Self::tcp(&mut problems), unix: Self::unix(&mut problems), ..Self::default() };
        let cgroups = this.tcp.iter().flat_map(HashMap::values).flat_map(|limits| &limits.cgroups);
        let lack = match names.of(&cgroups.copied().collect()) {
            Ok(names) => {
                this.names = Arc::new(names);
                None
            }
            Err(cause) => Some(Lack::NoHierarchy(cause)),
        };
        let memory = Memory { names: Arc::clone(&this.names), lacking: Lacking::of(lack) };
        Reading { data: Some(this), problems, notes: Vec::new(), memory: Some(memory) }
    }

    fn follow(reading: &mut Reading<Self>, memory: &mut Memory, _: Timing, _: SystemTime) -> Option<String> {
        let next = reading.memory.as_mut()?;
        next.lacking.after(memory.lacking).map(|lack| lack.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn read(root: &str, names: Arc<Units>) -> Reading<Listeners> {
        Listeners::read(&ProcRoot::new(root), Detail::Counts, names)
    }

    #[test]
    fn a_listener_of_our_own_is_there_with_its_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reading = read("/proc", Arc::default());
        assert!(reading.problems.is_empty(), "{:?}", reading.problems);
        let listeners = reading.data.unwrap();
        let limits = &listeners.tcp.as_ref().unwrap()[&listener.local_addr().unwrap()];
        assert!(limits.limit > 0 && limits.drops == Some(0) && limits.fullest == 0, "{limits:?}");
        assert!(listeners.unix.is_some());
        // Its cgroup has a name wherever the hierarchy can be seen, and the next reading knows it.
        if let Memory { lacking: Lacking { now: None, .. }, names } = reading.memory.unwrap() {
            let owner = listeners.owner(limits);
            assert!(!owner.is_empty());
            assert_eq!(read("/proc", names).data.unwrap().owner(limits), owner);
        }
        assert_eq!(listeners.owner(&Limits::default()), "");
    }

    #[test]
    fn of_another_namespace_there_is_nothing_and_it_is_told_once() {
        let (mut reading, mut memory) = (read("/nowhere", Arc::default()), Memory::default());
        assert!(reading.data.is_none() && reading.problems.is_empty());
        let now = std::time::Instant::now();
        let timing = Timing { begun: now, ended: now, cost: Duration::ZERO };
        let told = Listeners::follow(&mut reading, &mut memory, timing, SystemTime::now()).unwrap();
        assert!(told.starts_with("the root of /proc is another network namespace's"), "{told}");
        assert!(!Listeners::is_wanted(&reading.memory.unwrap()));
    }
}
