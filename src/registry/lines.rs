//! Extracts from pasted text the counters that it mentions and their values: lines of `netstat -s`, of `nstat` as text
//! or JSON, of files below `/proc/net`, of `snmpwalk`.
//!
//! Nothing is looked up here: [`super::find()`] says what a mention means.

use crate::proc::counters::{Figure, Item, pairs};
use serde_json::Value;

/// A counter as a text mentions it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The line it is on, for messages.
    pub line: String,
    /// Its name, or a phrase; without the group in the heading above it.
    pub text: String,
    /// The group in the heading above it, `Tcp`.
    pub group: Option<String>,
    /// Whether it counts received messages, if a heading says so: netstat has one phrase for both.
    pub inbound: Option<bool>,
    /// The value beside it.
    pub figure: Option<Figure>,
    /// Whether it is a name and a value, as programs print counters without a phrase: the name is whole.
    pub whole: bool,
}

/// The counters that a text mentions, in its order; headings and empty lines mention none.
#[must_use]
pub fn read(text: &str) -> Vec<Mention> {
    if let Some(mentions) = json(text) {
        return mentions;
    }
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let mut mentions = Vec::new();
    let mut above = Above::default();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        if let Some(values) = lines.get(at).filter(|next| is_pair(line, next)) {
            at += 1;
            mentions.extend(of_pair(line, values));
        } else if !above.take(line) {
            mentions.push(mention(line, &above));
        }
    }
    mentions
}

/// What the headings say about the lines below them.
#[derive(Default)]
struct Above {
    group: Option<String>,
    inbound: Option<bool>,
}

impl Above {
    /// Takes a line that is a heading or empty; returns whether it is one.
    fn take(&mut self, line: &str) -> bool {
        if line.is_empty() {
            return true;
        }
        // nstat's '#kernel' begins a new listing.
        if line.starts_with('#') {
            *self = Self::default();
            return true;
        }
        let Some(heading) = line.strip_suffix(':') else {
            return false;
        };
        match heading {
            "ICMP input histogram" => self.inbound = Some(true),
            "ICMP output histogram" => self.inbound = Some(false),
            group if is_name(group) => *self = Self { group: Some(group.to_owned()), inbound: None },
            _ => return false,
        }
        true
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
}

/// A number as programs print it; `None` if it is anything else or does not fit 64 bits.
fn figure(word: &str) -> Option<Figure> {
    // The standard library's parser would accept a leading '+'.
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match word.parse() {
        Ok(count) => Some(Figure::Count(count)),
        Err(_) => word.parse().ok().map(Figure::Negative),
    }
}

fn mention(line: &str, above: &Above) -> Mention {
    let words: Vec<_> = line.split_whitespace().collect();
    let mention = |text: &str, figure, whole| Mention {
        line: line.to_owned(),
        text: text.to_owned(),
        group: above.group.clone(),
        inbound: above.inbound,
        figure,
        whole,
    };
    // snmpwalk: 'TCP-MIB::tcpInErrs.0 = Counter32: 5'.
    if let Some((object, value)) = line.split_once(" = ") {
        let object = object.rsplit_once("::").map_or(object, |(_, object)| object);
        return mention(object.trim(), value.split_whitespace().find_map(figure), true);
    }
    // 'TCPBacklogDrop: 12' and, followed by a rate, 'TcpExtListenDrops  12  0.0'.
    if let [name, value, rest @ ..] = &words[..] {
        let name = name.strip_suffix(':').unwrap_or(name);
        let is_rate = |word: &&str| word.parse::<f64>().is_ok() || *word == "(overflow)";
        match figure(value) {
            Some(figure) if is_name(name) && rest.iter().all(is_rate) => {
                return mention(name, Some(figure), true);
            }
            _ => {}
        }
    }
    let mut figures = words.iter().filter_map(|word| figure(word));
    let value = figures.next().filter(|_| figures.next().is_none());
    mention(line, value, false)
}

/// Whether the lines are names and, below them, values, as in `/proc/net/snmp`.
fn is_pair(names: &str, values: &str) -> bool {
    let (mut names, mut values) = (names.split_whitespace(), values.split_whitespace());
    let (prefix, same) = (names.next(), values.next());
    prefix == same
        && prefix.is_some_and(|word| word.ends_with(':'))
        && names.next().is_some_and(is_name)
        && values.next().is_some_and(|word| figure(word).is_some())
}

fn of_pair(names: &str, values: &str) -> Vec<Mention> {
    let both = format!("{names}\n{values}\n");
    let mut mentions = Vec::new();
    pairs(both.as_bytes(), |item| {
        mentions.push(match item {
            Item::Counter { group, name, figure } => Mention {
                line: format!("{group} {name}"),
                text: name.to_owned(),
                group: Some(group.to_owned()),
                inbound: None,
                figure: Some(figure),
                whole: true,
            },
            // As a line without a meaning, so that it is reported.
            Item::Problem(_) => mention(names, &Above::default()),
        });
    });
    mentions
}

/// The output of `nstat -j`: `{"kernel":{"IpInReceives":5}}`.
fn json(text: &str) -> Option<Vec<Mention>> {
    let Value::Object(sources) = serde_json::from_str(text).ok()? else {
        return None;
    };
    let mut mentions = Vec::new();
    for (name, value) in &sources {
        match value {
            Value::Object(counters) => mentions.extend(counters.iter().map(|(name, value)| of(name, value))),
            value => mentions.push(of(name, value)),
        }
    }
    Some(mentions)
}

fn of(name: &str, value: &Value) -> Mention {
    Mention {
        line: name.to_owned(),
        text: name.to_owned(),
        group: None,
        inbound: None,
        figure: figure(&value.to_string()),
        whole: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Group, text and value of each mention.
    fn mentioned(text: &str) -> Vec<(String, String, Option<Figure>)> {
        let of = |mention: Mention| (mention.group.unwrap_or_default(), mention.text, mention.figure);
        read(text).into_iter().map(of).collect()
    }

    fn one(text: &str) -> (String, Option<Figure>) {
        let mentions = mentioned(text);
        assert_eq!(mentions.len(), 1, "{text}");
        (mentions[0].1.clone(), mentions[0].2)
    }

    #[test]
    fn lines_of_name_and_value() {
        let twelve = Some(Figure::Count(12));
        for (line, name) in [
            ("TCPBacklogDrop: 12", "TCPBacklogDrop"),
            ("TcpExtListenDrops               12              0.0", "TcpExtListenDrops"),
            ("TcpExtListenDrops 12 0.0 (overflow)", "TcpExtListenDrops"),
            ("IcmpMsgInType3\t12", "IcmpMsgInType3"),
            ("LINUX-NETSTAT-MIB::lnsUdpNoPorts.0 = Counter64: 12 datagrams", "lnsUdpNoPorts.0"),
            (".1.3.6.1.2 = Counter64: 12", ".1.3.6.1.2"),
        ] {
            assert_eq!(one(line), (name.to_owned(), twelve), "{line}");
        }
        assert_eq!(one("TcpMaxConn -1"), ("TcpMaxConn".to_owned(), Some(Figure::Negative(-1))));
        assert_eq!(one("redirects: 5"), ("redirects".to_owned(), Some(Figure::Count(5))));
    }

    #[test]
    fn phrases_keep_their_words() {
        assert_eq!(one("Quick ack mode was activated 12 times").1, Some(Figure::Count(12)));
        assert_eq!(one("TCP ran low on memory").1, None);
        assert_eq!(one("7 out of 12").1, None, "which of them is not known");
        assert_eq!(one("99999999999999999999 segments sent out").1, None);
    }

    #[test]
    fn headings_say_where_the_lines_below_them_belong() {
        let text = "Icmp:\n 1 ICMP messages received\n ICMP output histogram:\n  redirect: 2\nTcp:\nInErrs: 3\n#kernel\nX 4";
        let mentions = read(text);
        let places: Vec<_> =
            mentions.iter().map(|mention| (mention.group.as_deref(), mention.inbound)).collect();
        assert_eq!(
            places,
            [(Some("Icmp"), None), (Some("Icmp"), Some(false)), (Some("Tcp"), None), (None, None)]
        );
    }

    #[test]
    fn files_of_proc_and_json() {
        let pair = "Tcp: MaxConn InSegs\nTcp: -1 5\nUdp: NoPorts\nUdp: 7\n";
        let figure = |group: &str, name: &str, figure| (group.to_owned(), name.to_owned(), Some(figure));
        assert_eq!(
            mentioned(pair),
            [
                figure("Tcp", "MaxConn", Figure::Negative(-1)),
                figure("Tcp", "InSegs", Figure::Count(5)),
                figure("Udp", "NoPorts", Figure::Count(7))
            ]
        );
        assert_eq!(mentioned("Tcp: InSegs\nTcp: 5 6\n").len(), 1, "told as a whole");
        assert_eq!(
            mentioned("{\"kernel\":{\"IpInReceives\":5,\"IpRate\":0.5}}"),
            [figure("", "IpInReceives", Figure::Count(5)), (String::new(), "IpRate".to_owned(), None)]
        );
        assert_eq!(mentioned("{\"kernel\":").len(), 1);
        assert_eq!(mentioned("{}"), []);
    }

    #[test]
    fn nothing_but_characters_is_no_trouble() {
        for junk in ["", "\n\n", ":", "::\n::", "Tcp:", "#", " = ", "a: -", "- -", "\0", "é: 5", "a: 5 NaN"]
        {
            let _ = read(junk);
        }
    }
}
