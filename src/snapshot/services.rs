//! Sockets by local port, counted as the socket tables stream past, and what waits in the connections of each service.

use super::counts::StateCounts;
use super::sockets::plus;
use crate::proc::error::Fault;
use crate::proc::sockets::{Head, TcpState};
use crate::proc::timer::Timer;

/// As often as this, what a connection sent was sent again in vain before it counts as stalled: with the kernel's
/// defaults, a shortest timeout of 0.2 s that is doubled each time, that takes more than six seconds.
const STALLED: u32 = 5;

/// The sockets of a local port that has a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The local port.
    pub port: u16,
    /// All of them, listeners too.
    pub states: StateCounts,
    /// What its connections wait for.
    pub load: Load,
}

impl Service {
    /// The sockets that are connections: those in every state but listen and closed.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let connections = TcpState::ALL.iter().filter(|(state, _)| is_connection(*state));
        connections.map(|(state, _)| self.states.get(*state)).sum()
    }
}

/// Whether sockets in a state are connections.
pub(super) fn is_connection(state: TcpState) -> bool {
    !matches!(state, TcpState::Listen | TcpState::Closed)
}

/// What the connections of a port wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Octets received that no program has read; `None` if one queue is below zero.
    pub unread: Option<u64>,
    /// Octets that were not sent or not acknowledged; `None` if one queue is below zero.
    pub unsent: Option<u64>,
    /// Connections that have sent something again and still wait for its acknowledgement.
    pub retransmitting: u64,
    /// Those among them that have done so five times or more.
    pub stalled: u64,
    /// Connections whose peer has no room for what is to be sent.
    pub zero_window: u64,
}

impl Load {
    const NONE: Self =
        Self { unread: Some(0), unsent: Some(0), retransmitting: 0, stalled: 0, zero_window: 0 };
}

/// Sockets by local port and state, with room only for ports that occur.
#[derive(Debug)]
pub(super) struct Ports {
    /// For each port, 1 + its position in `counts`, or 0.
    positions: Vec<u32>,
    /// In 32 bits, since every possible port may occur: no memory holds 4 billion sockets of one port.
    counts: Vec<[u32; TcpState::ALL.len()]>,
    /// For each of `counts`, 1 + the position in `loads`, or 0.
    loaded: Vec<u32>,
    /// Of ports with connections that are not idle.
    loads: Vec<Load>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { positions: vec![0; 1 << 16], counts: Vec::new(), loaded: Vec::new(), loads: Vec::new() }
    }
}

impl Ports {
    /// Counts a socket.
    #[inline]
    pub fn add(&mut self, head: &Head<'_>, state: TcpState) -> Result<(), Fault> {
        self.count(head.local_port, state);
        // A request in synReceived has no queues, and its timer waits for a peer that nobody has agreed with yet.
        if head.is_idle() || !is_connection(state) || state == TcpState::SynReceived {
            return Ok(());
        }
        self.load(head)
    }

    fn count(&mut self, port: u16, state: TcpState) {
        let Some(position) = self.positions.get_mut(usize::from(port)) else {
            return;
        };
        if *position == 0 {
            self.counts.push(Default::default());
            self.loaded.push(0);
            *position = u32::try_from(self.counts.len()).unwrap_or(0);
        }
        let counts = self.counts.get_mut(*position as usize - 1);
        if let Some(count) = counts.and_then(|counts| counts.get_mut(usize::from(state.number()) - 1)) {
            *count = count.saturating_add(1);
        }
    }

    fn load(&mut self, head: &Head<'_>) -> Result<(), Fault> {
        let ((unsent, unread), timer) = (head.queues()?, head.timer()?);
        let Some(load) = self.load_of(head.local_port) else { return Ok(()) };
        load.unread = plus(load.unread, unread);
        load.unsent = plus(load.unsent, unsent);
        match timer {
            Timer::Retransmit(times) => {
                load.retransmitting += u64::from(times > 0);
                load.stalled += u64::from(times >= STALLED);
            }
            Timer::ZeroWindow => load.zero_window += 1,
            Timer::Other => {}
        }
        Ok(())
    }

    /// The load of a port that was counted.
    fn load_of(&mut self, port: u16) -> Option<&mut Load> {
        let position = self.positions.get(usize::from(port))?.checked_sub(1)?;
        let loaded = self.loaded.get_mut(position as usize)?;
        if *loaded == 0 {
            self.loads.push(Load::NONE);
            *loaded = u32::try_from(self.loads.len()).ok()?;
        }
        self.loads.get_mut(*loaded as usize - 1)
    }

    /// The services of given ports, by port.
    #[must_use]
    pub fn of(&self, mut listening: Vec<u16>) -> Vec<Service> {
        listening.sort_unstable();
        listening.dedup();
        let position = |port: u16| self.positions.get(usize::from(port))?.checked_sub(1);
        let counts =
            |port: u16| self.counts.get(position(port)? as usize).map(|counts| StateCounts::from(*counts));
        let load = |port: u16| {
            let loaded = self.loaded.get(position(port)? as usize)?.checked_sub(1)?;
            self.loads.get(loaded as usize).copied()
        };
        let service = |port| Service {
            port,
            states: counts(port).unwrap_or_default(),
            load: load(port).unwrap_or(Load::NONE),
        };
        listening.into_iter().map(service).collect()
    }
}
