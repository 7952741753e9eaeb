//! B.1.6: which port resets, in which direction and why.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Group, Object, Place, Read, Scalar};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, column, component, sparse};
use crate::resets::recorder::ResetRow;
use crate::smi::date_and_time;
use crate::smi::inet::{AddressType, inet_address};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::trace::reset::{Direction, Side};

/// lnsResets
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 6]),
    name: "lnsResets",
    description: "TCP resets by the port of the service and the kernel's reason, where the subagent is configured to \
        trace them.",
    objects: &[
        Object::Table(Table {
            subid: 1,
            name: "lnsResetTable",
            entry: "lnsResetEntry",
            description: "TCP resets that were sent and received since tracing began: which port, which way and why. They \
                are those of all network namespaces of the host, containers included, loopback included. Resets that the \
                packet filter makes are none of TCP's. There are at most 4096 rows; beyond that those not seen for the \
                longest time make way, and when one comes back it begins at 0 and lnsResetSince is another. Empty unless lnsResetTracing is on.",
            entry_description: "Resets of one direction, port and reason.",
            index: &[
                component(
                    1,
                    "lnsResetDirection",
                    Syntax::Enumeration(&[
                        (Direction::Sent as u32, "sent"),
                        (Direction::Received as u32, "received"),
                    ]),
                    "Whether this host sent the reset or received it. Between two programs on this host it is \
                        both: sent by one end, and received by the other if that still has the connection.",
                ),
                component(
                    2,
                    "lnsResetSide",
                    Syntax::Enumeration(&[(Side::Local as u32, "local"), (Side::Remote as u32, "remote")]),
                    "Whose port lnsResetPort is: that of the end which sent or received the reset here, or \
                        that of its peer.",
                ),
                component(
                    3,
                    "lnsResetPort",
                    Syntax::InetPortNumber,
                    "The port of the service: the local port if it lies outside the ephemeral range \
                        (net.ipv4.ip_local_port_range), else the remote one if that does, else the local one.",
                ),
                component(
                    4,
                    "lnsResetReason",
                    Syntax::Text(1, 64),
                    "The kernel's name for the reason, as it is in enum sk_rst_reason without its prefix: \
                        NO_SOCKET where nothing listens, TCP_ABORT_ON_CLOSE where a program closed a connection with \
                        data that it had not read, and others. NOT_SPECIFIED where the kernel gives none: for resets \
                        received, and before Linux 6.10.",
                ),
            ],
            columns: &Cells::<Resets>::of(&[
                column(
                    5,
                    "lnsResetCount",
                    Syntax::Counter64,
                    "resets",
                    "How many resets. lnsResetSince is its discontinuity time: a row that made way for another \
                        and comes back begins at 0, and lnsResetLostEvents has grown by what it had counted.",
                    |row, _| Some(Value::Counter64(row.count)),
                ),
                sparse(
                    with_peer,
                    column(
                        6,
                        "lnsResetLastPeerType",
                        Syntax::InetAddressType,
                        "",
                        "The type of lnsResetLastPeer, ipv4(1) or ipv6(2). An IPv4 peer of an IPv6 socket is an \
                            IPv4 one. A link-local address is ipv6(2), not ipv6z(4): the kernel's trace events do not tell \
                            its zone.",
                        |row, _| Some(Value::Integer(AddressType::of(row.peer?) as i32)),
                    ),
                ),
                sparse(
                    with_peer,
                    column(
                        7,
                        "lnsResetLastPeer",
                        Syntax::InetAddress,
                        "",
                        "The address of the other end of the connection that was reset last. No instance while \
                            none is known: the kernel tells none for a reset that a listener sends.",
                        |row, _| row.peer.map(inet_address),
                    ),
                ),
            ]),
        }),
        Object::Scalar(Scalar {
            subid: 2,
            name: "lnsResetTracing",
            syntax: Syntax::Enumeration(&Tracing::LABELS),
            units: "",
            description: "Whether resets are traced: off unless configured; notPossible where they are configured but \
                cannot be traced, for the reason in lnsAgentSourceError. Before Linux 6.10 the kernel does not trace \
                resets that no socket sends, such as for a port where nothing listens, also where this is on.",
            read: Read::With(|cx| tracing(cx).map(|tracing| Value::Integer(tracing as i32))),
        }),
        Object::Scalar(Scalar {
            subid: 3,
            name: "lnsResetLostEvents",
            syntax: Syntax::Counter64,
            units: "resets",
            description: "Resets that happened since tracing began and are counted in no row: events that the kernel \
                dropped because its buffer was full, and what rows had counted that made way for others. When it begins \
                at 0, lnsResetSince is another. No instance unless lnsResetTracing is on.",
            read: Read::With(|cx| Some(Value::Counter64(cx.resets()?.lost))),
        }),
        Object::Scalar(Scalar {
            subid: 4,
            name: "lnsResetSince",
            syntax: Syntax::DateAndTime,
            units: "",
            description: "The discontinuity time of lnsResetCount and lnsResetLostEvents, by the clock of the host then: \
                when tracing began, or when a row was last found to have come back that had made way for another, so that its \
                count may be less than before. Tracing begins anew when the subagent is started, and when its configuration \
                switches tracing off and on or gives it buffers of another size. No instance unless lnsResetTracing is on.",
            read: Read::With(|cx| date_and_time(cx.resets()?.since?).map(Value::OctetString)),
        }),
    ],
};

/// lnsResetTracing
enum Tracing {
    On = 1,
    Off = 2,
    NotPossible = 3,
}

impl Tracing {
    const LABELS: [(u32, &'static str); 3] =
        [(Self::On as u32, "on"), (Self::Off as u32, "off"), (Self::NotPossible as u32, "notPossible")];
}

fn tracing(cx: &Context<'_>) -> Option<Tracing> {
    match (cx.snapshot.wants_resets(), cx.resets()) {
        (false, _) => Some(Tracing::Off),
        (true, Some(_)) => Some(Tracing::On),
        // Nothing is known before the first reading.
        (true, None) => cx.snapshot.resets.problem().map(|_| Tracing::NotPossible),
    }
}

struct Resets;

impl Rows for Resets {
    type Row<'a> = &'a ResetRow;

    fn len(cx: &Context<'_>) -> usize {
        cx.resets().map_or(0, |resets| resets.rows.len())
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a ResetRow> {
        cx.resets()?.rows.get(position)
    }

    fn index(row: &&ResetRow, name: &mut Oid) {
        name.extend(&[row.direction as u32, row.side as u32, row.port.into()]);
        push_text(name, &row.reason);
    }
}

/// The next row with a peer: after a port scan thousands of rows have none.
fn with_peer(cx: &Context<'_>, position: usize) -> Option<usize> {
    let rows = cx.resets()?.rows.get(position..)?;
    Some(position + rows.iter().position(|row| row.peer.is_some())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::mib::view::View;
    use crate::proc::read::ProcRoot;
    use crate::resets::recorder::tests::{answering, row};
    use crate::resets::recorder::{self, Handle, RecorderError};
    use crate::snapshot::{Snapshot, SourceId};
    use crate::trace::error::TraceError;
    use crate::trace::page::Broken;
    use Direction::{Received, Sent};
    use std::time::{Duration, Instant, SystemTime};

    /// What is served below B.1.6, and the row of the source.
    fn served(recorder: Option<Handle>) -> Vec<String> {
        let config = Config::default();
        let mut snapshot = Snapshot::new(config.max_ages());
        snapshot.want_resets(recorder.is_some());
        recorder.into_iter().for_each(|recorder| snapshot.recorded_by(recorder));
        let view = View::new(config.served());
        let base = "1.3.6.1.4.1.8072.9999.9999.2741";
        let walk = |snapshot: &mut Snapshot, subtree: &str| {
            let subtree: Oid = format!("{base}.{subtree}").parse().unwrap();
            let touched = {
                let cx = Context::new(snapshot, Instant::now());
                let _ = view.next(&cx, &subtree, false, None);
                cx.touched()
            };
            snapshot.refresh_now(touched, &ProcRoot::new("/proc"));
            let cx = Context::new(snapshot, Instant::now());
            let (mut name, mut all) = (subtree.clone(), Vec::new());
            while let Some((next, value)) = view.next(&cx, &name, false, None) {
                let Some(rest) = next.strip_prefix(subtree.as_slice()) else { break };
                assert_eq!(view.get(&cx, &next).as_ref(), Ok(&value), "{next}");
                let rest: Vec<_> = rest.iter().map(ToString::to_string).collect();
                all.push(format!("{} = {value}", rest.join(".")));
                name = next;
            }
            all
        };
        let mut all = walk(&mut snapshot, "1.6");
        let sources = walk(&mut snapshot, "1.5.8.1.6");
        all.extend(sources.into_iter().filter(|line| line.starts_with("6.114.101.115.101.116.115 ")));
        all
    }

    #[test]
    fn rows_tracing_and_losses() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_584_612);
        let rows = vec![
            row(Sent, 7211, "NO_SOCKET", 5, Some("127.0.0.1")),
            row(Sent, 7212, "INVALID_SYN", 1, None),
            row(Received, 443, "NOT_SPECIFIED", 2, Some("::1")),
        ];
        let resets = recorder::RecordedResets { rows, lost: 9, problem: None, since: Some(since) };
        let no_socket = "1.1.7211.9.78.79.95.83.79.67.75.69.84";
        let invalid_syn = "1.1.7212.11.73.78.86.65.76.73.68.95.83.89.78";
        let not_specified = "2.1.443.13.78.79.84.95.83.80.69.67.73.70.73.69.68";
        assert_eq!(
            served(Some(answering(Ok(resets)))),
            [
                format!("1.1.5.{no_socket} = Counter64: 5"),
                format!("1.1.5.{invalid_syn} = Counter64: 1"),
                format!("1.1.5.{not_specified} = Counter64: 2"),
                format!("1.1.6.{no_socket} = INTEGER: 1"),
                format!("1.1.6.{not_specified} = INTEGER: 2"),
                format!("1.1.7.{no_socket} = Hex-STRING: 7F 00 00 01 "),
                format!(
                    "1.1.7.{not_specified} = Hex-STRING: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 "
                ),
                "2.0 = INTEGER: 1".to_owned(),
                "3.0 = Counter64: 9".to_owned(),
                "4.0 = Hex-STRING: 07 EA 0A 15 0C 0A 0C 00 2B 00 00 ".to_owned(),
                "6.114.101.115.101.116.115 = \"\"".to_owned(),
            ]
        );
    }

    #[test]
    fn off_and_not_possible() {
        assert_eq!(served(None), ["2.0 = INTEGER: 2"]);
        let why = "tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing";
        assert_eq!(
            served(Some(answering(Err(RecorderError::Trace(TraceError::NotMounted.into()))))),
            ["2.0 = INTEGER: 3".to_owned(), format!("6.114.101.115.101.116.115 = STRING: \"{why}\"")]
        );
    }

    #[test]
    fn a_problem_is_told_beside_what_could_be_read() {
        let problem = Some(TraceError::BrokenPage(Broken).into());
        let resets = recorder::RecordedResets { problem, ..recorder::RecordedResets::default() };
        let served = served(Some(answering(Ok(resets))));
        assert_eq!(served[0], "2.0 = INTEGER: 1");
        assert!(served[2].ends_with("header_page and header_event say\""), "{served:?}");
        assert_eq!(SourceId::Resets.name(), "resets");
    }
}
