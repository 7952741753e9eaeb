//! Get and GetNext on arbitrary sockets, compared with a sorted list of all instances.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use netstat_agentx::mib::context::Context;
use netstat_agentx::mib::view::{Served, View};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::smi::oid::Oid;
use netstat_agentx::snapshot::{MaxAges, Snapshot};
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[path = "../../tests/model/sockets.rs"]
mod model;

use model::{Instances, Socket, Sockets, near};

#[derive(Debug, Arbitrary)]
struct Range {
    start: (u16, u8, u32),
    include: bool,
    /// How many instances after the start, and how its name is changed.
    end: Option<(u8, u8, u32)>,
}

#[derive(Debug, Arbitrary)]
struct Input {
    sockets: Vec<(u8, [u8; 6])>,
    ranges: Vec<Range>,
}

struct World {
    tree: TempDir,
    root: ProcRoot,
    view: View,
    /// The instances that are not about sockets; their sources are never read here.
    others: Instances,
}

const AGES: Duration = Duration::from_secs(3600);

/// A snapshot with these sockets read, and nothing else.
fn snapshot(sockets: &Sockets, tree: &TempDir, root: &ProcRoot) -> Snapshot {
    sockets.write(tree.path());
    let mut snapshot =
        Snapshot::new(MaxAges { counters: AGES, sockets: AGES, processes: AGES, answer_within: AGES });
    let touched = {
        let cx = Context::new(&snapshot, Instant::now());
        let _ = (cx.tcp_rows(), cx.udp_rows());
        cx.touched()
    };
    snapshot.refresh_now(touched, root);
    snapshot
}

thread_local! {
    /// One view for all inputs: its cursors stand where the sockets of another input left them.
    static WORLD: World = world();
}

fn world() -> World {
    // In memory, so that no disk has to keep up.
    let tree = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::create_dir_all(tree.path().join("1/net")).unwrap();
    let root = ProcRoot::new(tree.path());
    let view = View::new(Served { base: Oid::from_slice(&model::BASE).unwrap(), mib_2: true, private: true });
    let (snapshot, tables, mut others) =
        (snapshot(&Sockets::default(), &tree, &root), model::tables(), Instances::new());
    let (cx, mut name) = (Context::new(&snapshot, Instant::now()), Oid::default());
    while let Some((next, value)) = view.next(&cx, &name, false, None) {
        if tables.iter().all(|table| next.strip_prefix(table).is_none()) {
            others.insert(next.as_slice().to_vec(), value);
        }
        name = next;
    }
    World { tree, root, view, others }
}

fuzz_target!(|input: Input| WORLD.with(|world| run(world, input)));

fn run(world: &World, input: Input) {
    let mut sockets = Sockets::default();
    for (table, picks) in input.sockets.into_iter().take(24) {
        match table % 4 {
            0 => sockets.tcp4.push(Socket::picked(false, picks)),
            1 => sockets.tcp6.push(Socket::picked(true, picks)),
            2 => sockets.udp4.push(Socket::picked(false, picks)),
            _ => sockets.udp6.push(Socket::picked(true, picks)),
        }
    }
    let snapshot = snapshot(&sockets, &world.tree, &world.root);
    let cx = Context::new(&snapshot, Instant::now());
    let mut all = sockets.instances();
    all.extend(world.others.iter().map(|(name, value)| (name.clone(), value.clone())));

    // Their values change with time; their names do not.
    let other = |name: &Oid| world.others.contains_key(name.as_slice());
    for range in input.ranges.iter().take(32) {
        let name = |(at, change, argument): (u16, u8, u32)| near(&all, at, change, argument);
        let start = name(range.start);
        let end = range.end.map(|(by, change, argument)| {
            name((range.start.0.wrapping_add(u16::from(by % 4)), change, argument))
        });
        let got = world.view.next(&cx, &start, range.include, end.as_ref());
        let expected = model::next(&all, &start, range.include, end.as_ref());
        let names = (got.as_ref().map(|(name, _)| name.as_slice()), expected.map(|(name, _)| &name[..]));
        assert_eq!(names.0, names.1, "after {start}");
        if let (Some((name, got)), Some((_, expected))) = (&got, expected) {
            assert!(got == expected || other(name), "{name}: {got:?} {expected:?}");
            assert_eq!(world.view.get(&cx, name).as_ref(), Ok(got), "{name}");
        }
        let (got, expected) = (world.view.get(&cx, &start).ok(), all.get(start.as_slice()));
        assert!(got.as_ref() == expected || (got.is_some() && other(&start)), "{start}");
    }
}
