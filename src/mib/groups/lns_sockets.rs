//! B.1.1: sockets by state, listeners, ports; the tables that name culprits have files of their own.

use super::sockets::TCP_STATE;
use super::{
    lns_destinations, lns_listeners, lns_owners, lns_tcp_services, lns_udp_endpoints, lns_unix_listeners,
};
use crate::mib::context::Context;
use crate::mib::object::{Group, Object, Place};
use crate::mib::syntax::{Labels, Syntax};
use crate::mib::table::{Cells, Column, Rows, Table, column, component, gauge};
use crate::proc::sockets::TcpState;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use crate::snapshot::services::Service;
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::Udp as UdpSockets;

/// lnsSockets
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 1]),
    name: "lnsSockets",
    description: "Sockets by state, by listener, by port, by where they go, and by whose they are.",
    objects: &[
        Object::Table(Table {
            subid: 1,
            name: "lnsTcpStateTable",
            entry: "lnsTcpStateEntry",
            description: "The number of TCP sockets in every state, as 'ss -tan' lists them. All 33 rows are there while \
                the kernel's net/tcp and net/tcp6 can be read: a state that no socket is in counts 0, and so does IPv6 \
                on a host that has no net/tcp6. The rows of a family whose file cannot be read, those of ipv4 where the \
                kernel has no net/tcp, and those of all then too, are not there.",
            entry_description: "The TCP sockets of one address family that are in one state.",
            index: &[
                family(1, "lnsTcpStateFamily"),
                component(2, "lnsTcpState", Syntax::Labels(&TCP_STATE), "The state of the sockets."),
            ],
            columns: &Cells::<TcpStates>::of(&[column(
                3,
                "lnsTcpStateSockets",
                Syntax::Gauge32,
                "sockets",
                "How many sockets of this family are in this state now. A number of sockets in closeWait \
                    that keeps growing means that a program on this host does not close connections that its peers have \
                    closed; many in synReceived mean a SYN flood or clients that never finish the handshake; many in \
                    timeWait are normal where this host closes many short connections.",
                |(family, state), cx| Some(Value::gauge32(tcp_of_family(cx.tcp()?, family)?.get(state))),
            )]),
        }),
        Object::Table(Table {
            subid: 2,
            name: "lnsUdpTable",
            entry: "lnsUdpEntry",
            description: "The UDP sockets of each address family, what waits in their queues and what they have dropped.",
            entry_description: "The UDP sockets of one address family.",
            index: &[family(1, "lnsUdpFamily")],
            columns: &Cells::<Udp>::of(&[
                gauge(2, "lnsUdpSockets", "sockets", "How many UDP sockets are open.", |family, cx| {
                    Some(Value::gauge32(udp(cx, family)?.sockets))
                }),
                gauge(
                    3,
                    "lnsUdpConnectedSockets",
                    "sockets",
                    "How many of them have a peer, by connect(2).",
                    |family, cx| udp(cx, family)?.connected.map(Value::gauge32),
                ),
                gauge(
                    4,
                    "lnsUdpReceiveQueueOctets",
                    "octets",
                    "What waits in the sockets to be read by their programs, with the kernel's own share of every buffer. \
                     A figure that stays high means a program that reads too slowly; datagrams are dropped when a socket's \
                     receive buffer is full.",
                    |family, cx| udp(cx, family)?.receive_queue.map(Value::gauge32),
                ),
                gauge(
                    5,
                    "lnsUdpTransmitQueueOctets",
                    "octets",
                    "What waits in the sockets to be sent.",
                    |family, cx| udp(cx, family)?.transmit_queue.map(Value::gauge32),
                ),
                gauge(
                    6,
                    "lnsUdpDropsOfOpenSockets",
                    "datagrams",
                    "Datagrams that the sockets open now have dropped since they were opened, mostly because their receive \
                     buffer was full. It falls when a socket closes, so it is no counter; udpInErrors is one.",
                    |family, cx| udp(cx, family)?.drops.map(Value::gauge32),
                ),
            ]),
        }),
        lns_listeners::TABLE,
        Object::Table(Table {
            subid: 4,
            name: "lnsTcpPortTable",
            entry: "lnsTcpPortEntry",
            description: "For every local port that has a listener, the TCP sockets of that local port by state: what a \
                service has open. All eleven states are there for each port, zeros included.",
            entry_description: "The TCP sockets of one local port, IPv4 and IPv6 together, that are in one state.",
            index: &[
                component(1, "lnsTcpPort", Syntax::InetPortNumber, "A local port with a listener."),
                component(2, "lnsTcpPortState", Syntax::Labels(&TCP_STATE), "The state of the sockets."),
            ],
            columns: &Cells::<Ports>::of(&[gauge(
                3,
                "lnsTcpPortSockets",
                "sockets",
                "How many sockets have this local port and are in this state now.",
                |(service, state), _| Some(Value::gauge32(service.states.get(state))),
            )]),
        }),
        lns_udp_endpoints::TABLE,
        lns_tcp_services::TABLE,
        lns_destinations::TABLE,
        lns_unix_listeners::TABLE,
        lns_owners::TABLE,
    ],
};

/// The address family of sockets, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// all(0): the sum of the others.
    All = 0,
    /// ipv4(1)
    Ipv4 = 1,
    /// ipv6(2)
    Ipv6 = 2,
}

impl Family {
    /// All three, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::All, Self::Ipv4, Self::Ipv6];

    /// Their numbers and labels.
    pub const LABELS: [(u32, &'static str); 3] =
        [(Self::All as u32, "all"), (Self::Ipv4 as u32, "ipv4"), (Self::Ipv6 as u32, "ipv6")];
}

/// The families of the state and UDP tables.
pub static FAMILY: Labels = Labels {
    name: "LnsSocketFamily",
    description: "An address family, or all of them. A socket's family is its own: one that listens on an IPv6 address \
        and talks to an IPv4 peer by a mapped address is an IPv6 socket.",
    labels: &Family::LABELS,
};

const fn family(subid: u32, name: &'static str) -> Column {
    component(subid, name, Syntax::Labels(&FAMILY), "The address family of the sockets, or all of them.")
}

/// The figure of one family, or the sum of both.
fn of_family<T: std::ops::Add<Output = T>>(family: Family, ipv4: Option<T>, ipv6: Option<T>) -> Option<T> {
    match family {
        Family::All => Some(ipv4? + ipv6?),
        Family::Ipv4 => ipv4,
        Family::Ipv6 => ipv6,
    }
}

/// TCP sockets of a family by state, as in the state table.
#[must_use]
pub fn tcp_of_family(tcp: &Tcp, family: Family) -> Option<StateCounts> {
    of_family(family, tcp.ipv4, tcp.ipv6)
}

/// UDP sockets of a family, as in the UDP table.
#[must_use]
pub fn udp_of_family(udp: &UdpSockets, family: Family) -> Option<UdpCounts> {
    of_family(family, udp.ipv4, udp.ipv6)
}

fn udp(cx: &Context<'_>, family: Family) -> Option<UdpCounts> {
    udp_of_family(cx.udp()?, family)
}

/// The row and the state at a position of a table whose last index component runs through all states.
fn by_state<T>(rows: &[T], position: usize) -> Option<(&T, TcpState)> {
    let (state, _) = TcpState::ALL.get(position % TcpState::ALL.len())?;
    Some((rows.get(position / TcpState::ALL.len())?, *state))
}

struct TcpStates;

impl Rows for TcpStates {
    type Row<'a> = (Family, TcpState);

    fn len(_: &Context<'_>) -> usize {
        Family::ALL.len() * TcpState::ALL.len()
    }

    fn row(_: &Context<'_>, position: usize) -> Option<(Family, TcpState)> {
        by_state(&Family::ALL, position).map(|(family, state)| (*family, state))
    }

    fn index(&(family, state): &(Family, TcpState), name: &mut Oid) {
        name.push(family as u32);
        name.push(state.number().into());
    }
}

struct Udp;

impl Rows for Udp {
    type Row<'a> = Family;

    fn len(_: &Context<'_>) -> usize {
        Family::ALL.len()
    }

    fn row(_: &Context<'_>, position: usize) -> Option<Family> {
        Family::ALL.get(position).copied()
    }

    fn index(&family: &Family, name: &mut Oid) {
        name.push(family as u32);
    }
}

/// Every local port that has a listener, in every state.
struct Ports;

impl Rows for Ports {
    type Row<'a> = (&'a Service, TcpState);

    fn len(cx: &Context<'_>) -> usize {
        cx.tcp().map_or(0, |tcp| tcp.services.len() * TcpState::ALL.len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<Self::Row<'a>> {
        by_state(&cx.tcp()?.services, position)
    }

    fn index(&(service, state): &Self::Row<'_>, name: &mut Oid) {
        name.push(service.port.into());
        name.push(state.number().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_families_are_the_sum_of_both_or_not_known() {
        let all = |ipv4, ipv6| Family::ALL.map(|family| of_family(family, ipv4, ipv6));
        assert_eq!(all(Some(3), Some(4)), [Some(7), Some(3), Some(4)]);
        assert_eq!(all(Some(3), None), [None, Some(3), None]);
        assert_eq!(all(None, Some(4)), [None, None, Some(4)]);
    }

    #[test]
    fn each_row_has_every_state_in_turn() {
        let rows: Vec<_> = (0..).map_while(|position| by_state(&["a", "b"], position)).collect();
        let states = TcpState::ALL.map(|(state, _)| state);
        let expected = [&"a", &"b"].into_iter().flat_map(|row| states.map(|state| (row, state)));
        assert_eq!(rows, expected.collect::<Vec<_>>());
    }
}
