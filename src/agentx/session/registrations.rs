//! Which subtrees are ours, and at which priority (RFC 2741 section 7.1.4).
//!
//! Another subagent may have a subtree at our priority already: a second instance of this one, or a session of ours that the
//! master agent does not know to be dead yet. Each Register that it refuses is a line in its log, so they must not come every
//! half second. Instead the subtree is registered with the next priority, behind the other one: when that goes, the master
//! agent itself passes it on at once. And with growing pauses one subtree asks whether the priority of its own is free again.

use crate::agentx::wire::error;
use std::time::{Duration, Instant};

/// The first pause before a priority is asked for again, which a session of ours that has just died needs; each further one
/// is twice as long.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause where every subtree is held, if behind another subagent: who goes is followed without it.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// And where one is not held at all.
const LONGEST_WITHOUT: Duration = Duration::from_secs(30);

/// How many priorities behind the one that is wanted are tried.
const BEHIND: u8 = 2;

/// What to ask the master agent for; the subtree by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// To have a subtree at a priority.
    Register(usize, u8),
    /// To have it there no more.
    Unregister(usize, u8),
}

#[derive(Debug, Clone, Copy, Default)]
struct Subtree {
    /// At which priority it is ours.
    held: Option<u8>,
    /// Whether a Register for it has not been answered. A second one meanwhile would be refused, and be believed.
    asked: bool,
    /// res.error of the refusal that was told last, 0 where none was.
    told: u16,
}

/// How things stand, when that is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Subtrees that are ours at the priority that is wanted.
    pub ours: usize,
    /// Subtrees that are ours behind somebody else.
    pub behind: usize,
    /// Subtrees there are.
    pub of: usize,
}

/// All subtrees of a session.
#[derive(Debug)]
pub struct Registrations {
    wanted: u8,
    subtrees: Vec<Subtree>,
    pause: Duration,
    /// When a priority is asked for again.
    again: Option<Instant>,
    told: Option<Standing>,
    /// Behind the subtree that was asked for last.
    next: usize,
}

impl Registrations {
    /// For so many subtrees, to be had at this priority.
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

    /// Asks for every subtree that is not ours at the priority that is wanted.
    pub fn ask_for_all(&mut self) -> Vec<Ask> {
        self.ask(usize::MAX)
    }

    fn ask(&mut self, at_most: usize) -> Vec<Ask> {
        let (wanted, next) = (self.wanted, self.next);
        let missing = self.subtrees.iter_mut().enumerate();
        let missing = missing.filter(|(_, subtree)| subtree.held != Some(wanted) && !subtree.asked);
        let mut missing: Vec<_> = missing.collect();
        // Those that are not held at all come first, and none is asked for again before the others had their turn.
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

    /// One subtree asks for all.
    pub fn ask_again(&mut self) -> Vec<Ask> {
        self.again = None;
        self.ask(1)
    }

    /// A Register was answered. Gives what to ask for next, the error if that is news, and the standing if it is.
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
                // What was free for this one is most likely free for the others, which one by one would take their time.
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
        // One asks again, and no other.
        assert_eq!(all.due(), Some(now + FIRST_PAUSE));
        assert_eq!(registers(&all.ask_again()), [(0, 100)]);
        assert_eq!(all.answered(0, 100, DUPLICATE, now), (vec![], None, None));
        assert_eq!(all.due(), Some(now + FIRST_PAUSE * 2));
        assert_eq!(registers(&all.ask_again()), [(1, 100)]);
        // It is free: so are the others, and what was held behind is given back.
        let (asks, _, news) = all.answered(1, 100, 0, now);
        assert_eq!((asks, news), (vec![Ask::Unregister(1, 101), Ask::Register(0, 100)], None));
        let (asks, _, news) = all.answered(0, 100, 0, now);
        assert_eq!(asks, [Ask::Unregister(0, 101)]);
        assert_eq!((news, all.due()), (Some(Standing { ours: 2, behind: 0, of: 2 }), None));
    }

    /// How many Registers are refused in an hour, each of them a line in the master agent's log.
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
        // Without a place behind, one must ask more often to be there soon.
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

    /// Each step behind is refused with the same error: that is one refusal, and people must know of it.
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
        // Another reason is news.
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
        // The other one is refused while that is not answered.
        let _ = all.answered(1, 100, DENIED, now);
        assert_eq!(registers(&all.ask_again()), [(1, 100)]);
        let (asks, _, news) = all.answered(0, 100, 0, now);
        assert_eq!((asks, news), (vec![], None));
        assert_eq!(all.answered(1, 100, 0, now).2, Some(Standing { ours: 2, behind: 0, of: 2 }));
    }

    /// One subtree is another's for good; that must keep nobody from asking for those that are not held at all.
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
