//! The events tcp_send_reset and tcp_receive_reset (include/trace/events/tcp.h).
//!
//! Their fields differ: since Linux 6.10 tcp_send_reset has two socket addresses and a reason, and is there for resets
//! that no socket sends, too; before that, and in tcp_receive_reset, ports and addresses are fields of their own, and
//! an IPv4 address stands as an IPv4-mapped one among those of IPv6.

use super::format::{Field, Format};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this host sent the reset or received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// tcp_send_reset
    Sent = 1,
    /// tcp_receive_reset
    Received = 2,
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one at which the event happened.
    Local = 1,
    /// The other one.
    Remote = 2,
}

/// Address and port of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// As on the wire, so that IPv4-mapped addresses are IPv4 ones; `None` where the kernel gives none: it does not for
    /// the peer of a listener.
    pub address: Option<IpAddr>,
    /// 0 where the kernel gives none.
    pub port: u16,
}

/// One reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// Sent or received.
    pub direction: Direction,
    /// The end where it happened.
    pub local: End,
    /// The other end.
    pub remote: End,
    /// The kernel's number for the reason (enum sk_rst_reason), for [`Events::reason`].
    pub reason: Option<u32>,
    /// The end whose doing it probably was, and the thread that ran then. None where any thread may have run.
    pub thread: Option<(Side, u32)>,
}

/// A field of a known size.
#[derive(Debug, Clone, Copy)]
struct At<const N: usize>(usize);

impl<const N: usize> At<N> {
    fn of(format: &Format, name: &str) -> Result<Self, String> {
        Self::maybe(format, name).ok_or_else(|| format!("no field {name} of {N} octets"))
    }

    fn maybe(format: &Format, name: &str) -> Option<Self> {
        format.field(name).filter(|field| field.size == N).map(|field| Self(field.offset))
    }

    fn get(self, record: &[u8]) -> Option<[u8; N]> {
        record.get(self.0..)?.first_chunk().copied()
    }
}

/// Where the two ends of a connection are in a record.
#[derive(Debug)]
enum Ends {
    /// Two sockaddr_in or sockaddr_in6, each in the room of the larger one.
    Sockets { local: At<28>, remote: At<28> },
    /// Ports in the byte order of the host, addresses as those of IPv6.
    Fields { ports: [At<2>; 2], addresses: [At<16>; 2] },
}

/// Where the fields of one of the two events are.
#[derive(Debug)]
struct Event {
    id: u16,
    direction: Direction,
    ends: Ends,
    flags: At<1>,
    thread: At<4>,
    reason: Option<At<4>>,
    /// The packet that the reset answers.
    packet: Option<Field>,
}

/// What the running kernel's events look like.
#[derive(Debug)]
pub struct Events {
    kind: At<2>,
    sent: Event,
    received: Event,
    reasons: Vec<(u32, String)>,
}

/// The kernel's name for no particular reason.
pub const NOT_SPECIFIED: &str = "NOT_SPECIFIED";

/// The longest name of a reason that is kept whole.
const LONGEST_REASON: usize = 64;

/// Bits of `common_flags` (include/linux/trace_events.h): the thread was interrupted by something else.
const INTERRUPT: u8 = HARD_INTERRUPT | SOFT_INTERRUPT | NON_MASKABLE_INTERRUPT;
const HARD_INTERRUPT: u8 = 0x08;
const SOFT_INTERRUPT: u8 = 0x10;
const NON_MASKABLE_INTERRUPT: u8 = 0x40;

impl Events {
    /// From the formats of tcp_send_reset and tcp_receive_reset.
    ///
    /// # Errors
    /// If a field is missing that has always been there.
    pub fn new(sent: &Format, received: &Format) -> Result<Self, String> {
        let mut reasons = sent.symbols("reason");
        // The name is part of an index of the MIB.
        reasons.retain(|(_, name)| (1..=LONGEST_REASON).contains(&name.len()));
        let told =
            |event: &'static str| move |problem: String| format!("the kernel's event {event} has {problem}");
        Ok(Self {
            kind: At::of(sent, "common_type").map_err(told("tcp_send_reset"))?,
            sent: Event::new(sent, Direction::Sent).map_err(told("tcp_send_reset"))?,
            received: Event::new(received, Direction::Received).map_err(told("tcp_receive_reset"))?,
            reasons,
        })
    }

    /// Whether resets are among those sent that belong to no socket, such as for a port where nothing listens: since
    /// Linux 6.10.
    #[must_use]
    pub fn has_those_without_socket(&self) -> bool {
        matches!(self.sent.ends, Ends::Sockets { .. })
    }

    /// The name of a reason: the kernel's own, or its number as the kernel would print it.
    #[must_use]
    pub fn reason(&self, reason: Option<u32>) -> String {
        let Some(number) = reason else {
            return NOT_SPECIFIED.to_owned();
        };
        let known = self.reasons.iter().find(|(known, _)| *known == number);
        known.map_or_else(|| format!("{number:#x}"), |(_, name)| name.clone())
    }

    /// Reads a record. None for one of another event, or one that is too short.
    #[must_use]
    pub fn decode(&self, record: &[u8]) -> Option<Reset> {
        let id = u16::from_ne_bytes(self.kind.get(record)?);
        [&self.sent, &self.received].into_iter().find(|event| event.id == id)?.decode(record)
    }
}

impl Event {
    fn new(format: &Format, direction: Direction) -> Result<Self, String> {
        let ends = match (At::maybe(format, "saddr"), At::maybe(format, "daddr")) {
            (Some(local), Some(remote)) => Ends::Sockets { local, remote },
            _ => Ends::Fields {
                ports: [At::of(format, "sport")?, At::of(format, "dport")?],
                addresses: [At::of(format, "saddr_v6")?, At::of(format, "daddr_v6")?],
            },
        };
        Ok(Self {
            id: format.id,
            direction,
            ends,
            flags: At::of(format, "common_flags")?,
            thread: At::of(format, "common_pid")?,
            reason: At::maybe(format, "reason"),
            packet: format.field("skbaddr").cloned(),
        })
    }

    fn decode(&self, record: &[u8]) -> Option<Reset> {
        let [local, remote] = match &self.ends {
            Ends::Sockets { local, remote } => [socket(local.get(record)?), socket(remote.get(record)?)],
            Ends::Fields { ports: [local, remote], addresses: [near, far] } => [
                End { port: u16::from_ne_bytes(local.get(record)?), address: address(near.get(record)?) },
                End { port: u16::from_ne_bytes(remote.get(record)?), address: address(far.get(record)?) },
            ],
        };
        Some(Reset {
            direction: self.direction,
            local,
            remote,
            reason: self.reason.and_then(|at| at.get(record)).map(u32::from_ne_bytes),
            thread: self.thread(record, local, remote),
        })
    }

    /// Whose doing it was. A thread that was not interrupted acts on its own socket: it closes it, or works off what
    /// came while it held it. Over loopback, a packet is worked off in an interrupt on top of the thread that sent it;
    /// one that comes from elsewhere may interrupt any thread, and so may a timer, which answers no packet.
    fn thread(&self, record: &[u8], local: End, remote: End) -> Option<(Side, u32)> {
        let thread = u32::from_ne_bytes(self.thread.get(record)?);
        let [flags] = self.flags.get(record)?;
        // 0 is the idle thread.
        if thread == 0 {
            return None;
        }
        if flags & INTERRUPT == 0 {
            return Some((Side::Local, thread));
        }
        let at_home = match (local.address, remote.address) {
            (Some(local), Some(remote)) => remote.is_loopback() || remote == local,
            // A listener's event has no peer.
            _ => false,
        };
        let answers = self.direction == Direction::Received || self.answers_a_packet(record);
        (at_home && answers && flags & INTERRUPT == SOFT_INTERRUPT).then_some((Side::Remote, thread))
    }

    fn answers_a_packet(&self, record: &[u8]) -> bool {
        let pointer =
            self.packet.as_ref().and_then(|field| record.get(field.offset..field.offset + field.size));
        pointer.is_some_and(|pointer| pointer.iter().any(|&octet| octet != 0))
    }
}

/// Numbers of address families.
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// A sockaddr_in or sockaddr_in6: family, port in network order, then the address, behind the flow label in the latter.
fn socket(octets: [u8; 28]) -> End {
    let [a, b, high, low, ..] = octets;
    let address = match u16::from_ne_bytes([a, b]) {
        AF_INET => octets.get(4..).and_then(<[u8]>::first_chunk::<4>).map(|ipv4| known((*ipv4).into())),
        AF_INET6 => octets.get(8..).and_then(<[u8]>::first_chunk::<16>).map(|ipv6| address(*ipv6)),
        _ => None,
    };
    End { address: address.flatten(), port: u16::from_be_bytes([high, low]) }
}

fn address(octets: [u8; 16]) -> Option<IpAddr> {
    known(Ipv6Addr::from(octets).to_canonical())
}

/// The address of a listener that is bound to none, or of its peer, is none.
fn known(address: IpAddr) -> Option<IpAddr> {
    let none = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    (!none.contains(&address)).then_some(address)
}
