//! How many sockets there are.

use crate::proc::sockets::TcpState;

/// Sockets by TCP state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts([u64; TcpState::ALL.len()]);

impl StateCounts {
    /// The sockets in a state.
    #[must_use]
    pub fn get(&self, state: TcpState) -> u64 {
        self.0.get(usize::from(state.number()) - 1).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, state: TcpState, sockets: u64) {
        if let Some(count) = self.0.get_mut(usize::from(state.number()) - 1) {
            *count += sockets;
        }
    }
}

impl std::ops::Add for StateCounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        for (state, _) in TcpState::ALL {
            Self::add(&mut self, state, other.get(state));
        }
        self
    }
}

/// The UDP sockets of one address family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// All sockets.
    pub sockets: u64,
    /// Those with a peer.
    pub connected: u64,
    /// Octets waiting to be read, with the kernel's own share of each buffer.
    pub receive_queue: u64,
    /// Octets waiting to be sent.
    pub transmit_queue: u64,
    /// Datagrams that the sockets open now have dropped.
    pub drops: u64,
}

impl std::ops::Add for UdpCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sockets: self.sockets + other.sockets,
            connected: self.connected + other.connected,
            receive_queue: self.receive_queue + other.receive_queue,
            transmit_queue: self.transmit_queue + other.transmit_queue,
            drops: self.drops.saturating_add(other.drops),
        }
    }
}
