//! What is mounted where, for this process (proc(5), mountinfo).

use super::read::{self, ReadError};
use std::path::{Path, PathBuf};

/// A line of mountinfo, as far as we need it.
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
        // A blank in a path appears as \040; nobody mounts what we look for at such a path.
        let point = std::str::from_utf8(point).ok().filter(|point| !point.contains('\\'))?;
        Some(Self { kind, root, point: point.into() })
    }

    /// Whether it is all of a file system of this type.
    #[must_use]
    pub fn is_whole(&self, kind: &[u8]) -> bool {
        self.kind == kind && self.root == b"/"
    }
}

/// The contents of mountinfo. Whatever root is configured for /proc: our own mounts determine what we can open.
///
/// # Errors
/// If it cannot be read.
pub fn mountinfo() -> Result<Vec<u8>, ReadError> {
    let mut mounts = Vec::new();
    read::whole(Path::new("/proc/self/mountinfo"), &mut mounts)?;
    Ok(mounts)
}

/// The lines of mountinfo.
pub fn mounts(mountinfo: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.split(|&b| b == b'\n').filter_map(Mount::parse)
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
}
