//! What the sources that ask sock_diag share: a dump of bounded cost, and what a host cannot say.
//!
//! Counts come from /proc, whatever a dump says: they do not need these sources.

use super::problem::Problem;
use crate::proc::cgroups::NoHierarchy;
use crate::proc::cpu::Stopwatch;
use crate::proc::diag::{MessageFault, Query};
use crate::proc::netlink;
use std::time::Duration;

/// What each dump may cost, in CPU time. As with net/tcp, only very many listeners in one bucket take so long.
const BUDGET: Duration = Duration::from_secs(3);

/// Makes a dump; `None`, and a problem, if it fails.
pub(super) fn dump(
    what: &'static str,
    query: &Query,
    problems: &mut Vec<Problem>,
    each: impl FnMut(&[u8]) -> Result<(), MessageFault>,
) -> Option<()> {
    let stopwatch = Stopwatch::start();
    let dumped = netlink::dump(query, || stopwatch.spent() < BUDGET, each);
    dumped.map_err(|why| problems.push(Problem::NoDump { what, why: why.into() })).ok()
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

/// What a source lacks now, and what it has told of that.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Lacking {
    pub now: Option<Lack>,
    told: Option<Lack>,
}

impl Lacking {
    /// Lacks this from now on.
    pub fn of(now: Option<Lack>) -> Self {
        Self { now, told: None }
    }

    /// Whether there is nothing to read.
    pub fn is_elsewhere(self) -> bool {
        self.now == Some(Lack::Elsewhere)
    }

    /// Takes over what was told before; returns what to tell now.
    pub fn after(&mut self, before: Self) -> Option<Lack> {
        self.told = self.now.or(before.told);
        self.told.filter(|_| self.told != before.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kernel tells of cgroups is known only while there are sockets that a process holds.
    #[test]
    fn what_a_host_lacks_is_told_once() {
        let mut before = Lacking::default();
        let told: Vec<_> = [None, Some(Lack::NotTold), Some(Lack::NotTold), None, Some(Lack::NotTold)]
            .into_iter()
            .map(|lack| {
                let mut now = Lacking::of(lack);
                let told = now.after(before);
                before = now;
                told
            })
            .collect();
        assert_eq!(told, [None, Some(Lack::NotTold), None, None, None]);
        let mut other = Lacking::of(Some(Lack::NoHierarchy(NoHierarchy)));
        let text = other.after(before).unwrap().to_string();
        assert_eq!(text, "no cgroup2 file system is mounted: no owners by unit");
    }
}
