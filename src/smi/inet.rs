//! Addresses as INET-ADDRESS-MIB defines them (RFC 4001).

use super::value::Value;
use std::net::IpAddr;

/// The InetAddressTypes of the kernel's tables, which have no zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressType {
    /// ipv4(1)
    Ipv4 = 1,
    /// ipv6(2)
    Ipv6 = 2,
}

impl AddressType {
    /// Numbers and labels.
    pub const LABELS: [(u32, &'static str); 2] = [(Self::Ipv4 as u32, "ipv4"), (Self::Ipv6 as u32, "ipv6")];

    /// The type of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

/// An address as the octets of an InetAddress, in network order.
#[must_use]
pub fn inet_address(address: IpAddr) -> Value {
    Value::OctetString(match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    })
}
