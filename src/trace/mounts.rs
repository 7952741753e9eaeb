//! Finds where tracefs is mounted, or a single trace instance of it.

use super::error::TraceError;
use super::folder::PREPARED;
use crate::proc::read;
use std::path::{Path, PathBuf};

/// A line of mountinfo (proc(5)), as far as we need it.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The type of the file system.
    pub kind: &'a [u8],
    /// Which of its folders is mounted; `/` for all of it.
    pub root: &'a [u8],
    /// Mount point.
    pub point: PathBuf,
}

impl<'a> Mount<'a> {
    /// `None` if it is not a line of mountinfo.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|&b| b == b' ');
        let (root, point) = (fields.nth(3)?, fields.next()?);
        // Any number of optional fields, ended by a single hyphen.
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        // A blank in a path appears as \040; nobody mounts tracefs at such a path.
        let point = std::str::from_utf8(point).ok().filter(|point| !point.contains('\\'))?;
        Some(Self { kind, root, point: point.into() })
    }

    fn is_whole(&self, kind: &[u8]) -> bool {
        self.kind == kind && self.root == b"/"
    }

    fn is_prepared(&self) -> bool {
        let name = self.root.strip_prefix(b"/instances/");
        self.kind == b"tracefs" && name == Some(PREPARED.as_bytes())
    }
}

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
        let prepared = mounts(mountinfo).find(Mount::is_prepared).map(|mount| Self::Prepared(mount.point));
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

/// Whatever root is configured for /proc: our own mounts determine what we can open.
fn mountinfo() -> Result<Vec<u8>, TraceError> {
    let mut mounts = Vec::new();
    read::whole(Path::new("/proc/self/mountinfo"), &mut mounts)?;
    Ok(mounts)
}

fn mounts(mountinfo: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.split(|&b| b == b'\n').filter_map(Mount::parse)
}

fn whole(mountinfo: &[u8]) -> Option<PathBuf> {
    let of = |kind: &[u8]| Some(mounts(mountinfo).find(|mount| mount.is_whole(kind))?.point);
    of(b"tracefs").or_else(|| Some(of(b"debugfs")?.join("tracing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_mountinfo() {
        let line = "24 23 0:7 /a /sys/kernel/tracing rw,nosuid shared:11 master:2 - tracefs tracefs rw";
        let mount = Mount { kind: b"tracefs", root: b"/a", point: "/sys/kernel/tracing".into() };
        assert_eq!(Mount::parse(line.as_bytes()), Some(mount));
        // An odd path, and text that is not a line of mountinfo.
        assert_eq!(Mount::parse(b"24 23 0:7 / /a\\040b rw - tracefs tracefs rw"), None);
        for broken in ["", "24 23 0:7 /", "24 23 0:7 / /mnt rw", "24 23 0:7 / /mnt rw -"] {
            assert_eq!(Mount::parse(broken.as_bytes()), None, "{broken}");
        }
    }

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
