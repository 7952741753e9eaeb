//! B.1.7: thresholds that are watched on the host itself, and the notification about them.

use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::{Column, Group, NOTIFICATIONS, Notification, Object, Place, Rows, Table};
use crate::mib::syntax::Syntax;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::thresholds::{Status, Watch};

const PLACE: Place = Place::Private(&[1, 7]);

/// lnsThresholdChange is B.0.1.
const CHANGE: u32 = 1;

/// lnsThresholds
pub static GROUP: Group = Group {
    place: PLACE,
    name: "lnsThresholds",
    description: "Thresholds that are watched on the host itself, and the notification about them.",
    objects: &[
        Object::Table(Table {
            subid: 1,
            name: "lnsThresholdTable",
            entry: "lnsThresholdEntry",
            description: "The thresholds of the subagent's configuration and how they stand. Empty unless some are \
                configured. They are watched whether or not the subagent has a session with the master agent.",
            entry_description: "One threshold.",
            index: &[Column {
                subid: 1,
                name: "lnsThresholdName",
                syntax: Syntax::Text(1, 32),
                units: "",
                description: "The name of the threshold in the configuration. In the notification the instances of the \
                    other objects hold it.",
            }],
            columns: &[
                Column {
                    subid: 2,
                    name: "lnsThresholdObject",
                    syntax: Syntax::VariablePointer,
                    units: "",
                    description: "The instance that is watched.",
                },
                Column {
                    subid: 3,
                    name: "lnsThresholdValue",
                    syntax: Syntax::Text(0, 32),
                    units: "",
                    description: "What was compared last, as a decimal number: the value of the instance, or how much it grew \
                        in a second. Empty while there is none.",
                },
                Column {
                    subid: 4,
                    name: "lnsThresholdStatus",
                    syntax: Syntax::Enumeration(&Status::LABELS),
                    units: "",
                    description: "How the threshold stands. Unknown until there was a value to compare, which for a rate \
                        takes two readings, and while the instance does not exist.",
                },
                Column {
                    subid: 5,
                    name: "lnsThresholdChanges",
                    syntax: Syntax::Counter64,
                    units: "changes",
                    description: "How often the status changed since lnsAgentStartTime, its discontinuity time, the first \
                        change to ok left out. A threshold that is taken out of the configuration and put in again \
                        begins at 0; with another object it goes on. lnsThresholdChange says which changes are notified.",
                },
            ],
            rows: &Thresholds,
        }),
        Object::Notification(Notification {
            number: CHANGE,
            name: "lnsThresholdChange",
            objects: &["lnsThresholdObject", "lnsThresholdValue", "lnsThresholdStatus"],
            description: "The status of a threshold changed; the instances of the objects hold lnsThresholdName. A threshold \
                that is ok when the subagent starts is no change. How often it comes is limited: each threshold is \
                looked at once in its interval, which the configuration sets to a second or more (30 seconds unless it \
                says otherwise), and once when the configuration has changed it; each look tells one change at most, with \
                the status of then, and what changed back between two looks is not told. While there is no session with \
                the master agent a threshold is watched all the same; if it changed then, or a change before could not be \
                sent, that is told once, with the status that it has when the session is back, which may be the one that \
                was told last. A notification that the master agent refuses is not sent again.",
        }),
    ],
};

struct Thresholds;

impl Rows for Thresholds {
    fn len(&self, cx: &Context<'_>) -> usize {
        cx.subagent.thresholds.all().len()
    }

    fn index(&self, cx: &Context<'_>, row: usize, name: &mut Oid) {
        if let Some(watch) = cx.subagent.thresholds.all().get(row) {
            push_text(name, &watch.threshold.name);
        }
    }

    fn cell(&self, cx: &Context<'_>, row: usize, column: u32) -> Option<Value> {
        let watch = cx.subagent.thresholds.all().get(row)?;
        Some(match column {
            5 => Value::Counter64(watch.changes),
            column => cell(watch, column)?,
        })
    }
}

fn cell(watch: &Watch, column: u32) -> Option<Value> {
    Some(match column {
        2 => Value::ObjectIdentifier(Box::new(watch.threshold.oid.clone())),
        3 => Value::text(&watch.value),
        4 => Value::Integer(i32::try_from(watch.status as u32).ok()?),
        _ => return None,
    })
}

/// snmpTrapOID.0, which says what a notification is (RFC 3418).
const SNMP_TRAP_OID: [u32; 11] = [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0];

/// The variable bindings of lnsThresholdChange (RFC 2741 section 6.2.10): snmpTrapOID.0, then the objects of the
/// notification, whose instances hold the threshold's name. The master agent puts sysUpTime.0 before them.
#[must_use]
pub fn change(base: &Oid, watch: &Watch) -> Vec<(Oid, Value)> {
    let below = |place: Place, subids: &[u32]| Oid::from_slice(&[&place.oid(base)[..], subids].concat());
    let notification = below(Place::Private(&NOTIFICATIONS), &[CHANGE]).unwrap_or_default();
    let trap_oid = Oid::from_slice(&SNMP_TRAP_OID).unwrap_or_default();
    let objects = (2..=4).filter_map(|column| {
        let mut name = below(PLACE, &[1, 1, column])?;
        push_text(&mut name, &watch.threshold.name);
        Some((name, cell(watch, column)?))
    });
    let mut varbinds = vec![(trap_oid, Value::ObjectIdentifier(Box::new(notification)))];
    varbinds.extend(objects);
    varbinds
}
