//! Errors in what the kernel wrote: the line, the field, and an excerpt of what was found there.
//!
//! They are built only on failure, and formatted only when they are reported.

use std::fmt;

/// What is wrong in a file, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ParseError {
    /// Line number, from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong.
    pub fault: Fault,
}

impl ParseError {
    /// An error in one line.
    #[must_use]
    pub fn new(line: usize, fault: impl Into<Fault>) -> Self {
        Self { line, fault: fault.into() }
    }
}

/// What is wrong in a line, or in a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    // Any file.
    /// The file is empty.
    #[error("empty")]
    Empty,
    /// The last line has no newline, which the kernel always writes.
    #[error("cut short")]
    CutShort,
    /// The line is longer than any that the kernel writes.
    #[error("the line does not end")]
    Endless,
    /// A field that should be a decimal number is not.
    #[error("{field} is {found}, which is no number")]
    NoNumber {
        /// Its name after its section: `Tcp InSegs`
        field: Box<str>,
        /// What was found.
        found: Excerpt,
    },

    // Socket tables.
    /// The first line is not the header of a socket table.
    #[error("{0} is no header of a socket table")]
    NoTableHeader(Excerpt),
    /// The columns up to the state are not those of a socket.
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
        /// Its name in the header, such as `rem_address`.
        column: &'static str,
        /// What was found.
        found: Excerpt,
    },
    /// The caller has no memory for another row.
    #[error("{0}")]
    NoMemory(#[from] NoMemory),
    /// The caller will not wait for more rows.
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
    /// The same for a counter whose group is known.
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
    /// Two lines are no pair.
    #[error("{names} is followed by the values of {values}")]
    OtherGroup {
        /// The first word of the line of names.
        names: Excerpt,
        /// The first word of the line of values.
        values: Excerpt,
    },
    /// The numbers of names and values differ, so it is unknown which belong together.
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
    /// A word that should be a number is not, in a file of numbers alone.
    #[error("{0} is no number")]
    NotANumber(Excerpt),
    /// Such a file has no number.
    #[error("no number")]
    NoNumbers,

    // Tables with a row for each CPU.
    /// The line that names the columns is missing.
    #[error("no header")]
    NoHeader,
    /// It has no names.
    #[error("no names")]
    NoNames,
    /// It has a name twice.
    #[error("{0} stands twice")]
    Repeated(Box<str>),
    /// There is no row for any CPU.
    #[error("no row")]
    NoRow,
    /// More rows than a kernel can have CPUs.
    #[error("more than {0} rows, one for each CPU")]
    TooManyRows(usize),
    /// The line is longer than any in such a file.
    #[error("a line of {length} bytes, over {longest}")]
    LongLine {
        /// Its length, in octets.
        length: usize,
        /// How long one may be.
        longest: usize,
    },
    /// The index of a CPU is out of range, or not above that of the row before.
    #[error("the CPUs are not in the order of their indexes")]
    CpuOrder,
    /// A figure is malformed or too long.
    #[error("{column} is {found}, which is no hexadecimal number of {bits} bits")]
    NoHexadecimal {
        /// The name of its column, or `column 4` if that has none.
        column: Box<str>,
        /// What was found.
        found: Excerpt,
        /// How many bits the kernel's figure has.
        bits: usize,
    },
    /// Fewer columns than any kernel writes, or than the header names.
    #[error("{columns} columns, which must be {least} at least")]
    FewColumns {
        /// How many there are.
        columns: usize,
        /// How many there must be.
        least: usize,
    },
    /// The number of columns differs from that of the first row.
    #[error("{columns} columns, where the first row has {first}")]
    OtherColumns {
        /// How many there are.
        columns: usize,
        /// How many the first row has.
        first: usize,
    },
}

/// There is no memory for the rows of a table, as can happen on a host under attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no memory for the rows of the table")]
pub struct NoMemory;

/// The beginning of some input. Display shows at most 40 octets, quoted, with unprintable ones escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(Box<[u8]>);

/// How many octets are shown.
const SHOWN: usize = 40;

impl Excerpt {
    /// Of octets, however many.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        // One octet more than is shown says that there are more.
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
    }
}
