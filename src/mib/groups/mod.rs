//! The groups of objects, a file for each: what they are called, where they sit, where their values come from. Nothing of
//! how a request is answered stands here.

mod icmp;
mod lns_agent;
pub mod lns_counters;
mod lns_resets;
pub mod lns_sockets;
mod lns_sockstat;
pub mod lns_thresholds;
mod sockets;
mod tcp;
mod tcp_tables;
mod udp;

use super::object::{Group, Notification, Object, Place};

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
/// They are relative to [`super::MIB_2`].
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
