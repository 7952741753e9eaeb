//! net/sockstat and net/sockstat6 (`TCP: inuse 5 orphan 0 …`), and the lists of numbers in sys/net/ipv4.

use super::error::{Excerpt, Fault, ParseError};
use super::figure::{Figure as Number, Width};
use super::words;

/// One figure of net/sockstat: its section, its key, its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SockstatFigure {
    /// `TCP`, as the kernel writes it.
    pub section: String,
    /// `inuse`
    pub key: String,
    /// The value; `None` if it is below zero.
    pub value: Option<u64>,
}

/// All figures of net/sockstat or net/sockstat6, and the problems: a line with anything wrong in it is left out as a
/// whole.
#[must_use]
pub fn figures(contents: &[u8]) -> (Vec<SockstatFigure>, Vec<ParseError>) {
    let (mut figures, mut problems) = (Vec::new(), Vec::new());
    for (at, line) in contents.split(|&b| b == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match section(line) {
            Ok(section) => figures.extend(section),
            Err(fault) => problems.push(ParseError::new(at + 1, fault)),
        }
    }
    (figures, problems)
}

fn section(line: &[u8]) -> Result<Vec<SockstatFigure>, Fault> {
    let mut words = words(line);
    let head = words.next().unwrap_or_default();
    let section = head.strip_suffix(b":").ok_or_else(|| Fault::NoSection(Excerpt::of(head)))?;
    let section = text(section)?;
    let mut figures = Vec::new();
    while let Some(key) = words.next() {
        let (key, word) = (text(key)?, words.next().unwrap_or_default());
        let number = Number::parse(word).ok_or_else(|| Fault::NoNumber {
            field: format!("{section} {key}").into(),
            found: Excerpt::of(word),
        })?;
        let value = number.as_level(width(&key)).count();
        figures.push(SockstatFigure { section: section.clone(), key, value });
    }
    Ok(figures)
}

/// Memory is a long in the kernel (pages with a sign, octets without one); everything else is an int.
fn width(key: &str) -> Width {
    if matches!(key, "mem" | "memory") { Width::Long } else { Width::Int }
}

fn text(word: &[u8]) -> Result<String, Fault> {
    match std::str::from_utf8(word) {
        Ok(text) if !text.is_empty() && word.iter().all(u8::is_ascii_graphic) => Ok(text.to_owned()),
        _ => Err(Fault::NoWord(Excerpt::of(word))),
    }
}

/// The numbers of a file such as sys/net/ipv4/tcp_mem, which holds three.
///
/// # Errors
/// If a word is not a number, or the file has none.
pub fn numbers(contents: &[u8]) -> Result<Vec<Number>, ParseError> {
    let line = contents.strip_suffix(b"\n").unwrap_or(contents);
    let numbers = words(line)
        .map(|word| {
            Number::parse(word).ok_or_else(|| ParseError::new(1, Fault::NotANumber(Excerpt::of(word))))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if numbers.is_empty() {
        return Err(ParseError::new(1, Fault::NoNumbers));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_by_section_and_key() {
        let (figures, problems) =
            figures(b"sockets: used 42\nTCP: inuse 5 orphan 0 tw 1 alloc 8 mem 2\nFRAG: inuse 0 memory 0\n");
        assert!(problems.is_empty());
        assert_eq!(figures.len(), 8);
        let orphan = SockstatFigure { section: "TCP".into(), key: "orphan".into(), value: Some(0) };
        assert!(figures.contains(&orphan));
    }

    #[test]
    fn a_bad_line_goes_alone() {
        let (figures, problems) = figures(b"TCP: inuse x\nUDP: inuse 5 mem\nRAW inuse 0\nFRAG: inuse 3\n");
        assert_eq!(figures.len(), 1);
        assert_eq!(problems.len(), 3);
        assert_eq!(problems[0].to_string(), "line 1: TCP inuse is 'x', which is no number");
    }

    /// The kernel prints these with a sign (old ones: sockets, TCP, UDP), without one (FRAG), from a long (memory).
    #[test]
    fn what_is_below_zero_goes_alone() {
        let (figures, problems) = figures(
            b"sockets: used -1\nTCP: inuse 6 orphan -2 tw 5 alloc 4294967293 mem -3\n\
              FRAG: inuse 4294967295 memory 18446744073709547776\nFRAG6: inuse 1 memory 8589934592\n",
        );
        assert_eq!(problems, []);
        let known: Vec<_> = figures
            .iter()
            .filter_map(|figure| Some(format!("{} {} {}", figure.section, figure.key, figure.value?)))
            .collect();
        assert_eq!(known, ["TCP inuse 6", "TCP tw 5", "FRAG6 inuse 1", "FRAG6 memory 8589934592"]);
        assert_eq!(figures.len(), 10);
    }

    #[test]
    fn numbers_of_a_sysctl() {
        let read =
            |contents| numbers(contents).map(|numbers| numbers.iter().map(|n| n.count()).collect::<Vec<_>>());
        assert_eq!(read(b"283191\t377590\t566382\n").unwrap(), [Some(283_191), Some(377_590), Some(566_382)]);
        assert_eq!(read(b"1 -2 3\n").unwrap(), [Some(1), None, Some(3)]);
        assert!(numbers(b"\n").is_err());
        assert!(numbers(b"1 x 3\n").is_err());
    }
}
