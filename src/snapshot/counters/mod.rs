//! The source `counters`: every counter that the kernel names.

pub mod history;
mod icmp_types;
mod read;

use super::detail::Detail;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::read::ProcRoot;
use history::History;
pub use read::{Counters, Unregistered};
use std::time::{Duration, SystemTime};

impl Source for Counters {
    const NAME: &'static str = "counters";
    const READ_FROM: &'static str = "net/snmp, net/netstat, net/snmp6, net/sctp/snmp, net/xfrm_stat";
    type Memory = History;
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.counters
    }

    fn known(_: Option<&Self>, _: &History, _: &Others<'_>) {}

    fn read(root: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
        let mut this = Self::read(root);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }

    /// A counter that fell has no value.
    fn follow(
        reading: &mut Reading<Self>,
        history: &mut History,
        at: Timing,
        now: SystemTime,
    ) -> Option<String> {
        if let Some(counters) = &mut reading.data {
            reading.notes.extend(history.judge(counters, at, now));
        }
        None
    }
}
