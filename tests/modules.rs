//! No module of a crate uses one that uses it: read from the `use` lines of its files. A call by
//! path to a child module is not counted.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// Which modules each module uses, by their names inside the crate.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// The crates in which no circle may be.
const CRATES: [&str; 8] = ["", "guard", "cli", "extension", "view", "www", "browser", "passwords"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The module of a file below `src`; empty for the crate itself.
fn module_of(file: &Path, src: &Path) -> Vec<String> {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let mut parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if matches!(parts.last().map(String::as_str), Some("lib" | "main" | "mod")) {
        parts.pop();
    }
    parts
}

/// Collects what one file uses, tests apart.
struct Paths {
    module: Vec<String>,
    /// As written, resolved to the crate's root.
    found: BTreeSet<Vec<String>>,
}

impl Paths {
    fn add(&mut self, segments: &[String]) {
        let mut base = self.module.clone();
        let mut rest = segments;
        match rest.first().map(String::as_str) {
            Some("crate") => {
                base.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|one| one == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            // A child module, perhaps; else another crate, which names no module of this one.
            _ => {}
        }
        self.found.insert([base.as_slice(), rest].concat());
    }

    fn walk(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.walk(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.walk(before, tree))
            }
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|one| {
        one.path().is_ident("cfg")
            && one.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, module: &'a syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.walk(&[], &item.tree);
        }
    }
}

fn graph(src: &Path) -> Graph {
    let mut files = Vec::new();
    rust_files(src, &mut files);
    let modules: BTreeMap<_, _> = files.iter().map(|file| (module_of(file, src), file)).collect();
    let mut graph = Graph::new();
    for (module, file) in &modules {
        // A module of tests may know everything.
        if module.last().is_some_and(|name| name == "tests" || name == "samples") {
            continue;
        }
        let parsed = syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap();
        let mut paths = Paths { module: module.clone(), found: BTreeSet::new() };
        paths.visit_file(&parsed);
        let named = paths.found.into_iter().filter_map(|path| {
            (1..=path.len())
                .rev()
                .map(|length| &path[..length])
                .find(|part| modules.contains_key(*part))
                .map(|part| part.join("::"))
        });
        let name = module.join("::");
        graph.insert(name.clone(), named.filter(|other| *other != name).collect());
    }
    graph
}

/// A way from a module back to itself.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    fn walk(
        graph: &Graph,
        module: &str,
        way: &mut Vec<String>,
        done: &mut BTreeSet<String>,
    ) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|one| one == module) {
            return Some(way[at..].to_vec());
        }
        if !done.insert(module.to_owned()) {
            return None;
        }
        way.push(module.to_owned());
        for next in graph.get(module).into_iter().flatten() {
            if let Some(found) = walk(graph, next, way, done) {
                return Some(found);
            }
        }
        way.pop();
        None
    }
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| walk(graph, module, &mut Vec::new(), &mut done))
}

#[test]
fn no_crate_has_a_circle_of_modules() {
    for name in CRATES {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("src");
        let graph = graph(&src);
        let edges: usize = graph.values().map(BTreeSet::len).sum();
        println!("{}: {} modules, {edges} edges", src.display(), graph.len());
        assert_eq!(
            circle(&graph),
            None,
            "{name}: each of these depends on the next, and the last on the first"
        );
    }
}

/// The test can fail: a fixture with a circle over three files.
#[test]
fn a_circle_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/circle");
    let graph = graph(&folder);
    assert_eq!(circle(&graph), Some(vec!["a".into(), "b".into(), "b::c".into()]));
    // What the tests of a module name is no edge.
    assert!(!graph["d"].contains("a"), "{graph:?}");
}
