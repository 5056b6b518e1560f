//! The book in docs/ is true: its links lead somewhere, its commands say what the pages show, its Rust is Rust of this
//! repository.
//!
//! How a page is written:
//! - ```` ```mlir file=NAME ````, or `text`: a file, written where the page's commands run;
//! - ```` ```console ````: commands after `$ `, run by a shell in that folder, each followed by what it prints; a line `...`
//!   stands for any lines;
//! - ```` ```rust file=PATH ````: lines that stand so in that file of the repository.
//!
//! With `INSTA_UPDATE=always`, as `./x bless` sets it, what commands print is written into the page, and the pictures that they
//! draw (`.svg`) beside it.

mod page;

use page::{Block, blocks};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// All pages, relative to docs/.
fn pages() -> Vec<String> {
    let docs = root().join("docs");
    let (mut pages, mut folders) = (vec![], vec![docs.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                // what mdBook writes
                if path.file_name().is_some_and(|name| name != "book") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path.strip_prefix(&docs).expect("below docs/").to_string_lossy().into_owned());
            }
        }
    }
    pages.sort();
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join("docs").join(page)).expect("a page is text")
}

/// The name that mdBook and GitHub give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Text outside fences, and outside code within a line.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let plain: Vec<&str> = line.split('`').step_by(2).collect();
            prose += &(plain.join("`") + "\n");
        }
    }
    prose
}

/// The targets of all links.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let parts = prose.split("](").skip(1);
    parts.filter_map(|part| Some(part[..part.find(')')?].to_owned())).collect()
}

/// Whether a relative link of a page stays below docs/.
fn inside(page: &Path, link: &str) -> bool {
    let docs = root().join("docs");
    let depth = page.strip_prefix(&docs).expect("below docs/").components().count() - 1;
    link.split('/').filter(|part| *part == "..").count() <= depth
}

fn headings(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if let (false, Some(heading)) = (fenced, line.strip_prefix('#')) {
            found.insert(anchor(heading.trim_start_matches('#')));
        }
    }
    found
}

#[test]
fn links_lead_somewhere() {
    let mut broken = vec![];
    let mut checked = 0;
    let mut files: Vec<PathBuf> = pages().into_iter().map(|page| root().join("docs").join(page)).collect();
    files.push(root().join("README.md"));
    for file in files {
        let text = fs::read_to_string(&file).expect("a page is text");
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            checked += 1;
            let (path, part) = link.split_once('#').map_or((link.as_str(), None), |(p, a)| (p, Some(a)));
            let target = if path.is_empty() { file.clone() } else { file.with_file_name("").join(path) };
            // what a page of the book links to is in the book
            let inside = file.ends_with("README.md") || inside(&file, path);
            let found = inside
                && target.exists()
                && part.is_none_or(|part| {
                    fs::read_to_string(&target).is_ok_and(|t| headings(&t).contains(part))
                });
            if !found {
                broken.push(format!(
                    "{}: {link}",
                    file.strip_prefix(root()).expect("in the repository").display()
                ));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
    assert!(checked > 20, "only {checked} links were found");
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let listed: BTreeSet<String> = links(&read("SUMMARY.md")).into_iter().collect();
    let missing: Vec<String> =
        pages().into_iter().filter(|page| page != "SUMMARY.md" && !listed.contains(page)).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md does not list {}", missing.join(", "));
}

#[test]
fn commands_print_what_the_pages_show() {
    let mut wrong = vec![];
    let mut ran = 0;
    for name in pages() {
        let text = read(&name);
        let page = page::run(&text, &root());
        ran += page.commands;
        let here = root().join("docs").join(&name);
        let pictures = page.pictures.iter().map(|(file, picture)| (here.with_file_name(file), picture));
        let stale = [(here.clone(), &page.text)].into_iter().chain(pictures);
        for (path, right) in
            stale.filter(|(path, right)| fs::read_to_string(path).ok().as_ref() != Some(right))
        {
            if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
                fs::write(&path, right).expect("the page can be written");
            } else if path == here {
                wrong.push(format!("docs/{name}:\n{}", page.difference));
            } else {
                wrong.push(format!("docs/{name} draws another picture than {}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\nwhen the new output is right, accept it by: ./x bless", wrong.join("\n"));
    assert!(ran > 10, "only {ran} commands were found");
}

#[test]
fn rust_of_the_pages_is_rust_of_the_repository() {
    let mut found = 0;
    for name in pages() {
        for block in blocks(&read(&name)) {
            let Block { language, file: Some(file), body, .. } = block else { continue };
            if language != "rust" {
                continue;
            }
            let source = fs::read_to_string(root().join(&file));
            let source = source.unwrap_or_else(|error| panic!("docs/{name} shows {file}: {error}"));
            // a page may leave lines out between its own
            for part in body.split("    // ...\n") {
                assert!(source.contains(part.trim_matches('\n')), "docs/{name}: {file} has no lines\n{part}");
            }
            found += 1;
        }
    }
    assert!(found > 2, "only {found} blocks were found");
}

#[test]
fn the_checks_find_what_they_are_for() {
    assert_eq!(links("a [b](c.md#d) `[x](y)`\n```\n[e](f)\n```\n[g](h)"), ["c.md#d", "h"]);
    let page = root().join("docs/guide/tools.md");
    assert!(inside(&page, "../index.md") && inside(&page, "testing.md") && !inside(&page, "../../README.md"));
    assert_eq!(anchor(" Write a `pass`, now"), "write-a-pass-now");
    assert!(headings("# A b\n```\n# c\n```\n").contains("a-b") && !headings("```\n# c\n```\n").contains("c"));
}

/// Every attack in docs/security.md names tests, as `FILE`: `TEST`, which exist.
#[test]
fn every_attack_names_tests_that_exist() {
    let page = read("security.md");
    let attacks = page.lines().skip_while(|l| !l.contains("## Reliability"));
    let rows = attacks.filter(|l| l.starts_with("| ") && !l.starts_with("| attack"));
    let (mut tried, mut problems) = (0, vec![]);
    for row in rows {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        // a name without a file is one of the file before it
        let mut file = String::new();
        let before = tried;
        for name in cell.split('`').skip(1).step_by(2) {
            if name.contains('/') {
                name.clone_into(&mut file);
                continue;
            }
            tried += 1;
            let source = fs::read_to_string(root().join(&file)).unwrap_or_default();
            let function = format!("fn {name}(");
            let at = source.find(&function).map(|at| &source[..at]);
            // of both degrees of challenges, in a list of such
            let generic = source.contains(&format!("fn {name}<"))
                && source.split("both!(").skip(1).any(|list| {
                    let list = list.split(')').next().unwrap_or_default();
                    list.split(',').any(|each| each.trim() == name)
                });
            let tested = generic
                || at.is_some_and(|before| {
                    before.trim_end().ends_with("#[test]")
                        || before.rsplit("\n\n").next().is_some_and(|b| b.contains("#[test]"))
                });
            if !tested {
                problems.push(format!("{file} has no test {name}"));
            }
        }
        if tried == before {
            problems.push(format!("a row without a test: {row}"));
        }
    }
    assert!(problems.is_empty() && tried > 20, "docs/security.md, {tried} tests:\n{}", problems.join("\n"));
}
