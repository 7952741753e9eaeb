//! `mib`: prints the MIB module.

use super::{ConfigArgument, Failure};
use crate::config::{BaseOid, Config};
use crate::mib::module;
use std::io::Write;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// Put the module under this OID [default: that of the configuration]
    #[arg(long, value_name = "OID")]
    base_oid: Option<BaseOid>,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let base = match &arguments.base_oid {
        Some(base) => base.clone(),
        None => Config::read(arguments.config.config.as_deref()).map_err(Failure::usage)?.mib.base_oid,
    };
    out.write_all(module::text(&base.into()).as_bytes())?;
    Ok(())
}
