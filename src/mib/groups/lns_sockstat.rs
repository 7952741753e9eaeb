//! B.1.2: sockets, memory, files, tracked connections and neighbours in use, and the limits they run against.

use crate::mib::object::{Group, Object, Place, Read, Scalar};
use crate::mib::syntax::Syntax;
use crate::smi::value::Value;
use crate::snapshot::sockstat::Sockstat;

/// lnsSockstat
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 2]),
    name: "lnsSockstat",
    description: "Sockets in use and the memory they hold, open files, tracked connections and neighbours, and the limits that all of these run against.",
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
            "net/ipv4/tcp_mem",
            0,
            "The first figure of net.ipv4.tcp_mem: below it TCP does not care about its memory. In a network namespace other than the first there is no instance.",
        ),
        limit(
            20,
            "lnsLimitTcpMemPressure",
            "pages",
            "net/ipv4/tcp_mem",
            1,
            "The second figure of net.ipv4.tcp_mem: above it TCP holds its buffers small. In a network namespace other than the first there is no instance.",
        ),
        limit(
            21,
            "lnsLimitTcpMemHigh",
            "pages",
            "net/ipv4/tcp_mem",
            2,
            "The third figure of net.ipv4.tcp_mem: the memory that TCP may take in all. In a network namespace other than the first there is no instance.",
        ),
        limit(
            22,
            "lnsLimitUdpMemLow",
            "pages",
            "net/ipv4/udp_mem",
            0,
            "The first figure of net.ipv4.udp_mem: below it UDP does not care about its memory. In a network namespace other than the first there is no instance.",
        ),
        limit(
            23,
            "lnsLimitUdpMemPressure",
            "pages",
            "net/ipv4/udp_mem",
            1,
            "The second figure of net.ipv4.udp_mem. In a network namespace other than the first there is no instance.",
        ),
        limit(
            24,
            "lnsLimitUdpMemHigh",
            "pages",
            "net/ipv4/udp_mem",
            2,
            "The third figure of net.ipv4.udp_mem: the memory that UDP may take in all. In a network namespace other than the first there is no instance.",
        ),
        limit(
            25,
            "lnsLimitTcpMaxOrphans",
            "sockets",
            "net/ipv4/tcp_max_orphans",
            0,
            "net.ipv4.tcp_max_orphans: how many TCP sockets may live on without a program. In a network namespace other than the first there is no instance.",
        ),
        limit(
            26,
            "lnsLimitTcpMaxTwBuckets",
            "sockets",
            "net/ipv4/tcp_max_tw_buckets",
            0,
            "net.ipv4.tcp_max_tw_buckets: how many sockets may be in TIME_WAIT.",
        ),
        limit(
            27,
            "lnsLimitSomaxconn",
            "connections",
            "net/core/somaxconn",
            0,
            "net.core.somaxconn: the longest queue of connections waiting for accept(2) that a listener gets, whatever it asks for with listen(2). Each network namespace has its own.",
        ),
        limit(
            28,
            "lnsLimitTcpMaxSynBacklog",
            "connections",
            "net/ipv4/tcp_max_syn_backlog",
            0,
            "net.ipv4.tcp_max_syn_backlog: where net.ipv4.tcp_syncookies is 0, a listener with more half-open connections than three quarters of this lets in only peers that are known from before. Each network namespace has its own; old kernels have one, and no instance in a network namespace other than the first.",
        ),
        limit(
            29,
            "lnsLimitEphemeralLow",
            "",
            "net/ipv4/ip_local_port_range",
            0,
            "The first figure of net.ipv4.ip_local_port_range: the lowest of the ports that the kernel chooses from for a socket that names none, over IPv4 and IPv6. Each network namespace has its own.",
        ),
        limit(
            30,
            "lnsLimitEphemeralHigh",
            "",
            "net/ipv4/ip_local_port_range",
            1,
            "The second figure of net.ipv4.ip_local_port_range: the highest of these ports. Each network namespace has its own.",
        ),
        limit(
            31,
            "lnsLimitNetdevMaxBacklog",
            "packets",
            "net/core/netdev_max_backlog",
            0,
            "net.core.netdev_max_backlog: how many packets may wait in the queue of one CPU; what comes then is dropped and counted by lnsSoftnetDropped. Of the whole host. In a network namespace other than the first there is no instance.",
        ),
        large_limit(
            32,
            "lnsLimitFragHigh",
            "octets",
            "net/ipv4/ipfrag_high_thresh",
            "net.ipv4.ipfrag_high_thresh: the memory in IPv4 fragments, lnsSockstatFragMemory, above which new ones are dropped. Each network namespace has its own. 4294967295 stands for that many and for more.",
        ),
        large_limit(
            33,
            "lnsLimitFrag6High",
            "octets",
            "net/ipv6/ip6frag_high_thresh",
            "net.ipv6.ip6frag_high_thresh: the memory in IPv6 fragments, lnsSockstatFrag6Memory, above which new ones are dropped. Each network namespace has its own. 4294967295 stands for that many and for more.",
        ),
        in_use(
            34,
            "lnsSockstatFilesOpen",
            "files",
            Read::InUse(Sockstat::open_files),
            "Files that are open on the whole host, in all namespaces, sockets among them: the first figure of fs.file-nr less the second. A file that several processes share counts once.",
        ),
        large_limit(
            35,
            "lnsLimitFiles",
            "files",
            "fs/file-max",
            "fs.file-max: the number of open files above which only a program with CAP_SYS_ADMIN can open another. Of the whole host. 4294967295 stands for that many and for more: systemd sets 9223372036854775807, which is no limit.",
        ),
        Object::Scalar(Scalar {
            subid: 36,
            name: "lnsSockstatEphemeralWorstPercent",
            syntax: Syntax::Gauge32,
            units: "percent",
            description: "The largest lnsDestinationEphemeralPercent: how much of the ephemeral ports is in use towards the \
                destination where it is most, which lnsDestinationTable names. 0 if there are no outgoing connections.",
            read: Read::With(|cx| cx.destinations()?.worst?.1.percent().map(Value::gauge32)),
        }),
        in_use(
            37,
            "lnsSockstatConntrackEntries",
            "connections",
            Read::Sysctl("net/netfilter/nf_conntrack_count", 0),
            "Connections that the packet filter tracks in this network namespace: net.netfilter.nf_conntrack_count. No instance while the module nf_conntrack is not loaded.",
        ),
        limit(
            38,
            "lnsLimitConntrackEntries",
            "connections",
            "net/netfilter/nf_conntrack_max",
            0,
            "net.netfilter.nf_conntrack_max: with more tracked connections than this, each new one takes the place of one that is not established yet, or is dropped. One figure for the whole host, with which the connections of each network namespace are compared by themselves; 0 is no limit. No instance while the module nf_conntrack is not loaded.",
        ),
        in_use(
            39,
            "lnsSockstatNeighborsIpv4",
            "entries",
            Read::InUse(|sockstat| sockstat.neighbors("arp_cache")),
            "Entries of the IPv4 neighbour table (ARP), which all network namespaces share. Permanent entries and those learned by another program are among them, which since Linux 5.0 the limit does not hold for. In a network namespace other than the first there is no instance.",
        ),
        in_use(
            40,
            "lnsSockstatNeighborsIpv6",
            "entries",
            Read::InUse(|sockstat| sockstat.neighbors("ndisc_cache")),
            "Entries of the IPv6 neighbour table (NDP), which all network namespaces share. Permanent entries and those learned by another program are among them, which since Linux 5.0 the limit does not hold for. In a network namespace other than the first there is no instance.",
        ),
        limit(
            41,
            "lnsLimitNeighborsIpv4",
            "entries",
            "net/ipv4/neigh/default/gc_thresh3",
            0,
            "net.ipv4.neigh.default.gc_thresh3: how many entries the IPv4 neighbour table holds, of all network namespaces together. Beyond it nothing can be sent to a new neighbour, and the kernel's log has 'neighbor table overflow'. In a network namespace other than the first there is no instance.",
        ),
        limit(
            42,
            "lnsLimitNeighborsIpv6",
            "entries",
            "net/ipv6/neigh/default/gc_thresh3",
            0,
            "net.ipv6.neigh.default.gc_thresh3: how many entries the IPv6 neighbour table holds, of all network namespaces together. Beyond it nothing can be sent to a new neighbour, and the kernel's log has 'neighbor table overflow'. In a network namespace other than the first there is no instance.",
        ),
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
    in_use(subid, name, units, Read::Sockstat(section, key), description)
}

const fn in_use(
    subid: u32,
    name: &'static str,
    units: &'static str,
    read: Read,
    description: &'static str,
) -> Object {
    scalar(subid, name, Syntax::Gauge32, units, description, read)
}

const fn limit(
    subid: u32,
    name: &'static str,
    units: &'static str,
    file: &'static str,
    position: usize,
    description: &'static str,
) -> Object {
    scalar(subid, name, Syntax::Unsigned32, units, description, Read::Sysctl(file, position))
}

/// A limit that may be more than 32 bits hold. A gauge stays at its maximum then (RFC 2578 section 7.1.7), and with no
/// instance nobody could compare what is in use with it.
const fn large_limit(
    subid: u32,
    name: &'static str,
    units: &'static str,
    file: &'static str,
    description: &'static str,
) -> Object {
    scalar(subid, name, Syntax::Gauge32, units, description, Read::Sysctl(file, 0))
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
