//! Text for people: spelling suggestions, folding to lines, the first sentence.

use textwrap::{Options, WordSeparator, WordSplitter};

/// Returns the candidate that needs the fewest single-letter edits to become `name`, if those are few.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let scored =
        candidates.map(|candidate| (strsim::levenshtein(&wanted, &candidate.to_lowercase()), candidate));
    let (edits, candidate) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= 2 + name.len() / 5).then_some(candidate)
}

/// Folds a text to lines of at most `width` characters, with one indent for the first and another for the others. Never
/// breaks a word.
#[must_use]
pub fn folded(text: &str, width: usize, first: &str, others: &str) -> String {
    let options = Options::new(width)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// The text up to the end of its first sentence.
#[must_use]
pub fn first_sentence(text: &str) -> &str {
    let end = text
        .match_indices(". ")
        .map(|(at, _)| at + 1)
        .find(|&at| !text.get(..at).unwrap_or("").ends_with("e.g."));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Octets that somebody chose as text: what does not print or is not seen, and what is not UTF-8, as `\xNN`.
#[must_use]
pub fn printable(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || is_unseen(character) {
                character.to_string().bytes().for_each(|octet| escape(&mut text, octet));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|octet| escape(&mut text, *octet));
    }
    text
}

/// The same where nobody else escapes: a backslash too, so that different octets are different texts.
#[must_use]
pub fn distinct(octets: &[u8]) -> String {
    let mut escaped = Vec::with_capacity(octets.len());
    for octet in octets {
        match octet {
            b'\\' => escaped.extend(b"\\x5c"),
            octet => escaped.push(*octet),
        }
    }
    printable(&escaped)
}

/// Characters that change how those around them are shown, or show nothing (Unicode's categories Cf, Zl and Zp).
fn is_unseen(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

fn escape(text: &mut String, octet: u8) {
    text.push_str(&format!("\\x{octet:02x}"));
}

/// The text if it has no more octets than this, which must be more than [`MARK`]; otherwise its beginning and a mark
/// that tells it from others that begin in the same way.
#[must_use]
pub fn fitting(text: String, octets: usize) -> String {
    if text.len() <= octets {
        return text;
    }
    let mut end = octets.saturating_sub(MARK);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // FNV-1a: the same for the same text at any time, so that names stay.
    let mark =
        text.bytes().fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    format!("{}~{mark:08x}", text.get(..end).unwrap_or_default())
}

/// The octets of the mark of [`fitting`].
pub const MARK: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_sentences() {
        assert_eq!(first_sentence("One. Two."), "One.");
        assert_eq!(first_sentence("Only one"), "Only one");
    }

    #[test]
    fn odd_octets_are_escaped_and_long_texts_stay_apart() {
        assert_eq!(printable("caf\u{e9} x".as_bytes()), "caf\u{e9} x");
        assert_eq!(printable(b"a\n\x1b[1m\xff\0"), "a\\x0a\\x1b[1m\\xff\\x00");
        // A control character of two octets (U+0085), and half a character.
        assert_eq!(printable(b"\xc2\x85\xc3"), "\\xc2\\x85\\xc3");
        // What turns the direction of the text around it, and what nobody sees.
        assert_eq!(printable("a\u{202e}b\u{200b}".as_bytes()), "a\\xe2\\x80\\xaeb\\xe2\\x80\\x8b");
        // systemd's own escapes stay; elsewhere the two differ.
        assert_eq!(printable(b"a\\x2db"), "a\\x2db");
        assert_eq!((distinct(b"\\xff"), distinct(b"\xff")), ("\\x5cxff".to_owned(), "\\xff".to_owned()));
        let text = |end: &str| "\u{e9}".repeat(40) + end;
        assert_eq!(fitting(text(""), 80), text(""));
        let (one, other) = (fitting(text("a"), 64), fitting(text("b"), 64));
        assert_ne!(one, other);
        for cut in [&one, &other] {
            assert!(cut.len() <= 64 && cut.starts_with(&"\u{e9}".repeat(27)), "{cut}");
        }
        assert_eq!(one, fitting(text("a"), 64));
        assert_eq!(fitting("abcdefghijk".into(), 10), "a~fa682adb");
    }
}
