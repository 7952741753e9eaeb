//! Builds the response to a query: looks up every range in one view at one moment.

use crate::agentx::wire::{LARGEST_RESPONSE, Query, QueryKind, Response, SearchRange, error};
use crate::mib::context::Context;
use crate::mib::view::View;
use crate::smi::Missing;
use crate::smi::oid::Oid;

/// The outcome of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Variable bindings in the response.
    pub varbinds: u64,
    /// Whether the response is an error.
    pub error: bool,
}

/// Fills and finishes the response to a query. `context` is the context that we registered in.
pub fn answer(
    view: &View,
    cx: &Context<'_>,
    query: &Query<'_>,
    context: &[u8],
    response: Response<'_>,
) -> Answered {
    let mut answer = Answer { view, cx, ours: query.context == context, response, varbinds: 0 };
    let complete = match query.kind {
        QueryKind::Get => answer.each(query, Answer::get),
        QueryKind::GetNext => answer.each(query, Answer::next),
        QueryKind::GetBulk { non_repeaters, max_repetitions } => {
            answer.bulk(query, non_repeaters.into(), max_repetitions.into())
        }
    };
    let Answer { response, varbinds, .. } = answer;
    match complete {
        Ok(()) => {
            response.finish();
            Answered { varbinds, error: false }
        }
        // The master agent would not take a response this large. Section 6.2.16 allows the SNMP errors, and on tooBig
        // managers ask for less at a time.
        Err(TooLarge(index)) => {
            response.fail(error::TOO_BIG, u16::try_from(index).unwrap_or(u16::MAX));
            Answered { varbinds: 0, error: true }
        }
    }
}

/// The response would be larger than the master agent takes. Holds the number of the range, from 1.
struct TooLarge(u64);

struct Answer<'a, 'r> {
    view: &'a View,
    cx: &'a Context<'a>,
    ours: bool,
    response: Response<'r>,
    varbinds: u64,
}

impl Answer<'_, '_> {
    /// Adds one variable binding with `add`, unless that makes the response too large.
    fn add(&mut self, add: impl FnOnce(&mut Self)) -> Result<(), TooLarge> {
        let before = self.response.octets();
        add(self);
        if self.response.octets() > LARGEST_RESPONSE {
            self.response.truncate(before);
            return Err(TooLarge(self.varbinds + 1));
        }
        self.varbinds += 1;
        Ok(())
    }

    fn each(&mut self, query: &Query<'_>, one: fn(&mut Self, &SearchRange)) -> Result<(), TooLarge> {
        for range in query.ranges {
            self.add(|answer| one(answer, &range))?;
        }
        Ok(())
    }

    /// Section 7.2.3.1.
    fn get(&mut self, range: &SearchRange) {
        let found = if self.ours { self.view.get(self.cx, &range.start) } else { Err(Missing::Object) };
        match found {
            Ok(value) => self.response.value(&range.start, &value),
            Err(missing) => self.response.missing(&range.start, missing),
        }
    }

    /// Section 7.2.3.2.
    fn next(&mut self, range: &SearchRange) {
        self.after(&range.start, range.include, range.end.as_ref());
    }

    /// Adds the next instance and returns its name, or adds endOfMibView.
    fn after(&mut self, start: &Oid, include: bool, end: Option<&Oid>) -> Option<Oid> {
        let found = if self.ours { self.view.next(self.cx, start, include, end) } else { None };
        match found {
            Some((name, value)) => {
                self.response.value(&name, &value);
                Some(name)
            }
            None => {
                self.response.end_of_mib_view(start);
                None
            }
        }
    }

    /// Section 7.2.3.3. Drops whole repetitions that do not fit into the response.
    fn bulk(
        &mut self,
        query: &Query<'_>,
        non_repeaters: usize,
        max_repetitions: usize,
    ) -> Result<(), TooLarge> {
        for range in query.ranges.take(non_repeaters) {
            self.add(|answer| answer.next(&range))?;
        }
        let mut repeaters: Vec<_> = query.ranges.skip(non_repeaters).collect();
        for repetition in 0..max_repetitions {
            let (complete, mut any) = (self.response.octets(), false);
            for range in &mut repeaters {
                let mut next = None;
                let added = self.add(|answer| {
                    next = answer.after(&range.start, range.include, range.end.as_ref());
                });
                if let Err(too_large) = added {
                    if repetition == 0 {
                        return Err(too_large);
                    }
                    self.response.truncate(complete);
                    return Ok(());
                }
                if let Some(name) = next {
                    (range.start, range.include, any) = (name, false, true);
                }
            }
            if !any {
                break;
            }
        }
        Ok(())
    }
}
