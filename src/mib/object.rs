//! The vocabulary in which MIB groups are declared.

use super::MIB_2;
use super::context::Context;
use super::syntax::{Syntax, typed};
use super::table::{Instances, Table};
use crate::proc::counters::Figure;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::sockstat::Sockstat;

/// Where a group's objects sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Below 1.3.6.1.2.1, in a standard module.
    Mib2(&'static [u32]),
    /// Below the base OID of the private module.
    Private(&'static [u32]),
}

impl Place {
    /// The OID of the place, where the private module sits at `base`.
    #[must_use]
    pub fn oid(self, base: &Oid) -> Vec<u32> {
        match self {
            Self::Mib2(below) => [&MIB_2, below].concat(),
            Self::Private(below) => [base.as_slice(), below].concat(),
        }
    }
}

/// A group of objects that sit side by side.
pub struct Group {
    /// The place.
    pub place: Place,
    /// Private groups: the descriptor of the node and of the conformance group, `lnsSockstat`; empty for a single
    /// table that has no node above it.
    pub name: &'static str,
    /// Private groups: the DESCRIPTION of the conformance group.
    pub description: &'static str,
    /// The objects, by sub-identifier.
    pub objects: &'static [Object],
}

/// An object type.
pub enum Object {
    /// One instance, `.0`.
    Scalar(Scalar),
    /// Instances by row and column.
    Table(Table),
    /// A scalar for every counter of [`crate::registry`], at G.N.
    Registry,
    /// Something that is sent unasked.
    Notification(Notification),
}

/// Where notifications sit, below the base of the private module.
pub const NOTIFICATIONS: [u32; 1] = [0];

/// A notification; it sits below the module's B.0, whatever its group.
pub struct Notification {
    /// The last sub-identifier.
    pub number: u32,
    /// Descriptor.
    pub name: &'static str,
    /// The objects that it carries, in order. Index components are not among them: the instances carry those (RFC 2578
    /// section 7.7).
    pub objects: &'static [&'static dyn Instances],
    /// DESCRIPTION
    pub description: &'static str,
}

/// An object with one instance.
pub struct Scalar {
    /// The last sub-identifier.
    pub subid: u32,
    /// Descriptor.
    pub name: &'static str,
    /// Type.
    pub syntax: Syntax,
    /// UNITS; empty if there are none.
    pub units: &'static str,
    /// DESCRIPTION; empty for objects of standard modules, whose text is not ours.
    pub description: &'static str,
    /// Where the value comes from.
    pub read: Read,
}

/// Where the value of a scalar comes from.
#[derive(Clone, Copy)]
pub enum Read {
    /// A kernel counter, by group and name.
    Counter(&'static str, &'static str),
    /// The sum of a kernel counter for IPv4 and its IPv6 sister, in 64 bits before any truncation; the first alone on a
    /// host without IPv6.
    Sum(&'static str, &'static str, &'static str),
    /// A figure of net/sockstat, by section and key.
    Sockstat(&'static str, &'static str),
    /// A number of a file in sys, by file and position.
    Sysctl(&'static str, usize),
    /// Anything else of that source.
    InUse(fn(&Sockstat) -> Option<u64>),
    /// A count that the subagent keeps.
    Count(fn(&Context<'_>) -> u64),
    /// Anything else.
    With(fn(&Context<'_>) -> Option<Value>),
}

impl Scalar {
    /// The value now; `None` if the running kernel has none, or it could not be read.
    #[must_use]
    pub fn value(&self, cx: &Context<'_>) -> Option<Value> {
        let figure = match self.read {
            Read::Counter(group, name) => cx.figure(group, name)?,
            Read::Sum(group, sister, name) => Figure::Count(sum(cx, group, sister, name)?),
            Read::Sockstat(section, key) => Figure::Count(cx.sockstat()?.figure(section, key)?),
            Read::Sysctl(file, position) => Figure::Count(cx.sockstat()?.sysctl(file, position)?),
            Read::InUse(figure) => Figure::Count(figure(cx.sockstat()?)?),
            Read::Count(count) => Figure::Count(count(cx)),
            Read::With(value) => return value(cx),
        };
        typed(self.syntax, figure)
    }
}

fn sum(cx: &Context<'_>, group: &str, sister: &str, name: &str) -> Option<u64> {
    let own = cx.count(group, name)?;
    match cx.count(sister, name) {
        Some(other) => Some(own.wrapping_add(other)),
        // The sum is known only if it is certain that there is nothing to add.
        None => cx.counters()?.lacks_ipv6(crate::registry::find(sister, name)?).then_some(own),
    }
}

/// A scalar of a standard module: number, name, type, source.
#[must_use]
pub const fn standard(subid: u32, name: &'static str, syntax: Syntax, read: Read) -> Object {
    Object::Scalar(Scalar { subid, name, syntax, units: "", description: "", read })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::proc::read::ProcRoot;
    use crate::snapshot::{Snapshot, SourceId, Touched};
    use std::time::Instant;

    /// What udpNoPorts is where net/snmp has one datagram of IPv4 and net/snmp6 holds this.
    fn no_ports(net_snmp6: Option<&str>) -> Option<Value> {
        let folder = tempfile::tempdir().unwrap();
        let root = ProcRoot::new(folder.path());
        std::fs::create_dir_all(root.net("")).unwrap();
        std::fs::write(root.net("snmp"), "Udp: InDatagrams NoPorts\nUdp: 7 1\n").unwrap();
        if let Some(contents) = net_snmp6 {
            std::fs::write(root.net("snmp6"), contents).unwrap();
        }
        let mut snapshot = Snapshot::new(Config::default().max_ages());
        snapshot.refresh_now(Touched::default().with(SourceId::Counters), &root);
        let read = Read::Sum("Udp", "Udp6", "NoPorts");
        let Object::Scalar(scalar) = standard(2, "udpNoPorts", Syntax::Counter32, read) else { return None };
        scalar.value(&Context::new(&snapshot, Instant::now()))
    }

    #[test]
    fn a_sum_is_of_both_families_or_there_is_none() {
        assert_eq!(no_ports(Some("Udp6NoPorts 41\n")), Some(Value::Counter32(42)));
        assert_eq!(no_ports(None), Some(Value::Counter32(1)), "no IPv6");
        assert_eq!(no_ports(Some("Udp6NoPorts x\n")), None, "nobody knows that of IPv6");
    }
}
