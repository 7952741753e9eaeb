//! User macros: every threshold, period and filter of the template, to override on a host or a linking template.

use super::export::Macro;

/// Name without its prefix, default, purpose.
pub const MACROS: &[(&str, &str, &str)] = &[
    ("INTERVAL", "1m", "How often the figures are asked for."),
    (
        "DISCOVERY.INTERVAL",
        "10m",
        "How often listeners, ports, owners, UDP endpoints and destinations are looked for.",
    ),
    ("LIFETIME", "1d", "How long the items of a listener or port that is gone are kept."),
    (
        "PEER.LIFETIME",
        "2h",
        "The same for owners, Unix listeners, UDP endpoints and destinations, which may be others each time.",
    ),
    ("HEARTBEAT", "1h", "How often a figure that does not change is stored all the same."),
    (
        "NODATA",
        "5m",
        "How long nothing may come from the subagent or from snmpd, and after which a row that is gone is no problem \
            any more; several times INTERVAL.",
    ),
    ("PERIOD", "3m", "How long a figure must be over its threshold; several times INTERVAL."),
    ("RECOVERY", "5m", "How long a figure must be below its threshold again before a problem is over."),
    ("BASELINE", "1h", "The past that surges are compared with, before PERIOD."),
    (
        "LISTENER.MATCHES",
        ".*",
        "Listeners to watch: a regular expression on the endpoint, such as 0.0.0.0:443.",
    ),
    ("LISTENER.NOT_MATCHES", "^$", "Listeners to leave out, likewise."),
    (
        "LISTENER_FULL.MAX",
        "80",
        "How full the accept queue of a listener may be, in percent of its limit; context: the endpoint.",
    ),
    (
        "LISTENER_DROPS.MAX",
        "1",
        "Connections per second that one listener drops that are too many; context: the endpoint.",
    ),
    (
        "UNIX.MATCHES",
        ".*",
        "Unix listeners to watch: a regular expression on the path; abstract names begin with @.",
    ),
    ("UNIX.NOT_MATCHES", "^$", "Unix listeners to leave out, likewise."),
    ("UNIX.ROWS", "50", "How many Unix listeners are watched at most."),
    (
        "UNIX_FULL.MAX",
        "80",
        "How full the queue of a Unix listener may be, in percent of its limit; context: the path.",
    ),
    (
        "OWNER.KIND",
        "1",
        "Whose sockets are counted: 1 those of systemd units or cgroups, 2 those of programs, which is expensive.",
    ),
    (
        "OWNER.MATCHES",
        ".*",
        "Owners to watch: a regular expression on the unit or program, such as kafka.service.",
    ),
    ("OWNER.NOT_MATCHES", "^$", "Owners to leave out, likewise."),
    ("OWNER.ROWS", "50", "How many owners are watched at most."),
    (
        "OWNER.CLOSE_WAIT.MAX",
        "200",
        "Sockets of one owner in CLOSE_WAIT that are too many; context: the owner.",
    ),
    (
        "PORT.MATCHES",
        ".*",
        "Listening TCP ports whose sockets are counted by state: a regular expression on the port.",
    ),
    ("PORT.NOT_MATCHES", "^$", "Ports to leave out, likewise."),
    (
        "UNREAD.MAX",
        "16M",
        "Octets that the program of a listening port leaves unread that are too many; context: the port.",
    ),
    (
        "STALLED.MAX",
        "20",
        "Connections of a listening port without an answer that are too many; context: the port.",
    ),
    (
        "RETRANSMITTED.MAX",
        "5",
        "How much of the data of a listening port may be retransmitted, in percent; context: the port.",
    ),
    (
        "RETRANSMITTED.MIN",
        "20",
        "With fewer open connections of the port that share raises no problem; context: the port.",
    ),
    (
        "UDP_ENDPOINT.MATCHES",
        ".*",
        "UDP endpoints to watch: a regular expression on the endpoint, such as 127.0.0.53:53.",
    ),
    ("UDP_ENDPOINT.NOT_MATCHES", "^$", "UDP endpoints to leave out, likewise."),
    ("UDP_ENDPOINT.ROWS", "50", "How many UDP endpoints are watched at most."),
    (
        "UDP_DROPS.MAX",
        "10",
        "Datagrams per second that one UDP endpoint drops that are too many; context: the endpoint.",
    ),
    (
        "DESTINATION.MATCHES",
        ".*",
        "Destinations to watch: a regular expression on address and port, such as 192.0.2.7:5432.",
    ),
    ("DESTINATION.NOT_MATCHES", "^$", "Destinations to leave out, likewise."),
    ("DESTINATION.MIN", "50", "Destinations with fewer outgoing connections are not watched."),
    ("DESTINATION.ROWS", "50", "How many destinations are watched at most."),
    (
        "EPHEMERAL.MAX",
        "80",
        "Ephemeral ports in use towards a destination that is watched, in percent: warning; context: the destination.",
    ),
    (
        "EPHEMERAL.CRIT",
        "95",
        "Ephemeral ports in use towards any destination, in percent: high; context: the destination.",
    ),
    (
        "RESETS.MAX",
        "1",
        "TCP resets per second of one port and reason that are too many, where they are traced; context: the port.",
    ),
    ("RESETS.MIN", "10", "Fewer resets of a port since tracing began are not watched."),
    ("RESETS.ROWS", "50", "How many ports that reset are watched at most."),
    ("RESETS.PORT.MATCHES", ".*", "Ports whose resets are watched: a regular expression on the port."),
    ("RESETS.PORT.NOT_MATCHES", "^$", "Ports to leave out, likewise."),
    ("CLOSE_WAIT.MAX", "500", "Sockets in CLOSE_WAIT that are too many."),
    ("CLOSE_WAIT.MIN", "20", "Below so many, growth of CLOSE_WAIT is no matter."),
    (
        "CLOSE_WAIT.PERIOD",
        "30m",
        "CLOSE_WAIT grows if it is higher all this time than ever in the same time before.",
    ),
    (
        "PORT.CLOSE_WAIT.MAX",
        "200",
        "Sockets of one listening port in CLOSE_WAIT that are too many; context: the port.",
    ),
    ("SYN_RECV.MAX", "200", "Half-open connections (SYN_RECV) that are too many."),
    ("TIME_WAIT.WARN", "80", "TIME_WAIT in percent of tcp_max_tw_buckets: warning."),
    ("TIME_WAIT.CRIT", "95", "TIME_WAIT in percent of tcp_max_tw_buckets: high."),
    ("ORPHANS.WARN", "25", "Orphans in percent of tcp_max_orphans: warning."),
    ("ORPHANS.CRIT", "50", "Orphans in percent of tcp_max_orphans: high."),
    ("TCP_MEM.WARN", "100", "TCP memory in percent of the pressure limit of tcp_mem: warning."),
    ("TCP_MEM.CRIT", "90", "TCP memory in percent of the high limit of tcp_mem: high."),
    ("CONNTRACK.WARN", "80", "Tracked connections in percent of nf_conntrack_max: warning."),
    ("CONNTRACK.CRIT", "95", "Tracked connections in percent of nf_conntrack_max: high."),
    ("UDP_MEM.CRIT", "90", "UDP memory in percent of the high limit of udp_mem: high."),
    ("ACCEPT_QUEUE.MAX", "50", "Connections that wait for accept(2) at one listener; context: the endpoint."),
    ("LISTEN.WARN", "1", "Listen overflows or drops per second: warning."),
    ("LISTEN.CRIT", "5", "Listen overflows or drops per second: high."),
    ("SYN_QUEUE.WARN", "1", "SYNs per second that met a full SYN queue: warning."),
    ("SYN_QUEUE.CRIT", "5", "SYNs per second that met a full SYN queue: high."),
    ("BACKLOG.WARN", "1", "Packets per second dropped at the backlog queues of the CPUs: warning."),
    ("BACKLOG.CRIT", "5", "Packets per second dropped at the backlog queues of the CPUs: high."),
    ("SURGE.FACTOR", "10", "Resets and failures are a surge at so many times their own past."),
    ("SURGE.FLOOR", "5", "The least past per second that a surge is measured against."),
    ("ATTEMPT_FAILS.MAX", "2", "Failed connection attempts per second worth a note on a quiet host."),
    ("RETRANS.MAX", "5", "Retransmitted segments in percent of those sent."),
    ("RETRANS.FLOOR", "50", "Below so many segments sent per second, retransmissions are no matter."),
    ("UDP_ERRORS.MAX", "10", "UDP datagrams per second lost to full buffers."),
];

/// The macro as it is written where it is used.
///
/// # Panics
/// If it is not declared.
pub fn m(name: &str) -> String {
    assert!(MACROS.iter().any(|(known, ..)| *known == name), "no macro {name}");
    format!("{{$NETSTAT.{name}}}")
}

/// The macro with a context, so that a host can set it for one listener or port.
pub fn m_of(name: &str, context: &str) -> String {
    m(name).replace('}', &format!(":\"{context}\"}}"))
}

pub fn macros() -> Vec<Macro> {
    let mut all: Vec<_> = MACROS
        .iter()
        .map(|&(name, value, description)| Macro { name: m(name), value, description })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}
