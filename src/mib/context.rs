//! What an answer is computed from. It records every source that the answer touches.

use crate::proc::counters::Figure;
use crate::resets::recorder::RecordedResets;
use crate::snapshot::counters::Counters;
use crate::snapshot::destinations::Destinations;
use crate::snapshot::listeners::Listeners;
use crate::snapshot::owner_counts::Owner;
use crate::snapshot::owners::TcpOwners;
use crate::snapshot::paths::PortPaths;
use crate::snapshot::queues::UnixListener;
use crate::snapshot::sockets::SocketRows;
use crate::snapshot::sockstat::Sockstat;
use crate::snapshot::tcp::Tcp;
use crate::snapshot::udp::Udp;
use crate::snapshot::{Detail, Snapshot, SourceId, Touched};
use crate::subagent::Subagent;
use std::cell::Cell;
use std::sync::LazyLock;
use std::time::Instant;

/// A snapshot at one moment. All variable bindings of one PDU are answered from one context.
pub struct Context<'a> {
    /// For values that need no reading of `/proc`: the statistics of the sources.
    pub snapshot: &'a Snapshot,
    /// The subagent's own state.
    pub subagent: &'a Subagent,
    /// When the answer is made.
    pub now: Instant,
    touched: Cell<Touched>,
    #[cfg(test)]
    times: Cell<u32>,
}

impl<'a> Context<'a> {
    /// A context that has touched nothing, of a subagent that has served nothing: what the commands answer from.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, now: Instant) -> Self {
        static NEW: LazyLock<Subagent> = LazyLock::new(Subagent::default);
        Self::of(snapshot, &NEW, now)
    }

    /// The same for a given subagent.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot, subagent: &'a Subagent, now: Instant) -> Self {
        Self {
            snapshot,
            subagent,
            now,
            touched: Cell::default(),
            #[cfg(test)]
            times: Cell::default(),
        }
    }

    /// How often any source was asked.
    #[cfg(test)]
    pub fn times_touched(&self) -> u32 {
        self.times.get()
    }

    /// The sources that were asked so far, whether or not they had an answer.
    #[must_use]
    pub fn touched(&self) -> Touched {
        self.touched.get()
    }

    fn touch(&self, id: SourceId) {
        #[cfg(test)]
        self.times.set(self.times.get() + 1);
        self.touched.set(self.touched.get().with(id));
    }

    fn touch_more(&self, id: SourceId, detail: Detail) {
        self.touch(id);
        self.touched.set(self.touched.get().with_detail(id, detail));
    }

    /// Every named counter.
    pub fn counters(&self) -> Option<&'a Counters> {
        self.touch(SourceId::Counters);
        self.snapshot.counters.data()
    }

    /// One registered counter.
    pub fn figure(&self, group: &str, name: &str) -> Option<Figure> {
        self.counters()?.figure(crate::registry::find(group, name)?)
    }

    /// One registered counter that is not negative.
    pub fn count(&self, group: &str, name: &str) -> Option<u64> {
        self.counters()?.count(crate::registry::find(group, name)?)
    }

    /// Sockets in use, memory and limits.
    pub fn sockstat(&self) -> Option<&'a Sockstat> {
        self.touch(SourceId::Sockstat);
        self.snapshot.sockstat.data()
    }

    /// TCP sockets by state, port and listener.
    pub fn tcp(&self) -> Option<&'a Tcp> {
        self.touch(SourceId::Tcp);
        self.snapshot.tcp.data()
    }

    /// The rows of TCP sockets.
    pub fn tcp_rows(&self) -> Option<&'a SocketRows> {
        self.touch_more(SourceId::Tcp, Detail::Rows);
        self.snapshot.tcp.data()?.rows.as_ref()
    }

    /// Where TCP connections go.
    pub fn destinations(&self) -> Option<&'a Destinations> {
        self.touch_more(SourceId::Tcp, Detail::Peers);
        self.snapshot.tcp.data()?.destinations.as_ref()
    }

    /// The limits of listeners; `None` where sock_diag shows another network namespace.
    pub fn listeners(&self) -> Option<&'a Listeners> {
        self.touch(SourceId::Listeners);
        self.snapshot.listeners.data()
    }

    /// The Unix listeners.
    pub fn unix_listeners(&self) -> Option<&'a [UnixListener]> {
        self.touch(SourceId::Unix);
        Some(&self.snapshot.unix.data()?.rows)
    }

    fn owners(&self, detail: Detail) -> Option<&'a TcpOwners> {
        self.touch_more(SourceId::Owners, detail);
        self.snapshot.owners.data()
    }

    /// How the connections of services are on their paths.
    pub fn paths(&self) -> Option<&'a [PortPaths]> {
        self.owners(Detail::Peers)?.paths.as_deref()
    }

    /// TCP sockets by unit.
    pub fn owners_by_unit(&self) -> Option<&'a [Owner]> {
        self.owners(Detail::Counts)?.units.as_deref()
    }

    /// TCP sockets by program.
    pub fn owners_by_program(&self) -> Option<&'a [Owner]> {
        self.owners(Detail::Rows)?;
        self.touch(SourceId::Processes);
        self.snapshot.processes.data()?.programs.as_deref()
    }

    /// The number of UDP sockets and what they hold.
    pub fn udp(&self) -> Option<&'a Udp> {
        self.touch(SourceId::Udp);
        self.snapshot.udp.data()
    }

    /// The rows of UDP sockets.
    pub fn udp_rows(&self) -> Option<&'a SocketRows> {
        self.touch_more(SourceId::Udp, Detail::Rows);
        self.snapshot.udp.data()?.rows.as_ref()
    }

    /// Resets by port and reason; `None` if they are not recorded.
    pub fn resets(&self) -> Option<&'a RecordedResets> {
        if !self.snapshot.wants_resets() {
            return None;
        }
        self.touch(SourceId::Resets);
        self.snapshot.resets.data()
    }

    /// The process that holds a socket; 0 if none does, if none may be seen, or if none is known yet (RFC 4022,
    /// tcpConnectionProcess). Processes are read when they are first asked for, and managers discover the sockets by
    /// walking this very column.
    pub fn process(&self, inode: u64) -> Option<u32> {
        self.touch(SourceId::Processes);
        let processes = &self.snapshot.processes;
        match processes.data() {
            Some(owners) => Some(owners.of(inode).unwrap_or(0)),
            None => processes.problem().is_none().then_some(0),
        }
    }
}
