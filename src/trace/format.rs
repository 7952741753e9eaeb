//! The description of an event, `events/SYSTEM/EVENT/format`: the positions of its fields, which differ between
//! kernels, and the names of their values.
//!
//! Written by `f_show` (kernel/trace/trace_events.c). `events/header_page` has the same lines of fields.

use crate::proc::error::Excerpt;
use crate::proc::{decimal, words};
use std::str;

/// What is wrong in a description, and on which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct FormatError {
    /// Line number, from 1; 0 for the description as a whole.
    pub line: usize,
    /// What is wrong.
    pub fault: FormatFault,
}

impl FormatError {
    /// An error of the description as a whole.
    pub(super) fn of_whole(fault: FormatFault) -> Self {
        Self { line: 0, fault }
    }
}

/// What is wrong in a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatFault {
    /// The number of the event is malformed.
    #[error("ID is no event's number")]
    BadId,
    /// The event has no number.
    #[error("ID is missing")]
    NoId,
    /// The declaration of a field has no name.
    #[error("{0} declares no field that has a name")]
    Unnamed(Excerpt),
    /// A field has no usable offset and size.
    #[error("{field} has no offset and size within a page")]
    NoPlace {
        /// Its name.
        field: Box<str>,
    },
    /// A field that every page has is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// No page can have such fields.
    #[error("commit and data do not make a page")]
    NoPage,
}

/// The position of a field in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `common_pid`, `saddr`
    pub name: String,
    /// In octets from the start of the record.
    pub offset: usize,
    /// In octets.
    pub size: usize,
}

/// What we know about an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Format {
    /// The `common_type` of its records.
    pub id: u16,
    /// Its fields, including those common to all events.
    pub fields: Vec<Field>,
    /// How the kernel would print it: a format string and its arguments, as in C.
    print: String,
}

/// No field is larger. The largest is the payload of a page of the buffer: pages have the machine's size, up to 64 KiB,
/// unless somebody enlarged them (`buffer_subbuf_size_kb`).
const LARGEST: usize = 8 << 20;

impl Format {
    /// Reads a `format` file.
    ///
    /// # Errors
    /// If a field has no name, offset or size, or the event has no number.
    pub fn parse(contents: &[u8]) -> Result<Self, FormatError> {
        let mut format = Self { fields: fields(contents)?, ..Self::default() };
        let mut id = None;
        for (at, line) in contents.split(|&b| b == b'\n').enumerate() {
            if let Some(number) = line.strip_prefix(b"ID: ") {
                let number = decimal(number).and_then(|number| u16::try_from(number).ok());
                id = Some(number.ok_or(FormatError { line: at + 1, fault: FormatFault::BadId })?);
            } else if let Some(print) = line.strip_prefix(b"print fmt: ") {
                format.print = String::from_utf8_lossy(print).into_owned();
            }
        }
        format.id = id.ok_or_else(|| FormatError::of_whole(FormatFault::NoId))?;
        Ok(format)
    }

    /// A field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names the kernel prints for the values of a field, from the field's `__print_symbolic`; empty if it prints
    /// none. Leaves out values that the kernel did not write as numbers.
    #[must_use]
    pub fn symbols(&self, field: &str) -> Vec<(u32, String)> {
        let table = format!("__print_symbolic(REC->{field},");
        let Some((_, entries)) = self.print.split_once(table.as_str()) else {
            return Vec::new();
        };
        let mut symbols = Vec::new();
        let mut rest = entries;
        // { 0, "NOT_SPECIFIED" }, { 1, "NO_SOCKET" })
        while let Some(entry) = rest.trim_start_matches([' ', ',']).strip_prefix('{') {
            let Some((value, name)) = entry.split_once(',') else { break };
            let Some((_, name)) = name.split_once('"') else { break };
            let Some((name, after)) = name.split_once('"') else { break };
            if let Some(value) = number(value.trim()) {
                symbols.push((value, name.to_owned()));
            }
            let Some((_, after)) = after.split_once('}') else { break };
            rest = after;
        }
        symbols
    }
}

/// A number in C notation.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The fields of a `format` or `header_page` file.
///
/// # Errors
/// If a field has no name, offset or size.
pub fn fields(contents: &[u8]) -> Result<Vec<Field>, FormatError> {
    let lines = contents.split(|&b| b == b'\n').enumerate();
    let fields = lines.filter_map(|(at, line)| {
        let declaration = line.trim_ascii_start().strip_prefix(b"field:")?;
        Some(field(declaration).map_err(|fault| FormatError { line: at + 1, fault }))
    });
    fields.collect()
}

/// `unsigned short common_type;`, then `offset:0;`, `size:2;`, `signed:0;`, with tabs between them.
fn field(declaration: &[u8]) -> Result<Field, FormatFault> {
    let mut parts = declaration.split(|&b| b == b';').map(<[u8]>::trim_ascii);
    let declared = parts.next().unwrap_or_default();
    let name = name(declared).ok_or_else(|| FormatFault::Unnamed(Excerpt::of(declared)))?;
    let (mut offset, mut size) = (None, None);
    for part in parts {
        if let Some(number) = part.strip_prefix(b"offset:") {
            offset = decimal(number);
        } else if let Some(number) = part.strip_prefix(b"size:") {
            size = decimal(number);
        }
    }
    let within = |number: Option<u64>| usize::try_from(number?).ok().filter(|&number| number <= LARGEST);
    match (within(offset), within(size)) {
        (Some(offset), Some(size)) => Ok(Field { name: name.to_owned(), offset, size }),
        _ => Err(FormatFault::NoPlace { field: name.into() }),
    }
}

/// The last word of a declaration, without the dimension of an array.
fn name(declared: &[u8]) -> Option<&str> {
    // A field of variable size, '__data_loc char[] name', has its dimension before its name.
    let variable = declared.starts_with(b"__data_loc") || declared.starts_with(b"__rel_loc");
    let dimension = declared.iter().position(|&b| b == b'[').filter(|_| !variable);
    let word = words(declared.get(..dimension.unwrap_or(declared.len()))?).last()?;
    let word = str::from_utf8(word).ok()?;
    (!word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_send_reset");
    const RECEIVED: &[u8] = include_bytes!("../../tests/trace/6.18/tcp_receive_reset");

    #[test]
    fn fields_of_a_running_kernel() {
        let sent = Format::parse(SENT).unwrap();
        assert_eq!(sent.id, 2280);
        let at = |name: &str| sent.field(name).map(|field| (field.offset, field.size));
        assert_eq!(at("common_pid"), Some((4, 4)));
        assert_eq!(at("skbaddr"), Some((8, 8)));
        assert_eq!(at("reason"), Some((28, 4)));
        assert_eq!(at("daddr"), Some((60, 28)));
        assert_eq!(at("sport"), None);
        let received = Format::parse(RECEIVED).unwrap();
        assert_eq!((received.id, received.fields.len()), (2279, 13));
        assert_eq!(received.field("saddr_v6").map(|field| (field.offset, field.size)), Some((30, 16)));
    }

    #[test]
    fn names_of_values_stand_in_the_print_format() {
        let symbols = Format::parse(SENT).unwrap().symbols("reason");
        assert_eq!(symbols.len(), 26);
        assert_eq!(symbols[1], (1, "NO_SOCKET".into()));
        assert_eq!(symbols[11], (11, "TCP_ABORT_ON_CLOSE".into()));
        assert!(Format::parse(RECEIVED).unwrap().symbols("reason").is_empty());
        // This kernel writes TCP_ESTABLISHED, not 1, which tells us nothing.
        assert!(Format::parse(SENT).unwrap().symbols("state").is_empty());
        let of = |print: &str| {
            let text = format!("ID: 1\nprint fmt: \"%s\", __print_symbolic(REC->reason, {print}");
            Format::parse(text.as_bytes()).unwrap().symbols("reason")
        };
        assert_eq!(of("{ 0x1f, \"A\" }, { B, \"C\" }, {2,\"D\"})"), [(31, "A".into()), (2, "D".into())]);
        for broken in ["", "{", "{ 1", "{ 1, ", "{ 1, \"A", "{ 1, \"A\"", "}", ")"] {
            assert!(of(broken).len() <= 1, "{broken}");
        }
    }

    #[test]
    fn declarations_have_their_name_last() {
        let named = |declared: &'static str| name(declared.as_bytes());
        assert_eq!(named("unsigned short common_type"), Some("common_type"));
        assert_eq!(named("const void * skbaddr"), Some("skbaddr"));
        // As written by kernels that did not compute sizes.
        assert_eq!(named("__u8 saddr[sizeof(struct sockaddr_in6)]"), Some("saddr"));
        assert_eq!(named("__data_loc char[] name"), Some("name"));
        assert_eq!(named(""), None);
        assert_eq!(named("int [4]"), Some("int"));
        assert_eq!(named("int a*b"), None);
    }

    #[test]
    fn what_no_kernel_writes_is_told_with_its_line() {
        let error = |text: &str| Format::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error(""), "line 0: ID is missing");
        assert_eq!(error("name: x\nID: 65536\n"), "line 2: ID is no event's number");
        assert_eq!(
            error("ID: 1\n\tfield:int a;\toffset:0;\n"),
            "line 2: a has no offset and size within a page"
        );
        assert_eq!(
            error("ID: 1\n\tfield:int a;\toffset:99999999;\tsize:4;\n"),
            "line 2: a has no offset and size within a page"
        );
        assert_eq!(error("ID: 1\n\tfield:;\n"), "line 2: '' declares no field that has a name");
    }
}
