//! Requests that wait for a reading, or for their turn.
//!
//! All that the master agent sends is read at once, so what cannot be answered at once is held here. There is room for
//! a bounded number; what finds none, and what waits for too long, is refused with a short error.

use crate::agentx::wire::{self, Body, Header, Query};
use crate::snapshot::SourceId;
use std::time::{Duration, Instant};

/// How many requests may wait. snmpd sends one for each request that a manager has with it; what comes in one read shall
/// find room.
const MOST: usize = 2048;

/// How many octets of payload may wait.
const MOST_OCTETS: usize = 512 * 1024;

/// How long a request may wait for its turn at most. snmpd sends it again after each second, gives the subagent up after
/// six, and managers ask again after one to five seconds.
const LONGEST: Duration = Duration::from_secs(2);

/// A request, with its payload, which outlives the buffer it came in.
pub struct Request {
    pub header: Header,
    pub payload: Vec<u8>,
    /// When it is answered from what there is.
    pub until: Instant,
    /// When it is refused.
    expires: Instant,
    /// The sources it waits for; where there are none, it only waits for its turn.
    waits_for: Vec<SourceId>,
}

impl Request {
    /// One that came just now.
    pub fn new(header: Header, payload: &[u8], answer_within: Duration, now: Instant) -> Self {
        Self {
            header,
            payload: payload.to_vec(),
            until: now + answer_within,
            expires: now + LONGEST,
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

/// All that wait, in the order they came.
#[derive(Default)]
pub struct Waiting {
    requests: Vec<Request>,
    octets: usize,
}

impl Waiting {
    /// Whether there is no more room. The one that fills it still finds some.
    pub fn is_full(&self) -> bool {
        self.requests.len() >= MOST || self.octets >= MOST_OCTETS
    }

    /// Whether this very request waits already: snmpd sends it again if it is not answered within a second.
    pub fn has(&self, header: &Header, payload: &[u8]) -> bool {
        self.requests.iter().any(|request| request.header == *header && request.payload == payload)
    }

    /// Has a request wait until these sources are read, or for its turn alone.
    pub fn put(&mut self, mut request: Request, waits_for: Vec<SourceId>) {
        request.waits_for = waits_for;
        self.octets += request.payload.len();
        self.requests.push(request);
    }

    /// The reading of a source has ended, whatever it brought.
    pub fn read(&mut self, source: SourceId) {
        self.requests.iter_mut().for_each(|request| request.waits_for.retain(|id| *id != source));
    }

    /// What was waited for will not come.
    pub fn wait_no_more(&mut self) {
        self.requests.iter_mut().for_each(|request| request.waits_for.clear());
    }

    /// For so long this process was stopped: nothing has waited for its turn that long.
    pub fn was_stopped(&mut self, lost: Duration) {
        self.requests.iter_mut().for_each(|request| request.expires += lost);
    }

    /// Whether one of them can be answered.
    pub fn has_ready(&self, now: Instant) -> bool {
        self.requests.iter().any(|request| request.is_ready(now))
    }

    /// Takes out one that can be answered: the shortest, so that who asks for little does not wait for those who ask for
    /// much.
    pub fn take_ready(&mut self, now: Instant) -> Option<Request> {
        let ready = self.requests.iter().enumerate().filter(|(_, request)| request.is_ready(now));
        let (position, _) = ready.min_by_key(|(_, request)| request.payload.len())?;
        Some(self.remove(position))
    }

    /// Takes out one whose time is over.
    pub fn take_expired(&mut self, now: Instant) -> Option<Request> {
        let position = self.requests.iter().position(|request| request.expires <= now)?;
        Some(self.remove(position))
    }

    fn remove(&mut self, position: usize) -> Request {
        let request = self.requests.remove(position);
        self.octets -= request.payload.len();
        request
    }

    /// When something must be done about one of them that cannot be answered yet, or cannot be answered at all while the
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
        Request::new(header, &vec![0; octets], ANSWER_WITHIN, now)
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
