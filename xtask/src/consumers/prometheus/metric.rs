//! Objects as snmp_exporter names them: a metric with the object's name, a label for each index column.
//!
//! The standard objects are not scraped: snmp_exporter's generator would need the IETF's MIB texts, which Debian does
//! not ship, and the kernel counters that they are read from say the same.

use crate::consumers::object::Object;
use netstat_agentx::mib::groups::GROUPS;
use netstat_agentx::mib::object::{Object as Declared, Read};
use netstat_agentx::mib::table::Column;
use netstat_agentx::registry;

/// An instance as a selector, with a matcher in front: `lnsTcpStateSockets{MATCHER,lnsTcpState="closeWait"}`.
pub fn selector(name: &str, matcher: &str) -> String {
    let mut parts = name.split('.');
    let metric = parts.next().unwrap();
    let mut matchers = vec![matcher.to_owned()];
    matchers
        .extend(index(metric).iter().zip(parts).map(|(column, part)| format!("{}=\"{part}\"", column.name)));
    matchers.retain(|matcher| !matcher.is_empty());
    format!("{metric}{{{}}}", matchers.join(","))
}

/// What to draw for an object: a gauge as it is, a counter as its rate per second over a window.
pub fn expression(object: &Object, matcher: &str, window: &str) -> String {
    let of = |metric: &str| {
        let selector = selector(metric, matcher);
        if object.is_counter() { format!("rate({selector}[{window}])") } else { selector }
    };
    let own = of(object.counter.map_or(object.name, |counter| counter.descriptor));
    match sister(object.name) {
        // Hosts without IPv6 lack the sister.
        Some(sister) => format!("{own} + ({} or 0 * {own})", of(sister)),
        None => own,
    }
}

/// The IPv6 counter of a standard object that sums both families.
pub fn sister(name: &str) -> Option<&'static str> {
    let read = GROUPS.iter().flat_map(|group| group.objects).find_map(|object| match object {
        Declared::Scalar(scalar) if scalar.name == name => Some(scalar.read),
        _ => None,
    })?;
    match read {
        Read::Sum(_, sister, name) => {
            registry::find(sister, name).map(|slot| registry::all()[slot].descriptor)
        }
        _ => None,
    }
}

/// The index of the table that has a column with this name.
fn index(column: &str) -> &'static [Column] {
    let tables = GROUPS.iter().flat_map(|group| group.objects).filter_map(|object| match object {
        Declared::Table(table) => Some(table),
        _ => None,
    });
    let table = tables.into_iter().find(|table| table.columns().any(|other| other.name == column));
    table.map_or(&[], |table| table.index)
}

#[test]
fn expressions_are_what_the_exporter_has() {
    let close_wait = Object::named("lnsTcpStateSockets.all.closeWait");
    assert_eq!(
        expression(&close_wait, "", "1m"),
        r#"lnsTcpStateSockets{lnsTcpStateFamily="all",lnsTcpState="closeWait"}"#
    );
    let resets = Object::named("tcpOutRsts");
    assert_eq!(expression(&resets, "a=\"b\"", "1m"), r#"rate(lnsTcpOutRsts{a="b"}[1m])"#);
    let datagrams = Object::named("udpHCInDatagrams");
    assert_eq!(
        expression(&datagrams, "", "5m"),
        "rate(lnsUdpInDatagrams{}[5m]) + (rate(lnsUdp6InDatagrams{}[5m]) or 0 * rate(lnsUdpInDatagrams{}[5m]))"
    );
}
