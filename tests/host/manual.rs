//! The man pages, with mandoc's own opinion of them.

use std::process::Command;

#[test]
fn mandoc_has_nothing_to_say() {
    for page in ["netstat-agentx.8", "netstat-agentx.toml.5"] {
        let path = format!("{}/docs/man/{page}", env!("CARGO_MANIFEST_DIR"));
        let output =
            Command::new("mandoc").args(["-T", "lint", "-W", "warning", &path]).output().expect("mandoc");
        assert!(output.status.success(), "{}", crate::common::text_of(&output));
        let shown = Command::new("mandoc").args(["-T", "utf8", &path]).output().unwrap();
        assert!(crate::common::text_of(&shown).lines().count() > 50, "{page}");
    }
}
