//! The messages of sock_diag: requests, and the kernel's answers. Bytes only; [`super::netlink`] sends and receives
//! them. What a message says about a socket is in [`inet`] and [`unix`].
//!
//! All numbers are in host byte order except ports and addresses, which are in network order. Everything is aligned to
//! four octets. A newer kernel's structures may be longer: the additions follow the part we know.

pub mod inet;
pub mod unix;

use super::error::NoMemory;

// linux/netlink.h
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLA_TYPE_MASK: u16 = 0x3fff;

/// linux/sock_diag.h
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// Octets of struct nlmsghdr: length, type, flags, sequence number, port.
const HEADER: usize = 16;

/// Which request an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// Its sequence number.
    pub sequence: u32,
    /// The netlink port the request was sent from.
    pub port: u32,
}

/// What to ask for: a dump of sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The type of the request, and of each message that answers it.
    pub kind: u16,
    /// What follows the header.
    body: Vec<u8>,
}

impl Query {
    /// The octets of the request.
    #[must_use]
    pub fn octets(&self, asked: RequestId) -> Vec<u8> {
        let length = HEADER + self.body.len();
        let mut octets = Vec::with_capacity(length);
        octets.extend(u32::try_from(length).unwrap_or(u32::MAX).to_ne_bytes());
        octets.extend(self.kind.to_ne_bytes());
        octets.extend((NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
        octets.extend(asked.sequence.to_ne_bytes());
        octets.extend(asked.port.to_ne_bytes());
        octets.extend(&self.body);
        octets
    }
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiagError {
    /// The kernel refuses.
    #[error("the kernel refuses: {}", std::io::Error::from_raw_os_error(*.0))]
    Refused(i32),
    /// Sockets may be missing.
    #[error("the kernel broke the dump off, since its tables changed")]
    Interrupted,
    /// There was no room for all of it.
    #[error("the kernel lost a part of the dump")]
    Lost,
    /// No kernel writes this, or there is no memory for it.
    #[error("message {message}: {fault}")]
    Message {
        /// Its number in a datagram, from 1.
        message: usize,
        /// What is wrong.
        fault: MessageFault,
    },
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageFault {
    /// It is incomplete.
    #[error("its length is none")]
    Length,
    /// An end or an error without a code.
    #[error("it has no code")]
    NoCode,
    /// The structure of a socket is missing or of another family.
    #[error("it is no socket of this family")]
    NoSocket,
    /// An attribute is incomplete.
    #[error("the length of an attribute is none")]
    AttributeLength,
    /// The caller is out of memory for another socket.
    #[error("{0}")]
    NoMemory(#[from] NoMemory),
}

/// Passes the payload of each message of a datagram that has this type to `each`; returns true if the dump ends with it.
/// Ignores messages with another sequence number or port: they do not answer our request.
///
/// # Errors
/// If the kernel refuses, a message is incomplete, or `each` fails.
pub fn messages<'a>(
    datagram: &'a [u8],
    kind: u16,
    asked: RequestId,
    mut each: impl FnMut(&'a [u8]) -> Result<(), MessageFault>,
) -> Result<bool, DiagError> {
    let (mut rest, mut number) = (datagram, 0);
    while !rest.is_empty() {
        number += 1;
        let failed = |fault| DiagError::Message { message: number, fault };
        let message = Message::first(rest).ok_or_else(|| failed(MessageFault::Length))?;
        rest = after(rest, message.length);
        if message.asked != asked {
            continue;
        }
        if message.flags & NLM_F_DUMP_INTR != 0 {
            return Err(DiagError::Interrupted);
        }
        let code = || match word(message.payload, 0) {
            Some(code) => Ok(i32::from_ne_bytes(code)),
            None => Err(failed(MessageFault::NoCode)),
        };
        match message.kind {
            NLMSG_DONE if message.payload.is_empty() => return Ok(true),
            NLMSG_DONE => return refused(code()?).map_or(Ok(true), Err),
            // An error of 0 is an acknowledgement, which we do not request.
            NLMSG_ERROR => refused(code()?).map_or(Ok(()), Err)?,
            NLMSG_OVERRUN => return Err(DiagError::Lost),
            of_socket if of_socket == kind => each(message.payload).map_err(failed)?,
            _ => {}
        }
    }
    Ok(false)
}

/// The kernel returns errors as negative numbers.
fn refused(code: i32) -> Option<DiagError> {
    (code < 0).then_some(DiagError::Refused(code.saturating_neg()))
}

/// One message of a datagram.
struct Message<'a> {
    length: usize,
    kind: u16,
    flags: u16,
    asked: RequestId,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first message in the octets; `None` if it is incomplete.
    fn first(octets: &'a [u8]) -> Option<Self> {
        let number = |at| word(octets, at).map(u32::from_ne_bytes);
        let length = usize::try_from(number(0)?).ok()?;
        Some(Self {
            length,
            kind: u16::from_ne_bytes(half(octets, 4)?),
            flags: u16::from_ne_bytes(half(octets, 6)?),
            asked: RequestId { sequence: number(8)?, port: number(12)? },
            payload: octets.get(HEADER..length)?,
        })
    }
}

/// Passes each attribute, its type and its value, to `each`.
fn attributes<'a>(octets: &'a [u8], mut each: impl FnMut(u16, &'a [u8])) -> Result<(), MessageFault> {
    let mut rest = octets;
    while !rest.is_empty() {
        let attribute = half(rest, 0).zip(half(rest, 2)).and_then(|(length, kind)| {
            let length = usize::from(u16::from_ne_bytes(length));
            Some((length, u16::from_ne_bytes(kind) & NLA_TYPE_MASK, rest.get(4..length)?))
        });
        let (length, kind, value) = attribute.ok_or(MessageFault::AttributeLength)?;
        each(kind, value);
        rest = after(rest, length);
    }
    Ok(())
}

/// What follows a structure.
fn after_structure(payload: &[u8], octets: usize) -> &[u8] {
    payload.get(octets..).unwrap_or_default()
}

/// The rest after `length` octets and their padding; the last item may lack the padding.
fn after(octets: &[u8], length: usize) -> &[u8] {
    octets.get(length.next_multiple_of(4)..).unwrap_or_default()
}

fn half(octets: &[u8], at: usize) -> Option<[u8; 2]> {
    octets.get(at..)?.first_chunk().copied()
}

fn word(octets: &[u8], at: usize) -> Option<[u8; 4]> {
    octets.get(at..)?.first_chunk().copied()
}

/// A 64-bit number; the kernel aligns none of them for us.
fn long(octets: &[u8], at: usize) -> Option<u64> {
    octets.get(at..)?.first_chunk().copied().map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::sockets::{Endpoint, V4};
    use inet::DumpedSocket;

    // linux/socket.h, linux/inet_diag.h
    const AF_INET: u8 = 2;
    const AF_INET6: u8 = 10;
    const INET_DIAG_SKMEMINFO: u16 = 7;
    /// The ninth memory figure.
    const DROPS: usize = 8;
    /// Octets of struct inet_diag_msg.
    const SOCKET: usize = 72;

    const ASKED: RequestId = RequestId { sequence: 7, port: 1234 };

    fn message(kind: u16, flags: u16, asked: RequestId, payload: &[u8]) -> Vec<u8> {
        let mut octets = Vec::new();
        octets.extend(u32::try_from(16 + payload.len()).unwrap().to_ne_bytes());
        octets.extend(kind.to_ne_bytes());
        octets.extend(flags.to_ne_bytes());
        octets.extend(asked.sequence.to_ne_bytes());
        octets.extend(asked.port.to_ne_bytes());
        octets.extend(payload);
        octets.resize(octets.len().next_multiple_of(4), 0);
        octets
    }

    /// A socket 127.0.0.1:53 without a peer, with `figures` memory figures; the ninth, if present, is 42 drops.
    fn of_socket(figures: usize) -> Vec<u8> {
        let mut payload = vec![AF_INET, 7, 0, 0];
        payload.extend(53_u16.to_be_bytes());
        payload.extend([0; 2]);
        payload.extend([127, 0, 0, 1]);
        payload.extend([0; 12 + 16 + 4 + 8]);
        for field in [0_u32, 768, 256, 1000, 5592] {
            payload.extend(field.to_ne_bytes());
        }
        // INET_DIAG_SHUTDOWN, which the kernel always sends: one octet and three of padding.
        payload.extend([5, 0, 8, 0, 0, 0, 0, 0]);
        payload.extend(u16::try_from(4 + 4 * figures).unwrap().to_ne_bytes());
        payload.extend(INET_DIAG_SKMEMINFO.to_ne_bytes());
        (0..figures).for_each(|at| payload.extend((if at == DROPS { 42_u32 } else { 9 }).to_ne_bytes()));
        payload
    }

    type Socket = DumpedSocket<Endpoint<V4>>;

    fn read(datagram: &[u8]) -> Result<(Vec<Socket>, bool), DiagError> {
        let mut seen = Vec::new();
        let done = messages(datagram, SOCK_DIAG_BY_FAMILY, ASKED, |payload| {
            seen.push(inet::socket(payload)?);
            Ok(())
        })?;
        Ok((seen, done))
    }

    fn dump() -> Vec<u8> {
        [of_socket(9), of_socket(8)]
            .iter()
            .flat_map(|one| message(SOCK_DIAG_BY_FAMILY, 2, ASKED, one))
            .collect()
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
            let end = message(NLMSG_DONE, 2, ASKED, end);
            assert_eq!(read(&end).unwrap(), (Vec::new(), true));
            assert_eq!(read(&[dump(), end].concat()).unwrap().0.len(), 2);
        }
        assert_eq!(read(&[]).unwrap(), (Vec::new(), false));
    }

    #[test]
    fn what_is_for_somebody_else_or_to_no_request_of_ours_is_passed_over() {
        for asked in [
            RequestId { sequence: 6, ..ASKED },
            RequestId { port: 0, ..ASKED },
            RequestId { port: 1235, ..ASKED },
        ] {
            for (kind, payload) in [
                (SOCK_DIAG_BY_FAMILY, &of_socket(9)[..]),
                (NLMSG_DONE, &[0; 4]),
                (NLMSG_ERROR, &[0xff; 20]),
                (NLMSG_OVERRUN, &[]),
            ] {
                let foreign = message(kind, 2, asked, payload);
                assert_eq!(read(&foreign).unwrap(), (Vec::new(), false), "{asked:?} {kind}");
                assert_eq!(read(&[foreign, dump()].concat()).unwrap().0.len(), 2, "{asked:?} {kind}");
            }
        }
        // Answers to us, but neither a socket nor an end: NLMSG_NOOP, and an acknowledgement.
        for (kind, payload) in [(1, &[][..]), (NLMSG_ERROR, &[0; 20])] {
            let other = message(kind, 0, ASKED, payload);
            assert_eq!(read(&[other, dump()].concat()).unwrap().0.len(), 2, "{kind}");
        }
    }

    #[test]
    fn what_is_not_whole_is_an_error() {
        let whole = dump();
        let one = 16 + of_socket(9).len();
        for end in (1..whole.len()).filter(|end| *end != one) {
            let cut = read(&whole[..end]);
            assert!(matches!(cut, Err(DiagError::Message { .. })), "{end}: {cut:?}");
        }
        // A length within the message that leads out of it, and invalid lengths.
        for (at, length) in [(16 + 72 + 8, 200_u16), (16 + 72 + 8, 3), (0, 8), (0, 0)] {
            let mut bad = whole.clone();
            bad[at..at + 2].copy_from_slice(&length.to_ne_bytes());
            assert!(matches!(read(&bad), Err(DiagError::Message { message: 1, .. })), "{at} {length}");
        }
        let mut other = whole;
        other[16] = AF_INET6;
        assert!(matches!(read(&other), Err(DiagError::Message { .. })), "an address of another family");
        // Without an attribute a socket is whole; without its last octet it is none.
        let alone = |length: usize| read(&message(SOCK_DIAG_BY_FAMILY, 2, ASKED, &of_socket(9)[..length]));
        assert_eq!(alone(SOCKET).unwrap().0.len(), 1);
        let fault = MessageFault::NoSocket;
        assert_eq!(alone(SOCKET - 1), Err(DiagError::Message { message: 1, fault }));
    }

    #[test]
    fn what_the_kernel_says_instead_of_sockets() {
        let code = |code: i32| [&code.to_ne_bytes()[..], &[0; 16]].concat();
        let error = |kind, flags, payload: &[u8]| {
            read(&[dump(), message(kind, flags, ASKED, payload)].concat()).unwrap_err()
        };
        assert_eq!(error(NLMSG_ERROR, 0, &code(-2)), DiagError::Refused(2));
        assert_eq!(error(NLMSG_ERROR, 0, &code(i32::MIN)), DiagError::Refused(i32::MAX));
        assert_eq!(error(NLMSG_DONE, 2, &(-12_i32).to_ne_bytes()), DiagError::Refused(12));
        assert_eq!(error(NLMSG_OVERRUN, 2, &[]), DiagError::Lost);
        assert_eq!(error(SOCK_DIAG_BY_FAMILY, 2 | NLM_F_DUMP_INTR, &of_socket(9)), DiagError::Interrupted);
        assert_eq!(error(NLMSG_DONE, 2 | NLM_F_DUMP_INTR, &[0; 4]), DiagError::Interrupted);
        assert!(matches!(error(NLMSG_ERROR, 0, &[1]), DiagError::Message { message: 3, .. }));
        let message = DiagError::Refused(2).to_string();
        assert_eq!(message, "the kernel refuses: No such file or directory (os error 2)");
    }

    #[test]
    fn octets_changed_anywhere_do_no_harm() {
        let whole = [dump(), message(NLMSG_DONE, 2, ASKED, &[0; 4])].concat();
        for at in 0..whole.len() {
            for octet in [0, 1, 0x7f, 0xff] {
                let mut bad = whole.clone();
                bad[at] = octet;
                let _ = read(&bad);
            }
        }
    }
}
