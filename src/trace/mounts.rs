//! Finds where tracefs is mounted, or a single trace instance of it.

use super::error::TraceError;
use super::folder::PREPARED;
use crate::proc::mounts::{Mount, mountinfo, mounts};
use std::path::PathBuf;

/// Where to trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An instance root has made for this process (see [`super::prepared`]), which is all of tracefs it can see.
    Prepared(PathBuf),
    /// The whole of tracefs, to make an instance in.
    Tracefs(PathBuf),
}

impl Place {
    /// Finds the place.
    ///
    /// # Errors
    /// If tracefs is not mounted.
    pub fn find() -> Result<Self, TraceError> {
        Self::among(&mountinfo()?).ok_or(TraceError::NotMounted)
    }

    fn among(mountinfo: &[u8]) -> Option<Self> {
        // It may be mounted over tracefs as a whole, which is listed as well.
        let prepared = mounts(mountinfo).find(is_prepared).map(|mount| Self::Prepared(mount.point));
        prepared.or_else(|| whole(mountinfo).map(Self::Tracefs))
    }
}

/// Where tracefs as a whole is mounted.
///
/// # Errors
/// If it is not mounted.
pub fn tracefs() -> Result<PathBuf, TraceError> {
    whole(&mountinfo()?).ok_or(TraceError::NotMounted)
}

fn is_prepared(mount: &Mount<'_>) -> bool {
    let name = mount.root.strip_prefix(b"/instances/");
    mount.kind == b"tracefs" && name == Some(PREPARED.as_bytes())
}

fn whole(mountinfo: &[u8]) -> Option<PathBuf> {
    let of = |kind: &[u8]| Some(mounts(mountinfo).find(|mount| mount.is_whole(kind))?.point);
    of(b"tracefs").or_else(|| Some(of(b"debugfs")?.join("tracing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_trace_at() {
        let of = |lines: &str| Place::among(lines.as_bytes());
        let whole = "24 23 0:7 / /sys/kernel/tracing rw - tracefs tracefs rw\n";
        let debugfs = "30 23 0:8 / /sys/kernel/debug rw - debugfs none rw\n";
        assert_eq!(of(whole), Some(Place::Tracefs("/sys/kernel/tracing".into())));
        assert_eq!(of(debugfs), Some(Place::Tracefs("/sys/kernel/debug/tracing".into())));
        assert_eq!(of(&format!("{debugfs}{whole}")), of(whole));
        // Another of its folders; our folder after its removal; one of that name in another file system.
        let instance = |name: &str, kind: &str| format!("25 24 0:7 /instances/{name} /t rw - {kind} x rw\n");
        for other in [
            instance("a", "tracefs"),
            instance("netstat-agentx-unit//deleted", "tracefs"),
            instance("netstat-agentx-unit", "ext4"),
        ] {
            assert_eq!(of(&other), None, "{other}");
            assert_eq!(of(&format!("{whole}{other}")), of(whole), "{other}");
        }
        let prepared = instance("netstat-agentx-unit", "tracefs");
        assert_eq!(of(&format!("{whole}{prepared}")), Some(Place::Prepared("/t".into())));
        assert_eq!(of(&prepared), Some(Place::Prepared("/t".into())));
    }
}
