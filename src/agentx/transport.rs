//! The connection to the master agent: a Unix or TCP socket, and the PDUs in its stream (RFC 2741 section 8).

#![expect(clippy::disallowed_methods, reason = "the connection to the master agent")]

use super::address::{self, MasterAddress, Resolver};
use super::wire::{HEADER, Header, WireError};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => (&*stream).read(buffer),
            Self::Tcp(stream) => (&*stream).read(buffer),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => (&*stream).write(bytes),
            Self::Tcp(stream) => (&*stream).write(bytes),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Unix(stream) => stream.as_raw_fd(),
            Self::Tcp(stream) => stream.as_raw_fd(),
        }
    }
}

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

/// How many reads may follow each other with nothing answered between them: more than a socket's buffer holds.
const MOST_FULL_READS: u32 = 8;

/// A connection with what has been received and what waits to be sent.
pub struct Connection {
    /// Always watched for input, but for room to send only while needed: the master agent makes room with every answer
    /// it reads, and would wake us for nothing each time.
    stream: Option<AsyncFd<Stream>>,
    watches_writes: bool,
    received: Vec<u8>,
    taken: usize,
    filled: usize,
    /// How many reads in succession have filled all the room there was.
    full_reads: u32,
    /// What waits to be sent. Add to it; [`Connection::exchange`] sends it.
    pub out: Vec<u8>,
    sent: usize,
}

/// Registers a stream with the runtime.
#[allow(
    deprecated,
    reason = "its successor is unsafe for the sake of types whose descriptor may change; ours owns one"
)]
fn watched(stream: Stream, interest: Interest) -> io::Result<AsyncFd<Stream>> {
    AsyncFd::with_interest(stream, interest)
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
                    let stream = timeout(CONNECT_WITHIN, tokio::net::UnixStream::connect(path)).await??;
                    return Self::over(Stream::Unix(stream.into_std()?));
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
            match timeout(share, tokio::net::TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Answers are small and must not wait for more of them.
                    stream.set_nodelay(true)?;
                    return Self::over(Stream::Tcp(stream.into_std()?));
                }
                Ok(Err(error)) => failed = error,
                Err(elapsed) => failed = elapsed.into(),
            }
        }
        Err(failed)
    }

    fn over(stream: Stream) -> io::Result<Self> {
        Ok(Self {
            stream: Some(watched(stream, Interest::READABLE)?),
            watches_writes: false,
            received: Vec::new(),
            taken: 0,
            filled: 0,
            full_reads: 0,
            out: Vec::new(),
            sent: 0,
        })
    }

    /// Starts or stops watching the stream for room to send.
    fn watch_writes(&mut self, wanted: bool) -> io::Result<()> {
        if self.watches_writes != wanted {
            let stream = self.stream.take().ok_or(ErrorKind::NotConnected)?.into_inner();
            let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            // A new registration knows of no data to read yet, and reports when there is some.
            self.full_reads = 0;
            self.stream = Some(watched(stream, interest)?);
            self.watches_writes = wanted;
        }
        Ok(())
    }

    fn stream(&self) -> io::Result<&AsyncFd<Stream>> {
        self.stream.as_ref().ok_or_else(|| ErrorKind::NotConnected.into())
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
        self.full_reads = 0;
        self.make_room();
        if let (Some(stream), Some(free)) = (&self.stream, self.received.get_mut(self.filled..)) {
            let read = stream.get_ref().read(free).unwrap_or(0);
            self.full_reads = u32::from(read == free.len());
            self.filled += read;
        }
        self.has_more()
    }

    /// Sends what waits and reads nothing more.
    ///
    /// # Errors
    /// The system's error on the connection.
    pub async fn flush(&mut self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.poll_send(cx)).await
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream()?.get_ref().write(rest) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Drop what is sent, even if the master agent always leaves something unread.
                    self.out.drain(..self.sent);
                    self.sent = 0;
                    self.watch_writes(true)?;
                    ready!(self.stream()?.poll_write_ready(cx))?.clear_ready();
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.watch_writes(false)?;
        self.out.clear();
        self.out.shrink_to(HIGH_WATER);
        self.sent = 0;
        Poll::Ready(Ok(()))
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
            let stream = self.stream.as_ref().ok_or(ErrorKind::NotConnected)?;
            let mut ready = ready!(stream.poll_read_ready(cx))?;
            let free = self.received.get_mut(self.filled..).unwrap_or_default();
            let wanted = free.len();
            match stream.get_ref().read(free) {
                Ok(0) => return Poll::Ready(Ok(Exchanged::Closed)),
                Ok(read) => {
                    // A read that leaves room has read all there is: no second call to learn that.
                    if read < wanted {
                        ready.clear_ready();
                        self.full_reads = 0;
                    } else {
                        self.full_reads += 1;
                    }
                    self.filled += read;
                    return Poll::Ready(Ok(Exchanged::Received));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready.clear_ready();
                    self.full_reads = 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
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
}
