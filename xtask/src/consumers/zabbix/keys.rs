//! Keys of items, as used in triggers, graphs and formulas.

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

/// The key of a percentage, by the name of the part.
pub fn percent_key(name: &str) -> String {
    format!("netstat.percent[{name}]")
}

/// The latest value of an item in the name of an event, without units; `function` shapes it unless it is empty.
pub fn latest(key: &str, function: &str) -> String {
    let value = format!("{{?last(/{{HOST.HOST}}/{key})}}");
    if function.is_empty() { value } else { format!("{{{value}.{function}}}") }
}

/// An item as written in an expression.
pub fn at(key: &str) -> String {
    format!("/{TEMPLATE}/{key}")
}
