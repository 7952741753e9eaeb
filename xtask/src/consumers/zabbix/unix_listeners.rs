//! Unix sockets that listen: which of them is full.

use super::alarm::{Alarm, or_gone};
use super::export::{Item, Rule, tag, uuid};
use super::graphs::{graph, lines};
use super::item::{column, heartbeat, step};
use super::keys::at;
use super::macros::{m, m_of};
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
    // Whether full is a matter of both items. A calculated percentage would keep its last value when the row is gone.
    let (waiting, most, threshold) = (at(&queue.key), at(&limit.key), m_of("UNIX_FULL.MAX", "{#PATH}"));
    let (fires, recovers) = or_gone(
        (
            format!("100*min({waiting},{})>{threshold}*last({most})", m("PERIOD")),
            format!("100*max({waiting},{})<={threshold}*last({most})", m("RECOVERY")),
        ),
        &queue.key,
    );
    let mut full = Alarm::new("unix-full", "Unix listener {#PATH} is nearly full", "WARNING", fires, recovers)
        .about(
            "Its program does not accept connections as fast as they come, or hangs, or asked for too small a backlog \
             (listen(2), net.core.somaxconn). When it is full, clients get EAGAIN, 'Resource temporarily unavailable' in the \
             log of a web server. 'ss -lxp' shows the program.",
        )
        .shows("{ITEM.LASTVALUE1} wait, {ITEM.LASTVALUE2} may")
        .scope("capacity");
    let [waiting, most] = [&queue, &limit].map(|item| format!("last(/{{HOST.HOST}}/{})", item.key));
    full.trigger.event_name =
        format!("Unix listener {{#PATH}} is {{{{?100*{waiting}/({most}+({most}=0))}}.fmtnum(0)}} % full");
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
        item_prototypes: vec![limit, queue],
        trigger_prototypes: vec![full.trigger],
        preprocessing: vec![step("JAVASCRIPT", include_str!("unix-listeners.js"))],
    }
}
