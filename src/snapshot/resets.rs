//! The source `resets`: resets by port and reason, as the recorder has them.

use super::detail::Detail;
use super::source::{MaxAges, Others, Reading, Source};
use crate::proc::read::ProcRoot;
use crate::resets::counting::ephemeral;
use crate::resets::recorder::Handle;
pub use crate::resets::recorder::Resets;
use std::time::Duration;

/// Whether resets are wanted, and who records them.
#[derive(Debug, Default)]
pub struct Memory {
    wanted: bool,
    /// Nobody before the first reading.
    recorder: Option<Handle>,
}

impl Memory {
    /// Begins anew, or ends.
    pub(super) fn want(&mut self, wanted: bool) {
        *self = Self { wanted, recorder: None };
    }

    /// Who records from now on.
    pub(super) fn recorded_by(&mut self, recorder: Handle) {
        self.recorder = Some(recorder);
    }
}

impl Source for Resets {
    const NAME: &'static str = "resets";
    const READ_FROM: &'static str = "the kernel's trace events of them";
    // They are recorded apart from `/proc`.
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
        let recorded = recorder.map(|recorder| recorder.read(ephemeral(root)));
        let (data, problem) = match recorded.unwrap_or_else(|| Err("nobody records resets".into())) {
            Ok(mut resets) => {
                let problem = std::mem::take(&mut resets.problem);
                (Some(resets), problem)
            }
            Err(problem) => (None, problem),
        };
        let problems = if problem.is_empty() { Vec::new() } else { vec![problem] };
        Reading { data, problems, notes: Vec::new(), memory: None }
    }

    fn forget(_: &mut Memory) {}
}
