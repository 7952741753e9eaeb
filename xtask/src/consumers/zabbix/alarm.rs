//! A trigger under construction, and the conditions that most triggers use.

use super::export::{Dependency, Trigger, tag, uuid};
use super::keys::at;
use super::macros::m;

/// A trigger before it is written, with its dependencies by identifier.
pub struct Alarm {
    /// Determines its UUID; permanent.
    pub id: String,
    pub trigger: Trigger,
    /// The identifiers of the triggers that suppress it.
    pub behind: Vec<String>,
}

impl Alarm {
    pub fn new(id: &str, name: &str, priority: &'static str, fires: String, recovers: String) -> Self {
        let trigger = Trigger {
            uuid: uuid("trigger", id),
            expression: fires,
            recovery_mode: "RECOVERY_EXPRESSION",
            recovery_expression: recovers,
            name: name.into(),
            event_name: String::new(),
            opdata: "now {ITEM.LASTVALUE1}".into(),
            priority,
            description: String::new(),
            manual_close: "",
            dependencies: Vec::new(),
            tags: vec![tag("scope", "performance")],
        };
        Self { id: id.into(), trigger, behind: Vec::new() }
    }

    pub fn about(mut self, text: &str) -> Self {
        self.trigger.description = text.into();
        self
    }

    pub fn behind(mut self, id: &str) -> Self {
        self.behind.push(id.into());
        self
    }

    pub fn scope(mut self, scope: &str) -> Self {
        self.trigger.tags = vec![tag("scope", scope)];
        self
    }

    pub fn shows(mut self, opdata: &str) -> Self {
        self.trigger.opdata = opdata.into();
        self
    }

    pub fn closable(mut self) -> Self {
        self.trigger.manual_close = "YES";
        self
    }
}

/// Expands the dependencies to names and expressions, as the format requires.
pub fn resolved(alarms: Vec<Alarm>) -> Vec<Trigger> {
    let shadow = |id: &String| {
        let other = alarms.iter().find(|alarm| alarm.id == *id).unwrap_or_else(|| panic!("no trigger {id}"));
        Dependency {
            name: other.trigger.name.clone(),
            expression: other.trigger.expression.clone(),
            recovery_expression: other.trigger.recovery_expression.clone(),
        }
    };
    let written = |alarm: &Alarm| Trigger {
        dependencies: alarm.behind.iter().map(shadow).collect(),
        ..alarm.trigger.clone()
    };
    alarms.iter().map(written).collect()
}

/// A problem when above its threshold in every reading of PERIOD; over when below it in every reading of RECOVERY.
pub fn lasting(key: &str, threshold: &str) -> (String, String) {
    let item = at(key);
    (
        format!("min({item},{})>{threshold}", m("PERIOD")),
        format!("max({item},{})<={threshold}", m("RECOVERY")),
    )
}

/// For a row of a table: over as well when there is no such row any more, so that nothing comes. Zabbix looks at how a
/// problem is over only where it can evaluate how it begins, which it cannot without values: hence `nodata` in both.
pub fn or_gone((fires, recovers): (String, String), key: &str) -> (String, String) {
    let nothing = format!("nodata({},{})", at(key), m("NODATA"));
    (format!("{fires} and {nothing}=0"), format!("{recovers} or {nothing}=1"))
}

/// The same while more than one connection waits in a queue.
pub fn several_wait((fires, recovers): (String, String), queue: &str) -> (String, String) {
    let queue = at(queue);
    (
        format!("{fires} and min({queue},{})>1", m("PERIOD")),
        format!("({recovers} or max({queue},{})<=1)", m("RECOVERY")),
    )
}

/// A problem as soon as a rate, the mean since the previous reading, is above its threshold.
pub fn at_once(key: &str, threshold: &str) -> (String, String) {
    let item = at(key);
    (format!("last({item})>{threshold}"), format!("max({item},{})<={threshold}", m("RECOVERY")))
}
