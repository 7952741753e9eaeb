//! TCP sockets by whose they are: by systemd unit or cgroup, and by program.

use super::counts::StateCounts;
use super::queues::by_index;
use crate::proc::cgroups::Units;
use crate::proc::sockets::TcpState;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// How many names of a kind have rows of their own.
const MOST: usize = 1024;

/// Sockets without an owner: those in TIME_WAIT, requests, and those that no process holds any more.
pub const NONE: &str = "(none)";
/// Sockets whose owner cannot be seen, or is gone.
pub const UNKNOWN: &str = "(unknown)";
/// The sockets of all names that have no row of their own.
pub const OTHERS: &str = "(others)";

/// The sockets of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// A unit, a program, or one of the three above.
    pub name: Arc<str>,
    /// Its sockets.
    pub states: StateCounts,
}

impl Owner {
    fn sockets(&self) -> u64 {
        TcpState::ALL.iter().map(|(state, _)| self.states.get(*state)).sum()
    }
}

/// The sockets of each name in the order of their index: [`MOST`] names with the most sockets, and the rest together.
pub(super) fn largest(names: HashMap<Arc<str>, StateCounts>) -> Vec<Owner> {
    let mut owners: Vec<_> = names.into_iter().map(|(name, states)| Owner { name, states }).collect();
    if owners.len() > MOST {
        // What is no name stays, however little it is.
        owners.sort_by(|a, b| {
            let key = |owner: &Owner| (!is_no_name(&owner.name), Reverse(owner.sockets()));
            key(a).cmp(&key(b)).then_with(|| by_index(&a.name, &b.name))
        });
        let others = owners.split_off(MOST - 1).into_iter().map(|owner| owner.states);
        let states = others.reduce(std::ops::Add::add).unwrap_or_default();
        owners.push(Owner { name: OTHERS.into(), states });
    }
    owners.sort_unstable_by(|a, b| by_index(&a.name, &b.name));
    owners
}

/// Whether a name is one of those that stand for something else.
pub(super) fn is_no_name(name: &str) -> bool {
    matches!(name, NONE | UNKNOWN | OTHERS)
}

/// A socket, and what is needed to find its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnedSocket {
    /// 0 if no process holds it.
    pub inode: u32,
    /// Its state.
    pub state: TcpState,
}

/// Sockets by cgroup, as a dump goes by.
#[derive(Debug, Default)]
pub(super) struct ByCgroup(HashMap<Whose, StateCounts>);

/// Whose a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    Nobody,
    /// A process holds it, and the kernel does not say where.
    Unknown,
    Cgroup(u64),
}

impl ByCgroup {
    #[inline]
    pub fn add(&mut self, inode: u32, cgroup: Option<u64>, state: TcpState) {
        let whose = match cgroup {
            Some(cgroup) => Whose::Cgroup(cgroup),
            None if inode == 0 => Whose::Nobody,
            None => Whose::Unknown,
        };
        self.0.entry(whose).or_default().add(state, 1);
    }

    /// The numbers of the cgroups.
    pub fn cgroups(&self) -> impl Iterator<Item = u64> {
        self.0.keys().filter_map(|whose| match whose {
            Whose::Cgroup(cgroup) => Some(*cgroup),
            Whose::Nobody | Whose::Unknown => None,
        })
    }

    /// Whether the kernel does not tell the cgroups of sockets.
    pub fn are_not_told(&self) -> bool {
        self.0.contains_key(&Whose::Unknown) && self.cgroups().next().is_none()
    }

    /// The sockets by the names of their units.
    pub fn named(&self, units: &Units) -> Vec<Owner> {
        let mut names: HashMap<Arc<str>, StateCounts> = HashMap::new();
        for (whose, states) in &self.0 {
            let name = match whose {
                Whose::Nobody => NONE.into(),
                Whose::Unknown => UNKNOWN.into(),
                Whose::Cgroup(cgroup) => units.name(*cgroup).cloned().unwrap_or_else(|| UNKNOWN.into()),
            };
            let sum = names.entry(name).or_default();
            *sum = *sum + *states;
        }
        largest(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(sockets: u32) -> StateCounts {
        let mut counts = [0; TcpState::ALL.len()];
        counts[4] = sockets;
        StateCounts::from(counts)
    }

    #[test]
    fn names_beyond_the_limit_are_one_row_and_the_sum_stays() {
        let name = |number: u32| format!("unit{number}.service");
        let of = |number: u32| (Arc::from(name(number)), states(number));
        let few = largest((1..=1024).map(of).collect());
        assert_eq!((few.len(), &*few[0].name), (1024, "unit1.service"));
        let mut names: HashMap<_, _> = (1..=2000).map(of).collect();
        names.insert(NONE.into(), states(1));
        let many = largest(names);
        assert_eq!((many.len(), many.iter().map(Owner::sockets).sum::<u64>()), (1024, 2000 * 2001 / 2 + 1));
        let row = |name: &str| many.iter().find(|row| &*row.name == name).map(Owner::sockets);
        // 1,022 names, (none) and (others).
        assert_eq!((row(&name(979)), row(&name(978))), (Some(979), None));
        assert_eq!((row(NONE), row(OTHERS)), (Some(1), Some(978 * 979 / 2)));
        assert!(many.windows(2).all(|pair| by_index(&pair[0].name, &pair[1].name).is_lt()));
    }

    #[test]
    fn a_socket_is_nobodys_unknown_or_of_a_cgroup() {
        let mut sockets = ByCgroup::default();
        sockets.add(0, None, TcpState::TimeWait);
        sockets.add(7, None, TcpState::Established);
        assert!(sockets.are_not_told());
        // One that its process has left behind still has its cgroup.
        sockets.add(0, Some(4711), TcpState::FinWait1);
        assert!(!sockets.are_not_told());
        assert_eq!(sockets.cgroups().collect::<Vec<_>>(), [4711]);
        let rows = sockets.named(&Units::default());
        let told: Vec<_> = rows.iter().map(|row| (&*row.name, row.sockets())).collect();
        assert_eq!(told, [(NONE, 1), (UNKNOWN, 2)]);
    }
}
