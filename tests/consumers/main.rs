//! The programs that poll us or read our module. Most of it is ignored, and run by 'make test-consumers', which installs
//! them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../model/mod.rs"]
mod model;

mod mrtg;
mod munin;
mod nagios;
mod prometheus;
mod pysmi;
mod snmpd_snippet;
mod tshark;
mod zabbix;

/// The labels of TCP-MIB's states, which names of fields and series carry, in the order of their numbers.
const TCP_STATES: [&str; 11] = [
    "closed",
    "listen",
    "synSent",
    "synReceived",
    "established",
    "finWait1",
    "finWait2",
    "closeWait",
    "lastAck",
    "closing",
    "timeWait",
];
