//! B.1.1.9: whose the TCP sockets are, by unit and by program.

use super::sockets::TCP_STATE;
use crate::mib::context::Context;
use crate::mib::index::push_text;
use crate::mib::object::Object;
use crate::mib::syntax::Syntax;
use crate::mib::table::{Cells, Column, Rows, Table, component, gauge};
use crate::proc::sockets::TcpState;
use crate::smi::oid::Oid;
use crate::smi::value::Value;
use crate::snapshot::owner_counts::Owner;

/// lnsOwnerTable
pub const TABLE: Object = Object::Table(Table {
    subid: 9,
    name: "lnsOwnerTable",
    entry: "lnsOwnerEntry",
    description: "Whose the TCP sockets of this host are, by state: once by systemd unit or cgroup, once by program. All eleven \
        states are there for each name, zeros included, and the sum over the names of a kind is the sum over all sockets. \
        Each kind has at most 1,024 names, those with the most sockets; the rest are one name, '(others)'. Units come from \
        the kernel's sock_diag and the cgroup2 file system and need Linux 5.8 and no privilege. Programs also need a search \
        through the descriptors of all processes, so they can be older than units; without privilege they are known only for \
        processes of the subagent's own user. A kind that cannot be had has no rows.",
    entry_description: "The TCP sockets of one unit or program, IPv4 and IPv6 together, that are in one state.",
    index: &INDEX,
    columns: &Cells::<Owners>::of(&[gauge(
        4,
        "lnsOwnerSockets",
        "sockets",
        "How many sockets of this owner are in this state now. A number in closeWait that keeps growing names the program \
         that does not close its connections.",
        |row, _| Some(Value::gauge32(row.owner.states.get(row.state))),
    )]),
});

// Not within the table: Rust 1.85 does not promote what refers to a static.
static INDEX: [Column; 3] = [
    component(
        1,
        "lnsOwnerKind",
        Syntax::Enumeration(KINDS),
        "What lnsOwnerName is. unit(1): the systemd unit in which a socket was made, or the path of the cgroup where there \
             is no unit; an accepted connection has the unit of its listener. program(2): the name of the process that holds \
             the socket, the one that ps and /proc/PID/comm show; of several processes the one with the highest number.",
    ),
    component(
        2,
        "lnsOwnerName",
        Syntax::Text(1, 64),
        "The name, such as kafka.service, user@1000.service/firefox.service, docker-0123456789ab.scope, /docker/0123456789ab \
             or java. '(none)' are sockets without an owner: those in timeWait, requests in synReceived, and for programs \
             those that no process holds any more, or that none has accepted yet, which have a unit all the same. '(unknown)' are sockets whose owner cannot be seen \
             or is gone, and '(others)' those of all names that have no row of their own; no unit or program has these names. Octets that do not print are written as \\xNN; a longer name has its end replaced by '~' and eight hex \
             digits that differ for different names.",
    ),
    component(3, "lnsOwnerState", Syntax::Labels(&TCP_STATE), "The state of the sockets."),
];

const UNIT: u32 = 1;
const PROGRAM: u32 = 2;
const KINDS: &[(u32, &str)] = &[(UNIT, "unit"), (PROGRAM, "program")];

const STATES: usize = TcpState::ALL.len();

struct OwnerRow<'a> {
    kind: u32,
    owner: &'a Owner,
    state: TcpState,
}

struct Owners;

fn units<'a>(cx: &Context<'a>) -> &'a [Owner] {
    cx.owners_by_unit().unwrap_or_default()
}

fn programs<'a>(cx: &Context<'a>) -> &'a [Owner] {
    cx.owners_by_program().unwrap_or_default()
}

impl Rows for Owners {
    type Row<'a> = OwnerRow<'a>;

    fn len(cx: &Context<'_>) -> usize {
        (units(cx).len() + programs(cx).len()) * STATES
    }

    /// What asks for units does not have programs searched for; only what comes behind the last of them does.
    fn len_before(cx: &Context<'_>, index: &[u32]) -> usize {
        match index.first() {
            Some(&kind) if kind > UNIT => Self::len(cx),
            _ => units(cx).len() * STATES,
        }
    }

    fn row<'a>(cx: &Context<'a>, position: usize) -> Option<OwnerRow<'a>> {
        let (number, (state, _)) = (position / STATES, *TcpState::ALL.get(position % STATES)?);
        let units = units(cx);
        let (kind, owner) = match number.checked_sub(units.len()) {
            None => (UNIT, units.get(number)?),
            Some(number) => (PROGRAM, programs(cx).get(number)?),
        };
        Some(OwnerRow { kind, owner, state })
    }

    fn index(row: &OwnerRow<'_>, name: &mut Oid) {
        name.push(row.kind);
        push_text(name, &row.owner.name);
        name.push(row.state as u32);
    }
}
