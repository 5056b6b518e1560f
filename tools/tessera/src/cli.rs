//! The command line, as data. Help texts are the reference; examples stand where a first use would look.
use crate::data::bind::Factor;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use tessera_api::Digest;
use tessera_api::commitment::Root;

/// Everything that can be asked of `tessera`.
#[derive(Debug, Parser)]
#[command(
    name = "tessera",
    bin_name = "tessera",
    version,
    about = "Compiles neural networks to succinct proofs of inference, with zero knowledge of inputs on demand",
    after_help = "First steps:\n  \
        tessera demo\n  \
        tessera compile model.onnx --calibration data.npz -o model.tess\n  \
        tessera setup model.tess\n  \
        tessera prove model.tess --input x.npy -o out.proof\n  \
        tessera verify out.proof --key model.vk\n\n\
        Exit codes: 0 done or verified, 1 proof rejected, 2 wrong use or bad file, 3 the machine failed."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to say it.
    #[command(flatten)]
    pub global: Global,
}

/// Options of every command.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Global {
    /// Print one JSON value on stdout, for machines
    #[arg(long, global = true)]
    pub json: bool,
    /// Print results and errors only: no progress, no notes
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether an ONNX model can be proven, what stands in the way, and what it would take; without data
    Check(Check),
    /// Compile an ONNX model: import, quantize, lower, and write model.tess
    Compile(Box<Compile>),
    /// Make the proving key and the verifying key of a compiled model, beside it
    Setup(Setup),
    /// Write what is public of a model with committed weights: its architecture
    Publish(Publish),
    /// Check that a verifying key is of a model, or of an architecture, by making it again
    Audit(Audit),
    /// Of weights that nobody sees: how many proofs their key has left, and a further key of the same weights with a certificate
    Model(ModelKeys),
    /// Commit to an input: say its root, which anybody may know, and write its opening, which the prover needs
    Commit(Commit),
    /// Run the model on an input and prove the output
    Prove(Prove),
    /// Let a language model say what follows a prompt, and prove all of it at once
    Generate(Generate),
    /// Check a proof
    Verify(Verify),
    /// Run a compiled model without proving, at any level of the compiler
    Run(Run),
    /// Compare the float and the quantized model on labelled data
    Eval(Eval),
    /// Say what of a proof's cost is whose: rows, cells, time, keys and proof, layer by layer
    Explain(Explain),
    /// Say what is in a file: a model, key, proof, .npy or .npz
    Inspect(Inspect),
    /// Prove one image of clothing, from the ONNX file to "verified"
    Demo(Demo),
    /// Measure compiling, setting up, proving and verifying the models of the test suite
    Bench(Bench),
    /// Measure what proofs cost on this machine, and write the prices by which compile places models for it
    CalibrateMachine(CalibrateMachine),
    /// Print completions of this command for a shell
    Completions(Completions),
    /// Write manual pages of this command, a page each subcommand
    Man(Man),
}

/// A value with a name, as NAME=VALUE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// Before the last `=`.
    pub name: String,
    /// After it.
    pub value: T,
}

impl<T: FromStr<Err: Display>> FromStr for Named<T> {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let (name, value) = s.rsplit_once('=').ok_or("expected NAME=VALUE")?;
        Ok(Named { name: name.into(), value: value.parse().map_err(|e: T::Err| e.to_string())? })
    }
}

/// A shape: positive extents with commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extents(pub Vec<usize>);

impl FromStr for Extents {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let extent = |d: &str| d.trim().parse().ok().filter(|n| *n > 0);
        let all: Option<Vec<usize>> = s.split(',').map(extent).collect();
        all.map(Extents).ok_or_else(|| "expected extents with commas, like 1,3,32,32".into())
    }
}

/// A number of bytes, as 4096, 800KiB, 1.5MiB or 2GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
        let (number, shift) =
            units.iter().find_map(|(unit, shift)| Some((s.strip_suffix(unit)?, *shift))).unwrap_or((s, 0));
        let bytes = number.trim().parse().ok().map(|n: f64| n * f64::from(1u32 << shift));
        let bytes = bytes.filter(|n| (1.0..1e15).contains(n)).map(|n| ByteCount(n as u64));
        bytes.ok_or_else(|| "expected a number of bytes, like 4096, 800KiB, 1.5MiB or 2GiB".into())
    }
}

/// How to read data files.
#[derive(Debug, Args)]
pub struct Data {
    /// Multiply the arrays by this number or fraction, for example 1/255 for images stored as 0 to 255. Integer arrays
    /// need it, here or when compiling; nothing is rescaled silently
    #[arg(long, value_name = "FACTOR")]
    pub scale: Option<Factor>,
}

fn within(text: &str, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| (0.0..=most).contains(x));
    number.ok_or_else(|| format!("expected a number from 0 to {most}"))
}

fn within_1(text: &str) -> Result<f64, String> {
    within(text, 1.0)
}

fn within_100(text: &str) -> Result<f64, String> {
    within(text, 100.0)
}

/// How ranges of activations are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CalibrationMethod {
    /// The whole range that occurs.
    MinMax,
    /// The range of that share of the values; the rest is clamped.
    Percentile,
}

/// How many bits integers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Bits {
    /// 8 for activations and weights of small networks, 9 to 12 and 10 in deep and large ones, 12 in those with normalizations or attention;
    /// 16 for outputs.
    Usual,
    /// Chosen for every tensor, by what it does to the outputs on the calibration data, and by what it costs a prover.
    Auto,
}

/// An output of the compiler to print instead of writing a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Float tensors, as imported.
    Nn,
    /// Integer tensors.
    Qnn,
    /// Relations between integer tensors.
    Circuit,
    /// Tables, columns, constraints.
    Program,
}

impl Level {
    /// As the command line spells it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Nn => "nn",
            Level::Qnn => "qnn",
            Level::Circuit => "circuit",
            Level::Program => "program",
        }
    }
}

/// `tessera compile`
#[derive(Debug, Args)]
pub struct Compile {
    /// The ONNX model; or IR to continue from, .mlir, such as --dump-ir writes
    pub model: PathBuf,
    /// Representative inputs, .npy or .npz: the ranges of activations come from them
    #[arg(long, value_name = "DATA")]
    pub calibration: Option<PathBuf>,
    /// Where to write the model [default: MODEL.tess]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How many inputs one proof covers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: u32,
    /// The proof system that the model is laid out for, and that will prove it
    #[arg(long, default_value_t = tessera_backends::default().name().to_owned(), value_name = "NAME")]
    pub backend: String,
    /// Whether the verifying key is of these weights, which anybody can check who has the model, or of weights that their owner
    /// commits to and nobody else has
    #[arg(long, value_enum, default_value = "public")]
    pub weights: Weights,
    /// Prove with zero knowledge: inputs are private, and a proof tells of them what the outputs tell. Of committed weights it tells
    /// nothing either; public weights stay public
    #[arg(long)]
    pub zero_knowledge: bool,
    /// Who sees an input or output, as NAME=public, NAME=private or NAME=committed: of what is committed, a proof says the root of a
    /// salted hash, which tessera commit makes of inputs, and which another proof can take as its input's. What is not public takes
    /// zero knowledge
    #[arg(long, value_name = "NAME=WHO")]
    pub visibility: Vec<Named<Visible>>,
    /// Take an input as another model gives an output, in its scale and range, so that the output that one proof commits to is the
    /// input of another; as NAME=KEY:OUTPUT, with the verifying key of that model
    #[arg(long, value_name = "NAME=KEY:OUTPUT", conflicts_with = "pass_pipeline")]
    pub input_from: Vec<Named<ModelOutput>>,
    /// With --zero-knowledge and committed weights: how many proofs one key serves, at least; 16 if not given. More cost rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub uses: Option<u32>,
    /// How ranges are found in the calibration data
    #[arg(long, value_enum, default_value = "min-max")]
    pub calibration_method: CalibrationMethod,
    /// Share of the values kept by the method of that name, in percent
    #[arg(long, default_value_t = 99.9, value_name = "P")]
    pub percentile: f64,
    /// How many bits activations and weights have; auto where a target is given
    #[arg(long, value_enum, value_name = "BITS")]
    pub bits: Option<Bits>,
    /// With --bits auto: the least cosine between the outputs of the float and the quantized network, on the calibration data
    /// [default: 0.999]
    #[arg(long, value_name = "COSINE", value_parser = within_1)]
    pub target_cosine: Option<f64>,
    /// With --bits auto: the greatest share of the calibration data whose class may differ, in percent, which is the most that
    /// accuracy can lose on them [default: any]
    #[arg(long, value_name = "PERCENT", value_parser = within_100)]
    pub max_accuracy_loss: Option<f64>,
    /// Use at most this many inputs of the calibration data
    #[arg(long, default_value_t = 256, value_name = "N")]
    pub calibration_samples: usize,
    /// The model scores tokens: let it say the one with the greatest score after every position instead, for tessera generate
    #[arg(long, conflicts_with_all = ["pass_pipeline", "zero_knowledge", "visibility", "labels"])]
    pub tokens: bool,
    /// With --tokens: prompts have at least this many tokens. What comes after a position before the last of these is not computed
    #[arg(long, default_value_t = 1, value_name = "N", requires = "tokens", value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub shortest_prompt: u32,
    /// Names of the classes: a file with one per line, or a list with commas
    #[arg(long, value_name = "FILE|LIST")]
    pub labels: Option<String>,
    /// Run these passes instead of the default ones, which zk-opt --print-default-pipeline prints
    #[arg(long, value_name = "PIPELINE", conflicts_with_all = ["calibration_method", "percentile", "bits", "target_cosine", "max_accuracy_loss"])]
    pub pass_pipeline: Option<String>,
    /// Leave out a form of the circuit or of its placement, to measure what it is worth, or all of them: docs/benchmarks.md has them
    #[arg(long, value_name = "FORM", conflicts_with = "pass_pipeline")]
    pub without: Vec<String>,
    /// Look for an equal form of the network too, such as layers of one input merged, before it is quantized; it is taken where its proof is
    /// predicted to take less time. Its integers are rounded otherwise: compare both with tessera eval
    #[arg(long, conflicts_with = "pass_pipeline")]
    pub optimize_network: bool,
    /// The most bytes a proof may have, like 800KiB: the fastest placement and parameters are taken that are predicted to keep to it, and
    /// what setup has to be told is said
    #[arg(long, value_name = "BYTES")]
    pub max_proof_size: Option<ByteCount>,
    /// The most bytes of memory that proving may take, like 2GiB, likewise
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<ByteCount>,
    /// Place the model by prices that tessera calibrate-machine wrote, in place of the backend's own; they are kept in the model, and what
    /// is predicted of it is predicted by them
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Write the IR after every pass to this directory; each file can be edited, and compiled from there
    #[arg(long, value_name = "DIR")]
    pub dump_ir: Option<PathBuf>,
    /// What the model leaves open
    #[command(flatten)]
    pub bindings: Bindings,
    /// Print this level's IR instead of writing a model
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub emit: Option<Level>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// What an ONNX model leaves open.
#[derive(Debug, Args)]
pub struct Bindings {
    /// Value of a dimension that the model leaves open, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    pub dim: Vec<Named<usize>>,
    /// Shape of an input, as NAME=1,3,32,32
    #[arg(long, value_name = "NAME=SHAPE")]
    pub shape: Vec<Named<Extents>>,
    /// Value of every element of an input, as NAME=VALUE: it is part of the model then, and no input
    #[arg(long, value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub set: Vec<Named<f64>>,
}

/// `tessera check`
#[derive(Debug, Args)]
pub struct Check {
    /// The ONNX model
    pub model: PathBuf,
    /// How many inputs one proof covers
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub batch: u32,
    /// The proof system that would prove it
    #[arg(long, default_value_t = tessera_backends::default().name().to_owned(), value_name = "NAME")]
    pub backend: String,
    /// Whether weights are public, or committed by their owner
    #[arg(long, value_enum, default_value = "public")]
    pub weights: Weights,
    /// With zero knowledge of inputs
    #[arg(long)]
    pub zero_knowledge: bool,
    /// What the model leaves open
    #[command(flatten)]
    pub bindings: Bindings,
}

/// Who sees a tensor of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Whoever has a proof.
    Public,
    /// The prover.
    Private,
    /// The prover; whoever has a proof knows what it is committed as.
    Committed,
}

impl FromStr for Visible {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "public" => Ok(Visible::Public),
            "private" => Ok(Visible::Private),
            "committed" => Ok(Visible::Committed),
            _ => Err("expected public, private or committed".into()),
        }
    }
}

/// An output of another model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOutput {
    /// Its verifying key.
    pub key: PathBuf,
    /// The model's name for it.
    pub output: String,
}

impl FromStr for ModelOutput {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let (key, output) = s.split_once(".vk:").ok_or("expected KEY.vk:OUTPUT")?;
        Ok(ModelOutput { key: format!("{key}.vk").into(), output: output.into() })
    }
}

/// What a verifying key says of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Weights {
    /// They are fixed with the relation.
    Public,
    /// They are what their owner committed to.
    Committed,
}

/// `tessera publish`
#[derive(Debug, Args)]
pub struct Publish {
    /// A model compiled with --weights committed
    pub model: PathBuf,
    /// Where to write the architecture
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// `tessera audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// The compiled model, or what its owner published of it
    pub model: PathBuf,
    /// The verifying key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// What a key has to be worth
    #[command(flatten)]
    pub policy: Policy,
}

/// Which verifying keys are good enough.
#[derive(Debug, Args)]
pub struct Policy {
    /// Refuse keys whose proofs are worth fewer bits of security
    #[arg(long, default_value_t = 96, value_name = "BITS")]
    pub min_security: u32,
    /// Which bits count for that: those that are proven, or those of a conjecture, too, where a key was made for it
    #[arg(long, value_enum, default_value = "proven")]
    pub regime: Regime,
    /// Refuse every other key than that of this digest, which setup, audit, inspect and verify print
    #[arg(long, value_name = "DIGEST")]
    pub key_digest: Option<Digest>,
}

/// `tessera setup`
#[derive(Debug, Args)]
pub struct Setup {
    /// The compiled model
    pub model: PathBuf,
    /// Bits of security
    #[arg(long, default_value_t = 100, value_name = "BITS")]
    pub security: u32,
    /// Which analysis of FRI the bits are counted in: proven, or conjectured (smaller proofs; the conjecture up to
    /// capacity was disproved, ePrint 2025/2010)
    #[arg(long, value_enum, default_value = "proven")]
    pub regime: Regime,
    /// Keep no columns in the proving key: it is a few kilobytes then, and every proof makes them again of the model, which takes as
    /// long as setup
    #[arg(long)]
    pub lean: bool,
    /// Keep no extensions of columns in the proving key: it is about a third as large, takes a fraction of the memory to make and to prove
    /// with, and proofs take more time. Not of proofs that hide something
    #[arg(long)]
    pub compact: bool,
    /// The most memory that making the keys, and proving with them, may take, like 12GiB: beyond it they are compact; what that cannot do
    /// is refused [default: what the machine has free, which refuses nothing]
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<ByteCount>,
    /// What the parameters are chosen for, at the same security: proving time, or smaller proofs (more time, memory and larger
    /// proving keys)
    #[arg(long, value_enum, default_value = "time")]
    pub optimize: Goal,
}

/// What parameters are chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    /// Short proving time.
    Time,
    /// Smaller proofs, at up to twice the work.
    Balanced,
    /// The smallest proofs.
    Size,
}

impl From<Goal> for tessera_api::Goal {
    fn from(g: Goal) -> tessera_api::Goal {
        match g {
            Goal::Time => tessera_api::Goal::Time,
            Goal::Balanced => tessera_api::Goal::Balanced,
            Goal::Size => tessera_api::Goal::Size,
        }
    }
}

/// Soundness analysis of the proof system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Regime {
    /// Up to the proven bounds.
    Proven,
    /// Up to conjectured bounds.
    Conjectured,
}

impl From<Regime> for tessera_api::Regime {
    fn from(r: Regime) -> tessera_api::Regime {
        match r {
            Regime::Proven => tessera_api::Regime::Proven,
            Regime::Conjectured => tessera_api::Regime::Conjectured,
        }
    }
}

/// `tessera model`
#[derive(Debug, Args)]
pub struct ModelKeys {
    /// What to do.
    #[command(subcommand)]
    pub what: ModelCommand,
}

/// What is done with keys that hide weights.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Say how many proofs a key has made, and how many it has left
    Status(Status),
    /// Make a further key of the same weights, and the certificate that it is one: who has the first verifying key checks proofs of the further
    /// one with verify --certificate
    NextEpoch(NextEpoch),
}

/// `tessera model status`
#[derive(Debug, Args)]
pub struct Status {
    /// The compiled model
    pub model: PathBuf,
    /// The proving key [default: MODEL.pk beside the model]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// `tessera model next-epoch`
#[derive(Debug, Args)]
pub struct NextEpoch {
    /// The compiled model
    pub model: PathBuf,
    /// The proving key that certifies the further one [default: MODEL.pk beside the model]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Where to write the further proving key, .pk; its count and its certificate, .uses and .cert, go beside it
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// `tessera commit`
#[derive(Debug, Args)]
pub struct Commit {
    /// The verifying key of the model that will read it: what integers there are follows from that
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// One input, or as many as the model's batch: .npy, or .npz by input name
    #[arg(long, value_name = "DATA")]
    pub input: PathBuf,
    /// Which input of the model it is [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where to write the opening, which tells the input
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Take this one input of the file, counting from 0
    #[arg(long, value_name = "N")]
    pub index: Option<usize>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// `tessera prove`
#[derive(Debug, Args)]
pub struct Prove {
    /// The compiled model
    pub model: PathBuf,
    /// One input, or as many as the model's batch: .npy, or .npz by input name
    #[arg(long, value_name = "DATA", required_unless_present = "opening")]
    pub input: Option<PathBuf>,
    /// The opening of a committed input, as tessera commit wrote it, or of another proof's output that is this input; with NAME= in front
    /// where several inputs are committed. Openings of what nothing is given for are written beside the proof
    #[arg(long, value_name = "[NAME=]FILE")]
    pub opening: Vec<String>,
    /// Where to write the proof
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The proving key [default: MODEL.pk beside the model]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Take this one input of the file, counting from 0
    #[arg(long, value_name = "N")]
    pub index: Option<usize>,
    /// Verify the proof before it is written: always, never, or where that adds less than a twentieth to proving or the key is large
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub check: When,
    /// The most memory that proving may take, like 12GiB: beyond it extensions of columns are made anew where they are read, which takes less
    /// memory and more time; what that cannot do is refused [default: what the machine has free, which refuses nothing]
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<ByteCount>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// Ids of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids(pub Vec<i64>);

impl FromStr for Ids {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let ids = s.split([' ', ',']).filter(|id| !id.is_empty()).map(str::parse);
        ids.collect::<Result<_, _>>().map(Ids).map_err(|_| "expected ids of tokens, like \"15 2 7\"".into())
    }
}

/// `tessera generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// A model compiled with --tokens
    pub model: PathBuf,
    /// Ids of the tokens that it goes on from
    #[arg(long, value_name = "IDS", required_unless_present = "prompt_text", conflicts_with = "prompt_text")]
    pub prompt: Option<Ids>,
    /// The text that it goes on from
    #[arg(long, value_name = "TEXT", requires = "vocab")]
    pub prompt_text: Option<String>,
    /// What tokens spell: JSON, a list of strings or an object of strings and ids, or one token a line. Text is cut by the longest
    /// token that fits
    #[arg(long, value_name = "FILE")]
    pub vocab: Option<PathBuf>,
    /// How many tokens it says [default: as many as the model has positions for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens: Option<u32>,
    /// Prove the text, and write the proof here
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The proving key [default: MODEL.pk beside the model]
    #[arg(long, value_name = "FILE", requires = "output")]
    pub key: Option<PathBuf>,
    /// Verify the proof before it is written: always, never, or where that adds less than a twentieth to proving or the key is large
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    pub check: When,
    /// The most memory that proving may take, like 12GiB: beyond it extensions of columns are made anew where they are read, which takes less
    /// memory and more time; what that cannot do is refused [default: what the machine has free, which refuses nothing]
    #[arg(long, value_name = "BYTES", requires = "output")]
    pub max_memory: Option<ByteCount>,
}

/// When something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// Where it costs little, and where a key is so large that opening it does not hash it.
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// `tessera verify`
#[derive(Debug, Args)]
pub struct Verify {
    /// The proof
    pub proof: PathBuf,
    /// The verifying key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The proof is of a further key of the same weights, which this certificate of the verifying key is of; twice, where that one's
    /// certificate leads to the key
    #[arg(long, value_name = "FILE")]
    pub certificate: Vec<PathBuf>,
    /// What a key has to be worth
    #[command(flatten)]
    pub policy: Policy,
    /// What tokens spell, for proofs of texts: as tessera generate reads it
    #[arg(long, value_name = "FILE")]
    pub vocab: Option<PathBuf>,
    /// Check, too, that the input or output of this name is committed as this root
    #[arg(long, value_name = "NAME=ROOT")]
    pub root: Vec<Named<Root>>,
    /// Check this proof, too, and that its committed outputs are inputs of the one that is verified
    #[arg(long, num_args = 2, value_names = ["KEY", "PROOF"])]
    pub after: Vec<PathBuf>,
    /// Check, too, that the proof is about this input
    #[arg(long, value_name = "DATA")]
    pub input: Option<PathBuf>,
    /// Which one of the file, counting from 0
    #[arg(long, value_name = "N", requires = "input")]
    pub index: Option<usize>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// `tessera run`
#[derive(Debug, Args)]
pub struct Run {
    /// The compiled model
    pub model: PathBuf,
    /// Any number of inputs: .npy, or .npz by input name
    #[arg(long, value_name = "DATA")]
    pub input: PathBuf,
    /// Write the outputs as .npy (one output) or .npz
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to run: the witness plan that proofs use, or the interpreter of a level
    #[arg(long, value_enum, default_value = "program")]
    pub level: Level,
    /// Take this one input of the file, counting from 0
    #[arg(long, value_name = "N")]
    pub index: Option<usize>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// `tessera eval`
#[derive(Debug, Args)]
pub struct Eval {
    /// The compiled model
    pub model: PathBuf,
    /// Inputs: .npy, or .npz by input name
    #[arg(long, value_name = "DATA")]
    pub input: PathBuf,
    /// What is right of the first output: a class or a label of every input, as integers or texts, or real numbers; .npy, or the array
    /// "labels" or "y" of a .npz
    #[arg(long, value_name = "DATA")]
    pub labels: Option<PathBuf>,
    /// Write a page: layers, how their values are spread in both networks, and what the worst do to the output
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Reading data
    #[command(flatten)]
    pub data: Data,
}

/// `tessera explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The compiled model
    pub model: PathBuf,
    /// List all layers, not only those that take longest
    #[arg(long)]
    pub all: bool,
    /// Write a page that shows them as areas
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Say beside it what was measured: what prove --json said of a proof
    #[arg(long, value_name = "FILE")]
    pub measured: Option<PathBuf>,
}

/// `tessera inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    /// A .tess, .pk, .vk, .proof, .npy or .npz file
    pub file: PathBuf,
}

/// `tessera demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Which of the 1000 test images
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub index: usize,
    /// Keep the files here instead of in a directory that is removed
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// `tessera bench`
#[derive(Debug, Args)]
pub struct Bench {
    /// Only these models
    #[arg(long, value_name = "NAME")]
    pub model: Vec<String>,
    /// Measurements of each stage; the median counts
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Bits of security
    #[arg(long, default_value_t = 100, value_name = "BITS")]
    pub security: u32,
    /// Which analysis of FRI the bits are counted in
    #[arg(long, value_enum, default_value = "proven")]
    pub regime: Regime,
    /// What the keys are chosen for
    #[arg(long, value_enum, default_value = "time")]
    pub optimize: Goal,
    /// Measure what each form is worth, by leaving it out, on some of the models
    #[arg(long)]
    pub ablation: bool,
    /// Measure nothing: take what --ablation --json said before
    #[arg(long, value_name = "FILE", requires = "ablation")]
    pub measured: Vec<PathBuf>,
    /// Also write benchmarks.md and benchmarks.svg here
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// Measure one stage of one model in this process (used by the command itself)
    #[arg(long, hide = true, requires = "model")]
    pub stage: Option<String>,
    /// Where the stages leave files for one another
    #[arg(long, hide = true)]
    pub work: Option<PathBuf>,
}

/// `tessera calibrate-machine`
#[derive(Debug, Args)]
pub struct CalibrateMachine {
    /// Where to write the prices
    #[arg(long, short, value_name = "FILE", default_value = "prices.json")]
    pub output: PathBuf,
    /// Proofs of each program; the median counts
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Only programs of these networks
    #[arg(long, value_name = "NAME")]
    pub model: Vec<String>,
    /// The proof system that is measured
    #[arg(long, default_value_t = tessera_backends::default().name().to_owned(), value_name = "NAME")]
    pub backend: String,
}

/// `tessera completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `tessera man`
#[derive(Debug, Args)]
pub struct Man {
    /// Where the pages go, such as ~/.local/share/man/man1
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn names_and_shapes_are_read() {
        let shape: Named<Extents> = "a=b=1, 3,32".parse().unwrap();
        assert_eq!((&shape.name[..], shape.value.0), ("a=b", vec![1, 3, 32]));
        let bytes = |s: &str| s.parse::<ByteCount>().ok().map(|b| b.0);
        assert_eq!([bytes("4096"), bytes("1.5KiB"), bytes("2GiB")], [Some(4096), Some(1536), Some(2 << 30)]);
        assert_eq!([bytes("-1"), bytes("1KB"), bytes("0"), bytes("inf")], [None; 4]);
        assert!("x=1,0".parse::<Named<Extents>>().is_err() && "x".parse::<Named<usize>>().is_err());
    }
}
