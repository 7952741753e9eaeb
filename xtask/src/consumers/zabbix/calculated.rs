//! Items that Zabbix calculates from others.

use super::export::{Item, Named, tag, uuid};
use super::item::{INTERVAL, discard_not_supported};
use super::keys::{percent_key, rate_key, value_key};

/// The calculated items: percentages of limits, and where TCP stands against its memory limits.
pub fn items() -> Vec<Item> {
    let last = |key: String| format!("last(//{key})");
    let value = |name: &str| last(value_key(name));
    let of = |part: &str, whole: &str| format!("100*{}/{}", value(part), value(whole));
    let sent = last(rate_key("tcpHCOutSegs"));
    let item = |key: String, name: &str, formula: String, component: &str, about: &str| Item {
        uuid: uuid("item", &key),
        name: name.into(),
        kind: "CALCULATED",
        key,
        delay: INTERVAL,
        history: "7d",
        value_type: "FLOAT",
        units: "%".into(),
        params: formula,
        description: about.into(),
        preprocessing: vec![discard_not_supported()],
        tags: vec![tag("component", component)],
        ..Item::default()
    };
    vec![
        item(
            percent_key("lnsSockstatTcpTimeWait"),
            "TIME_WAIT in percent of tcp_max_tw_buckets",
            of("lnsSockstatTcpTimeWait", "lnsLimitTcpMaxTwBuckets"),
            "sockstat",
            "At 100 percent the kernel destroys sockets in TIME_WAIT at once and counts lnsTcpExtTCPTimeWaitOverflow.",
        ),
        item(
            percent_key("lnsSockstatTcpOrphan"),
            "Orphans in percent of tcp_max_orphans",
            of("lnsSockstatTcpOrphan", "lnsLimitTcpMaxOrphans"),
            "sockstat",
            "Sockets that no program holds any more. The kernel resets them above the limit, and begins to well below \
             it where it is short of memory. Without a value in a container, which does not see the limit.",
        ),
        item(
            percent_key("lnsSockstatTcpMem"),
            "TCP memory in percent of tcp_mem",
            of("lnsSockstatTcpMem", "lnsLimitTcpMemHigh"),
            "sockstat",
            "Of the third figure of net.ipv4.tcp_mem, above which TCP gets no more. Without a value in a container, \
             which does not see the limit.",
        ),
        item(
            percent_key("lnsSockstatTcpMem.pressure"),
            "TCP memory in percent of the pressure limit",
            of("lnsSockstatTcpMem", "lnsLimitTcpMemPressure"),
            "sockstat",
            "Of the second figure of net.ipv4.tcp_mem, above which TCP holds its buffers small, which slows \
             connections down. Without a value in a container, which does not see the limit.",
        ),
        item(
            percent_key("lnsSockstatUdpMem"),
            "UDP memory in percent of udp_mem",
            of("lnsSockstatUdpMem", "lnsLimitUdpMemHigh"),
            "sockstat",
            "Of the third figure of net.ipv4.udp_mem, above which datagrams are dropped. Without a value in a \
             container, which does not see the limit.",
        ),
        item(
            percent_key("lnsSockstatConntrackEntries"),
            "Tracked connections in percent of nf_conntrack_max",
            of("lnsSockstatConntrackEntries", "lnsLimitConntrackEntries"),
            "sockstat",
            "At 100 percent each new connection takes the place of one that is not established yet, or is dropped. Without \
             a value while nf_conntrack is not loaded or its limit is 0.",
        ),
        item(
            percent_key("tcpRetransSegs"),
            "TCP segments retransmitted in percent of those sent",
            format!("100*{}/({sent}+({sent}=0))", last(rate_key("tcpRetransSegs"))),
            "tcp",
            "More than a few percent is a lossy path or an overloaded peer. On a host that sends little, a few \
             segments make many percent.",
        ),
        Item {
            value_type: "",
            units: String::new(),
            valuemap: Some(Named { name: MEMORY_STATE }),
            ..item(
                "netstat.state[lnsSockstatTcpMem]".into(),
                "TCP memory state",
                format!(
                    "({mem}>{})+({mem}>{})",
                    value("lnsLimitTcpMemPressure"),
                    value("lnsLimitTcpMemHigh"),
                    mem = value("lnsSockstatTcpMem")
                ),
                "sockstat",
                "Where lnsSockstatTcpMem stands among the limits of net.ipv4.tcp_mem. Without a value in a container, \
                 which does not see them.",
            )
        },
    ]
}

/// The value map of the item above.
pub const MEMORY_STATE: &str = "TCP memory";
