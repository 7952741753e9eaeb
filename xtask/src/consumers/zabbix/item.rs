//! The parts of items: an item of each kind, preprocessing steps, and what all items of a template share.

use super::export::{Item, Step, tag, uuid};
use super::keys::{rate_key, value_key};
use super::macros::m;
use crate::consumers::graphs::GRAPHS;
use crate::consumers::object::{Object, base};

pub const INTERVAL: &str = "{$NETSTAT.INTERVAL}";

/// The item of an object that a host may lack.
pub fn asked(object: &Object, key: String, name: String, component: &str) -> Item {
    Item {
        uuid: uuid("item", &key),
        name,
        kind: "SNMP_AGENT",
        snmp_oid: object.oid.clone(),
        key,
        delay: INTERVAL,
        history: "7d",
        description: format!("{}\n\nObject: {}", explanation(object), object.name),
        preprocessing: vec![discard_not_supported()],
        tags: vec![tag("component", component)],
        ..Item::default()
    }
}

/// A gauge. An exclamation mark keeps Zabbix from writing 1200 sockets as 1.2 Ksockets.
pub fn gauge(name: &'static str, shown: String, component: &str) -> Item {
    let object = Object::named(name);
    let units = match object.units {
        "" => String::new(),
        "octets" => "B".into(),
        "percent" => "%".into(),
        units => format!("!{units}"),
    };
    Item { units, ..asked(&object, value_key(name), shown, component) }
}

fn explanation(object: &Object) -> String {
    match object.counter {
        Some(entry) => format!("{}\n\n{}", entry.counts, entry.means),
        None => object.description.to_owned(),
    }
}

/// Whatever a kernel, a namespace or a container lacks has no instance; that is no error. The default is to discard.
pub fn discard_not_supported() -> Step {
    step("CHECK_NOT_SUPPORTED", "")
}

pub fn step(kind: &'static str, parameter: &str) -> Step {
    Step { kind, parameters: [parameter.to_owned()], error_handler: "", error_handler_params: "" }
}

/// The unit is short, since Zabbix leaves little room beside the axis of a graph; the name says what is counted.
pub fn rate(object: &Object, shown: String, component: &str) -> Item {
    assert!(object.is_counter(), "{} is no counter", object.name);
    let mut item = asked(object, rate_key(object.name), shown, component);
    item.value_type = "FLOAT";
    item.units = "/s".into();
    item.preprocessing.push(step("CHANGE_PER_SECOND", ""));
    item
}

pub fn heartbeat() -> Step {
    step("DISCARD_UNCHANGED_HEARTBEAT", &m("HEARTBEAT"))
}

/// ESTABLISHED for established, as in the graphs.
pub fn state_word(state: &str) -> &'static str {
    let lines = GRAPHS.iter().flat_map(|graph| graph.lines);
    let wanted = format!("lnsTcpStateSockets.all.{state}");
    lines.into_iter().find(|(name, _)| *name == wanted).map(|(_, label)| *label).unwrap()
}

/// The OID of a column below the private base, for discovery.
pub fn column(name: &str) -> String {
    netstat_agentx::mib::names::resolve(name, &base()).unwrap().to_string()
}
