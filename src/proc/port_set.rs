//! Sets of ports, and the files of sys/net/ipv4 that say which ports connections are given.

use super::decimal;
use super::error::{Excerpt, Fault, ParseError};
use super::words;

/// A set of ports, in 8 KiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSet(Vec<u64>);

impl Default for PortSet {
    fn default() -> Self {
        Self(vec![0; (1 << 16) / 64])
    }
}

impl PortSet {
    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        if let Some(word) = self.0.get_mut(usize::from(port) / 64) {
            *word |= 1 << (port % 64);
        }
    }

    /// Whether a port is in it.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.get(usize::from(port) / 64).is_some_and(|word| word & (1 << (port % 64)) != 0)
    }
}

/// The ports that connect(2) chooses from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EphemeralPorts {
    ports: PortSet,
    number: u32,
    /// net.ipv4.tcp_tw_reuse
    time_wait_reuse: u64,
}

impl EphemeralPorts {
    /// The ports of a range, without those that are reserved; `time_wait_reuse` is net.ipv4.tcp_tw_reuse.
    #[must_use]
    pub fn new((low, high): (u16, u16), reserved: &PortSet, time_wait_reuse: u64) -> Self {
        let mut this = Self { ports: PortSet::default(), number: 0, time_wait_reuse };
        for port in (low..=high).filter(|port| !reserved.contains(*port)) {
            this.ports.insert(port);
            this.number += 1;
        }
        this
    }

    /// Whether a port is one of them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.ports.contains(port)
    }

    /// Whether connect(2) gives out a port that a socket in TIME_WAIT has, after a second (`tcp_twsk_unique` in
    /// net/ipv4/tcp_ipv4.c).
    #[must_use]
    pub fn reuses_time_wait(&self, on_loopback: bool) -> bool {
        self.time_wait_reuse == 1 || (self.time_wait_reuse == 2 && on_loopback)
    }

    /// How many there are.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }
}

/// sys/net/ipv4/ip_local_port_range: the lowest and the highest port, which the kernel keeps in order.
///
/// # Errors
/// If there are not two ports in order.
pub fn range(contents: &[u8]) -> Result<(u16, u16), ParseError> {
    let ports: Option<Vec<_>> = words(contents.trim_ascii_end()).map(port).collect();
    match ports.as_deref() {
        Some(&[low, high]) if low <= high => Ok((low, high)),
        _ => Err(malformed("ip_local_port_range", contents)),
    }
}

/// sys/net/ipv4/ip_local_reserved_ports: ports and ranges of ports with commas between them, or an empty line
/// (`proc_do_large_bitmap`, kernel/sysctl.c).
///
/// # Errors
/// If anything else is found there.
pub fn reserved(contents: &[u8]) -> Result<PortSet, ParseError> {
    let (mut ports, text) = (PortSet::default(), contents.trim_ascii());
    if text.is_empty() {
        return Ok(ports);
    }
    for part in text.split(|byte| *byte == b',') {
        let mut ends = part.splitn(2, |byte| *byte == b'-').map(port);
        let low = ends.next().flatten();
        let high = ends.next().unwrap_or(low);
        match (low, high) {
            (Some(low), Some(high)) if low <= high => (low..=high).for_each(|port| ports.insert(port)),
            _ => return Err(malformed("ip_local_reserved_ports", part)),
        }
    }
    Ok(ports)
}

/// sys/net/ipv4/tcp_tw_reuse: 0 never, 1 always, 2 on loopback.
///
/// # Errors
/// If it is not one number.
pub fn time_wait_reuse(contents: &[u8]) -> Result<u64, ParseError> {
    decimal(contents.trim_ascii_end()).ok_or_else(|| malformed("tcp_tw_reuse", contents))
}

fn port(digits: &[u8]) -> Option<u16> {
    decimal(digits).and_then(|number| u16::try_from(number).ok())
}

fn malformed(column: &'static str, found: &[u8]) -> ParseError {
    ParseError::new(1, Fault::Column { column, found: Excerpt::of(found) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_two_ports_in_order() {
        assert_eq!(range(b"32768\t60999\n"), Ok((32_768, 60_999)));
        assert_eq!(range(b"1 65535\n"), Ok((1, 65_535)));
        for bad in ["", "\n", "32768\n", "60999 32768\n", "1 2 3\n", "-1 5\n", "1 65536\n", "0x1 5\n"] {
            assert!(range(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reserved_ports_are_single_or_ranges() {
        let set = reserved(b"8080,9148-9150,65535\n").unwrap();
        let within: Vec<u16> = (0..=u16::MAX).filter(|port| set.contains(*port)).collect();
        assert_eq!(within, [8080, 9148, 9149, 9150, 65_535]);
        assert_eq!(reserved(b"\n"), Ok(PortSet::default()));
        assert_eq!(reserved(b"0-65535\n").map(|all| (0..=u16::MAX).all(|port| all.contains(port))), Ok(true));
        for bad in ["8080,", ",8080", "9-8", "1-2-3", "x", "70000", "1 2", "-5", "5-"] {
            assert!(reserved(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reserved_ports_are_no_part_of_the_share() {
        let range = (1000, 1009);
        let ports = EphemeralPorts::new(range, &reserved(b"999-1001,1009-2000\n").unwrap(), 0);
        let within: Vec<u16> = (0..=u16::MAX).filter(|port| ports.contains(*port)).collect();
        assert_eq!(within, [1002, 1003, 1004, 1005, 1006, 1007, 1008]);
        assert_eq!(ports.number(), 7);
        let whole = EphemeralPorts::new((0, u16::MAX), &PortSet::default(), 2);
        assert_eq!(whole.number(), 65_536);
        assert!(whole.reuses_time_wait(true) && !whole.reuses_time_wait(false));
        assert_eq!(time_wait_reuse(b"2\n"), Ok(2));
        assert!(time_wait_reuse(b"\n").is_err() && time_wait_reuse(b"-1\n").is_err());
        assert_eq!(EphemeralPorts::new(range, &reserved(b"0-65535\n").unwrap(), 0).number(), 0);
    }
}
