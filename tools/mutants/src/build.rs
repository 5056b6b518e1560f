//! A copy of the workspace with woven sources, which compiles: mutants that do not are left out.
//!
//! Invariant: a mutant is left out only for an error of the compiler that points into it, or into its place.
use crate::weave::{File, Woven};
use crate::{ROOMS, Room};
use serde_json::Value;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the woven code asks whether a mutant is awake: a module of each crate.
const ON: &str = include_str!("on.rs");

/// A mutant of the whole list; its number is its place.
pub struct Named {
    /// Its file, from the repository's folder.
    pub file: String,
    /// File, line, column, function and change.
    pub name: String,
    /// Which of `ROOMS` it belongs to.
    pub room: usize,
    /// Whether it compiles.
    pub compiles: bool,
    /// Hash of the file.
    of: u64,
}

impl Named {
    fn key(&self) -> String {
        format!("{:016x} {}", self.of, self.name)
    }
}

/// A binary of tests.
pub struct Binary {
    /// The package, and the target or "lib".
    pub of: (String, String),
    /// The file to run.
    pub path: PathBuf,
    /// The folder that its tests start in.
    pub folder: PathBuf,
}

struct Source {
    path: String,
    file: File,
    first: u32,
}

fn git(root: &Path) -> Result<Vec<String>, String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let out =
        Command::new("git").args(arguments).current_dir(root).output().map_err(|e| format!("git: {e}"))?;
    let names = String::from_utf8_lossy(&out.stdout);
    Ok(names.split('\0').filter(|n| !n.is_empty() && root.join(n).is_file()).map(str::to_owned).collect())
}

/// Writes a file if that changes it: what is as it was is not built again.
fn put(path: &Path, text: &[u8]) -> Result<(), String> {
    if std::fs::read(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().expect("a file stands in a folder");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, text))
        .map_err(|e| format!("{}: {e}", path.display()))
}

/// All mutants of the rooms that have one whose name is wanted, and the binaries that hold them.
///
/// # Errors
/// When the copy cannot be written, or does not compile whatever is left out.
pub fn build(
    root: &Path,
    copy: &Path,
    target: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<(Vec<Named>, Vec<Binary>), String> {
    let names = git(root)?;
    let (mut sources, mut all, mut rooms) = (vec![], vec![], vec![]);
    for (number, room) in ROOMS.iter().enumerate() {
        let before = (sources.len(), all.len());
        for path in names.iter().filter(|n| chosen(room, n)) {
            let text = std::fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
            let file = File::new(&text).map_err(|e| format!("{path}: {e}"))?;
            let first = all.len() as u32;
            let of = BuildHasherDefault::<DefaultHasher>::default().hash_one(&text);
            all.extend(file.mutants().map(|m| Named {
                file: path.clone(),
                name: format!("{path}:{}:{}: {}: {}", m.line, m.column, m.function, m.what),
                room: number,
                compiles: true,
                of,
            }));
            sources.push(Source { path: path.clone(), file, first });
        }
        if all[before.1..].iter().any(|m: &Named| wanted(&m.name)) {
            rooms.push(room);
        } else {
            sources.truncate(before.0);
            all.truncate(before.1);
        }
    }
    if rooms.is_empty() {
        return Ok((vec![], vec![]));
    }
    let woven: BTreeSet<&str> = sources.iter().map(|s| &s.path[..]).collect();
    let roots: BTreeSet<String> =
        woven.iter().filter_map(|p| Some(format!("{}/src/lib.rs", p.split_once("/src/")?.0))).collect();
    for name in names.iter().filter(|n| !woven.contains(&n[..])) {
        let mut text = std::fs::read(root.join(name)).map_err(|e| format!("{name}: {e}"))?;
        if roots.contains(name) {
            text.extend(b"\nmod mutants;\n");
            let on = ON.replace("MUTANTS", &all.len().to_string());
            put(&copy.join(name).with_file_name("mutants.rs"), on.as_bytes())?;
        }
        put(&copy.join(name), &text)?;
    }
    // what did not compile in this very file will not now
    let remembered = copy.join("../do-not-compile.txt");
    let known = std::fs::read_to_string(&remembered).unwrap_or_default();
    let known: BTreeSet<&str> = known.lines().collect();
    all.iter_mut().for_each(|m| m.compiles = !known.contains(&m.key()[..]));
    for _ in 0..30 {
        let mut texts = BTreeMap::new();
        for s in &sources {
            let woven = s.file.weave(s.first, &|n| all[n as usize].compiles);
            put(&copy.join(&s.path), woven.text.as_bytes())?;
            texts.insert(&s.path[..], woven);
        }
        match compile(copy, target, &rooms)? {
            Ok(binaries) => {
                let mut lines: BTreeSet<String> =
                    all.iter().filter(|m| !m.compiles).map(Named::key).collect();
                lines.extend(known.iter().map(|line| line.to_string()));
                put(&remembered, lines.into_iter().map(|line| line + "\n").collect::<String>().as_bytes())?;
                return Ok((all, binaries));
            }
            Err(errors) => {
                let wrong = wrong(&texts, &errors)?;
                eprintln!("{} mutants do not compile", wrong.len());
                wrong.into_iter().for_each(|n| all[n as usize].compiles = false);
            }
        }
    }
    Err("thirty builds were not enough to find the mutants that do not compile".into())
}

fn chosen(room: &Room, path: &str) -> bool {
    let inside = |f: &&str| path == *f || path.strip_prefix(*f).is_some_and(|rest| rest.starts_with('/'));
    path.ends_with(".rs") && room.files.iter().any(inside)
}

/// The binaries, or the errors.
fn compile(copy: &Path, target: &Path, rooms: &[&Room]) -> Result<Result<Vec<Binary>, Vec<Value>>, String> {
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.args([
        "test",
        "--no-run",
        "--profile",
        "mutants",
        "--no-fail-fast",
        "--message-format",
        "json",
        "--quiet",
    ]);
    cargo.arg("--target-dir").arg(target).current_dir(copy);
    let tests: BTreeSet<_> = rooms.iter().flat_map(|r| r.tests).collect();
    let packages: BTreeSet<_> = tests.iter().map(|(p, _)| *p).collect();
    cargo.args(packages.iter().flat_map(|p| ["-p", p]));
    cargo.arg("--lib");
    cargo.args(tests.iter().filter(|(_, t)| *t != "lib").flat_map(|(_, t)| ["--test", t]));
    let out = cargo.stderr(std::process::Stdio::inherit()).output().map_err(|e| format!("cargo: {e}"))?;
    let text = String::from_utf8_lossy(&out.stdout);
    let messages: Vec<Value> = text.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    if !out.status.success() {
        let errors = messages.iter().map(|m| &m["message"]).filter(|m| m["level"] == "error");
        return Ok(Err(errors.cloned().collect()));
    }
    let binary = |m: &Value| {
        let manifest = Path::new(m["manifest_path"].as_str()?);
        let package = manifest.parent()?;
        let name = std::fs::read_to_string(manifest).ok()?;
        let name = name.lines().find_map(|l| l.strip_prefix("name = \""))?.trim_end_matches('"').to_owned();
        let kind = m["target"]["kind"][0].as_str()?;
        let target = if kind == "test" { m["target"]["name"].as_str()? } else { "lib" };
        m["profile"]["test"].as_bool().filter(|t| *t)?;
        let path = m["executable"].as_str()?.into();
        let of = (name, target.to_owned());
        let wanted = tests.iter().any(|(p, t)| *p == of.0 && *t == of.1);
        wanted.then(|| Binary { of, path, folder: package.into() })
    };
    Ok(Ok(messages.iter().filter_map(binary).collect()))
}

/// Where an error points: places of files, the main ones first.
fn spans(error: &Value) -> [Vec<(String, Range<usize>)>; 2] {
    let mut all = [vec![], vec![]];
    let children = error["children"].as_array().into_iter().flatten();
    for m in std::iter::once(error).chain(children) {
        for s in m["spans"].as_array().into_iter().flatten() {
            let number = |k: &str| s[k].as_u64().unwrap_or(0) as usize;
            let at = (
                s["file_name"].as_str().unwrap_or_default().to_owned(),
                number("byte_start")..number("byte_end"),
            );
            all[usize::from(s["is_primary"] != true)].push(at);
        }
    }
    all
}

/// The mutants that errors come from.
fn wrong(texts: &BTreeMap<&str, Woven>, errors: &[Value]) -> Result<BTreeSet<u32>, String> {
    let mut wrong = BTreeSet::new();
    let inside = |r: &Range<usize>, s: &Range<usize>| r.start <= s.start && s.end <= r.end;
    for e in errors {
        let [main, other] = spans(e);
        if main.is_empty() && other.is_empty() {
            continue;
        }
        let hit = |spans: &[(String, Range<usize>)]| -> Vec<u32> {
            let of = |(f, s): &(String, Range<usize>)| {
                let ranges = texts.get(&f[..]).map(|w| &w.ranges).into_iter().flatten();
                ranges.filter(|(_, r)| inside(r, s)).map(|(n, _)| *n).collect::<Vec<_>>()
            };
            spans.iter().flat_map(of).collect()
        };
        let place = |(f, s): &(String, Range<usize>)| {
            let sites = texts.get(&f[..]).map(|w| &w.sites).into_iter().flatten();
            let around = sites.filter(|(r, m)| inside(r, s) && !m.is_empty());
            around.min_by_key(|(r, _)| r.len()).map(|(_, m)| m.clone())
        };
        let mut found = hit(&main);
        if found.is_empty() {
            found = hit(&other);
        }
        if found.is_empty() {
            found = main.iter().chain(&other).find_map(place).unwrap_or_default();
        }
        if found.is_empty() {
            return Err(e["rendered"].as_str().unwrap_or("an error without a text").to_owned());
        }
        wrong.extend(found);
    }
    if wrong.is_empty() { Err("the copy does not build; cargo says why".into()) } else { Ok(wrong) }
}
