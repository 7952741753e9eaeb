//! Where the master agent listens, and the lookup of a host name when we connect.

#![expect(clippy::disallowed_methods, reason = "looks host names up")]

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use tokio::sync::oneshot;

/// Where the master agent listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A TCP socket at this host name and port. The addresses of the name are known once it is looked up.
    Named(String, u16),
}

/// The longest path of a Unix socket, in octets.
const LONGEST_PATH: usize = 107;

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A path too long for a Unix socket, with its length in octets.
    #[error("the path has {0} octets, and that of a socket at most {LONGEST_PATH}")]
    LongPath(usize),
    /// Anything else.
    #[error(
        "'{0}': an address is unix:/path/of/the/socket or tcp:ADDRESS:PORT, such as tcp:127.0.0.1:705 or \
         tcp:localhost:705"
    )]
    NoAddress(String),
}

impl FromStr for MasterAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let address = match text.split_once(':') {
            // sun_path of unix(7), with its NUL.
            Some(("unix", path)) if path.len() > LONGEST_PATH => {
                return Err(AddressError::LongPath(path.len()));
            }
            Some(("unix", path)) if path.starts_with('/') => Some(Self::Unix(path.into())),
            Some(("tcp", address)) => address.parse().map(Self::Tcp).ok().or_else(|| named(address)),
            _ => None,
        };
        address.ok_or_else(|| AddressError::NoAddress(text.to_owned()))
    }
}

/// Parses a host name and a port. A malformed address ("127.0.0.256") is not a name either: the last part of a name is
/// never a number (RFC 3696 section 2).
fn named(text: &str) -> Option<MasterAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let is_label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    let mut labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let is_name = host.len() <= 253 && labels.clone().all(is_label);
    let ends_in_a_number = labels.next_back()?.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (is_name && !ends_in_a_number).then(|| MasterAddress::Named(host.to_owned(), port))
}

impl fmt::Display for MasterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Named(host, port) => write!(f, "tcp:{host}:{port}"),
        }
    }
}

/// Whether an address never leaves this host. An IPv4-mapped IPv6 address counts as its IPv4 address.
#[must_use]
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

type Resolved = io::Result<Vec<SocketAddr>>;

/// Looks up names, one at a time and on a thread of its own: the system may take half a minute, and a late result
/// serves the next attempt. Nothing is cached, since a name may have other addresses tomorrow.
pub struct Resolver {
    look: fn(&str, u16) -> Resolved,
    under_way: Option<(String, u16, oneshot::Receiver<Resolved>)>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { look: |host, port| Ok((host, port).to_socket_addrs()?.collect()), under_way: None }
    }
}

impl Resolver {
    /// Returns all addresses that a name has now. Can be dropped and called again.
    ///
    /// # Errors
    /// The system's error: that there is no such name, that no thread can be started.
    pub async fn find(&mut self, host: &str, port: u16) -> Resolved {
        let is_same = |(other, at, _): &(String, u16, _)| other == host && *at == port;
        if !self.under_way.as_ref().is_some_and(is_same) {
            self.under_way = Some((host.to_owned(), port, self.begin(host.to_owned(), port)?));
        }
        let found = match &mut self.under_way {
            Some((.., answer)) => answer.await,
            None => return Ok(Vec::new()),
        };
        self.under_way = None;
        let found = found.unwrap_or_else(|_| Err(io::Error::other("the thread that looks it up has ended")));
        match found {
            Ok(addresses) if addresses.is_empty() => {
                Err(io::Error::other(format!("'{host}' has no address")))
            }
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(io::Error::other(format!("'{host}' cannot be looked up: {error}"))),
        }
    }

    fn begin(&self, host: String, port: u16) -> io::Result<oneshot::Receiver<Resolved>> {
        let (sender, answer) = oneshot::channel();
        let look = self.look;
        std::thread::Builder::new().name("resolver".into()).spawn(move || {
            // If that fails, nobody waits for the result any more.
            let _ = sender.send(look(&host, port));
        })?;
        Ok(answer)
    }
}

/// Returns the addresses if we may connect to them: without `allow_remote`, all of them must be loopback. A name with
/// other addresses too is another host's name, whatever their order.
///
/// # Errors
/// Names the address that is not loopback, and says what to do if it is intended.
pub fn permitted(host: &str, addresses: Vec<SocketAddr>, allow_remote: bool) -> Resolved {
    match addresses.iter().find(|address| !allow_remote && !is_loopback(address.ip())) {
        None => Ok(addresses),
        Some(remote) => Err(io::Error::other(format!(
            "{host} is {}, which is not loopback, and AgentX has no authentication: whoever answers there is told what \
             this host does; set allow-remote = true if that is meant",
            remote.ip()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn addresses() {
        let address = |text: &str| text.parse::<MasterAddress>();
        assert_eq!(address("unix:/var/agentx/master"), Ok(MasterAddress::Unix("/var/agentx/master".into())));
        for good in ["tcp:127.0.0.1:705", "tcp:[::1]:705", "tcp:localhost:705", "tcp:a_b-1.example.:1"] {
            assert_eq!(address(good).unwrap().to_string(), good);
        }
        assert_eq!(address("tcp:localhost:705"), Ok(MasterAddress::Named("localhost".into(), 705)));
        let long = format!("tcp:{}:705", "a".repeat(64));
        for bad in [
            "",
            "unix:",
            "unix:relative",
            "tcp:localhost",
            "tcp:localhost:",
            "tcp:localhost:0",
            "tcp:localhost:65536",
            "tcp:localhost:agentx",
            "tcp::705",
            "tcp:.:705",
            "tcp:a..b:705",
            "tcp:-a:705",
            "tcp:a b:705",
            "tcp:ä:705",
            "tcp:127.0.0.1",
            // Not names, and the system would take some of them for addresses.
            "tcp:127.0.0.256:705",
            "tcp:127.1:705",
            "tcp:2130706433:705",
            "tcp:::1:705",
            "tcp:[localhost]:705",
            "udp:127.0.0.1:705",
            "localhost:705",
            "/var/agentx/master",
            &long,
        ] {
            assert!(address(bad).unwrap_err().to_string().contains("unix:/path"), "{bad}");
        }
    }

    /// sun_path of unix(7) has 108 octets, of which the last is a NUL.
    #[test]
    fn a_path_fits_into_a_socket_address() {
        let address = |octets: usize| format!("unix:/{}", "a".repeat(octets - 1)).parse::<MasterAddress>();
        assert!(matches!(address(107), Ok(MasterAddress::Unix(_))));
        assert_eq!(address(108), Err(AddressError::LongPath(108)));
    }

    fn at(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 705)).collect()
    }

    #[test]
    fn every_address_of_a_name_must_be_loopback() {
        for local in [&["127.0.0.1"][..], &["::1", "127.0.1.1"], &["::ffff:127.0.0.1"]] {
            assert_eq!(permitted("a", at(local), false).unwrap(), at(local));
        }
        for remote in [&["192.0.2.1"][..], &["127.0.0.1", "192.0.2.1"], &["::1", "::"], &["::ffff:192.0.2.1"]]
        {
            let refused = permitted("a.example", at(remote), false).unwrap_err().to_string();
            assert!(refused.contains("a.example is ") && refused.contains("allow-remote"), "{refused}");
            assert_eq!(permitted("a.example", at(remote), true).unwrap(), at(remote));
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_each_time_and_one_at_a_time() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let look = |host: &str, port| {
            let times = ASKED.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(if host == "slow" { 300 } else { 0 }));
            let ip = if times.is_multiple_of(2) { [127, 0, 0, 1] } else { [192, 0, 2, 1] };
            Ok(vec![SocketAddr::from((ip, port))])
        };
        let mut resolver = Resolver { look, under_way: None };
        // The name's address changes.
        assert_eq!(resolver.find("a", 705).await.unwrap(), at(&["127.0.0.1"]));
        assert_eq!(resolver.find("a", 705).await.unwrap(), at(&["192.0.2.1"]));
        // A caller that gives up and retries waits for the same answer.
        for _ in 0..3 {
            let tried = tokio::time::timeout(Duration::from_millis(20), resolver.find("slow", 705)).await;
            assert!(tried.is_err());
        }
        assert_eq!(resolver.find("slow", 705).await.unwrap(), at(&["127.0.0.1"]));
        assert_eq!(ASKED.load(Ordering::Relaxed), 3);
        // Another name, or another port, has an answer of its own.
        let tried = tokio::time::timeout(Duration::from_millis(20), resolver.find("slow", 705)).await;
        assert!(tried.is_err());
        assert_eq!(resolver.find("slow", 706).await.unwrap()[0].port(), 706);
        assert_eq!(resolver.find("a", 706).await.unwrap()[0].port(), 706);
        assert_eq!(ASKED.load(Ordering::Relaxed), 6);
        let none = Resolver { look: |_, _| Ok(Vec::new()), under_way: None }.find("a", 1).await;
        assert!(none.unwrap_err().to_string().contains("'a' has no address"));
    }

    /// The system's resolver, without a name server: /etc/hosts has one name, and by RFC 6761 the other never exists.
    #[tokio::test]
    async fn the_system_is_asked() {
        if !std::path::Path::new("/etc/hosts").exists() {
            let note = b"note: localhost is not looked up: there is no /etc/hosts here\n";
            return io::Write::write_all(&mut io::stderr(), note).unwrap();
        }
        let mut resolver = Resolver::default();
        let found = resolver.find("localhost", 705).await.unwrap();
        assert!(found.iter().all(|address| is_loopback(address.ip()) && address.port() == 705), "{found:?}");
        let none = tokio::time::timeout(Duration::from_secs(5), resolver.find("no.invalid", 705)).await;
        // This takes longer if a name server is asked that does not answer.
        if let Ok(none) = none {
            assert!(none.unwrap_err().to_string().contains("'no.invalid' cannot be looked up: "));
        }
    }
}
