//! A page: its code blocks, and running them.

use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path, process::Command};

/// A fenced block.
pub struct Block {
    /// First word after the fence.
    pub language: String,
    /// After `file=`.
    pub file: Option<String>,
    /// The lines between the fences.
    pub body: String,
    /// Lines of the page before the body.
    pub line: usize,
}

/// The blocks of a page, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = vec![];
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let file = words.find_map(|word| word.strip_prefix("file=")).map(str::to_owned);
                open = Some(Block { language, file, body: String::new(), line: number + 1 });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.body += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a page ends within a code block");
    blocks
}

/// What came of running a page.
pub struct Ran {
    /// The page as it would be right.
    pub text: String,
    /// Where it is not.
    pub difference: String,
    /// Commands that ran.
    pub commands: usize,
    /// The pictures that the commands drew, by file name.
    pub pictures: BTreeMap<String, String>,
}

const TOOLS: [(&str, &str); 6] = [
    ("zk-opt", env!("CARGO_BIN_EXE_zk-opt-under-test")),
    ("zk-reduce", env!("CARGO_BIN_EXE_zk-reduce-under-test")),
    ("zk-translate", env!("CARGO_BIN_EXE_zk-translate-under-test")),
    ("zk-lsp-server", env!("CARGO_BIN_EXE_zk-lsp-server-under-test")),
    ("tessera", env!("CARGO_BIN_EXE_tessera-under-test")),
    ("tessera-verify", env!("CARGO_BIN_EXE_tessera-verify-under-test")),
];

/// Runs the commands of a page in a folder with its files, the tools, and the models of the tests.
pub fn run(text: &str, root: &Path) -> Ran {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut ran =
        Ran { text: String::new(), difference: String::new(), commands: 0, pictures: BTreeMap::new() };
    let folder = tempfile::tempdir().expect("a folder");
    let (tools, work) = (folder.path().join("tools"), folder.path().join("work"));
    for dir in [&tools, &work] {
        fs::create_dir(dir).expect("a folder");
    }
    for (name, binary) in TOOLS {
        symlink(binary, tools.join(name)).expect("a link");
    }
    symlink(root.join("tests/models"), work.join("models")).expect("a link");
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let mut moved = 0isize;
    for block in blocks(text) {
        match (&block.file, block.language.as_str()) {
            (Some(file), "mlir" | "pdl" | "pdll" | "sh" | "text") => {
                fs::write(work.join(file), &block.body).expect("a file")
            }
            (None, "console") => {
                let right = transcript(&block.body, &work, &path, &mut ran.commands);
                if right != block.body {
                    ran.difference += &format!("--- line {}\n{}+++ now\n{right}", block.line, block.body);
                    let start = (block.line as isize + moved) as usize;
                    let old = block.body.lines().count();
                    let new: Vec<String> = right.lines().map(str::to_owned).collect();
                    moved += new.len() as isize - old as isize;
                    lines.splice(start..start + old, new);
                }
            }
            _ => {}
        }
    }
    ran.text = lines.join("\n") + "\n";
    for entry in fs::read_dir(&work).expect("a readable folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".svg") {
            ran.pictures.insert(name, fs::read_to_string(entry.path()).expect("a picture is text"));
        }
    }
    ran
}

/// A block as it would be right: its commands, and what they print; kept as it is where that fits.
fn transcript(body: &str, work: &Path, path: &str, commands: &mut usize) -> String {
    let mut right = String::new();
    let mut lines = body.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(command) = line.strip_prefix("$ ") else {
            panic!("a console block has output before its first command: {line}");
        };
        let mut expected = vec![];
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            expected.push(line);
        }
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {command}\n}} 2>&1")])
            .current_dir(work)
            .env("PATH", path)
            .output()
            .expect("a shell runs");
        *commands += 1;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let found: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let shown = if fits(&expected, &found) { expected } else { found };
        right += &format!("{line}\n");
        shown.iter().for_each(|line| right += &format!("{line}\n"));
    }
    right
}

/// Whether lines are as expected, where `...` stands for any lines.
fn fits(expected: &[&str], found: &[&str]) -> bool {
    match expected.split_first() {
        None => found.is_empty(),
        Some((&"...", rest)) => (0..=found.len()).any(|skip| fits(rest, &found[skip..])),
        Some((line, rest)) => {
            found.split_first().is_some_and(|(first, found)| line == first && fits(rest, found))
        }
    }
}

#[test]
fn pages_are_run_and_mended() {
    let page = "a\n```mlir file=x.txt\nhello\n```\n```console\n$ cat x.txt\nbye\n$ printf 'a\\nb\\nc\\n'\na\n...\n$ true\n$ echo p > p.svg\n```\nend\n";
    let ran = run(page, Path::new("/"));
    assert_eq!(ran.commands, 4);
    assert_eq!(ran.pictures, BTreeMap::from([("p.svg".to_owned(), "p\n".to_owned())]));
    assert_eq!(ran.text, page.replace("bye", "hello"));
    assert!(ran.difference.contains("--- line 5\n"), "{}", ran.difference);
    assert!(
        !fits(&["a", "..."], &["b"]) && fits(&["...", "c"], &["a", "b", "c"]) && !fits(&["..."; 0], &["a"])
    );
}
