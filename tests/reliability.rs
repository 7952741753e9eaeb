//! docs/reliability.md names tests: those there are.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

#[test]
fn every_test_that_the_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let named: Vec<_> = text.split('`').filter_map(|word| word.split_once("::")).collect();
    assert!(named.len() > 40, "{}", named.len());
    for (file, name) in named {
        let source =
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let test = format!("fn {name}()");
        let (before, _) = source.split_once(&test).unwrap_or_else(|| panic!("{file} has no {name}"));
        let attributes = before.rsplit_once('}').map_or(before, |(_, own)| own);
        assert!(
            attributes.contains("#[test]") || attributes.contains("#[tokio::test]"),
            "{file}: {name} is no test"
        );
    }
    // A fault without a test is none that we know to be survived.
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        assert!(["test", "figure"].contains(&last) || line.contains("::"), "{line}");
    }
}
