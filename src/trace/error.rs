//! Why the kernel's events are unavailable, and what to do about it.

use super::format::FormatError;
use super::page::Broken;
use super::reset::MissingField;
use crate::proc::read::ReadError;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why resets cannot be traced, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// tracefs is not mounted.
    #[error("tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing")]
    NotMounted,
    /// Making, opening, reading or writing a file or folder below tracefs failed.
    #[error("{path}: {cause}{}", hint(cause))]
    Io {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// The kernel does not have the events.
    #[error("{path}: not there; Linux has it since 4.16, if it was built with tracing")]
    NoEvent {
        /// Where the kernel would describe it.
        path: PathBuf,
    },
    /// A file below tracefs is endless, empty or cut short.
    #[error("{0}")]
    Unusable(ReadError),
    /// The description of an event or of the buffer is malformed.
    #[error("{path}, {cause}")]
    Malformed {
        /// The file that describes it.
        path: PathBuf,
        /// What is wrong, and where.
        cause: FormatError,
    },
    /// An event lacks a field.
    #[error("{0}")]
    OtherEvent(#[from] MissingField),
    /// The kernel does not say how large the buffers are.
    #[error("{path}: no size")]
    NoSize {
        /// The file that should.
        path: PathBuf,
    },
    /// The contents of the buffer do not match their description.
    #[error("{0}")]
    BrokenPage(#[from] Broken),
}

impl TraceError {
    /// Whether something does not exist, or no longer does.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Self::Io { cause, .. } if cause.kind() == ErrorKind::NotFound
            || cause.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()))
    }
}

fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::PermissionDenied => {
            "; tracing needs root or CAP_DAC_OVERRIDE, or in a systemd unit the drop-in resets.conf and tracefs at \
             /sys/kernel/tracing, and a kernel that is not locked down"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "; tracefs is read-only here, as ProtectKernelTunables=yes of a systemd unit makes it"
        }
        // Under lockdown=confidentiality the kernel creates no files in tracefs (fs/tracefs/inode.c).
        ErrorKind::NotFound => {
            "; is tracefs hidden, as by ProtectKernelTunables=yes of a systemd unit, or empty, as in a kernel that is \
             locked down (lockdown=confidentiality)?"
        }
        _ => "",
    }
}

pub(super) fn failed(path: &Path) -> impl FnOnce(io::Error) -> TraceError {
    let path = path.to_owned();
    move |cause| TraceError::Io { path, cause }
}

impl From<ReadError> for TraceError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent { path } => Self::NoEvent { path },
            ReadError::Io { path, cause } => Self::Io { path, cause },
            other => Self::Unusable(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::super::page::PageLayout;
    use super::*;
    use crate::proc::error::{Fault, ParseError};

    #[test]
    fn errors_say_what_to_do() {
        let told = |kind: ErrorKind| failed(Path::new("/t/instances"))(kind.into()).to_string();
        assert!(told(ErrorKind::PermissionDenied).contains("root or CAP_DAC_OVERRIDE"));
        assert!(told(ErrorKind::ReadOnlyFilesystem).contains("ProtectKernelTunables"));
        let hidden = told(ErrorKind::NotFound);
        assert!(hidden.starts_with("/t/instances: ") && hidden.contains("ProtectKernelTunables"));
        assert!(hidden.contains("lockdown=confidentiality"), "{hidden}");
        let absent = ReadError::Absent { path: "/t/events/tcp/tcp_send_reset/format".into() };
        assert!(TraceError::from(absent).to_string().contains("since 4.16"));
    }

    #[test]
    fn what_cannot_be_understood_is_told_with_its_place() {
        let path = || PathBuf::from("/t/format");
        let malformed = |contents: &[u8]| {
            let cause = Format::parse(contents).unwrap_err();
            TraceError::Malformed { path: path(), cause }.to_string()
        };
        let page = |contents: &[u8]| PageLayout::parse(contents).unwrap_err().to_string();
        let cut = ReadError::Malformed { path: path(), cause: ParseError::new(2, Fault::CutShort) };
        assert_eq!(
            [
                malformed(b"name: x\nID: y\n"),
                malformed(b"name: x\n"),
                malformed(b"\tfield:;\toffset:0;\n"),
                malformed(b"\tfield:int a;\toffset:0;\n"),
                page(b""),
                page(b"\tfield: local_t commit;\toffset:8;\tsize:7;\n\tfield: char data;\toffset:16;\tsize:9;\n"),
                TraceError::from(cut).to_string(),
                TraceError::NoSize { path: path() }.to_string(),
                TraceError::from(Broken).to_string(),
            ],
            [
                "/t/format, line 2: ID is no event's number",
                "/t/format, line 0: ID is missing",
                "/t/format, line 1: '' declares no field that has a name",
                "/t/format, line 1: a has no offset and size within a page",
                "line 0: commit is missing",
                "line 0: commit and data do not make a page",
                "/t/format, line 2: cut short",
                "/t/format: no size",
                "a page of the trace buffer is not what header_page and header_event say",
            ]
        );
    }
}
