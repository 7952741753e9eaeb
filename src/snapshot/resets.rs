//! The source `resets`: resets by port and reason, from the recorder.

use super::detail::Detail;
use super::problem::Problem;
use super::source::{MaxAges, Others, Reading, Source};
use crate::proc::read::ProcRoot;
use crate::resets::counting::ephemeral;
use crate::resets::recorder::Handle;
pub use crate::resets::recorder::RecordedResets;
use std::time::Duration;

/// Whether resets are wanted, and who records them.
#[derive(Debug, Default)]
pub struct Memory {
    wanted: bool,
    /// `None` before the first reading.
    recorder: Option<Handle>,
}

impl Memory {
    /// Starts anew, or stops.
    pub(super) fn want(&mut self, wanted: bool) {
        *self = Self { wanted, recorder: None };
    }

    /// Who records from now on.
    pub(super) fn recorded_by(&mut self, recorder: Handle) {
        self.recorder = Some(recorder);
    }
}

impl Source for RecordedResets {
    const NAME: &'static str = "resets";
    const READ_FROM: &'static str = "the kernel's trace events of them";
    // They are recorded independently of `/proc`.
    const OF_ROOT: bool = false;
    type Memory = Memory;
    type Known = Option<Handle>;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.counters
    }

    fn is_wanted(memory: &Memory) -> bool {
        memory.wanted
    }

    fn known(_: Option<&Self>, memory: &Memory, _: &Others<'_>) -> Option<Handle> {
        memory.recorder.clone()
    }

    fn read(root: &ProcRoot, _: Detail, recorder: Option<Handle>) -> Reading<Self> {
        let (data, problem) = match recorder.map(|recorder| recorder.read(ephemeral(root))) {
            Some(Ok(mut resets)) => {
                let problem = resets.problem.take().map(Problem::Buffer);
                (Some(resets), problem)
            }
            Some(Err(error)) => (None, Some(error.into())),
            None => (None, Some(Problem::NoRecorder)),
        };
        Reading { data, problems: Vec::from_iter(problem), notes: Vec::new(), memory: None }
    }

    fn forget(_: &mut Memory) {}
}
