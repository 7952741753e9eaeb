//! Objects by the names that people write, with their OIDs, types and explanations.

use netstat_agentx::mib::groups::GROUPS;
use netstat_agentx::mib::names::resolve;
use netstat_agentx::mib::object::{Object as Declared, Read};
use netstat_agentx::mib::syntax::Syntax;
use netstat_agentx::mib::view::{LeafKind, Served, View};
use netstat_agentx::registry::{self, Registered};
use netstat_agentx::smi::oid::Oid;

/// One instance that a consumer asks for.
pub struct Object {
    /// The name as people write it, without the `.0` of a scalar: `tcpActiveOpens`, `lnsTcpStateSockets.all.closeWait`.
    pub name: &'static str,
    /// The OID of the instance, without a leading dot.
    pub oid: String,
    pub syntax: Syntax,
    pub units: &'static str,
    /// DESCRIPTION of the declaration; empty for standard objects and kernel counters.
    pub description: &'static str,
    /// The kernel counter behind it; for a sum over IPv4 and IPv6, the first.
    pub counter: Option<&'static Registered>,
    /// Whether it is a sum over IPv4 and IPv6.
    pub is_sum: bool,
}

impl Object {
    /// # Panics
    /// If there is no such object.
    pub fn named(name: &'static str) -> Self {
        let base = base();
        let view = View::new(Served { base: base.clone(), mib_2: true, private: true });
        let mut oid = resolve(name, &base).unwrap_or_else(|error| panic!("{error}"));
        let leaf = view.leaves().iter().find(|leaf| oid.as_slice().starts_with(&leaf.oid));
        let leaf = leaf.unwrap_or_else(|| panic!("{name} is no object with instances"));
        if !matches!(leaf.kind, LeafKind::Column(..)) && oid.as_slice() == &*leaf.oid {
            assert!(oid.push(0));
        }
        assert!(oid.as_slice().len() > leaf.oid.len(), "{name} needs an instance");
        let (units, description, counter) = match leaf.kind {
            LeafKind::Scalar(scalar) => (scalar.units, scalar.description, read_from(scalar.name)),
            LeafKind::Column(_, cells) => (cells.column().units, cells.column().description, None),
            LeafKind::Registered(_, entry) => ("", "", Some(entry)),
        };
        let is_sum = matches!(leaf.kind, LeafKind::Scalar(scalar) if matches!(scalar.read, Read::Sum(..)));
        Self { name, oid: oid.to_string(), syntax: leaf.kind.syntax(), units, description, counter, is_sum }
    }

    /// What it counts, in a sentence or more, for a person who sees the graph.
    pub fn explanation(&self) -> String {
        let state = self.name.strip_prefix("lnsTcpStateSockets.all.").and_then(state);
        let text = state.or(self.counter.map(|entry| entry.counts)).unwrap_or(self.description);
        assert!(!text.is_empty(), "nothing explains {}", self.name);
        // The registry explains each family's counter.
        let note = if self.is_sum { " Here IPv4 and IPv6 together." } else { "" };
        format!("{text}{note}")
    }

    /// Whether it only grows, so that its rate matters.
    pub fn is_counter(&self) -> bool {
        matches!(self.syntax, Syntax::Counter32 | Syntax::Counter64)
    }
}

pub fn base() -> Oid {
    netstat_agentx::config::Config::default().mib.base_oid.into()
}

/// The kernel counter that a standard scalar is read from.
fn read_from(name: &str) -> Option<&'static Registered> {
    let scalars = GROUPS.iter().flat_map(|group| group.objects).filter_map(|object| match object {
        Declared::Scalar(scalar) => Some(scalar),
        _ => None,
    });
    let scalar = scalars.into_iter().find(|scalar| scalar.name == name)?;
    match scalar.read {
        Read::Counter(group, name) | Read::Sum(group, _, name) => {
            registry::find(group, name).map(|slot| &registry::all()[slot])
        }
        _ => None,
    }
}

/// What a TCP state means, by its label in TCP-MIB.
fn state(label: &str) -> Option<&'static str> {
    Some(match label {
        "established" => "Connections that are open both ways.",
        "timeWait" => {
            "Connections that this host was first to close, remembered for a minute so that late segments cannot \
                reach a new connection. Normal where many short connections are closed."
        }
        "synSent" => "A SYN was sent, no answer yet: the peer is slow or gone, or a firewall drops.",
        "synReceived" => {
            "A SYN came and was answered, the client's ACK is awaited. Many are a SYN flood or lost answers."
        }
        "finWait1" => "Closed by this host; its FIN is not acknowledged yet.",
        "finWait2" => "Closed by this host and acknowledged; the peer has not closed its side.",
        "closeWait" => {
            "Closed by the peer, but not by the program here. A number that keeps growing is a program that \
                does not close its connections."
        }
        "lastAck" => "Closed by both, the peer first; the acknowledgement of the last FIN is awaited.",
        "closing" => "Closed by both at once; the acknowledgement of this host's FIN is awaited.",
        "closed" => "Closed for good and about to vanish; rarely seen.",
        "listen" => "Sockets that wait for connections.",
        _ => return None,
    })
}
