//! A datagram of a sock_diag dump, compared with a plain reading of the same octets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::diag::inet::{self, TcpQuery, UDP};
use netstat_agentx::proc::diag::{DiagError, Query, RequestId, messages, unix};
use netstat_agentx::proc::sockets::{Address, V4, V6};

/// The request that the corpus's datagrams answer.
const ASKED: RequestId = RequestId { sequence: 1, port: 10_307 };

fn number(octets: &[u8], at: usize) -> usize {
    u32::from_ne_bytes(octets[at..at + 4].try_into().unwrap()) as usize
}

fn long(octets: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(octets[at..at + 8].try_into().unwrap())
}

/// The payloads of the messages that answer such a query, up to so many, by a plain walk.
fn plainly<'a>(datagram: &'a [u8], query: &Query, most: usize) -> Vec<&'a [u8]> {
    let (mut at, mut found) = (0, Vec::new());
    while datagram.len() >= at + 16 && found.len() < most {
        let length = number(datagram, at);
        assert!(length >= 16 && at + length <= datagram.len(), "it gave a socket of what is not whole");
        let kind = u16::from_ne_bytes([datagram[at + 4], datagram[at + 5]]);
        let to =
            RequestId { sequence: number(datagram, at + 8) as u32, port: number(datagram, at + 12) as u32 };
        if to == ASKED && kind == query.kind {
            found.push(&datagram[at + 16..at + length]);
        }
        at += length.next_multiple_of(4);
    }
    found
}

/// The last attribute of a type behind a structure.
fn attribute(message: &[u8], structure: usize, wanted: u16) -> Option<&[u8]> {
    let (mut at, mut found) = (structure, None);
    while at < message.len() {
        let half = |at: usize| u16::from_ne_bytes([message[at], message[at + 1]]);
        let length = usize::from(half(at));
        assert!(length >= 4 && at + length <= message.len(), "it gave a socket with half an attribute");
        if half(at + 2) & 0x3fff == wanted {
            found = Some(&message[at + 4..at + length]);
        }
        at += length.next_multiple_of(4);
    }
    found
}

/// Reads a datagram both ways: `read` is the program's way, of one payload, `expect` the plain one.
fn compare<T: PartialEq + std::fmt::Debug>(
    datagram: &[u8],
    query: &Query,
    read: impl Fn(&[u8]) -> Result<T, netstat_agentx::proc::diag::MessageFault>,
    expect: impl Fn(&[u8]) -> T,
) {
    let mut seen = Vec::new();
    let outcome = messages(datagram, query.kind, ASKED, |payload| {
        seen.push(read(payload)?);
        Ok(())
    });
    let expected: Vec<T> = plainly(datagram, query, seen.len()).into_iter().map(expect).collect();
    assert_eq!(seen, expected);
    if let Err(DiagError::Message { message, fault }) = outcome {
        assert!(message > seen.len() && !fault.to_string().is_empty());
    }
}

/// State, ports, queues and inode of a TCP or UDP socket.
type Fixed = (u8, u16, u16, (usize, usize), usize);

fn fixed<E>(socket: &inet::DumpedSocket<E>, ports: (u16, u16)) -> Fixed {
    let queues = (socket.receive_queue as usize, socket.transmit_queue as usize);
    (socket.state, ports.0, ports.1, queues, socket.inode as usize)
}

fn fixed_plainly(message: &[u8]) -> Fixed {
    let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    (message[1], port(4), port(6), (number(message, 56), number(message, 60)), number(message, 68))
}

fn by_family<A: Address>(datagram: &[u8]) {
    let read = |payload: &[u8]| {
        let socket = inet::socket::<A>(payload)?;
        Ok((fixed(&socket, (socket.local.port, socket.remote.port)), socket.drops))
    };
    let expect = |message: &[u8]| {
        let drops = attribute(message, 72, 7).filter(|figures| figures.len() >= 36);
        (fixed_plainly(message), drops.map(|figures| number(figures, 32) as u32))
    };
    compare(datagram, &inet::by_family::<A>(UDP), read, expect);
}

fn of_both(datagram: &[u8]) {
    let read = |payload: &[u8]| {
        let socket = inet::socket_of_either(payload)?;
        let path = socket.path.map(|path| (path.round_trip as usize, path.sent));
        let (local, remote) = (socket.local, socket.remote);
        Ok((fixed(&socket, (local.port(), remote.port())), local.is_ipv4(), socket.cgroup, path))
    };
    let expect = |message: &[u8]| {
        let cgroup = attribute(message, 72, 21).filter(|value| value.len() >= 8);
        let info = attribute(message, 72, 2).filter(|info| info.len() >= 72);
        let sent = |info: &[u8]| (info.len() >= 216).then(|| (long(info, 200), long(info, 208)));
        (
            fixed_plainly(message),
            message[0] == 2,
            cgroup.map(|value| long(value, 0)),
            info.map(|info| (number(info, 68), sent(info))),
        )
    };
    compare(datagram, &inet::tcp(TcpQuery::Paths), read, expect);
}

fn of_unix(datagram: &[u8]) {
    let read = |payload: &[u8]| {
        let listener = unix::listener(payload)?;
        Ok(listener.map(|listener| (listener.name.to_vec(), listener.queue, listener.inode)))
    };
    let expect = |message: &[u8]| {
        let name = attribute(message, 16, 0).filter(|name| !name.is_empty() && message[2] == 10)?;
        let queue = attribute(message, 16, 4).filter(|queue| queue.len() >= 8)?;
        let queue = (number(queue, 0) as u32, number(queue, 4) as u32);
        Some((name.to_vec(), queue, number(message, 4) as u32))
    };
    compare(datagram, &unix::listeners(), read, expect);
}

fuzz_target!(|datagram: &[u8]| {
    by_family::<V4>(datagram);
    by_family::<V6>(datagram);
    of_both(datagram);
    of_unix(datagram);
});
