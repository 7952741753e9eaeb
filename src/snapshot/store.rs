//! The latest reading of every source.

use super::latest::{AnySource, Change, Done, Latest, News};
use super::problem::Problem;
use super::source::{MaxAges, Others, Source};
use super::touched::{SourceId, Touched, each_source};
use crate::resets::recorder::Handle;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

macro_rules! store {
    ($($id:ident $field:ident: $source:ty;)*) => {
        /// The latest reading of every source.
        #[derive(Debug)]
        pub struct Snapshot {
            $(
                #[doc = concat!("See [`", stringify!($source), "`].")]
                pub $field: Latest<$source>,
            )*
            pub(super) ages: MaxAges,
            /// Whether sources rest in proportion to the cost of their readings.
            pub(super) rests: bool,
        }

        impl Snapshot {
            /// A snapshot without any reading yet.
            #[must_use]
            pub fn new(ages: MaxAges) -> Self {
                Self { $($field: Latest::default(),)* ages, rests: true }
            }

            /// A source, whatever its data.
            #[must_use]
            pub fn entry(&self, id: SourceId) -> &dyn AnySource {
                match id {
                    $(SourceId::$id => &self.$field,)*
                }
            }

            pub(super) fn entry_mut(&mut self, id: SourceId) -> &mut dyn AnySource {
                match id {
                    $(SourceId::$id => &mut self.$field,)*
                }
            }
        }

        impl SourceId {
            /// The source's name, as in lnsAgentSourceTable and the log.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$id => <$source as Source>::NAME,)*
                }
            }

            /// Where it is read from.
            #[must_use]
            pub fn read_from(self) -> &'static str {
                match self {
                    $(Self::$id => <$source as Source>::READ_FROM,)*
                }
            }
        }
    };
}
each_source!(store);

/// Some readings: none of them was made again as long as the same are the latest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readings {
    /// Of which sources.
    pub touched: Touched,
    /// How many readings of these there have been, and failures.
    count: u64,
}

impl SourceId {
    /// All of them, sorted by name as in an index: shorter ones first.
    #[must_use]
    pub fn by_name() -> &'static [Self] {
        static BY_NAME: LazyLock<Vec<SourceId>> = LazyLock::new(|| {
            let mut ids = SourceId::ALL.to_vec();
            ids.sort_by_key(|id| (id.name().len(), id.name()));
            ids
        });
        &BY_NAME
    }
}

impl Snapshot {
    /// A snapshot for a command that reads each source once: no source rests.
    #[must_use]
    pub fn for_once(ages: MaxAges) -> Self {
        Self { rests: false, ..Self::new(ages) }
    }

    /// Starts resets anew, or stops them; [`Self::recorded_by`] says who records them.
    pub fn want_resets(&mut self, wanted: bool) {
        self.resets.forget();
        self.resets.memory.want(wanted);
    }

    /// Reads resets from a recorder from now on.
    pub fn recorded_by(&mut self, recorder: Handle) {
        self.resets.memory.recorded_by(recorder);
    }

    /// Whether resets are wanted, whether possible or not.
    #[must_use]
    pub fn wants_resets(&self) -> bool {
        self.resets.is_wanted()
    }

    /// Drops all data read below a root.
    pub fn forget(&mut self) {
        for &id in SourceId::ALL {
            self.entry_mut(id).forget_root();
        }
    }

    /// Since when no counter has restarted: lnsAgentCountersSince.
    #[must_use]
    pub fn counters_since(&self) -> SystemTime {
        self.counters.memory.history.since()
    }

    /// Changes how old the sources may be, from now on.
    pub fn set_max_ages(&mut self, ages: MaxAges) {
        self.ages = ages;
    }

    /// When the oldest reading touched began; `None` before the first.
    #[must_use]
    pub fn read_at(&self, touched: Touched) -> Option<Instant> {
        let touched = SourceId::ALL.iter().filter(|id| touched.has(**id));
        touched.filter_map(|id| Some(self.entry(*id).health().timing?.begun)).min()
    }

    /// The latest readings of what was touched.
    #[must_use]
    pub fn readings(&self, touched: Touched) -> Readings {
        let ids = SourceId::ALL.iter().filter(|id| touched.has(**id));
        let counts = ids.map(|id| self.entry(*id).health()).map(|health| health.refreshes + health.failures);
        Readings { touched, count: counts.sum() }
    }

    /// Whether all that was touched could be read, so that what is not there does not exist; not if nothing was touched.
    #[must_use]
    pub fn could_read(&self, touched: Touched) -> bool {
        let mut touched = SourceId::ALL.iter().filter(|id| touched.has(**id)).peekable();
        touched.peek().is_some()
            && touched.all(|id| {
                let health = self.entry(*id).health();
                health.timing.is_some() && health.problem.is_none()
            })
    }

    /// What is wrong with the sources that were read.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        SourceId::ALL.iter().filter_map(|id| self.entry(*id).health().problem)
    }

    /// How much each source has now.
    pub(super) fn detailed(&self) -> Touched {
        let ids = SourceId::ALL.iter();
        ids.fold(Touched::default(), |all, id| all.with_detail(*id, self.entry(*id).detail()))
    }

    /// What a source learns about the others.
    pub(super) fn others<T>(&self, tell: impl FnOnce(&Others<'_>) -> T) -> T {
        let inodes = || {
            let mut inodes = Vec::new();
            for id in SourceId::ALL {
                self.entry(*id).inodes(&mut inodes);
            }
            inodes
        };
        let owned = || SourceId::ALL.iter().find_map(|id| self.entry(*id).owned());
        tell(&Others { detailed: self.detailed(), inodes: &inodes, owned: &owned })
    }

    /// Stores a reading and returns what is new to report about it.
    pub fn accept(&mut self, done: Done) -> Vec<Change> {
        let id = done.id;
        let news = self.entry_mut(id).accept(done);
        news.into_iter().map(|news| Change { id, news }).collect()
    }

    /// Marks a source as failed because its reading timed out.
    pub fn fail(&mut self, id: SourceId, problem: &Problem) -> Option<Change> {
        let news: Option<News> = self.entry_mut(id).fail(problem);
        news.map(|news| Change { id, news })
    }
}
