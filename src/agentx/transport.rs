//! The connection to the master agent: a Unix or TCP socket, and the PDUs in its stream (RFC 2741 section 8).

#![expect(clippy::disallowed_methods, reason = "the connection to the master agent")]

use super::address::{self, MasterAddress, Resolver};
use super::polling::{PATIENCE, Polling};
use super::wire::{HEADER, Header, WireError};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// With more than this to send, no further values are looked up for a master agent that does not read them. What it
/// sends is read all the same: snmpd's send to a subagent blocks, and a snmpd that waits for us to read does not read
/// our answers either.
const HIGH_WATER: usize = 256 * 1024;

/// With more than this to send, the connection is dropped: short errors do not add up to it while anybody reads them.
const HARD_CAP: usize = 1024 * 1024;

/// How long connecting may take. The system would wait for minutes, with growing pauses between its attempts; ours are
/// regular, so that we connect soon after a master agent is ready again.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How much is read at once.
const READ: usize = 64 * 1024;

/// How often to try to receive before the processor is given away, while polling.
const ATTEMPTS: u32 = 4;

/// How many reads may follow each other with nothing answered between them: more than a socket's buffer holds.
const MOST_FULL_READS: u32 = 8;

/// A connection with what has been received and what waits to be sent.
pub struct Connection {
    /// Watched for input only. The runtime's sockets are watched for room to send as well, and the master agent makes
    /// room with every answer it reads: we would be woken for nothing each time, which takes a fifth of a walk. Its pipe
    /// ends are watched for one direction, and can be any descriptor that is read or written.
    stream: Receiver,
    /// The same socket, watched for room to send while something waits for it.
    room: Option<Sender>,
    received: Vec<u8>,
    taken: usize,
    filled: usize,
    /// How many reads in succession have filled all the room there was.
    full_reads: u32,
    /// What waits to be sent. Add to it; [`Connection::exchange`] sends it.
    pub out: Vec<u8>,
    sent: usize,
    /// When the last of it was sent.
    all_sent: Option<Instant>,
    polling: Polling,
}

/// A received PDU, and where to put the answer.
pub struct Incoming<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, as long as the header says.
    pub payload: &'a [u8],
    /// Whether nothing has arrived after it yet.
    pub is_last: bool,
    /// What waits to be sent.
    pub out: &'a mut Vec<u8>,
}

/// What [`Connection::exchange`] has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// There is more to take.
    Received,
    /// The other end has closed the connection.
    Closed,
    /// All that waited has been sent.
    Sent,
}

impl Connection {
    /// Connects. Without `allow_remote`, connects to loopback only, whatever a name resolves to by now.
    ///
    /// # Errors
    /// The system's error, or that connecting takes more than a second; that an address is not loopback.
    pub async fn open(
        address: &MasterAddress,
        allow_remote: bool,
        resolver: &mut Resolver,
    ) -> io::Result<Self> {
        let addresses =
            match address {
                MasterAddress::Unix(path) => {
                    let stream = timeout(CONNECT_WITHIN, UnixStream::connect(path)).await??;
                    return Self::over(stream.into_std()?.into());
                }
                MasterAddress::Tcp(address) => vec![*address],
                MasterAddress::Named(host, port) => timeout(CONNECT_WITHIN, resolver.find(host, *port))
                    .await
                    .map_err(|_| io::Error::other(format!("'{host}' is not looked up within a second")))??,
            };
        Self::tcp(address::permitted(&address.to_string(), addresses, allow_remote)?).await
    }

    /// Connects to the first address that accepts us. Each gets its share of the time, so that a silent one leaves some
    /// to the others.
    async fn tcp(addresses: Vec<SocketAddr>) -> io::Result<Self> {
        let share = CONNECT_WITHIN / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut failed = ErrorKind::AddrNotAvailable.into();
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Answers are small and must not wait for more of them.
                    stream.set_nodelay(true)?;
                    return Self::over(stream.into_std()?.into());
                }
                Ok(Err(error)) => failed = error,
                Err(elapsed) => failed = elapsed.into(),
            }
        }
        Err(failed)
    }

    /// Over a socket that does not block.
    fn over(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            stream: Receiver::from_owned_fd_unchecked(socket)?,
            room: None,
            received: Vec::new(),
            taken: 0,
            filled: 0,
            full_reads: 0,
            out: Vec::new(),
            sent: 0,
            all_sent: None,
            // Includes limits by affinity and control group.
            polling: Polling::new(std::thread::available_parallelism().map_or(1, usize::from)),
        })
    }

    /// Sends what waits and reads what has arrived, until there is something to report. Can be dropped and called again
    /// without losing anything.
    ///
    /// # Errors
    /// The system's error on the connection.
    pub async fn exchange(&mut self) -> io::Result<Exchanged> {
        std::future::poll_fn(|cx| self.poll_exchange(cx)).await
    }

    /// Reads what has arrived without waiting, known to the runtime or not, and returns whether there may be more.
    /// Leaves any error or end of the stream to [`Self::exchange`].
    pub fn catch_up(&mut self) -> bool {
        self.receive_now();
        self.has_more()
    }

    /// Sends what waits, and in a walk tries to receive the next request for a moment, giving the processor away in
    /// between. Returns when anything was received. Leaves any error or end of the stream to [`Self::exchange`].
    pub fn poll_for_next(&mut self) -> Option<Instant> {
        if !self.polling.is_due() || self.send().is_err() {
            return None;
        }
        let begun = self.all_sent.unwrap_or_else(Instant::now);
        loop {
            let received = (0..ATTEMPTS).any(|_| self.receive_now());
            let now = Instant::now();
            let took = now.saturating_duration_since(begun);
            if received {
                self.all_sent = None;
            }
            if received || took >= PATIENCE {
                self.polling.polled(received, took);
                return received.then_some(now);
            }
            std::thread::yield_now();
        }
    }

    /// As in the middle of a walk.
    #[cfg(test)]
    pub fn walk(&mut self) {
        self.polling = Polling::in_a_walk();
    }

    /// Receives without waiting, and returns whether there was anything.
    fn receive_now(&mut self) -> bool {
        self.make_room();
        let free = self.received.get_mut(self.filled..).unwrap_or_default();
        let wanted = free.len();
        let (read, _) = recv(&self.stream, free, RecvFlags::empty()).unwrap_or_default();
        self.was_read(read, wanted);
        read > 0
    }

    /// Sends what waits and reads nothing more.
    ///
    /// # Errors
    /// The system's error on the connection.
    pub async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_send(cx)).await
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.send() {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Errno::AGAIN) => {
                    // Drop what is sent, even if the master agent always leaves something unread.
                    self.out.drain(..self.sent);
                    self.sent = 0;
                    let room = match self.room.take() {
                        Some(room) => room,
                        None => Sender::from_owned_fd_unchecked(self.stream.as_fd().try_clone_to_owned()?)?,
                    };
                    let room = self.room.insert(room);
                    ready!(room.poll_write_ready(cx))?;
                    // The runtime believes that there is room until it sees that there is none.
                    let _ = room.try_io(|| Err::<(), _>(ErrorKind::WouldBlock.into()));
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Sends what waits until all is sent or there is no room for more.
    fn send(&mut self) -> rustix::io::Result<()> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match send(&self.stream, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => self.sent += sent,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        self.was_sent();
        Ok(())
    }

    /// Nothing is left to send.
    fn was_sent(&mut self) {
        if self.sent > 0 {
            self.all_sent = Some(Instant::now());
        }
        self.out.clear();
        self.out.shrink_to(HIGH_WATER);
        self.sent = 0;
        self.room = None;
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Exchanged>> {
        let all_sent = self.sent < self.out.len() && self.poll_send(cx)?.is_ready();
        match self.poll_receive(cx) {
            Poll::Pending if all_sent => Poll::Ready(Ok(Exchanged::Sent)),
            received => received,
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Exchanged>> {
        self.make_room();
        loop {
            // A read that leaves room has read all there is: the runtime makes no second call to learn that.
            let mut free = ReadBuf::new(self.received.get_mut(self.filled..).unwrap_or_default());
            let wanted = free.capacity();
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut free)) {
                Ok(()) => match free.filled().len() {
                    0 => return Poll::Ready(Ok(Exchanged::Closed)),
                    read => {
                        self.was_read(read, wanted);
                        if let Some(all_sent) = self.all_sent.take() {
                            self.polling.slept(all_sent.elapsed());
                        }
                        return Poll::Ready(Ok(Exchanged::Received));
                    }
                },
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn was_read(&mut self, read: usize, wanted: usize) {
        self.full_reads = if read < wanted { 0 } else { self.full_reads + 1 };
        self.filled += read;
    }

    /// Makes room to read into by dropping what was taken. A PDU larger than the buffer makes it grow; no PDU is larger
    /// than [`super::wire::LARGEST_PAYLOAD`].
    fn make_room(&mut self) {
        if self.taken > 0 {
            self.received.copy_within(self.taken..self.filled, 0);
            self.filled -= self.taken;
            self.taken = 0;
        }
        if self.filled == 0 && self.received.len() > READ {
            self.received = Vec::new();
        }
        if self.received.len() - self.filled < READ / 2 {
            self.received.resize(self.filled + READ, 0);
        }
    }

    /// Whether more has arrived than was read, as far as known, and must be read before anything else is done: the
    /// master agent may be waiting for room. Not for ever: it may send faster than anybody reads.
    #[must_use]
    pub fn has_more(&self) -> bool {
        (1..=MOST_FULL_READS).contains(&self.full_reads)
    }

    /// Whether so much waits to be sent that no more values should be looked up.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.out.len() - self.sent > HIGH_WATER
    }

    /// Whether so much waits to be sent that the master agent will not read it any more.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.out.len() - self.sent > HARD_CAP
    }

    /// Takes the next whole PDU from the received bytes, and lends its payload to read and the output to answer into.
    ///
    /// # Errors
    /// If the received bytes are not a PDU; the stream can then no longer be decoded.
    pub fn next_pdu(&mut self) -> Result<Option<Incoming<'_>>, WireError> {
        let more = self.has_more();
        let rest = self.received.get(self.taken..self.filled).unwrap_or_default();
        let Some(header) = Header::decode(rest)? else {
            return Ok(None);
        };
        let Some(payload) = rest.get(HEADER..HEADER + header.payload_length) else {
            return Ok(None);
        };
        self.taken += HEADER + header.payload_length;
        let is_last = self.taken == self.filled && !more;
        Ok(Some(Incoming { header, payload, is_last, out: &mut self.out }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    async fn open(address: &MasterAddress) -> io::Result<Connection> {
        Connection::open(address, false, &mut Resolver::default()).await
    }

    /// We never connect to an address that is not loopback, however it came here.
    #[tokio::test]
    async fn nothing_but_loopback_is_connected_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        if std::path::Path::new("/etc/hosts").exists() {
            open(&MasterAddress::Named("localhost".into(), port)).await.unwrap();
        }
        // Without the check this would reach the listener too: the kernel takes the address for this host.
        let unspecified = MasterAddress::Tcp(SocketAddr::from(([0, 0, 0, 0], port)));
        let refused = open(&unspecified).await.err().unwrap().to_string();
        assert!(
            refused.contains(&format!("tcp:0.0.0.0:{port} is 0.0.0.0, which is not loopback")),
            "{refused}"
        );
        Connection::open(&unspecified, true, &mut Resolver::default()).await.unwrap();
    }

    /// The first of several addresses may have no listener.
    #[tokio::test]
    async fn the_next_address_of_a_name_is_tried() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
        Connection::tcp(vec![nobody, listener.local_addr().unwrap()]).await.unwrap();
        let refused = Connection::tcp(vec![nobody]).await.err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }

    /// A master agent that reads as fast as we write, but always leaves something.
    #[tokio::test]
    async fn what_is_sent_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut connection = open(&MasterAddress::Unix(path)).await.unwrap();
        let (mut master, _) = listener.accept().unwrap();
        let mut part = vec![0; 64 << 10];
        connection.out.extend(vec![0; 1 << 20]);
        for _ in 0..100 {
            let pause = Duration::from_millis(1);
            assert!(timeout(pause, connection.flush()).await.is_err(), "all was read");
            master.read_exact(&mut part).unwrap();
            connection.out.extend_from_slice(&part);
            assert!(connection.out.len() < 2 << 20, "{}", connection.out.len());
        }
    }

    /// A peer that leaves with our bytes unread resets the connection (unix(7)): an error, once, and no loop.
    #[tokio::test]
    async fn an_error_of_the_connection_ends_the_exchange() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut connection = open(&MasterAddress::Unix(path)).await.unwrap();
        let (master, _) = listener.accept().unwrap();
        connection.out.push(1);
        connection.flush().await.unwrap();
        drop(master);
        let exchanged = timeout(Duration::from_secs(5), connection.exchange()).await.expect("it ends");
        assert_eq!(exchanged.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }

    /// A connection and the master agent's end of it.
    async fn pair(folder: &tempfile::TempDir) -> (Connection, std::os::unix::net::UnixStream) {
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let connection = open(&MasterAddress::Unix(path)).await.unwrap();
        (connection, listener.accept().unwrap().0)
    }

    /// Payloads of all sizes, in pieces of any size: the buffer grows for one and shrinks again.
    #[tokio::test]
    async fn pdus_arrive_whole_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, mut master) = pair(&folder).await;
        let lengths = [0, 4, 40_000, 65_516, 65_512, 8, 200_000, 0, 131_052, 12, 0, 262_144, 4];
        let pdu = |number: usize, length: usize| {
            let mut pdu = vec![1, 5, 0x10, 0, 0, 0, 0, 42, 0, 0, 0, 7];
            pdu.extend(u32::try_from(number).unwrap().to_be_bytes());
            pdu.extend(u32::try_from(length).unwrap().to_be_bytes());
            pdu.extend((0..length).map(|octet| (octet * 7 + number).to_le_bytes()[0]));
            pdu
        };
        let all: Vec<_> = lengths.iter().enumerate().map(|(number, length)| pdu(number, *length)).collect();
        let stream = all.concat();
        let writing = std::thread::spawn(move || {
            let mut rest = &stream[..];
            for piece in [1, 19, 3, 30_000, 70_000, 7].iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*piece));
                master.write_all(now).unwrap();
                rest = later;
                if rest.is_empty() {
                    return master;
                }
            }
            unreachable!()
        });
        let mut number = 0;
        while number < all.len() {
            assert_eq!(connection.exchange().await.unwrap(), Exchanged::Received);
            while let Some(incoming) = connection.next_pdu().unwrap() {
                assert_eq!(incoming.payload, &all[number][HEADER..], "{number}");
                number += 1;
            }
            assert!(connection.received.len() <= 262_144 + HEADER + READ, "{}", connection.received.len());
        }
        // The last one is small, and so is the buffer for what comes next.
        let mut master = writing.join().unwrap();
        master.write_all(&all[0]).unwrap();
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Received);
        assert_eq!(connection.received.len(), READ);
        assert!(connection.next_pdu().unwrap().is_some_and(|incoming| incoming.is_last));
    }

    /// 64 KiB at once; what lies behind them is read before anything is answered.
    #[tokio::test]
    async fn what_one_read_leaves_is_read_next() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, mut master) = pair(&folder).await;
        assert!(!connection.catch_up() && connection.filled == 0, "nothing has come");
        master.write_all(&[1; 100_000]).unwrap();
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Received);
        assert!(connection.filled == 65_536 && connection.has_more());
        assert!(!connection.catch_up() && connection.filled == 100_000, "{}", connection.filled);
        master.write_all(&[1; 100_000]).unwrap();
        assert!(connection.catch_up() && connection.has_more(), "{}", connection.filled);
        assert!(!connection.catch_up() && connection.filled == 200_000, "{}", connection.filled);
        // Whoever sends faster than anybody reads is answered now and then all the same.
        let mut reads = 0;
        for _ in 0..20 {
            connection.was_read(8, 8);
            reads += u32::from(connection.has_more());
        }
        assert_eq!(reads, MOST_FULL_READS);
        connection.was_read(7, 8);
        assert!(!connection.has_more());
    }

    /// The header of a PDU of which the payload has not come yet is not taken; one behind which more has come is not the
    /// last.
    #[tokio::test]
    async fn the_last_pdu_is_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, mut master) = pair(&folder).await;
        let pdu = [1, 5, 0x10, 0, 0, 0, 0, 42, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 4, 9, 9, 9, 9];
        master.write_all(&[&pdu[..], &pdu, &pdu[..22]].concat()).unwrap();
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Received);
        for _ in 0..2 {
            assert!(connection.next_pdu().unwrap().is_some_and(|incoming| !incoming.is_last));
        }
        assert!(connection.next_pdu().unwrap().is_none());
        master.write_all(&pdu[22..]).unwrap();
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Received);
        assert!(connection.next_pdu().unwrap().is_some_and(|incoming| incoming.is_last));
        assert!(connection.next_pdu().unwrap().is_none());
    }

    #[tokio::test]
    async fn what_waits_to_be_sent_has_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, mut master) = pair(&folder).await;
        connection.flush().await.unwrap();
        assert!(connection.all_sent.is_none(), "nothing was sent");
        connection.out.push(7);
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Sent);
        assert!(connection.all_sent.is_some() && connection.out.is_empty());
        master.read_exact(&mut [0]).unwrap();
        for (waiting, congested, stuck) in [
            (262_144, false, false),
            (262_145, true, false),
            (1_048_576, true, false),
            (1_048_577, true, true),
        ] {
            connection.out.resize(waiting, 0);
            assert_eq!((connection.is_congested(), connection.is_stuck()), (congested, stuck), "{waiting}");
            connection.sent = 1;
            let now = (waiting > 262_145, waiting > 1_048_577);
            assert_eq!(
                (connection.is_congested(), connection.is_stuck()),
                now,
                "{waiting}, one of them sent"
            );
            connection.sent = 0;
        }
    }

    /// Sleeps and polls, whatever the connection decides, until so many octets were received one by one.
    async fn receive(connection: &mut Connection, octets: usize) -> usize {
        let mut polled = 0;
        let end = connection.filled + octets;
        while connection.filled < end {
            connection.out.push(7);
            if connection.poll_for_next().is_some() {
                polled += 1;
                continue;
            }
            while connection.exchange().await.unwrap() != Exchanged::Received {}
        }
        polled
    }

    /// The answers of a walk are received whether we sleep or poll, and polling is the rule with several processors.
    #[tokio::test]
    async fn requests_that_follow_each_other_are_polled_for() {
        for processors in [1, 2] {
            let folder = tempfile::tempdir().unwrap();
            let (mut connection, mut master) = pair(&folder).await;
            connection.polling = Polling::new(processors);
            // For each octet that it gets it sends one.
            let answering = std::thread::spawn(move || {
                let mut octet = [0];
                while master.read(&mut octet).is_ok_and(|read| read == 1) && master.write(&octet).is_ok() {}
            });
            let polled = receive(&mut connection, 20_000).await;
            println!("{polled} of 20,000 were polled for with {processors} processors");
            assert_eq!(polled > 0, processors > 1);
            drop(connection);
            answering.join().unwrap();
        }
    }

    /// What cannot be sent or received while polling is left to the exchange, which reports it.
    #[tokio::test]
    async fn polling_loses_neither_the_end_nor_what_waits_to_be_sent() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, mut master) = pair(&folder).await;
        connection.walk();
        assert!(connection.polling.is_due());
        connection.out.extend(vec![1; 1 << 20]);
        assert!(connection.poll_for_next().is_none(), "more than fits waits to be sent");
        let reading = std::thread::spawn(move || {
            let mut all = vec![0; 1 << 20];
            master.read_exact(&mut all).unwrap();
            all.iter().all(|octet| *octet == 1)
        });
        connection.flush().await.unwrap();
        assert!(reading.join().unwrap());
        // The master agent's end is closed by now.
        assert!(connection.poll_for_next().is_none());
        assert_eq!(connection.exchange().await.unwrap(), Exchanged::Closed);
    }
}
