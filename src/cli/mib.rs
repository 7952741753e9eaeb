//! `mib`: prints the MIB modules.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use crate::config::Config;
use crate::config::mib::BaseOid;
use crate::mib::{capabilities, module};
use std::io::Write;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Put the module under this OID [default: that of the configuration]
    #[arg(long, value_name = "OID")]
    base_oid: Option<BaseOid>,
    /// Print LINUX-NETSTAT-CAPS-MIB instead, which says what is served of which module; it is the same for every OID
    #[arg(long, conflicts_with_all = ["base_oid", "config"])]
    capabilities: bool,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    if arguments.capabilities {
        out.write_all(capabilities::text().as_bytes())?;
        return Ok(());
    }
    let base = match &arguments.base_oid {
        Some(base) => base.clone(),
        None => Config::read(arguments.config.config.as_deref())?.mib.base_oid,
    };
    out.write_all(module::text(&base.into()).as_bytes())?;
    Ok(())
}
