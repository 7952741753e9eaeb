//! Tables with a row of hexadecimal figures for each CPU: net/softnet_stat, whose columns have no names, and the files
//! of net/stat (nf_conntrack, arp_cache, ndisc_cache, synproxy), whose first line names them.
//!
//! net/softnet_stat lists the online CPUs only (`softnet_get_online` in net/core/net-procfs.c). The files of net/stat
//! list all possible ones (`ct_cpu_seq_start`, `neigh_stat_seq_start`), so their rows neither come nor go.

use super::counters::LONGEST_NAME;
use super::error::{Excerpt, Fault, ParseError};
use super::figure::Width;
use super::words;

/// CONFIG_NR_CPUS is 8,192 at most (arch/x86/Kconfig; less elsewhere).
const MOST_CPUS: usize = 8192;

/// The longest header, that of arp_cache, takes some 170 octets; its rows, with 16 digits a figure, some 270.
const LONGEST_LINE: usize = 1024;

/// The columns of net/softnet_stat (`softnet_seq_show`), which kernels only ever add to: 9 up to Linux 2.6.34, 10 from
/// 2.6.35, 11 from 3.11, 13 from 5.10, 15 from 6.4. An empty name marks a column that has been 0 for longer than that.
const SOFTNET: Columns<'_> = Columns::Known {
    names: &[
        "processed",
        "dropped",
        "time_squeeze",
        "",
        "",
        "",
        "",
        "",
        CPU_COLLISION,
        "received_rps",
        "flow_limit_count",
        "backlog_len",
        "index",
        "input_qlen",
        "process_qlen",
    ],
    least: 9,
    index: Some(12),
};

/// Gone since Linux 4.7, which prints 0 in its place.
const CPU_COLLISION: &str = "cpu_collision";

/// The column of net/stat that every row repeats: how many entries the whole table has, in synproxy a constant 0
/// (`ct_cpu_seq_show`, `neigh_stat_seq_show`, `synproxy_cpu_seq_show`).
const ENTRIES: &str = "entries";

/// What net/stat/nf_conntrack prints as a 0 ever since it has a column `clashres`, from Linux 5.10 on. Kernels from 4.9
/// on no longer count most of them either, but their header does not tell.
const RETIRED_BEFORE_CLASHRES: [&str; 4] = ["new", "ignore", "delete", "delete_list"];

/// What a file's columns are called.
#[derive(Debug, Clone, Copy)]
pub enum Columns<'a> {
    /// As the first line says. Every row has as many.
    Header,
    /// Always these. Kernels have fewer or more; columns after the last name are not read.
    Known {
        /// By position; a column with an empty name is not read.
        names: &'a [&'a str],
        /// Every kernel has this many.
        least: usize,
        /// Position of the CPU's index, in kernels with that many columns.
        index: Option<usize>,
    },
}

/// The contents of such a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuTable {
    /// The figures' names, the same for every row.
    pub names: Vec<String>,
    /// A row for each CPU, in index order.
    pub rows: Vec<CpuRow>,
    /// A figure of all CPUs together, which every row repeats; not among the names.
    pub whole: Option<(String, u64)>,
    /// Whether rows name their CPU; if not, they have their position, which passes to another CPU once one goes.
    pub indexed: bool,
    /// How many bits a counter has before it wraps to 0.
    pub width: Width,
}

/// The figures of one CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuRow {
    /// The CPU's index, or the row's position, from 0.
    pub cpu: u32,
    /// In the order of [`CpuTable::names`].
    pub figures: Vec<u64>,
}

/// net/softnet_stat
///
/// A kernel whose rows have the CPU's index no longer counts cpu_collision, so the 0 in its place is left out.
///
/// # Errors
/// As [`table`].
pub fn softnet(contents: &[u8]) -> Result<CpuTable, ParseError> {
    let mut table = table(contents, SOFTNET, Width::Int)?;
    if table.indexed {
        table.remove(CPU_COLLISION);
    }
    Ok(table)
}

/// net/stat/nf_conntrack, which counts in an `unsigned int` (`ip_conntrack_stat`)
///
/// Columns in which the kernel prints a 0 without counting are left out, where that is known.
///
/// # Errors
/// As [`table`].
pub fn conntrack(contents: &[u8]) -> Result<CpuTable, ParseError> {
    let mut table = of_stat(contents, Width::Int)?;
    if table.names.iter().any(|name| name == "clashres") {
        for name in RETIRED_BEFORE_CLASHRES {
            table.remove(name);
        }
    }
    Ok(table)
}

/// net/stat/synproxy, which counts in an `unsigned int` (`synproxy_stats`)
///
/// # Errors
/// As [`table`].
pub fn synproxy(contents: &[u8]) -> Result<CpuTable, ParseError> {
    of_stat(contents, Width::Int)
}

/// net/stat/arp_cache and net/stat/ndisc_cache, which count in an `unsigned long` (`neigh_statistics`)
///
/// # Errors
/// As [`table`].
pub fn neighbours(contents: &[u8]) -> Result<CpuTable, ParseError> {
    of_stat(contents, Width::Long)
}

fn of_stat(contents: &[u8], width: Width) -> Result<CpuTable, ParseError> {
    let mut table = table(contents, Columns::Header, width)?;
    table.whole = table.remove(ENTRIES).map(|entries| (ENTRIES.to_owned(), entries));
    Ok(table)
}

impl CpuTable {
    /// Removes a column; returns the figure of the last row, which is the latest read.
    fn remove(&mut self, name: &str) -> Option<u64> {
        let at = self.names.iter().position(|other| other == name)?;
        self.names.remove(at);
        let mut last = None;
        for row in &mut self.rows {
            last = Some(row.figures.remove(at));
        }
        last
    }
}

/// Parses a file of this form, whose figures have `width` bits in the kernel.
///
/// # Errors
/// If a figure is malformed or too long, a row's number of columns differs from the first row's or from the header's
/// number of names, the CPUs are out of order, or there is no row, or more rows than a kernel can have CPUs.
pub fn table(contents: &[u8], columns: Columns<'_>, width: Width) -> Result<CpuTable, ParseError> {
    let lines = contents.split(|&b| b == b'\n').enumerate().map(|(at, line)| (at + 1, line));
    let mut lines = lines.filter(|(_, line)| !line.is_empty());
    let (names, columns, index) = match columns {
        Columns::Known { names, least, index } => (names.to_vec(), Expected::AtLeast(least), index),
        Columns::Header => {
            let (number, line) = lines.next().ok_or_else(|| ParseError::new(0, Fault::NoHeader))?;
            let names = header(line).map_err(|fault| ParseError::new(number, fault))?;
            (names.clone(), Expected::Named(names.len()), None)
        }
    };
    let mut rows: Vec<CpuRow> = Vec::new();
    let mut first = None;
    for (number, line) in lines {
        let wrong = |fault: Fault| ParseError::new(number, fault);
        if rows.len() == MOST_CPUS {
            return Err(wrong(Fault::TooManyRows(MOST_CPUS)));
        }
        let line = Line { line, columns, first, width };
        let all = line.figures(&names).map_err(wrong)?;
        first = Some(all.len());
        let cpu = match index.and_then(|at| all.get(at)) {
            Some(&cpu) => cpu,
            None => u64::try_from(rows.len()).unwrap_or(u64::MAX),
        };
        let follows = rows.last().is_none_or(|last| cpu > u64::from(last.cpu));
        let cpu = u32::try_from(cpu).ok().filter(|cpu| follows && (*cpu as usize) < MOST_CPUS);
        let cpu = cpu.ok_or_else(|| wrong(Fault::CpuOrder))?;
        rows.push(CpuRow { cpu, figures: kept(&names, index, &all).map(|(_, figure)| figure).collect() });
    }
    let width_of_first = first.ok_or_else(|| ParseError::new(0, Fault::NoRow))?;
    let columns = vec![0; width_of_first];
    let names = kept(&names, index, &columns).map(|(name, _)| name.to_owned()).collect();
    let indexed = index.is_some_and(|at| at < width_of_first);
    Ok(CpuTable { names, rows, whole: None, indexed, width })
}

/// The columns that have a name and are not the CPU's index, with their figures.
fn kept<'a>(
    names: &'a [&'a str],
    index: Option<usize>,
    figures: &'a [u64],
) -> impl Iterator<Item = (&'a str, u64)> {
    let named = names.iter().zip(figures).enumerate();
    let named = named.filter(move |(at, (name, _))| !name.is_empty() && Some(*at) != index);
    named.map(|(_, (name, figure))| (*name, *figure))
}

/// The names of a header, which must all differ. A row of figures is none: a name begins with a letter.
fn header(line: &[u8]) -> Result<Vec<&str>, Fault> {
    let mut names = Vec::new();
    for word in words(within_bounds(line)?) {
        let name = match std::str::from_utf8(word) {
            Ok(name) if is_name(word) => name,
            _ => return Err(Fault::NoWord(Excerpt::of(word))),
        };
        if names.contains(&name) {
            return Err(Fault::Repeated(name.into()));
        }
        names.push(name);
    }
    if names.is_empty() {
        return Err(Fault::NoNames);
    }
    Ok(names)
}

fn is_name(word: &[u8]) -> bool {
    word.len() <= LONGEST_NAME
        && word.first().is_some_and(u8::is_ascii_alphabetic)
        && word.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn within_bounds(line: &[u8]) -> Result<&[u8], Fault> {
    if line.len() > LONGEST_LINE {
        return Err(Fault::LongLine { length: line.len(), longest: LONGEST_LINE });
    }
    Ok(line)
}

/// How many columns a row must have.
#[derive(Debug, Clone, Copy)]
enum Expected {
    AtLeast(usize),
    /// As many as the header has names: nobody knows otherwise which belong together.
    Named(usize),
}

/// A row not yet parsed.
struct Line<'a> {
    line: &'a [u8],
    columns: Expected,
    /// How many columns the first row has, if this is a later one.
    first: Option<usize>,
    width: Width,
}

impl Line<'_> {
    /// All figures, unnamed columns included.
    fn figures(&self, names: &[&str]) -> Result<Vec<u64>, Fault> {
        let mut figures = Vec::new();
        for (at, word) in words(within_bounds(self.line)?).enumerate() {
            let figure = hexadecimal(word, self.digits()).ok_or_else(|| {
                let name = names.get(at).filter(|name| !name.is_empty());
                let column = name.map_or_else(|| format!("column {}", at + 1).into(), |name| (*name).into());
                Fault::NoHexadecimal { column, found: Excerpt::of(word), bits: self.digits() * 4 }
            })?;
            figures.push(figure);
        }
        let columns = figures.len();
        match (self.columns, self.first) {
            (Expected::AtLeast(least), _) if columns < least => Err(Fault::FewColumns { columns, least }),
            (Expected::Named(names), _) if columns != names => Err(Fault::UnlikeHeader { columns, names }),
            (_, Some(first)) if columns != first => Err(Fault::OtherColumns { columns, first }),
            _ => Ok(figures),
        }
    }

    fn digits(&self) -> usize {
        match self.width {
            Width::Int => 8,
            Width::Long => 16,
        }
    }
}

/// A number of at most `digits` digits, 16 of which fit.
fn hexadecimal(word: &[u8], digits: usize) -> Option<u64> {
    if word.is_empty() || word.len() > digits {
        return None;
    }
    word.iter().try_fold(0_u64, |number, &b| {
        let digit = char::from(b).to_digit(16)?;
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::array::uniform12;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A tree of tests/proc and its contents: columns, CPUs, processed.
    type Tree = (&'static str, usize, [u32; 2], [u64; 2]);

    const TREES: [Tree; 5] = [
        ("2.6.32", 9, [0, 1], [3201, 3202]),
        ("3.10", 10, [0, 1], [31001, 31002]),
        ("4.18", 11, [0, 1], [41801, 41802]),
        ("5.15", 13, [0, 2], [51501, 51502]),
        ("6.18", 15, [0, 1], [0x2063_a313, 0x2305_78b2]),
    ];

    fn column(table: &CpuTable, name: &str) -> Vec<u64> {
        let at = table.names.iter().position(|other| other == name).unwrap();
        table.rows.iter().map(|row| row.figures[at]).collect()
    }

    #[test]
    fn softnet_of_every_kernel() {
        for (version, columns, cpus, processed) in TREES {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proc");
            let contents = std::fs::read(format!("{root}/{version}/1/net/softnet_stat")).unwrap();
            let table = softnet(&contents).unwrap();
            assert_eq!(table.rows.iter().map(|row| row.cpu).collect::<Vec<_>>(), cpus, "{version}");
            assert_eq!(column(&table, "processed"), processed, "{version}");
            assert_eq!(table.indexed, columns >= 13, "{version}");
            let has = |name: &str| table.names.iter().any(|other| other == name);
            let names = [
                ("cpu_collision", columns < 13),
                ("received_rps", columns >= 10),
                ("flow_limit_count", columns >= 11),
                ("backlog_len", columns >= 13),
                ("input_qlen", columns >= 15),
                ("process_qlen", columns >= 15),
                ("index", false),
                ("", false),
            ];
            for (name, is) in names {
                assert_eq!(has(name), is, "{version} {name}");
            }
            assert!(table.rows.iter().all(|row| row.figures.len() == table.names.len()), "{version}");
        }
    }

    #[test]
    fn every_column_is_its_own() {
        let row: Vec<_> = (1..=17).map(|column| format!("{column:08x}")).collect();
        let of = |columns: usize| softnet(row[..columns].join(" ").as_bytes()).unwrap();
        let figures = |columns| {
            let table = of(columns);
            let row = table.rows[0].clone();
            (
                row.cpu,
                table.names.into_iter().zip(row.figures).map(|(name, at)| format!("{name} {at}")).collect(),
            )
        };
        let some = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let old = some(&["processed 1", "dropped 2", "time_squeeze 3", "cpu_collision 9"]);
        assert_eq!(figures(9), (0, old));
        let all = some(&[
            "processed 1",
            "dropped 2",
            "time_squeeze 3",
            "received_rps 10",
            "flow_limit_count 11",
            "backlog_len 12",
            "input_qlen 14",
            "process_qlen 15",
        ]);
        assert_eq!(figures(15), (13, all.clone()));
        // A future kernel.
        assert_eq!(figures(17), (13, all));
        // The index is the thirteenth.
        assert_eq!((of(12).indexed, of(13).indexed), (false, true));
    }

    #[test]
    fn names_from_a_header() {
        let synproxy =
            "entries\t\tsyn_received\tcookie_invalid\n00000000\t0000000a\tffffffff\n00000000\t0\t1\n";
        let read = table(synproxy.as_bytes(), Columns::Header, Width::Int).unwrap();
        assert_eq!(read.names, ["entries", "syn_received", "cookie_invalid"]);
        assert_eq!(column(&read, "cookie_invalid"), [u64::from(u32::MAX), 1]);
        assert_eq!((read.rows[1].cpu, read.indexed), (1, false));
        // The neighbour caches count in an unsigned long.
        let arp = b"entries  allocs\n00000001 1ffffffff  \n";
        assert!(table(arp, Columns::Header, Width::Int).is_err());
        assert_eq!(column(&table(arp, Columns::Header, Width::Long).unwrap(), "allocs"), [0x1_ffff_ffff]);
    }

    /// The files of net/stat in a tree: columns of conntrack without `entries`, of the neighbour caches, of synproxy.
    #[test]
    fn net_stat_of_every_kernel() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proc");
        for (version, of_conntrack, of_neighbours, of_synproxy) in [
            ("2.6.32", 15, 11, None),
            ("3.10", 16, 11, None),
            ("4.18", 16, 12, Some(5)),
            ("5.15", 13, 12, Some(5)),
            ("6.18", 13, 12, Some(5)),
        ] {
            let read = |file: &str| std::fs::read(format!("{root}/{version}/1/net/stat/{file}")).ok();
            let of = |table: CpuTable| {
                assert_eq!(table.rows.len(), 2, "{version}");
                assert!(table.rows.iter().all(|row| row.figures.len() == table.names.len()), "{version}");
                assert!(
                    !table.indexed && table.whole.is_some_and(|(name, _)| name == "entries"),
                    "{version}"
                );
                table.names.len()
            };
            assert_eq!(of(conntrack(&read("nf_conntrack").unwrap()).unwrap()), of_conntrack, "{version}");
            for cache in ["arp_cache", "ndisc_cache"] {
                assert_eq!(
                    of(neighbours(&read(cache).unwrap()).unwrap()),
                    of_neighbours,
                    "{version} {cache}"
                );
            }
            assert_eq!(read("synproxy").map(|file| of(synproxy(&file).unwrap())), of_synproxy, "{version}");
        }
    }

    /// `entries` is one figure, of which the last row has the latest.
    #[test]
    fn what_every_row_repeats_is_no_column() {
        let read = conntrack(b"entries  a b\n0000000c  1 2\n0000000d  3 4 \n").unwrap();
        assert_eq!(read.whole, Some(("entries".to_owned(), 13)));
        assert_eq!((column(&read, "a"), column(&read, "b")), (vec![1, 3], vec![2, 4]));
        // Wherever it stands, and if it is not there.
        let read = neighbours(b"a entries b\n1 9 1ffffffff\n").unwrap();
        assert_eq!(
            (read.whole, &read.rows[0].figures[..]),
            (Some(("entries".to_owned(), 9)), &[1, 0x1_ffff_ffff][..])
        );
        assert_eq!(synproxy(b"a b\n1 2\n").unwrap().whole, None);
    }

    /// From Linux 5.10 on; before, nothing in the file tells.
    #[test]
    fn what_conntrack_no_longer_counts_is_left_out() {
        let names = |first: &str| {
            let file = format!("entries {first} found new ignore delete delete_list\n0 1 2 0 0 0 0\n");
            conntrack(file.as_bytes()).unwrap().names
        };
        assert_eq!(names("clashres"), ["clashres", "found"]);
        assert_eq!(names("searched"), ["searched", "found", "new", "ignore", "delete", "delete_list"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_field() {
        let row = |processed: &str, index: &str| format!("{processed} 0 0 0 0 0 0 0 0 0 0 0 {index} 0 0\n");
        let problem = |contents: String| softnet(contents.as_bytes()).unwrap_err().to_string();
        for bad in ["", "x", "-1", "0x1", "+1", "100000000", "00000000a", "\0", "1\r"] {
            let told = problem(row("0", "0") + &row(&format!("{bad}\t"), "1"));
            let text = if bad.is_empty() { "14 columns" } else { "processed is '" };
            assert!(told.starts_with(&format!("line 2: {text}")), "{bad:?}: {told}");
        }
        let told = problem(row("0", "0").replacen(" 0 0 0 0", " 0 0 y 0", 1));
        assert_eq!(told, "line 1: column 4 is 'y', which is no hexadecimal number of 32 bits");
        let order = "line 2: the CPUs are not in the order of their indexes";
        for (first, second) in [("0", "0"), ("3", "2"), ("0", "2000"), ("0", "ffffffff")] {
            assert_eq!(problem(row("0", first) + &row("0", second)), order);
        }
        assert!(
            problem(row("0", "0") + "0 0 0\n").starts_with("line 2: 3 columns, which must be 9 at least")
        );
        // Two rows with the newline between them missing.
        assert_eq!(
            problem(row("0", "0") + row("0", "1").trim() + " " + &row("0", "2")),
            "line 2: 30 columns, where the first row has 15"
        );
        assert_eq!(problem(String::new()), "line 0: no row");
        assert!(problem("0 ".repeat(600)).starts_with("line 1: a line of 1200 bytes"));
        assert!(softnet("0 ".repeat(LONGEST_LINE / 2).as_bytes()).is_ok(), "the longest line");
        let most: String = (0..MOST_CPUS).map(|cpu| row("0", &format!("{cpu:x}"))).collect();
        assert_eq!(softnet(most.as_bytes()).unwrap().rows.len(), MOST_CPUS);
        assert!(problem(most + &row("0", "2000")).starts_with("line 8193: more than 8192 rows"));
        let header =
            |contents: &str| table(contents.as_bytes(), Columns::Header, Width::Int).unwrap_err().to_string();
        for (contents, told) in [
            ("", "line 0: no header"),
            (" \n0\n", "line 1: no names"),
            ("a b a\n0 0 0\n", "line 1: a stands twice"),
            ("a b/\n0 0\n", "line 1: 'b/' is no name"),
            ("a b\n", "line 0: no row"),
            ("a b\n0\n", "line 2: 1 columns, where the header has 2 names"),
            ("a b\n0 0\n0\n", "line 3: 1 columns, where the header has 2 names"),
            // Which of three figures belong to two names nobody knows.
            ("a b\n0 0 0\n", "line 2: 3 columns, where the header has 2 names"),
            ("a b\n0 0\n0 0 0\n", "line 3: 3 columns, where the header has 2 names"),
            ("00000005 0000000a\n00000005 0000000b\n", "line 1: '00000005' is no name"),
            ("a -b\n0 0\n", "line 1: '-b' is no name"),
            ("a b\n0 z\n", "line 2: b is 'z', which is no hexadecimal number of 32 bits"),
        ] {
            assert_eq!(header(contents), told, "{contents:?}");
        }
        // lnsCounterName has 64 octets at most.
        let long = |length: usize| format!("a {}\n0 0\n", "n".repeat(length));
        assert!(table(long(64).as_bytes(), Columns::Header, Width::Int).is_ok());
        assert!(header(&long(65)).starts_with("line 1: 'nnn"));
    }

    fn config() -> ProptestConfig {
        ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
    }

    /// Reading returns what the kernel printed, whatever the figures.
    #[test]
    fn any_row_is_read_as_it_is() {
        let hex = |figures: &[u32]| figures.iter().map(|figure| format!("{figure:08x} ")).collect::<String>();
        proptest!(config(), |(rows in vec(uniform12(any::<u32>()), 1..20))| {
            let print = |(cpu, row): (usize, &[u32; 12])| {
                format!("{}{:08x} {}\n", hex(row), cpu * 2, hex(&[7, 8]).trim_end())
            };
            let contents: String = rows.iter().enumerate().map(print).collect();
            let table = softnet(contents.as_bytes()).unwrap();
            prop_assert_eq!(table.rows.len(), rows.len());
            for (at, (row, printed)) in table.rows.iter().zip(&rows).enumerate() {
                prop_assert_eq!(row.cpu as usize, at * 2);
                let printed = [0, 1, 2, 9, 10, 11].map(|at| u64::from(printed[at]));
                prop_assert_eq!(&row.figures[..6], &printed[..]);
                prop_assert_eq!(&row.figures[6..], &[7, 8]);
            }
        });
    }

    #[test]
    fn any_bytes_are_no_trouble() {
        proptest!(config(), |(contents in vec(any::<u8>(), 0..300))| {
            let _ = softnet(&contents);
            let _ = neighbours(&contents);
        });
    }

    /// A file of net/stat of which any octet is another one, or gone.
    #[test]
    fn a_damaged_table_is_an_error_or_has_all_its_figures() {
        let good = b"entries  found drop\n0000000c  00000001 00000002\n0000000c  00000003 00000004\n";
        proptest!(config(), |(at in 0..good.len(), other in any::<Option<u8>>())| {
            let mut bad = good.to_vec();
            match other {
                Some(other) => bad[at] = other,
                None => drop(bad.remove(at)),
            }
            if let Ok(table) = conntrack(&bad) {
                for row in &table.rows {
                    prop_assert_eq!(row.figures.len(), table.names.len());
                }
            }
        });
    }
}
