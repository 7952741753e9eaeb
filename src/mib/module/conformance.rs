//! lnsConformance: what is mandatory, under which condition, and the object groups.

use super::clauses::clause;
use crate::mib::groups;
use crate::mib::object::{Group, Object};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Column, Table};
use crate::registry;
use std::fmt::Write;

/// The name that a conformance group derives from.
pub(super) fn label(group: &Group) -> &'static str {
    match group.objects.first() {
        Some(Object::Table(table)) if group.name.is_empty() => table.name,
        _ => group.name,
    }
}

/// A conformance group: its descriptor, its number below lnsGroups, its members, its description.
pub(super) struct Members {
    pub name: String,
    pub number: u32,
    pub objects: Vec<&'static str>,
    pub description: String,
    /// The condition under which the group is mandatory; empty if it always is.
    pub condition: String,
}

/// The groups that every subagent serves, and those that depend on the kernel.
pub(super) fn members() -> (Vec<Members>, Vec<Members>) {
    let declared = groups::private().filter_map(|(group, number)| {
        let objects: Vec<_> = group.objects.iter().flat_map(accessible).collect();
        let table = group.objects.iter().find_map(|object| match object {
            Object::Table(table) if group.name.is_empty() => Some(table.subid),
            _ => None,
        });
        let number = table.unwrap_or(number);
        let name = format!("{}Group", label(group));
        (!objects.is_empty()).then(|| Members {
            name,
            number,
            objects,
            description: group.description.into(),
            condition: String::new(),
        })
    });
    let counters = registry::groups().map(|(group, number, file)| Members {
        name: format!("lns{group}CountersGroup"),
        // Above those of the declared groups, whose numbers are below 100.
        number: 300 + number,
        objects: registry::of_group(number).map(|entry| entry.descriptor).collect(),
        description: format!("The counters of the kernel's group {group}, from /proc/{file}."),
        condition: format!(
            "This group is mandatory where the kernel has the group {group} in /proc/{file}. A counter of it that the \
             kernel does not have has no instance."
        ),
    });
    (declared.collect(), counters.collect())
}

pub(super) fn write(out: &mut String) {
    let _ = writeln!(out, "\n-- Conformance\n");
    let (always, by_kernel) = members();
    let _ = writeln!(out, "lnsCompliance MODULE-COMPLIANCE\n    STATUS current");
    clause(
        out,
        "DESCRIPTION",
        &format!(
            "What a subagent serves. What the running kernel does not have has no instance. {}",
            index_addresses()
        ),
    );
    let groups = always.iter().map(|members| members.name.as_str());
    let groups: Vec<_> = groups.chain([NOTIFICATIONS_GROUP]).collect();
    let _ = writeln!(
        out,
        "    MODULE\n        MANDATORY-GROUPS {{\n            {}\n        }}",
        groups.join(",\n            ")
    );
    for members in &by_kernel {
        let _ = writeln!(out, "        GROUP {}", members.name);
        clause(out, "DESCRIPTION", &members.condition);
    }
    refined_addresses(out);
    let _ = writeln!(out, "    ::= {{ lnsCompliances 1 }}\n");
    for Members { name, number, objects, description, .. } in always.iter().chain(&by_kernel) {
        let _ = writeln!(
            out,
            "{name} OBJECT-GROUP\n    OBJECTS {{\n        {}\n    }}\n    STATUS current",
            objects.join(",\n        ")
        );
        clause(out, "DESCRIPTION", description);
        let _ = writeln!(out, "    ::= {{ lnsGroups {number} }}\n");
    }
    let names: Vec<_> = groups::notifications().map(|notification| notification.name).collect();
    let _ = writeln!(
        out,
        "{NOTIFICATIONS_GROUP} NOTIFICATION-GROUP\n    NOTIFICATIONS {{ {} }}\n    STATUS current",
        names.join(", ")
    );
    clause(out, "DESCRIPTION", "What the subagent tells without being asked.");
    let _ = writeln!(out, "    ::= {{ lnsGroups {NOTIFICATIONS_GROUP_NUMBER} }}\n");
}

/// The names of all groups.
pub(in crate::mib) fn names() -> Vec<String> {
    let (always, by_kernel) = members();
    let objects = always.into_iter().chain(by_kernel).map(|members| members.name);
    objects.chain([NOTIFICATIONS_GROUP.to_owned()]).collect()
}

/// The index components of our own tables.
fn index() -> impl Iterator<Item = &'static Column> {
    groups::private().flat_map(|(group, _)| group.objects).flat_map(|object| match object {
        Object::Table(table) => table.index,
        _ => &[],
    })
}

/// The columns of our own tables.
pub(in crate::mib) fn columns() -> impl Iterator<Item = &'static Column> {
    let tables = groups::private().flat_map(|(group, _)| group.objects).filter_map(|object| match object {
        Object::Table(table) => Some(table),
        _ => None,
    });
    tables.flat_map(Table::columns)
}

/// The address types in use, out of those that InetAddressType defines.
const ADDRESS_TYPE: &str = "InetAddressType { ipv4(1), ipv6(2) }";

/// SMIv2 has no OBJECT clause for what is not accessible, so the text refines an index instead, as in RFC 4022 and
/// others.
fn index_addresses() -> String {
    let types = index().filter(|column| column.syntax == Syntax::InetAddressType);
    let clauses: Vec<_> =
        types.map(|column| format!("OBJECT {} SYNTAX {ADDRESS_TYPE}", column.name)).collect();
    format!(
        "A component of an index cannot have an OBJECT clause; as if it could, this holds: {}.",
        clauses.join("; ")
    )
}

fn refined_addresses(out: &mut String) {
    let types = columns().filter(|column| column.syntax == Syntax::InetAddressType);
    for column in types {
        let _ = writeln!(out, "        OBJECT {}\n        SYNTAX {ADDRESS_TYPE}", column.name);
        clause(
            out,
            "DESCRIPTION",
            "The kernel tells no zone and no host name, so that there are no other types.",
        );
    }
}

/// Above those of the objects; see [`members`].
const NOTIFICATIONS_GROUP: &str = "lnsNotificationsGroup";
const NOTIFICATIONS_GROUP_NUMBER: u32 = 200;

pub(super) fn accessible(object: &'static Object) -> Vec<&'static str> {
    match object {
        Object::Scalar(scalar) => vec![scalar.name],
        Object::Table(table) => table.columns().map(|column| column.name).collect(),
        Object::Registry | Object::Notification(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// RFC 2578 section 7.7: an index component is not accessible; the instances in a notification carry it.
    #[test]
    fn notifications_carry_what_can_be_read() {
        let groups = groups::private().flat_map(|(group, _)| group.objects).flat_map(accessible);
        let readable: BTreeSet<_> = groups.collect();
        for notification in groups::notifications() {
            for object in notification.objects {
                let name = object.column().name;
                assert!(readable.contains(name), "{name}");
            }
        }
        assert!(!crate::mib::module::text(&"1.2.3".parse().unwrap()).contains("accessible-for-notify"));
    }

    /// A group that is not mandatory everywhere says when it is (RFC 2580 section 5.4.2).
    #[test]
    fn conditional_groups_have_a_condition() {
        let (always, by_kernel) = members();
        assert!(always.iter().all(|members| members.condition.is_empty()));
        assert!(by_kernel.iter().all(|members| members.condition.contains(" is mandatory where ")));
    }
}
