//! Functions of one real number that networks apply to every element: one file each, and its line in the list below.
//!
//! A file says all that is known of its function: what ONNX calls it, its value in f64, and what passes may rely on. A
//! quantized model holds a table of it, made once when the model is quantized.
//!
//! Invariants:
//! - Values come from `libm`, which is Rust: a table has the same integers on every machine.
//! - What a function claims (domain, monotonicity, parity, pieces, slope) is checked on a grid by the test of this file, for
//!   every function of the list.

use crate::{Error, Result, types::F64};
use std::{
    fmt,
    hash::{Hash, Hasher},
};

/// Whether a function rises or falls all over its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monotonicity {
    /// x ≤ y gives f(x) ≤ f(y).
    Nondecreasing,
    /// x ≤ y gives f(x) ≥ f(y).
    Nonincreasing,
}

/// Whether a function is its own mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parity {
    /// f(−x) = f(x).
    Even,
    /// f(−x) = −f(x).
    Odd,
}

/// A piece of a piecewise linear function: `slope·x + intercept` from the end of the piece before up to `end`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Where the piece ends; infinite for the last one.
    pub end: f64,
    /// Its slope.
    pub slope: f64,
    /// Its value at 0, were it continued to there.
    pub intercept: f64,
}

/// A number that chooses a function of a family, such as the slope of a leaky ReLU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// What ONNX calls the attribute.
    pub name: &'static str,
    /// The value where it is not given.
    pub default: f64,
    /// The position of the operand that gives it in operator sets where it is no attribute.
    pub operand: Option<usize>,
}

/// A function as exporters spell it that have no operator for it: sums and products of `x`, numbers and other functions.
#[derive(Clone, Copy, Debug)]
pub enum Spelled {
    /// The operand.
    X,
    /// A number, up to the rounding of f32.
    Number(f64),
    /// A sum of two, in either order.
    Add(&'static [Spelled; 2]),
    /// A product of two, in either order.
    Mul(&'static [Spelled; 2]),
    /// Another function, without parameters.
    Of(&'static str, &'static Spelled),
    /// Another function, with parameters, up to the rounding of f32.
    With(&'static str, &'static [f64], &'static Spelled),
}

/// A function of one real number. `p` are its parameters, as many as [`Function::parameters`] lists.
pub trait Function: Sync {
    /// What the IR calls it.
    fn name(&self) -> &'static str;
    /// ONNX operators that are it; a text attribute that tells variants apart follows in parentheses, as in `Gelu(tanh)`.
    fn onnx(&self) -> &'static [&'static str];
    /// How exporters spell it that have no operator for it.
    fn spelled(&self) -> &'static [Spelled] {
        &[]
    }
    /// Its parameters.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }
    /// Its value within the domain.
    fn value(&self, x: f64, p: &[f64]) -> f64;
    /// Least and greatest number where it is defined.
    fn domain(&self, _p: &[f64]) -> (f64, f64) {
        (f64::NEG_INFINITY, f64::INFINITY)
    }
    /// Whether it rises or falls throughout.
    fn monotonicity(&self, _p: &[f64]) -> Option<Monotonicity> {
        None
    }
    /// Whether it is even or odd.
    fn parity(&self, _p: &[f64]) -> Option<Parity> {
        None
    }
    /// Its pieces, from left to right, where it is piecewise linear.
    fn pieces(&self, _p: &[f64]) -> Option<Vec<Piece>> {
        None
    }
    /// A bound of |f'(x)| for `low ≤ x ≤ high`; it may be infinite.
    fn slope(&self, low: f64, high: f64, p: &[f64]) -> f64;
}

macro_rules! functions {
    ($($file:ident::$name:ident,)*) => {
        $(mod $file;)*
        /// All functions.
        pub const ALL: &[&dyn Function] = &[$(&$file::$name),*];
    };
}

functions! {
    abs::Abs,
    acos::Acos,
    acosh::Acosh,
    asin::Asin,
    asinh::Asinh,
    atan::Atan,
    atanh::Atanh,
    ceil::Ceil,
    celu::Celu,
    clip::Clip,
    cos::Cos,
    cosh::Cosh,
    elu::Elu,
    equal_zero::EqualZero,
    erf::Erf,
    exp::Exp,
    fake_quantize::FakeQuantize,
    floor::Floor,
    gelu::Gelu,
    gelu_tanh::GeluTanh,
    hard_sigmoid::HardSigmoid,
    hard_swish::HardSwish,
    leaky_relu::LeakyRelu,
    log::Log,
    mish::Mish,
    near_zero::NearZero,
    neg::Neg,
    power::Power,
    quantize::Quantize,
    reciprocal::Reciprocal,
    relu::Relu,
    round::Round,
    rsqrt::Rsqrt,
    selu::Selu,
    shrink::Shrink,
    sigmoid::Sigmoid,
    sign::Sign,
    silu::Silu,
    sin::Sin,
    sinh::Sinh,
    softplus::Softplus,
    softsign::Softsign,
    sqrt::Sqrt,
    step::Step,
    tan::Tan,
    tanh::Tanh,
    thresholded_relu::ThresholdedRelu,
    trunc::Trunc,
}

/// The function that ONNX spells so.
pub fn by_onnx(spelling: &str) -> Option<&'static dyn Function> {
    ALL.iter().copied().find(|f| f.onnx().contains(&spelling))
}

/// All ONNX operators that are functions, sorted.
pub fn onnx_operators() -> Vec<&'static str> {
    let spellings = ALL.iter().flat_map(|f| f.onnx());
    let mut operators: Vec<_> = spellings.map(|s| s.split_once('(').map_or(*s, |(name, _)| name)).collect();
    operators.sort_unstable();
    operators.dedup();
    operators
}

/// A function with its parameters: what an op applies.
#[derive(Clone)]
pub struct Map {
    function: &'static dyn Function,
    parameters: Vec<F64>,
}

impl Map {
    /// A function by its name in the IR.
    ///
    /// # Errors
    /// When there is none of that name, or it takes another number of parameters.
    pub fn named(name: &str, parameters: &[f64]) -> Result<Self> {
        let Some(function) = ALL.iter().find(|f| f.name() == name) else {
            let known = ALL.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ");
            return Err(Error::new(format!("function: expected one of {known}, found {name:?}")));
        };
        Self::new(*function, parameters)
    }

    /// A function of the list.
    ///
    /// # Errors
    /// When it takes another number of parameters, or one is not a number.
    pub fn new(function: &'static dyn Function, parameters: &[f64]) -> Result<Self> {
        let expected = function.parameters();
        if expected.len() != parameters.len() || parameters.iter().any(|p| p.is_nan()) {
            let names = expected.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
            return Err(Error::new(format!(
                "parameters: expected {} numbers ({names}) for {:?}, found {parameters:?}",
                expected.len(),
                function.name()
            )));
        }
        Ok(Self { function, parameters: parameters.iter().copied().map(F64).collect() })
    }

    /// max(x, 0).
    pub fn relu() -> Self {
        Self { function: &relu::Relu, parameters: vec![] }
    }

    /// What the IR calls the function.
    pub fn name(&self) -> &'static str {
        self.function.name()
    }

    /// Its parameters.
    pub fn parameters(&self) -> Vec<f64> {
        self.parameters.iter().map(|p| p.0).collect()
    }

    /// f(x); outside the domain, its value at the domain's nearer end.
    pub fn value(&self, x: f64) -> f64 {
        let p = self.parameters();
        let (low, high) = self.function.domain(&p);
        self.function.value(x.max(low).min(high), &p)
    }

    /// f of what a stored integer stands for: the number itself, or the middle of those of the domain that are rounded to it. An integer
    /// that none of the domain is rounded to has the value of the nearest one.
    pub fn stored(&self, key: i64, scale: f64) -> f64 {
        let (low, high) = self.domain();
        let end = |end: f64| (end / scale).round();
        let key = (key as f64).max(end(low)).min(end(high));
        let x = key * scale;
        let half = 0.5 * scale;
        self.value(match x {
            x if x < low => 0.5 * (low + (x + half).min(high)),
            x if x > high => 0.5 * (high + (x - half).max(low)),
            x => x,
        })
    }

    /// Least and greatest number where it is defined.
    pub fn domain(&self) -> (f64, f64) {
        self.function.domain(&self.parameters())
    }

    /// Whether it is not negative at all numbers of a grid from −2^20 to 2^20, finer next to zero.
    pub fn is_never_negative(&self) -> bool {
        let magnitudes = (-80..=80).map(|quarter| 2f64.powf(f64::from(quarter) / 4.0)).chain([0.0]);
        magnitudes.flat_map(|m| [m, -m]).all(|x| self.value(x) >= 0.0)
    }

    /// Whether it is defined everywhere and jumps between two numbers, as a comparison does.
    pub fn jumps(&self, (low, high): (f64, f64)) -> bool {
        let slope = self.function.slope(low, high, &self.parameters());
        slope.is_infinite() && self.domain() == (f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Whether it is constant between numbers but for few jumps, as a comparison is: what it gives is a decision.
    pub fn decides(&self, (low, high): (f64, f64)) -> bool {
        const PARTS: u32 = 64;
        let at = |part: u32| low + (high - low) * f64::from(part) / f64::from(PARTS);
        let slopes =
            || (0..PARTS).map(|part| self.function.slope(at(part), at(part + 1), &self.parameters()));
        self.jumps((low, high)) && slopes().all(|s| s == 0.0 || s.is_infinite()) && slopes().any(|s| s == 0.0)
    }

    /// Its pieces, where it is piecewise linear.
    pub fn pieces(&self) -> Option<Vec<Piece>> {
        self.function.pieces(&self.parameters())
    }

    /// The interval that it clamps to, where that is all it does.
    pub fn clamp(&self) -> Option<(f64, f64)> {
        let pieces = self.pieces()?;
        let flat = |piece: &Piece| piece.slope == 0.0;
        let identity = |piece: &Piece| piece.slope == 1.0 && piece.intercept == 0.0;
        match &pieces[..] {
            [all] if identity(all) => Some((f64::NEG_INFINITY, f64::INFINITY)),
            [low, x] if flat(low) && identity(x) => Some((low.intercept, f64::INFINITY)),
            [x, high] if identity(x) && flat(high) => Some((f64::NEG_INFINITY, high.intercept)),
            [low, x, high] if flat(low) && identity(x) && flat(high) => Some((low.intercept, high.intercept)),
            _ => None,
        }
    }

    /// The stored integers of f at `keys`, from one scale to another: `round(f(k·from) / to)`, ties to even, clamped to
    /// ±`most`; at the ends of the domain as [`Map::stored`] says.
    ///
    /// Within the clamp, and for x that `from` stores by rounding, an entry differs from f(x) by at most
    /// [`Map::table_error`].
    pub fn table(&self, keys: impl IntoIterator<Item = i64>, from: f64, to: f64, most: i64) -> Vec<i64> {
        let entry = |key: i64| (self.stored(key, from) / to).round_ties_even();
        // a value that is not a number has no place in a domain, and casts to 0
        keys.into_iter().map(|key| entry(key).clamp(-most as f64, most as f64) as i64).collect()
    }

    /// How far a table's entry may be from f(x), for x in `low..=high` rounded to a step of `from`: half a step times the
    /// slope, and half a step of the result.
    pub fn table_error(&self, (low, high): (f64, f64), from: f64, to: f64) -> f64 {
        let reach = 0.5 * from;
        self.function.slope(low - reach, high + reach, &self.parameters()) * reach + 0.5 * to
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.parameters == other.parameters
    }
}

impl Eq for Map {}

impl Hash for Map {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
        self.parameters.hash(state);
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{:?}", self.name(), self.parameters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function at its default parameters.
    fn all() -> impl Iterator<Item = (Map, &'static dyn Function, Vec<f64>)> {
        ALL.iter().map(|f| {
            let p: Vec<f64> = f.parameters().iter().map(|p| p.default).collect();
            (Map::new(*f, &p).unwrap(), *f, p)
        })
    }

    fn grid(f: &dyn Function, p: &[f64]) -> Vec<f64> {
        let (low, high) = f.domain(p);
        (-4096..=4096).map(|i| f64::from(i) / 512.0).filter(|x| (low..=high).contains(x)).collect()
    }

    #[test]
    fn what_is_never_negative_is_told_from_what_may_be() {
        let never = |name: &str, p: &[f64]| Map::named(name, p).unwrap().is_never_negative();
        assert!(never("sigmoid", &[]) && never("relu", &[]) && never("exp", &[]) && never("sqrt", &[]));
        assert!(never("clip", &[0.0, 6.0]) && !never("clip", &[-1.0, 6.0]));
        assert!(!never("tanh", &[]) && !never("gelu", &[]) && !never("log", &[]) && !never("silu", &[]));
    }

    #[test]
    fn comparisons_jump_and_decide_where_their_operand_passes_the_jump() {
        let step = Map::named("step", &[]).unwrap();
        assert!(step.jumps((-1.0, 2.0)) && !step.jumps((1.0, 2.0)));
        for smooth in ["exp", "sigmoid", "sqrt", "log"] {
            assert!(!Map::named(smooth, &[]).unwrap().jumps((-1.0, 2.0)), "{smooth}");
        }
        assert!(step.decides((-1.0, 2.0)) && Map::named("round", &[]).unwrap().decides((-2.0, 2.0)));
        for (many, parameters) in
            [("thresholded_relu", &[0.5][..]), ("quantize", &[0.1, 0.0, -128.0, 127.0]), ("reciprocal", &[])]
        {
            assert!(!Map::named(many, parameters).unwrap().decides((-1.0, 2.0)), "{many}");
        }
    }

    #[test]
    fn integers_beside_a_domain_have_the_value_of_what_is_next_to_them() {
        let log = Map::named("log", &[]).unwrap();
        // 0 stands for the numbers up to half a step, whose middle is a quarter of it
        assert!((log.stored(0, 0.5) - 0.125f64.ln()).abs() < 1e-12);
        assert_eq!(log.stored(-7, 0.5), log.stored(0, 0.5));
        assert_eq!(log.stored(2, 0.5), 0.0);
        let sqrt = Map::named("sqrt", &[]).unwrap();
        assert_eq!((sqrt.stored(0, 0.5), sqrt.stored(-1, 0.5), sqrt.stored(8, 0.5)), (0.0, 0.0, 2.0));
        // 1 is no number of the domain
        let atanh = Map::named("atanh", &[]).unwrap();
        assert!(atanh.stored(4, 0.25) < 2.0 && atanh.stored(9, 0.25) == atanh.stored(4, 0.25));
    }

    #[test]
    fn names_are_told_apart_and_sorted() {
        assert!(ALL.iter().map(|f| f.name()).is_sorted_by(|a, b| a < b));
        let mut spellings: Vec<_> = ALL.iter().flat_map(|f| f.onnx()).collect();
        let count = spellings.len();
        spellings.sort_unstable();
        spellings.dedup();
        assert_eq!(spellings.len(), count);
    }

    #[test]
    fn what_functions_claim_holds_on_a_grid() {
        const ROUNDING: f64 = 1e-12;
        for (map, f, p) in all() {
            let xs = grid(f, &p);
            let value = |x: f64| f.value(x, &p);
            let close = |a: f64, b: f64| (a - b).abs() <= ROUNDING * (1.0 + a.abs());
            for pair in xs.windows(2) {
                let (a, b) = (value(pair[0]), value(pair[1]));
                assert!(a.is_finite() && b.is_finite(), "{map:?} at {pair:?}");
                match f.monotonicity(&p) {
                    Some(Monotonicity::Nondecreasing) => assert!(a <= b, "{map:?} at {pair:?}"),
                    Some(Monotonicity::Nonincreasing) => assert!(a >= b, "{map:?} at {pair:?}"),
                    None => {}
                }
                let slope = f.slope(pair[0], pair[1], &p) * (1.0 + 1e-9) + 1e-9;
                assert!((b - a).abs() <= slope * (pair[1] - pair[0]), "{map:?} at {pair:?}: slope {slope}");
            }
            for &x in &xs {
                match f.parity(&p) {
                    Some(Parity::Even) => assert!(close(value(-x), value(x)), "{map:?} at {x}"),
                    Some(Parity::Odd) => assert!(close(value(-x), -value(x)), "{map:?} at {x}"),
                    None => {}
                }
                if let Some(pieces) = f.pieces(&p) {
                    let piece =
                        pieces.iter().find(|piece| x <= piece.end).expect("the last piece has no end");
                    assert!(close(piece.slope * x + piece.intercept, value(x)), "{map:?} at {x}");
                }
                if let Some((low, high)) = map.clamp() {
                    assert!(close(x.max(low).min(high), value(x)), "{map:?} at {x}");
                }
            }
        }
    }

    #[test]
    fn tables_are_as_close_as_they_say() {
        for (map, f, p) in all() {
            let (low, high) = f.domain(&p);
            for (bits, from) in [(7, 8.0 / 127.0), (11, 8.0 / 2047.0)] {
                let most = (1 << bits) - 1;
                let keys: Vec<i64> = (-most..=most).collect();
                let reach = keys.iter().map(|&k| map.value(k as f64 * from).abs()).fold(1e-3, f64::max);
                let to = reach / 127.0;
                let table = map.table(keys.iter().copied(), from, to, 127);
                for x in grid(f, &p).into_iter().filter(|x| (low..=high).contains(x)) {
                    let key = (x / from).round_ties_even() as i64;
                    let entry = table[(key + most) as usize] as f64 * to;
                    let error = map.table_error((x, x), from, to) + 1e-9;
                    assert!((entry - map.value(x)).abs() <= error, "{map:?} at {x}: {entry}, bound {error}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_function_is_refused() {
        let error = |name: &str, p: &[f64]| Map::named(name, p).unwrap_err().to_string();
        assert!(error("sigmoidd", &[]).contains("expected one of abs, acos"));
        assert!(error("sigmoid", &[1.0]).contains("expected 0 numbers"));
        assert!(error("leaky_relu", &[f64::NAN]).contains("(alpha)"));
    }
}
