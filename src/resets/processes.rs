//! The process behind a thread that the kernel named when it traced a reset.

use crate::proc::decimal;
use crate::proc::read::{self, ProcRoot};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its command, with non-printing characters escaped: processes name themselves.
    pub name: String,
    /// Its number; the thread's if it ended before we looked.
    pub pid: u32,
}

/// Looks up processes, and remembers them after they end.
#[derive(Debug)]
pub struct Processes {
    root: ProcRoot,
    /// Names of ended threads, as far as the kernel remembers them.
    saved: PathBuf,
    known: HashMap<u32, Process>,
}

/// The parent of all kernel threads.
const KTHREADD: u32 = 2;

/// The flag of a kernel thread in PID/stat (PF_KTHREAD, include/linux/sched.h). No process can set it.
const OF_THE_KERNEL: u64 = 0x0020_0000;

/// How many processes are remembered.
const REMEMBERED: usize = 4096;

impl Processes {
    /// Reads a `/proc`, and what tracefs remembers; `None` if its numbers are not those the kernel traces.
    ///
    /// The kernel traces the numbers of the first process namespace, the only one with its own threads. So process 2 is
    /// a kernel thread exactly if the numbers are the same. Names prove nothing: processes choose them. The namespace's
    /// inode (PROC_PID_INIT_INO) would do for our own `/proc`, but under another root only root may read the link
    /// 1/ns/pid, while everybody may read PID/stat.
    #[must_use]
    pub fn new(root: ProcRoot, tracefs: &Path) -> Option<Self> {
        let processes = Self { root, saved: tracefs.join("saved_cmdlines"), known: HashMap::new() };
        let mut text = Vec::new();
        read::whole(&processes.root.path().join(format!("{KTHREADD}/stat")), &mut text).ok()?;
        (flags(&text)? & OF_THE_KERNEL != 0).then_some(processes)
    }

    /// The process of a thread. `None` for a kernel thread, which does nothing on its own behalf, and for a thread that
    /// ended without a trace.
    pub fn of(&mut self, thread: u32) -> Option<Process> {
        let found = match self.status(thread) {
            Some(status) if status.parent == KTHREADD || thread == KTHREADD => return None,
            Some(status) => {
                let process = status.process;
                // A process has the name of its first thread.
                let first = if process == thread { None } else { self.status(process) };
                Process { name: first.unwrap_or(status).name, pid: process }
            }
            None => match self.known.get(&thread) {
                Some(known) => return Some(known.clone()),
                None => Process { name: self.saved(thread)?, pid: thread },
            },
        };
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(thread, found.clone());
        Some(found)
    }

    fn status(&self, thread: u32) -> Option<Thread> {
        let mut text = Vec::new();
        read::whole(&self.root.path().join(format!("{thread}/status")), &mut text).ok()?;
        Thread::parse(&text)
    }

    fn saved(&self, thread: u32) -> Option<String> {
        let mut text = Vec::new();
        read::whole(&self.saved, &mut text).ok()?;
        saved(&text, thread)
    }
}

/// The flags of a process: the ninth field of PID/stat, the seventh after the name, which may itself contain blanks and
/// parentheses (proc(5)).
fn flags(stat: &[u8]) -> Option<u64> {
    let behind = stat.get(memchr::memrchr(b')', stat)? + 1..)?;
    decimal(behind.trim_ascii().split(|&b| b == b' ').nth(6)?)
}

/// The longest thread name, in octets (TASK_COMM_LEN without its NUL).
const LONGEST_NAME: usize = 15;

/// The name of a thread in tracefs's `saved_cmdlines`: `PID COMMAND` on each line, non-printing characters escaped.
///
/// The kernel prints names unescaped (saved_cmdlines_show(), kernel/trace/trace_sched_switch.c), and a thread may call
/// itself "a\n4711 sshd". So we reject a name that may be the end of another, or whose number is on two lines.
#[must_use]
pub fn saved(contents: &[u8], thread: u32) -> Option<String> {
    let prefix = format!("{thread} ");
    let lines: Vec<&[u8]> = contents.split(|&b| b == b'\n').collect();
    let mut of_thread = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| Some((lines.get(..at)?, *line, line.strip_prefix(prefix.as_bytes())?)));
    let (before, line, name) = of_thread.next()?;
    if of_thread.next().is_some() || may_be_part_of_a_name(before, line) {
        return None;
    }
    // What the kernel prints if it remembers no name.
    (!name.is_empty() && name != b"<...>").then(|| name.escape_ascii().to_string())
}

/// Whether a line may belong to a name with a line break that began on an earlier line.
fn may_be_part_of_a_name(before: &[&[u8]], line: &[u8]) -> bool {
    let mut length = line.len();
    for line in before.iter().rev() {
        // The line break. It ends the start of the name, or one more line in the middle of it.
        length += 1;
        if length > LONGEST_NAME {
            return false;
        }
        let beginning =
            line.iter().position(|&b| b == b' ').map_or(line.len(), |blank| line.len() - blank - 1);
        if length + beginning <= LONGEST_NAME {
            return true;
        }
        length += line.len();
    }
    false
}

/// What we need of PID/status.
#[derive(Debug, PartialEq, Eq)]
pub struct Thread {
    /// With non-printing characters escaped.
    pub name: String,
    /// The number of its first thread.
    pub process: u32,
    /// The number of its parent.
    pub parent: u32,
}

impl Thread {
    /// `None` if no kernel writes this.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Option<Self> {
        let value = |label: &[u8]| {
            let mut lines = contents.split(|&b| b == b'\n');
            lines.find_map(|line| line.strip_prefix(label)).map(<[u8]>::trim_ascii)
        };
        let number = |label: &[u8]| u32::try_from(decimal(value(label)?)?).ok();
        // The kernel escapes only newlines and backslashes; escaping the latter again would be once too often.
        let name = value(b"Name:")?;
        let name = name
            .iter()
            .flat_map(|&b| if b == b'\\' { vec![b] } else { std::ascii::escape_default(b).collect() });
        Some(Self {
            name: String::from_utf8(name.collect()).ok()?,
            process: number(b"Tgid:")?,
            parent: number(b"PPid:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn status(name: &str, process: u32, parent: u32) -> String {
        format!("Name:\t{name}\nUmask:\t0022\nTgid:\t{process}\nPid:\t9\nPPid:\t{parent}\nTracerPid:\t0\n")
    }

    /// The kernel's line for its own thread 2, and for a process posing as it.
    const KERNELS: &str = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0\n";
    const POSING: &str = "2 (kthreadd) S 0 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0\n";

    /// A `/proc` with these threads, and a tracefs next to it.
    fn root(second: &str, threads: &[(u32, &str)], saved: &str) -> (tempfile::TempDir, Option<Processes>) {
        let folder = tempfile::tempdir().unwrap();
        for (thread, status) in threads {
            fs::create_dir(folder.path().join(thread.to_string())).unwrap();
            fs::write(folder.path().join(format!("{thread}/status")), status).unwrap();
        }
        fs::write(folder.path().join("saved_cmdlines"), saved).unwrap();
        let _ = fs::create_dir(folder.path().join("2"));
        fs::write(folder.path().join("2/stat"), second).unwrap();
        let processes = Processes::new(ProcRoot::new(folder.path()), folder.path());
        (folder, processes)
    }

    #[test]
    fn threads_of_processes() {
        let kthreadd = status("kthreadd", 2, 0);
        let threads = [
            (2, kthreadd.as_str()),
            (16, &status("ksoftirqd/0", 16, 2)),
            (100, &status("python3", 100, 1)),
            (101, &status("worker", 100, 1)),
            (102, &status("\x1b[2J a\\nb", 102, 1)),
            (103, "Name:\n"),
        ];
        let (folder, processes) = root(KERNELS, &threads, "4711 perl\n4712 <...>\n47110 other\n");
        let mut processes = processes.unwrap();
        let mut of = |thread| processes.of(thread).map(|process| (process.name, process.pid));
        assert_eq!(of(100), Some(("python3".into(), 100)));
        assert_eq!(of(101), Some(("python3".into(), 100)));
        assert_eq!(of(102), Some((r"\x1b[2J a\nb".into(), 102)));
        // Kernel threads, and one whose status says nothing.
        assert_eq!((of(2), of(16), of(103)), (None, None, None));
        // Ended ones: as tracefs remembers them, or as last seen.
        assert_eq!((of(4711), of(4712), of(4713)), (Some(("perl".into(), 4711)), None, None));
        fs::remove_dir_all(folder.path().join("100")).unwrap();
        assert_eq!(of(100), Some(("python3".into(), 100)));
    }

    #[test]
    fn numbers_of_another_process_namespace_are_nobodys() {
        let kthreadd = status("kthreadd", 2, 0);
        let is_ours = |second: &str| root(second, &[(2, &kthreadd)], "").1.is_some();
        assert!(is_ours(KERNELS));
        for second in [
            POSING,
            // A name that looks like the flags.
            "2 (a) S 0 0 0 0 -1 2129984) S 1 2 2 0 -1 4194560 0\n",
            "2 (bash) S 1 2 2 0 -1 4194560 0\n",
            "2 (kthreadd) S 0 0 0 0 -1 x 0\n",
            "2 (kthreadd) S\n",
            "\n",
            "",
        ] {
            assert!(!is_ours(second), "{second}");
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(Processes::new(ProcRoot::new(folder.path()), folder.path()).is_none());
    }

    /// Starting a process for each reset takes no memory here.
    #[test]
    fn as_many_processes_are_remembered_and_no_more() {
        let other = status("perl", 8, 1);
        let (folder, processes) = root(KERNELS, &[(7, &status("perl", 7, 1)), (8, &other)], "");
        let mut processes = processes.unwrap();
        let found = processes.of(7).unwrap();
        let others = (100..).take(REMEMBERED - 1).map(|thread| (thread, found.clone()));
        processes.known.extend(others);
        assert_eq!(processes.known.len(), REMEMBERED);
        assert!(
            processes.of(8).is_some() && processes.known.len() <= REMEMBERED,
            "{}",
            processes.known.len()
        );
        // The latest one is kept.
        fs::remove_dir_all(folder.path().join("8")).unwrap();
        assert_eq!(processes.of(8).unwrap().pid, 8);
    }

    /// If both the link to our own namespace and process 2 are readable, they agree.
    #[test]
    fn the_sign_agrees_with_the_link() {
        let own = fs::read_link("/proc/self/ns/pid").unwrap();
        let processes = Processes::new(ProcRoot::new("/proc"), Path::new("/"));
        assert_eq!(processes.is_some(), own == Path::new("pid:[4026531836]"), "{own:?}");
    }

    #[test]
    fn a_name_that_may_be_forged_is_none() {
        let of = |contents: &str| saved(contents.as_bytes(), 4711);
        // No name is long enough to end here.
        assert_eq!(of("4711 sshd\n"), Some("sshd".into()));
        assert_eq!(of("100 systemd\n4711 sshd\n"), Some("sshd".into()));
        assert_eq!(of("100 abcdef\n4711 sshd\n"), Some("sshd".into()));
        // A thread 100 that calls itself "abcde\n4711 sshd", or two threads.
        assert_eq!(of("100 abcde\n4711 sshd\n"), None);
        assert_eq!(of("100 \n4711 sshd\n"), None);
        assert_eq!(of("1 a\n\n4711 sshd\n"), None);
        assert_eq!(of("1 a\n2 b\n4711 sshd\n"), None);
        assert_eq!(of("1 a\n2 bcdefg\n4711 sshd\n"), Some("sshd".into()));
        // Too long for one name, however it is split.
        assert_eq!(of("1 abcdefghi\n12345\n4711 sshd\n"), None, "12345 may be a thread without a name");
        assert_eq!(of("1 a\nbcdefghi\n4711 sshd\n"), Some("sshd".into()));
        // Two lines say so, and one of them lies.
        assert_eq!(of("4711 nginx\n100 systemd\n4711 sshd\n"), None);
        assert_eq!(of("100 a\n4711 sshd\n200 systemd\n4711 nginx\n"), None);
    }
}
