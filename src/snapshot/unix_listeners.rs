//! The source `unix`: Unix sockets that listen, by sock_diag. The kernel looks at every Unix socket for it, of which there
//! may be very many, so nothing else waits for it.

use super::Detail;
use super::diagnosis::{Lack, Lacking, dump};
use super::queues::{MOST_PATHS, UnixCounting, UnixListener};
use super::source::{MaxAges, Others, Reading, Source, Timing};
use crate::proc::diag::unix;
use crate::proc::read::ProcRoot;
use std::time::{Duration, SystemTime};

/// One reading of the source.
#[derive(Debug, Default)]
pub struct UnixListeners {
    /// In the order of their index.
    pub rows: Vec<UnixListener>,
}

/// What stays from one reading to the next.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory(Lacking);

impl Source for UnixListeners {
    const NAME: &'static str = "unix";
    const READ_FROM: &'static str = "sock_diag";
    type Memory = Memory;
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.sockets
    }

    fn known(_: Option<&Self>, _: &Memory, _: &Others<'_>) {}

    fn read(root: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
        let (mut counting, mut lack, mut problems) = (UnixCounting::default(), None, Vec::new());
        let dumped = dump(root, "Unix listeners", &unix::listeners(), |payload| {
            if let Some(listener) = unix::listener(payload)? {
                counting.add(&listener)?;
            }
            Ok(())
        });
        let data = match dumped {
            Ok(()) => {
                lack = counting.has_too_many.then_some(Lack::ManyUnixListeners(MOST_PATHS));
                Some(Self { rows: counting.into_rows() })
            }
            Err(failed) => {
                failed.tell(&mut lack, &mut problems);
                None
            }
        };
        Reading { data, problems, notes: Vec::new(), memory: Some(Memory(Lacking::of(lack))) }
    }

    fn follow(reading: &mut Reading<Self>, memory: &mut Memory, _: Timing, _: SystemTime) -> Option<String> {
        reading.memory.as_mut()?.0.after(memory.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener as Socket;

    #[test]
    fn a_listener_of_our_own_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _listener = Socket::bind(&path).unwrap();
        let rows = UnixListeners::read(&ProcRoot::new("/proc"), Detail::Counts, ()).data.unwrap().rows;
        let row = rows.iter().find(|row| *row.path == *path.to_str().unwrap()).unwrap();
        assert!((row.queue, row.sockets, row.fullest) == (0, 1, 0) && row.limit > 0, "{row:?}");
    }
}
