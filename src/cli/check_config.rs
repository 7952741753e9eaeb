//! `check-config`: says whether a configuration is valid.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use crate::config::{Config, DEFAULT_PATH, file};
use std::io::Write;
use std::path::Path;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    Config::read(arguments.config.config.as_deref())?;
    match &arguments.config.config {
        Some(path) => writeln!(out, "{}: good", path.display())?,
        None if file::is_there(Path::new(DEFAULT_PATH)) => writeln!(out, "{DEFAULT_PATH}: good")?,
        None => writeln!(out, "{DEFAULT_PATH}: not there, so the defaults hold, which are good")?,
    }
    Ok(())
}
