//! Walks of the socket tables through a real snmpd, compared with the floor, with ourselves as on one processor, and
//! with snmpd's own module: the time, and the CPU time of snmpd and the subagent together.

use crate::counting::many;
use crate::floor::act;
use crate::measure::{Guard, Table, by_turns, cpu, median, medians, pairs, seconds};
use crate::walking::{Agents, PORT};
use netstat_agentx::agent::answer::answer;
use netstat_agentx::agentx::session::{Action, Event, Session};
use netstat_agentx::agentx::settings::Settings;
use netstat_agentx::agentx::wire::{HEADER, Header, Response};
use netstat_agentx::mib::context::Context;
use netstat_agentx::mib::view::{Served, View};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::snapshot::{Detail, MaxAges, Snapshot, SourceId, Touched};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SOCKETS: usize = 17_000;
const TIMES: usize = 11;
const STATE: &str = ".1.3.6.1.2.1.6.19.1.7";
const BULK: &str = "snmpbulkwalk";
const OTHER_PORT: &str = "127.0.0.1:16172";

/// What one walk took.
struct Walked {
    wall: f64,
    cpu: f64,
}

fn walked(agents: &Agents, tool: &str, subtree: &str, rows: usize) -> Walked {
    let before = agents.cpu();
    let wall = agents.timed(tool, subtree, rows);
    Walked { wall, cpu: agents.cpu() - before }
}

/// Adds the times and the CPU times of pairs of walks.
fn compare(
    table: &mut Table,
    what: &str,
    other: &str,
    times: usize,
    ours: impl Fn() -> Walked,
    theirs: impl Fn() -> Walked,
) {
    let all = by_turns(times, ours, theirs);
    for (of, figure) in [("", (|walked| walked.wall) as fn(&Walked) -> f64), (", CPU", |walked| walked.cpu)] {
        let (ours, theirs, ratio) = medians(&all, figure);
        table.add(&format!("{what}{of}"), ours, other, theirs, times);
        table.note(&format!("{what}{of}: median of the ratios of the pairs"), &format!("{ratio:.2}"));
    }
}

/// Both floors, one after the other.
fn beside_floors(table: &mut Table, agents: &mut Agents, tool: &str, what: &str, times: usize) {
    for (how, floor) in [("sleeps", "the blocking floor"), ("polls", "the polling floor")] {
        let beside = agents.add_floor(STATE, how);
        let rows = agents.walk(tool, STATE);
        compare(
            table,
            &format!("{what}, {rows} instances, {tool}"),
            floor,
            times,
            || walked(agents, tool, STATE, rows),
            || walked(agents, tool, &beside, rows),
        );
        agents.remove_floor();
    }
}

/// What we compute for each row of a walk, from the bytes of a GetNext to those of its answer, without the connection.
pub fn own_share(table: &mut Table) {
    let sockets = many(SOCKETS);
    let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
    let view = View::new(Served { base, mib_2: true, private: true });
    let column: Oid = STATE[1..].parse().unwrap();
    let ages = Duration::from_secs(3600);
    let mut snapshot =
        Snapshot::new(MaxAges { counters: ages, sockets: ages, processes: ages, answer_within: ages });
    snapshot
        .refresh_now(Touched::default().with_detail(SourceId::Tcp, Detail::Rows), &ProcRoot::new("/proc"));
    // The names in order, which the floor has by heart.
    let (mut rows, mut name) = (Vec::new(), column.clone());
    while let Some((next, value)) = view.next(&Context::new(&snapshot, Instant::now()), &name, false, None) {
        if !next.as_slice().starts_with(column.as_slice()) {
            break;
        }
        name = next.clone();
        rows.push((next, value));
    }
    let names = std::iter::once(&column).chain(rows.iter().map(|(name, _)| name)).take(rows.len());
    let requests: Vec<_> = names.map(get_next).collect();
    let mut session = opened();
    let (mut out, mut position) = (Vec::new(), 0);
    let ours = || {
        each(&requests, |header, payload| {
            out.clear();
            for action in session.handle(Event::Received(header, payload), Instant::now()) {
                let Action::Answer(header, query) = action else { panic!("{action:?}") };
                let cx = Context::new(&snapshot, Instant::now());
                answer(&view, &cx, &query, b"", Response::to(&header, &mut out));
                assert!(snapshot.stale(cx.touched(), cx.now).is_empty());
            }
        })
    };
    let (mut session, mut sent) = (opened(), Vec::new());
    let floors = || {
        each(&requests, |header, payload| {
            sent.clear();
            let actions = session.handle(Event::Received(header, payload), Instant::now());
            act(actions, &rows, &mut position, &mut sent);
        })
    };
    let (ours, floor, _) = pairs(TIMES, ours, floors);
    table.add(
        &format!("tcpConnectionState, {} instances: computing each answer, CPU", rows.len()),
        ours,
        "the floor",
        floor,
        TIMES,
    );
    table.note("the same: ours beyond the floor's", &seconds(ours - floor));
    drop(sockets);
}

/// CPU time for each request.
fn each(requests: &[Vec<u8>], mut answer: impl FnMut(Header, &[u8])) -> f64 {
    let all = cpu(|| {
        for request in requests {
            answer(Header::decode(request).unwrap().unwrap(), &request[HEADER..]);
        }
    });
    all / requests.len() as f64
}

/// A session whose Open was answered.
fn opened() -> Session {
    let settings = Settings {
        subtrees: Vec::new(),
        priority: 100,
        context: String::new(),
        id: Oid::default(),
        description: String::new(),
        capabilities: None,
    };
    let (mut session, _) = Session::open(settings, Instant::now());
    let reply = pdu(18, 1, &[0; 8]);
    let _ =
        session.handle(Event::Received(Header::decode(&reply).unwrap().unwrap(), &[0; 8]), Instant::now());
    assert!(session.is_open());
    session
}

/// A PDU of the session with number 42, in network byte order (RFC 2741 section 6.1).
fn pdu(kind: u8, packet: u32, payload: &[u8]) -> Vec<u8> {
    let words = [42, 0, packet, u32::try_from(payload.len()).unwrap()];
    let header = [1, kind, 0x10, 0].into_iter().chain(words.into_iter().flat_map(u32::to_be_bytes));
    header.chain(payload.iter().copied()).collect()
}

/// A GetNext of one range without an end (section 6.2.6).
fn get_next(name: &Oid) -> Vec<u8> {
    let subids = name.as_slice();
    let length = u8::try_from(subids.len()).unwrap();
    let mut payload = vec![length, 0, 0, 0];
    payload.extend(subids.iter().flat_map(|subid| subid.to_be_bytes()));
    payload.extend([0; 4]);
    pdu(6, 7, &payload)
}

/// Two processes that never sleep.
fn hogs() -> Vec<Guard> {
    let hog = || Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap();
    (0..2).map(|_| Guard(hog())).collect()
}

/// An SNMPv2c Get of tcpActiveOpens.0 with community public.
const GET: [u8; 41] = *b"\x30\x27\x02\x01\x01\x04\x06public\xa0\x1a\x02\x02\x12\x34\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x06\x05\x00\x05\x00";

/// How long a Get takes, in milliseconds: median, 99th percentile, most.
fn gets(times: usize) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(PORT).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut took: Vec<f64> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            socket.send(&GET).unwrap();
            socket.recv(&mut [0; 1500]).expect("an answer");
            let took = begun.elapsed().as_secs_f64() * 1e3;
            std::thread::sleep(Duration::from_millis(3));
            took
        })
        .collect();
    took.sort_by(f64::total_cmp);
    format!(
        "median {:.2} ms, p99 {:.2} ms, at most {:.2} ms",
        took[times / 2],
        took[times * 99 / 100],
        took[times - 1]
    )
}

/// Gets on their own and while somebody walks without a pause.
fn gets_during_walks(table: &mut Table, agents: &Agents, whose: &str) {
    table.note(&format!("tcpActiveOpens.0, 1000 Gets, {whose}"), &gets(1000));
    let end = AtomicBool::new(false);
    let during = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !end.load(Ordering::Relaxed) {
                agents.walk(BULK, STATE);
            }
        });
        let during = gets(1000);
        end.store(true, Ordering::Relaxed);
        during
    });
    table.note(&format!("the same during walks of tcpConnectionState, {whose}"), &during);
}

pub fn beside_the_floors(table: &mut Table) {
    let sockets = many(SOCKETS);
    let mut agents = Agents::snmpd();
    agents.add_ours();
    beside_floors(table, &mut agents, BULK, "tcpConnectionState", TIMES);
    beside_floors(table, &mut agents, "snmpwalk", "tcpConnectionState", 5);
    drop(sockets);
}

pub fn over_tcp(table: &mut Table) {
    let sockets = many(SOCKETS);
    let mut agents = Agents::snmpd_over_tcp();
    agents.add_ours();
    beside_floors(table, &mut agents, BULK, "tcpConnectionState over TCP", TIMES);
    drop(sockets);
}

/// Polling gives the processor to whoever has use for it.
pub fn beside_busy_processes(table: &mut Table) {
    let sockets = many(SOCKETS);
    let (mut agents, mut sleeping) = (Agents::snmpd(), Agents::snmpd_on(OTHER_PORT));
    agents.add_ours();
    sleeping.add_ours_that_sleeps();
    let rows = sleeping.walk(BULK, STATE);
    let busy = hogs();
    for tool in [BULK, "snmpwalk"] {
        compare(
            table,
            &format!("tcpConnectionState beside two busy processes, {rows} instances, {tool}"),
            "ours without polling",
            TIMES,
            || walked(&agents, tool, STATE, rows),
            || walked(&sleeping, tool, STATE, rows),
        );
    }
    drop((busy, sockets));
}

/// Polling holds nobody else up.
pub fn gets_meanwhile(table: &mut Table) {
    let sockets = many(SOCKETS);
    for polls in [true, false] {
        let mut agents = Agents::snmpd();
        let add = if polls { Agents::add_ours } else { Agents::add_ours_that_sleeps };
        add(&mut agents);
        gets_during_walks(table, &agents, if polls { "ours" } else { "ours without polling" });
    }
    drop(sockets);
}

/// tcpConnTable as we serve it, and as snmpd's own module does.
pub fn beside_the_own_module(table: &mut Table) {
    let sockets = many(15_000);
    let mut agents = Agents::snmpd();
    let state = ".1.3.6.1.2.1.6.13.1.1";
    let theirs = agents.timed(BULK, state, agents.walk("snmpwalk", state));
    let rows = agents.walk(BULK, state);
    agents.add_ours();
    let ours = median((0..TIMES).map(|_| agents.timed(BULK, state, rows)).collect());
    table.add(&format!("tcpConnState, {rows} instances, {BULK}"), ours, "snmpd's own module", theirs, 1);
    table.note("the same: how many times faster", &format!("{:.0}", theirs / ours));
    drop(sockets);
}
