//! Log lines on their way to stderr, which may be a pipe that nobody reads or a journal on a slow disk: a thread writes
//! them, and nothing else ever waits for it.

#![cfg_attr(
    not(test),
    expect(clippy::disallowed_types, reason = "the queue between the loop and the thread that writes")
)]

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// How many octets of lines may wait. Further lines are lost, and counted, until half of that is written: otherwise
/// each line read would make room for one, and each of those would have lost lines before it.
const WAITING: usize = 1 << 20;

/// How long the process waits at its end for lines that are still to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Waiting lines.
#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    octets: usize,
    /// How many lines were lost after the last waiting one.
    lost: u64,
    /// Whether the thread holds a line that is not written yet.
    writing: bool,
}

impl Queue {
    /// Queues a line, or counts it as lost.
    fn put(&mut self, line: &[u8]) {
        if self.lost > 0 || self.octets + line.len() > WAITING {
            self.lost += 1;
        } else {
            self.octets += line.len();
            self.lines.push_back(line.to_vec());
        }
    }

    /// Takes the next line, which reports lost lines if there were any.
    fn take(&mut self) -> Option<Vec<u8>> {
        if self.lost > 0 && self.octets <= WAITING / 2 {
            let lost = std::mem::take(&mut self.lost);
            let told = format!("netstat-agentx: {lost} lines were lost here: nobody read the log in time\n");
            self.put(told.as_bytes());
        }
        let line = self.lines.pop_front();
        self.octets -= line.as_ref().map_or(0, Vec::len);
        self.writing = line.is_some();
        line
    }

    fn is_written(&self) -> bool {
        self.lines.is_empty() && !self.writing && self.lost == 0
    }
}

/// The queue between the callers that log and the thread.
#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Signals that something waits, or that all is written.
    changed: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that could panic is done under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where lines go. Clones share the thread.
#[derive(Clone)]
pub struct Log {
    /// `None` if no thread could be started: callers then write their lines themselves.
    shared: Option<Arc<Shared>>,
}

impl Log {
    /// Starts the thread, which writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let shared = Arc::<Shared>::default();
        let thread = std::thread::Builder::new().name("log".into());
        let theirs = Arc::clone(&shared);
        let started = thread.spawn(move || write_all(out, &theirs));
        Self { shared: started.is_ok().then_some(shared) }
    }

    /// Waits until all lines are written, but not for long: lines not read by then are lost.
    pub fn flush(&self) {
        let Some(shared) = &self.shared else { return };
        let until = Instant::now() + LAST_WORDS;
        let mut queue = shared.queue();
        while !queue.is_written() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Writes for ever. A full disk or a closed stderr is no reason to end, and there is nowhere to report it.
fn write_all(mut out: impl Write, shared: &Shared) {
    let mut queue = shared.queue();
    loop {
        match queue.take() {
            Some(line) => {
                drop(queue);
                let _ = out.write_all(&line);
                queue = shared.queue();
            }
            None => {
                shared.changed.notify_all();
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each write is a line, as [`tracing_subscriber::fmt()`] makes them.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.shared {
            None => io::stderr().write_all(line)?,
            Some(shared) => {
                shared.queue().put(line);
                shared.changed.notify_all();
            }
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes lines only while the lock is free.
    #[derive(Clone, Default)]
    struct Reader(Arc<Mutex<String>>);

    impl Write for Reader {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push_str(std::str::from_utf8(text).unwrap());
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const LINE: usize = 100;

    fn line(number: usize) -> String {
        format!("line {number:0>width$}\n", width = LINE - 6)
    }

    fn told(lost: usize) -> String {
        format!("netstat-agentx: {lost} lines were lost here: nobody read the log in time\n")
    }

    #[test]
    fn lines_that_nobody_reads_are_lost_and_counted() {
        let reader = Reader::default();
        let log = Log::start(reader.clone());
        let all = 3 * WAITING / LINE;
        {
            // Nothing is read meanwhile; the thread holds one line, or it is still in the queue.
            let _busy = reader.0.lock().unwrap();
            for number in 0..all {
                let _ = (&log).write(line(number).as_bytes()).unwrap();
            }
        }
        log.flush();
        let text = reader.0.lock().unwrap().clone();
        let lines = text.lines().count() - 1;
        assert!((WAITING / LINE..=WAITING / LINE + 1).contains(&lines), "{lines}");
        let wanted: String = (0..lines).map(line).collect();
        assert!(text == wanted + &told(all - lines), "{}", text.get(text.len() - 300..).unwrap());
        let _ = (&log).write(b"line again\n").unwrap();
        log.flush();
        assert!(reader.0.lock().unwrap().ends_with("\nline again\n"));
    }

    #[test]
    fn a_burst_is_not_lost() {
        let reader = Reader::default();
        let log = Log::start(reader.clone());
        {
            let _busy = reader.0.lock().unwrap();
            for number in 0..5000 {
                let _ = (&log).write(line(number).as_bytes()).unwrap();
            }
        }
        log.flush();
        assert!(*reader.0.lock().unwrap() == (0..5000).map(line).collect::<String>());
    }

    /// A reader that takes one line for every two logged.
    #[test]
    fn lines_are_lost_in_runs_and_each_is_told_once() {
        let (mut queue, mut read) = (Queue::default(), Vec::new());
        for number in 0..100_000 {
            queue.put(line(number).as_bytes());
            read.extend((number % 2 == 0).then(|| queue.take().unwrap()));
        }
        read.extend(std::iter::from_fn(|| queue.take()));
        let text = String::from_utf8(read.concat()).unwrap();
        let (mut next, mut runs) = (0, 0);
        for read in text.split_inclusive('\n') {
            if read.starts_with("netstat-agentx: ") {
                let lost = read.split(' ').nth(1).unwrap().parse::<usize>().unwrap();
                assert_eq!(read, told(lost));
                (next, runs) = (next + lost, runs + 1);
            } else {
                assert_eq!(read, line(next));
                next += 1;
            }
        }
        assert_eq!(next, 100_000, "each line was written or counted");
        // At most one run for each half of what may wait.
        assert!((1..=100_000 * LINE / (WAITING / 2)).contains(&runs), "{runs}");
    }

    /// Whatever the line is, it is lost, and those around it are not.
    #[test]
    fn a_line_longer_than_all_that_may_wait() {
        let mut queue = Queue::default();
        queue.put(&vec![b'x'; WAITING + 1]);
        assert!(!queue.is_written());
        assert_eq!(queue.take().unwrap(), told(1).as_bytes());
        queue.put(b"before\n");
        queue.put(&vec![b'x'; WAITING + 1]);
        let text = std::iter::from_fn(|| queue.take()).collect::<Vec<_>>().concat();
        assert_eq!(String::from_utf8(text).unwrap(), format!("before\n{}", told(1)));
        queue.put(b"after\n");
        assert_eq!(queue.take().unwrap(), b"after\n");
        assert!(queue.take().is_none() && queue.is_written());
    }
}
