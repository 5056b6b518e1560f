//! No circles among the files of a crate: of any two in a folder at most one needs the other, whatever way around.
//!
//! A folder counts as one file to those outside it. A file may use what its folder's `mod.rs` says, and `mod.rs` what its files
//! say: they are one room. What only tests use does not count.
//!
//! Invariant: paths that begin with `crate`, `super` or `self` are followed; a re-export belongs to the file that writes it.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::{self, Visit};

/// Crates that are held to it.
const HELD: [&str; 5] =
    ["backends/plonky3", "backends/runtime", "backends/api", "dialects/support", "lowering/import_onnx"];

/// A module by its path from the crate's root.
type Module = Vec<String>;

/// What a file says of others.
#[derive(Default)]
struct Reader {
    /// Where we are: the file's module, then modules inside the file.
    at: Module,
    /// Paths from the crate's root.
    uses: BTreeSet<Module>,
    /// Modules that only tests have.
    tests: BTreeSet<Module>,
}

impl Reader {
    fn take(&mut self, path: &[String]) {
        let mut from = match path.first().map(String::as_str) {
            Some("crate") => vec![],
            Some("self" | "super") => self.at.clone(),
            _ => return,
        };
        for name in path {
            match name.as_str() {
                "crate" | "self" => {}
                "super" => drop(from.pop()),
                _ => from.push(name.clone()),
            }
        }
        self.uses.insert(from);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            syn::UseTree::Path(p) => self.tree(&with(p.ident.to_string()), &p.tree),
            syn::UseTree::Name(n) => self.take(&with(n.ident.to_string())),
            syn::UseTree::Rename(r) => self.take(&with(r.ident.to_string())),
            syn::UseTree::Glob(_) => self.take(before),
            syn::UseTree::Group(g) => g.items.iter().for_each(|t| self.tree(before, t)),
        }
    }
}

/// Whether an item is there for tests alone.
fn only_tests(attributes: &[syn::Attribute]) -> bool {
    attributes
        .iter()
        .any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|i| i == "test"))
}

impl<'a> Visit<'a> for Reader {
    fn visit_item_mod(&mut self, m: &'a syn::ItemMod) {
        self.at.push(m.ident.to_string());
        if only_tests(&m.attrs) {
            self.tests.insert(self.at.clone());
        } else {
            visit::visit_item_mod(self, m);
        }
        self.at.pop();
    }

    fn visit_item_use(&mut self, u: &'a syn::ItemUse) {
        if !only_tests(&u.attrs) {
            self.tree(&[], &u.tree);
        }
    }

    fn visit_path(&mut self, p: &'a syn::Path) {
        self.take(&p.segments.iter().map(|s| s.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, p);
    }
}

/// Sources by module.
type Sources = BTreeMap<Module, String>;

fn sources(root: &Path) -> Sources {
    let (mut all, mut todo) = (Sources::new(), vec![(root.join("src"), Module::new())]);
    while let Some((folder, module)) = todo.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder").flatten() {
            let path = entry.path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let mut at = module.clone();
            if !["lib", "main", "mod"].contains(&name.as_str()) {
                at.push(name);
            }
            if path.is_dir() {
                todo.push((path, at));
            } else if path.extension().is_some_and(|e| e == "rs") {
                all.insert(at, std::fs::read_to_string(&path).expect("a readable file"));
            }
        }
    }
    all
}

/// The circles of a crate, each as lines "file → file, which it needs for a path".
fn circles(sources: &Sources) -> Vec<String> {
    let (mut uses, mut tests) = (vec![], BTreeSet::new());
    for (module, text) in sources {
        let mut reader = Reader { at: module.clone(), ..Reader::default() };
        reader.visit_file(&syn::parse_file(text).expect("a file that compiles"));
        tests.extend(reader.tests);
        uses.push((module, reader.uses));
    }
    // per folder: who needs whom, and one path that says so
    let mut needs: BTreeMap<&[String], BTreeMap<(&str, &str), String>> = BTreeMap::new();
    for (from, uses) in &uses {
        if (0..=from.len()).any(|n| tests.contains(&from[..n])) {
            continue;
        }
        for path in uses {
            let to = (0..=path.len()).rev().find_map(|n| sources.get_key_value(&path[..n]));
            let Some((to, _)) = to else { continue };
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            let (Some(a), Some(b)) = (from.get(common), to.get(common)) else { continue };
            let why = format!("{} uses {}", from.join("::"), path.join("::"));
            needs.entry(&from[..common]).or_default().entry((a, b)).or_insert(why);
        }
    }
    needs.values().flat_map(circles_of).collect()
}

/// Those of one folder.
fn circles_of(needs: &BTreeMap<(&str, &str), String>) -> Vec<String> {
    let reach = |from: &str| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from.to_string()]);
        while let Some(at) = todo.pop() {
            let next = needs.keys().filter(|(a, _)| *a == at).map(|(_, b)| b.to_string());
            todo.extend(next.filter(|b| seen.insert(b.clone())));
        }
        seen
    };
    needs
        .iter()
        .filter(|((a, b), _)| reach(b).contains(*a))
        .map(|((a, b), why)| format!("{a} → {b}: {why}"))
        .collect()
}

#[test]
fn no_two_files_need_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for folder in HELD.into_iter().rev() {
        let found = circles(&sources(&root.join(folder)));
        assert!(
            found.is_empty(),
            "{folder}: files that need each other belong in one file, or what both need in a file below them:\n{}",
            found.join("\n")
        );
    }
}

#[test]
fn a_circle_is_found_whatever_its_paths_look_like() {
    let with = |files: &[(&str, &str)]| {
        let module = |m: &str| m.split("::").filter(|s| !s.is_empty()).map(str::to_string).collect();
        circles(&files.iter().map(|(m, text)| (module(m), text.to_string())).collect())
    };
    // through a folder, a brace, an expression
    let found = with(&[
        ("", "mod field; mod open; mod sums;"),
        ("field", "mod scheme; pub struct F;"),
        ("field::scheme", "use crate::{open::{self, Opening}}; fn f() { open::g() }"),
        ("open", "pub struct Opening; fn g() { super::sums::all() }"),
        ("sums", "use crate::field::F;"),
    ]);
    assert_eq!(
        found,
        [
            "field → open: field::scheme uses open",
            "open → sums: open uses sums::all",
            "sums → field: sums uses field::F",
        ]
    );
    // beside each other in a folder
    let found = with(&[
        ("", "mod a;"),
        ("a", "mod b; mod c;"),
        ("a::b", "use super::c::*;"),
        ("a::c", "mod inner { use super::super::b::B; }"),
    ]);
    assert_eq!(found, ["b → c: a::b uses a::c", "c → b: a::c uses a::b::B"]);
    // a folder and its files are one room; tests may use anything
    let found = with(&[
        ("", "mod a; mod t; #[cfg(test)] mod testing;"),
        ("a", "mod b; use self::b::B; use crate::t::T;"),
        ("a::b", "use super::A; use crate::Root;"),
        ("t", "#[cfg(test)] mod tests { use crate::a::A; } #[cfg(test)] use crate::a::A;"),
        ("testing", "use crate::a::A;"),
    ]);
    assert_eq!(found, [""; 0]);
}
