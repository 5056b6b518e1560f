//! `tessera inspect`: what is in a file, whichever of ours (or of NumPy's) it is.
use crate::cli::Inspect;
use crate::data::DataFile;
use crate::failure::{Failure, Result};
use crate::model::{Metadata, Model, Port};
use crate::prover::{self, VerifyingKey};
use crate::screen::Screen;
use crate::show::program::{ProgramSummary, columns, summary};
use crate::{files, show};
use serde::Serialize;
use tessera_api::{Bytes, Container, FileError, FileKind, container::MAGIC, container::kind_of};

/// A section of a file and its size.
#[derive(Serialize)]
struct Section {
    name: String,
    bytes: u64,
}

/// Runs the command.
pub fn run(o: &Inspect, screen: &Screen) -> Result<()> {
    let bytes = files::map(&o.file)?;
    if bytes.starts_with(b"\x93NUMPY") || bytes.starts_with(b"PK") {
        let data = DataFile::parse(&bytes, &o.file).map_err(|f| f.in_file(&o.file))?;
        return arrays(&data, screen);
    }
    if !bytes.starts_with(&MAGIC) {
        return Err(Failure::from(FileError::Magic)
            .in_file(&o.file)
            .expected("a .tess, .pk, .vk, .proof, .opening or .cert file, or NumPy's .npy or .npz"));
    }
    container(&bytes, screen).map_err(|f| f.in_file(&o.file))
}

fn arrays(data: &DataFile, screen: &Screen) -> Result<()> {
    #[derive(Serialize)]
    struct Entry<'a> {
        name: Option<&'a str>,
        dtype: &'a str,
        shape: &'a [usize],
    }
    let entries: Vec<Entry> = data
        .arrays
        .iter()
        .map(|(n, a)| Entry { name: n.as_deref(), dtype: a.numbers.dtype(), shape: &a.shape })
        .collect();
    screen.json(&serde_json::json!({ "kind": "arrays", "arrays": entries }));
    for e in &entries {
        screen.line(format!("{}  {} {:?}", e.name.unwrap_or("one array"), e.dtype, e.shape));
    }
    for (name, f) in &data.unreadable {
        screen.note(format!("array {name:?} is not readable: {}", f.problems[0].message));
    }
    Ok(())
}

/// One of our files.
fn container(bytes: &Bytes, screen: &Screen) -> Result<()> {
    let file = Container::from_shared(bytes.clone(), kind_of(bytes)?)?;
    file.check()?;
    let sections: Vec<Section> =
        file.sections().map(|(name, bytes)| Section { name: name.into(), bytes: bytes as u64 }).collect();
    screen.line(format!("{}, {}", file.kind, show::bytes(bytes.len() as u64)));
    if file.kind == FileKind::Model {
        return model(&Model::from_bytes(bytes)?, &sections, bytes.len(), screen);
    }
    if file.kind == FileKind::VerifyingKey {
        return verifying_key(&VerifyingKey::from_bytes(bytes)?, &sections, bytes.len(), screen);
    }
    let metadata = file.contains("metadata").then(|| file.get::<Metadata>("metadata")).transpose()?;
    screen.json(&serde_json::json!({
        "kind": kind(file.kind),
        "bytes": bytes.len(),
        "belongs_to": format!("{:#}", file.parent),
        "sections": sections,
        "model": metadata,
    }));
    let owner = match file.kind {
        FileKind::Proof => "verifying key",
        FileKind::Opening => "root",
        FileKind::Certificate => "certificates of",
        FileKind::Model | FileKind::ProvingKey | FileKind::VerifyingKey => "program",
    };
    screen.line(format!("belongs to {owner} {}", file.parent));
    if let Some(m) = &metadata {
        describe(m, screen);
    }
    section_lines(&sections, screen);
    Ok(())
}

fn verifying_key(key: &VerifyingKey, sections: &[Section], bytes: usize, screen: &Screen) -> Result<()> {
    let offer = key.offer();
    screen.json(&serde_json::json!({
        "kind": kind(FileKind::VerifyingKey),
        "bytes": bytes,
        "digest": format!("{:#}", key.digest()),
        "belongs_to": format!("{:#}", key.program()),
        "security": offer,
        "sections": sections,
        "model": key.metadata,
    }));
    screen.line(format!("key {:#}", key.digest()));
    screen.line(format!("belongs to program {}", key.program()));
    describe(&key.metadata, screen);
    screen.line(offer.text());
    for (term, bits) in &offer.terms {
        screen.line(format!("  {term:<26}{bits:>7.1}"));
    }
    section_lines(sections, screen);
    Ok(())
}

fn kind(k: FileKind) -> &'static str {
    match k {
        FileKind::Model => "model",
        FileKind::ProvingKey => "proving key",
        FileKind::VerifyingKey => "verifying key",
        FileKind::Proof => "proof",
        FileKind::Opening => "opening",
        FileKind::Certificate => "certificate",
    }
}

fn model(model: &Model, sections: &[Section], bytes: usize, screen: &Screen) -> Result<()> {
    let m = &model.metadata;
    let program: ProgramSummary = summary(&model.program);
    let prediction = prover::predict(model, prover::SECURITY)?;
    screen.json(&serde_json::json!({
        "kind": kind(FileKind::Model),
        "bytes": bytes,
        "model": m,
        "program": program,
        "prediction": prediction,
        "sections": sections,
    }));
    describe(m, screen);
    screen.line(format!("program {}", program.digest));
    program.lines().iter().for_each(|l| screen.line(format!("  {l}")));
    screen.line("expected, with keys of the default security");
    prediction.lines().iter().for_each(|l| screen.line(format!("  {l}")));
    section_lines(sections, screen);
    Ok(())
}

fn describe(m: &Metadata, screen: &Screen) {
    screen.line(format!(
        "{}: {} parameters, one proof covers {}",
        m.name,
        show::count(m.parameters),
        show::plural(m.batch, "inference")
    ));
    let port = |role: &str, p: &Port| {
        let factor = p.factor.map_or(String::new(), |f| format!(", integers in files times {f}"));
        if !p.texts.is_empty() {
            return format!("  {role} {} {:?}: {}", p.name, p.shape, show::texts(&p.texts));
        }
        format!("  {role} {} {:?}: [{}, {}] · {:.6}{factor}", p.name, p.shape, p.min, p.max, p.scale)
    };
    m.inputs.iter().for_each(|p| screen.line(port("input ", p)));
    m.outputs.iter().for_each(|p| screen.line(port("output", p)));
    let c = &m.calibration;
    let method = c.percentile.map_or(c.method.clone(), |p| format!("{} {p}", c.method));
    screen.line(format!("  ranges from {} of {} ({method})", show::plural(c.samples, "inference"), c.data));
    screen.line(format!("  compiled by tessera {} from a file with BLAKE3 {}", m.compiler, m.source));
}

fn section_lines(sections: &[Section], screen: &Screen) {
    screen.line("sections");
    let rows = sections.iter().map(|s| [s.name.clone(), show::bytes(s.bytes)]).collect();
    columns(rows).iter().for_each(|l| screen.line(format!("  {l}")));
}
