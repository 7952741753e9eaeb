//! The connection to the master agent: a Unix or TCP socket, and the PDUs in its stream (RFC 2741 section 8).

use super::wire::{HEADER, Header, WireError};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Where the master agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "an address is unix:/path/of/the/socket or tcp:ADDRESS:PORT, such as tcp:127.0.0.1:705";
        match text.split_once(':') {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp", address)) => match address.parse() {
                Ok(address) => Ok(Self::Tcp(address)),
                Err(_) => Err(format!("'{text}': {wanted}")),
            },
            _ => Err(format!("'{text}': {wanted}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
        }
    }
}

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

/// While so much waits to be sent, no further values are looked up for a master agent that does not read them. What it
/// sends is read all the same: snmpd's send to a subagent blocks, and a snmpd that waits for us to read does not read
/// our answers either.
const HIGH_WATER: usize = 256 * 1024;

/// Where the connection is given up: short errors alone do not come to so much while anybody reads them.
const HARD_CAP: usize = 1024 * 1024;

/// How long a connection may take to come about. The system would wait for minutes, with ever longer pauses between
/// its tries; ours are regular, so that a master agent that can take us in again soon does.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How much is read at once.
const READ: usize = 64 * 1024;

/// How many reads may come in succession, with nothing answered between them: more than a socket's buffer holds.
const MOST_FULL_READS: u32 = 8;

/// A connection with what has been received and what waits to be sent.
pub struct Connection {
    /// Watched for what comes, and for room to send only while it is wanted: the master agent makes room with every
    /// answer it reads, and each time we would be woken for nothing.
    stream: Option<AsyncFd<Stream>>,
    watches_writes: bool,
    received: Vec<u8>,
    taken: usize,
    filled: usize,
    /// How often in succession a read has filled all the room there was.
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

/// A PDU that came, and where to put the answer.
pub struct Incoming<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, as long as the header says.
    pub payload: &'a [u8],
    /// Whether nothing has come behind it yet.
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
    /// Connects.
    ///
    /// # Errors
    /// What the system says, or that it takes more than a second.
    pub async fn open(address: &Address) -> io::Result<Self> {
        tokio::time::timeout(CONNECT_WITHIN, Self::connect(address)).await?
    }

    async fn connect(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Unix(path) => Stream::Unix(tokio::net::UnixStream::connect(path).await?.into_std()?),
            Address::Tcp(address) => {
                let stream = tokio::net::TcpStream::connect(address).await?;
                // Answers are small and must not wait for more of them.
                stream.set_nodelay(true)?;
                Stream::Tcp(stream.into_std()?)
            }
        };
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

    /// Watches the stream for room to send too, or no more.
    fn watch_writes(&mut self, wanted: bool) -> io::Result<()> {
        if self.watches_writes != wanted {
            let stream = self.stream.take().ok_or(ErrorKind::NotConnected)?.into_inner();
            let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.stream = Some(watched(stream, interest)?);
            self.watches_writes = wanted;
        }
        Ok(())
    }

    fn stream(&self) -> io::Result<&AsyncFd<Stream>> {
        self.stream.as_ref().ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Sends what waits and reads what came, until there is something to tell. Can be dropped and called again without
    /// losing anything.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub async fn exchange(&mut self) -> io::Result<Exchanged> {
        std::future::poll_fn(|cx| self.poll_exchange(cx)).await
    }

    /// Reads what has come without waiting, whether the runtime knows of it or not. How it ended is left to
    /// [`Self::exchange`].
    pub fn catch_up(&mut self) {
        self.make_room();
        if let (Some(stream), Some(free)) = (&self.stream, self.received.get_mut(self.filled..)) {
            self.filled += stream.get_ref().read(free).unwrap_or(0);
        }
    }

    /// Sends what waits and reads nothing more.
    ///
    /// # Errors
    /// What the system says of the connection.
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
                    // What is sent must not stay where the master agent always leaves something unread.
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
                    // Less than there was room for is all there is: no second call to learn that.
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

    /// Makes room to read into, by dropping what was taken; a PDU that is larger than the buffer makes it grow, and a
    /// PDU is never larger than [`super::wire::LARGEST_PAYLOAD`].
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

    /// Whether more has come than was read, as far as that is known, and is to be read before anything else is done: the
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

    /// Takes the next whole PDU out of what was received, and lends what is around it: the PDU's payload to read
    /// and the output to answer into.
    ///
    /// # Errors
    /// If what was received is no PDU; the stream cannot be followed any more then.
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

    #[test]
    fn addresses() {
        let address = |text: &str| text.parse::<Address>();
        assert_eq!(address("unix:/var/agentx/master"), Ok(Address::Unix("/var/agentx/master".into())));
        assert_eq!(address("tcp:127.0.0.1:705").unwrap().to_string(), "tcp:127.0.0.1:705");
        assert_eq!(address("tcp:[::1]:705").unwrap().to_string(), "tcp:[::1]:705");
        for bad in [
            "",
            "unix:",
            "unix:relative",
            "tcp:localhost:705",
            "tcp:127.0.0.1",
            "udp:127.0.0.1:705",
            "/var/agentx/master",
        ] {
            assert!(address(bad).unwrap_err().contains("unix:/path"), "{bad}");
        }
    }

    /// A master agent that reads as fast as we write, but always leaves something.
    #[tokio::test]
    async fn what_is_sent_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut connection = Connection::open(&Address::Unix(path)).await.unwrap();
        let (mut master, _) = listener.accept().unwrap();
        let mut part = vec![0; 64 << 10];
        connection.out.extend(vec![0; 1 << 20]);
        for _ in 0..100 {
            let pause = Duration::from_millis(1);
            assert!(tokio::time::timeout(pause, connection.flush()).await.is_err(), "all was read");
            master.read_exact(&mut part).unwrap();
            connection.out.extend_from_slice(&part);
            assert!(connection.out.len() < 2 << 20, "{}", connection.out.len());
        }
    }
}
