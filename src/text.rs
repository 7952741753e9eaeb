//! Text for people: the name that was probably meant, and folding to lines.

use textwrap::{Options, WordSeparator, WordSplitter};

/// The candidate that needs the fewest single-letter edits to become `name`, if those are few.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let scored =
        candidates.map(|candidate| (strsim::levenshtein(&wanted, &candidate.to_lowercase()), candidate));
    let (edits, candidate) = scored.min_by_key(|(edits, _)| *edits)?;
    (edits <= 2 + name.len() / 5).then_some(candidate)
}

/// Folds a text to lines of at most `width` characters, the first with one indent and the others with another. No word is
/// broken.
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
