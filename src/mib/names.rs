//! Names of objects, and instances as people write them: `tcpCurrEstab.0`, `lnsTcpStateSockets.all.closeWait`,
//! `1.3.6.1.2.1.6`.

use super::MIB_2;
use super::groups::GROUPS;
use super::index::push_text;
use super::object::{NOTIFICATIONS, Object, Place};
use super::table::{Column, column_oid};
use crate::registry;
use crate::smi::oid::{Oid, OidError};
use crate::text::nearest;

/// Why a name has no OID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Neither numbers nor the descriptor of one of our objects.
    #[error("there is no object named '{name}'{}", suggestion.as_ref().map(|other| format!("; did you mean {other}?")).unwrap_or_default())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The descriptor nearest to it.
        suggestion: Option<&'static str>,
    },
    /// A label that the index of the object does not have.
    #[error("'{label}' is no index of {object}{}", allowed(labels))]
    Label {
        /// The object.
        object: String,
        /// What was asked for.
        label: String,
        /// The labels that are allowed there.
        labels: &'static [(u32, &'static str)],
    },
    /// Numbers that are not an OID.
    #[error("{0}")]
    Oid(#[from] OidError),
}

fn allowed(labels: &[(u32, &str)]) -> String {
    if labels.is_empty() {
        return "; a number is wanted there".into();
    }
    let names: Vec<_> = labels.iter().map(|(_, label)| *label).collect();
    format!("; allowed: {}", names.join(", "))
}

/// A named node: an object type, a table or its entry, or a group.
struct Node {
    name: &'static str,
    oid: Vec<u32>,
    index: &'static [Column],
}

fn nodes(base: &Oid) -> Vec<Node> {
    let mut nodes = vec![Node { name: "mib-2", oid: MIB_2.to_vec(), index: &[] }];
    for group in GROUPS {
        let at = group.place.oid(base);
        let below = |subids: &[u32]| [&at, subids].concat();
        let node = |name, oid, index| Node { name, oid, index };
        if !group.name.is_empty() {
            nodes.push(node(group.name, at.clone(), &[]));
        }
        for object in group.objects {
            match object {
                Object::Scalar(scalar) => nodes.push(node(scalar.name, below(&[scalar.subid]), &[])),
                Object::Registry => {
                    for entry in registry::all() {
                        nodes.push(node(entry.descriptor, below(&[entry.group_number, entry.number]), &[]));
                    }
                }
                Object::Notification(notification) => {
                    let at = Place::Private(&NOTIFICATIONS).oid(base);
                    nodes.push(node(notification.name, [&at[..], &[notification.number]].concat(), &[]));
                }
                Object::Table(table) => {
                    nodes.push(node(table.name, below(&[table.subid]), &[]));
                    nodes.push(node(table.entry, below(&[table.subid, 1]), &[]));
                    nodes.extend(
                        table.columns().map(|column| {
                            node(column.name, column_oid(&at, table.subid, column), table.index)
                        }),
                    );
                }
            }
        }
    }
    nodes
}

/// The OID for dotted numbers, or for a descriptor followed by an instance.
///
/// # Errors
/// What is wrong and what is allowed.
pub fn resolve(text: &str, base: &Oid) -> Result<Oid, NameError> {
    // Net-SNMP's tools print the module in front.
    let text = text.rsplit_once("::").map_or(text, |(_, object)| object);
    let bare = text.strip_prefix('.').unwrap_or(text);
    if bare.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(text.parse()?);
    }
    let (name, instance) = bare.split_once('.').map_or((bare, None), |(name, rest)| (name, Some(rest)));
    let nodes = nodes(base);
    let Some(node) = nodes.iter().find(|node| node.name == name) else {
        return Err(NameError::Unknown {
            name: name.to_owned(),
            suggestion: nearest(name, nodes.iter().map(|node| node.name)),
        });
    };
    let mut oid = Oid::from_slice(&node.oid).ok_or(OidError::TooLong)?;
    for (position, part) in instance.into_iter().flat_map(parts).enumerate() {
        // A quoted text stands for its length and its octets, as in Net-SNMP's tools.
        if let Some(text) = part.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            push_text(&mut oid, text);
            continue;
        }
        let labels = node.index.get(position).map_or(&[][..], |column| column.syntax.labels());
        let label = labels.iter().find(|(_, label)| *label == part).map(|(number, _)| *number);
        let subid = label.or_else(|| part.parse().ok()).ok_or_else(|| NameError::Label {
            object: name.to_owned(),
            label: part.to_owned(),
            labels,
        })?;
        if !oid.push(subid) {
            return Err(OidError::TooLong.into());
        }
    }
    Ok(oid)
}

/// Splits an instance at its dots, except within quotes.
fn parts(instance: &str) -> Vec<&str> {
    let mut quoted = false;
    let split = |c: char| {
        quoted ^= c == '"';
        c == '.' && !quoted
    };
    instance.split(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Oid {
        "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap()
    }

    fn resolved(text: &str) -> String {
        resolve(text, &base()).map_or_else(|error| error.to_string(), |oid| oid.to_string())
    }

    #[test]
    fn numbers_names_and_labels() {
        assert_eq!(resolved("1.3.6.1.2.1.6"), "1.3.6.1.2.1.6");
        assert_eq!(resolved(".1.3"), "1.3");
        assert_eq!(resolved("tcp"), "1.3.6.1.2.1.6");
        assert_eq!(resolved("tcpCurrEstab.0"), "1.3.6.1.2.1.6.9.0");
        let state = "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3";
        assert_eq!(resolved("lnsTcpStateSockets"), state);
        assert_eq!(resolved("lnsTcpStateSockets.all.closeWait"), format!("{state}.0.8"));
        assert_eq!(resolved("LINUX-NETSTAT-MIB::lnsTcpStateSockets.2.timeWait"), format!("{state}.2.11"));
        let counters = "1.3.6.1.4.1.8072.9999.9999.2741.1";
        assert_eq!(resolved("lnsTcpExtListenDrops.0"), format!("{counters}.3.6.24.0"));
        assert_eq!(
            resolved("lnsCounterValue.\"Udp\".\"A.\""),
            format!("{counters}.4.1.3.3.85.100.112.2.65.46")
        );
    }

    #[test]
    fn errors_say_what_is_allowed() {
        assert_eq!(
            resolved("lnsTcpStateSocket"),
            "there is no object named 'lnsTcpStateSocket'; did you mean lnsTcpStateSockets?"
        );
        assert_eq!(
            resolved("lnsTcpStateSockets.alll.1"),
            "'alll' is no index of lnsTcpStateSockets; allowed: all, ipv4, ipv6"
        );
        assert_eq!(resolved("tcpCurrEstab.x"), "'x' is no index of tcpCurrEstab; a number is wanted there");
        assert_eq!(resolved("qqqqqqqqqqqqqqq"), "there is no object named 'qqqqqqqqqqqqqqq'");
        assert!(resolved("1..2").contains("dots"));
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<_> = nodes(&base()).into_iter().map(|node| node.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
