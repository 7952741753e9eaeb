//! The subagent at a master agent: a real snmpd in a network namespace, or one of our own that does what it is told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../model/mod.rs"]
mod model;

mod address;
mod capabilities;
mod culprits;
mod diagnosis;
mod fake_master;
mod flood;
mod limits;
mod misbehaving_master;
mod observability;
mod privilege;
mod proc_faults;
mod reset_scan;
mod resets;
mod restarts;
mod snmpd;
mod sources;
mod supervisor;
mod thresholds;
