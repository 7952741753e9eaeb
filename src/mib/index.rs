//! How the components of an index are encoded in the name of an instance (RFC 2578 section 7.7).

use crate::proc::sockets::{Address, Endpoint};
use crate::smi::oid::Oid;

/// Appends a text as an index has it: its length, then its octets (RFC 2578 section 7.7).
pub fn push_text(name: &mut Oid, text: &str) {
    name.push(u32::try_from(text.len()).unwrap_or(0));
    for octet in text.bytes() {
        name.push(u32::from(octet));
    }
}

/// Appends an endpoint the way RFC 2012 and 2013 index by it: an IpAddress is four sub-identifiers.
pub fn push_ipv4(name: &mut Oid, endpoint: Endpoint<[u8; 4]>) {
    name.extend(&endpoint.address.map(u32::from));
    name.push(u32::from(endpoint.port));
}

/// Appends an endpoint the way RFC 4022 and 4113 index by it: InetAddressType, InetAddress with its length,
/// InetPortNumber.
pub fn push_inet<A: Address>(name: &mut Oid, endpoint: Endpoint<A>) {
    name.push(A::TYPE);
    let octets = endpoint.address.octets();
    name.push(u32::try_from(octets.len()).unwrap_or(0));
    for &octet in octets {
        name.push(u32::from(octet));
    }
    name.push(u32::from(endpoint.port));
}
