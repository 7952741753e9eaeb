//! `trace-instance`: what root does for the systemd unit with the drop-in `resets.conf`, so that the subagent needs no
//! right to trace.

use super::config_argument::ConfigArgument;
use super::failure::Failure;
use crate::config::{Config, file};
use crate::proc::decimal;
use crate::trace::mounts;
use crate::trace::prepared::{self, Owner};
use std::io::Write;
use std::path::Path;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make it anew, with buffers of the configured size, and nothing recorded yet
    Prepare {
        #[command(flatten)]
        config: ConfigArgument,
        /// Who may read it and switch it on: a name or a number of /etc/passwd
        #[arg(long, value_name = "USER")]
        user: String,
    },
    /// Remove it, if it is there
    Remove,
}

pub fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Failure> {
    let tracefs = mounts::tracefs()?;
    match &arguments.what {
        What::Prepare { config, user } => {
            let config = Config::read(config.config.as_deref())?;
            let path = Path::new("/etc/passwd");
            let users = file::read(path).map_err(|error| Failure::of(1, error))?;
            let unknown = || Failure::usage(format!("there is no user '{user}' in {}", path.display()));
            let owner = owner(&users, user).ok_or_else(unknown)?;
            let path = prepared::prepare(&tracefs, owner, config.resets.buffer.into())?;
            writeln!(out, "{}", path.display())?;
        }
        What::Remove => prepared::remove(&tracefs)?,
    }
    Ok(())
}

/// Finds a user of passwd(5), by name or number, with its group.
fn owner(users: &str, wanted: &str) -> Option<Owner> {
    let number = |text: Option<&str>| u32::try_from(decimal(text?.as_bytes())?).ok();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (user, group) = (fields.nth(1), fields.next());
        (name == wanted || user == Some(wanted)).then_some((user, group))
    })?;
    Some(Owner { user: number(found.0)?, group: number(found.1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_by_name_and_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# none\n\n+\nshort:x:7\nnetstat-agentx:x:997:995::/:/no\n\
                     odd:x:-1:70000\nlarge:x:4294967296:1\n";
        let of = |wanted: &str| owner(users, wanted).map(|owner| (owner.user, owner.group));
        assert_eq!(of("netstat-agentx"), Some((997, 995)));
        assert_eq!(of("997"), Some((997, 995)));
        assert_eq!(of("root"), Some((0, 0)));
        for none in ["", "x", "netstat", "995", "short", "odd", "-1", "large", "4294967296"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
