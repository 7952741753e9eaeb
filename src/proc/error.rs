//! Errors in what the kernel wrote: the line, the field, and an excerpt of the text found there.
//!
//! Built only on failure, and formatted only when reported.

use std::fmt;

/// What is wrong in a file, and on which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ParseError {
    /// Line number, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl ParseError {
    /// An error on one line.
    #[must_use]
    pub fn new(line: usize, fault: impl Into<Fault>) -> Self {
        Self { line, fault: fault.into() }
    }
}

/// What is wrong with a line, or with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    // Any file.
    /// The file is empty.
    #[error("empty")]
    Empty,
    /// The last line has no newline, which the kernel always writes.
    #[error("cut short")]
    CutShort,
    /// The line is longer than any the kernel writes.
    #[error("the line does not end")]
    Endless,
    /// A field that should be a decimal number is not one.
    #[error("{field} is {found}, which is no number")]
    NoNumber {
        /// The field's name after its section: `Tcp InSegs`
        field: Box<str>,
        /// What was found.
        found: Excerpt,
    },

    // Socket tables.
    /// The first line is not the header of a socket table.
    #[error("{0} is no header of a socket table")]
    NoTableHeader(Excerpt),
    /// The columns up to the state are not a socket's.
    #[error("no socket with addresses of {digits} hex digits: {row}")]
    NoSocket {
        /// How many digits an address of this family has.
        digits: usize,
        /// The row.
        row: Excerpt,
    },
    /// A column is missing or malformed.
    #[error("{column} {found}")]
    Column {
        /// The column's name in the header, such as `rem_address`.
        column: &'static str,
        /// What was found.
        found: Excerpt,
    },
    /// The caller is out of memory for another row.
    #[error("{0}")]
    NoMemory(#[from] NoMemory),
    /// The caller stops waiting for more rows.
    #[error("too slow")]
    TooSlow,

    // Named counters.
    /// The name of a group or a counter cannot be used.
    #[error("{found} is no name of 1 to {longest} printing characters")]
    NoName {
        /// What was found.
        found: Excerpt,
        /// How long a name may be, in octets.
        longest: usize,
    },
    /// The same, for a counter whose group is known.
    #[error("{group}: {found} is no name of 1 to {longest} printing characters")]
    NoNameInGroup {
        /// The group.
        group: Box<str>,
        /// What was found.
        found: Excerpt,
        /// How long a name may be, in octets.
        longest: usize,
    },
    /// A line of names does not begin with a group.
    #[error("{0} is no group with a colon")]
    NoGroup(Excerpt),
    /// Two lines do not make a pair.
    #[error("{names} is followed by the values of {values}")]
    OtherGroup {
        /// The first word of the line of names.
        names: Excerpt,
        /// The first word of the line of values.
        values: Excerpt,
    },
    /// The numbers of names and values differ, so nobody knows which belong together.
    #[error("{group} has {names} names and {values} values")]
    Unequal {
        /// The group.
        group: Box<str>,
        /// How many names it has.
        names: usize,
        /// How many values.
        values: usize,
    },
    /// A line of names without values.
    #[error("no line of values follows the names")]
    NoValues,
    /// A line of values without names.
    #[error("no line of names stands before the values")]
    NoNamesBefore,

    // net/sockstat and sysctls.
    /// A line does not begin with a section.
    #[error("{0} is no section with a colon")]
    NoSection(Excerpt),
    /// A word that should be a name is not.
    #[error("{0} is no name")]
    NoWord(Excerpt),
    /// In a file of numbers only, a word is not a number.
    #[error("{0} is no number")]
    NotANumber(Excerpt),
    /// A file of numbers has none.
    #[error("no number")]
    NoNumbers,
    /// A file of numbers has more or fewer than every kernel writes into it.
    #[error("{found} numbers, which must be {expected}")]
    OtherNumbers {
        /// How many it has.
        found: usize,
        /// How many it must have.
        expected: usize,
    },

    // Tables with a row for each CPU.
    /// The line with the column names is missing.
    #[error("no header")]
    NoHeader,
    /// The header has no names.
    #[error("no names")]
    NoNames,
    /// The header lacks a name that every kernel has there.
    #[error("no column {0}")]
    NoColumn(&'static str),
    /// The header has a name twice.
    #[error("{0} stands twice")]
    Repeated(Box<str>),
    /// No CPU has a row.
    #[error("no row")]
    NoRow,
    /// More rows than a kernel can have CPUs.
    #[error("more than {0} rows, one for each CPU")]
    TooManyRows(usize),
    /// The line is longer than any in this kind of file.
    #[error("a line of {length} bytes, over {longest}")]
    LongLine {
        /// Its length, in octets.
        length: usize,
        /// The longest line allowed.
        longest: usize,
    },
    /// The index of a CPU is out of range, or not above that of the previous row.
    #[error("the CPUs are not in the order of their indexes")]
    CpuOrder,
    /// A figure is malformed or too long.
    #[error("{column} is {found}, which is no hexadecimal number of {bits} bits")]
    NoHexadecimal {
        /// The column's name, or `column 4` if it has none.
        column: Box<str>,
        /// What was found.
        found: Excerpt,
        /// How many bits the kernel's figure has.
        bits: usize,
    },
    /// Fewer columns than every kernel writes.
    #[error("{columns} columns, which must be {least} at least")]
    FewColumns {
        /// How many it has.
        columns: usize,
        /// How many it must have.
        least: usize,
    },
    /// The number of columns differs from the header's number of names.
    #[error("{columns} columns, where the header has {names} names")]
    UnlikeHeader {
        /// How many the row has.
        columns: usize,
        /// How many names the header has.
        names: usize,
    },
    /// The number of columns differs from the first row's.
    #[error("{columns} columns, where the first row has {first}")]
    OtherColumns {
        /// How many it has.
        columns: usize,
        /// How many the first row has.
        first: usize,
    },
}

/// Out of memory for the rows of a table, as can happen on a host under attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no memory for the rows of the table")]
pub struct NoMemory;

/// The start of some input. Display shows at most 40 octets, quoted, with unprintable ones escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Box<[u8]>);

/// How many octets are shown.
const SHOWN: usize = 40;

impl Excerpt {
    /// Takes any number of octets.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        // One octet more than is shown marks that there are more.
        Self(octets.get(..=SHOWN).unwrap_or(octets).into())
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, ellipsis) = match self.0.get(..SHOWN) {
            Some(shown) if self.0.len() > SHOWN => (shown, "..."),
            _ => (&*self.0, ""),
        };
        write!(f, "'{}{ellipsis}'", shown.escape_ascii())
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_are_short_and_print() {
        let shown = |octets: &[u8]| Excerpt::of(octets).to_string();
        assert_eq!(shown(b""), "''");
        assert_eq!(shown(b"a\n\xff'"), r"'a\n\xff\''");
        assert_eq!(shown(&[b'a'; 40]), format!("'{}'", "a".repeat(40)));
        assert_eq!(shown(&[b'a'; 41]), format!("'{}...'", "a".repeat(40)));
        assert_eq!(shown(&[b'a'; 1 << 20]), format!("'{}...'", "a".repeat(40)));
        assert_eq!(format!("{:?}", Excerpt::of(b"a\n")), r"'a\n'");
    }
}
