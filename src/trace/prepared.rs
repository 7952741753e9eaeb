//! A trace instance root makes for a service, so that the service itself needs no privilege: of all that can be traced,
//! its user may only read this instance's buffers, and switch two events on and off.
//!
//! The instance has copies of all descriptions needed, so once mounted somewhere it is all of tracefs that the service
//! sees. tracefs itself, which only root may enter (0700), stays as it is.

#![expect(clippy::disallowed_methods, reason = "makes and removes the trace instance of the unit")]

use super::error::{TraceError, failed};
use super::folder::{self, EVENTS, Folder, PREPARED};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

/// The user an instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's ID.
    pub user: u32,
    /// The ID of the user's group.
    pub group: u32,
}

/// Makes the instance, with a buffer of `buffer` octets per CPU. Removes a left-over one first.
///
/// # Errors
/// If that is impossible here; no instance is left then.
pub fn prepare(tracefs: &Path, owner: Owner, buffer: u64) -> Result<PathBuf, TraceError> {
    remove(tracefs)?;
    let folder = Folder::make(tracefs, PREPARED)?;
    folder.set_buffer(buffer)?;
    // As the kernel makes them (0750, 0440), the group may enter folders, read files, and write nothing.
    for path in readable(folder.path())? {
        chown(&path, None, Some(owner.group)).map_err(failed(&path))?;
    }
    // The service decides only whether the events are recorded: more memory, other events and what the kernel does on
    // an event (`trigger`) stay with root.
    for event in EVENTS {
        let path = folder.path().join("events/tcp").join(event).join("enable");
        chown(&path, Some(owner.user), None).map_err(failed(&path))?;
    }
    Ok(folder.keep())
}

/// Removes the instance, if it exists.
///
/// # Errors
/// If somebody still reads it, or we may not remove it.
pub fn remove(tracefs: &Path) -> Result<(), TraceError> {
    let path = folder::path(tracefs, PREPARED);
    match fs::remove_dir(&path) {
        Err(cause) if cause.kind() != ErrorKind::NotFound => Err(failed(&path)(cause)),
        _ => Ok(()),
    }
}

/// What the service needs to read, and the folders on the way there.
fn readable(instance: &Path) -> Result<Vec<PathBuf>, TraceError> {
    let mut paths: Vec<_> = ["", "buffer_size_kb", "events", "events/header_page", "events/tcp", "per_cpu"]
        .map(|path| instance.join(path))
        .into();
    for event in EVENTS {
        let folder = instance.join("events/tcp").join(event);
        paths.extend([folder.join("format"), folder]);
    }
    let per_cpu = instance.join("per_cpu");
    for cpu in fs::read_dir(&per_cpu).map_err(failed(&per_cpu))?.flatten() {
        paths.extend(["trace_pipe_raw", "stats", ""].map(|file| cpu.path().join(file)));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_prepared_leaves_nothing_behind() {
        let tracefs = tempfile::tempdir().unwrap();
        let instances = tracefs.path().join("instances");
        let owner = Owner { user: 65534, group: 65534 };
        let prepare = || prepare(tracefs.path(), owner, 1 << 20).unwrap_err().to_string();
        assert!(prepare().contains("/instances: No such file"), "{}", prepare());
        fs::create_dir(&instances).unwrap();
        // No kernel fills it.
        assert!(prepare().contains("buffer_size_kb"), "{}", prepare());
        assert_eq!(fs::read_dir(&instances).unwrap().count(), 0);
    }

    #[test]
    fn only_our_own_is_removed() {
        let tracefs = tempfile::tempdir().unwrap();
        let instances = tracefs.path().join("instances");
        assert!(remove(tracefs.path()).is_ok(), "nothing is there");
        for name in [PREPARED, "netstat-agentx-1-0", "somebody-elses"] {
            fs::create_dir_all(instances.join(name)).unwrap();
        }
        remove(tracefs.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(&instances).unwrap().map(|at| at.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["netstat-agentx-1-0", "somebody-elses"]);
        // An instance in use stays, and the error says so.
        fs::create_dir_all(instances.join(PREPARED).join("in-use")).unwrap();
        assert!(remove(tracefs.path()).unwrap_err().to_string().contains(PREPARED));
    }
}
