//! How much a reading brings.

/// How much of the tables to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Counts and listeners: constant memory, however many sockets there are.
    Counts,
    /// A row for each socket too.
    Rows,
}
