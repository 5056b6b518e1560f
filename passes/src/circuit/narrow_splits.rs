//! `circuit-narrow-splits`: requantizations in limbs as small as the proven intervals allow.
//!
//! x is split by l and its high part is the key of clamps, y = clamp((hi + o) >> t, min, max). With the centered number
//! z = x + o·2^l and the whole shift s = l + t, that is y = clamp(z >> s, min, max). Two equations:
//!
//! - y = hi', where z = hi'·2^s + lo', if z >> s lies within [min, max] for all z that are possible: no table is needed.
//! - y = clamp((hi' - 2^(H-1)) >> (s - L), min, max), where z + 2^(L+H-1) = hi'·2^L + lo', if z lies within
//!   [-2^(L+H-1), 2^(L+H-1)) and L ≤ s: then hi' is a key of [0, 2^H).
//!
//! The first is applied where verifiers know y anyway: a high part that is no key needs a range of its own, unless it is an
//! output. The second is applied to all other such splits at once, with the L and H that cost the fewest rows of tables:
//! lookups of all layers share them, and range checks too where L = H.
//!
//! # Correctness
//! z >> s = (z >> L) >> (s - L) for L ≤ s, and (z + 2^(L+H-1)) >> L = (z >> L) + 2^(H-1): arithmetic shifts round down. That
//! hi' is a key of its table is proven from the interval of z, not assumed: a lookup outside its domain is refused.

use melior::ir::{
    OperationRef, Value, ValueLike,
    operation::{OperationLike, OperationResult},
};
use std::collections::{BTreeMap, BTreeSet};
use tessera_api::{TargetSpec, spec};
use tessera_circuit::analysis::Analysis;
use tessera_circuit::ops::{self, CircuitOp, CircuitType, Visibility};
use tessera_circuit::publish::fresh_name;
use tessera_circuit::semantics::{Interval, TableFunction};
use tessera_circuit::unused::erase_unused;
use tessera_mlir::build::Cursor;
use tessera_mlir::func::{Func, need_operand};
use tessera_mlir::pass::{Options, Pass, PassInfo};
use tessera_mlir::{Result, attrs, op::all_ops, rewrite};

/// Limbs have at least this many bits: smaller tables cost no less.
const LEAST: u32 = 8;
/// And at most this many, or what the backend's tables hold.
const MOST: u32 = 16;

/// The pass; its [`PassInfo`] describes it.
pub struct NarrowSplits;

impl Pass for NarrowSplits {
    fn info(&self) -> PassInfo {
        PassInfo {
            name: "circuit-narrow-splits",
            summary: "Split what is requantized into limbs as small as the proven intervals allow",
            expects: "a circuit whose parameters are at hand.",
            guarantees: "the same circuit; high parts that only clamp tables read, and the low parts beside them, have as few bits as \
                         all of them need; an output that no table would clamp is the high part itself; no unused ops or tables.",
            rejects: "nothing; splits that do not fit smaller limbs stay as they are.",
            options: &[],
            example: EXAMPLE,
        }
    }

    fn statistics(&self) -> &'static [(&'static str, &'static str)] {
        &[("narrowed", "splits with smaller limbs"), ("tableless", "splits whose high part is an output")]
    }

    fn run(&self, module: OperationRef, options: &Options) -> Result<()> {
        let main = Func::main(module)?;
        let mut analysis = Analysis::complete(module)?;
        let mut sites = vec![];
        for op in main.ops() {
            sites.extend(Site::read(&analysis, op)?);
        }
        let (direct, keyed): (Vec<_>, Vec<_>) = sites.into_iter().partition(Site::is_tableless);
        for site in &direct {
            site.without_table(&mut analysis)?;
        }
        options.count("tableless", direct.len());
        let target = attrs::opt_parsed::<TargetSpec>(module, spec::ATTRIBUTE)?.unwrap_or_default();
        let most = MOST.min(target.capabilities.max_log_table.into());
        let limbs = Limbs::choose(&keyed, most);
        let narrowed = limbs.map_or(vec![], |limbs| keyed.iter().map(|site| (site, limbs)).collect());
        options.count("narrowed", narrowed.len());
        let mut tables = Tables::of_others(module, &narrowed)?;
        for (site, limbs) in narrowed {
            site.narrow(&mut analysis, limbs, &mut tables)?;
        }
        // not before: what the analysis knows is known by the value's address
        erase_unused(main)?;
        tables.declare(module, main)
    }
}

/// A split whose high part is only the key of clamps.
struct Site<'c, 'a> {
    split: OperationRef<'c, 'a>,
    low: u32,
    /// Domain of the tables, and what is added to a key.
    keys: Interval,
    offset: i64,
    /// The interval of z.
    centered: Interval,
    uses: Vec<Use<'c, 'a>>,
}

/// A lookup of the high part.
struct Use<'c, 'a> {
    lookup: OperationRef<'c, 'a>,
    table: String,
    /// The whole shift s.
    shift: u32,
    min: i64,
    max: i64,
}

impl<'c, 'a> Site<'c, 'a> {
    fn read(analysis: &Analysis, op: OperationRef<'c, 'a>) -> Result<Option<Self>> {
        let Some(CircuitOp::Split { x, shift: low }) = CircuitOp::decode(op)? else { return Ok(None) };
        let [high, rest]: [Value; 2] = [op.result(0)?.into(), op.result(1)?.into()];
        let proven = analysis.hull(x)?;
        // a tighter interval than is proven says something, which would be lost
        if !rewrite::users(rest).is_empty() || !CircuitType::of(x)?.interval().contains(proven) {
            return Ok(None);
        }
        let mut site: Option<Self> = None;
        // latest first
        for (lookup, _) in rewrite::users(high).into_iter().rev() {
            let reader = CircuitOp::decode(lookup)?;
            let Some((_, table)) = reader.as_ref().and_then(CircuitOp::lookup) else { return Ok(None) };
            let Some(f) = analysis.tables().get(table) else { return Ok(None) };
            let TableFunction::Clamp { offset, shift, min, max, .. } = *f else { return Ok(None) };
            let site = match &mut site {
                Some(site) if (site.offset, site.keys) != (offset, f.domain()) => return Ok(None),
                Some(site) => site,
                none => {
                    let centered = proven + Interval::point(offset).scale(1 << low);
                    let keys = f.domain();
                    none.insert(Site { split: op, low, keys, offset, centered, uses: vec![] })
                }
            };
            site.uses.push(Use { lookup, table: table.to_owned(), shift: low + shift, min, max });
        }
        Ok(site.filter(|site| {
            let added = i128::from(site.offset) << site.low;
            added.abs() < 1 << 62 && site.centered.fits_field() && site.uses.iter().all(|u| u.shift <= 62)
        }))
    }

    /// Whether y = z >> s is an output that verifiers know, for every z that is possible.
    fn is_tableless(&self) -> bool {
        let [one] = self.uses.as_slice() else { return false };
        let y = Interval { lo: self.centered.lo >> one.shift, hi: self.centered.hi >> one.shift };
        one.shift <= MOST
            && Interval::new(one.min, one.max).contains(y)
            && one.lookup.result(0).is_ok_and(|y| is_public(y.into()))
    }

    /// z + `more`.
    fn shifted(&self, analysis: &mut Analysis, more: i64) -> Result<Value<'c, 'a>> {
        let constant = more + (self.offset << self.low);
        // what it is now: a lookup that was replaced may have made it
        let x = need_operand(self.split, 0)?;
        let known = ops::producer(x)?;
        let (terms, constant) = match known {
            // an affine form of one is written as one
            Some(CircuitOp::Affine { terms, constant: k }) if k.checked_add(constant).is_some() => {
                (terms, k + constant)
            }
            _ => (vec![(1, x)], constant),
        };
        let new = Cursor::before(self.split).insert(ops::affine(self.split.location(), &terms, constant)?);
        analysis.tighten(new)?;
        Ok(new.result(0)?.into())
    }

    /// The high part of z + `more`, split by `low` bits.
    fn high(&self, analysis: &mut Analysis, more: i64, low: u32) -> Result<Value<'c, 'a>> {
        let x = self.shifted(analysis, more)?;
        let new = Cursor::before(self.split).insert(ops::split(self.split.location(), x, low)?);
        analysis.tighten(new)?;
        Ok(new.result(0)?.into())
    }

    /// The first equation.
    fn without_table(&self, analysis: &mut Analysis) -> Result<()> {
        let high = self.high(analysis, 0, self.uses[0].shift)?;
        self.uses[0].replace(high)
    }

    /// The second equation.
    fn narrow(&self, analysis: &mut Analysis, limbs: Limbs, tables: &mut Tables) -> Result<()> {
        let high = self.high(analysis, limbs.half(), limbs.low)?;
        for old in &self.uses {
            let (name, f) = tables.narrow(old, limbs);
            let new = Cursor::before(old.lookup).insert(ops::lookup(old.lookup.location(), high, &name, &f)?);
            analysis.add_table(&name, f);
            analysis.visit(new)?;
            old.replace(new.result(0)?.into())?;
        }
        Ok(())
    }
}

impl Use<'_, '_> {
    fn replace(&self, new: Value) -> Result<()> {
        let old: Value = self.lookup.result(0)?.into();
        new.set_type(old.r#type());
        rewrite::replace_all_uses(old, new);
        Ok(())
    }
}

/// Whether every use of a value leads to outputs whose range is asked for, through views.
fn is_public(value: Value) -> bool {
    let users = rewrite::users(value);
    !users.is_empty()
        && users.into_iter().all(|(user, _)| match CircuitOp::decode(user) {
            Ok(Some(CircuitOp::Output { visibility, .. })) => visibility != Visibility::Private,
            Ok(Some(CircuitOp::View { .. })) => user.results().all(|r: OperationResult| is_public(r.into())),
            _ => false,
        })
}

/// Bits of the low and the high part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limbs {
    low: u32,
    high: u32,
}

impl Limbs {
    /// The limbs with the fewest rows of tables that all sites fit in; `None` where the tables that they have are no larger.
    fn choose(sites: &[Site], most: u32) -> Option<Self> {
        let reach = sites.iter().map(|site| site.centered).reduce(Interval::hull)?;
        let least_shift = sites.iter().flat_map(|site| &site.uses).map(|u| u.shift).min()?;
        let mut domains = BTreeSet::new();
        for site in sites {
            domains.extend([(0, (1 << site.low) - 1), (site.keys.lo, site.keys.hi)]);
        }
        let rows = domains.into_iter().map(|(lo, hi)| hi - lo + 1).sum::<i128>();
        Self::of(reach, least_shift, most).filter(|limbs| limbs.rows() < rows)
    }

    /// The limbs with the fewest rows that hold all of `reach`, where L is at most `least_shift`.
    fn of(reach: Interval, least_shift: u32, most: u32) -> Option<Self> {
        (LEAST..=most.min(least_shift))
            .flat_map(|low| (LEAST..=most).map(move |high| Limbs { low, high }))
            .filter(|limbs| limbs.hold(reach))
            .min_by_key(|limbs| limbs.rows())
    }

    fn hold(self, z: Interval) -> bool {
        Interval::new(-self.half(), self.half() - 1).contains(z)
    }

    /// What is added to z.
    fn half(self) -> i64 {
        1 << (self.low + self.high - 1)
    }

    /// Rows of the tables: one where the limbs are equal.
    fn rows(self) -> i128 {
        let (low, high) = (1 << self.low, 1 << self.high);
        if low == high { low } else { low + high }
    }
}

/// The module's tables, while lookups get others.
struct Tables {
    /// Which lookups read that stay as they are.
    kept: BTreeSet<String>,
    /// New ones.
    made: BTreeMap<String, TableFunction>,
}

impl Tables {
    /// Without those that only the lookups of `sites` read, or lookups that nothing uses.
    fn of_others(module: OperationRef, sites: &[(&Site, Limbs)]) -> Result<Self> {
        let mut kept = BTreeSet::new();
        for op in all_ops(module) {
            if let Some(reader) = CircuitOp::decode(op)?
                && !rewrite::is_unused(op)
                && !sites.iter().flat_map(|(site, _)| &site.uses).any(|u| u.lookup == op)
            {
                kept.extend(reader.tables().into_iter().map(str::to_owned));
            }
        }
        Ok(Tables { kept, made: BTreeMap::new() })
    }

    /// What takes the place of a lookup's table: the same function of a smaller key.
    fn narrow(&mut self, old: &Use, Limbs { low, high }: Limbs) -> (String, TableFunction) {
        let f = TableFunction::Clamp {
            lo: 0,
            hi: (1 << high) - 1,
            offset: -(1 << (high - 1)),
            shift: old.shift - low,
            min: old.min,
            max: old.max,
        };
        let known = self.made.iter().find(|(_, made)| **made == f).map(|(name, _)| name.clone());
        let taken = |name: &str| self.kept.contains(name) || self.made.contains_key(name);
        let name = known.unwrap_or_else(|| fresh_name(&old.table, taken));
        self.made.insert(name.clone(), f.clone());
        (name, f)
    }

    /// Declares the new tables, and no table that nothing reads.
    fn declare(self, module: OperationRef, main: Func) -> Result<()> {
        for op in all_ops(module) {
            if let Some(CircuitOp::Table { name, .. }) = CircuitOp::decode(op)?
                && !self.kept.contains(&name)
            {
                rewrite::erase(op);
            }
        }
        let cursor = Cursor::before(main.op);
        for (name, function) in &self.made {
            cursor.insert(ops::table(main.op.location(), name, function)?);
        }
        Ok(())
    }
}

const EXAMPLE: &str = r#"circuit.table @requant(x in [0, 65535]) = clamp(x - 32768, 0, 127)
func.func @main() {
  %x = circuit.input "x" public : 4 in [-100000, 100000]
  %a = circuit.affine 3 * %x + 2147516416 : 4 in [-100000, 100000] -> [2147216416, 2147816416]
  %high, %low = circuit.split %a by 16 : 4 in [2147216416, 2147816416] -> [32763, 32773], [0, 65535]
  %y = circuit.lookup @requant(%high) : 4 in [32763, 32773] -> [0, 5]
  circuit.output %y "y" public : 4 in [0, 5]
  return
}"#;

#[cfg(test)]
mod tests {
    use super::*;

    /// The fewest rows: equal limbs share a table, unless the shift is too small for that.
    #[test]
    fn limbs_have_the_fewest_rows() {
        let of = |bits: u32, shift| {
            let half = 1i64 << (bits - 1);
            Limbs::of(Interval::new(-half, half - 1), shift, MOST).map(|limbs| (limbs.low, limbs.high))
        };
        assert_eq!([of(10, 20), of(27, 20), of(28, 20)], [Some((8, 8)), Some((14, 14)), Some((14, 14))]);
        assert_eq!([of(28, 13), of(29, 14), of(32, 16)], [Some((13, 15)), Some((14, 15)), Some((16, 16))]);
        assert_eq!([of(33, 30), of(27, 7), of(32, 15)], [None; 3]);
        // one more than half
        assert_eq!(Limbs::of(Interval::new(0, 1i64 << 27), 20, MOST), Some(Limbs { low: 15, high: 15 }));
        assert_eq!(Limbs::of(Interval::new(-(1i64 << 27), 0), 20, MOST), Some(Limbs { low: 14, high: 14 }));
        // smaller tables of a backend
        assert_eq!(Limbs::of(Interval::new(-(1i64 << 27), 0), 20, 13), None);
        assert_eq!(Limbs::of(Interval::new(-(1i64 << 25), 0), 20, 13), Some(Limbs { low: 13, high: 13 }));
    }
}
