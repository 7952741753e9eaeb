//! What consumers load, made from the declarations and the registry so that it cannot drift: templates, plugins,
//! dashboards. A consumer is one file here and one row in [`CONSUMERS`]; what all of them draw stands in graphs.rs.
//!
//! `cargo test` holds the files equal to what is made here; `make consumer-files` writes them anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod graphs;
mod mrtg;
mod munin;
mod object;
mod prometheus;
mod zabbix;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder below config and the files in it, by name.
type Consumer = (&'static str, fn() -> Vec<(String, String)>);

const CONSUMERS: &[Consumer] = &[
    ("mrtg", mrtg::files),
    ("munin", munin::files),
    ("prometheus", prometheus::files),
    ("zabbix", zabbix::files),
];

fn all() -> Vec<(PathBuf, String)> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files = CONSUMERS.iter().flat_map(|(folder, files)| {
        let folder = config.join(folder);
        files().into_iter().map(move |(name, text)| (folder.join(name), text))
    });
    files.collect()
}

#[test]
fn the_files_are_what_the_declarations_make() {
    let update = std::env::var_os("UPDATE_CONSUMER_FILES").is_some();
    for (path, text) in all() {
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "{} has drifted: run 'make consumer-files'", path.display());
    }
}
