//! From the bytes of `/proc` to typed values.
//!
//! The parsers are pure: bytes in, values or an [`error::ParseError`] out, one source file per kind of file. Only
//! [`read`] opens files of `/proc`, only [`processes`] follows the descriptors of processes, only [`cgroups`] looks through
//! the tree of cgroups, and only [`netlink`] asks the kernel another way.
//!
//! They tolerate what kernels change (columns in another order, more or fewer of them, sections that come and go,
//! socket states without a number in the MIB) and reject what would make a figure wrong (a malformed number, a line cut
//! short): then the file fails, and only its own instances go.

pub mod cgroups;
pub mod counters;
pub mod cpu;
pub mod diag;
pub mod error;
pub mod figure;
pub mod holders;
pub mod mounts;
pub mod netlink;
pub mod per_cpu;
pub mod port_set;
pub mod processes;
pub mod read;
pub mod seen;
pub mod sockets;
pub mod sockstat;
pub mod timer;
pub mod unwrapped;

/// A decimal number without sign; `None` if the text is anything else or does not fit 64 bits.
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

    /// These texts appear in the log and in lnsAgentSourceError, and people search for them.
    #[test]
    fn what_is_wrong_is_told_with_its_line_and_field() {
        use sockets::{V4, V6, head, header};
        fn of_item(item: counters::Item<'_>, told: &mut Vec<String>) {
            if let counters::Item::Problem(problem) = item {
                told.push(problem.to_string());
            }
        }
        let pairs = |text: &str| {
            let mut told = Vec::new();
            counters::pairs(text.as_bytes(), |item| of_item(item, &mut told));
            told.join("; ")
        };
        let lines = |text: &str| {
            let mut told = Vec::new();
            counters::lines(text.as_bytes(), |item| of_item(item, &mut told));
            told.join("; ")
        };
        let sockstat = |text: &str| {
            let (_, problems) = sockstat::figures(text.as_bytes());
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let numbers = |text: &str| sockstat::numbers(text.as_bytes()).unwrap_err().to_string();
        let row = |of: &dyn Fn(&sockets::Head<'_>) -> String, from: &str, to: &str| {
            let row =
                "   0: 0100007F:1CE5 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 47 1 0 5 9";
            let row = row.replace(from, to);
            of(&head::<V4>(row.as_bytes()).unwrap())
        };
        let long = "x".repeat(70);
        let told = [
            pairs("Tcp A\nTcp 1\n"),
            pairs("Tcp: A\nUdp: 1\n"),
            pairs("AGroupOfMoreThan16: A\nAGroupOfMoreThan16: 1\n"),
            pairs("Tcp: A B\nTcp: 1\n"),
            pairs("Tcp: A\nTcp: 1x\nTcp: B\nTcp: -\n"),
            pairs(&format!("Tcp: {long}\nTcp: 1\n")),
            pairs("Tcp: 1\n"),
            lines(&format!("{long} 1\n")),
            lines("bad x\nworse 1 2\n"),
            sockstat("TCP: inuse x\nRAW inuse 0\n\x01: inuse 1\n"),
            numbers("1 x\n"),
            numbers("\n"),
            header(b"nonsense").unwrap_err().to_string(),
            head::<V6>(b"0: 1").unwrap_err().to_string(),
            row(&|head| head.local::<V4>().unwrap_err().to_string(), "0100007F", "0100007G"),
            row(&|head| head.remote::<V4>().unwrap_err().to_string(), "00000000:0000 ", "0000000G:0000 "),
            row(&|head| head.remote::<V4>().unwrap_err().to_string(), "00000000:0000 ", "00000000:000G "),
            row(&|head| head.queues().unwrap_err().to_string(), "0A 0", "0A G"),
            row(&|head| head.inode().unwrap_err().to_string(), "47", "x"),
            row(&|head| head.drops().unwrap_err().to_string(), "0 5 9", "0"),
        ];
        let expected = [
            "line 1: 'Tcp' is no group with a colon",
            "line 1: 'Tcp:' is followed by the values of 'Udp:'",
            "line 1: 'AGroupOfMoreThan16' is no name of 1 to 16 printing characters",
            "line 1: Tcp has 2 names and 1 values",
            "line 1: Tcp A is '1x', which is no number; line 3: Tcp B is '-', which is no number",
            "line 1: Tcp: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is no name of 1 to 64 printing characters",
            "line 1: no line of names stands before the values",
            "line 1: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is no name of 1 to 64 printing characters",
            "line 1: bad is 'x', which is no number; line 2: worse is '1', which is no number",
            "line 1: TCP inuse is 'x', which is no number; line 2: 'RAW' is no section with a colon; line 3: '\\x01' is no name",
            "line 1: 'x' is no number",
            "line 1: no number",
            "line 1: 'nonsense' is no header of a socket table",
            "no socket with addresses of 32 hex digits: '0: 1'",
            "local_address '0100007G'",
            "rem_address '0000000G'",
            "rem_address port '000G'",
            "tx_queue:rx_queue 'G0000000:00000000'",
            "inode 'x'",
            "drops ''",
        ];
        assert_eq!(told[..], expected[..]);
    }
}
