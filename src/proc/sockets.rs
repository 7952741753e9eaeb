//! The rows of net/tcp, net/tcp6, net/udp and net/udp6.
//!
//! Written by `tcp4_seq_show` (net/ipv4/tcp_ipv4.c), `tcp6_seq_show` (net/ipv6/tcp_ipv6.c), `udp4_seq_show`
//! (net/ipv4/udp.c) and `udp6_seq_show` (net/ipv6/udp.c) in the same fixed columns:
//! `sl: local:port remote:port st tx_queue:rx_queue tr:when retrnsmt uid timeout inode …`.
//! Counting needs only the first few, so a row is split in two steps.

use super::error::{Excerpt, Fault, ParseError};
use super::figure::Figure;
use super::seen::Identity;
use super::words;
use crate::smi::inet::AddressType;
use std::net::SocketAddr;

/// An address as these files write it: 32-bit words in host byte order, eight hex digits each.
pub trait Address: Copy + Ord + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static {
    /// Hex digits per address.
    const DIGITS: usize;
    /// Which of the two address families.
    const TYPE: AddressType;
    /// Parses hex digits into octets in network order.
    fn parse(digits: &[u8]) -> Option<Self>;
    /// The standard library's address, for printing.
    fn ip(&self) -> std::net::IpAddr;
    /// From octets in network order, ignoring extra ones; `None` if there are too few.
    fn from_octets(octets: &[u8]) -> Option<Self>;
}

/// An IPv4 address in network order.
pub type V4 = [u8; 4];
/// An IPv6 address in network order.
pub type V6 = [u8; 16];

impl Address for V4 {
    const DIGITS: usize = 8;
    const TYPE: AddressType = AddressType::Ipv4;

    fn parse(digits: &[u8]) -> Option<Self> {
        hex(digits).map(u32::to_ne_bytes)
    }

    fn ip(&self) -> std::net::IpAddr {
        (*self).into()
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.first_chunk().copied()
    }
}

impl Address for V6 {
    const DIGITS: usize = 32;
    const TYPE: AddressType = AddressType::Ipv6;

    fn parse(digits: &[u8]) -> Option<Self> {
        let mut octets = [0; 16];
        for (word, digits) in octets.chunks_exact_mut(4).zip(digits.chunks(8)) {
            word.copy_from_slice(&V4::parse(digits)?);
        }
        Some(octets)
    }

    fn ip(&self) -> std::net::IpAddr {
        (*self).into()
    }

    fn from_octets(octets: &[u8]) -> Option<Self> {
        octets.first_chunk().copied()
    }
}

/// The value of each hex digit, 0xff for every other byte.
static HEX: [u8; 256] = hex_table();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const fn hex_table() -> [u8; 256] {
    let mut table = [0xff; 256];
    let mut value = 0_u8;
    while value < 16 {
        let digit = b"0123456789abcdef"[value as usize];
        table[digit as usize] = value;
        table[digit.to_ascii_uppercase() as usize] = value;
        value += 1;
    }
    table
}

/// One to eight hex digits.
pub(super) fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let (mut number, mut bad) = (0, 0);
    for &digit in digits {
        let value = HEX.get(usize::from(digit)).copied().unwrap_or(0xff);
        bad |= value;
        number = (number << 4) | u32::from(value & 0xf);
    }
    (bad < 0x10).then_some(number)
}

/// TCP states, numbered as in TCP-MIB's tcpConnectionState (RFC 4022).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum TcpState {
    /// closed(1)
    Closed = 1,
    /// listen(2)
    Listen = 2,
    /// synSent(3)
    SynSent = 3,
    /// synReceived(4)
    SynReceived = 4,
    /// established(5)
    Established = 5,
    /// finWait1(6)
    FinWait1 = 6,
    /// finWait2(7)
    FinWait2 = 7,
    /// closeWait(8)
    CloseWait = 8,
    /// lastAck(9)
    LastAck = 9,
    /// closing(10)
    Closing = 10,
    /// timeWait(11)
    TimeWait = 11,
}

impl TcpState {
    /// All eleven in numeric order, with TCP-MIB's label.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Closed, "closed"),
        (Self::Listen, "listen"),
        (Self::SynSent, "synSent"),
        (Self::SynReceived, "synReceived"),
        (Self::Established, "established"),
        (Self::FinWait1, "finWait1"),
        (Self::FinWait2, "finWait2"),
        (Self::CloseWait, "closeWait"),
        (Self::LastAck, "lastAck"),
        (Self::Closing, "closing"),
        (Self::TimeWait, "timeWait"),
    ];

    /// From the kernel's number (include/net/tcp_states.h); `None` for a state the MIB does not know, which is no
    /// connection: TCP_BOUND_INACTIVE (13), and any later addition.
    #[must_use]
    pub fn from_kernel(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Established,
            2 => Self::SynSent,
            // TCP_NEW_SYN_RECV (12) is a request without a full socket yet; the kernel prints it as 3.
            3 | 12 => Self::SynReceived,
            4 => Self::FinWait1,
            5 => Self::FinWait2,
            6 => Self::TimeWait,
            7 => Self::Closed,
            8 => Self::CloseWait,
            9 => Self::LastAck,
            10 => Self::Listen,
            11 => Self::Closing,
            _ => return None,
        })
    }

    /// The state's number in TCP-MIB.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// The columns up to the state, which is all that counting needs from most rows.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    local: &'a [u8],
    remote: &'a [u8],
    remote_port: &'a [u8],
    /// Local port.
    pub local_port: u16,
    /// The kernel's number for the state.
    pub state: u8,
    /// The columns from tx_queue:rx_queue on.
    pub(super) rest: &'a [u8],
}

/// Splits a row of a table with addresses of type `A`.
///
/// # Errors
/// If a field is missing or malformed; the error names it.
#[inline]
pub fn head<A: Address>(row: &[u8]) -> Result<Head<'_>, Fault> {
    fixed::<A>(row).ok_or_else(|| Fault::NoSocket { digits: A::DIGITS, row: Excerpt::of(row) })
}

#[inline]
fn fixed<A: Address>(row: &[u8]) -> Option<Head<'_>> {
    let colon = memchr::memchr(b':', row)?;
    // " local:port remote:port st" after the colon of the slot number.
    let (local, rest) = row.get(colon + 1..)?.strip_prefix(b" ")?.split_at_checked(A::DIGITS)?;
    let (local_port, rest) = rest.strip_prefix(b":")?.split_at_checked(4)?;
    let (remote, rest) = rest.strip_prefix(b" ")?.split_at_checked(A::DIGITS)?;
    let (remote_port, rest) = rest.strip_prefix(b":")?.split_at_checked(4)?;
    let (state, rest) = rest.strip_prefix(b" ")?.split_at_checked(2)?;
    Some(Head {
        local,
        remote,
        remote_port,
        local_port: u16::try_from(hex(local_port)?).ok()?,
        state: u8::try_from(hex(state)?).ok()?,
        rest: rest.strip_prefix(b" ")?,
    })
}

/// One end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint<A> {
    /// Address.
    pub address: A,
    /// Port.
    pub port: u16,
}

impl<A: Address> From<Endpoint<A>> for SocketAddr {
    fn from(endpoint: Endpoint<A>) -> Self {
        Self::new(endpoint.address.ip(), endpoint.port)
    }
}

impl Head<'_> {
    /// The local endpoint.
    ///
    /// # Errors
    /// If the address is not in hex digits.
    pub fn local<A: Address>(&self) -> Result<Endpoint<A>, Fault> {
        let address = A::parse(self.local).ok_or_else(|| column("local_address", self.local))?;
        Ok(Endpoint { address, port: self.local_port })
    }

    /// The remote endpoint; zeros if there is none.
    ///
    /// # Errors
    /// If address or port are not in hex digits.
    pub fn remote<A: Address>(&self) -> Result<Endpoint<A>, Fault> {
        let address = A::parse(self.remote).ok_or_else(|| column("rem_address", self.remote))?;
        let port = hex(self.remote_port).and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| column("rem_address port", self.remote_port))?;
        Ok(Endpoint { address, port })
    }

    /// Octets waiting to be sent, and to be read; in LISTEN rows the second is the accept queue (connections). The
    /// kernel prints an int without its sign: `None` means below zero, as a difference of figures not read at the same
    /// moment can be for a while (`udp_rqueue_get` in net/ipv4/udp.c).
    ///
    /// # Errors
    /// If they are not in hex digits.
    pub fn queues(&self) -> Result<(Option<u32>, Option<u32>), Fault> {
        // Fewer digits would mean a row cut off in the middle of a number.
        let field = self.rest.get(..17);
        let queues = || {
            let (transmit, receive) = field?.split_at_checked(8)?;
            let level = |number: u32| Some(number).filter(|&number| i32::try_from(number).is_ok());
            Some((level(hex(transmit)?), level(hex(receive.strip_prefix(b":")?)?)))
        };
        queues().ok_or_else(|| column("tx_queue:rx_queue", field.unwrap_or(self.rest)))
    }

    /// The inode of the socket, 32 bits; 0 if no process holds it (TIME_WAIT, not accepted yet).
    ///
    /// # Errors
    /// If it is missing or malformed.
    pub fn inode(&self) -> Result<u64, Fault> {
        self.decimal_column(5, "inode")
    }

    /// Datagrams a UDP socket dropped, `sk_drops`; kernels before 2.6.27 do not print it, and old ones print 2^31 and
    /// more with a sign.
    ///
    /// # Errors
    /// If it is missing or malformed.
    pub fn drops(&self) -> Result<u64, Fault> {
        self.decimal_column(8, "drops")
    }

    /// A decimal column, counted from tx_queue:rx_queue (0).
    fn decimal_column(&self, position: usize, name: &'static str) -> Result<u64, Fault> {
        let word = words(self.rest).nth(position).unwrap_or_default();
        let count = Figure::parse(word).and_then(|figure| figure.as_count().count());
        count.ok_or_else(|| column(name, word))
    }
}

/// A malformed column.
#[cold]
pub(super) fn column(column: &'static str, found: &[u8]) -> Fault {
    Fault::Column { column, found: Excerpt::of(found) }
}

/// What tells a socket's row from others: the octets from the local address to the state, and the inode; `None` if the
/// line is no row. A socket that has changed its state counts as another row.
#[must_use]
pub fn identity<A: Address>(row: &[u8]) -> Option<Identity<'_>> {
    // "local:port remote:port st " with the spaces between them.
    let length = 2 * (A::DIGITS + 6) + 2;
    let colon = memchr::memchr(b':', row)?;
    let (ends, rest) = row.get(colon + 2..)?.split_at_checked(length)?;
    // After tx_queue:rx_queue, tr:when and retrnsmt, which have these lengths in nearly every row.
    let fixed = rest.get(39..).filter(|_| rest.get(30) == Some(&b' ') && rest.get(39) == Some(&b' '));
    let inode = match fixed {
        Some(columns) => words(columns).nth(2),
        None => words(rest).nth(5),
    };
    Some((ends, inode?))
}

/// Checks the first line of a socket table, so that no other file is mistaken for one.
///
/// # Errors
/// If it is not the header the kernel writes.
pub fn header(line: &[u8]) -> Result<(), ParseError> {
    let mut columns = words(line);
    match (columns.next(), columns.next()) {
        (Some(b"sl"), Some(b"local_address")) => Ok(()),
        _ => Err(ParseError::new(1, Fault::NoTableHeader(Excerpt::of(line)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &[u8] = b"   1: 0100007F:1F41 0100007F:80AE 01 00000003:00000010 00:00000000 00000000     0        0 5592 2 00000000ef9e802c 100 0 0 10 0                      ";
    const TCP6: &[u8] = b"   3: 0000000000000000FFFF00000100007F:1F42 0000000000000000FFFF00000100007F:C242 08 00000000:00000000 00:00000000 00000000     0        0 5597 1 0";
    const UDP: &[u8] = b" 8025: 00000000:2328 00000000:0000 07 00000000:00000340 00:00000000 00000000     0        0 5598 2 00000000d50c76d6 12          ";

    #[test]
    fn rows_of_every_table() {
        let row = head::<V4>(TCP).unwrap();
        assert_eq!(row.local::<V4>().unwrap(), Endpoint { address: [127, 0, 0, 1], port: 8001 });
        assert_eq!(row.remote::<V4>().unwrap().port, 32942);
        assert_eq!((row.state, row.queues().unwrap(), row.inode().unwrap()), (1, (Some(3), Some(16)), 5592));

        let row = head::<V6>(TCP6).unwrap();
        let mapped = row.local::<V6>().unwrap();
        assert_eq!(mapped.address.ip().to_string(), "::ffff:127.0.0.1");
        assert_eq!((mapped.port, row.state, row.inode().unwrap()), (8002, 8, 5597));

        let row = head::<V4>(UDP).unwrap();
        assert_eq!((row.state, row.queues().unwrap().1, row.drops().unwrap()), (7, Some(0x340), 12));
    }

    #[test]
    fn a_row_that_comes_again_is_known_by_its_ends_state_and_inode() {
        assert_eq!(identity::<V4>(TCP), Some((&b"0100007F:1F41 0100007F:80AE 01"[..], &b"5592"[..])));
        let ends = b"0000000000000000FFFF00000100007F:1F42 0000000000000000FFFF00000100007F:C242 08";
        assert_eq!(identity::<V6>(TCP6), Some((&ends[..], &b"5597"[..])));
        assert_eq!(identity::<V4>(UDP), Some((&b"00000000:2328 00000000:0000 07"[..], &b"5598"[..])));
        let text = String::from_utf8(TCP.to_vec()).unwrap();
        for (from, to, same) in [
            ("   1:", "100001:", true),
            ("00000003:", "00000004:", true),
            // A timer of a hundred days.
            ("00:00000000 00000000", "02:100000000 00000001", true),
            ("    0        0 5592 2 ", "4294967295        0 5592 3 ", true),
            // A timer, and retransmissions, of more digits than any kernel prints: a space stands where one always does.
            ("00:00000000 00000000", "00:00000000000000000 00000000", true),
            ("00:00000000 00000000", "00:00000000 000000000", true),
            ("5592", "5593", false),
            (" 01 ", " 06 ", false),
            (":80AE", ":80AF", false),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(text, other);
            assert_eq!(identity::<V4>(other.as_bytes()) == identity::<V4>(TCP), same, "{other}");
        }
        assert_eq!(identity::<V4>(b"  sl  local_address rem_address   st"), None);
        for end in 0..TCP6.len() {
            let _ = identity::<V6>(&TCP6[..end]);
        }
    }

    #[test]
    fn a_row_cut_anywhere_is_an_error_and_no_panic() {
        for row in [TCP, TCP6, UDP] {
            for end in 0..row.len() {
                let cut = &row[..end];
                let _ = head::<V4>(cut)
                    .map(|row| (row.local::<V4>().is_ok(), row.queues().is_ok(), row.drops().is_ok()));
                let _ = head::<V6>(cut).map(|row| (row.remote::<V6>().is_ok(), row.inode().is_ok()));
            }
        }
        assert!(head::<V4>(&TCP[..30]).is_err());
        // One digit short, which would read as a smaller number.
        let end = TCP.windows(9).position(|field| field == b":00000010").unwrap() + 9;
        assert_eq!(head::<V4>(&TCP[..end]).unwrap().queues(), Ok((Some(3), Some(16))));
        assert!(head::<V4>(&TCP[..end - 1]).unwrap().queues().is_err());
        assert!(head::<V6>(TCP).is_err());
        assert!(head::<V4>(TCP6).is_err());
    }

    /// Old kernels print drops with a sign; queues are an int printed without one.
    #[test]
    fn a_signed_count_is_that_count_and_a_queue_below_zero_is_none() {
        let row = String::from_utf8(UDP.to_vec()).unwrap();
        let row = row.replace(" 12 ", " -2147483000 ").replace("00000000:00000340", "FFFFF100:7FFFFFFF");
        let head = head::<V4>(row.as_bytes()).unwrap();
        assert_eq!(head.drops(), Ok(2_147_484_296));
        assert_eq!(head.queues(), Ok((None, Some(0x7FFF_FFFF))));
        assert_eq!(head.inode(), Ok(5598));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for (good, bad) in [("1F41", "1FX1"), (" 01 ", " 0z "), ("0100007F:1F41", "01000\x007F:1F41")] {
            let row = String::from_utf8(TCP.to_vec()).unwrap().replacen(good, bad, 1);
            let complete = head::<V4>(row.as_bytes()).and_then(|row| row.local::<V4>());
            assert!(complete.is_err(), "{row}");
        }
        let row = String::from_utf8(TCP.to_vec()).unwrap().replace("5592", "555555555555555555555555555555");
        assert!(head::<V4>(row.as_bytes()).unwrap().inode().is_err());
    }

    #[test]
    fn states_have_the_numbers_of_tcp_mib() {
        for (position, (state, _)) in TcpState::ALL.iter().enumerate() {
            assert_eq!(usize::from(state.number()), position + 1);
        }
        let known: Vec<u8> = (0..=255).filter(|&n| TcpState::from_kernel(n).is_some()).collect();
        assert_eq!(known, (1..=12).collect::<Vec<u8>>());
        assert_eq!(TcpState::from_kernel(10), Some(TcpState::Listen));
        assert_eq!(TcpState::from_kernel(12), Some(TcpState::SynReceived));
    }

    #[test]
    fn hex_digits_of_either_case() {
        assert_eq!(hex(b"00fF"), Some(255));
        assert_eq!(hex(b"FFFFFFFF"), Some(u32::MAX));
        for bad in [&b""[..], b"g", b"123456789", b" 1", b"-1"] {
            assert_eq!(hex(bad), None);
        }
    }

    #[test]
    fn an_address_has_all_of_its_octets() {
        let octets: [u8; 17] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        assert_eq!((V4::from_octets(&octets), V4::from_octets(&octets[..3])), (Some([0, 1, 2, 3]), None));
        assert_eq!(V6::from_octets(&octets).as_ref().map(|address| &address[..]), octets.get(..16));
        assert_eq!(V6::from_octets(&octets[..15]), None);
    }

    #[test]
    fn headers() {
        assert!(header(b"  sl  local_address rem_address   st tx_queue").is_ok());
        assert!(header(b"Ip: Forwarding").is_err());
        assert!(header(b"").is_err());
    }
}
