//! The objects we serve: what they are called, where they sit, where their values come from.
//!
//! [`object`] has the vocabulary of declarations; each MIB group is declared in a file of its own and listed in
//! [`GROUPS`]; [`view`] answers Get and GetNext from the declarations; [`module`] writes the MIB module from the
//! same declarations, [`capabilities`] the one that says what of it is served; [`names`] turns names into OIDs and back.
//!
//! A new scalar is a row in its group's table. A new table is a declaration and an implementation of
//! [`object::Rows`]. A new group is a file and a line in [`GROUPS`].

pub mod capabilities;
pub mod context;
pub mod module;
pub mod names;
pub mod object;
pub mod oid;
pub mod value;
pub mod view;

mod icmp;
mod lns_agent;
pub mod lns_counters;
mod lns_resets;
pub mod lns_sockets;
mod lns_sockstat;
pub mod lns_thresholds;
mod tcp;
mod tcp_tables;
mod udp;

use object::Group;

/// 1.3.6.1.2.1, the root of the standard modules.
pub const MIB_2: [u32; 6] = [1, 3, 6, 1, 2, 1];

/// Every group there is, the standard ones first.
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

/// The subtrees that take over from snmpd's own modules: each must be exactly as long as the module's own
/// registration, since a longer registration wins whatever its priority (RFC 2741 section 7.1.4.1).
/// They are relative to [`MIB_2`].
pub static MIB_2_SUBTREES: &[&[u32]] =
    &[&[5], &[5, 29], &[5, 30], &[6], &[6, 13], &[6, 19], &[6, 20], &[7], &[7, 5], &[7, 7]];
