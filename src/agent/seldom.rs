//! What others can make happen any number of times has a line in the log once a minute, with how often it happened.

use std::time::{Duration, Instant};

/// How often it is told at most.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Something that happens, and when it was told.
#[derive(Default)]
pub struct Seldom {
    since_told: u64,
    told: Option<Instant>,
}

impl Seldom {
    /// It has happened once more.
    pub fn count(&mut self) {
        self.since_told += 1;
    }

    /// How often it has happened since it was told, if it is to be told now.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        let due = self.since_told > 0 && self.told.is_none_or(|told| told + TELL_AGAIN <= now);
        due.then(|| {
            self.told = Some(now);
            std::mem::take(&mut self.since_told)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_at_once_then_once_a_minute_with_the_number() {
        let start = Instant::now();
        let mut seldom = Seldom::default();
        assert_eq!(seldom.due(start), None);
        let mut told = Vec::new();
        // Two minutes with ten a second, then nothing.
        for tenth in 0..3000_u32 {
            let now = start + Duration::from_millis(100) * tenth;
            if tenth < 1200 {
                seldom.count();
            }
            told.extend(seldom.due(now).map(|times| (tenth, times)));
        }
        assert_eq!(told, [(0, 1), (600, 600), (1200, 599)]);
    }
}
