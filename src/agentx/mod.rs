//! AgentX, RFC 2741: the subagent's side.
//!
//! [`wire`] turns bytes into PDUs and answers into bytes; [`admin`] builds the administrative PDUs that we send;
//! [`session`] holds the protocol's rules and does no I/O; [`address`] says where to connect; [`transport`] connects,
//! reads and writes; `polling` says when it should not sleep. None of them knows what is served: the session hands each
//! request to its driver, `agent`, as a [`wire::Query`].

pub mod address;
pub mod admin;
mod polling;
pub mod session;
pub mod settings;
pub mod transport;
pub mod wire;
