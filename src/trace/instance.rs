//! A trace instance of our own: made, read without ever blocking, and removed. The only module that opens anything
//! below tracefs.
//!
//! An instance (Documentation/trace/ftrace.rst) has a buffer and a set of events of its own, so that whoever else traces
//! on the host is not disturbed, and does not disturb us. Nothing but its folder's existence keeps it alive: that of a
//! process that was killed stays, with its buffer, until the next one removes it.

use super::format::Format;
use super::page::{Layout, lost};
use super::reset::{Events, Reset};
use crate::proc::read::{self, ReadError};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

/// What the folders of our instances are called; the process behind it.
const PREFIX: &str = "netstat-agentx-";

/// The events, below `events/tcp`.
const SENT: &str = "tcp_send_reset";
const RECEIVED: &str = "tcp_receive_reset";

/// Why resets cannot be traced, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is no tracefs.
    #[error("tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing")]
    NotMounted,
    /// A file or folder below tracefs cannot be made, opened, read or written.
    #[error("{path}: {cause}{}", hint(cause))]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The kernel does not have the events.
    #[error("{path}: not there; Linux has it since 4.16, if it was built with tracing")]
    NoEvent {
        /// Where it would be described.
        path: PathBuf,
    },
    /// What the kernel says of its events or its buffer makes no sense to us.
    #[error("{0}")]
    Unknown(String),
}

impl TraceError {
    /// Whether something is not there, or not any more.
    fn is_gone(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == ErrorKind::NotFound
            || cause.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()))
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::PermissionDenied => {
            "; tracing needs root or CAP_DAC_OVERRIDE, and a kernel that is not locked down"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "; tracefs is read-only here, as ProtectKernelTunables=yes of a systemd unit makes it"
        }
        // Under lockdown=confidentiality the kernel makes no file in tracefs (fs/tracefs/inode.c).
        ErrorKind::NotFound => {
            "; is tracefs hidden, as by ProtectKernelTunables=yes of a systemd unit, or empty, as in a kernel that is \
             locked down (lockdown=confidentiality)?"
        }
        _ => "",
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> TraceError {
    let path = path.to_owned();
    move |cause| TraceError::Io { path, cause }
}

impl From<ReadError> for TraceError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent { path } => Self::NoEvent { path },
            ReadError::Io { path, cause } => Self::Io { path, cause },
            other => Self::Unknown(other.to_string()),
        }
    }
}

/// Where tracefs is, if it is anywhere.
///
/// # Errors
/// If it is not mounted.
pub fn tracefs() -> Result<PathBuf, TraceError> {
    // Whatever root is configured for /proc: what we open is found by our own mounts.
    let mut mounts = Vec::new();
    read::whole(Path::new("/proc/self/mountinfo"), &mut mounts)?;
    let of = |wanted: &[u8]| {
        let mut mounts = mounts.split(|&b| b == b'\n').filter_map(mount);
        mounts.find_map(|(kind, path)| (kind == wanted).then_some(path))
    };
    of(b"tracefs").or_else(|| Some(of(b"debugfs")?.join("tracing"))).ok_or(TraceError::NotMounted)
}

/// Type and mount point of a line of mountinfo, if it is the whole of a file system that is mounted there (proc(5)).
#[must_use]
pub fn mount(line: &[u8]) -> Option<(&[u8], PathBuf)> {
    let mut fields = line.split(|&b| b == b' ');
    let (root, point) = (fields.nth(3)?, fields.next()?);
    // Any number of optional fields end with a single hyphen.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    // A path with a blank has it as \040; nobody mounts tracefs at such a place.
    let point = std::str::from_utf8(point).ok().filter(|point| !point.contains('\\'))?;
    (root == b"/").then(|| (kind, point.into()))
}

/// Removes the instances of processes that were killed. The kernel refuses to remove one that somebody reads.
pub fn remove_left_overs(tracefs: &Path) {
    let instances = fs::read_dir(tracefs.join("instances")).into_iter().flatten().flatten();
    for instance in instances {
        let name = instance.file_name();
        let Some(process) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if !is_ours(process) && fs::remove_dir(instance.path()).is_ok() {
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

/// The buffer of one CPU.
#[derive(Debug)]
struct Pipe {
    file: File,
    stats: PathBuf,
    lost: u64,
}

/// What one reading of the buffers brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// How many octets of events the fullest of the buffers held.
    pub fullest: usize,
    /// Whether time was up before all of them were empty.
    pub cut_short: bool,
}

/// The instance.
#[derive(Debug)]
pub struct Instance {
    folder: Folder,
    layout: Layout,
    /// What the events look like.
    pub events: Events,
    pipes: Vec<Pipe>,
    page: Vec<u8>,
    first: usize,
}

/// The folder, which goes with its owner.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    /// Several processes of the same number may share tracefs, each in a process namespace of its own.
    fn make(tracefs: &Path) -> Result<Self, TraceError> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let number = since.map_or(0, |since| since.subsec_nanos());
        let path = tracefs.join("instances").join(format!("{PREFIX}{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(cause) => Err(failed(&path)(cause)),
        }
    }

    /// Sets what a file of the instance says. They are all there; none is ever made.
    fn write(&self, file: &str, text: &str) -> Result<(), TraceError> {
        let path = self.0.join(file);
        let opened = OpenOptions::new().write(true).open(&path);
        opened.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(&path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        if let Some(error) = removed.err().filter(|error| error.kind() != ErrorKind::NotFound) {
            tracing::warn!(instance = %self.0.display(), "the trace instance is left over: {error}");
        }
    }
}

impl Instance {
    /// Makes an instance with a buffer of so many octets for each CPU, and lets the kernel write resets into it.
    ///
    /// # Errors
    /// If that is not possible here; there is no instance then.
    pub fn make(tracefs: &Path, buffer: u64) -> Result<Self, TraceError> {
        remove_left_overs(tracefs);
        let made = Self::try_make(tracefs, buffer);
        // A process in another process namespace may take ours for a left-over before we read it.
        if made.as_ref().is_err_and(TraceError::is_gone) { Self::try_make(tracefs, buffer) } else { made }
    }

    fn try_make(tracefs: &Path, buffer: u64) -> Result<Self, TraceError> {
        let mut text = Vec::new();
        let events = tracefs.join("events");
        // Whoever may not look into tracefs is told so by its first folder.
        fs::read_dir(&events).map_err(failed(&events))?;
        let mut format = |event: &str| {
            let path = events.join("tcp").join(event).join("format");
            read::parsed(&path, &mut text, Format::parse)
        };
        let events_of_tcp = Events::new(&format(SENT)?, &format(RECEIVED)?).map_err(TraceError::Unknown)?;
        let layout = read::parsed(&events.join("header_page"), &mut text, Layout::parse)?;
        let folder = Folder::make(tracefs)?;
        // First of all: who reads it keeps it from being removed.
        let pipes = pipes(&folder.0)?;
        folder.write("buffer_size_kb", &(buffer / 1024).to_string())?;
        let mut instance =
            Self { pipes, folder, layout, events: events_of_tcp, page: vec![0; layout.size()], first: 0 };
        instance.enable()?;
        instance.read_lost(|_| true);
        Ok(instance)
    }

    fn enable(&self) -> Result<(), TraceError> {
        for event in [SENT, RECEIVED] {
            self.folder.write(&format!("events/tcp/{event}/enable"), "1")?;
        }
        Ok(())
    }

    /// Takes the events out of the buffers until they are empty or time is up, and says if one of them could not be
    /// read or made no sense; what could be read was taken out all the same.
    pub fn drain(&mut self, until: Instant, mut take: impl FnMut(Reset)) -> (Drained, Option<TraceError>) {
        let (mut drained, mut problem) = (Drained::default(), None);
        let mut touched = vec![false; self.pipes.len()];
        // Another one comes first each time, so that none is forgotten for good where time is short.
        self.first = (self.first + 1) % self.pipes.len().max(1);
        let order = (self.first..self.pipes.len()).chain(0..self.first);
        'pipes: for position in order {
            let Some(pipe) = self.pipes.get_mut(position) else { continue };
            let mut held = 0;
            loop {
                let read = match pipe.file.read(&mut self.page) {
                    Ok(read @ 1..) => read,
                    Err(cause) if cause.kind() == ErrorKind::Interrupted => continue,
                    Err(cause) if !has_nothing(&cause) => {
                        problem =
                            Some(TraceError::Io { path: pipe.stats.with_file_name("trace_pipe_raw"), cause });
                        break;
                    }
                    _ => break,
                };
                held += read;
                drained.fullest = drained.fullest.max(held);
                if let Some(touched) = touched.get_mut(position) {
                    *touched = true;
                }
                for record in self.layout.records(self.page.get(..read).unwrap_or_default()) {
                    match record {
                        Ok(record) => {
                            if let Some(reset) = self.events.decode(record) {
                                take(reset);
                            }
                        }
                        Err(broken) => problem = Some(TraceError::Unknown(broken.to_string())),
                    }
                }
                if Instant::now() >= until {
                    drained.cut_short = true;
                    break 'pipes;
                }
            }
        }
        // Where nothing was written nothing was lost.
        self.read_lost(|position| touched.get(position) == Some(&true));
        (drained, problem)
    }

    fn read_lost(&mut self, wanted: impl Fn(usize) -> bool) {
        let mut text = Vec::new();
        for (_, pipe) in self.pipes.iter_mut().enumerate().filter(|(position, _)| wanted(*position)) {
            // It stays as it was if it cannot be read this time.
            if read::whole(&pipe.stats, &mut text).is_ok() {
                pipe.lost = pipe.lost.max(lost(&text));
            }
        }
    }

    /// How many events the kernel lost since the instance was made, as of the latest [`Self::drain`].
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.pipes.iter().map(|pipe| pipe.lost).fold(0, u64::saturating_add)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // An instance whose buffers somebody reads cannot be removed.
        self.pipes.clear();
    }
}

/// Whether a buffer is empty, or one of a CPU that is not there: all that may come have a folder, and only those that
/// came once have a buffer (ring_buffer_alloc_read_page(), kernel/trace/ring_buffer.c).
fn has_nothing(cause: &io::Error) -> bool {
    let absent = rustix::io::Errno::NODEV.raw_os_error();
    cause.kind() == ErrorKind::WouldBlock || cause.raw_os_error() == Some(absent)
}

fn pipes(instance: &Path) -> Result<Vec<Pipe>, TraceError> {
    let folder = instance.join("per_cpu");
    let cpus = fs::read_dir(&folder).map_err(failed(&folder))?;
    // Reading must not wait for events.
    let nonblock = i32::from_ne_bytes(rustix::fs::OFlags::NONBLOCK.bits().to_ne_bytes());
    let pipe = |cpu: PathBuf| {
        let path = cpu.join("trace_pipe_raw");
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(&path).map_err(failed(&path))?;
        Ok(Pipe { file, stats: cpu.join("stats"), lost: 0 })
    };
    cpus.flatten().map(|cpu| pipe(cpu.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_of_whole_file_systems() {
        let of = |line: &'static str| mount(line.as_bytes());
        let point = |kind: &'static [u8], path: &str| Some((kind, PathBuf::from(path)));
        assert_eq!(
            of("24 23 0:7 / /sys/kernel/tracing rw,nosuid shared:11 master:2 - tracefs tracefs rw"),
            point(b"tracefs", "/sys/kernel/tracing")
        );
        assert_eq!(
            of("30 23 0:8 / /sys/kernel/debug rw - debugfs none rw"),
            point(b"debugfs", "/sys/kernel/debug")
        );
        // A folder of it, an odd place, and what is no line of mountinfo.
        assert_eq!(of("24 23 0:7 /instances/a /mnt rw - tracefs tracefs rw"), None);
        assert_eq!(of("24 23 0:7 / /a\\040b rw - tracefs tracefs rw"), None);
        for broken in ["", "24 23 0:7 /", "24 23 0:7 / /mnt rw", "24 23 0:7 / /mnt rw -"] {
            assert_eq!(of(broken), None, "{broken}");
        }
    }

    #[test]
    fn errors_say_what_to_do() {
        let told = |kind: ErrorKind| failed(Path::new("/t/instances"))(kind.into()).to_string();
        assert!(told(ErrorKind::PermissionDenied).contains("root or CAP_DAC_OVERRIDE"));
        assert!(told(ErrorKind::ReadOnlyFilesystem).contains("ProtectKernelTunables"));
        let hidden = told(ErrorKind::NotFound);
        assert!(hidden.starts_with("/t/instances: ") && hidden.contains("ProtectKernelTunables"));
        assert!(hidden.contains("lockdown=confidentiality"), "{hidden}");
        let absent = ReadError::Absent { path: "/t/events/tcp/tcp_send_reset/format".into() };
        assert!(TraceError::from(absent).to_string().contains("since 4.16"));
    }

    /// A machine that could have more CPUs than it has.
    #[test]
    fn a_cpu_that_is_not_there_has_nothing() {
        let absent = io::Error::from_raw_os_error(rustix::io::Errno::NODEV.raw_os_error());
        assert!(has_nothing(&absent) && has_nothing(&ErrorKind::WouldBlock.into()));
        let failed = io::Error::from_raw_os_error(rustix::io::Errno::NOMEM.raw_os_error());
        assert!(!has_nothing(&failed));
    }

    /// A folder that looks like tracefs to begin with.
    fn fake() -> tempfile::TempDir {
        let tracefs = tempfile::tempdir().unwrap();
        fs::create_dir_all(tracefs.path().join("events/tcp")).unwrap();
        tracefs
    }

    fn describe(tracefs: &Path) {
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/6.18");
        for event in [SENT, RECEIVED] {
            let folder = tracefs.join("events/tcp").join(event);
            fs::create_dir_all(&folder).unwrap();
            fs::copy(captured.join(event), folder.join("format")).unwrap();
        }
        fs::copy(captured.join("header_page"), tracefs.join("events/header_page")).unwrap();
    }

    #[test]
    fn what_is_missing_is_told() {
        let tracefs = fake();
        let make = || Instance::make(tracefs.path(), 1 << 20).unwrap_err().to_string();
        assert!(make().contains("tcp_send_reset/format: not there; Linux has it since 4.16"), "{}", make());
        describe(tracefs.path());
        assert!(make().contains("instances/netstat-agentx-"), "{}", make());
        fs::write(tracefs.path().join("events/header_page"), "nonsense\n").unwrap();
        assert!(make().contains("header_page, line 0: commit is missing"), "{}", make());
        assert!(
            Instance::make(Path::new("/nowhere"), 1)
                .unwrap_err()
                .to_string()
                .starts_with("/nowhere/events: ")
        );
    }

    #[test]
    fn left_overs_go_and_others_stay() {
        let tracefs = fake();
        let instances = tracefs.path().join("instances");
        let own = format!("netstat-agentx-{}-0", std::process::id());
        for name in [&own, "netstat-agentx-1-0", "netstat-agentx-in-use/a", "somebody-elses"] {
            fs::create_dir_all(instances.join(name)).unwrap();
        }
        remove_left_overs(tracefs.path());
        let mut left: Vec<_> =
            fs::read_dir(&instances).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["netstat-agentx-in-use", "somebody-elses"]);
    }

    #[test]
    fn an_instance_that_cannot_be_used_is_removed_again() {
        let tracefs = fake();
        describe(tracefs.path());
        let instances = tracefs.path().join("instances");
        fs::create_dir(&instances).unwrap();
        // No kernel fills it, so that there is nothing to open.
        assert!(Instance::make(tracefs.path(), 1 << 20).unwrap_err().to_string().contains("per_cpu"));
    }
}
