//! How the files of `src/` and `xtask/src/` depend on each other: in one direction, without circles, and the modules in the order that
//! docs/architecture.md has.
//!
//! A file depends on the one that holds what a path in it names: in a `use`, a type, an expression. Tests within a file do
//! not count, nor does the line `mod x;` by which a file names its parts.
//!
//! It also holds that errors are types: no `Result` has a text for its error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// A file's module path: `["mib", "view"]`, none for lib.rs.
type Module = Vec<String>;

/// The paths that a file names, from its crate or from itself.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.tree(Vec::new(), &item.tree);
        }
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}

impl Paths {
    fn tree(&mut self, mut before: Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(before.clone(), item));
            }
            syn::UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.0.push(before);
            }
            syn::UseTree::Rename(rename) => {
                before.push(rename.ident.to_string());
                self.0.push(before);
            }
            syn::UseTree::Glob(_) => self.0.push(before),
        }
    }
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(root: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(root).unwrap().with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if ["mod", "lib", "main"].contains(&&**module.last().unwrap()) {
        module.pop();
    }
    module
}

/// The modules that each module's file depends on.
fn dependencies(root: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut files = Vec::new();
    rust_files(root, &mut files);
    let sources: BTreeMap<Module, syn::File> = files
        .iter()
        .filter(|file| !file.ends_with("src/main.rs") || !root.join("lib.rs").exists())
        .map(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            (module_of(root, file), syn::parse_file(&text).unwrap())
        })
        .collect();
    let holds = |path: Vec<String>| {
        let lengths = (0..=path.len()).rev();
        lengths.map(|length| path[..length].to_vec()).find(|path| sources.contains_key(path))
    };
    let of = |module: &Module, source: &syn::File| {
        let mut paths = Paths::default();
        paths.visit_file(source);
        let named = paths.0.into_iter().filter_map(|path| {
            let supers = path.iter().take_while(|part| *part == "super").count();
            let from = match path[0].as_str() {
                "crate" => path[1..].to_vec(),
                "self" => [&module[..], &path[1..]].concat(),
                "super" => [&module[..module.len() - supers], &path[supers..]].concat(),
                _ => {
                    // A part of this file's module, or a name from elsewhere.
                    let inside = [&module[..], &path[..]].concat();
                    sources.contains_key(&inside[..=module.len()]).then_some(inside)?
                }
            };
            holds(from)
        });
        named.filter(|other| other != module).collect()
    };
    sources.iter().map(|(module, source)| (module.clone(), of(module, source))).collect()
}

/// The modules that can be reached from each, and reach it again: the circles.
fn circles(dependencies: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<BTreeSet<Module>> {
    let reached = |from: &Module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for other in &dependencies[module] {
                if reached.insert(other) {
                    next.push(other);
                }
            }
        }
        reached
    };
    let reach: BTreeMap<_, _> = dependencies.keys().map(|module| (module, reached(module))).collect();
    let circle = |module: &Module| {
        let back = reach[module].iter().filter(|other| reach[**other].contains(module));
        back.map(|other| (*other).clone()).collect::<BTreeSet<_>>()
    };
    dependencies.keys().map(circle).filter(|circle| !circle.is_empty()).collect()
}

fn told(circles: &BTreeSet<BTreeSet<Module>>, dependencies: &BTreeMap<Module, BTreeSet<Module>>) -> String {
    let mut text = String::new();
    for circle in circles {
        text += "\na circle:";
        for module in circle {
            let others = dependencies[module].intersection(circle).map(|other| other.join("::"));
            text += &format!("\n  {} -> {}", module.join("::"), others.collect::<Vec<_>>().join(", "));
        }
    }
    text
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn no_two_files_depend_on_each_other() {
    for folder in [root(), root().join("../xtask/src")] {
        let dependencies = dependencies(&folder);
        let circles = circles(&dependencies);
        assert!(circles.is_empty(), "{}", told(&circles, &dependencies));
    }
}

/// The order of docs/architecture.md: each module depends on those before it alone, and agentx on smi.
#[test]
fn modules_depend_in_one_direction() {
    let text = std::fs::read_to_string(root().join("../docs/architecture.md")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Bottom up: ")).expect("a line 'Bottom up: '");
    let order: Vec<_> = line.split('`').skip(1).step_by(2).collect();
    let dependencies = dependencies(&root());
    let modules: BTreeSet<_> = dependencies.keys().filter_map(|module| module.first()).collect();
    assert_eq!(
        order.iter().copied().collect::<BTreeSet<_>>(),
        modules.iter().map(|module| module.as_str()).collect()
    );
    let place = |module: &str| order.iter().position(|other| *other == module).unwrap();
    let mut wrong = Vec::new();
    for (module, others) in &dependencies {
        let Some(own) = module.first() else { continue };
        for other in others.iter().filter_map(|other| other.first()).filter(|other| *other != own) {
            let allowed = if own == "agentx" { other == "smi" } else { place(other) < place(own) };
            if !allowed {
                wrong.push(format!("{} depends on {other}", module.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Finds each `Result` whose error is a text.
#[derive(Default)]
struct TextErrors {
    /// The function, struct, enum or type being visited.
    within: String,
    found: Vec<String>,
}

impl TextErrors {
    fn note(&mut self, error: &syn::Type) {
        self.found.extend(is_text(error).then(|| self.within.clone()));
    }
}

impl<'a> Visit<'a> for TextErrors {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let attributes = match item {
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Trait(item) => &item.attrs,
            _ => &Vec::new(),
        };
        match item {
            syn::Item::Struct(item) => self.within = item.ident.to_string(),
            syn::Item::Enum(item) => self.within = item.ident.to_string(),
            syn::Item::Type(item) => self.within = item.ident.to_string(),
            _ => {}
        }
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_signature(&mut self, signature: &'a syn::Signature) {
        self.within = signature.ident.to_string();
        visit::visit_signature(self, signature);
    }

    /// `type Err = String`, of FromStr and TryFrom.
    fn visit_impl_item_type(&mut self, item: &'a syn::ImplItemType) {
        if ["Err", "Error"].iter().any(|name| item.ident == name) {
            self.within = item.ident.to_string();
            self.note(&item.ty);
        }
        visit::visit_impl_item_type(self, item);
    }

    fn visit_path_segment(&mut self, segment: &'a syn::PathSegment) {
        if let (true, syn::PathArguments::AngleBracketed(arguments)) =
            (segment.ident == "Result", &segment.arguments)
        {
            if let Some(syn::GenericArgument::Type(error)) = arguments.args.iter().nth(1) {
                self.note(error);
            }
        }
        visit::visit_path_segment(self, segment);
    }
}

/// Whether a type is `String`, `str`, a reference to one, a box or a `Cow` of one.
fn is_text(of: &syn::Type) -> bool {
    let path = match of {
        syn::Type::Reference(reference) => return is_text(&reference.elem),
        syn::Type::Path(path) => &path.path,
        _ => return false,
    };
    let last = path.segments.last().unwrap();
    let is = |names: &[&str]| names.iter().any(|name| last.ident == name);
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return is(&["String", "str"]);
    };
    is(&["Box", "Cow", "Arc", "Rc"])
        && arguments
            .args
            .iter()
            .any(|argument| matches!(argument, syn::GenericArgument::Type(inner) if is_text(inner)))
}

fn text_errors(source: &str) -> Vec<String> {
    let mut errors = TextErrors::default();
    errors.visit_file(&syn::parse_file(source).unwrap());
    errors.found
}

/// Each layer has an error type, with path, line and field; it becomes text where it is reported.
#[test]
fn errors_are_types() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    assert!(files.len() > 100, "{}", files.len());
    let found = files.iter().flat_map(|file| {
        let found = text_errors(&std::fs::read_to_string(file).unwrap());
        found.into_iter().map(move |within| format!("{}: {within}", file.display()))
    });
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "a text for an error: {found:#?}");
}

/// The visitor finds one of each kind, and nothing else.
#[test]
fn errors_that_are_texts_are_found() {
    for (within, wrong) in [
        ("f", "fn f() -> Result<(), String> { Ok(()) }"),
        ("f", "fn f() -> std::result::Result<u8, &'static str> { Ok(1) }"),
        ("f", "fn f(each: impl FnMut(u8) -> Result<(), String>) {}"),
        ("f", "fn f() { let g = || -> Result<(), Box<str>> { Ok(()) }; }"),
        ("S", "struct S(std::sync::mpsc::SyncSender<Result<Option<u8>, std::borrow::Cow<'static, str>>>);"),
        ("Err", "impl std::str::FromStr for S { type Err = String; }"),
        ("f", "impl S { fn f() -> Result<(), String> { Ok(()) } }"),
        ("f", "trait T { fn f() -> Result<(), String>; }"),
        ("R", "type R<T> = Result<T, String>;"),
    ] {
        assert_eq!(text_errors(wrong), [within], "{wrong}");
    }
    for right in [
        "fn f() -> Result<String, Error> { Ok(String::new()) }",
        "fn f() -> Result<Vec<&'static str>, Error> { Ok(vec![]) }",
        "fn f() -> std::io::Result<String> { Ok(String::new()) }",
        "#[cfg(test)] mod tests { fn f() -> Result<(), String> { Ok(()) } }",
        "impl S { #[cfg(test)] fn f() -> Result<(), String> { Ok(()) } }",
    ] {
        assert_eq!(text_errors(right), [""; 0], "{right}");
    }
}

/// What finds circles must find one.
#[test]
fn a_circle_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c;");
    write("a.rs", "use crate::{b::B, c};\nfn f() { c::g() }");
    write("b.rs", "pub struct B;\nfn f() { super::a::f() }");
    write("c.rs", "pub fn g() {}\n#[cfg(test)]\nmod tests { use crate::a::f; }");
    let dependencies = dependencies(folder.path());
    let circle = [["a"], ["b"]].map(|module| module.map(str::to_owned).to_vec());
    assert_eq!(circles(&dependencies), [BTreeSet::from(circle)].into(), "{dependencies:?}");
}
