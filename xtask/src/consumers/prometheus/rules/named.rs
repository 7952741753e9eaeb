//! Alerts that name whose trouble it is: a listener, a service, an owner, a destination.

use super::alert::{Alert, OVERFLOWS};

const EPHEMERAL: &[(&str, &str)] = &[("warning", "80"), ("critical", "95")];

/// Of an accept queue. A socket with a long one that takes no more is at 100, rounded down.
const FULL: &[(&str, &str)] = &[("warning", "80"), ("critical", "95")];

pub const ALERTS: &[Alert] = &[
    Alert {
        name: "NetstatTcpListenerFull",
        // A single connection may well wait for a program that serves one after the other.
        expr: "lnsListenerFullestPercent > LIMIT and lnsListenerAcceptQueue > 1",
        levels: FULL,
        lasts: "3m",
        summary: "listener {{ $labels.lnsListenerEndpoint }}{{ with $labels.lnsListenerOwner }} of {{ . }}{{ end }} is \
            {{ $value }} % full",
        about: "The program does not accept as fast as clients come: it hangs, has too few workers, or waits for something \
            itself. Only if it keeps up on average does a longer queue help: the backlog in its own settings, and \
            net.core.somaxconn. 'ss -tln' on the host shows the queue in Recv-Q and its limit in Send-Q.",
        object: "lnsListenerFullestPercent.ipv4.4.127.0.0.1.80",
    },
    Alert {
        name: "NetstatTcpListenerDrops",
        // It falls when a socket closes: what is below zero is no alert. Per second, however long the window.
        expr: "deriv(lnsListenerDropsOfOpenSockets[1m]) > LIMIT",
        levels: OVERFLOWS,
        lasts: "1m",
        summary: "listener {{ $labels.lnsListenerEndpoint }}{{ with $labels.lnsListenerOwner }} of {{ . }}{{ end }} drops \
            {{ $value | humanize }} connections a second",
        about: "lnsListenerFullestPercent says whether its accept queue is full.",
        object: "lnsListenerDropsOfOpenSockets.ipv4.4.127.0.0.1.80",
    },
    Alert {
        name: "NetstatUnixListenerFull",
        expr: "lnsUnixListenerFullestPercent > LIMIT and lnsUnixListenerQueue > 1",
        levels: FULL,
        lasts: "3m",
        summary: "Unix listener {{ $labels.lnsUnixListenerPath }} is {{ $value }} % full",
        about: "The program behind it does not accept as fast as others connect, such as PHP-FPM with too few workers. \
            'ss -xlp' on the host names it.",
        object: "lnsUnixListenerFullestPercent.\"/run/a.sock\"",
    },
    Alert {
        name: "NetstatOwnerCloseWaitGrows",
        // As NetstatCloseWaitGrows; what is nobody's, or of somebody unknown, names no culprit.
        expr: "min_over_time(lnsOwnerSockets{lnsOwnerState=\"closeWait\",\
                lnsOwnerName!~\"[(](none|unknown|others)[)]\"}[15m]) \
            > max_over_time(lnsOwnerSockets{lnsOwnerState=\"closeWait\",\
                lnsOwnerName!~\"[(](none|unknown|others)[)]\"}[15m] offset 45m) \
            > LIMIT",
        levels: &[("warning", "100"), ("critical", "1000")],
        lasts: "5m",
        summary: "{{ $labels.lnsOwnerKind }} {{ $labels.lnsOwnerName }} has {{ $value }} sockets in CLOSE_WAIT, and their number grows",
        about: "The same trouble can be told twice, once by unit and once by program. The bug is in that program; until it is \
            mended, a restart closes them. If the unit is a .socket or init.scope, the program is the service that it starts: \
            'ss -tanp state close-wait' on the host shows it.",
        object: "lnsOwnerSockets.unit.\"a.service\".closeWait",
    },
    Alert {
        name: "NetstatDataUnread",
        expr: "min_over_time(lnsTcpServiceUnreadOctets[3m]) > LIMIT",
        levels: &[("warning", "16777216")],
        lasts: "1m",
        summary: "the program on port {{ $labels.lnsTcpServicePort }} leaves {{ $value | humanize1024 }}B unread",
        about: "'ss -tn' on the host shows the connections, in the column Recv-Q.",
        object: "lnsTcpServiceUnreadOctets.80",
    },
    Alert {
        name: "NetstatStalledConnections",
        expr: "lnsTcpServiceStalledSockets > LIMIT",
        levels: &[("warning", "20")],
        lasts: "3m",
        summary: "{{ $value }} connections of port {{ $labels.lnsTcpServicePort }} get no answer any more",
        about: "Many at once are a dead path, or a firewall that has forgotten its connections; 'ss -tno' on the host shows \
            them. On the Internet some are normal: raise the threshold there.",
        object: "lnsTcpServiceStalledSockets.80",
    },
    Alert {
        name: "NetstatServiceRetransmits",
        // The share is of all that the open connections have ever sent, so something must be lost now too; and one bad
        // connection among a few says nothing about the service. Those in TIME_WAIT are among these.
        expr: "lnsTcpServiceRetransmittedPermille / 1000 > LIMIT \
            and max_over_time(lnsTcpServiceRetransmittingSockets[10m]) > 0 and lnsTcpServiceConnections >= 100",
        levels: &[("warning", "0.05")],
        lasts: "10m",
        summary: "port {{ $labels.lnsTcpServicePort }} sends {{ $value | humanizePercentage }} of its data again",
        about: "The way to its peers loses packets or delays them very much; lnsTcpServiceRttP95 far above \
            lnsTcpServiceRttMedian says that it is the way to some of them.",
        object: "lnsTcpServiceRetransmittedPermille.80",
    },
    Alert {
        name: "NetstatDestinationPorts",
        expr: "lnsDestinationEphemeralPercent > LIMIT",
        levels: EPHEMERAL,
        lasts: "1m",
        summary: "{{ $labels.lnsDestinationText }} uses {{ $value }} % of the ephemeral ports",
        about: "Keep connections open and reuse them, above all if most are in TIME_WAIT (lnsDestinationTimeWait), or widen \
            net.ipv4.ip_local_port_range.",
        object: "lnsDestinationEphemeralPercent.ipv4.4.192.0.2.7.5432",
    },
    Alert {
        name: "NetstatEphemeralPorts",
        // Only where the alert above cannot name the destination.
        expr: "lnsSockstatEphemeralWorstPercent > LIMIT unless on (instance) lnsDestinationEphemeralPercent > LIMIT",
        levels: EPHEMERAL,
        // So that a scrape of the destinations, which are asked for less often, comes first.
        lasts: "3m",
        summary: "a destination uses {{ $value }} % of the ephemeral ports",
        about: "'netstat-agentx show' on the host names it; so does NetstatDestinationPorts where the module \
            linux_netstat_destinations is scraped. Keep connections open and reuse them, or widen \
            net.ipv4.ip_local_port_range.",
        object: "lnsSockstatEphemeralWorstPercent",
    },
    Alert {
        name: "NetstatUdpEndpointDrops",
        // It falls when a socket closes: what is below zero is no alert. Per second, however long the window.
        expr: "deriv(lnsUdpEndpointDropsOfOpenSockets[1m]) > LIMIT",
        levels: &[("warning", "10")],
        lasts: "0s",
        summary: "UDP {{ $labels.lnsUdpEndpointText }} drops {{ $value | humanize }} datagrams a second",
        about: "The service there reads too slowly or hangs, or its receive buffer is too small (SO_RCVBUF, at most \
            net.core.rmem_max).",
        object: "lnsUdpEndpointDropsOfOpenSockets.ipv4.4.127.0.0.53.53",
    },
];
