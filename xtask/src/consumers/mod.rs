//! The files that consumers load (templates, plugins, dashboards), made from the declarations and the registry so that
//! they cannot drift. A consumer is one file here and one row in [`CONSUMERS`]; graphs.rs has what all of them draw.

mod graphs;
mod mrtg;
mod munin;
mod object;
pub mod prometheus;
mod zabbix;

use crate::file::File;

/// A folder below config and its files by name.
type Consumer = (&'static str, fn() -> Vec<(String, String)>);

const CONSUMERS: &[Consumer] = &[
    ("mrtg", mrtg::files),
    ("munin", munin::files),
    ("prometheus", prometheus::files),
    ("zabbix", zabbix::files),
];

pub fn files() -> Vec<File> {
    let of = |(folder, files): &Consumer| {
        let file = |(name, text)| File::new(format!("config/{folder}/{name}"), text);
        files().into_iter().map(file).collect::<Vec<_>>()
    };
    CONSUMERS.iter().flat_map(of).collect()
}
