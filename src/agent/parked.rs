//! Requests that wait for a reading.

use crate::agentx::wire::{self, Body, Header, Query};
use std::time::Instant;

/// How many requests may wait. snmpd sends one for each request that a manager has with it; more of them wait in the
/// connection, where they cost us nothing.
const MOST: usize = 256;

/// How many octets of payload may wait.
const MOST_OCTETS: usize = 256 * 1024;

/// A request, with its payload, which outlives the buffer it came in.
pub struct Request {
    pub header: Header,
    pub payload: Vec<u8>,
    /// When it is answered from what there is.
    pub until: Instant,
}

impl Request {
    pub fn query(&self) -> Option<Query<'_>> {
        match wire::decode(&self.header, &self.payload) {
            Ok(Body::Query(query)) => Some(query),
            _ => None,
        }
    }
}

/// All that wait, in the order they came.
#[derive(Default)]
pub struct Parked {
    requests: Vec<Request>,
    octets: usize,
}

impl Parked {
    /// Whether no more requests should be taken for now. The one that fills it still finds room.
    pub fn is_full(&self) -> bool {
        self.requests.len() >= MOST || self.octets >= MOST_OCTETS
    }

    pub fn has(&self, header: &Header, payload: &[u8]) -> bool {
        self.requests.iter().any(|request| request.header == *header && request.payload == payload)
    }

    pub fn put(&mut self, request: Request) {
        self.octets += request.payload.len();
        self.requests.push(request);
    }

    /// When the first of them has waited long enough.
    pub fn deadline(&self) -> Option<Instant> {
        self.requests.iter().map(|request| request.until).min()
    }

    /// Empties it.
    pub fn take(&mut self) -> impl Iterator<Item = Request> + use<> {
        self.octets = 0;
        std::mem::take(&mut self.requests).into_iter()
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agentx::wire::PduType;

    fn request(packet_id: u32, octets: usize) -> Request {
        let header = Header {
            kind: PduType::Get,
            flags: 0,
            session_id: 1,
            transaction_id: 1,
            packet_id,
            payload_length: octets,
        };
        Request { header, payload: vec![0; octets], until: Instant::now() }
    }

    #[test]
    fn so_many_requests_and_so_many_octets_and_no_more() {
        let mut parked = Parked::default();
        for packet_id in 0..256 {
            assert!(!parked.is_full());
            parked.put(request(packet_id, 8));
        }
        assert!(parked.is_full());
        assert_eq!(parked.take().count(), 256);
        assert!(!parked.is_full() && parked.deadline().is_none());
        parked.put(request(1, MOST_OCTETS));
        assert!(parked.is_full());
    }

    /// A master agent that uses a packetID twice for different requests wants both answered.
    #[test]
    fn the_same_request_is_one_with_the_same_payload() {
        let mut parked = Parked::default();
        let first = request(7, 8);
        let (header, mut payload) = (first.header, first.payload.clone());
        parked.put(first);
        assert!(parked.has(&header, &payload));
        payload[0] = 1;
        assert!(!parked.has(&header, &payload));
    }
}
