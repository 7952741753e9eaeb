//! Which subtrees are ours, and at which priority (RFC 2741 section 7.1.4).
//!
//! Another subagent may already have a subtree at our priority: a second instance of this one, or a session of ours not
//! yet known to be dead. Each refused Register is a line in the master agent's log, so they must not come every half
//! second. Instead we register the subtree at the next priority, behind the other subagent: when that goes, the master
//! agent passes it on at once. And with growing pauses one subtree asks whether its own priority is free again.

use crate::agentx::wire::error;
use std::time::{Duration, Instant};

/// The first pause before we ask for a priority again, for the case that a session of ours has just died; each further
/// pause is twice as long.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause while every subtree is held, even behind another subagent: if that goes, we follow without asking.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The longest pause while a subtree is not held at all.
const LONGEST_WITHOUT: Duration = Duration::from_secs(30);

/// How many priorities behind the wanted one we try.
const BEHIND: u8 = 2;

/// What to ask the master agent for; the subtree by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Register a subtree at a priority.
    Register(usize, u8),
    /// Unregister it there.
    Unregister(usize, u8),
}

#[derive(Debug, Clone, Copy, Default)]
struct Subtree {
    /// The priority at which it is ours.
    held: Option<u8>,
    /// Whether a Register for it is unanswered. A second one meanwhile would be refused, and we would believe it.
    asked: bool,
    /// res.error of the last refusal reported, 0 if none was.
    told: u16,
}

/// How the registrations stand, when that is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Subtrees that are ours at the wanted priority.
    pub ours: usize,
    /// Subtrees that are ours behind another subagent.
    pub behind: usize,
    /// All subtrees.
    pub of: usize,
}

/// All subtrees of a session.
#[derive(Debug)]
pub struct Registrations {
    wanted: u8,
    subtrees: Vec<Subtree>,
    pause: Duration,
    /// When to ask for a priority again.
    again: Option<Instant>,
    told: Option<Standing>,
    /// The position after the subtree asked for last.
    next: usize,
}

impl Registrations {
    /// For this many subtrees, to be registered at priority `wanted`.
    pub fn new(subtrees: usize, wanted: u8) -> Self {
        Self {
            wanted,
            subtrees: vec![Subtree::default(); subtrees],
            pause: FIRST_PAUSE,
            again: None,
            told: None,
            next: 0,
        }
    }

    /// Asks for every subtree that is not ours at the wanted priority.
    pub fn ask_for_all(&mut self) -> Vec<Ask> {
        self.ask(usize::MAX)
    }

    fn ask(&mut self, at_most: usize) -> Vec<Ask> {
        let (wanted, next) = (self.wanted, self.next);
        let missing = self.subtrees.iter_mut().enumerate();
        let missing = missing.filter(|(_, subtree)| subtree.held != Some(wanted) && !subtree.asked);
        let mut missing: Vec<_> = missing.collect();
        // Subtrees not held at all come first, and none is asked for again before the others have had their turn.
        missing.sort_by_key(|(position, subtree)| (subtree.held.is_some(), *position < next, *position));
        let mut asks = Vec::new();
        for (position, subtree) in missing.into_iter().take(at_most) {
            subtree.asked = true;
            self.next = position + 1;
            asks.push(Ask::Register(position, wanted));
        }
        asks
    }

    /// When [`Self::ask_again`] is due.
    pub fn due(&self) -> Option<Instant> {
        self.again
    }

    /// Asks for one subtree on behalf of all.
    pub fn ask_again(&mut self) -> Vec<Ask> {
        self.again = None;
        self.ask(1)
    }

    /// Handles the answer to a Register. Returns what to ask for next, and the error and the standing if they are news.
    pub fn answered(
        &mut self,
        position: usize,
        priority: u8,
        res_error: u16,
        now: Instant,
    ) -> (Vec<Ask>, Option<u16>, Option<Standing>) {
        let (mut asks, mut refusal) = (Vec::new(), None);
        let Some(subtree) = self.subtrees.get_mut(position) else { return (asks, None, None) };
        subtree.asked = false;
        if res_error == error::NO_ERROR {
            asks.extend(subtree.held.replace(priority).map(|held| Ask::Unregister(position, held)));
            if priority == self.wanted {
                self.pause = FIRST_PAUSE;
                // What is free for this one is most likely free for the others; one by one they would take their time.
                if self.told.is_some() {
                    asks.extend(self.ask_for_all());
                }
            }
        } else {
            let behind = priority.checked_add(1).filter(|behind| behind - self.wanted <= BEHIND);
            match behind.filter(|_| res_error == error::DUPLICATE_REGISTRATION && subtree.held.is_none()) {
                Some(behind) => {
                    subtree.asked = true;
                    asks.push(Ask::Register(position, behind));
                }
                None => {
                    let news = subtree.held.is_none()
                        && std::mem::replace(&mut subtree.told, res_error) != res_error;
                    refusal = news.then_some(res_error);
                    self.pause_before_asking_again(now);
                }
            }
        }
        let standing = self.standing();
        let is_settled = self.subtrees.iter().all(|subtree| !subtree.asked);
        if is_settled && standing.ours < standing.of {
            self.pause_before_asking_again(now);
        }
        let news = (is_settled && self.told != Some(standing)).then_some(standing);
        self.told = news.or(self.told);
        (asks, refusal, news)
    }

    fn pause_before_asking_again(&mut self, now: Instant) {
        if self.again.is_some() {
            return;
        }
        let without = self.subtrees.iter().any(|subtree| subtree.held.is_none() && !subtree.asked);
        let pause = self.pause.min(if without { LONGEST_WITHOUT } else { LONGEST_PAUSE });
        self.again = Some(now + pause);
        self.pause = (pause * 2).min(LONGEST_PAUSE);
    }

    fn standing(&self) -> Standing {
        let held = self.subtrees.iter().filter(|subtree| subtree.held.is_some()).count();
        let ours = self.subtrees.iter().filter(|subtree| subtree.held == Some(self.wanted)).count();
        Standing { ours, behind: held - ours, of: self.subtrees.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUPLICATE: u16 = error::DUPLICATE_REGISTRATION;
    /// requestDenied
    const DENIED: u16 = 267;

    fn registers(asks: &[Ask]) -> Vec<(usize, u8)> {
        let register = |ask: &Ask| match *ask {
            Ask::Register(position, priority) => Some((position, priority)),
            Ask::Unregister(..) => None,
        };
        asks.iter().filter_map(register).collect()
    }

    #[test]
    fn what_another_has_is_held_behind_it_until_it_is_free() {
        let now = Instant::now();
        let mut all = Registrations::new(2, 100);
        assert_eq!(registers(&all.ask_for_all()), [(0, 100), (1, 100)]);
        for position in [0, 1] {
            let (asks, refusal, news) = all.answered(position, 100, DUPLICATE, now);
            assert_eq!((registers(&asks), refusal, news), (vec![(position, 101)], None, None));
        }
        assert_eq!(all.answered(0, 101, 0, now), (vec![], None, None));
        let (_, _, news) = all.answered(1, 101, 0, now);
        assert_eq!(news, Some(Standing { ours: 0, behind: 2, of: 2 }));
        // Only one asks again.
        assert_eq!(all.due(), Some(now + FIRST_PAUSE));
        assert_eq!(registers(&all.ask_again()), [(0, 100)]);
        assert_eq!(all.answered(0, 100, DUPLICATE, now), (vec![], None, None));
        assert_eq!(all.due(), Some(now + FIRST_PAUSE * 2));
        assert_eq!(registers(&all.ask_again()), [(1, 100)]);
        // It is free: so are the others, and what was held behind is unregistered.
        let (asks, _, news) = all.answered(1, 100, 0, now);
        assert_eq!((asks, news), (vec![Ask::Unregister(1, 101), Ask::Register(0, 100)], None));
        let (asks, _, news) = all.answered(0, 100, 0, now);
        assert_eq!(asks, [Ask::Unregister(0, 101)]);
        assert_eq!((news, all.due()), (Some(Standing { ours: 2, behind: 0, of: 2 }), None));
    }

    /// How many Registers are refused in `time`, each of them a line in the master agent's log.
    fn refused_in(time: Duration, error: u16, held: bool) -> usize {
        let start = Instant::now();
        let (mut all, mut now, mut refused) = (Registrations::new(11, 100), start, 0);
        let mut asks = all.ask_for_all();
        while now <= start + time {
            while let Some(ask) = asks.pop() {
                let Ask::Register(position, priority) = ask else { continue };
                let taken = held && priority > 100;
                refused += usize::from(!taken);
                asks.extend(all.answered(position, priority, if taken { 0 } else { error }, now).0);
            }
            now = all.due().unwrap();
            asks = all.ask_again();
        }
        refused
    }

    #[test]
    fn the_log_of_the_master_agent_is_not_flooded() {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        let first = refused_in(minute, DUPLICATE, true);
        assert!(first < 60, "{first}");
        let later = refused_in(hour * 2, DUPLICATE, true) - refused_in(hour, DUPLICATE, true);
        assert!(later <= 7, "{later} an hour");
        // Without a place behind, we must ask more often to be registered soon.
        for error in [DUPLICATE, DENIED] {
            let first = refused_in(minute, error, false);
            assert!(first < 60, "{first}");
        }
    }

    #[test]
    fn other_refusals_are_told_once_and_tried_again() {
        let now = Instant::now();
        let mut all = Registrations::new(1, 100);
        let _ = all.ask_for_all();
        let (asks, refusal, news) = all.answered(0, 100, DENIED, now);
        assert_eq!((asks.len(), refusal), (0, Some(DENIED)));
        assert_eq!(news, Some(Standing { ours: 0, behind: 0, of: 1 }));
        let mut pauses = Vec::new();
        for _ in 0..9 {
            pauses.push(all.due().unwrap() - now);
            assert_eq!(registers(&all.ask_again()), [(0, 100)]);
            assert_eq!(all.answered(0, 100, DENIED, now), (vec![], None, None));
        }
        assert!(pauses.is_sorted() && pauses.last() == Some(&LONGEST_WITHOUT), "{pauses:?}");
        let _ = all.ask_again();
        assert_eq!(all.answered(0, 100, 0, now).2, Some(Standing { ours: 1, behind: 0, of: 1 }));
    }

    /// Each step behind is refused with the same error: that is one refusal, and it must be reported.
    #[test]
    fn a_subtree_that_is_taken_at_every_priority_is_told_once() {
        let now = Instant::now();
        let mut all = Registrations::new(1, 100);
        let mut asks = registers(&all.ask_for_all());
        let (mut asked, mut told) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            while let Some((position, priority)) = asks.pop() {
                asked.push(priority);
                let (more, refusal, _) = all.answered(position, priority, DUPLICATE, now);
                asks.extend(registers(&more));
                told.extend(refusal);
            }
            asks = registers(&all.ask_again());
        }
        assert_eq!((&asked[..3], asked.len()), (&[100, 101, 102][..], 9));
        assert_eq!(told, [DUPLICATE]);
        // A different error is news.
        let refused = |all: &mut Registrations, error| all.answered(0, 102, error, now).1;
        assert_eq!((refused(&mut all, DENIED), refused(&mut all, DENIED)), (Some(DENIED), None));
        assert_eq!(refused(&mut all, DUPLICATE), Some(DUPLICATE));
    }

    #[test]
    fn a_subtree_is_not_asked_for_twice_at_a_time() {
        let now = Instant::now();
        let mut all = Registrations::new(2, 100);
        let _ = all.ask_for_all();
        let _ = all.answered(0, 100, DENIED, now);
        assert_eq!(registers(&all.ask_again()), [(0, 100)]);
        // The other one is refused while the first is unanswered.
        let _ = all.answered(1, 100, DENIED, now);
        assert_eq!(registers(&all.ask_again()), [(1, 100)]);
        let (asks, _, news) = all.answered(0, 100, 0, now);
        assert_eq!((asks, news), (vec![], None));
        assert_eq!(all.answered(1, 100, 0, now).2, Some(Standing { ours: 2, behind: 0, of: 2 }));
    }

    /// Another subagent has one subtree for good; those that are not held at all must still be asked for.
    #[test]
    fn every_subtree_that_is_missing_has_its_turn() {
        let now = Instant::now();
        let mut all = Registrations::new(3, 100);
        let _ = all.ask_for_all();
        let _ = all.answered(0, 100, DUPLICATE, now);
        let _ = all.answered(0, 101, 0, now);
        let _ = all.answered(1, 100, DENIED, now);
        let _ = all.answered(2, 100, DENIED, now);
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let asks = registers(&all.ask_again());
                let _ = all.answered(asks[0].0, 100, DENIED, now);
                asks[0].0
            })
            .collect();
        assert_eq!(asked, [1, 2, 1, 2]);
    }

    #[test]
    fn the_last_priority_has_none_behind_it() {
        let now = Instant::now();
        let mut all = Registrations::new(1, 255);
        let _ = all.ask_for_all();
        assert_eq!(all.answered(0, 255, DUPLICATE, now).1, Some(DUPLICATE));
        assert_eq!(all.due(), Some(now + FIRST_PAUSE));
    }
}
