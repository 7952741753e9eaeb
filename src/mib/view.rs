//! Get and GetNext over all declared objects, in lexicographic order.

use super::MIB_2;
use super::context::Context;
use super::groups::{GROUPS, MIB_2_SUBTREES};
use super::object::{Group, Object, Place, Scalar};
use super::readable::readable;
use super::syntax::{Syntax, registered_syntax, typed};
use super::table::{Cursor, Instances, Table, column_oid, is_before};
use crate::registry::{self, Registered, Slot};
use crate::smi::Missing;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use std::ops::ControlFlow::{self, Break, Continue};

/// What is served, and where the private module sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Base OID of the private module, at most 14 sub-identifiers.
    pub base: Oid,
    /// Whether the standard groups are served.
    pub mib_2: bool,
    /// Whether the private module is served.
    pub private: bool,
}

/// An object type that has instances: a scalar, or a column.
pub struct Leaf {
    /// Its OID, without an instance.
    pub oid: Box<[u32]>,
    /// What it is.
    pub kind: LeafKind,
    cursor: Cursor,
}

impl Leaf {
    fn new(oid: Vec<u32>, kind: LeafKind) -> Self {
        Self { oid: oid.into(), kind, cursor: Cursor::default() }
    }
}

/// What a [`Leaf`] is.
#[derive(Clone, Copy)]
pub enum LeafKind {
    /// A scalar.
    Scalar(&'static Scalar),
    /// A column of a table.
    Column(&'static Table, &'static dyn Instances),
    /// A scalar of the registry of kernel counters.
    Registered(Slot, &'static Registered),
}

impl LeafKind {
    /// The type.
    #[must_use]
    pub fn syntax(self) -> Syntax {
        match self {
            Self::Scalar(scalar) => scalar.syntax,
            Self::Column(_, cells) => cells.column().syntax,
            Self::Registered(_, entry) => registered_syntax(entry.kind),
        }
    }

    /// The value of `.0`, unless this is a column.
    fn scalar_value(self, cx: &Context<'_>) -> Option<Value> {
        match self {
            Self::Scalar(scalar) => scalar.value(cx),
            Self::Column(..) => None,
            Self::Registered(slot, _) => typed(self.syntax(), cx.counters()?.figure(slot)?),
        }
    }

    /// The descriptor.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar(scalar) => scalar.name,
            Self::Column(_, cells) => cells.column().name,
            Self::Registered(_, entry) => entry.descriptor,
        }
    }
}

/// All served object types, by OID.
pub struct View {
    served: Served,
    leaves: Vec<Leaf>,
    /// The position after the last registered counter; they stand together.
    after_registered: usize,
}

impl View {
    /// The view of what is served.
    #[must_use]
    pub fn new(served: Served) -> Self {
        let mut leaves = Vec::new();
        for group in GROUPS {
            let is_served = match group.place {
                Place::Mib2(_) => served.mib_2,
                Place::Private(_) => served.private,
            };
            if is_served {
                add_group(&mut leaves, group, &group.place.oid(&served.base));
            }
        }
        leaves.sort_by(|a: &Leaf, b| a.oid.cmp(&b.oid));
        let last = leaves.iter().rposition(|leaf| matches!(leaf.kind, LeafKind::Registered(..)));
        let after_registered = last.map_or(0, |last| last + 1);
        Self { served, leaves, after_registered }
    }

    /// All object types with instances, by OID.
    #[must_use]
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// The subtrees to register.
    #[must_use]
    pub fn subtrees(&self) -> Vec<Oid> {
        let standard = MIB_2_SUBTREES.iter().filter(|_| self.served.mib_2);
        let standard = standard.filter_map(|subtree| Oid::from_slice(&[&MIB_2[..], subtree].concat()));
        let private = self.served.private.then(|| self.served.base.clone());
        standard.chain(private).collect()
    }

    /// The value of an instance.
    ///
    /// # Errors
    /// Which of the two kinds of absence applies.
    pub fn get(&self, cx: &Context<'_>, name: &Oid) -> Result<Value, Missing> {
        let (leaf, instance) = self.covering(name, self.after(name)).ok_or(Missing::Object)?;
        let value = match leaf.kind {
            LeafKind::Scalar(_) | LeafKind::Registered(..) => {
                (instance == [0]).then(|| leaf.kind.scalar_value(cx)).flatten()
            }
            LeafKind::Column(_, cells) => cells.get(cx, instance),
        };
        value.ok_or(Missing::Instance)
    }

    /// The index of an instance as people read it; empty for that of a scalar.
    #[must_use]
    pub fn index(&self, name: &Oid) -> String {
        match self.covering(name, self.after(name)) {
            Some((Leaf { kind: LeafKind::Column(table, _), .. }, index)) => readable(table.index, index),
            _ => String::new(),
        }
    }

    /// Whether the table of a column has rows, below a part of the index if there is one behind the column: some column has
    /// an instance there.
    #[must_use]
    pub fn has_rows(&self, cx: &Context<'_>, column: &Oid) -> bool {
        let covering = self.covering(column, self.after(column));
        let Some((Leaf { kind: LeafKind::Column(table, _), .. }, part)) = covering else { return false };
        let is_of_table =
            |leaf: &&Leaf| matches!(leaf.kind, LeafKind::Column(other, _) if std::ptr::eq(other, *table));
        let has_instance = |leaf: &Leaf| {
            let start = Oid::from_slice(&[&*leaf.oid, part].concat())?;
            self.next(cx, &start, false, start.behind().as_ref())
        };
        self.leaves.iter().filter(is_of_table).any(|leaf| has_instance(leaf).is_some())
    }

    /// The first instance after `start`, or at it if `include`, and before `end` (RFC 2741 section 7.2.3.2).
    #[must_use]
    pub fn next(
        &self,
        cx: &Context<'_>,
        start: &Oid,
        include: bool,
        end: Option<&Oid>,
    ) -> Option<(Oid, Value)> {
        let after = self.after(start);
        // Within the object type that covers `start`, the search begins after `start`; in later ones, at their first
        // instance.
        let (mut position, mut from, mut include) = match self.covering(start, after) {
            Some((_, instance)) => (after - 1, instance, include),
            None => (after, &[][..], true),
        };
        while let Some(leaf) = self.leaves.get(position) {
            if end.is_some_and(|end| *leaf.oid >= *end.as_slice()) {
                return None;
            }
            if let Break(found) = next_in(leaf, cx, from, include, end) {
                return found;
            }
            (from, include) = (&[], true);
            position = self.behind(cx, position);
        }
        None
    }

    /// Where a search continues after an object type without a match: if counters cannot be read, after all registered
    /// ones, of which there are hundreds.
    fn behind(&self, cx: &Context<'_>, position: usize) -> usize {
        let registered =
            self.leaves.get(position).is_some_and(|leaf| matches!(leaf.kind, LeafKind::Registered(..)));
        if registered && cx.counters().is_none() { self.after_registered } else { position + 1 }
    }

    /// The position of the first object type after `name`.
    fn after(&self, name: &Oid) -> usize {
        self.leaves.partition_point(|leaf| *leaf.oid <= *name.as_slice())
    }

    /// The object type that `name` is or is below, which precedes the first one `after` it, and what follows its OID in
    /// `name`.
    fn covering<'a>(&self, name: &'a Oid, after: usize) -> Option<(&Leaf, &'a [u32])> {
        let leaf = self.leaves.get(after.checked_sub(1)?)?;
        Some((leaf, name.strip_prefix(&leaf.oid)?))
    }
}

fn add_group(leaves: &mut Vec<Leaf>, group: &'static Group, prefix: &[u32]) {
    for object in group.objects {
        match object {
            Object::Scalar(scalar) => {
                leaves.push(Leaf::new([prefix, &[scalar.subid]].concat(), LeafKind::Scalar(scalar)));
            }
            Object::Table(table) => leaves.extend(table.columns.iter().map(|cells| {
                let oid = column_oid(prefix, table.subid, cells.column());
                Leaf::new(oid, LeafKind::Column(table, *cells))
            })),
            // Nothing can be asked of it.
            Object::Notification(_) => {}
            Object::Registry => leaves.extend(registry::all().iter().enumerate().map(|(slot, entry)| {
                let oid = [prefix, &[entry.group_number, entry.number]].concat();
                Leaf::new(oid, LeafKind::Registered(slot, entry))
            })),
        }
    }
}

/// What an object type has after a name and before the end of the range: an instance, nothing before the end, or
/// nothing at all, so that the next object type may have one.
fn next_in(
    leaf: &Leaf,
    cx: &Context<'_>,
    from: &[u32],
    include: bool,
    end: Option<&Oid>,
) -> ControlFlow<Option<(Oid, Value)>> {
    if let LeafKind::Column(_, cells) = leaf.kind {
        return cells.next(cx, &leaf.oid, from, include, end, &leaf.cursor);
    }
    let reached = from.is_empty() || (include && from == [0]);
    // The name last: many scalars in succession may have no value.
    let Some(value) = reached.then(|| leaf.kind.scalar_value(cx)).flatten() else { return Continue(()) };
    let Some(mut name) = Oid::from_slice(&leaf.oid) else { return Continue(()) };
    name.push(0);
    Break(is_before(&name, end).then_some((name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::read::ProcRoot;
    use crate::snapshot::{MaxAges, Snapshot};
    use std::time::{Duration, Instant};

    const AGES: Duration = Duration::from_secs(3600);

    fn view() -> View {
        let base = "1.3.6.1.4.1.8072.9999.9999.2741".parse().unwrap();
        View::new(Served { base, mib_2: true, private: true })
    }

    /// A snapshot of a captured tree, read completely.
    fn snapshot(tree: &str) -> Snapshot {
        snapshot_of(&ProcRoot::new(format!("{}/tests/proc/{tree}", env!("CARGO_MANIFEST_DIR"))))
    }

    fn snapshot_of(root: &ProcRoot) -> Snapshot {
        let mut snapshot =
            Snapshot::new(MaxAges { counters: AGES, sockets: AGES, processes: AGES, answer_within: AGES });
        let (view, mut name) = (view(), Oid::default());
        loop {
            let cx = Context::new(&snapshot, Instant::now());
            let next = view.next(&cx, &name, false, None);
            let touched = cx.touched();
            if !snapshot.stale(touched, Instant::now()).is_empty() {
                snapshot.refresh_now(touched, root);
                continue;
            }
            let Some((next, _)) = next else { return snapshot };
            name = next;
        }
    }

    fn walk(view: &View, cx: &Context<'_>) -> Vec<(Oid, Value)> {
        let mut all: Vec<(Oid, Value)> = Vec::new();
        let mut name = Oid::default();
        while let Some((next, value)) = view.next(cx, &name, false, None) {
            name = next.clone();
            all.push((next, value));
        }
        all
    }

    #[test]
    fn a_walk_is_strictly_increasing_and_every_instance_can_be_got() {
        let (view, snapshot) = (view(), snapshot("6.18"));
        let cx = Context::new(&snapshot, Instant::now());
        let all = walk(&view, &cx);
        assert!(all.len() > 900, "{}", all.len());
        for pair in all.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
        for (name, value) in &all {
            assert_eq!(view.get(&cx, name).as_ref(), Ok(value), "{name}");
            assert_eq!(view.next(&cx, name, true, None), Some((name.clone(), value.clone())), "include");
        }
    }

    /// GetNext from any name near the instances, with and without include and end, against the sorted list.
    #[test]
    fn getnext_agrees_with_the_sorted_list() {
        let (view, snapshot) = (view(), snapshot("6.18"));
        let cx = Context::new(&snapshot, Instant::now());
        let all = walk(&view, &cx);
        let mut starts: Vec<Oid> = vec![Oid::default(), "0".parse().unwrap(), "2".parse().unwrap()];
        for (name, _) in &all {
            let subids = name.as_slice();
            starts.push(name.clone());
            starts.extend((1..subids.len()).rev().take(4).filter_map(|end| Oid::from_slice(&subids[..end])));
            starts.extend(Oid::from_slice(&[subids, &[0]].concat()));
            let mut raised = subids.to_vec();
            *raised.last_mut().unwrap() = raised.last().unwrap().wrapping_add(1);
            starts.extend(Oid::from_slice(&raised));
        }
        for (position, start) in starts.iter().enumerate() {
            let end = &starts[(position * 7) % starts.len()];
            for include in [false, true] {
                for end in [None, Some(end)] {
                    let reached = |name: &Oid| if include { name >= start } else { name > start };
                    let expected = all.iter().find(|(name, _)| reached(name));
                    let expected = expected.filter(|(name, _)| end.is_none_or(|end| name < end));
                    let got = view.next(&cx, start, include, end);
                    assert_eq!(got.as_ref(), expected, "from {start} to {end:?} {include}");
                }
            }
        }
    }

    /// A cursor stands where the walk of another table, an older snapshot, or another manager left it.
    #[test]
    fn cursors_change_no_answer() {
        let view = view();
        let snapshots = ["6.18", "5.15", "3.10"].map(snapshot);
        let contexts = snapshots.each_ref().map(|snapshot| Context::new(snapshot, Instant::now()));
        let lists = contexts.each_ref().map(|cx| walk(&self::view(), cx));
        let mut random = 1_u64;
        let mut random = move |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            // A walk of a few rows from any place, in any snapshot.
            let which = random(lists.len());
            let (cx, list) = (&contexts[which], &lists[which]);
            let from = &lists[random(lists.len())];
            let mut name = from[random(from.len())].0.clone();
            let mut include = random(2) == 0;
            for _ in 0..random(5) {
                let reached = |other: &Oid| if include { *other < name } else { *other <= name };
                let expected = list.get(list.partition_point(|(other, _)| reached(other)));
                let got = view.next(cx, &name, include, None);
                assert_eq!(got.as_ref(), expected, "from {name} {include}");
                let Some((next, _)) = got else { break };
                (name, include) = (next, false);
            }
        }
    }

    /// In a walk no row is searched for: its own cost does not grow with the table.
    #[test]
    fn a_walk_needs_no_search() {
        let rows = |sockets: usize| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
            let mut text = "  sl  local_address rem_address   st\n".to_owned();
            for port in 1..=sockets {
                text += &format!(
                    "{port}: 0100007F:0016 0100007F:{port:04X} 01 00000000:00000000 00:00000000 00000000 0 0 {port} 2 0 0\n"
                );
            }
            std::fs::write(folder.path().join("1/net/tcp"), text).unwrap();
            let (view, snapshot) = (view(), snapshot_of(&ProcRoot::new(folder.path())));
            let column: Oid = "1.3.6.1.2.1.6.19.1.7".parse().unwrap();
            let (mut name, mut touched) = (column.clone(), Vec::new());
            loop {
                let cx = Context::new(&snapshot, Instant::now());
                let next = view.next(&cx, &name, false, None).unwrap().0;
                if !next.as_slice().starts_with(column.as_slice()) {
                    break;
                }
                touched.push(cx.times_touched());
                name = next;
            }
            assert_eq!(touched.len(), sockets);
            // The first is searched for.
            *touched[1..].iter().max().unwrap()
        };
        assert_eq!(rows(3000), rows(30));
    }

    #[test]
    fn an_index_is_of_the_column_that_an_instance_is_in() {
        let index = |name: &str| view().index(&name.parse().unwrap());
        assert_eq!(index("1.3.6.1.2.1.6.20.1.4.1.4.127.0.0.1.22"), "127.0.0.1:22");
        assert_eq!((index("1.3.6.1.2.1.6.9.0"), index("1.3.6.1.2.1.6")), (String::new(), String::new()));
    }

    #[test]
    fn a_socket_has_the_process_that_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let listener =
            "  1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 5592 2 0 0\n";
        let table = format!("  sl  local_address rem_address   st\n{listener}");
        std::fs::write(folder.path().join("1/net/tcp"), table).unwrap();
        std::fs::create_dir_all(folder.path().join("10/fd")).unwrap();
        std::os::unix::fs::symlink("socket:[5592]", folder.path().join("10/fd/3")).unwrap();
        let (view, snapshot) = (view(), snapshot_of(&ProcRoot::new(folder.path())));
        let cx = Context::new(&snapshot, Instant::now());
        let process = "1.3.6.1.2.1.6.20.1.4.1.4.127.0.0.1.22".parse().unwrap();
        assert_eq!(view.get(&cx, &process), Ok(Value::Gauge32(10)));
        assert_eq!(view.next(&cx, &process, true, None), Some((process, Value::Gauge32(10))), "a walk");
    }

    /// The first of several UDP sockets on an endpoint may be in the middle of connect(2): a state but no peer yet.
    #[test]
    fn get_finds_what_getnext_finds_where_indexes_are_equal() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let row = |remote: &str, state: u8| {
            format!(
                "  1: 0100007F:0035 {remote} {state:02X} 00000000:00000000 00:00000000 00000000 0 0 5 2 0 0\n"
            )
        };
        let rows = row("00000000:0000", 1) + &row("0200007F:0001", 7);
        let table = format!("  sl  local_address rem_address   st\n{rows}");
        std::fs::write(folder.path().join("1/net/udp"), table).unwrap();
        let (view, snapshot) = (view(), snapshot_of(&ProcRoot::new(folder.path())));
        let cx = Context::new(&snapshot, Instant::now());
        let (name, value) = view.next(&cx, &"1.3.6.1.2.1.7.5.1.1".parse().unwrap(), false, None).unwrap();
        assert_eq!(name.to_string(), "1.3.6.1.2.1.7.5.1.1.127.0.0.1.53");
        assert_eq!(view.get(&cx, &name), Ok(value));
    }

    /// Others decide how many sockets of each kind exist, and one PDU may search thousands of times: no search may look
    /// at one row after another without an instance.
    #[test]
    fn a_search_never_looks_at_two_rows_without_an_instance() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let write = |file: &str, rows: &dyn Fn(usize) -> (String, &'static str)| {
            let mut text = "  sl  local_address rem_address   st\n".to_owned();
            for number in 1..300 {
                let (ends, state) = rows(number);
                text += &format!(
                    "{number}: {ends} {state} 00000000:00000000 00:00000000 00000000 0 0 {number} 2 0 0\n"
                );
            }
            std::fs::write(folder.path().join("1/net").join(file), text).unwrap();
        };
        let own = |port: usize| format!("0100007F:{port:04X} 00000000:0000");
        write("tcp", &|port| (own(port), "0A"));
        write("udp", &|port| match port {
            1..200 => (format!("0100007F:0035 0100007F:{port:04X}"), "01"),
            _ => (own(0x35), "07"),
        });
        let (view, snapshot) = (view(), snapshot_of(&ProcRoot::new(folder.path())));
        let cx = Context::new(&snapshot, Instant::now());
        let rows = |cells: &dyn Instances| (0..).map_while(|row| cells.at(&cx, row)).count();
        let mut large = 0;
        for leaf in view.leaves() {
            let LeafKind::Column(_, cells) = leaf.kind else { continue };
            // Tables with a fixed number of rows are searched row by row.
            let rows = rows(cells);
            if rows > 40 {
                large += 1;
                for row in 0..rows {
                    let next = cells.skip(&cx, row).and_then(|next| cells.at(&cx, next));
                    assert!(next.is_none_or(|(_, cell)| cell.is_some()), "{} {row}", leaf.kind.name());
                }
            }
        }
        assert!(large >= 8, "{large}");
        let instances = |object: &str| {
            let object: Oid = object.parse().unwrap();
            let column = view.leaves().iter().find(|leaf| *leaf.oid == *object.as_slice()).unwrap();
            let LeafKind::Column(_, cells) = column.kind else { panic!("{object}") };
            rows(cells)
        };
        assert_eq!(instances("1.3.6.1.2.1.6.19.1.7"), 0, "listeners are no rows of tcpConnectionTable");
        assert_eq!(instances("1.3.6.1.2.1.7.5.1.1"), 1, "udpTable has one row for each local endpoint");
    }

    /// One GetNext used to look at all of them, and one PDU may have seven hundred ranges.
    #[test]
    fn counters_that_cannot_be_read_are_passed_at_once() {
        let (view, snapshot) = (view(), Snapshot::new(crate::config::Config::default().max_ages()));
        let is_registered = |leaf: &&Leaf| matches!(leaf.kind, LeafKind::Registered(..));
        let together = view.leaves().iter().skip_while(|leaf| !is_registered(leaf)).take_while(is_registered);
        assert_eq!(together.count(), registry::all().len(), "nothing stands between them");
        let first = view.leaves().iter().find(is_registered).unwrap();
        let before = view.leaves().iter().rev().find(|leaf| leaf.oid < first.oid).unwrap();
        for from in [before, first] {
            let cx = Context::new(&snapshot, Instant::now());
            let found = view.next(&cx, &Oid::from_slice(&from.oid).unwrap(), false, None);
            assert!(found.is_some_and(|(name, _)| name.as_slice() > &*first.oid));
            assert!(cx.times_touched() < 10, "{} times", cx.times_touched());
        }
        // A range that ends before them does not ask for them at all, only for what the scalar before them needs.
        let (cx, end) = (Context::new(&snapshot, Instant::now()), Oid::from_slice(&first.oid));
        let found = view.next(&cx, &Oid::from_slice(&before.oid).unwrap(), false, end.as_ref());
        let alone = Context::new(&snapshot, Instant::now());
        let LeafKind::Scalar(scalar) = before.kind else { panic!("no scalar") };
        assert_eq!((scalar.value(&alone), found, cx.touched()), (None, None, alone.touched()));
    }

    #[test]
    fn values_have_the_types_that_are_declared() {
        let (view, snapshot) = (view(), snapshot("6.18"));
        let cx = Context::new(&snapshot, Instant::now());
        for leaf in view.leaves() {
            let syntax = leaf.kind.syntax();
            let mut name = Oid::from_slice(&leaf.oid).unwrap();
            while let Some((next, value)) = view.next(&cx, &name, false, None) {
                if next.strip_prefix(&leaf.oid).is_none() {
                    break;
                }
                assert!(syntax.admits(&value), "{} {value:?}", leaf.kind.name());
                name = next;
            }
        }
    }

    #[test]
    fn objects_and_instances_are_missed_differently() {
        let (view, snapshot) = (view(), snapshot("6.18"));
        let cx = Context::new(&snapshot, Instant::now());
        let get = |name: &str| view.get(&cx, &name.parse().unwrap());
        for object in ["1.3.6.1.2.1.6", "1.3.6.1.2.1.6.16.0", "1.3.6.1.2.1.6.13", "1.3.6.1.2.1.6.13.1", "2.1"]
        {
            assert_eq!(get(object), Err(Missing::Object), "{object}");
        }
        for instance in
            ["1.3.6.1.2.1.6.9", "1.3.6.1.2.1.6.9.1", "1.3.6.1.2.1.6.9.0.0", "1.3.6.1.2.1.6.13.1.1.9.9"]
        {
            assert_eq!(get(instance), Err(Missing::Instance), "{instance}");
        }
    }

    #[test]
    fn what_is_not_wanted_is_not_served() {
        let base: Oid = "1.3.6.1.4.1.4711".parse().unwrap();
        let standard = View::new(Served { base: base.clone(), mib_2: true, private: false });
        assert_eq!(standard.subtrees().len(), MIB_2_SUBTREES.len());
        let private = View::new(Served { base: base.clone(), mib_2: false, private: true });
        assert_eq!(private.subtrees(), [base]);
        assert!(private.leaves().iter().all(|leaf| leaf.oid.starts_with(&[1, 3, 6, 1, 4, 1, 4711])));
    }
}
