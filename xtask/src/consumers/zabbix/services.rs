//! What the connections of a listening port wait for, and how they are on their way: items of the rule that discovers the
//! ports.

use super::alarm::{Alarm, lasting, or_gone};
use super::export::{Graph, Item, Trigger, tag};
use super::graphs::{graph, lines};
use super::item::step;
use super::keys;
use super::keys::at;
use super::macros::{m, m_of};
use super::prototype::{PATH_GRAPH, SERVICE_GRAPH, prototype};

const COMPONENT: &str = "services";

fn key(of: &str) -> String {
    format!("netstat.port[{{#PORT}},{of}]")
}

fn item(of: &str, shown: &str, units: &str, column: &str, about: &str) -> Item {
    Item {
        units: units.into(),
        tags: vec![tag("component", COMPONENT)],
        ..prototype(key(of), format!("Port {{#PORT}}: {shown}"), column, "{#PORT}", about)
    }
}

/// The items of a port, with their triggers.
pub fn items() -> Vec<Item> {
    let mut unread = item(
        "unread",
        "data unread",
        "B",
        "lnsTcpServiceUnreadOctets",
        "What the connections of this port have received and its program has not read. The end of a connection that was \
         not read yet counts as one octet.",
    );
    let (fires, recovers) = or_gone(lasting(&unread.key, &m_of("UNREAD.MAX", "{#PORT}")), &unread.key);
    let mut alarm = Alarm::new("port-unread", "Port {#PORT}: data unread", "WARNING", fires, recovers).about(
        "The program on this port hangs or is too slow: it does not read what its clients have sent. 'ss -tn' shows the \
         connections, in the column Recv-Q.",
    );
    alarm.trigger.event_name = "Port {#PORT}: {ITEM.LASTVALUE1} unread".into();
    unread.trigger_prototypes.push(alarm.trigger);
    let unsent = item(
        "unsent",
        "data not acknowledged",
        "B",
        "lnsTcpServiceUnsentOctets",
        "What the program has written and its peers have not acknowledged, sent or not.",
    );
    let mut stalled = item(
        "stalled",
        "stalled connections",
        "!connections",
        "lnsTcpServiceStalledSockets",
        "Connections that have sent the same five times or more without an answer: their peer is gone, or the way to it.",
    );
    let (fires, recovers) = or_gone(lasting(&stalled.key, &m_of("STALLED.MAX", "{#PORT}")), &stalled.key);
    let mut alarm =
        Alarm::new("port-stalled", "Port {#PORT}: stalled connections", "WARNING", fires, recovers).about(
            "Many peers of this port do not answer any more: a path that is dead, or a firewall that has forgotten its \
             connections. 'ss -tno' shows them, with 'on' and the number of attempts. On the Internet some are normal.",
        );
    alarm.trigger.event_name =
        format!("Port {{#PORT}}: {} stalled connections", keys::latest(&stalled.key, ""));
    stalled.trigger_prototypes.push(alarm.trigger);
    let zero_window = item(
        "zeroWindow",
        "connections whose peer has no room",
        "!connections",
        "lnsTcpServiceZeroWindowSockets",
        "Connections with something to send whose peer does not read.",
    );
    let retransmitting = item(
        RETRANSMITTING,
        "connections that retransmit",
        "!connections",
        "lnsTcpServiceRetransmittingSockets",
        "Connections that have sent something again and still wait for an acknowledgement.",
    );
    [unread, unsent, stalled, retransmitting, zero_window].into_iter().chain(paths()).collect()
}

/// What the kernel measures of connections. A port without connections has no instance of them, so that they have no value
/// then.
fn paths() -> [Item; 3] {
    let measured = |of: &str, shown: &str, units: &str, factor: &str, column: &str, about: &str| {
        let mut item = Item { value_type: "FLOAT", ..item(of, shown, units, column, about) };
        item.preprocessing.push(step("MULTIPLIER", factor));
        item
    };
    [
        measured(
            "rttMedian",
            "round-trip time, median",
            "s",
            "0.000001",
            "lnsTcpServiceRttMedian",
            "What half of the connections do not exceed, by the kernel's smoothed estimate for each.",
        ),
        measured(
            "rttP95",
            "round-trip time, 95th percentile",
            "s",
            "0.000001",
            "lnsTcpServiceRttP95",
            "What 95 of 100 connections do not exceed. If it grows alone, some of the peers have a slow or lossy way here.",
        ),
        measured(
            RETRANSMITTED,
            "data retransmitted",
            "%",
            "0.1",
            "lnsTcpServiceRetransmittedPermille",
            "Of the data that the present connections have sent since each was opened, how much was sent again.",
        ),
    ]
}

const RETRANSMITTED: &str = "retransmitted";
const RETRANSMITTING: &str = "retransmitting";

/// For how long after the last look that saw a connection retransmit the share of what was lost is a problem.
const LOST: &str = "10m";

/// A way that loses what a service sends. A share is a matter of chance where there are few connections: it counts only
/// with so many of them.
pub fn retransmitted() -> Trigger {
    let [share, open, retransmitting] = [RETRANSMITTED, "established", RETRANSMITTING].map(key);
    let [most, least] = ["RETRANSMITTED.MAX", "RETRANSMITTED.MIN"].map(|name| m_of(name, "{#PORT}"));
    let (period, recovery) = (m("PERIOD"), m("RECOVERY"));
    let beyond = (
        format!(
            "min({},{period})>{most} and min({},{period})>={least} and max({},{LOST})>0",
            at(&share),
            at(&open),
            at(&retransmitting)
        ),
        format!(
            "max({},{recovery})<={most} or max({},{recovery})<{least} or max({},{LOST})=0",
            at(&share),
            at(&open),
            at(&retransmitting)
        ),
    );
    let (fires, recovers) = or_gone(beyond, &share);
    let name = "Port {#PORT}: much of its data is retransmitted";
    let mut alarm = Alarm::new("port-retransmitted", name, "WARNING", fires, recovers).about(
        "The way to the clients of this port loses packets, or some of them are overloaded: 'ss -tin' shows which \
         connections retransmit (bytes_retrans). The share is of all that the open connections have sent: it is a problem \
         while some retransmit.",
    );
    alarm.trigger.event_name = "Port {#PORT}: {ITEM.LASTVALUE1} of its data is retransmitted".into();
    alarm.trigger
}

/// What waits on either side, and how long the way is.
pub fn graphs() -> [Graph; 2] {
    let of = |name: &str, keys: [&str; 2]| graph(name, false, lines(keys.map(key).into_iter()));
    [of(SERVICE_GRAPH, ["unread", "unsent"]), of(PATH_GRAPH, ["rttMedian", "rttP95"])]
}
