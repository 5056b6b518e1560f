//! Feeds a reader changed files and watches: no panic, no hang, no more memory than the file's size explains.
//!
//! Without `FUZZ_SECONDS` a target runs a fixed number of inputs (`FUZZ_INPUTS`, if that is given) from a fixed seed. With it, it runs
//! that long from a seed that it prints. Inputs that did something new join those that are changed; `FUZZ_KEEP=1` writes the small
//! ones to the target's corpus. An input that fails is written to a file (beforehand where C++ code reads it, in a timed run); `FUZZ_INPUT=FILE` gives it to
//! the target again.
//!
//! Invariants: one target at a time per process, since memory is counted for all threads; every honest file of a corpus is
//! read before any is changed, or a test of damaged files would say nothing.
use crate::allocation::peak;
use crate::coverage::Seen;
use crate::mutate::{Random, mutate};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant, SystemTime};

/// An input that takes longer hangs.
const HANG: Duration = Duration::from_secs(10);

/// A reader, honest files for it, and how they are changed.
pub struct Target<'a> {
    /// Its name.
    pub name: &'static str,
    /// Inputs where no time is given.
    pub inputs: usize,
    /// Honest files, all of which are read.
    pub corpus: Vec<Vec<u8>>,
    /// Whether the file is taken.
    pub read: &'a dyn Fn(&[u8]) -> bool,
    /// Makes a changed file of an honest one; plain changes of bytes if none.
    pub change: Option<&'a dyn Fn(&[u8], &[Vec<u8>], &mut Random) -> Vec<u8>>,
    /// Memory allowed: (bytes, times the file's size).
    pub memory: (usize, usize),
    /// C++ code reads it, and may end the process: the input is written to a file before.
    pub native: bool,
}

/// 64 MiB, and 64 times the file.
pub const MEMORY: (usize, usize) = (64 << 20, 64);

/// What a run saw.
#[derive(Debug, Default)]
pub struct Report {
    /// Files that were read.
    pub taken: usize,
    /// Files that were refused.
    pub refused: usize,
    /// Most bytes held while reading one.
    pub peak: usize,
    /// The longest that reading one took.
    pub slowest: Duration,
    /// Inputs that did something new.
    pub new: usize,
    /// Branches that were taken by any.
    pub branches: usize,
}

/// The largest input that is kept in the repository, and how many of a target.
const KEPT: (usize, usize) = (2048, 48);

/// Where a target's corpus is.
fn corpus(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name)
}

/// What earlier runs kept: no honest files, and no failures.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(corpus(name)).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    paths.sort();
    paths.iter().filter_map(|p| std::fs::read(p).ok()).collect()
}

fn keep(name: &str, input: &[u8]) {
    let dir = corpus(name);
    let held = std::fs::read_dir(&dir).map_or(0, Iterator::count);
    if std::env::var_os("FUZZ_KEEP").is_some() && input.len() <= KEPT.0 && held < KEPT.1 {
        let path = dir.join(&blake3::hash(input).to_hex()[..16]);
        std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(path, input)).expect("the corpus");
    }
}

/// Why an input failed.
#[derive(Debug)]
pub struct Finding {
    /// What happened.
    pub what: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Held by whoever counts memory.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads one input and judges how that went.
fn watched(t: &Target, input: &[u8], report: &mut Report) -> Result<bool, String> {
    let start = Instant::now();
    let (result, peak) = peak(|| catch_unwind(AssertUnwindSafe(|| (t.read)(input))));
    let took = start.elapsed();
    let taken = result.map_err(|_| "the reader panicked".to_string())?;
    let allowed = t.memory.0 + t.memory.1 * input.len();
    if peak > allowed {
        return Err(format!("{peak} bytes were held to read {}; allowed are {allowed}", input.len()));
    }
    if took > HANG {
        return Err(format!("reading took {took:?}"));
    }
    report.peak = report.peak.max(peak);
    report.slowest = report.slowest.max(took);
    *(if taken { &mut report.taken } else { &mut report.refused }) += 1;
    Ok(taken)
}

/// Where an input of this name is kept.
fn place(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    if let Err(e) = std::fs::create_dir_all(&dir) {
        eprintln!("{}: {e}", dir.display());
    }
    dir.join(format!("{name}.bin"))
}

/// Writes a failing input where it can be found.
fn save(name: &str, input: &[u8]) -> PathBuf {
    let path = place(&format!("{name}-{}", &blake3::hash(input).to_hex()[..12]));
    if let Err(e) = std::fs::write(&path, input) {
        eprintln!("the input cannot be written: {e}");
    }
    path
}

/// The input that is being read, in a file that outlives the process. It stays open: ext4 writes a file that is emptied and closed to the
/// disk at once, which takes longer than reading most inputs.
struct Last(std::fs::File);

impl Last {
    fn new(path: &Path) -> std::io::Result<Last> {
        std::fs::File::create(path).map(Last)
    }

    fn write(&self, input: &[u8]) -> std::io::Result<()> {
        self.0.write_all_at(input, 0)?;
        self.0.set_len(input.len() as u64)
    }
}

#[test]
fn the_last_input_is_in_its_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("last");
    let last = Last::new(&path).expect("a file");
    for input in [&b"a long input"[..], b"short", b"", b"again"] {
        last.write(input).expect("written");
        assert_eq!(std::fs::read(&path).expect("the file"), input);
    }
}

/// Ends the process when one input runs on and on: nothing can stop it from outside. Lives as long as the sender.
fn watchdog(name: &'static str, current: Arc<Mutex<(Instant, Vec<u8>)>>, end: mpsc::Receiver<()>) {
    std::thread::spawn(move || {
        while let Err(mpsc::RecvTimeoutError::Timeout) = end.recv_timeout(HANG / 4) {
            let now = current.lock().unwrap_or_else(PoisonError::into_inner);
            if now.0.elapsed() > HANG * 2 {
                eprintln!("{name}: an input hangs: {}", save(name, &now.1).display());
                std::process::abort();
            }
        }
    });
}

/// Tries changed files, until the first that fails.
pub fn fuzz(t: &Target, seed: u64, time: Option<Duration>) -> Result<Report, Finding> {
    let _alone = alone();
    let mut report = Report::default();
    let finding = |what: String, input: &[u8]| Finding { what, input: input.to_vec() };
    let mut seen = Seen::new();
    seen.start();
    for honest in &t.corpus {
        match watched(t, honest, &mut report) {
            Ok(true) => {}
            Ok(false) => return Err(finding("an honest file is refused".into(), honest)),
            Err(e) => return Err(finding(format!("an honest file: {e}"), honest)),
        }
    }
    let mut pool = t.corpus.clone();
    for input in kept(t.name) {
        watched(t, &input, &mut report).map_err(|e| finding(e, &input))?;
        pool.push(input);
    }
    seen.is_new();
    let current = Arc::new(Mutex::new((Instant::now(), vec![])));
    let (_until_the_end, end) = mpsc::channel();
    watchdog(t.name, current.clone(), end);
    let last = (t.native && time.is_some()).then(|| Last::new(&place(&format!("{}-last", t.name))));
    let last = last.transpose().expect("a file for the input");
    let (start, mut r) = (Instant::now(), Random(seed));
    let inputs = std::env::var("FUZZ_INPUTS").ok().and_then(|s| s.parse().ok()).unwrap_or(t.inputs);
    for i in 0.. {
        if time.map_or(i >= inputs, |most| start.elapsed() > most) {
            break;
        }
        // the newest are changed as often as all others
        let newest = pool.len().saturating_sub(8);
        let at = if r.below(2) == 0 { newest + r.below(pool.len() - newest) } else { r.below(pool.len()) };
        let mut input = pool[at].clone();
        match t.change {
            Some(f) => input = f(&input, &t.corpus, &mut r),
            None => mutate(&mut input, &t.corpus, &mut r),
        }
        *current.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), input.clone());
        if let Some(last) = &last {
            last.write(&input).expect("the input is written");
        }
        seen.start();
        watched(t, &input, &mut report).map_err(|e| finding(e, &input))?;
        if seen.is_new() {
            keep(t.name, &input);
            report.new += 1;
            pool.push(input);
        }
    }
    report.branches = seen.branches();
    Ok(report)
}

/// The whole test of a target.
pub fn run(t: &Target) {
    if let Ok(path) = std::env::var("FUZZ_INPUT") {
        let input = std::fs::read(&path).expect("the input");
        let verdict = watched(t, &input, &mut Report::default());
        println!("{}: {path}: {verdict:?}", t.name);
        return assert!(verdict.is_ok(), "{verdict:?}");
    }
    let time = std::env::var("FUZZ_SECONDS").ok().and_then(|s| s.parse().ok()).map(Duration::from_secs);
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let seed = if time.is_some() { since.as_nanos() as u64 } else { 1 };
    match fuzz(t, seed, time) {
        Ok(r) => println!("{}: seed {seed}: {r:?}", t.name),
        Err(f) => {
            let path = save(t.name, &f.input);
            panic!("{}: {}\nagain with: FUZZ_INPUT={} ./x fuzz {}", t.name, f.what, path.display(), t.name)
        }
    }
}

/// The driver finds what it is there to find.
#[test]
fn panics_and_greed_are_found() {
    let honest = vec![vec![0u8; 64]];
    let base = |read| Target {
        name: "test",
        inputs: 500,
        corpus: honest.clone(),
        read,
        change: None,
        memory: (1 << 20, 64),
        native: false,
    };
    let panics = |b: &[u8]| if b.first() == Some(&0) { true } else { panic!("as the test wants") };
    let what = |t: &Target| fuzz(t, 1, None).map(|r| r.refused).map_err(|f| f.what);
    assert_eq!(what(&base(&panics)).unwrap_err(), "the reader panicked");
    let greedy = |b: &[u8]| vec![1u8; if b.len() == 64 { 1 } else { 2 << 20 }].len() < 2;
    assert!(what(&base(&greedy)).unwrap_err().contains("bytes were held"));
    let picky = |b: &[u8]| b == [0; 64];
    assert!(what(&base(&picky)).unwrap() > 400);
    let never = |_: &[u8]| false;
    assert_eq!(what(&base(&never)).unwrap_err(), "an honest file is refused");
    let any = |_: &[u8]| true;
    assert!(fuzz(&base(&any), 1, Some(Duration::from_millis(20))).unwrap().taken > 1);
}
