//! The timer of a connection in net/tcp and net/tcp6: the columns `tr:when` and `retrnsmt`.

use super::error::Fault;
use super::sockets::{Head, column, hex};
use super::words;

/// Which timer runs, by the numbers of `get_tcp4_sock` and `get_tcp6_sock` (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// 1: something was sent and is not acknowledged; how often it was sent again so far.
    Retransmit(u32),
    /// 4: something waits to be sent, and nothing to be acknowledged: the peer has no room and is asked whether it has some
    /// now, or the program holds back what is too little (TCP_CORK), for 0.2 s.
    ZeroWindow,
    /// None, keepalive, TIME_WAIT.
    Other,
}

impl Head<'_> {
    /// The timer that runs.
    ///
    /// # Errors
    /// If the columns are missing or malformed.
    pub fn timer(&self) -> Result<Timer, Fault> {
        let mut columns = words(self.rest).skip(1);
        let timer = columns.next().unwrap_or_default();
        let number = timer.split_at_checked(2).filter(|(_, when)| when.starts_with(b":"));
        let number = number.and_then(|(number, _)| hex(number)).ok_or_else(|| column("tr", timer))?;
        match number {
            1 => {
                let retransmits = columns.next().unwrap_or_default();
                hex(retransmits).map(Timer::Retransmit).ok_or_else(|| column("retrnsmt", retransmits))
            }
            4 => Ok(Timer::ZeroWindow),
            _ => Ok(Timer::Other),
        }
    }

    /// Whether both queues are empty and neither of the timers named in [`Timer`] runs, as in most rows: seen without
    /// parsing anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.rest
            .strip_prefix(b"00000000:00000000 0")
            .is_some_and(|rest| !rest.starts_with(b"1") && !rest.starts_with(b"4"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::{V4, head};
    use super::*;

    /// The start of a row up to the state, and the columns after it.
    fn row(columns: &str) -> String {
        format!("   1: 0100007F:1F41 0100007F:80AE 01 {columns}")
    }

    fn timer(columns: &str) -> Result<(Timer, bool), String> {
        let row = row(columns);
        let head = head::<V4>(row.as_bytes()).map_err(|fault| fault.to_string())?;
        head.timer().map(|timer| (timer, head.is_idle())).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_timer_that_runs() {
        for (columns, expected) in [
            ("00000000:00000000 00:00000000 00000000     0        0 5592", (Timer::Other, true)),
            ("00000000:00000000 02:000A7D8C 00000000     0        0 5592", (Timer::Other, true)),
            ("00000000:00000000 03:00000A12 00000000     0        0 0", (Timer::Other, true)),
            ("00000000:00000000 01:00000A12 00000000  1000        0 5592", (Timer::Retransmit(0), false)),
            // A timer of a hundred days.
            ("00000000:00000000 01:100000A12 0000000F  1000        0 5592", (Timer::Retransmit(15), false)),
            ("00000400:00000000 04:00000A12 00000003  1000        3 5592", (Timer::ZeroWindow, false)),
            ("00000000:00000001 00:00000000 00000000  1000        0 5592", (Timer::Other, false)),
            ("80000000:00000000 00:00000000 00000000  1000        0 5592", (Timer::Other, false)),
        ] {
            assert_eq!(timer(columns), Ok(expected), "{columns}");
        }
    }

    #[test]
    fn malformed_columns_are_named() {
        for (columns, name) in [
            ("00000000:00000001", "tr"),
            ("00000000:00000001 1:00000000 00000000", "tr"),
            ("00000000:00000001 0x:0000000 00000000", "tr"),
            ("00000000:00000001 01 00000000 00000000", "tr"),
            ("00000000:00000001 01:00000000", "retrnsmt"),
            ("00000000:00000001 01:00000000 -1", "retrnsmt"),
            ("00000000:00000001 01:00000000 000000001", "retrnsmt"),
        ] {
            let fault = timer(columns).unwrap_err();
            assert!(fault.starts_with(&format!("{name} ")) || fault.contains(name), "{columns}: {fault}");
        }
        let whole = row("00000400:00000000 01:00000A12 00000003  1000        3 5592");
        for end in 0..whole.len() {
            let _ = head::<V4>(&whole.as_bytes()[..end]).map(|head| (head.timer().is_ok(), head.is_idle()));
        }
    }
}
