//! Which port resets, which way and why: lnsResetTable, and the command `resets`.
//!
//! The kernel writes an event for each reset into buffers of [`crate::trace`]; they are taken out at intervals that
//! follow how fast the buffers fill ([`pace`]), with a bound on the time that takes, and counted in a [`table`] of
//! bounded size, all of it by [`counting`]. What the kernel has no room for meanwhile it drops and counts itself. In the
//! subagent a [`recorder`] thread does that, so that the loop never waits for it; a reading of the source `resets` is a copy of
//! its table.

pub mod counting;
pub mod pace;
pub mod processes;
pub mod recorder;
pub mod table;
