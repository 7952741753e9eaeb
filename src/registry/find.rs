//! Finds the counter, or the reason to drop packets, that a person means by what they write or paste: a kernel name, a symbol of the kernel's source, a
//! descriptor, an OID, a phrase of `netstat -s`, or a part of any of them.

use super::drops::{self, DropReason};
use super::icmp::numbered;
use super::lines::Mention;
use super::{Registered, Slot, all, groups};
use crate::smi::oid::Oid;
use crate::text::nearest;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// A counter that somebody means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// A counter that the registry explains.
    Known(&'static Registered),
    /// A counter that it does not, by group and name.
    Other(String, String),
    /// No counter: a reason to drop packets.
    Drop(&'static DropReason),
}

/// As people write it: `TcpExt.ListenDrops`.
impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(entry) => write!(f, "{}.{}", entry.group, entry.name),
            Self::Other(group, name) => write!(f, "{group}.{name}"),
            Self::Drop(reason) => f.write_str(reason.name),
        }
    }
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// The matching counters: one, or several that share a name or a phrase.
    Counters(Vec<Meant>),
    /// Counters whose name or phrase contains the text; too many to all be meant.
    Parts(Vec<Meant>),
    /// No counter; the nearest names.
    Nothing(Vec<String>),
}

/// If more counters than this contain the text, they are a list to choose from.
const FEW: usize = 3;
/// The largest sizes that lnsCounterGroup and lnsCounterName allow.
const LONGEST: (usize, usize) = (16, 64);

/// Finds counters in the registry and among the others that the running kernel has.
pub struct Finder<'a> {
    /// OIDs start here.
    pub base: &'a Oid,
    /// Group and name of the counters that the running kernel has and the registry lacks.
    pub others: &'a [(String, String)],
}

impl Finder<'_> {
    /// The counters that somebody means by writing this, and no others.
    #[must_use]
    pub fn written(&self, mention: &Mention) -> Found {
        let found = self.pasted(mention);
        if !found.is_empty() {
            return Found::Counters(found);
        }
        let wanted = mention.text.trim().to_lowercase();
        let part = phrase(&wanted);
        let known = all().iter().filter(|entry| {
            names(entry).iter().any(|name| name.contains(&wanted))
                || phrases_of(entry).any(|written| phrase(written).contains(&part))
        });
        let mut found: Vec<_> = known.map(Meant::Known).collect();
        found.extend(self.others(|group, name| format!("{group}.{name}").contains(&wanted)));
        match found.len() {
            0 => Found::Nothing(self.suggestions(&wanted)),
            _ if wanted.is_empty() || found.len() > FEW => Found::Parts(found),
            _ => Found::Counters(found),
        }
    }

    /// The counters that a line of a program's output means. Such a line has whole names and phrases, possibly of an
    /// unknown counter. Empty if it mentions no counter.
    #[must_use]
    pub fn pasted(&self, mention: &Mention) -> Vec<Meant> {
        let text = mention.text.trim();
        let text = text.strip_suffix(".0").filter(|text| !is_numeric(text)).unwrap_or(text);
        let wanted = text.to_lowercase();
        if wanted.is_empty() {
            return Vec::new();
        }
        let index = &*INDEX;
        let group = mention.group.as_deref();
        let within = |slots: &[Slot]| -> Vec<Meant> {
            let slots = slots.iter().filter_map(|&slot| all().get(slot));
            slots.filter(|entry| group.is_none_or(|group| group == entry.group)).map(Meant::Known).collect()
        };
        let steps: [&dyn Fn() -> Vec<Meant>; 6] = [
            &|| self.of_oid(text),
            &|| {
                let mut found = known(index.full.get(&wanted));
                found.extend(self.others(|group, name| wanted == format!("{group}.{name}")));
                found.extend(self.others(|group, name| wanted == format!("{group}{name}")));
                found
            },
            &|| symbols(text),
            &|| {
                let mut found = within(index.names.get(&wanted).map_or(&[], Vec::as_slice));
                let of_group = |of: &str| group.is_none_or(|group| group.eq_ignore_ascii_case(of));
                found.extend(self.others(|of, name| of_group(of) && wanted == name));
                found
            },
            &|| {
                let slots = index.phrases.get(&phrase(text)).map_or(&[][..], Vec::as_slice);
                towards(mention.inbound, within(slots))
            },
            &|| drops::mentioned(&mention.line).map(Meant::Drop).into_iter().collect(),
        ];
        let found = steps.iter().map(|step| step()).find(|found| !found.is_empty());
        found.unwrap_or_else(|| self.unknown(text, mention).into_iter().collect())
    }

    /// A counter that neither the registry nor the running kernel has, from a line that says which: it belongs to
    /// another host, or the kernel shows it only once it counts.
    fn unknown(&self, text: &str, mention: &Mention) -> Option<Meant> {
        let split = match (&mention.group, text.split_once('.')) {
            (Some(group), _) => Some((group.as_str(), text)),
            (None, Some(split)) => Some(split),
            (None, None) => self.by_prefix(text),
        };
        let (group, name) = split?;
        let fits = |text: &str, longest| {
            text.len() <= longest && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let is_whole = mention.whole && name.starts_with(|c: char| c.is_ascii_uppercase());
        let is_other =
            (is_whole && fits(group, LONGEST.0) && fits(name, LONGEST.1)) || numbered(group, name).is_some();
        is_other.then(|| Meant::Other(group.to_owned(), name.to_owned()))
    }

    /// Splits `IcmpMsgInType3` into group IcmpMsg and InType3, by the longest group that it begins with.
    fn by_prefix<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let groups = groups().map(|(group, ..)| group).chain(["IcmpMsg"]);
        let groups = groups.chain(self.others.iter().map(|(group, _)| group.as_str()));
        let longest = groups.filter(|group| text.starts_with(group)).map(str::len).max()?;
        text.split_at_checked(longest)
    }

    fn others(&self, meant: impl Fn(&str, &str) -> bool) -> Vec<Meant> {
        let lower = |text: &String| text.to_lowercase();
        let others = self.others.iter().filter(|(group, name)| meant(&lower(group), &lower(name)));
        others.map(|(group, name)| Meant::Other(group.clone(), name.clone())).collect()
    }

    fn of_oid(&self, text: &str) -> Vec<Meant> {
        let row = |group: &str, name: &str| match super::find(group, name) {
            Some(slot) => known(Some(&vec![slot])),
            None => self.others(|of, other| (of, other) == (&*group.to_lowercase(), &*name.to_lowercase())),
        };
        // lnsCounterValue."TcpExt"."ListenDrops", as Net-SNMP's tools print it.
        if let Some(index) = text.strip_prefix("lnsCounterValue.") {
            return match index.split('"').collect::<Vec<_>>()[..] {
                ["", group, ".", name, ""] => row(group, name),
                _ => Vec::new(),
            };
        }
        let text = text.strip_prefix("iso.").map_or_else(|| text.to_owned(), |rest| format!("1.{rest}"));
        let Ok(oid) = text.parse::<Oid>() else {
            return Vec::new();
        };
        match oid.strip_prefix(self.base.as_slice()) {
            Some([1, 3, group, number] | [1, 3, group, number, 0]) => {
                let is = |entry: &&Registered| (entry.group_number, entry.number) == (*group, *number);
                all().iter().filter(is).map(Meant::Known).collect()
            }
            Some([1, 4, 1, 3, index @ ..]) => match texts(index).as_deref() {
                Some([group, name]) => row(group, name),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn suggestions(&self, wanted: &str) -> Vec<String> {
        let mut suggested: Vec<&str> = Vec::new();
        while suggested.len() < 3 {
            let known = all().iter().map(|entry| entry.name);
            let names = known.chain(self.others.iter().map(|(_, name)| name.as_str()));
            let names = names.chain(drops::all().iter().map(|reason| reason.name));
            let Some(name) = nearest(wanted, names.filter(|name| !suggested.contains(name))) else {
                break;
            };
            suggested.push(name);
        }
        suggested.into_iter().map(str::to_owned).collect()
    }
}

/// The registry's counters by full name, by name and by phrase, all in lower case, and by symbol.
struct Index {
    full: HashMap<String, Vec<Slot>>,
    names: HashMap<String, Vec<Slot>>,
    symbols: HashMap<&'static str, Vec<Slot>>,
    phrases: HashMap<String, Vec<Slot>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let (mut full, mut by_name) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
    let (mut by_symbol, mut phrases) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
    for (slot, entry) in all().iter().enumerate() {
        for name in names(entry).into_iter().take(FULL) {
            full.entry(name).or_default().push(slot);
        }
        by_name.entry(entry.name.to_lowercase()).or_default().push(slot);
        if !entry.symbol.is_empty() {
            by_symbol.entry(entry.symbol).or_default().push(slot);
        }
        for written in phrases_of(entry) {
            phrases.entry(phrase(written)).or_default().push(slot);
        }
    }
    full.values_mut().for_each(Vec::dedup);
    Index { full, names: by_name, symbols: by_symbol, phrases }
});

fn known(slots: Option<&Vec<Slot>>) -> Vec<Meant> {
    slots.into_iter().flatten().filter_map(|&slot| all().get(slot)).map(Meant::Known).collect()
}

/// This many of [`names`] name one counter alone.
const FULL: usize = 3;

/// The ways to name a counter, in lower case: `tcpext.listendrops`, `tcpextlistendrops` (as in nstat and the standard
/// MIBs), the descriptor, and the symbol of the kernel's source, which several counters may share.
fn names(entry: &Registered) -> [String; FULL + 1] {
    let (group, name) = (entry.group.to_lowercase(), entry.name.to_lowercase());
    let symbol = entry.symbol.to_lowercase();
    [format!("{group}.{name}"), format!("{group}{name}"), entry.descriptor.to_lowercase(), symbol]
}

/// The counters whose symbol a text contains: `NET_INC_STATS(net, LINUX_MIB_LISTENDROPS);`.
fn symbols(text: &str) -> Vec<Meant> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let words = words.map(str::to_uppercase).filter(|word| word.contains("_MIB_"));
    words.flat_map(|word| known(INDEX.symbols.get(&*word))).collect()
}

/// Those that count received or sent messages, if any: netstat has one phrase for both.
fn towards(inbound: Option<bool>, found: Vec<Meant>) -> Vec<Meant> {
    let Some(inbound) = inbound else {
        return found;
    };
    let is = |meant: &&Meant| matches!(meant, Meant::Known(entry) if entry.name.starts_with(if inbound { "In" } else { "Out" }));
    let of_direction: Vec<_> = found.iter().filter(is).cloned().collect();
    if of_direction.is_empty() { found } else { of_direction }
}

/// The phrases of netstat for a counter, now and formerly.
fn phrases_of(entry: &'static Registered) -> impl Iterator<Item = &'static str> {
    let now = Some(entry.netstat).filter(|written| !written.is_empty());
    now.into_iter().chain(entry.netstat_older.iter().copied())
}

/// A phrase without the figures and signs that netstat puts around it.
fn phrase(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words = words.filter(|word| !word.bytes().all(|b| b.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

fn is_numeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// The texts of an index, each preceded by its length.
fn texts(mut index: &[u32]) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    while let [length, rest @ ..] = index {
        let (text, rest) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
        texts.push(text.iter().map(|&octet| char::from_u32(octet)).collect::<Option<String>>()?);
        index = rest;
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    fn others() -> Vec<(String, String)> {
        let others = [("QuicExt", "Tomorrow"), ("MPTcpExt", "BrandNewDrop"), ("IcmpMsg", "InType3")];
        others.map(|(group, name)| (group.to_owned(), name.to_owned())).to_vec()
    }

    fn named(meant: &Meant) -> String {
        match meant {
            Meant::Known(entry) => entry.descriptor.to_owned(),
            Meant::Other(group, name) => format!("{group} {name}"),
            Meant::Drop(reason) => format!("drop {}", reason.name),
        }
    }

    /// What a text on a line of its own means.
    fn found(text: &str) -> Vec<String> {
        let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
        let mentions = lines::read(text);
        assert!(mentions.len() < 2, "{text}");
        let finder = Finder { base: &base, others: &others() };
        match mentions.first().map(|mention| finder.written(mention)) {
            Some(Found::Counters(found)) => found.iter().map(named).collect(),
            Some(Found::Parts(found)) => vec![format!("{} parts", found.len())],
            Some(Found::Nothing(names)) => names.iter().map(|name| format!("{name}?")).collect(),
            None => vec!["no mention".to_owned()],
        }
    }

    /// What each line of a program's output means.
    fn pasted(text: &str) -> Vec<Vec<String>> {
        let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
        let finder = Finder { base: &base, others: &others() };
        let mentions = lines::read(text);
        mentions.iter().map(|mention| finder.pasted(mention).iter().map(named).collect()).collect()
    }

    #[test]
    fn every_way_to_name_a_counter() {
        for text in [
            "TCPBacklogDrop",
            "tcpbacklogdrop",
            "lnsTcpExtTCPBacklogDrop",
            "lnsTcpExtTCPBacklogDrop.0",
            "TcpExt.TCPBacklogDrop",
            "TcpExtTCPBacklogDrop",
            "1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.73",
            ".1.3.6.1.4.1.8072.9999.9999.2741.1.3.6.73.0",
            "1.3.6.1.4.1.8072.9999.9999.2741.1.4.1.3.6.84.99.112.69.120.116.14.84.67.80.66.97.99.107.108.111.103.68.114.111.112",
            "LINUX_MIB_TCPBACKLOGDROP",
            "NET_INC_STATS(sock_net(sk), LINUX_MIB_TCPBACKLOGDROP);",
            "TCPBacklogDrop: 12",
            "TcpExtTCPBacklogDrop            12                 0.0",
            "LINUX-NETSTAT-MIB::lnsTcpExtTCPBacklogDrop.0 = Counter64: 12 packets",
            "lnsCounterValue.\"TcpExt\".\"TCPBacklogDrop\"",
            "iso.3.6.1.4.1.8072.9999.9999.2741.1.3.6.73.0 = Counter64: 12",
            "TCPBacklogDr",
        ] {
            assert_eq!(found(text), ["lnsTcpExtTCPBacklogDrop"], "{text}");
        }
        assert_eq!(found("tcpRetransSegs"), ["lnsTcpRetransSegs"], "as TCP-MIB has it");
        assert_eq!(found("TCP-MIB::tcpRetransSegs.0 = Counter32: 5"), ["lnsTcpRetransSegs"]);
        assert_eq!(found("XfrmInError"), ["lnsXfrmInError"]);
        for (symbol, name) in [
            ("LINUX_MIB_TCPMTUPSUCCESS", "lnsTcpExtTCPMTUPSuccess"),
            ("ICMP_MIB_INTIMEEXCDS", "lnsIcmpInTimeExcds"),
            ("icmp6_mib_csumerrors", "lnsIcmp6InCsumErrors"),
            ("TCP_MIB_CSUMERRORS", "lnsTcpInCsumErrors"),
            ("LINUX_MIB_XFRMINERROR", "lnsXfrmInError"),
            ("SCTP_MIB_ABORTEDS", "lnsSctpAborteds"),
            ("MPTCP_MIB_JOINNOTOKEN", "lnsMPTcpExtMPJoinNoTokenFound"),
        ] {
            assert_eq!(found(symbol), [name], "{symbol}");
        }
        assert_eq!(found("IPSTATS_MIB_INNOROUTES"), ["lnsIpExtInNoRoutes", "lnsIp6InNoRoutes"]);
    }

    #[test]
    fn phrases_of_netstat() {
        assert_eq!(found("packets pruned from receive queue"), ["lnsTcpExtRcvPruned"]);
        assert_eq!(found("12 packets pruned from receive queue"), ["lnsTcpExtRcvPruned"]);
        assert_eq!(found("timeout in transit: 7"), ["lnsIcmpInTimeExcds"]);
        assert_eq!(found("TCP ran low on memory 5 times"), ["lnsTcpExtTCPMemoryPressures"]);
    }

    /// netstat has one phrase for the counters of several groups and for both directions; its headings tell them apart.
    #[test]
    fn headings_decide() {
        assert_eq!(
            pasted("Udp:\n 5 packets received\nUdp6:\n 6 packets received\n"),
            [["lnsUdpInDatagrams"], ["lnsUdp6InDatagrams"]]
        );
        let icmp =
            "Icmp:\nICMP input histogram:\n echo replies: 1\nICMP output histogram:\n echo replies: 2\n";
        assert_eq!(pasted(icmp), [["lnsIcmpInEchoReps"], ["lnsIcmpOutEchoReps"]]);
        assert_eq!(
            found("echo replies: 1"),
            ["lnsIcmpInEchoReps", "lnsIcmpOutEchoReps", "lnsIcmp6InEchoReplies", "lnsIcmp6OutEchoReplies"]
        );
        assert_eq!(
            pasted("QuicExt:\n 5 packets received\n InErrors: 4\n"),
            [vec![], vec!["QuicExt InErrors"]]
        );
    }

    /// Below its heading each phrase, also of older versions, means one counter.
    #[test]
    fn phrases_are_plain_below_their_headings() {
        for entry in all() {
            let histogram = match entry.name.get(..2) {
                Some("In") => "    ICMP input histogram:\n",
                _ => "    ICMP output histogram:\n",
            };
            for written in phrases_of(entry) {
                let text = format!("{}:\n{histogram}    7 {written}\n", entry.group);
                assert_eq!(pasted(&text), [[entry.descriptor]], "{text}");
            }
        }
        assert_eq!(
            found("34023855 times recovered from packet loss due to SACK data"),
            ["lnsTcpExtTCPSackRecovery"]
        );
    }

    /// A line that is cut anywhere means something or nothing.
    #[test]
    fn cut_lines_are_no_trouble() {
        let text = include_str!("../../tests/pasted/7.3/netstat-s.txt");
        for line in text.lines() {
            for at in 0..=line.len() {
                let (front, back) = line.split_at(at);
                pasted(&format!("TcpExt:\n{front}\n{back}"));
            }
        }
    }

    #[test]
    fn what_the_registry_lacks() {
        for text in
            ["Tomorrow", "quicext.tomorrow", "QuicExtTomorrow", "QuicExtTomorrow 5 0.0", "Tomorrow: 5"]
        {
            assert_eq!(found(text), ["QuicExt Tomorrow"], "{text}");
        }
        let row = "1.3.6.1.4.1.8072.9999.9999.2741.1.4.1.3.7.81.117.105.99.69.120.116.8.84.111.109.111.114.114.111.119";
        assert_eq!(found(row), ["QuicExt Tomorrow"]);
        // A counter of another host has a name too, if its line says which.
        assert_eq!(pasted("MPTcpExt:\n Unheard: 5\n"), [["MPTcpExt Unheard"]]);
        assert_eq!(found("MPTcpExtUnheard 5 0.0"), ["MPTcpExt Unheard"]);
        assert_eq!(found("MPTcpExt.Unheard: 5"), ["MPTcpExt Unheard"]);
        assert!(found("MPTcpExt.Unheard").iter().all(|name| name.ends_with('?')));
        for text in ["IcmpMsgInType3", "IcmpMsgInType3 4", "IcmpMsg.InType3"] {
            assert_eq!(found(text), ["IcmpMsg InType3"], "{text}");
        }
        assert_eq!(found("Icmp6InType128"), ["Icmp6 InType128"]);
    }

    #[test]
    fn a_whole_name_wins_over_a_part_of_another() {
        assert_eq!(found("BacklogDrop"), ["lnsMPTcpExtBacklogDrop"]);
        assert_eq!(found("BrandNewDrop"), ["MPTcpExt BrandNewDrop"]);
        assert_eq!(found("BrandNew"), ["MPTcpExt BrandNewDrop"], "a part of one will do");
    }

    #[test]
    fn names_that_several_groups_have() {
        assert_eq!(
            found("NoPorts"),
            ["lnsUdpNoPorts", "lnsUdpLiteNoPorts", "lnsUdp6NoPorts", "lnsUdpLite6NoPorts"]
        );
    }

    #[test]
    fn parts_and_misspellings() {
        assert!(found("Abort")[0].ends_with(" parts"));
        assert_eq!(found("ListenDrobs")[0], "ListenDrops?");
        assert_eq!(found("qqqqqqqqqqqqqqqqqqqqqqqq"), [""; 0]);
        assert_eq!(found(""), ["no mention"]);
        assert_eq!(found("Tcp:"), ["no mention"]);
    }
}
