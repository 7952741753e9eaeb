//! A trace instance of our own: made, or lent by [`super::prepared`], read without ever blocking, and removed.
//!
//! An instance (Documentation/trace/ftrace.rst) has its own buffer and set of events, so we and others who trace on the
//! host do not disturb each other. Only its folder keeps it alive: the instance of a killed process stays, with its
//! buffer, until the next process removes it.

#![expect(clippy::disallowed_methods, reason = "reads the buffers of the trace instance")]

use super::error::{TraceError, failed};
use super::folder::{EVENTS, Folder, PREFIX, remove_left_overs};
use super::format::{Format, FormatError};
use super::page::{PageLayout, lost};
use super::reset::{Events, Reset};
use crate::proc::read;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long discarding the rest of an earlier recording may take.
const FORGET_WITHIN: Duration = Duration::from_secs(1);

/// The buffer of one CPU.
#[derive(Debug)]
struct Pipe {
    file: File,
    stats: PathBuf,
    /// What the kernel had lost before we started.
    before: u64,
    lost: u64,
}

/// What one reading of the buffers brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drained {
    /// How many octets of events the fullest buffer held.
    pub fullest: usize,
    /// Whether time ran out before all buffers were empty.
    pub cut_short: bool,
}

/// The instance.
#[derive(Debug)]
pub struct Instance {
    folder: Folder,
    layout: PageLayout,
    /// What the events look like.
    pub events: Events,
    /// The size of the buffer of each CPU, in octets.
    pub buffer: u64,
    pipes: Vec<Pipe>,
    page: Vec<u8>,
    first: usize,
}

impl Instance {
    /// Makes an instance with a buffer of `buffer` octets per CPU, and has the kernel write resets into it.
    ///
    /// # Errors
    /// If that is impossible here; no instance is left then.
    pub fn make(tracefs: &Path, buffer: u64) -> Result<Self, TraceError> {
        remove_left_overs(tracefs);
        let made = Self::try_make(tracefs, buffer);
        // A process in another process namespace may remove ours as a left-over before we read it.
        if made.as_ref().is_err_and(TraceError::is_gone) { Self::try_make(tracefs, buffer) } else { made }
    }

    fn try_make(tracefs: &Path, buffer: u64) -> Result<Self, TraceError> {
        let described = Described::read(&tracefs.join("events"))?;
        // Processes with the same number may share tracefs, each in its own process namespace.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let number = since.map_or(0, |since| since.subsec_nanos());
        let folder = Folder::make(tracefs, &format!("{PREFIX}{}-{number}", std::process::id()))?;
        // Comes first: an instance that is being read cannot be removed.
        let pipes = pipes(folder.path())?;
        folder.set_buffer(buffer)?;
        Self::begin(folder, described, pipes, buffer)
    }

    /// Records in an instance made by [`super::prepared::prepare`], with the buffer size it was made with.
    ///
    /// # Errors
    /// If we may not use it.
    pub fn lent(instance: &Path) -> Result<Self, TraceError> {
        let described = Described::read(&instance.join("events"))?;
        let folder = Folder::lent(instance);
        let pipes = pipes(folder.path())?;
        // The rest of an earlier recording must not count as new.
        folder.record(false)?;
        let buffer = folder.buffer()?;
        Self::begin(folder, described, pipes, buffer)
    }

    fn begin(
        folder: Folder,
        Described { events, layout }: Described,
        pipes: Vec<Pipe>,
        buffer: u64,
    ) -> Result<Self, TraceError> {
        let mut instance =
            Self { pipes, folder, layout, events, buffer, page: vec![0; layout.size()], first: 0 };
        let _ = instance.drain(Instant::now() + FORGET_WITHIN, |_| {});
        instance.read_lost(|_| true);
        for pipe in &mut instance.pipes {
            pipe.before = pipe.lost;
        }
        instance.folder.record(true)?;
        Ok(instance)
    }

    /// Takes events out of the buffers until they are empty or time runs out. Returns an error too if a buffer could
    /// not be read or made no sense; what could be read was taken out all the same.
    pub fn drain(&mut self, until: Instant, mut take: impl FnMut(Reset)) -> (Drained, Option<TraceError>) {
        let (mut drained, mut problem) = (Drained::default(), None);
        let mut touched = vec![false; self.pipes.len()];
        // Each time starts with another buffer, so that none is neglected for good when time is short.
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
                        Err(broken) => problem = Some(broken.into()),
                    }
                }
                if Instant::now() >= until {
                    drained.cut_short = true;
                    break 'pipes;
                }
            }
        }
        // If nothing was written, nothing was lost.
        self.read_lost(|position| touched.get(position) == Some(&true));
        (drained, problem)
    }

    fn read_lost(&mut self, wanted: impl Fn(usize) -> bool) {
        let mut text = Vec::new();
        for (_, pipe) in self.pipes.iter_mut().enumerate().filter(|(position, _)| wanted(*position)) {
            // Keeps its value if it cannot be read this time.
            if read::whole(&pipe.stats, &mut text).is_ok() {
                pipe.lost = pipe.lost.max(lost(&text));
            }
        }
    }

    /// How many events the kernel has lost since we started, as of the latest [`Self::drain`].
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.pipes.iter().map(|pipe| pipe.lost.saturating_sub(pipe.before)).fold(0, u64::saturating_add)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // An instance cannot be removed while somebody reads its buffers.
        self.pipes.clear();
    }
}

/// The kernel's descriptions of the events and of its buffers.
struct Described {
    events: Events,
    layout: PageLayout,
}

impl Described {
    fn read(events: &Path) -> Result<Self, TraceError> {
        let mut text = Vec::new();
        // If we may not look into tracefs, the error names its first folder.
        fs::read_dir(events).map_err(failed(events))?;
        let [sent, received] = EVENTS
            .map(|event| parsed(events.join("tcp").join(event).join("format"), &mut text, Format::parse));
        let of_tcp = Events::new(&sent?, &received?)?;
        let layout = parsed(events.join("header_page"), &mut text, PageLayout::parse)?;
        Ok(Self { events: of_tcp, layout })
    }
}

/// Reads a description whole and parses it.
fn parsed<T>(
    path: PathBuf,
    text: &mut Vec<u8>,
    parse: impl FnOnce(&[u8]) -> Result<T, FormatError>,
) -> Result<T, TraceError> {
    read::whole(&path, text)?;
    parse(text).map_err(|cause| TraceError::Malformed { path, cause })
}

/// Whether a buffer is empty, or its CPU absent: every possible CPU has a folder, but only CPUs that have been online
/// have a buffer (ring_buffer_alloc_read_page(), kernel/trace/ring_buffer.c).
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
        Ok(Pipe { file, stats: cpu.join("stats"), before: 0, lost: 0 })
    };
    cpus.flatten().map(|cpu| pipe(cpu.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A machine that can have more CPUs than it has.
    #[test]
    fn a_cpu_that_is_not_there_has_nothing() {
        let absent = io::Error::from_raw_os_error(rustix::io::Errno::NODEV.raw_os_error());
        assert!(has_nothing(&absent) && has_nothing(&ErrorKind::WouldBlock.into()));
        let failed = io::Error::from_raw_os_error(rustix::io::Errno::NOMEM.raw_os_error());
        assert!(!has_nothing(&failed));
    }

    /// A folder that looks like tracefs at first.
    fn fake() -> tempfile::TempDir {
        let tracefs = tempfile::tempdir().unwrap();
        fs::create_dir_all(tracefs.path().join("events/tcp")).unwrap();
        tracefs
    }

    fn describe(tracefs: &Path) {
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/6.18");
        for event in EVENTS {
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
        assert!(make().contains("/instances: No such file") && make() == make(), "{}", make());
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
        // No kernel fills it, so there is nothing to open.
        assert!(Instance::make(tracefs.path(), 1 << 20).unwrap_err().to_string().contains("per_cpu"));
    }

    /// An instance with `cpus` CPUs, of ordinary files: data added to a buffer is read once, as from the kernel's.
    struct Fake {
        tracefs: tempfile::TempDir,
        instance: Instance,
    }

    impl Fake {
        fn new(cpus: usize, stats: &str) -> Self {
            let tracefs = fake();
            describe(tracefs.path());
            for event in EVENTS {
                fs::write(tracefs.path().join("events/tcp").join(event).join("enable"), "0").unwrap();
            }
            fs::write(tracefs.path().join("buffer_size_kb"), "1024\n").unwrap();
            for cpu in 0..cpus {
                let folder = tracefs.path().join(format!("per_cpu/cpu{cpu}"));
                fs::create_dir_all(&folder).unwrap();
                // From an earlier recording.
                fs::write(folder.join("trace_pipe_raw"), page()).unwrap();
                fs::write(folder.join("stats"), stats).unwrap();
            }
            let instance = Instance::lent(tracefs.path()).unwrap();
            Self { tracefs, instance }
        }

        fn cpus(&self) -> Vec<PathBuf> {
            fs::read_dir(self.tracefs.path().join("per_cpu"))
                .unwrap()
                .map(|cpu| cpu.unwrap().path())
                .collect()
        }

        /// Adds `pages` pages for each CPU.
        fn add(&self, pages: usize) {
            for cpu in self.cpus() {
                let mut pipe = OpenOptions::new().append(true).open(cpu.join("trace_pipe_raw")).unwrap();
                pipe.write_all(&page().repeat(pages)).unwrap();
            }
        }

        fn lost(&mut self, stats: &str) -> u64 {
            self.cpus().iter().for_each(|cpu| fs::write(cpu.join("stats"), stats).unwrap());
            self.add(1);
            assert!(self.drain().is_some());
            self.instance.lost()
        }

        /// How many resets were taken out, if nothing was wrong.
        fn drain(&mut self) -> Option<usize> {
            let mut resets = 0;
            let (_, problem) = self.instance.drain(Instant::now() + FORGET_WITHIN, |_| resets += 1);
            problem.is_none().then_some(resets)
        }
    }

    /// A page as the kernel returns it, filled up to its size.
    fn page() -> Vec<u8> {
        let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trace/6.18");
        let mut page = fs::read(captured.join("trace_pipe_raw")).unwrap();
        let layout = PageLayout::parse(&fs::read(captured.join("header_page")).unwrap()).unwrap();
        page.resize(layout.size(), 0);
        page
    }

    fn stats(overrun: u64, dropped: u64) -> String {
        format!("entries: 0\noverrun: {overrun}\ncommit overrun: 0\nbytes: 0\ndropped events: {dropped}\n")
    }

    #[test]
    fn a_prepared_instance_begins_with_nothing_and_ends_switched_off() {
        let mut fake = Fake::new(2, &stats(3, 4));
        let enabled = |fake: &Fake| {
            EVENTS.map(|event| {
                fs::read_to_string(fake.tracefs.path().join("events/tcp").join(event).join("enable")).unwrap()
            })
        };
        assert_eq!(enabled(&fake), ["1", "1"]);
        assert_eq!((fake.instance.buffer, fake.instance.lost()), (1 << 20, 0));
        assert_eq!(fake.drain(), Some(0), "what was left of a recording before");
        fake.add(1);
        let resets = fake.drain().unwrap();
        assert!(resets > 0 && resets.is_multiple_of(2), "{resets}");
        let Fake { tracefs, instance } = fake;
        drop(instance);
        let path = tracefs.path().to_owned();
        assert!(path.join("per_cpu/cpu1").is_dir(), "it is not ours to remove");
        for event in EVENTS {
            assert_eq!(fs::read_to_string(path.join("events/tcp").join(event).join("enable")).unwrap(), "0");
        }
    }

    /// When there is time for one page only, each CPU gets its turn.
    #[test]
    fn no_cpu_is_forgotten_where_time_is_short() {
        use std::io::Seek;
        let mut fake = Fake::new(3, &stats(0, 0));
        fake.add(3);
        let mut positions = || -> Vec<u64> {
            let (drained, problem) = fake.instance.drain(Instant::now(), |_| {});
            assert!(drained.cut_short && problem.is_none());
            fake.instance.pipes.iter_mut().map(|pipe| pipe.file.stream_position().unwrap()).collect()
        };
        let page = u64::try_from(page().len()).unwrap();
        let mut read = [positions(), positions(), positions()];
        // After the page that was there at the start.
        read.iter_mut().for_each(|read| read.sort_unstable());
        assert_eq!(
            read,
            [[1, 1, 2], [1, 2, 2], [2, 2, 2]].map(|pages| pages.map(|pages| pages * page).to_vec())
        );
    }

    #[test]
    fn losses_never_fall() {
        let mut fake = Fake::new(2, &stats(10, 5));
        // Since we started, over both CPUs.
        assert_eq!(fake.lost(&stats(10, 5)), 0);
        assert_eq!(fake.lost(&stats(17, 6)), 2 * 8);
        // The kernel restarts its count when somebody clears the buffer or changes its size.
        assert_eq!(fake.lost(&stats(0, 0)), 2 * 8);
        assert_eq!(fake.lost("nonsense"), 2 * 8);
        assert_eq!(fake.lost(&stats(20, 6)), 2 * 11);
    }
}
