//! What only the dashboard has: figures on top, and panels of tables and of the monitoring itself.

/// Figures on top: title, expression, unit, the values at which it turns orange and red, description.
pub type Figure = (&'static str, &'static str, &'static str, &'static [f64], &'static str);

pub const FIGURES: [Figure; 8] = [
    (
        "Alerts",
        "count(ALERTS{alertname=~\"Netstat.+\",alertstate=\"firing\",INSTANCE}) or vector(0)",
        "none",
        &[1.0],
        "How many alerts of rules.yml are firing for this host.",
    ),
    (
        "Established",
        "lnsTcpStateSockets{INSTANCE,lnsTcpStateFamily=\"all\",lnsTcpState=\"established\"}",
        "short",
        &[],
        "Open TCP connections.",
    ),
    (
        "CLOSE_WAIT",
        "lnsTcpStateSockets{INSTANCE,lnsTcpStateFamily=\"all\",lnsTcpState=\"closeWait\"}",
        "short",
        &[100.0, 1000.0],
        "Connections that the other end has closed and a program here has not.",
    ),
    (
        "Listen drops",
        "rate(lnsTcpExtListenDrops{INSTANCE}[$__rate_interval])",
        "cps",
        &[1.0, 5.0],
        "Connections that listeners dropped, for almost any reason.",
    ),
    (
        "Retransmitted",
        "rate(lnsTcpRetransSegs{INSTANCE}[$__rate_interval]) / rate(lnsTcpOutSegs{INSTANCE}[$__rate_interval])",
        "percentunit",
        &[0.01, 0.05],
        "Segments sent again, of all segments sent.",
    ),
    (
        "Orphans",
        "lnsSockstatTcpOrphan{INSTANCE} / lnsLimitTcpMaxOrphans{INSTANCE}",
        "percentunit",
        &[0.25, 0.5],
        "TCP sockets without a program, of tcp_max_orphans. No data in a container: the limit is the host's.",
    ),
    (
        "TIME_WAIT",
        "lnsSockstatTcpTimeWait{INSTANCE} / lnsLimitTcpMaxTwBuckets{INSTANCE}",
        "percentunit",
        &[0.8, 0.95],
        "TCP sockets in TIME_WAIT, of tcp_max_tw_buckets.",
    ),
    (
        "TCP memory",
        "lnsSockstatTcpMem{INSTANCE} / lnsLimitTcpMemHigh{INSTANCE}",
        "percentunit",
        &[0.7, 0.9],
        "Pages in TCP's buffers, of the third figure of tcp_mem. No data in a container: the limit is the host's.",
    ),
];

/// Panels that only Prometheus can draw: title, axis, description, and expressions with their legends.
pub type Extra = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

pub const SERVICES: [Extra; 18] = [
    (
        "Accept queue of each listener",
        "connections",
        "Connections that wait for their program to accept them. It stands near 0 on a healthy host.",
        &[("topk(20, lnsListenerAcceptQueue{INSTANCE} > 0)", "{{lnsListenerEndpoint}} {{lnsListenerOwner}}")],
    ),
    (
        "Fullest listeners",
        "percent",
        "The accept queue of each listener's fullest socket, of its own limit. Around 100 and above, connections are dropped.",
        &[(
            "topk(20, lnsListenerFullestPercent{INSTANCE} > 0)",
            "{{lnsListenerEndpoint}} {{lnsListenerOwner}}",
        )],
    ),
    (
        "Connections dropped at each listener",
        "connections per second",
        "Which service users cannot connect to. The figure falls when a socket closes; that is not drawn.",
        &[(
            "topk(20, clamp_min(deriv(lnsListenerDropsOfOpenSockets{INSTANCE}[$__rate_interval]), 0))",
            "{{lnsListenerEndpoint}} {{lnsListenerOwner}}",
        )],
    ),
    (
        "Fullest Unix listeners",
        "percent",
        "Connections that wait at a Unix socket, of as many as may wait. Above 100 connect(2) fails. Needs the module \
            linux_netstat_unix.",
        &[(
            "topk(20, 100 * lnsUnixListenerQueue{INSTANCE} / clamp_min(lnsUnixListenerQueueLimit{INSTANCE}, 1))",
            "{{lnsUnixListenerPath}}",
        )],
    ),
    (
        "Sockets of each owner",
        "sockets",
        "The units and the programs with the most TCP sockets, in whatever state. Needs the module linux_netstat_owners.",
        &[(
            "topk(20, sum by (lnsOwnerKind, lnsOwnerName) (lnsOwnerSockets{INSTANCE}))",
            "{{lnsOwnerKind}} {{lnsOwnerName}}",
        )],
    ),
    (
        "CLOSE_WAIT of each owner",
        "sockets",
        "Who leaves connections open that the other end has closed. Needs the module linux_netstat_owners.",
        &[(
            "topk(20, lnsOwnerSockets{INSTANCE,lnsOwnerState=\"closeWait\"} > 0)",
            "{{lnsOwnerKind}} {{lnsOwnerName}}",
        )],
    ),
    (
        "Established connections of each port",
        "connections",
        "The twenty listening ports with most of them. Needs the module linux_netstat_ports.",
        &[("topk(20, lnsTcpPortSockets{INSTANCE,lnsTcpPortState=\"established\"} > 0)", "{{lnsTcpPort}}")],
    ),
    (
        "CLOSE_WAIT of each port",
        "sockets",
        "Which service leaves its connections open. Needs the module linux_netstat_ports.",
        &[("topk(20, lnsTcpPortSockets{INSTANCE,lnsTcpPortState=\"closeWait\"} > 0)", "{{lnsTcpPort}}")],
    ),
    (
        "Data unread at each port",
        "octets",
        "What connections have received and the program has not read. What stays high is a program that hangs or is too slow.",
        &[("topk(20, lnsTcpServiceUnreadOctets{INSTANCE} > 0)", "{{lnsTcpServicePort}}")],
    ),
    (
        "Connections of each port in trouble",
        "connections",
        "Those that get no answer from their peer, and those whose peer does not read.",
        &[
            ("topk(10, lnsTcpServiceStalledSockets{INSTANCE})", "{{lnsTcpServicePort}} stalled"),
            ("topk(10, lnsTcpServiceZeroWindowSockets{INSTANCE})", "{{lnsTcpServicePort}} peer has no room"),
        ],
    ),
    (
        "Round-trip time of each port",
        "microseconds",
        "What half of a port's connections do not exceed, and what 95 of 100 do not. The second without the first is a slow or \
            lossy way to some of the peers.",
        &[
            ("topk(10, lnsTcpServiceRttMedian{INSTANCE})", "{{lnsTcpServicePort}} median"),
            ("topk(10, lnsTcpServiceRttP95{INSTANCE})", "{{lnsTcpServicePort}} 95 of 100"),
        ],
    ),
    (
        "Data sent again by each port",
        "permille",
        "Of what the present connections have sent since each was opened. Above ten, users notice.",
        &[("topk(20, lnsTcpServiceRetransmittedPermille{INSTANCE})", "{{lnsTcpServicePort}}")],
    ),
    (
        "Datagrams dropped at each UDP endpoint",
        "datagrams per second",
        "Which service does not read its UDP socket fast enough. The figure falls when a socket closes; that is not drawn.",
        &[(
            "topk(20, clamp_min(deriv(lnsUdpEndpointDropsOfOpenSockets{INSTANCE}[$__rate_interval]), 0))",
            "{{lnsUdpEndpointText}}",
        )],
    ),
    (
        "Outgoing connections of each destination",
        "sockets",
        "Where this host connects to, in whatever state. Needs the module linux_netstat_destinations.",
        &[("topk(20, lnsDestinationSockets{INSTANCE})", "{{lnsDestinationText}}")],
    ),
    (
        "Ephemeral ports in use by each destination",
        "percent",
        "At 100 connections to it fail with EADDRNOTAVAIL. Needs the module linux_netstat_destinations.",
        &[("topk(20, lnsDestinationEphemeralPercent{INSTANCE})", "{{lnsDestinationText}}")],
    ),
    (
        "Destinations that do not answer",
        "sockets",
        "Outgoing connections in SYN_SENT. Needs the module linux_netstat_destinations.",
        &[("topk(20, lnsDestinationSynSent{INSTANCE} > 0)", "{{lnsDestinationText}}")],
    ),
    (
        "Tracked connections",
        "connections",
        "Connections that the packet filter tracks, and nf_conntrack_max, at which new ones are dropped. No data while \
            nf_conntrack is not loaded.",
        &[
            ("lnsSockstatConntrackEntries{INSTANCE}", "tracked"),
            ("lnsLimitConntrackEntries{INSTANCE}", "limit"),
        ],
    ),
    (
        "Neighbour tables",
        "entries",
        "Entries of the neighbour tables of all network namespaces, and gc_thresh3, at which nothing can be sent to a new \
            neighbour. No data in a container.",
        &[
            ("lnsSockstatNeighborsIpv4{INSTANCE}", "IPv4"),
            ("lnsLimitNeighborsIpv4{INSTANCE}", "limit IPv4"),
            ("lnsSockstatNeighborsIpv6{INSTANCE}", "IPv6"),
            ("lnsLimitNeighborsIpv6{INSTANCE}", "limit IPv6"),
        ],
    ),
];

pub const ITSELF: [Extra; 3] = [
    (
        "Scrape",
        "seconds",
        "How long a scrape takes. Prometheus gives up after scrape_timeout.",
        &[("scrape_duration_seconds{INSTANCE}", "{{job}}")],
    ),
    (
        "Reading of the sources",
        "microseconds",
        "How long the subagent takes to read what it serves.",
        &[("lnsAgentSourceRefreshTime{INSTANCE}", "{{lnsAgentSourceName}}")],
    ),
    (
        "Troubles of the subagent",
        "events per second",
        "Sources that could not be read, answers from figures that were too old, requests answered with an error.",
        &[
            ("rate(lnsAgentSourceFailures{INSTANCE}[$__rate_interval])", "{{lnsAgentSourceName}} failed"),
            ("rate(lnsAgentLateAnswers{INSTANCE}[$__rate_interval])", "late answers"),
            ("rate(lnsAgentErrors{INSTANCE}[$__rate_interval])", "errors"),
        ],
    ),
];
