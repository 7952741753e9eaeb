//! Items about the subagent itself.

use super::export::{Item, Step, tag, uuid};
use super::item::{INTERVAL, asked, gauge, heartbeat, rate, step};
use super::keys::{SNMPD_UPTIME, value_key};
use crate::consumers::object::Object;
use netstat_agentx::mib::syntax::Syntax;
use netstat_agentx::snapshot::SourceId;

/// The subagent's sources, except the processes, which no item reads.
pub fn sources() -> impl Iterator<Item = SourceId> {
    SourceId::ALL.iter().copied().filter(|source| *source != SourceId::Processes)
}

/// Items about the subagent itself, and snmpd.
pub fn items() -> Vec<Item> {
    let mut items = vec![
        Item {
            uuid: uuid("item", SNMPD_UPTIME),
            name: "snmpd: time since its start".into(),
            kind: "SNMP_AGENT",
            snmp_oid: "1.3.6.1.2.1.1.3.0".into(),
            key: SNMPD_UPTIME.into(),
            delay: INTERVAL,
            history: "7d",
            value_type: "FLOAT",
            units: "uptime".into(),
            description: "sysUpTime of the SNMP agent that netstat-agentx is registered at. It tells an snmpd that does \
                not answer from a netstat-agentx that does not."
                .into(),
            preprocessing: vec![step("MULTIPLIER", "0.01")],
            tags: vec![tag("component", "agent")],
            ..Item::default()
        },
        Item { preprocessing: vec![heartbeat()], ..text("lnsAgentVersion", "netstat-agentx: version") },
        Item {
            trends: "",
            value_type: "",
            units: "unixtime".into(),
            preprocessing: vec![step("JAVASCRIPT", include_str!("date-and-time.js"))],
            ..text("lnsAgentStartTime", "netstat-agentx: started")
        },
    ];
    for (name, shown) in [
        ("lnsAgentRequests", "requests answered"),
        ("lnsAgentVarBinds", "variable bindings answered"),
        ("lnsAgentErrors", "requests answered with an error"),
        ("lnsAgentLateAnswers", "requests answered from old figures"),
        ("lnsAgentSessions", "AgentX sessions opened"),
    ] {
        items.push(rate(&Object::named(name), format!("netstat-agentx: {shown}"), "agent"));
    }
    for source in sources() {
        let name = source.name();
        let quoted = |column: &str| format!("{column}.\"{name}\"").leak();
        let shown = format!("netstat-agentx: what is wrong with the source {name}");
        let mut error = text(quoted("lnsAgentSourceError"), &shown);
        if source == SourceId::Resets {
            // If the value were discarded, the last error would remain after tracing was switched off.
            error
                .preprocessing
                .push(Step { error_handler: "CUSTOM_VALUE", ..step("CHECK_NOT_SUPPORTED", "") });
        }
        items.push(error);
        let shown = format!("netstat-agentx: time to read the source {name}");
        let mut time = gauge(quoted("lnsAgentSourceRefreshTime"), shown, "agent");
        // Converts microseconds to a time that Zabbix can display.
        time.units = "s".into();
        time.value_type = "FLOAT";
        time.preprocessing.push(step("MULTIPLIER", "0.000001"));
        items.push(time);
    }
    items
}

/// A text that always exists.
fn text(name: &'static str, shown: &str) -> Item {
    let object = Object::named(name);
    let text = matches!(object.syntax, Syntax::Text(..) | Syntax::DateAndTime);
    assert!(text, "{name} is no text");
    Item {
        trends: "0",
        value_type: "CHAR",
        preprocessing: vec![],
        ..asked(&object, value_key(name), shown.into(), "agent")
    }
}
