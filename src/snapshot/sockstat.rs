//! The figures of net/sockstat and net/sockstat6 and the limits they run against.

use crate::proc::read::{self, ProcRoot, ReadError};
use crate::proc::sockstat::{Figure, figures, numbers};

/// One reading of the source `sockstat`.
#[derive(Debug, Default)]
pub struct Sockstat {
    figures: Vec<Figure>,
    limits: Vec<(&'static str, Vec<u64>)>,
    /// What could not be read, for people.
    pub problems: Vec<String>,
}

/// The files of sys/net/ipv4 that hold limits. tcp_mem, udp_mem and tcp_max_orphans are there in the first
/// network namespace only.
const LIMITS: [&str; 4] = ["tcp_mem", "udp_mem", "tcp_max_orphans", "tcp_max_tw_buckets"];

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
                    this.problems
                        .extend(problems.iter().map(|problem| format!("{}, {problem}", path.display())));
                }
                Err(error) => this.note(&error, may_lack),
            }
        }
        for file in LIMITS {
            let Some(path) = root.sysctl_ipv4(file) else {
                continue;
            };
            match read::parsed(&path, &mut buffer, numbers) {
                Ok(numbers) => this.limits.push((file, numbers)),
                Err(error) => this.note(&error, true),
            }
        }
        this
    }

    fn note(&mut self, error: &ReadError, may_lack: bool) {
        if !(may_lack && error.is_absent()) {
            self.problems.push(error.to_string());
        }
    }

    /// A figure, such as `TCP` `inuse`.
    #[must_use]
    pub fn figure(&self, section: &str, key: &str) -> Option<u64> {
        let is = |figure: &&Figure| figure.section == section && figure.key == key;
        self.figures.iter().find(is).map(|figure| figure.value)
    }

    /// A limit: the file in sys/net/ipv4 and the position in it.
    #[must_use]
    pub fn limit(&self, file: &str, position: usize) -> Option<u64> {
        let (_, numbers) = self.limits.iter().find(|(name, _)| *name == file)?;
        numbers.get(position).copied()
    }
}
