//! The commands, one file each, and what several of them do.
use crate::cli::Command;
use crate::failure::{Failure, Result};
use crate::screen::Screen;

#[cfg(feature = "compiler")]
pub mod ablation;
pub mod audit;
#[cfg(feature = "compiler")]
pub mod bench;
#[cfg(feature = "compiler")]
pub mod calibrate;
#[cfg(feature = "compiler")]
pub mod check;
pub mod commit;
#[cfg(feature = "compiler")]
pub mod compile;
#[cfg(feature = "compiler")]
pub mod demo;
#[cfg(feature = "compiler")]
pub mod eval;
pub mod explain;
pub mod generate;
pub mod inspect;
pub mod model;
pub mod prove;
pub mod publish;
pub mod run;
pub mod setup;
pub mod shell;
pub mod verify;

/// Runs one command.
pub fn run(command: &Command, screen: &Screen) -> Result<()> {
    match command {
        Command::Setup(o) => setup::run(o, screen),
        Command::Publish(o) => publish::run(o, screen),
        Command::Audit(o) => audit::run(o, screen),
        Command::Model(o) => model::run(o, screen),
        Command::Commit(o) => commit::run(o, screen),
        Command::Prove(o) => prove::run(o, screen),
        Command::Generate(o) => generate::run(o, screen),
        Command::Verify(o) => verify::run(o, screen),
        Command::Run(o) => run::run(o, screen),
        Command::Explain(o) => explain::run(o, screen),
        Command::Inspect(o) => inspect::run(o, screen),
        Command::Completions(o) => shell::completions(o),
        Command::Man(o) => shell::man(o, screen),
        #[cfg(feature = "compiler")]
        Command::Check(o) => check::run(o, screen),
        #[cfg(feature = "compiler")]
        Command::Compile(o) => compile::run(o, screen),
        #[cfg(feature = "compiler")]
        Command::Eval(o) => eval::run(o, screen),
        #[cfg(feature = "compiler")]
        Command::Demo(o) => demo::run(o, screen),
        #[cfg(feature = "compiler")]
        Command::Bench(o) => bench::run(o, screen),
        #[cfg(feature = "compiler")]
        Command::CalibrateMachine(o) => calibrate::run(o, screen),
        #[cfg(not(feature = "compiler"))]
        _ => Err(without_compiler()),
    }
}

/// For builds that set up, prove and verify only.
#[cfg_attr(feature = "compiler", allow(dead_code))]
fn without_compiler() -> Failure {
    Failure::new("this build of tessera has no compiler in it")
        .help("build it with the default features; that needs LLVM and MLIR 22")
}
