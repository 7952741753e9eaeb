//! Whose the TCP sockets are, those that leak most first.

use super::culprits::list;
use crate::mib::context::Context;
use crate::proc::sockets::TcpState;
use crate::snapshot::counts::StateCounts;
use crate::snapshot::owner_counts::Owner;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::io::{self, Write};

/// The rows of lnsOwnerTable by kind; `None` if a kind cannot be had.
pub struct Owners([(&'static str, Option<Vec<Owner>>); 2]);

/// The columns to print.
const SHOWN: [(TcpState, &str); 5] = [
    (TcpState::Established, "established"),
    (TcpState::CloseWait, "closeWait"),
    (TcpState::SynSent, "synSent"),
    (TcpState::TimeWait, "timeWait"),
    (TcpState::Listen, "listen"),
];

impl Owners {
    pub fn of(cx: &Context<'_>) -> Self {
        let sorted = |owners: Option<&[Owner]>| {
            let mut owners = owners?.to_vec();
            owners.sort_by_key(|owner| Reverse((owner.states.get(TcpState::CloseWait), all(&owner.states))));
            Some(owners)
        };
        Self([("unit", sorted(cx.owners_by_unit())), ("program", sorted(cx.owners_by_program()))])
    }

    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        for (kind, owners) in &self.0 {
            // A host without the cgroup2 file system says nothing about units.
            let Some(owners) = owners else { continue };
            writeln!(out, "\nTCP sockets by {kind}")?;
            let titles: Vec<_> = std::iter::once("sockets").chain(SHOWN.map(|(_, title)| title)).collect();
            let rows: Vec<_> = owners.iter().collect();
            list(out, &titles, &rows, |owner| {
                let states = SHOWN.map(|(state, _)| owner.states.get(state).to_string());
                let name = owner.name.to_string();
                [name, all(&owner.states).to_string()].into_iter().chain(states).collect()
            })?;
        }
        Ok(())
    }

    pub fn json(&self) -> Value {
        let owner = |owner: &Owner| {
            let states = TcpState::ALL.iter();
            let states: Map<String, Value> =
                states.map(|(state, label)| ((*label).to_owned(), json!(owner.states.get(*state)))).collect();
            json!({"name": &*owner.name, "sockets": states})
        };
        let kind = |(kind, owners): &(&str, Option<Vec<Owner>>)| {
            let owners = owners.as_ref().map(|owners| owners.iter().map(owner).collect::<Vec<_>>());
            ((*kind).to_owned(), json!(owners))
        };
        Value::Object(self.0.iter().map(kind).collect())
    }
}

fn all(states: &StateCounts) -> u64 {
    TcpState::ALL.iter().map(|(state, _)| states.get(*state)).sum()
}
