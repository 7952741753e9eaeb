//! The folder of a trace instance: created, configured, and removed.

#![expect(clippy::disallowed_methods, reason = "makes, sets and removes the folder of the trace instance")]

use super::error::{TraceError, failed};
use crate::proc::decimal;
use crate::proc::read;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Prefix of our instances' folder names; the process follows.
pub(super) const PREFIX: &str = "netstat-agentx-";

/// The events, below `events/tcp`: sent and received resets.
pub(super) const EVENTS: [&str; 2] = ["tcp_send_reset", "tcp_receive_reset"];

/// Name of the instance that root makes for the unit. There is one per host, as there is one unit.
pub const PREPARED: &str = "netstat-agentx-unit";

/// Removes the instances of killed processes. The kernel refuses to remove an instance somebody reads.
pub fn remove_left_overs(tracefs: &Path) {
    let instances = fs::read_dir(tracefs.join("instances")).into_iter().flatten().flatten();
    for instance in instances {
        let name = instance.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        // The unit's instance goes with the unit, even if nobody reads it because tracing is off.
        if name != PREPARED && !is_ours(process) && fs::remove_dir(instance.path()).is_ok() {
            tracing::info!(instance = %instance.path().display(), "removed a trace instance that was left over");
        }
    }
}

/// Whether an instance belongs to another process of this program, which may be about to read it. One with our own
/// process number belonged to an earlier process.
fn is_ours(name: &str) -> bool {
    let process = name.split('-').next().and_then(|number| number.parse::<u32>().ok());
    let mut command = Vec::new();
    process.is_some_and(|process| {
        process != std::process::id()
            && read::whole(&PathBuf::from(format!("/proc/{process}/comm")), &mut command).is_ok()
            && command == b"netstat-agentx\n"
    })
}

/// The path of the instance with this name.
pub(super) fn path(tracefs: &Path, name: &str) -> PathBuf {
    tracefs.join("instances").join(name)
}

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether we remove it when done. If not, it is lent to us, and we leave nothing recorded in it.
    is_ours: bool,
}

impl Folder {
    pub(super) fn make(tracefs: &Path, name: &str) -> Result<Self, TraceError> {
        let path = path(tracefs, name);
        // Each try has another name, but the same fault is reported once.
        fs::create_dir(&path).map_err(failed(&tracefs.join("instances")))?;
        Ok(Self { path, is_ours: true })
    }

    /// A folder lent to us.
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

    /// Writes to a file of the instance. All of them exist; none is ever created.
    fn write(&self, file: &str, text: &str) -> Result<(), TraceError> {
        let path = self.path.join(file);
        let opened = OpenOptions::new().write(true).open(&path);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(&path))
    }

    /// Octets per CPU; the kernel rounds them to whole pages.
    pub(super) fn set_buffer(&self, octets: u64) -> Result<(), TraceError> {
        self.write("buffer_size_kb", &(octets / 1024).to_string())
    }

    /// As set by [`Self::set_buffer`].
    pub(super) fn buffer(&self) -> Result<u64, TraceError> {
        let (path, mut text) = (self.path.join("buffer_size_kb"), Vec::new());
        read::whole(&path, &mut text)?;
        let kib = decimal(text.trim_ascii()).and_then(|kib| kib.checked_mul(1024));
        kib.ok_or(TraceError::NoSize { path })
    }

    /// Records resets, or stops.
    pub(super) fn record(&self, whether: bool) -> Result<(), TraceError> {
        let text = if whether { "1" } else { "0" };
        EVENTS.iter().try_for_each(|event| self.write(&format!("events/tcp/{event}/enable"), text))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_ours {
            // The lender may have removed it, or keeps it for another user.
            let _ = self.path.is_dir() && self.record(false).is_ok();
            return;
        }
        let removed = fs::remove_dir(&self.path);
        if let Some(error) = removed.err().filter(|error| error.kind() != ErrorKind::NotFound) {
            tracing::warn!(instance = %self.path.display(), "the trace instance is left over: {error}");
        }
    }
}
