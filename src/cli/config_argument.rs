//! The argument `--config`, which most commands take.

use std::path::PathBuf;

/// Which configuration a command reads.
#[derive(clap::Args)]
pub(super) struct ConfigArgument {
    /// Configuration file [default: /etc/netstat-agentx.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}
