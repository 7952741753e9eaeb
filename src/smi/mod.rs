//! The elements of SNMP, whatever is served: object identifiers, values, and why a Get may have no value.

mod date;
pub mod inet;
pub mod oid;
pub mod value;

pub use date::date_and_time;

/// Why a Get has no value (RFC 2741 section 7.2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No object of ours has this name or a prefix of it.
    Object,
    /// The object is ours; this instance of it does not exist.
    Instance,
}
