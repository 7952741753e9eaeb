//! The ICMP message types that the kernel counts by name, and those that it numbers.

/// An ICMP message type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpType {
    /// InetVersion of INET-ADDRESS-MIB: ipv4(1), ipv6(2).
    pub version: u32,
    /// The type.
    pub number: u8,
    /// Messages received.
    pub received: Option<u64>,
    /// Messages sent.
    pub sent: Option<u64>,
}

/// A type, and the names of its counters for received and sent messages.
pub type Named = (u8, &'static str, &'static str);

/// IP version (InetVersion of INET-ADDRESS-MIB), group of its named types, those types, group of the numbered ones.
pub const VERSIONS: [(u32, &str, &[Named], &str); 2] =
    [(1, "Icmp", &NAMED4, "IcmpMsg"), (2, "Icmp6", &NAMED6, "Icmp6")];

/// The types that the kernel always counts by name (net/ipv4/proc.c, icmpmibmap), with those names.
const NAMED4: [(u8, &str, &str); 11] = [
    (0, "InEchoReps", "OutEchoReps"),
    (3, "InDestUnreachs", "OutDestUnreachs"),
    (4, "InSrcQuenchs", "OutSrcQuenchs"),
    (5, "InRedirects", "OutRedirects"),
    (8, "InEchos", "OutEchos"),
    (11, "InTimeExcds", "OutTimeExcds"),
    (12, "InParmProbs", "OutParmProbs"),
    (13, "InTimestamps", "OutTimestamps"),
    (14, "InTimestampReps", "OutTimestampReps"),
    (17, "InAddrMasks", "OutAddrMasks"),
    (18, "InAddrMaskReps", "OutAddrMaskReps"),
];

/// The same for ICMPv6 (net/ipv6/proc.c, icmp6type2name).
const NAMED6: [(u8, &str, &str); 15] = [
    (1, "InDestUnreachs", "OutDestUnreachs"),
    (2, "InPktTooBigs", "OutPktTooBigs"),
    (3, "InTimeExcds", "OutTimeExcds"),
    (4, "InParmProblems", "OutParmProblems"),
    (128, "InEchos", "OutEchos"),
    (129, "InEchoReplies", "OutEchoReplies"),
    (130, "InGroupMembQueries", "OutGroupMembQueries"),
    (131, "InGroupMembResponses", "OutGroupMembResponses"),
    (132, "InGroupMembReductions", "OutGroupMembReductions"),
    (133, "InRouterSolicits", "OutRouterSolicits"),
    (134, "InRouterAdvertisements", "OutRouterAdvertisements"),
    (135, "InNeighborSolicits", "OutNeighborSolicits"),
    (136, "InNeighborAdvertisements", "OutNeighborAdvertisements"),
    (137, "InRedirects", "OutRedirects"),
    (143, "InMLDv2Reports", "OutMLDv2Reports"),
];

/// A counter that the kernel names only by the number of an ICMP type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Whether it counts received messages.
    pub inbound: bool,
    /// The type.
    pub number: u8,
    /// Group and name under which the kernel counts the same messages, if it names their type.
    pub named: Option<(&'static str, &'static str)>,
}

/// What `InType3` of group IcmpMsg or Icmp6 counts; `None` for every other counter.
#[must_use]
pub fn numbered(group: &str, name: &str) -> Option<Numbered> {
    let (_, of_named, types, _) = VERSIONS.iter().find(|(.., numbered)| *numbered == group)?;
    let (inbound, digits) = match name.strip_prefix("InType") {
        Some(digits) => (true, digits),
        None => (false, name.strip_prefix("OutType")?),
    };
    let number: u8 = digits.parse().ok()?;
    let of_type = types.iter().find(|(known, ..)| *known == number);
    let named = of_type.map(|(_, received, sent)| (*of_named, if inbound { *received } else { *sent }));
    Some(Numbered { inbound, number, named })
}
