//! The vocabulary in which MIB groups are declared.

use super::context::Context;
use crate::proc::counters::Figure;
use crate::registry::Kind;
use crate::smi::oid::Oid;
use crate::smi::value::Value;

/// Where a group's objects sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Below 1.3.6.1.2.1, in a standard module.
    Mib2(&'static [u32]),
    /// Below the base OID of the private module.
    Private(&'static [u32]),
}

/// A group of objects that sit side by side.
pub struct Group {
    /// Where.
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
    /// Something that is told without being asked for.
    Notification(Notification),
}

/// Where notifications sit, below the base of the private module.
pub const NOTIFICATIONS: [u32; 1] = [0];

/// A notification; it sits below the module's B.0 whatever its group.
pub struct Notification {
    /// The last sub-identifier.
    pub number: u32,
    /// Descriptor.
    pub name: &'static str,
    /// The objects that go with it, in order. No component of an index is among them: the instances hold it (RFC 2578
    /// section 7.7).
    pub objects: &'static [&'static str],
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
    /// UNITS; empty where there are none to tell.
    pub units: &'static str,
    /// DESCRIPTION; empty for objects of standard modules, whose text is not ours.
    pub description: &'static str,
    /// Where the value comes from.
    pub read: Read,
}

/// A conceptual table.
pub struct Table {
    /// The last sub-identifier.
    pub subid: u32,
    /// Descriptor, `lnsListenerTable`.
    pub name: &'static str,
    /// Descriptor of the row, `lnsListenerEntry`.
    pub entry: &'static str,
    /// DESCRIPTION of the table.
    pub description: &'static str,
    /// DESCRIPTION of the row.
    pub entry_description: &'static str,
    /// What makes up the index, in order.
    pub index: &'static [Column],
    /// The accessible columns, by sub-identifier.
    pub columns: &'static [Column],
    /// The rows.
    pub rows: &'static dyn Rows,
}

/// A column, or a component of an index.
#[derive(Debug)]
pub struct Column {
    /// The last sub-identifier.
    pub subid: u32,
    /// Descriptor.
    pub name: &'static str,
    /// Type.
    pub syntax: Syntax,
    /// UNITS; empty where there are none to tell.
    pub units: &'static str,
    /// DESCRIPTION; empty for objects of standard modules.
    pub description: &'static str,
}

/// The rows of a table: an array in the order of the index, of which indexes and cells are computed when asked
/// for.
pub trait Rows: Sync {
    /// How many rows there are now.
    fn len(&self, cx: &Context<'_>) -> usize;
    /// Whether there is none.
    fn is_empty(&self, cx: &Context<'_>) -> bool {
        self.len(cx) == 0
    }
    /// Appends the index of a row below [`Self::len`]. Indexes rise from row to row.
    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid);
    /// The first row at or after this one that may have a cell in a column. Where many rows in succession have none, a
    /// table must know without looking at each: one request may ask a thousand times.
    fn skip(&self, _cx: &Context<'_>, row: usize, _column: u32) -> usize {
        row
    }
    /// The value of an accessible column; `None` if there is no such instance.
    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value>;
}

/// The type of an object, as the MIB module declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Integer32
    Integer32,
    /// Integer32 with a range.
    Range(i32, i32),
    /// INTEGER with labels.
    Enumeration(&'static [(u32, &'static str)]),
    /// A textual convention of our own module with labels.
    Labels(&'static Labels),
    /// Counter32
    Counter32,
    /// Counter64
    Counter64,
    /// Gauge32
    Gauge32,
    /// Unsigned32
    Unsigned32,
    /// TimeTicks
    TimeTicks,
    /// IpAddress
    IpAddress,
    /// VariablePointer
    VariablePointer,
    /// SnmpAdminString with its smallest and largest SIZE.
    Text(u32, u32),
    /// DateAndTime
    DateAndTime,
    /// InetAddressType
    InetAddressType,
    /// InetAddress
    InetAddress,
    /// InetPortNumber
    InetPortNumber,
}

/// An enumeration that several objects share.
#[derive(Debug, PartialEq, Eq)]
pub struct Labels {
    /// Name of the textual convention.
    pub name: &'static str,
    /// Its DESCRIPTION.
    pub description: &'static str,
    /// Number and label.
    pub labels: &'static [(u32, &'static str)],
}

impl Syntax {
    /// The labels of the numbers, if it has any.
    #[must_use]
    pub fn labels(self) -> &'static [(u32, &'static str)] {
        match self {
            Self::Enumeration(labels) => labels,
            Self::Labels(convention) => convention.labels,
            Self::InetAddressType => &[(1, "ipv4"), (2, "ipv6")],
            _ => &[],
        }
    }

    /// Whether a value is of this type.
    #[must_use]
    pub fn admits(self, value: &Value) -> bool {
        match self {
            Self::Integer32 => matches!(value, Value::Integer(_)),
            Self::Range(low, high) => matches!(value, Value::Integer(n) if (low..=high).contains(n)),
            Self::Enumeration(_) | Self::Labels(_) | Self::InetAddressType => {
                let known =
                    |n: i32| self.labels().iter().any(|&(number, _)| i64::from(number) == i64::from(n));
                matches!(value, Value::Integer(n) if known(*n))
            }
            Self::Counter32 => matches!(value, Value::Counter32(_)),
            Self::Counter64 => matches!(value, Value::Counter64(_)),
            Self::Gauge32 | Self::Unsigned32 | Self::InetPortNumber => matches!(value, Value::Gauge32(_)),
            Self::TimeTicks => matches!(value, Value::TimeTicks(_)),
            Self::IpAddress => matches!(value, Value::IpAddress(_)),
            Self::VariablePointer => matches!(value, Value::ObjectIdentifier(_)),
            Self::Text(low, high) => {
                matches!(value, Value::OctetString(octets) if (low as usize..=high as usize).contains(&octets.len()))
            }
            Self::DateAndTime => {
                matches!(value, Value::OctetString(octets) if matches!(octets.len(), 8 | 11))
            }
            Self::InetAddress => {
                matches!(value, Value::OctetString(octets) if matches!(octets.len(), 4 | 16))
            }
        }
    }
}

/// Where the value of a scalar comes from.
#[derive(Clone, Copy)]
pub enum Read {
    /// A kernel counter, by group and name.
    Counter(&'static str, &'static str),
    /// The sum of a kernel counter for IPv4 and its sister for IPv6, in 64 bits before any truncation; the first
    /// alone on a host without IPv6.
    Sum(&'static str, &'static str, &'static str),
    /// A figure of net/sockstat, by section and key.
    Sockstat(&'static str, &'static str),
    /// A limit in sys/net/ipv4, by file and position.
    Limit(&'static str, usize),
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
            Read::Limit(file, position) => Figure::Count(cx.sockstat()?.limit(file, position)?),
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
        // The sum is known only if it is known that there is nothing to add.
        None => cx.counters()?.lacks_ipv6(crate::registry::find(sister, name)?).then_some(own),
    }
}

/// A figure as a value of a numeric type.
#[must_use]
pub fn typed(syntax: Syntax, figure: Figure) -> Option<Value> {
    match (syntax, figure) {
        (Syntax::Counter32, Figure::Count(count)) => Some(Value::counter32(count)),
        (Syntax::Counter64, Figure::Count(count)) => Some(Value::Counter64(count)),
        (Syntax::Gauge32, Figure::Count(count)) => Some(Value::gauge32(count)),
        // Only a gauge may stay at its maximum: of a setting that would be another setting.
        (Syntax::Unsigned32, Figure::Count(count)) => u32::try_from(count).ok().map(Value::Gauge32),
        // A number that has no label would be a value that the MIB module forbids.
        (Syntax::Enumeration(labels), Figure::Count(count)) => {
            let &(number, _) = labels.iter().find(|(number, _)| u64::from(*number) == count)?;
            i32::try_from(number).ok().map(Value::Integer)
        }
        (Syntax::Integer32 | Syntax::Range(..), Figure::Count(count)) => {
            i32::try_from(count).ok().map(Value::Integer)
        }
        (Syntax::Integer32 | Syntax::Range(..), Figure::Negative(number)) => {
            i32::try_from(number).ok().map(Value::Integer)
        }
        _ => None,
    }
}

/// The type of a registered counter.
#[must_use]
pub fn registered_syntax(kind: Kind) -> Syntax {
    match kind {
        Kind::Counter => Syntax::Counter64,
        Kind::Gauge => Syntax::Gauge32,
        Kind::Setting => Syntax::Unsigned32,
        Kind::Integer => Syntax::Integer32,
        Kind::Enumeration(labels) => Syntax::Enumeration(labels),
    }
}

/// A row of a standard module's scalars: number, name, type, source.
#[must_use]
pub const fn standard(subid: u32, name: &'static str, syntax: Syntax, read: Read) -> Object {
    Object::Scalar(Scalar { subid, name, syntax, units: "", description: "", read })
}

/// A column of a standard module's table.
#[must_use]
pub const fn standard_column(subid: u32, name: &'static str, syntax: Syntax) -> Column {
    Column { subid, name, syntax, units: "", description: "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_its_type_cannot_hold_has_no_value() {
        let forwarding = Syntax::Enumeration(&[(1, "forwarding"), (2, "notForwarding")]);
        assert_eq!(typed(forwarding, Figure::Count(2)), Some(Value::Integer(2)));
        for figure in [Figure::Count(0), Figure::Count(3), Figure::Count(1 << 32 | 1), Figure::Negative(-1)] {
            assert_eq!(typed(forwarding, figure), None, "{figure:?}");
        }
        let most = u64::from(u32::MAX);
        assert_eq!(typed(Syntax::Unsigned32, Figure::Count(most)), Some(Value::Gauge32(u32::MAX)));
        assert_eq!(typed(Syntax::Unsigned32, Figure::Count(most + 1)), None);
        assert_eq!(typed(Syntax::Unsigned32, Figure::Negative(-1)), None);
        assert_eq!(typed(Syntax::Gauge32, Figure::Count(most + 1)), Some(Value::Gauge32(u32::MAX)));
    }
}
