//! Occasional faults of single figures, reported so that neither the log nor lnsAgentSourceError flickers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// How long a figure is reported after it was last wrong.
const LASTING: Duration = Duration::from_secs(600);

/// A figure that has no instance because of its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `Tcp CurrEstab`
    figure: String,
    flaw: Flaw,
}

/// What is wrong with a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("was below zero")]
    BelowZero,
    #[error("of CPU {cpu} went back")]
    OfCpuWentBack { cpu: u32 },
    #[error("went back from {from} to {to}")]
    WentBack { from: u64, to: u64 },
}

impl Note {
    /// For a figure that only its kernel could make negative.
    #[must_use]
    pub fn below_zero(figure: &str) -> Self {
        Self { figure: figure.to_owned(), flaw: Flaw::BelowZero }
    }

    /// For the count of one CPU, which is part of a sum.
    #[must_use]
    pub fn of_cpu_went_back(figure: &str, cpu: u32) -> Self {
        Self { figure: figure.to_owned(), flaw: Flaw::OfCpuWentBack { cpu } }
    }

    /// For a counter that fell.
    #[must_use]
    pub fn went_back(figure: &str, from: u64, to: u64) -> Self {
        Self { figure: figure.to_owned(), flaw: Flaw::WentBack { from, to } }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.figure, self.flaw)
    }
}

/// The figures that were wrong lately, each as first reported.
#[derive(Debug, Default)]
pub struct Notes(BTreeMap<String, (Flaw, Instant)>);

impl Notes {
    /// Adds what a reading that ended at `now` found, and returns what to report.
    pub fn keep(&mut self, now: Instant, found: Vec<Note>) -> Vec<Note> {
        self.0.retain(|_, (_, last)| now.saturating_duration_since(*last) < LASTING);
        for note in found {
            let (_, last) = self.0.entry(note.figure).or_insert((note.flaw, now));
            *last = now;
        }
        self.0.iter().map(|(figure, (flaw, _))| Note { figure: figure.clone(), flaw: *flaw }).collect()
    }
}

/// What is wrong with a reading, as one line of the log: every line of a file may be wrong.
pub fn joined(problems: &[&dyn fmt::Display]) -> String {
    const TOLD: usize = 5;
    let mut text = problems.iter().take(TOLD).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if problems.len() > TOLD {
        text += &format!("; and {} more", problems.len() - TOLD);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A level that hovers around zero is reported once, and as well again ten minutes after the last time.
    #[test]
    fn what_comes_and_goes_is_told_once() {
        let (mut notes, start) = (Notes::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..1200 {
            let found = (second < 300 && second % 2 == 0).then(|| Note::below_zero("Tcp CurrEstab"));
            let text = notes.keep(start + Duration::from_secs(second), found.into_iter().collect());
            if told.last().is_none_or(|(_, last)| *last != text) {
                told.push((second, text));
            }
        }
        assert_eq!(told, [(0, vec![Note::below_zero("Tcp CurrEstab")]), (898, vec![])]);
        assert_eq!(Note::below_zero("Tcp CurrEstab").to_string(), "Tcp CurrEstab was below zero");
    }

    #[test]
    fn each_figure_is_told_as_it_was_first() {
        let (mut notes, now) = (Notes::default(), Instant::now());
        notes.keep(now, vec![Note::went_back("Udp NoPorts", 9, 3)]);
        let told =
            notes.keep(now, vec![Note::went_back("Udp NoPorts", 10, 4), Note::went_back("Ip X", 2, 1)]);
        let told: Vec<_> = told.iter().map(Note::to_string).collect();
        assert_eq!(told, ["Ip X went back from 2 to 1", "Udp NoPorts went back from 9 to 3"]);
    }

    #[test]
    fn many_problems_are_told_in_one_short_line() {
        let problems: Vec<_> = (1..=1000).map(|n| format!("line {n}")).collect();
        let problems: Vec<&dyn fmt::Display> = problems.iter().map(|problem| problem as _).collect();
        assert_eq!(joined(&problems[..2]), "line 1; line 2");
        assert_eq!(joined(&problems), "line 1; line 2; line 3; line 4; line 5; and 995 more");
    }
}
