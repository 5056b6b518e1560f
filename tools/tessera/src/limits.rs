//! What a user allows a proof to take: of the ways to place a circuit and to choose parameters, the fastest that keeps to it.
//!
//! Invariant: what is compared is predicted (`prover::predict`), so that the same model and limits give the same choice.
use crate::cli::ByteCount;
use crate::failure::{Failure, Result};
use crate::model::Metadata;
use crate::prover;
use crate::show;
use crate::show::program::Prediction;
use tessera_api::{Goal, Security};
use tessera_circuit_to_program::{PlaceError, PlaceOptions, Placed};

/// What keys can be made for, the fastest first, as `setup --optimize` spells it.
const GOALS: [(Goal, &str); 3] = [(Goal::Time, "time"), (Goal::Balanced, "balanced"), (Goal::Size, "size")];

/// The most that a proof may take; no limit where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a proof.
    pub proof: Option<ByteCount>,
    /// Bytes of memory while it is made.
    pub memory: Option<ByteCount>,
}

/// What was chosen.
pub struct Chosen {
    /// The placement.
    pub placed: Placed,
    /// What it takes.
    pub prediction: Prediction,
    /// What the keys have to be made for, if that is not what they are made for anyway.
    pub goal: Option<&'static str>,
}

impl Limits {
    fn keep(&self, p: &Prediction) -> bool {
        let within = |most: Option<ByteCount>, bytes: u64| most.is_none_or(|most| bytes <= most.0);
        within(self.proof, p.proof_bytes) && within(self.memory, memory(p))
    }

    /// Places a circuit: as the options say, or with fewer tables where that keeps to the limits. What no keys can be made of is refused.
    ///
    /// # Errors
    /// Where nothing keeps to the limits: with the least that there is.
    pub fn place(
        &self,
        options: &PlaceOptions,
        metadata: &Metadata,
        place: impl Fn(&PlaceOptions) -> Result<Placed, PlaceError>,
    ) -> Result<Chosen> {
        let predict = |placed: &Placed, goal| {
            let security = Security { goal, ..prover::SECURITY };
            prover::predict_program(&placed.program, metadata, &options.prices, security)
        };
        let placed = place(options)?;
        let prediction = predict(&placed, Goal::Time)?;
        if self.keep(&prediction) {
            return Ok(Chosen { placed, prediction, goal: None });
        }
        let mut candidates = vec![placed];
        if options.divided {
            candidates.push(place(&PlaceOptions { divided: false, ..options.clone() })?);
        }
        let (mut least_proof, mut least_memory) = (u64::MAX, u64::MAX);
        for (goal, name) in GOALS {
            let mut best: Option<(usize, Prediction)> = None;
            for (at, placed) in candidates.iter().enumerate() {
                let p = predict(placed, goal)?;
                (least_proof, least_memory) = (least_proof.min(p.proof_bytes), least_memory.min(memory(&p)));
                let faster = best.as_ref().is_none_or(|(_, known)| p.prove_cpu_s < known.prove_cpu_s);
                if self.keep(&p) && faster {
                    best = Some((at, p));
                }
            }
            if let Some((at, prediction)) = best {
                let goal = (goal != Goal::Time).then_some(name);
                return Ok(Chosen { placed: candidates.swap_remove(at), prediction, goal });
            }
        }
        let say = |proof: u64, memory: u64| {
            let proof = self.proof.map(|_| format!("a proof of {}", show::bytes(proof)));
            let memory = self.memory.map(|_| format!("{} of memory", show::bytes(memory)));
            proof.into_iter().chain(memory).collect::<Vec<_>>().join(" and ")
        };
        let most = say(self.proof.map_or(0, |most| most.0), self.memory.map_or(0, |most| most.0));
        Err(Failure::new("no keys of this model keep to the limits")
            .expected(format!("{most} at most"))
            .found(format!("{} at least, each by itself, as predicted", say(least_proof, least_memory)))
            .help("raise the limits, or take fewer bits, a smaller batch or a smaller model"))
    }

    /// What has to be told to setup and prove for what was chosen to keep to the limits, for people.
    pub fn note(&self, chosen: &Chosen) -> Option<String> {
        let p = &chosen.prediction;
        let setup = chosen.goal.map(|goal| format!("tessera setup --optimize {goal}"));
        let most = self.memory.filter(|most| p.memory_bytes > most.0);
        let prove = most.map(|most| format!("tessera prove --max-memory {}", most.0));
        let told: Vec<String> = setup.into_iter().chain(prove).collect();
        let (proof, memory) = (show::bytes(p.proof_bytes), show::bytes(memory(p)));
        (!told.is_empty()).then(|| {
            format!(
                "the limits are kept with {}: a proof of {proof} and {memory} of memory at least, as predicted",
                told.join(" and ")
            )
        })
    }
}

/// The least memory that proving takes, which it keeps to where it is told so.
fn memory(p: &Prediction) -> u64 {
    p.least_memory_bytes.unwrap_or(p.memory_bytes)
}
