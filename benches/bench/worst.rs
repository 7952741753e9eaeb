//! The most work that one PDU can cause in each table: a hundred thousand sockets of the worst kinds, and as many
//! ranges as a PDU can hold. There is no comparison: the loop must not be blocked for 20 ms.

use crate::measure::{Table, seconds};
use netstat_agentx::agent::answer::answer;
use netstat_agentx::agentx::wire::{Body, Header, LARGEST_PAYLOAD, PduType, Response, decode};
use netstat_agentx::mib::context::Context;
use netstat_agentx::mib::view::{LeafKind, Served, View};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::snapshot::{MaxAges, Snapshot};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const SOCKETS: usize = 100_000;
const LONG: Duration = Duration::from_secs(3600);

/// A row: local and remote endpoint as the kernel prints them, state, and inode.
fn row(file: &mut String, local: &str, remote: &str, state: u8, inode: usize) {
    writeln!(
        file,
        "{inode:4}: {local} {remote} {state:02X} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0 0 0 0 0 -1"
    )
    .unwrap();
}

/// Sockets that make a search long. The trees differ in the kind of the hundred thousand.
fn tree(kind: &str) -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    let captured = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proc/6.18");
    copy(&captured, tree.path());
    let header =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
    let (mut tcp, mut udp) = (header.to_owned(), header.to_owned());
    let address =
        |number: usize| format!("{:08X}:{:04X}", 0x0100_007F + ((number >> 16) << 8), number & 0xffff);
    for number in 1..=SOCKETS {
        match kind {
            "listeners" => row(&mut tcp, &address(number), "00000000:0000", 10, number),
            "connections" => row(&mut tcp, "0100007F:0050", &address(number), 1, number),
            "connected UDP sockets on one endpoint" => {
                row(&mut udp, "0100007F:0035", &address(number), 1, number);
            }
            _ => row(&mut udp, "0100007F:0035", "00000000:0000", 7, number),
        }
    }
    std::fs::write(tree.path().join("1/net/tcp"), tcp).unwrap();
    std::fs::write(tree.path().join("1/net/udp"), udp).unwrap();
    tree
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A PDU with as many ranges over these names, repeated, as fit; `with_end` puts each end right after its start.
fn request(kind: PduType, names: &[Oid], with_end: bool) -> (Header, Vec<u8>) {
    let mut payload = Vec::new();
    let oid = |payload: &mut Vec<u8>, subids: &[u32]| {
        payload.extend([u8::try_from(subids.len()).unwrap(), 0, 0, 0]);
        subids.iter().for_each(|subid| payload.extend(subid.to_le_bytes()));
    };
    for name in names.iter().cycle() {
        let before = payload.len();
        oid(&mut payload, name.as_slice());
        let mut end = name.clone();
        end.push(u32::MAX);
        oid(&mut payload, if with_end { end.as_slice() } else { &[] });
        if payload.len() > LARGEST_PAYLOAD {
            payload.truncate(before);
            break;
        }
    }
    let payload_length = payload.len();
    (Header { kind, flags: 0, session_id: 1, transaction_id: 1, packet_id: 1, payload_length }, payload)
}

/// A snapshot with all sources read that the view asks for.
fn everything(view: &View, root: &ProcRoot) -> Snapshot {
    let ages = MaxAges { counters: LONG, sockets: LONG, processes: LONG, answer_within: LONG };
    let (mut snapshot, mut name) = (Snapshot::new(ages), Oid::default());
    let mut leaves = view.leaves().iter();
    loop {
        let cx = Context::new(&snapshot, Instant::now());
        let _ = view.next(&cx, &name, false, None);
        let touched = cx.touched();
        if snapshot.stale(touched, Instant::now()).is_empty() {
            let Some(leaf) = leaves.next() else { return snapshot };
            name = Oid::from_slice(&leaf.oid).unwrap();
        } else {
            snapshot.refresh_now(touched, root);
        }
    }
}

pub fn pdus(table: &mut Table) {
    let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
    let view = View::new(Served { base, mib_2: true, private: true });
    // By table: the longest time and its cause.
    let mut worst: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    for kind in
        ["listeners", "connections", "connected UDP sockets on one endpoint", "UDP sockets on one endpoint"]
    {
        let tree = tree(kind);
        let snapshot = everything(&view, &ProcRoot::new(tree.path()));
        for leaf in view.leaves() {
            let what = match leaf.kind {
                LeafKind::Column(table, _) => table.name,
                _ => "scalars",
            };
            let object = Oid::from_slice(&leaf.oid).unwrap();
            let cx = Context::new(&snapshot, Instant::now());
            let first = view.next(&cx, &object, false, None).map_or(object.clone(), |(name, _)| name);
            // In the middle of the addresses, and after the last.
            let mut middle = object.clone();
            middle.extend(&[127, 0, 0, 1, 30_000]);
            let mut inet = object.clone();
            inet.extend(&[1, 4, 127, 0, 0, 1, 30_000, 1, 4, 127, 0, 0, 1, 30_000]);
            let mut behind = object.clone();
            behind.push(u32::MAX);
            for names in [&[object][..], &[first], &[middle, inet], &[behind]] {
                for (pdu, with_end) in
                    [(PduType::Get, false), (PduType::GetNext, false), (PduType::GetNext, true)]
                {
                    let (header, payload) = request(pdu, names, with_end);
                    let Ok(Body::Query(query)) = decode(&header, &payload) else { panic!("no query") };
                    // The minimum of a few runs: other activity of the machine says nothing about the work.
                    let times = (0..5).map(|_| {
                        let mut out = Vec::new();
                        let begun = Instant::now();
                        let cx = Context::new(&snapshot, begun);
                        answer(&view, &cx, &query, b"", Response::to(&header, &mut out));
                        begun.elapsed().as_secs_f64()
                    });
                    let took = times.fold(f64::INFINITY, f64::min);
                    let slot = worst.entry(what).or_default();
                    if took > slot.0 {
                        let ranges = query.ranges.count();
                        *slot = (took, format!("{pdu:?} of {ranges} ranges at {}, {kind}", leaf.kind.name()));
                    }
                }
            }
        }
    }
    for (what, (took, how)) in worst {
        table.note(what, &format!("{} ({how})", seconds(took)));
    }
}
