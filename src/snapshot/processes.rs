//! The source `processes`: the process of every socket a manager may ask for.

use super::detail::Detail;
use super::source::{MaxAges, Others, Reading, Source};
use super::touched::{SourceId, Touched};
use crate::proc::processes::Owners;
use crate::proc::read::ProcRoot;
use std::sync::Arc;
use std::time::Duration;

/// One reading of the source.
#[derive(Debug)]
pub struct Processes {
    owners: Arc<Owners>,
}

impl Processes {
    /// The process that holds the socket with this inode, if found.
    #[must_use]
    pub fn of(&self, inode: u64) -> Option<u32> {
        self.owners.of(inode)
    }
}

/// What a search builds on.
#[derive(Debug)]
pub struct Known {
    /// The process of each socket as of the previous reading.
    owners: Option<Arc<Owners>>,
    /// The inodes of the sockets whose processes may be asked for.
    wanted: Vec<u64>,
    /// Sources whose rows these are.
    rows: Touched,
}

impl Source for Processes {
    const NAME: &'static str = "processes";
    const READ_FROM: &'static str = "the descriptors of all processes";
    const AFTER: &'static [SourceId] = &[SourceId::Tcp, SourceId::Udp];
    // They take seconds if there are very many descriptors, and few managers ask for them.
    const AT_START: bool = false;
    /// The sources whose rows were included in the last search for processes.
    type Memory = Touched;
    type Known = Known;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.processes
    }

    /// What a search did not get to is looked for as soon as possible.
    fn is_complete(&self) -> bool {
        self.owners.is_complete()
    }

    fn lacks(searched: &Touched, touched: Touched, detailed: Touched) -> bool {
        touched.has_rows_of(detailed, *searched)
    }

    fn known(latest: Option<&Self>, _: &Touched, others: &Others<'_>) -> Known {
        let owners = latest.map(|latest| Arc::clone(&latest.owners));
        Known { owners, wanted: (others.inodes)(), rows: others.detailed }
    }

    fn read(root: &ProcRoot, _: Detail, known: Known) -> Reading<Self> {
        let owners = known.owners.unwrap_or_default().search(root, &known.wanted);
        let (data, problems) = match owners {
            Ok(owners) => (Some(Self { owners: Arc::new(owners) }), Vec::new()),
            // A failed listing brings no processes, whatever is asked for.
            Err(error) => (None, vec![error.into()]),
        };
        Reading { data, problems, notes: Vec::new(), memory: Some(known.rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_reading_builds_on_the_one_before() {
        let others = |inodes: Vec<u64>| {
            let others = Others { detailed: Touched::default(), inodes: &|| inodes.clone() };
            Processes::known(None, &Touched::default(), &others)
        };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let reading = Processes::read(&ProcRoot::new("/proc"), Detail::Counts, others(vec![inode]));
        let processes = reading.data.unwrap();
        assert_eq!(processes.of(inode), Some(std::process::id()));
        let next = Others { detailed: Touched::default(), inodes: &Vec::new };
        let known = Processes::known(Some(&processes), &Touched::default(), &next);
        assert_eq!(known.owners.unwrap().of(inode), Some(std::process::id()));
    }
}
