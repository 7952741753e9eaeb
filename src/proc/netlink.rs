//! The only module that opens a netlink socket: it dumps sockets by sock_diag, which needs no privilege.
//!
//! A dump covers the network namespace of this process, whatever root is configured: see
//! [`super::read::ProcRoot::is_of_own_namespace`].

#![expect(clippy::disallowed_methods, reason = "the one socket to the kernel")]

use super::diag::{self, DiagError, DumpedSocket, RequestId};
use super::error::NoMemory;
use super::sockets::Address;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::io;

/// The kernel fills datagrams of up to 32 KiB.
const LARGEST: usize = 64 * 1024;

/// Each socket carries one request only.
const SEQUENCE: u32 = 1;

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The kernel offers no such socket here, or refuses it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The answer is no dump, or an incomplete one.
    #[error("{0}")]
    Diag(#[from] DiagError),
    /// The caller stops waiting.
    #[error("it takes too long too")]
    TooSlow,
}

/// The kernel's own port. All others are not 0.
const KERNEL: u32 = 0;

/// Passes each socket of a protocol (such as [`diag::UDP`]) and family to `each`. Calls `go_on` between any two
/// datagrams, which hold some hundred sockets.
///
/// # Errors
/// If the protocol has no sock_diag, the dump is incomplete, or `each` fails.
pub fn dump<A: Address>(
    protocol: u8,
    go_on: impl Fn() -> bool,
    each: impl FnMut(DumpedSocket<A>) -> Result<(), NoMemory>,
) -> Result<(), DumpError> {
    let (socket, port) = open(netlink::SOCK_DIAG)?;
    let asked = RequestId { sequence: SEQUENCE, port };
    let request = diag::request::<A>(protocol, asked);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &SocketAddrNetlink::new(KERNEL, 0))
        .map_err(io::Error::from)?;
    receive(&socket, asked, go_on, each)
}

/// A socket and its port, which other processes may send to.
fn open(protocol: Protocol) -> io::Result<(OwnedFd, u32)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(protocol))?;
    // The kernel chooses a port.
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    let port = SocketAddrNetlink::try_from(rustix::net::getsockname(&socket)?)?.pid();
    Ok((socket, port))
}

fn receive<A: Address>(
    socket: &OwnedFd,
    asked: RequestId,
    go_on: impl Fn() -> bool,
    mut each: impl FnMut(DumpedSocket<A>) -> Result<(), NoMemory>,
) -> Result<(), DumpError> {
    let mut buffer = vec![0; LARGEST];
    while go_on() {
        // The kernel prepares each part of the dump when we take the previous one, so one is always ready: if none is,
        // whatever this socket is, it never will be.
        let (_, length, sender) = match rustix::net::recvfrom(socket, &mut buffer[..], RecvFlags::TRUNC) {
            Err(Errno::INTR) => continue,
            received => received.map_err(io::Error::from)?,
        };
        let sender = sender.and_then(|sender| SocketAddrNetlink::try_from(sender).ok());
        if sender.is_none_or(|sender| sender.pid() != KERNEL) {
            continue;
        }
        let datagram = buffer.get(..length).ok_or(DiagError::Lost)?;
        if diag::sockets(datagram, asked, &mut each)? {
            return Ok(());
        }
        if length == 0 {
            return Err(DiagError::Lost.into());
        }
    }
    Err(DumpError::TooSlow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::sockets::{V4, V6};
    use std::net::UdpSocket;

    fn ports<A: Address>() -> Vec<u16> {
        let mut ports = Vec::new();
        dump::<A>(
            diag::UDP,
            || true,
            |socket| {
                ports.push(socket.local.port);
                Ok(())
            },
        )
        .unwrap();
        ports
    }

    #[test]
    fn a_socket_of_our_own_is_in_the_dump_of_its_family() {
        let (four, six) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0"));
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        assert!(ports::<V4>().contains(&port(&four)));
        if let Ok(six) = six {
            assert!(ports::<V6>().contains(&port(&six)));
        }
    }

    #[test]
    fn what_takes_too_long_or_is_not_wanted_ends() {
        let _socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let slow = dump::<V4>(diag::UDP, || false, |_| Ok(()));
        assert!(matches!(slow, Err(DumpError::TooSlow)), "{slow:?}");
        let refused = dump::<V4>(diag::UDP, || true, |_| Err(NoMemory)).unwrap_err();
        assert_eq!(refused.to_string(), "message 1: no memory for the rows of the table");
    }

    #[test]
    fn a_protocol_without_sock_diag_is_refused() {
        let refused = dump::<V4>(254, || true, |_| Ok(())).unwrap_err();
        assert_eq!(refused.to_string(), "the kernel refuses: No such file or directory (os error 2)");
    }

    /// Sending on NETLINK_SOCK_DIAG takes CAP_NET_ADMIN; on NETLINK_USERSOCK anybody may.
    #[test]
    fn what_another_process_sends_is_no_dump() {
        let (ours, port) = open(netlink::USERSOCK).unwrap();
        let (other, sender) = open(netlink::USERSOCK).unwrap();
        assert!(port != KERNEL && sender != KERNEL && port != sender);
        let asked = RequestId { sequence: SEQUENCE, port };
        // The end of a dump, as the kernel would send it.
        let mut end = Vec::new();
        end.extend(20_u32.to_ne_bytes());
        end.extend([3_u16, 2].map(u16::to_ne_bytes).concat());
        end.extend([SEQUENCE, port, 0].map(u32::to_ne_bytes).concat());
        assert_eq!(diag::sockets::<V4>(&end, asked, |_| Ok(())), Ok(true));
        let us = SocketAddrNetlink::new(port, 0);
        for datagram in [&end[..], &[0xff; 32]] {
            rustix::net::sendto(&other, datagram, SendFlags::empty(), &us).unwrap();
        }
        let nothing = receive::<V4>(&ours, asked, || true, |_| Ok(())).unwrap_err();
        let DumpError::Io(cause) = nothing else { panic!("{nothing}") };
        assert_eq!(cause.kind(), io::ErrorKind::WouldBlock);
    }
}
