//! When to poll for the next request instead of sleeping until it comes.
//!
//! In a walk, one request follows the other, and what takes longest is waking up: both processes sleep after each of
//! them. So while requests come at that pace, the connection tries to receive for a moment after each answer, and gives
//! the processor away between its attempts. Whether that pays depends on the manager and on who else has use for the
//! processor, so it is measured: polling goes on only while requests come clearly sooner than when we sleep.

use std::time::Duration;

/// How long to poll after an answer. In a walk through snmpd the next request takes 10 to 50 µs.
pub const PATIENCE: Duration = Duration::from_micros(60);

/// Requests that come sooner than this after the answer before them may belong to a walk. Includes the time to wake up.
const NEAR: Duration = Duration::from_micros(300);

/// So many requests in succession must have been near before the first poll: a manager that gets a few values is done by
/// then.
const NEAR_REQUESTS: u32 = 16;

/// So many polls are judged together: one in ten of them fails in a walk by GETBULK, where snmpd turns to the manager.
const TRIAL: u32 = 64;

/// How many requests are not polled for after polling did not pay: at first, and at most. Doubles each time.
const PAUSES: (u32, u32) = (256, 4096);

/// After so many trials in succession polling pays again, and the next pause is a short one.
const PAYS: u32 = 32;

/// How long requests take to come after the answer before them.
#[derive(Debug, Clone, Copy, Default)]
struct Gaps {
    nanoseconds: u64,
    count: u32,
}

impl Gaps {
    fn add(&mut self, gap: Duration) {
        // Those of long ago count less and less.
        if self.count == TRIAL {
            (self.nanoseconds, self.count) = (self.nanoseconds / 2, self.count / 2);
        }
        self.nanoseconds = self.nanoseconds.saturating_add(u64::try_from(gap.as_nanos()).unwrap_or(u64::MAX));
        self.count += 1;
    }

    fn mean(self) -> u64 {
        self.nanoseconds / u64::from(self.count.max(1))
    }
}

/// Decides about polling, from how it went before.
#[derive(Debug, Default)]
pub struct Polling {
    possible: bool,
    /// How many requests in succession were near.
    near: u32,
    /// Those that we sleep for.
    slept: Gaps,
    /// Those that we poll for in this trial, whether they came while we did or later.
    polled: Gaps,
    /// How many polls of this trial ended without a request.
    missed: u32,
    /// Whether the last poll did, so that the request is still to come.
    awaited: bool,
    /// How many trials in succession polling has paid in.
    paid: u32,
    /// How long the latest pause was, and how many requests are left of it.
    pause: u32,
    paused: u32,
}

impl Polling {
    /// A connection that has not polled. With one processor nobody could send while we poll.
    #[must_use]
    pub fn new(processors: usize) -> Self {
        Self { possible: processors > 1, ..Self::default() }
    }

    /// As after so many requests of a walk that polling is due.
    #[cfg(test)]
    pub fn in_a_walk() -> Self {
        let mut polling = Self::new(2);
        (0..NEAR_REQUESTS).for_each(|_| polling.slept(NEAR / 2));
        polling
    }

    /// Whether to poll for the next request.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.possible && self.paused == 0 && self.near >= NEAR_REQUESTS
    }

    /// Notes that we slept until a request came, and how long after our answer it did.
    pub fn slept(&mut self, gap: Duration) {
        let awaited = std::mem::take(&mut self.awaited);
        if gap >= NEAR {
            self.near = 0;
        } else if awaited {
            self.tried(gap);
        } else {
            self.near = self.near.saturating_add(1);
            self.paused = self.paused.saturating_sub(1);
            self.slept.add(gap);
        }
    }

    /// Notes that a poll ended, after a time, with a request or without one.
    pub fn polled(&mut self, received: bool, took: Duration) {
        self.awaited = !received;
        if received {
            self.tried(took);
        } else {
            self.missed += 1;
        }
    }

    /// At the end of a trial, stops polling for a while unless requests came clearly sooner than when we sleep, and nearly
    /// all while we polled: it takes a processor.
    fn tried(&mut self, gap: Duration) {
        self.polled.add(gap);
        if self.polled.count < TRIAL {
            return;
        }
        let pays = self.missed <= TRIAL / 4 && self.polled.mean() < self.slept.mean() / 8 * 7;
        (self.polled, self.missed) = (Gaps::default(), 0);
        if pays {
            self.paid += 1;
            if self.paid >= PAYS {
                self.pause = 0;
            }
        } else {
            self.paid = 0;
            self.pause = (self.pause * 2).clamp(PAUSES.0, PAUSES.1);
            self.paused = self.pause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn micros(gap: u64) -> Duration {
        Duration::from_micros(gap)
    }

    /// How many polls there are for so many requests, which come so long after the answers if we sleep, and so long if
    /// we poll.
    fn polls(
        polling: &mut Polling,
        requests: u32,
        slept: Duration,
        mut polled: impl FnMut(u32) -> Duration,
    ) -> u32 {
        let mut polls = 0;
        for _ in 0..requests {
            if !polling.is_due() {
                polling.slept(slept);
                continue;
            }
            polls += 1;
            match polled(polls) {
                // A processor that was given away comes back late.
                gap if gap < PATIENCE || gap >= micros(1000) => polling.polled(true, gap),
                gap => {
                    polling.polled(false, PATIENCE);
                    polling.slept(gap);
                }
            }
        }
        polls
    }

    #[test]
    fn a_walk_is_polled_for_and_single_requests_are_not() {
        let mut polling = Polling::new(2);
        assert_eq!(polls(&mut polling, 17_000, micros(50), |_| micros(15)), 17_000 - NEAR_REQUESTS);
        // The walk has ended, and a manager asks now and then.
        polling.polled(false, PATIENCE);
        for _ in 0..1000 {
            polling.slept(Duration::from_millis(5));
            assert!(!polling.is_due());
        }
        // So many near ones, and one that is not.
        for number in 1..1000 {
            polling.slept(micros(if number % NEAR_REQUESTS == 0 { 300 } else { 299 }));
            assert!(!polling.is_due(), "{number}");
        }
    }

    #[test]
    fn nobody_polls_with_one_processor() {
        for processors in [0, 1] {
            assert_eq!(polls(&mut Polling::new(processors), 1000, micros(50), |_| micros(15)), 0);
        }
    }

    /// A request that comes hardly sooner, one that comes too late, a processor that is not given back.
    #[test]
    fn polling_that_does_not_pay_is_left_and_tried_again_more_and_more_seldom() {
        for gap in [45, 70, 3_000].map(micros) {
            let mut polling = Polling::new(2);
            let tried = polls(&mut polling, 1_000_000, micros(50), |_| gap);
            // Four pauses until the longest, then one trial in 4096 requests.
            assert!((15_500..=15_700).contains(&tried), "{gap:?}: {tried}");
        }
        // A few trials that paid do not make up for it: no pause is shorter than the longest.
        let mut polling = Polling::new(2);
        polls(&mut polling, 100_000, micros(50), |_| micros(70));
        while polling.paid < 3 {
            polls(&mut polling, 1, micros(50), |_| micros(15));
        }
        while polling.is_due() {
            polls(&mut polling, 1, micros(50), |_| micros(70));
        }
        assert_eq!(polling.paused, PAUSES.1);
        // Requests that come exactly an eighth sooner do not pay, and those that come sooner do.
        for (gap, pays) in [(43_750, false), (43_749, true)] {
            let mut polling = Polling::new(2);
            polls(&mut polling, 1_000, micros(50), |_| Duration::from_nanos(gap));
            assert_eq!(polling.paid > 0, pays, "{gap}");
        }
        // Polling pays again: soon all are polled for, and the next pause is a short one.
        let mut polling = Polling::new(2);
        polls(&mut polling, 100_000, micros(50), |_| micros(70));
        polls(&mut polling, 10_000, micros(50), |_| micros(15));
        assert_eq!(polls(&mut polling, 10_000, micros(50), |_| micros(15)), 10_000);
        while polling.is_due() {
            polls(&mut polling, 1, micros(50), |_| micros(3_000));
        }
        assert_eq!(polls(&mut polling, PAUSES.0, micros(50), |_| micros(15)), 0);
        assert_eq!(
            polls(&mut polling, 1, micros(50), |_| micros(15)),
            1,
            "the pause ends after {}",
            PAUSES.0
        );
    }

    /// A few late requests in a walk do not end it. Many do, even if all together come sooner.
    #[test]
    fn a_few_polls_may_fail() {
        for (every, gap, goes_on) in [(10, 200, true), (5, 90, true), (3, 61, false), (4, 290, false)] {
            let gap = |poll| micros(if poll % every == 0 { gap } else { 15 });
            let tried = polls(&mut Polling::new(2), 10_000, micros(50), gap);
            assert_eq!(tried > 9_000, goes_on, "one in {every}: {tried}");
        }
    }

    #[test]
    fn gaps_of_long_ago_are_forgotten_and_none_overflows() {
        let mut gaps = Gaps::default();
        gaps.add(Duration::MAX);
        gaps.add(Duration::MAX);
        assert_eq!(gaps.mean(), u64::MAX / 2);
        (0..5000).for_each(|_| gaps.add(micros(7)));
        assert!((6_990..=7_010).contains(&gaps.mean()), "{gaps:?}");
    }
}
