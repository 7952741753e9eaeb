//! The types and states of `check` by psutil's names, and how many sockets each has.

use crate::proc::sockets::TcpState;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::Udp;
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Type {
    /// All of them
    All,
    /// TCP over IPv4
    #[value(alias = "tcp4")]
    Tcp,
    /// TCP over IPv6
    Tcp6,
    /// UDP over IPv4
    #[value(alias = "udp4")]
    Udp,
    /// UDP over IPv6
    Udp6,
}

/// The states by psutil's names; those of ss, netstat and TCP-MIB are aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum State {
    /// All of them
    All,
    /// Open; of UDP, with a peer
    #[value(aliases = ["estab"])]
    Established,
    /// Connecting
    #[value(aliases = ["syn-sent", "synSent"])]
    SynSent,
    /// Being connected to
    #[value(aliases = ["syn-recv", "syn_received", "synReceived"])]
    SynRecv,
    /// Closed at this end, not acknowledged yet
    #[value(name = "fin_wait1", aliases = ["fin_wait_1", "fin-wait-1", "finWait1"])]
    FinWait1,
    /// Closed at this end, waiting for the other
    #[value(name = "fin_wait2", aliases = ["fin_wait_2", "fin-wait-2", "finWait2"])]
    FinWait2,
    /// Closed, waiting for stray segments to die out
    #[value(aliases = ["time-wait", "timeWait"])]
    TimeWait,
    /// Neither open nor listening
    #[value(aliases = ["closed", "unconn"])]
    Close,
    /// Closed by the other end, waiting for the program at this one
    #[value(aliases = ["close-wait", "closeWait"])]
    CloseWait,
    /// Closed by both, this end's FIN not acknowledged yet
    #[value(aliases = ["last-ack", "lastAck"])]
    LastAck,
    /// Waiting for connections
    #[value(aliases = ["listening"])]
    Listen,
    /// Closed by both at the same time
    Closing,
    /// Every UDP socket
    None,
}

impl Type {
    const EACH: [Self; 4] = [Self::Tcp, Self::Tcp6, Self::Udp, Self::Udp6];

    fn is_udp(self) -> bool {
        matches!(self, Self::Udp | Self::Udp6)
    }
}

impl State {
    fn of_tcp(self) -> Option<TcpState> {
        Some(match self {
            Self::Established => TcpState::Established,
            Self::SynSent => TcpState::SynSent,
            Self::SynRecv => TcpState::SynReceived,
            Self::FinWait1 => TcpState::FinWait1,
            Self::FinWait2 => TcpState::FinWait2,
            Self::TimeWait => TcpState::TimeWait,
            Self::Close => TcpState::Closed,
            Self::CloseWait => TcpState::CloseWait,
            Self::LastAck => TcpState::LastAck,
            Self::Listen => TcpState::Listen,
            Self::Closing => TcpState::Closing,
            Self::All | Self::None => return None,
        })
    }
}

/// Returns the name of an argument on the command line.
pub(super) fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A type and a state whose sockets are counted.
pub(super) struct Pair {
    pub(super) kind: Type,
    state: State,
    /// Whether both were named, neither implied by 'all'.
    pub(super) named: bool,
}

impl Pair {
    /// The pairs that the arguments ask for.
    pub(super) fn of(types: &[Type], states: &[State]) -> Vec<Self> {
        let all_types = types.is_empty() || types.contains(&Type::All);
        let all_states = states.is_empty() || states.contains(&State::All);
        let mut pairs = Vec::new();
        for kind in Type::EACH {
            for &state in State::value_variants() {
                let kind_named = types.contains(&kind);
                let state_named = states.contains(&state);
                let named = kind_named && state_named;
                let exists = if kind.is_udp() {
                    // The state none already includes connected UDP sockets.
                    state == State::None || (state == State::Established && named)
                } else {
                    state.of_tcp().is_some()
                };
                if exists && (all_types || kind_named) && (all_states || state_named) {
                    pairs.push(Self { kind, state, named });
                }
            }
        }
        pairs
    }

    /// How many sockets there are; `None` if their table could not be read.
    pub(super) fn count(&self, Sockets { tcp: of_tcp, udp: of_udp }: &Sockets) -> Option<u64> {
        let tcp = |counts: Option<StateCounts>| Some(counts?.get(self.state.of_tcp()?));
        let udp = |counts: Option<UdpCounts>| {
            if self.state == State::Established { counts?.connected } else { Some(counts?.sockets) }
        };
        match self.kind {
            Type::Tcp => tcp(of_tcp.ipv4),
            Type::Tcp6 => tcp(of_tcp.ipv6),
            Type::Udp => udp(of_udp.ipv4),
            Type::Udp6 => udp(of_udp.ipv6),
            Type::All => None,
        }
    }

    pub(super) fn label(&self) -> String {
        format!("{}_{}", name(self.kind), name(self.state).to_uppercase())
    }
}

/// What was counted.
pub(super) struct Sockets {
    pub(super) tcp: Tcp,
    pub(super) udp: Udp,
}
