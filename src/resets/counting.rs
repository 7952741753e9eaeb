//! A trace instance, the pace at which its buffers are emptied, and the table that counts its resets: shared by the
//! subagent's recorder and the command `resets`.

use super::pace::Pace;
use super::table::{EPHEMERAL, ResetTable};
use crate::proc::port_set;
use crate::proc::read::{self, ProcRoot};
use crate::trace::error::TraceError;
use crate::trace::instance::Instance;
use crate::trace::mounts::Place;
use crate::trace::reset::Events;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Instant;

/// Resets being counted. Dropping it removes the trace instance.
#[derive(Debug)]
pub struct Counting {
    instance: Instance,
    pace: Pace,
    /// The counts.
    pub table: ResetTable,
    /// Where tracefs is, or the part of it we can see.
    pub tracefs: PathBuf,
}

impl Counting {
    /// Makes a trace instance with a buffer of `buffer` octets per CPU, or takes the prepared one.
    ///
    /// # Errors
    /// If tracing is not possible here.
    pub fn begin(buffer: u64) -> Result<Self, TraceError> {
        let (instance, tracefs) = match Place::find()? {
            Place::Prepared(path) => (Instance::lent(&path)?, path),
            Place::Tracefs(path) => (Instance::make(&path, buffer)?, path),
        };
        let pace = Pace::new(instance.buffer, Instant::now());
        Ok(Self { instance, pace, table: ResetTable::default(), tracefs })
    }

    /// When to empty the buffers next.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.pace.due()
    }

    /// Counts the resets in the buffers, or some of them if all would take long.
    ///
    /// # Errors
    /// If a buffer could not be read or made no sense; what could be read was counted.
    pub fn empty(&mut self) -> Result<(), TraceError> {
        let now = Instant::now();
        let (drained, problem) = self.instance.drain(Pace::budget(now), |reset| self.table.count(&reset));
        self.pace.emptied(drained.fullest, drained.cut_short, now);
        problem.map_or(Ok(()), Err)
    }

    /// How many resets are in no row: those the kernel had no room for, and those of displaced rows.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.instance.lost().saturating_add(self.table.displaced_resets)
    }

    /// The size of each CPU's buffer, in octets: as requested, or as the instance was prepared.
    #[must_use]
    pub fn buffer(&self) -> u64 {
        self.instance.buffer
    }

    /// What the running kernel's events look like.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.instance.events
    }
}

/// net.ipv4.ip_local_port_range, for IPv6 too; it is this network namespace's, though the resets are from all. Returns
/// the kernel's default if the root shows another namespace.
#[must_use]
pub fn ephemeral(root: &ProcRoot) -> RangeInclusive<u16> {
    let path = root.sysctl("net/ipv4/ip_local_port_range");
    let range = path.and_then(|path| read::sysctl(&path, &mut Vec::new(), port_set::range).ok());
    range.map_or(EPHEMERAL, |(low, high)| low..=high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ephemeral_ports_are_the_kernels_or_the_default() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ephemeral(&ProcRoot::new(folder.path())), EPHEMERAL);
        let told = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
        let ports: Vec<u16> = told.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert_eq!(ephemeral(&ProcRoot::new("/proc")), ports[0]..=ports[1]);
    }
}
