//! One reading of one source, and what there is to tell of it.

use super::counters::Counters;
use super::sockets::{Detail, Families};
use super::sockstat::Sockstat;
use super::source::Timing;
use super::tcp::Tcp;
use super::udp::{TooSlow, Udp};
use super::{SourceId, Touched};
use crate::proc::cpu::Stopwatch;
use crate::proc::processes::Owners;
use crate::proc::read::ProcRoot;
use crate::resets::counting::ephemeral;
use crate::resets::recorder::{Handle, Resets};
use std::sync::Arc;
use std::time::Instant;

/// What has changed about a source, to be told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The source.
    pub id: SourceId,
    /// What is so now.
    pub news: News,
}

/// What there is to tell of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What is wrong now; empty if all is well again.
    Error(String),
    /// It is read in another way, and nothing is missing.
    Note(String),
}

/// One reading of one source, to be run on a thread that may block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// The source.
    pub id: SourceId,
    pub(super) detail: Detail,
}

/// What a [`Job`] may build on.
#[derive(Debug, Default)]
pub struct Known {
    /// The process of each socket as of the reading before.
    pub(super) owners: Option<Arc<Owners>>,
    /// The inodes of the sockets whose processes may be asked for: of listeners, and of those whose rows were read.
    pub(super) wanted: Vec<u64>,
    /// Whose rows these are.
    pub(super) rows: Touched,
    pub(super) recorder: Option<Handle>,
    /// What cannot be used to count UDP sockets.
    pub(super) too_slow: TooSlow,
}

/// What a [`Job`] has read.
#[derive(Debug)]
pub struct Done {
    /// The source.
    pub id: SourceId,
    pub(super) timing: Timing,
    pub(super) reading: Reading,
}

#[derive(Debug)]
pub(super) enum Reading {
    Counters(Counters),
    Sockstat(Sockstat),
    Tcp(Box<Tcp>),
    Udp(Box<Udp>),
    /// Whose rows they were looked for, and what was found.
    Processes(Touched, Result<Owners, String>),
    Resets(Result<Resets, String>),
}

impl Job {
    /// Whether this reading will bring the rows of the socket tables.
    #[must_use]
    pub fn brings_rows(self) -> bool {
        self.detail == Detail::Rows
    }

    /// Reads the source. Never fails as a whole: what could not be read is told in the reading.
    #[must_use]
    pub fn run(self, root: &ProcRoot, known: Known) -> Done {
        let (begun, stopwatch) = (Instant::now(), Stopwatch::start());
        let reading = match self.id {
            SourceId::Counters => Reading::Counters(Counters::read(root)),
            SourceId::Sockstat => Reading::Sockstat(Sockstat::read(root)),
            SourceId::Tcp => Reading::Tcp(Box::new(Tcp::read(root, Families::BOTH, self.detail))),
            SourceId::Udp => {
                let udp = Udp::read(root, Families::BOTH, self.detail, known.too_slow);
                Reading::Udp(Box::new(udp))
            }
            SourceId::Resets => {
                let recorded = known.recorder.map(|recorder| recorder.read(ephemeral(root)));
                Reading::Resets(recorded.unwrap_or_else(|| Err("nobody records resets".into())))
            }
            SourceId::Processes => {
                let owners = known.owners.unwrap_or_default();
                Reading::Processes(known.rows, owners.search(root, &known.wanted))
            }
        };
        Done {
            id: self.id,
            timing: Timing { begun, ended: Instant::now(), cost: stopwatch.spent() },
            reading,
        }
    }
}
