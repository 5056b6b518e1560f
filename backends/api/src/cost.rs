//! What a proof costs, as counts of what provers pay for, and what a backend charges for each.
//!
//! Provers lay tables of equal height side by side and pay by such *groups*: for every row whatever its width, for every cell
//! by its kind, for every lookup and constraint on a row, and once for every height. So a cost is a list of groups.
//!
//! Invariant: a cost is a function of the [`Shape`](crate::Shape), without a clock and without randomness.
use serde::{Deserialize, Serialize};

/// What a Program costs, group by group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Tables of equal height; the tallest first.
    pub groups: Vec<GroupCost>,
}

/// Tables of equal height, side by side. Columns, and counts a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCost {
    /// Height as a power of two.
    pub log_height: u8,
    /// Columns fixed at setup that are opened as they are.
    pub fixed: u64,
    /// Columns fixed at setup of which a prover only sums.
    pub summed: u64,
    /// Columns of the witness.
    pub witness: u64,
    /// Columns over the extension field, committed after the witness.
    pub extension: u64,
    /// Lookups and provided tuples.
    pub lookups: u64,
    /// Monomials of constraints, and cells of folds.
    pub nodes: u64,
    /// Values opened of a row: columns, by the field elements and the points each is opened at.
    pub openings: u64,
}

impl GroupCost {
    /// Rows, padding included.
    pub fn rows(&self) -> u64 {
        1 << self.log_height
    }
}

impl Cost {
    /// The group of this height, made if there is none.
    pub fn group(&mut self, log_height: u8) -> &mut GroupCost {
        let at = self.groups.partition_point(|g| g.log_height > log_height);
        if self.groups.get(at).is_none_or(|g| g.log_height != log_height) {
            self.groups.insert(at, GroupCost { log_height, ..GroupCost::default() });
        }
        &mut self.groups[at]
    }

    /// Σ rows · count, over all groups.
    pub fn cells(&self, count: impl Fn(&GroupCost) -> u64) -> u64 {
        self.groups.iter().map(|g| count(g).saturating_mul(g.rows())).fold(0, u64::saturating_add)
    }

    /// Values opened at one place, over all groups.
    pub fn openings(&self) -> u64 {
        self.groups.iter().map(|g| g.openings).sum()
    }
}

/// What a prover charges for each kind in [`Cost`]: nanoseconds of one core, except where said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// A proof of anything.
    pub proof: f64,
    /// A height that some table has.
    pub height: f64,
    /// A row, whatever its width.
    pub row: f64,
    /// A fixed cell.
    pub fixed_cell: f64,
    /// A summed cell.
    pub summed_cell: f64,
    /// A cell of the witness.
    pub witness_cell: f64,
    /// A cell over the extension field.
    pub extension_cell: f64,
    /// A lookup.
    pub lookup: f64,
    /// A monomial of a constraint on a row.
    pub node: f64,
    /// Bytes of a proof for paths in trees, by the square of the tallest table's height as a power of two: folding opens a path
    /// in every tree down from it, each as long as its tree is high.
    pub path_bytes: f64,
    /// Bytes of a proof for an opened value.
    pub opening_bytes: f64,
    /// Bytes of memory for a committed field element.
    pub cell_bytes: f64,
    /// Checking a proof: a transcript and tables.
    pub verify: f64,
    /// Checking a byte of it: hashing what is opened.
    pub verify_byte: f64,
    /// What a byte of proof is worth, in nanoseconds: by this, size is weighed against time.
    pub byte: f64,
}

impl Prices {
    /// All of them, by name.
    pub fn named(&mut self) -> [(&'static str, &mut f64); 15] {
        [
            ("proof", &mut self.proof),
            ("height", &mut self.height),
            ("row", &mut self.row),
            ("fixed_cell", &mut self.fixed_cell),
            ("summed_cell", &mut self.summed_cell),
            ("witness_cell", &mut self.witness_cell),
            ("extension_cell", &mut self.extension_cell),
            ("lookup", &mut self.lookup),
            ("node", &mut self.node),
            ("path_bytes", &mut self.path_bytes),
            ("opening_bytes", &mut self.opening_bytes),
            ("cell_bytes", &mut self.cell_bytes),
            ("verify", &mut self.verify),
            ("verify_byte", &mut self.verify_byte),
            ("byte", &mut self.byte),
        ]
    }

    /// Checks that each is a number of at least 0.
    ///
    /// # Errors
    /// With the first price that is not.
    pub fn check(mut self) -> Result<(), String> {
        match self.named().into_iter().find(|(_, price)| !(price.is_finite() && **price >= 0.0)) {
            Some((name, price)) => Err(format!("the price {name:?} is {price}, and has to be at least 0")),
            None => Ok(()),
        }
    }

    /// Predicted proving time in seconds of one core.
    pub fn seconds(&self, c: &Cost) -> f64 {
        1e-9 * (self.proof + self.height * c.groups.len() as f64 + self.by_rows(c))
    }

    /// Predicted bytes of a proof.
    pub fn bytes(&self, c: &Cost) -> f64 {
        let tallest = f64::from(c.groups.first().map_or(0, |g| g.log_height));
        self.path_bytes * tallest * tallest + self.opening_bytes * c.openings() as f64
    }

    /// Predicted time of checking a proof of this many bytes, in seconds of one core.
    pub fn verify_seconds(&self, proof_bytes: u64) -> f64 {
        1e-9 * (self.verify + self.verify_byte * proof_bytes as f64)
    }

    /// By what two ways to lay out a part of a Program are compared: nanoseconds, the proof's bytes turned into such, without
    /// what is paid once whatever the part.
    pub fn weigh(&self, c: &Cost) -> f64 {
        self.by_rows(c) + self.byte * self.opening_bytes * c.openings() as f64
    }

    /// Predicted bytes of memory while proving.
    pub fn memory(&self, c: &Cost) -> f64 {
        self.cell_bytes * c.cells(|g| g.fixed + g.summed + g.witness + 2 * g.extension) as f64
    }

    fn by_rows(&self, c: &Cost) -> f64 {
        let group = |g: &GroupCost| {
            let row = self.row
                + self.fixed_cell * g.fixed as f64
                + self.summed_cell * g.summed as f64
                + self.witness_cell * g.witness as f64
                + self.extension_cell * g.extension as f64
                + self.lookup * g.lookups as f64
                + self.node * g.nodes as f64;
            row * g.rows() as f64
        };
        c.groups.iter().map(group).sum()
    }
}
