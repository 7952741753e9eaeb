//! docs/conformance.md and docs/reliability.md name tests: such as there are, and as are run.
//!
//! Which those are is read from the source of all test binaries, since nothing else is there to ask where the tests run
//! without a compiler; what is read of this binary is held to its own `--list`.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use syn::Item;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The files that test binaries begin with, and what cargo calls those that have to be asked for by name.
const BINARIES: [(&str, Option<&str>); 5] = [
    ("src/lib.rs", None),
    ("xtask/src/main.rs", None),
    ("tests/agent/main.rs", Some("agent")),
    ("tests/consumers/main.rs", Some("consumers")),
    ("tests/host/main.rs", Some("host")),
];

#[derive(Debug)]
struct Test {
    binary: Option<&'static str>,
    /// `tests/agent/snmpd.rs`
    file: String,
    /// `snmpd::idle_is_free`, as `--list` has it
    path: Vec<String>,
    /// The reason, which says who runs it.
    ignored: Option<String>,
}

impl Test {
    fn name(&self) -> String {
        self.path.join("::")
    }

    fn function(&self) -> &str {
        self.path.last().unwrap()
    }

    /// The target of the Makefile that runs it though it is ignored: the last word of the reason.
    fn target(&self) -> Option<&str> {
        self.ignored.as_ref()?.rsplit_once("make ").map(|(_, target)| target)
    }
}

/// Collects the tests of a file and of the modules below it.
struct Collector {
    binary: Option<&'static str>,
    tests: Vec<Test>,
}

impl Collector {
    fn file(&mut self, file: &Path, module: &[String]) {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap();
        let stem = file.file_stem().unwrap();
        let folder = file.parent().unwrap();
        let below = if ["main", "lib", "mod"].iter().any(|name| stem == *name) {
            folder.to_owned()
        } else {
            folder.join(stem)
        };
        self.items(&parsed.items, file, &below, module);
    }

    /// The folder is the one in which files of modules are looked for.
    fn items(&mut self, items: &[Item], file: &Path, folder: &Path, module: &[String]) {
        for item in items {
            match item {
                Item::Fn(function) if function.attrs.iter().any(is_test) => {
                    let ignored = function.attrs.iter().find_map(reason);
                    self.add(file, module, &function.sig.ident.to_string(), ignored);
                }
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    let module = [module, std::slice::from_ref(&name)].concat();
                    if let Some((_, items)) = &inner.content {
                        self.items(items, file, &folder.join(&name), &module);
                    } else {
                        let own = inner.attrs.iter().find_map(|attribute| text_of(attribute, "path"));
                        let places = match own {
                            Some(own) => vec![file.parent().unwrap().join(own)],
                            None => {
                                vec![folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")]
                            }
                        };
                        let place = places.iter().find(|place| place.exists());
                        self.file(place.unwrap_or_else(|| panic!("no file of {module:?}")), &module);
                    }
                }
                Item::Macro(item) if item.mac.path.segments.last().unwrap().ident == "proptest" => {
                    for name in functions(item.mac.tokens.clone()) {
                        self.add(file, module, &name, None);
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, file: &Path, module: &[String], function: &str, ignored: Option<String>) {
        let file = file.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
        let path = [module, &[function.to_owned()]].concat();
        self.tests.push(Test { binary: self.binary, file, path, ignored });
    }
}

/// `#[test]`, `#[tokio::test]`
fn is_test(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().unwrap().ident == "test"
}

fn reason(attribute: &syn::Attribute) -> Option<String> {
    let without = attribute.path().is_ident("ignore").then(String::new)?;
    Some(text_of(attribute, "ignore").unwrap_or(without))
}

/// The text of `#[name = "text"]`.
fn text_of(attribute: &syn::Attribute, name: &str) -> Option<String> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(value) = &pair.value else { return None };
    match &value.lit {
        syn::Lit::Str(text) if pair.path.is_ident(name) => Some(text.value()),
        _ => None,
    }
}

/// The names after `fn` in what a `proptest!` encloses, each of which has `#[test]`.
fn functions(tokens: TokenStream) -> Vec<String> {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let ident = |token: &TokenTree| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    };
    let pairs = tokens.windows(2);
    pairs.filter(|pair| ident(&pair[0]).as_deref() == Some("fn")).filter_map(|pair| ident(&pair[1])).collect()
}

/// Every test of the workspace.
static TESTS: LazyLock<Vec<Test>> = LazyLock::new(|| {
    let mut tests = Vec::new();
    for (file, binary) in BINARIES {
        let mut collector = Collector { binary, tests: Vec::new() };
        collector.file(&PathBuf::from(ROOT).join(file), &[]);
        tests.extend(collector.tests);
    }
    tests
});

/// The names of tests in backquotes, each with what is before it: `tests/agent/snmpd.rs::idle_is_free`.
fn named(text: &str) -> Vec<(&str, &str, &str)> {
    let words: Vec<_> = text.split('`').collect();
    let quoted = words.windows(2).step_by(2);
    let names = quoted.filter_map(|pair| Some((pair[0], pair[1].split_once(".rs::")?)));
    names.map(|(before, (file, function))| (before, file, function)).collect()
}

/// What is wrong with the tests that a row names: none, one that is not there or there twice, one twice in the row, one that
/// another target than `make test` runs and that has not its mark.
fn faults(row: &str, tests: &[Test]) -> Vec<String> {
    let named = named(row);
    let mut faults = Vec::new();
    if named.is_empty() {
        faults.push("names no test".to_owned());
    }
    let mut seen = BTreeSet::new();
    for (before, file, function) in named {
        let name = format!("{file}.rs::{function}");
        if !seen.insert(name.clone()) {
            faults.push(format!("{name} twice"));
        }
        let is_meant = |test: &&Test| test.file == format!("{file}.rs") && test.function() == function;
        let found: Vec<_> = tests.iter().filter(is_meant).collect();
        let [test] = found[..] else {
            faults.push(format!("{name} is there {} times", found.len()));
            continue;
        };
        // *soak*, or *floods* for test-floods
        let mark = before.strip_suffix("* ").and_then(|before| Some(before.rsplit_once('*')?.1));
        let target = test.target().map(|target| target.trim_start_matches("test-"));
        if mark != target {
            faults.push(format!("{name} is marked {mark:?}, and is for {target:?}"));
        }
    }
    faults
}

/// The rows of all tables of a text, without their headers.
fn rows(text: &str) -> Vec<&str> {
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        if line.starts_with("| --- ") {
            rows.pop();
        } else {
            rows.push(line);
        }
    }
    rows
}

fn assert_no_faults(file: &str, text: &str, at_least: usize) {
    let rows = rows(text);
    assert!(rows.len() >= at_least, "{file} has {} rows", rows.len());
    let wrong = rows.iter().map(|row| (row, faults(row, &TESTS))).filter(|(_, faults)| !faults.is_empty());
    let wrong: Vec<_> = wrong.map(|(row, faults)| format!("{row}\n    {}", faults.join("; "))).collect();
    assert!(wrong.is_empty(), "{file}:\n{}", wrong.join("\n"));
}

#[test]
fn every_rule_of_the_rfc_has_tests_that_are_run() {
    let document = std::fs::read_to_string(format!("{ROOT}/docs/conformance.md")).unwrap();
    let (rules, _) = document.split_once("## Where we differ").unwrap();
    assert_no_faults("docs/conformance.md", rules, 55);
}

/// A fault without a test is none that we know to be survived.
#[test]
fn every_fault_has_tests_that_are_run() {
    let document = std::fs::read_to_string(format!("{ROOT}/docs/reliability.md")).unwrap();
    // What is below has figures.
    let (faults, _) = document.split_once("## Fuzzing").unwrap();
    assert_no_faults("docs/reliability.md", faults, 100);
}

/// What is read from the source is what the test harness has.
#[test]
fn the_list_of_tests_is_that_of_the_binary() {
    let own = std::env::current_exe().unwrap();
    for (flags, ignored) in [(&["--list"][..], false), (&["--list", "--ignored"], true)] {
        let output = Command::new(&own).args(flags).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let listed: BTreeSet<_> = text.lines().filter_map(|line| line.strip_suffix(": test")).collect();
        let of_host = TESTS.iter().filter(|test| test.binary == Some("host"));
        let read: BTreeSet<_> =
            of_host.filter(|test| !ignored || test.ignored.is_some()).map(Test::name).collect();
        assert_eq!(read, listed.into_iter().map(str::to_owned).collect());
    }
}

/// An ignored test says which target of the Makefile runs it, and that one does.
#[test]
fn every_ignored_test_is_run_by_somebody() {
    let makefile = std::fs::read_to_string(format!("{ROOT}/Makefile")).unwrap().replace("\\\n", " ");
    let runs = |target: &str, test: &Test| {
        let recipe = makefile.split_once(&format!("\n{target}:\n")).map_or("", |(_, rest)| rest);
        let recipe = recipe.lines().take_while(|line| line.starts_with('\t'));
        recipe.into_iter().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let options = words.split(|word| *word == "--").collect::<Vec<_>>();
            let [cargo, harness] = options[..] else { return false };
            // What comes after the name of the binary filters.
            let mut after = cargo.iter().skip_while(|word| **word != "--test").skip(1);
            after.next().is_some_and(|name| test.binary == Some(*name))
                && after.all(|filter| test.name().contains(filter))
                && harness.iter().any(|word| ["--ignored", "--include-ignored"].contains(word))
        })
    };
    let ignored: Vec<_> = TESTS.iter().filter(|test| test.ignored.is_some()).collect();
    assert!(ignored.len() > 10, "{ignored:?}");
    for test in ignored {
        let started_by_others = test.ignored.as_deref() == Some("is a process that the other tests start");
        assert!(started_by_others || test.target().is_some_and(|target| runs(target, test)), "{test:?}");
    }
}

#[test]
fn what_looks_for_faults_finds_them() {
    let test = |function: &str, ignored: Option<&str>| Test {
        binary: Some("agent"),
        file: "tests/agent/a.rs".to_owned(),
        path: vec!["a".to_owned(), function.to_owned()],
        ignored: ignored.map(str::to_owned),
    };
    let tests =
        [test("one", None), test("long", Some("takes minutes; make soak")), test("more", Some("make x"))];
    let faults = |row: &str| faults(row, &tests).len();
    assert_eq!(faults("| a | `b` | `tests/agent/a.rs::one`, *soak* `tests/agent/a.rs::long` |"), 0);
    for row in [
        "| a | `b` | |",
        "| a | `b` | `tests/agent/a.rs::two` |",
        "| a | `b` | `tests/agent/b.rs::one` |",
        "| a | `b` | `tests/agent/a.rs::one`, `tests/agent/a.rs::one` |",
        "| a | `b` | `tests/agent/a.rs::long` |",
        "| a | `b` | *soak* `tests/agent/a.rs::one` |",
        "| a | `b` | *floods* `tests/agent/a.rs::long` |",
        "| a | `b` | `tests/agent/a.rs::more` |",
    ] {
        assert_eq!(faults(row), 1, "{row}");
    }
    assert_eq!(
        rows("text\n| head |\n| --- |\n| one |\n\n| other |\n| --- |\n| two |"),
        ["| one |", "| two |"]
    );
    let macros =
        "#![proptest_config(cases(9))] /// Why.\n#[test] fn a(b in 0..3) { fn_like(); } #[test] fn c() {}";
    assert_eq!(functions(macros.parse().unwrap()), ["a", "c"]);
}
