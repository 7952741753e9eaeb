//! Resets by port and reason: a discovery of their own, for hosts where `[resets]` is enabled.

use super::alarm::{Alarm, lasting};
use super::export::{Item, Named, Rule, Step, tag, uuid};
use super::item::{column, gauge, heartbeat, rate, step};
use super::keys;
use super::macros::m_of;
use super::prototype::{DISCOVERY_INTERVAL, LIFETIME, filter, prototype};
use crate::consumers::object::Object;

/// The value map of lnsResetTracing, and the object.
pub const TRACING: &str = "lnsResetTracing";

const COMPONENT: &str = "resets";

/// Items about tracing itself.
pub fn items() -> Vec<Item> {
    let mut tracing = gauge(TRACING, "TCP resets: tracing".into(), COMPONENT);
    tracing.valuemap = Some(Named { name: TRACING });
    tracing.preprocessing.push(heartbeat());
    let lost = Object::named("lnsResetLostEvents");
    vec![tracing, rate(&lost, "TCP resets: in no row".into(), COMPONENT)]
}

/// Discovers the ports that reset.
pub fn rule() -> Rule {
    const WHICH: &str = "{#DIRECTION}, {#SIDE} port {#PORT}, {#REASON}";
    let key = |of: &str| format!("netstat.{of}[{{#DIRECTION}},{{#SIDE}},{{#PORT}},{{#REASON}}]");
    let item = |of: &str, name: &str, column: &str, about: &str| Item {
        tags: vec![tag("component", COMPONENT)],
        ..prototype(key(of), format!("{name} {WHICH}"), column, "{#SNMPINDEX}", about)
    };
    let mut resets = item("resets", "TCP resets", "lnsResetCount", "How many, per second.");
    resets.value_type = "FLOAT";
    resets.units = "/s".into();
    resets.preprocessing.push(step("CHANGE_PER_SECOND", ""));
    let mut peer =
        item("resets.peer", "Last peer of TCP resets", "lnsResetLastPeer", "The address at the other end.");
    peer.value_type = "CHAR";
    peer.trends = "0";
    peer.preprocessing = vec![
        // The kernel reports no peer for a reset that a listener sends.
        Step {
            error_handler: "CUSTOM_VALUE",
            error_handler_params: "unknown",
            ..step("CHECK_NOT_SUPPORTED", "")
        },
        step("JAVASCRIPT", include_str!("address.js")),
        heartbeat(),
    ];
    let (fires, recovers) = lasting(&resets.key, &m_of("RESETS.MAX", "{#PORT}"));
    let mut alarm = Alarm::new("resets", &format!("TCP resets {WHICH}"), "WARNING", fires, recovers).about(
        "NO_SOCKET is a port where nothing listens and somebody knocks; TCP_ABORT_ON_CLOSE a program that closes \
         connections with data it has not read; resets received are refusals and aborts of the other end. \
         'netstat-agentx resets' on the host shows them as they come, with the process where it is local.",
    );
    alarm.trigger.event_name =
        format!("TCP resets {WHICH}, last peer {}", keys::latest(&key("resets.peer"), ""));
    resets.trigger_prototypes.push(alarm.trigger);
    Rule {
        uuid: uuid("rule", "resets"),
        name: "Ports with TCP resets",
        kind: "SNMP_AGENT",
        snmp_oid: format!("discovery[{{#COUNT}},{}]", column("lnsResetCount")),
        key: "netstat.resets",
        delay: DISCOVERY_INTERVAL,
        filter: filter("{#PORT}", "RESETS.PORT"),
        lifetime: LIFETIME,
        description: "Direction, port and reason of the most frequent resets, where [resets] is enabled in \
            netstat-agentx.toml. They are those of all network namespaces of the host.",
        item_prototypes: vec![peer, resets],
        trigger_prototypes: Vec::new(),
        graph_prototypes: Vec::new(),
        preprocessing: vec![step("JAVASCRIPT", include_str!("resets.js"))],
    }
}
