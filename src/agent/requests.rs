//! From a request to its answer: at once, after a reading, in its turn, or refused.
//!
//! Whatever the master agent sends is taken before anything is answered, and nothing here takes long: after [`TURN`] the loop
//! reads and sends again before the next request is looked at.

use super::waiting::Request;
use super::{Agent, answer};
use crate::agentx::transport::Connection;
use crate::agentx::wire::{Header, Query, Response, error};
use crate::mib::context::Context;
use crate::snapshot::SourceId;
use std::time::{Duration, Instant};

/// How long requests are answered before the connection is looked at again. One that is begun is finished.
pub(super) const TURN: Duration = Duration::from_millis(3);

/// What became of a request.
enum Outcome {
    Answered,
    /// These sources are older than their max-age and being read.
    Needs(Vec<SourceId>),
}

impl Agent {
    /// Answers a request that came just now if it may be answered at once, and nobody waits; else has it wait.
    pub(super) fn query(
        &mut self,
        header: &Header,
        query: &Query<'_>,
        payload: &[u8],
        at_once: bool,
        out: &mut Vec<u8>,
    ) {
        // The master agent sends a request again that was not answered within a second; one answer is enough.
        if self.waiting.has(header, payload) {
            return;
        }
        let now = Instant::now();
        let needs = if at_once && !self.waiting.has_ready(now) {
            match self.answer(header, query, true, out) {
                Outcome::Answered => return,
                Outcome::Needs(sources) => sources,
            }
        } else {
            Vec::new()
        };
        if self.waiting.is_full() {
            self.refuse(header, Some(query), out);
        } else {
            let answer_within = self.config.refresh.answer_within.into();
            self.waiting.put(Request::new(*header, payload, answer_within, now), needs);
        }
    }

    /// Answers what has waited, for a moment. Says whether there is more that could be answered at once.
    pub(super) fn work(&mut self, connection: &mut Connection) -> bool {
        let turn_ends = Instant::now() + TURN;
        loop {
            let now = Instant::now();
            while let Some(expired) = self.waiting.take_expired(now) {
                self.refuse(&expired.header, expired.query().as_ref(), &mut connection.out);
            }
            if connection.is_congested() {
                return false;
            }
            if now >= turn_ends {
                return self.waiting.has_ready(now);
            }
            let Some(request) = self.waiting.take_ready(now) else { return false };
            let Some(query) = request.query() else { continue };
            let wait = now < request.until;
            if let Outcome::Needs(sources) = self.answer(&request.header, &query, wait, &mut connection.out) {
                self.waiting.put(request, sources);
            }
        }
    }

    /// Answers a query from the snapshot. If a source is stale and `wait` is set, only starts its reading.
    fn answer(&mut self, header: &Header, query: &Query<'_>, wait: bool, out: &mut Vec<u8>) -> Outcome {
        let now = Instant::now();
        let start = out.len();
        let cx = Context::new(self.refresher.snapshot(), now);
        let context = self.config.agentx.context.as_ref().as_bytes();
        let answered = answer::answer(&self.view, &cx, query, context, Response::to(header, out));
        let touched = cx.touched();
        let late = self.refresher.refresh(touched, now);
        if late.waiting && wait {
            out.truncate(start);
            return Outcome::Needs(late.stale);
        }
        self.refresher.answered_late(&late.stale, self.config.refresh.answer_within.into(), now);
        let snapshot = self.refresher.snapshot_mut();
        snapshot.used(touched, now);
        snapshot.agent.requests += 1;
        snapshot.agent.varbinds += answered.varbinds;
        snapshot.agent.errors += u64::from(answered.error);
        snapshot.agent.late += u64::from(!late.stale.is_empty());
        Outcome::Answered
    }

    /// Answers with an error of a few octets, since more is asked for than can be answered in time or held in memory.
    ///
    /// To tooBig, managers ask for half as much at a time (Zabbix, RFC 3416 section 4.2.1); who asks for one instance
    /// cannot ask for less, and genErr says that this time there is none. snmpd takes an index from 1 only.
    fn refuse(&mut self, header: &Header, query: Option<&Query<'_>>, out: &mut Vec<u8>) {
        let several = query.is_some_and(|query| query.ranges.take(2).count() > 1);
        Response::to(header, out).fail(if several { error::TOO_BIG } else { error::GEN_ERR }, 1);
        let statistics = &mut self.refresher.snapshot_mut().agent;
        statistics.requests += 1;
        statistics.errors += 1;
        self.refused.count();
    }
}
