//! B.1.1.3: TCP endpoints that listen, how full their queues are, and whose they are.

use super::sockets::Listeners;
use crate::mib::context::Context;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Table, column, component, gauge, sparse};
use crate::smi::value::Value;
use crate::snapshot::queues::Limits;
use std::net::SocketAddr;

/// lnsListenerTable
pub const TABLE: Object = Object::Table(Table {
    subid: 3,
    name: "lnsListenerTable",
    entry: "lnsListenerEntry",
    description: "Every TCP endpoint that listens, with the connections that wait for its program to accept them, how many \
        may wait, and how many were dropped because too many did.",
    entry_description: "One listening endpoint. Several sockets share it where SO_REUSEPORT is used.",
    index: &[
        component(
            1,
            "lnsListenerAddressType",
            Syntax::InetAddressType,
            "The type of lnsListenerAddress: ipv4(1) or ipv6(2). A link-local address is ipv6(2), not \
                ipv6z(4), since net/tcp6 does not tell its zone; sockets on the same link-local address and port \
                in several zones share a row.",
        ),
        component(
            2,
            "lnsListenerAddress",
            Syntax::InetAddress,
            "The address that the sockets listen on; all zeros for any address of the host.",
        ),
        component(3, "lnsListenerPort", Syntax::InetPortNumber, "The port that the sockets listen on."),
    ],
    columns: &Cells::<Listeners>::of(&[
        gauge(
            4,
            "lnsListenerAcceptQueue",
            "connections",
            "Connections that are established and wait for accept(2), over all sockets of the endpoint. It stands \
             near 0 on a healthy host. When it exceeds lnsListenerQueueLimit, further connections are dropped: see \
             lnsTcpExtListenOverflows.",
            |listener, _| listener.accept_queue.map(Value::gauge32),
        ),
        gauge(
            5,
            "lnsListenerSockets",
            "sockets",
            "How many sockets listen on this endpoint.",
            |listener, _| Some(Value::gauge32(listener.sockets)),
        ),
        column(
            6,
            "lnsListenerEndpoint",
            Syntax::Text(1, 64),
            "",
            "The endpoint as text, such as 127.0.0.1:25 or [::1]:443, for people and for the names \
                of discovered items.",
            |listener, _| Some(Value::text(&listener.endpoint.to_string())),
        ),
        sparse(
            with_limits,
            gauge(
                7,
                "lnsListenerQueueLimit",
                "connections",
                "How many connections may wait for accept(2), over all sockets of the endpoint: what each program asked for with \
                 listen(2), at most net.core.somaxconn when it did. A socket takes one more than its limit. From the kernel's \
                 sock_diag, like the columns after it; they have no instance where that cannot be had.",
                |listener, cx| Some(Value::gauge32(limits(cx, listener.endpoint)?.limit)),
            ),
        ),
        sparse(
            with_drops,
            gauge(
                8,
                "lnsListenerDropsOfOpenSockets",
                "connections",
                "Attempts to connect that the sockets open now have dropped since they were opened, mostly because their accept \
                 queue was full; the peers try again for minutes, so that users see a service that hangs. It falls when a socket \
                 closes, so it is no counter; lnsTcpExtListenDrops is one, for all listeners together.",
                |listener, cx| limits(cx, listener.endpoint)?.drops.map(Value::gauge32),
            ),
        ),
        sparse(
            with_limits,
            gauge(
                9,
                "lnsListenerFullestPercent",
                "percent",
                "How full the accept queue of the fullest single socket is, in percent of its own limit, rounded down. Of several \
                 sockets that share an endpoint each has its own queue, and one whose program hangs drops connections while the \
                 others are empty. A socket takes one connection more than its limit, so that this can be above 100 where the limit is small. At \
                 100 there is room for one connection at most. A limit of 0 counts as 1.",
                |listener, cx| Some(Value::gauge32(limits(cx, listener.endpoint)?.fullest)),
            ),
        ),
        sparse(
            with_limits,
            column(
                10,
                "lnsListenerOwner",
                Syntax::Text(0, 64),
                "",
                "Whose endpoint it is: the systemd unit in which its sockets were made, such as nginx.service, or the cgroup where \
                 there is no unit; several with commas between them, of eight cgroups at most. For a socket that systemd made for a socket unit it is that unit, such as ssh.socket, or init.scope. A longer text \
                 ends in '~' and eight hex digits, and octets that do not print are written as \\xNN. Empty where it is not known: on a host without the cgroup2 file system, and before Linux 5.8.",
                |listener, cx| {
                    let listeners = cx.listeners()?;
                    let limits = listeners.of(listener.endpoint)?;
                    Some(Value::text(&listeners.owner(limits)))
                },
            ),
        ),
    ]),
});

/// What sock_diag says of an endpoint.
fn limits<'a>(cx: &Context<'a>, endpoint: SocketAddr) -> Option<&'a Limits> {
    cx.listeners()?.of(endpoint)
}

/// The next row whose drops may be told; `None` on old kernels.
fn with_drops(cx: &Context<'_>, position: usize) -> Option<usize> {
    cx.listeners().filter(|listeners| listeners.has_drops).map(|_| position)
}

/// The next row that may have limits; `None` if there are none.
fn with_limits(cx: &Context<'_>, position: usize) -> Option<usize> {
    cx.listeners().map(|_| position)
}
