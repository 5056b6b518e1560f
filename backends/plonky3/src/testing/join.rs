//! (d) Contractions: Σ over channels of a polynomial product, activations and weights in tables of their own shapes.
use super::*;

/// What a join case looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Layers, each with its own channels, told apart by a variable.
    pub layers: usize,
    /// Input channels per layer: the segments.
    pub channels: usize,
    /// Positions per channel (1: a matrix product).
    pub positions: usize,
    /// Output channels.
    pub outputs: usize,
    /// Kernel taps (1: a matrix product).
    pub taps: usize,
    /// Weights are fixed columns.
    pub fixed: bool,
    /// Cells per row of (activations, weights).
    pub lanes: (usize, usize),
    /// Both in one table with equal segments.
    pub together: bool,
}

/// A random shape.
pub fn shape(seed: u64) -> Shape {
    let mut r = rng(seed ^ 0x5eed);
    let conv = r.random_range(0..2) == 1;
    Shape {
        layers: r.random_range(1..3),
        channels: r.random_range(1..9),
        positions: if conv { r.random_range(2..9) } else { 1 },
        outputs: r.random_range(1..6),
        taps: if conv { r.random_range(1..4) } else { 1 },
        fixed: r.random_range(0..2) == 0,
        lanes: (r.random_range(1..5), r.random_range(1..6)),
        together: r.random_range(0..4) == 0,
    }
}

/// A convolution whose fixed weights fill rows of twelve cells.
pub fn wide() -> Shape {
    Shape {
        layers: 1,
        channels: 5,
        positions: 6,
        outputs: 12,
        taps: 3,
        fixed: true,
        lanes: (2, 12),
        together: false,
    }
}

fn rows(items: Vec<Item>, lanes: usize) -> Vec<Vec<Option<Item>>> {
    items.chunks(lanes).map(|c| (0..lanes).map(|i| c.get(i).cloned()).collect()).collect()
}

/// Y[l, o, q] = Σ_c Σ_{p+t=q} X[l, c, p]·W[l, o, c, t]; X public too, Y in a table and public.
pub fn join(seed: u64, s: Shape) -> Case {
    let mut r = rng(seed);
    // z: position, s: output channel, d: layer, g: input channel
    let mut p = program(&["z", "s", "d", "g"]);
    let vars = 4;
    let mut tables = vec![];
    let lens = s.positions + s.taps - 1;
    let mut y = vec![vec![vec![0i64; lens]; s.outputs]; s.layers];
    let (mut xs, mut ws, mut x_public) = (vec![], vec![], vec![]);
    let mut weights = vec![];
    for (l, y) in y.iter_mut().enumerate() {
        for c in 0..s.channels {
            // one segment in seven takes no part in the join; its cells are bound by the public values alone
            let counts = r.random_range(0..7) > 0;
            weights.extend([i64::from(counts), 0, 0, l as i64, 0]);
            let g = (l * s.channels + c) as i64;
            let x: Vec<i64> = (0..s.positions).map(|_| r.random_range(-128..128)).collect();
            let w: Vec<Vec<i64>> =
                (0..s.outputs).map(|_| (0..s.taps).map(|_| r.random_range(-128..128)).collect()).collect();
            if counts {
                for (o, t, pos) in (0..s.outputs)
                    .flat_map(|o| (0..s.taps).map(move |t| (o, t)))
                    .flat_map(|(o, t)| (0..s.positions).map(move |pos| (o, t, pos)))
                {
                    y[o][pos + t] += x[pos] * w[o][t];
                }
            }
            let x_items: Vec<Item> =
                x.iter().enumerate().map(|(pos, v)| (vec![pos as i64, 0, 0, 0], *v)).collect();
            x_public.extend(x.iter().enumerate().map(|(pos, v)| (vec![pos as i64, 0, 0, g], *v)));
            let w_items = (0..s.outputs)
                .flat_map(|o| (0..s.taps).map(move |t| (o, t)))
                .map(|(o, t)| (vec![t as i64, o as i64, 0, 0], w[o][t]));
            xs.push(rows(x_items, s.lanes.0));
            ws.push(rows(w_items.collect(), s.lanes.1));
        }
    }
    let segments = s.layers * s.channels;
    let (fx, fw) = if s.together {
        // pad both to equal segments and put the weights' columns after the activations'
        for (x, w) in xs.iter_mut().zip(&mut ws) {
            let n = x.len().max(w.len());
            x.resize(n, vec![None; s.lanes.0]);
            w.resize(n, vec![None; s.lanes.1]);
        }
        let x = folded("X", &xs, vars, false, &mut r);
        let mut w = folded("W", &ws, vars, false, &mut r);
        let (nx, nw, n) = (x.table.witness.len(), w.table.witness.len(), x.table.rows as usize);
        let cells = (0..n)
            .flat_map(|i| [&x.cells[i * nx..(i + 1) * nx], &w.cells[i * nw..(i + 1) * nw]].concat())
            .collect();
        for l in &mut w.fold.lanes {
            for (_, f) in &mut l.expr.terms {
                f.iter_mut().for_each(|c| {
                    if let Cell::Witness(i) = c {
                        *i += nx as u32;
                    }
                });
            }
        }
        let mut both = Folded { cells, ..x };
        both.table.witness.extend(w.table.witness);
        let fx = both.add(&mut p, &mut tables);
        p.folds.push(w.fold);
        (fx, fx + 1)
    } else {
        let x = folded("X", &xs, vars, false, &mut r).add(&mut p, &mut tables);
        let mut w = folded("W", &ws, vars, s.fixed, &mut r);
        // now and then the weights are their owner's
        w.table.committed = s.fixed && seed % 3 == 1;
        let w = w.add(&mut p, &mut tables);
        (x, w)
    };
    let (left, right) = if r.random_range(0..2) == 0 { (fx, fw) } else { (fw, fx) };
    let one = vec![0; vars];
    p.terms.push(Term::Join { left, right, weights: Seq::compress(1 + vars, &weights) });
    let links: Vec<i64> = (0..segments as i64).flat_map(|g| [1, 0, 0, 0, g]).collect();
    p.terms.push(Term::Sum { fold: fx, weights: Seq::compress(1 + vars, &links) });

    let mut y_items: Vec<Item> = vec![];
    for (l, y) in y.iter().enumerate() {
        for (o, y) in y.iter().enumerate() {
            y_items.extend(y.iter().enumerate().map(|(q, v)| (vec![q as i64, o as i64, l as i64, 0], *v)));
        }
    }
    let y_rows = scatter(y_items.clone(), &mut r);
    let mut fy = folded("Y", &[y_rows], vars, false, &mut r);
    // FRI needs one table of some height
    fy.table.log_height = fy.table.log_height.max(4);
    let fy = fy.add(&mut p, &mut tables);
    p.terms.push(Term::Sum { fold: fy, weights: Seq::compress(1 + vars, &[1, 0, 0, 0, 0]) });
    let (x_operand, x_values) = public(&mut p, "x", &x_public);
    let (y_operand, y_values) = public(&mut p, "y", &y_items);
    let eq = |name: &str, a: Operand, b: Operand| Equation {
        name: name.into(),
        terms: vec![summand(1, one.clone(), a), summand(-1, one.clone(), b)],
    };
    p.equations = vec![
        eq("contraction", Operand::Term(0), Operand::Term(2)),
        eq("link of x", Operand::Term(1), x_operand),
        eq("output", Operand::Term(2), y_operand),
    ];
    let publics = Publics { tensors: vec![x_values, y_values] };
    Case { name: format!("join {seed} {s:?}"), program: p, trace: Trace { tables, publics } }
}
