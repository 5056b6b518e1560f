//! The real LeNet with keys, an honest trace and an honest proof, once per process.
use crate::support::{Compiled, compiled, images};
use std::sync::OnceLock;
use tessera::model::{Metadata, Model};
use tessera_api::{Container, FileKind, Publics, Trace};
use tessera_plonky3::adversary::Honest;
use tessera_plonky3::arithmetic::Quadratic;
use tessera_plonky3::{Plonky3, ProvingKey, VerifyingKey, prove_with};

/// A proof with challenges of the degree that default keys have.
pub type Proof = tessera_plonky3::keys::Proof<Quadratic>;

/// Everything a forger starts from.
pub struct Lenet {
    /// Its files.
    pub files: Compiled,
    /// The compiled model.
    pub model: Model,
    /// For proving.
    pub pk: ProvingKey,
    /// For verifying.
    pub vk: VerifyingKey,
    /// An honest witness.
    pub trace: Trace,
    /// An honest proof of it.
    pub proof: Proof,
}

/// The one of this process.
pub fn lenet() -> &'static Lenet {
    static ONE: OnceLock<Lenet> = OnceLock::new();
    ONE.get_or_init(|| {
        let files = compiled("fmnist_lenet", 1);
        let read = |extension: &str| std::fs::read(files.file(extension)).expect("a file");
        let model = Model::from_bytes(&read("tess")).expect("the model");
        let container = |extension, kind| {
            let mut c = Container::from_bytes(&read(extension), kind).expect("a container");
            c.take::<Metadata>("metadata").expect("what the command adds");
            c
        };
        let pk = ProvingKey::from_container(&container("pk", FileKind::ProvingKey), model.program.clone())
            .expect("the proving key");
        let vk = VerifyingKey::from_container(&container("vk", FileKind::VerifyingKey))
            .expect("the verifying key");
        let (all, n) = images("fmnist_lenet");
        let port = &model.metadata.inputs[0];
        let input = all[..n].iter().map(|x| port.quantize(*x).expect("a number")).collect();
        let trace = tessera_runtime::run(&model.program, &model.plan, vec![input]).expect("a witness");
        let (proof, _) = prove_with(&pk, trace.clone(), &mut Honest).expect("a proof");
        let l = Lenet { files, model, pk, vk, trace, proof };
        assert!(tessera_checker::check(&l.model.program, &l.trace).is_ok(), "the honest trace");
        assert!(l.verifies(&l.trace.publics, &l.proof), "the honest proof");
        l
    })
}

impl Lenet {
    /// Whether the verifier accepts.
    pub fn verifies(&self, publics: &Publics, proof: &Proof) -> bool {
        Plonky3::default().verify(&self.vk, publics, &proof.clone().into()).is_ok()
    }

    /// Whether the verifier accepts what an unbothered prover makes of a trace.
    pub fn proves(&self, trace: &Trace) -> bool {
        match prove_with(&self.pk, trace.clone(), &mut Honest) {
            Ok((proof, _)) => self.verifies(&trace.publics, &proof),
            Err(_) => false,
        }
    }

    /// Index of a table by the beginning of its name.
    pub fn table(&self, name: &str) -> usize {
        let tables = &self.model.program.tables;
        tables.iter().position(|t| t.name.starts_with(name)).unwrap_or_else(|| {
            panic!("no table {name}: {:?}", tables.iter().map(|t| &t.name).collect::<Vec<_>>())
        })
    }
}
