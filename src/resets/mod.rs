//! Which port resets, in which direction and why: lnsResetTable, and the command `resets`.
//!
//! The kernel writes an event for each reset into buffers of [`crate::trace`]. [`counting`] empties them at intervals
//! that follow how fast they fill ([`pace`]), in bounded time, and counts the events in a [`table`] of bounded size.
//! The kernel drops, and counts, whatever it has no room for meanwhile. In the subagent a [`recorder`] thread does
//! this, so that the loop never waits for it; a reading of the source `resets` is a copy of its table.

pub mod counting;
pub mod pace;
pub mod processes;
pub mod recorder;
pub mod table;
