//! net/snmp, net/netstat (pairs of lines: names, then values) and net/snmp6, net/sctp/snmp, net/xfrm_stat
//! (a name and a value on each line).
//!
//! A problem costs only what it touches: a pair of lines, or one counter. The parsers report each problem and go on.

use super::error::{Excerpt, Fault, ParseError};
pub use super::figure::Figure;
use super::words;

/// The kernel prints no name longer than 31 bytes (`struct snmp_mib`); lnsCounterName allows 64.
pub(super) const LONGEST_NAME: usize = 64;
/// lnsCounterGroup allows 16.
const LONGEST_GROUP: usize = 16;

/// What a parser reports, in file order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A counter: its group (empty in files that have none), its name, its value.
    Counter {
        /// `TcpExt`
        group: &'a str,
        /// `ListenDrops`
        name: &'a str,
        /// The value.
        figure: Figure,
    },
    /// Something the parser left out, and why.
    Problem(ParseError),
}

/// A name of at most `longest` octets.
fn name(word: &[u8], longest: usize) -> Option<&str> {
    let fits = (1..=longest).contains(&word.len()) && word.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(word).ok().filter(|_| fits)
}

/// Parses pairs of lines, `Tcp: ActiveOpens …` and `Tcp: 5 …`, as in net/snmp and net/netstat. Drops two lines that do
/// not match, or one without its other, and parses the lines after them as usual. Skips lines without a word.
pub fn pairs<'a>(contents: &'a [u8], mut meet: impl FnMut(Item<'a>)) {
    let problem = |at: usize, fault: Fault| Item::Problem(ParseError::new(at + 1, fault));
    let lines = contents.split(|&b| b == b'\n').enumerate();
    let mut lines = lines.filter(|(_, line)| !line.iter().all(u8::is_ascii_whitespace)).peekable();
    while let Some((at, names)) = lines.next() {
        if has_figures(names) {
            meet(problem(at, Fault::NoNamesBefore));
            continue;
        }
        let values = lines.next_if(|(_, next)| has_figures(next) || prefix(next) == prefix(names));
        let Some((second, values)) = values else {
            meet(problem(at, Fault::NoValues));
            continue;
        };
        // If values come next, this was another line of names; if not, it should have held numbers.
        let follow = |(_, next): &(usize, &[u8])| has_figures(next) && prefix(next) == prefix(names);
        let (at, names, values) = match lines.next_if(|next| !has_figures(values) && follow(next)) {
            Some((_, third)) => {
                meet(problem(at, Fault::NoValues));
                (second, values, third)
            }
            None => (at, names, values),
        };
        if let Err(fault) = pair(names, values, &mut meet) {
            meet(problem(at, fault));
        }
    }
}

/// The group of a line, with its colon.
fn prefix(line: &[u8]) -> &[u8] {
    words(line).next().unwrap_or_default()
}

/// Whether a line holds values rather than names, as far as one can tell.
fn has_figures(line: &[u8]) -> bool {
    let is_one = |word: &[u8]| {
        word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-')
            && !word.iter().any(u8::is_ascii_alphabetic)
    };
    words(line).skip(1).any(is_one)
}

fn pair<'a>(names: &'a [u8], values: &'a [u8], meet: &mut impl FnMut(Item<'a>)) -> Result<(), Fault> {
    let (mut names, mut values) = (words(names), words(values));
    let (prefix, same) = (names.next().unwrap_or_default(), values.next().unwrap_or_default());
    let Some(group) = prefix.strip_suffix(b":") else {
        return Err(Fault::NoGroup(Excerpt::of(prefix)));
    };
    if prefix != same {
        return Err(Fault::OtherGroup { names: Excerpt::of(prefix), values: Excerpt::of(same) });
    }
    let unnamed = || Fault::NoName { found: Excerpt::of(group), longest: LONGEST_GROUP };
    let group = name(group, LONGEST_GROUP).ok_or_else(unnamed)?;
    // If the numbers of names and values differ, nobody knows which value belongs to which name.
    let (columns, figures) = (names.clone().count(), values.clone().count());
    if columns != figures {
        return Err(Fault::Unequal { group: group.into(), names: columns, values: figures });
    }
    for (word, figure) in names.zip(values) {
        match (name(word, LONGEST_NAME), Figure::parse(figure)) {
            (Some(name), Some(figure)) => meet(Item::Counter { group, name, figure }),
            (Some(name), None) => return Err(no_number(format!("{group} {name}"), figure)),
            (None, _) => {
                let found = Excerpt::of(word);
                return Err(Fault::NoNameInGroup { group: group.into(), found, longest: LONGEST_NAME });
            }
        }
    }
    Ok(())
}

/// Parses lines of a name and a value, as in net/snmp6, net/sctp/snmp and net/xfrm_stat.
pub fn lines<'a>(contents: &'a [u8], mut meet: impl FnMut(Item<'a>)) {
    for (at, line) in contents.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        meet(single(line).unwrap_or_else(|fault| Item::Problem(ParseError::new(at + 1, fault))));
    }
}

fn single(line: &[u8]) -> Result<Item<'_>, Fault> {
    let mut words = words(line);
    let word = words.next().unwrap_or_default();
    let unnamed = || Fault::NoName { found: Excerpt::of(word), longest: LONGEST_NAME };
    let name = name(word, LONGEST_NAME).ok_or_else(unnamed)?;
    let value = words.next().unwrap_or_default();
    match (Figure::parse(value), words.next()) {
        (Some(figure), None) => Ok(Item::Counter { group: "", name, figure }),
        _ => Err(no_number(name, value)),
    }
}

fn no_number(field: impl Into<Box<str>>, found: &[u8]) -> Fault {
    Fault::NoNumber { field: field.into(), found: Excerpt::of(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_pairs(contents: &str) -> (Vec<(String, Figure)>, Vec<String>) {
        collect(|meet| pairs(contents.as_bytes(), meet))
    }

    fn of_lines(contents: &str) -> (Vec<(String, Figure)>, Vec<String>) {
        collect(|meet| lines(contents.as_bytes(), meet))
    }

    fn collect<'a>(parse: impl FnOnce(&mut dyn FnMut(Item<'a>))) -> (Vec<(String, Figure)>, Vec<String>) {
        let (mut counters, mut problems) = (Vec::new(), Vec::new());
        parse(&mut |item| match item {
            Item::Counter { group, name, figure } => counters.push((format!("{group}.{name}"), figure)),
            Item::Problem(problem) => problems.push(problem.to_string()),
        });
        (counters, problems)
    }

    #[test]
    fn pairs_of_lines() {
        let (counters, problems) =
            of_pairs("Tcp: MaxConn InSegs\nTcp: -1 18446744073709551615\nUdp: NoPorts\nUdp: 7\n");
        assert_eq!(problems, [""; 0]);
        assert_eq!(
            counters,
            [
                ("Tcp.MaxConn".to_owned(), Figure::Negative(-1)),
                ("Tcp.InSegs".to_owned(), Figure::Count(u64::MAX)),
                ("Udp.NoPorts".to_owned(), Figure::Count(7)),
            ]
        );
    }

    #[test]
    fn a_bad_pair_takes_away_no_other() {
        for bad in [
            "Tcp: A B\nTcp: 1\n",
            "Tcp: A\nTcp: 1 2\n",
            "Tcp: A\nUdp: 1\n",
            "Tcp A\nTcp 1\n",
            "Tcp: A\nTcp: x\n",
            "Tcp: A\nTcp: 123456789012345678901234567890\n",
            "AGroupOfMoreThan16: A\nAGroupOfMoreThan16: 1\n",
        ] {
            let (counters, problems) = of_pairs(&format!("{bad}Udp: NoPorts\nUdp: 7\n"));
            assert_eq!(problems.len(), 1, "{bad}");
            assert!(counters.contains(&("Udp.NoPorts".to_owned(), Figure::Count(7))), "{bad}");
        }
        let (counters, problems) = of_pairs("Tcp: A\nTcp: 5\nUdp: NoPo");
        assert_eq!((counters.len(), problems.len()), (1, 1));
    }

    /// One line without its other, or a blank one, must not shift the lines after it.
    #[test]
    fn lines_that_are_no_pair_go_alone() {
        const WHOLE: [(&str, u64); 3] = [("Ip.A", 1), ("Tcp.B", 2), ("Udp.C", 3)];
        let lines = ["Ip: A", "Ip: 1", "Tcp: B", "Tcp: 2", "Udp: C", "Udp: 3"];
        let read = |lines: &[&str]| {
            let (counters, problems) = of_pairs(&(lines.join("\n") + "\n"));
            let of_count = |(name, figure): (String, Figure)| (name, figure.count().unwrap());
            (counters.into_iter().map(of_count).collect::<Vec<_>>(), problems)
        };
        let without = |name: &str| {
            let rest = WHOLE.iter().filter(|(other, _)| *other != name);
            rest.map(|&(name, value)| (name.to_owned(), value)).collect::<Vec<_>>()
        };
        assert_eq!(read(&lines), (without(""), vec![]));
        for at in 0..lines.len() {
            let (pair, changed) = (at / 2, |change: &dyn Fn(&mut Vec<&'static str>)| {
                let mut lines = lines.to_vec();
                change(&mut lines);
                read(&lines)
            });
            let name = WHOLE[pair].0;
            for blank in ["", " ", "\t", "\r", " \r"] {
                assert_eq!(
                    changed(&|lines| lines.insert(at, blank)),
                    (without(""), vec![]),
                    "{at} {blank:?}"
                );
            }
            // Duplicated: this leaves one pair and one extra line.
            let (counters, problems) = changed(&|lines| lines.insert(at, lines[at]));
            assert_eq!((counters, problems.len()), (without(""), 1), "{at} twice: {problems:?}");
            // Without its partner.
            let (counters, problems) = changed(&|lines| {
                lines.remove(at);
            });
            assert_eq!((counters, problems.len()), (without(name), 1), "without {at}: {problems:?}");
            // Names that never have values, as gVisor writes them, before, between and after the pairs.
            for alone in ["TcpExt: SyncookiesSent ListenDrops", "TcpExt:", "TcpExt: 1 2", "nonsense"] {
                let (counters, problems) = changed(&|lines| lines.insert(at - at % 2, alone));
                assert_eq!((counters, problems.len()), (without(""), 1), "{alone} at {at}: {problems:?}");
            }
            // The kernel writes no carriage returns; the line and its pair are dropped, and no other.
            let with_cr: String = lines[at].to_owned() + "\r";
            let with_cr: &'static str = with_cr.leak();
            let (counters, problems) = changed(&|lines| lines[at] = with_cr);
            assert_eq!((counters, problems.len()), (without(name), 1), "{with_cr:?}: {problems:?}");
        }
        let (counters, problems) = read(&[&lines[..], &["Icmp: InMsgs"]].concat());
        assert_eq!(
            (counters, problems),
            (without(""), vec!["line 7: no line of values follows the names".into()])
        );
    }

    /// As gVisor writes them: each is told for what it is, and none is taken for the values of the one before.
    #[test]
    fn names_without_values_are_told_one_by_one() {
        let (counters, problems) = of_pairs("Ip: A\nTcp: B\nUdp: C\nUdp: 3\n");
        assert_eq!(counters, [("Udp.C".to_owned(), Figure::Count(3))]);
        let alone = |line: usize| format!("line {line}: no line of values follows the names");
        assert_eq!(problems, [alone(1), alone(2)]);
    }

    #[test]
    fn a_name_may_begin_with_a_digit_and_a_value_with_a_sign() {
        assert_eq!(
            of_pairs("Tcp: 2MSL\nTcp: 5\n"),
            (vec![("Tcp.2MSL".to_owned(), Figure::Count(5))], vec![])
        );
        let (counters, problems) = of_pairs("Tcp: -1\nUdp: C\nUdp: 3\n");
        assert_eq!(counters, [("Udp.C".to_owned(), Figure::Count(3))]);
        assert_eq!(problems, ["line 1: no line of names stands before the values"]);
    }

    #[test]
    fn lines_of_name_and_value() {
        let (counters, problems) = of_lines("Ip6InReceives   \t5\nbad x\nXfrmInError \t0\nfew\nto many 1\n");
        assert_eq!(counters.len(), 2);
        assert_eq!(counters[0], (".Ip6InReceives".to_owned(), Figure::Count(5)));
        assert_eq!(problems.len(), 3);
        assert!(problems[0].starts_with("line 2: bad is 'x'"));
    }

    #[test]
    fn nothing_but_bytes_is_no_trouble() {
        for junk in ["\0\0\0", "\n\n\n", ":", "::\n::\n", "Tcp:\nTcp:\n", " \t \n \t \n"] {
            of_pairs(junk);
            of_lines(junk);
        }
    }
}
