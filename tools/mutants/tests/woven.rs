//! A source with every kind of mutant, woven, compiled and run: asleep it does what the original does; awake, each does what it says.
use std::path::{Path, PathBuf};
use std::process::Command;
use tessera_mutants::weave::File;

const SOURCE: &str = r#"
const LIMIT: u64 = 2 + 3;

fn sum(a: u64, b: u64) -> u64 {
    a * b + LIMIT
}

fn both(a: &[u64], b: Option<u64>) -> bool {
    if let Some(b) = b
        && a.len() > 1
    {
        return a[0] == b && !a.is_empty();
    }
    a.is_empty() || matches!(a.len() % 2, 1 if true)
}

fn arm(n: u64) -> &'static str {
    match n {
        0 => "zero",
        1 | 2 => "few",
        x if x < 9 => "some",
        _ => "many",
    }
}

fn count(list: &mut Vec<u64>) {
    let mut n = 1;
    n += 2;
    list.extend(vec![n, n - 1]);
}

struct Pair(i64);

impl Pair {
    fn negated(&self) -> Result<(i64, bool), String> {
        Ok((-self.0, self.0 << 1 >= 4))
    }
}

fn main() {
    let mut list = vec![];
    count(&mut list);
    let negated = Pair(3).negated();
    println!("{} {} {} {} {list:?} {negated:?}", sum(2, 5), both(&[1, 2], Some(1)), both(&[1], None), both(&[], None));
    println!("{:?}", [0, 1, 5, 10].map(arm));
}

#[cfg(test)]
mod tests {
    fn none() -> u64 {
        1 + 1
    }
}
"#;

/// What the program says while each of its mutants is awake: the first line that is another.
const MUTANTS: &str = r#"4:31: sum: return 0: 0 true true true [3, 2] Ok((-3, true))
4:31: sum: return 1: 1 true true true [3, 2] Ok((-3, true))
5:11: sum: + to -: 5 true true true [3, 2] Ok((-3, true))
5:11: sum: + to *: 50 true true true [3, 2] Ok((-3, true))
5:7: sum: * to +: 12 true true true [3, 2] Ok((-3, true))
5:7: sum: * to /: 5 true true true [3, 2] Ok((-3, true))
8:44: both: return true: the same
8:44: both: return false: 15 false false false [3, 2] Ok((-3, true))
10:20: both: > to >=: the same
10:20: both: > to ==: 15 false true true [3, 2] Ok((-3, true))
10:20: both: > to <: 15 false true true [3, 2] Ok((-3, true))
12:26: both: && to ||: the same
12:21: both: == to !=: 15 false true true [3, 2] Ok((-3, true))
12:29: both: no !: 15 false true true [3, 2] Ok((-3, true))
14:18: both: || to &&: 15 true false false [3, 2] Ok((-3, true))
14:38: both: % to /: 15 true false true [3, 2] Ok((-3, true))
14:38: both: % to +: 15 true false true [3, 2] Ok((-3, true))
17:32: arm: return "": ["", "", "", ""]
17:32: arm: return "xyzzy": ["xyzzy", "xyzzy", "xyzzy", "xyzzy"]
19:9: arm: no arm 0: ["some", "few", "some", "many"]
20:9: arm: no arm 1 | 2: ["zero", "some", "some", "many"]
21:14: arm: guard true: ["zero", "few", "some", "some"]
21:14: arm: guard false: ["zero", "few", "many", "many"]
21:16: arm: < to <=: the same
21:16: arm: < to ==: ["zero", "few", "many", "many"]
21:16: arm: < to >: ["zero", "few", "many", "some"]
26:31: count: return (): 15 true true true [] Ok((-3, true))
28:7: count: += to -=: failed
28:7: count: += to *=: 15 true true true [2, 1] Ok((-3, true))
29:27: count: - to +: 15 true true true [3, 4] Ok((-3, true))
29:27: count: - to /: 15 true true true [3, 3] Ok((-3, true))
35:54: negated: return Ok((0, true, )): 15 true true true [3, 2] Ok((0, true))
35:54: negated: return Ok((1, false, )): 15 true true true [3, 2] Ok((1, false))
35:54: negated: return Ok((-1, false, )): 15 true true true [3, 2] Ok((-1, false))
36:13: negated: no -: 15 true true true [3, 2] Ok((3, true))
36:34: negated: >= to >: the same
36:34: negated: >= to <: 15 true true true [3, 2] Ok((-3, false))
36:29: negated: << to >>: 15 true true true [3, 2] Ok((-3, false))
40:11: main: return (): nothing"#;

fn rustc(folder: &Path, text: &str) -> Result<PathBuf, String> {
    let (source, binary) = (folder.join("woven.rs"), folder.join("woven"));
    let on = "mod mutants { pub fn on(n: u32) -> bool { std::env::var(\"TESSERA_MUTANT\").is_ok_and(|v| v == n.to_string()) } }";
    std::fs::write(&source, format!("{text}\n{on}\n")).expect("the source");
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let arguments = ["--edition", "2024", "--cap-lints", "allow", "-C", "debug-assertions", "-o"];
    let out = Command::new(rustc).args(arguments).arg(&binary).arg(&source).output().expect("rustc runs");
    if out.status.success() { Ok(binary) } else { Err(String::from_utf8_lossy(&out.stderr).into()) }
}

/// What the program says, and whether it ended well.
fn said(binary: &Path, mutant: Option<u32>) -> String {
    let mut command = Command::new(binary);
    command.env_remove("TESSERA_MUTANT").envs(mutant.map(|n| ("TESSERA_MUTANT", n.to_string())));
    let out = command.output().expect("the program runs");
    String::from_utf8_lossy(&out.stdout).into_owned() + if out.status.success() { "" } else { "failed" }
}

#[test]
fn each_mutant_is_awake_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = said(&rustc(folder.path(), SOURCE).expect("the source compiles"), None);
    let file = File::new(SOURCE).expect("Rust");
    let woven = file.weave(100, &|_| true);
    let binary = rustc(folder.path(), &woven.text).unwrap_or_else(|e| panic!("{e}\n{}", woven.text));
    assert_eq!(said(&binary, None), plain);
    let all = (100..).zip(file.mutants()).map(|(n, m)| {
        let now = said(&binary, Some(n));
        let how = match plain.lines().zip(now.lines()).find(|(a, b)| a != b) {
            Some((_, b)) => b,
            None if now == plain => "the same",
            None if now.is_empty() => "nothing",
            None => "failed",
        };
        format!("{}:{}: {}: {}: {how}", m.line, m.column, m.function, m.what)
    });
    assert_eq!(all.collect::<Vec<_>>().join("\n"), MUTANTS);
}

#[test]
fn what_is_left_out_is_as_it_was() {
    let file = File::new(SOURCE).expect("Rust");
    assert_eq!(file.weave(0, &|_| false).text, SOURCE);
    let one = file.weave(7, &|n| n == 9);
    assert_eq!(one.ranges.len(), 1);
    let (n, range) = &one.ranges[0];
    assert_eq!((*n, &one.text[range.clone()]), (9, "(a * b) - (LIMIT)"));
}
