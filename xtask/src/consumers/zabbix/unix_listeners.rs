//! Unix sockets that listen: which of them is full.

use super::alarm::{Alarm, lasting, or_gone, several_wait};
use super::export::{Item, Rule, tag, uuid};
use super::graphs::{graph, lines};
use super::item::{column, heartbeat, step};
use super::keys::latest;
use super::macros::m_of;
use super::prototype::{DISCOVERY_INTERVAL, PEER_LIFETIME, UNIX_GRAPH, filter, prototype};

/// Discovers the Unix listeners.
pub fn rule() -> Rule {
    let item = |of: &str, shown: &str, column: &str, about: &str| {
        let key = format!("netstat.unix[\"{{#PATH}}\",{of}]");
        Item {
            tags: vec![tag("component", "unix")],
            ..prototype(key, format!("Unix listener {{#PATH}}: {shown}"), column, "{#SNMPINDEX}", about)
        }
    };
    let mut limit = item(
        "limit",
        "connections that may wait",
        "lnsUnixListenerQueueLimit",
        "What the program asked for with listen(2), at most net.core.somaxconn when it did.",
    );
    limit.preprocessing.push(heartbeat());
    let queue = item(
        "queue",
        "connections waiting",
        "lnsUnixListenerQueue",
        "Connections that wait for the program to accept them. Near 0 on a healthy host; when there are more than may wait, \
         connect(2) fails with EAGAIN or hangs.",
    );
    let mut fullest = item(
        "fullest",
        "queue in percent of its limit",
        "lnsUnixListenerFullestPercent",
        "Of several sockets with one path the fullest one.",
    );
    fullest.units = "%".into();
    let beyond = lasting(&fullest.key, &m_of("UNIX_FULL.MAX", "{#PATH}"));
    // A single connection may well wait for a program that serves one after the other.
    let (fires, recovers) = or_gone(several_wait(beyond, &queue.key), &fullest.key);
    let mut full = Alarm::new("unix-full", "Unix listener {#PATH} is nearly full", "WARNING", fires, recovers)
        .about(
            "Its program does not accept connections as fast as they come, or hangs, or asked for too small a backlog \
             (listen(2), net.core.somaxconn). When it is full, clients get EAGAIN, 'Resource temporarily unavailable' in the \
             log of a web server. 'ss -lxp' shows the program.",
        )
        .scope("capacity");
    full.trigger.event_name = format!("Unix listener {{#PATH}} is {} % full", latest(&fullest.key, ""));
    let columns = [("{#QUEUE}", "lnsUnixListenerQueue"), ("{#LIMIT}", "lnsUnixListenerQueueLimit")];
    let columns = columns.map(|(name, of)| format!("{name},{}", column(of)));
    Rule {
        uuid: uuid("rule", "unix-listeners"),
        name: "Unix listeners",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{}]", columns.join(",")),
        key: "netstat.unix.listeners",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#PATH}", "UNIX"),
        lifetime: PEER_LIFETIME,
        description: "Unix sockets that listen: those that are fullest, then in the order of their paths.",
        graph_prototypes: vec![graph(UNIX_GRAPH, false, lines([queue.key.clone()].into_iter()))],
        item_prototypes: vec![fullest, limit, queue],
        trigger_prototypes: vec![full.trigger],
        preprocessing: vec![step("JAVASCRIPT", include_str!("unix-listeners.js"))],
    }
}
