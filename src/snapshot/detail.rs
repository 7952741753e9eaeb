//! How much a reading returns.

/// How much of the tables to keep; each level has all of those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Counts and listeners: constant memory, whatever the number of sockets.
    #[default]
    Counts,
    /// Also where connections go, in bounded memory.
    Peers,
    /// Also a row for each socket.
    Rows,
}
