//! What the sources `tcp` and `udp` share: how much of a socket table to keep, and its rows in order.

use super::instances::Positions;
use crate::proc::error::{Fault, NoMemory};
use crate::proc::sockets::{Address, Endpoint, Head, TcpState, V4, V6};

/// The kernel's number for a UDP socket with a peer (TCP_ESTABLISHED).
pub(super) const CONNECTED: u8 = 1;
/// And for one without (TCP_CLOSE).
pub const UNCONNECTED: u8 = 7;

/// Which of a protocol's two tables to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Families {
    /// net/tcp or net/udp
    pub ipv4: bool,
    /// net/tcp6 or net/udp6
    pub ipv6: bool,
}

impl Families {
    /// Both of them.
    pub const BOTH: Self = Self { ipv4: true, ipv6: true };
}

/// The rows of a protocol's two tables, each in the order of its index in the MIB.
#[derive(Debug, Default)]
pub struct SocketRows {
    /// net/tcp, listeners included, or net/udp
    pub ipv4: Vec<SocketRow<V4>>,
    /// net/tcp6, listeners included, or net/udp6
    pub ipv6: Vec<SocketRow<V6>>,
    connections4: Positions,
    connections6: Positions,
    unconnected4: Positions,
}

impl SocketRows {
    /// The positions of connections (RFC 4022), not listeners, in net/tcp's rows.
    pub fn connections4(&self) -> &[u32] {
        self.connections4.of(&self.ipv4, |row, _| row.state != TcpState::Listen.number())
    }

    /// The same for net/tcp6's rows.
    pub fn connections6(&self) -> &[u32] {
        self.connections6.of(&self.ipv6, |row, _| row.state != TcpState::Listen.number())
    }

    /// The positions in net/udp's rows of RFC 2013's listeners as snmpd sees them: one socket without a peer for each
    /// local endpoint that has any.
    pub fn unconnected4(&self) -> &[u32] {
        self.unconnected4.of(&self.ipv4, |row, before| {
            row.state == UNCONNECTED && before.is_none_or(|before| before.local() != row.local())
        })
    }

    /// The inodes of all rows, 0 for sockets that no process holds.
    pub fn inodes(&self) -> impl Iterator<Item = u64> {
        self.ipv4.iter().map(|row| row.inode).chain(self.ipv6.iter().map(|row| row.inode))
    }
}

/// One socket of a table, as compact as possible: 24 octets for IPv4, 48 for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketRow<A> {
    /// Inode; 0 if no process holds the socket.
    pub inode: u64,
    local_address: A,
    remote_address: A,
    local_port: u16,
    remote_port: u16,
    /// TCP: the MIB's number for the state. UDP: the kernel's, 1 with a peer, 7 without.
    pub state: u8,
}

impl<A: Address> SocketRow<A> {
    /// A row from its parts.
    pub(super) fn new(local: Endpoint<A>, remote: Endpoint<A>, state: u8, inode: u64) -> Self {
        Self {
            inode,
            local_address: local.address,
            remote_address: remote.address,
            local_port: local.port,
            remote_port: remote.port,
            state,
        }
    }

    /// A row from a line of a socket table.
    pub(super) fn of(head: &Head<'_>, state: u8) -> Result<Self, Fault> {
        Ok(Self::new(head.local()?, head.remote()?, state, head.inode()?))
    }

    /// The local endpoint.
    pub fn local(&self) -> Endpoint<A> {
        Endpoint { address: self.local_address, port: self.local_port }
    }

    /// The remote endpoint.
    pub fn remote(&self) -> Endpoint<A> {
        Endpoint { address: self.remote_address, port: self.remote_port }
    }

    /// udpEndpointInstance, which tells sockets with equal endpoints apart: the lower 32 bits of the inode, as in
    /// snmpd.
    pub fn instance(&self) -> u32 {
        let [.., a, b, c, d] = self.inode.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    pub(super) fn endpoints(&self) -> (Endpoint<A>, Endpoint<A>) {
        (self.local(), self.remote())
    }
}

/// A sum is known if all its parts are.
pub(super) fn plus(sum: Option<u64>, part: Option<u32>) -> Option<u64> {
    sum.zip(part).map(|(sum, part)| sum.saturating_add(part.into()))
}

/// A host under attack may have no memory for the rows: then this table fails, not the process.
pub(super) fn keep<A>(rows: &mut Vec<SocketRow<A>>, row: SocketRow<A>) -> Result<(), NoMemory> {
    if rows.len() == rows.capacity() {
        rows.try_reserve(rows.len().max(256)).map_err(|_| NoMemory)?;
    }
    rows.push(row);
    Ok(())
}

/// Sorts rows by a key, and keeps the last of those with equal keys: a table may show a socket twice if it changes
/// meanwhile, and the later row is newer.
pub(super) fn in_order<A: Address, K: Ord>(
    rows: &mut Vec<SocketRow<A>>,
    key: impl Fn(&SocketRow<A>) -> K,
) -> Result<(), NoMemory> {
    // Sorting takes memory too, and aborts the process if there is none: better to fail this table.
    let spare = Vec::<SocketRow<A>>::new().try_reserve_exact(rows.len());
    spare.map_err(|_| NoMemory)?;
    rows.sort_by_key(&key);
    rows.dedup_by(|later, kept| {
        let repeats = key(later) == key(kept);
        if repeats {
            *kept = *later;
        }
        repeats
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compact() {
        assert!(size_of::<SocketRow<V4>>() <= 32);
        assert!(size_of::<SocketRow<V6>>() <= 56);
    }
}
