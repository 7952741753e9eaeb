//! The figures of net/sockstat and net/sockstat6, what else runs against a limit, and the limits.

use super::detail::Detail;
use super::notes::Note;
use super::problem::Problem;
use super::source::{MaxAges, Others, Reading, Source};
use crate::proc::figure::{Figure, Width};
use crate::proc::read::{self, ProcRoot, ReadError};
use crate::proc::sockstat::{SockstatFigure, figures, neighbors, numbers_of};
use std::time::Duration;

/// One reading of the source `sockstat`.
#[derive(Debug, Default)]
pub struct Sockstat {
    figures: Vec<SockstatFigure>,
    sysctls: Vec<(&'static str, Vec<Option<u64>>)>,
    neighbors: Vec<(&'static str, Option<u64>)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Figures that were below zero.
    pub notes: Vec<Note>,
}

/// What kind of numbers a file of sys holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Signed in the kernel, whatever it prints.
    Level(Width),
    /// Unsigned.
    Count,
}

/// The files of sys that are read: how many numbers each holds, and of which kind. Many are not in every kernel; those of
/// tcp_mem, udp_mem, tcp_max_orphans, netdev_max_backlog and the neighbour tables exist only in the first network
/// namespace (`ipv4_table` in net/ipv4/sysctl_net_ipv4.c, `net_core_table` in net/core/sysctl_net_core.c,
/// `neigh_sysctl_register` in net/core/neighbour.c), those of netfilter only while its module is loaded.
const SYSCTLS: [(&str, usize, Kind); 16] = [
    ("net/ipv4/tcp_mem", 3, Kind::Level(Width::Long)),
    ("net/ipv4/udp_mem", 3, Kind::Level(Width::Long)),
    ("net/ipv4/tcp_max_orphans", 1, Kind::Level(Width::Int)),
    ("net/ipv4/tcp_max_tw_buckets", 1, Kind::Level(Width::Int)),
    ("net/core/somaxconn", 1, Kind::Level(Width::Int)),
    ("net/ipv4/tcp_max_syn_backlog", 1, Kind::Level(Width::Int)),
    ("net/ipv4/ip_local_port_range", 2, Kind::Level(Width::Int)),
    ("net/core/netdev_max_backlog", 1, Kind::Level(Width::Int)),
    // An int before Linux 4.17; it is compared as a long (`inet_frag_create` in net/ipv4/inet_fragment.c).
    ("net/ipv4/ipfrag_high_thresh", 1, Kind::Level(Width::Long)),
    ("net/ipv6/ip6frag_high_thresh", 1, Kind::Level(Width::Long)),
    (FILE_NR, 3, Kind::Count),
    ("fs/file-max", 1, Kind::Count),
    ("net/netfilter/nf_conntrack_count", 1, Kind::Level(Width::Int)),
    ("net/netfilter/nf_conntrack_max", 1, Kind::Level(Width::Int)),
    ("net/ipv4/neigh/default/gc_thresh3", 1, Kind::Level(Width::Int)),
    ("net/ipv6/neigh/default/gc_thresh3", 1, Kind::Level(Width::Int)),
];

/// Allocated, free, and the limit once more.
const FILE_NR: &str = "fs/file-nr";

/// The files with the sizes of the neighbour tables, which exist only in the first network namespace (`neigh_table_init`
/// in net/core/neighbour.c).
const NEIGHBORS: [&str; 2] = ["stat/arp_cache", "stat/ndisc_cache"];

impl Sockstat {
    /// Reads all files of the source.
    #[must_use]
    pub fn read(root: &ProcRoot) -> Self {
        let mut this = Self::sockets(root);
        let mut buffer = Vec::new();
        for (file, count, kind) in SYSCTLS {
            let Some(path) = root.sysctl(file) else {
                continue;
            };
            match read::sysctl(&path, &mut buffer, |contents| numbers_of(count, contents)) {
                Ok(numbers) => {
                    let numbers: Vec<_> = numbers.into_iter().map(|number| kind.number(number)).collect();
                    if numbers.contains(&None) {
                        this.notes.push(Note::below_zero(file.rsplit('/').next().unwrap_or(file)));
                    }
                    this.sysctls.push((file, numbers));
                }
                Err(error) => this.note(error, true),
            }
        }
        if this.sysctl(FILE_NR, 0).is_some() && this.open_files().is_none() {
            this.notes.push(Note::below_zero("open files"));
        }
        for file in NEIGHBORS {
            match read::parsed(&root.net(file), &mut buffer, neighbors) {
                Ok(size) => {
                    if size.count().is_none() {
                        this.notes.push(Note::below_zero(&format!("{file} entries")));
                    }
                    this.neighbors.push((file, size.count()));
                }
                Err(error) => this.note(error, true),
            }
        }
        this
    }

    /// Reads net/sockstat and net/sockstat6 alone.
    #[must_use]
    pub fn sockets(root: &ProcRoot) -> Self {
        let (mut this, mut buffer) = (Self::default(), Vec::new());
        for (file, may_lack) in [("sockstat", false), ("sockstat6", true)] {
            let path = root.net(file);
            match read::parsed(&path, &mut buffer, |contents| Ok(figures(contents))) {
                Ok((figures, problems)) => {
                    this.figures.extend(figures);
                    let within = |cause| ReadError::Malformed { path: path.clone(), cause }.into();
                    this.problems.extend(problems.into_iter().map(within));
                }
                Err(error) => this.note(error, may_lack),
            }
        }
        let below = this.figures.iter().filter(|figure| figure.value.is_none());
        this.notes =
            below.map(|figure| Note::below_zero(&format!("{} {}", figure.section, figure.key))).collect();
        this
    }

    fn note(&mut self, error: ReadError, may_lack: bool) {
        if !(may_lack && error.is_absent()) {
            self.problems.push(error.into());
        }
    }

    /// A figure, such as `TCP` `inuse`; `None` if it is below zero.
    #[must_use]
    pub fn figure(&self, section: &str, key: &str) -> Option<u64> {
        let is = |figure: &&SockstatFigure| figure.section == section && figure.key == key;
        self.figures.iter().find(is)?.value
    }

    /// A number of a file of sys, such as `net/ipv4/tcp_mem`: a limit, or what is in use.
    #[must_use]
    pub fn sysctl(&self, file: &str, position: usize) -> Option<u64> {
        let (_, numbers) = self.sysctls.iter().find(|(name, _)| *name == file)?;
        numbers.get(position).copied().flatten()
    }

    /// How many files are open on the whole host: those allocated, less the free ones among them.
    #[must_use]
    pub fn open_files(&self) -> Option<u64> {
        self.sysctl(FILE_NR, 0)?.checked_sub(self.sysctl(FILE_NR, 1)?)
    }

    /// The size of a neighbour table: `arp_cache` or `ndisc_cache`.
    #[must_use]
    pub fn neighbors(&self, table: &str) -> Option<u64> {
        let is = |(file, _): &&(&str, _)| file.rsplit('/').next() == Some(table);
        self.neighbors.iter().find(is)?.1
    }
}

impl Kind {
    fn number(self, number: Figure) -> Option<u64> {
        match self {
            Self::Level(width) => number.as_level(width).count(),
            Self::Count => number.count(),
        }
    }
}

impl Source for Sockstat {
    const NAME: &'static str = "sockstat";
    const READ_FROM: &'static str = "net/sockstat, the sizes of the neighbour tables, and sysctls";
    type Memory = ();
    type Known = ();

    fn max_age(ages: &MaxAges) -> Duration {
        ages.counters
    }

    fn known(_: Option<&Self>, (): &(), _: &Others<'_>) {}

    fn read(root: &ProcRoot, _: Detail, (): ()) -> Reading<Self> {
        let mut this = Self::read(root);
        let (problems, notes) = (std::mem::take(&mut this.problems), std::mem::take(&mut this.notes));
        Reading { data: Some(this), problems, notes, memory: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of a real dump with a negative figure in each section; the other figures stay.
    #[test]
    fn what_is_below_zero_has_no_figure_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("1/net")).unwrap();
        let file = |name: &str, contents: &str| {
            std::fs::write(folder.path().join("1/net").join(name), contents).unwrap();
        };
        file(
            "sockstat",
            "TCP: inuse 6 orphan 0 tw 5 alloc 7 mem -3\nFRAG: inuse 0 memory 18446744073709547776\n",
        );
        file("sockstat6", "TCP6: inuse 2\nFRAG6: inuse 4294967295 memory 0\n");
        let sockstat = Sockstat::read(&ProcRoot::new(folder.path()));
        let figure = |section, key| sockstat.figure(section, key);
        assert_eq!(
            (figure("TCP", "mem"), figure("FRAG", "memory"), figure("FRAG6", "inuse")),
            (None, None, None)
        );
        assert_eq!(
            (figure("TCP", "inuse"), figure("TCP", "tw"), figure("TCP", "alloc")),
            (Some(6), Some(5), Some(7))
        );
        assert_eq!((figure("FRAG", "inuse"), figure("FRAG6", "memory")), (Some(0), Some(0)));
        assert!(sockstat.problems.is_empty(), "{:?}", sockstat.problems);
        let told: Vec<_> = sockstat.notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["TCP mem was below zero", "FRAG memory was below zero", "FRAG6 inuse was below zero"]
        );
    }

    /// A root whose process 1 is in our network namespace, with these files.
    fn root_with(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
        std::fs::create_dir_all(folder.path().join("1/ns")).unwrap();
        std::os::unix::fs::symlink(namespace, folder.path().join("1/ns/net")).unwrap();
        for (file, contents) in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        folder
    }

    const LIMITED: [(&str, &str); 8] = [
        ("1/net/sockstat", "TCP: inuse 6\n"),
        ("1/net/stat/arp_cache", "entries allocs\n0000001f 1\n0000001e 2\n"),
        ("sys/net/core/somaxconn", "4096\n"),
        ("sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
        ("sys/net/ipv4/ipfrag_high_thresh", "8589934592\n"),
        ("sys/net/netfilter/nf_conntrack_max", "0\n"),
        ("sys/fs/file-nr", "679\t9\t9223372036854775807\n"),
        ("sys/fs/file-max", "18446744073709551615\n"),
    ];

    /// What is not there is no problem: modules that are not loaded, network namespaces other than the first.
    #[test]
    fn limits_and_what_runs_against_them() {
        let folder = root_with(&LIMITED);
        let sockstat = Sockstat::read(&ProcRoot::new(folder.path()));
        assert!(sockstat.problems.is_empty() && sockstat.notes.is_empty(), "{sockstat:?}");
        let ports = [0, 1, 2].map(|position| sockstat.sysctl("net/ipv4/ip_local_port_range", position));
        assert_eq!(ports, [Some(32768), Some(60999), None]);
        assert_eq!(sockstat.sysctl("net/core/somaxconn", 0), Some(4096));
        // More than 32 bits, and 64 of them, which a kernel takes for so many files.
        assert_eq!(sockstat.sysctl("net/ipv4/ipfrag_high_thresh", 0), Some(1 << 33));
        assert_eq!(sockstat.sysctl("fs/file-max", 0), Some(u64::MAX));
        assert_eq!(sockstat.open_files(), Some(670));
        assert_eq!(sockstat.sysctl("net/netfilter/nf_conntrack_max", 0), Some(0));
        assert_eq!(sockstat.sysctl("net/netfilter/nf_conntrack_count", 0), None);
        assert_eq!((sockstat.neighbors("arp_cache"), sockstat.neighbors("ndisc_cache")), (Some(30), None));
        // Another network namespace's: ours would be shown, of which only files are everybody's.
        std::fs::remove_file(folder.path().join("1/ns/net")).unwrap();
        let elsewhere = Sockstat::read(&ProcRoot::new(folder.path()));
        assert_eq!(elsewhere.sysctl("net/core/somaxconn", 0), None);
        assert_eq!((elsewhere.open_files(), elsewhere.neighbors("arp_cache")), (Some(670), Some(30)));
        let without = Sockstat::sockets(&ProcRoot::new(folder.path()));
        assert_eq!((without.figure("TCP", "inuse"), without.open_files()), (Some(6), None));
    }

    /// Each in turn: its own figures are gone, all others stay, and it is told which file it was.
    #[test]
    fn what_no_kernel_writes_goes_alone_and_is_told() {
        for (file, contents, told) in [
            ("sys/net/core/somaxconn", "0x1000\n", "line 1: '0x1000' is no number"),
            ("sys/net/core/somaxconn", "4096 4096\n", "line 1: 2 numbers, which must be 1"),
            ("sys/net/core/somaxconn", "4096", "line 1: cut short"),
            ("sys/net/core/somaxconn", "", "line 0: empty"),
            ("sys/net/core/somaxconn", "\n", "line 1: no number"),
            ("sys/net/core/somaxconn", "-1\n", "somaxconn was below zero"),
            ("sys/net/core/somaxconn", "4294967295\n", "somaxconn was below zero"),
            ("sys/net/ipv4/ip_local_port_range", "32768\n", "line 1: 1 numbers, which must be 2"),
            ("sys/net/ipv4/ip_local_port_range", "-1\t-1\n", "ip_local_port_range was below zero"),
            ("sys/net/ipv4/ipfrag_high_thresh", "9223372036854775808\n", "ipfrag_high_thresh was below zero"),
            ("sys/net/netfilter/nf_conntrack_max", "-1\n", "nf_conntrack_max was below zero"),
            ("sys/fs/file-nr", "9\t679\t1\n", "open files was below zero"),
            ("sys/fs/file-nr", "679\t0\n", "line 1: 2 numbers, which must be 3"),
            ("sys/fs/file-nr", "-679\t0\t1\n", "file-nr was below zero"),
            ("sys/fs/file-max", "18446744073709551616\n", "line 1: '18446744073709551616' is no number"),
            ("1/net/stat/arp_cache", "entries allocs\nffffffff 1\n", "stat/arp_cache entries was below zero"),
            (
                "1/net/stat/arp_cache",
                "entries allocs\n1f\n",
                "line 2: 1 columns, where the header has 2 names",
            ),
            ("1/net/stat/arp_cache", "allocs\n1f\n", "line 1: no column entries"),
        ] {
            let folder = root_with(&LIMITED);
            std::fs::write(folder.path().join(file), contents).unwrap();
            let sockstat = Sockstat::read(&ProcRoot::new(folder.path()));
            let texts = sockstat.problems.iter().map(ToString::to_string);
            let texts: Vec<_> = texts.chain(sockstat.notes.iter().map(ToString::to_string)).collect();
            let path = folder.path().join(file);
            let expected = if told.starts_with("line") {
                format!("{}, {told}", path.display())
            } else {
                told.to_owned()
            };
            assert_eq!(texts, [expected], "{file}: {contents:?}");
            for (figure, of) in [
                (sockstat.sysctl("net/core/somaxconn", 0), "sys/net/core/somaxconn"),
                (sockstat.sysctl("net/ipv4/ip_local_port_range", 0), "sys/net/ipv4/ip_local_port_range"),
                (sockstat.sysctl("net/ipv4/ipfrag_high_thresh", 0), "sys/net/ipv4/ipfrag_high_thresh"),
                (sockstat.sysctl("net/netfilter/nf_conntrack_max", 0), "sys/net/netfilter/nf_conntrack_max"),
                (sockstat.open_files(), "sys/fs/file-nr"),
                (sockstat.sysctl("fs/file-max", 0), "sys/fs/file-max"),
                (sockstat.neighbors("arp_cache"), "1/net/stat/arp_cache"),
                (sockstat.figure("TCP", "inuse"), "1/net/sockstat"),
            ] {
                assert_eq!(figure.is_none(), of == file, "{file}, {contents:?}: {of}");
            }
        }
    }
}
