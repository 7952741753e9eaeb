//! net/sockstat and net/sockstat6 (`TCP: inuse 5 orphan 0 …`), the numbers in the files of sys, and the sizes of the
//! neighbour tables.

use super::error::{Excerpt, Fault, ParseError};
use super::figure::{Figure as Number, Width};
use super::per_cpu;
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

/// The numbers of such a file, of which there must be so many.
///
/// # Errors
/// As [`numbers`], and if there are more or fewer.
pub fn numbers_of(count: usize, contents: &[u8]) -> Result<Vec<Number>, ParseError> {
    let numbers = numbers(contents)?;
    if numbers.len() == count {
        Ok(numbers)
    } else {
        Err(ParseError::new(1, Fault::OtherNumbers { found: numbers.len(), expected: count }))
    }
}

/// The size of a neighbour table, in net/stat/arp_cache and net/stat/ndisc_cache.
///
/// # Errors
/// As [`per_cpu::neighbours`], and if there is no such figure or it is none of 32 bits.
pub fn neighbors(contents: &[u8]) -> Result<Number, ParseError> {
    let table = per_cpu::neighbours(contents)?;
    let (name, entries) = table.whole.ok_or_else(|| ParseError::new(1, Fault::NoColumn("entries")))?;
    if u32::try_from(entries).is_err() {
        let found = Excerpt::of(format!("{entries:x}").as_bytes());
        return Err(ParseError::new(
            table.rows.len() + 1,
            Fault::NoHexadecimal { column: name.into(), found, bits: 32 },
        ));
    }
    Ok(Number::Count(entries).as_level(Width::Int))
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

    #[test]
    fn a_sysctl_has_as_many_numbers_as_every_kernel_writes() {
        let count = |count, contents| numbers_of(count, contents).map(|numbers| numbers.len());
        assert_eq!((count(1, b"4096\n"), count(3, b"679\t0\t9223372036854775807\n")), (Ok(1), Ok(3)));
        let told = |expected, contents| numbers_of(expected, contents).unwrap_err().to_string();
        assert_eq!(told(1, b"4096\t1\n"), "line 1: 2 numbers, which must be 1");
        assert_eq!(told(2, b"32768\n"), "line 1: 1 numbers, which must be 2");
        assert_eq!(told(1, b"0x10\n"), "line 1: '0x10' is no number");
        assert_eq!(told(1, b"1000\n1000\n"), "line 1: '1000\\n1000' is no number");
        assert_eq!(told(1, b" \n"), "line 1: no number");
    }

    /// As Linux 6.18 prints it, and with its columns in another order.
    #[test]
    fn the_size_of_a_neighbour_table() {
        let new = "entries  allocs   destroys hash_grows lookups  hits     res_failed\n\
                   00000012 000000b8 000000b3 00000000   00000174 00000011 00000000  \n\
                   00000013 1000000bf 000000c2 00000000   000002af 000000dc 00000000  \n";
        assert_eq!(neighbors(new.as_bytes()), Ok(Number::Count(19)), "the last row is the latest");
        assert_eq!(neighbors(b"allocs entries\n7 1f\n"), Ok(Number::Count(31)));
        // An atomic_t that is below zero for a moment.
        assert_eq!(neighbors(b"entries allocs\nfffffffe 1\n"), Ok(Number::Negative(-2)));
        for (contents, told) in [
            (
                &b"entries allocs\n100000000 1\n"[..],
                "line 2: entries is '100000000', which is no hexadecimal number of 32 bits",
            ),
            (
                b"entries allocs\n0000000g 1\n",
                "line 2: entries is '0000000g', which is no hexadecimal number of 64 bits",
            ),
            (b"entries allocs\n-1 1\n", "line 2: entries is '-1', which is no hexadecimal number of 64 bits"),
            (b"entries allocs\n1\n", "line 2: 1 columns, where the header has 2 names"),
            (b"entries allocs\n1 1\n1\n", "line 3: 1 columns, where the header has 2 names"),
            (b"allocs\n1\n", "line 1: no column entries"),
            (b"entries allocs\n", "line 0: no row"),
        ] {
            assert_eq!(neighbors(contents).unwrap_err().to_string(), told);
        }
    }
}
