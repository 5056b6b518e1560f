//! Changed cells of random placed circuits: no change of one is accepted, and none of several that balance.
use crate::attention::{Sizes, attention};
use crate::{Build, eight_high_parts, filled, pooled, small_cnn};
use proptest::prelude::*;
use tessera_checker::testing::system::System;
use tessera_circuit_to_program::PlaceOptions;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Every witness cell matters: no change of one is accepted.
    #[test]
    fn a_changed_cell_is_rejected(
        seed in 0u64..1000,
        kind in 0..4,
        at in any::<prop::sample::Index>(),
        by in 1i64..1000,
    ) {
        let mut circuit = match kind {
            0 => small_cnn(seed),
            1 => Build { seed, ..eight_high_parts(8) },
            2 => pooled(seed, [[2, 2], [1, 3], [3, 3]][seed as usize % 3]),
            _ => attention(seed, Sizes { keys: 2, repeats: 2, rows: 3, columns: 2, size: 3 }),
        };
        let (program, mut trace) = filled(&mut circuit, 1, PlaceOptions::new(tessera_backends::default()));
        let sizes: Vec<usize> = trace.tables.iter().map(Vec::len).collect();
        let mut i = at.index(sizes.iter().sum());
        let t = sizes.iter().position(|s| { if i < *s { true } else { i -= s; false } }).unwrap();
        trace.tables[t][i] += by;
        prop_assert!(tessera_checker::check(&program, &trace).is_err(), "table {} cell {i}", program.tables[t].name);
    }

    /// Nor is a change of several whose sum, or whose sums by row and by column, stay; multiplicities follow.
    #[test]
    fn balanced_changes_of_cells_are_rejected(
        seed in 0u64..1000,
        kind in 0..4,
        at in any::<[prop::sample::Index; 4]>(),
        by in prop::sample::select(vec![1, 2, 127, 1 << 12, 1 << 32]),
    ) {
        let mut circuit = match kind {
            0 => small_cnn(seed),
            1 => Build { seed, ..eight_high_parts(8) },
            2 => pooled(seed, [[2, 2], [1, 3], [3, 3]][seed as usize % 3]),
            _ => attention(seed, Sizes { keys: 2, repeats: 2, rows: 3, columns: 2, size: 3 }),
        };
        let (program, honest) = filled(&mut circuit, 1, PlaceOptions::new(tessera_backends::default()));
        let tables: Vec<usize> = (0..program.tables.len())
            .filter(|t| program.tables[*t].provides.is_empty() && honest.tables[*t].len() > 1)
            .collect();
        let t = tables[at[0].index(tables.len())];
        let (rows, width) = (program.tables[t].rows as usize, program.tables[t].witness.len());
        let (row, column) = (at[1].index(rows), at[2].index(width));
        let other = (row * width + column + 1 + at[3].index(rows * width - 1)) % (rows * width);
        let (r, c) = (other / width, other % width);
        let corners = [(row, column, by), (r, c, if r == row || c == column { -by } else { by })];
        let opposite = [(row, c, -by), (r, column, -by)];
        let all = corners.into_iter().chain(opposite.into_iter().filter(|_| r != row && c != column));
        let mut forged = honest.clone();
        all.for_each(|(r, c, by)| forged.tables[t][r * width + c] += by);
        let system = System::of(&program).unwrap();
        system.count(&honest, &mut forged, &program);
        prop_assert!(!system.hold(&forged, &program));
        prop_assert!(tessera_checker::check(&program, &forged).is_err(), "table {}", program.tables[t].name);
    }
}
