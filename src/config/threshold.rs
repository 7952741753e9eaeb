//! `[[threshold]]`: what is watched on the host itself.

use super::duration::Bounded;
use super::error::{Mistake, ThresholdProblem, readable};
use crate::mib::context::Context;
use crate::mib::names::resolve;
use crate::mib::readable::is_whole;
use crate::mib::syntax::Syntax;
use crate::mib::view::{Leaf, LeafKind, Served, View};
use crate::range::Range;
use crate::smi::oid::Oid;
use crate::snapshot::{MaxAges, Snapshot};
use crate::thresholds::{Of, Threshold};
use serde::Deserialize;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use toml::Spanned;

/// One `[[threshold]]` as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Written {
    name: Spanned<String>,
    object: Spanned<String>,
    of: Option<Spanned<String>>,
    warning: Option<Range>,
    critical: Option<Range>,
    #[serde(default)]
    per_second: bool,
    #[serde(default = "interval")]
    interval: Interval,
}

/// How often to look: 1 s to an hour, 30 s by default.
type Interval = Bounded<1000, 3_600_000>;

fn interval() -> Interval {
    Interval::from_millis(30_000)
}

/// Gauges that may be watched per second all the same: sums over open sockets, which grow while these are open and fall
/// when one closes.
const GROW_WHILE_OPEN: [&str; 3] =
    ["lnsUdpDropsOfOpenSockets", "lnsListenerDropsOfOpenSockets", "lnsUdpEndpointDropsOfOpenSockets"];

/// The longest name, in octets.
const LONGEST_NAME: usize = 32;

/// The longest object, in octets: 128 sub-identifiers of ten digits with a dot before each.
const LONGEST_OBJECT: usize = 128 * 11;

/// Checks the entries against what the configuration serves.
///
/// # Errors
/// What is wrong with which threshold, in which line.
pub(super) fn checked(entries: Vec<Written>, served: &Served, text: &str) -> Result<Vec<Threshold>, Mistake> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let (view, mut names) = (View::new(served.clone()), HashSet::new());
    let check = |entry: Written| {
        let in_line = |at: usize, problem: ThresholdProblem| {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            Mistake::Threshold { line, name: readable(entry.name.as_ref()), problem }
        };
        let name = entry.name.as_ref().clone();
        let in_name = |problem| in_line(entry.name.span().start, problem);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
            return Err(in_name(ThresholdProblem::Name));
        }
        if !names.insert(name.clone()) {
            return Err(in_name(ThresholdProblem::SameName));
        }
        if entry.warning.is_none() && entry.critical.is_none() {
            return Err(in_name(ThresholdProblem::NoRange));
        }
        let in_object = |problem| in_line(entry.object.span().start, problem);
        let object = Watched::of(entry.object.as_ref(), served, &view).map_err(in_object)?;
        if entry.per_second && !object.grows() {
            return Err(in_object(ThresholdProblem::NoRate(object.text.to_owned())));
        }
        // Empty is the default.
        let of = entry.of.as_ref().filter(|of| !of.as_ref().is_empty());
        let of = of.map(|of| {
            let in_of = |problem| in_line(of.span().start, problem);
            if entry.per_second {
                return Err(in_of(ThresholdProblem::RateOf));
            }
            let whole = Watched::of(of.as_ref(), served, &view).map_err(in_of)?;
            whole.is_beside(&object).map_err(in_of)?;
            Ok(Box::new(Of { object: whole.text.to_owned(), oid: whole.oid, column: whole.column }))
        });
        let of = of.transpose()?;
        Ok(Threshold {
            name,
            instance: if object.column { String::new() } else { view.index(&object.oid) },
            object: object.text.to_owned(),
            column: object.column,
            oid: object.oid,
            of,
            warning: entry.warning,
            critical: entry.critical,
            per_second: entry.per_second,
            interval: entry.interval.into(),
        })
    };
    entries.into_iter().map(check).collect()
}

/// What is named for a threshold: one instance, or those of a column.
struct Watched<'a> {
    /// As it was written.
    text: &'a str,
    oid: Oid,
    /// Whether it was written with `.*`.
    column: bool,
    leaf: &'a Leaf,
}

impl<'a> Watched<'a> {
    /// Resolves it. An instance need not exist yet: a port has rows once somebody listens on it.
    fn of(text: &'a str, served: &Served, view: &'a View) -> Result<Self, ThresholdProblem> {
        if text.len() > LONGEST_OBJECT {
            return Err(ThresholdProblem::LongObject(text.len(), LONGEST_OBJECT));
        }
        let (name, column) = text.strip_suffix(".*").map_or((text, false), |name| (name, true));
        let oid = resolve(name, &served.base)?;
        let leaf = view.leaves().iter().find(|leaf| oid.as_slice().starts_with(&leaf.oid));
        let Some(leaf) = leaf else {
            return Err(ThresholdProblem::NotServed(text.to_owned()));
        };
        let this = Self { text, oid, column, leaf };
        match leaf.kind {
            _ if !column && this.index().is_empty() => {
                return Err(ThresholdProblem::NoInstance(text.to_owned(), example(leaf.kind)));
            }
            LeafKind::Column(table, _) if column => {
                if is_whole(table.index, this.index()) {
                    return Err(ThresholdProblem::WholeIndex(text.to_owned(), name.to_owned()));
                }
                if has_a_row_per_socket(view, &this.oid) {
                    return Err(ThresholdProblem::RowPerSocket(text.to_owned()));
                }
            }
            _ if column => return Err(ThresholdProblem::NoColumn(text.to_owned(), example(leaf.kind))),
            _ => {}
        }
        match leaf.kind.syntax() {
            Syntax::Counter32
            | Syntax::Counter64
            | Syntax::Gauge32
            | Syntax::Unsigned32
            | Syntax::Integer32
            | Syntax::Range(..)
            | Syntax::Enumeration(_)
            | Syntax::TimeTicks => Ok(this),
            _ => Err(ThresholdProblem::NoNumbers(text.to_owned())),
        }
    }

    /// What follows the object type in its name.
    fn index(&self) -> &[u32] {
        self.oid.strip_prefix(&self.leaf.oid).unwrap_or_default()
    }

    /// Whether its growth per second can be told.
    fn grows(&self) -> bool {
        matches!(self.leaf.kind.syntax(), Syntax::Counter32 | Syntax::Counter64)
            || GROW_WHILE_OPEN.contains(&self.leaf.kind.name())
    }

    /// Whether it has an instance for each of an object, so that one can be a percentage of the other: one for all, or
    /// one in the same row.
    fn is_beside(&self, object: &Watched<'_>) -> Result<(), ThresholdProblem> {
        if !self.column {
            return Ok(());
        }
        if !object.column {
            return Err(ThresholdProblem::OfSeveral(self.text.to_owned()));
        }
        let same_table = match (self.leaf.kind, object.leaf.kind) {
            (LeafKind::Column(own, _), LeafKind::Column(other, _)) => std::ptr::eq(own, other),
            _ => false,
        };
        if same_table && self.index().len() == object.index().len() {
            return Ok(());
        }
        Err(ThresholdProblem::OtherRows(self.text.to_owned(), object.text.to_owned()))
    }
}

/// Whether a column is of a table whose rows are made from every socket. Those are kept only while somebody walks them, and a
/// threshold would have them kept for ever.
fn has_a_row_per_socket(view: &View, column: &Oid) -> bool {
    // Nothing is read: an answer says what it would be made from.
    let ages = MaxAges {
        counters: Duration::ZERO,
        sockets: Duration::ZERO,
        processes: Duration::ZERO,
        answer_within: Duration::ZERO,
    };
    let nothing = Snapshot::new(ages);
    let cx = Context::new(&nothing, Instant::now());
    let _ = view.next(&cx, column, false, column.behind().as_ref());
    cx.touched().has_any_rows()
}

/// How an instance of an object is written.
fn example(kind: LeafKind) -> String {
    let LeafKind::Column(table, _) = kind else {
        return format!("{}.0", kind.name());
    };
    let index =
        table.index.iter().map(|part| part.syntax.labels().first().map_or(part.name, |(_, label)| label));
    index.fold(kind.name().to_owned(), |name, part| name + "." + part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_threshold_has_defaults_and_an_instance() {
        let config = Config::parse(
            "[[threshold]]\nname = \"close-wait\"\nobject = \"lnsTcpStateSockets.all.closeWait\"\nwarning = \"0:500\"",
        )
        .unwrap();
        let [threshold] = &config.thresholds[..] else { panic!() };
        assert_eq!(threshold.oid.to_string(), "1.3.6.1.4.1.8072.9999.9999.2741.1.1.1.1.3.0.8");
        assert_eq!((threshold.interval, threshold.per_second), (Duration::from_secs(30), false));
        assert!(threshold.warning.unwrap().alerts(501.0) && threshold.critical.is_none());
    }

    #[test]
    fn settings_can_be_watched_whatever_their_type() {
        for object in ["lnsIpForwarding.0", "lnsIpDefaultTTL.0", "lnsTcpMaxConn.0", "lnsLimitTcpMemHigh.0"] {
            let text = format!("[[threshold]]\nname = \"a\"\nobject = \"{object}\"\ncritical = \"1:1\"");
            assert!(Config::parse(&text).is_ok(), "{object}");
        }
    }

    #[test]
    fn columns_and_percentages() {
        let threshold = |text: &str| {
            let text = format!("[[threshold]]\nname = \"a\"\ncritical = \"1\"\n{text}");
            Config::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}")).thresholds.remove(0)
        };
        for (object, oid, column, instance) in [
            ("lnsTcpPortSockets.443.closeWait", "1.4.1.3.443.8", false, "443 closeWait"),
            ("lnsTcpPortSockets.443.*", "1.4.1.3.443", true, ""),
            ("lnsTcpPortSockets.*", "1.4.1.3", true, ""),
            ("lnsUdpEndpointDropsOfOpenSockets.ipv4.4.127.*", "1.5.1.6.1.4.127", true, ""),
            ("1.3.6.1.4.1.8072.9999.9999.2741.1.1.3.1.4.*", "1.3.1.4", true, ""),
            ("lnsCounterValue.*", "4.1.3", true, ""),
        ] {
            let threshold = threshold(&format!("object = \"{object}\""));
            let oid = format!("1.3.6.1.4.1.8072.9999.9999.2741.1.{oid}");
            assert_eq!(threshold.oid.to_string(), oid, "{object}");
            assert_eq!(
                (threshold.column, &*threshold.instance, threshold.of),
                (column, instance, None),
                "{object}"
            );
        }
        for (object, of, column) in [
            ("lnsSockstatTcpMem.0", "lnsLimitTcpMemHigh.0", false),
            ("lnsListenerAcceptQueue.*", "lnsSockstatTcpInUse.0", false),
            ("lnsListenerAcceptQueue.*", "lnsListenerSockets.*", true),
            ("lnsTcpPortSockets.443.*", "lnsTcpPortSockets.80.*", true),
        ] {
            let threshold = threshold(&format!("object = \"{object}\"\nof = \"{of}\""));
            let whole = threshold.of.unwrap();
            assert_eq!((&*whole.object, whole.column), (of, column), "{object}");
        }
        assert_eq!(threshold("object = \"tcpCurrEstab.0\"\nof = \"\"").of, None);
        let rate = |object: &str| threshold(&format!("object = \"{object}\"\nper-second = true"));
        for object in
            ["lnsUdpEndpointDropsOfOpenSockets.*", "lnsUdpDropsOfOpenSockets.all", "lnsCounterValue.*"]
        {
            assert!(rate(object).per_second, "{object}");
        }
    }

    /// Everything that is called so is a sum over open sockets, and may be watched per second.
    #[test]
    fn what_grows_while_sockets_are_open_can_have_a_rate() {
        let config = Config::default();
        let view = View::new(config.served());
        let named = view.leaves().iter().map(|leaf| leaf.kind.name());
        let named: Vec<_> = named.filter(|name| name.ends_with("OfOpenSockets")).collect();
        assert_eq!(named, GROW_WHILE_OPEN);
    }

    #[test]
    fn mistakes_are_told_with_line_and_threshold() {
        let good = "\nobject = \"tcpOutRsts.0\"\ncritical = \"10\"";
        for (text, told) in [
            (
                "name = \"a\"\nobject = \"tcpOutRst.0\"\ncritical = \"1\"",
                &["line 3", "'a'", "mean tcpOutRsts?"][..],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts\"\ncritical = \"1\"", &["line 3", "tcpOutRsts.0"]),
            (
                "name = \"a\"\nobject = \"lnsTcpStateSockets\"\ncritical = \"1\"",
                &["line 3", "lnsTcpStateSockets.all."],
            ),
            ("name = \"a\"\nobject = \"1.3.6.1.2.1.1.3.0\"\ncritical = \"1\"", &["line 3", "served here"]),
            ("name = \"a\"\nobject = \"lnsAgentVersion.0\"\ncritical = \"1\"", &["line 3", "no numbers"]),
            (
                "name = \"a\"\nobject = \"tcpCurrEstab.0\"\ncritical = \"1\"\nper-second = true",
                &["line 3", "no counter"],
            ),
            (
                "name = \"a\"\nobject = \"lnsListenerAcceptQueue.*\"\ncritical = \"1\"\nper-second = true",
                &["line 3", "no counter"],
            ),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.*\"\ncritical = \"1\"",
                &["line 3", "no column", "tcpOutRsts.0"],
            ),
            ("name = \"a\"\nobject = \"lnsTcpPortTable.*\"\ncritical = \"1\"", &["line 3", "served here"]),
            ("name = \"a\"\nobject = \".*\"\ncritical = \"1\"", &["line 3", "no object"]),
            ("name = \"a\"\nobject = \"lnsListenerEndpoint.*\"\ncritical = \"1\"", &["line 3", "no numbers"]),
            (
                "name = \"a\"\nobject = \"lnsTcpPortSockets.1.listen.*\"\ncritical = \"1\"",
                &["line 3", "write lnsTcpPortSockets.1.listen"],
            ),
            (
                "name = \"a\"\nobject = \"tcpConnectionProcess.*\"\ncritical = \"1\"",
                &["line 3", "very many rows", "lnsUdpEndpointSockets.*"],
            ),
            ("name = \"a\"\nobject = \"udpLocalPort.*\"\ncritical = \"1\"", &["line 3", "very many rows"]),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.0\"\nof = \"tcpOutSeg.0\"\ncritical = \"1\"",
                &["line 4", "mean tcpOutSegs?"],
            ),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.0\"\nof = \"tcpOutSegs.0\"\ncritical = \"1\"\nper-second = true",
                &["line 4", "exclude each other"],
            ),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.0\"\nof = \"lnsListenerSockets.*\"\ncritical = \"1\"",
                &["line 4", "several instances"],
            ),
            (
                "name = \"a\"\nobject = \"lnsTcpPortSockets.*\"\nof = \"lnsTcpStateSockets.*\"\ncritical = \"1\"",
                &["line 4", "not those of", "the same table"],
            ),
            (
                "name = \"a\"\nobject = \"lnsTcpPortSockets.*\"\nof = \"lnsTcpPortSockets.1.*\"\ncritical = \"1\"",
                &["line 4", "the same place"],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = \"20:10\"", &["line 4", "above the end"]),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = 10", &["line 4"]),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"", &["line 2", "neither warning nor critical"]),
            (
                "name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritical = \"1\"\ninterval = \"1ms\"",
                &["line 5", "1s to 1h"],
            ),
            ("name = \"a\"\nobject = \"tcpOutRsts.0\"\ncritcal = \"1\"", &["line 4", "critcal", "critical"]),
            (&format!("name = \"\"{good}"), &["line 2", "1 to 32"]),
            (&format!("name = \"a b\"{good}"), &["line 2", "letters"]),
            (&format!("name = \"{}\"{good}", "x".repeat(33)), &["line 2", "1 to 32"]),
            (&format!("name = \"a\"{good}\n[[threshold]]\nname = \"a\"{good}"), &["line 6", "another"]),
            ("object = \"tcpOutRsts.0\"\ncritical = \"1\"", &["line 1", "name"]),
        ] {
            let error = Config::parse(&format!("[[threshold]]\n{text}")).unwrap_err().to_string();
            assert!(told.iter().all(|word| error.contains(word)), "{text}\n{error}");
        }
        let unserved = format!("[mib]\nmib-2 = false\n[[threshold]]\nname = \"a\"{good}");
        assert!(Config::parse(&unserved).unwrap_err().to_string().contains("served here"));
    }
}
