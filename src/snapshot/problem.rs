//! Why a source, or part of it, could not be read.

use crate::proc::error::NoMemory;
use crate::proc::netlink::DumpError;
use crate::proc::read::ReadError;
use crate::resets::recorder::RecorderError;
use crate::trace::error::TraceError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a reading lacks, and why. Its text appears in lnsAgentSourceError and in the log.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file, or a line of it.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// What is to be kept of a table does not fit into memory.
    #[error("{path}: {cause}")]
    NoMemory {
        /// The file.
        path: PathBuf,
        /// What did not fit into memory.
        cause: NoMemory,
    },
    /// Reading a table was abandoned. The text omits the line, so that it is reported once.
    #[error("{path}: not read to its end, since that costs more than {seconds} s of CPU time")]
    TooSlow {
        /// The file.
        path: PathBuf,
        /// What a reading may cost.
        seconds: u64,
    },
    /// Sockets in this state are left out of all counts.
    #[error("{path}: sockets in state {state:02X}, which no MIB knows, are not counted")]
    UnknownState {
        /// The file.
        path: PathBuf,
        /// The kernel's number of the first such state.
        state: u8,
    },
    /// Only the number of UDP sockets is known.
    #[error(
        "net/udp is too slow with {sockets} sockets, and sock_diag: {why}: what is known is their number, from \
         net/sockstat"
    )]
    NumberAlone {
        /// With how many sockets the files were too slow.
        sockets: u64,
        /// Why there is no dump.
        why: NoDump,
    },
    /// A dump by sock_diag failed.
    #[error("{what} by sock_diag: {why}")]
    NoDump {
        /// The sockets.
        what: &'static str,
        /// Why they cannot be dumped.
        why: NoDump,
    },
    /// There are more Unix listeners than rows.
    #[error("more than {most} addresses of Unix listeners: the others have no row")]
    ManyUnixListeners {
        /// How many have one.
        most: usize,
    },
    /// A counter appears twice.
    #[error("{}{group} {name} stands twice, the first is taken", within(path.as_deref()))]
    Repeated {
        /// The file, if known.
        path: Option<PathBuf>,
        /// `Tcp`
        group: String,
        /// `InSegs`
        name: String,
    },
    /// There is no reading of resets.
    #[error("{0}")]
    Resets(#[from] RecorderError),
    /// There is one, but it lacks the contents of a buffer.
    #[error("{0}")]
    Buffer(Arc<TraceError>),
    /// There is no recorder yet.
    #[error("nobody records resets")]
    NoRecorder,
    /// The reading did not start.
    #[error("no thread can be started to read it: {0}")]
    NoThread(io::Error),
    /// The reading does not end.
    #[error("reading takes longer than {seconds} s")]
    NoEnd {
        /// How long we waited for it.
        seconds: u64,
    },
    /// The reading's thread ended without a result.
    #[error("the reading broke off; please report this")]
    BrokenOff,
}

/// Why there is no dump of sockets.
#[derive(Debug, thiserror::Error)]
pub enum NoDump {
    /// sock_diag shows the network namespace of this process.
    #[error("it would show another network namespace")]
    Elsewhere,
    /// The dump failed.
    #[error("{0}")]
    Dump(#[from] DumpError),
    /// Sorting its rows failed.
    #[error("sock_diag: {0}")]
    NoMemory(#[from] NoMemory),
}

fn within(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{}, ", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc::error::{Fault, ParseError};

    /// People search for these texts.
    #[test]
    fn problems_say_what_is_missing_and_where() {
        let path = || PathBuf::from("/proc/net/tcp");
        let cause = ParseError::new(7, Fault::NoMemory(NoMemory));
        let repeated =
            |path| Problem::Repeated { path, group: "Udp".into(), name: "NoPorts".into() }.to_string();
        assert_eq!(
            [
                Problem::from(ReadError::Malformed { path: path(), cause }).to_string(),
                Problem::NoMemory { path: path(), cause: NoMemory }.to_string(),
                Problem::TooSlow { path: path(), seconds: 10 }.to_string(),
                Problem::UnknownState { path: path(), state: 14 }.to_string(),
                Problem::NumberAlone { sockets: 7, why: NoDump::Elsewhere }.to_string(),
                Problem::NumberAlone { sockets: 7, why: NoMemory.into() }.to_string(),
                repeated(Some("/proc/net/snmp".into())),
                repeated(None),
                Problem::from(RecorderError::Ended).to_string(),
                Problem::Buffer(TraceError::NoSize { path: path() }.into()).to_string(),
                Problem::NoRecorder.to_string(),
                Problem::NoThread(io::ErrorKind::WouldBlock.into()).to_string(),
                Problem::NoEnd { seconds: 30 }.to_string(),
                Problem::BrokenOff.to_string(),
            ],
            [
                "/proc/net/tcp, line 7: no memory for the rows of the table",
                "/proc/net/tcp: no memory for the rows of the table",
                "/proc/net/tcp: not read to its end, since that costs more than 10 s of CPU time",
                "/proc/net/tcp: sockets in state 0E, which no MIB knows, are not counted",
                "net/udp is too slow with 7 sockets, and sock_diag: it would show another network namespace: what is \
                 known is their number, from net/sockstat",
                "net/udp is too slow with 7 sockets, and sock_diag: sock_diag: no memory for the rows of the table: what \
                 is known is their number, from net/sockstat",
                "/proc/net/snmp, Udp NoPorts stands twice, the first is taken",
                "Udp NoPorts stands twice, the first is taken",
                "the recorder of resets has ended",
                "/proc/net/tcp: no size",
                "nobody records resets",
                "no thread can be started to read it: operation would block",
                "reading takes longer than 30 s",
                "the reading broke off; please report this",
            ]
        );
    }
}
