//! Requests that wait for a reading, or for their turn.
//!
//! Everything the master agent sends is read at once, so requests that cannot be answered at once are held here. Their
//! number is bounded: a request that finds no room or waits too long is refused with a short error.

use crate::agentx::wire::{self, Body, Header, LARGEST_RESPONSE, Query, QueryKind};
use crate::snapshot::SourceId;
use std::time::{Duration, Instant};

/// How many requests may wait. snmpd sends one for each request that a manager has with it; those that arrive in one
/// read must find room.
const MOST: usize = 2048;

/// How many octets of payload may wait.
const MOST_OCTETS: usize = 512 * 1024;

/// How long a request may wait for its turn. snmpd resends it every second and gives up on the subagent after six, and
/// managers retry after one to five seconds.
const LONGEST: Duration = Duration::from_secs(2);

/// After this many requests taken for being small, one is taken for its age: however many small ones come, a large one
/// gets a turn before it expires.
const BY_WORK: u32 = 7;

/// A request with a copy of its payload, which outlives the buffer that it arrived in.
pub struct Request {
    pub header: Header,
    pub payload: Vec<u8>,
    /// When it is answered from the readings there are.
    pub until: Instant,
    /// When it is refused.
    expires: Instant,
    /// How much work it is, in octets of names to look up.
    work: usize,
    /// The sources it waits for; if there are none, it only waits for its turn.
    waits_for: Vec<SourceId>,
}

impl Request {
    /// A request that has just arrived.
    pub fn new(
        header: Header,
        kind: QueryKind,
        payload: &[u8],
        answer_within: Duration,
        now: Instant,
    ) -> Self {
        Self {
            header,
            payload: payload.to_vec(),
            until: now + answer_within,
            expires: now + LONGEST,
            work: work(kind, payload.len()),
            waits_for: Vec::new(),
        }
    }

    pub fn query(&self) -> Option<Query<'_>> {
        match wire::decode(&self.header, &self.payload) {
            Ok(Body::Query(query)) => Some(query),
            _ => None,
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        self.waits_for.is_empty() || self.until <= now
    }
}

/// How much work a query with `octets` of payload is. A GetBulk repeats it until the response is full.
fn work(kind: QueryKind, octets: usize) -> usize {
    match kind {
        QueryKind::Get | QueryKind::GetNext => octets,
        QueryKind::GetBulk { max_repetitions, .. } => {
            let repeated = octets.saturating_mul(max_repetitions.into());
            repeated.clamp(octets, LARGEST_RESPONSE.max(octets))
        }
    }
}

/// All waiting requests.
#[derive(Default)]
pub struct Waiting {
    requests: Vec<Request>,
    octets: usize,
    /// How many were taken for being small since one was taken for its age.
    by_work: u32,
}

impl Waiting {
    /// Whether there is no more room. The request that fills it up is still held.
    pub fn is_full(&self) -> bool {
        self.requests.len() >= MOST || self.octets >= MOST_OCTETS
    }

    /// Whether this very request is already waiting: snmpd resends it if it is not answered within a second.
    pub fn has(&self, header: &Header, payload: &[u8]) -> bool {
        self.requests.iter().any(|request| request.header == *header && request.payload == payload)
    }

    /// Holds a request until these sources are read, or just until its turn.
    pub fn put(&mut self, mut request: Request, waits_for: Vec<SourceId>) {
        request.waits_for = waits_for;
        self.octets += request.payload.len();
        self.requests.push(request);
    }

    /// The reading of a source has ended, whatever its result.
    pub fn read(&mut self, source: SourceId) {
        self.requests.iter_mut().for_each(|request| request.waits_for.retain(|id| *id != source));
    }

    /// The awaited readings will not come.
    pub fn wait_no_more(&mut self) {
        self.requests.iter_mut().for_each(|request| request.waits_for.clear());
    }

    /// This process was stopped for `lost`: that time does not count as waiting for a turn.
    pub fn was_stopped(&mut self, lost: Duration) {
        self.requests.iter_mut().for_each(|request| request.expires += lost);
    }

    /// Whether one of them can be answered.
    pub fn has_ready(&self, now: Instant) -> bool {
        self.requests.iter().any(|request| request.is_ready(now))
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Takes out a request that can be answered: the one with the least work, so that small requests do not wait for
    /// large ones, but now and then the oldest.
    pub fn take_ready(&mut self, now: Instant) -> Option<Request> {
        let ready = self.requests.iter().enumerate().filter(|(_, request)| request.is_ready(now));
        let by_age = self.by_work >= BY_WORK;
        let (position, _) = match by_age {
            true => ready.min_by_key(|(_, request)| request.expires)?,
            false => ready.min_by_key(|(_, request)| request.work)?,
        };
        self.by_work = if by_age { 0 } else { self.by_work + 1 };
        Some(self.remove(position))
    }

    /// Takes out a request that has expired.
    pub fn take_expired(&mut self, now: Instant) -> Option<Request> {
        let position = self.requests.iter().position(|request| request.expires <= now)?;
        Some(self.remove(position))
    }

    fn remove(&mut self, position: usize) -> Request {
        let request = self.requests.remove(position);
        self.octets -= request.payload.len();
        request
    }

    /// When something must be done about a request that cannot be answered yet, or cannot be answered at all while the
    /// connection is `congested`.
    pub fn deadline(&self, congested: bool, now: Instant) -> Option<Instant> {
        let next = |request: &Request| {
            if congested || request.is_ready(now) { request.expires } else { request.until }
        };
        self.requests.iter().map(next).min()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::wire::PduType;

    const ANSWER_WITHIN: Duration = Duration::from_millis(800);

    fn request(packet_id: u32, octets: usize, now: Instant) -> Request {
        let header = Header {
            kind: PduType::Get,
            flags: 0,
            session_id: 1,
            transaction_id: 1,
            packet_id,
            payload_length: octets,
        };
        Request::new(header, QueryKind::Get, &vec![0; octets], ANSWER_WITHIN, now)
    }

    /// The same as a GetBulk.
    fn bulk(packet_id: u32, octets: usize, max_repetitions: u16, now: Instant) -> Request {
        let Request { header, payload, .. } = request(packet_id, octets, now);
        let kind = QueryKind::GetBulk { non_repeaters: 0, max_repetitions };
        Request::new(Header { kind: PduType::GetBulk, ..header }, kind, &payload, ANSWER_WITHIN, now)
    }

    #[test]
    fn so_many_requests_and_so_many_octets_and_no_more() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for packet_id in 0..2048 {
            assert!(!waiting.is_full());
            waiting.put(request(packet_id, 8, now), Vec::new());
        }
        assert!(waiting.is_full());
        let taken: Vec<_> = std::iter::from_fn(|| waiting.take_ready(now)).collect();
        assert!(taken.iter().map(|request| request.header.packet_id).eq(0..2048), "in the order they came");
        assert!(!waiting.is_full() && waiting.deadline(false, now).is_none() && waiting.octets == 0);
        waiting.put(request(1, MOST_OCTETS, now), Vec::new());
        assert!(waiting.is_full());
    }

    #[test]
    fn who_asks_for_little_comes_first() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for (packet_id, octets) in [(1, 9000), (2, 9000), (3, 48)] {
            waiting.put(request(packet_id, octets, now), Vec::new());
        }
        let order = std::iter::from_fn(|| waiting.take_ready(now)).map(|request| request.header.packet_id);
        assert_eq!(order.collect::<Vec<_>>(), [3, 1, 2]);
    }

    #[test]
    fn who_asks_for_much_has_a_turn_however_many_ask_for_little() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        waiting.put(request(1, 9000, now), Vec::new());
        waiting.put(request(2, 8000, now + Duration::from_millis(1)), Vec::new());
        let mut order = Vec::new();
        for packet_id in 3..20 {
            let later = now + Duration::from_millis(2);
            // Two come for each that is answered.
            waiting.put(request(packet_id, 48, later), Vec::new());
            waiting.put(request(packet_id + 100, 48, later), Vec::new());
            order.push(waiting.take_ready(now).unwrap().header.packet_id);
        }
        let turn = |packet_id| order.iter().position(|taken| *taken == packet_id);
        assert_eq!((turn(1), turn(2)), (Some(7), Some(15)), "{order:?}");
    }

    /// Few octets may ask for as many rows as a response has room for.
    #[test]
    fn a_bulk_is_as_much_work_as_its_repetitions() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for (packet_id, repetitions) in [(1, u16::MAX), (2, 100), (3, 0)] {
            waiting.put(bulk(packet_id, 64, repetitions, now), Vec::new());
        }
        waiting.put(request(4, 5000, now), Vec::new());
        waiting.put(request(5, 70_000, now), Vec::new());
        let order = std::iter::from_fn(|| waiting.take_ready(now)).map(|request| request.header.packet_id);
        assert_eq!(order.collect::<Vec<_>>(), [3, 4, 2, 1, 5]);
    }

    #[test]
    fn one_is_ready_once_all_it_waits_for_was_read_or_its_time_is_over() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        waiting.put(request(1, 8, now), vec![SourceId::Counters, SourceId::Sockstat]);
        waiting.read(SourceId::Counters);
        assert!(!waiting.has_ready(now) && waiting.take_ready(now).is_none());
        assert_eq!(waiting.deadline(false, now), Some(now + ANSWER_WITHIN));
        assert!(waiting.has_ready(now + ANSWER_WITHIN));
        waiting.read(SourceId::Sockstat);
        assert!(waiting.has_ready(now));
        assert_eq!(waiting.deadline(false, now), Some(now + LONGEST));
        waiting.put(request(2, 8, now), vec![SourceId::Counters]);
        assert_eq!(waiting.deadline(true, now), Some(now + LONGEST), "nothing is answered meanwhile");
        assert!(waiting.take_expired(now).is_none());
        let lost = Duration::from_secs(60);
        waiting.was_stopped(lost);
        assert!(waiting.take_expired(now + LONGEST).is_none());
        let now = now + lost;
        assert!(
            waiting.take_expired(now + LONGEST).is_some() && waiting.take_expired(now + LONGEST).is_some()
        );
        assert!(waiting.requests.is_empty());
    }

    /// A master agent that uses a packetID twice for different requests wants both answered.
    #[test]
    fn the_same_request_is_one_with_the_same_payload() {
        let mut waiting = Waiting::default();
        let first = request(7, 8, Instant::now());
        let (header, mut payload) = (first.header, first.payload.clone());
        waiting.put(first, Vec::new());
        assert!(waiting.has(&header, &payload));
        payload[0] = 1;
        assert!(!waiting.has(&header, &payload));
    }
}
