//! Models to hold the subagent against, shared by the property tests and the fuzz targets.

pub mod sockets;
pub mod wire;
