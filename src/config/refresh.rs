//! `[refresh]`: how old figures may be, and how long a request may wait for newer ones.

use super::duration::Bounded;
use crate::snapshot::MaxAges;
use serde::Deserialize;

/// How old a source may be: 100 ms to an hour.
type Age = Bounded<100, 3_600_000>;

/// How long a request may wait: less than the second after which snmpd retries.
type Patience = Bounded<1, 900>;

/// How old figures may be, and how long a request may wait for newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Refresh {
    /// For counters and sockstat.
    pub counters_max_age: Age,
    /// For sockets.
    pub sockets_max_age: Age,
    /// For processes.
    pub processes_max_age: Age,
    /// How long a request may wait.
    pub answer_within: Patience,
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            counters_max_age: Age::from_millis(1000),
            sockets_max_age: Age::from_millis(5000),
            processes_max_age: Age::from_millis(30_000),
            answer_within: Patience::from_millis(800),
        }
    }
}

impl Refresh {
    /// How old the sources may be.
    #[must_use]
    pub fn max_ages(&self) -> MaxAges {
        MaxAges {
            counters: self.counters_max_age.into(),
            sockets: self.sockets_max_age.into(),
            processes: self.processes_max_age.into(),
            answer_within: self.answer_within.into(),
        }
    }
}
