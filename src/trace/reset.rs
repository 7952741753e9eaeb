//! The events tcp_send_reset and tcp_receive_reset (include/trace/events/tcp.h).
//!
//! Their fields differ: since Linux 6.10 tcp_send_reset has two socket addresses and a reason, and also covers resets
//! that no socket sends; before that, and in tcp_receive_reset, ports and addresses are separate fields, and the IPv6
//! ones hold an IPv4 address as an IPv4-mapped one.

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

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end at which the event happened.
    Local = 1,
    /// The other one.
    Remote = 2,
}

impl Direction {
    /// The kernel's event.
    fn event(self) -> &'static str {
        match self {
            Self::Sent => "tcp_send_reset",
            Self::Received => "tcp_receive_reset",
        }
    }
}

/// An event lacks a field that it has always had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kernel's event {event} has no field {field} of {octets} octets")]
pub struct MissingField {
    /// The event.
    pub event: &'static str,
    /// The field.
    pub field: &'static str,
    /// Its expected size.
    pub octets: usize,
}

/// Address and port of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// As on the wire, so IPv4-mapped addresses become IPv4; `None` if the kernel gives none, as for the peer of a
    /// listener.
    pub address: Option<IpAddr>,
    /// 0 if the kernel gives none.
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
    /// The end that probably caused it, and the thread running then. `None` if any thread may have run.
    pub thread: Option<(Side, u32)>,
}

/// A field of a known size.
#[derive(Debug, Clone, Copy)]
struct At<const N: usize>(usize);

impl<const N: usize> At<N> {
    /// A field of the event of this direction.
    fn of(format: &Format, direction: Direction, field: &'static str) -> Result<Self, MissingField> {
        let event = direction.event();
        Self::maybe(format, field).ok_or(MissingField { event, field, octets: N })
    }

    fn maybe(format: &Format, name: &str) -> Option<Self> {
        format.field(name).filter(|field| field.size == N).map(|field| Self(field.offset))
    }

    fn get(self, record: &[u8]) -> Option<[u8; N]> {
        record.get(self.0..)?.first_chunk().copied()
    }
}

/// The position of both ends of a connection in a record.
#[derive(Debug)]
enum Ends {
    /// Two sockaddr_in or sockaddr_in6, each with room for the larger one.
    Sockets { local: At<28>, remote: At<28> },
    /// Ports in host byte order, IPv6 addresses.
    Fields { ports: [At<2>; 2], addresses: [At<16>; 2] },
}

/// The positions of the fields of one event.
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
    /// Builds them from the formats of tcp_send_reset and tcp_receive_reset.
    ///
    /// # Errors
    /// If a field is missing that has always existed.
    pub fn new(sent: &Format, received: &Format) -> Result<Self, MissingField> {
        let mut reasons = sent.symbols("reason");
        // The name is part of an index of the MIB.
        reasons.retain(|(_, name)| (1..=LONGEST_REASON).contains(&name.len()));
        Ok(Self {
            kind: At::of(sent, Direction::Sent, "common_type")?,
            sent: Event::new(sent, Direction::Sent)?,
            received: Event::new(received, Direction::Received)?,
            reasons,
        })
    }

    /// Whether the sent resets include those without a socket, such as for a port where nothing listens: since Linux
    /// 6.10.
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

    /// Reads a record. `None` if it is too short or of another event.
    #[must_use]
    pub fn decode(&self, record: &[u8]) -> Option<Reset> {
        let id = u16::from_ne_bytes(self.kind.get(record)?);
        [&self.sent, &self.received].into_iter().find(|event| event.id == id)?.decode(record)
    }
}

impl Event {
    fn new(format: &Format, direction: Direction) -> Result<Self, MissingField> {
        let ends = match (At::maybe(format, "saddr"), At::maybe(format, "daddr")) {
            (Some(local), Some(remote)) => Ends::Sockets { local, remote },
            _ => Ends::Fields {
                ports: [At::of(format, direction, "sport")?, At::of(format, direction, "dport")?],
                addresses: [At::of(format, direction, "saddr_v6")?, At::of(format, direction, "daddr_v6")?],
            },
        };
        Ok(Self {
            id: format.id,
            direction,
            ends,
            flags: At::of(format, direction, "common_flags")?,
            thread: At::of(format, direction, "common_pid")?,
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

    /// Which end caused it. An uninterrupted thread acts on its own socket: it closes it, or processes what arrived
    /// while it held it. Over loopback, a packet is processed in an interrupt on top of the thread that sent it; a
    /// packet from elsewhere may interrupt any thread, and so may a timer, which answers no packet.
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

/// A sockaddr_in or sockaddr_in6: family, port in network order, then the address, after the flow label in the latter.
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

/// `None` for the address of an unbound listener, or of its peer.
fn known(address: IpAddr) -> Option<IpAddr> {
    let none = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    (!none.contains(&address)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::page::PageLayout;

    const SENT: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_send_reset");
    const RECEIVED: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_receive_reset");

    fn running() -> Events {
        Events::new(&Format::parse(SENT).unwrap(), &Format::parse(RECEIVED).unwrap()).unwrap()
    }

    /// A format as TP_STRUCT__entry makes it: each field after the one before, aligned to its size unless an array.
    fn format(id: u16, declared: &[(&str, usize)], print: &str) -> Format {
        let common = [("unsigned short common_type", 2), ("unsigned char common_flags", 1)];
        let common = common.iter().chain(&[("unsigned char common_preempt_count", 1), ("int common_pid", 4)]);
        let (mut text, mut end) = (format!("name: an_event\nID: {id}\nformat:\n"), 0_usize);
        for (declaration, size) in common.chain(declared) {
            let align = if declaration.contains('[') { 1 } else { *size };
            let offset = end.next_multiple_of(align);
            text += &format!("\tfield:{declaration};\toffset:{offset};\tsize:{size};\tsigned:0;\n");
            end = offset + size;
        }
        Format::parse(format!("{text}\nprint fmt: {print}\n").as_bytes()).unwrap()
    }

    const POINTERS: [(&str, usize); 2] = [("const void * skbaddr", 8), ("const void * skaddr", 8)];
    const PORTS: [(&str, usize); 2] = [("__u16 sport", 2), ("__u16 dport", 2)];
    const ADDRESSES: [(&str, usize); 4] =
        [("__u8 saddr[4]", 4), ("__u8 daddr[4]", 4), ("__u8 saddr_v6[16]", 16), ("__u8 daddr_v6[16]", 16)];
    const STATE: [(&str, usize); 1] = [("int state", 4)];
    const FAMILY: [(&str, usize); 1] = [("__u16 family", 2)];

    /// Events of older kernels: 4.16, 5.10 with the state, later ones with the family, and 6.10 with the reason.
    fn older() -> Vec<(&'static str, Events)> {
        let received = |family: &[(&'static str, usize)]| {
            format(
                2,
                &[&POINTERS[1..], &PORTS, family, &ADDRESSES, &[("__u64 sock_cookie", 8)]].concat(),
                "\"\"",
            )
        };
        let sent = |state: &[_], family: &[_]| {
            format(1, &[&POINTERS[..], state, &PORTS, family, &ADDRESSES].concat(), "\"\"")
        };
        let sockets = [
            &POINTERS[..],
            &STATE,
            &[("enum sk_rst_reason reason", 4)],
            &[
                ("__u8 saddr[sizeof(struct sockaddr_in6)]", 28),
                ("__u8 daddr[sizeof(struct sockaddr_in6)]", 28),
            ],
        ];
        let print =
            "\"reason=%s\", __print_symbolic(REC->reason, { 0, \"NOT_SPECIFIED\" }, { 1, \"NO_SOCKET\" })";
        vec![
            ("4.16", Events::new(&sent(&[], &[]), &received(&[])).unwrap()),
            ("5.10", Events::new(&sent(&STATE, &[]), &received(&[])).unwrap()),
            ("before 6.10", Events::new(&sent(&STATE, &FAMILY), &received(&FAMILY)).unwrap()),
            ("6.10", Events::new(&format(1, &sockets.concat(), print), &received(&FAMILY)).unwrap()),
        ]
    }

    /// A record of an event: the octets of each relevant field.
    fn record(event: &Event, local: (&str, u16), remote: (&str, u16), flags: u8, packet: bool) -> Vec<u8> {
        let mut record = vec![0; 128];
        let mut put = |at: usize, octets: &[u8]| record[at..at + octets.len()].copy_from_slice(octets);
        put(0, &event.id.to_ne_bytes());
        put(event.flags.0, &[flags]);
        put(event.thread.0, &4711_u32.to_ne_bytes());
        if let Some(field) = &event.packet {
            put(field.offset, &u64::from(packet).to_ne_bytes());
        }
        if let Some(at) = event.reason {
            put(at.0, &1_u32.to_ne_bytes());
        }
        for (end, (address, port)) in [local, remote].into_iter().enumerate() {
            let address: IpAddr = address.parse().unwrap();
            match (&event.ends, address) {
                (Ends::Sockets { local, remote }, _) => {
                    let at = [local.0, remote.0][end];
                    put(at + 2, &port.to_be_bytes());
                    match address {
                        IpAddr::V4(ipv4) => {
                            put(at, &AF_INET.to_ne_bytes());
                            put(at + 4, &ipv4.octets());
                        }
                        IpAddr::V6(ipv6) => {
                            put(at, &AF_INET6.to_ne_bytes());
                            put(at + 8, &ipv6.octets());
                        }
                    }
                }
                (Ends::Fields { ports, addresses }, address) => {
                    put(ports[end].0, &port.to_ne_bytes());
                    let ipv6 = match address {
                        IpAddr::V4(ipv4) => ipv4.to_ipv6_mapped(),
                        IpAddr::V6(ipv6) => ipv6,
                    };
                    put(addresses[end].0, &ipv6.octets());
                }
            }
        }
        record
    }

    fn end(address: &str, port: u16) -> End {
        End { address: Some(address.parse().unwrap()), port }
    }

    #[test]
    fn both_events_of_every_kernel() {
        for (kernel, events) in older().into_iter().chain([("6.18", running())]) {
            for (event, direction) in
                [(&events.sent, Direction::Sent), (&events.received, Direction::Received)]
            {
                for [near, far] in [["127.0.0.1", "192.0.2.7"], ["::1", "2001:db8::7"]] {
                    let record = record(event, (near, 7211), (far, 50_000), 0, false);
                    let reset = events.decode(&record).unwrap();
                    assert_eq!((reset.direction, reset.local), (direction, end(near, 7211)), "{kernel}");
                    assert_eq!(reset.remote, end(far, 50_000), "{kernel}");
                    let reason = events.reason(reset.reason);
                    let has_reason = direction == Direction::Sent && matches!(kernel, "6.10" | "6.18");
                    assert_eq!(reason, if has_reason { "NO_SOCKET" } else { NOT_SPECIFIED }, "{kernel}");
                    // A truncated record is not decoded, and does no harm.
                    let ends = (0..record.len()).filter(|&end| events.decode(&record[..end]).is_some()).min();
                    assert!(ends > Some(40), "{kernel}: {ends:?}");
                }
            }
            assert_eq!(events.has_those_without_socket(), matches!(kernel, "6.10" | "6.18"), "{kernel}");
            assert_eq!(events.decode(&[0xff; 128]), None, "{kernel}: another event");
        }
    }

    #[test]
    fn ipv4_mapped_is_ipv4_and_a_listeners_peer_is_none() {
        let events = running();
        let mapped = record(&events.sent, ("::ffff:127.0.0.1", 7213), ("::ffff:192.0.2.7", 50_000), 0, false);
        let reset = events.decode(&mapped).unwrap();
        assert_eq!((reset.local, reset.remote), (end("127.0.0.1", 7213), end("192.0.2.7", 50_000)));
        for any in ["0.0.0.0", "::"] {
            let reset = events.decode(&record(&events.sent, (any, 7213), (any, 0), 0x10, true)).unwrap();
            let none = |port| End { address: None, port };
            assert_eq!((reset.local, reset.remote, reset.thread), (none(7213), none(0), None));
        }
    }

    #[test]
    fn the_thread_is_named_only_where_it_had_a_part_in_it() {
        let events = running();
        let sent = |far: &str, flags, packet| {
            let record = record(&events.sent, ("192.0.2.1", 7211), (far, 50_000), flags, packet);
            events.decode(&record).unwrap().thread
        };
        let (us, them) = (Some((Side::Local, 4711)), Some((Side::Remote, 4711)));
        // close(2), whatever the peer; BH_OFF is not an interrupt.
        assert_eq!((sent("192.0.2.7", 0, false), sent("192.0.2.7", 0x80, false)), (us, us));
        // An answer, over loopback: the peer sent the packet it answers.
        assert_eq!((sent("127.0.0.1", 0x10, true), sent("192.0.2.1", 0x10, true)), (them, them));
        // From elsewhere it may have interrupted any thread; a timer answers nothing.
        assert_eq!((sent("192.0.2.7", 0x10, true), sent("127.0.0.1", 0x10, false)), (None, None));
        assert_eq!(sent("127.0.0.1", 0x08, true), None);
        let mut idle = record(&events.sent, ("127.0.0.1", 1), ("127.0.0.1", 2), 0, false);
        idle[events.sent.thread.0..][..4].fill(0);
        assert_eq!(events.decode(&idle).unwrap().thread, None);
    }

    /// Formats and pages with a few octets changed: whatever the result, parsing ends.
    #[test]
    fn damage_does_no_harm() {
        let header = include_bytes!("../../tests/trace/6.18/header_page");
        let page = include_bytes!("../../tests/trace/6.18/trace_pipe_raw");
        let mut seed = 1_u64;
        let mut random = move |below: usize| {
            // Marsaglia's xorshift
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        };
        let mut damaged = |contents: &[u8]| {
            let mut contents = contents.to_vec();
            for _ in 0..random(4) {
                let at = random(contents.len());
                contents[at] = u8::try_from(random(256)).unwrap();
            }
            contents
        };
        let (mut events, mut records) = (0, 0);
        for _ in 0..20_000 {
            let formats = (Format::parse(&damaged(SENT)), Format::parse(&damaged(RECEIVED)));
            let (Ok(sent), Ok(received)) = formats else { continue };
            let (Ok(both), Ok(layout)) = (Events::new(&sent, &received), PageLayout::parse(&damaged(header)))
            else {
                continue;
            };
            events += 1;
            let page = damaged(page);
            records += layout.records(&page).flatten().filter(|record| both.decode(record).is_some()).count();
        }
        assert!(events > 1000 && records > 20_000, "{events} {records}");
    }

    #[test]
    fn a_reason_that_no_table_has_is_its_number() {
        let events = running();
        assert_eq!(events.reason(Some(10)), "INVALID_SYN");
        assert_eq!(events.reason(Some(0x1f)), "0x1f");
        assert_eq!(events.reason(None), NOT_SPECIFIED);
    }

    #[test]
    fn fields_that_are_missing_are_told() {
        let text = |contents: &[u8]| String::from_utf8(contents.to_vec()).unwrap();
        let without = |field: &str| {
            let sent = Format::parse(text(SENT).replace(field, "other").as_bytes()).unwrap();
            Events::new(&sent, &Format::parse(RECEIVED).unwrap()).unwrap_err().to_string()
        };
        assert_eq!(
            without("common_pid"),
            "the kernel's event tcp_send_reset has no field common_pid of 4 octets"
        );
        assert_eq!(without("daddr"), "the kernel's event tcp_send_reset has no field sport of 2 octets");
    }

    /// What a running kernel wrote while three ports, one for IPv4, IPv6 and both, each met a connection while nobody
    /// listened, a close with unread data, a refusal by a listener with a full queue (tcp_abort_on_overflow), and the
    /// end of a listener with a connection in its queue.
    #[cfg(target_endian = "little")]
    #[test]
    fn events_of_a_running_kernel() {
        let header = include_bytes!("../../tests/trace/6.18/header_page");
        let page = include_bytes!("../../tests/trace/6.18/trace_pipe_raw");
        let events = running();
        let layout = PageLayout::parse(header).unwrap();
        let resets: Vec<_> =
            layout.records(page).map(|record| events.decode(record.unwrap()).unwrap()).collect();
        let of = |port: u16, direction: Direction| {
            let resets = resets.iter().filter(move |reset| reset.direction == direction);
            resets.filter(move |reset| [reset.local.port, reset.remote.port].contains(&port))
        };
        for (port, address) in [(7211, "127.0.0.1"), (7212, "::1"), (7213, "127.0.0.1")] {
            let address: IpAddr = address.parse().unwrap();
            let sent: Vec<_> = of(port, Direction::Sent)
                .map(|reset| {
                    (events.reason(reset.reason), reset.remote.address, reset.thread.map(|(side, _)| side))
                })
                .collect();
            let told = |reason: &str, peer, side| (reason.to_owned(), peer, side);
            assert_eq!(
                sent,
                [
                    told("NO_SOCKET", Some(address), Some(Side::Remote)),
                    told("TCP_ABORT_ON_CLOSE", Some(address), Some(Side::Local)),
                    told("INVALID_SYN", None, None),
                    told("TCP_STATE", Some(address), Some(Side::Local)),
                ],
                "{port}"
            );
            let received: Vec<_> = of(port, Direction::Received).collect();
            // The client of the closed port receives the reset while it connects: its own doing.
            let sides: Vec<_> = received.iter().map(|reset| reset.thread.map(|(side, _)| side)).collect();
            let (us, them) = (Some(Side::Local), Some(Side::Remote));
            assert_eq!(sides, [us, them, us, them], "{port}");
            assert!(received.iter().all(|reset| {
                (reset.local.address, reset.remote) == (Some(address), End { address: Some(address), port })
            }));
        }
    }
}
