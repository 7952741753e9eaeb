//! The figures of net/sockstat and net/sockstat6, and their limits.

use super::detail::Detail;
use super::notes::Note;
use super::problem::Problem;
use super::source::{MaxAges, Others, Reading, Source};
use crate::proc::figure::Width;
use crate::proc::read::{self, ProcRoot, ReadError};
use crate::proc::sockstat::{SockstatFigure, figures, numbers};
use std::time::Duration;

/// One reading of the source `sockstat`.
#[derive(Debug, Default)]
pub struct Sockstat {
    figures: Vec<SockstatFigure>,
    limits: Vec<(&'static str, Vec<Option<u64>>)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Figures that were below zero.
    pub notes: Vec<Note>,
}

/// The files of sys/net/ipv4 that hold limits. tcp_mem, udp_mem and tcp_max_orphans exist only in the first network
/// namespace.
const LIMITS: [(&str, Width); 4] = [
    ("tcp_mem", Width::Long),
    ("udp_mem", Width::Long),
    ("tcp_max_orphans", Width::Int),
    ("tcp_max_tw_buckets", Width::Int),
];

impl Sockstat {
    /// Reads all files of the source.
    #[must_use]
    pub fn read(root: &ProcRoot) -> Self {
        let (mut this, mut buffer) = (Self::default(), Vec::new());
        for (file, may_lack) in [("sockstat", false), ("sockstat6", true)] {
            let path = root.net(file);
            match read::parsed(&path, &mut buffer, |contents| Ok(figures(contents))) {
                Ok((figures, problems)) => {
                    this.figures.extend(figures);
                    let within = |cause| ReadError::Malformed { path: path.clone(), cause }.into();
                    this.problems.extend(problems.into_iter().map(within));
                }
                Err(error) => this.note(error, may_lack),
            }
        }
        let below = this.figures.iter().filter(|figure| figure.value.is_none());
        this.notes =
            below.map(|figure| Note::below_zero(&format!("{} {}", figure.section, figure.key))).collect();
        for (file, width) in LIMITS {
            let Some(path) = root.sysctl_ipv4(file) else {
                continue;
            };
            match read::sysctl(&path, &mut buffer, numbers) {
                Ok(numbers) => {
                    let limits: Vec<_> =
                        numbers.iter().map(|number| number.as_level(width).count()).collect();
                    if limits.contains(&None) {
                        this.notes.push(Note::below_zero(file));
                    }
                    this.limits.push((file, limits));
                }
                Err(error) => this.note(error, true),
            }
        }
        this
    }

    fn note(&mut self, error: ReadError, may_lack: bool) {
        if !(may_lack && error.is_absent()) {
            self.problems.push(error.into());
        }
    }

    /// A figure, such as `TCP` `inuse`; `None` if it is below zero.
    #[must_use]
    pub fn figure(&self, section: &str, key: &str) -> Option<u64> {
        let is = |figure: &&SockstatFigure| figure.section == section && figure.key == key;
        self.figures.iter().find(is)?.value
    }

    /// A limit: its file in sys/net/ipv4 and its position there.
    #[must_use]
    pub fn limit(&self, file: &str, position: usize) -> Option<u64> {
        let (_, numbers) = self.limits.iter().find(|(name, _)| *name == file)?;
        numbers.get(position).copied().flatten()
    }
}

impl Source for Sockstat {
    const NAME: &'static str = "sockstat";
    const READ_FROM: &'static str = "net/sockstat and limits";
    type Memory = ();
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.counters
    }

    fn known(_: Option<&Self>, (): &(), _: &Others<'_>) {}

    fn read(root: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
        let mut this = Self::read(root);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of a real dump with a negative figure in each section; the other figures stay.
    #[test]
    fn what_is_below_zero_has_no_figure_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let file = |name: &str, contents: &str| {
            std::fs::write(folder.path().join("1/net").join(name), contents).unwrap();
        };
        file(
            "sockstat",
            "TCP: inuse 6 orphan 0 tw 5 alloc 7 mem -3\nFRAG: inuse 0 memory 18446744073709547776\n",
        );
        file("sockstat6", "TCP6: inuse 2\nFRAG6: inuse 4294967295 memory 0\n");
        let sockstat = Sockstat::read(&ProcRoot::new(folder.path()));
        let figure = |section, key| sockstat.figure(section, key);
        assert_eq!(
            (figure("TCP", "mem"), figure("FRAG", "memory"), figure("FRAG6", "inuse")),
            (None, None, None)
        );
        assert_eq!(
            (figure("TCP", "inuse"), figure("TCP", "tw"), figure("TCP", "alloc")),
            (Some(6), Some(5), Some(7))
        );
        assert_eq!((figure("FRAG", "inuse"), figure("FRAG6", "memory")), (Some(0), Some(0)));
        assert!(sockstat.problems.is_empty(), "{:?}", sockstat.problems);
        let told: Vec<_> = sockstat.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["TCP mem was below zero", "FRAG memory was below zero", "FRAG6 inuse was below zero"]
        );
    }
}
