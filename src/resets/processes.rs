//! The process behind a thread that the kernel named when it traced a reset.

use crate::proc::decimal;
use crate::proc::read::{self, ProcRoot};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its command, with what does not print escaped: processes name themselves.
    pub name: String,
    /// Its number; that of the thread if it had ended before it was looked for.
    pub pid: u32,
}

/// Looks for processes, and remembers them when they have ended.
#[derive(Debug)]
pub struct Processes {
    root: ProcRoot,
    /// Names of threads that have ended, as far as the kernel remembers them.
    saved: PathBuf,
    known: HashMap<u32, Process>,
}

/// The parent of all threads of the kernel.
const KTHREADD: u32 = 2;

/// The flag of a thread of the kernel in PID/stat (PF_KTHREAD, include/linux/sched.h). No process can set it.
const OF_THE_KERNEL: u64 = 0x0020_0000;

/// How many processes are remembered.
const REMEMBERED: usize = 4096;

impl Processes {
    /// Below a `/proc`, and with what tracefs remembers; none if the numbers there are not those the kernel traces.
    ///
    /// The kernel traces the numbers of the first process namespace, and its own threads are in no other one. So process
    /// 2 is a thread of the kernel just where the numbers are the same. Names prove nothing: processes choose them. The
    /// inode of the namespace (PROC_PID_INIT_INO) would do for our own `/proc`, and of another root everybody may read
    /// PID/stat, but only root the link 1/ns/pid.
    #[must_use]
    pub fn new(root: ProcRoot, tracefs: &Path) -> Option<Self> {
        let processes = Self { root, saved: tracefs.join("saved_cmdlines"), known: HashMap::new() };
        let mut text = Vec::new();
        read::whole(&processes.root.path().join(format!("{KTHREADD}/stat")), &mut text).ok()?;
        (flags(&text)? & OF_THE_KERNEL != 0).then_some(processes)
    }

    /// The process of a thread. None for a thread of the kernel, which does nothing of its own, and for one that has
    /// ended without a trace.
    pub fn of(&mut self, thread: u32) -> Option<Process> {
        let found = match self.status(thread) {
            Some(status) if status.parent == KTHREADD || thread == KTHREADD => return None,
            Some(status) => {
                let process = status.process;
                // The name of the process is that of its first thread.
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

/// The flags of a process: the ninth field of PID/stat, the seventh behind the name, which may have blanks and
/// parentheses of its own (proc(5)).
fn flags(stat: &[u8]) -> Option<u64> {
    let behind = stat.get(memchr::memrchr(b')', stat)? + 1..)?;
    decimal(behind.trim_ascii().split(|&b| b == b' ').nth(6)?)
}

/// The longest name of a thread, in octets (TASK_COMM_LEN without its NUL).
const LONGEST_NAME: usize = 15;

/// The name of a thread in `saved_cmdlines` of tracefs: `PID COMMAND` in each line, what does not print escaped.
///
/// The kernel prints names as they are (saved_cmdlines_show(), kernel/trace/trace_sched_switch.c), and a thread may call
/// itself "a\n4711 sshd". So none is believed that may be the end of another name, nor where two lines have the number.
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
    // What the kernel shows where it remembers none.
    (!name.is_empty() && name != b"<...>").then(|| name.escape_ascii().to_string())
}

/// Whether a line may belong to a name that began in one of those before it, and has a line break.
fn may_be_part_of_a_name(before: &[&[u8]], line: &[u8]) -> bool {
    let mut length = line.len();
    for line in before.iter().rev() {
        // The line break. What it ends is the beginning of the name, or one more line in the middle of it.
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
    /// With what does not print escaped.
    pub name: String,
    /// The number of its first thread.
    pub process: u32,
    /// The number of its parent.
    pub parent: u32,
}

impl Thread {
    /// None for what no kernel writes.
    #[must_use]
    pub fn parse(contents: &[u8]) -> Option<Self> {
        let value = |label: &[u8]| {
            let mut lines = contents.split(|&b| b == b'\n');
            lines.find_map(|line| line.strip_prefix(label)).map(<[u8]>::trim_ascii)
        };
        let number = |label: &[u8]| u32::try_from(decimal(value(label)?)?).ok();
        // The kernel escapes newlines and backslashes only, the latter once more would be one too many.
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

    /// What the kernel says of its own thread 2, and of a process that takes after it.
    const KERNELS: &str = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0\n";
    const POSING: &str = "2 (kthreadd) S 0 0 0 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 24 0 0\n";

    /// A `/proc` with these threads, and a tracefs beside it.
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
        // Threads of the kernel, and one whose status says nothing.
        assert_eq!((of(2), of(16), of(103)), (None, None, None));
        // Those that have ended: as tracefs remembers them, or as they were seen.
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
            // A name that would be the flags.
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

    /// Whoever starts a process for each reset costs no memory here.
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
        // The latest one is among them.
        fs::remove_dir_all(folder.path().join("8")).unwrap();
        assert_eq!(processes.of(8).unwrap().pid, 8);
    }

    /// Where the link to our own namespace and process 2 are both to be had, they say the same.
    #[test]
    fn the_sign_agrees_with_the_link() {
        let own = fs::read_link("/proc/self/ns/pid").unwrap();
        let processes = Processes::new(ProcRoot::new("/proc"), Path::new("/"));
        assert_eq!(processes.is_some(), own == Path::new("pid:[4026531836]"), "{own:?}");
    }

    #[test]
    fn a_name_that_may_be_forged_is_none() {
        let of = |contents: &str| saved(contents.as_bytes(), 4711);
        // Nobody's name is so long that this would be the end of it.
        assert_eq!(of("4711 sshd\n"), Some("sshd".into()));
        assert_eq!(of("100 systemd\n4711 sshd\n"), Some("sshd".into()));
        assert_eq!(of("100 abcdef\n4711 sshd\n"), Some("sshd".into()));
        // A thread 100 that calls itself "abcde\n4711 sshd", or two threads.
        assert_eq!(of("100 abcde\n4711 sshd\n"), None);
        assert_eq!(of("100 \n4711 sshd\n"), None);
        assert_eq!(of("1 a\n\n4711 sshd\n"), None);
        assert_eq!(of("1 a\n2 b\n4711 sshd\n"), None);
        assert_eq!(of("1 a\n2 bcdefg\n4711 sshd\n"), Some("sshd".into()));
        // Too long for one name, however it is cut.
        assert_eq!(of("1 abcdefghi\n12345\n4711 sshd\n"), None, "12345 may be a thread without a name");
        assert_eq!(of("1 a\nbcdefghi\n4711 sshd\n"), Some("sshd".into()));
        // Two that say so, of which one lies.
        assert_eq!(of("4711 nginx\n100 systemd\n4711 sshd\n"), None);
        assert_eq!(of("100 a\n4711 sshd\n200 systemd\n4711 nginx\n"), None);
    }
}
