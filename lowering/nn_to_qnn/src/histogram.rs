//! A histogram that needs no bounds beforehand and whose counts do not depend on the order of the data.
//!
//! Bins are log-linear: 256 per factor of two, for each sign, so a percentile is exact to 0.3 %.

/// Exponents below this count as zero.
const LEAST_EXPONENT: i32 = -40;
const OCTAVES: usize = 104;
const PER_OCTAVE: usize = 256;

/// Counts of finite numbers by sign and magnitude.
#[derive(Clone, Debug)]
pub struct Histogram {
    least: f32,
    greatest: f32,
    total: u64,
    negative: Vec<u64>,
    positive: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        let bins = vec![0; OCTAVES * PER_OCTAVE];
        Histogram {
            least: f32::INFINITY,
            greatest: f32::NEG_INFINITY,
            total: 0,
            negative: bins.clone(),
            positive: bins,
        }
    }
}

fn bin(magnitude: f32) -> Option<usize> {
    let bits = magnitude.to_bits();
    let exponent = (bits >> 23) as i32 - 127;
    let octave = usize::try_from(exponent - LEAST_EXPONENT).ok()?;
    let step = (bits >> (23 - PER_OCTAVE.trailing_zeros())) as usize % PER_OCTAVE;
    Some((octave.min(OCTAVES - 1)) * PER_OCTAVE + step)
}

/// The upper end of a bin.
fn edge(bin: usize) -> f64 {
    let (octave, step) = (bin / PER_OCTAVE, bin % PER_OCTAVE);
    2f64.powi(LEAST_EXPONENT + octave as i32) * (1.0 + (step + 1) as f64 / PER_OCTAVE as f64)
}

impl Histogram {
    /// Counts numbers.
    pub fn add(&mut self, values: impl IntoIterator<Item = f32>) {
        for v in values {
            self.total += 1;
            self.least = self.least.min(v);
            self.greatest = self.greatest.max(v);
            let side = if v < 0.0 { &mut self.negative } else { &mut self.positive };
            if let Some(bin) = bin(v.abs()) {
                side[bin] += 1;
            }
        }
    }

    /// Adds the counts of another histogram.
    pub fn merge(mut self, other: &Histogram) -> Histogram {
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.total += other.total;
        self.negative.iter_mut().zip(&other.negative).for_each(|(a, b)| *a += b);
        self.positive.iter_mut().zip(&other.positive).for_each(|(a, b)| *a += b);
        self
    }

    /// Least and greatest number, hulled with zero.
    pub fn range(&self) -> (f64, f64) {
        if self.total == 0 {
            (0.0, 0.0)
        } else {
            (f64::from(self.least).min(0.0), f64::from(self.greatest).max(0.0))
        }
    }

    /// The range that leaves out `100 - percentile` per cent of all numbers at each end, hulled with zero.
    pub fn percentile(&self, percentile: f64) -> (f64, f64) {
        let (lo, hi) = self.range();
        let outside = ((100.0 - percentile) / 100.0 * self.total as f64).floor() as u64;
        let reach = |counts: &[u64]| {
            let mut left = outside;
            for (bin, &count) in counts.iter().enumerate().rev() {
                if count > left {
                    return edge(bin);
                }
                left -= count;
            }
            0.0
        };
        (lo.max(-reach(&self.negative)), hi.min(reach(&self.positive)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_cut_both_tails() {
        let mut h = Histogram::default();
        h.add((0..=10_000).map(|i| i as f32 / 10.0 - 300.0));
        assert_eq!(h.range(), (-300.0, 700.0));
        assert_eq!(h.percentile(100.0), (-300.0, 700.0));
        let (lo, hi) = h.percentile(99.0);
        assert!((lo + 290.0).abs() < 2.0 && (hi - 690.0).abs() < 4.0, "{lo} {hi}");
    }

    #[test]
    fn one_sided_data_has_a_range_that_starts_at_zero() {
        let mut h = Histogram::default();
        h.add([3.0, 5.0, 0.0]);
        assert_eq!(h.percentile(99.0), (0.0, 5.0));
        assert_eq!(Histogram::default().percentile(99.0), (0.0, 0.0));
    }

    #[test]
    fn merging_equals_counting_together() {
        let (mut a, mut b, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        let data: Vec<f32> = (0..1000).map(|i| ((i * 7919) % 1000) as f32 * 0.01 - 4.0).collect();
        a.add(data[..400].iter().copied());
        b.add(data[400..].iter().copied());
        both.add(data);
        assert_eq!(a.merge(&b).percentile(98.5), both.percentile(98.5));
    }
}
