//! From a file's arrays to the inputs of a model: names, shapes, the factor for integers, and numbers that are numbers.
//!
//! Which shapes fit an input `[1, d1, d2, …]`: the shape itself (one inference), the same with another first extent
//! (that many inferences), and both with axes of extent 1 left out or put in. So `[28, 28]` and `[1000, 28, 28]` fit
//! `[1, 1, 28, 28]`. Nothing else is reshaped.
use super::{Array, DataFile, Numbers};
use crate::failure::{Failure, Problem, Result};
use crate::model::Port;
use crate::show::plural;
pub use tessera_verify::metadata::Factor;

/// An input as the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted<'a> {
    /// Its name in the model.
    pub name: &'a str,
    /// Shape of one inference.
    pub shape: &'a [usize],
    /// For integer arrays, when the user gives no factor now.
    pub factor: Option<Factor>,
    /// Whether the model declares integers: they are taken as they are, whatever factor the user gives.
    pub integers: bool,
    /// Least and greatest integer, where integers are taken as they are.
    pub exact: Option<(i64, i64)>,
    /// The texts that the model knows, where it takes texts.
    pub texts: &'a [String],
}

/// The greatest index that a data file may hold: `f32` has every integer up to it.
pub const INDICES: i64 = 1 << 24;

/// Inputs of some inferences.
#[derive(Clone, Debug, PartialEq)]
pub struct Inputs {
    /// How many inferences.
    pub count: usize,
    /// Per input of the model, all inferences one after the other.
    pub tensors: Vec<Vec<f32>>,
    /// The factor of integers, for inputs that were some in the file or where it was given.
    pub factors: Vec<Option<Factor>>,
    /// What a person should know about how the file was read.
    pub notes: Vec<String>,
}

impl Inputs {
    /// The values of one input for one inference.
    pub fn one(&self, input: usize, inference: usize) -> &[f32] {
        let n = self.tensors[input].len() / self.count;
        &self.tensors[input][inference * n..(inference + 1) * n]
    }

    /// Adds the inferences of the same inputs from elsewhere.
    pub fn append(&mut self, more: Inputs) {
        self.count += more.count;
        self.tensors.iter_mut().zip(more.tensors).for_each(|(all, t)| all.extend(t));
        self.notes.extend(more.notes);
        self.notes.dedup();
    }
}

/// Finds, checks and converts every input. All problems are reported at once.
pub fn inputs(file: &DataFile, wanted: &[Wanted], factor: Option<Factor>) -> Result<Inputs> {
    let unnamed = file.arrays.iter().filter(|(name, _)| name.is_none()).count();
    if unnamed > 0 && unnamed != wanted.len() {
        let names: Vec<String> = wanted.iter().map(|w| format!("{:?}", w.name)).collect();
        let (inputs, arrays) = (plural(wanted.len(), "input"), plural(unnamed, "array"));
        let verb = if unnamed == 1 { "this is" } else { "these are" };
        return Err(Failure::new(format!("the model has {inputs}, and {verb} {arrays}"))
            .expected(format!("a .npz file with arrays named {}", names.join(", ")))
            .in_file(&file.path)
            .help("numpy.savez(path, name=array, …) with the inputs' names"));
    }
    let mut out = Inputs { count: 0, tensors: vec![], factors: vec![], notes: vec![] };
    let mut problems: Vec<Problem> = vec![];
    let mut counts = vec![];
    for (i, w) in wanted.iter().enumerate() {
        let bound = pick(file, (i, w), wanted.len(), &mut out.notes).and_then(|(name, array)| {
            let place = file.place(name.as_deref());
            convert(&array, w, factor).map_err(|f| f.at(place))
        });
        match bound {
            Ok((count, values, used)) => {
                counts.push((w.name, count));
                out.tensors.push(values);
                out.factors.push(used);
            }
            Err(f) => problems.extend(f.problems),
        }
    }
    if let Some(f) = Failure::all(problems) {
        return Err(f);
    }
    out.count = counts.first().map_or(0, |c| c.1);
    if counts.iter().any(|c| c.1 != out.count) {
        let found: Vec<String> = counts.iter().map(|(n, c)| format!("{c} of {n:?}")).collect();
        return Err(Failure::new("the inputs are for different numbers of inferences")
            .expected("equally many of each")
            .found(found.join(", "))
            .in_file(&file.path));
    }
    Ok(out)
}

/// The array that belongs to an input, and its name in the file.
fn pick(
    file: &DataFile,
    (at, w): (usize, &Wanted),
    inputs: usize,
    notes: &mut Vec<String>,
) -> Result<(Option<String>, Array)> {
    // arrays without names are the inputs in the model's order
    if let Some((None, array)) = file.arrays.get(at) {
        return Ok((None, array.clone()));
    }
    let named = file.take(w.name);
    if named.is_ok() || file.unreadable.iter().any(|(n, _)| n == w.name) {
        return Ok((Some(w.name.into()), named?));
    }
    let fitting: Vec<_> =
        file.arrays.iter().filter(|(_, a)| inferences(&a.shape, w.shape).is_some()).collect();
    if let ([(Some(name), array)], 1) = (&fitting[..], inputs) {
        notes.push(format!(
            "{}: no array is named {:?}; {name:?} fits and is used",
            file.path.display(),
            w.name
        ));
        return Ok((Some(name.clone()), array.clone()));
    }
    Err(Failure::new(format!("no array for the model's input {:?}", w.name))
        .expected(format!("an array named {:?} of shape {}", w.name, shapes(w.shape)))
        .found(file.list())
        .in_file(&file.path)
        .help(format!("rename the array, or choose one: {}:NAME", file.path.display())))
}

/// How many inferences an array of that shape is for; see the module's text.
pub fn inferences(found: &[usize], wanted: &[usize]) -> Option<usize> {
    let strip = |s: &[usize]| -> Vec<usize> { s.iter().copied().filter(|d| *d != 1).collect() };
    let core = strip(wanted);
    if strip(found) == core {
        return Some(1);
    }
    let batched = wanted.first() == Some(&1) || wanted.is_empty();
    match found.split_first() {
        Some((n, rest)) if batched && strip(rest) == core => Some(*n),
        _ => None,
    }
}

/// The shapes that fit, for messages.
fn shapes(wanted: &[usize]) -> String {
    if wanted.first() == Some(&1) {
        let rest: String = wanted[1..].iter().map(|d| format!(", {d}")).collect();
        format!("{wanted:?}, or [N{rest}] for N inferences")
    } else {
        format!("{wanted:?}")
    }
}

fn convert(array: &Array, w: &Wanted, given: Option<Factor>) -> Result<(usize, Vec<f32>, Option<Factor>)> {
    let input = format!("input {:?}", w.name);
    let Some(count) = inferences(&array.shape, w.shape) else {
        return Err(Failure::new(format!("the array for {input} has the wrong shape"))
            .expected(shapes(w.shape))
            .found(format!("{:?}", array.shape))
            .help("axes of extent 1 may be left out; nothing else is padded, cut, reshaped or transposed for you: make it so, or compile for the other shape"));
    };
    if count == 0 {
        return Err(Failure::new(format!("the array for {input} is empty"))
            .expected(shapes(w.shape))
            .found(format!("{:?}", array.shape)));
    }
    if !w.texts.is_empty() {
        return places(array, w.texts, &input).map(|values| (count, values, None));
    }
    if let Numbers::Text(_) = array.numbers {
        return Err(Failure::new(format!("the array for {input} holds texts, and the model eats numbers"))
            .expected(super::npy::DTYPES)
            .found(array.numbers.dtype()));
    }
    if let Some(within) = w.exact {
        return exact(array, within, &input).map(|values| (count, values, None));
    }
    let factor = match &array.numbers {
        _ if w.integers => Some(Factor { numerator: 1.0, denominator: 1.0 }),
        Numbers::I64(..) => Some(given.or(w.factor).ok_or_else(|| {
            Failure::new(format!("the array for {input} holds integers, and the model eats real numbers"))
                .expected("float32, or integers with a factor")
                .found(array.numbers.dtype())
                .help("say what the integers are multiplied by, with --scale or scale=: 1/255 for images stored as 0 to 255, 1 for numbers as they are")
        })?),
        _ => given,
    };
    let scaled = |x: f64| factor.map_or(x, |f| f.apply(x)) as f32;
    let values: Vec<f32> = match &array.numbers {
        Numbers::F32(v) if factor.is_none() => v.clone(),
        Numbers::F32(v) => v.iter().map(|x| scaled(f64::from(*x))).collect(),
        Numbers::F64(v) => v.iter().map(|x| scaled(*x)).collect(),
        Numbers::I64(v, _) => v.iter().map(|x| scaled(*x as f64)).collect(),
        Numbers::Text(_) => vec![],
    };
    let bad: Vec<usize> = (0..values.len()).filter(|i| !values[*i].is_finite()).collect();
    if let Some(first) = bad.first() {
        return Err(Failure::new(format!("the array for {input} holds values that are not finite numbers"))
            .expected("finite numbers within float32")
            .found(format!(
                "{} of {} values are NaN or infinite, the first at {:?}",
                bad.len(),
                values.len(),
                position(*first, &array.shape)
            ))
            .help("mend the data; for what is missing, put what the model's imputer would, before it runs: no value of a proof is missing"));
    }
    // what is said of integers is kept for those to come
    Ok((count, values, factor.filter(|_| given.is_some() || array.numbers.is_integer())))
}

/// Texts as their places among those that the model knows, and the place after the last for all others. Places are taken as they are.
fn places(array: &Array, known: &[String], input: &str) -> Result<Vec<f32>> {
    match &array.numbers {
        Numbers::Text(texts) => {
            let place = |text| known.binary_search(text).unwrap_or(known.len()) as f32;
            Ok(texts.iter().map(place).collect())
        }
        Numbers::I64(..) => exact(array, (0, known.len() as i64), input),
        _ => Err(Failure::new(format!("the array for {input} has to hold texts"))
            .expected("texts, of a dtype like <U8: array.astype(str)")
            .found(array.numbers.dtype())),
    }
}

/// Integers as they are.
fn exact(array: &Array, (least, most): (i64, i64), input: &str) -> Result<Vec<f32>> {
    let Numbers::I64(values, _) = &array.numbers else {
        return Err(Failure::new(format!("the array for {input} has to hold integers"))
            .expected("indices, of an integer dtype")
            .found(array.numbers.dtype()));
    };
    match values.iter().position(|v| !(least..=most).contains(v)) {
        Some(at) => Err(Failure::new(format!("the array for {input} holds an index that there is none of"))
            .expected(format!("integers in {least}..={most}"))
            .found(format!("{} at {:?}", values[at], position(at, &array.shape)))),
        None => Ok(values.iter().map(|&v| v as f32).collect()),
    }
}

/// Index along every axis of a flat index.
fn position(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|d| {
            let i = flat % d;
            flat /= d;
            i
        })
        .collect();
    at.reverse();
    at
}

/// What is right of the first output of every inference.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Its class, or the label that it is.
    Classes(Vec<i64>),
    /// Its numbers.
    Numbers(Vec<Vec<f64>>),
}

/// Answers from `.npy` or from the array `labels` (or `y`) of a `.npz`: one integer per inference, or a text where the output is texts, or as many
/// real numbers as the output has.
pub fn answers(file: &DataFile, count: usize, port: &Port) -> Result<Answers> {
    let named = |(n, _): &&(Option<String>, Array)| matches!(n.as_deref(), None | Some("labels" | "y"));
    let Some((name, array)) = file.arrays.iter().find(named) else {
        return Err(Failure::new("no array of labels")
            .expected("an array named \"labels\" or \"y\"")
            .found(file.list())
            .in_file(&file.path)
            .help(format!("choose one: {}:NAME", file.path.display())));
    };
    let place = file.place(name.as_deref());
    let reals = |values: Vec<f64>| {
        match values.len() == count * port.len() {
        true => Ok(Answers::Numbers(values.chunks(port.len().max(1)).map(<[f64]>::to_vec).collect())),
        false => Err(Failure::new("labels have to be integers")
            .expected(format!("one class number per inference, of an integer dtype, or {} real numbers, as the first output has", port.len()))
            .found(format!("{} of shape {:?}", array.numbers.dtype(), array.shape))
            .at(&place)),
    }
    };
    let values = match &array.numbers {
        Numbers::I64(values, _) => values.clone(),
        Numbers::F32(values) => return reals(values.iter().map(|&v| v.into()).collect()),
        Numbers::F64(values) => return reals(values.clone()),
        Numbers::Text(texts) if !port.texts.is_empty() => {
            let code = |text| port.texts.binary_search(text).map_or(-1, |at| at as i64);
            texts.iter().map(code).collect()
        }
        Numbers::Text(_) => {
            return Err(Failure::new("labels are texts, and the model has none")
                .expected("one class number per inference, of an integer dtype")
                .found(array.numbers.dtype())
                .at(place));
        }
    };
    if values.len() != count {
        return Err(Failure::new("labels and inputs differ in number")
            .expected(format!("{count} labels, one per input"))
            .found(format!("{} labels of shape {:?}", values.len(), array.shape))
            .at(place));
    }
    // an output of one value is a label, of any number
    let classes = port.len();
    let wrong = |v: &&i64| usize::try_from(**v).ok().is_none_or(|v| v >= classes);
    match values.iter().find(|v| classes > 1 && wrong(v)) {
        Some(v) => Err(Failure::new("a label is no class of the model")
            .expected(format!("0 to {}", classes - 1))
            .found(v.to_string())
            .at(&place)),
        None => Ok(Answers::Classes(values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &[usize] = &[1, 1, 28, 28];

    fn npy(shape: &[usize], numbers: Numbers) -> DataFile {
        let array = Array { shape: shape.into(), numbers };
        DataFile { path: "x.npy".into(), arrays: vec![(None, array)], unreadable: vec![] }
    }

    fn image(factor: Option<Factor>) -> Vec<Wanted<'static>> {
        vec![Wanted { name: "x", shape: IMAGE, factor, integers: false, exact: None, texts: &[] }]
    }

    #[test]
    fn which_shapes_fit() {
        let n = |s: &[usize]| inferences(s, IMAGE);
        assert_eq!([n(&[28, 28]), n(&[1, 28, 28]), n(IMAGE)], [Some(1); 3]);
        assert_eq!([n(&[7, 28, 28]), n(&[7, 1, 28, 28]), n(&[28, 28, 28])], [Some(7), Some(7), Some(28)]);
        assert_eq!([n(&[784]), n(&[7, 784]), n(&[28, 27]), n(&[2, 3, 28, 28]), n(&[])], [None; 5]);
        assert_eq!([inferences(&[64], &[1, 64]), inferences(&[5, 64], &[1, 64])], [Some(1), Some(5)]);
        // without a batch axis there is one inference only
        assert_eq!([inferences(&[3, 4], &[3, 4]), inferences(&[2, 3, 4], &[3, 4])], [Some(1), None]);
        assert_eq!(inferences(&[0, 28, 28], IMAGE), Some(0));
    }

    #[test]
    fn integers_need_a_factor_and_floats_are_taken_as_they_are() {
        let bytes = npy(&[28, 28], Numbers::I64(vec![255; 784], "uint8"));
        let f: Factor = "1/255".parse().unwrap();
        insta::assert_snapshot!(inputs(&bytes, &image(None), None).unwrap_err());
        assert_eq!(inputs(&bytes, &image(None), Some(f)).unwrap().tensors[0], [1.0; 784]);
        let stored = inputs(&bytes, &image(Some(f)), None).unwrap();
        assert_eq!((stored.tensors[0][0], stored.factors[0]), (1.0, Some(f)));
        // the factor of the model is for integers; one given now is for this array whatever it holds
        let floats = npy(&[28, 28], Numbers::F32(vec![255.0; 784]));
        assert_eq!(inputs(&floats, &image(Some(f)), None).unwrap().tensors[0], [255.0; 784]);
        assert_eq!(inputs(&floats, &image(None), Some(f)).unwrap().tensors[0], [1.0; 784]);
    }

    #[test]
    fn a_fraction_divides_as_numpy_does() {
        let f: Factor = "1/255".parse().unwrap();
        assert!((0..=255).all(|i| f.apply(f64::from(i)) == f64::from(i) / 255.0));
        assert_eq!(f.to_string(), "1/255");
        assert_eq!("0.5".parse::<Factor>().unwrap().to_string(), "0.5");
        assert!(["", "0", "1/0", "x", "1/2/3", "nan"].iter().all(|s| s.parse::<Factor>().is_err()));
    }

    #[test]
    fn wrong_inputs_are_named() {
        let text = |f: &DataFile| inputs(f, &image(None), None).unwrap_err().to_string();
        let mut nan = vec![0.5; 2 * 784];
        nan[784 + 29] = f32::NAN;
        nan[784 + 30] = f32::INFINITY;
        let texts = [
            text(&npy(&[2, 28, 28], Numbers::F32(nan))),
            text(&npy(&[28, 27], Numbers::F32(vec![0.0; 756]))),
            text(&npy(&[0, 28, 28], Numbers::F32(vec![]))),
            text(&npy(&[28, 28], Numbers::F64(vec![1e300; 784]))),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }

    #[test]
    fn arrays_are_found_by_name_or_by_being_the_only_fit() {
        let a = |n: usize| Array { shape: vec![n, 28, 28], numbers: Numbers::F32(vec![n as f32; n * 784]) };
        let y = Array { shape: vec![3], numbers: Numbers::I64(vec![1, 2, 3], "uint8") };
        let file = |arrays: Vec<(&str, Array)>| DataFile {
            path: "d.npz".into(),
            arrays: arrays.into_iter().map(|(n, a)| (Some(n.to_string()), a)).collect(),
            unreadable: vec![],
        };
        let named = inputs(&file(vec![("z", a(2)), ("x", a(3)), ("labels", y.clone())]), &image(None), None);
        assert_eq!(named.unwrap().count, 3);
        let only = inputs(&file(vec![("images", a(2)), ("labels", y.clone())]), &image(None), None).unwrap();
        assert_eq!(only.count, 2);
        let two = file(vec![("a", a(2)), ("b", a(3))]);
        let both = [
            image(None),
            vec![Wanted {
                name: "mask",
                shape: &[1, 5],
                factor: None,
                integers: false,
                exact: None,
                texts: &[],
            }],
        ]
        .concat();
        let texts = [
            only.notes[0].clone(),
            inputs(&two, &image(None), None).unwrap_err().to_string(),
            inputs(&two, &both, None).unwrap_err().to_string(),
            inputs(&npy(&[5], Numbers::F32(vec![0.0; 5])), &both, None).unwrap_err().to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n\n"));
    }

    #[test]
    fn labels_are_integers_within_the_classes_and_as_many_as_inputs() {
        let port = |classes: usize, texts: &[&str]| Port {
            name: "y".into(),
            shape: vec![1, classes],
            scale: 1.0,
            min: 0,
            max: 1,
            factor: None,
            exact: false,
            texts: texts.iter().map(ToString::to_string).collect(),
        };
        let l = |v: Vec<i64>| npy(&[v.len()], Numbers::I64(v, "uint8"));
        assert_eq!(answers(&l(vec![0, 9]), 2, &port(10, &[])).unwrap(), Answers::Classes(vec![0, 9]));
        assert_eq!(answers(&l(vec![-7, 90]), 2, &port(1, &[])).unwrap(), Answers::Classes(vec![-7, 90]));
        let texts = npy(&[2], Numbers::Text(vec!["b".into(), "x".into()]));
        assert_eq!(answers(&texts, 2, &port(1, &["a", "b"])).unwrap(), Answers::Classes(vec![1, -1]));
        let real = npy(&[2, 2], Numbers::F32(vec![0.0, 1.0, 2.0, 3.0]));
        let rows = vec![vec![0.0, 1.0], vec![2.0, 3.0]];
        assert_eq!(answers(&real, 2, &port(2, &[])).unwrap(), Answers::Numbers(rows));
        let float = npy(&[1], Numbers::F32(vec![0.0]));
        let ten = port(10, &[]);
        let texts = [
            answers(&l(vec![0, 10]), 2, &ten),
            answers(&l(vec![0]), 2, &ten),
            answers(&float, 1, &ten),
            answers(&texts, 2, &ten),
        ]
        .map(|r| r.unwrap_err().to_string());
        insta::assert_snapshot!(texts.join("\n\n"));
    }
}
