//! Keys of items, as triggers, graphs and formulas name them.

use super::export::TEMPLATE;

/// The key of snmpd's own sysUpTime.
pub const SNMPD_UPTIME: &str = "netstat[sysUpTime]";

/// The key of an object's value.
pub fn value_key(name: &str) -> String {
    format!("netstat[{}]", name.replace('"', ""))
}

/// The key of a counter's rate.
pub fn rate_key(name: &str) -> String {
    format!("netstat.rate[{name}]")
}

/// The key of a percentage, by what it is a part of.
pub fn percent_key(name: &str) -> String {
    format!("netstat.percent[{name}]")
}

/// An item as it stands in an expression.
pub fn at(key: &str) -> String {
    format!("/{TEMPLATE}/{key}")
}
