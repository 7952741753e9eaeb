//! The time without the master agent, and what was logged about it.

use crate::agentx::address::MasterAddress;
use std::time::{Duration, Instant};

/// How many reasons are logged for one outage. There are fewer, but some contain what the other end sent.
const TOLD: usize = 8;

/// Logs one line for each reason, not for each attempt: a starting snmpd may refuse, be absent and refuse again.
#[derive(Default)]
pub struct Outage {
    since: Option<Instant>,
    logged: Vec<String>,
}

impl Outage {
    /// Records a failed attempt. Returns whether the reason was new and was logged.
    pub fn log(&mut self, address: &MasterAddress, why: &str) -> bool {
        self.since.get_or_insert_with(Instant::now);
        let news = self.is_news(why);
        if news {
            tracing::warn!(%address, "{why}; trying again until it works");
        }
        news
    }

    fn is_news(&mut self, why: &str) -> bool {
        let news = self.logged.len() < TOLD && self.logged.iter().all(|told| told != why);
        if news {
            self.logged.push(why.to_owned());
        }
        news
    }

    /// The master agent is back. Returns how long it was away.
    pub fn end(&mut self) -> Option<Duration> {
        self.logged.clear();
        self.since.take().map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_once_in_an_outage() {
        let mut outage = Outage::default();
        assert_eq!(outage.end(), None);
        let news = ["refused", "absent", "refused", "absent"].map(|why| outage.is_news(why));
        assert_eq!(news, [true, true, false, false]);
        outage.log(&MasterAddress::Unix("/x".into()), "absent");
        assert!(outage.end().is_some());
        assert!(outage.is_news("refused"));
        let told = (0..100).filter(|number| outage.is_news(&number.to_string())).count();
        assert_eq!(told, TOLD - 1);
    }
}
