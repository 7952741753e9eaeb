//! The only module that opens files below a `/proc` root, whole or line by line.

#![expect(clippy::disallowed_methods, reason = "opens the files below /proc")]

use super::error::{Fault, ParseError};
use super::seen::{Identity, Seen};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Buffer size for streamed files. The kernel returns less than a page for each read of a socket table, and no page is
/// larger than this, so more would not save a system call.
const CHUNK: usize = 64 * 1024;

/// Where streaming one file stops for good. A million sockets in net/tcp6 are about 170 MB.
const LARGEST_STREAM: u64 = 16 << 30;

/// No row of a socket table is longer, given the kernel's print formats and the types printed (`get_tcp6_sock` in
/// net/ipv6/tcp_ipv6.c has the longest: 256 octets if every number is as long as possible). Most rows take 150 octets,
/// those of IPv6 160 to 190.
const LONGEST_ROW: usize = 256;

/// The largest file read whole. The counters of a recent kernel take about 6 KiB.
const LARGEST_WHOLE: usize = 4 << 20;

/// Room for a file of `sys` with a few numbers.
const LARGEST_SYSCTL: usize = 4 << 10;

/// Why a file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It does not exist, which is normal for a protocol the kernel lacks.
    #[error("{path}: not there")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be opened or read.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It does not end before our limit.
    #[error("{path}: larger than {limit} bytes, which no kernel makes it")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        limit: u64,
    },
    /// Its contents are not what a kernel writes.
    #[error("{path}, {cause}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        cause: ParseError,
    },
}

impl ReadError {
    /// Whether the file does not exist.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// Whether the caller stopped it with [`Fault::TooSlow`].
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        matches!(self, Self::Malformed { cause: ParseError { fault: Fault::TooSlow, .. }, .. })
    }
}

/// A `/proc`: this system's, or one mounted elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcRoot {
    root: PathBuf,
    net: PathBuf,
}

impl ProcRoot {
    /// `/proc` shows the reader's own network namespace. For any other root we read that of its process 1, since
    /// ROOT/net would be a link to the reader's own process number over there.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let net = if root == Path::new("/proc") { root.join("net") } else { root.join("1/net") };
        Self { root, net }
    }

    /// The root itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// A file of ROOT/net, such as `tcp6`.
    #[must_use]
    pub fn net(&self, file: &str) -> PathBuf {
        self.net.join(file)
    }

    /// Whether a file of `net` exists, readable or not.
    #[must_use]
    pub fn has_net(&self, file: &str) -> bool {
        self.net(file).exists()
    }

    /// Whether a missing file of ROOT/net is an IPv6 one that the kernel lacks: its IPv4 sister, whose name has no 6,
    /// exists. Otherwise the root is no `/proc`, and says nothing about IPv6.
    #[must_use]
    pub fn lacks_ipv6(&self, file: &str) -> bool {
        file.strip_suffix('6').is_some_and(|ipv4| self.net(ipv4).exists())
    }

    /// A file of ROOT/sys, such as `net/ipv4/tcp_mem`; `None` if it is one of `net` and would show another network
    /// namespace than [`Self::net`]: `/proc/sys/net` always shows the reader's own, whatever root it is read through.
    #[must_use]
    pub fn sysctl(&self, file: &str) -> Option<PathBuf> {
        let elsewhere = file.starts_with("net/") && !self.is_of_own_namespace();
        (!elsewhere).then(|| self.root.join("sys").join(file))
    }

    /// Whether [`Self::net`] shows this process's own network namespace, as sysctls and netlink do.
    #[must_use]
    pub fn is_of_own_namespace(&self) -> bool {
        let own = Path::new("/proc/self/ns/net");
        let shown = self.root.join("1/ns/net");
        self.root == Path::new("/proc")
            || matches!((own.read_link(), shown.read_link()), (Ok(a), Ok(b)) if a == b)
    }
}

fn open(path: &Path) -> Result<File, ReadError> {
    // Without O_NONBLOCK, opening a FIFO that somebody put in place of the file would wait for a writer. Files of /proc
    // ignore the flag.
    let nonblock = i32::from_ne_bytes(rustix::fs::OFlags::NONBLOCK.bits().to_ne_bytes());
    OpenOptions::new().read(true).custom_flags(nonblock).open(path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => ReadError::Absent { path: path.into() },
        _ => io(path, cause),
    })
}

fn io(path: &Path, cause: std::io::Error) -> ReadError {
    ReadError::Io { path: path.into(), cause }
}

fn malformed(path: &Path, cause: ParseError) -> ReadError {
    ReadError::Malformed { path: path.into(), cause }
}

/// Reads a small file whole into `buffer`, replacing its contents.
///
/// # Errors
/// If it is absent, unreadable, empty (no kernel file we read ever is), over 4 MiB, or its last line has no newline
/// (the kernel always writes whole lines).
pub fn whole(path: &Path, buffer: &mut Vec<u8>) -> Result<(), ReadError> {
    buffer.clear();
    let limit = LARGEST_WHOLE as u64;
    open(path)?.take(limit + 1).read_to_end(buffer).map_err(|cause| io(path, cause))?;
    if buffer.len() > LARGEST_WHOLE {
        return Err(ReadError::TooLarge { path: path.into(), limit });
    }
    is_whole(path, buffer)
}

/// Reads a file of `sys` with a single read and parses it: these files answer the first read with as much as there is
/// room for, and every other one with nothing (`proc_sys_call_handler`, fs/proc/proc_sysctl.c, and its handlers).
///
/// # Errors
/// As [`whole`], and if the parser fails.
pub fn sysctl<T>(
    path: &Path,
    buffer: &mut Vec<u8>,
    parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
) -> Result<T, ReadError> {
    sysctl_of(LARGEST_SYSCTL, path, buffer, parse)
}

/// The same for a file that may have so many octets.
///
/// # Errors
/// As [`whole`], and if the parser fails.
pub fn sysctl_of<T>(
    longest: usize,
    path: &Path,
    buffer: &mut Vec<u8>,
    parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
) -> Result<T, ReadError> {
    buffer.clear();
    buffer.resize(longest, 0);
    let read = open(path)?.read(buffer).map_err(|cause| io(path, cause))?;
    buffer.truncate(read);
    is_whole(path, buffer)?;
    parse(buffer).map_err(|cause| malformed(path, cause))
}

/// Checks that a file is neither empty nor cut short.
fn is_whole(path: &Path, contents: &[u8]) -> Result<(), ReadError> {
    match contents.last() {
        None => Err(malformed(path, ParseError::new(0, Fault::Empty))),
        Some(b'\n') => Ok(()),
        // The last number may have lost digits and would be a different one.
        Some(_) => {
            let line = 1 + memchr::memchr_iter(b'\n', contents).count();
            Err(malformed(path, ParseError::new(line, Fault::CutShort)))
        }
    }
}

/// Reads a small file whole and parses it.
///
/// # Errors
/// As [`whole`], and if the parser fails.
pub fn parsed<T>(
    path: &Path,
    buffer: &mut Vec<u8>,
    parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
) -> Result<T, ReadError> {
    whole(path, buffer)?;
    parse(buffer).map_err(|cause| malformed(path, cause))
}

/// Passes each line of a socket table to `line`, with its number from 1 and without its newline, holding one chunk of
/// the file at a time. Only for socket tables: it stops where the kernel ends such a table, and drops rows repeated
/// after the end, which it recognises by `identity`.
///
/// # Errors
/// If the file is absent, unreadable, empty or endless, has a line longer than a chunk or a last line without its
/// newline (the kernel always writes whole lines), or `line` fails.
pub fn lines(
    path: &Path,
    identity: impl Fn(&[u8]) -> Option<Identity<'_>>,
    line: impl FnMut(usize, &[u8]) -> Result<(), ParseError>,
) -> Result<(), ReadError> {
    stream(path, open(path)?, LARGEST_STREAM, identity, line)
}

/// What one read of a socket table says about its end.
///
/// The table ends with a read that had room for another row (fs/seq_file.c, `seq_read_iter`). A read after that
/// restarts if the table has grown meanwhile: `tcp_seq_start` (net/ipv4/tcp_ipv4.c) finds no socket after the last one
/// and counts from the first, so it repeats as many of the last rows as there are new sockets before them;
/// `udp_seq_start` counts this way on every read. On a host where thousands of sockets come and go each second, nearly
/// every other reading has repeats. The number in front of each row (sl) still goes on, so it does not show them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// There was room for another row of any length: this was the last.
    Here,
    /// The kernel's page is so full that there may be more: later rows are new, or repeated.
    Perhaps,
    /// Not one of the kernel's reads, or the buffer was full.
    No,
}

fn end(read: usize, room: usize) -> End {
    let page = rustix::param::page_size();
    if read + LONGEST_ROW < room.min(page) {
        End::Here
    } else if read < page {
        End::Perhaps
    } else {
        End::No
    }
}

fn stream(
    path: &Path,
    file: impl Read,
    limit: u64,
    identity: impl Fn(&[u8]) -> Option<Identity<'_>>,
    mut line: impl FnMut(usize, &[u8]) -> Result<(), ParseError>,
) -> Result<(), ReadError> {
    let mut file = file.take(limit + 1);
    let (mut ended, mut seen) = (End::No, Seen::default());
    let mut chunk = vec![0; CHUNK];
    let (mut kept, mut number) = (0, 0);
    loop {
        let free = chunk.get_mut(kept..).unwrap_or_default();
        if free.is_empty() {
            return Err(malformed(path, ParseError::new(number + 1, Fault::Endless)));
        }
        let room = free.len();
        let read = match file.read(free) {
            Ok(read) => read,
            Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
            Err(cause) => return Err(io(path, cause)),
        };
        if read == 0 {
            break;
        }
        let may_repeat = ended == End::Perhaps;
        ended = end(read, room);
        let mut rest = chunk.get(..kept + read).unwrap_or_default();
        while let Some((complete, after)) =
            memchr::memchr(b'\n', rest).and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)))
        {
            number += 1;
            rest = after;
            // Only rows read in the kernel's pages can repeat, and none in a table of one page.
            let paged = may_repeat || ended == End::Perhaps;
            let repeats = paged && identity(complete).is_some_and(|row| seen.again(row));
            if !(may_repeat && repeats) {
                line(number, complete).map_err(|cause| malformed(path, cause))?;
            }
        }
        let start = kept + read - rest.len();
        kept = rest.len();
        chunk.copy_within(start..start + kept, 0);
        if ended == End::Here {
            break;
        }
    }
    if file.limit() == 0 {
        return Err(ReadError::TooLarge { path: path.into(), limit });
    }
    if kept > 0 {
        return Err(malformed(path, ParseError::new(number + 1, Fault::CutShort)));
    }
    if number == 0 {
        return Err(malformed(path, ParseError::new(0, Fault::Empty)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file_with(contents: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(contents).unwrap();
        file
    }

    fn whole_line(line: &[u8]) -> Option<Identity<'_>> {
        Some((line, b""))
    }

    fn all_lines(contents: &[u8]) -> Result<Vec<(usize, Vec<u8>)>, ReadError> {
        let mut seen = Vec::new();
        lines(file_with(contents).path(), whole_line, |number, line| {
            seen.push((number, line.to_vec()));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn lines_are_whole_whatever_the_chunks() {
        let mut contents = Vec::new();
        for number in 0..10_000 {
            writeln!(contents, "line {number} {}", "x".repeat(number % 97)).unwrap();
        }
        assert!(contents.len() > 2 * CHUNK);
        let seen = all_lines(&contents).unwrap();
        assert_eq!(seen.len(), 10_000);
        let joined: Vec<u8> = seen.iter().flat_map(|(_, line)| [line, &b"\n"[..]].concat()).collect();
        assert_eq!(joined, contents);
        assert_eq!(seen[9_999].0, 10_000);
    }

    #[test]
    fn what_no_kernel_writes_is_refused() {
        let message = |contents: &[u8]| all_lines(contents).unwrap_err().to_string();
        assert!(message(b"").ends_with("line 0: empty"));
        assert!(message(b"one\ntw").ends_with("line 2: cut short"));
        assert!(message(&vec![b'x'; CHUNK + 1]).ends_with("line 1: the line does not end"));
        assert!(lines(Path::new("/nowhere/tcp"), whole_line, |_, _| Ok(())).unwrap_err().is_absent());
    }

    /// What a kernel returns from each read, in order.
    struct Reads(Vec<Vec<u8>>);

    impl Read for Reads {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let next = self.0.remove(0);
            buffer[..next.len()].copy_from_slice(&next);
            Ok(next.len())
        }
    }

    /// How many lines count if the kernel returns these reads.
    fn counted(reads: &[&[u8]]) -> usize {
        let (mut seen, reads) = (0, Reads(reads.iter().map(|read| read.to_vec()).collect()));
        let count = |_: usize, _: &[u8]| {
            seen += 1;
            Ok(())
        };
        stream(Path::new("tcp"), reads, LARGEST_STREAM, whole_line, count).unwrap();
        seen
    }

    /// Rows as long as those of net/tcp (150 octets) or net/tcp6, by socket number.
    fn rows(width: usize, numbers: std::ops::Range<usize>) -> Vec<u8> {
        let width = width - 1;
        numbers.flat_map(|number| format!("{number:width$}\n").into_bytes()).collect()
    }

    /// Seen with 20,000 sockets, 6,000 new ones a second, and a busy machine: 156 of 366 readings had repeated rows,
    /// 1,035 of 1,094 after a read that did not fill its page.
    #[test]
    fn rows_that_come_again_behind_the_end_do_not_count() {
        for width in [150, 128, 165, 188] {
            let per_page = (rustix::param::page_size() - 1) / width;
            let full = rows(width, 0..per_page);
            // From a last page with a single row to one that is exactly full.
            for last in 1..=per_page {
                let page = rows(width, per_page..per_page + last);
                let again = rows(width, (per_page + last).saturating_sub(9)..per_page + last);
                assert_eq!(counted(&[&full, &page, &again]), per_page + last, "{last} rows of {width}");
                assert_eq!(
                    counted(&[&full, &page, &again, &page]),
                    per_page + last,
                    "{last} rows of {width}"
                );
            }
            let last = rows(width, per_page..per_page + 9);
            assert_eq!(counted(&[&last, &last, &full]), 9);
            // A page full to its last row need not be the end, and the rows after it are new.
            let next = rows(width, per_page..2 * per_page);
            let more = rows(width, 2 * per_page..2 * per_page + 9);
            assert_eq!(counted(&[&full, &next, &more]), 2 * per_page + 9);
            // New rows count even among repeated ones.
            let mixed = [rows(width, per_page - 3..per_page), more, rows(width, 0..3)].concat();
            assert_eq!(counted(&[&full, &mixed]), per_page + 9);
        }
    }

    /// A page of 25 rows of net/tcp has room for one more, and one of 26 for a row that is not padded to 149.
    #[test]
    fn the_end_is_where_another_row_would_have_fitted() {
        assert!(end(4096 - 257, CHUNK) == End::Here || rustix::param::page_size() != 4096);
        assert!(
            end(25 * 150, CHUNK) == End::Here && end(rustix::param::page_size() - 256, CHUNK) == End::Perhaps
        );
        assert!(end(CHUNK, CHUNK) == End::No);
        // The kernel leaves at least an octet of its page free.
        assert!(end(rustix::param::page_size(), CHUNK) == End::No);
    }

    /// The first read fails with this, and the others bring a row.
    struct Fails(Option<ErrorKind>, Reads);

    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0.take().map_or_else(|| self.1.read(buffer), |kind| Err(kind.into()))
        }
    }

    #[test]
    fn a_read_that_a_signal_interrupts_is_made_again_and_no_other() {
        let read = |kind| {
            let (mut rows, file) = (0, Fails(Some(kind), Reads(vec![b"row\n".to_vec()])));
            let count = |_: usize, _: &[u8]| {
                rows += 1;
                Ok(())
            };
            stream(Path::new("tcp"), file, LARGEST_STREAM, whole_line, count).map(|()| rows)
        };
        assert_eq!(read(ErrorKind::Interrupted).unwrap(), 1);
        let other = read(ErrorKind::PermissionDenied);
        assert!(
            matches!(other, Err(ReadError::Io { cause, .. }) if cause.kind() == ErrorKind::PermissionDenied)
        );
    }

    /// Only the kernel's pages repeat rows: equal lines of an ordinary file all count.
    #[test]
    fn equal_rows_of_a_file_all_count() {
        assert_eq!(all_lines(&rows(150, 7..8).repeat(10_000)).unwrap().len(), 10_000);
    }

    #[test]
    fn a_table_without_an_end_is_given_up() {
        let read = |limit| {
            let file = std::io::repeat(b'\n');
            stream(Path::new("tcp"), file, limit, whole_line, |_, _| Ok(())).unwrap_err()
        };
        let limit = 3 * CHUNK as u64 + 5;
        assert!(matches!(read(limit), ReadError::TooLarge { limit: told, .. } if told == limit));
        // A table of the largest size allowed ends.
        let file = Reads(vec![vec![b'\n'; 1000]]);
        assert!(stream(Path::new("tcp"), file, 1000, whole_line, |_, _| Ok(())).is_ok());
    }

    #[test]
    fn whole_files_have_a_largest_size() {
        let mut buffer = Vec::new();
        assert!(whole(file_with(b"abc\n").path(), &mut buffer).is_ok());
        assert_eq!(buffer, b"abc\n");
        let cut = whole(file_with(b"abc\n12").path(), &mut buffer).unwrap_err().to_string();
        assert!(cut.ends_with("line 2: cut short"), "{cut}");
        assert!(whole(Path::new("/dev/zero"), &mut buffer).unwrap_err().to_string().contains("larger than"));
        assert!(whole(file_with(b"").path(), &mut buffer).is_err());
        assert!(whole(file_with(&[b'\n'; LARGEST_WHOLE]).path(), &mut buffer).is_ok(), "the largest");
    }

    #[test]
    fn a_fifo_in_place_of_the_file_does_not_hang() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("tcp");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(lines(&fifo, whole_line, |_, _| Ok(())).is_err());
        assert!(whole(&fifo, &mut Vec::new()).is_err());
    }

    #[test]
    fn another_root_is_that_of_its_process_1() {
        assert_eq!(ProcRoot::new("/proc").net("tcp"), Path::new("/proc/net/tcp"));
        assert_eq!(ProcRoot::new("/host/proc").net("tcp"), Path::new("/host/proc/1/net/tcp"));
        let sysctl = |root: &str, file| ProcRoot::new(root).sysctl(file);
        assert_eq!(sysctl("/host/proc", "net/ipv4/tcp_mem"), None);
        assert_eq!(sysctl("/proc", "net/ipv4/tcp_mem").unwrap(), Path::new("/proc/sys/net/ipv4/tcp_mem"));
        // Files are the whole system's, whatever namespace asks.
        assert_eq!(sysctl("/host/proc", "fs/file-nr").unwrap(), Path::new("/host/proc/sys/fs/file-nr"));
    }

    #[test]
    fn ipv6_lacks_where_its_sister_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = ProcRoot::new(folder.path());
        std::fs::create_dir_all(root.net("")).unwrap();
        assert_eq!((root.has_net("udp"), root.lacks_ipv6("udp6")), (false, false), "no proc at all");
        std::fs::write(root.net("udp"), "").unwrap();
        assert_eq!((root.has_net("udp"), root.has_net("udp6")), (true, false));
        assert_eq!(
            (root.lacks_ipv6("udp6"), root.lacks_ipv6("tcp6"), root.lacks_ipv6("udp")),
            (true, false, false)
        );
    }
}
