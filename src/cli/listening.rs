//! Who listens, and how full the queues are, for `show` and `check listeners`.

use crate::mib::context::Context;
use crate::mib::groups::sockets::ListenerRow;
use std::net::SocketAddr;

/// The listening sockets of one address, TCP or Unix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listening {
    /// Where they listen.
    pub(super) address: Address,
    /// Their units; none if they are not known.
    pub(super) owners: Vec<String>,
    /// Connections waiting for accept(2).
    pub(super) waiting: Option<u64>,
    /// How many may wait.
    pub(super) limit: Option<u64>,
    /// Connections that were dropped.
    pub(super) drops: Option<u64>,
    /// The fullest socket, in percent of its limit.
    pub(super) fullest: Option<u64>,
    pub(super) sockets: u64,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(String),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(endpoint) => endpoint.fmt(f),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

impl Listening {
    /// The address, and its units if they are known.
    pub(super) fn name(&self) -> String {
        match self.owners.join(", ") {
            owners if owners.is_empty() => self.address.to_string(),
            owners => format!("{} ({owners})", self.address),
        }
    }
}

/// The TCP listeners.
pub(super) fn tcp(cx: &Context<'_>) -> Vec<Listening> {
    let Some(tcp) = cx.tcp() else { return Vec::new() };
    let rows = tcp.listeners4.iter().map(ListenerRow::from);
    let rows = rows.chain(tcp.listeners6.iter().map(ListenerRow::from));
    let listening = |row: ListenerRow| {
        let listeners = cx.listeners();
        let limits = listeners.and_then(|listeners| listeners.of(row.endpoint));
        let owners = listeners.zip(limits).map(|(listeners, limits)| listeners.owners(limits));
        Listening {
            address: Address::Tcp(row.endpoint),
            owners: owners.unwrap_or_default().into_iter().map(str::to_owned).collect(),
            waiting: row.accept_queue,
            limit: limits.map(|limits| limits.limit),
            drops: limits.and_then(|limits| limits.drops),
            fullest: limits.map(|limits| limits.fullest),
            sockets: row.sockets,
        }
    };
    rows.map(listening).collect()
}

/// The Unix listeners; the kernel tells neither their drops nor their units.
pub(super) fn unix(cx: &Context<'_>) -> Vec<Listening> {
    let listening = cx.unix_listeners().unwrap_or_default().iter().map(|row| Listening {
        address: Address::Unix(row.path.to_string()),
        owners: Vec::new(),
        waiting: Some(row.queue),
        limit: Some(row.limit),
        drops: None,
        fullest: Some(row.fullest),
        sockets: row.sockets,
    });
    listening.collect()
}
