//! Shell completions. They are checked in, so that installing needs no toolchain.

use crate::file::File;
use clap_complete::Shell;

pub fn files() -> Vec<File> {
    let shells = [
        (Shell::Bash, "netstat-agentx.bash"),
        (Shell::Zsh, "_netstat-agentx"),
        (Shell::Fish, "netstat-agentx.fish"),
    ];
    let completion = |(shell, name)| {
        let mut out = Vec::new();
        clap_complete::generate(shell, &mut netstat_agentx::cli::command(), "netstat-agentx", &mut out);
        File::new(format!("completions/{name}"), String::from_utf8(out).unwrap())
    };
    shells.into_iter().map(completion).collect()
}
