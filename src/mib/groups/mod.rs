//! The groups of objects, one file each: their names, their places, the sources of their values. How a request is
//! answered is not their business.

mod icmp;
mod lns_agent;
pub mod lns_counters;
mod lns_destinations;
mod lns_listeners;
mod lns_owners;
mod lns_resets;
pub mod lns_sockets;
mod lns_sockstat;
mod lns_tcp_services;
pub mod lns_thresholds;
mod lns_udp_endpoints;
mod lns_unix_listeners;
pub mod sockets;
mod tcp;
mod tcp_tables;
mod udp;

use super::object::{Group, Notification, Object, Place};

/// All groups, the standard ones first.
pub static GROUPS: &[&Group] = &[
    &icmp::GROUP,
    &tcp::GROUP,
    &tcp_tables::GROUP,
    &udp::GROUP,
    &lns_sockets::GROUP,
    &lns_sockstat::GROUP,
    &lns_counters::GROUP,
    &lns_counters::TABLE,
    &lns_agent::GROUP,
    &lns_resets::GROUP,
    &lns_thresholds::GROUP,
];

/// The subtrees that take over from snmpd's own modules, relative to [`super::MIB_2`]. Each must be exactly as long as
/// the module's own registration, since a longer registration wins whatever its priority (RFC 2741 section 7.1.4.1).
pub static MIB_2_SUBTREES: &[&[u32]] =
    &[&[5], &[5, 29], &[5, 30], &[6], &[6, 13], &[6, 19], &[6, 20], &[7], &[7, 5], &[7, 7]];

/// The groups of the private module, each with its number below lnsObjects.
pub fn private() -> impl Iterator<Item = (&'static Group, u32)> {
    GROUPS.iter().filter_map(|group| match group.place {
        Place::Private(below) => Some((*group, below.last().copied().unwrap_or(0))),
        Place::Mib2(_) => None,
    })
}

/// All notifications.
pub fn notifications() -> impl Iterator<Item = &'static Notification> {
    private().flat_map(|(group, _)| group.objects).filter_map(|object| match object {
        Object::Notification(notification) => Some(notification),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::mib::context::Context;
    use crate::mib::syntax::Syntax;
    use crate::mib::table::Table;
    use crate::mib::view::View;
    use crate::proc::read::ProcRoot;
    use crate::resets::recorder;
    use crate::resets::recorder::tests::{answering, row};
    use crate::smi::Missing;
    use crate::smi::inet::AddressType;
    use crate::smi::oid::Oid;
    use crate::smi::value::Value;
    use crate::snapshot::Snapshot;
    use crate::subagent::Subagent;
    use crate::trace::reset::Direction::{Received, Sent};
    use std::collections::BTreeMap;
    use std::time::Instant;

    const CONFIGURATION: &str = "[refresh]\ncounters-max-age = \"1h\"\nsockets-max-age = \"1h\"\nprocesses-max-age = \"1h\"\n\
        [[threshold]]\nname = \"resets\"\nobject = \"tcpOutRsts.0\"\ncritical = \"10\"\n\
        [[threshold]]\nname = \"b\"\nobject = \"tcpOutRsts.0\"\ncritical = \"10\"\n";

    fn tables() -> impl Iterator<Item = (&'static Group, &'static Table)> {
        let objects =
            GROUPS.iter().flat_map(|group| group.objects.iter().map(move |object| (*group, object)));
        objects.filter_map(|(group, object)| match object {
            Object::Table(table) => Some((group, table)),
            _ => None,
        })
    }

    /// Asks a snapshot in which every table has rows.
    fn with_rows(ask: impl Fn(&View, &Context<'_>, &Oid)) {
        let config = Config::parse(CONFIGURATION).unwrap();
        let mut snapshot = Snapshot::new(config.max_ages());
        let rows = vec![
            row(Sent, 7211, "NO_SOCKET", 5, Some("127.0.0.1")),
            row(Sent, 7212, "INVALID_SYN", 1, None),
            row(Received, 443, "NOT_SPECIFIED", 2, Some("::1")),
        ];
        snapshot.want_resets(true);
        snapshot.recorded_by(answering(Ok(recorder::RecordedResets {
            rows,
            ..recorder::RecordedResets::default()
        })));
        let mut subagent = Subagent::default();
        subagent.thresholds.configure(&config.thresholds, Instant::now());
        // Only of this process's own namespace, so there must be a Unix listener.
        let folder = tempfile::tempdir().unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let cx = Context::new(&snapshot, Instant::now());
        let _ = (cx.listeners(), cx.unix_listeners(), cx.owners_by_program());
        let touched = cx.touched();
        snapshot.refresh_now(touched, &ProcRoot::new("/proc"));
        let root = ProcRoot::new(format!("{}/tests/proc/6.18", env!("CARGO_MANIFEST_DIR")));
        // The processes are read after the sockets.
        for _ in 0..2 {
            let cx = Context::new(&snapshot, Instant::now());
            let _ = (cx.counters(), cx.tcp_rows(), cx.udp_rows(), cx.resets(), cx.process(0));
            let touched = cx.touched();
            snapshot.refresh_now(touched, &root);
        }
        let served = config.served();
        let cx = Context::of(&snapshot, &subagent, Instant::now());
        ask(&View::new(served.clone()), &cx, &served.base);
    }

    #[test]
    fn a_column_that_is_not_declared_has_no_instance() {
        with_rows(|view, cx, base| {
            let mut asked = 0;
            for (group, table) in tables() {
                let place = group.place.oid(base);
                let declared: Vec<u32> = table.columns().map(|column| column.subid).collect();
                let cells = table.columns[0];
                let indexes: Vec<Oid> =
                    (0..).map_while(|row| cells.at(cx, row)).map(|(index, _)| index).collect();
                assert!(!indexes.is_empty(), "{}", table.name);
                for number in (0..=20).chain([u32::MAX]).filter(|number| !declared.contains(number)) {
                    let column =
                        |number| Oid::from_slice(&[&place[..], &[table.subid, 1, number]].concat()).unwrap();
                    let (object, behind) = (column(number), column(number.saturating_add(1)));
                    assert_eq!(view.next(cx, &object, true, Some(&behind)), None, "{} {number}", table.name);
                    for index in &indexes {
                        let mut name = object.clone();
                        assert!(name.extend(index.as_slice()));
                        assert_eq!(view.get(cx, &name), Err(Missing::Object), "{} {name}", table.name);
                        for include in [false, true] {
                            let next = view.next(cx, &name, include, Some(&behind));
                            assert_eq!(next, None, "{} {name}", table.name);
                        }
                        asked += 1;
                    }
                }
            }
            assert!(asked > 1000, "{asked}");
        });
    }

    /// The value of the component at the beginning of an index, and the rest of the index.
    fn component<'a>(syntax: Syntax, before: Option<&Value>, index: &'a [u32]) -> (Value, &'a [u32]) {
        let octets = |octets: &[u32]| -> Vec<u8> {
            octets.iter().map(|&octet| u8::try_from(octet).expect("an octet")).collect()
        };
        let (&first, rest) = index.split_first().expect("a component more");
        match syntax {
            Syntax::IpAddress => {
                let (address, rest) = index.split_at(4);
                (Value::IpAddress(octets(address).try_into().unwrap()), rest)
            }
            Syntax::Text(..) | Syntax::InetAddress => {
                let (text, rest) = rest.split_at(first as usize);
                let text = octets(text);
                if let (Syntax::InetAddress, Some(Value::Integer(of))) = (syntax, before) {
                    let length = if *of == AddressType::Ipv4 as i32 { 4 } else { 16 };
                    assert_eq!(text.len(), length);
                }
                (Value::OctetString(text), rest)
            }
            Syntax::Unsigned32 | Syntax::InetPortNumber => (Value::Gauge32(first), rest),
            _ => (Value::Integer(first.try_into().unwrap()), rest),
        }
    }

    /// RFC 2578 section 7.7: the index of every row matches the declared types, to its last sub-identifier.
    #[test]
    fn indexes_are_of_the_types_that_are_declared() {
        with_rows(|_, cx, _| {
            for (_, table) in tables() {
                let column = table.columns[0];
                let mut before = Oid::default();
                for (position, (index, _)) in (0..).map_while(|row| column.at(cx, row)).enumerate() {
                    assert!(position == 0 || before < index, "{} {before} {index}", table.name);
                    let (mut rest, mut values) = (index.as_slice(), BTreeMap::new());
                    let mut last = None;
                    for part in table.index {
                        let (value, behind) = component(part.syntax, last.as_ref(), rest);
                        assert!(part.syntax.admits(&value), "{} {index} {value:?}", part.name);
                        if part.syntax == Syntax::InetPortNumber {
                            assert!(matches!(value, Value::Gauge32(0..=65_535)), "{} {index}", part.name);
                        }
                        rest = behind;
                        values.insert(part.subid, value.clone());
                        last = Some(value);
                    }
                    assert_eq!(rest, [0; 0], "{} {index}", table.name);
                    // The tables of SMIv1 also let the index be read.
                    for cells in table.columns {
                        if let Some(value) = values.get(&cells.column().subid) {
                            let (_, cell) = cells.at(cx, position).unwrap();
                            assert_eq!(cell.as_ref(), Some(value), "{} {index}", cells.column().name);
                        }
                    }
                    before = index;
                }
                assert_ne!(before, Oid::default(), "{} has no rows", table.name);
            }
        });
    }

    /// An index component shares its number only with its own column, and both rise.
    #[test]
    fn a_table_uses_a_number_once() {
        for (_, table) in tables() {
            let columns: Vec<_> = table.columns().map(|column| column.subid).collect();
            assert!(columns.is_sorted_by(|a, b| a < b), "{}", table.name);
            for part in table.index {
                let same = table.columns().find(|column| column.subid == part.subid);
                assert!(same.is_none_or(|column| column.name == part.name), "{}", part.name);
            }
            assert!(table.index.is_sorted_by_key(|part| part.subid), "{}", table.name);
        }
    }
}
