//! B.1.1: sockets by state, listeners, ports.

use super::tcp_tables::{listeners, push_listener, with_listener};
use crate::mib::context::Context;
use crate::mib::object::{Column, Group, Object, Place, Rows, Table};
use crate::mib::syntax::{Labels, Syntax};
use crate::proc::sockets::{Address, Endpoint, TcpState};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::counts::{StateCounts, UdpCounts};
use crate::snapshot::tcp::{Listener, Tcp};
use crate::snapshot::udp::Udp as UdpSockets;
use std::net::SocketAddr;

/// lnsSockets
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 1]),
    name: "lnsSockets",
    description: "Sockets by state, by listener and by port.",
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
                family(1, "lnsTcpStateFamily", "The address family of the sockets, or all of them."),
                Column {
                    subid: 2,
                    name: "lnsTcpState",
                    syntax: Syntax::Labels(&TCP_STATE),
                    units: "",
                    description: "The state of the sockets.",
                },
            ],
            columns: &[Column {
                subid: 3,
                name: "lnsTcpStateSockets",
                syntax: Syntax::Gauge32,
                units: "sockets",
                description: "How many sockets of this family are in this state now. A number of sockets in closeWait \
                    that keeps growing means that a program on this host does not close connections that its peers have \
                    closed; many in synReceived mean a SYN flood or clients that never finish the handshake; many in \
                    timeWait are normal where this host closes many short connections.",
            }],
            rows: &TcpStates,
        }),
        Object::Table(Table {
            subid: 2,
            name: "lnsUdpTable",
            entry: "lnsUdpEntry",
            description: "The UDP sockets of each address family, what waits in their queues and what they have dropped.",
            entry_description: "The UDP sockets of one address family.",
            index: &[family(1, "lnsUdpFamily", "The address family of the sockets, or all of them.")],
            columns: &[
                gauge(2, "lnsUdpSockets", "sockets", "How many UDP sockets are open."),
                gauge(3, "lnsUdpConnectedSockets", "sockets", "How many of them have a peer, by connect(2)."),
                gauge(
                    4,
                    "lnsUdpReceiveQueueOctets",
                    "octets",
                    "What waits in the sockets to be read by their programs, with the kernel's own share of every buffer. \
                     A figure that stays high means a program that reads too slowly; datagrams are dropped when a socket's \
                     receive buffer is full.",
                ),
                gauge(5, "lnsUdpTransmitQueueOctets", "octets", "What waits in the sockets to be sent."),
                gauge(
                    6,
                    "lnsUdpDropsOfOpenSockets",
                    "datagrams",
                    "Datagrams that the sockets open now have dropped since they were opened, mostly because their receive \
                     buffer was full. It falls when a socket closes, so it is no counter; udpInErrors is one.",
                ),
            ],
            rows: &Udp,
        }),
        Object::Table(Table {
            subid: 3,
            name: "lnsListenerTable",
            entry: "lnsListenerEntry",
            description: "Every TCP endpoint that listens, with the connections that wait for its program to accept them.",
            entry_description: "One listening endpoint. Several sockets share it where SO_REUSEPORT is used.",
            index: &[
                Column {
                    subid: 1,
                    name: "lnsListenerAddressType",
                    syntax: Syntax::InetAddressType,
                    units: "",
                    description: "The type of lnsListenerAddress: ipv4(1) or ipv6(2). A link-local address is ipv6(2), not \
                        ipv6z(4), since net/tcp6 does not tell its zone; sockets on the same link-local address and port \
                        in several zones share a row.",
                },
                Column {
                    subid: 2,
                    name: "lnsListenerAddress",
                    syntax: Syntax::InetAddress,
                    units: "",
                    description: "The address that the sockets listen on; all zeros for any address of the host.",
                },
                Column {
                    subid: 3,
                    name: "lnsListenerPort",
                    syntax: Syntax::InetPortNumber,
                    units: "",
                    description: "The port that the sockets listen on.",
                },
            ],
            columns: &[
                gauge(
                    4,
                    "lnsListenerAcceptQueue",
                    "connections",
                    "Connections that are established and wait for accept(2), over all sockets of the endpoint. It stands \
                     near 0 on a healthy host. When it reaches the backlog that the program asked for with listen(2), \
                     at most net.core.somaxconn, further connections are dropped: see lnsTcpExtListenOverflows.",
                ),
                gauge(5, "lnsListenerSockets", "sockets", "How many sockets listen on this endpoint."),
                Column {
                    subid: 6,
                    name: "lnsListenerEndpoint",
                    syntax: Syntax::Text(1, 64),
                    units: "",
                    description: "The endpoint as text, such as 127.0.0.1:25 or [::1]:443, for people and for the names \
                        of discovered items.",
                },
            ],
            rows: &Listeners,
        }),
        Object::Table(Table {
            subid: 4,
            name: "lnsTcpPortTable",
            entry: "lnsTcpPortEntry",
            description: "For every local port that has a listener, the TCP sockets of that local port by state: what a \
                service has open. All eleven states are there for each port, zeros included.",
            entry_description: "The TCP sockets of one local port, IPv4 and IPv6 together, that are in one state.",
            index: &[
                Column {
                    subid: 1,
                    name: "lnsTcpPort",
                    syntax: Syntax::InetPortNumber,
                    units: "",
                    description: "A local port with a listener.",
                },
                Column {
                    subid: 2,
                    name: "lnsTcpPortState",
                    syntax: Syntax::Labels(&TCP_STATE),
                    units: "",
                    description: "The state of the sockets.",
                },
            ],
            columns: &[gauge(
                3,
                "lnsTcpPortSockets",
                "sockets",
                "How many sockets have this local port and are in this state now.",
            )],
            rows: &Ports,
        }),
    ],
};

/// The families of the state and UDP tables.
pub static FAMILY: Labels = Labels {
    name: "LnsSocketFamily",
    description: "An address family, or all of them. A socket's family is its own: one that listens on an IPv6 address \
        and talks to an IPv4 peer by a mapped address is an IPv6 socket.",
    labels: &[(0, "all"), (1, "ipv4"), (2, "ipv6")],
};

/// The states, with the numbers of tcpConnectionState in TCP-MIB.
pub static TCP_STATE: Labels = Labels {
    name: "LnsSocketState",
    description: "The state of a TCP socket, with the numbers of tcpConnectionState in TCP-MIB.",
    labels: &[
        (1, "closed"),
        (2, "listen"),
        (3, "synSent"),
        (4, "synReceived"),
        (5, "established"),
        (6, "finWait1"),
        (7, "finWait2"),
        (8, "closeWait"),
        (9, "lastAck"),
        (10, "closing"),
        (11, "timeWait"),
    ],
};

const fn family(subid: u32, name: &'static str, description: &'static str) -> Column {
    Column { subid, name, syntax: Syntax::Labels(&FAMILY), units: "", description }
}

const fn gauge(subid: u32, name: &'static str, units: &'static str, description: &'static str) -> Column {
    Column { subid, name, syntax: Syntax::Gauge32, units, description }
}

/// What both families have, one of them, or their sum: all(0), ipv4(1), ipv6(2).
fn of_family<T: std::ops::Add<Output = T>>(family: usize, ipv4: Option<T>, ipv6: Option<T>) -> Option<T> {
    match family {
        0 => Some(ipv4? + ipv6?),
        1 => ipv4,
        _ => ipv6,
    }
}

/// TCP sockets by state of a family, as in the state table.
#[must_use]
pub fn tcp_of_family(tcp: &Tcp, family: usize) -> Option<StateCounts> {
    of_family(family, tcp.ipv4, tcp.ipv6)
}

/// UDP sockets of a family, as in the UDP table.
#[must_use]
pub fn udp_of_family(udp: &UdpSockets, family: usize) -> Option<UdpCounts> {
    of_family(family, udp.ipv4, udp.ipv6)
}

/// The state of a row in a table whose last index runs through all states.
fn state_at(row: usize) -> Option<TcpState> {
    TcpState::ALL.get(row % TcpState::ALL.len()).map(|(state, _)| *state)
}

struct TcpStates;

impl Rows for TcpStates {
    fn len(&self, _: &Context<'_>) -> usize {
        FAMILY.labels.len() * TcpState::ALL.len()
    }

    fn index(&self, _: &Context<'_>, row: usize, name: &mut Oid) {
        name.push(u32::try_from(row / TcpState::ALL.len()).unwrap_or(0));
        name.push(state_at(row).map_or(0, |state| state.number().into()));
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let counts = tcp_of_family(cx.tcp()?, row / TcpState::ALL.len())?;
        Some(Value::gauge32(counts.get(state_at(row)?)))
    }
}

struct Udp;

impl Rows for Udp {
    fn len(&self, _: &Context<'_>) -> usize {
        FAMILY.labels.len()
    }

    fn index(&self, _: &Context<'_>, row: usize, name: &mut Oid) {
        name.push(u32::try_from(row).unwrap_or(0));
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let counts = udp_of_family(cx.udp()?, row)?;
        Some(Value::gauge32(match column {
            2 => counts.sockets,
            3 => counts.connected?,
            4 => counts.receive_queue?,
            5 => counts.transmit_queue?,
            _ => counts.drops?,
        }))
    }
}

struct Listeners;

impl Listeners {
    fn cell<A: Address>(listener: &Listener<A>, column: u32) -> Option<Value> {
        Some(match column {
            4 => Value::gauge32(listener.accept_queue?),
            5 => Value::gauge32(listener.sockets),
            _ => Value::text(&text(listener.endpoint)),
        })
    }
}

/// An endpoint as people write it, `[::1]:443`.
#[must_use]
pub fn text<A: Address>(endpoint: Endpoint<A>) -> String {
    SocketAddr::new(endpoint.address.ip(), endpoint.port).to_string()
}

impl Rows for Listeners {
    fn len(&self, cx: &Context<'_>) -> usize {
        listeners(cx)
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        push_listener(cx, row, name);
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        with_listener(cx, row, |ipv4| Self::cell(ipv4, column), |ipv6| Self::cell(ipv6, column))?
    }
}

struct Ports;

impl Rows for Ports {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.tcp().map_or(0, |tcp| tcp.ports.len() * TcpState::ALL.len())
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        let port = cx.tcp().and_then(|tcp| tcp.ports.get(row / TcpState::ALL.len()));
        name.push(port.map_or(0, |(port, _)| u32::from(*port)));
        name.push(state_at(row).map_or(0, |state| state.number().into()));
    }

    fn cell(&self, cx: &Context<'_>, row: usize, _: u32) -> Option<Value> {
        let (_, counts) = cx.tcp()?.ports.get(row / TcpState::ALL.len())?;
        Some(Value::gauge32(counts.get(state_at(row)?)))
    }
}
