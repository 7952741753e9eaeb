//! The messages of sock_diag: a request for all sockets of a protocol, and the kernel's answer. Bytes only;
//! [`super::netlink`] sends and receives them.
//!
//! Written by `inet_diag_msg_common_fill` (net/ipv4/inet_diag.c) and `udp_diag_get_info` (net/ipv4/udp_diag.c). What is of
//! netlink and of `struct inet_diag_msg` is read through the crates `netlink-packet-core` and `netlink-packet-sock-diag`;
//! the attributes are not, which know one length of INET_DIAG_SKMEMINFO only, and it grew with the kernels.

use super::sockets::{Address, Endpoint};
use netlink_packet_core::{
    DecodeError, DoneBuffer, ErrorBuffer, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE,
    NLMSG_ERROR, NLMSG_OVERRUN, NetlinkBuffer, NetlinkHeader, NetlinkMessage, NlasIterator, Parseable,
};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseBuffer, InetResponseHeader, SocketId, StateFlags,
};
use netlink_packet_sock_diag::{
    AF_INET, AF_INET6, INET_DIAG_SKMEMINFO, SOCK_DIAG_BY_FAMILY, SockDiagMessage,
};

/// The protocol number of UDP.
pub const UDP: u8 = netlink_packet_sock_diag::IPPROTO_UDP;

/// The place of the drops in INET_DIAG_SKMEMINFO (SK_MEMINFO_DROPS); older kernels give fewer numbers.
const DROPS: usize = 8;

/// One socket of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket<A> {
    /// The local endpoint.
    pub local: Endpoint<A>,
    /// The remote endpoint; zeros where there is none.
    pub remote: Endpoint<A>,
    /// The kernel's number of the state.
    pub state: u8,
    /// Octets waiting to be read.
    pub receive_queue: u32,
    /// Octets waiting to be sent.
    pub transmit_queue: u32,
    /// The inode of the socket.
    pub inode: u32,
    /// Datagrams that it had to drop; older kernels do not say.
    pub drops: Option<u32>,
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiagError {
    /// The kernel says so.
    #[error("the kernel refuses: {}", std::io::Error::from_raw_os_error(*.0))]
    Refused(i32),
    /// Sockets may be missing.
    #[error("the kernel broke the dump off, since its tables changed")]
    Interrupted,
    /// More was to be said than there was room for.
    #[error("the kernel lost a part of the dump")]
    Lost,
    /// It is not what a kernel writes.
    #[error("message {message}: {problem}")]
    Malformed {
        /// Which one of a datagram, from 1.
        message: usize,
        /// What is wrong.
        problem: String,
    },
}

/// The request for all sockets of a protocol and family, with their memory.
#[must_use]
pub fn request<A: Address>(protocol: u8, sequence: u32) -> Vec<u8> {
    let (family, socket_id) =
        if A::TYPE == 1 { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
    let request = InetRequest {
        family,
        protocol,
        extensions: ExtensionFlags::SKMEMINFO,
        states: StateFlags::from_bits_retain(u32::MAX),
        socket_id,
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut octets = vec![0; message.buffer_len()];
    message.serialize(&mut octets);
    octets
}

/// Gives each socket of a datagram to `each`; true when the dump ends with it. Messages of another sequence number are
/// answers to nothing of ours.
///
/// # Errors
/// If the kernel refuses, or anything is not whole, and what `each` says.
pub fn sockets<A: Address>(
    datagram: &[u8],
    sequence: u32,
    mut each: impl FnMut(Socket<A>) -> Result<(), String>,
) -> Result<bool, DiagError> {
    let (mut rest, mut number) = (datagram, 0);
    while !rest.is_empty() {
        number += 1;
        let malformed = |problem: String| DiagError::Malformed { message: number, problem };
        let said = |error: DecodeError| malformed(error.to_string());
        let message = NetlinkBuffer::new_checked(rest).map_err(said)?;
        let length = message.length() as usize;
        if message.sequence_number() == sequence {
            if message.flags() & NLM_F_DUMP_INTR != 0 {
                return Err(DiagError::Interrupted);
            }
            let payload = message.payload();
            match message.message_type() {
                NLMSG_DONE if payload.is_empty() => return Ok(true),
                NLMSG_DONE => {
                    let code = DoneBuffer::new_checked(payload).map_err(said)?.code();
                    return if code < 0 { Err(DiagError::Refused(code.saturating_neg())) } else { Ok(true) };
                }
                NLMSG_ERROR => {
                    let code = ErrorBuffer::new_checked(payload).map_err(said)?.code();
                    return Err(DiagError::Refused(code.map_or(0, |code| code.get().saturating_neg())));
                }
                NLMSG_OVERRUN => return Err(DiagError::Lost),
                SOCK_DIAG_BY_FAMILY => each(socket(payload).map_err(malformed)?).map_err(malformed)?,
                _ => {}
            }
        }
        // Messages begin at multiples of four octets.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn socket<A: Address>(payload: &[u8]) -> Result<Socket<A>, String> {
    let header = InetResponseHeader::parse(payload).map_err(|error| error.to_string())?;
    let of_family = |address| A::of(address).ok_or_else(|| format!("{address} is of another family"));
    let id = header.socket_id;
    let mut drops = None;
    for attribute in NlasIterator::new(payload.get(size_of::<InetResponseBuffer>()..).unwrap_or_default()) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.kind() == INET_DIAG_SKMEMINFO {
            let figure = attribute.value().get(DROPS * size_of::<u32>()..);
            drops = figure.and_then(<[u8]>::first_chunk).map(|drops| u32::from_ne_bytes(*drops));
        }
    }
    Ok(Socket {
        local: Endpoint { address: of_family(id.source_address)?, port: id.source_port },
        remote: Endpoint { address: of_family(id.destination_address)?, port: id.destination_port },
        state: header.state,
        receive_queue: header.recv_queue,
        transmit_queue: header.send_queue,
        inode: header.inode,
        drops,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::sockets::{V4, V6};

    const SEQUENCE: u32 = 7;

    fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        octets.extend(u32::try_from(16 + payload.len()).unwrap().to_ne_bytes());
        octets.extend(kind.to_ne_bytes());
        octets.extend(flags.to_ne_bytes());
        octets.extend(sequence.to_ne_bytes());
        octets.extend(1234_u32.to_ne_bytes());
        octets.extend(payload);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    /// A socket 127.0.0.1:53 without a peer, with so many numbers about its memory; the last of nine are 42 drops.
    fn of_socket(figures: usize) -> Vec<u8> {
        let mut payload = vec![AF_INET, 7, 0, 0];
        payload.extend(53_u16.to_be_bytes());
        payload.extend([0; 2]);
        payload.extend([127, 0, 0, 1]);
        payload.extend([0; 12 + 16 + 4 + 8]);
        for field in [0_u32, 768, 256, 1000, 5592] {
            payload.extend(field.to_ne_bytes());
        }
        // INET_DIAG_SHUTDOWN, as the kernel always gives it, is one octet and three of padding.
        payload.extend([5, 0, 8, 0, 0, 0, 0, 0]);
        payload.extend(u16::try_from(4 + 4 * figures).unwrap().to_ne_bytes());
        payload.extend(INET_DIAG_SKMEMINFO.to_ne_bytes());
        (0..figures).for_each(|at| payload.extend((if at == DROPS { 42_u32 } else { 9 }).to_ne_bytes()));
        payload
    }

    fn read(datagram: &[u8]) -> Result<(Vec<Socket<V4>>, bool), DiagError> {
        let mut seen = Vec::new();
        let done = sockets(datagram, SEQUENCE, |socket| {
            seen.push(socket);
            Ok(())
        })?;
        Ok((seen, done))
    }

    fn dump() -> Vec<u8> {
        [of_socket(9), of_socket(8)]
            .iter()
            .flat_map(|one| message(SOCK_DIAG_BY_FAMILY, 2, SEQUENCE, one))
            .collect()
    }

    #[test]
    fn a_request_is_what_the_kernel_takes() {
        let octets = request::<V6>(UDP, SEQUENCE);
        // struct nlmsghdr and struct inet_diag_req_v2
        assert_eq!(octets.len(), 16 + 56);
        assert_eq!(octets[..4], 72_u32.to_ne_bytes());
        assert_eq!((octets[16], octets[17], octets[18]), (AF_INET6, 17, 1 << 6));
        assert_eq!(octets[20..24], [0xff; 4]);
        assert_eq!(request::<V4>(UDP, SEQUENCE)[16], AF_INET);
    }

    #[test]
    fn sockets_of_newer_and_older_kernels() {
        let (seen, done) = read(&dump()).unwrap();
        let [newer, older] = seen[..] else { panic!("{seen:?}") };
        assert!(!done);
        assert_eq!((newer.local, newer.remote.port), (Endpoint { address: [127, 0, 0, 1], port: 53 }, 0));
        assert_eq!((newer.state, newer.receive_queue, newer.transmit_queue), (7, 768, 256));
        assert_eq!((newer.inode, newer.drops, older.drops), (5592, Some(42), None));
        // The end may come alone or with the last sockets, with a code or without.
        for end in [&[0, 0, 0, 0][..], &[]] {
            let end = message(NLMSG_DONE, 2, SEQUENCE, end);
            assert_eq!(read(&end).unwrap(), (Vec::new(), true));
            assert_eq!(read(&[dump(), end].concat()).unwrap().0.len(), 2);
        }
        // What is for somebody else, or to no request of ours.
        assert_eq!(read(&message(SOCK_DIAG_BY_FAMILY, 2, 6, &of_socket(9))).unwrap(), (Vec::new(), false));
        assert_eq!(read(&[]).unwrap(), (Vec::new(), false));
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        let whole = dump();
        let one = 16 + of_socket(9).len();
        for end in (1..whole.len()).filter(|end| *end != one) {
            let cut = read(&whole[..end]);
            assert!(matches!(cut, Err(DiagError::Malformed { .. })), "{end}: {cut:?}");
        }
        // A length within the message that leads out of it, and none at all.
        for (at, length) in [(16 + 72 + 8, 200_u16), (16 + 72 + 8, 3), (0, 8), (0, 0)] {
            let mut bad = whole.clone();
            bad[at..at + 2].copy_from_slice(&length.to_ne_bytes());
            assert!(matches!(read(&bad), Err(DiagError::Malformed { message: 1, .. })), "{at} {length}");
        }
        let mut other = whole;
        other[16] = AF_INET6;
        assert!(matches!(read(&other), Err(DiagError::Malformed { .. })), "an address of another family");
    }

    #[test]
    fn what_the_kernel_says_instead_of_sockets() {
        let code = |code: i32| [&code.to_ne_bytes()[..], &[0; 16]].concat();
        let error = |kind, flags, payload: &[u8]| {
            read(&[dump(), message(kind, flags, SEQUENCE, payload)].concat()).unwrap_err()
        };
        assert_eq!(error(NLMSG_ERROR, 0, &code(-2)), DiagError::Refused(2));
        assert_eq!(error(NLMSG_ERROR, 0, &code(i32::MIN)), DiagError::Refused(i32::MAX));
        assert_eq!(error(NLMSG_DONE, 2, &(-12_i32).to_ne_bytes()), DiagError::Refused(12));
        assert_eq!(error(NLMSG_OVERRUN, 2, &[]), DiagError::Lost);
        assert_eq!(error(SOCK_DIAG_BY_FAMILY, 2 | NLM_F_DUMP_INTR, &of_socket(9)), DiagError::Interrupted);
        assert_eq!(error(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, &[0; 4]), DiagError::Interrupted);
        assert!(matches!(error(NLMSG_ERROR, 0, &[1]), DiagError::Malformed { message: 3, .. }));
        let message = DiagError::Refused(2).to_string();
        assert_eq!(message, "the kernel refuses: No such file or directory (os error 2)");
    }

    #[test]
    fn octets_changed_anywhere_do_no_harm() {
        let whole = [dump(), message(NLMSG_DONE, 2, SEQUENCE, &[0; 4])].concat();
        for at in 0..whole.len() {
            for octet in [0, 1, 0x7f, 0xff] {
                let mut bad = whole.clone();
                bad[at] = octet;
                let _ = read(&bad);
            }
        }
    }
}
