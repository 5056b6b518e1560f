//! Chooses the scale of every value, and the shift of every requantization.
//!
//! Values joined by ops that keep scales form a group with one scale. A group's scale comes from the calibrated
//! ranges of what enters it, made larger where that is needed for the sums proven from the actual weights to satisfy
//!
//! ```text
//! 0 <= sum·multiplier + 2^(shift-1) + 2^31 < 2^32
//! ```
//!
//! which lets a proof split a rescaled sum into two limbs; the smaller the shift, the smaller are the sum and its limbs. Groups
//! that only leave the model are *wide*: 16 bits, with a scale that holds every possible sum, so that outputs are never clamped.
//! Groups of sums that only tables read are *fine*: 12 bits, since the table of a function takes the place of the clamp. In a
//! *precise* model, one with softmax or normalizations, sums are as large as they are, and proven in more limbs, and values are *even*: 13
//! bits, in steps of powers of two, so that layers that are alike are proven in the same tables.

use crate::families::{self, Accumulate, softmax};
use crate::features;
use crate::grid::{self, Grid};
use crate::model::{Model, OpInfo, Role, Source};
use melior::ir::operation::OperationLike;
use std::collections::BTreeSet;
use tessera_mlir::functions::Map;
use tessera_mlir::types::Quant;
use tessera_mlir::{Error, Result};
use tessera_nn::{NnOp, ops::Binary};

/// Bits up to which a scale is made larger, and a value coarser, for its sums to fit two limbs; beyond, there are more limbs.
pub(crate) const ROOMY_BITS: u32 = 12;
/// The shift at which all sums fit: 2^15 stored steps to each side, above 16 bits.
pub(crate) const ROOMY_SHIFT: u32 = 16;
const MIN_SHIFT: u32 = 8;
const MAX_SHIFT: u32 = 30;
/// Shifts of a precise model: in one limb, or in one and what the shortest table has.
const PRECISE_SHIFTS: [u32; 2] = [16, 24];
/// Room for rounding weights and scales, checked exactly afterwards.
const MARGIN: f64 = 1.001;

/// A third of a bit.
pub(crate) const HEADROOM: f64 = 1.25;

/// Bits of what is compared with numbers, and of what features of very different reach become: they cost next to nothing there.
const TESTED_BITS: u32 = 16;

/// Products of stored integers from here on have so small a multiplier in sums of two limbs that rounding it is felt: their sums are exact.
const WIDE_PRODUCT: i64 = 1 << 22;

/// How a group of values is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// 8 bits.
    Narrow,
    /// 12 bits.
    Fine,
    /// 13 bits, in steps of a power of two: layers whose values reach about as far have one step, and so one table of each function and
    /// one way to requantize.
    Even,
    /// As many bits as were asked for, by `nn.bits`.
    Chosen(u32),
    /// An input whose features reach very differently far: 31 bits.
    Features,
    /// Sums of which the sign alone is read, exactly.
    Signs,
    /// 16 bits that hold every sum: what only leaves the model.
    Wide,
    /// As many bits as exact sums and unclamped ones take: what normalizations read, and what leaves a precise model.
    Open,
    /// Normalized rows: 13 bits of the calibrated range, in steps of a power of two, and as many more as the greatest possible value takes.
    Normed,
    /// Operands of a softmax, at its fixed step.
    Scores,
    /// Results of a softmax, as shares of its fixed total.
    Shares,
    /// Sums that comparisons alone read, as they are: nothing is rounded, so no two become equal, and nothing is clamped.
    Compared,
    /// Integers of a grid that the model states.
    Grid,
}

/// Bits of a calibrated range that exact sums are taken with.
const OPEN_BITS: u32 = 16;
/// Those of features that were scaled and are compared with numbers: sums of them and a number have 32 bits.
const COMPARED_BITS: u32 = 24;
/// Those where what is added up is clamped, to twice the calibrated range of the sum: in many layers, what sums may be at most grows far
/// beyond what they are.
const CLAMPED_BITS: u32 = 14;
const CLAMP: i64 = (1 << (CLAMPED_BITS + 1)) - 1;

/// What a group of values has in common.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) scale: f64,
    pub(crate) format: Format,
    /// How far real numbers reach, where they are clamped to what was seen.
    reach: f64,
    /// Whether some may be negative.
    signed: bool,
    /// Steps that they reach: fewer where the scale was made larger.
    most: i64,
    /// Whether sums that are added up exactly are clamped.
    clamped: bool,
    /// Whether values are compared one by one, so that their steps are as fine as is exact.
    compared: bool,
    /// That of [`Format::Grid`].
    grid: Option<Grid>,
}

/// Stored integers of a group.
pub(crate) struct Width {
    pub(crate) bits: u32,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

impl Group {
    fn new(scale: f64, format: Format) -> Self {
        let mut group = Group {
            scale,
            format,
            reach: 0.0,
            signed: true,
            most: 0,
            clamped: false,
            compared: false,
            grid: None,
        };
        group.most = group.finest();
        group
    }

    /// Steps to one side, at most. Where no number is negative, the sign's bit is one more of the others'.
    fn finest(&self) -> i64 {
        let bits = self.bits();
        (1 << (bits - u32::from(!self.is_unsigned()))) - 1
    }

    fn is_unsigned(&self) -> bool {
        !self.signed && matches!(self.format, Format::Chosen(bits) if bits <= ROOMY_BITS)
    }

    /// Lets steps be so large at least. The reals that are stored stay about the same, so that sums of them do not grow; there are few
    /// numbers of steps, since the clamp to each is a table.
    fn enlarge(&mut self, scale: f64) {
        const FEWEST: i64 = 15;
        if self.is_clamped() {
            let coarser = (self.finest() as f64 * scale / self.reach).log2() / 2.0;
            let most = self.finest() >> (2 * coarser.round().clamp(0.0, 16.0) as u32);
            self.most = most.clamp(FEWEST.min(self.most), self.most);
            self.scale = printable(scale.max(self.reach / self.most as f64));
        } else {
            self.scale = scale;
        }
    }

    fn is_clamped(&self) -> bool {
        matches!(self.format, Format::Narrow | Format::Chosen(_) | Format::Fine)
    }

    pub(crate) fn width(&self) -> Width {
        match self.format {
            Format::Grid => {
                let (min, max) = self.grid.map_or((0, 0), |grid| (grid.low, grid.high));
                Width { bits: if min >= -128 && max < 128 { 8 } else { 16 }, min, max }
            }
            Format::Narrow | Format::Chosen(_) | Format::Fine => {
                let bits = if self.most <= i8::MAX.into() { 8 } else { 16 };
                Width { bits, min: if self.is_unsigned() { 0 } else { -self.most }, max: self.most }
            }
            Format::Features => Width { bits: 32, min: 1 - (1 << 30), max: (1 << 30) - 1 },
            Format::Signs => Width { bits: 16, min: -2047, max: 2047 },
            Format::Even | Format::Normed => Width { bits: 16, min: -4095, max: 4095 },
            Format::Wide => Width { bits: 16, min: -32768, max: 32767 },
            Format::Open | Format::Compared => Width { bits: 32, min: i32::MIN.into(), max: i32::MAX.into() },
            Format::Scores => Width { bits: 16, min: -softmax::SCORES, max: softmax::SCORES },
            Format::Shares => Width { bits: 32, min: 0, max: softmax::GREATEST },
        }
    }

    /// The scale that types have. That of a grid is computed with as it is: printed, it is another number.
    fn printed(&self) -> f64 {
        if self.format == Format::Grid { printable(self.scale) } else { self.scale }
    }

    /// Bits of what is clamped to the calibrated range.
    fn bits(&self) -> u32 {
        match self.format {
            Format::Narrow => 8,
            Format::Chosen(bits) => bits,
            _ => ROOMY_BITS,
        }
    }

    /// Steps that the calibrated range of a value is stored with; `None` where the scale is a fixed one.
    fn steps(&self) -> Option<f64> {
        match self.format {
            Format::Scores | Format::Shares | Format::Signs | Format::Compared | Format::Grid => None,
            Format::Open if self.compared => Some(f64::from(1 << COMPARED_BITS)),
            Format::Open => Some(f64::from(1 << if self.clamped { CLAMPED_BITS } else { OPEN_BITS })),
            _ if self.is_clamped() => Some(self.finest() as f64),
            _ => Some(self.width().max as f64),
        }
    }

    /// By how much a range is larger than the calibrated one: where there are bits to spare, values that calibration did not see
    /// need not be clamped.
    pub(crate) fn headroom(&self) -> f64 {
        if matches!(self.format, Format::Chosen(bits) if bits > 8) || self.format == Format::Features {
            HEADROOM
        } else {
            1.0
        }
    }

    /// Whether sums are as large as they are, and proven in more limbs where two do not hold them.
    pub(crate) fn is_exact(&self, model: &Model) -> bool {
        model.precise
            || matches!(self.format, Format::Open | Format::Signs | Format::Compared | Format::Grid)
            || matches!(self.format, Format::Chosen(bits) if bits > ROOMY_BITS)
    }

    fn is_wide(&self) -> bool {
        self.format == Format::Wide
    }
}

pub(crate) struct Scales {
    group_of: Vec<usize>,
    groups: Vec<Group>,
    /// Stored integers lie in this interval, whatever the scales are.
    intervals: Vec<(i64, i64)>,
    /// Scale of a second, wide copy for accumulating ops that are returned and read besides.
    copies: Vec<Option<f64>>,
    shifts: Vec<u32>,
    /// Which values are normalized rows.
    normed: Vec<bool>,
}

/// A scale that survives printing: MLIR prints seven digits. Rounded upwards, so that nothing is clamped by it.
pub(crate) fn printable(scale: f64) -> f64 {
    let up = scale.abs().clamp(1e-30, 1e30) * (1.0 + 5.1e-7);
    format!("{up:.6e}").parse().unwrap_or(up)
}

impl Scales {
    pub(crate) fn group(&self, value: usize) -> &Group {
        &self.groups[self.group_of[value]]
    }

    /// The scale of an input with features that reach so far.
    pub(crate) fn of_features(reach: &[f64]) -> f64 {
        let group = Group::new(0.0, Format::Features);
        let most = reach.iter().fold(0.0, |a: f64, &b| a.max(b));
        printable(most * HEADROOM / group.width().max as f64)
    }

    /// The scale of a value.
    pub(crate) fn scale(&self, value: usize) -> f64 {
        self.group(value).scale
    }

    /// The scale that the sums of an accumulating op are requantized to, before the number fused into it.
    pub(crate) fn target(&self, model: &Model, op: usize) -> f64 {
        let op = model.rounded_by(op);
        self.scale(model.outcome(op)) / model.factor(op)
    }

    /// Interval of the stored integers of a value.
    pub(crate) fn interval(&self, value: usize) -> (i64, i64) {
        self.intervals[value]
    }

    /// The quantized type of a value's elements.
    pub(crate) fn quant(&self, value: usize) -> Quant {
        let group = self.group(value);
        let Width { bits, min, max } = match group.format {
            // what the greatest possible value takes
            f if f == Format::Normed || (f == Format::Open && self.normed[value]) => {
                let (min, max) = self.interval(value);
                Width { bits: if max <= i16::MAX.into() { 16 } else { 32 }, min, max }
            }
            _ => group.width(),
        };
        Quant { bits, min, max, scales: vec![group.printed()], axis: None }
    }

    /// Interval of the real numbers a value stands for.
    pub(crate) fn reals(&self, value: usize) -> (f64, f64) {
        let ((lo, hi), scale) = (self.intervals[value], self.scale(value));
        (lo as f64 * scale, hi as f64 * scale)
    }

    /// The scale of the wide copy an accumulating op also gives.
    pub(crate) fn copy(&self, op: usize) -> Option<f64> {
        self.copies[op]
    }

    /// Bits shifted out when the sums of an accumulating op are requantized.
    pub(crate) fn shift(&self, model: &Model, op: usize) -> u32 {
        self.shifts[model.rounded_by(op)]
    }

    /// The values of each group that are real ones and no parameters, in order.
    pub(crate) fn members(&self, model: &Model) -> Vec<Vec<usize>> {
        let mut members = vec![vec![]; self.groups.len()];
        let real =
            |v: &usize| is_real_value(model, *v) && !matches!(model.values[*v].source, Source::Parameter(_));
        (0..model.values.len()).filter(real).for_each(|v| members[self.group_of[v]].push(v));
        members.retain(|group| !group.is_empty());
        members
    }

    /// The formats that ops ask for, of each value with those that have its scale.
    pub(crate) fn asked(model: &Model) -> Vec<Vec<Format>> {
        let (group_of, count) = join(model);
        let mut groups = vec![vec![]; count];
        for v in (0..model.values.len()).filter(|&v| is_real_value(model, v)) {
            groups[group_of[v]].extend(asks(model, v).into_iter().map(|(format, _)| format));
        }
        group_of.into_iter().map(|group| groups[group].clone()).collect()
    }

    /// The least scale of a group at which its sums fit two limbs.
    pub(crate) fn room(&self, model: &Model, group: &[usize]) -> f64 {
        group
            .iter()
            .filter_map(|&v| model.accumulator(v))
            .map(|op| self.needed(model, op))
            .fold(0.0, f64::max)
    }

    /// The least scale at which the sums of an op, or the entries of its table, fit two limbs.
    fn needed(&self, model: &Model, op: usize) -> f64 {
        let bound = families::of(&model.ops[op].decoded).bound(model, self, op) * model.factor(op) * MARGIN;
        printable(bound / 32766.0)
    }

    /// Chooses all scales and shifts.
    ///
    /// # Errors
    /// Every value that enters a group without a calibrated range.
    pub(crate) fn choose(model: &Model) -> Result<Self> {
        let scales = Self::choose_by(model, false)?;
        let fits = |op: usize| families::of(&model.ops[op].decoded).fits(model, &scales, op);
        if (0..model.ops.len()).all(fits) { Ok(scales) } else { Self::choose_by(model, true) }
    }

    /// As [`Self::choose`]; exact sums of what is clamped, or not.
    fn choose_by(model: &Model, clamped: bool) -> Result<Self> {
        let (group_of, count) = join(model);
        let mut groups = formats(model, &group_of, count)?;
        // exact sums are those that flow into normalizations, at the scale of what these read
        for info in model.ops.iter().filter(|_| clamped) {
            if let NnOp::Norm { .. } = info.decoded {
                groups[group_of[info.operands[0]]].clamped = true;
            }
        }
        let mut errors = Vec::new();
        for group in &mut groups {
            group.signed = false;
        }
        let never = never_negative(model);
        for v in (0..model.values.len()).filter(|&v| enters(model, v)) {
            groups[group_of[v]].signed |= !never[v];
        }
        let possible = reaches(model);
        for v in (0..model.values.len()).filter(|&v| enters(model, v)) {
            let group = &mut groups[group_of[v]];
            let Some(steps) = group.steps() else { continue };
            match model.range(v) {
                // The scale of what leaves the model follows from the proven sums alone.
                _ if group.is_wide() => {}
                _ if group.format == Format::Features && model.features(v).is_some() => {
                    group.scale = model.features(v).map_or(1.0, Scales::of_features);
                }
                Some((lo, hi)) if lo.is_finite() && hi.is_finite() => {
                    let reach = lo.abs().max(hi.abs()) * group.headroom();
                    let reach = if reach > 0.0 { reach } else { possible[v] };
                    group.reach = group.reach.max(reach);
                    group.scale = group.scale.max(reach / steps);
                    group.most = if group.is_clamped() { group.finest() } else { group.most };
                }
                _ => errors.push(no_range(model, v)),
            }
        }
        Error::all(errors)?;
        for group in &mut groups {
            let even = matches!(group.format, Format::Even | Format::Normed)
                || (model.precise && group.format == Format::Open);
            if group.format == Format::Grid {
                continue;
            }
            group.scale = printable(if even { group.scale.log2().ceil().exp2() } else { group.scale });
        }
        // normalized rows reach about as far in all layers: where one scale suits them, one table of roots does
        let is_normed = |g: &&mut Group| g.format == Format::Normed;
        let most = groups.iter_mut().filter(is_normed).map(|g| g.scale).fold(0.0, f64::max);
        groups.iter_mut().filter(|g| is_normed(g) && most <= 2.0 * g.scale).for_each(|g| g.scale = most);
        for (op, test) in (0..model.ops.len()).filter_map(|op| Some((op, features::test(model, op)?))) {
            let unit = groups[group_of[test.operand]].scale * test.magnitude;
            groups[group_of[model.outcome(op)]].scale = printable(unit * f64::from(1 << ROOMY_SHIFT));
        }
        let intervals = intervals(model, &group_of, &groups);
        let ops = model.ops.len();
        let (copies, shifts, normed) = (vec![None; ops], vec![ROOMY_SHIFT; ops], normed(model));
        let mut scales = Scales { group_of, groups, intervals, copies, shifts, normed };
        scales.make_room(model);
        scales.hold_open(model);
        if scales.keep_sums(model) {
            scales.bound_open(model);
        }
        scales.choose_shifts(model);
        Ok(scales)
    }

    /// The stored integers that what is added up exactly is clamped to, where it is.
    pub(crate) fn clamp(&self, value: usize) -> Option<(i64, i64)> {
        let group = self.group(value);
        (group.clamped && group.format == Format::Open).then_some((-CLAMP, CLAMP))
    }

    /// One unit for all sums that are compared as they are: the finest in which those of every channel fit. Whether there are any.
    fn keep_sums(&mut self, model: &Model) -> bool {
        let mut any = false;
        for op in (0..model.ops.len()).filter(|&op| model.ops[op].accumulates()) {
            let group = self.group_of[model.outcome(op)];
            if self.groups[group].format == Format::Compared
                && let Some(sums) = families::of(&model.ops[op].decoded).sums()
            {
                let unit = sums.unit(model, self, op).unwrap_or(1.0);
                self.groups[group].scale = printable(self.groups[group].scale.max(unit));
                any = true;
            }
        }
        any
    }

    /// Makes the steps of what is not clamped so large that 32 bits hold it: what was seen may be next to nothing of what may be, as in means
    /// of normalized rows.
    fn hold_open(&mut self, model: &Model) {
        const DOUBLINGS: usize = 64;
        const MOST: i64 = i32::MAX as i64;
        for _ in 0..DOUBLINGS {
            self.bound_open(model);
            let full = |&v: &usize| {
                let ((low, high), group) = (self.intervals[v], self.group(v));
                group.format == Format::Open
                    && !group.clamped
                    && !model.values[v].indices
                    && (low <= -MOST || high >= MOST)
            };
            let groups: BTreeSet<usize> =
                (0..model.values.len()).filter(full).map(|v| self.group_of[v]).collect();
            if groups.is_empty() {
                return;
            }
            groups
                .iter()
                .for_each(|&group| self.groups[group].scale = printable(2.0 * self.groups[group].scale));
        }
    }

    /// Intervals of what is not clamped, which follow from the operands' in the order of the ops.
    fn bound_open(&mut self, model: &Model) {
        for v in 0..model.values.len() {
            let open = self.group(v).format == Format::Open && !model.values[v].indices;
            if open && !matches!(model.values[v].source, Source::Op(_)) {
                let reach = model.range(v).map_or(0.0, |(lo, hi)| lo.abs().max(hi.abs()));
                self.intervals[v] = around(reach / self.scale(v));
            }
        }
        for (op, info) in model.ops.iter().enumerate() {
            let out = model.outcome(op);
            let format = self.group(out).format;
            self.intervals[out] = match (info.role, format) {
                _ if info.fused_into.is_some() || info.term_of.is_some() => continue,
                (Role::Sums | Role::Table | Role::Rows, Format::Open | Format::Normed | Format::Compared) => {
                    let bound = families::of(&info.decoded).bound(model, self, op);
                    let (low, high) = model.fused_clamp(op);
                    let (mut min, mut max) = around(bound * model.factor(op) * MARGIN / self.scale(out));
                    if self.normed[out] {
                        // in whole bits, so that normalizations are shown to lie in few ranges
                        let most = (max.max(1) as u64 + 1).next_power_of_two().min(1 << 31) as i64;
                        (min, max) = (-most, most - 1);
                    }
                    let (least, most) = self.clamp(out).unwrap_or((min, max));
                    let (min, max) = (min.max(least), max.min(most));
                    (if low >= 0.0 { 0 } else { min }, if high <= 0.0 { 0 } else { max })
                }
                (Role::Adds, _) => {
                    let [a, b] = [0, 1].map(|i| self.intervals[info.operands[i]]);
                    let (low, high) = if is_difference(&info.decoded) { (-b.1, -b.0) } else { b };
                    (a.0 + low, a.1 + high)
                }
                _ if info.keeps_scale() => kept(info, &self.intervals).unwrap_or(self.intervals[out]),
                _ => continue,
            };
        }
    }

    /// Enlarges scales until all sums fit at [`ROOMY_SHIFT`], and so at every smaller one. Larger scales make later sums
    /// larger, so this repeats; it ends because a pass over the ops in order settles all groups that no later op feeds.
    fn make_room(&mut self, model: &Model) {
        for _ in 0..=model.ops.len() {
            let mut changed = false;
            let rounds = |op: &usize| !model.ops[*op].keeps_scale();
            for op in (0..model.ops.len()).filter(rounds) {
                let group = self.group_of[model.outcome(op)];
                if self.groups[group].is_exact(model) {
                    continue;
                }
                // A table is clamped where it gives 8 bits, whatever its operand may be.
                if !model.ops[op].accumulates() && !self.groups[group].is_wide() {
                    continue;
                }
                let needed = self.needed(model, op);
                let returned = model.ops[op].accumulates() && model.values[model.outcome(op)].returned;
                if !self.groups[group].is_wide() && returned {
                    self.copies[op] = Some(needed);
                }
                // 2^15 stored steps to each side are what 32 bits leave above the shift, whatever is kept.
                if self.groups[group].scale < needed {
                    self.groups[group].enlarge(needed);
                    self.intervals = intervals(model, &self.group_of, &self.groups);
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// One shift for as many layers as possible, since each kind of requantization costs a lookup table.
    fn choose_shifts(&mut self, model: &Model) {
        struct Site {
            op: usize,
            least: u32,
            most: u32,
        }
        let mut sites = Vec::new();
        let rounds = |op: &usize| model.ops[*op].accumulates() && model.ops[*op].term_of.is_none();
        for op in (0..model.ops.len()).filter(rounds) {
            let out = model.outcome(op);
            if self.copies[op].is_some() || features::test(model, op).is_some() {
                continue;
            }
            let scale = self.target(model, op);
            let family = families::of(&model.ops[op].decoded);
            let Some(sums) = family.sums() else { continue };
            if self.group(out).format == Format::Compared {
                self.shifts[op] = 0;
                continue;
            }
            let steps = family.bound(model, self, op) * MARGIN / scale + 1.0;
            let most =
                (31.0 - steps.log2()).floor().clamp(f64::from(ROOMY_SHIFT), f64::from(MAX_SHIFT)) as u32;
            // sums of more bits are proven in more limbs
            let most = if self.group(out).is_exact(model) { MAX_SHIFT } else { most };
            let weighted = matches!(model.ops[op].decoded, NnOp::Conv { .. } | NnOp::Linear { .. });
            let many = matches!(self.group(out).format, Format::Chosen(bits) if bits > ROOMY_BITS);
            let fine =
                (many || self.group(out).compared) && !weighted || self.group(out).format == Format::Grid;
            if features::reads(model, op) || fine {
                // multipliers of features differ as their reach does: the greatest has nearly all the bits there are, as values of many
                // bits ask for, too, where no weights follow the multiplier
                let greatest = sums.greatest(model, self, op) / scale;
                let most = (30.0 - greatest.max(1e-30).log2()).floor();
                self.shifts[op] = most.clamp(f64::from(MIN_SHIFT), f64::from(MAX_SHIFT)) as u32;
                continue;
            }
            let wide = self.group(out).is_wide();
            let multiplier = sums.multiplier(model, self, op, wide) / scale;
            if model.precise {
                // each limb that is shifted out is a lookup
                let multiplier = sums.multiplier(model, self, op, true) / scale;
                let enough = |s: &u32| multiplier * 2f64.powi(*s as i32) >= 1.0;
                self.shifts[op] = PRECISE_SHIFTS.into_iter().find(enough).unwrap_or(MAX_SHIFT);
                continue;
            }
            let least = (MIN_SHIFT..=most).find(|&s| multiplier * 2f64.powi(s as i32) >= 1.0).unwrap_or(most);
            if wide {
                // nothing is clamped here, so there is no table to share
                self.shifts[op] = least.min(ROOMY_SHIFT);
            } else {
                sites.push(Site { op, least, most });
            }
        }
        let mut used: Vec<u32> = Vec::new();
        // The shift that suits most; the smaller one among equals.
        while !sites.is_empty() {
            let suits = |s: u32| sites.iter().filter(|site| (site.least..=site.most).contains(&s)).count();
            let best = (MIN_SHIFT..=MAX_SHIFT)
                .max_by_key(|&s| (suits(s), std::cmp::Reverse(s)))
                .unwrap_or(MIN_SHIFT);
            used.push(best);
            sites.retain(|site| {
                let fits = (site.least..=site.most).contains(&best);
                if fits {
                    self.shifts[site.op] = best;
                }
                !fits
            });
        }
    }
}

fn no_range(model: &Model, v: usize) -> Error {
    match &model.values[v].source {
        Source::Argument(i) => {
            let name = model.function.argument_name(*i);
            Error::new(format!(
                "the input {name:?} has no calibrated range (nn.range); run nn-calibrate first"
            ))
        }
        Source::Op(op) => Error::at(
            model.ops[*op].op.location(),
            "has no calibrated range (nn.range); run nn-calibrate first",
        ),
        Source::Parameter(name) => Error::new(format!("the parameter {name:?} has no finite range")),
    }
}

/// How far each value reaches; where it was 0 in all of the calibration, how far what it is made of lets it: a mask that calibration never
/// used still is one.
fn reaches(model: &Model) -> Vec<f64> {
    let seen = |v: usize| model.range(v).map_or(0.0, |(lo, hi)| lo.abs().max(hi.abs()));
    let mut reach: Vec<f64> = (0..model.values.len()).map(seen).collect();
    for v in 0..reach.len() {
        if matches!(model.values[v].source, Source::Argument(_)) && reach[v] == 0.0 {
            reach[v] = 1.0;
        }
    }
    for info in &model.ops {
        if reach[info.result] > 0.0 {
            continue;
        }
        let of = info.operands.iter().map(|&v| reach[v]);
        let found: f64 = match info.decoded {
            NnOp::Binary { kind: Binary::Mul, .. } => of.product(),
            NnOp::Binary { .. } => of.sum(),
            _ if info.role == Role::Moves => info.activations().iter().map(|&v| reach[v]).fold(0.0, f64::max),
            _ => 1.0,
        };
        reach[info.result] = if found > 0.0 { found } else { 1.0 };
    }
    reach
}

/// Which values are normalized rows, or some of them moved.
fn normed(model: &Model) -> Vec<bool> {
    let mut normed = vec![false; model.values.len()];
    for info in &model.ops {
        normed[info.result] = match info.decoded {
            NnOp::Norm { .. } => true,
            _ => info.role == Role::Moves && info.activations().iter().all(|&v| normed[v]),
        };
    }
    normed
}

/// Not weights of a conv or linear, and not sums before a fused clamp.
fn is_real_value(model: &Model, v: usize) -> bool {
    let info = &model.values[v];
    if info.indices {
        return false;
    }
    match &info.source {
        Source::Argument(_) => true,
        Source::Parameter(_) => info.users.iter().any(|&u| model.ops[u].activations().contains(&v)),
        Source::Op(op) => model.ops[*op].fused.is_none() && model.ops[*op].term_of.is_none(),
    }
}

/// Values whose range counts for their group: those that are not made by an op within it that keeps the scale.
fn enters(model: &Model, v: usize) -> bool {
    is_real_value(model, v)
        && match &model.values[v].source {
            Source::Op(op) => {
                matches!(model.ops[*op].role, Role::Table | Role::Rows | Role::Adds)
                    || model.accumulator(v).is_some()
            }
            _ => true,
        }
}

/// Joins values that must have one scale. Gives each value's group and the number of groups.
fn join(model: &Model) -> (Vec<usize>, usize) {
    let mut parent: Vec<usize> = (0..model.values.len()).collect();
    fn root(parent: &mut [usize], v: usize) -> usize {
        let mut r = v;
        while parent[r] != r {
            parent[r] = parent[parent[r]];
            r = parent[r];
        }
        r
    }
    for op in model.ops.iter().filter(|op| op.keeps_scale() && op.fused_into.is_none()) {
        for &operand in op.activations() {
            let (a, b) = (root(&mut parent, operand), root(&mut parent, op.result));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut numbers = std::collections::BTreeMap::new();
    let groups = (0..model.values.len())
        .map(|v| {
            let next = numbers.len();
            *numbers.entry(root(&mut parent, v)).or_insert(next)
        })
        .collect();
    (groups, numbers.len())
}

/// Intervals of stored integers, by interval arithmetic over the preserving ops.
fn intervals(model: &Model, group_of: &[usize], groups: &[Group]) -> Vec<(i64, i64)> {
    let full = |v: usize| {
        let Width { min, max, .. } = groups[group_of[v]].width();
        (min, max)
    };
    let mut out: Vec<(i64, i64)> = (0..model.values.len()).map(full).collect();
    for (index, op) in model.ops.iter().enumerate() {
        if let Some(sums) = op.fused_into {
            // whatever the scale is, a clamp at 0 is one at 0
            let ((low, high), (min, max)) = (model.fused_clamp(sums), full(op.result));
            out[op.result] = (if low >= 0.0 { 0 } else { min }, if high <= 0.0 { 0 } else { max });
            continue;
        }
        if op.keeps_scale() {
            out[op.result] = kept(op, &out).unwrap_or_else(|| full(op.result));
        }
        debug_assert_eq!(model.values[op.result].source, Source::Op(index));
    }
    out
}

/// The interval of the result of an op that keeps the scale and gives none but its operands' integers, or 0.
fn kept(op: &OpInfo, intervals: &[(i64, i64)]) -> Option<(i64, i64)> {
    let hull = op.activations().iter().map(|&o| intervals[o]).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let (lo, hi) = hull?;
    match op.decoded {
        NnOp::Map { ref f, .. } if Grid::of(f).is_some() => Some((lo, hi)),
        NnOp::Map { .. } => Some((lo.max(0), hi.max(0))),
        NnOp::Pad { .. } => Some((lo.min(0), hi.max(0))),
        NnOp::MaxPool { .. }
        | NnOp::Reshape { .. }
        | NnOp::Transpose { .. }
        | NnOp::Concat { .. }
        | NnOp::Embedding { .. }
        | NnOp::Slice { .. } => Some((lo, hi)),
        // these have integers of their own
        NnOp::Conv { .. }
        | NnOp::Linear { .. }
        | NnOp::MatMul { .. }
        | NnOp::Binary { .. }
        | NnOp::Softmax { .. }
        | NnOp::Norm { .. }
        | NnOp::ArgMax { .. }
        | NnOp::AvgPool { .. } => None,
    }
}

/// The integers from −x to x, and those next to them.
fn around(x: f64) -> (i64, i64) {
    // beyond 32 bits no value is stored
    let most = x.ceil().min(f64::from(i32::MAX)) as i64;
    (-most, most)
}

fn is_difference<V>(op: &NnOp<V>) -> bool {
    matches!(op, NnOp::Binary { kind: Binary::Sub, .. })
}

/// The formats that the op that makes a value and those that read it ask for, with these ops.
fn asks(model: &Model, v: usize) -> Vec<(Format, usize)> {
    let info = &model.values[v];
    let readers = info.users.iter().filter(|&&u| model.ops[u].activations().contains(&v));
    let mut asked: Vec<_> =
        readers.filter_map(|&u| Some((families::of(&model.ops[u].decoded).formats().0?, u))).collect();
    if let Source::Op(op) = info.source {
        asked.extend(families::of(&model.ops[op].decoded).formats().1.map(|format| (format, op)));
        if model.ops[op].role == Role::Adds {
            asked.push((Format::Open, op));
        }
    }
    asked
}

/// Whether rounding the operand of a function to 12 bits changes its result by more than some steps of 12 bits, as where a logarithm
/// comes near zero. No number of bits helps where it jumps.
fn is_steep(model: &Model, op: usize, f: &Map) -> bool {
    const STEPS: f64 = 4.0;
    let reach = |(low, high): (f64, f64)| low.abs().max(high.abs());
    let (Some(from), Some(to)) = (model.range(model.ops[op].operands[0]), model.range(model.ops[op].result))
    else {
        return false;
    };
    let steps = Group::new(0.0, Format::Fine).width().max as f64;
    let error = f.table_error(from, reach(from) / steps, 0.0);
    !f.jumps(from) && error > STEPS * reach(to) / steps
}

/// Values that are not negative, whatever a user feeds.
fn never_negative(model: &Model) -> Vec<bool> {
    let parameter = |v: usize| model.floats(v).is_some_and(|data| data.iter().all(|&number| number >= 0.0));
    let mut never: Vec<bool> = (0..model.values.len()).map(parameter).collect();
    for (op, info) in model.ops.iter().enumerate() {
        let all = info.activations().iter().all(|&x| never[x]);
        never[info.result] = match &info.decoded {
            NnOp::Map { f, .. } => f.is_never_negative() || all && f.clamp().is_some(),
            NnOp::Binary { kind, .. } => all && *kind != Binary::Sub,
            NnOp::Conv { .. } | NnOp::Linear { .. } | NnOp::Norm { .. } => false,
            NnOp::Softmax { .. } | NnOp::ArgMax { .. } => true,
            _ => all,
        };
        debug_assert_eq!(model.values[info.result].source, Source::Op(op));
    }
    never
}

/// How each group is stored, by what makes and what reads its values.
fn formats(model: &Model, group_of: &[usize], count: usize) -> Result<Vec<Group>> {
    #[derive(Clone)]
    struct Seen {
        wide: bool,
        fine: bool,
        tables: bool,
        compared: bool,
        /// Whether all that enters is sums of weights that nothing is fused into.
        sums: bool,
        returned: bool,
        bits: Option<u32>,
        decisive: bool,
        most_bits: u32,
        features: bool,
        tested: bool,
        affine: bool,
        clamped: bool,
        grids: Vec<Grid>,
        asked: Vec<(Format, usize)>,
    }
    let none = Seen {
        wide: true,
        fine: true,
        tables: true,
        compared: true,
        sums: true,
        returned: false,
        bits: None,
        decisive: false,
        most_bits: TESTED_BITS,
        features: false,
        tested: false,
        affine: true,
        clamped: false,
        grids: vec![],
        asked: vec![],
    };
    let (mut seen, grids) = (vec![none; count], grid::grids(model));
    for (v, info) in model.values.iter().enumerate().filter(|(v, _)| is_real_value(model, *v)) {
        let group = &mut seen[group_of[v]];
        let computed = matches!(info.source, Source::Op(_));
        let read_by =
            |role: Role| info.users.iter().all(|&u| [Role::Moves, role].contains(&model.ops[u].role));
        group.returned |= info.returned;
        group.bits = group.bits.max(model.bits(v));
        group.decisive |= model.decisive[v];
        group.most_bits = group.most_bits.min(model.most_bits(v));
        group.wide &= computed && read_by(Role::Moves);
        group.fine &= computed && read_by(Role::Table);
        group.tables &= match info.source {
            Source::Op(op) if model.ops[op].role == Role::Table => true,
            Source::Op(op) => model.ops[op].keeps_scale() && model.ops[op].fused_into.is_none(),
            _ => false,
        };
        let compares = |&u: &usize| {
            model.ops[u].role == Role::Moves || matches!(model.ops[u].decoded, NnOp::ArgMax { .. })
        };
        group.compared &= computed && info.users.iter().all(compares);
        group.sums &= match info.source {
            Source::Op(op) if model.ops[op].accumulates() => {
                let unit = families::of(&model.ops[op].decoded).sums().is_some_and(Accumulate::has_unit);
                unit && !features::reads(model, op) && features::test(model, op).is_none()
            }
            Source::Op(op) => model.ops[op].role == Role::Moves,
            _ => false,
        };
        group.asked.extend(asks(model, v));
        group.grids.extend(grids[v]);
        let affine = |&u: &usize| {
            model.ops[u].role == Role::Moves
                || model.constant(u).is_some()
                || features::test(model, u).is_some()
        };
        group.affine &= !info.returned && info.users.iter().all(affine);
    }
    for group in seen.iter_mut().filter(|group| group.decisive) {
        group.bits = group.bits.or(Some(group.most_bits));
    }
    for op in 0..model.ops.len() {
        if let NnOp::Map { f, .. } = &model.ops[op].decoded
            && model.ops[op].role == Role::Table
            && is_steep(model, op, f)
        {
            let group = &mut seen[group_of[model.ops[op].operands[0]]];
            group.bits = group.bits.max(Some(TESTED_BITS));
        }
    }
    for op in 0..model.ops.len() {
        let out = group_of[model.outcome(op)];
        if let Some(test) = features::test(model, op) {
            seen[out].asked.push((Format::Signs, op));
            let group = &mut seen[group_of[test.operand]];
            group.bits = group.bits.max(Some(TESTED_BITS));
            group.tested = true;
        } else if features::reads(model, op) {
            // sums that reach far beyond what was seen, so they are clamped even where they leave the model
            seen[out].clamped = true;
        }
    }
    // what is compared one by one, and what that is scaled from, where nothing else reads it
    for (op, info) in model.ops.iter().enumerate().rev() {
        if !model.precise
            && model.constant(op).is_some()
            && seen[group_of[model.outcome(model.rounded_by(op))]].tested
        {
            info.operands.iter().for_each(|&x| seen[group_of[x]].tested = true);
        }
    }
    for (v, info) in model.values.iter().enumerate().filter(|(v, _)| is_real_value(model, *v)) {
        let group = &mut seen[group_of[v]];
        group.features |= group.tested && group.affine && matches!(info.source, Source::Argument(_));
    }
    for (v, _) in model.features.iter().enumerate().filter(|(_, reach)| reach.is_some()) {
        seen[group_of[v]].features = true;
    }
    let choose = |mut seen: Seen| {
        // normalized rows that are added to what is open: both are as wide as they get
        if seen.asked.iter().any(|(format, _)| *format == Format::Open) {
            seen.asked.retain(|(format, _)| *format != Format::Normed);
        }
        let format = match seen.asked.iter().find(|(format, _)| *format != seen.asked[0].0) {
            None => match seen.asked.first() {
                Some(&(format, _)) => format,
                None if seen
                    .grids
                    .first()
                    .is_some_and(|first| seen.grids.iter().all(|grid| grid == first)) =>
                {
                    Format::Grid
                }
                None if seen.clamped => Format::Chosen(TESTED_BITS),
                None if seen.wide && seen.returned => {
                    if model.precise || seen.bits.is_some_and(|bits| bits > ROOMY_BITS) {
                        Format::Open
                    } else {
                        Format::Wide
                    }
                }
                None if seen.compared && seen.sums && !seen.wide && !seen.returned => Format::Compared,
                None if seen.features => Format::Features,
                None if seen.tested && seen.affine && !model.precise => Format::Open,
                None if seen.bits.is_some() => Format::Chosen(seen.bits.unwrap_or(8)),
                // few bits would make equals of what differs
                None if seen.compared && !seen.wide && model.precise => Format::Open,
                None if model.precise => Format::Even,
                None if seen.fine && !seen.returned => Format::Fine,
                // an entry of a table costs the same whatever it is
                None if seen.tables && model.usual.activations > 8 => Format::Chosen(ROOMY_BITS),
                None => match model.usual.activations {
                    8 => Format::Narrow,
                    bits => Format::Chosen(bits),
                },
            },
            Some(&(_, op)) => {
                let other = model.ops[seen.asked[0].1].op.location();
                let error = Error::at(
                    model.ops[op].op.location(),
                    "stores its operand or result in another way than the op it shares it with; put a layer between them",
                );
                return Err(error.note_at(other, "this is the other op"));
            }
        };
        let scale = match format {
            Format::Scores => softmax::STEP,
            Format::Shares => 1.0 / softmax::TOTAL as f64,
            Format::Grid => seen.grids[0].scale,
            _ => 0.0,
        };
        let compared = seen.tested && seen.affine && !model.precise;
        Ok(Group { compared, grid: seen.grids.first().copied(), ..Group::new(scale, format) })
    };
    let mut groups = seen.iter().cloned().map(choose).collect::<Result<Vec<_>>>()?;
    for (op, info) in model.ops.iter().enumerate() {
        let (NnOp::Binary { kind: Binary::Mul, .. }, &[a, b]) = (&info.decoded, &info.operands[..]) else {
            continue;
        };
        let out = group_of[model.outcome(model.rounded_by(op))];
        let reach = |v: usize| groups[group_of[v]].width().max;
        let rounded = model.constant(op).is_none() && !groups[out].is_exact(model);
        if rounded && reach(a).saturating_mul(reach(b)) > WIDE_PRODUCT {
            seen[out].bits = seen[out].bits.max(Some(seen[out].most_bits));
            groups[out] = choose(seen[out].clone())?;
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests;
