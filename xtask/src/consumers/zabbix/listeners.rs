//! TCP listeners: how full their accept queues are, what they drop, and whose they are.

use super::alarm::{Alarm, at_once, lasting, or_gone, resolved, several_wait};
use super::export::{Item, Rule, uuid};
use super::graphs::{graph, lines};
use super::item::{column, heartbeat, step};
use super::keys;
use super::macros::m_of;
use super::prototype::{DISCOVERY_INTERVAL, LIFETIME, LISTENER_GRAPH, filter, prototype};

/// Discovers the listeners. What only sock_diag says has no instance on old kernels and in other namespaces: such items
/// have no value there, and the names of problems no owner.
pub fn rule() -> Rule {
    let item = |of: &str, shown: &str, column_name: &str, about: &str| {
        let key = format!("netstat.listener[\"{{#ENDPOINT}}\",{of}]");
        prototype(key, format!("Listener {{#ENDPOINT}}: {shown}"), column_name, "{#SNMPINDEX}", about)
    };
    let mut queue = item(
        "queue",
        "connections waiting",
        "lnsListenerAcceptQueue",
        "Connections that are established and wait for the program to accept them. Near 0 on a healthy host; when \
         there are more than may wait, further ones are dropped.",
    );
    let sockets = item(
        "sockets",
        "listening sockets",
        "lnsListenerSockets",
        "More than one where several processes listen with SO_REUSEPORT.",
    );
    let mut limit = item(
        "limit",
        "connections that may wait",
        "lnsListenerQueueLimit",
        "What the program asked for with listen(2), at most net.core.somaxconn when it did.",
    );
    limit.preprocessing.push(heartbeat());
    let mut fullest = item(
        "fullest",
        "accept queue in percent of its limit",
        "lnsListenerFullestPercent",
        "Of several sockets with SO_REUSEPORT the fullest one: it drops connections even if the others are empty.",
    );
    fullest.units = "%".into();
    let mut drops = Item {
        value_type: "FLOAT",
        units: "/s".into(),
        ..item(
            "drops",
            "connections dropped",
            "lnsListenerDropsOfOpenSockets",
            "Attempts to connect per second that were dropped, mostly because the accept queue was full. Where one of its \
             sockets was closed in between there is no value.",
        )
    };
    // The figure falls when a socket closes; this step discards what would be below zero.
    drops.preprocessing.push(step("CHANGE_PER_SECOND", ""));
    let [of_drops, of_fullest, of_queue] = alarms(&drops.key, &fullest.key, &queue.key);
    drops.trigger_prototypes.push(of_drops);
    queue.trigger_prototypes.push(of_queue);
    let columns = [("{#ENDPOINT}", "lnsListenerEndpoint"), ("{#OWNER}", "lnsListenerOwner")];
    let columns = columns.map(|(name, of)| format!("{name},{}", column(of)));
    Rule {
        uuid: uuid("rule", "listeners"),
        name: "Listeners",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{}]", columns.join(",")),
        key: "netstat.listeners",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#ENDPOINT}", "LISTENER"),
        lifetime: LIFETIME,
        description: "Every TCP endpoint that listens, with the connections that wait for its program, and the systemd unit \
            or cgroup that it belongs to.",
        graph_prototypes: vec![graph(LISTENER_GRAPH, false, lines([queue.key.clone()].into_iter()))],
        item_prototypes: vec![drops, fullest, limit, queue, sockets],
        trigger_prototypes: vec![of_fullest],
        preprocessing: vec![step("JAVASCRIPT", include_str!("listeners.js"))],
    }
}

/// Of a listener that is in trouble, one problem: that it drops, else that it is nearly full, else that many wait.
fn alarms(drops: &str, fullest: &str, queue: &str) -> [super::export::Trigger; 3] {
    let slow = "Its program does not accept connections as fast as they come, or hangs, or asked for too small a backlog \
        (listen(2), net.core.somaxconn).";
    let (fires, recovers) = or_gone(at_once(drops, &m_of("LISTENER_DROPS.MAX", "{#ENDPOINT}")), drops);
    let mut dropping =
        Alarm::new("listener-drops", "Listener {#ENDPOINT} drops connections", "AVERAGE", fires, recovers)
            .about(&format!("{slow} Whoever connects there waits for seconds, or in vain."));
    dropping.trigger.event_name =
        format!("Listener {{#ENDPOINT}}{{#WHOSE}} drops {} connections/s", keys::latest(drops, "fmtnum(0)"));

    // A single connection may well wait for a program that serves one after the other.
    let (fires, recovers) = several_wait(lasting(fullest, &m_of("LISTENER_FULL.MAX", "{#ENDPOINT}")), queue);
    let (fires, recovers) = or_gone((fires, recovers), fullest);
    let mut full =
        Alarm::new("listener-full", "Listener {#ENDPOINT} is nearly full", "WARNING", fires, recovers)
            .about(&format!("{slow} When the accept queue is full, connections are dropped."))
            .scope("capacity")
            .behind("listener-drops");
    full.trigger.event_name =
        format!("Listener {{#ENDPOINT}}{{#WHOSE}} is {} % full", keys::latest(fullest, ""));

    let (fires, recovers) = or_gone(lasting(queue, &m_of("ACCEPT_QUEUE.MAX", "{#ENDPOINT}")), queue);
    let name = "Listener {#ENDPOINT}: connections wait to be accepted";
    let mut waiting = Alarm::new("accept-queue", name, "WARNING", fires, recovers)
        .about(
            "The program does not accept connections as fast as they come. When the queue is full, further ones are \
             dropped: see ListenOverflows.",
        )
        .behind("listener-full");
    waiting.trigger.event_name = format!(
        "Listener {{#ENDPOINT}}{{#WHOSE}}: {} connections wait to be accepted",
        keys::latest(queue, "")
    );
    resolved(vec![dropping, full, waiting]).try_into().unwrap_or_else(|_| unreachable!("three of three"))
}
