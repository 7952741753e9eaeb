//! Triggers: when a problem begins and when it is over. Every threshold is a user macro.

use super::agent::sources;
use super::alarm::{Alarm, at_once, lasting, or_gone, resolved};
use super::export::Trigger;
use super::keys::{SNMPD_UPTIME, at, percent_key, rate_key, value_key};
use super::macros::m;
use netstat_agentx::snapshot::SourceId;

/// All triggers, with their dependencies expanded.
pub fn triggers() -> Vec<Trigger> {
    resolved([agent(), sockets(), limits(), queues(), surges(), udp()].into_iter().flatten().collect())
}

fn agent() -> Vec<Alarm> {
    let started = at(&value_key("lnsAgentStartTime"));
    let silent = |item: &str| format!("nodata({item},{})", m("NODATA"));
    let (snmpd, subagent) = (silent(&at(SNMPD_UPTIME)), silent(&started));
    let late = at(&rate_key("lnsAgentLateAnswers"));
    let mut alarms = vec![
        Alarm::new(
            "snmpd-silent",
            "SNMP agent (snmpd) does not answer",
            "AVERAGE",
            format!("{snmpd}=1"),
            format!("{snmpd}=0"),
        )
            .about(
                "No SNMP figure has come for {$NETSTAT.NODATA}. Look whether snmpd runs, listens on this interface and \
                knows the community or user.",
            )
            .shows("")
            .scope("availability"),
        // A dependency would not help: each nodata is evaluated at its own time, and this one may come first.
        Alarm::new(
            "agent-silent",
            "netstat-agentx does not answer",
            "AVERAGE",
            format!("{subagent}=1 and {snmpd}=0"),
            format!("{subagent}=0 or {snmpd}=1"),
        )
            .about(
                "snmpd answers, but nothing has come from netstat-agentx for {$NETSTAT.NODATA}. Look at its log and \
                whether 'master agentx' is in snmpd.conf; if only this template lacks data, look at the view of the \
                community in snmpd.conf.",
            )
            .behind("snmpd-silent")
            .shows("")
            .scope("availability"),
        Alarm::new(
            "agent-restarted",
            "netstat-agentx was restarted",
            "INFO",
            format!("change({started})<>0"),
            format!("change({started})=0"),
        )
        .about("Its own counters began at 0 again; those of the kernel did not.")
        .shows("started {ITEM.LASTVALUE1}")
        .scope("notice")
        .closable(),
        Alarm::new(
            "agent-late",
            "netstat-agentx answers from old figures",
            "WARNING",
            format!("min({late},{})>0", m("PERIOD")),
            format!("max({late},{})=0", m("RECOVERY")),
        )
        .about(
            "Reading a source takes longer than answer-within, so that answers are from the reading before. The items \
            'time to read' tell which one.",
        )
        .scope("notice"),
    ];
    for source in sources().map(SourceId::name) {
        let error = at(&value_key(&format!("lnsAgentSourceError.{source}")));
        alarms.push(
            Alarm::new(
                &format!("agent-source-{source}"),
                &format!("netstat-agentx cannot read all of the source {source}"),
                "WARNING",
                format!("length(last({error}))>0"),
                format!("length(last({error}))=0"),
            )
            .about("What could not be read has no values until it can be read again.")
            .shows("{ITEM.LASTVALUE1}")
            .scope("notice"),
        );
    }
    alarms
}

fn sockets() -> Vec<Alarm> {
    let waiting = at(&value_key("lnsTcpStateSockets.all.closeWait"));
    let over = |key: &str, name: &str| lasting(&value_key(key), &m(name));
    let (many, few) = over("lnsTcpStateSockets.all.closeWait", "CLOSE_WAIT.MAX");
    let (half_open, whole) = over("lnsTcpStateSockets.all.synReceived", "SYN_RECV.MAX");
    let (period, least) = (m("CLOSE_WAIT.PERIOD"), m("CLOSE_WAIT.MIN"));
    vec![
        Alarm::new("close-wait-high", "Many TCP sockets in CLOSE_WAIT", "AVERAGE", many, few).about(
            "More than {$NETSTAT.CLOSE_WAIT.MAX}: a program does not close connections that its peers have closed, and \
            will run out of descriptors. 'ss -tanp state close-wait' shows which.",
        ),
        Alarm::new(
            "close-wait-growing",
            "TCP sockets in CLOSE_WAIT keep growing",
            "WARNING",
            format!("min({waiting},{period})>max({waiting},{period}:now-{period}) and last({waiting})>={least}"),
            // It is not over when the number stops growing, only when the sockets are gone.
            format!("last({waiting})<{least}"),
        )
        .about(
            "In all of the last {$NETSTAT.CLOSE_WAIT.PERIOD} there were more than ever in the same time before: a leak. \
            It is over when fewer than {$NETSTAT.CLOSE_WAIT.MIN} are left.",
        )
        .behind("close-wait-high"),
        Alarm::new("syn-recv-high", "Many half-open TCP connections (SYN_RECV)", "WARNING", half_open, whole)
            .about("A SYN flood, or clients or a path that never finish the handshake: 'ss -tan state syn-recv'."),
    ]
}

fn limits() -> Vec<Alarm> {
    let percent = |id: &str, name: &str, of: &str, threshold: &str, priority, about: &str| {
        let (fires, recovers) = lasting(&percent_key(of), &m(threshold));
        Alarm::new(id, name, priority, fires, recovers).about(about).scope("capacity")
    };
    let tw = "At tcp_max_tw_buckets the kernel destroys sockets in TIME_WAIT at once, and late segments may reach \
        another connection. Reuse connections, or raise net.ipv4.tcp_max_tw_buckets.";
    let orphan = "Connections that programs have left with data to send; the kernel resets them above the limit. Peers \
        that do not read or do not answer, or an attack.";
    let memory = "Above the pressure limit TCP holds its buffers small; above the high limit it drops. 'ss -tm' shows \
        which connections hold it; the limits are net.ipv4.tcp_mem.";
    let conntrack = "At nf_conntrack_max new connections are dropped, of whatever program; the kernel's log says 'nf_conntrack: \
        table full'. 'conntrack -L' shows whose they are. Raise net.netfilter.nf_conntrack_max, shorten its timeouts, or \
        exempt busy services from tracking (NOTRACK).";
    // The module may be unloaded.
    let tracked = |id: &str, name: &str, threshold: &str, priority| {
        let beyond = lasting(&percent_key("lnsSockstatConntrackEntries"), &m(threshold));
        let (fires, recovers) = or_gone(beyond, &value_key("lnsSockstatConntrackEntries"));
        Alarm::new(id, name, priority, fires, recovers).about(conntrack).scope("capacity")
    };
    let overflows = |id: &str, name: &str, counter: &str, family: &str| {
        let (fires, recovers) = at_once(&rate_key(counter), "0");
        let about = format!(
            "Neighbours got no entry and could not be reached. Raise net.{family}.neigh.default.gc_thresh3, or look for a scan \
             of a directly connected network, which makes an entry for each address."
        );
        Alarm::new(id, name, "HIGH", fires, recovers).about(&about).scope("capacity")
    };
    let overflow = at_once(&rate_key("lnsTcpExtTCPTimeWaitOverflow"), "0");
    let ephemeral = lasting(&value_key("lnsSockstatEphemeralWorstPercent"), &m("EPHEMERAL.CRIT"));
    let no_memory = at_once(&rate_key("lnsTcpExtTCPAbortOnMemory"), "0");
    vec![
        percent(
            "time-wait-crit",
            "TIME_WAIT is near its limit",
            "lnsSockstatTcpTimeWait",
            "TIME_WAIT.CRIT",
            "HIGH",
            tw,
        ),
        percent(
            "time-wait-warn",
            "Many TCP sockets in TIME_WAIT",
            "lnsSockstatTcpTimeWait",
            "TIME_WAIT.WARN",
            "WARNING",
            tw,
        )
        .behind("time-wait-crit"),
        Alarm::new(
            "time-wait-overflow",
            "Sockets in TIME_WAIT were destroyed at the limit",
            "WARNING",
            overflow.0,
            overflow.1,
        )
        .about(tw)
        .scope("capacity"),
        percent(
            "orphans-crit",
            "Very many orphaned TCP sockets",
            "lnsSockstatTcpOrphan",
            "ORPHANS.CRIT",
            "HIGH",
            orphan,
        ),
        percent(
            "orphans-warn",
            "Many orphaned TCP sockets",
            "lnsSockstatTcpOrphan",
            "ORPHANS.WARN",
            "WARNING",
            orphan,
        )
        .behind("orphans-crit"),
        percent(
            "tcp-memory-crit",
            "TCP memory is near its limit",
            "lnsSockstatTcpMem",
            "TCP_MEM.CRIT",
            "HIGH",
            memory,
        ),
        percent(
            "tcp-memory-warn",
            "TCP memory is under pressure",
            "lnsSockstatTcpMem.pressure",
            "TCP_MEM.WARN",
            "WARNING",
            memory,
        )
        .behind("tcp-memory-crit"),
        tracked(
            "conntrack-crit",
            "Connection tracking is near its limit",
            "CONNTRACK.CRIT",
            "HIGH",
        ),
        tracked(
            "conntrack-warn",
            "Many tracked connections (conntrack)",
            "CONNTRACK.WARN",
            "WARNING",
        )
        .behind("conntrack-crit"),
        overflows("arp-full", "The ARP table overflows", "lnsArpCacheTableFulls", "ipv4"),
        overflows("neighbour-full", "The neighbour table of IPv6 overflows", "lnsNdiscCacheTableFulls", "ipv6"),
        Alarm::new(
            "ephemeral-crit",
            "Ephemeral ports towards a destination are nearly used up",
            "HIGH",
            ephemeral.0,
            ephemeral.1,
        )
        .about(
            "Soon connections to it fail with EADDRNOTAVAIL. Which one it is, the problems of the discovered destinations \
            tell, or 'netstat-agentx show' on the host. Keep connections open and reuse them, or widen \
            net.ipv4.ip_local_port_range.",
        )
        .scope("capacity")
        .shows("{ITEM.LASTVALUE1} towards one destination"),
        Alarm::new(
            "tcp-abort-memory",
            "TCP connections were reset for lack of memory",
            "AVERAGE",
            no_memory.0,
            no_memory.1,
        )
        .about("Too many orphans, or TCP memory at its limit; the kernel log says 'out of memory'.")
        .scope("capacity"),
        percent(
            "udp-memory-crit",
            "UDP memory is near its limit",
            "lnsSockstatUdpMem",
            "UDP_MEM.CRIT",
            "HIGH",
            "Above it datagrams are dropped. A program that does not read its sockets: 'ss -uamp'. The limits are \
             net.ipv4.udp_mem.",
        ),
    ]
}

/// Two alarms for each counter of a full queue.
fn queues() -> Vec<Alarm> {
    let accept = "A program does not accept its connections fast enough, or its backlog or net.core.somaxconn is too \
        small. The items of the listeners show which accept queue is full; so does 'ss -tln'.";
    let syn = "Half-open connections pile up at a listener: a SYN flood, a path that loses packets, or a backlog that \
        is too small. 'ss -tan state syn-recv' shows them.";
    let backlog = "Packets that no protocol has seen: the queue of a CPU (net.core.netdev_max_backlog) is full, mostly \
        because that CPU is busy with receiving ('mpstat -P ALL', %soft). Spread the work: rps_cpus of the device's \
        receive queues, more queues, affinity of interrupts.";
    let counters = [
        ("lnsTcpExtListenOverflows", "Accept queue overflows", "LISTEN", accept),
        ("lnsTcpExtListenDrops", "Connections dropped at listeners", "LISTEN", accept),
        ("lnsTcpExtTCPReqQFullDrop", "SYNs dropped at a full SYN queue", "SYN_QUEUE", syn),
        ("lnsTcpExtTCPReqQFullDoCookies", "SYN cookies sent for a full SYN queue", "SYN_QUEUE", syn),
        ("lnsSoftnetDropped", "Packets dropped at a full backlog queue of a CPU", "BACKLOG", backlog),
    ];
    let mut alarms = Vec::new();
    for (counter, name, threshold, about) in counters {
        let key = rate_key(counter);
        let (fires, recovers) = at_once(&key, &m(&format!("{threshold}.CRIT")));
        let crit = format!("{counter}-crit");
        alarms.push(Alarm::new(&crit, &format!("{name}: many"), "HIGH", fires, recovers).about(about));
        let (fires, recovers) = at_once(&key, &m(&format!("{threshold}.WARN")));
        alarms.push(
            Alarm::new(&format!("{counter}-warn"), name, "WARNING", fires, recovers)
                .about(about)
                .behind(&crit),
        );
    }
    alarms
}

/// Rates compared with their own past, and related triggers.
fn surges() -> Vec<Alarm> {
    let surge = |counter: &str, name: &str, about: &str| {
        let item = at(&rate_key(counter));
        let (factor, floor) = (m("SURGE.FACTOR"), m("SURGE.FLOOR"));
        let now = format!("avg({item},{})", m("PERIOD"));
        let past = format!("avg({item},{}:now-{})", m("BASELINE"), m("PERIOD"));
        Alarm::new(
            &format!("{counter}-surge"),
            name,
            "WARNING",
            format!("{now}>{factor}*{floor} and {now}>{factor}*{past}"),
            // Half of the problem's threshold, so that it does not flap.
            format!("{now}<{factor}*{floor}/2 or {now}<{factor}*{past}/2"),
        )
        .about(about)
    };
    let (fails, fine) = lasting(&rate_key("tcpAttemptFails"), &m("ATTEMPT_FAILS.MAX"));
    let percent = at(&percent_key("tcpRetransSegs"));
    let sent = at(&rate_key("tcpHCOutSegs"));
    vec![
        surge(
            "tcpOutRsts",
            "Surge of TCP resets sent",
            "Connections to ports where nothing listens (a scan, a service that is gone), or programs that end with \
             data unread.",
        ),
        surge(
            "tcpEstabResets",
            "Surge of established TCP connections reset",
            "A peer, a proxy or a firewall cuts connections, or a program that held many has died.",
        ),
        surge(
            "tcpAttemptFails",
            "Surge of failed TCP connection attempts",
            "A service that this host needs refuses or does not answer, or somebody scans this host.",
        ),
        Alarm::new("attempt-fails", "TCP connection attempts fail", "INFO", fails, fine)
            .about("More than {$NETSTAT.ATTEMPT_FAILS.MAX} per second all the time. Raise it where that is normal.")
            .behind("tcpAttemptFails-surge")
            .scope("notice"),
        Alarm::new(
            "retransmissions",
            "Many TCP segments are retransmitted",
            "WARNING",
            format!(
                "min({percent},{period})>{} and min({sent},{period})>{}",
                m("RETRANS.MAX"),
                m("RETRANS.FLOOR"),
                period = m("PERIOD")
            ),
            format!("max({percent},{recovery})<={} or max({sent},{recovery})<={}", m("RETRANS.MAX"), m("RETRANS.FLOOR"), recovery = m("RECOVERY")),
        )
        .about("A path that loses packets or a peer that is overloaded: 'ss -ti' shows which connections retransmit."),
    ]
}

fn udp() -> Vec<Alarm> {
    let receive = "A program does not read its socket fast enough: 'ss -uam' shows the drops of each socket (d…). Raise \
        its buffer (net.core.rmem_max, net.core.rmem_default), or make it faster.";
    let send = "A program sends faster than the interface takes it: net.core.wmem_max, or a full queue of the device.";
    let counters = [
        ("lnsUdpRcvbufErrors", "UDP datagrams lost to full receive buffers", receive),
        ("lnsUdpSndbufErrors", "UDP datagrams lost to full send buffers", send),
        ("lnsUdp6RcvbufErrors", "UDP datagrams over IPv6 lost to full receive buffers", receive),
        ("lnsUdp6SndbufErrors", "UDP datagrams over IPv6 lost to full send buffers", send),
    ];
    let alarm = |(counter, name, about): (&str, &str, &str)| {
        let (fires, recovers) = at_once(&rate_key(counter), &m("UDP_ERRORS.MAX"));
        Alarm::new(&format!("{counter}-high"), name, "WARNING", fires, recovers).about(about)
    };
    counters.into_iter().map(alarm).collect()
}
