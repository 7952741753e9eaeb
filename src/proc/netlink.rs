//! The only module that opens a netlink socket: it dumps sockets by sock_diag (sock_diag(7)), which needs no privilege.
//!
//! A dump covers the network namespace of this process, whatever root is configured: see
//! [`super::read::ProcRoot::is_of_own_namespace`].

#![expect(clippy::disallowed_methods, reason = "the one socket to the kernel")]

use super::diag::{self, DiagError, MessageFault, Query, RequestId};
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

/// Passes what a dump says of each socket to `each`, which reads it ([`diag::inet`], [`diag::unix`]). Calls `go_on`
/// between any two datagrams, which hold some hundred sockets.
///
/// # Errors
/// If the kernel has no such sockets, the dump is incomplete, or `each` fails.
pub fn dump(
    query: &Query,
    go_on: impl Fn() -> bool,
    each: impl FnMut(&[u8]) -> Result<(), MessageFault>,
) -> Result<(), DumpError> {
    let (socket, port) = open(netlink::SOCK_DIAG)?;
    let asked = RequestId { sequence: SEQUENCE, port };
    let kernel = SocketAddrNetlink::new(KERNEL, 0);
    rustix::net::sendto(&socket, &query.octets(asked), SendFlags::empty(), &kernel)
        .map_err(io::Error::from)?;
    receive(&socket, query.kind, asked, go_on, each)
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

fn receive(
    socket: &OwnedFd,
    kind: u16,
    asked: RequestId,
    go_on: impl Fn() -> bool,
    mut each: impl FnMut(&[u8]) -> Result<(), MessageFault>,
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
        if diag::messages(datagram, kind, asked, &mut each)? {
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
    use crate::proc::diag::inet::{self, TcpQuery, UDP};
    use crate::proc::diag::unix;
    use crate::proc::error::NoMemory;
    use crate::proc::sockets::{Address, TcpState, V4, V6};
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};

    fn ports<A: Address>() -> Vec<u16> {
        let mut ports = Vec::new();
        let dumped = dump(
            &inet::by_family::<A>(UDP),
            || true,
            |socket| {
                ports.push(inet::socket::<A>(socket)?.local.port);
                Ok(())
            },
        );
        dumped.unwrap();
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

    fn tcp_sockets(asked: TcpQuery, local: SocketAddr) -> Vec<inet::DumpedSocket<SocketAddr>> {
        let mut found = Vec::new();
        let dumped = dump(
            &inet::tcp(asked),
            || true,
            |socket| {
                let socket = inet::socket_of_either(socket)?;
                found.extend((socket.local == local).then_some(socket));
                Ok(())
            },
        );
        dumped.unwrap();
        found
    }

    /// On the running kernel, of either family and in one dump.
    #[test]
    fn listeners_and_connections_of_our_own_are_in_one_dump_of_both_families() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let local = listener.local_addr().unwrap();
            let [alone] = tcp_sockets(TcpQuery::Listeners, local)[..] else { panic!("not one listener") };
            assert_eq!((alone.tcp_state(), alone.receive_queue), (Some(TcpState::Listen), 0));
            assert!(alone.transmit_queue > 0 && alone.inode > 0, "{alone:?}");
            assert_eq!((alone.drops, alone.path), (Some(0), None));
            let mut client = TcpStream::connect(local).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(&[7; 1000]).unwrap();
            server.read_exact(&mut [0; 600]).unwrap();
            server.write_all(&[7; 10]).unwrap();
            client.read_exact(&mut [0; 10]).unwrap();
            let all = tcp_sockets(TcpQuery::Paths, local);
            let of = |state| all.iter().find(|one| one.tcp_state() == Some(state)).unwrap();
            assert_eq!(of(TcpState::Listen).inode, alone.inode);
            let connection = of(TcpState::Established);
            assert_eq!((connection.remote, connection.receive_queue), (client.local_addr().unwrap(), 400));
            let path = connection.path.unwrap();
            assert!(path.round_trip > 0, "{path:?}");
            assert_eq!(path.sent, Some((10, 0)));
            assert_eq!(connection.cgroup, alone.cgroup);
        }
    }

    #[test]
    fn unix_listeners_are_dumped_with_their_queue_and_no_other_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let name = format!("netstat-agentx {}\0", std::process::id());
        let hidden = UnixListener::bind_addr(&UnixAddress::from_abstract_name(&name).unwrap()).unwrap();
        let _waiting = [UnixStream::connect(&path).unwrap(), UnixStream::connect(&path).unwrap()];
        let (mut of_path, mut of_name) = (Vec::new(), Vec::new());
        let dumped = dump(
            &unix::listeners(),
            || true,
            |socket| {
                let Some(socket) = unix::listener(socket)? else { return Ok(()) };
                if socket.name == [path.to_str().unwrap().as_bytes(), b"\0"].concat() {
                    of_path.push((socket.queue, socket.inode));
                } else if socket.name == [b"\0", name.as_bytes()].concat() {
                    of_name.push((socket.queue, socket.inode));
                }
                Ok(())
            },
        );
        dumped.unwrap();
        let inode = |fd: &dyn std::os::fd::AsFd| {
            u32::try_from(rustix::fs::fstat(fd.as_fd()).unwrap().st_ino).unwrap()
        };
        let ([((2, limit), first)], [((0, _), second)]) = (&of_path[..], &of_name[..]) else {
            panic!("{of_path:?} {of_name:?}")
        };
        assert!(*limit > 2);
        assert_eq!((*first, *second), (inode(&listener), inode(&hidden)));
    }

    #[test]
    fn what_takes_too_long_or_is_not_wanted_ends() {
        let _socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let query = inet::by_family::<V4>(UDP);
        let slow = dump(&query, || false, |_| Ok(()));
        assert!(matches!(slow, Err(DumpError::TooSlow)), "{slow:?}");
        let refused = dump(&query, || true, |_| Err(NoMemory.into())).unwrap_err();
        assert_eq!(refused.to_string(), "message 1: no memory for the rows of the table");
    }

    #[test]
    fn a_protocol_without_sock_diag_is_refused() {
        let refused = dump(&inet::by_family::<V4>(254), || true, |_| Ok(())).unwrap_err();
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
        let kind = unix::listeners().kind;
        assert_eq!(diag::messages(&end, kind, asked, |_| Ok(())), Ok(true));
        let us = SocketAddrNetlink::new(port, 0);
        for datagram in [&end[..], &[0xff; 32]] {
            rustix::net::sendto(&other, datagram, SendFlags::empty(), &us).unwrap();
        }
        let nothing = receive(&ours, kind, asked, || true, |_| Ok(())).unwrap_err();
        let DumpError::Io(cause) = nothing else { panic!("{nothing}") };
        assert_eq!(cause.kind(), io::ErrorKind::WouldBlock);
    }
}
