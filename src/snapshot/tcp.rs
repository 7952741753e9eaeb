//! The source `tcp`: sockets by state, by listener and by service, counted as net/tcp and net/tcp6 stream past; where
//! they go, and their rows, when somebody asks for them.
//!
//! Each read returns a page, for which the kernel walks the sockets of a hash bucket from its first. A secret spreads
//! connections over the buckets, but not listeners: those that share an endpoint share a bucket, and before Linux 5.19
//! so do all whose ports have five bits in common. Very many of them make reading the files quadratic, so it is
//! abandoned at some point.

use super::counts::StateCounts;
use super::destinations::{self, Destinations};
use super::detail::Detail;
use super::notes::Note;
use super::problem::Problem;
use super::services::{Ports, Service, is_connection};
use super::sockets::{Families, SocketRow, SocketRows, in_order, keep, plus};
use super::source::{MaxAges, Others, Reading, Source};
use crate::proc::cpu::Stopwatch;
use crate::proc::error::{Fault, ParseError};
use crate::proc::port_set::{self, EphemeralPorts, PortSet};
use crate::proc::read::{self, ProcRoot};
use crate::proc::sockets::{Address, Endpoint, Head, TcpState, V4, V6, head, header, identity};
use std::collections::HashMap;
use std::time::Duration;

/// What reading one of the two files may cost, in CPU time: ten times as much as for 600,000 sockets, so that only a
/// host under deliberate attack reaches it.
const BUDGET: Duration = Duration::from_secs(10);

/// Room for a list of all ports that have none of their neighbours beside them.
const LONGEST_LIST: usize = 256 << 10;

/// The cost is checked after this many lines, some forty reads.
const LINES: usize = 1024;

/// All listening sockets of one endpoint; several share it by SO_REUSEPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener<A> {
    /// Where the sockets listen.
    pub endpoint: Endpoint<A>,
    /// Connections waiting for accept(2), over all sockets; `None` if one socket's number is below zero.
    pub accept_queue: Option<u64>,
    /// How many sockets.
    pub sockets: u64,
    /// The inode of the first socket in the table.
    pub inode: u64,
}

/// One reading of the source.
///
/// A family the kernel lacks has counts of zero; one whose table was not or could not be read has no counts.
#[derive(Debug, Default)]
pub struct Tcp {
    /// net/tcp
    pub ipv4: Option<StateCounts>,
    /// net/tcp6
    pub ipv6: Option<StateCounts>,
    /// Listeners by endpoint.
    pub listeners4: Vec<Listener<V4>>,
    /// Listeners by endpoint.
    pub listeners6: Vec<Listener<V6>>,
    /// The sockets of every local port that has a listener, by port; empty unless both tables were read.
    pub services: Vec<Service>,
    /// Present when asked for, if both tables were read.
    pub destinations: Option<Destinations>,
    /// Present when asked for.
    pub rows: Option<SocketRows>,
    /// How much was asked for.
    pub detail: Detail,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Figures that were below zero.
    pub notes: Vec<Note>,
}

/// What both tables add to.
#[derive(Debug)]
struct Both {
    ports: Ports,
    /// Where connections go, if that is asked for.
    destinations: Option<destinations::Counting>,
}

/// What reading one TCP table returns.
#[derive(Debug)]
struct Counted<A> {
    counts: StateCounts,
    listeners: HashMap<Endpoint<A>, Listener<A>>,
    /// The ports of the listeners, which the kernel lists before all connections (`tcp_seq_start`).
    listening: PortSet,
    rows: Vec<SocketRow<A>>,
    /// Rows in a state no MIB knows: the first such state, for the report.
    unknown_state: Option<u8>,
}

impl Tcp {
    /// Reads the given tables and does not open the others.
    #[must_use]
    pub fn read(root: &ProcRoot, families: Families, detail: Detail) -> Self {
        Self::read_within(BUDGET, root, families, detail)
    }

    /// Each of the two files has this budget, so that a slow one does not take the other's.
    fn read_within(budget: Duration, root: &ProcRoot, families: Families, detail: Detail) -> Self {
        let (mut this, mut rows) = (Self::default(), SocketRows::default());
        let destinations = detail >= Detail::Peers && families == Families::BOTH;
        let destinations = destinations.then(|| destinations::Counting::new(this.ephemeral_ports(root)));
        let mut both = Both { ports: Ports::default(), destinations };
        if families.ipv4 {
            if let Some(table) = this.table(budget, root, "tcp", detail, &mut both) {
                (this.ipv4, this.listeners4, rows.ipv4) = table;
            }
        }
        if families.ipv6 {
            if let Some(table) = this.table(budget, root, "tcp6", detail, &mut both) {
                (this.ipv6, this.listeners6, rows.ipv6) = table;
            }
        }
        if this.ipv4.is_some() && this.ipv6.is_some() {
            let listening = this.listeners4.iter().map(|listener| listener.endpoint.port);
            let listening = listening.chain(this.listeners6.iter().map(|listener| listener.endpoint.port));
            this.services = both.ports.of(listening.collect());
            let is_below = |one: &Service| one.load.unread.is_none() || one.load.unsent.is_none();
            if this.services.iter().any(is_below) {
                this.notes.push(Note::below_zero("a queue of a TCP connection"));
            }
            match both.destinations.map(destinations::Counting::largest).transpose() {
                Ok(destinations) => this.destinations = destinations,
                Err(cause) => this.problems.push(Problem::NoMemory { path: root.net("tcp"), cause }),
            }
        }
        this.rows = (detail == Detail::Rows).then_some(rows);
        this.detail = detail;
        this
    }

    /// The ports that connect(2) chooses from; `None` where the kernel does not say.
    fn ephemeral_ports(&mut self, root: &ProcRoot) -> Option<EphemeralPorts> {
        let paths = ["ip_local_port_range", "ip_local_reserved_ports", "tcp_tw_reuse"]
            .map(|file| root.sysctl(&format!("net/ipv4/{file}")));
        let [Some(range), Some(reserved), Some(reuse)] = paths else { return None };
        let mut buffer = Vec::new();
        let range = read::sysctl(&range, &mut buffer, port_set::range);
        // Linux 2.6.35 is the first that has reserved ports.
        let reserved = match read::sysctl_of(LONGEST_LIST, &reserved, &mut buffer, port_set::reserved) {
            Err(error) if error.is_absent() => Ok(PortSet::default()),
            reserved => reserved,
        };
        let reuse = read::sysctl(&reuse, &mut buffer, port_set::time_wait_reuse);
        match (range, reserved, reuse) {
            (Ok(range), Ok(reserved), Ok(reuse)) => Some(EphemeralPorts::new(range, &reserved, reuse)),
            (range, reserved, reuse) => {
                let errors = [range.err(), reserved.err(), reuse.err()].into_iter().flatten();
                self.problems.extend(errors.filter(|error| !error.is_absent()).map(Problem::from));
                None
            }
        }
    }

    /// The inodes of the listeners, and of all sockets whose rows were read; 0 if no process holds the socket.
    pub fn inodes(&self) -> impl Iterator<Item = u64> {
        let listeners = self.listeners4.iter().map(|listener| listener.inode);
        let listeners = listeners.chain(self.listeners6.iter().map(|listener| listener.inode));
        listeners.chain(self.rows.iter().flat_map(SocketRows::inodes))
    }

    /// A table's counts, listeners and rows; zero and empty if the kernel lacks IPv6, `None` if reading the table
    /// failed.
    #[expect(clippy::type_complexity, reason = "three parts that go to three fields")]
    fn table<A: Address>(
        &mut self,
        budget: Duration,
        root: &ProcRoot,
        file: &str,
        detail: Detail,
        both: &mut Both,
    ) -> Option<(Option<StateCounts>, Vec<Listener<A>>, Vec<SocketRow<A>>)> {
        let mut table = Counted::<A> {
            counts: StateCounts::default(),
            listeners: HashMap::new(),
            listening: PortSet::default(),
            rows: Vec::new(),
            unknown_state: None,
        };
        let path = root.net(file);
        let stopwatch = Stopwatch::start();
        let outcome = read::lines(&path, identity::<A>, |number, line| {
            if number == 1 {
                return header(line);
            }
            if number % LINES == 0 && stopwatch.spent() >= budget {
                return Err(ParseError::new(number, Fault::TooSlow));
            }
            table.row(line, detail, both).map_err(|fault| ParseError::new(number, fault))
        });
        match outcome {
            Ok(()) => {}
            Err(error) if error.is_too_slow() => {
                self.problems.push(Problem::TooSlow { path, seconds: budget.as_secs() });
                return None;
            }
            Err(error) if error.is_absent() && root.lacks_ipv6(file) => {}
            Err(error) => {
                self.problems.push(error.into());
                return None;
            }
        }
        if let Some(state) = table.unknown_state {
            self.problems.push(Problem::UnknownState { path: path.clone(), state });
        }
        let mut listeners: Vec<_> = table.listeners.into_values().collect();
        if listeners.iter().any(|listener| listener.accept_queue.is_none()) {
            self.notes.push(Note::below_zero(&format!("an accept queue of net/{file}")));
        }
        listeners.sort_unstable_by_key(|listener| listener.endpoint);
        if let Err(cause) = in_order(&mut table.rows, SocketRow::endpoints) {
            self.problems.push(Problem::NoMemory { path, cause });
            return None;
        }
        Some((Some(table.counts), listeners, table.rows))
    }
}

impl<A: Address> Counted<A> {
    #[inline]
    fn row(&mut self, line: &[u8], detail: Detail, both: &mut Both) -> Result<(), Fault> {
        let head = head::<A>(line)?;
        let Some(state) = TcpState::from_kernel(head.state) else {
            // TCP_BOUND_INACTIVE (13) is a socket that is only bound: no connection, and nothing to report.
            if head.state != 13 {
                self.unknown_state.get_or_insert(head.state);
            }
            return Ok(());
        };
        self.counts.add(state, 1);
        both.ports.add(&head, state)?;
        if state == TcpState::Listen {
            self.listener(&head)?;
        }
        if let Some(destinations) = &mut both.destinations {
            if is_connection(state) && !self.listening.contains(head.local_port) {
                destinations.count::<A>(&head, state)?;
            }
        }
        if detail == Detail::Rows {
            keep(&mut self.rows, SocketRow::of(&head, state.number())?)?;
        }
        Ok(())
    }

    fn listener(&mut self, head: &Head<'_>) -> Result<(), Fault> {
        let endpoint = head.local()?;
        self.listening.insert(head.local_port);
        let (_, accept_queue) = head.queues()?;
        let inode = head.inode()?;
        let listener = self.listeners.entry(endpoint).or_insert(Listener {
            endpoint,
            accept_queue: Some(0),
            sockets: 0,
            inode,
        });
        listener.accept_queue = plus(listener.accept_queue, accept_queue);
        listener.sockets += 1;
        Ok(())
    }
}

impl Source for Tcp {
    const NAME: &'static str = "tcp";
    const READ_FROM: &'static str = "net/tcp, net/tcp6";
    const MOST: Detail = Detail::Rows;
    type Memory = ();
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn known(_: Option<&Self>, (): &(), _: &Others<'_>) {}

    fn read(root: &ProcRoot, detail: Detail, (): ()) -> Reading<Self> {
        let mut this = Self::read(root, Families::BOTH, detail);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }

    fn detail(&self) -> Detail {
        self.detail
    }

    fn drop_to(&mut self, detail: Detail) {
        self.detail = self.detail.min(detail);
        self.rows.take_if(|_| detail < Detail::Rows);
        self.destinations.take_if(|_| detail < Detail::Peers);
    }

    fn inodes(&self, into: &mut Vec<u64>) {
        into.extend(Self::inodes(self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A tree with these rows of net/tcp; each is (local, remote, state, receive queue, inode).
    fn tcp(rows: &[(&str, &str, u8, u32, u64)]) -> (tempfile::TempDir, ProcRoot) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("1/net")).unwrap();
        let mut file = HEADER.to_owned();
        for (slot, (local, remote, state, queue, inode)) in rows.iter().enumerate() {
            file += &format!(
                "{slot:4}: {local} {remote} {state:02X} 00000000:{queue:08X} 00:00000000 00000000     0        0 {inode} 1 0\n"
            );
        }
        std::fs::write(tree.path().join("1/net/tcp"), file).unwrap();
        let root = ProcRoot::new(tree.path());
        (tree, root)
    }

    const LOCAL: &str = "0100007F:0050";
    const NOBODY: &str = "00000000:0000";

    #[test]
    fn counts_by_state_port_and_listener() {
        let (_tree, root) = tcp(&[
            (LOCAL, NOBODY, 10, 3, 11),
            (LOCAL, NOBODY, 10, 4, 12),
            (LOCAL, "0100007F:A000", 1, 0, 13),
            ("0100007F:A000", LOCAL, 8, 0, 14),
            (LOCAL, "0100007F:A001", 12, 0, 0),
            ("0100007F:A002", NOBODY, 13, 0, 15),
        ]);
        let sockets = Tcp::read(&root, Families::BOTH, Detail::Counts);
        let counts = sockets.ipv4.unwrap();
        assert_eq!(counts.get(TcpState::Listen), 2);
        assert_eq!(counts.get(TcpState::SynReceived), 1);
        assert_eq!(counts.get(TcpState::CloseWait), 1);
        assert_eq!(counts.get(TcpState::TimeWait), 0);
        assert_eq!(sockets.ipv6, Some(StateCounts::default()));
        let [listener] = sockets.listeners4[..] else { panic!("{:?}", sockets.listeners4) };
        assert_eq!((listener.accept_queue, listener.sockets, listener.inode), (Some(7), 2, 11));
        let [Service { port: 80, states: port, .. }] = sockets.services[..] else {
            panic!("{:?}", sockets.services)
        };
        assert_eq!((port.get(TcpState::Listen), port.get(TcpState::Established)), (2, 1));
        assert!(sockets.rows.is_none());
        assert!(sockets.problems.is_empty(), "{:?}", sockets.problems);
    }

    /// If one table cannot be read, counts for a port with a listener or connections in it would be too low.
    #[test]
    fn ports_are_those_of_both_tables_or_of_none() {
        let (tree, root) = tcp(&[(LOCAL, NOBODY, 10, 0, 5)]);
        let nobody = format!("{}:0000", "0".repeat(32));
        let six = format!(
            "{HEADER}   0: {}:0050 {nobody} 0A 00000000:00000000 00:00000000 00000000     0        0 6 1 0\n",
            "0".repeat(32)
        );
        let net = tree.path().join("1/net");
        std::fs::write(net.join("tcp6"), &six).unwrap();
        let read = |families| Tcp::read(&root, families, Detail::Counts);
        let [Service { port: 80, states: port, .. }] = read(Families::BOTH).services[..] else {
            panic!("not one port")
        };
        assert_eq!(port.get(TcpState::Listen), 2);
        for families in [Families { ipv4: true, ipv6: false }, Families { ipv4: false, ipv6: true }] {
            assert_eq!(read(families).services, []);
        }
        for file in ["tcp", "tcp6"] {
            let path = net.join(file);
            let good = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, good.clone() + "cut").unwrap();
            let tcp = read(Families::BOTH);
            assert_eq!((tcp.services.len(), tcp.listeners4.len() + tcp.listeners6.len()), (0, 1), "{file}");
            std::fs::write(&path, good).unwrap();
        }
        assert_eq!(read(Families::BOTH).services.len(), 1);
    }

    #[test]
    fn rows_are_in_order_and_never_repeat() {
        let (_tree, root) = tcp(&[
            ("0100007F:0051", NOBODY, 10, 0, 5),
            (LOCAL, "0100007F:A000", 1, 0, 6),
            (LOCAL, NOBODY, 10, 0, 7),
            (LOCAL, "0100007F:A000", 6, 0, 0),
        ]);
        let rows = Tcp::read(&root, Families::BOTH, Detail::Rows).rows.unwrap();
        let seen: Vec<_> =
            rows.ipv4.iter().map(|row| (row.local().port, row.remote().port, row.state)).collect();
        // The connection went from established to timeWait while the table was being read.
        assert_eq!(seen, [(80, 0, 2), (80, 0xA000, 11), (81, 0, 2)]);
    }

    /// Beside ports of listeners of the other family, unknown ports and queues below zero.
    #[test]
    fn services_and_destinations_are_those_of_the_rows() {
        let (tree, root) = tcp(&[
            (LOCAL, NOBODY, 10, 0, 5),
            (LOCAL, "0200007F:A000", 1, 7, 6),
            (LOCAL, "0200007F:A001", 8, u32::MAX, 7),
            ("0100007F:A000", "0200007F:01BB", 8, 3, 8),
            ("0100007F:A001", "0200007F:01BB", 2, 0, 9),
        ]);
        let sockets = Tcp::read(&root, Families::BOTH, Detail::Peers);
        let [service] = sockets.services[..] else { panic!("{:?}", sockets.services) };
        assert_eq!((service.port, service.connections(), service.load.unread), (80, 2, None));
        assert_eq!((service.load.unsent, service.load.zero_window), (Some(0), 0));
        let told: Vec<_> = sockets.notes.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a queue of a TCP connection was below zero"]);
        let [row] = sockets.destinations.as_ref().unwrap().rows[..] else {
            panic!("{:?}", sockets.destinations)
        };
        assert_eq!((row.endpoint.to_string().as_str(), row.sockets), ("127.0.0.2:443", 2));
        assert_eq!((row.syn_sent, row.close_wait, row.ephemeral), (1, 1, None));
        assert_eq!(Tcp::read(&root, Families::BOTH, Detail::Counts).destinations, None);
        // Half of the sockets would be a wrong number.
        std::fs::write(tree.path().join("1/net/tcp6"), "cut").unwrap();
        assert_eq!(Tcp::read(&root, Families::BOTH, Detail::Rows).destinations, None);
    }

    /// Nor does it look like a dead path: its requests are sent again and again.
    #[test]
    fn a_scan_from_sixty_thousand_addresses_is_no_destination() {
        let (tree, root) = tcp(&[(LOCAL, NOBODY, 10, 0, 5)]);
        let mut file = std::fs::read_to_string(tree.path().join("1/net/tcp")).unwrap();
        for peer in 0..60_000_u32 {
            file += &format!(
                "{:4}: {LOCAL} {peer:08X}:C000 03 00000000:00000000 01:00000064 00000005     0        0 0 1 0\n",
                peer + 1
            );
        }
        std::fs::write(tree.path().join("1/net/tcp"), file).unwrap();
        let sockets = Tcp::read(&root, Families::BOTH, Detail::Peers);
        assert_eq!(sockets.destinations.unwrap().rows, []);
        let [service] = sockets.services[..] else { panic!("{:?}", sockets.services) };
        assert_eq!(
            (service.connections(), service.load.retransmitting, service.load.stalled),
            (60_000, 0, 0)
        );
    }

    /// A queue below zero affects only the sum that it is part of.
    #[test]
    fn a_queue_below_zero_goes_alone() {
        let other = "0100007F:0051";
        let (_tree, root) =
            tcp(&[(LOCAL, NOBODY, 10, u32::MAX, 11), (LOCAL, NOBODY, 10, 2, 12), (other, NOBODY, 10, 3, 13)]);
        let tcp = Tcp::read(&root, Families::BOTH, Detail::Rows);
        let queues: Vec<_> = tcp.listeners4.iter().map(|one| (one.accept_queue, one.sockets)).collect();
        assert_eq!(queues, [(None, 2), (Some(3), 1)]);
        assert_eq!((tcp.problems.len(), tcp.rows.unwrap().ipv4.len()), (0, 2), "one for each endpoint");
        let told: Vec<_> = tcp.notes.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["an accept queue of net/tcp was below zero"]);
    }

    #[test]
    fn a_state_of_tomorrow_is_told_and_not_counted() {
        let (_tree, root) = tcp(&[(LOCAL, NOBODY, 0x1F, 0, 5), (LOCAL, NOBODY, 10, 0, 6)]);
        let sockets = Tcp::read(&root, Families::BOTH, Detail::Counts);
        assert_eq!(sockets.ipv4.unwrap().get(TcpState::Listen), 1);
        assert!(sockets.problems[0].to_string().contains("state 1F"), "{:?}", sockets.problems);
    }

    /// No figure is better than one from half a table; the other family stays.
    #[test]
    fn a_table_that_costs_too_much_is_given_up() {
        let rows = vec![(LOCAL, NOBODY, 10, 0, 5); LINES];
        let (tree, root) = tcp(&rows);
        let nobody = format!("{}:0000", "0".repeat(32));
        let six = format!(
            "{HEADER}   0: {nobody} {nobody} 0A 00000000:00000000 00:00000000 00000000     0        0 6 1 0\n"
        );
        std::fs::write(tree.path().join("1/net/tcp6"), six).unwrap();
        let read = |budget| Tcp::read_within(budget, &root, Families::BOTH, Detail::Rows);
        let given_up = read(Duration::ZERO);
        let told = "/1/net/tcp: not read to its end, since that costs more than 0 s of CPU time";
        assert!(
            matches!(&given_up.problems[..], [problem] if problem.to_string().ends_with(told)),
            "{:?}",
            given_up.problems
        );
        assert!(given_up.ipv4.is_none() && given_up.listeners4.is_empty() && given_up.services.is_empty());
        assert!(given_up.rows.is_some_and(|rows| rows.ipv4.is_empty() && rows.ipv6.len() == 1));
        assert_eq!(given_up.ipv6.unwrap().get(TcpState::Listen), 1);
        let read = read(BUDGET);
        assert_eq!((read.ipv4.unwrap().get(TcpState::Listen), read.problems.len()), (LINES as u64, 0));
    }

    #[test]
    fn a_table_with_a_bad_row_has_no_counts_and_the_others_stay() {
        let (tree, root) = tcp(&[(LOCAL, NOBODY, 10, 0, 5)]);
        let path = tree.path().join("1/net/tcp");
        let good = std::fs::read_to_string(&path).unwrap();
        for (bad, told) in [
            (format!("{good}   1: 0100007F:00"), "line 3: cut short"),
            (format!("{good}   1: nonsense\n"), "line 3: no socket"),
            (good.replace("00000000:00000000 00:", "00000000:0000000x 00:"), "line 2: tx_queue:rx_queue"),
            (String::new(), "empty"),
            ("Ip: Forwarding\n".into(), "no header"),
        ] {
            std::fs::write(&path, bad).unwrap();
            let sockets = Tcp::read(&root, Families::BOTH, Detail::Rows);
            assert!(sockets.problems[0].to_string().contains(told), "{:?}", sockets.problems);
            assert!(sockets.ipv4.is_none() && sockets.services.is_empty() && sockets.listeners4.is_empty());
            assert!(sockets.ipv6.is_some());
        }
    }
}
