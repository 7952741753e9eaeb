//! The source `counters`: every counter the kernel names.

pub mod history;
mod icmp_types;
mod read;

use super::detail::Detail;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::read::ProcRoot;
use history::History;
use read::PerCpu;
pub use read::{Counters, Unregistered};
use std::time::{Duration, SystemTime};

/// What the source remembers between readings.
#[derive(Debug, Default)]
pub struct Memory {
    /// Earlier values.
    pub(super) history: History,
    per_cpu: PerCpu,
}

impl Source for Counters {
    const NAME: &'static str = "counters";
    const READ_FROM: &'static str = "net/snmp, net/netstat, net/snmp6, net/sctp/snmp, net/xfrm_stat, net/softnet_stat, net/tls_stat, net/stat";
    type Memory = Memory;
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.counters
    }

    fn known(_: Option<&Self>, _: &Memory, _: &Others<'_>) {}

    fn read(root: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
        let mut this = Self::read(root);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }

    /// Adds up per-CPU counts; withholds counters that fell.
    fn follow(
        reading: &mut Reading<Self>,
        memory: &mut Memory,
        at: Timing,
        now: SystemTime,
    ) -> Option<String> {
        if let Some(counters) = &mut reading.data {
            counters.add_up(&mut memory.per_cpu);
            reading.problems.append(&mut counters.problems);
            reading.notes.append(&mut counters.notes);
            reading.notes.extend(memory.history.judge(counters, at, now));
        }
        None
    }
}
