//! From the bytes of `/proc` to typed values.
//!
//! The parsers are pure: bytes in, values or a [`ParseError`] out, one file for each kind of file. [`read`] is
//! the only module of the crate that opens files of `/proc`, [`processes`] the one that follows the descriptors of
//! processes, and [`netlink`] the only one that asks the kernel another way.
//!
//! They are tolerant of what kernels change (columns in another order, more or fewer of them, sections that
//! come and go, socket states without a number in the MIB) and strict about what would make a figure wrong
//! (a number that is none, a line cut short): then the file fails, and only its own instances go.

pub mod counters;
pub mod cpu;
pub mod diag;
pub mod figure;
pub mod netlink;
pub mod per_cpu;
pub mod processes;
pub mod read;
pub mod seen;
pub mod sockets;
pub mod sockstat;
pub mod unwrapped;

/// What is wrong in a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ParseError {
    /// Line number, counted from 1; 0 if the file as a whole is meant.
    pub line: usize,
    /// What is wrong, with the field's name.
    pub problem: String,
}

impl ParseError {
    /// A problem in one line.
    #[must_use]
    pub fn new(line: usize, problem: impl Into<String>) -> Self {
        Self { line, problem: problem.into() }
    }
}

/// Shows at most 40 bytes of input in a message, with anything that does not print escaped.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = bytes.get(..40).unwrap_or(bytes);
    let ellipsis = if shown.len() < bytes.len() { "..." } else { "" };
    format!("'{}{ellipsis}'", shown.escape_ascii())
}

/// A decimal number without sign, or `None` if it is anything else or does not fit 64 bits.
#[must_use]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The words of a line, split at runs of spaces and tabs.
pub fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_takes_digits_only() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in [&b""[..], b"-1", b"+1", b"1 ", b"0x1", b"18446744073709551616", b"1\0"] {
            assert_eq!(decimal(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(decimal(&[b'9'; 30]), None);
    }

    #[test]
    fn excerpts_are_short_and_print() {
        assert_eq!(excerpt(b"a\0b"), r"'a\x00b'");
        assert_eq!(excerpt(&[b'x'; 50]).len(), 45);
    }
}
