//! What people want to see of a host's network. Every consumer draws it in its own way; one row is one graph.

use crate::consumers::object::Object;

/// A graph, a plot or a panel.
pub struct Graph {
    /// For files and identifiers: lower case, digits and underscores.
    pub name: &'static str,
    pub title: &'static str,
    /// What the axis counts; for counters, the rate per second.
    pub unit: &'static str,
    /// Whether the lines add up to something and may be stacked.
    pub stacked: bool,
    /// What the graph shows, in a sentence or two.
    pub about: &'static str,
    /// The objects and a short label for each; either all counters or all gauges. Related pairs follow each other,
    /// since some consumers draw only two lines in a picture.
    pub lines: &'static [(&'static str, &'static str)],
}

impl Graph {
    pub fn objects(&self) -> impl Iterator<Item = (Object, &'static str)> {
        self.lines.iter().map(|(name, label)| (Object::named(name), *label))
    }

    /// Whether it draws rates.
    pub fn is_rate(&self) -> bool {
        self.objects().next().is_some_and(|(object, _)| object.is_counter())
    }
}

pub const GRAPHS: &[Graph] = &[
    Graph {
        name: "tcp_states",
        title: "TCP sockets by state",
        unit: "sockets",
        stacked: true,
        about: "All TCP sockets of the host. CLOSE_WAIT that grows and stays is a program that does not close its \
            connections; SYN_RECV that grows is a flood or a path that loses packets.",
        lines: &[
            ("lnsTcpStateSockets.all.established", "ESTABLISHED"),
            ("lnsTcpStateSockets.all.timeWait", "TIME_WAIT"),
            ("lnsTcpStateSockets.all.synSent", "SYN_SENT"),
            ("lnsTcpStateSockets.all.synReceived", "SYN_RECV"),
            ("lnsTcpStateSockets.all.finWait1", "FIN_WAIT1"),
            ("lnsTcpStateSockets.all.finWait2", "FIN_WAIT2"),
            ("lnsTcpStateSockets.all.closeWait", "CLOSE_WAIT"),
            ("lnsTcpStateSockets.all.lastAck", "LAST_ACK"),
            ("lnsTcpStateSockets.all.closing", "CLOSING"),
            ("lnsTcpStateSockets.all.closed", "CLOSE"),
            ("lnsTcpStateSockets.all.listen", "LISTEN"),
        ],
    },
    Graph {
        name: "tcp_opens",
        title: "TCP connections opened",
        unit: "connections",
        stacked: false,
        about: "Connections that this host began (active) and that others began to it (passive).",
        lines: &[("tcpActiveOpens", "active"), ("tcpPassiveOpens", "passive")],
    },
    Graph {
        name: "tcp_handshake",
        title: "TCP connections that failed or were reset",
        unit: "events",
        stacked: false,
        about: "Attempts that came to nothing, established connections that were reset, resets sent, SYNs sent again. \
            A jump against their own past is what matters.",
        lines: &[
            ("tcpAttemptFails", "attempts failed"),
            ("tcpEstabResets", "established reset"),
            ("tcpOutRsts", "resets sent"),
            ("lnsTcpExtTCPSynRetrans", "SYNs retransmitted"),
        ],
    },
    Graph {
        name: "tcp_segments",
        title: "TCP segments",
        unit: "segments",
        stacked: false,
        about: "Segments received and sent, the retransmitted ones not counted.",
        lines: &[("tcpHCInSegs", "received"), ("tcpHCOutSegs", "sent")],
    },
    Graph {
        name: "tcp_errors",
        title: "TCP retransmissions and errors",
        unit: "segments",
        stacked: false,
        about: "Segments sent again and segments received that were broken. Compare the retransmissions with the \
            segments sent: more than a few in a hundred is a lossy path.",
        lines: &[
            ("tcpRetransSegs", "retransmitted"),
            ("lnsTcpExtTCPTimeouts", "timeouts"),
            ("tcpInErrs", "received in error"),
            ("lnsTcpInCsumErrors", "wrong checksum"),
        ],
    },
    Graph {
        name: "tcp_listen",
        title: "TCP accept queue",
        unit: "events",
        stacked: false,
        about: "Connections lost because a program does not accept them fast enough, or because its backlog is too small.",
        lines: &[
            ("lnsTcpExtListenOverflows", "accept queue full"),
            ("lnsTcpExtListenDrops", "dropped by listeners"),
            ("lnsTcpExtTCPBacklogDrop", "socket backlog full"),
        ],
    },
    Graph {
        name: "tcp_syn_queue",
        title: "TCP SYN queue and cookies",
        unit: "events",
        stacked: false,
        about: "What happens when half-open connections pile up: SYNs dropped, or answered with cookies.",
        lines: &[
            ("lnsTcpExtTCPReqQFullDrop", "queue full, dropped"),
            ("lnsTcpExtTCPReqQFullDoCookies", "queue full, cookie sent"),
            ("lnsTcpExtSyncookiesSent", "cookies sent"),
            ("lnsTcpExtSyncookiesRecv", "cookies returned"),
            ("lnsTcpExtSyncookiesFailed", "cookies invalid"),
        ],
    },
    Graph {
        name: "tcp_aborts",
        title: "TCP connections aborted",
        unit: "connections",
        stacked: false,
        about: "Connections that this host gave up, by reason.",
        lines: &[
            ("lnsTcpExtTCPAbortOnData", "data after close"),
            ("lnsTcpExtTCPAbortOnClose", "closed with data unread"),
            ("lnsTcpExtTCPAbortOnMemory", "no memory"),
            ("lnsTcpExtTCPAbortOnTimeout", "timeout"),
            ("lnsTcpExtTCPAbortOnLinger", "linger"),
            ("lnsTcpExtTCPAbortFailed", "no reset could be sent"),
        ],
    },
    Graph {
        name: "tcp_out_of_order",
        title: "TCP out-of-order queue",
        unit: "segments",
        stacked: false,
        about: "Segments that came before their turn: the sign of loss or of several paths.",
        lines: &[
            ("lnsTcpExtTCPOFOQueue", "queued"),
            ("lnsTcpExtTCPOFOMerge", "had already, discarded"),
            ("lnsTcpExtTCPOFODrop", "dropped, no room"),
            ("lnsTcpExtOfoPruned", "queue emptied for memory"),
        ],
    },
    Graph {
        name: "tcp_pressure",
        title: "TCP memory pressure",
        unit: "events",
        stacked: false,
        about: "How often TCP ran short of memory, for the host or for one socket.",
        lines: &[
            ("lnsTcpExtTCPMemoryPressures", "pressure entered"),
            ("lnsTcpExtPruneCalled", "socket over its buffer"),
            ("lnsTcpExtRcvPruned", "segment dropped for memory"),
            ("lnsTcpExtTCPRcvQDrop", "receive queue full"),
        ],
    },
    Graph {
        name: "tcp_memory",
        title: "TCP memory and its limits",
        unit: "pages",
        stacked: false,
        about: "Pages in TCP's buffers beside the limits of tcp_mem. The limits exist on the host itself, not in a container.",
        lines: &[
            ("lnsSockstatTcpMem", "in use"),
            ("lnsLimitTcpMemPressure", "pressure"),
            ("lnsLimitTcpMemHigh", "limit"),
        ],
    },
    Graph {
        name: "tcp_ephemeral",
        title: "Ephemeral ports in use towards one destination",
        unit: "percent",
        stacked: false,
        about: "How much of the range of ephemeral ports outgoing connections use towards the destination where it is most. \
            At 100 none can be opened to it any more.",
        lines: &[("lnsSockstatEphemeralWorstPercent", "worst destination")],
    },
    Graph {
        name: "sockets",
        title: "Sockets in use",
        unit: "sockets",
        stacked: false,
        about: "Sockets by kind, with those that no program holds any more (orphans) and those in TIME_WAIT.",
        lines: &[
            ("lnsSockstatTcpInUse", "TCP over IPv4"),
            ("lnsSockstatTcp6InUse", "TCP over IPv6"),
            ("lnsSockstatUdpInUse", "UDP over IPv4"),
            ("lnsSockstatUdp6InUse", "UDP over IPv6"),
            ("lnsSockstatTcpOrphan", "TCP orphans"),
            ("lnsSockstatTcpTimeWait", "TCP TIME_WAIT"),
            ("lnsSockstatSocketsUsed", "all kinds"),
        ],
    },
    Graph {
        name: "softnet",
        title: "Backlog queues of the CPUs",
        unit: "events",
        stacked: false,
        about: "Packets dropped because the backlog queue of a CPU was full, and how often a CPU broke off receiving because \
            its budget was used up, which loses nothing by itself.",
        lines: &[("lnsSoftnetDropped", "dropped"), ("lnsSoftnetTimeSqueeze", "budget used up")],
    },
    Graph {
        name: "udp_datagrams",
        title: "UDP datagrams",
        unit: "datagrams",
        stacked: false,
        about: "Datagrams delivered and sent, IPv4 and IPv6 together.",
        lines: &[("udpHCInDatagrams", "received"), ("udpHCOutDatagrams", "sent")],
    },
    Graph {
        name: "udp_errors",
        title: "UDP errors",
        unit: "datagrams",
        stacked: false,
        about: "Datagrams lost: no program on the port, a receive buffer that was full, no room to send, wrong checksums.",
        lines: &[
            ("udpNoPorts", "no port"),
            ("udpInErrors", "errors"),
            ("lnsUdpRcvbufErrors", "receive buffer full"),
            ("lnsUdpSndbufErrors", "send buffer full"),
            ("lnsUdp6RcvbufErrors", "receive buffer full, IPv6"),
            ("lnsUdp6SndbufErrors", "send buffer full, IPv6"),
            ("lnsUdpInCsumErrors", "wrong checksum"),
        ],
    },
    Graph {
        name: "icmp_in",
        title: "ICMP received",
        unit: "messages",
        stacked: false,
        about: "ICMP messages received over IPv4, by type.",
        lines: &[
            ("icmpInMsgs", "all"),
            ("icmpInErrors", "in error"),
            ("icmpInEchos", "echo requests"),
            ("icmpInEchoReps", "echo replies"),
            ("icmpInDestUnreachs", "unreachable"),
            ("icmpInTimeExcds", "time exceeded"),
            ("icmpInRedirects", "redirects"),
        ],
    },
    Graph {
        name: "icmp_out",
        title: "ICMP sent",
        unit: "messages",
        stacked: false,
        about: "ICMP messages sent over IPv4, by type.",
        lines: &[
            ("icmpOutMsgs", "all"),
            ("icmpOutErrors", "not sent"),
            ("icmpOutEchos", "echo requests"),
            ("icmpOutEchoReps", "echo replies"),
            ("icmpOutDestUnreachs", "unreachable"),
            ("icmpOutTimeExcds", "time exceeded"),
            ("icmpOutRedirects", "redirects"),
        ],
    },
];

#[test]
fn a_graph_draws_counters_or_gauges_and_says_what() {
    for graph in GRAPHS {
        let kinds: Vec<_> = graph.objects().map(|(object, _)| object.is_counter()).collect();
        assert!(kinds.iter().all(|kind| kind == &kinds[0]), "{} mixes counters and gauges", graph.name);
        for (object, _) in graph.objects() {
            assert!(
                object.units.is_empty() || object.units == graph.unit,
                "{} in {}",
                object.name,
                object.units
            );
        }
        assert!(graph.about.ends_with('.') && !graph.title.is_empty() && !graph.unit.is_empty());
        assert!(graph.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    }
}
