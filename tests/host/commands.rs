//! The texts of the commands, whole: those in `tests/commands/`, and those that README.md shows.
//!
//! `TRYCMD=overwrite cargo test --test host commands` writes what the program prints now; `git diff` says what has changed.

use crate::common::{configured, tree};
use std::path::Path;
use trycmd::TestCases;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs the commands in these files, on the tree of a version of Linux.
fn on_tree(version: &str, files: &[&str]) {
    let root = tree(version);
    let file = configured(&root);
    let cases = TestCases::new();
    cases
        .register_bin("netstat-agentx", Path::new(ROOT).join("tests/commands/netstat-agentx").as_path())
        .env("PROGRAM", env!("CARGO_BIN_EXE_netstat-agentx"))
        .env("CONFIG", file.path().to_str().unwrap());
    for file in files {
        cases.case(file);
    }
    cases.run();
}

/// How many commands there are in files of a folder: of none nothing would be wrong.
fn commands(folder: &str) -> usize {
    let files = std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.map(|text| text.matches("\n$ netstat-agentx").count()).sum()
}

#[test]
fn texts_on_linux_6_18() {
    assert!(commands("tests/commands/6.18") > 60);
    on_tree("6.18", &["tests/commands/6.18/*.trycmd"]);
}

#[test]
fn texts_on_linux_5_15() {
    assert!(commands("tests/commands/5.15") > 10);
    on_tree("5.15", &["tests/commands/5.15/*.trycmd", "tests/commands/5.15/*.toml"]);
}

/// What it shows in another way than between ```` ```console ```` and ```` ``` ```` is not tested.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    let shown = readme.lines().filter(|line| line.starts_with("$ netstat-agentx ")).count();
    assert!(shown >= 5 && !readme.contains("  $ netstat-agentx "), "{shown}");
    on_tree("6.18", &["README.md"]);
}
