//! Which cgroup of the second hierarchy has which number, and what to call it: a socket carries the number of the cgroup
//! in which it was made (INET_DIAG_CGROUP_ID), and that is the inode of the cgroup's folder. A number is never used
//! again (`__kernfs_new_node`, fs/kernfs/dir.c), and the folder cannot be renamed, so names that were found stay.

#![expect(clippy::disallowed_methods, reason = "looks through the folders of the cgroups")]

use super::cpu::Stopwatch;
use super::mounts::{mountinfo, mounts};
use crate::text::{fitting, printable};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, openat, stat};
use std::collections::{HashMap, HashSet, VecDeque};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The longest name, in octets.
pub const LONGEST: usize = 64;

/// What a search may cost, in CPU time. A folder takes 20 microseconds, since the kernel lists some fifty files in it.
const BUDGET: Duration = Duration::from_millis(300);

/// How many folders are looked into below one system unit, or below one folder without a unit: a user with cgroups of its
/// own can make very many, and may hide its own names with them but nobody else's.
const OF_A_UNIT: u32 = 4096;

/// The clock is looked at after so many entries of a folder.
const ENTRIES: usize = 256;

/// A cgroup that is made while the search goes on may be found the second time; one that is gone never is.
const SEARCHES: u8 = 2;

/// Names of cgroups by number.
#[derive(Debug, Clone, Default)]
pub struct Units {
    names: HashMap<u64, Arc<str>>,
    /// How often a search to its end has not found a number.
    missed: HashMap<u64, u8>,
    /// What a search had no time for.
    rest: Option<Arc<Search>>,
}

impl Units {
    /// The name of a cgroup: its systemd unit, or its path; `None` if it is gone, or out of our sight.
    #[must_use]
    pub fn name(&self, cgroup: u64) -> Option<&Arc<str>> {
        self.names.get(&cgroup)
    }

    /// The names of these cgroups and no others. Looks for those that are new.
    ///
    /// # Errors
    /// If the second hierarchy is not mounted.
    pub fn of(&self, cgroups: &HashSet<u64>) -> Result<Self, NoHierarchy> {
        self.of_those_below(hierarchy, cgroups)
    }

    fn of_those_below(
        &self,
        root: impl FnOnce() -> Result<PathBuf, NoHierarchy>,
        cgroups: &HashSet<u64>,
    ) -> Result<Self, NoHierarchy> {
        let mut next = Self::default();
        let mut wanted = HashSet::new();
        for cgroup in cgroups {
            match (self.names.get(cgroup), self.missed.get(cgroup)) {
                (Some(name), _) => {
                    next.names.insert(*cgroup, Arc::clone(name));
                }
                (None, Some(&times)) if times >= SEARCHES => {
                    next.missed.insert(*cgroup, times);
                }
                (None, _) => {
                    wanted.insert(*cgroup);
                }
            }
        }
        if !wanted.is_empty() {
            let stopwatch = Stopwatch::start();
            let mut search = match &self.rest {
                Some(rest) => Search::clone(rest),
                None => Search::begin(root()?, &mut wanted, &mut next.names)?,
            };
            search.go_on(&mut wanted, &mut next.names, || stopwatch.spent() < BUDGET);
            let missed = |cgroup: &u64| self.missed.get(cgroup).copied().unwrap_or(0);
            let is_over = search.waiting.is_empty();
            next.missed.extend(wanted.iter().map(|cgroup| (*cgroup, missed(cgroup) + u8::from(is_over))));
            next.rest = (!is_over && !wanted.is_empty()).then(|| Arc::new(search));
        }
        Ok(next)
    }
}

/// The second hierarchy is not mounted, or not to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no cgroup2 file system is mounted")]
pub struct NoHierarchy;

fn hierarchy() -> Result<PathBuf, NoHierarchy> {
    let mountinfo = mountinfo().map_err(|_| NoHierarchy)?;
    mounts(&mountinfo).find(|mount| mount.is_whole(b"cgroup2")).map(|mount| mount.point).ok_or(NoHierarchy)
}

/// A search through the folders, level by level from the root, over as many readings as it takes.
#[derive(Debug, Clone)]
struct Search {
    root: PathBuf,
    /// Folders to be looked into, below the root.
    waiting: VecDeque<Vec<u8>>,
    /// How many there have been of each system unit.
    looked: HashMap<Vec<u8>, u32>,
}

impl Search {
    fn begin(
        root: PathBuf,
        wanted: &mut HashSet<u64>,
        names: &mut HashMap<u64, Arc<str>>,
    ) -> Result<Self, NoHierarchy> {
        let of_root = stat(&root).map_err(|_| NoHierarchy)?.st_ino;
        if wanted.remove(&of_root) {
            names.insert(of_root, Arc::from("/"));
        }
        Ok(Self { root, waiting: VecDeque::from([Vec::new()]), looked: HashMap::new() })
    }

    /// Moves numbers from `wanted` to `names` until there is none left, or no time.
    fn go_on(
        &mut self,
        wanted: &mut HashSet<u64>,
        names: &mut HashMap<u64, Arc<str>>,
        go_on: impl Fn() -> bool,
    ) {
        while !wanted.is_empty() && go_on() {
            let Some(path) = self.waiting.pop_front() else { break };
            self.look_into(&path, wanted, names, &go_on);
        }
    }

    fn look_into(
        &mut self,
        path: &[u8],
        wanted: &mut HashSet<u64>,
        names: &mut HashMap<u64, Arc<str>>,
        go_on: impl Fn() -> bool,
    ) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let full = [self.root.as_os_str().as_bytes(), path].concat();
        // It may be gone by now.
        let Ok(folder) = openat(CWD, full, flags, Mode::empty()) else { return };
        let mut entries = [MaybeUninit::uninit(); 8192];
        let (mut entries, mut number) = (RawDir::new(folder, &mut entries), 0);
        while let Some(Ok(entry)) = entries.next() {
            number += 1;
            // What is left of a folder that takes so long is not looked at.
            if number % ENTRIES == 0 && !go_on() {
                break;
            }
            let name = entry.file_name().to_bytes();
            if entry.file_type() != FileType::Directory || matches!(name, b"." | b"..") {
                continue;
            }
            let below = [path, b"/", name].concat();
            if wanted.remove(&entry.ino()) {
                names.insert(entry.ino(), unit(&below).into());
            }
            let looked = self.looked.entry(of_system(&below).to_vec()).or_default();
            if *looked < OF_A_UNIT {
                *looked += 1;
                self.waiting.push_back(below);
            }
        }
    }
}

/// The part of a path up to its first folder that is no slice: what root has made.
fn of_system(path: &[u8]) -> &[u8] {
    let mut end = 0;
    for component in path.split(|b| *b == b'/').skip(1) {
        end += 1 + component.len();
        if !component.ends_with(b".slice") {
            break;
        }
    }
    path.get(..end).unwrap_or(path)
}

/// What to call a cgroup, given its path below the root of the hierarchy: its systemd unit, as systemd finds it
/// (`cg_path_get_unit`), so that no user can make a cgroup that is taken for another's; below the manager of a user, that
/// and the user's unit; the path where there is no systemd. Numbers of containers are shortened as docker does.
#[must_use]
pub fn unit(path: &[u8]) -> String {
    let mut rest = components(path);
    let name = match (next_unit(&mut rest), path) {
        (Some(manager), _) if manager.starts_with(b"user@") => match next_unit(&mut rest) {
            Some(unit) => [manager, b"/", unit].concat(),
            None => manager.to_vec(),
        },
        (Some(unit), _) => unit.to_vec(),
        (None, path) => path.to_vec(),
    };
    fitting(shortened(&printable(&name)), LONGEST)
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    // systemd puts an underscore before names that the kernel keeps for itself (`cg_escape`).
    let components = path.split(|b| *b == b'/').filter(|component| !component.is_empty());
    components.map(|component| component.strip_prefix(b"_").unwrap_or(component))
}

/// The unit that comes after any number of slices.
fn next_unit<'a>(components: &mut impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let first = components.find(|component| !component.ends_with(b".slice"))?;
    let kinds = [&b".service"[..], b".scope", b".socket", b".mount", b".swap"];
    kinds.iter().any(|kind| first.len() > kind.len() && first.ends_with(kind)).then_some(first)
}

/// With each run of 64 hex digits, the number of a container, cut to its first twelve.
fn shortened(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let kept = if digits == 64 { 12 } else { digits };
        text.push_str(rest.get(..kept).unwrap_or_default());
        rest = rest.get(digits..).unwrap_or_default();
        let other =
            rest.chars().take_while(|character| !character.is_ascii_hexdigit()).map(char::len_utf8).sum();
        text.push_str(rest.get(..other).unwrap_or_default());
        rest = rest.get(other..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn names_are_those_of_units_or_paths() {
        let id = "0123456789abcdef".repeat(4);
        for (path, name) in [
            ("/system.slice/kafka.service", "kafka.service"),
            ("/system.slice/kafka.service/worker", "kafka.service"),
            ("/init.scope", "init.scope"),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
            ("/system.slice/_cpu.service", "cpu.service"),
            ("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
            ("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service/init.scope"),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.slice/firefox.service",
                "user@1000.service/firefox.service",
            ),
            // A user's folder that looks like somebody else's unit.
            (
                "/user.slice/user-1000.slice/user@1000.service/sshd.service/sshd.service",
                "user@1000.service/sshd.service",
            ),
            ("/user.slice/user-1000.slice/user@1000.service/odd", "user@1000.service"),
            (&format!("/system.slice/docker-{id}.scope"), "docker-0123456789ab.scope"),
            (&format!("/docker/{id}"), "/docker/0123456789ab"),
            (
                &format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
                "cri-containerd-0123456789ab.scope",
            ),
            ("/lxc.payload.web/system.slice/nginx.service", "/lxc.payload.web/system.slice/nginx.service"),
            ("/system.slice", "/system.slice"),
            ("/.service", "/.service"),
            ("/machine.slice/a\\x2db.scope", "a\\x2db.scope"),
        ] {
            assert_eq!(unit(path.as_bytes()), name, "{path}");
        }
        let [one, other] =
            ["a", "b"].map(|end| unit(format!("/{}{end}.service", "x".repeat(240)).as_bytes()));
        assert!(one.len() == LONGEST && other.len() == LONGEST && one != other, "{one} {other}");
        assert_eq!(unit(b"/system.slice/odd\xff\x1b.service"), "odd\\xff\\x1b.service");
        // 63 and 65 digits are no number of a container.
        assert_eq!(unit(format!("/{}", &id[1..]).as_bytes()).len(), 64);
        assert!(unit(format!("/{id}a").as_bytes()).contains('~'));
    }

    /// A tree like that of the cgroups: what counts is the inodes of its folders.
    fn tree(paths: &[&str]) -> (tempfile::TempDir, impl Fn(&str) -> u64) {
        let tree = tempfile::tempdir().unwrap();
        paths.iter().for_each(|path| std::fs::create_dir_all(tree.path().join(path)).unwrap());
        std::fs::write(tree.path().join("cgroup.procs"), "").unwrap();
        let root = tree.path().to_owned();
        (tree, move |path: &str| std::fs::metadata(root.join(path)).unwrap().ino())
    }

    #[test]
    fn cgroups_are_found_by_number_and_remembered() {
        let (tree, number) = tree(&["system.slice/a.service/x", "system.slice/b.service", "c/d"]);
        let wanted = |paths: &[&str]| paths.iter().map(|path| number(path)).collect::<HashSet<_>>();
        let name = |units: &Units, number: u64| units.name(number).map(ToString::to_string);
        let all = wanted(&["", "system.slice/a.service/x", "c/d"]);
        let units = Units::default().of_those_below(|| Ok(tree.path().into()), &all).unwrap();
        assert_eq!(name(&units, number("")), Some("/".into()));
        assert_eq!(name(&units, number("system.slice/a.service/x")), Some("a.service".into()));
        assert_eq!(name(&units, number("c/d")), Some("/c/d".into()));
        assert_eq!(name(&units, number("system.slice/b.service")), None, "not asked for");
        // What is gone is still known, and nobody looks for it: here there is no tree any more.
        let gone = units.of_those_below(|| Err(NoHierarchy), &all).unwrap();
        assert_eq!(name(&gone, number("c/d")), Some("/c/d".into()));
        // Nothing is kept that is not asked for.
        let fewer = gone.of_those_below(|| Err(NoHierarchy), &wanted(&["c/d"])).unwrap();
        assert_eq!(fewer.names.len(), 1);
        assert_eq!(fewer.of_those_below(|| Err(NoHierarchy), &all).unwrap_err(), NoHierarchy);
    }

    #[test]
    fn what_is_not_found_is_looked_for_twice() {
        let (tree, number) = tree(&["c"]);
        let wanted = HashSet::from([u64::MAX, number("c")]);
        let once = Units::default().of_those_below(|| Ok(tree.path().into()), &wanted).unwrap();
        let twice = once.of_those_below(|| Ok(tree.path().into()), &wanted).unwrap();
        assert_eq!((once.missed[&u64::MAX], twice.missed[&u64::MAX]), (1, 2));
        assert_eq!(twice.of_those_below(|| Err(NoHierarchy), &wanted).unwrap().missed.len(), 1);
        assert!(twice.name(u64::MAX).is_none() && twice.name(number("c")).is_some());
    }

    /// And goes on with what is left the next time; only what was looked for to the end has been missed.
    #[test]
    fn a_search_ends_when_it_has_cost_enough() {
        let (tree, number) = tree(&["a/b", "c"]);
        let (mut wanted, mut names) = (HashSet::from([number("a"), number("a/b"), 7]), HashMap::new());
        let mut search = Search::begin(tree.path().into(), &mut wanted, &mut names).unwrap();
        let calls = std::cell::Cell::new(0);
        let once = || calls.replace(calls.get() + 1) < 1;
        search.go_on(&mut wanted, &mut names, once);
        assert_eq!((names.len(), wanted.len(), search.waiting.len()), (1, 2, 2));
        search.go_on(&mut wanted, &mut names, || true);
        assert_eq!((names.len(), wanted.len(), search.waiting.len()), (2, 1, 0));

        let wanted = HashSet::from([number("a/b"), 7]);
        let half =
            Search { root: tree.path().into(), waiting: [b"/c".to_vec()].into(), looked: HashMap::new() };
        let before = Units { rest: Some(Arc::new(half)), ..Units::default() };
        let rest = before.of_those_below(|| Err(NoHierarchy), &wanted).unwrap();
        assert_eq!((rest.missed[&7], rest.rest.is_none()), (1, true));
        let whole = rest.of_those_below(|| Ok(tree.path().into()), &wanted).unwrap();
        assert_eq!((whole.missed[&7], whole.name(number("a/b")).is_some()), (2, true));
    }

    /// A user makes more folders than are looked into: those of others are found all the same, and the user's own too, but
    /// not what is below those.
    #[test]
    fn nobody_hides_the_names_of_others() {
        let paths: Vec<String> =
            (0..=OF_A_UNIT).map(|number| format!("u.slice/user@1.service/{number:05}/x")).collect();
        let mut paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        paths.push("u.slice/user@2.service/app.slice/mail.service");
        let (tree, number) = tree(&paths);
        let victim = number("u.slice/user@2.service/app.slice/mail.service");
        let units =
            Units::default().of_those_below(|| Ok(tree.path().into()), &HashSet::from([victim])).unwrap();
        assert_eq!(&**units.name(victim).unwrap(), "user@2.service/mail.service");
        assert_eq!(of_system(b"/a.slice/b.slice/user@1.service/c/d"), b"/a.slice/b.slice/user@1.service");
        assert_eq!((of_system(b"/docker/x"), of_system(b"/a.slice")), (&b"/docker"[..], &b"/a.slice"[..]));
    }
}
