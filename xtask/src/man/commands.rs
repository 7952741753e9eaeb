//! The commands and their arguments, for the program's manual.

use super::mdoc::{prose, sentence};
use clap::{Arg, Command};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The command line, including what clap adds.
fn root() -> Command {
    let mut root = netstat_agentx::cli::command().disable_help_subcommand(true);
    root.build();
    root
}

fn value_name(name: &str) -> String {
    let name = name.to_lowercase();
    if name.contains(' ') { format!("Ar \"{name}\"") } else { format!("Ar {name}") }
}

/// An option or argument as it is typed, on an mdoc macro line.
fn typed(arg: &Arg) -> String {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.and_then(<[_]>::first).map(|name| value_name(name));
    [flag(arg)].into_iter().chain(value).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The option without its value; empty for an argument that is no option.
fn flag(arg: &Arg) -> String {
    arg.get_long().map(|long| format!("Fl Fl {long}")).unwrap_or_default()
}

/// Whether an argument may be given more than once.
fn repeats(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|number| number.max_values() > 1)
        || matches!(arg.get_action(), clap::ArgAction::Append)
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str()))
}

fn describe(out: &mut String, arg: &Arg) {
    let short =
        arg.get_short().map(|short| typed(arg).replacen(&flag(arg), &format!("Fl {short}"), 1) + " , ");
    writeln!(out, ".It {}{}", short.unwrap_or_default(), typed(arg)).unwrap();
    sentence(out, &arg.get_long_help().or(arg.get_help()).unwrap().to_string());
    for alias in arg.get_visible_aliases().unwrap_or_default() {
        sentence(out, &format!("Also --{alias}"));
    }
    let values = arg.get_possible_values();
    if arg.get_action().takes_values() && !values.is_empty() {
        let names: Vec<_> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        sentence(out, &format!("One of: {}", names.join(", ")));
    }
}

/// The commands, each followed by its own.
fn all(parent: &Command) -> Vec<&Command> {
    let shown = parent.get_subcommands().filter(|command| !command.is_hide_set());
    shown.flat_map(|command| [vec![command], all(command)].concat()).collect()
}

/// A command as it is typed behind the program's name.
fn name(command: &Command) -> &str {
    let name = command.get_bin_name().unwrap();
    name.split_once(' ').map_or(name, |(_, name)| name)
}

/// The commands with their arguments; arguments that several share come last.
pub fn written() -> String {
    let root = &root();
    let commands = all(root);
    let is_common = |arg: &Arg| {
        let same = |other: &&Arg| {
            other.get_id() == arg.get_id()
                && other.get_help().unwrap().to_string() == arg.get_help().unwrap().to_string()
        };
        commands.iter().filter(|command| shown(command).any(|other| same(&other))).count() > 2
    };
    let mut out = String::from(".Bl -tag -width Ds\n");
    for command in &commands {
        writeln!(out, ".It Xo\n.Cm {}", name(command)).unwrap();
        for arg in shown(command) {
            let more = if repeats(arg) { " ..." } else { "" };
            let optional = if arg.is_required_set() { "." } else { ".Op " };
            writeln!(out, "{optional}{}{more}", typed(arg)).unwrap();
        }
        out.push_str(".Xc\n");
        sentence(&mut out, &command.get_long_about().or(command.get_about()).unwrap().to_string());
        let own: Vec<_> = shown(command).filter(|arg| !is_common(arg)).collect();
        if !own.is_empty() {
            out.push_str(".Bl -tag -width Ds\n");
            own.iter().for_each(|arg| describe(&mut out, arg));
            out.push_str(".El\n");
        }
        if let Some(more) = command.get_after_long_help().or(command.get_after_help()) {
            prose(&mut out, &more.to_string());
        }
    }
    out.push_str(".El\n.Pp\nSeveral commands have these:\n.Bl -tag -width Ds\n");
    let mut seen = BTreeSet::new();
    for arg in commands.iter().flat_map(|command| shown(command)).filter(|arg| is_common(arg)) {
        if seen.insert(arg.get_id()) {
            describe(&mut out, arg);
        }
    }
    out.push_str(".It Fl Fl help\nPrint what a command and its arguments are for.\n");
    out.push_str(".It Fl Fl version\nPrint the version; without a command only.\n.El\n");
    out
}

#[test]
fn the_manual_names_every_command_and_argument() {
    let written = written();
    for command in all(&root()) {
        assert!(written.contains(&format!("\n.Cm {}\n", name(command))), "{}", name(command));
        for arg in shown(command) {
            let described = |line: &str| line.starts_with(".It ") && line.ends_with(&typed(arg));
            assert!(written.lines().any(described), "{} {}", name(command), typed(arg));
        }
    }
}
