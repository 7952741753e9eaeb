//! What the socket tables share: IPv4 and IPv6 rows as one type, IPv4 before IPv6, their states and their processes.

use crate::mib::context::Context;
use crate::mib::index::push_inet;
use crate::mib::syntax::Labels;
use crate::mib::table::Rows;
use crate::proc::sockets::{Address, TcpState};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::sockets::SocketRow;
use crate::snapshot::tcp::Listener;
use crate::snapshot::udp_table::UdpEndpoint;
use std::net::SocketAddr;

/// A socket of either family.
pub struct Socket {
    /// The local endpoint.
    pub local: SocketAddr,
    /// The remote endpoint; zeros if there is none.
    pub remote: SocketAddr,
    /// TCP: the number of the state in TCP-MIB.
    pub state: u8,
    /// Inode; 0 if no process holds the socket.
    pub inode: u64,
    /// udpEndpointInstance
    pub instance: u32,
}

impl<A: Address> From<&SocketRow<A>> for Socket {
    fn from(row: &SocketRow<A>) -> Self {
        Self {
            local: row.local().into(),
            remote: row.remote().into(),
            state: row.state,
            inode: row.inode,
            instance: row.instance(),
        }
    }
}

/// The listening sockets of one endpoint of either family.
pub struct ListenerRow {
    /// The local endpoint.
    pub endpoint: SocketAddr,
    /// Connections that wait for accept(2), if known.
    pub accept_queue: Option<u64>,
    /// The number of sockets.
    pub sockets: u64,
    /// The inode of one of them.
    pub inode: u64,
}

impl<A: Address> From<&Listener<A>> for ListenerRow {
    fn from(listener: &Listener<A>) -> Self {
        Self {
            endpoint: listener.endpoint.into(),
            accept_queue: listener.accept_queue,
            sockets: listener.sockets,
            inode: listener.inode,
        }
    }
}

/// The rows of tcpListenerTable and lnsListenerTable.
pub struct Listeners;

impl Rows for Listeners {
    type Row<'a> = ListenerRow;

    fn len(cx: &Context<'_>) -> usize {
        cx.tcp().map_or(0, |tcp| tcp.listeners4.len() + tcp.listeners6.len())
    }

    fn row(cx: &Context<'_>, position: usize) -> Option<ListenerRow> {
        let tcp = cx.tcp()?;
        either(&tcp.listeners4, &tcp.listeners6, position)
    }

    fn index(listener: &ListenerRow, name: &mut Oid) {
        push_inet(name, listener.endpoint);
    }
}

/// The UDP sockets without a peer on one endpoint of either family.
pub struct UdpEndpointRow {
    /// The local endpoint.
    pub endpoint: SocketAddr,
    /// The number of sockets.
    pub sockets: u64,
    /// Octets that wait to be read, if known.
    pub receive_queue: Option<u64>,
    /// Datagrams that they dropped, if known.
    pub drops: Option<u64>,
}

impl<A: Address> From<&UdpEndpoint<A>> for UdpEndpointRow {
    fn from(row: &UdpEndpoint<A>) -> Self {
        let UdpEndpoint { endpoint, sockets, receive_queue, drops } = *row;
        Self { endpoint: endpoint.into(), sockets, receive_queue, drops }
    }
}

/// The rows of lnsUdpEndpointTable.
pub struct UdpEndpoints;

impl Rows for UdpEndpoints {
    type Row<'a> = UdpEndpointRow;

    fn len(cx: &Context<'_>) -> usize {
        cx.udp().map_or(0, |udp| udp.endpoints4.len() + udp.endpoints6.len())
    }

    fn row(cx: &Context<'_>, position: usize) -> Option<UdpEndpointRow> {
        let udp = cx.udp()?;
        either(&udp.endpoints4, &udp.endpoints6, position)
    }

    fn index(row: &UdpEndpointRow, name: &mut Oid) {
        push_inet(name, row.endpoint);
    }
}

/// The item at a position, with all of IPv4 before all of IPv6.
pub fn either<'a, A, B, T: From<&'a A> + From<&'a B>>(
    ipv4: &'a [A],
    ipv6: &'a [B],
    position: usize,
) -> Option<T> {
    match position.checked_sub(ipv4.len()) {
        None => ipv4.get(position).map(T::from),
        Some(position) => ipv6.get(position).map(T::from),
    }
}

/// The process that holds a socket.
pub fn process(inode: u64, cx: &Context<'_>) -> Option<Value> {
    cx.process(inode).map(Value::Gauge32)
}

/// The next row whose process may be known; `None` if processes cannot be read.
pub fn with_known_process(cx: &Context<'_>, position: usize) -> Option<usize> {
    cx.process(0).map(|_| position)
}

/// The states, with the numbers of tcpConnectionState in TCP-MIB.
pub static TCP_STATE: Labels = Labels {
    name: "LnsSocketState",
    description: "The state of a TCP socket, with the numbers of tcpConnectionState in TCP-MIB.",
    labels: &states::<{ TcpState::ALL.len() }>(),
};

/// Numbers and labels of the socket states as in TCP-MIB; for a larger `N` also deleteTCB(12), which only managers set.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
pub const fn states<const N: usize>() -> [(u32, &'static str); N] {
    let mut labels = [(12, "deleteTCB"); N];
    let mut position = 0;
    while position < TcpState::ALL.len() {
        let (state, label) = TcpState::ALL[position];
        labels[position] = (state as u32, label);
        position += 1;
    }
    labels
}
