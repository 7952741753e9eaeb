//! The cost of an operation, in CPU time of its thread.
//!
//! CPU time, not wall-clock time: on a busy machine everything takes longer and costs no more, and waiting for a file
//! that does not answer takes CPU from nobody.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Runs from its creation, on the thread that created it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    /// Starts measuring.
    #[must_use]
    pub fn start() -> Self {
        Self(of_thread())
    }

    /// The CPU time this thread has used since the start.
    #[must_use]
    pub fn spent(&self) -> Duration {
        of_thread().saturating_sub(self.0)
    }
}

fn of_thread() -> Duration {
    // The kernel never returns a negative time.
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
