//! `./x mutants`: changes the code that soundness rests on, one operator at a time, and says what no test notices.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tessera_mutants::ROOMS;
use tessera_mutants::build::{Binary, Named, build};
use tessera_mutants::trial::{Outcome, Test, names};

const USAGE: &str = "usage: ./x mutants [PART OF A NAME] [--minutes N] [--each SECONDS] [--shard K/N]

A mutant's name is FILE:LINE:COLUMN: FUNCTION: CHANGE; several parts stand between bars, 'verify.rs|pack.rs'. Building and running every test once comes before the minutes (20). A mutant
is given up after the seconds (300), the quickest tests first.";

struct Options {
    only: String,
    minutes: u64,
    each: u64,
    shard: (usize, usize),
}

fn options(words: &[&str]) -> Option<Options> {
    let mut o = Options { only: String::new(), minutes: 20, each: 300, shard: (0, 1) };
    let mut words = words.iter();
    while let Some(w) = words.next() {
        match *w {
            "--minutes" => o.minutes = words.next()?.parse().ok()?,
            "--each" => o.each = words.next()?.parse().ok()?,
            "--shard" => {
                let (k, n) = words.next()?.split_once('/')?;
                o.shard = (k.parse().ok()?, n.parse().ok()?);
                (o.shard.0 < o.shard.1).then_some(())?;
            }
            w if w.starts_with('-') => return None,
            w => o.only = w.into(),
        }
    }
    Some(o)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = options(&words.iter().map(String::as_str).collect::<Vec<_>>()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match mutants(&options) {
        Ok(survived) => ExitCode::from(u8::from(survived)),
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(2)
        }
    }
}

/// Calls `f` with each number below `n`, on every core.
fn on_all_cores(n: usize, f: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|s| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            s.spawn(|| {
                while let i = next.fetch_add(1, Relaxed)
                    && i < n
                {
                    f(i);
                }
            });
        }
    });
}

fn locked<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Every test of the rooms that are asked for, with what it asks for.
fn trace<'b>(binaries: &'b [Binary], rooms: &[bool], folder: &Path) -> Result<Vec<Test<'b>>, String> {
    let wanted = |b: &&Binary| {
        let of = (&b.of.0[..], &b.of.1[..]);
        ROOMS.iter().zip(rooms).any(|(r, wanted)| *wanted && r.tests.contains(&of))
    };
    let mut all = vec![];
    for b in binaries.iter().filter(wanted) {
        all.extend(names(b)?.into_iter().map(|n| (b, n)));
    }
    let (tests, failed) = (Mutex::new(vec![]), Mutex::new(vec![]));
    on_all_cores(all.len(), |i| {
        let (b, name) = all[i].clone();
        match Test::traced(b, name, &folder.join(format!("trace-{i}"))) {
            Ok(t) => locked(&tests).push(t),
            Err(e) => locked(&failed).push(e),
        }
    });
    let failed = locked(&failed);
    if failed.is_empty() { Ok(std::mem::take(&mut *locked(&tests))) } else { Err(failed.join("\n")) }
}

/// Whether any survived.
fn mutants(o: &Options) -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = std::path::absolute(target.join("mutants")).map_err(|e| e.to_string())?;
    let start = Instant::now();
    let wanted = |name: &str| o.only.split('|').any(|part| name.contains(part));
    let (all, binaries) = build(&root, &folder.join("copy"), &folder.join("build"), wanted)?;
    eprintln!("{} mutants built in {:.0?}", all.len(), start.elapsed());
    let mut chosen: Vec<usize> = (0..all.len()).filter(|i| wanted(&all[*i].name)).collect();
    chosen = chosen.into_iter().skip(o.shard.0).step_by(o.shard.1).collect();
    // where time ends early, something of every file was tried
    let mut places: Vec<usize> = (0..chosen.len()).collect();
    places.sort_by_key(|at| at % 8);
    let chosen: Vec<usize> = places.into_iter().map(|at| chosen[at]).collect();
    if chosen.is_empty() {
        return Err(format!("no mutant is called {}", o.only));
    }
    let rooms: Vec<bool> = (0..ROOMS.len()).map(|r| chosen.iter().any(|i| all[*i].room == r)).collect();
    let start = Instant::now();
    let tests = trace(&binaries, &rooms, &folder)?;
    eprintln!("{} tests, run once in {:.0?}", tests.len(), start.elapsed());
    let mut log = std::fs::File::create(folder.join("verdicts.txt")).map_err(|e| e.to_string())?;
    // what was said stays, whatever ends the run
    let verdicts =
        try_all(&all, &chosen, &tests, o, &mut |line| writeln!(log, "{line}").map_err(|e| e.to_string()))?;
    println!("{}", table(&all, &verdicts));
    let survived: Vec<_> = verdicts.iter().filter(|(_, v)| v.is_unnoticed()).collect();
    survived.iter().for_each(|(i, _)| println!("not noticed: {}", all[**i].name));
    Ok(!survived.is_empty())
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Noticed(String),
    DoesNotCompile,
    Survived,
    GivenUp,
    NotTried,
}

impl Verdict {
    fn is_unnoticed(&self) -> bool {
        matches!(self, Verdict::Survived | Verdict::GivenUp)
    }

    fn said(&self) -> String {
        match self {
            Verdict::Noticed(by) => format!("noticed by {by}"),
            other => format!("{other:?}"),
        }
    }
}

fn try_all(
    all: &[Named],
    chosen: &[usize],
    tests: &[Test],
    o: &Options,
    say: &mut (dyn FnMut(String) -> Result<(), String> + Send),
) -> Result<BTreeMap<usize, Verdict>, String> {
    let start = Instant::now();
    let noticed: Vec<AtomicUsize> = tests.iter().map(|_| AtomicUsize::new(0)).collect();
    let (verdicts, failed, say) = (Mutex::new(BTreeMap::new()), Mutex::new(None), Mutex::new(say));
    on_all_cores(chosen.len(), |i| {
        let i = chosen[i];
        let verdict = if !all[i].compiles {
            Verdict::DoesNotCompile
        } else if start.elapsed() > Duration::from_secs(60 * o.minutes) {
            Verdict::NotTried
        } else {
            let number = i as u32;
            let mut order: Vec<usize> = (0..tests.len())
                .filter(|t| {
                    tests[*t].asks.contains(&number) && ROOMS[all[i].room].tests.contains(&tests[*t].of())
                })
                .collect();
            // short ones first, and those that noticed much
            order.sort_by_cached_key(|t| tests[*t].took / (1 + noticed[*t].load(Relaxed) as u32));
            let mut verdict = Verdict::Survived;
            let since = Instant::now();
            for t in order {
                if since.elapsed() > Duration::from_secs(o.each) {
                    verdict = Verdict::GivenUp;
                    break;
                }
                match tests[t].with(number) {
                    Ok(Outcome::Passed) => continue,
                    Ok(outcome) => {
                        noticed[t].fetch_add(1, Relaxed);
                        let how = if outcome == Outcome::TimedOut { " (too long)" } else { "" };
                        verdict = Verdict::Noticed(format!("{}{how}", tests[t].name));
                    }
                    Err(e) => *locked(&failed) = Some(e),
                }
                break;
            }
            verdict
        };
        if verdict.is_unnoticed() {
            eprintln!("not noticed: {}", all[i].name);
        }
        if let Err(e) = locked(&say)(format!("{}: {}", all[i].name, verdict.said())) {
            *locked(&failed) = Some(e);
        }
        let mut verdicts = locked(&verdicts);
        verdicts.insert(i, verdict);
        if verdicts.len().is_multiple_of(100) {
            eprintln!("{} of {} after {:.0?}", verdicts.len(), chosen.len(), start.elapsed());
        }
    });
    let failed = locked(&failed).take();
    let verdicts = std::mem::take(&mut *locked(&verdicts));
    failed.map_or(Ok(verdicts), Err)
}

/// What came of it, by file.
fn table(all: &[Named], verdicts: &BTreeMap<usize, Verdict>) -> String {
    let mut files: BTreeMap<&str, [usize; 6]> = BTreeMap::new();
    for (i, v) in verdicts {
        let row = files.entry(&all[*i].file).or_default();
        row[0] += 1;
        row[match v {
            Verdict::Noticed(_) => 1,
            Verdict::DoesNotCompile => 2,
            Verdict::Survived => 3,
            Verdict::GivenUp => 4,
            Verdict::NotTried => 5,
        }] += 1;
    }
    let mut out =
        "| file | mutants | noticed | do not compile | survived | given up | not tried |\n|---|--:|--:|--:|--:|--:|--:|"
            .to_string();
    for (file, row) in files {
        out += &format!("\n| `{file}` | {} |", row.map(|n| n.to_string()).join(" | "));
    }
    out
}
