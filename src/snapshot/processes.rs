//! The source `processes`: the process of every socket a manager may ask for, and TCP sockets by program.

use super::counts::StateCounts;
use super::detail::Detail;
use super::owner_counts::{self, OwnedSocket, Owner};
use super::source::{MaxAges, Others, Reading, Source};
use super::touched::{SourceId, Touched};
use crate::proc::cgroups::LONGEST;
use crate::proc::processes::Owners;
use crate::proc::read::{self, ProcRoot};
use crate::text::{distinct, fitting};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One reading of the source.
#[derive(Debug)]
pub struct Processes {
    owners: Arc<Owners>,
    /// TCP sockets by program, in the order of their index; present when they were to be counted.
    pub programs: Option<Vec<Owner>>,
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
    /// The sockets to count by program.
    owned: Option<Arc<Vec<OwnedSocket>>>,
}

/// Counts sockets by the name of their process; processes of one name are one program.
fn programs(root: &ProcRoot, owners: &Owners, sockets: &[OwnedSocket]) -> Vec<Owner> {
    let mut of_process: HashMap<Option<u32>, StateCounts> = HashMap::new();
    let (mut nobodys, mut number) = (StateCounts::default(), 0);
    for socket in sockets {
        if socket.inode == 0 {
            nobodys.add(socket.state, 1);
            number += 1;
        } else {
            of_process.entry(owners.of(socket.inode.into())).or_default().add(socket.state, 1);
        }
    }
    let mut names: HashMap<Arc<str>, StateCounts> = HashMap::new();
    for (process, states) in of_process {
        let name = process.and_then(|process| program(root, process));
        let sum = names.entry(name.unwrap_or_else(|| owner_counts::UNKNOWN.into())).or_default();
        *sum = *sum + states;
    }
    if number > 0 {
        names.insert(owner_counts::NONE.into(), nobodys);
    }
    owner_counts::largest(names)
}

/// The name of a process; `None` if it has ended, or has none.
fn program(root: &ProcRoot, process: u32) -> Option<Arc<str>> {
    let mut name = Vec::new();
    read::whole(&root.path().join(format!("{process}/comm")), &mut name).ok()?;
    let name = distinct(name.strip_suffix(b"\n").unwrap_or(&name));
    // Processes name themselves, and must not be taken for what is no name.
    match name.strip_prefix('(') {
        Some(rest) if owner_counts::is_no_name(&name) => Some(format!("\\x28{rest}").into()),
        _ => (!name.is_empty()).then(|| fitting(name, LONGEST).into()),
    }
}

impl Source for Processes {
    const NAME: &'static str = "processes";
    const READ_FROM: &'static str = "the descriptors of all processes";
    const AFTER: &'static [SourceId] = &[SourceId::Tcp, SourceId::Udp, SourceId::Owners];
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
        Known { owners, wanted: (others.inodes)(), rows: others.detailed, owned: (others.owned)() }
    }

    fn read(root: &ProcRoot, _: Detail, known: Known) -> Reading<Self> {
        let owners = known.owners.unwrap_or_default().search(root, known.wanted);
        let (data, problems) = match owners {
            Ok(owners) => {
                let programs = known.owned.map(|sockets| programs(root, &owners, &sockets));
                (Some(Self { owners: Arc::new(owners), programs }), Vec::new())
            }
            // A failed listing brings no processes, whatever is asked for.
            Err(error) => (None, vec![error.into()]),
        };
        Reading { data, problems, notes: Vec::new(), memory: Some(known.rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::sockets::TcpState;

    /// Of a tree: processes 10 and 20 are one program, 30 calls itself what is no name, 40 has none.
    #[test]
    fn programs_are_counted_by_name() {
        let tree = tempfile::tempdir().unwrap();
        for (process, name) in
            [(10, "java\n"), (20, "java\n"), (30, "(none)\n"), (40, "\n"), (50, "a\x1b[m b\n")]
        {
            let folder = tree.path().join(format!("{process}/fd"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(tree.path().join(format!("{process}/comm")), name).unwrap();
            std::os::unix::fs::symlink(format!("socket:[{process}]"), folder.join("3")).unwrap();
        }
        let state = TcpState::CloseWait;
        let sockets = [10, 20, 30, 40, 50, 60, 0, 0].map(|inode| OwnedSocket { inode, state }).to_vec();
        let inodes: Vec<u64> = sockets.iter().map(|socket| socket.inode.into()).collect();
        let owned = Arc::new(sockets);
        let others = Others {
            detailed: Touched::default(),
            inodes: &|| inodes.clone(),
            owned: &|| Some(Arc::clone(&owned)),
        };
        let known = Processes::known(None, &Touched::default(), &others);
        let processes = Processes::read(&ProcRoot::new(tree.path()), Detail::Counts, known).data.unwrap();
        let programs: Vec<_> = processes.programs.as_ref().unwrap().iter().collect();
        let told: Vec<_> = programs.iter().map(|row| (&*row.name, row.states.get(state))).collect();
        // 40 has no name, and nobody knows who holds 60.
        assert_eq!(
            told,
            [("java", 2), ("(none)", 2), ("(unknown)", 2), ("\\x28none)", 1), ("a\\x1b[m b", 1)]
        );
    }

    #[test]
    fn the_next_reading_builds_on_the_one_before() {
        let others = |inodes: Vec<u64>| {
            let others = Others { detailed: Touched::default(), inodes: &|| inodes.clone(), owned: &|| None };
            Processes::known(None, &Touched::default(), &others)
        };
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let inode = rustix::fs::fstat(&socket).unwrap().st_ino;
        let reading = Processes::read(&ProcRoot::new("/proc"), Detail::Counts, others(vec![inode]));
        let processes = reading.data.unwrap();
        assert_eq!(processes.of(inode), Some(std::process::id()));
        let next = Others { detailed: Touched::default(), inodes: &Vec::new, owned: &|| None };
        let known = Processes::known(Some(&processes), &Touched::default(), &next);
        assert_eq!(known.owners.unwrap().of(inode), Some(std::process::id()));
    }
}
