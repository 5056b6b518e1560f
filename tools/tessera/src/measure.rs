//! Time and memory of this process, and what machine it is.

use serde::Serialize;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// CPU seconds of all threads, and wall seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Time {
    /// Of all threads of the process.
    pub cpu_s: f64,
    /// By the clock.
    pub wall_s: f64,
}

impl std::ops::Add for Time {
    type Output = Time;
    fn add(self, other: Time) -> Time {
        Time { cpu_s: self.cpu_s + other.cpu_s, wall_s: self.wall_s + other.wall_s }
    }
}

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    /// Starts.
    pub fn start() -> Stopwatch {
        Stopwatch { wall: Instant::now(), cpu: cpu_seconds() }
    }

    /// Time since the start.
    pub fn read(&self) -> Time {
        Time { cpu_s: cpu_seconds() - self.cpu, wall_s: self.wall.elapsed().as_secs_f64() }
    }
}

/// When the command began.
static BEGAN: OnceLock<Stopwatch> = OnceLock::new();

/// The command begins.
pub fn begin() {
    BEGAN.get_or_init(Stopwatch::start);
}

/// All that this command took so far.
pub fn whole() -> Time {
    BEGAN.get_or_init(Stopwatch::start).read()
}

/// Runs and measures.
pub fn timed<T>(f: impl FnOnce() -> T) -> (T, Time) {
    let watch = Stopwatch::start();
    let value = f();
    (value, watch.read())
}

/// CPU time of all threads so far.
fn cpu_seconds() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours, and the call only writes it
    let ok = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) } == 0;
    if ok { t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9 } else { 0.0 }
}

/// Largest resident memory of this process so far, in megabytes (10⁶ bytes).
pub fn peak_rss_mb() -> f64 {
    // SAFETY: rusage is plain integers, for which zero is a value, and the call only writes it
    let usage = unsafe {
        let mut u: libc::rusage = std::mem::zeroed();
        if libc::getrusage(libc::RUSAGE_SELF, &mut u) != 0 {
            return 0.0;
        }
        u
    };
    // Linux counts kibibytes here
    usage.ru_maxrss as f64 * 1024.0 / 1e6
}

/// Whether freed memory is kept.
static KEEPS: AtomicBool = AtomicBool::new(false);

/// Keeps what is freed for what is allocated next. A prover frees and allocates matrices of hundreds of megabytes; glibc gives each
/// back to the system, whose fresh pages cost a tenth of a proof.
pub fn keep_freed_memory() {
    KEEPS.store(true, Ordering::Relaxed);
    #[cfg(target_env = "gnu")]
    // SAFETY: both are thresholds in bytes, which other threads read under the allocator's lock or once; a refusal changes nothing
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
    }
}

/// Before work that takes so many bytes: where freed memory is kept, and that is more than half of what the machine has free, what is freed goes
/// back to the system from now on, and none of it lies idle. The allocator of another program, as that of a Python process is, is left alone.
pub fn expect(bytes: u64) {
    if !KEEPS.load(Ordering::Relaxed) || free_memory().is_none_or(|free| bytes <= free / 2) {
        return;
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: as in `keep_freed_memory`; trimming returns free pages alone
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 27);
        libc::malloc_trim(0);
    }
}

/// What a measurement was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Threads in use.
    pub threads: usize,
    /// Installed memory.
    pub memory_mb: u64,
    /// The operating system's name and version.
    pub os: String,
}

/// A file of the system; nothing where there is none.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// What stands after a key on its line.
fn after(text: &str, key: &str, by: char) -> Option<String> {
    let line = text.lines().find(|l| l.starts_with(key))?;
    line.split_once(by).map(|(_, v)| v.trim().trim_matches('"').to_string())
}

/// Kilobytes of a kind of memory.
fn memory(key: &str) -> Option<u64> {
    after(&read("/proc/meminfo"), key, ':')?.split(' ').next()?.parse().ok()
}

/// Bytes of memory that a program can take without others losing theirs, where the system tells.
pub fn free_memory() -> Option<u64> {
    Some(memory("MemAvailable")? * 1024)
}

impl Machine {
    /// This one; unknown parts are empty or zero.
    pub fn here() -> Machine {
        Machine {
            cpu: after(&read("/proc/cpuinfo"), "model name", ':').unwrap_or_default(),
            threads: rayon::current_num_threads(),
            memory_mb: memory("MemTotal").unwrap_or(0) * 1024 / 1_000_000,
            os: after(&read("/etc/os-release"), "PRETTY_NAME", '=').unwrap_or_default(),
        }
    }
}

/// The middle value; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!([median(vec![]), median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0])], [0.0, 2.0, 2.5]);
    }

    #[test]
    fn work_takes_time_and_memory_is_used() {
        let (sum, t) = timed(|| (0..2_000_000u64).fold(0u64, |a, b| a.wrapping_mul(31).wrapping_add(b)));
        assert!(sum != 1 && t.cpu_s > 0.0 && t.wall_s > 0.0 && peak_rss_mb() > 1.0);
        assert!(Machine::here().threads > 0);
    }
}
