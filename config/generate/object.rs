//! Objects by the names that people write: their OIDs, types and explanations.

use netstat_agentx::counters::{self, Registered};
use netstat_agentx::mib::GROUPS;
use netstat_agentx::mib::names::resolve;
use netstat_agentx::mib::object::{Object as Declared, Read, Syntax};
use netstat_agentx::mib::oid::Oid;
use netstat_agentx::mib::view::{Kind, Layout, View};

/// One instance that a consumer asks for.
pub struct Object {
    /// As it is written, without the `.0` of a scalar: `tcpActiveOpens`, `lnsTcpStateSockets.all.closeWait`.
    pub name: &'static str,
    /// Of the instance, without a leading dot.
    pub oid: String,
    pub syntax: Syntax,
    pub units: &'static str,
    /// DESCRIPTION of the declaration; empty for standard objects and counters of the kernel.
    pub description: &'static str,
    /// The kernel's counter behind it; of a sum over IPv4 and IPv6 the first.
    pub counter: Option<&'static Registered>,
}

impl Object {
    /// # Panics
    /// If there is no such object.
    pub fn named(name: &'static str) -> Self {
        let base = base();
        let view = View::new(Layout { base: base.clone(), mib_2: true, private: true });
        let mut oid = resolve(name, &base).unwrap_or_else(|error| panic!("{error}"));
        let leaf = view.leaves().iter().find(|leaf| oid.as_slice().starts_with(&leaf.oid));
        let leaf = leaf.unwrap_or_else(|| panic!("{name} is no object with instances"));
        if !matches!(leaf.kind, Kind::Column(..)) && oid.as_slice() == &*leaf.oid {
            assert!(oid.push(0));
        }
        assert!(oid.as_slice().len() > leaf.oid.len(), "{name} needs an instance");
        let (units, description, counter) = match leaf.kind {
            Kind::Scalar(scalar) => (scalar.units, scalar.description, read_from(scalar.name)),
            Kind::Column(_, column) => (column.units, column.description, None),
            Kind::Registered(_, entry) => ("", "", Some(entry)),
        };
        Self { name, oid: oid.to_string(), syntax: leaf.kind.syntax(), units, description, counter }
    }

    /// Whether it only grows, so that its rate is what matters.
    pub fn is_counter(&self) -> bool {
        matches!(self.syntax, Syntax::Counter32 | Syntax::Counter64)
    }
}

pub fn base() -> Oid {
    netstat_agentx::config::Config::default().mib.base_oid.into()
}

/// The kernel's counter that a standard scalar is read from.
fn read_from(name: &str) -> Option<&'static Registered> {
    let scalars = GROUPS.iter().flat_map(|group| group.objects).filter_map(|object| match object {
        Declared::Scalar(scalar) => Some(scalar),
        _ => None,
    });
    let scalar = scalars.into_iter().find(|scalar| scalar.name == name)?;
    match scalar.read {
        Read::Counter(group, name) | Read::Sum(group, _, name) => {
            counters::find(group, name).map(|slot| &counters::all()[slot])
        }
        _ => None,
    }
}
