//! The man pages, with mandoc's own opinion of them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::process::Command;

#[test]
fn mandoc_has_nothing_to_say() {
    for page in ["netstat-agentx.8", "netstat-agentx.toml.5"] {
        let path = format!("{}/docs/man/{page}", env!("CARGO_MANIFEST_DIR"));
        let output =
            Command::new("mandoc").args(["-T", "lint", "-W", "warning", &path]).output().expect("mandoc");
        assert!(output.status.success(), "{}", common::text_of(&output));
        let shown = Command::new("mandoc").args(["-T", "utf8", &path]).output().unwrap();
        assert!(common::text_of(&shown).lines().count() > 50, "{page}");
    }
}
