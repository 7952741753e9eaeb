//! SIGTERM and SIGINT end the subagent, SIGHUP makes it read its configuration again.

use super::supervisor;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The three signals that mean something to the subagent.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.terminate.recv() => tracing::info!("SIGTERM: ending"),
            _ = self.interrupt.recv() => tracing::info!("SIGINT: ending"),
            _ = self.hangup.recv() => return Wanted::Reload,
        }
        supervisor::stopping();
        Wanted::End
    }

    /// For where there is nothing to reload for: the configuration has just been read.
    pub async fn until_end(&mut self) {
        while self.next().await != Wanted::End {}
    }
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// SIGTERM, SIGINT
    End,
    /// SIGHUP
    Reload,
}
