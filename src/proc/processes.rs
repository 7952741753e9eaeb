//! Which process holds a socket: the links in `/proc/PID/fd`, read through the `procfs` crate.
//!
//! Reading every descriptor of every process costs tens of microseconds each, most of them no sockets at all. Once
//! that was done, [`Owners::search`] looks only for what can have changed: it asks one link for each socket whose
//! holder is known, reads processes that are new, and looks for the rest where sockets were found before.

use super::read::ProcRoot;
use procfs::process::{FDTarget, Process};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// A socket may be handed to an older process over a Unix socket while the sender keeps it, which no search notices,
/// so everything is read once in a while.
const READ_ALL_AFTER: Duration = Duration::from_secs(300);

/// Sockets of the kernel's own, and of processes that may not be seen, are not found however often all processes are
/// read; one that was made a moment ago may be found the second time.
const SEARCHES: u8 = 2;

/// The process of each socket.
///
/// Of several processes that share a socket the last in the order of `/proc` stands, as in snmpd. Processes that end
/// meanwhile or belong to others are stepped over: their sockets have no process here.
#[derive(Debug)]
pub struct Owners {
    holders: HashMap<u64, Holder>,
    processes: BTreeSet<u32>,
    /// How often a socket was looked for in vain.
    missed: HashMap<u64, u8>,
    read_all: Instant,
}

/// A descriptor of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    process: u32,
    descriptor: i32,
}

impl Owners {
    /// The process that holds the socket with this inode, if one was found.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<u32> {
        self.holders.get(&inode).map(|holder| holder.process)
    }

    /// Reads the descriptors of all processes.
    ///
    /// # Errors
    /// If the root itself cannot be listed.
    pub fn read(root: &ProcRoot) -> Result<Self, String> {
        Self::read_matching(root, |_| true)
    }

    /// The same, and keeps those of `wanted` sockets alone: `/proc` has the processes of all network namespaces, and
    /// the sockets of the others may be many.
    ///
    /// # Errors
    /// If the root itself cannot be listed.
    pub fn read_wanted(root: &ProcRoot, wanted: &[u64]) -> Result<Self, String> {
        let wanted: HashSet<u64> = wanted.iter().copied().collect();
        Self::read_matching(root, |inode| wanted.contains(&inode))
    }

    fn read_matching(root: &ProcRoot, keep: impl Fn(u64) -> bool) -> Result<Self, String> {
        let processes = list(root.path())?;
        let mut holders = HashMap::new();
        for &process in &processes {
            for (inode, holder) in sockets(root.path(), process).filter(|(inode, _)| keep(*inode)) {
                holders.insert(inode, holder);
            }
        }
        Ok(Self { holders, processes, missed: HashMap::new(), read_all: Instant::now() })
    }

    /// The processes of `wanted` sockets, by as little reading as tells them from what was known before.
    ///
    /// # Errors
    /// If the root itself cannot be listed.
    pub fn search(&self, root: &ProcRoot, wanted: &[u64]) -> Result<Self, String> {
        if self.read_all.elapsed() >= READ_ALL_AFTER {
            return Self::read_wanted(root, wanted);
        }
        let mut next = Self {
            holders: HashMap::with_capacity(wanted.len()),
            processes: list(root.path())?,
            missed: HashMap::new(),
            read_all: self.read_all,
        };
        let mut unknown = BTreeSet::new();
        // An inode of 0 is a socket that no process holds.
        for &inode in wanted.iter().filter(|inode| **inode != 0) {
            match self.holders.get(&inode) {
                Some(&holder) if holds(root.path(), holder, inode) => {
                    next.holders.insert(inode, holder);
                }
                _ => match self.missed.get(&inode) {
                    Some(&times) if times >= SEARCHES => {
                        next.missed.insert(inode, times);
                    }
                    _ => {
                        unknown.insert(inode);
                    }
                },
            }
        }
        // A child shares the sockets of its parent, also those that are known already.
        let new: BTreeSet<u32> = next.processes.difference(&self.processes).copied().collect();
        for &process in &new {
            for (inode, holder) in sockets(root.path(), process) {
                next.hold(inode, holder, &mut unknown);
            }
        }
        // Where sockets were found before they are most likely found again; the last of those that share one counts,
        // so the search goes backwards and each socket is settled by the first process that has it.
        let likely: BTreeSet<u32> = self.holders.values().map(|holder| holder.process).collect();
        let old = next.processes.iter().rev().filter(|process| !new.contains(process));
        let (likely, others): (Vec<u32>, Vec<u32>) = old.partition(|process| likely.contains(process));
        for process in likely.into_iter().chain(others) {
            if unknown.is_empty() {
                break;
            }
            let found = sockets(root.path(), process).filter(|(inode, _)| unknown.contains(inode));
            for (inode, holder) in found.collect::<Vec<_>>() {
                next.hold(inode, holder, &mut unknown);
            }
        }
        for inode in unknown {
            let times = self.missed.get(&inode).map_or(1, |times| times.saturating_add(1));
            next.missed.insert(inode, times);
        }
        Ok(next)
    }

    /// Notes a holder, unless a later process holds the socket too.
    fn hold(&mut self, inode: u64, holder: Holder, unknown: &mut BTreeSet<u64>) {
        unknown.remove(&inode);
        let kept = self.holders.entry(inode).or_insert(holder);
        if kept.process < holder.process {
            *kept = holder;
        }
    }
}

/// All processes there are.
fn list(root: &Path) -> Result<BTreeSet<u32>, String> {
    let entries = root.read_dir().map_err(|error| format!("{}: {error}", root.display()))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The sockets of one process; none if it is gone or may not be seen.
fn sockets(root: &Path, process: u32) -> impl Iterator<Item = (u64, Holder)> {
    let opened = Process::new_with_root(root.join(process.to_string()));
    let descriptors = opened.and_then(|opened| opened.fd()).into_iter().flatten().flatten();
    descriptors.filter_map(move |descriptor| match descriptor.target {
        FDTarget::Socket(inode) => Some((inode, Holder { process, descriptor: descriptor.fd })),
        _ => None,
    })
}

/// Whether a descriptor is still that socket: one system call, where reading a process takes four for each descriptor.
fn holds(root: &Path, holder: Holder, inode: u64) -> bool {
    let link = root.join(format!("{}/fd/{}", holder.process, holder.descriptor));
    let target = std::fs::read_link(link);
    target.is_ok_and(|target| target.as_os_str() == format!("socket:[{inode}]").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    #[test]
    fn finds_the_owner_of_a_socket_of_our_own() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        let root = ProcRoot::new("/proc");
        let owners = Owners::read(&root).unwrap();
        assert_eq!(owners.of(inode), Some(std::process::id()));
        let owners = Owners::read_wanted(&root, &[inode]).unwrap();
        assert_eq!((owners.of(inode), owners.holders.len()), (Some(std::process::id()), 1));
        let again = owners.search(&root, &[inode]).unwrap();
        assert_eq!(again.of(inode), Some(std::process::id()));
        drop(socket);
        assert_eq!(again.search(&root, &[inode]).unwrap().of(inode), None);
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        assert!(Owners::read(&ProcRoot::new("/nowhere")).unwrap_err().starts_with("/nowhere: "));
    }

    /// A tree of processes with descriptors, all of them sockets.
    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(processes: &[(u32, &[(i32, u64)])]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (process, descriptors) in processes {
                std::fs::create_dir_all(tree.fd(*process)).unwrap();
                descriptors.iter().for_each(|(fd, inode)| tree.open(*process, *fd, *inode));
            }
            tree
        }

        fn fd(&self, process: u32) -> std::path::PathBuf {
            self.0.path().join(format!("{process}/fd"))
        }

        fn open(&self, process: u32, fd: i32, inode: u64) {
            std::fs::create_dir_all(self.fd(process)).unwrap();
            symlink(format!("socket:[{inode}]"), self.fd(process).join(fd.to_string())).unwrap();
        }

        fn close(&self, process: u32, fd: i32) {
            std::fs::remove_file(self.fd(process).join(fd.to_string())).unwrap();
        }

        fn root(&self) -> ProcRoot {
            ProcRoot::new(self.0.path())
        }
    }

    /// What a search finds is what reading everything finds.
    fn same(tree: &Tree, before: &Owners, wanted: &[u64]) -> Owners {
        let (searched, read) =
            (before.search(&tree.root(), wanted).unwrap(), Owners::read(&tree.root()).unwrap());
        for inode in wanted {
            assert_eq!(searched.of(*inode), read.of(*inode), "socket {inode}");
        }
        searched
    }

    #[test]
    fn a_search_finds_what_reading_everything_finds() {
        let tree = Tree::new(&[(10, &[(3, 100), (4, 101)]), (20, &[(3, 100)]), (30, &[])]);
        let owners = Owners::read(&tree.root()).unwrap();
        assert_eq!((owners.of(100), owners.of(101), owners.of(102)), (Some(20), Some(10), None));
        // New sockets: in a process that had some, in one that had none, in one that is new.
        tree.open(10, 5, 102);
        tree.open(30, 3, 103);
        tree.open(40, 3, 104);
        let owners = same(&tree, &owners, &[100, 101, 102, 103, 104]);
        // The last to share a socket closes it; another takes its descriptor for another socket; one is gone.
        tree.close(20, 3);
        tree.close(10, 4);
        tree.open(10, 4, 105);
        tree.close(40, 3);
        let owners = same(&tree, &owners, &[100, 101, 102, 103, 104, 105]);
        // A child with a higher and one with a lower number share what is known.
        tree.open(50, 3, 102);
        tree.open(5, 3, 103);
        let owners = same(&tree, &owners, &[100, 102, 103, 105]);
        assert_eq!(owners.of(102), Some(50));
        // A process is gone.
        std::fs::remove_dir_all(tree.0.path().join("50")).unwrap();
        same(&tree, &owners, &[100, 102]);
    }

    #[test]
    fn what_nobody_holds_is_looked_for_twice_only() {
        let tree = Tree::new(&[(10, &[(3, 100)])]);
        let owners = Owners::read(&tree.root()).unwrap();
        let owners = owners.search(&tree.root(), &[100, 7, 0]).unwrap();
        assert_eq!(owners.missed, HashMap::from([(7, 1)]));
        let owners = owners.search(&tree.root(), &[100, 7]).unwrap();
        let owners = owners.search(&tree.root(), &[100, 7]).unwrap();
        assert_eq!(owners.missed, HashMap::from([(7, 2)]));
    }
}
