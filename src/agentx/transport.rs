//! The connection to the master agent: a Unix or TCP socket, and the PDUs in its stream (RFC 2741 section 8).

use super::wire::{HEADER, Header, WireError};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

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
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }
}

/// While so much waits to be sent, nothing more is read: a master agent that does not read its answers gets no
/// further ones.
const HIGH_WATER: usize = 256 * 1024;

/// How much is read at once.
const READ: usize = 64 * 1024;

/// A connection with what has been received and what waits to be sent.
pub struct Connection {
    stream: Stream,
    received: Vec<u8>,
    taken: usize,
    /// What waits to be sent. Add to it; [`Connection::exchange`] sends it.
    pub out: Vec<u8>,
    sent: usize,
}

/// A PDU that came, and where to put the answer.
pub struct Incoming<'a> {
    /// Its header.
    pub header: Header,
    /// Its payload, as long as the header says.
    pub payload: &'a [u8],
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
    /// What the system says.
    pub async fn open(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                // Answers are small and must not wait for more of them.
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        Ok(Self { stream, received: Vec::new(), taken: 0, out: Vec::new(), sent: 0 })
    }

    /// Sends what waits and reads what came, until there is something to tell. Can be dropped and called again
    /// without losing anything.
    ///
    /// # Errors
    /// What the system says of the connection.
    pub async fn exchange(&mut self) -> io::Result<Exchanged> {
        std::future::poll_fn(|cx| self.poll_exchange(cx)).await
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
            match ready!(self.stream.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.out.clear();
        self.out.shrink_to(HIGH_WATER);
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Exchanged>> {
        if self.sent < self.out.len() && self.poll_send(cx)?.is_ready() {
            return Poll::Ready(Ok(Exchanged::Sent));
        }
        if self.is_congested() {
            return Poll::Pending;
        }
        self.received.drain(..self.taken);
        self.taken = 0;
        let had = self.received.len();
        self.received.resize(had + READ, 0);
        let mut buffer = ReadBuf::new(self.received.get_mut(had..).unwrap_or_default());
        let polled = self.stream.poll_read(cx, &mut buffer);
        let read = buffer.filled().len();
        self.received.truncate(had + read);
        ready!(polled)?;
        Poll::Ready(Ok(if read == 0 { Exchanged::Closed } else { Exchanged::Received }))
    }

    /// Whether so much waits to be sent that no more answers should be made.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        self.out.len() - self.sent > HIGH_WATER
    }

    /// Takes the next whole PDU out of what was received, and lends what is around it: the PDU's payload to read
    /// and the output to answer into.
    ///
    /// # Errors
    /// If what was received is no PDU; the stream cannot be followed any more then.
    pub fn next_pdu(&mut self) -> Result<Option<Incoming<'_>>, WireError> {
        let rest = self.received.get(self.taken..).unwrap_or_default();
        let Some(header) = Header::decode(rest)? else {
            return Ok(None);
        };
        let Some(payload) = rest.get(HEADER..HEADER + header.payload_length) else {
            return Ok(None);
        };
        self.taken += HEADER + header.payload_length;
        Ok(Some(Incoming { header, payload, out: &mut self.out }))
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
}
