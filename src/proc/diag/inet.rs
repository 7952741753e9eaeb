//! TCP and UDP sockets in a dump.
//!
//! Written by `inet_diag_msg_common_fill` and `inet_sk_diag_fill` (net/ipv4/inet_diag.c), `tcp_diag_get_info`
//! (net/ipv4/tcp_diag.c) and `udp_diag_get_info` (net/ipv4/udp_diag.c).

use super::{MessageFault, Query, SOCK_DIAG_BY_FAMILY, after_structure, attributes, half, long, word};
use crate::proc::sockets::{Address, Endpoint, TcpState, V4, V6};
use crate::smi::inet::AddressType;
use std::net::SocketAddr;

/// The protocol number of UDP.
pub const UDP: u8 = 17;

// Address families (linux/socket.h).
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

// linux/inet_diag.h
const TCPDIAG_GETSOCK: u16 = 18;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_SKMEMINFO: u16 = 7;
const INET_DIAG_CGROUP_ID: u16 = 21;

/// Octets of struct inet_diag_req_v2.
const BY_FAMILY: usize = 56;
/// Octets of struct inet_diag_req, which knows no family.
const OF_BOTH: usize = 60;
/// Octets of struct inet_diag_msg, which attributes follow.
const SOCKET: usize = 72;

/// Index of the drops in INET_DIAG_SKMEMINFO (SK_MEMINFO_DROPS); older kernels give fewer numbers.
const DROPS: usize = 8;

/// Which TCP sockets to dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcpQuery {
    /// Those that listen: the kernel does not look at any other.
    Listeners,
    /// All of them.
    All,
    /// All of them, with [`Path`], for which the kernel takes the lock of each.
    Paths,
}

/// One socket of a dump, with its endpoints as [`Endpoint`] or [`SocketAddr`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpedSocket<E> {
    /// The local endpoint.
    pub local: E,
    /// The remote endpoint; zeros if there is none.
    pub remote: E,
    /// The kernel's number for the state.
    pub state: u8,
    /// Octets waiting to be read; connections waiting for accept(2) if it listens.
    pub receive_queue: u32,
    /// Octets waiting to be sent; how many connections may wait if it listens.
    pub transmit_queue: u32,
    /// The inode of the socket; 0 if no process holds it.
    pub inode: u32,
    /// Datagrams, or connections, that the socket dropped; older kernels do not report them.
    pub drops: Option<u32>,
    /// Its cgroup in the second hierarchy: since Linux 5.8, and not for TIME_WAIT and requests.
    pub cgroup: Option<u64>,
    /// How it is on its path, if asked for.
    pub path: Option<Path>,
}

/// Parts of struct tcp_info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The smoothed round-trip time in microseconds; 0 before the first measurement.
    pub round_trip: u32,
    /// Octets of data sent, those sent again included, and how many were sent again; since Linux 4.19.
    pub sent: Option<(u64, u64)>,
}

/// The request for all sockets of a protocol and family, with their memory figures.
#[must_use]
pub fn by_family<A: Address>(protocol: u8) -> Query {
    let mut body = vec![family::<A>(), protocol, extension(INET_DIAG_SKMEMINFO), 0];
    // Every state, and a struct inet_diag_sockid of zeros, which matches any endpoints.
    body.extend(u32::MAX.to_ne_bytes());
    body.resize(BY_FAMILY, 0);
    Query { kind: SOCK_DIAG_BY_FAMILY, body }
}

/// The request for TCP sockets of both families, in one walk through the kernel's tables.
#[must_use]
pub fn tcp(asked: TcpQuery) -> Query {
    // TCP_BOUND_INACTIVE (13) is no connection, and the kernel looks for it in another table.
    let (states, extensions) = match asked {
        TcpQuery::Listeners => (1 << LISTEN, extension(INET_DIAG_SKMEMINFO)),
        TcpQuery::All => ((1_u32 << BOUND_INACTIVE) - 1, 0),
        TcpQuery::Paths => ((1_u32 << BOUND_INACTIVE) - 1, extension(INET_DIAG_INFO)),
    };
    let mut body = vec![0, 0, 0, extensions];
    // A struct inet_diag_sockid of zeros stands before the states.
    body.resize(52, 0);
    body.extend(states.to_ne_bytes());
    body.resize(OF_BOTH, 0);
    Query { kind: TCPDIAG_GETSOCK, body }
}

/// The kernel's numbers (include/net/tcp_states.h).
const LISTEN: u32 = 10;
const BOUND_INACTIVE: u32 = 13;

/// The bit before its number requests an attribute.
const fn extension(attribute: u16) -> u8 {
    1 << (attribute - 1)
}

const fn family<A: Address>() -> u8 {
    match A::TYPE {
        AddressType::Ipv4 => AF_INET,
        AddressType::Ipv6 => AF_INET6,
    }
}

/// A socket of a family.
///
/// # Errors
/// If it is of another family, or incomplete.
pub fn socket<A: Address>(payload: &[u8]) -> Result<DumpedSocket<Endpoint<A>>, MessageFault> {
    let mut socket = header::<A>(payload).ok_or(MessageFault::NoSocket)?;
    attributes(after_structure(payload, SOCKET), |kind, value| match kind {
        INET_DIAG_SKMEMINFO => socket.drops = word(value, DROPS * size_of::<u32>()).map(u32::from_ne_bytes),
        INET_DIAG_CGROUP_ID => socket.cgroup = long(value, 0),
        INET_DIAG_INFO => socket.path = path(value),
        _ => {}
    })?;
    Ok(socket)
}

/// A socket of either family.
///
/// # Errors
/// If it is of neither, or incomplete.
pub fn socket_of_either(payload: &[u8]) -> Result<DumpedSocket<SocketAddr>, MessageFault> {
    match payload.first() {
        Some(&AF_INET) => socket::<V4>(payload).map(DumpedSocket::of_either),
        Some(&AF_INET6) => socket::<V6>(payload).map(DumpedSocket::of_either),
        _ => Err(MessageFault::NoSocket),
    }
}

impl<A: Address> DumpedSocket<Endpoint<A>> {
    fn of_either(self) -> DumpedSocket<SocketAddr> {
        let Self { local, remote, state, receive_queue, transmit_queue, inode, drops, cgroup, path } = self;
        let (local, remote) = (local.into(), remote.into());
        DumpedSocket { local, remote, state, receive_queue, transmit_queue, inode, drops, cgroup, path }
    }
}

impl<E> DumpedSocket<E> {
    /// The state of a TCP socket; `None` for those that no MIB knows.
    #[must_use]
    pub fn tcp_state(&self) -> Option<TcpState> {
        TcpState::from_kernel(self.state)
    }
}

/// struct inet_diag_msg; `None` if it is incomplete or of another family.
fn header<A: Address>(octets: &[u8]) -> Option<DumpedSocket<Endpoint<A>>> {
    if *octets.first()? != family::<A>() {
        return None;
    }
    let number = |at| word(octets, at).map(u32::from_ne_bytes);
    // Both ports come before both addresses; each address has room for IPv6.
    let endpoint = |port: usize, address: usize| {
        let port = u16::from_be_bytes(half(octets, port)?);
        Some(Endpoint { address: A::from_octets(octets.get(address..)?)?, port })
    };
    Some(DumpedSocket {
        local: endpoint(4, 8)?,
        remote: endpoint(6, 24)?,
        state: *octets.get(1)?,
        receive_queue: number(56)?,
        transmit_queue: number(60)?,
        // The last field: whatever is shorter has no such number.
        inode: number(68)?,
        drops: None,
        cgroup: None,
        path: None,
    })
}

/// struct tcp_info (linux/tcp.h), which grows at its end; `None` if it ends before tcpi_rtt.
fn path(info: &[u8]) -> Option<Path> {
    Some(Path {
        round_trip: word(info, 68).map(u32::from_ne_bytes)?,
        sent: long(info, 200).zip(long(info, 208)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::RequestId;
    use super::*;

    const ASKED: RequestId = RequestId { sequence: 7, port: 1234 };

    #[test]
    fn a_request_is_what_the_kernel_takes() {
        let octets = by_family::<V6>(UDP).octets(ASKED);
        // struct nlmsghdr and struct inet_diag_req_v2
        assert_eq!(octets.len(), 16 + 56);
        assert_eq!(octets[4..8], [20_u16.to_ne_bytes(), 0x301_u16.to_ne_bytes()].concat());
        assert_eq!(octets[8..16], [7_u32.to_ne_bytes(), 1234_u32.to_ne_bytes()].concat());
        assert_eq!(octets[..4], 72_u32.to_ne_bytes());
        assert_eq!((octets[16], octets[17], octets[18]), (AF_INET6, 17, 1 << 6));
        assert_eq!(octets[20..24], [0xff; 4]);
        assert_eq!(by_family::<V4>(UDP).octets(ASKED)[16], AF_INET);
        // struct inet_diag_req: family, two lengths, extensions, struct inet_diag_sockid, states, a number of ours
        let octets = tcp(TcpQuery::Listeners).octets(ASKED);
        assert_eq!((octets.len(), &octets[4..6]), (16 + 60, &18_u16.to_ne_bytes()[..]));
        assert_eq!(
            (&octets[16..20], &octets[68..72]),
            (&[0, 0, 0, 1 << 6][..], &(1_u32 << 10).to_ne_bytes()[..])
        );
        assert!(octets[20..68].iter().all(|octet| *octet == 0));
        for (asked, extensions) in [(TcpQuery::All, 0), (TcpQuery::Paths, 1 << 1)] {
            let octets = tcp(asked).octets(ASKED);
            assert_eq!((octets[19], &octets[68..72]), (extensions, &0x1fff_u32.to_ne_bytes()[..]));
        }
    }

    /// struct inet_diag_msg of 127.0.0.1:80, established, with these attributes.
    fn connection(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut payload = vec![AF_INET, 1, 0, 0, 0, 80, 0xA0, 0, 127, 0, 0, 1];
        payload.resize(24, 0);
        payload.extend([127, 0, 0, 2]);
        payload.resize(SOCKET, 0);
        payload[68..].copy_from_slice(&77_u32.to_ne_bytes());
        for (kind, value) in attributes {
            payload.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            payload.extend(kind.to_ne_bytes());
            payload.extend(*value);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        payload
    }

    #[test]
    fn what_the_attributes_of_a_tcp_socket_say() {
        let mut info = vec![0; 68];
        info.extend(1500_u32.to_ne_bytes());
        let old = connection(&[(INET_DIAG_INFO, &info)]);
        info.resize(200, 0);
        info.extend([10_000_u64, 250].map(u64::to_ne_bytes).concat());
        let new = connection(&[(INET_DIAG_INFO, &info), (INET_DIAG_CGROUP_ID, &4711_u64.to_ne_bytes())]);
        let read = |payload: &[u8]| socket_of_either(payload).unwrap();
        assert_eq!(read(&new).local, "127.0.0.1:80".parse().unwrap());
        assert_eq!((read(&new).remote.to_string(), read(&new).inode), ("127.0.0.2:40960".into(), 77));
        assert_eq!((read(&new).tcp_state(), read(&new).cgroup), (Some(TcpState::Established), Some(4711)));
        assert_eq!(read(&new).path, Some(Path { round_trip: 1500, sent: Some((10_000, 250)) }));
        assert_eq!(read(&old).path, Some(Path { round_trip: 1500, sent: None }));
        // Too short to say anything.
        let short = connection(&[(INET_DIAG_INFO, &info[..71]), (INET_DIAG_CGROUP_ID, &[1; 7])]);
        assert_eq!((read(&short).path, read(&short).cgroup), (None, None));
        // Half of the two figures.
        let half = connection(&[(INET_DIAG_INFO, &info[..215])]);
        assert_eq!(read(&half).path, Some(Path { round_trip: 1500, sent: None }));
        let mut other = new;
        other[0] = 1;
        assert_eq!(socket_of_either(&other), Err(MessageFault::NoSocket));
        assert_eq!(socket_of_either(&[]), Err(MessageFault::NoSocket));
    }
}
