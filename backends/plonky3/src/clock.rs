//! Phase times: processor seconds of the whole process, and wall seconds.
use std::time::Instant;
use tessera_api::Timings;

/// A running clock.
pub struct Clock {
    wall: Instant,
    cpu: f64,
    phases: Timings,
}

/// Processor seconds this process has used; none where there are no processes, as in a browser.
#[cfg(not(unix))]
pub fn cpu_seconds() -> f64 {
    0.0
}

/// Processor seconds this process has used.
#[cfg(unix)]
pub fn cpu_seconds() -> f64 {
    // SAFETY: getrusage fills the struct it is given; all-zero is a valid value of it.
    let r = unsafe {
        let mut r: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut r);
        r
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + 1e-6 * t.tv_usec as f64;
    seconds(r.ru_utime) + seconds(r.ru_stime)
}

impl Clock {
    /// Starts.
    pub fn new() -> Clock {
        Clock { wall: Instant::now(), cpu: cpu_seconds(), phases: Timings::default() }
    }
    /// Ends a phase; and the work, where nobody waits for it.
    pub fn lap(&mut self, phase: &str) {
        tessera_cancel::point();
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        self.phases.phases.push((phase.into(), cpu - self.cpu, (wall - self.wall).as_secs_f64()));
        (self.wall, self.cpu) = (wall, cpu);
    }
    /// All phases.
    pub fn finish(self) -> Timings {
        self.phases
    }
}
