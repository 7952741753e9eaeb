//! netstat-agentx: an SNMP AgentX subagent for Linux.
//!
//! ```text
//! /proc ──read──▶ bytes ──parse──▶ typed source ──▶ Snapshot ──▶ MIB view ──▶ AgentX session ──▶ snmpd
//! ```
//!
//! The modules are the stages of that flow:
//!
//! * [`proc`]: parsers, bytes in and typed values out; `proc::read`, `proc::processes` and `proc::netlink` alone open anything
//! * [`snapshot`]: the latest reading of each source, its age, and what has to be read again
//! * [`smi`]: object identifiers, values, and why a Get may have no value
//! * [`mib`]: the declarations of all objects, Get and GetNext over them, and the MIB module made from them
//! * [`registry`]: the registry of kernel counters
//! * [`agentx`]: RFC 2741 on the wire, the session without I/O, the connection
//! * [`agent`]: the loop that joins them
//! * [`cli`]: one file for each subcommand
//! * [`config`]: the configuration file
//! * [`text`]: spelling suggestions, text folded to lines, the first sentence
//! * [`range`]: ranges in the syntax of Nagios plugins
//! * [`trace`]: parsers of the kernel's trace buffer; `trace::folder`, `trace::instance` and `trace::prepared` alone open anything
//! * [`resets`]: resets by port and reason, and the thread that counts them
//! * [`thresholds`]: what is watched on the host itself, and its status
//! * [`subagent`]: what the subagent knows about itself, its thresholds included

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod agent;
pub mod agentx;
pub mod cli;
pub mod config;
pub mod mib;
pub mod proc;
pub mod range;
pub mod registry;
pub mod resets;
pub mod smi;
pub mod snapshot;
pub mod subagent;
pub mod text;
pub mod thresholds;
pub mod trace;
