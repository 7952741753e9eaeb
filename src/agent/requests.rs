//! How a request is answered: at once, after a reading, in its turn, or with a refusal.
//!
//! Everything the master agent sends is read before anything is answered, and nothing here takes long: after [`TURN`]
//! the loop reads and sends again before it looks at the next request.

use super::answer;
use super::serving::Serving;
use super::state::Agent;
use super::waiting::Request;
use crate::agentx::transport::Connection;
use crate::agentx::wire::{Header, Query, Response, error};
use crate::mib::context::Context;
use crate::snapshot::SourceId;
use std::time::{Duration, Instant};

/// How long requests are answered before the loop looks at the connection again. A request once begun is finished.
pub(super) const TURN: Duration = Duration::from_millis(3);

/// The outcome of a request.
enum Outcome {
    Answered,
    /// These sources are older than their max-age and being read.
    Needs(Vec<SourceId>),
}

impl Agent {
    /// Answers a request that has just arrived if `at_once` is set and no other is ready; otherwise makes it wait.
    pub(super) fn query(
        &mut self,
        header: &Header,
        query: &Query<'_>,
        payload: &[u8],
        at_once: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        // The master agent resends a request that is not answered within a second; one answer is enough.
        if self.waiting.has(header, payload) {
            return;
        }
        let needs = if at_once && !self.waiting.has_ready(now) {
            match self.answer(header, query, true, now, out) {
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
            self.waiting.put(Request::new(*header, query.kind, payload, answer_within, now), needs);
        }
    }

    /// Answers requests that follow each other as in a walk, with no sleep between them, for a moment. Returns whether
    /// there may be more.
    pub(super) fn keep_pace(&mut self, serving: &mut Serving, connection: &mut Connection) -> bool {
        let mut turn_ends = None;
        while let Some(now) = connection.poll_for_next() {
            serving.receive(self, connection);
            let is_over = now >= *turn_ends.get_or_insert(now + TURN);
            // A session that has ended may have nothing to send, which would wake the loop.
            if !serving.is_served() || connection.has_more() || self.work(connection) || is_over {
                return true;
            }
        }
        false
    }

    /// Answers waiting requests for a moment. Returns whether more could be answered at once.
    pub(super) fn work(&mut self, connection: &mut Connection) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
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
            if let Outcome::Needs(sources) =
                self.answer(&request.header, &query, wait, now, &mut connection.out)
            {
                self.waiting.put(request, sources);
            }
        }
    }

    /// Answers a query from the snapshot. If a source is stale and `wait` is set, only starts its reading.
    fn answer(
        &mut self,
        header: &Header,
        query: &Query<'_>,
        wait: bool,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let start = out.len();
        let cx = Context::of(self.refresher.snapshot(), &self.subagent, now);
        let context = self.config.agentx.context.as_ref().as_bytes();
        let answered = answer::answer(&self.view, &cx, query, context, Response::to(header, out));
        let touched = cx.touched();
        let late = self.refresher.refresh(touched, now);
        if wait && !late.awaited.is_empty() {
            out.truncate(start);
            return Outcome::Needs(late.awaited);
        }
        self.refresher.answered_late(&late.stale, self.config.refresh.answer_within.into(), now);
        self.refresher.snapshot_mut().drop_unused(now);
        self.subagent.statistics.requests += 1;
        self.subagent.statistics.varbinds += answered.varbinds;
        self.subagent.statistics.errors += u64::from(answered.error);
        self.subagent.statistics.late += u64::from(!late.stale.is_empty());
        Outcome::Answered
    }

    /// Answers with an error of a few octets: requests ask for more than can be answered in time or held in memory.
    ///
    /// On tooBig, managers ask for half as much at a time (Zabbix, RFC 3416 section 4.2.1). A request for one instance
    /// cannot ask for less, and genErr says that there is none this time. snmpd only takes an index from 1.
    fn refuse(&mut self, header: &Header, query: Option<&Query<'_>>, out: &mut Vec<u8>) {
        let several = query.is_some_and(|query| query.ranges.take(2).count() > 1);
        Response::to(header, out).fail(if several { error::TOO_BIG } else { error::GEN_ERR }, 1);
        let statistics = &mut self.subagent.statistics;
        statistics.requests += 1;
        statistics.errors += 1;
        self.refused.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::address::{MasterAddress, Resolver};
    use crate::agentx::wire::{PduType, QueryKind};
    use crate::config::Config;
    use crate::smi::oid::Oid;
    use crate::snapshot::Touched;

    /// A Get of these instances.
    fn get(names: &[&str]) -> Request {
        let mut payload = Vec::new();
        for name in names {
            let name: Oid = name.parse().unwrap();
            payload.extend([u8::try_from(name.as_slice().len()).unwrap(), 0, 0, 0]);
            payload.extend(name.as_slice().iter().flat_map(|subid| subid.to_le_bytes()));
            payload.extend([0; 4]);
        }
        let header = Header {
            kind: PduType::Get,
            flags: 0,
            session_id: 1,
            transaction_id: 1,
            packet_id: 1,
            payload_length: payload.len(),
        };
        Request::new(header, QueryKind::Get, &payload, Duration::from_millis(800), Instant::now())
    }

    /// Otherwise a file that hangs would cost every request for one of its objects `answer-within`.
    #[tokio::test]
    async fn nobody_waits_for_a_source_that_was_given_up() {
        let mut agent = Agent::new(Config::default());
        let now = Instant::now();
        agent.refresher.refresh(Touched::default().with(SourceId::Counters), now);
        assert_eq!(agent.refresher.give_up_late(now + Duration::from_secs(3600)), [SourceId::Counters]);
        // tcpActiveOpens.0 and lnsSockstatSocketsUsed.0
        let request = get(&["1.3.6.1.2.1.6.5.0", "1.3.6.1.4.1.8072.9999.9999.2741.1.2.1.0"]);
        let (query, mut out) = (request.query().unwrap(), Vec::new());
        let outcome = agent.answer(&request.header, &query, true, now, &mut out);
        assert!(matches!(&outcome, Outcome::Needs(sources) if *sources == [SourceId::Sockstat]));
        let alone = get(&["1.3.6.1.2.1.6.5.0"]);
        let outcome = agent.answer(&alone.header, &alone.query().unwrap(), true, Instant::now(), &mut out);
        assert!(matches!(outcome, Outcome::Answered));
        // An answer from old figures counts as late.
        assert_eq!((agent.subagent.statistics.requests, agent.subagent.statistics.late), (1, 1));
    }

    /// It has nothing to send, so nothing else would wake the loop.
    #[tokio::test]
    async fn a_session_that_ends_in_a_walk_has_ended_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut connection =
            Connection::open(&MasterAddress::Unix(path), false, &mut Resolver::default()).await.unwrap();
        let (mut master, _) = listener.accept().unwrap();
        let mut agent = Agent::new(Config::default());
        let mut serving = Serving::begin(&mut agent, &mut connection);
        // The Response to our Open: openFailed (256).
        let refused = [1, 18, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0];
        std::io::Write::write_all(&mut master, &refused).unwrap();
        connection.walk();
        assert!(agent.keep_pace(&mut serving, &mut connection), "the loop goes on");
        assert!(serving.ended.is_some() && connection.out.is_empty());
        assert!(!agent.keep_pace(&mut serving, &mut connection), "nothing more has come");
    }
}
