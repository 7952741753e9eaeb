//! From the kernel's trace buffer to typed events: which resets TCP sent and received, and why.
//!
//! The parsers are pure, bytes in and values out: [`format`] reads the description of an event that the kernel gives,
//! [`page`] takes a page of the trace buffer apart, [`reset`] makes a [`reset::Reset`] of a record. Only
//! [`folder`], [`instance`] and [`prepared`] open anything below tracefs, which [`mounts`] finds.
//!
//! The buffer is read as the kernel has it (`trace_pipe_raw`), not as text (`trace_pipe`): the text takes the kernel
//! many times as long to make as the bytes take to copy, and it leaves out what the bytes have, such as whether there
//! was a packet that was answered.

pub mod error;
pub mod folder;
pub mod format;
pub mod instance;
pub mod mounts;
pub mod page;
pub mod prepared;
pub mod reset;
