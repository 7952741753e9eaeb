//! Writes LINUX-NETSTAT-MIB from the declarations, so that the module and the answers cannot differ.

pub(super) mod clauses;
pub(super) mod conformance;

use super::groups::{self, lns_sockets, sockets};
use super::object::{Notification, Object, Scalar};
use super::syntax::{Labels, Syntax, registered_syntax};
use super::table::Table;
use crate::registry::{self, Registered};
use crate::smi::oid::Oid;
use clauses::{about, bare, clause, labels, syntax};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Revisions of the module, newest first: date and time in UTC, and what changed.
const REVISIONS: [(&str, &str); 3] = [
    (
        "202612010000Z",
        "Who is behind an alarm, from the kernel's socket diagnosis: lnsListenerQueueLimit to lnsListenerOwner, \
            lnsTcpServiceRttMedian to lnsTcpServiceRetransmittedPermille, Unix listeners (lnsUnixListenerTable), sockets by \
            unit and program (lnsOwnerTable).",
    ),
    (
        "202611300000Z",
        "Who is behind an alarm: UDP sockets by endpoint (lnsUdpEndpointTable), what the connections of each service wait \
            for (lnsTcpServiceTable), outgoing connections by destination (lnsDestinationTable), \
            lnsSockstatEphemeralWorstPercent. The worst instance of a threshold on a column: lnsThresholdInstance. \
            Counters of connection tracking, the neighbour tables, kernel TLS and SYNPROXY: lnsConntrackCountersGroup, \
            lnsArpCacheCountersGroup, lnsNdiscCacheCountersGroup, lnsTlsCountersGroup, lnsSynproxyCountersGroup. \
            Open files, tracked connections and neighbors, and more limits: lnsLimitSomaxconn to lnsLimitNeighborsIpv6.",
    ),
    ("202611250000Z", "The first version."),
];

const DESCRIPTION: &str = "What a Linux host knows of its TCP and UDP sockets, live from /proc: sockets by state, by \
    listener, by port, by destination and by owner, memory and limits, and every counter that the kernel names, with what it means. Served by netstat-agentx, an AgentX subagent of Net-SNMP's snmpd. \
    The standard objects of IP-MIB, TCP-MIB and UDP-MIB that it serves too are not repeated here. What the running \
    kernel does not have has no instance; nothing is shown as 0 that is not known to be 0.";

/// The text of the module with its base at `base`.
#[must_use]
pub fn text(base: &Oid) -> String {
    let mut out = String::new();
    write_module(&mut out, base);
    out
}

/// Writing to a `String` cannot fail, so the results of `write!` are dropped.
fn write_module(out: &mut String, base: &Oid) {
    let (root, rest) = root(base);
    let _ = writeln!(out, "LINUX-NETSTAT-MIB DEFINITIONS ::= BEGIN\n");
    imports(out, root);
    let _ = writeln!(out, "linuxNetstatMIB MODULE-IDENTITY");
    about(out, DESCRIPTION, &REVISIONS);
    let _ = writeln!(out, "    ::= {{ {root} {rest} }}\n");
    for (name, number) in [("lnsNotifications", 0), ("lnsObjects", 1), ("lnsConformance", 2)] {
        node(out, name, "linuxNetstatMIB", number);
    }
    for (name, number) in [("lnsCompliances", 1), ("lnsGroups", 2)] {
        node(out, name, "lnsConformance", number);
    }
    for (group, number) in groups::private().filter(|(group, _)| !group.name.is_empty()) {
        node(out, group.name, "lnsObjects", number);
    }
    for (group, number, _) in registry::groups() {
        node(out, &format!("lns{group}Counters"), "lnsCounters", number);
    }
    for convention in [&lns_sockets::FAMILY, &sockets::TCP_STATE] {
        textual_convention(out, convention);
    }
    subagent(out);
    for (group, _) in groups::private() {
        let parent = if group.name.is_empty() { "lnsObjects" } else { group.name };
        let _ = writeln!(out, "\n-- {}\n", conformance::label(group));
        for object in group.objects {
            match object {
                Object::Scalar(scalar) => write_scalar(out, scalar, parent),
                Object::Table(table) => write_table(out, table, parent),
                Object::Registry => registry::all().iter().for_each(|entry| write_registered(out, entry)),
                Object::Notification(notification) => write_notification(out, notification),
            }
        }
    }
    conformance::write(out);
    let _ = writeln!(out, "END");
}

/// The well-known node above the module, and the numbers from there.
fn root(base: &Oid) -> (&'static str, String) {
    let (root, rest) = match base.as_slice() {
        [1, 3, 6, 1, 4, 1, rest @ ..] if !rest.is_empty() => ("enterprises", rest),
        [1, 3, 6, 1, 3, rest @ ..] if !rest.is_empty() => ("experimental", rest),
        [1, rest @ ..] => ("iso", rest),
        all => ("", all),
    };
    let numbers: Vec<_> = rest.iter().map(ToString::to_string).collect();
    (root, numbers.join(" "))
}

fn node(out: &mut String, name: &str, parent: &str, number: u32) {
    let _ = writeln!(out, "{name:<18} OBJECT IDENTIFIER ::= {{ {parent} {number} }}");
}

/// Where the identifier of the subagent itself sits below the base.
const SUBAGENT_NUMBER: u32 = 4;

/// The o.id of the AgentX Open, which identifies the program (RFC 2741 section 6.2.1). It is no object and has no
/// instance.
#[must_use]
pub fn subagent_id(base: &Oid) -> Oid {
    Oid::from_slice(&[base.as_slice(), &[SUBAGENT_NUMBER]].concat()).unwrap_or_default()
}

fn subagent(out: &mut String) {
    let _ = writeln!(out, "\nlnsSubagent OBJECT-IDENTITY\n    STATUS current");
    clause(out, "DESCRIPTION", "The subagent netstat-agentx, as it names itself to the master agent (o.id).");
    clause(out, "REFERENCE", "RFC 2741, section 6.2.1");
    let _ = writeln!(out, "    ::= {{ linuxNetstatMIB {SUBAGENT_NUMBER} }}");
}

/// The names that the declarations need, by module.
fn imports(out: &mut String, root: &'static str) {
    let mut modules: BTreeMap<(u8, &str), BTreeSet<&str>> = BTreeMap::new();
    let mut need = |order, module, name| {
        modules.entry((order, module)).or_default().insert(name);
    };
    for name in ["MODULE-IDENTITY", "OBJECT-IDENTITY", "OBJECT-TYPE"] {
        need(0, "SNMPv2-SMI", name);
    }
    if !matches!(root, "" | "iso") {
        need(0, "SNMPv2-SMI", root);
    }
    need(1, "SNMPv2-TC", "TEXTUAL-CONVENTION");
    need(0, "SNMPv2-SMI", "NOTIFICATION-TYPE");
    for name in ["MODULE-COMPLIANCE", "NOTIFICATION-GROUP", "OBJECT-GROUP"] {
        need(2, "SNMPv2-CONF", name);
    }
    for (group, _) in groups::private() {
        for syntax in group.objects.iter().flat_map(syntaxes) {
            match syntax {
                Syntax::Counter32 => need(0, "SNMPv2-SMI", "Counter32"),
                Syntax::Counter64 => need(0, "SNMPv2-SMI", "Counter64"),
                Syntax::Gauge32 => need(0, "SNMPv2-SMI", "Gauge32"),
                Syntax::Unsigned32 => need(0, "SNMPv2-SMI", "Unsigned32"),
                Syntax::Integer32 | Syntax::Range(..) => need(0, "SNMPv2-SMI", "Integer32"),
                Syntax::TimeTicks => need(0, "SNMPv2-SMI", "TimeTicks"),
                Syntax::IpAddress => need(0, "SNMPv2-SMI", "IpAddress"),
                Syntax::DateAndTime => need(1, "SNMPv2-TC", "DateAndTime"),
                Syntax::InetAddressType => need(3, "INET-ADDRESS-MIB", "InetAddressType"),
                Syntax::InetAddress => need(3, "INET-ADDRESS-MIB", "InetAddress"),
                Syntax::InetPortNumber => need(3, "INET-ADDRESS-MIB", "InetPortNumber"),
                Syntax::Text(..) => need(4, "SNMP-FRAMEWORK-MIB", "SnmpAdminString"),
                Syntax::VariablePointer => need(1, "SNMPv2-TC", "VariablePointer"),
                Syntax::Enumeration(_) | Syntax::Labels(_) => {}
            }
        }
    }
    let _ = writeln!(out, "IMPORTS");
    let sections: Vec<_> = modules
        .iter()
        .map(|((_, module), names)| {
            let names: Vec<_> = names.iter().copied().collect();
            format!("    {}\n        FROM {module}", names.join(",\n    "))
        })
        .collect();
    let _ = writeln!(out, "{};\n", sections.join("\n"));
}

fn syntaxes(object: &'static Object) -> Vec<Syntax> {
    match object {
        Object::Scalar(scalar) => vec![scalar.syntax],
        Object::Table(table) => {
            table.index.iter().chain(table.columns()).map(|column| column.syntax).collect()
        }
        Object::Registry => registry::all().iter().map(|entry| registered_syntax(entry.kind)).collect(),
        Object::Notification(_) => Vec::new(),
    }
}

fn textual_convention(out: &mut String, convention: &Labels) {
    let _ = writeln!(out, "\n{} ::= TEXTUAL-CONVENTION\n    STATUS current", convention.name);
    clause(out, "DESCRIPTION", convention.description);
    let _ = writeln!(out, "    SYNTAX {}", labels(convention.labels));
}

fn object_type(out: &mut String, name: &str, syntax: &str, units: &str, access: &str, description: &str) {
    let _ = writeln!(out, "{name} OBJECT-TYPE\n    SYNTAX {syntax}");
    if !units.is_empty() {
        let _ = writeln!(out, "    UNITS \"{units}\"");
    }
    let _ = writeln!(out, "    MAX-ACCESS {access}\n    STATUS current");
    clause(out, "DESCRIPTION", description);
}

fn write_scalar(out: &mut String, scalar: &Scalar, parent: &str) {
    object_type(out, scalar.name, &syntax(scalar.syntax), scalar.units, "read-only", scalar.description);
    let _ = writeln!(out, "    ::= {{ {parent} {} }}\n", scalar.subid);
}

fn write_table(out: &mut String, table: &Table, parent: &str) {
    let row = capitalised(table.entry);
    object_type(out, table.name, &format!("SEQUENCE OF {row}"), "", "not-accessible", table.description);
    let _ = writeln!(out, "    ::= {{ {parent} {} }}\n", table.subid);
    object_type(out, table.entry, &row, "", "not-accessible", table.entry_description);
    let index: Vec<_> = table.index.iter().map(|column| column.name).collect();
    let _ = writeln!(out, "    INDEX {{ {} }}\n    ::= {{ {} 1 }}\n", index.join(", "), table.name);
    let all = table.index.iter().chain(table.columns());
    let members: Vec<_> = all.map(|column| format!("    {} {}", column.name, bare(column.syntax))).collect();
    let _ = writeln!(out, "{row} ::= SEQUENCE {{\n{}\n}}\n", members.join(",\n"));
    let index = table.index.iter().map(|column| (column, "not-accessible"));
    let columns = table.columns().map(|column| (column, "read-only"));
    for (column, access) in index.chain(columns) {
        object_type(out, column.name, &syntax(column.syntax), column.units, access, column.description);
        let _ = writeln!(out, "    ::= {{ {} {} }}\n", table.entry, column.subid);
    }
}

fn write_notification(out: &mut String, notification: &Notification) {
    let objects: Vec<_> = notification.objects.iter().map(|cells| cells.column().name).collect();
    let objects = objects.join(",\n        ");
    let _ = writeln!(
        out,
        "{} NOTIFICATION-TYPE\n    OBJECTS {{\n        {objects}\n    }}\n    STATUS current",
        notification.name
    );
    clause(out, "DESCRIPTION", notification.description);
    let _ = writeln!(out, "    ::= {{ lnsNotifications {} }}\n", notification.number);
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A counter: what it counts, when, and what a growing value means.
fn write_registered(out: &mut String, entry: &Registered) {
    let mut description = entry.counts.to_owned();
    if !entry.retired.is_empty() {
        description = format!("{description} Retired: {}", entry.retired);
    }
    let description = format!("{description} WHEN: {} MEANING: {}", entry.when, entry.means);
    object_type(out, entry.descriptor, &syntax(registered_syntax(entry.kind)), "", "read-only", &description);
    let source = format!("Linux {}: {}", entry.checked, entry.source.join(", "));
    let reference =
        if entry.reference.is_empty() { source } else { format!("{}; {source}", entry.reference) };
    clause(out, "REFERENCE", &reference);
    let _ = writeln!(out, "    ::= {{ lns{}Counters {} }}\n", entry.group, entry.number);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_smi_can_hold() {
        let text = text(&"1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap());
        assert!(text.is_ascii());
        assert_eq!(text.matches('"').count() % 2, 0);
        assert!(text.lines().all(|line| line.len() <= 90 && line == line.trim_end()));
        assert!(text.contains("::= { enterprises 8072 9999 9999 2741 }"));
    }

    #[test]
    fn every_object_is_described() {
        for (group, _) in groups::private() {
            for object in group.objects {
                match object {
                    Object::Scalar(scalar) => assert!(scalar.description.len() > 10, "{}", scalar.name),
                    Object::Table(table) => {
                        assert!(
                            table.description.len() > 10 && table.entry_description.len() > 5,
                            "{}",
                            table.name
                        );
                        for column in table.index.iter().chain(table.columns()) {
                            assert!(column.description.len() > 10, "{}", column.name);
                        }
                    }
                    Object::Notification(notification) => assert!(notification.description.len() > 10),
                    // The registry has a test of its own.
                    Object::Registry => {}
                }
            }
        }
    }

    #[test]
    fn the_module_moves_with_its_base() {
        let moved = |base: &str| text(&base.parse().unwrap());
        assert!(moved("1.3.6.1.4.1.4711.5").contains("::= { enterprises 4711 5 }"));
        let iso = moved("1.2.3");
        assert!(iso.contains("::= { iso 2 3 }") && !iso.contains("enterprises"));
    }

    #[test]
    fn a_base_begins_with_the_last_well_known_node_above_it() {
        for (base, above, rest) in [
            ("1.3.6.1.4.1.5", "enterprises", "5"),
            ("1.3.6.1.3.7.8", "experimental", "7 8"),
            ("1.3.6.1.4.1", "iso", "3 6 1 4 1"),
            ("1.3.6.1.3", "iso", "3 6 1 3"),
            ("2.1", "", "2 1"),
        ] {
            assert_eq!(root(&base.parse().unwrap()), (above, rest.to_owned()), "{base}");
        }
    }

    #[test]
    fn the_subagent_names_itself_below_the_base() {
        assert_eq!(subagent_id(&"1.3.6.1.4.1.5".parse().unwrap()).to_string(), "1.3.6.1.4.1.5.4");
    }
}
