//! The source `owners`: all TCP sockets as sock_diag dumps them, by unit, and how the connections of each service are on
//! their paths. Read when somebody asks for them, and by itself, so that no other answer waits for it.

use super::Detail;
use super::diagnosis::{Lack, Lacking, dump};
use super::owner_counts::{ByCgroup, OwnedSocket, Owner};
use super::paths::{self, PortPaths};
use super::problem::Problem;
use super::services::is_connection;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::cgroups::Units;
use crate::proc::diag::MessageFault;
use crate::proc::diag::inet::{self, TcpQuery};
use crate::proc::error::NoMemory;
use crate::proc::port_set::PortSet;
use crate::proc::read::ProcRoot;
use crate::proc::sockets::TcpState;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One reading of the source.
#[derive(Debug, Default)]
pub struct TcpOwners {
    /// TCP sockets by unit, in the order of their index; `None` where the host does not say.
    pub units: Option<Vec<Owner>>,
    /// For each local port with a listener and connections, by port; present when asked for.
    pub paths: Option<Vec<PortPaths>>,
    /// All TCP sockets, for the search for their programs; present when asked for.
    sockets: Option<Arc<Vec<OwnedSocket>>>,
}

/// What the dump has shown so far.
#[derive(Default)]
struct Counting {
    owners: ByCgroup,
    paths: paths::Counting,
    /// The ports of listeners, which the kernel dumps before all connections (`inet_diag_dump_icsk`).
    listening: PortSet,
    sockets: Option<Vec<OwnedSocket>>,
}

impl Counting {
    #[inline]
    fn add(&mut self, payload: &[u8]) -> Result<(), MessageFault> {
        let socket = inet::socket_of_either(payload)?;
        // The source `tcp` tells of states that no MIB knows.
        let Some(state) = socket.tcp_state() else { return Ok(()) };
        self.owners.add(socket.inode, socket.cgroup, state);
        let port = socket.local.port();
        if state == TcpState::Listen {
            self.listening.insert(port);
        } else if let Some(path) =
            socket.path.filter(|_| is_connection(state) && self.listening.contains(port))
        {
            self.paths.add(port, path)?;
        }
        if let Some(sockets) = &mut self.sockets {
            if sockets.len() == sockets.capacity() {
                sockets.try_reserve(sockets.len().max(256)).map_err(|_| NoMemory)?;
            }
            sockets.push(OwnedSocket { inode: socket.inode, state });
        }
        Ok(())
    }
}

/// What stays from one reading to the next.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    names: Arc<Units>,
    lacking: Lacking,
}

/// The sockets by the names of their units, those names, and what the host cannot say about them.
fn named(owners: &ByCgroup, names: &Arc<Units>) -> (Option<Vec<Owner>>, Memory) {
    let lacks = |lack| (None, Memory { names: Arc::clone(names), lacking: Lacking::of(Some(lack)) });
    match names.of(&owners.cgroups().collect()) {
        Ok(_) if owners.are_not_told() => lacks(Lack::NotTold),
        Ok(names) => {
            let units = owners.named(&names);
            (Some(units), Memory { names: Arc::new(names), lacking: Lacking::default() })
        }
        Err(cause) => lacks(Lack::NoHierarchy("owners by unit", cause)),
    }
}

impl Source for TcpOwners {
    const NAME: &'static str = "owners";
    const READ_FROM: &'static str = "sock_diag, and the cgroup2 file system";
    // Few managers ask for them, and it costs as much as counting all sockets.
    const AT_START: bool = false;
    const MOST: Detail = Detail::Rows;
    type Memory = Memory;
    type Known = Arc<Units>;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn known(_: Option<&Self>, memory: &Memory, _: &Others<'_>) -> Arc<Units> {
        Arc::clone(&memory.names)
    }

    fn read(root: &ProcRoot, detail: Detail, names: Arc<Units>) -> Reading<Self> {
        let sockets = (detail >= Detail::Rows).then(Vec::new);
        let mut counting = Counting { sockets, ..Counting::default() };
        let asked = if detail >= Detail::Peers { TcpQuery::Paths } else { TcpQuery::All };
        let what = "owners and round-trip times of TCP sockets";
        let dumped = dump(root, what, &inet::tcp(asked), |payload| counting.add(payload));
        let Counting { owners, paths, sockets, .. } = counting;
        if let Err(failed) = dumped {
            let (mut lack, mut problems): (_, Vec<Problem>) = (None, Vec::new());
            failed.tell(&mut lack, &mut problems);
            let memory = Memory { names, lacking: Lacking::of(lack) };
            return Reading { data: None, problems, notes: Vec::new(), memory: Some(memory) };
        }
        let (units, memory) = named(&owners, &names);
        let paths = (detail >= Detail::Peers).then(|| paths.by_port());
        let sockets = sockets.map(|mut sockets| {
            sockets.shrink_to_fit();
            Arc::new(sockets)
        });
        let data = Some(Self { units, paths, sockets });
        Reading { data, problems: Vec::new(), notes: Vec::new(), memory: Some(memory) }
    }

    fn follow(reading: &mut Reading<Self>, memory: &mut Memory, _: Timing, _: SystemTime) -> Option<String> {
        reading.memory.as_mut()?.lacking.after(memory.lacking)
    }

    fn detail(&self) -> Detail {
        match (&self.sockets, &self.paths) {
            (Some(_), _) => Detail::Rows,
            (None, Some(_)) => Detail::Peers,
            (None, None) => Detail::Counts,
        }
    }

    fn drop_to(&mut self, detail: Detail) {
        self.sockets.take_if(|_| detail < Detail::Rows);
        self.paths.take_if(|_| detail < Detail::Peers);
    }

    fn inodes(&self, into: &mut Vec<u64>) {
        if let Some(sockets) = &self.sockets {
            into.reserve_exact(sockets.len());
            into.extend(sockets.iter().map(|socket| u64::from(socket.inode)));
        }
    }

    fn owned(&self) -> Option<Arc<Vec<OwnedSocket>>> {
        self.sockets.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn read(root: &str, detail: Detail) -> Reading<TcpOwners> {
        TcpOwners::read(&ProcRoot::new(root), detail, Arc::default())
    }

    #[test]
    fn sockets_of_our_own_are_counted_and_their_inodes_kept_when_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let reading = read("/proc", Detail::Rows);
        let mut owners = reading.data.unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = owners.paths.as_ref().unwrap();
        let paths = ports[paths::find(ports, port).unwrap()];
        assert!(paths.median.is_some_and(|time| time > 0), "{paths:?}");
        let inode = u64::from(u32::try_from(rustix::fs::fstat(&client).unwrap().st_ino).unwrap());
        let mut inodes = Vec::new();
        owners.inodes(&mut inodes);
        assert!(inodes.contains(&inode) && owners.owned().unwrap().len() == inodes.len());
        if reading.memory.unwrap().lacking.now.is_none() {
            let units = owners.units.as_ref().unwrap();
            let established = |owner: &Owner| owner.states.get(TcpState::Established);
            assert!(units.iter().map(established).sum::<u64>() >= 2, "{units:?}");
        }
        for detail in [Detail::Peers, Detail::Counts] {
            owners.drop_to(detail);
            assert_eq!((owners.detail(), owners.owned()), (detail, None));
            assert_eq!(read("/proc", detail).data.unwrap().detail(), detail);
        }
    }

    #[test]
    fn of_another_namespace_there_is_nothing() {
        let reading = read("/nowhere", Detail::Rows);
        assert!(reading.data.is_none() && reading.problems.is_empty());
        assert!(matches!(reading.memory.unwrap().lacking.now, Some(Lack::Elsewhere(_))));
    }

    #[test]
    fn a_kernel_that_tells_no_cgroups_has_no_units() {
        let mut owners = ByCgroup::default();
        owners.add(7, None, TcpState::Established);
        let (units, memory) = named(&owners, &Arc::default());
        assert_eq!((units, memory.lacking.now), (None, Some(Lack::NotTold)));
    }
}
