//! Events that others can cause any number of times are logged once a minute, with how often they happened.

use std::time::{Duration, Instant};

/// The shortest time between two log lines.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// A kind of event, and when it was last logged.
#[derive(Default)]
pub struct Seldom {
    since_logged: u64,
    logged: Option<Instant>,
}

impl Seldom {
    /// Counts one more event.
    pub fn count(&mut self) {
        self.since_logged += 1;
    }

    /// How many events happened since the last log line, if it is time for another.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        let due = self.since_logged > 0 && self.logged.is_none_or(|told| told + TELL_AGAIN <= now);
        due.then(|| {
            self.logged = Some(now);
            std::mem::take(&mut self.since_logged)
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
