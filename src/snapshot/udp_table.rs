//! The sockets of one UDP table while it is read: counted, by endpoint, and their rows.

use super::counts::UdpCounts;
use super::detail::Detail;
use super::sockets::{CONNECTED, SocketRow, UNCONNECTED, in_order, plus};
use crate::proc::error::NoMemory;
use crate::proc::sockets::{Address, Endpoint};
use std::collections::HashMap;

/// All sockets without a peer on one local endpoint; several share it by SO_REUSEPORT or SO_REUSEADDR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpEndpoint<A> {
    /// Where the sockets receive.
    pub endpoint: Endpoint<A>,
    /// How many sockets.
    pub sockets: u64,
    /// Octets waiting to be read, including the kernel's overhead for each buffer; `None` if one queue is below zero.
    pub receive_queue: Option<u64>,
    /// Datagrams dropped by these sockets; `None` if one has no figure.
    pub drops: Option<u64>,
}

/// A family's sockets: counted, by endpoint, and their rows.
#[derive(Debug)]
pub(super) struct Counted<A> {
    pub counts: UdpCounts,
    pub endpoints: Vec<UdpEndpoint<A>>,
    pub rows: Vec<SocketRow<A>>,
}

/// The sockets of one family so far.
#[derive(Debug)]
pub(super) struct Counting<A> {
    pub detail: Detail,
    pub counts: UdpCounts,
    endpoints: HashMap<Endpoint<A>, UdpEndpoint<A>>,
    pub rows: Vec<SocketRow<A>>,
}

impl<A: Address> Counting<A> {
    pub fn new(detail: Detail) -> Self {
        Self { detail, counts: UdpCounts::NONE, endpoints: HashMap::new(), rows: Vec::new() }
    }

    /// Counts a socket.
    pub fn count(
        &mut self,
        local: Endpoint<A>,
        state: u8,
        (transmit, receive): (Option<u32>, Option<u32>),
        drops: Option<u64>,
    ) -> Result<(), NoMemory> {
        let sum = |sum: Option<u64>| sum.zip(drops).map(|(sum, drops)| sum.saturating_add(drops));
        let counts = &mut self.counts;
        counts.sockets += 1;
        counts.connected = plus(counts.connected, Some(u32::from(state == CONNECTED)));
        counts.transmit_queue = plus(counts.transmit_queue, transmit);
        counts.receive_queue = plus(counts.receive_queue, receive);
        counts.drops = sum(counts.drops);
        if state != UNCONNECTED {
            return Ok(());
        }
        self.endpoints.try_reserve(1).map_err(|_| NoMemory)?;
        let none = UdpEndpoint { endpoint: local, sockets: 0, receive_queue: Some(0), drops: Some(0) };
        let endpoint = self.endpoints.entry(local).or_insert(none);
        endpoint.sockets += 1;
        endpoint.receive_queue = plus(endpoint.receive_queue, receive);
        endpoint.drops = sum(endpoint.drops);
        Ok(())
    }

    /// Everything in the order of its index.
    pub fn in_order(self) -> Result<Counted<A>, NoMemory> {
        let Self { counts, mut rows, .. } = self;
        ordered(&mut rows)?;
        let mut endpoints = Vec::new();
        endpoints.try_reserve_exact(self.endpoints.len()).map_err(|_| NoMemory)?;
        endpoints.extend(self.endpoints.into_values());
        endpoints.sort_unstable_by_key(|endpoint: &UdpEndpoint<A>| endpoint.endpoint);
        Ok(Counted { counts, endpoints, rows })
    }
}

fn ordered<A: Address>(rows: &mut Vec<SocketRow<A>>) -> Result<(), NoMemory> {
    in_order(rows, |row| (row.endpoints(), row.instance()))
}
