//! B.1.2: sockets in use and memory, from net/sockstat, and the limits they run against.

use crate::mib::object::{Group, Object, Place, Read, Scalar};
use crate::mib::syntax::Syntax;
use crate::smi::value::Value;

/// lnsSockstat
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 2]),
    name: "lnsSockstat",
    description: "Sockets in use and the memory they hold, and the limits they run against.",
    objects: &[
        gauge(
            1,
            "lnsSockstatSocketsUsed",
            "sockets",
            SOCKETS,
            "used",
            "Sockets of every kind that are open, Unix sockets among them.",
        ),
        gauge(
            2,
            "lnsSockstatTcpInUse",
            "sockets",
            TCP,
            "inuse",
            "TCP sockets over IPv4 that are bound or connected, without those in TIME_WAIT.",
        ),
        gauge(
            3,
            "lnsSockstatTcpOrphan",
            "sockets",
            TCP,
            "orphan",
            "TCP sockets that no program holds any more and that still have data or a FIN to deliver. Above lnsLimitTcpMaxOrphans the kernel resets them.",
        ),
        gauge(
            4,
            "lnsSockstatTcpTimeWait",
            "sockets",
            TCP,
            "tw",
            "TCP sockets in TIME_WAIT. Above lnsLimitTcpMaxTwBuckets the kernel destroys them at once and counts lnsTcpExtTCPTimeWaitOverflow.",
        ),
        gauge(
            5,
            "lnsSockstatTcpAlloc",
            "sockets",
            TCP,
            "alloc",
            "TCP sockets that are allocated in any state, IPv4 and IPv6, without those in TIME_WAIT.",
        ),
        gauge(
            6,
            "lnsSockstatTcpMem",
            "pages",
            TCP,
            "mem",
            "Memory in TCP's buffers. Above lnsLimitTcpMemPressure the kernel holds buffers small, above lnsLimitTcpMemHigh it refuses memory. A page is 4096 octets on most machines.",
        ),
        gauge(7, "lnsSockstatUdpInUse", "sockets", UDP, "inuse", "UDP sockets over IPv4 that are bound."),
        gauge(
            8,
            "lnsSockstatUdpMem",
            "pages",
            UDP,
            "mem",
            "Memory in UDP's buffers. Above lnsLimitUdpMemHigh datagrams are dropped. A page is 4096 octets on most machines.",
        ),
        gauge(
            9,
            "lnsSockstatUdpLiteInUse",
            "sockets",
            "UDPLITE",
            "inuse",
            "UDP-Lite sockets over IPv4 that are bound. Kernels without UDP-Lite have no instance.",
        ),
        gauge(10, "lnsSockstatRawInUse", "sockets", "RAW", "inuse", "Raw sockets over IPv4."),
        gauge(
            11,
            "lnsSockstatFragInUse",
            "datagrams",
            FRAG,
            "inuse",
            "IPv4 datagrams whose fragments are being collected.",
        ),
        gauge(
            12,
            "lnsSockstatFragMemory",
            "octets",
            FRAG,
            "memory",
            "Memory in IPv4 fragments that wait for the rest of their datagram. Above net.ipv4.ipfrag_high_thresh new fragments are dropped.",
        ),
        gauge(
            13,
            "lnsSockstatTcp6InUse",
            "sockets",
            "TCP6",
            "inuse",
            "TCP sockets over IPv6 that are bound or connected, without those in TIME_WAIT.",
        ),
        gauge(
            14,
            "lnsSockstatUdp6InUse",
            "sockets",
            "UDP6",
            "inuse",
            "UDP sockets over IPv6 that are bound.",
        ),
        gauge(
            15,
            "lnsSockstatUdpLite6InUse",
            "sockets",
            "UDPLITE6",
            "inuse",
            "UDP-Lite sockets over IPv6 that are bound. Kernels without UDP-Lite have no instance.",
        ),
        gauge(16, "lnsSockstatRaw6InUse", "sockets", "RAW6", "inuse", "Raw sockets over IPv6."),
        gauge(
            17,
            "lnsSockstatFrag6InUse",
            "datagrams",
            FRAG6,
            "inuse",
            "IPv6 datagrams whose fragments are being collected.",
        ),
        gauge(
            18,
            "lnsSockstatFrag6Memory",
            "octets",
            FRAG6,
            "memory",
            "Memory in IPv6 fragments that wait for the rest of their datagram. Above net.ipv6.ip6frag_high_thresh new fragments are dropped.",
        ),
        limit(
            19,
            "lnsLimitTcpMemLow",
            "pages",
            "tcp_mem",
            0,
            "The first figure of net.ipv4.tcp_mem: below it TCP does not care about its memory. In a network namespace other than the first there is no instance.",
        ),
        limit(
            20,
            "lnsLimitTcpMemPressure",
            "pages",
            "tcp_mem",
            1,
            "The second figure of net.ipv4.tcp_mem: above it TCP holds its buffers small. In a network namespace other than the first there is no instance.",
        ),
        limit(
            21,
            "lnsLimitTcpMemHigh",
            "pages",
            "tcp_mem",
            2,
            "The third figure of net.ipv4.tcp_mem: the memory that TCP may take in all. In a network namespace other than the first there is no instance.",
        ),
        limit(
            22,
            "lnsLimitUdpMemLow",
            "pages",
            "udp_mem",
            0,
            "The first figure of net.ipv4.udp_mem: below it UDP does not care about its memory. In a network namespace other than the first there is no instance.",
        ),
        limit(
            23,
            "lnsLimitUdpMemPressure",
            "pages",
            "udp_mem",
            1,
            "The second figure of net.ipv4.udp_mem. In a network namespace other than the first there is no instance.",
        ),
        limit(
            24,
            "lnsLimitUdpMemHigh",
            "pages",
            "udp_mem",
            2,
            "The third figure of net.ipv4.udp_mem: the memory that UDP may take in all. In a network namespace other than the first there is no instance.",
        ),
        limit(
            25,
            "lnsLimitTcpMaxOrphans",
            "sockets",
            "tcp_max_orphans",
            0,
            "net.ipv4.tcp_max_orphans: how many TCP sockets may live on without a program. In a network namespace other than the first there is no instance.",
        ),
        limit(
            26,
            "lnsLimitTcpMaxTwBuckets",
            "sockets",
            "tcp_max_tw_buckets",
            0,
            "net.ipv4.tcp_max_tw_buckets: how many sockets may be in TIME_WAIT.",
        ),
        Object::Scalar(Scalar {
            subid: 36,
            name: "lnsSockstatEphemeralWorstPercent",
            syntax: Syntax::Gauge32,
            units: "percent",
            description: "The largest lnsDestinationEphemeralPercent: how much of the ephemeral ports is in use towards the \
                destination where it is most, which lnsDestinationTable names. 0 if there are no outgoing connections.",
            read: Read::With(|cx| cx.destinations()?.worst_percent().map(Value::gauge32)),
        }),
    ],
};

const SOCKETS: &str = "sockets";
const TCP: &str = "TCP";
const UDP: &str = "UDP";
const FRAG: &str = "FRAG";
const FRAG6: &str = "FRAG6";

const fn gauge(
    subid: u32,
    name: &'static str,
    units: &'static str,
    section: &'static str,
    key: &'static str,
    description: &'static str,
) -> Object {
    scalar(subid, name, Syntax::Gauge32, units, description, Read::Sockstat(section, key))
}

const fn limit(
    subid: u32,
    name: &'static str,
    units: &'static str,
    file: &'static str,
    position: usize,
    description: &'static str,
) -> Object {
    scalar(subid, name, Syntax::Unsigned32, units, description, Read::Limit(file, position))
}

const fn scalar(
    subid: u32,
    name: &'static str,
    syntax: Syntax,
    units: &'static str,
    description: &'static str,
    read: Read,
) -> Object {
    Object::Scalar(Scalar { subid, name, syntax, units, description, read })
}
