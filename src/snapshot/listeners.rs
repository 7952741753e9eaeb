//! The source `listeners`: what sock_diag says of TCP sockets that listen. It costs next to nothing, since the kernel does
//! not look at other sockets.

use super::Detail;
use super::diagnosis::{Lack, Lacking, dump};
use super::problem::Problem;
use super::queues::{self, Limits};
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::cgroups::{LONGEST, Units};
use crate::proc::diag::inet::{self, TcpQuery};
use crate::proc::read::ProcRoot;
use crate::proc::sockets::TcpState;
use crate::text::fitting;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One reading of the source.
#[derive(Debug, Default)]
pub struct Listeners {
    /// In the order of their endpoints.
    endpoints: Vec<Limits>,
    /// Whether the kernel tells the drops of any of them.
    pub has_drops: bool,
    /// The names of the cgroups in which they were made.
    names: Arc<Units>,
}

impl Listeners {
    /// What is known of an endpoint.
    #[must_use]
    pub fn of(&self, endpoint: SocketAddr) -> Option<&Limits> {
        let at = self.endpoints.binary_search_by_key(&endpoint, |limits| limits.endpoint).ok()?;
        self.endpoints.get(at)
    }

    /// The units of an endpoint: several if its sockets are of several, and none if none is known.
    #[must_use]
    pub fn owners(&self, limits: &Limits) -> Vec<&str> {
        let names = limits.cgroups.iter().filter_map(|cgroup| self.names.name(cgroup));
        let mut names: Vec<&str> = names.map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The same as a text of at most [`LONGEST`] octets, empty if none is known.
    #[must_use]
    pub fn owner(&self, limits: &Limits) -> String {
        fitting(self.owners(limits).join(", "), LONGEST)
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

    fn known(_: Option<&Self>, memory: &Memory, _: &Others<'_>) -> Arc<Units> {
        Arc::clone(&memory.names)
    }

    fn read(root: &ProcRoot, _: Detail, mut names: Arc<Units>) -> Reading<Self> {
        let (mut lack, mut problems): (_, Vec<Problem>) = (None, Vec::new());
        let mut counting = queues::Counting::default();
        let query = inet::tcp(TcpQuery::Listeners);
        let dumped = dump(root, "limits and owners of TCP listeners", &query, |payload| {
            let socket = inet::socket_of_either(payload)?;
            if socket.tcp_state() == Some(TcpState::Listen) {
                counting.add(&socket)?;
            }
            Ok(())
        });
        let data = match dumped {
            Ok(()) => {
                let endpoints = counting.into_endpoints();
                let cgroups = endpoints.iter().flat_map(|limits| limits.cgroups.iter()).collect();
                match names.of(&cgroups) {
                    Ok(found) => names = Arc::new(found),
                    Err(cause) => lack = Some(Lack::NoHierarchy("owners of listeners", cause)),
                }
                let has_drops = endpoints.iter().any(|limits| limits.drops.is_some());
                Some(Self { endpoints, has_drops, names: Arc::clone(&names) })
            }
            Err(failed) => {
                failed.tell(&mut lack, &mut problems);
                None
            }
        };
        let memory = Memory { names, lacking: Lacking::of(lack) };
        Reading { data, problems, notes: Vec::new(), memory: Some(memory) }
    }

    fn follow(reading: &mut Reading<Self>, memory: &mut Memory, _: Timing, _: SystemTime) -> Option<String> {
        reading.memory.as_mut()?.lacking.after(memory.lacking)
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
        let limits = listeners.of(listener.local_addr().unwrap()).unwrap();
        assert!(limits.limit > 0 && limits.drops == Some(0) && limits.fullest == 0, "{limits:?}");
        assert!(listeners.has_drops && listeners.of("127.0.0.9:9".parse().unwrap()).is_none());
        // Its cgroup has a name wherever the hierarchy can be seen, and the next reading knows it.
        if let Memory { lacking: Lacking { now: None, .. }, names } = reading.memory.unwrap() {
            let owner = listeners.owner(limits);
            assert!(!owner.is_empty());
            let again = read("/proc", names).data.unwrap();
            assert_eq!(again.owner(again.of(limits.endpoint).unwrap()), owner);
        }
    }

    /// And it is looked at again: the root may be another one by then.
    #[test]
    fn of_another_namespace_there_is_nothing_and_it_is_told_once() {
        let (mut reading, mut memory) = (read("/nowhere", Arc::default()), Memory::default());
        assert!(reading.data.is_none() && reading.problems.is_empty());
        let now = std::time::Instant::now();
        let timing = Timing { begun: now, ended: now, cost: Duration::ZERO };
        let told = Listeners::follow(&mut reading, &mut memory, timing, SystemTime::now()).unwrap();
        assert!(told.ends_with("no limits and owners of TCP listeners"), "{told}");
        let mut memory = reading.memory.unwrap();
        let mut again = read("/nowhere", Arc::default());
        assert_eq!(Listeners::follow(&mut again, &mut memory, timing, SystemTime::now()), None);
        assert!(Listeners::is_wanted(&memory));
    }
}
