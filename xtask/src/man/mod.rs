//! The man pages: written by hand, except what follows from the command line and the example configuration.

mod commands;
mod configuration;
mod mdoc;

use crate::file::{Error, File, read};
use std::path::Path;

type Page = (&'static str, fn() -> String);

const PAGES: [Page; 2] = [
    ("docs/man/netstat-agentx.8", commands::written),
    ("docs/man/netstat-agentx.toml.5", configuration::written),
];

/// The pages below `root`, with the text between the marks rewritten.
pub fn files(root: &Path) -> Result<Vec<File>, Error> {
    let page = |(path, written): Page| {
        let page = read(root, path)?;
        let text = between_marks(&page, &written()).ok_or_else(|| Error::Marks(path.to_owned()))?;
        Ok(File::new(path, text))
    };
    PAGES.into_iter().map(page).collect()
}

fn between_marks(page: &str, written: &str) -> Option<String> {
    let (head, rest) = page.split_once(": begin\n")?;
    let (_, tail) = rest.split_once(".\\\" end\n")?;
    Some(format!("{head}: begin\n{written}.\\\" end\n{tail}"))
}

#[test]
fn what_stands_outside_of_the_marks_is_left() {
    let page = "head\n.\\\" written: begin\nold\n.\\\" end\ntail\n";
    let written = between_marks(page, "new\n").unwrap();
    assert_eq!(written, "head\n.\\\" written: begin\nnew\n.\\\" end\ntail\n");
    assert_eq!(between_marks(&written, "new\n").unwrap(), written);
    assert_eq!(between_marks("a page without marks\n", "new\n"), None);
}
