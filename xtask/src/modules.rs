//! The MIB modules, as `netstat-agentx mib` prints them without a configuration.

use crate::file::File;
use netstat_agentx::config::Config;
use netstat_agentx::mib::{capabilities, module};

/// The path of LINUX-NETSTAT-MIB.
pub const MODULE: &str = "mibs/LINUX-NETSTAT-MIB.txt";

pub fn files() -> Vec<File> {
    let base = Config::default().mib.base_oid;
    vec![
        File::new(MODULE, module::text(&base.into())),
        File::new("mibs/capabilities/LINUX-NETSTAT-CAPS-MIB.txt", capabilities::text()),
    ]
}
