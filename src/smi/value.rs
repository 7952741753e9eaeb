//! The values that SNMP knows, and how Net-SNMP's tools print them.

use super::oid::Oid;
use std::fmt;

/// A value of an instance, with the type it has on the wire (RFC 2741 section 5.4, RFC 3416).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Integer32 and enumerations.
    Integer(i32),
    /// Counter32: wraps at 2^32.
    Counter32(u32),
    /// Gauge32 and Unsigned32.
    Gauge32(u32),
    /// TimeTicks: hundredths of a second.
    TimeTicks(u32),
    /// Counter64.
    Counter64(u64),
    /// OCTET STRING and all textual conventions made from it.
    OctetString(Vec<u8>),
    /// IpAddress, in network order.
    IpAddress([u8; 4]),
    /// OBJECT IDENTIFIER.
    ObjectIdentifier(Box<Oid>),
}

impl Value {
    /// The value of a Counter32: the kernel's 64 bits modulo 2^32, so that a manager's differences stay right.
    #[must_use]
    pub fn counter32(count: u64) -> Self {
        let [_, _, _, _, a, b, c, d] = count.to_be_bytes();
        Self::Counter32(u32::from_be_bytes([a, b, c, d]))
    }

    /// The value of a Gauge32, which stays at its maximum when the figure is larger (RFC 2578 section 7.1.7).
    #[must_use]
    pub fn gauge32(figure: u64) -> Self {
        Self::Gauge32(u32::try_from(figure).unwrap_or(u32::MAX))
    }

    /// Text as an OCTET STRING.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::OctetString(text.as_bytes().to_vec())
    }
}

/// Prints `Counter32: 5`, the way `snmpwalk -On` prints it when it has no MIB module.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "INTEGER: {value}"),
            Self::Counter32(value) => write!(f, "Counter32: {value}"),
            Self::Gauge32(value) => write!(f, "Gauge32: {value}"),
            Self::TimeTicks(ticks) => write!(f, "Timeticks: ({ticks}) {}", Uptime(*ticks)),
            Self::Counter64(value) => write!(f, "Counter64: {value}"),
            Self::OctetString(octets) => octet_string(f, octets),
            Self::IpAddress([a, b, c, d]) => write!(f, "IpAddress: {a}.{b}.{c}.{d}"),
            Self::ObjectIdentifier(oid) => write!(f, "OID: .{oid}"),
        }
    }
}

/// Net-SNMP shows octets as text if all of them print, with quotes and backslashes escaped, else in hex.
fn octet_string(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    if octets.is_empty() {
        return f.write_str("\"\"");
    }
    let printable = |b: &u8| (0x20..0x7f).contains(b) || matches!(b, b'\t' | b'\n' | b'\r');
    if octets.iter().all(printable) {
        f.write_str("STRING: \"")?;
        for &octet in octets {
            if matches!(octet, b'"' | b'\\') {
                f.write_str("\\")?;
            }
            write!(f, "{}", char::from(octet))?;
        }
        return f.write_str("\"");
    }
    f.write_str("Hex-STRING: ")?;
    for octet in octets {
        write!(f, "{octet:02X} ")?;
    }
    Ok(())
}

struct Uptime(u32);

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ticks) = (self.0 / 100, self.0 % 100);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let (days, hours) = (hours / 24, hours % 24);
        match days {
            0 => {}
            1 => f.write_str("1 day, ")?,
            _ => write!(f, "{days} days, ")?,
        }
        write!(f, "{hours}:{minutes:02}:{seconds:02}.{ticks:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter32_is_modulo_two_to_the_32() {
        assert_eq!(Value::counter32(u64::from(u32::MAX) + 3), Value::Counter32(2));
        assert_eq!(Value::counter32(u64::MAX), Value::Counter32(u32::MAX));
    }

    #[test]
    fn gauge32_saturates() {
        assert_eq!(Value::gauge32(u64::from(u32::MAX) + 3), Value::Gauge32(u32::MAX));
    }

    #[test]
    fn prints_like_snmpwalk() {
        let print = |value: Value| value.to_string();
        assert_eq!(print(Value::Integer(-1)), "INTEGER: -1");
        assert_eq!(print(Value::Counter64(u64::MAX)), "Counter64: 18446744073709551615");
        assert_eq!(print(Value::IpAddress([127, 0, 0, 1])), "IpAddress: 127.0.0.1");
        assert_eq!(print(Value::TimeTicks(17_654_321)), "Timeticks: (17654321) 2 days, 1:02:23.21");
        assert_eq!(print(Value::text("[::1]:443")), "STRING: \"[::1]:443\"");
        assert_eq!(print(Value::text("a\"b\\")), "STRING: \"a\\\"b\\\\\"");
        assert_eq!(print(Value::text("")), "\"\"");
        assert_eq!(print(Value::OctetString(vec![7, 234])), "Hex-STRING: 07 EA ");
        let oid = Box::new("1.3".parse().unwrap());
        assert_eq!(print(Value::ObjectIdentifier(oid)), "OID: .1.3");
    }
}
