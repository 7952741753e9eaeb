//! The folder of a trace instance: made, set, and removed.

#![expect(clippy::disallowed_methods, reason = "makes, sets and removes the folder of the trace instance")]

use super::error::{TraceError, failed};
use crate::proc::decimal;
use crate::proc::read;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What the folders of our instances are called; the process behind it.
pub(super) const PREFIX: &str = "netstat-agentx-";

/// The events, below `events/tcp`: sent and received resets.
pub(super) const EVENTS: [&str; 2] = ["tcp_send_reset", "tcp_receive_reset"];

/// What the one is called that root makes for the unit. One for the host: the unit is one.
pub const PREPARED: &str = "netstat-agentx-unit";

/// Removes the instances of processes that were killed. The kernel refuses to remove one that somebody reads.
pub fn remove_left_overs(tracefs: &Path) {
    let instances = fs::read_dir(tracefs.join("instances")).into_iter().flatten().flatten();
    for instance in instances {
        let name = instance.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        // That of the unit goes with the unit, though nobody reads it where tracing is off.
        if name != PREPARED && !is_ours(process) && fs::remove_dir(instance.path()).is_ok() {
            tracing::info!(instance = %instance.path().display(), "removed a trace instance that was left over");
        }
    }
}

/// Whether an instance is that of another process of this program, which may be about to read it. One of our own number
/// is of a process before us.
fn is_ours(name: &str) -> bool {
    let process = name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    let mut command = Vec::new();
    process.is_some_and(|process| {
        process != std::process::id()
            && read::whole(&PathBuf::from(format!("/proc/{process}/comm")), &mut command).is_ok()
            && command == b"netstat-agentx\n"
    })
}

/// Where the instance of a name is.
pub(super) fn path(tracefs: &Path, name: &str) -> PathBuf {
    tracefs.join("instances").join(name)
}

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether it goes with us. Else it is somebody else's who lends it, with nothing recorded in it.
    is_ours: bool,
}

impl Folder {
    pub(super) fn make(tracefs: &Path, name: &str) -> Result<Self, TraceError> {
        let path = path(tracefs, name);
        // Each try has another name, and the same fault is told once.
        fs::create_dir(&path).map_err(failed(&tracefs.join("instances")))?;
        Ok(Self { path, is_ours: true })
    }

    /// One that is lent to us.
    pub(super) fn lent(path: &Path) -> Self {
        Self { path: path.to_owned(), is_ours: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to somebody else, switched off as it is.
    pub(super) fn keep(mut self) -> PathBuf {
        self.is_ours = false;
        std::mem::take(&mut self.path)
    }

    /// Sets what a file of the instance says. They are all there; none is ever made.
    fn write(&self, file: &str, text: &str) -> Result<(), TraceError> {
        let path = self.path.join(file);
        let opened = OpenOptions::new().write(true).open(&path);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(&path))
    }

    /// Octets for each CPU, which the kernel makes whole pages.
    pub(super) fn set_buffer(&self, octets: u64) -> Result<(), TraceError> {
        self.write("buffer_size_kb", &(octets / 1024).to_string())
    }

    /// As [`Self::set_buffer`] has set it.
    pub(super) fn buffer(&self) -> Result<u64, TraceError> {
        let (path, mut text) = (self.path.join("buffer_size_kb"), Vec::new());
        read::whole(&path, &mut text)?;
        let kib = decimal(text.trim_ascii()).and_then(|kib| kib.checked_mul(1024));
        kib.ok_or(TraceError::NoSize { path })
    }

    /// Whether resets are recorded.
    pub(super) fn record(&self, whether: bool) -> Result<(), TraceError> {
        let text = if whether { "1" } else { "0" };
        EVENTS.iter().try_for_each(|event| self.write(&format!("events/tcp/{event}/enable"), text))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_ours {
            // Whoever lends it may have taken it away, or keeps it for another user.
            let _ = self.path.is_dir() && self.record(false).is_ok();
            return;
        }
        let removed = fs::remove_dir(&self.path);
        if let Some(error) = removed.err().filter(|error| error.kind() != ErrorKind::NotFound) {
            tracing::warn!(instance = %self.path.display(), "the trace instance is left over: {error}");
        }
    }
}
