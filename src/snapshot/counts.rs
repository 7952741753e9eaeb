//! Numbers of sockets.

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

/// In the order of [`TcpState::ALL`].
impl From<[u32; TcpState::ALL.len()]> for StateCounts {
    fn from(counts: [u32; TcpState::ALL.len()]) -> Self {
        Self(counts.map(u64::from))
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

/// The UDP sockets of one address family. `None` means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpCounts {
    /// All sockets.
    pub sockets: u64,
    /// Those with a peer.
    pub connected: Option<u64>,
    /// Octets waiting to be read, including the kernel's overhead for each buffer.
    pub receive_queue: Option<u64>,
    /// Octets waiting to be sent.
    pub transmit_queue: Option<u64>,
    /// Datagrams dropped by the sockets now open.
    pub drops: Option<u64>,
}

impl UdpCounts {
    /// No sockets.
    pub const NONE: Self = Self {
        sockets: 0,
        connected: Some(0),
        receive_queue: Some(0),
        transmit_queue: Some(0),
        drops: Some(0),
    };

    /// A number of sockets of which nothing else is known.
    pub(super) fn of_number(sockets: u64) -> Self {
        Self { sockets, connected: None, receive_queue: None, transmit_queue: None, drops: None }
    }
}

impl std::ops::Add for UdpCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = |of: fn(&Self) -> Option<u64>| Some(of(&self)?.saturating_add(of(&other)?));
        Self {
            sockets: self.sockets.saturating_add(other.sockets),
            connected: sum(|counts| counts.connected),
            receive_queue: sum(|counts| counts.receive_queue),
            transmit_queue: sum(|counts| counts.transmit_queue),
            drops: sum(|counts| counts.drops),
        }
    }
}
