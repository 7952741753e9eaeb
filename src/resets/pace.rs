//! How often the kernel's buffers are emptied.

use std::time::{Duration, Instant};

/// When nothing happens. A burst that fills a buffer of 1 MiB within this time has 11,000 resets.
const LONGEST: Duration = Duration::from_secs(1);

/// Under attack. Together with [`BUDGET`] it limits tracing to 5 of every 50 ms of a CPU, and also what tracing takes
/// when somebody asks.
const SHORTEST: Duration = Duration::from_millis(50);

/// How long one emptying may take.
const BUDGET: Duration = Duration::from_millis(5);

/// Buffers should be one part in this many full when emptied, which leaves room for a growing rate.
const FILLED: u32 = 4;

/// The pause between one emptying and the next.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Octets that the buffer of one CPU holds.
    capacity: usize,
    pause: Duration,
    emptied: Instant,
}

impl Pace {
    /// For buffers of this many octets, empty at `now`.
    #[must_use]
    pub fn new(capacity: u64, now: Instant) -> Self {
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX).max(1);
        Self { capacity, pause: SHORTEST, emptied: now }
    }

    /// When to empty the buffers next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.emptied + self.pause
    }

    /// When emptying that starts now must end.
    #[must_use]
    pub fn budget(now: Instant) -> Instant {
        now + BUDGET
    }

    /// Notes that the buffers were emptied, and how many octets the fullest held.
    pub fn emptied(&mut self, fullest: usize, cut_short: bool, now: Instant) {
        let took = now.saturating_duration_since(self.emptied);
        self.emptied = now;
        let held = u32::try_from(fullest.saturating_mul(1 << 10) / self.capacity).unwrap_or(u32::MAX);
        // `held` is in 1,024ths of the capacity.
        let pause = match (cut_short, held) {
            (true, _) => SHORTEST,
            (_, 0) => self.pause * 2,
            (_, held) => (took * (1 << 10) / FILLED / held).min(self.pause * 2),
        };
        self.pause = pause.clamp(SHORTEST, LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses that result from `rate` octets a second.
    fn pauses(rate: u64, rounds: usize) -> Vec<u128> {
        let mut now = Instant::now();
        let mut pace = Pace::new(1 << 20, now);
        let mut pauses = Vec::new();
        for _ in 0..rounds {
            let pause = pace.due() - now;
            pauses.push(pause.as_millis());
            now = pace.due();
            let came = usize::try_from(u128::from(rate) * pause.as_millis() / 1000).unwrap();
            pace.emptied(came.min(1 << 20), came > 1 << 20, now);
        }
        pauses
    }

    #[test]
    fn seldom_where_nothing_happens() {
        assert_eq!(pauses(0, 7), [50, 100, 200, 400, 800, 1000, 1000]);
    }

    #[test]
    fn so_often_that_the_buffers_are_a_quarter_full() {
        // 1,000 and 10,000 resets of 92 octets in a second
        assert_eq!(pauses(92_000, 8).last(), Some(&1000));
        assert!((270..=300).contains(pauses(920_000, 8).last().unwrap()), "{:?}", pauses(920_000, 8));
        assert_eq!(pauses(9_200_000, 8), [50; 8]);
    }

    #[test]
    fn as_often_as_allowed_where_time_was_up() {
        let now = Instant::now();
        let mut pace = Pace::new(1 << 20, now);
        pace.emptied(0, false, now + LONGEST);
        pace.emptied(10, true, now + LONGEST * 2);
        assert_eq!(pace.due(), now + LONGEST * 2 + SHORTEST);
    }
}
