//! Properties: for whatever sockets there are and whatever is asked, Get, GetNext and GetBulk agree with a sorted list of
//! all instances, a walk visits each of them once, and a PDU written is the PDU read, in both byte orders.

use crate::common::{copy, tree};
use crate::model::sockets::{BASE, Instances, Socket, Sockets, near, next, tables};
use crate::model::wire::{self, Data};
use netstat_agentx::agent::answer::answer;
use netstat_agentx::agentx::wire::{Body, HEADER, Header, QueryKind, Response, SearchRange, decode};
use netstat_agentx::mib::context::Context;
use netstat_agentx::mib::view::{LeafKind, Served, View};
use netstat_agentx::proc::read::ProcRoot;
use netstat_agentx::smi::Missing;
use netstat_agentx::smi::oid::{MAX_SUBIDS, Oid};
use netstat_agentx::smi::value::Value;
use netstat_agentx::snapshot::{MaxAges, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;
use std::time::{Duration, Instant};

fn cases(cases: u32) -> ProptestConfig {
    // A failure prints the input that it was shrunk to, which belongs into a test of its own.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn view() -> View {
    View::new(Served { base: Oid::from_slice(&BASE).unwrap(), mib_2: true, private: true })
}

/// Any sockets in the four tables, and everything else as in a captured tree.
fn sockets() -> impl Strategy<Value = Sockets> {
    let rows = |ipv6| vec(any::<[u8; 6]>().prop_map(move |picks| Socket::picked(ipv6, picks)), 0..12);
    (rows(false), rows(true), rows(false), rows(true)).prop_map(|(tcp4, tcp6, udp4, udp6)| Sockets {
        tcp4,
        tcp6,
        udp4,
        udp6,
    })
}

/// The snapshot of a tree with all sources read.
fn snapshot(root: &Path) -> Snapshot {
    let age = Duration::from_secs(3600);
    let mut snapshot =
        Snapshot::new(MaxAges { counters: age, sockets: age, processes: age, answer_within: age });
    // The processes are read after the sockets.
    for _ in 0..2 {
        let cx = Context::new(&snapshot, Instant::now());
        let _ = (cx.counters(), cx.sockstat(), cx.tcp_rows(), cx.udp_rows(), cx.process(0));
        let touched = cx.touched();
        snapshot.refresh_now(touched, &ProcRoot::new(root));
    }
    snapshot
}

/// All instances by name: those about sockets from the model, the others row by row without any search.
fn reference(view: &View, cx: &Context<'_>, sockets: &Sockets) -> Instances {
    let (mut all, tables) = (sockets.instances(), tables());
    let others = view.leaves().iter().filter(|leaf| !tables.iter().any(|table| leaf.oid.starts_with(table)));
    for leaf in others {
        let LeafKind::Column(_, cells) = leaf.kind else {
            let name = [&leaf.oid[..], &[0]].concat();
            all.extend(view.get(cx, &Oid::from_slice(&name).unwrap()).ok().map(|value| (name, value)));
            continue;
        };
        for (index, cell) in (0..).map_while(|row| cells.at(cx, row)) {
            let name = [&leaf.oid[..], index.as_slice()].concat();
            all.extend(cell.map(|value| (name, value)));
        }
    }
    all
}

/// A tree with these sockets, its view and its reference list, lent to `check`.
fn with(sockets: &Sockets, check: impl FnOnce(&View, &Context<'_>, &Instances)) {
    let folder = tempfile::tempdir().unwrap();
    copy(Path::new(&tree("6.18")), folder.path());
    sockets.write(folder.path());
    let (view, snapshot) = (view(), snapshot(folder.path()));
    let cx = Context::new(&snapshot, Instant::now());
    let all = reference(&view, &cx, sockets);
    check(&view, &cx, &all);
}

/// Where a range begins or ends: see [`near`].
type Near = (u16, u8, u32);

/// The ranges of a request before it is known what instances there are.
type Asked = Vec<(Near, bool, Option<Near>)>;

fn asked() -> impl Strategy<Value = Asked> {
    // Two in three without an end.
    let end = prop_oneof![2 => Just(None), 1 => any::<Near>().prop_map(Some)];
    vec((any::<Near>(), any::<bool>(), end), 0..8)
}

fn ranges(all: &Instances, asked: &Asked) -> Vec<SearchRange> {
    let name = |(at, change, argument): Near| near(all, at, change, argument);
    // An end says something if it is near: some instances after the start.
    let after =
        |start: Near, (by, change, argument): Near| name((start.0.wrapping_add(by % 4), change, argument));
    let range = |&(start, include, end): &(Near, bool, Option<Near>)| SearchRange {
        start: name(start),
        include,
        // No sub-identifiers at all is a range without an end.
        end: end.map(|end| after(start, end)).filter(|end| !end.as_slice().is_empty()),
    };
    asked.iter().map(range).collect()
}

/// The variable bindings of the answer to a request, by way of its bytes and those of the response.
fn ask(
    view: &View,
    cx: &Context<'_>,
    big: bool,
    kind: QueryKind,
    ranges: &[SearchRange],
) -> Vec<(Oid, Data)> {
    let (number, mut payload) = match kind {
        QueryKind::Get => (5, Vec::new()),
        QueryKind::GetNext => (6, Vec::new()),
        QueryKind::GetBulk { non_repeaters, max_repetitions } => {
            (7, wire::bulk(big, non_repeaters, max_repetitions))
        }
    };
    payload.extend(wire::search_ranges(big, true, ranges));
    let request = wire::pdu(number, if big { 0x10 } else { 0 }, [1, 2, 3], &payload);
    let header = Header::decode(&request).unwrap().unwrap();
    let Ok(Body::Query(query)) = decode(&header, &request[HEADER..]) else { panic!("no query") };
    let mut out = Vec::new();
    let answered = answer(view, cx, &query, b"", Response::to(&header, &mut out));
    let response = wire::response(&out);
    assert_eq!((response.big, response.ids, response.error, response.index), (big, [1, 2, 3], 0, 0));
    assert_eq!(answered.varbinds, response.varbinds.len() as u64);
    response.varbinds
}

const END_OF_MIB_VIEW: u16 = 130;

/// What GetNext must answer, and from where GetBulk goes on.
fn expected_next(all: &Instances, range: &SearchRange) -> (Oid, Data) {
    match next(all, &range.start, range.include, range.end.as_ref()) {
        Some((name, value)) => (Oid::from_slice(name).unwrap(), Data::Value(value.clone())),
        None => (range.start.clone(), Data::Exception(END_OF_MIB_VIEW)),
    }
}

/// What GetBulk must answer (RFC 2741 section 7.2.3.3).
fn expected_bulk(all: &Instances, ranges: &[SearchRange], first: u16, repetitions: u16) -> Vec<(Oid, Data)> {
    let (once, repeated) = ranges.split_at(usize::from(first).min(ranges.len()));
    let mut answer: Vec<_> = once.iter().map(|range| expected_next(all, range)).collect();
    let mut repeated = repeated.to_vec();
    for _ in 0..repetitions {
        let round: Vec<_> = repeated.iter().map(|range| expected_next(all, range)).collect();
        answer.extend(round.iter().cloned());
        if round.iter().all(|(_, data)| *data == Data::Exception(END_OF_MIB_VIEW)) {
            break;
        }
        for (range, (name, data)) in repeated.iter_mut().zip(round) {
            if data != Data::Exception(END_OF_MIB_VIEW) {
                (range.start, range.include) = (name, false);
            }
        }
    }
    answer
}

fn oid() -> impl Strategy<Value = Oid> {
    let internet = any::<u32>().prop_map(|x| vec![1, 3, 6, 1, x % 300]);
    let start = prop_oneof![Just(Vec::new()), internet];
    (start, vec(any::<u32>(), 0..=MAX_SUBIDS)).prop_map(|(mut subids, rest)| {
        subids.extend(rest);
        subids.truncate(MAX_SUBIDS);
        Oid::from_slice(&subids).unwrap()
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i32>().prop_map(Value::Integer),
        any::<u32>().prop_map(Value::Counter32),
        any::<u32>().prop_map(Value::Gauge32),
        any::<u32>().prop_map(Value::TimeTicks),
        any::<u64>().prop_map(Value::Counter64),
        vec(any::<u8>(), 0..300).prop_map(Value::OctetString),
        any::<[u8; 4]>().prop_map(Value::IpAddress),
        oid().prop_map(|oid| Value::ObjectIdentifier(Box::new(oid))),
    ]
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![8 => value().prop_map(Data::Value), 1 => (128..=130_u16).prop_map(Data::Exception)]
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn get_getnext_and_getbulk_agree_with_the_sorted_list(
        sockets in sockets(),
        requests in vec((asked(), any::<bool>(), 0..4_u16, 0..12_u16), 1..20),
    ) {
        with(&sockets, |view, cx, all| {
            for (asked, big, non_repeaters, max_repetitions) in &requests {
                let ranges = ranges(all, asked);
                for (range, (name, data)) in ranges.iter().zip(ask(view, cx, *big, QueryKind::Get, &ranges)) {
                    assert_eq!(name, range.start);
                    match all.get(name.as_slice()) {
                        Some(value) => assert_eq!(data, Data::Value(value.clone()), "{name}"),
                        None => assert!(matches!(data, Data::Exception(128 | 129)), "{name} {data:?}"),
                    }
                }
                let expected: Vec<_> = ranges.iter().map(|range| expected_next(all, range)).collect();
                assert_eq!(ask(view, cx, *big, QueryKind::GetNext, &ranges), expected);
                let (non_repeaters, max_repetitions) = (*non_repeaters, *max_repetitions);
                let bulk = QueryKind::GetBulk { non_repeaters, max_repetitions };
                let expected = expected_bulk(all, &ranges, non_repeaters, max_repetitions);
                assert_eq!(ask(view, cx, *big, bulk, &ranges), expected);
            }
        });
    }

    #[test]
    fn a_walk_visits_each_instance_once_and_in_order(sockets in sockets()) {
        with(&sockets, |view, cx, all| {
            assert!(all.len() > 900, "{}", all.len());
            let (mut expected, mut name) = (all.iter(), Oid::default());
            while let Some((next, value)) = view.next(cx, &name, false, None) {
                assert_eq!(expected.next(), Some((&next.as_slice().to_vec(), &value)));
                assert_eq!(view.get(cx, &next), Ok(value), "{next}");
                name = next;
            }
            assert_eq!(expected.next(), None);
        });
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// Section 5.2, 6.2.5 to 6.2.7: as a writer of our own sends them, with and without the prefix of section 5.1.
    #[test]
    fn a_request_written_is_the_request_read(
        written in vec((oid(), any::<bool>(), oid()), 0..10),
        context in vec(any::<u8>(), 0..20),
        bulk in any::<Option<(u16, u16)>>(),
        ids in any::<[u32; 3]>(),
        (big, short) in any::<(bool, bool)>(),
    ) {
        let range = |(start, include, end): (Oid, bool, Oid)| SearchRange {
            start,
            include,
            end: (!end.as_slice().is_empty()).then_some(end),
        };
        let ranges: Vec<_> = written.into_iter().map(range).collect();
        let flags = if big { 0x10 } else { 0 } | if context.is_empty() { 0 } else { 8 };
        let mut payload = if context.is_empty() { Vec::new() } else { wire::octets(big, &context) };
        payload.extend(bulk.iter().flat_map(|&(first, repetitions)| wire::bulk(big, first, repetitions)));
        payload.extend(wire::search_ranges(big, short, &ranges));
        let request = wire::pdu(if bulk.is_some() { 7 } else { 6 }, flags, ids, &payload);
        let header = Header::decode(&request).unwrap().unwrap();
        prop_assert_eq!([header.session_id, header.transaction_id, header.packet_id], ids);
        prop_assert_eq!(header.payload_length, payload.len());
        let Ok(Body::Query(query)) = decode(&header, &request[HEADER..]) else { panic!("no query") };
        let kind = bulk.map_or(QueryKind::GetNext, |(non_repeaters, max_repetitions)| {
            QueryKind::GetBulk { non_repeaters, max_repetitions }
        });
        prop_assert_eq!((query.kind, query.context), (kind, &context[..]));
        prop_assert_eq!(query.ranges.collect::<Vec<_>>(), ranges);
    }

    /// Sections 5.4 and 6.2.16: as a reader of our own takes them apart.
    #[test]
    fn a_response_written_is_the_response_read(
        varbinds in vec((oid(), data()), 0..10),
        ids in any::<[u32; 3]>(),
        big in any::<bool>(),
    ) {
        let request = wire::pdu(5, if big { 0x10 } else { 0 }, ids, &[]);
        let (header, mut out) = (Header::decode(&request).unwrap().unwrap(), Vec::new());
        let mut response = Response::to(&header, &mut out);
        for (name, data) in &varbinds {
            match data {
                Data::Value(value) => response.value(name, value),
                Data::Exception(128) => response.missing(name, Missing::Object),
                Data::Exception(129) => response.missing(name, Missing::Instance),
                Data::Exception(_) => response.end_of_mib_view(name),
            }
        }
        response.finish();
        prop_assert_eq!(wire::response(&out), wire::Response { big, ids, error: 0, index: 0, varbinds });
    }
}
