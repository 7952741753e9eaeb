//! What something costs, in CPU time of its thread.
//!
//! Not in time of the clock: on a busy machine everything takes longer and costs no more, and what waits for a file that
//! does not answer takes nothing away from anybody.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Runs from its making on, on the thread that made it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Begins to measure.
    #[must_use]
    pub fn start() -> Self {
        Self(of_thread())
    }

    /// The CPU time of this thread since then.
    #[must_use]
    pub fn spent(&self) -> Duration {
        of_thread().saturating_sub(self.0)
    }
}

fn of_thread() -> Duration {
    // What the kernel says is never negative.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_costs_nothing_and_work_does() {
        let stopwatch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(300));
        assert!(stopwatch.spent() < Duration::from_millis(100));
        let before = stopwatch.spent();
        let mut number = 0_u64;
        while stopwatch.spent() < before + Duration::from_millis(20) {
            number = std::hint::black_box(number.wrapping_add(1));
        }
        assert!(number > 0);
    }
}
