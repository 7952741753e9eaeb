//! From the kernel's trace buffer to typed events: which resets TCP sent and received, and why.
//!
//! The parsers are pure, bytes in and values out: [`mod@format`] reads the kernel's description of an event, [`page`] takes
//! a page of the trace buffer apart, [`reset`] turns a record into a [`reset::Reset`]. Only [`folder`], [`instance`]
//! and [`prepared`] open anything below tracefs, which [`mounts`] finds.
//!
//! We read the kernel's binary buffer (`trace_pipe_raw`), not its text (`trace_pipe`): the kernel takes many times as
//! long to format the text as to copy the bytes, and the text lacks what the bytes have, such as whether the reset
//! answered a packet.

pub mod error;
pub mod folder;
pub mod format;
pub mod instance;
pub mod mounts;
pub mod page;
pub mod prepared;
pub mod reset;
