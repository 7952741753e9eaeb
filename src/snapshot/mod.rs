//! What we read from `/proc`, how old it is, and when to read it again.
//!
//! A [`Snapshot`] holds the latest reading of each source. Nothing is read until an answer asks for it: the answer is
//! computed from the present readings, and the sources it touched are noted ([`Touched`]). A [`Job`] then reads those
//! older than their max-age on another thread, once, however many requests wait.
//!
//! [`source`] defines what a source is, `touched.rs` lists them, and each has a file of its own here.

pub mod counters;
pub mod counts;
pub mod destinations;
mod detail;
pub mod diagnosis;
mod due;
pub mod instances;
mod latest;
pub mod listeners;
pub mod notes;
pub mod owner_counts;
pub mod owners;
pub mod paths;
pub mod problem;
pub mod processes;
pub mod queues;
pub mod resets;
pub mod services;
pub mod sockets;
pub mod sockstat;
pub mod source;
mod store;
pub mod tcp;
mod touched;
pub mod udp;
pub mod udp_table;
pub mod unix_listeners;

pub use detail::Detail;
pub use due::Job;
pub use latest::{AnySource, Begun, Change, Done, Health, Latest, News};
pub use source::MaxAges;
pub use store::{Readings, Snapshot};
pub use touched::{SourceId, Touched};
