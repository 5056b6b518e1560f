//! Ctrl-C while the command writes.
use crate::support::{BINARY, compiled};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const INTERRUPT: i32 = 2;

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).expect("a directory").flatten().map(|entry| entry.path()).collect()
}

#[test]
fn an_interrupt_leaves_no_half_written_file_and_the_next_run_works() {
    let dir = tempfile::tempdir().expect("a directory");
    let model = dir.path().join("m.tess");
    std::fs::copy(compiled("fmnist_lenet", 100).file("tess"), &model).expect("a copy");
    let mut command = Command::new(BINARY);
    command.arg("setup").arg(&model).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command starts");
    // as soon as a file has begun
    let start = Instant::now();
    while files(dir.path()).len() < 2 {
        assert!(start.elapsed() < Duration::from_secs(120), "nothing is written");
        assert!(child.try_wait().expect("a state").is_none(), "it ended before it wrote");
        std::thread::sleep(Duration::from_micros(200));
    }
    let sent = Instant::now();
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    let status = child.wait().expect("an end");
    assert_eq!(status.signal(), Some(INTERRUPT), "{status}");
    assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
    assert_eq!(files(dir.path()), [model]);
    assert!(command.status().expect("the command starts").success());
    assert_eq!(files(dir.path()).len(), 3);
}
