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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_sentences() {
        assert_eq!(first_sentence("One. Two."), "One.");
        assert_eq!(first_sentence("Only one"), "Only one");
    }
}
