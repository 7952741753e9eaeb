//! Lines of the log on their way to stderr, which may be a pipe that nobody reads or a journal whose disk is slow: a
//! thread writes them, and nothing else ever waits for it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait at most. Further ones are lost, and counted.
const WAITING: usize = 256;

/// How long the end of the process waits for what is still to be written.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A line, or nothing at the end; and how many lines were lost before it.
struct Message {
    line: Vec<u8>,
    lost: u64,
    /// To be answered when all is written up to here.
    written: Option<SyncSender<()>>,
}

/// Where lines go. Clones share the thread.
#[derive(Clone)]
pub struct Log {
    /// None where no thread could be had: lines are written where they are told.
    lines: Option<SyncSender<Message>>,
    /// Since a line was taken.
    lost: Arc<AtomicU64>,
}

impl Log {
    /// Starts the thread, which writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("log".into());
        let started = thread.spawn(move || write_all(out, &receiver));
        Self { lines: started.is_ok().then_some(sender), lost: Arc::default() }
    }

    /// Waits until all lines are written, but not for long.
    pub fn flush(&self) {
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until {
            let (done, written) = sync_channel(1);
            if self.hand_over(Vec::new(), Some(done)) {
                // Whoever does not read by now loses them.
                let _ = written.recv_timeout(until.saturating_duration_since(Instant::now()));
                return;
            }
            std::thread::sleep(LAST_WORDS / 100);
        }
    }

    /// Whether there was room.
    fn hand_over(&self, line: Vec<u8>, written: Option<SyncSender<()>>) -> bool {
        let Some(lines) = &self.lines else { return true };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let is_line = u64::from(!line.is_empty());
        let sent = lines.try_send(Message { line, lost, written });
        if sent.is_err() {
            self.lost.fetch_add(lost + is_line, Ordering::Relaxed);
        }
        sent.is_ok()
    }
}

/// A full disk or a closed stderr is no reason to end, and there is nowhere to tell of it.
fn write_all(mut out: impl Write, messages: &Receiver<Message>) {
    for Message { line, lost, written } in messages {
        if lost > 0 {
            let _ = writeln!(out, "netstat-agentx: {lost} lines were lost here: nobody read the log in time");
        }
        let _ = out.write_all(&line);
        if let Some(written) = written {
            let _ = written.send(());
        }
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Each write is a line, as [`tracing_subscriber::fmt`] makes them.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &self.lines {
            None => io::stderr().write_all(line)?,
            Some(_) => {
                self.hand_over(line.to_vec(), None);
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

    #[test]
    fn lines_that_nobody_reads_are_lost_and_counted() {
        let reader = Reader::default();
        let log = Log::start(reader.clone());
        {
            // Nothing is read meanwhile; one line is in the hands of the thread, or still in the queue.
            let _busy = reader.0.lock().unwrap();
            for number in 0..1000 {
                let _ = (&log).write(format!("line {number}\n").as_bytes()).unwrap();
            }
        }
        log.flush();
        let text = reader.0.lock().unwrap().clone();
        let lines = text.lines().count() - 1;
        assert!((256..=257).contains(&lines), "{text}");
        let wanted: String = (0..lines).map(|number| format!("line {number}\n")).collect();
        let lost = 1000 - lines;
        let told = format!("netstat-agentx: {lost} lines were lost here: nobody read the log in time\n");
        assert_eq!(text, wanted + &told);
        let _ = (&log).write(b"line again\n").unwrap();
        log.flush();
        assert!(reader.0.lock().unwrap().ends_with("\nline again\n"));
    }
}
