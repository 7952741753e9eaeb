//! The configuration keys as the example describes them, for the manual of the file.

use super::mdoc::sentence;
use netstat_agentx::config::EXAMPLE;
use std::fmt::Write;

/// What a line of the example is, commented out or not.
enum Line<'a> {
    Section(&'a str),
    /// A key, its default, and the comment after them.
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
    /// Keys with their defaults, and their description: consecutive keys share the comment above them; a key followed
    /// by a comment has that one to itself.
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

pub fn written() -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use netstat_agentx::config::Config;
    use std::collections::BTreeSet;

    /// The names that serde knows in a section, taken from its error about an unknown one; without a section, the
    /// sections themselves.
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
}
