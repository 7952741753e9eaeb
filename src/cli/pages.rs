//! The files that follow from the command line and the configuration: man pages and shell completions. They are
//! checked in, so that installing needs no toolchain; `make pages` writes them, and these tests hold them true.
#![cfg(test)]

use super::Arguments;
use crate::config::{Config, EXAMPLE};
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const COMMANDS: &str = "docs/man/netstat-agentx.8";
const CONFIGURATION: &str = "docs/man/netstat-agentx.toml.5";

/// `make pages` sets UPDATE_PAGES and so writes what this compares.
fn hold(path: &str, text: &str) {
    let file = format!("{ROOT}/{path}");
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs::write(&file, text).unwrap();
    }
    let stored = fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == text, "{path} is not what the source says: run 'make pages'");
}

/// A man page as it stands, with what is between the marks of 'make pages' replaced.
fn with_written(path: &str, written: &str) -> String {
    let page = fs::read_to_string(format!("{ROOT}/{path}")).unwrap();
    let (head, rest) = page.split_once(": begin\n").unwrap();
    let (_, tail) = rest.split_once(".\\\" end\n").unwrap();
    format!("{head}: begin\n{written}.\\\" end\n{tail}")
}

/// A line of text for mdoc(7): no escape and no macro is made of it.
fn text(out: &mut String, line: &str) {
    let line = line.replace('\\', "\\e");
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    writeln!(out, "{guard}{line}").unwrap();
}

/// Paragraphs, a sentence a line as mdoc(7) wants it.
fn paragraphs(out: &mut String, all: &str) {
    for (position, paragraph) in all.split("\n\n").enumerate() {
        if position > 0 {
            out.push_str(".Pp\n");
        }
        let folded = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in folded.replace(". ", ".\n").lines() {
            text(out, sentence);
        }
    }
}

/// What help says, which ends with no full stop, as a sentence.
fn sentence(out: &mut String, help: &str) {
    if help.is_empty() {
        return;
    }
    let (help, default) = match help.split_once(" [default: ") {
        Some((help, default)) => (help, Some(default.trim_end_matches(']'))),
        None => (help, None),
    };
    let stop = if help.ends_with(['.', ':']) { "" } else { "." };
    paragraphs(out, &format!("{help}{stop}"));
    if let Some(default) = default {
        paragraphs(out, &format!("Default: {default}."));
    }
}

/// Paragraphs, of which some lines are indented and stay as they are.
fn prose(out: &mut String, all: &str) {
    let lines: Vec<_> = all.lines().collect();
    for block in lines.chunk_by(|a, b| a.starts_with("  ") == b.starts_with("  ")) {
        if block[0].starts_with("  ") {
            out.push_str(".Bd -literal -offset indent\n");
            block.iter().for_each(|line| text(out, line.trim()));
            out.push_str(".Ed\n");
        } else if !block.concat().is_empty() {
            out.push_str(".Pp\n");
            paragraphs(out, block.join("\n").trim());
        }
    }
}

fn value_name(name: &str) -> String {
    let name = name.to_lowercase();
    if name.contains(' ') { format!("Ar \"{name}\"") } else { format!("Ar {name}") }
}

/// An option or argument as it is typed, on a line of macros.
fn typed(arg: &Arg) -> String {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.and_then(<[_]>::first).map(|name| value_name(name));
    [flag(arg)].into_iter().chain(value).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The option without its value; nothing for what is no option.
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

/// The commands with their arguments, those that several have first.
fn commands(root: &Command) -> String {
    let commands: Vec<_> = root.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let is_common = |arg: &Arg| {
        let same = |other: &&Arg| {
            other.get_id() == arg.get_id()
                && other.get_help().unwrap().to_string() == arg.get_help().unwrap().to_string()
        };
        commands.iter().filter(|command| shown(command).any(|other| same(&other))).count() > 2
    };
    let mut out = String::from(".Bl -tag -width Ds\n");
    for command in &commands {
        writeln!(out, ".It Xo\n.Cm {}", command.get_name()).unwrap();
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
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let written = commands(&root);
    for command in root.get_subcommands() {
        assert!(written.contains(&format!("\n.Cm {}\n", command.get_name())), "{}", command.get_name());
    }
    hold(COMMANDS, &with_written(COMMANDS, &written));
}

/// What a line of the example is, be it commented out or not.
enum Line<'a> {
    Section(&'a str),
    /// A key, its default, and a comment behind them.
    Key(&'a str, &'a str, &'a str),
    Comment(&'a str),
    Empty,
}

fn line(line: &str) -> Line<'_> {
    let bare = line.trim_start_matches('#').trim();
    let is_section = bare.starts_with('[') && bare.ends_with(']');
    let word = |key: &str| key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    match bare.split_once(" = ").filter(|(key, _)| word(key)) {
        _ if bare.is_empty() => Line::Empty,
        _ if is_section => Line::Section(bare),
        Some((key, rest)) => {
            let (value, comment) = rest.split_once(" #").unwrap_or((rest, ""));
            Line::Key(key, value.trim(), comment.trim())
        }
        None => Line::Comment(bare),
    }
}

/// A section of the example.
struct Section {
    name: &'static str,
    about: String,
    /// Keys with their defaults, and what is said of them: keys that follow each other share the comment above them,
    /// one with a comment behind it has that for itself.
    keys: Vec<(Vec<(&'static str, &'static str)>, String)>,
}

fn sections(example: &'static str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut comment, mut follows) = (String::new(), false);
    for text in example.lines() {
        let (before, section) = (follows, sections.last_mut());
        follows = false;
        match (line(text), section) {
            (Line::Comment(more), _) => comment = format!("{comment} {more}"),
            (Line::Section(name), _) => {
                sections.push(Section { name, about: std::mem::take(&mut comment), keys: Vec::new() });
            }
            (Line::Key(key, value, behind), Some(section)) => {
                follows = behind.is_empty();
                let said = format!("{} {behind}", std::mem::take(&mut comment));
                match section.keys.last_mut().filter(|_| before && said.trim().is_empty()) {
                    Some((keys, _)) => keys.push((key, value)),
                    None => section.keys.push((vec![(key, value)], said)),
                }
            }
            (Line::Empty, Some(section)) if section.keys.is_empty() => {
                section.about.push_str(&std::mem::take(&mut comment));
            }
            _ => comment.clear(),
        }
    }
    sections
}

fn configuration() -> String {
    let mut out = String::new();
    for Section { name, about, keys } in sections(EXAMPLE) {
        writeln!(out, ".Ss {name}").unwrap();
        sentence(&mut out, about.trim());
        out.push_str(".Bl -tag -width Ds\n");
        for (keys, said) in keys {
            for (key, value) in keys {
                writeln!(out, ".It Ic {key} No = Li \"{}\"", value.replace('"', "\\(dq")).unwrap();
            }
            sentence(&mut out, said.trim());
        }
        out.push_str(".El\n");
    }
    out
}

/// The names that serde knows in a section, from what it says of one that it does not know; the sections themselves
/// without one.
fn known(section: Option<&str>) -> BTreeSet<String> {
    let attempts = match section {
        None => vec!["nonsense = 1".to_owned()],
        Some(name) => vec![format!("[{name}]\nnonsense = 1"), format!("[[{name}]]\nnonsense = 1")],
    };
    let errors = attempts.iter().map(|text| Config::parse(text).unwrap_err().to_string());
    let error = errors.into_iter().find(|error| error.contains("unknown field `nonsense`")).unwrap();
    let (_, expected) = error.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_manual_names_every_key() {
    let described: BTreeSet<_> = sections(EXAMPLE)
        .iter()
        .flat_map(|section| {
            section.keys.iter().flat_map(move |(keys, _)| keys.iter().map(move |key| (section, key)))
        })
        .map(|(section, (key, _))| (section.name.trim_matches(['[', ']']).to_owned(), (*key).to_owned()))
        .collect();
    let known: BTreeSet<_> = known(None)
        .into_iter()
        .flat_map(|section| known(Some(&section)).into_iter().map(move |key| (section.clone(), key)))
        .collect();
    assert_eq!(described, known, "described in config/netstat-agentx.toml, and known");
    for Section { about, keys, .. } in sections(EXAMPLE) {
        for (keys, said) in keys {
            assert!(!format!("{about}{said}").trim().is_empty(), "nothing is said of {keys:?}");
        }
    }
    hold(CONFIGURATION, &with_written(CONFIGURATION, &configuration()));
}

#[test]
fn keys_that_are_commented_out_are_read_too() {
    let example = "# A file.\n\n[log]\n# How much.\nlevel = \"info\"\n\n# None by default.\n# [[threshold]]\n\
                   # What it is called.\n# name = \"x\"\n# per-second = false   # true: the rate\n# warning = \"1\"\n\
                   # critical = \"2\"\n";
    let read: Vec<_> = sections(example)
        .into_iter()
        .map(|section| (section.name, section.about.trim().to_owned(), section.keys))
        .collect();
    let keys = |keys: &[(&'static str, &'static str)], said: &str| (keys.to_vec(), said.to_owned());
    assert_eq!(
        read,
        [
            ("[log]", String::new(), vec![keys(&[("level", "\"info\"")], " How much. ")]),
            (
                "[[threshold]]",
                "None by default.".to_owned(),
                vec![
                    keys(&[("name", "\"x\"")], " What it is called. "),
                    keys(&[("per-second", "false")], " true: the rate"),
                    keys(&[("warning", "\"1\""), ("critical", "\"2\"")], " "),
                ]
            ),
        ]
    );
}

#[test]
fn the_completions_are_those_of_the_command_line() {
    for (shell, file) in [
        (Shell::Bash, "netstat-agentx.bash"),
        (Shell::Zsh, "_netstat-agentx"),
        (Shell::Fish, "netstat-agentx.fish"),
    ] {
        let mut out = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "netstat-agentx", &mut out);
        hold(&format!("completions/{file}"), std::str::from_utf8(&out).unwrap());
    }
}
