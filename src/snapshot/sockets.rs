//! Sockets by state, by port and by listener, counted while the socket tables stream past, and their rows
//! where somebody walks a table of them.

use super::counts::{StateCounts, UdpCounts};
use super::instances::Instances;
use super::notes::Note;
use super::ports::Ports;
use crate::proc::ParseError;
use crate::proc::read::{self, ProcRoot};
use crate::proc::sockets::{Address, Endpoint, Head, TcpState, V4, V6, head, header, identity};
use std::collections::HashMap;
use std::path::Path;

/// How much of the socket tables to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Counts and listeners: constant memory, however many sockets there are.
    Counts,
    /// A row for each socket too.
    Rows,
}

/// Which of the four socket tables to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tables {
    /// net/tcp
    pub tcp4: bool,
    /// net/tcp6
    pub tcp6: bool,
    /// net/udp
    pub udp4: bool,
    /// net/udp6
    pub udp6: bool,
}

impl Tables {
    /// All of them.
    pub const ALL: Self = Self { tcp4: true, tcp6: true, udp4: true, udp6: true };
}

/// All listening sockets of one endpoint; several share it by SO_REUSEPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener<A> {
    /// Where they listen.
    pub endpoint: Endpoint<A>,
    /// Connections waiting for accept(2), over all of them; `None` if that of one is below zero.
    pub accept_queue: Option<u64>,
    /// How many they are.
    pub sockets: u64,
    /// The inode of the first in the table.
    pub inode: u64,
}

/// One socket of a table, as compact as it can be: 24 octets for IPv4, 48 for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<A> {
    /// Inode; 0 where no process holds the socket.
    pub inode: u64,
    local_address: A,
    remote_address: A,
    local_port: u16,
    remote_port: u16,
    /// TCP: the MIB's number of the state. UDP: the kernel's, 1 with a peer, 7 without.
    pub state: u8,
}

impl<A: Address> Row<A> {
    /// The local endpoint.
    pub fn local(&self) -> Endpoint<A> {
        Endpoint { address: self.local_address, port: self.local_port }
    }

    /// The remote endpoint.
    pub fn remote(&self) -> Endpoint<A> {
        Endpoint { address: self.remote_address, port: self.remote_port }
    }

    /// udpEndpointInstance: what keeps sockets with equal endpoints apart, the lower 32 bits of the inode as in
    /// snmpd.
    pub fn instance(&self) -> u32 {
        let [.., a, b, c, d] = self.inode.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    fn endpoints(&self) -> (Endpoint<A>, Endpoint<A>) {
        (self.local(), self.remote())
    }
}

/// The rows of the four tables, each in the order of its index in the MIB.
#[derive(Debug, Default)]
pub struct Rows {
    /// net/tcp, listeners included
    pub tcp4: Vec<Row<V4>>,
    /// net/tcp6, listeners included
    pub tcp6: Vec<Row<V6>>,
    /// net/udp
    pub udp4: Vec<Row<V4>>,
    /// net/udp6
    pub udp6: Vec<Row<V6>>,
    connections4: Instances,
    connections6: Instances,
    unconnected4: Instances,
}

impl Rows {
    /// The positions in `tcp4` of what is a connection (RFC 4022), and no listener.
    pub fn connections4(&self) -> &[u32] {
        self.connections4.of(&self.tcp4, |row, _| row.state != TcpState::Listen.number())
    }

    /// The same in `tcp6`.
    pub fn connections6(&self) -> &[u32] {
        self.connections6.of(&self.tcp6, |row, _| row.state != TcpState::Listen.number())
    }

    /// The positions in `udp4` of what snmpd takes RFC 2013's listeners to be: one socket without a peer for each local
    /// endpoint that has any.
    pub fn unconnected4(&self) -> &[u32] {
        self.unconnected4.of(&self.udp4, |row, before| {
            row.state == UDP_UNCONNECTED && before.is_none_or(|before| before.local() != row.local())
        })
    }
}

/// One reading of the source `sockets`.
///
/// A family that the kernel lacks has counts of zero; one whose table was not or could not be read has none at all.
#[derive(Debug, Default)]
pub struct Sockets {
    /// net/tcp
    pub tcp4: Option<StateCounts>,
    /// net/tcp6
    pub tcp6: Option<StateCounts>,
    /// net/udp
    pub udp4: Option<UdpCounts>,
    /// net/udp6
    pub udp6: Option<UdpCounts>,
    /// Listeners by endpoint.
    pub listeners4: Vec<Listener<V4>>,
    /// Listeners by endpoint.
    pub listeners6: Vec<Listener<V6>>,
    /// The sockets of every local port that has a listener, by port; nothing unless both tables were read.
    pub ports: Vec<(u16, StateCounts)>,
    /// Present when asked for.
    pub rows: Option<Rows>,
    /// What could not be read, for people.
    pub problems: Vec<String>,
    /// Figures that were below zero.
    pub notes: Vec<Note>,
}

/// What reading one TCP table brings.
#[derive(Debug)]
struct Tcp<A> {
    counts: StateCounts,
    listeners: HashMap<Endpoint<A>, Listener<A>>,
    rows: Vec<Row<A>>,
    /// Rows in a state that no MIB knows: the first such state, to tell it.
    unknown_state: Option<u8>,
}

impl Sockets {
    /// Reads all four tables.
    #[must_use]
    pub fn read(root: &ProcRoot, detail: Detail) -> Self {
        Self::read_tables(root, Tables::ALL, detail)
    }

    /// Reads some of the tables and opens none of the others.
    #[must_use]
    pub fn read_tables(root: &ProcRoot, tables: Tables, detail: Detail) -> Self {
        let (mut this, mut ports) = (Self::default(), Ports::default());
        let mut rows = Rows::default();
        if tables.tcp4 {
            if let Some(tcp) = this.tcp_table(root, "tcp", detail, &mut ports) {
                (this.tcp4, this.listeners4, rows.tcp4) = tcp;
            }
        }
        if tables.tcp6 {
            if let Some(tcp) = this.tcp_table(root, "tcp6", detail, &mut ports) {
                (this.tcp6, this.listeners6, rows.tcp6) = tcp;
            }
        }
        if this.tcp4.is_some() && this.tcp6.is_some() {
            let listening = this.listeners4.iter().map(|listener| listener.endpoint.port);
            let listening = listening.chain(this.listeners6.iter().map(|listener| listener.endpoint.port));
            this.ports = ports.of(listening.collect());
        }
        if tables.udp4 {
            if let Some(udp) = this.udp_table(root, "udp", detail) {
                (this.udp4, rows.udp4) = udp;
            }
        }
        if tables.udp6 {
            if let Some(udp) = this.udp_table(root, "udp6", detail) {
                (this.udp6, rows.udp6) = udp;
            }
        }
        this.rows = (detail == Detail::Rows).then_some(rows);
        this
    }

    /// The inodes of all sockets whose rows were read, 0 for those that no process holds.
    #[must_use]
    pub fn inodes(&self) -> Vec<u64> {
        fn rows<A>(rows: &[Row<A>]) -> impl Iterator<Item = u64> {
            rows.iter().map(|row| row.inode)
        }
        let listeners = self.listeners4.iter().map(|listener| listener.inode);
        let listeners = listeners.chain(self.listeners6.iter().map(|listener| listener.inode));
        let all = self.rows.as_ref().into_iter().flat_map(|all| {
            rows(&all.tcp4).chain(rows(&all.tcp6)).chain(rows(&all.udp4)).chain(rows(&all.udp6))
        });
        all.chain(listeners).collect()
    }

    /// The counts of a TCP table, its listeners and its rows; all of them zero and empty where the kernel lacks
    /// IPv6, `None` where the table could not be read.
    #[expect(clippy::type_complexity, reason = "three parts that go to three fields")]
    fn tcp_table<A: Address>(
        &mut self,
        root: &ProcRoot,
        file: &str,
        detail: Detail,
        ports: &mut Ports,
    ) -> Option<(Option<StateCounts>, Vec<Listener<A>>, Vec<Row<A>>)> {
        let mut tcp = Tcp::<A> {
            counts: StateCounts::default(),
            listeners: HashMap::new(),
            rows: Vec::new(),
            unknown_state: None,
        };
        let path = root.net(file);
        let outcome = read::lines(&path, identity::<A>, |number, line| {
            if number == 1 {
                return header(line);
            }
            tcp.row(line, detail, ports).map_err(|problem| ParseError::new(number, problem))
        });
        match outcome {
            Ok(()) => {}
            Err(error) if error.is_absent() && root.lacks_ipv6(file) => {}
            Err(error) => {
                self.problems.push(error.to_string());
                return None;
            }
        }
        if let Some(state) = tcp.unknown_state {
            self.problems.push(format!(
                "{}: sockets in state {state:02X}, which no MIB knows, are not counted",
                path.display()
            ));
        }
        let mut listeners: Vec<_> = tcp.listeners.into_values().collect();
        if listeners.iter().any(|listener| listener.accept_queue.is_none()) {
            self.notes.push(Note::below_zero(&format!("an accept queue of net/{file}")));
        }
        listeners.sort_unstable_by_key(|listener| listener.endpoint);
        // The table may show a socket twice that changes its state meanwhile; the later row is the newer one.
        self.sortable(&path, &tcp.rows)?;
        tcp.rows.sort_by_key(Row::endpoints);
        keep_last(&mut tcp.rows, |a, b| a.endpoints() == b.endpoints());
        Some((Some(tcp.counts), listeners, tcp.rows))
    }

    fn udp_table<A: Address>(
        &mut self,
        root: &ProcRoot,
        file: &str,
        detail: Detail,
    ) -> Option<(Option<UdpCounts>, Vec<Row<A>>)> {
        let (mut counts, mut rows) = (UdpCounts::NONE, Vec::new());
        let path = root.net(file);
        let outcome = read::lines(&path, identity::<A>, |number, line| {
            if number == 1 {
                return header(line);
            }
            udp_row(line, detail, &mut counts, &mut rows).map_err(|problem| ParseError::new(number, problem))
        });
        match outcome {
            Ok(()) => {}
            Err(error) if error.is_absent() && root.lacks_ipv6(file) => {}
            Err(error) => {
                self.problems.push(error.to_string());
                return None;
            }
        }
        for (queue, name) in [(counts.transmit_queue, "transmit"), (counts.receive_queue, "receive")] {
            if queue.is_none() {
                self.notes.push(Note::below_zero(&format!("a {name} queue of net/{file}")));
            }
        }
        let key = |row: &Row<A>| (row.endpoints(), row.instance());
        self.sortable(&path, &rows)?;
        rows.sort_by_key(key);
        keep_last(&mut rows, |a, b| key(a) == key(b));
        Some((Some(counts), rows))
    }

    /// Sorting takes memory too, and ends the process where there is none: then better this table fails.
    fn sortable<A>(&mut self, path: &Path, rows: &[Row<A>]) -> Option<()> {
        let spare = Vec::<Row<A>>::new().try_reserve_exact(rows.len());
        if spare.is_err() {
            self.problems.push(format!("{}: {NO_MEMORY}", path.display()));
        }
        spare.ok()
    }
}

fn keep_last<T: Copy>(rows: &mut Vec<T>, same: impl Fn(&T, &T) -> bool) {
    rows.dedup_by(|later, kept| {
        let repeats = same(later, kept);
        if repeats {
            *kept = *later;
        }
        repeats
    });
}

impl<A: Address> Tcp<A> {
    #[inline]
    fn row(&mut self, line: &[u8], detail: Detail, ports: &mut Ports) -> Result<(), String> {
        let head = head::<A>(line)?;
        let Some(state) = TcpState::from_kernel(head.state) else {
            // TCP_BOUND_INACTIVE (13) is a socket that is bound and no more: no connection, and no news.
            if head.state != 13 {
                self.unknown_state.get_or_insert(head.state);
            }
            return Ok(());
        };
        self.counts.add(state, 1);
        ports.add(head.local_port, state);
        if state == TcpState::Listen {
            self.listener(&head)?;
        }
        if detail == Detail::Rows {
            keep(&mut self.rows, row(&head, state.number())?)?;
        }
        Ok(())
    }

    fn listener(&mut self, head: &Head<'_>) -> Result<(), String> {
        let endpoint = head.local()?;
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

/// The kernel's number of the state of a UDP socket that has a peer (TCP_ESTABLISHED).
const UDP_CONNECTED: u8 = 1;
/// And of one that has none (TCP_CLOSE).
pub const UDP_UNCONNECTED: u8 = 7;

/// A sum is known as long as all its parts are.
fn plus(sum: Option<u64>, part: Option<u32>) -> Option<u64> {
    sum.zip(part).map(|(sum, part)| sum.saturating_add(part.into()))
}

fn udp_row<A: Address>(
    line: &[u8],
    detail: Detail,
    counts: &mut UdpCounts,
    rows: &mut Vec<Row<A>>,
) -> Result<(), String> {
    let head = head::<A>(line)?;
    let (transmit, receive) = head.queues()?;
    counts.sockets += 1;
    counts.connected = plus(counts.connected, Some(u32::from(head.state == UDP_CONNECTED)));
    counts.transmit_queue = plus(counts.transmit_queue, transmit);
    counts.receive_queue = plus(counts.receive_queue, receive);
    let drops = head.drops()?;
    counts.drops = counts.drops.map(|sum| sum.saturating_add(drops));
    if detail == Detail::Rows {
        keep(rows, row(&head, head.state)?)?;
    }
    Ok(())
}

fn row<A: Address>(head: &Head<'_>, state: u8) -> Result<Row<A>, String> {
    let (local, remote) = (head.local()?, head.remote()?);
    Ok(Row {
        inode: head.inode()?,
        local_address: local.address,
        remote_address: remote.address,
        local_port: local.port,
        remote_port: remote.port,
        state,
    })
}

const NO_MEMORY: &str = "no memory for the rows of the table";

/// Memory for the rows of a host under attack may not be had: then this table fails, not the process.
fn keep<A>(rows: &mut Vec<Row<A>>, row: Row<A>) -> Result<(), String> {
    if rows.len() == rows.capacity() {
        rows.try_reserve(rows.len().max(256)).map_err(|_| NO_MEMORY.to_owned())?;
    }
    rows.push(row);
    Ok(())
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
        std::fs::write(tree.path().join("1/net/udp"), HEADER).unwrap();
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
        let sockets = Sockets::read(&root, Detail::Counts);
        let counts = sockets.tcp4.unwrap();
        assert_eq!(counts.get(TcpState::Listen), 2);
        assert_eq!(counts.get(TcpState::SynReceived), 1);
        assert_eq!(counts.get(TcpState::CloseWait), 1);
        assert_eq!(counts.get(TcpState::TimeWait), 0);
        assert_eq!(sockets.tcp6, Some(StateCounts::default()));
        let [listener] = sockets.listeners4[..] else { panic!("{:?}", sockets.listeners4) };
        assert_eq!((listener.accept_queue, listener.sockets, listener.inode), (Some(7), 2, 11));
        let [(80, port)] = sockets.ports[..] else { panic!("{:?}", sockets.ports) };
        assert_eq!((port.get(TcpState::Listen), port.get(TcpState::Established)), (2, 1));
        assert!(sockets.rows.is_none());
        assert_eq!(sockets.problems, [""; 0]);
    }

    #[test]
    fn rows_are_in_order_and_never_repeat() {
        let (_tree, root) = tcp(&[
            ("0100007F:0051", NOBODY, 10, 0, 5),
            (LOCAL, "0100007F:A000", 1, 0, 6),
            (LOCAL, NOBODY, 10, 0, 7),
            (LOCAL, "0100007F:A000", 6, 0, 0),
        ]);
        let rows = Sockets::read(&root, Detail::Rows).rows.unwrap();
        let seen: Vec<_> =
            rows.tcp4.iter().map(|row| (row.local().port, row.remote().port, row.state)).collect();
        // The connection went from established to timeWait while the table was read.
        assert_eq!(seen, [(80, 0, 2), (80, 0xA000, 11), (81, 0, 2)]);
    }

    #[test]
    fn rows_are_compact() {
        assert!(size_of::<Row<V4>>() <= 32);
        assert!(size_of::<Row<V6>>() <= 56);
    }

    /// Two of them are more than 64 bits hold.
    #[test]
    fn drops_stay_at_their_largest() {
        let (tree, root) = tcp(&[]);
        for (file, digits) in [("udp", 8), ("udp6", 32)] {
            let nobody = format!("{}:0000", "0".repeat(digits));
            let columns = "07 00000000:00000000 00:00000000 00000000     0        0 5 2 0";
            let row = format!("   1: {nobody} {nobody} {columns} {}\n", u64::MAX);
            std::fs::write(tree.path().join("1/net").join(file), format!("{HEADER}{row}{row}")).unwrap();
        }
        let sockets = Sockets::read(&root, Detail::Counts);
        assert_eq!(sockets.problems, [""; 0]);
        let (four, six) = (sockets.udp4.unwrap(), sockets.udp6.unwrap());
        assert_eq!(
            (four.drops, six.drops, (four + six).drops),
            (Some(u64::MAX), Some(u64::MAX), Some(u64::MAX))
        );
        assert_eq!((four + six).sockets, 4);
    }

    /// Nothing but the sum that it is part of goes with a queue below zero.
    #[test]
    fn a_queue_below_zero_goes_alone() {
        let other = "0100007F:0051";
        let (tree, root) =
            tcp(&[(LOCAL, NOBODY, 10, u32::MAX, 11), (LOCAL, NOBODY, 10, 2, 12), (other, NOBODY, 10, 3, 13)]);
        let row = |queues: &str, inode: u8, drops: &str| {
            format!(
                "  1: {LOCAL} {NOBODY} 07 {queues} 00:00000000 00000000     0        0 {inode} 2 0 {drops}\n"
            )
        };
        let rows = row("00000005:FFFFF100", 5, "-2147483000") + &row("00000001:00000001", 6, "1");
        std::fs::write(tree.path().join("1/net/udp"), format!("{HEADER}{rows}")).unwrap();
        let sockets = Sockets::read(&root, Detail::Rows);
        let queues: Vec<_> = sockets.listeners4.iter().map(|one| (one.accept_queue, one.sockets)).collect();
        assert_eq!(queues, [(None, 2), (Some(3), 1)]);
        let udp = sockets.udp4.unwrap();
        assert_eq!((udp.sockets, udp.connected, udp.drops), (2, Some(0), Some(2_147_484_297)));
        assert_eq!((udp.transmit_queue, udp.receive_queue), (Some(6), None));
        assert_eq!(sockets.rows.unwrap().udp4.len(), 2);
        assert_eq!(sockets.problems, [""; 0]);
        let told: Vec<_> = sockets.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["an accept queue of net/tcp was below zero", "a receive queue of net/udp was below zero"]
        );
    }

    #[test]
    fn a_state_of_tomorrow_is_told_and_not_counted() {
        let (_tree, root) = tcp(&[(LOCAL, NOBODY, 0x1F, 0, 5), (LOCAL, NOBODY, 10, 0, 6)]);
        let sockets = Sockets::read(&root, Detail::Counts);
        assert_eq!(sockets.tcp4.unwrap().get(TcpState::Listen), 1);
        assert!(sockets.problems[0].contains("state 1F"), "{:?}", sockets.problems);
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
            let sockets = Sockets::read(&root, Detail::Rows);
            assert!(sockets.problems[0].contains(told), "{:?}", sockets.problems);
            assert!(sockets.tcp4.is_none() && sockets.ports.is_empty() && sockets.listeners4.is_empty());
            assert!(sockets.tcp6.is_some() && sockets.udp4.is_some());
        }
    }
}
