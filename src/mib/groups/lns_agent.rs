//! B.1.5: the subagent about itself.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Group, Object, Place, Read, Scalar};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, column, component};
use crate::smi::date_and_time;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::{AnySource, SourceId};

/// lnsAgent
pub static GROUP: Group = Group {
    place: Place::Private(&[1, 5]),
    name: "lnsAgent",
    description: "The subagent about itself, so that a manager sees when it is late, cut off, or blind on one source.",
    objects: &[
        Object::Scalar(Scalar {
            subid: 1,
            name: "lnsAgentVersion",
            syntax: Syntax::Text(1, 64),
            units: "",
            description: "The version of netstat-agentx that answers.",
            read: Read::With(|_| Some(Value::text(env!("CARGO_PKG_VERSION")))),
        }),
        Object::Scalar(Scalar {
            subid: 2,
            name: "lnsAgentStartTime",
            syntax: Syntax::DateAndTime,
            units: "",
            description: "When the subagent was started. By the clock of the host then; it is the discontinuity time of the subagent's own counters, which begin at 0 with it, but not of the kernel's.",
            read: Read::With(|cx| date_and_time(cx.subagent.statistics.start).map(Value::OctetString)),
        }),
        Object::Scalar(Scalar {
            subid: 3,
            name: "lnsAgentSessions",
            syntax: Syntax::Counter32,
            units: "sessions",
            description: "AgentX sessions that the subagent has opened since lnsAgentStartTime. It grows when snmpd was \
                restarted or has dropped the subagent.",
            read: Read::With(|cx| Some(Value::counter32(cx.subagent.statistics.sessions))),
        }),
        count(
            4,
            "lnsAgentRequests",
            "requests",
            "Requests from the master agent that were answered since lnsAgentStartTime.",
            |cx| cx.subagent.statistics.requests,
        ),
        count(
            5,
            "lnsAgentVarBinds",
            "variable bindings",
            "Variable bindings in those requests, since lnsAgentStartTime.",
            |cx| cx.subagent.statistics.varbinds,
        ),
        count(
            6,
            "lnsAgentErrors",
            "requests",
            "Requests that were answered with an error since lnsAgentStartTime. SET requests are among them: nothing here can be written.",
            |cx| cx.subagent.statistics.errors,
        ),
        count(
            7,
            "lnsAgentLateAnswers",
            "requests",
            "Requests that were answered since lnsAgentStartTime from figures older than their max-age, because reading new \
             ones took longer than answer-within. lnsAgentSourceRefreshTime tells which source is slow. A \
             source that rests, since reading it takes so much CPU time, makes no answer late: lnsAgentSourceAge tells how \
             old its figures are.",
            |cx| cx.subagent.statistics.late,
        ),
        Object::Table(Table {
            subid: 8,
            name: "lnsAgentSourceTable",
            entry: "lnsAgentSourceEntry",
            description: "What the figures are read from: how old the latest reading of each source is, how long it took, \
                and what is wrong with it. A source is read when a manager asks for something from it, and not again before \
                its max-age is over, nor before nine times the CPU time that the latest reading took.",
            entry_description: "One source.",
            index: &[component(
                1,
                "lnsAgentSourceName",
                Syntax::Text(1, 32),
                "counters (net/snmp, net/netstat, net/snmp6, net/sctp/snmp, net/xfrm_stat, net/softnet_stat, \
                    net/tls_stat, net/stat), sockstat (net/sockstat, the sizes of the neighbour tables, and sysctls), tcp (net/tcp, net/tcp6), udp (net/udp, \
                    net/udp6; where there are so many sockets that these are slow, sock_diag or net/sockstat), \
                    listeners (sock_diag, and the cgroup2 file system), unix (sock_diag), owners (sock_diag, and the \
                    cgroup2 file system), \
                    processes (the descriptors of all processes), or resets (the kernel's trace events of them), which \
                    is there only where it is configured.",
            )],
            columns: &Cells::<Sources>::of(&[
                column(
                    2,
                    "lnsAgentSourceAge",
                    Syntax::TimeTicks,
                    "",
                    "How old the figures of the source are at most: the time since their reading began. No \
                        instance before the first reading.",
                    |source, cx| {
                        Some(Value::TimeTicks(
                            u32::try_from(source.health().timing?.age(cx.now).as_millis() / 10)
                                .unwrap_or(u32::MAX),
                        ))
                    },
                ),
                column(
                    3,
                    "lnsAgentSourceRefreshTime",
                    Syntax::Gauge32,
                    "microseconds",
                    "How long the latest reading took.",
                    |source, _| {
                        Some(Value::gauge32(
                            u64::try_from(source.health().timing?.refresh_time().as_micros())
                                .unwrap_or(u64::MAX),
                        ))
                    },
                ),
                column(
                    4,
                    "lnsAgentSourceRefreshes",
                    Syntax::Counter64,
                    "readings",
                    "How many readings of the source there have been since lnsAgentStartTime.",
                    |source, _| Some(Value::Counter64(source.health().refreshes)),
                ),
                column(
                    5,
                    "lnsAgentSourceFailures",
                    Syntax::Counter64,
                    "readings",
                    "How many of them failed, wholly or in part, since lnsAgentStartTime.",
                    |source, _| Some(Value::Counter64(source.health().failures)),
                ),
                column(
                    6,
                    "lnsAgentSourceError",
                    Syntax::Text(0, 255),
                    "",
                    "What is wrong with the latest reading: file, line and field. Empty when all is well. What \
                        could not be read has no instances until it can be read again. A figure that was below zero, or \
                        went back, is told for ten minutes after the last time; it has an instance as soon as it is one.",
                    |source, _| {
                        Some(Value::text(shortened(source.health().problem.unwrap_or_default(), 255)))
                    },
                ),
            ]),
        }),
        Object::Scalar(Scalar {
            subid: 9,
            name: "lnsAgentCountersSince",
            syntax: Syntax::DateAndTime,
            units: "",
            description: "The discontinuity time of all counters of the kernel: icmp, tcp, udp, lnsCounters and \
                lnsCounterTable. None of them has fallen since, as far as they were read. A counter that is below what it \
                was, or not there any more, has no instance until it is back, or for ten minutes; then it counts anew, and \
                this object has the time. The start of the subagent is one too, since nothing is known from before.",
            read: Read::With(|cx| date_and_time(cx.snapshot.counters_since()).map(Value::OctetString)),
        }),
    ],
};

const fn count(
    subid: u32,
    name: &'static str,
    units: &'static str,
    description: &'static str,
    value: fn(&Context<'_>) -> u64,
) -> Object {
    Object::Scalar(Scalar {
        subid,
        name,
        syntax: Syntax::Counter64,
        units,
        description,
        read: Read::Count(value),
    })
}

/// The wanted sources, in the order of their names as indexes.
fn sources(cx: &Context<'_>) -> impl Iterator<Item = SourceId> {
    SourceId::by_name().iter().copied().filter(move |id| cx.snapshot.entry(*id).is_wanted())
}

struct Sources;

impl Rows for Sources {
    type Row<'a> = &'a dyn AnySource;

    fn len(cx: &Context<'_>) -> usize {
        sources(cx).count()
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a dyn AnySource> {
        sources(cx).nth(position).map(|source| cx.snapshot.entry(source))
    }

    fn index(source: &&dyn AnySource, name: &mut Oid) {
        push_text(name, source.name());
    }
}

/// The first `octets` of a text at most, cut between characters.
fn shortened(text: &str, octets: usize) -> &str {
    let end = (0..=octets.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::mib::view::View;
    use crate::proc::read::ProcRoot;
    use crate::snapshot::{Snapshot, Touched};
    use std::time::{Duration, Instant};

    #[test]
    fn every_source_is_described() {
        let table = GROUP.objects.iter().find_map(|object| match object {
            Object::Table(table) => Some(table),
            _ => None,
        });
        let described = table.unwrap().index[0].description;
        for source in SourceId::ALL {
            let entry = format!("{} ({})", source.name(), source.read_from());
            assert!(described.contains(&entry), "{entry}");
        }
    }

    #[test]
    fn sources_stand_in_the_order_of_their_index() {
        let indexes = SourceId::by_name().iter().map(|source| {
            let mut name = Oid::default();
            push_text(&mut name, source.name());
            name
        });
        assert!(indexes.is_sorted());
    }

    /// The subagent's counters fall only at lnsAgentStartTime, not when it begins to read elsewhere (SIGHUP).
    #[test]
    fn readings_go_on_being_counted_when_another_root_is_read() {
        let mut snapshot = Snapshot::new(Config::default().max_ages());
        snapshot.refresh_now(Touched::default().with(SourceId::Sockstat), &ProcRoot::new("/proc"));
        snapshot.refresh_now(Touched::default().with(SourceId::Counters), &ProcRoot::new("/nowhere"));
        snapshot.forget();
        let cx = Context::new(&snapshot, Instant::now());
        let of = |wanted: SourceId| {
            let source = cx.snapshot.entry(wanted).health();
            (source.timing, source.refreshes, source.failures)
        };
        assert_eq!(of(SourceId::Sockstat), (None, 1, 0));
        assert_eq!(of(SourceId::Counters), (None, 1, 1));
    }

    #[test]
    fn ages_are_in_hundredths_of_a_second() {
        let mut snapshot = Snapshot::new(Config::default().max_ages());
        let begun = Instant::now();
        snapshot.refresh_now(Touched::default().with(SourceId::Sockstat), &ProcRoot::new("/proc"));
        let ended = Instant::now();
        let now = ended + Duration::from_secs(100);
        let view = View::new(Config::default().served());
        let column: Oid = "1.3.6.1.4.1.8072.9999.9999.2741.1.5.8.1.2".parse().unwrap();
        let (_, value) = view.next(&Context::new(&snapshot, now), &column, false, None).unwrap();
        let Value::TimeTicks(age) = value else { panic!("{value:?}") };
        let most = u32::try_from((now - begun).as_millis() / 10).unwrap();
        assert!((10_000..=most).contains(&age), "{age}");
    }

    #[test]
    fn long_errors_are_cut_between_characters() {
        assert_eq!(shortened("aé", 2), "a");
        assert_eq!(shortened("abc", 255), "abc");
    }
}
