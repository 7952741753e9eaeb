//! Which process holds a socket: the links in `/proc/PID/fd`.
//!
//! Reading every descriptor of every process takes a system call each; most are no sockets, and any user can have
//! millions. So [`Owners::search`] looks only for wanted sockets, and only where something can have changed: it checks
//! one link for each socket whose holder is known, reads new processes, and looks for the rest where it found sockets
//! before, then everywhere. Its cost is limited: it keeps what it found, and the next search resumes where it stopped.
//! Processes take turns, so that one with very many descriptors does not hold up the others.

#![expect(clippy::disallowed_methods, reason = "follows the descriptors of processes below /proc")]

use super::cpu::Stopwatch;
use super::holders::{Holder, Holders, Known};
use super::read::{ProcRoot, ReadError};
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, openat, readlinkat_raw, seek};
use std::collections::{BTreeSet, VecDeque};
use std::mem::MaybeUninit;
use std::path::Path;
use std::time::{Duration, Instant};

/// A process may hand a socket to an older process over a Unix socket and keep it, which no search notices, so
/// everything is read once in a while.
const READ_ALL_AFTER: Duration = Duration::from_secs(300);

/// Sockets of the kernel's own, and of processes we may not see, are never found however often all processes are read;
/// one made a moment ago may be found the second time.
const SEARCHES: u8 = 2;

/// How many descriptors are read before the next process's turn, and before the turn of those read for another reason:
/// neither one process with very many descriptors nor any number of new ones holds up a search for the others.
const TURN: usize = 4096;

/// Opening a process takes as long as reading this many links.
const OPENING: usize = 4;

/// The clock is checked after this many links.
const LINKS: usize = 64;

/// What one search may cost, in CPU time: on an idle machine it finishes before an answer is due.
const SEARCH: Duration = Duration::from_millis(500);
/// How much of that may go to checking whether sockets are still where they were.
const ASKING: Duration = Duration::from_millis(200);

/// What a search may cost. Tests bring their own clock.
struct Budget<'a> {
    spent: &'a dyn Fn() -> Duration,
    asking: Duration,
    all: Duration,
    turn: usize,
}

/// The process of each socket.
///
/// If several processes share a socket, the last in the order of `/proc` wins, as in snmpd, once all of them are read.
/// Processes that end meanwhile or belong to others are skipped: their sockets have no process here.
#[derive(Debug, Default)]
pub struct Owners {
    holders: Holders,
    processes: BTreeSet<u32>,
    /// What is still to be read of the processes that existed when a search for a socket, or a full sweep, began.
    sweep: Option<Sweep>,
    /// What is still to be read of processes started since. They are kept apart from the sweep, which would never end
    /// if processes start faster than they can be read.
    new: VecDeque<Visit>,
    /// When the last full sweep began.
    read_all: Option<Instant>,
    /// The last inode whose holder was checked: the next search starts after it.
    asked: u32,
}

/// Processes to be read, over as many searches as it takes.
#[derive(Debug, Clone, Default)]
struct Sweep {
    left: VecDeque<Visit>,
    /// Read to the end even if no socket is looked for.
    must: bool,
    /// Covers all processes: what it does not find cannot be found.
    whole: bool,
}

/// A process, and the descriptor to start from.
#[derive(Debug, Clone, Copy)]
struct Visit {
    process: u32,
    /// Where to resume in its folder; 0 is the start.
    from: u64,
}

impl Visit {
    fn of(process: u32) -> Self {
        Self { process, from: 0 }
    }
}

impl Owners {
    /// The process that holds the socket with this inode, if found.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<u32> {
        self.holders.of(inode).map(|holder| holder.process)
    }

    /// Whether nothing is left to read: then whatever is unknown stays unknown.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sweep.is_none() && self.new.is_empty()
    }

    /// Finds the processes of `wanted` sockets with as little reading as possible, given what is already known (at
    /// first, nothing).
    ///
    /// # Errors
    /// If the root itself cannot be listed.
    pub fn search(&self, root: &ProcRoot, wanted: impl AsRef<[u64]>) -> Result<Self, ReadError> {
        let stopwatch = Stopwatch::start();
        let budget = Budget { spent: &|| stopwatch.spent(), asking: ASKING, all: SEARCH, turn: TURN };
        let holders = Holders::of_wanted(wanted.as_ref());
        // There may be very many.
        drop(wanted);
        self.search_within(&budget, root, holders)
    }

    fn search_within(
        &self,
        budget: &Budget<'_>,
        root: &ProcRoot,
        holders: Holders,
    ) -> Result<Self, ReadError> {
        let mut search = Search {
            root: root.path(),
            budget,
            unknown: 0,
            links: 0,
            unlooked: 0,
            in_time: true,
            next: Self {
                processes: list(root.path())?,
                holders,
                read_all: self.read_all,
                asked: self.asked,
                ..Self::default()
            },
        };
        search.ask(self);
        search.look(self);
        Ok(search.next)
    }
}

/// A search under way.
struct Search<'a> {
    root: &'a Path,
    budget: &'a Budget<'a>,
    /// How many sockets are still looked for: those without a holder that were not missed too often.
    unknown: usize,
    /// How many links may still be read in this turn.
    links: usize,
    /// How many were read since the last look at the clock, and what it showed.
    unlooked: usize,
    in_time: bool,
    /// The result so far.
    next: Owners,
}

impl Search<'_> {
    fn may_go_on(&self) -> bool {
        (self.budget.spent)() < self.budget.all
    }

    /// Checks whether the wanted sockets are where they were. Takes those it has no time for to be there still, and
    /// checks them first next time.
    fn ask(&mut self, before: &Owners) {
        self.next.holders.learn(&before.holders);
        let (begin, end) = (self.next.holders.behind(before.asked), self.next.holders.len());
        let (mut in_time, mut asked) = (true, 0);
        for position in (begin..end).chain(0..begin) {
            let (Some(inode), Some(known)) =
                (self.next.holders.inode(position), self.next.holders.at(position))
            else {
                continue;
            };
            let holder = match known {
                Known::Holder(holder) => holder,
                Known::Missed(times) => {
                    self.unknown += usize::from(times < SEARCHES);
                    continue;
                }
            };
            in_time = in_time && (asked % LINKS != 0 || (self.budget.spent)() < self.budget.asking);
            asked += 1;
            if in_time {
                self.next.asked = inode;
            }
            let may_be = !in_time && self.next.processes.contains(&holder.process);
            if !(may_be || (in_time && holds(self.root, holder, inode))) {
                self.next.holders.set(position, Known::Missed(0));
                self.unknown += 1;
            }
        }
    }

    /// Looks for the unknown sockets, and at new processes: a child shares its parent's sockets, including those
    /// already known.
    fn look(&mut self, before: &Owners) {
        let exists = |visit: &Visit| self.next.processes.contains(&visit.process);
        let mut sweep = before.sweep.clone().unwrap_or_default();
        sweep.left.retain(exists);
        let (mut new, mut likely) = (before.new.clone(), VecDeque::new());
        new.retain(exists);
        // Sockets are most likely where sockets were found before. The last process that shares one wins, so read
        // backwards.
        let likely_ones: BTreeSet<u32> = before.holders.processes().collect();
        let is_new = |process: &u32| !before.processes.contains(process);
        let others = |next: &Owners| {
            let others = next.processes.iter().rev().filter(|process| !likely_ones.contains(process));
            others.copied().filter(|process| !is_new(process)).collect::<Vec<_>>()
        };
        let is_due = before.read_all.is_none_or(|begun| begun.elapsed() >= READ_ALL_AFTER);
        let goes_on = sweep.must && !sweep.left.is_empty();
        if is_due && !goes_on {
            let all = self.next.processes.iter().rev();
            let (likely, others): (Vec<u32>, Vec<u32>) =
                all.partition(|process| likely_ones.contains(process));
            let left = likely.into_iter().chain(others).map(Visit::of).collect();
            sweep = Sweep { left, must: true, whole: true };
            new.clear();
            self.next.read_all = Some(Instant::now());
        } else {
            new.extend(self.next.processes.iter().copied().filter(is_new).map(Visit::of));
            let still = likely_ones.iter().rev().filter(|process| self.next.processes.contains(process));
            likely = still.copied().filter(|process| !is_new(process)).map(Visit::of).collect();
        }
        // They take turns, so that each gets to its end whatever the others are like; and at least once, however long
        // listing the processes took.
        loop {
            let mut any = self.turn(&mut new, true);
            if self.unknown > 0 {
                any |= self.turn(&mut likely, false);
                if likely.is_empty() && !sweep.whole {
                    sweep.left.extend(others(&self.next).into_iter().map(Visit::of));
                    sweep.whole = true;
                }
            }
            if sweep.must || self.unknown > 0 {
                any |= self.turn(&mut sweep.left, sweep.must);
            }
            if !any || !self.may_go_on() {
                break;
            }
        }
        if sweep.whole && sweep.left.is_empty() {
            self.miss();
            sweep = Sweep::default();
        }
        // What the search had no time for.
        if self.unknown > 0 && !sweep.whole {
            sweep.left.extend(likely.into_iter().chain(others(&self.next).into_iter().map(Visit::of)));
            sweep.whole = true;
        }
        self.next.new = new;
        let is_over = sweep.left.is_empty() || (self.unknown == 0 && !sweep.must);
        self.next.sweep = (!is_over).then_some(sweep);
    }

    /// Notes that the unknown sockets are not to be found.
    fn miss(&mut self) {
        for position in 0..self.next.holders.len() {
            match self.next.holders.at(position) {
                Some(Known::Missed(times)) if times < SEARCHES => {
                    self.next.holders.set(position, Known::Missed(times + 1));
                }
                _ => {}
            }
        }
        self.unknown = 0;
    }

    /// Reads processes from the front of the queue for one turn; one not read to its end goes to the back. `must` if
    /// they are not read for the unknown sockets. Returns false if there is none.
    fn turn(&mut self, queue: &mut VecDeque<Visit>, must: bool) -> bool {
        (self.links, self.unlooked, self.in_time) = (self.budget.turn, 0, true);
        let mut any = false;
        while let Some(visit) = queue.pop_front() {
            any = true;
            let from = self.read(visit);
            queue.extend(from.map(|from| Visit { from, ..visit }));
            if !self.goes_on(0) || (!must && self.unknown == 0) {
                break;
            }
        }
        any
    }

    /// Counts links; returns whether this turn has time for another.
    fn goes_on(&mut self, links: usize) -> bool {
        self.links = self.links.saturating_sub(links);
        self.unlooked += links;
        if self.unlooked >= LINKS {
            self.unlooked = 0;
            self.in_time = self.may_go_on();
        }
        self.in_time && self.links > 0
    }

    /// Reads some of a process's descriptors. Returns where to resume; `None` if done, gone or not ours to see.
    fn read(&mut self, visit: Visit) -> Option<u64> {
        self.goes_on(OPENING);
        let path = self.root.join(format!("{}/fd", visit.process));
        let folder =
            openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        if visit.from > 0 {
            seek(&folder, SeekFrom::Start(visit.from)).ok()?;
        }
        let mut entries = [MaybeUninit::uninit(); 8192];
        let mut entries = RawDir::new(&folder, &mut entries);
        while let Some(entry) = entries.next() {
            let entry = entry.ok()?;
            let name = entry.file_name();
            let Some(descriptor) = name.to_str().ok().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let mut target = [MaybeUninit::uninit(); 64];
            let target = readlinkat_raw(&folder, name, &mut target);
            if let Some(inode) = target.ok().and_then(|(target, _)| socket(target)) {
                self.hold(inode, Holder { process: visit.process, descriptor });
            }
            if !self.goes_on(1) {
                return Some(entry.next_entry_cookie());
            }
        }
        None
    }

    /// Notes a holder, unless a later process holds the socket too.
    fn hold(&mut self, inode: u64, holder: Holder) {
        let Some(position) = self.next.holders.position(inode) else { return };
        match self.next.holders.at(position) {
            Some(Known::Holder(kept)) if kept.process >= holder.process => return,
            Some(Known::Missed(times)) if times < SEARCHES => self.unknown = self.unknown.saturating_sub(1),
            _ => {}
        }
        self.next.holders.set(position, Known::Holder(holder));
    }
}

/// All processes.
fn list(root: &Path) -> Result<BTreeSet<u32>, ReadError> {
    // Never `Absent`: every kernel has a root directory.
    let entries = root.read_dir().map_err(|cause| ReadError::Io { path: root.into(), cause })?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The inode in a socket's link, `socket:[5592]`.
fn socket(target: &[u8]) -> Option<u64> {
    super::decimal(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

/// Whether a descriptor still refers to that socket.
fn holds(root: &Path, holder: Holder, inode: u32) -> bool {
    let link = root.join(format!("{}/fd/{}", holder.process, holder.descriptor));
    let target = std::fs::read_link(link);
    target.is_ok_and(|target| target.as_os_str() == format!("socket:[{inode}]").as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::symlink;

    /// How many sockets have a holder.
    fn found(owners: &Owners) -> usize {
        owners.holders.processes().count()
    }

    /// How often each socket was looked for in vain.
    fn missed(owners: &Owners) -> Vec<(u32, u8)> {
        let missed = (0..owners.holders.len()).filter_map(|position| match owners.holders.at(position)? {
            Known::Missed(times) if times > 0 => Some((owners.holders.inode(position)?, times)),
            _ => None,
        });
        missed.collect()
    }

    #[test]
    fn finds_the_owner_of_a_socket_of_our_own() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let inode =
            link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
        let root = ProcRoot::new("/proc");
        let owners = Owners::default().search(&root, [inode]).unwrap();
        assert_eq!((owners.of(inode), found(&owners)), (Some(std::process::id()), 1));
        let again = owners.search(&root, [inode]).unwrap();
        assert_eq!(again.of(inode), Some(std::process::id()));
        drop(socket);
        assert_eq!(again.search(&root, [inode]).unwrap().of(inode), None);
    }

    #[test]
    fn a_root_that_is_not_there_is_an_error() {
        let nowhere = Owners::default().search(&ProcRoot::new("/nowhere"), []);
        assert!(nowhere.unwrap_err().to_string().starts_with("/nowhere: No such file"));
    }

    /// A tree of processes whose descriptors are all sockets.
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

    /// A search finds what a full read finds.
    fn same(tree: &Tree, before: &Owners, wanted: &[u64]) -> Owners {
        let searched = before.search(&tree.root(), wanted).unwrap();
        let read = Owners::default().search(&tree.root(), wanted).unwrap();
        assert!(searched.is_complete() && read.is_complete());
        for inode in wanted {
            assert_eq!(searched.of(*inode), read.of(*inode), "socket {inode}");
        }
        searched
    }

    #[test]
    fn a_search_finds_what_reading_everything_finds() {
        let tree = Tree::new(&[(10, &[(3, 100), (4, 101)]), (20, &[(3, 100)]), (30, &[])]);
        let owners = Owners::default().search(&tree.root(), [100, 101, 102]).unwrap();
        assert_eq!((owners.of(100), owners.of(101), owners.of(102)), (Some(20), Some(10), None));
        // New sockets: in a process that had some, in one that had none, in a new one.
        tree.open(10, 5, 102);
        tree.open(30, 3, 103);
        tree.open(40, 3, 104);
        let owners = same(&tree, &owners, &[100, 101, 102, 103, 104]);
        // The last process to share a socket closes it; another reuses its descriptor for another socket; one is gone.
        tree.close(20, 3);
        tree.close(10, 4);
        tree.open(10, 4, 105);
        tree.close(40, 3);
        let owners = same(&tree, &owners, &[100, 101, 102, 103, 104, 105]);
        // Two children, one with a higher and one with a lower number, share known sockets.
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
        let owners = Owners::default().search(&tree.root(), [100, 7, 0]).unwrap();
        assert_eq!(missed(&owners), [(7, 1)]);
        let owners = owners.search(&tree.root(), [100, 7]).unwrap();
        let owners = owners.search(&tree.root(), [100, 7]).unwrap();
        assert_eq!(missed(&owners), [(7, 2)]);
    }

    /// A process hands a socket to one that is not new, and keeps it too.
    #[test]
    fn everything_is_read_again_after_a_while() {
        let tree = Tree::new(&[(10, &[(3, 100)]), (20, &[])]);
        let mut owners = Owners::default().search(&tree.root(), [100]).unwrap();
        tree.open(20, 3, 100);
        owners = owners.search(&tree.root(), [100]).unwrap();
        assert_eq!(owners.of(100), Some(10), "no search notices");
        let long_ago = Instant::now().checked_sub(READ_ALL_AFTER).unwrap();
        owners.read_all = Some(long_ago);
        owners = owners.search(&tree.root(), [100]).unwrap();
        assert_eq!(owners.of(100), Some(20));
        assert!(owners.read_all > Some(long_ago), "and not again at once");
    }

    /// The wanted sockets are where they were and no process is new: nothing else is read.
    #[test]
    fn a_process_that_need_not_be_read_is_not() {
        let tree = Tree::new(&[(10, &[(3, 100)]), (20, &[(3, 101)])]);
        let owners = Owners::default().search(&tree.root(), [100]).unwrap();
        tree.open(20, 4, 100);
        assert_eq!(owners.search(&tree.root(), [100]).unwrap().of(100), Some(10));
    }

    /// Of processes in which sockets were found before, the last is read first.
    #[test]
    fn a_search_ends_with_the_last_socket_that_it_finds() {
        let tree = Tree::new(&[(10, &[(3, 100)]), (20, &[(3, 101)]), (30, &[(3, 102)])]);
        let owners = Owners::default().search(&tree.root(), [100, 101, 102]).unwrap();
        tree.open(30, 4, 7);
        tree.open(20, 4, 100);
        let owners = owners.search(&tree.root(), [100, 101, 102, 7]).unwrap();
        assert_eq!((owners.of(7), owners.of(100)), (Some(30), Some(10)), "20 is not read");
    }

    #[test]
    fn a_fifo_in_place_of_the_descriptors_does_not_hang() {
        let tree = Tree::new(&[(10, &[(3, 100)])]);
        std::fs::create_dir(tree.0.path().join("20")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(tree.fd(20)).status().unwrap().success());
        let owners = Owners::default().search(&tree.root(), [100]).unwrap();
        assert_eq!((owners.of(100), owners.is_complete()), (Some(10), true));
    }

    /// A search that may look at its clock `looks` times; a turn of 64 links takes one or two.
    fn search(before: &Owners, tree: &Tree, wanted: &[u64], looks: u64) -> (Owners, u64) {
        let looked = Cell::new(0);
        let spent = || {
            looked.set(looked.get() + 1);
            Duration::from_millis(looked.get())
        };
        let budget = Budget {
            spent: &spent,
            asking: Duration::from_millis(looks / 2),
            all: Duration::from_millis(looks),
            turn: 64,
        };
        let next = before.search_within(&budget, &tree.root(), Holders::of_wanted(wanted)).unwrap();
        (next, looked.get())
    }

    fn many(first: u64, number: u64) -> Vec<(i32, u64)> {
        (0..number).map(|at| (3 + i32::try_from(at).unwrap(), first + at)).collect()
    }

    /// A search whose clock stands at `now`.
    fn search_at(now: Duration, before: &Owners, tree: &Tree, wanted: &[u64]) -> Owners {
        let budget = Budget { spent: &|| now, asking: ASKING, all: SEARCH, turn: TURN };
        before.search_within(&budget, &tree.root(), Holders::of_wanted(wanted)).unwrap()
    }

    /// In the middle of a process's turn, too.
    #[test]
    fn a_search_stops_when_its_time_is_over() {
        let sockets = many(1_000, 1_000);
        let tree = Tree::new(&[(10, &sockets[..])]);
        let wanted: Vec<u64> = sockets.iter().map(|(_, inode)| *inode).collect();
        let over = search_at(SEARCH, &Owners::default(), &tree, &wanted);
        let held = found(&over);
        assert!(!over.is_complete() && (1..=LINKS).contains(&held), "{held}");
        let in_time = search_at(SEARCH - Duration::from_nanos(1), &Owners::default(), &tree, &wanted);
        assert!(in_time.is_complete() && found(&in_time) == wanted.len());
    }

    #[test]
    fn no_holder_is_asked_when_the_time_for_it_is_over() {
        let tree = Tree::new(&[(10, &[(3, 100), (4, 101)])]);
        let owners = Owners::default().search(&tree.root(), [100, 101]).unwrap();
        let owners = owners.search(&tree.root(), [100, 101]).unwrap();
        tree.close(10, 3);
        let over = search_at(ASKING, &owners, &tree, &[100, 101]);
        assert_eq!(over.of(100), Some(10), "taken to be there still");
        assert_eq!((owners.asked, over.asked), (101, 101), "nor does the next search begin anew");
        let in_time = search_at(ASKING - Duration::from_nanos(1), &owners, &tree, &[100, 101]);
        assert_eq!(in_time.of(100), None);
    }

    /// Sockets of a process that takes several turns, and is the first to be looked into.
    #[test]
    fn a_search_that_has_time_goes_to_its_end_and_one_that_has_none_says_so() {
        let tree = Tree::new(&[(10, &[(3, 100)]), (20, &[])]);
        let owners = Owners::default().search(&tree.root(), [100]).unwrap();
        let opened: Vec<(i32, u64)> = many(1_000, 500).iter().map(|(fd, inode)| (fd + 1, *inode)).collect();
        opened.iter().for_each(|(fd, inode)| tree.open(10, *fd, *inode));
        let wanted: Vec<u64> = opened.iter().map(|(_, inode)| *inode).chain([100]).collect();
        let (whole, _) = search(&owners, &tree, &wanted, 1_000);
        assert!(whole.is_complete() && found(&whole) == wanted.len());
        let (part, _) = search(&owners, &tree, &wanted, 2);
        assert!(!part.is_complete() && found(&part) < wanted.len());
    }

    /// Otherwise sockets that come faster than they are found would keep it from beginning.
    #[test]
    fn everything_is_read_again_though_a_search_is_under_way() {
        let sockets = many(1_000, 200);
        let tree = Tree::new(&(10..20).map(|process| (process, &sockets[..])).collect::<Vec<_>>());
        let owners = Owners::default().search(&tree.root(), []).unwrap();
        let (mut owners, _) = search(&owners, &tree, &[7], 4);
        assert!(owners.sweep.as_ref().is_some_and(|sweep| !sweep.must), "looks for one that nobody holds");
        let long_ago = Instant::now().checked_sub(READ_ALL_AFTER).unwrap();
        owners.read_all = Some(long_ago);
        let (owners, _) = search(&owners, &tree, &[7], 4);
        assert!(owners.read_all > Some(long_ago) && owners.sweep.is_some_and(|sweep| sweep.must));
    }

    #[test]
    fn nobody_keeps_a_search_from_the_others() {
        // First and last in order, with more than one search can read.
        let (first, last) = (many(10_000, 1_000), many(20_000, 1_000));
        let small: Vec<(u32, Vec<(i32, u64)>)> =
            (20..30).map(|process| (process, many(process.into(), 1))).collect();
        let mut processes: Vec<(u32, &[(i32, u64)])> = vec![(10, &first[..]), (99, &last[..])];
        processes.extend(small.iter().map(|(process, sockets)| (*process, &sockets[..])));
        let tree = Tree::new(&processes);
        let all: Vec<u64> =
            processes.iter().flat_map(|(_, sockets)| *sockets).map(|(_, inode)| *inode).collect();
        let (mut owners, _) = search(&Owners::default(), &tree, &all, 20);
        for process in 20..30 {
            assert_eq!(owners.of(process.into()), Some(process), "in the first search");
        }
        let mut searches = 1;
        while !owners.is_complete() {
            let before = found(&owners);
            let (next, looked) = search(&owners, &tree, &all, 20);
            owners = next;
            assert!(looked <= 22 && found(&owners) >= before);
            searches += 1;
            assert!(searches < 60, "{before} of {}", all.len());
        }
        assert!(searches > 1);
        assert_eq!(found(&owners), all.len());
        assert!(missed(&owners).is_empty());
    }

    /// As a server with very many connections and children does it.
    #[test]
    fn sockets_that_many_processes_share_are_found_over_many_searches() {
        let shared = many(1_000, 200);
        let tree = Tree::new(&(100..140).map(|process| (process, &shared[..])).collect::<Vec<_>>());
        let mut wanted: Vec<u64> = shared.iter().map(|(_, inode)| *inode).collect();
        let mut owners = Owners::default();
        let mut searches = 0;
        while searches == 0 || !owners.is_complete() {
            (owners, _) = search(&owners, &tree, &wanted, 24);
            searches += 1;
            assert!(searches < 100);
        }
        assert!(searches > 3);
        assert!(wanted.iter().all(|inode| owners.of(*inode) == Some(139)), "the last of them");
        // A child, a new socket, and one that nobody holds, while no search finishes in one go.
        tree.open(50, 3, 1_000);
        (0..200).for_each(|fd| tree.open(200, 3 + fd, 1_000 + u64::try_from(fd).unwrap()));
        tree.open(105, 900, 7_000);
        wanted.extend([7_000, 8_000]);
        for _ in 0..100 {
            (owners, _) = search(&owners, &tree, &wanted, 24);
        }
        assert_eq!((owners.of(7_000), owners.of(8_000)), (Some(105), None));
        assert!(wanted[..200].iter().all(|inode| owners.of(*inode) == Some(200)));
        assert_eq!((owners.is_complete(), missed(&owners)), (true, vec![(8_000, 2)]));
    }

    /// Processes come faster than they can be read, and go again: the older ones are still read to their end.
    #[test]
    fn processes_that_come_and_go_keep_nothing_from_its_end() {
        let sockets: Vec<(i32, u64)> = many(1_000, 20);
        let tree = Tree::new(&(10..60).map(|process| (process, &sockets[..])).collect::<Vec<_>>());
        let long_ago = Instant::now().checked_sub(READ_ALL_AFTER).unwrap();
        let mut owners = Owners::default();
        let (mut begun, mut in_vain) = (0, 0);
        for round in 0..60_u32 {
            // Each lives for four searches.
            let name = |round: u32, process: u32| tree.0.path().join((100 * round + process).to_string());
            for process in 0..10 {
                match round {
                    0..4 => many(50_000, 150)
                        .iter()
                        .for_each(|(fd, inode)| tree.open(100 * (round + 1) + process, *fd, *inode)),
                    _ => std::fs::rename(name(round - 3, process), name(round + 1, process)).unwrap(),
                }
            }
            if round == 30 {
                tree.open(59, 900, 1_000_000);
                tree.close(59, 3);
            }
            // Nobody holds the last of them.
            (owners, _) = search(&owners, &tree, &[1_000, 1_000_000, 2_000_000], 20);
            assert!(!owners.is_complete(), "round {round}: there is no storm");
            assert!(owners.new.len() <= 40);
            begun += usize::from(owners.read_all > Some(long_ago));
            owners.read_all = Some(long_ago);
            let of_nobody =
                missed(&owners).iter().find(|(inode, _)| *inode == 2_000_000).map_or(0, |(_, times)| *times);
            in_vain = in_vain.max(of_nobody);
        }
        assert!(begun > 3 && in_vain == SEARCHES, "{begun} times everything, {in_vain} searches in vain");
        assert_eq!((owners.of(1_000), owners.of(1_000_000)), (Some(58), Some(59)));
    }

    /// Ten new processes with a thousand descriptors each get no more turns than two hundred with one.
    #[test]
    fn many_small_processes_do_not_wait_for_a_few_large_ones() {
        let tree = Tree::new(&[]);
        (10..210).for_each(|process| tree.open(process, 3, process.into()));
        let mut owners = Owners::default().search(&tree.root(), []).unwrap();
        let large = many(50_000, 1_000);
        (1000..1010).for_each(|process| large.iter().for_each(|(fd, inode)| tree.open(process, *fd, *inode)));
        tree.open(10, 4, 7);
        let mut searches = 0;
        while owners.of(7).is_none() {
            (owners, _) = search(&owners, &tree, &[7], 20);
            searches += 1;
            assert!(searches < 10, "{} new ones to be read", owners.new.len());
        }
        assert!(!owners.new.is_empty(), "they take longer");
    }

    /// If there is no time to check all of them, each has its turn.
    #[test]
    fn all_holders_are_asked_in_the_end() {
        let sockets = many(1_000, 1_000);
        let tree = Tree::new(&[(10, &sockets[..]), (20, &[])]);
        let wanted: Vec<u64> = sockets.iter().map(|(_, inode)| *inode).collect();
        let mut owners = Owners::default().search(&tree.root(), &wanted).unwrap();
        (0..1_000).for_each(|at| tree.close(10, 3 + at));
        let held: Vec<usize> = (0..8)
            .map(|_| {
                (owners, _) = search(&owners, &tree, &wanted, 10);
                found(&owners)
            })
            .collect();
        assert!(held[0] > 0 && held.is_sorted_by(|before, after| before >= after), "{held:?}");
        assert_eq!(held[7], 0, "{held:?}");
    }

    /// Those that were asked are not asked again before the others.
    #[test]
    fn a_holder_is_asked_though_the_ones_before_it_stay() {
        let sockets = many(1_000, 1_000);
        let tree = Tree::new(&[(10, &sockets[..])]);
        let wanted: Vec<u64> = sockets.iter().map(|(_, inode)| *inode).collect();
        let mut owners = Owners::default().search(&tree.root(), &wanted).unwrap();
        tree.close(10, 3 + 999);
        for _ in 0..8 {
            (owners, _) = search(&owners, &tree, &wanted, 10);
        }
        assert_eq!((owners.of(1_998), owners.of(1_999)), (Some(10), None));
    }

    #[test]
    fn links_that_are_no_sockets() {
        assert_eq!(socket(b"socket:[5592]"), Some(5592));
        let others = ["socket:[]", "socket:[1", "pipe:[5592]", "/dev/null", "socket:[-1]", "socket:5592", ""];
        for other in others {
            assert_eq!(socket(other.as_bytes()), None, "{other}");
        }
    }
}
