//! Unix sockets in a dump, written by `sk_diag_fill` (net/unix/diag.c).

use super::{MessageFault, Query, SOCK_DIAG_BY_FAMILY, after_structure, attributes, word};

/// linux/socket.h
const AF_UNIX: u8 = 1;

// linux/unix_diag.h
const UDIAG_SHOW_NAME: u32 = 1;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_RQLEN: u16 = 4;

/// Octets of struct unix_diag_req.
const REQUEST: usize = 24;
/// Octets of struct unix_diag_msg, which attributes follow.
const SOCKET: usize = 16;

/// The kernel's number for a socket that listens (include/net/tcp_states.h).
const LISTEN: u8 = 10;

/// A Unix socket that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixListener<'a> {
    /// What it is bound to: a path, or a NUL and any octets.
    pub name: &'a [u8],
    /// Connections waiting for accept(2), and how many may wait.
    pub queue: (u32, u32),
    /// The lower 32 bits of its inode.
    pub inode: u32,
}

/// The request for all Unix sockets that listen.
#[must_use]
pub fn listeners() -> Query {
    let mut body = vec![AF_UNIX, 0, 0, 0];
    body.extend((1_u32 << LISTEN).to_ne_bytes());
    // The inode of a single socket, which a dump does not look at.
    body.extend([0; 4]);
    body.extend((UDIAG_SHOW_NAME | UDIAG_SHOW_RQLEN).to_ne_bytes());
    body.resize(REQUEST, 0);
    Query { kind: SOCK_DIAG_BY_FAMILY, body }
}

/// A socket that listens; `None` if it has stopped meanwhile, so that the kernel gave no name or queue.
///
/// # Errors
/// If it is of another family, or incomplete.
pub fn listener(payload: &[u8]) -> Result<Option<UnixListener<'_>>, MessageFault> {
    let inode = word(payload, 4).map(u32::from_ne_bytes);
    let (Some(inode), Some(&AF_UNIX), true) = (inode, payload.first(), payload.len() >= SOCKET) else {
        return Err(MessageFault::NoSocket);
    };
    let (mut name, mut queue) = (None, None);
    attributes(after_structure(payload, SOCKET), |kind, value| match kind {
        UNIX_DIAG_NAME => name = Some(value),
        UNIX_DIAG_RQLEN => queue = word(value, 0).zip(word(value, 4)),
        _ => {}
    })?;
    let listens = payload.get(2) == Some(&LISTEN);
    Ok(name.zip(queue).filter(|(name, _)| listens && !name.is_empty()).map(|(name, (waiting, limit))| {
        UnixListener { name, queue: (u32::from_ne_bytes(waiting), u32::from_ne_bytes(limit)), inode }
    }))
}

#[cfg(test)]
mod tests {
    use super::super::RequestId;
    use super::*;

    #[test]
    fn a_request_is_what_the_kernel_takes() {
        let octets = listeners().octets(RequestId { sequence: 1, port: 2 });
        // struct nlmsghdr and struct unix_diag_req
        assert_eq!((octets.len(), octets[16], &octets[4..6]), (16 + 24, 1, &20_u16.to_ne_bytes()[..]));
        assert_eq!(
            (&octets[20..24], &octets[28..32]),
            (&1024_u32.to_ne_bytes()[..], &0x11_u32.to_ne_bytes()[..])
        );
    }

    fn message(state: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut payload = vec![1, 1, state, 0];
        payload.extend(77_u32.to_ne_bytes());
        payload.resize(SOCKET, 0);
        for (kind, value) in attributes {
            payload.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            payload.extend(kind.to_ne_bytes());
            payload.extend(*value);
            payload.resize(payload.len().next_multiple_of(4), 0);
        }
        payload
    }

    #[test]
    fn a_listener_has_a_name_and_a_queue() {
        let queue = [3_u32, 128].map(u32::to_ne_bytes).concat();
        let whole = message(10, &[(0, b"\0x"), (4, &queue)]);
        assert_eq!(listener(&whole), Ok(Some(UnixListener { name: b"\0x", queue: (3, 128), inode: 77 })));
        for not_one in [
            message(1, &[(0, b"\0x"), (4, &queue)]),
            message(10, &[(4, &queue)]),
            message(10, &[(0, b""), (4, &queue)]),
            message(10, &[(0, b"\0x")]),
            message(10, &[(0, b"\0x"), (4, &queue[..7])]),
        ] {
            assert_eq!(listener(&not_one), Ok(None), "{not_one:?}");
        }
        for cut in 0..SOCKET {
            assert_eq!(listener(&whole[..cut]), Err(MessageFault::NoSocket), "{cut}");
        }
        let mut other = whole.clone();
        other[0] = 2;
        assert_eq!(listener(&other), Err(MessageFault::NoSocket));
        assert_eq!(listener(&whole[..SOCKET + 5]), Err(MessageFault::AttributeLength));
    }
}
