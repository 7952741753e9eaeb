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

/// The parent of all threads of the kernel. It is there in the first process namespace only, the numbers of which the
/// kernel traces.
const KTHREADD: u32 = 2;

/// How many processes are remembered.
const REMEMBERED: usize = 4096;

impl Processes {
    /// Below a `/proc`, and with what tracefs remembers; none if the numbers there are not those the kernel traces.
    #[must_use]
    pub fn new(root: ProcRoot, tracefs: &Path) -> Option<Self> {
        let processes = Self { root, saved: tracefs.join("saved_cmdlines"), known: HashMap::new() };
        let second = processes.status(KTHREADD)?;
        (second.name == "kthreadd" && second.parent == 0).then_some(processes)
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

    fn status(&self, thread: u32) -> Option<Status> {
        let mut text = Vec::new();
        read::whole(&self.root.path().join(format!("{thread}/status")), &mut text).ok()?;
        Status::parse(&text)
    }

    fn saved(&self, thread: u32) -> Option<String> {
        let mut text = Vec::new();
        read::whole(&self.saved, &mut text).ok()?;
        saved(&text, thread)
    }
}

/// The name of a thread in `saved_cmdlines` of tracefs: `PID COMMAND` in each line, what does not print escaped.
#[must_use]
pub fn saved(contents: &[u8], thread: u32) -> Option<String> {
    let prefix = format!("{thread} ");
    let mut lines = contents.split(|&b| b == b'\n');
    let name = lines.find_map(|line| line.strip_prefix(prefix.as_bytes()))?;
    // What the kernel shows where it remembers none.
    (!name.is_empty() && name != b"<...>").then(|| name.escape_ascii().to_string())
}

/// What we need of PID/status.
#[derive(Debug, PartialEq, Eq)]
pub struct Status {
    /// With what does not print escaped.
    pub name: String,
    /// The number of its first thread.
    pub process: u32,
    /// The number of its parent.
    pub parent: u32,
}

impl Status {
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

    /// A `/proc` with these threads, and a tracefs beside it.
    fn root(threads: &[(u32, &str)], saved: &str) -> (tempfile::TempDir, Option<Processes>) {
        let folder = tempfile::tempdir().unwrap();
        for (thread, status) in threads {
            fs::create_dir(folder.path().join(thread.to_string())).unwrap();
            fs::write(folder.path().join(format!("{thread}/status")), status).unwrap();
        }
        fs::write(folder.path().join("saved_cmdlines"), saved).unwrap();
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
        let (folder, processes) = root(&threads, "4711 perl\n4712 <...>\n47110 other\n");
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
        assert!(root(&[(2, &status("bash", 2, 1))], "").1.is_none());
        assert!(root(&[], "").1.is_none());
    }
}
