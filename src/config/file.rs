//! Reads a text file, whatever somebody else may have put in its place.

#![expect(clippy::disallowed_methods, reason = "the configuration")]

use super::error::{ConfigError, Mistake};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// The largest file that is read. A hundred thresholds take about 15 KiB.
pub const LARGEST: u64 = 1 << 20;

/// How often to read a file that keeps changing, and how long to wait for its writer.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(50);

/// Reads the file if it is an ordinary one. Waits for nothing but the disk, and a little for whoever is writing it.
///
/// # Errors
/// If it cannot be read, is not an ordinary file, is too large or not UTF-8, or does not stop changing.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    for _ in 0..TRIES {
        if let Some(octets) = attempt(path, |_| {})? {
            return String::from_utf8(octets).map_err(|error| {
                let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
                let line = 1 + memchr::memchr_iter(b'\n', good).count();
                ConfigError::Wrong { path: path.into(), mistake: Mistake::NotUtf8 { line } }
            });
        }
        std::thread::sleep(PAUSE);
    }
    let cause = io::Error::other("changes all the time while it is read");
    Err(ConfigError::Unreadable { path: path.into(), cause })
}

/// Whether anything exists at a path.
#[must_use]
pub fn is_there(path: &Path) -> bool {
    path.exists()
}

/// `None` if the file changed meanwhile: it may be half written.
fn attempt(path: &Path, between: impl FnOnce(&Path)) -> Result<Option<Vec<u8>>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { path: path.into(), cause };
    let wrong = |mistake| Err(ConfigError::Wrong { path: path.into(), mistake });
    let too_large = || wrong(Mistake::TooLarge(LARGEST));
    // Before opening it, since opening a device may have effects.
    let allowed = |found: &Metadata| {
        if !found.is_file() {
            return wrong(Mistake::NoFile(LARGEST));
        }
        if found.len() > LARGEST { too_large() } else { Ok(None) }
    };
    allowed(&path.metadata().map_err(unreadable)?)?;
    // Whatever has replaced it since must not block us.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::from_ne_bytes(flags.bits().to_ne_bytes()))
        .open(path)
        .map_err(unreadable)?;
    let before = file.metadata().map_err(unreadable)?;
    allowed(&before)?;
    let mut octets = Vec::new();
    Read::by_ref(&mut &file).take(LARGEST + 1).read_to_end(&mut octets).map_err(unreadable)?;
    // Some files have no size until they are read, such as those of /proc.
    if octets.len() as u64 > LARGEST {
        return too_large();
    }
    between(path);
    let after = file.metadata().map_err(unreadable)?;
    Ok((state(&after) == state(&before) && is_still(&file, path)).then_some(octets))
}

/// What changes with the contents.
fn state(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// Whether no other file has replaced it.
fn is_still(file: &File, path: &Path) -> bool {
    let identity = |metadata: io::Result<Metadata>| metadata.map(|found| (found.dev(), found.ino())).ok();
    identity(file.metadata()) == identity(path.metadata())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_ordinary_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("good"), "[log]\n").unwrap();
        symlink(at("good"), at("link")).unwrap();
        assert_eq!(read(&at("good")).unwrap(), "[log]\n");
        assert_eq!(read(&at("link")).unwrap(), "[log]\n");
        let made = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(made.success());
        let _listening = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        symlink(at("circle"), at("circle")).unwrap();
        for (path, told) in [
            (at("fifo"), "no ordinary file, which is what is allowed, of up to 1048576 octets"),
            (at("socket"), "no ordinary file"),
            (folder.path().into(), "no ordinary file"),
            ("/dev/zero".into(), "no ordinary file"),
            ("/dev/null".into(), "no ordinary file"),
            (at("circle"), "symbolic links"),
            (at("none"), "No such file"),
        ] {
            let error = read(&path).unwrap_err();
            // The system's errors may pass; ours do not.
            let passes = matches!(error, ConfigError::Unreadable { .. });
            let error = error.to_string();
            assert_eq!(passes, !told.starts_with("no ordinary file"), "{error}");
            assert!(error.starts_with(path.to_str().unwrap()) && error.contains(told), "{error}");
        }
    }

    #[test]
    fn a_mebibyte_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let largest = usize::try_from(LARGEST).unwrap();
        fs::write(&path, " ".repeat(largest)).unwrap();
        assert_eq!(read(&path).unwrap().len(), largest);
        fs::write(&path, " ".repeat(largest + 1)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than the 1048576 octets"));
        // Holes take no room on the disk.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than the 1048576 octets"));
        // A file that claims to be empty.
        assert!(fs::metadata("/proc/self/status").unwrap().len() == 0);
        assert!(read(Path::new("/proc/self/status")).unwrap().starts_with("Name:"));
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"[log]\n# \xff\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().ends_with("line 2: no UTF-8"));
    }

    #[test]
    fn half_of_what_somebody_writes_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "[log]\n").unwrap();
        assert!(attempt(&path, |_| {}).unwrap().is_some());
        // Written to, cut, and replaced by another as editors do.
        for change in [
            (&|path: &Path| fs::write(path, "[log]\nlevel = \"info\"\n").unwrap()) as &dyn Fn(&Path),
            &|path: &Path| fs::write(path, "").unwrap(),
            &|path: &Path| {
                fs::write(path.with_extension("new"), "").unwrap();
                fs::rename(path.with_extension("new"), path).unwrap();
            },
            &|path: &Path| fs::remove_file(path).unwrap(),
        ] {
            assert!(attempt(&path, change).unwrap().is_none());
        }
    }
}
