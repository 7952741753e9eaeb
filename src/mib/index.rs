//! Encodes the components of an index in the name of an instance (RFC 2578 section 7.7).

use crate::proc::sockets::{Endpoint, V4};
use crate::smi::inet::AddressType;
use crate::smi::oid::Oid;
use std::net::{IpAddr, SocketAddr};

/// Appends octets of variable length: their number, then each of them.
fn push_octets(name: &mut Oid, octets: &[u8]) {
    name.push(u32::try_from(octets.len()).unwrap_or(0));
    for &octet in octets {
        name.push(u32::from(octet));
    }
}

/// Appends a text.
pub fn push_text(name: &mut Oid, text: &str) {
    push_octets(name, text.as_bytes());
}

/// Appends an endpoint as RFC 2012 and 2013 index it: an IpAddress is four sub-identifiers.
pub fn push_ipv4(name: &mut Oid, endpoint: Endpoint<V4>) {
    name.extend(&endpoint.address.map(u32::from));
    name.push(u32::from(endpoint.port));
}

/// Appends an endpoint as RFC 4022 and 4113 index it: InetAddressType, InetAddress, InetPortNumber.
pub fn push_inet(name: &mut Oid, endpoint: SocketAddr) {
    name.push(AddressType::of(endpoint.ip()) as u32);
    match endpoint.ip() {
        IpAddr::V4(address) => push_octets(name, &address.octets()),
        IpAddr::V6(address) => push_octets(name, &address.octets()),
    }
    name.push(u32::from(endpoint.port()));
}
