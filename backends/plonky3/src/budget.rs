//! How much randomness a hiding proof has: what follows from the number of queries and the degree of the challenges.
//!
//! Invariant: a function of the key alone, which verifiers and provers work out by themselves.

/// How much randomness hides proofs with so many queries, over challenges of some degree D.
///
/// A query shows a coset value of each column, the out-of-domain point D coordinates of one, and the same again on the next row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Queries of FRI.
    pub queries: usize,
    /// Degree of the challenges.
    pub degree: usize,
}

impl Budget {
    /// Mask rows: those of what a column shows, and two that are not free: row 0 has values that the last row determines, and
    /// blinds; row 1 has blinds.
    pub fn rows(self) -> usize {
        self.queries + 2 * self.degree + 2
    }

    /// The budget of so many mask rows.
    pub fn of_rows(rows: usize, degree: usize) -> Option<Budget> {
        let queries = rows.checked_sub(2 * degree + 2)?;
        (queries > 0).then_some(Budget { queries, degree })
    }

    /// Random coefficients that a quotient's first segment gets and its second gives.
    pub fn first(self) -> usize {
        self.queries + self.degree
    }

    /// Random coefficients that the second segment gets and the third gives. The segments' openings are related by the quotient's
    /// value, so both together are as many as all three segments show, less one point.
    pub fn second(self) -> usize {
        2 * self.queries + self.degree
    }

    /// What one proof shows of a column that it opens at one point, and with it how many uniform rows of hidden weights it uses up.
    pub fn of_weights(self) -> usize {
        self.queries + self.degree
    }

    /// By which power of x the quotient's segments are apart, in a table of so many rows.
    pub fn stride(self, height: usize) -> usize {
        height - self.second()
    }

    /// Coefficients of a quotient beyond twice the height: (C·Z + T)/(xⁿ − 1) with C of degree 3·(n − 1) and Z of as many roots as
    /// there are mask rows.
    pub fn top(self) -> usize {
        self.rows() - 2
    }

    /// Coefficients of the third segment.
    pub fn last(self) -> usize {
        self.top() + 2 * self.second()
    }

    /// The height of the matrix of all third segments, as a power of two.
    pub fn log_last(self) -> u8 {
        self.last().next_power_of_two().trailing_zeros() as u8
    }

    /// The least height of a table: the first segment holds its random coefficients, and mask rows leave a row.
    pub fn least_height(self) -> usize {
        (self.second() + 1).max(self.rows() + 1).next_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_bits_take_two_hundred_rows() {
        let b = Budget { queries: 203, degree: 2 };
        assert_eq!(
            (b.rows(), b.second(), b.last(), b.log_last(), b.least_height()),
            (209, 408, 1023, 10, 512)
        );
        assert_eq!(Budget::of_rows(209, 2), Some(b));
        assert_eq!(Budget::of_rows(6, 2), None);
        // the segments' degrees fit a table: stride + first ≤ n, and stride + second = n
        assert!(b.stride(512) + b.first() <= 512);
    }
}
