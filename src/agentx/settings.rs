//! What a session needs to know.

use crate::smi::oid::Oid;

/// What a session needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The subtrees to register.
    pub subtrees: Vec<Oid>,
    /// The wanted r.priority: lower is stronger; snmpd's own modules have 127.
    pub priority: u8,
    /// The context to register in; empty for the default one.
    pub context: String,
    /// o.id: which program this is.
    pub id: Oid,
    /// o.descr
    pub description: String,
    /// a.id and a.descr of the agent capabilities, for sysORTable; `None` to claim none.
    pub capabilities: Option<(Oid, String)>,
}
