//! The source `udp`: how many sockets there are, what waits in them and what they dropped, and their rows when somebody
//! walks a table of them.
//!
//! Each read of net/udp returns a page, for which the kernel walks all sockets from the first: that takes a second of
//! CPU time at 50,000 sockets, three quarters of a minute at 200,000, and any user can open that many. So we abandon
//! the files once they cost too much, and use a dump by sock_diag, which returns the same. If that is unavailable or
//! too costly too, only the number of sockets remains, from net/sockstat, until the next reading.

use super::counts::UdpCounts;
use super::detail::Detail;
use super::notes::Note;
use super::problem::{NoDump, Problem};
use super::sockets::{Families, SocketRow, SocketRows, keep};
use super::sockstat::Sockstat;
use super::source::{MaxAges, Others, Reading, Source, Timing};
use super::udp_table::{Counted, Counting, UdpEndpoint};
use crate::proc::cpu::Stopwatch;
use crate::proc::diag::inet::{self, DumpedSocket};
use crate::proc::error::{Fault, NoMemory, ParseError};
use crate::proc::netlink;
use crate::proc::read::{self, ProcRoot};
use crate::proc::seen::Seen;
use crate::proc::sockets::{Address, Endpoint, Head, V4, V6, head, header, identity};
use std::time::{Duration, Instant, SystemTime};

/// What a reading may cost, in CPU time.
#[derive(Debug, Clone, Copy)]
struct Budget {
    /// For the files.
    files: Duration,
    /// With the dump after them, or for the dump alone if the files are not tried.
    all: Duration,
}

const BUDGET: Budget = Budget { files: Duration::from_millis(500), all: Duration::from_secs(1) };

/// The cost of the files is checked after this many lines, two or three reads.
const LINES: usize = 64;

/// If only the number of sockets remains, the files are tried again after this long, whatever the number of sockets:
/// those of other network namespaces slow the files down too.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// At how many sockets the files were too slow, and when. They are tried again at fewer than half of that; a dump is
/// made with every reading, since what slows it down (sockets of other network namespaces too) need not show here, and
/// a rest of nine times its cost follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TooSlow {
    files: Option<(u64, Instant)>,
    /// Whether only the number of sockets remained.
    lost: bool,
}

/// How sockets were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Way {
    /// From net/udp and net/udp6.
    #[default]
    Files,
    /// By sock_diag, which returns as much.
    Dump,
    /// From net/sockstat and net/sockstat6, which only have the number of sockets.
    Sockstat,
}

/// One reading of the source.
///
/// A family the kernel lacks has counts of zero; one whose table was not or could not be read has no counts.
#[derive(Debug, Default)]
pub struct Udp {
    /// IPv4
    pub ipv4: Option<UdpCounts>,
    /// IPv6
    pub ipv6: Option<UdpCounts>,
    /// Sockets without a peer by endpoint; empty if only the number of sockets remains.
    pub endpoints4: Vec<UdpEndpoint<V4>>,
    /// Sockets without a peer by endpoint.
    pub endpoints6: Vec<UdpEndpoint<V6>>,
    /// Present when asked for.
    pub rows: Option<SocketRows>,
    /// How they were counted.
    pub way: Way,
    /// What the next reading needs to know.
    pub too_slow: TooSlow,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Figures that were below zero.
    pub notes: Vec<Note>,
}

/// Why a table has no counts.
enum Failed {
    TooSlow,
    Problem(Problem),
}

impl Udp {
    /// Reads the given tables and does not open the others; `before` is what the previous reading knew.
    #[must_use]
    pub fn read(root: &ProcRoot, families: Families, detail: Detail, before: TooSlow) -> Self {
        Self::read_within(BUDGET, root, families, detail, before)
    }

    fn read_within(
        budget: Budget,
        root: &ProcRoot,
        families: Families,
        detail: Detail,
        before: TooSlow,
    ) -> Self {
        let stopwatch = Stopwatch::start();
        let mut too_slow = before.of_now(|| in_use(root));
        if too_slow.files.is_none() {
            match Self::by_files(root, families, detail, || stopwatch.spent() < budget.files) {
                Some(this) => return this,
                None => too_slow.files = Some((in_use(root).unwrap_or(0), Instant::now())),
            }
        }
        let sockets = too_slow.files.map_or(0, |(sockets, _)| sockets);
        let why = match Self::by_dump(root, families, detail, || stopwatch.spent() < budget.all) {
            Ok(this) => return Self { too_slow: TooSlow { lost: false, ..too_slow }, ..this },
            Err(why) => why,
        };
        let mut this = Self::by_sockstat(root, families, detail);
        this.problems.push(Problem::NumberAlone { sockets, why });
        Self { too_slow: TooSlow { lost: true, ..too_slow }, ..this }
    }

    /// The inodes of all sockets whose rows were read, 0 for sockets that no process holds.
    pub fn inodes(&self) -> impl Iterator<Item = u64> {
        self.rows.iter().flat_map(SocketRows::inodes)
    }

    /// What to report about switching to this way of counting from another, if nothing is lost.
    #[must_use]
    pub fn news(&self, before: Way) -> Option<String> {
        match (before, self.way, self.too_slow.files) {
            (Way::Files | Way::Sockstat, Way::Dump, Some((sockets, _))) => {
                Some(format!("net/udp is too slow with {sockets} sockets: counted by sock_diag"))
            }
            (Way::Dump | Way::Sockstat, Way::Files, _) => Some("net/udp is quick enough again".into()),
            _ => None,
        }
    }

    /// `None` if `go_on` stops it.
    fn by_files(
        root: &ProcRoot,
        families: Families,
        detail: Detail,
        go_on: impl Fn() -> bool,
    ) -> Option<Self> {
        let (mut this, mut rows) = (Self::default(), SocketRows::default());
        if families.ipv4 {
            let table = this.accept("udp", table(root, "udp", detail, &go_on))?;
            (this.ipv4, this.endpoints4, rows.ipv4) = table;
        }
        if families.ipv6 {
            let table = this.accept("udp6", table(root, "udp6", detail, &go_on))?;
            (this.ipv6, this.endpoints6, rows.ipv6) = table;
        }
        this.rows = (detail == Detail::Rows).then_some(rows);
        Some(this)
    }

    /// A table's counts, endpoints and rows, or its own failure; `None` if the files as a whole failed.
    #[expect(clippy::type_complexity, reason = "three parts that go to three fields")]
    fn accept<A>(
        &mut self,
        file: &str,
        table: Result<Counted<A>, Failed>,
    ) -> Option<(Option<UdpCounts>, Vec<UdpEndpoint<A>>, Vec<SocketRow<A>>)> {
        match table {
            Ok(Counted { counts, endpoints, rows }) => {
                self.note(file, &counts);
                Some((Some(counts), endpoints, rows))
            }
            Err(Failed::TooSlow) => None,
            Err(Failed::Problem(problem)) => {
                self.problems.push(problem);
                Some((None, Vec::new(), Vec::new()))
            }
        }
    }

    /// Notes queues that were below zero.
    fn note(&mut self, file: &str, counts: &UdpCounts) {
        for (queue, name) in [(counts.transmit_queue, "transmit"), (counts.receive_queue, "receive")] {
            if queue.is_none() {
                self.notes.push(Note::below_zero(&format!("a {name} queue of net/{file}")));
            }
        }
    }

    fn by_dump(
        root: &ProcRoot,
        families: Families,
        detail: Detail,
        go_on: impl Fn() -> bool,
    ) -> Result<Self, NoDump> {
        if !root.is_of_own_namespace() {
            return Err(NoDump::Elsewhere);
        }
        let (mut this, mut rows) = (Self { way: Way::Dump, ..Self::default() }, SocketRows::default());
        if families.ipv4 {
            let dumped = dumped::<V4>(detail, &go_on)?;
            this.note("udp", &dumped.counts);
            (this.ipv4, this.endpoints4, rows.ipv4) = (Some(dumped.counts), dumped.endpoints, dumped.rows);
        }
        if families.ipv6 {
            let dumped = dumped::<V6>(detail, &go_on)?;
            this.note("udp6", &dumped.counts);
            (this.ipv6, this.endpoints6, rows.ipv6) = (Some(dumped.counts), dumped.endpoints, dumped.rows);
        }
        this.rows = (detail == Detail::Rows).then_some(rows);
        Ok(this)
    }

    /// Returns empty rows, not `None`: there are none to get, so nothing is read again for them.
    fn by_sockstat(root: &ProcRoot, families: Families, detail: Detail) -> Self {
        let sockstat = Sockstat::sockets(root);
        let family = |wanted: bool, section: &str, file: &str| {
            let lacks = || root.lacks_ipv6(file) && !root.has_net(file);
            let sockets = sockstat.figure(section, "inuse").or_else(|| lacks().then_some(0));
            wanted.then_some(UdpCounts::of_number(sockets?))
        };
        Self {
            ipv4: family(families.ipv4, "UDP", "udp"),
            ipv6: family(families.ipv6, "UDP6", "udp6"),
            rows: (detail == Detail::Rows).then(SocketRows::default),
            way: Way::Sockstat,
            ..Self::default()
        }
    }
}

impl TooSlow {
    /// The default if the files are worth another try.
    fn of_now(self, in_use: impl Fn() -> Option<u64>) -> Self {
        let Some((sockets, since)) = self.files else {
            return Self::default();
        };
        let far_fewer = in_use().is_some_and(|now| now < sockets / 2);
        if far_fewer || (self.lost && since.elapsed() >= TRIED_AGAIN_AFTER) { Self::default() } else { self }
    }
}

/// How many sockets both families have, which costs next to nothing.
fn in_use(root: &ProcRoot) -> Option<u64> {
    let sockstat = Sockstat::sockets(root);
    let figure = |section| sockstat.figure(section, "inuse");
    Some(figure("UDP")? + figure("UDP6").unwrap_or(0))
}

fn table<A: Address>(
    root: &ProcRoot,
    file: &str,
    detail: Detail,
    go_on: impl Fn() -> bool,
) -> Result<Counted<A>, Failed> {
    let mut counting = Counting::new(detail);
    let path = root.net(file);
    let outcome = read::lines(&path, identity::<A>, |number, line| {
        if number == 1 {
            return header(line);
        }
        if number % LINES == 0 && !go_on() {
            return Err(ParseError::new(number, Fault::TooSlow));
        }
        let head = head::<A>(line);
        let read = head.and_then(|head| add(&head, &mut counting));
        read.map_err(|fault| ParseError::new(number, fault))
    });
    match outcome {
        Ok(()) => {}
        Err(error) if error.is_too_slow() => return Err(Failed::TooSlow),
        Err(error) if error.is_absent() && root.lacks_ipv6(file) => {}
        Err(error) => return Err(Failed::Problem(error.into())),
    }
    counting.in_order().map_err(|cause| Failed::Problem(Problem::NoMemory { path, cause }))
}

fn add<A: Address>(head: &Head<'_>, counting: &mut Counting<A>) -> Result<(), Fault> {
    counting.count(head.local()?, head.state, head.queues()?, Some(head.drops()?))?;
    if counting.detail == Detail::Rows {
        keep(&mut counting.rows, SocketRow::of(head, head.state)?)?;
    }
    Ok(())
}

fn dumped<A: Address>(detail: Detail, go_on: impl Fn() -> bool) -> Result<Counted<A>, NoDump> {
    let mut dumped = Dumped { counting: Counting::new(detail), seen: Seen::default() };
    let query = inet::by_family::<A>(inet::UDP);
    netlink::dump(&query, go_on, |socket| Ok(dumped.add(&inet::socket(socket)?)?))?;
    Ok(dumped.counting.in_order()?)
}

/// What a dump has shown so far.
struct Dumped<A> {
    counting: Counting<A>,
    seen: Seen,
}

impl<A: Address> Dumped<A> {
    /// Between two datagrams the kernel keeps its place as a number of sockets (`udp_dump` in net/ipv4/udp_diag.c), so
    /// it repeats as many of the last ones as there are new ones before them.
    fn add(&mut self, socket: &DumpedSocket<Endpoint<A>>) -> Result<(), NoMemory> {
        // A socket keeps its port and inode even if it gets a peer meanwhile. One that no process holds has no inode,
        // and others may look the same.
        let identity = (&socket.local.port.to_ne_bytes()[..], &socket.inode.to_ne_bytes()[..]);
        if socket.inode != 0 && self.seen.again(identity) {
            return Ok(());
        }
        // An int, as in the files.
        let level = |queue: u32| Some(queue).filter(|queue| *queue <= u32::MAX / 2);
        let queues = (level(socket.transmit_queue), level(socket.receive_queue));
        self.counting.count(socket.local, socket.state, queues, socket.drops.map(u64::from))?;
        if self.counting.detail == Detail::Rows {
            let row = SocketRow::new(socket.local, socket.remote, socket.state, socket.inode.into());
            keep(&mut self.counting.rows, row)?;
        }
        Ok(())
    }
}

impl Source for Udp {
    const NAME: &'static str = "udp";
    const READ_FROM: &'static str =
        "net/udp, net/udp6; where there are so many sockets that these are slow, sock_diag or net/sockstat";
    const MOST: Detail = Detail::Rows;
    /// How sockets were last counted, and what was too slow.
    type Memory = (Way, TooSlow);
    type Known = TooSlow;

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn known(_: Option<&Self>, (_, too_slow): &(Way, TooSlow), _: &Others<'_>) -> TooSlow {
        *too_slow
    }

    fn read(root: &ProcRoot, detail: Detail, too_slow: TooSlow) -> Reading<Self> {
        let mut this = Self::read(root, Families::BOTH, detail, too_slow);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }

    fn follow(
        reading: &mut Reading<Self>,
        (way, too_slow): &mut (Way, TooSlow),
        _: Timing,
        _: SystemTime,
    ) -> Option<String> {
        let udp = reading.data.as_ref()?;
        let news = udp.news(*way);
        (*way, *too_slow) = (udp.way, udp.too_slow);
        news
    }

    fn detail(&self) -> Detail {
        if self.rows.is_some() { Detail::Rows } else { Detail::Counts }
    }

    fn drop_to(&mut self, detail: Detail) {
        self.rows.take_if(|_| detail < Detail::Rows);
    }

    fn inodes(&self, into: &mut Vec<u64>) {
        into.extend(Self::inodes(self));
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::{CONNECTED, UNCONNECTED};
    use super::*;
    use crate::proc::sockets::Endpoint;
    use std::net::UdpSocket;

    const HEADER: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    /// A tree with rows of net/udp and net/udp6 with these numbers of dropped datagrams.
    fn tree(drops: &[u64]) -> (tempfile::TempDir, ProcRoot) {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("1/net")).unwrap();
        for (file, digits) in [("udp", 8), ("udp6", 32)] {
            let nobody = format!("{}:0000", "0".repeat(digits));
            let columns = "07 00000000:00000000 00:00000000 00000000     0        0 5 2 0";
            let rows: String =
                drops.iter().map(|drops| format!("   1: {nobody} {nobody} {columns} {drops}\n")).collect();
            std::fs::write(tree.path().join("1/net").join(file), format!("{HEADER}{rows}")).unwrap();
        }
        in_use(&tree, 0, 0);
        let root = ProcRoot::new(tree.path());
        (tree, root)
    }

    /// Sets what net/sockstat and net/sockstat6 say.
    fn in_use(tree: &tempfile::TempDir, ipv4: u64, ipv6: u64) {
        let net = tree.path().join("1/net");
        std::fs::write(net.join("sockstat"), format!("UDP: inuse {ipv4} mem 0\n")).unwrap();
        std::fs::write(net.join("sockstat6"), format!("UDP6: inuse {ipv6}\n")).unwrap();
    }

    const NOTHING: Budget = Budget { files: Duration::ZERO, all: Duration::ZERO };

    fn read(budget: Budget, root: &ProcRoot, before: TooSlow) -> Udp {
        Udp::read_within(budget, root, Families::BOTH, Detail::Rows, before)
    }

    /// Two of them exceed 64 bits.
    #[test]
    fn drops_stay_at_their_largest() {
        let (_tree, root) = tree(&[u64::MAX, u64::MAX]);
        let udp = read(BUDGET, &root, TooSlow::default());
        assert!(udp.problems.is_empty(), "{:?}", udp.problems);
        let (four, six) = (udp.ipv4.unwrap(), udp.ipv6.unwrap());
        let most = Some(u64::MAX);
        assert_eq!((four.drops, six.drops, (four + six).drops), (most, most, most));
        assert_eq!((four + six).sockets, 4);
    }

    /// Two sockets of one service by SO_REUSEPORT, of which one is full, another service, and a client of it.
    #[test]
    fn drops_and_queues_are_those_of_the_endpoint() {
        let (tree, root) = tree(&[]);
        let rows: String = [
            ("0100007F:0035", "00000000:0000", "07 00000000:00000340", 4),
            ("00000000:0043", "00000000:0000", "07 00000000:00000001", 0),
            ("0100007F:0035", "00000000:0000", "07 00000000:00000002", 3),
            ("0100007F:0035", "0100007F:9000", "01 00000000:00000004", 9),
            ("0100007F:0036", "00000000:0000", "07 00000000:FFFFFFFF", 1),
        ]
        .iter()
        .enumerate()
        .map(|(inode, (local, remote, queues, drops))| {
            format!("  1: {local} {remote} {queues} 00:00000000 00000000 0 0 {inode} 2 0 {drops}\n")
        })
        .collect();
        std::fs::write(tree.path().join("1/net/udp"), format!("{HEADER}{rows}")).unwrap();
        let udp = read(BUDGET, &root, TooSlow::default());
        let endpoint = |address, port, sockets, receive_queue, drops| UdpEndpoint {
            endpoint: Endpoint { address, port },
            sockets,
            receive_queue,
            drops: Some(drops),
        };
        let loopback = [127, 0, 0, 1];
        assert_eq!(
            udp.endpoints4,
            [
                endpoint([0; 4], 67, 1, Some(1), 0),
                endpoint(loopback, 53, 2, Some(0x342), 7),
                endpoint(loopback, 54, 1, None, 1)
            ]
        );
        assert_eq!((udp.ipv4.unwrap().sockets, udp.ipv4.unwrap().drops), (5, Some(17)));
    }

    /// A queue below zero affects only the sum that it is part of.
    #[test]
    fn a_queue_below_zero_goes_alone() {
        let (tree, root) = tree(&[]);
        let row = |queues: &str, inode: u8, drops: &str| {
            let ends = "0100007F:0050 00000000:0000";
            format!("  1: {ends} 07 {queues} 00:00000000 00000000     0        0 {inode} 2 0 {drops}\n")
        };
        let rows = row("00000005:FFFFF100", 5, "-2147483000") + &row("00000001:00000001", 6, "1");
        std::fs::write(tree.path().join("1/net/udp"), format!("{HEADER}{rows}")).unwrap();
        let udp = read(BUDGET, &root, TooSlow::default());
        let four = udp.ipv4.unwrap();
        assert_eq!((four.sockets, four.connected, four.drops), (2, Some(0), Some(2_147_484_297)));
        assert_eq!((four.transmit_queue, four.receive_queue), (Some(6), None));
        assert_eq!((udp.problems.len(), udp.rows.unwrap().ipv4.len()), (0, 2));
        let told: Vec<_> = udp.notes.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["a receive queue of net/udp was below zero"]);
    }

    #[test]
    fn a_table_with_a_bad_row_has_no_counts_and_the_other_stays() {
        let (tree, root) = tree(&[1]);
        std::fs::write(tree.path().join("1/net/udp"), format!("{HEADER}   1: nonsense\n")).unwrap();
        let udp = read(BUDGET, &root, TooSlow::default());
        assert!(udp.ipv4.is_none() && udp.ipv6.unwrap().sockets == 1);
        assert!(udp.problems[0].to_string().contains("line 2: no socket"), "{:?}", udp.problems);
        assert_eq!((udp.rows.unwrap().ipv6.len(), udp.way), (1, Way::Files));
    }

    /// A root that is not ours leaves only the number of sockets.
    #[test]
    fn files_that_are_too_slow_are_not_tried_again_before_there_are_far_fewer_sockets() {
        let (tree, root) = tree(&[1; 100]);
        in_use(&tree, 90, 10);
        let udp = read(NOTHING, &root, TooSlow::default());
        assert_eq!(udp.way, Way::Sockstat);
        assert!(udp.problems[0].to_string().starts_with(
            "net/udp is too slow with 100 sockets, and sock_diag: it would show another network namespace: "
        ));
        let (four, six) = (udp.ipv4.unwrap(), udp.ipv6.unwrap());
        assert_eq!((four.sockets, six.sockets, (four + six).sockets), (90, 10, 100));
        assert_eq!(
            (four.connected, four.receive_queue, four.transmit_queue, four.drops),
            (None, None, None, None)
        );
        assert!(udp.rows.is_some_and(|rows| rows.ipv4.is_empty()), "they are missing for good");

        // Not tried again: within its budget it would not be too slow.
        in_use(&tree, 40, 10);
        let again = read(BUDGET, &root, udp.too_slow);
        assert_eq!((again.way, again.too_slow), (Way::Sockstat, udp.too_slow));
        in_use(&tree, 39, 10);
        let again = read(BUDGET, &root, again.too_slow);
        assert_eq!((again.way, again.too_slow), (Way::Files, TooSlow::default()));
        assert_eq!(again.news(Way::Sockstat).unwrap(), "net/udp is quick enough again");
        assert_eq!(again.ipv4.unwrap().sockets, 100);
        // An unreadable sockstat is no sign of fewer sockets.
        std::fs::remove_file(tree.path().join("1/net/sockstat")).unwrap();
        let again = read(BUDGET, &root, udp.too_slow);
        assert!(again.ipv4.is_none() && again.ipv6.is_some_and(|six| six.sockets == 10));
    }

    #[test]
    fn what_was_too_slow_is_tried_again_when_it_may_be_quick() {
        let now = Instant::now();
        let files = TooSlow { files: Some((1000, now)), lost: true };
        for (in_use, then) in
            [(Some(1000), files), (None, files), (Some(500), files), (Some(499), TooSlow::default())]
        {
            assert_eq!(files.of_now(|| in_use), then);
        }
        // If sock_diag returns everything, the files can wait.
        let long_ago = now.checked_sub(TRIED_AGAIN_AFTER).unwrap();
        let files = TooSlow { files: Some((1000, long_ago)), lost: false };
        assert_eq!(files.of_now(|| Some(1000)), files);
        assert_eq!(TooSlow { lost: true, ..files }.of_now(|| Some(3000)), TooSlow::default());
    }

    #[test]
    fn a_dump_brings_what_the_files_bring() {
        let root = ProcRoot::new("/proc");
        let sockets: Vec<_> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        sockets[0].connect(sockets[1].local_addr().unwrap()).unwrap();
        for _ in 0..3 {
            sockets[2].send_to(b"twelve bytes", sockets[3].local_addr().unwrap()).unwrap();
        }
        let read = |budget| Udp::read_within(budget, &root, Families::BOTH, Detail::Rows, TooSlow::default());
        let (files, dump) = (read(BUDGET), read(Budget { files: Duration::ZERO, ..BUDGET }));
        assert_eq!((files.way, dump.way), (Way::Files, Way::Dump), "{:?}", dump.problems);
        assert!(dump.problems.is_empty(), "{:?}", dump.problems);
        let told = dump.news(Way::Files).unwrap();
        assert!(told.ends_with(" sockets: counted by sock_diag") && dump.news(Way::Dump).is_none(), "{told}");
        // Other tests in this process open and close sockets too.
        let mine = |udp: &Udp| {
            let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap().port()).collect();
            let rows = udp.rows.as_ref().unwrap().ipv4.iter().copied();
            rows.filter(|row| ports.contains(&row.local().port)).collect::<Vec<_>>()
        };
        assert_eq!(mine(&files).len(), 100);
        assert_eq!(mine(&files), mine(&dump));
        let endpoint = |udp: &Udp, socket: &UdpSocket| {
            let port = socket.local_addr().unwrap().port();
            udp.endpoints4.iter().find(|endpoint| endpoint.endpoint.port == port).copied()
        };
        for udp in [&files, &dump] {
            let full = endpoint(udp, &sockets[3]).unwrap();
            assert!(full.sockets == 1 && full.receive_queue >= Some(36) && full.drops == Some(0), "{full:?}");
            assert_eq!(endpoint(udp, &sockets[0]), None, "it has a peer");
        }
        assert!(dump.ipv4.is_some_and(|counts| counts.sockets >= 100 && counts.connected >= Some(1)));
        assert!(dump.ipv4.unwrap().receive_queue >= Some(36) && dump.ipv4.unwrap().drops.is_some());
        assert!(dump.rows.unwrap().ipv4.is_sorted_by_key(|row| (row.endpoints(), row.instance())));
    }

    /// The files left too little time for it, or sockets that are not in net/sockstat made it slow.
    #[test]
    fn a_dump_that_is_too_slow_leaves_the_number_of_sockets_and_is_made_alone_the_next_time() {
        let root = ProcRoot::new("/proc");
        let _sockets: Vec<_> = (0..100).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut udp = Udp { too_slow: TooSlow::default(), ..Udp::default() };
        for _ in 0..2 {
            udp = read(NOTHING, &root, udp.too_slow);
            assert_eq!(udp.way, Way::Sockstat);
            assert!(
                udp.problems[0].to_string().contains("sock_diag: it takes too long too: "),
                "{:?}",
                udp.problems
            );
            assert!(udp.ipv4.is_some_and(|counts| counts.sockets >= 100) && udp.endpoints4.is_empty());
        }
        let files = udp.too_slow.files;
        let udp = read(BUDGET, &root, udp.too_slow);
        assert_eq!((udp.way, udp.too_slow), (Way::Dump, TooSlow { files, lost: false }), "but not the files");
        assert!(udp.ipv4.is_some_and(|counts| counts.sockets >= 100 && counts.drops.is_some()));
        assert!(udp.problems.is_empty(), "{:?}", udp.problems);
    }

    #[test]
    fn a_socket_that_a_dump_shows_again_counts_once() {
        let end = |port| Endpoint { address: [127, 0, 0, 1], port };
        let socket = |port, inode| DumpedSocket {
            local: end(port),
            remote: end(0),
            state: UNCONNECTED,
            receive_queue: 768,
            transmit_queue: 0,
            inode,
            drops: Some(1),
            cgroup: None,
            path: None,
        };
        let mut dumped = Dumped { counting: Counting::new(Detail::Rows), seen: Seen::default() };
        let page: Vec<_> = (1..=200).map(|inode| socket(53, inode)).collect();
        let new = socket(53, 201);
        // One that got a peer meanwhile, one with the same port, one with the same inode after 2^32 others.
        let connected = DumpedSocket { remote: end(9), state: CONNECTED, ..page[199] };
        for socket in page.iter().chain(&page[100..]).chain([&new, &connected, &socket(54, 1)]) {
            dumped.add(socket).unwrap();
        }
        let counts = dumped.counting.counts;
        assert_eq!((counts.sockets, counts.connected, counts.drops), (202, Some(0), Some(202)));
        assert_eq!((counts.receive_queue, dumped.counting.rows.len()), (Some(202 * 768), 202));
        // Sockets that no process holds all count.
        for _ in 0..3 {
            dumped.add(&socket(4789, 0)).unwrap();
        }
        assert_eq!(dumped.counting.counts.sockets, 205);
    }
}
