//! The sources there are, and which of them an answer was made from.

/// The sources that a [`super::Job`] can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceId {
    /// net/snmp, net/netstat, net/snmp6, net/sctp/snmp, net/xfrm_stat
    Counters,
    /// net/sockstat, net/sockstat6 and the limits in sys/net/ipv4
    Sockstat,
    /// net/tcp, net/tcp6
    Tcp,
    /// net/udp, net/udp6, or what takes their place
    Udp,
    /// The descriptors of all processes
    Processes,
    /// The trace of resets, where it is wanted
    Resets,
}

impl SourceId {
    /// All of them, with the names they have in lnsAgentSourceTable.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Counters, "counters"),
        (Self::Sockstat, "sockstat"),
        (Self::Tcp, "tcp"),
        (Self::Udp, "udp"),
        (Self::Processes, "processes"),
        (Self::Resets, "resets"),
    ];

    /// The name of the source.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(id, _)| *id == self).map_or("", |(_, name)| name)
    }
}

/// The sources that an answer was made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Bits by [`SourceId`].
    sources: u8,
    /// The same: whose rows were wanted, not their counts alone.
    rows: u8,
}

impl Touched {
    /// Notes a source.
    #[must_use]
    pub fn with(self, id: SourceId) -> Self {
        Self { sources: self.sources | 1 << id as u8, ..self }
    }

    /// Notes a source of sockets and its rows.
    #[must_use]
    pub fn with_rows(self, id: SourceId) -> Self {
        Self { rows: self.rows | 1 << id as u8, ..self.with(id) }
    }

    pub(super) fn has(self, id: SourceId) -> bool {
        self.sources & (1 << id as u8) != 0
    }

    pub(super) fn has_rows(self, id: SourceId) -> bool {
        self.rows & (1 << id as u8) != 0
    }
}
