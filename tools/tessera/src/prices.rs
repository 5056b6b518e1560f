//! Prices as a file, and fitted to what was measured on a machine.
//!
//! Prices are found by least squares of relative errors, none below 0, each held a little to what it was before: what measurements do not
//! tell apart stays as it was shipped. Errors count by their size, not its square, so that a disturbed measurement moves little.
//!
//! Source: non-negative least squares, Lawson and Hanson 1974, here by coordinate descent; weights of errors as in iteratively reweighted
//! least squares, Holland and Welsch 1977.
//!
//! Invariants: equal measurements give equal prices; nothing here decides what a proof says.
use crate::failure::{Failure, Result};
use crate::files;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tessera_api::{Cost, Prices};

/// A file of prices.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Whose costs they are.
    backend: String,
    /// What they were measured on.
    machine: String,
    /// The prices.
    prices: Prices,
}

/// Writes prices of a backend on a machine.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(path: &Path, backend: &str, machine: &str, prices: Prices) -> Result<()> {
    let file = File { backend: backend.into(), machine: machine.into(), prices };
    let text = serde_json::to_string_pretty(&file)
        .map_err(|e| Failure::machine(format!("prices do not become text: {e}")))?;
    files::write(path, (text + "\n").as_bytes())
}

/// Reads prices of a backend.
///
/// # Errors
/// Where there is no such file, where it is no file of prices, of another backend, or where a price is below 0.
pub fn read(path: &Path, backend: &str) -> Result<Prices> {
    let bytes = files::read(path)?;
    parse(&bytes, backend).map_err(|f| f.in_file(path).help("write it with: tessera calibrate-machine"))
}

fn parse(bytes: &[u8], backend: &str) -> Result<Prices> {
    let file: File = serde_json::from_slice(bytes).map_err(|e| {
        Failure::new("this is no file of prices")
            .expected("the JSON that tessera calibrate-machine writes")
            .found(e.to_string())
    })?;
    if file.backend != backend {
        return Err(Failure::new("these are prices of another proof system")
            .expected(backend)
            .found(file.backend));
    }
    file.prices.check().map_err(|why| Failure::new("nothing can cost that").found(why))?;
    Ok(file.prices)
}

/// What was measured of a program.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Of which network it is.
    pub network: usize,
    /// What its proof takes, by groups.
    pub cost: Cost,
    /// CPU seconds of a proof with its inference, on one thread.
    pub prove_s: f64,
    /// CPU seconds of checking one.
    pub verify_s: f64,
    /// Bytes of a proof.
    pub proof_bytes: u64,
    /// Bytes of memory that proving takes, as its backend predicts.
    pub memory_bytes: u64,
}

/// A price, and how much of it a program takes.
struct Term {
    price: fn(&mut Prices) -> &mut f64,
    count: fn(&Point) -> f64,
}

const PROVE: [Term; 9] = [
    Term { price: |p| &mut p.proof, count: |_| 1.0 },
    Term { price: |p| &mut p.height, count: |p| p.cost.groups.len() as f64 },
    Term { price: |p| &mut p.row, count: |p| p.cost.cells(|_| 1) as f64 },
    Term { price: |p| &mut p.fixed_cell, count: |p| p.cost.cells(|g| g.fixed) as f64 },
    Term { price: |p| &mut p.summed_cell, count: |p| p.cost.cells(|g| g.summed) as f64 },
    Term { price: |p| &mut p.witness_cell, count: |p| p.cost.cells(|g| g.witness) as f64 },
    Term { price: |p| &mut p.extension_cell, count: |p| p.cost.cells(|g| g.extension) as f64 },
    Term { price: |p| &mut p.lookup, count: |p| p.cost.cells(|g| g.lookups) as f64 },
    Term { price: |p| &mut p.node, count: |p| p.cost.cells(|g| g.nodes) as f64 },
];
const VERIFY: [Term; 2] = [
    Term { price: |p| &mut p.verify, count: |_| 1.0 },
    Term { price: |p| &mut p.verify_byte, count: |p| p.proof_bytes as f64 },
];
const PROOF: [Term; 2] = [
    Term {
        price: |p| &mut p.path_bytes,
        count: |p| p.cost.groups.first().map_or(0.0, |g| f64::from(g.log_height).powi(2)),
    },
    Term { price: |p| &mut p.opening_bytes, count: |p| p.cost.openings() as f64 },
];
const MEMORY: [Term; 1] = [Term {
    price: |p| &mut p.cell_bytes,
    count: |p| p.cost.cells(|g| g.fixed + g.summed + g.witness + 2 * g.extension) as f64,
}];

/// How much prices are held to what they were, for each measurement.
const HOLD: f64 = 1e-5;
/// Relative errors below this count by their squares.
const SMALL: f64 = 0.02;
/// How often errors are weighed anew.
const ROUNDS: usize = 30;
/// How often each price is set, between that.
const SWEEPS: usize = 2000;

/// The prices that fit measurements best; what a byte of a proof is worth stays as it is.
pub fn fit(points: &[Point], before: Prices) -> Prices {
    let mut prices = before;
    fit_to(&mut prices, points, &PROVE, |p| p.prove_s * 1e9);
    fit_to(&mut prices, points, &VERIFY, |p| p.verify_s * 1e9);
    fit_to(&mut prices, points, &PROOF, |p| p.proof_bytes as f64);
    fit_to(&mut prices, points, &MEMORY, |p| p.memory_bytes as f64);
    prices
}

fn fit_to(prices: &mut Prices, points: &[Point], terms: &[Term], measured: fn(&Point) -> f64) {
    let before: Vec<f64> = terms.iter().map(|t| *(t.price)(prices)).collect();
    let known: Vec<&Point> = points.iter().filter(|p| measured(p) > 0.0).collect();
    let row = |p: &&Point| -> Vec<f64> {
        terms.iter().zip(&before).map(|(t, price)| price * (t.count)(p) / measured(p)).collect()
    };
    if known.is_empty() {
        return;
    }
    let rows: Vec<Vec<f64>> = known.iter().map(row).collect();
    for ((term, factor), before) in terms.iter().zip(factors(&rows, terms.len())).zip(&before) {
        // three figures are more than measurements tell
        let price = before * factor;
        *(term.price)(prices) = format!("{price:.2e}").parse().unwrap_or(price);
    }
}

/// Numbers of at least 0, near 1 where nothing else is told, for which these combinations are near 1.
fn factors(rows: &[Vec<f64>], count: usize) -> Vec<f64> {
    let mut x = vec![1.0; count];
    let hold = HOLD * rows.len() as f64;
    for _ in 0..ROUNDS {
        let error = |row: &[f64], x: &[f64]| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>() - 1.0;
        let weights: Vec<f64> = rows.iter().map(|row| 1.0 / error(row, &x).abs().max(SMALL)).collect();
        let mean = weights.iter().sum::<f64>() / rows.len() as f64;
        let (mut square, mut linear) = (vec![vec![0.0; count]; count], vec![hold; count]);
        for (row, weight) in rows.iter().zip(&weights) {
            for i in 0..count {
                linear[i] += weight / mean * row[i];
                for j in 0..count {
                    square[i][j] += weight / mean * row[i] * row[j];
                }
            }
        }
        for (i, row) in square.iter_mut().enumerate() {
            row[i] += hold;
        }
        for _ in 0..SWEEPS {
            for i in 0..count {
                let others: f64 = (0..count).filter(|j| *j != i).map(|j| square[i][j] * x[j]).sum();
                x[i] = ((linear[i] - others) / square[i][i]).max(0.0);
            }
        }
    }
    x
}

/// Relative errors of predicted proving times.
pub fn errors(points: &[Point], prices: &Prices) -> Vec<f64> {
    points.iter().map(|p| (prices.seconds(&p.cost) / p.prove_s - 1.0).abs()).collect()
}

/// Relative errors of each network's predictions by prices that were fitted to all other networks.
pub fn errors_left_out(points: &[Point], before: Prices) -> Vec<f64> {
    let networks: std::collections::BTreeSet<usize> = points.iter().map(|p| p.network).collect();
    let of = |network: usize| {
        let (own, others): (Vec<Point>, Vec<Point>) =
            points.iter().cloned().partition(|p| p.network == network);
        errors(&own, &fit(&others, before))
    };
    networks.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::median;
    use tessera_api::GroupCost;

    /// What is known before anything is measured.
    const BEFORE: Prices = Prices {
        proof: 6.5e6,
        height: 5e4,
        row: 700.0,
        fixed_cell: 15.0,
        summed_cell: 4.0,
        witness_cell: 50.0,
        extension_cell: 110.0,
        lookup: 70.0,
        node: 1.5,
        path_bytes: 1592.0,
        opening_bytes: 1978.0,
        cell_bytes: 32.0,
        verify: 3e6,
        verify_byte: 5.5,
        byte: 22.0,
    };
    const TRUE: Prices = Prices {
        proof: 5e6,
        height: 1e5,
        row: 400.0,
        fixed_cell: 20.0,
        summed_cell: 3.0,
        witness_cell: 60.0,
        extension_cell: 90.0,
        lookup: 50.0,
        node: 2.0,
        path_bytes: 800.0,
        opening_bytes: 1500.0,
        cell_bytes: 30.0,
        verify: 2e6,
        verify_byte: 4.0,
        byte: 22.0,
    };

    /// Programs of many shapes, measured on a machine of these prices, which is disturbed by so much, and one time in seven thrice as slow.
    fn points(disturbed: f64) -> Vec<Point> {
        let mut seed = 7u64;
        let mut draw = |most: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % most
        };
        let group = |draw: &mut dyn FnMut(u64) -> u64, log_height: u8| GroupCost {
            log_height,
            fixed: draw(20),
            summed: draw(300),
            witness: draw(60),
            extension: draw(30),
            lookups: draw(40),
            nodes: draw(200),
            openings: draw(500) + 1,
        };
        let mut all = vec![];
        for i in 0..60 {
            let tallest = 10 + draw(8) as u8;
            let groups: Vec<GroupCost> = (0..=draw(5) as u8).map(|k| group(&mut draw, tallest - k)).collect();
            let cost = Cost { groups };
            let noise = 1.0 + disturbed * (draw(2000) as f64 / 1000.0 - 1.0);
            let outlier = if disturbed > 0.0 && i % 7 == 3 { 3.0 } else { 1.0 };
            let proof_bytes = TRUE.bytes(&cost) as u64;
            all.push(Point {
                network: i % 5,
                prove_s: TRUE.seconds(&cost) * noise * outlier,
                verify_s: TRUE.verify_seconds(proof_bytes),
                proof_bytes,
                memory_bytes: TRUE.memory(&cost) as u64,
                cost,
            });
        }
        all
    }

    #[test]
    fn the_prices_of_a_machine_are_found() {
        let exact = points(0.0);
        let mut found = fit(&exact, BEFORE);
        let mut expected = TRUE;
        // what a height costs by itself is nothing beside these tables
        for ((name, found), (_, expected)) in found.named().into_iter().zip(expected.named()) {
            assert!(
                (*found / *expected - 1.0).abs() < 0.1 || ["byte", "height"].contains(&name),
                "{name}: {found} of {expected}"
            );
        }
        assert!(median(errors(&exact, &found)) < 0.01 && median(errors_left_out(&exact, BEFORE)) < 0.02);
        // disturbed measurements do not pull predictions to them
        let quiet = fit(&points(0.05), BEFORE);
        assert!(median(errors(&exact, &BEFORE)) > 0.05);
        assert!(median(errors(&exact, &quiet)) < 0.03, "{:?}", median(errors(&exact, &quiet)));
    }

    #[test]
    fn what_is_not_measured_stays_and_nothing_is_below_zero() {
        assert_eq!(fit(&[], BEFORE), BEFORE);
        // a machine on which rows cost nothing, and everything else as BEFORE
        let mut all = points(0.0);
        let free = Prices { row: 0.0, ..BEFORE };
        all.iter_mut().for_each(|p| p.prove_s = free.seconds(&p.cost));
        let mut found = fit(&all, BEFORE);
        assert!(found.row < 0.1 * BEFORE.row, "{found:?}");
        assert!(found.named().into_iter().all(|(_, price)| *price >= 0.0));
        assert_eq!(found.byte, BEFORE.byte);
    }

    #[test]
    fn a_file_says_prices_of_one_backend() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("prices.json");
        write(&path, "plonky3", "a machine", TRUE).unwrap();
        assert_eq!(read(&path, "plonky3").unwrap(), TRUE);
        let text = std::fs::read_to_string(&path).unwrap();
        let wrong = |from: &str, to: &str, backend: &str| {
            assert!(text.contains(from), "{text}");
            parse(text.replace(from, to).as_bytes(), backend).unwrap_err().to_string()
        };
        assert!(wrong("a machine", "a machine", "checker").contains("another proof system"));
        assert!(wrong("\"row\"", "\"rows\"", "plonky3").contains("unknown field `rows`"));
        assert!(wrong("400.0", "-400.0", "plonky3").contains("\"row\" is -400"));
        assert!(wrong("400.0", "1e999", "plonky3").contains("no file of prices"));
        assert!(wrong("}", "", "plonky3").contains("line"));
    }
}
