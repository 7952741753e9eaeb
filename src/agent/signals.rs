//! SIGTERM and SIGINT end the subagent, SIGHUP makes it read its configuration again.

use super::supervisor;
use crate::config::Config;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Reads the configuration; `None` if it is invalid, which is logged.
pub type Read = Arc<dyn Fn() -> Option<Config> + Send + Sync>;

/// The three signals that the subagent handles.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    read: Read,
    reading: Option<oneshot::Receiver<Option<Config>>>,
    /// Whether to read the file once more after that, since it may have changed meanwhile.
    again: bool,
}

impl Signals {
    pub fn new(read: Read) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            read,
            reading: None,
            again: false,
        })
    }

    /// Waits for the next signal; on SIGHUP, until the configuration is read.
    pub async fn next(&mut self) -> Wanted {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => tracing::info!("SIGTERM: ending"),
                _ = self.interrupt.recv() => tracing::info!("SIGINT: ending"),
                _ = self.hangup.recv() => {
                    self.begin();
                    continue;
                }
                config = read(&mut self.reading) => {
                    self.reading = None;
                    if std::mem::take(&mut self.again) {
                        self.begin();
                        continue;
                    }
                    return Wanted::Reload(config.map(Box::new));
                }
            }
            supervisor::stopping();
            return Wanted::End;
        }
    }

    /// Reads the configuration on another thread: its file system may hang, and checking it takes a while.
    fn begin(&mut self) {
        if self.reading.is_some() {
            self.again = true;
            return;
        }
        let (done, reading) = oneshot::channel();
        let read = Arc::clone(&self.read);
        let thread = std::thread::Builder::new().name("config".into()).spawn(move || {
            // Nobody waits for the result any more when the process ends.
            let _ = done.send(read());
        });
        match thread {
            Ok(_) => self.reading = Some(reading),
            Err(error) => {
                tracing::error!("SIGHUP: the configuration stays as it was: no thread to read it: {error}");
            }
        }
    }

    /// Waits for SIGTERM or SIGINT. A reload is pointless here: the configuration has just been read.
    pub async fn until_end(&mut self) {
        while !matches!(self.next().await, Wanted::End) {}
    }
}

/// Waits for ever if nothing is being read.
async fn read(reading: &mut Option<oneshot::Receiver<Option<Config>>>) -> Option<Config> {
    match reading {
        Some(reading) => reading.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// What a signal asks for.
#[derive(Debug)]
pub enum Wanted {
    /// SIGTERM, SIGINT
    End,
    /// SIGHUP: with the new configuration, if it is valid.
    Reload(Option<Box<Config>>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal, getpid, kill_process};
    use std::sync::Mutex;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// A file system that hangs.
    #[tokio::test]
    async fn a_configuration_that_cannot_be_read_to_its_end_holds_nothing_up() {
        let (go_on, released) = channel();
        let released = Mutex::new(released);
        let read = move || {
            released.lock().unwrap().recv().unwrap();
            Some(Config::default())
        };
        let mut signals = Signals::new(Arc::new(read)).unwrap();
        let send = |signal| kill_process(getpid(), signal).unwrap();
        let soon = Duration::from_millis(300);
        // The caller waits for more than signals and calls `next` anew each time.
        for _ in 0..3 {
            send(Signal::HUP);
            assert!(tokio::time::timeout(soon, signals.next()).await.is_err(), "it is being read");
        }
        send(Signal::TERM);
        assert!(matches!(signals.next().await, Wanted::End));
        // When the reading goes on after all, the file is read once more for the signals that came meanwhile.
        go_on.send(()).unwrap();
        assert!(tokio::time::timeout(soon, signals.next()).await.is_err(), "it is read again");
        go_on.send(()).unwrap();
        assert!(matches!(signals.next().await, Wanted::Reload(Some(_))));
        assert!(tokio::time::timeout(soon, signals.next()).await.is_err(), "and not a third time");
        // The next signal is handled as the first was.
        send(Signal::HUP);
        go_on.send(()).unwrap();
        assert!(matches!(signals.next().await, Wanted::Reload(Some(_))));
    }
}
