//! What the sources that ask sock_diag share: a dump of bounded cost, and what a host cannot say.
//!
//! Counts come from /proc, whatever a dump says: they do not need these sources.

use super::problem::Problem;
use crate::proc::cgroups::NoHierarchy;
use crate::proc::cpu::Stopwatch;
use crate::proc::diag::{DiagError, MessageFault, Query};
use crate::proc::netlink::{self, DumpError};
use crate::proc::read::ProcRoot;
use rustix::io::Errno;
use std::time::Duration;

/// What each dump may cost, in CPU time: as much as each file of TCP sockets.
const BUDGET: Duration = Duration::from_secs(10);

/// What a host cannot say, without anything being wrong: told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// sock_diag shows the network namespace of this process, and the root another one, or one that cannot be told.
    #[error("sock_diag may show another network namespace than the root of /proc: no {0}")]
    Elsewhere(&'static str),
    /// The kernel has no such dump, or nobody may ask here (seccomp).
    #[error("sock_diag cannot be asked here ({1}): no {0}")]
    Refused(&'static str, std::io::ErrorKind),
    /// Linux before 5.8, or without CONFIG_SOCK_CGROUP_DATA.
    #[error("this kernel does not tell the cgroup of a socket: no owners by unit")]
    NotTold,
    /// As with the first hierarchy alone.
    #[error("{1}: no {0}")]
    NoHierarchy(&'static str, NoHierarchy),
    /// There are more Unix listeners than rows.
    #[error("more than {0} addresses of Unix listeners, idle or not: the others have no row")]
    ManyUnixListeners(usize),
}

/// Why there is nothing of a dump.
#[derive(Debug)]
pub(super) enum Failed {
    Lack(Lack),
    Problem(Problem),
}

impl Failed {
    /// Puts it where it is told.
    pub fn tell(self, lack: &mut Option<Lack>, problems: &mut Vec<Problem>) {
        match self {
            Self::Lack(what) => *lack = Some(what),
            Self::Problem(problem) => problems.push(problem),
        }
    }
}

/// Dumps these sockets of the network namespace that a root shows.
pub(super) fn dump(
    root: &ProcRoot,
    what: &'static str,
    query: &Query,
    each: impl FnMut(&[u8]) -> Result<(), MessageFault>,
) -> Result<(), Failed> {
    if !root.is_of_own_namespace() {
        return Err(Failed::Lack(Lack::Elsewhere(what)));
    }
    let stopwatch = Stopwatch::start();
    netlink::dump(query, || stopwatch.spent() < BUDGET, each).map_err(|why| match refusal(&why) {
        Some(kind) => Failed::Lack(Lack::Refused(what, kind)),
        None => Failed::Problem(Problem::NoDump { what, why: why.into() }),
    })
}

/// Why a host never has a dump: no such family of sockets, no such kind of dump, or no right to ask.
fn refusal(why: &DumpError) -> Option<std::io::ErrorKind> {
    let never = [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::PERM, Errno::ACCESS, Errno::NOENT];
    let code = match why {
        DumpError::Io(cause) => cause.raw_os_error()?,
        DumpError::Diag(DiagError::Refused(code)) => *code,
        DumpError::Diag(_) | DumpError::TooSlow => return None,
    };
    let never = never.iter().any(|errno| errno.raw_os_error() == code);
    never.then(|| std::io::Error::from_raw_os_error(code).kind())
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

    /// Takes over what was told before; returns what to tell now.
    pub fn after(&mut self, before: Self) -> Option<String> {
        self.told = self.now.or(before.told);
        self.told.filter(|_| self.told != before.told).map(|lack| lack.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::diag::inet;
    use crate::proc::sockets::V4;

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
        assert_eq!(told.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, false, false]);
        let mut other = Lacking::of(Some(Lack::NoHierarchy("owners by unit", NoHierarchy)));
        let text = other.after(before).unwrap();
        assert_eq!(text, "no cgroup2 file system is mounted: no owners by unit");
    }

    #[test]
    fn what_a_host_never_has_is_a_fact_and_the_rest_a_problem() {
        let root = ProcRoot::new("/proc");
        let of = |root: &ProcRoot, protocol| dump(root, "x", &inet::by_family::<V4>(protocol), |_| Ok(()));
        let told = |failed: Result<(), Failed>| match failed.unwrap_err() {
            Failed::Lack(lack) => lack.to_string(),
            Failed::Problem(problem) => format!("problem: {problem}"),
        };
        // A protocol that has no sock_diag.
        assert_eq!(told(of(&root, 254)), "sock_diag cannot be asked here (entity not found): no x");
        let elsewhere = "sock_diag may show another network namespace than the root of /proc: no x";
        assert_eq!(told(of(&ProcRoot::new("/nowhere"), inet::UDP)), elsewhere);
        for (why, never) in [
            (DumpError::Io(std::io::Error::from_raw_os_error(97)), true),
            (DumpError::Io(std::io::Error::from_raw_os_error(24)), false),
            (DumpError::Diag(DiagError::Refused(1)), true),
            (DumpError::Diag(DiagError::Refused(12)), false),
            (DumpError::Diag(DiagError::Interrupted), false),
            (DumpError::TooSlow, false),
        ] {
            assert_eq!(refusal(&why).is_some(), never, "{why}");
        }
    }
}
