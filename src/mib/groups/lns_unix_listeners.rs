//! B.1.1.8: Unix sockets that listen, and how full their queues are.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, component, gauge};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::queues::UnixListener;

/// lnsUnixListenerTable
pub const TABLE: Object = Object::Table(Table {
    subid: 8,
    name: "lnsUnixListenerTable",
    entry: "lnsUnixListenerEntry",
    description: "Every Unix socket address that listens, with the connections that wait for its program to accept them and \
        how many may: what is behind 'connect() to unix:... failed (11: Resource temporarily unavailable)' in a web server's log. \
        Those of this network namespace, from the kernel's sock_diag; empty where that cannot be had. Several programs may use \
        the same address in mount namespaces of their own, or relative to their folders, and share a row. At most 16,384 rows \
        with connections that wait, and as many without.",
    entry_description: "One address. Several sockets have the same one if its file was removed while one of them listened.",
    index: &[component(
        1,
        "lnsUnixListenerPath",
        Syntax::Text(1, 108),
        "The address as the program gave it to bind(2): a path, which is relative to the program's folder if it does not \
         begin with a slash, or an abstract name behind an '@', with an '@' for every NUL in it, as in /proc/net/unix; a \
         relative path that begins with an '@' has './' before it. \
         Octets that do not print, and backslashes, are written as \\xNN, and if there is no room for that the end is replaced by '~' and eight \
         hex digits that differ for different addresses.",
    )],
    columns: &Cells::<UnixListeners>::of(&[
        gauge(
            2,
            "lnsUnixListenerQueue",
            "connections",
            "Connections that wait for accept(2), over all sockets of the address. It stands near 0 on a healthy host. When \
             there is one more than lnsUnixListenerQueueLimit, connect(2) fails with EAGAIN or waits.",
            |row, _| Some(Value::gauge32(row.queue)),
        ),
        gauge(
            3,
            "lnsUnixListenerQueueLimit",
            "connections",
            "How many connections may wait, over all sockets of the address: what the program asked for with listen(2), at \
             most net.core.somaxconn when it did.",
            |row, _| Some(Value::gauge32(row.limit)),
        ),
        gauge(
            4,
            "lnsUnixListenerSockets",
            "sockets",
            "How many sockets listen on this address.",
            |row, _| Some(Value::gauge32(row.sockets)),
        ),
        gauge(
            5,
            "lnsUnixListenerFullestPercent",
            "percent",
            "How full the queue of the fullest single socket is, in percent of its own limit, rounded down; a limit of 0 counts \
             as 1. A socket whose file was replaced keeps its queue, so that the sums can hide one that is full.",
            |row, _| Some(Value::gauge32(row.fullest)),
        ),
    ]),
});

struct UnixListeners;

impl Rows for UnixListeners {
    type Row<'a> = &'a UnixListener;

    fn len(cx: &Context<'_>) -> usize {
        cx.unix_listeners().map_or(0, <[_]>::len)
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a UnixListener> {
        cx.unix_listeners()?.get(position)
    }

    fn index(row: &&UnixListener, name: &mut Oid) {
        push_text(name, &row.path);
    }
}
