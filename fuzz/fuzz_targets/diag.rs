//! A datagram of a sock_diag dump, compared with a plain reading of the same octets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netstat_agentx::proc::diag::{DiagError, RequestId, sockets};
use netstat_agentx::proc::sockets::{Address, V4, V6};

/// The request that the corpus's datagrams answer.
const ASKED: RequestId = RequestId { sequence: 1, port: 10_307 };

fn number(octets: &[u8], at: usize) -> usize {
    u32::from_ne_bytes(octets[at..at + 4].try_into().unwrap()) as usize
}

fn dump<A: Address>(datagram: &[u8]) {
    let mut seen = Vec::new();
    let outcome = sockets::<A>(datagram, ASKED, |socket| {
        seen.push(socket);
        Ok(())
    });
    // Every returned socket answers our request, and a plain walk over the messages finds it in the same place.
    let (mut at, mut expected) = (0, Vec::new());
    while datagram.len() >= at + 16 && expected.len() < seen.len() {
        let length = number(datagram, at);
        assert!(length >= 16 && at + length <= datagram.len(), "it gave a socket of what is not whole");
        let kind = u16::from_ne_bytes([datagram[at + 4], datagram[at + 5]]);
        let to =
            RequestId { sequence: number(datagram, at + 8) as u32, port: number(datagram, at + 12) as u32 };
        if to == ASKED && kind == 20 {
            let message = &datagram[at + 16..at + length];
            let port = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
            let queues = (number(message, 56), number(message, 60));
            expected.push((message[1], port(4), port(6), queues, number(message, 68)));
        }
        at += length.next_multiple_of(4);
    }
    let found = seen.iter().map(|socket| {
        let queues = (socket.receive_queue as usize, socket.transmit_queue as usize);
        (socket.state, socket.local.port, socket.remote.port, queues, socket.inode as usize)
    });
    assert!(found.eq(expected));
    if let Err(DiagError::Malformed { message, fault }) = outcome {
        assert!(message > seen.len() && !fault.to_string().is_empty());
    }
}

fuzz_target!(|datagram: &[u8]| {
    dump::<V4>(datagram);
    dump::<V6>(datagram);
});
