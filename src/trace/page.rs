//! A page of the trace buffer, as read from `per_cpu/cpuN/trace_pipe_raw`: a header, then records of variable length.
//!
//! `events/header_page` describes the header, `events/header_event` and the comments in include/linux/ring_buffer.h the
//! records. Everything is in host byte order.

use super::format::{Field, FormatError, FormatFault, fields};
use crate::proc::decimal;

/// The position of the records in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLayout {
    /// Offset and size of the field that holds the records' length in octets.
    commit: (usize, usize),
    /// Where the records start.
    data: usize,
    /// The size of a page.
    size: usize,
}

/// Bits of `commit` above these are flags (RB_MISSED_EVENTS, RB_MISSED_STORED in kernel/trace/ring_buffer.c).
const COMMIT: u64 = (1 << 27) - 1;

/// A sub-buffer is one page unless somebody enlarged them for the whole host.
const LARGEST_PAGE: usize = 16 << 20;

impl PageLayout {
    /// Reads `events/header_page`.
    ///
    /// # Errors
    /// If a field is missing, or no page can look like that.
    pub fn parse(contents: &[u8]) -> Result<Self, FormatError> {
        let fields = fields(contents)?;
        let named = |name: &'static str| {
            let field: Option<&Field> = fields.iter().find(|field| field.name == name);
            field.ok_or_else(|| FormatError::of_whole(FormatFault::Missing(name)))
        };
        let (commit, data) = (named("commit")?, named("data")?);
        let size = data.offset + data.size;
        if !matches!(commit.size, 4 | 8) || commit.offset + commit.size > data.offset || size > LARGEST_PAGE {
            return Err(FormatError::of_whole(FormatFault::NoPage));
        }
        Ok(Self { commit: (commit.offset, commit.size), data: data.offset, size })
    }

    /// The size of a page, in octets.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The records of a page, oldest first.
    #[must_use]
    pub fn records<'a>(&self, page: &'a [u8]) -> Records<'a> {
        let (offset, size) = self.commit;
        let commit = page.get(offset..offset + size).map(|octets| match octets.try_into() {
            Ok(octets) => u64::from_ne_bytes(octets),
            Err(_) => octets.try_into().map_or(0, |octets| u32::from_ne_bytes(octets).into()),
        });
        let used = commit.and_then(|commit| usize::try_from(commit & COMMIT).ok());
        let data = page.get(self.data..).zip(used).and_then(|(data, used)| data.get(..used));
        Records { rest: data.unwrap_or_default(), broken: data.is_none() }
    }
}

/// The records of a page.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    broken: bool,
}

/// Something in a page is not what the kernel writes; the records after it cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a page of the trace buffer is not what header_page and header_event say")]
pub struct Broken;

/// Values of `type_len` that are not lengths.
mod kind {
    /// The length is in the next word.
    pub const LONG: u32 = 0;
    pub const PADDING: u32 = 29;
    pub const TIME_EXTEND: u32 = 30;
    pub const TIME_STAMP: u32 = 31;
}

/// The first word of a record: 5 bits of type or length, 27 bits of time. They are C bit fields, which start at the low
/// end on a little-endian machine and at the high end on a big-endian one.
fn head(word: u32) -> (u32, u32) {
    if cfg!(target_endian = "big") { (word >> 27, word & 0x07ff_ffff) } else { (word & 0x1f, word >> 5) }
}

fn word(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = octets.split_first_chunk()?;
    Some((u32::from_ne_bytes(*word), rest))
}

impl<'a> Records<'a> {
    /// Takes the next record; `Some(None)` if it holds no event.
    fn take(&mut self) -> Option<Option<&'a [u8]>> {
        let (first, rest) = word(self.rest)?;
        let (kind, time) = head(first);
        let (event, rest) = match kind {
            kind::TIME_EXTEND | kind::TIME_STAMP => (None, word(rest)?.1),
            // Nothing follows it on this page.
            kind::PADDING if time == 0 => (None, &[][..]),
            kind::PADDING => {
                let (length, _) = word(rest)?;
                (None, rest.get(usize::try_from(length).ok()?..)?)
            }
            kind::LONG => {
                // Includes itself.
                let (length, rest) = word(rest)?;
                let (event, rest) = rest.split_at_checked(usize::try_from(length.checked_sub(4)?).ok()?)?;
                (Some(event), rest)
            }
            words => {
                let (event, rest) = rest.split_at_checked(usize::try_from(words).ok()? * 4)?;
                (Some(event), rest)
            }
        };
        self.rest = rest;
        Some(event)
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() && !self.broken {
            match self.take() {
                Some(Some(event)) => return Some(Ok(event)),
                Some(None) => {}
                None => self.broken = true,
            }
        }
        self.rest = &[];
        std::mem::take(&mut self.broken).then_some(Err(Broken))
    }
}

/// How many events were lost according to `per_cpu/cpuN/stats`: overwritten before they were read, or never written.
#[must_use]
pub fn lost(stats: &[u8]) -> u64 {
    const COUNTS: [&[u8]; 3] = [b"overrun: ", b"commit overrun: ", b"dropped events: "];
    let lines = stats.split(|&b| b == b'\n');
    let counts = lines.filter_map(|line| COUNTS.iter().find_map(|label| decimal(line.strip_prefix(*label)?)));
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = include_bytes!("../../tests/trace/6.18/header_page");
    const PAGE: &[u8] = include_bytes!("../../tests/trace/6.18/trace_pipe_raw");

    /// A page with these words as its records.
    fn page(words: &[u32]) -> Vec<u8> {
        let mut page = vec![0; 16];
        page[8..].copy_from_slice(&(words.len() as u64 * 4).to_ne_bytes());
        page.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        page.resize(4096, 0xaa);
        page
    }

    /// The first word of a record.
    fn first(kind: u32, time: u32) -> u32 {
        if cfg!(target_endian = "big") { kind << 27 | time } else { kind | time << 5 }
    }

    fn records(page: &[u8]) -> Vec<Result<usize, Broken>> {
        let layout = PageLayout::parse(HEADER).unwrap();
        layout.records(page).map(|record| record.map(<[u8]>::len)).collect()
    }

    #[test]
    fn the_header_says_where_records_are() {
        let layout = PageLayout::parse(HEADER).unwrap();
        assert_eq!((layout.commit, layout.data, layout.size()), ((8, 8), 16, 4096));
        let text = String::from_utf8(HEADER.to_vec()).unwrap();
        for broken in [
            "".to_owned(),
            text.replace("commit", "comment"),
            text.replace("size:4080", "size:65000000"),
            text.replace("offset:8;\tsize:8", "offset:8;\tsize:7"),
            text.replace("offset:8;\tsize:8", "offset:12;\tsize:8"),
        ] {
            assert!(PageLayout::parse(broken.as_bytes()).is_err(), "{broken}");
        }
        // A 32-bit machine.
        let narrow = text.replace("offset:8;\tsize:8", "offset:8;\tsize:4").replace("offset:16", "offset:12");
        let layout = PageLayout::parse(narrow.as_bytes()).unwrap();
        let mut page = [0; 24];
        page[8..12].copy_from_slice(&8_u32.to_ne_bytes());
        page[12..16].copy_from_slice(&first(1, 0).to_ne_bytes());
        assert_eq!(layout.records(&page).map(|record| record.unwrap().len()).collect::<Vec<_>>(), [4]);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn a_page_of_a_running_kernel() {
        let all = records(PAGE);
        assert_eq!(all.len(), 24);
        assert!(all.iter().all(|length| matches!(length, Ok(72 | 88))), "{all:?}");
        // Flags above the length report that events were lost before this page, and how many.
        let mut missed = PAGE.to_vec();
        missed[11] |= 0xc0;
        assert_eq!(records(&missed), all);
        for end in 0..PAGE.len() {
            // Wherever it is cut off, it ends.
            assert!(records(&PAGE[..end]).len() <= 25);
        }
    }

    #[test]
    fn every_kind_of_record() {
        let (time, padding) = (first(kind::TIME_EXTEND, 5), first(kind::PADDING, 1));
        let words = [
            first(1, 0),
            7,
            time,
            9,
            first(28, 3),
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            padding,
            8,
            1,
            first(kind::TIME_STAMP, 0),
            1,
            first(0, 0),
            12,
            1,
            2,
        ];
        assert_eq!(records(&page(&words)), [Ok(4), Ok(112), Ok(8)]);
        // The unused rest of a page.
        assert_eq!(records(&page(&[first(1, 0), 7, first(kind::PADDING, 0), 1, 2])), [Ok(4)]);
        assert_eq!(records(&page(&[])), []);
    }

    #[test]
    fn what_no_kernel_writes_ends_the_page() {
        for broken in [
            &[first(2, 0), 7][..],
            &[first(0, 0)],
            &[first(0, 0), 3],
            &[first(0, 0), 9, 1],
            &[first(0, 0), u32::MAX, 1],
            &[first(kind::PADDING, 1), u32::MAX],
            &[first(kind::PADDING, 1)],
            &[first(kind::TIME_EXTEND, 1)],
        ] {
            assert_eq!(records(&page(broken)), [Err(Broken)], "{broken:?}");
        }
        // More than fits on a page.
        let mut long = page(&[]);
        long[8..12].copy_from_slice(&5000_u32.to_ne_bytes());
        assert_eq!(records(&long), [Err(Broken)]);
        assert_eq!(records(&[]), [Err(Broken)]);
    }

    #[test]
    fn losses_are_overwritten_and_dropped_events() {
        let stats = b"entries: 11325\noverrun: 588676\ncommit overrun: 2\nbytes: 1044328\n\
            oldest event ts:  14987.418581\nnow ts: 14989.5\ndropped events: 10\nread events: 5\n";
        assert_eq!(lost(stats), 588_688);
        assert_eq!(lost(b""), 0);
        assert_eq!(lost(b"overrun: 18446744073709551615\ndropped events: 1\n"), u64::MAX);
    }
}
