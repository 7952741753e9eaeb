//! The list of sources, and which of them an answer used.

use super::detail::Detail;

/// The only list of the sources: a name here, the name of its field in [`super::Snapshot`], and the type that
/// implements [`super::source::Source`]. Everything else that exists once per source is generated from it.
macro_rules! each_source {
    ($make:ident) => {
        $make! {
            Counters counters: crate::snapshot::counters::Counters;
            Sockstat sockstat: crate::snapshot::sockstat::Sockstat;
            Tcp tcp: crate::snapshot::tcp::Tcp;
            Udp udp: crate::snapshot::udp::Udp;
            Listeners listeners: crate::snapshot::listeners::Listeners;
            Unix unix: crate::snapshot::unix_listeners::UnixListeners;
            Owners owners: crate::snapshot::owners::TcpOwners;
            Processes processes: crate::snapshot::processes::Processes;
            Resets resets: crate::snapshot::resets::RecordedResets;
        }
    };
}
pub(super) use each_source;

macro_rules! ids {
    ($($id:ident $field:ident: $source:ty;)*) => {
        /// Which source.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "their types say what they are")]
        pub enum SourceId {
            $($id,)*
        }

        impl SourceId {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];
        }
    };
}
each_source!(ids);

/// The sources an answer used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touched {
    /// Bits by [`SourceId`].
    sources: u32,
    /// The same, for sources of which more than counts was wanted.
    peers: u32,
    /// The same, for sources whose rows were wanted.
    rows: u32,
}

impl Touched {
    /// Notes a source.
    #[must_use]
    pub fn with(self, id: SourceId) -> Self {
        Self { sources: self.sources | 1 << id as u32, ..self }
    }

    /// Notes a source and how much of it.
    #[must_use]
    pub fn with_detail(self, id: SourceId, detail: Detail) -> Self {
        let bit = |level: Detail| u32::from(detail >= level) << id as u32;
        let (peers, rows) = (self.peers | bit(Detail::Peers), self.rows | bit(Detail::Rows));
        Self { peers, rows, ..self.with(id) }
    }

    pub(super) fn has(self, id: SourceId) -> bool {
        self.sources & (1 << id as u32) != 0
    }

    /// How much of a source was noted.
    pub(super) fn detail(self, id: SourceId) -> Detail {
        match 1 << id as u32 {
            bit if self.rows & bit != 0 => Detail::Rows,
            bit if self.peers & bit != 0 => Detail::Peers,
            _ => Detail::Counts,
        }
    }

    /// Whether rows were noted, of whichever source.
    #[must_use]
    pub fn has_any_rows(self) -> bool {
        self.rows != 0
    }

    /// Whether rows of a source were noted in both `self` and `there`, but not in `but_not`.
    pub(super) fn has_rows_of(self, there: Self, but_not: Self) -> bool {
        self.rows & there.rows & !but_not.rows != 0
    }
}
