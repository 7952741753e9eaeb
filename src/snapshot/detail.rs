//! How much a reading returns.

/// How much of the tables to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Counts and listeners: constant memory, whatever the number of sockets.
    Counts,
    /// Also a row for each socket.
    Rows,
}
