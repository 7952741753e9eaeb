//! Counts by local port, taken as the socket tables stream past.

use super::counts::StateCounts;
use crate::proc::sockets::TcpState;

/// Sockets by local port and state, with room only for ports that occur.
#[derive(Debug)]
pub struct Ports {
    /// For each port, 1 + its position in `counts`, or 0.
    positions: Vec<u32>,
    /// In 32 bits, since every possible port may occur: no memory holds 4 billion sockets of one port.
    counts: Vec<[u32; TcpState::ALL.len()]>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { positions: vec![0; 1 << 16], counts: Vec::new() }
    }
}

impl Ports {
    /// Counts a socket.
    #[inline]
    pub fn add(&mut self, port: u16, state: TcpState) {
        let Some(position) = self.positions.get_mut(usize::from(port)) else {
            return;
        };
        if *position == 0 {
            self.counts.push(Default::default());
            *position = u32::try_from(self.counts.len()).unwrap_or(0);
        }
        let counts = self.counts.get_mut(*position as usize - 1);
        if let Some(count) = counts.and_then(|counts| counts.get_mut(usize::from(state.number()) - 1)) {
            *count = count.saturating_add(1);
        }
    }

    /// The counts of given ports, by port.
    #[must_use]
    pub fn of(&self, mut listening: Vec<u16>) -> Vec<(u16, StateCounts)> {
        listening.sort_unstable();
        listening.dedup();
        let counts = |port: u16| {
            let position = self.positions.get(usize::from(port))?.checked_sub(1)?;
            self.counts.get(position as usize).map(|counts| StateCounts::from(*counts))
        };
        listening.into_iter().map(|port| (port, counts(port).unwrap_or_default())).collect()
    }
}
