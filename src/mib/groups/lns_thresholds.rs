//! B.1.7: the thresholds watched on this host, and the notification about them.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Group, NOTIFICATIONS, Notification, Object, Place};
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Rows, Table, column, column_oid, component};
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::thresholds::{Status, Watch};

const PLACE: Place = Place::Private(&[1, 7]);

/// lnsThresholdTable
const TABLE: u32 = 1;

/// lnsThresholdChange is B.0.1.
const CHANGE: u32 = 1;

/// lnsThresholds
pub static GROUP: Group = Group {
    place: PLACE,
    name: "lnsThresholds",
    description: "Thresholds that are watched on the host itself, and the notification about them.",
    objects: &[
        Object::Table(Table {
            subid: TABLE,
            name: "lnsThresholdTable",
            entry: "lnsThresholdEntry",
            description: "The thresholds of the subagent's configuration and how they stand. Empty unless some are \
                configured. One may watch a column: then the worst of its instances counts, which is the one with the \
                worst status, and of those the one furthest beyond the range that it alerts by, or nearest to alerting \
                while all are ok; of several equal ones the first. They are watched whether or not the subagent has a session with the master agent.",
            entry_description: "One threshold.",
            index: &[component(
                1,
                "lnsThresholdName",
                Syntax::Text(1, 32),
                "The name of the threshold in the configuration. In the notification the instances of the \
                    other objects hold it.",
            )],
            columns: &Cells::<Thresholds>::of(&[
                OBJECT,
                VALUE,
                STATUS,
                column(
                    5,
                    "lnsThresholdChanges",
                    Syntax::Counter64,
                    "changes",
                    "How often the status changed since lnsAgentStartTime, its discontinuity time, the first \
                        change to ok left out. A threshold that is taken out of the configuration and put in again \
                        begins at 0; with another object it goes on. lnsThresholdChange says which changes are notified.",
                    |watch, _| Some(Value::Counter64(watch.changes)),
                ),
                INSTANCE,
            ]),
        }),
        Object::Notification(Notification {
            number: CHANGE,
            name: "lnsThresholdChange",
            objects: &Cells::of(NOTIFIED),
            description: "The status of a threshold changed; the instances of the objects hold lnsThresholdName. Behind the \
                objects comes lnsThresholdInstance, as one of the additional variables that RFC 3416 section 4.2.6 allows. \
                That another instance of a column is worst now is no change, nor is a threshold that is ok when the \
                subagent starts. How often it comes is limited: each threshold is \
                looked at once in its interval, which the configuration sets to a second or more (30 seconds unless it \
                says otherwise), and once when the configuration has changed it; each look tells one change at most, with \
                the status of then, and what changed back between two looks is not told. While there is no session with \
                the master agent a threshold is watched all the same; if it changed then, or a change before could not be \
                sent, that is told once, with the status that it has when the session is back, which may be the one that \
                was told last. A notification that the master agent refuses is not sent again.",
        }),
    ],
};

const OBJECT: Cells<Thresholds> = column(
    2,
    "lnsThresholdObject",
    Syntax::VariablePointer,
    "",
    "The instance that is watched; of a column, the worst instance, whose value lnsThresholdValue has, and 0.0 while \
        none has a value.",
    |watch, _| {
        let none = || Oid::from_slice(&[0, 0]).unwrap_or_default();
        Some(Value::ObjectIdentifier(Box::new(watch.object().cloned().unwrap_or_else(none))))
    },
);

const VALUE: Cells<Thresholds> = column(
    3,
    "lnsThresholdValue",
    Syntax::Text(0, 32),
    "",
    "What was compared last, as a decimal number: the value of the instance, how much it grew in a second, or how \
        much per cent it is of another. The last two have two digits after the point, and more where two would \
        look as if they stood otherwise. Empty while there is none.",
    |watch, _| Some(Value::text(&watch.value)),
);

const STATUS: Cells<Thresholds> = column(
    4,
    "lnsThresholdStatus",
    Syntax::Enumeration(&Status::LABELS),
    "",
    "How the threshold stands. Unknown until there was a value to compare, which for a rate takes two readings, while \
        the instance does not exist, or what it would be a percentage of does not or is 0. A column stands as its \
        worst instance does. It is ok if it has no instance, which is nothing wrong, or none yet with a rate, which an \
        instance has from the second look on that finds it; unknown if it cannot be read, or if rates of more \
        than 65536 instances were to be watched.",
    |watch, _| Some(Value::Integer(watch.status as i32)),
);

const INSTANCE: Cells<Thresholds> = column(
    6,
    "lnsThresholdInstance",
    Syntax::Text(0, 255),
    "",
    "The index of lnsThresholdObject as people read it, its components with spaces between them: 127.0.0.53:53 of an \
        endpoint, 443 closeWait of a port and a state. Of a column, which instance is worst now, whether or not that was \
        notified. Empty for a scalar, and while no instance of a column has a value.",
    |watch, _| Some(Value::text(watch.instance())),
);

/// What lnsThresholdChange carries, as it was released.
const NOTIFIED: &[Cells<Thresholds>; 3] = &[OBJECT, VALUE, STATUS];

struct Thresholds;

impl Rows for Thresholds {
    type Row<'a> = &'a Watch;

    fn len(cx: &Context<'_>) -> usize {
        cx.subagent.thresholds.all().len()
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<&'a Watch> {
        cx.subagent.thresholds.all().get(position)
    }

    fn index(watch: &&Watch, name: &mut Oid) {
        push_text(name, &watch.threshold.name);
    }
}

/// snmpTrapOID.0, which identifies a notification (RFC 3418).
const SNMP_TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// The variable bindings of lnsThresholdChange (RFC 2741 section 6.2.10): snmpTrapOID.0, then the notification's
/// objects, whose instances carry the threshold's name, and lnsThresholdInstance, which may not become one of the objects
/// (RFC 2578 section 10.3). The master agent puts sysUpTime.0 before them.
#[must_use]
pub fn change<'a>(base: &Oid, cx: &Context<'a>, watch: &'a Watch) -> Vec<(Oid, Value)> {
    let notification = [&Place::Private(&NOTIFICATIONS).oid(base)[..], &[CHANGE]].concat();
    let notification = Oid::from_slice(&notification).unwrap_or_default();
    let trap_oid = Oid::from_slice(&SNMP_TRAP_OID).unwrap_or_default();
    let place = PLACE.oid(base);
    let objects = NOTIFIED
        .iter()
        .chain(&[INSTANCE])
        .filter_map(|cells| cells.instance(&column_oid(&place, TABLE, &cells.column), watch, cx));
    let mut varbinds = vec![(trap_oid, Value::ObjectIdentifier(Box::new(notification)))];
    varbinds.extend(objects);
    varbinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::mib::view::View;
    use crate::snapshot::{Readings, Snapshot};
    use crate::subagent::Subagent;
    use std::time::Instant;

    const BASE: &str = "1.3.6.1.4.1.8072.9999.9999.2741";

    fn config() -> Config {
        let one = |name: char| {
            format!("[[threshold]]\nname = \"{name}\"\nobject = \"tcpOutRsts.0\"\ncritical = \"9\"\n")
        };
        Config::parse(&['a', 'b', 'c'].map(one).concat()).unwrap()
    }

    /// A subagent that watches them, and has seen the first at 10.
    fn subagent(config: &Config) -> Subagent {
        let (mut subagent, now) = (Subagent::default(), Instant::now());
        subagent.thresholds.configure(&config.thresholds, now);
        let watch = &subagent.thresholds.all()[0];
        let mut scan = watch.look(now, Readings::default());
        watch.add(&mut scan, watch.threshold.oid.clone(), &Value::Gauge32(10), None);
        subagent.thresholds.judge(0, now, *scan, true, |_| String::new());
        subagent
    }

    #[test]
    fn every_threshold_has_its_row() {
        let config = config();
        let (subagent, snapshot) = (subagent(&config), Snapshot::new(config.max_ages()));
        let (cx, view) = (Context::of(&snapshot, &subagent, Instant::now()), View::new(config.served()));
        for (name, status) in [('a', Status::Critical), ('b', Status::Unknown), ('c', Status::Unknown)] {
            let instance = format!("{BASE}.1.7.1.1.4.1.{}", u32::from(name)).parse().unwrap();
            assert_eq!(view.get(&cx, &instance), Ok(Value::Integer(status as i32)), "{name}");
        }
    }

    #[test]
    fn the_notification_carries_object_value_and_status_of_its_threshold() {
        let config = config();
        let (subagent, snapshot) = (subagent(&config), Snapshot::new(config.max_ages()));
        let cx = Context::of(&snapshot, &subagent, Instant::now());
        let bindings = change(&BASE.parse().unwrap(), &cx, &subagent.thresholds.all()[0]);
        let shown: Vec<_> = bindings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let row = |column: u32| format!("{BASE}.1.7.1.1.{column}.1.97");
        assert_eq!(
            shown,
            [
                format!("1.3.6.1.6.3.1.1.4.1.0 = OID: .{BASE}.0.1"),
                format!("{} = OID: .1.3.6.1.2.1.6.15.0", row(2)),
                format!("{} = STRING: \"10\"", row(3)),
                format!("{} = INTEGER: {}", row(4), Status::Critical as i32),
                // Of a threshold on a scalar.
                format!("{} = \"\"", row(6)),
            ]
        );
    }
}
