//! What runs against a limit of this host, for `show` and `check limits`.

use crate::mib::context::Context;
use crate::snapshot::sockstat::Sockstat;
use std::net::SocketAddr;

/// Something in use, and its limit.
pub(super) struct Limit {
    /// As an argument, and in performance data.
    pub(super) name: &'static str,
    /// As people read it.
    pub(super) label: &'static str,
    /// What is counted.
    pub(super) unit: &'static str,
    /// Where it comes from: of what there is no figure where this is not there.
    pub(super) from: &'static str,
    /// Whether its figure is on every host, so that `show` has a row for it where the limit is not known.
    pub(super) everywhere: bool,
    /// The percentages above which `check limits` warns and is critical, unless it is told otherwise.
    pub(super) warning: u8,
    /// The same; `None` if reaching the limit does not hurt much.
    pub(super) critical: Option<u8>,
    /// Both figures now.
    pub(super) usage: fn(&Context<'_>) -> Usage,
}

/// How much is in use, and how much may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) used: Option<u64>,
    pub(super) limit: Option<u64>,
    /// Where connections go that use it up, if that is known.
    pub(super) towards: Option<SocketAddr>,
}

/// Everything that has a limit, in the order in which it is shown.
pub(super) static LIMITS: &[Limit] = &[
    // A half and a quarter of the limit hold for those that have waited long or met an error (`tcp_out_of_resources` in
    // net/ipv4/tcp_timer.c).
    Limit {
        name: "orphans",
        label: "TCP orphans",
        unit: "sockets",
        from: "net.ipv4.tcp_max_orphans",
        everywhere: true,
        warning: 25,
        critical: Some(50),
        usage: |cx| against(cx, ("TCP", "orphan"), ("net/ipv4/tcp_max_orphans", 0)),
    },
    // At its limit the kernel destroys such sockets early, whose connections have done their work.
    Limit {
        name: "time_wait",
        label: "TCP time wait",
        unit: "sockets",
        from: "net.ipv4.tcp_max_tw_buckets",
        everywhere: true,
        warning: 90,
        critical: None,
        usage: |cx| against(cx, ("TCP", "tw"), ("net/ipv4/tcp_max_tw_buckets", 0)),
    },
    // From the second figure on, two thirds of the third unless it was changed, TCP holds its buffers small
    // (`tcp_init_mem` in net/ipv4/tcp.c).
    Limit {
        name: "tcp_memory",
        label: "TCP memory",
        unit: "pages",
        from: "net.ipv4.tcp_mem",
        everywhere: true,
        warning: 66,
        critical: Some(90),
        usage: |cx| against(cx, ("TCP", "mem"), ("net/ipv4/tcp_mem", 2)),
    },
    Limit {
        name: "udp_memory",
        label: "UDP memory",
        unit: "pages",
        from: "net.ipv4.udp_mem",
        everywhere: true,
        warning: 80,
        critical: Some(90),
        usage: |cx| against(cx, ("UDP", "mem"), ("net/ipv4/udp_mem", 2)),
    },
    Limit {
        name: "ipv4_fragments",
        label: "IPv4 fragments",
        unit: "octets",
        from: "net.ipv4.ipfrag_high_thresh",
        everywhere: true,
        warning: 80,
        critical: Some(90),
        usage: |cx| against(cx, ("FRAG", "memory"), ("net/ipv4/ipfrag_high_thresh", 0)),
    },
    Limit {
        name: "ipv6_fragments",
        label: "IPv6 fragments",
        unit: "octets",
        from: "net.ipv6.ip6frag_high_thresh",
        everywhere: false,
        warning: 80,
        critical: Some(90),
        usage: |cx| against(cx, ("FRAG6", "memory"), ("net/ipv6/ip6frag_high_thresh", 0)),
    },
    Limit {
        name: "conntrack",
        label: "tracked connections",
        unit: "connections",
        from: "net.netfilter.nf_conntrack_max",
        everywhere: false,
        warning: 80,
        critical: Some(95),
        usage: |cx| {
            Usage::new(
                sysctl(cx, "net/netfilter/nf_conntrack_count"),
                sysctl(cx, "net/netfilter/nf_conntrack_max"),
            )
        },
    },
    Limit {
        name: "files",
        label: "open files",
        unit: "files",
        from: "fs.file-max",
        everywhere: false,
        warning: 80,
        critical: Some(90),
        usage: |cx| Usage::new(cx.sockstat().and_then(Sockstat::open_files), sysctl(cx, "fs/file-max")),
    },
    // What is permanent or learned elsewhere is among them, but not what the limit holds for.
    Limit {
        name: "ipv4_neighbors",
        label: "IPv4 neighbours",
        unit: "entries",
        from: "net.ipv4.neigh.default.gc_thresh3",
        everywhere: false,
        warning: 80,
        critical: None,
        usage: |cx| neighbors(cx, "arp_cache", "net/ipv4/neigh/default/gc_thresh3"),
    },
    Limit {
        name: "ipv6_neighbors",
        label: "IPv6 neighbours",
        unit: "entries",
        from: "net.ipv6.neigh.default.gc_thresh3",
        everywhere: false,
        warning: 80,
        critical: None,
        usage: |cx| neighbors(cx, "ndisc_cache", "net/ipv6/neigh/default/gc_thresh3"),
    },
    // Used up for each local address and destination, unless bind(2) chose the port. Those are not known.
    Limit {
        name: "ephemeral_ports",
        label: "ephemeral ports",
        unit: "ports",
        from: "net.ipv4.ip_local_port_range without ip_local_reserved_ports",
        everywhere: false,
        warning: 80,
        critical: Some(95),
        usage: ephemeral_ports,
    },
];

fn sysctl(cx: &Context<'_>, file: &str) -> Option<u64> {
    cx.sockstat()?.sysctl(file, 0)
}

fn neighbors(cx: &Context<'_>, table: &str, limit: &str) -> Usage {
    let used = cx.sockstat().and_then(|sockstat| sockstat.neighbors(table));
    Usage::new(used, sysctl(cx, limit))
}

/// A figure of net/sockstat and a number of a file of sys.
fn against(cx: &Context<'_>, (section, key): (&str, &str), (file, position): (&str, usize)) -> Usage {
    let sockstat = cx.sockstat();
    Usage::new(
        sockstat.and_then(|sockstat| sockstat.figure(section, key)),
        sockstat.and_then(|sockstat| sockstat.sysctl(file, position)),
    )
}

/// The destination that uses most of the ephemeral ports.
fn ephemeral_ports(cx: &Context<'_>) -> Usage {
    cx.destinations().and_then(|all| all.worst).map_or_else(Usage::default, |(towards, share)| Usage {
        towards,
        ..Usage::new(Some(share.used), Some(share.of))
    })
}

impl Usage {
    pub(super) fn new(used: Option<u64>, limit: Option<u64>) -> Self {
        Self { used, limit, towards: None }
    }

    /// Where those in use go, if that is known, as the end of a sentence.
    pub(super) fn direction(&self) -> String {
        self.towards.map_or_else(String::new, |towards| format!(" towards {towards}"))
    }

    /// The share of the limit in tenths of a percent, of which all that is said of it is made; `None` of no limit.
    pub(super) fn tenths(&self) -> Option<u128> {
        match (self.used, self.limit) {
            (Some(used), Some(limit @ 1..)) => Some(u128::from(used) * 1000 / u128::from(limit)),
            _ => None,
        }
    }
}

/// Tenths of a percent as people read them.
pub(super) fn percent(tenths: u128) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}
