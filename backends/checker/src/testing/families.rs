//! One function per family of cases.
use super::build::*;
use tessera_api::*;

pub(super) fn constraints(b: &mut Build) {
    let n = b.size(1, 20);
    let (px, x) = b.input("x", &[1, n], -50, 50);
    let y = b.tensor("y", n);
    let table = b.table("cubes", n);
    let selector: Vec<i64> = b.values(n, 0, 1);
    let offset: Vec<i64> = b.values(n, -9, 9);
    let (selector, offset) = (b.fixed(table, "selector", &selector, 1), b.fixed(table, "offset", &offset, 0));
    let k = b.range(-5, 5);
    let [cx, cs, cy] = ["x", "square", "y"].map(|c| b.witness(table, c));
    // square = x², y = selector·square·x + k·x + offset
    let square = Expr::witness(cx).times(&Expr::witness(cx)).plus(&Expr::witness(cs).scale(-1));
    let cube = Expr::fixed(selector).times(&Expr::witness(cs)).times(&Expr::witness(cx));
    let value = cube.plus(&Expr::witness(cx).scale(k)).plus(&Expr::fixed(offset));
    let value = value.plus(&Expr::witness(cy).scale(-1));
    for (expr, source) in [(square, "square"), (value, "cube")] {
        b.program.tables[table].constraints.push(Constraint { expr, source: source.into() });
    }
    let index = Seq::compress(1, &(0..n as i64).collect::<Vec<_>>());
    let ops = vec![
        RowOp::Gather { tensor: x.id, index: index.clone(), default: 0, dst: 0 },
        RowOp::Mul { a: 0, b: 0, dst: 1 },
        RowOp::Mul { a: 0, b: 1, dst: 2 },
        RowOp::Fixed { column: selector, dst: 3 },
        RowOp::Mul { a: 2, b: 3, dst: 2 },
        RowOp::Fixed { column: offset, dst: 3 },
        RowOp::Affine { terms: vec![(1, 2), (k, 0), (1, 3)], constant: 0, dst: 2 },
        RowOp::Store { src: 0, column: cx },
        RowOp::Store { src: 1, column: cs },
        RowOp::Store { src: 2, column: cy },
        RowOp::Scatter { src: 2, tensor: y.id, index },
    ];
    b.rows(table, 4, ops, "cube");
    let py = b.output("y", y);
    let cells: Arrangement = (0..n).map(|e| vec![Some(e)]).collect();
    b.bind(px, table, &cells);
    let monomial = |e: usize| vec![0, e as i64, 1, 0];
    let fold = b.fold(table, &cells, &[n as i64], |_| Expr::witness(cy), monomial);
    let sum = b.sum(fold, |_| one());
    let public = b.public(py, monomial);
    b.equal("y is public", sum, public);
}

/// A table that provides range checks and a function of keys lo ..= hi. Returns both relations.
fn function(b: &mut Build, lo: i64, hi: i64, f: impl Fn(i64) -> i64, scattered: bool) -> (u32, u32) {
    let n = (hi - lo + 1) as usize;
    let keys: Vec<i64> = if scattered {
        b.shuffled(n).into_iter().map(|i| lo + i as i64).collect()
    } else {
        (lo..=hi).collect()
    };
    let values: Vec<i64> = keys.iter().map(|k| f(*k)).collect();
    let table = b.table("function", n);
    // padding rows repeat the first entry
    let key = b.fixed(table, "key", &keys, keys[0]);
    let value = b.fixed(table, "value", &values, values[0]);
    let (range, map) = (b.relation("range"), b.relation("function"));
    b.provide(table, map, vec![Expr::fixed(key), Expr::fixed(value)]);
    b.provide(table, range, vec![Expr::fixed(key)]);
    (range, map)
}

pub(super) fn lookups(b: &mut Build) {
    let (lo, hi) = (b.range(-20, 0), b.range(1, 20));
    let (c, scattered) = (b.range(-4, 4), b.next() & 1 == 1);
    // f(0) = 0, so that padding rows look up an entry
    let (range, map) = function(b, lo, hi, |k| c * k * k - k, scattered);
    let n = b.size(1, 30);
    let (px, x) = b.input("x", &[1, n], lo, hi);
    let y = b.tensor("y", n);
    let width = b.size(1, 3);
    let cells = wide(n, width);
    let table = b.place("main", x, &cells);
    let mut ops = vec![];
    for lane in 0..width as u32 {
        let at: Vec<i64> = cells.iter().map(|r| r[lane as usize].map_or(-1, |e| e as i64)).collect();
        let index = Seq::compress(1, &at);
        let (cx, cy) = (lane, b.witness(table, &format!("y[{lane}]")));
        b.look_up(table, map, vec![Expr::witness(cx), Expr::witness(cy)], "activation");
        // x is in range exactly if its mirror image is
        let mirror = Expr::constant(lo + hi).plus(&Expr::witness(cx).scale(-1));
        b.look_up(table, range, vec![mirror], "input range");
        ops.extend([
            RowOp::Gather { tensor: x.id, index: index.clone(), default: 0, dst: 0 },
            RowOp::Lookup { relation: map, key: 0, entry: 1, dst: 1 },
            RowOp::Store { src: 1, column: cy },
            RowOp::Scatter { src: 1, tensor: y.id, index },
        ]);
    }
    b.rows(table, 2, ops, "activation");
    let py = b.output("y", y);
    b.bind(px, table, &cells);
    let monomial = |e: usize| vec![0, 0, 2 * e as i64, 0];
    let first = width as u32;
    let fold = b.fold(table, &cells, &[cells.len() as i64], |l| Expr::witness(first + l), monomial);
    let sum = b.sum(fold, |_| one());
    let public = b.public(py, monomial);
    b.equal("y is public", sum, public);
}

pub(super) fn layouts(b: &mut Build) {
    let (rows, columns) = (b.size(1, 6), b.size(1, 6));
    let n = rows * columns;
    let (px, x) = b.input("x", &[1, rows, columns], -1000, 1000);
    let copy = b.tensor("copy", n);
    let order = b.shuffled(n);
    let places: Vec<i64> = order.iter().enumerate().flat_map(|(i, e)| [i as i64, *e as i64]).collect();
    b.plan.steps.push(Step::Gather { src: x.id, dst: copy.id, places: Seq::compress(2, &places) });
    // x, one element a row, is public
    let tall = column(n);
    let tall_table = b.place("tall", x, &tall);
    b.bind(px, tall_table, &tall);
    // x again in rows of three that begin at a different lane each
    let skewed: Arrangement = wide(n, 3)
        .into_iter()
        .enumerate()
        .map(|(r, cells)| {
            let mut row = vec![None; 5];
            cells.into_iter().enumerate().for_each(|(l, e)| row[l + r % 3] = e);
            row
        })
        .collect();
    let skewed_table = b.place("skewed", x, &skewed);
    // and the copy, whose element e is x[order[e]]
    let width = b.size(1, 4);
    let other = wide(n, width);
    let other_table = b.place("copy", copy, &other);
    let monomial = move |e: usize| vec![0, (e / columns) as i64, (e % columns) as i64, 0];
    let a = b.fold(tall_table, &tall, &[n as i64], Expr::witness, monomial);
    let c = b.fold(skewed_table, &skewed, &[skewed.len() as i64], Expr::witness, monomial);
    let d = b.fold(other_table, &other, &[other.len() as i64], Expr::witness, |e| monomial(order[e]));
    for (name, f) in [("tall is skewed", c), ("tall is the copy", d)] {
        let (l, r) = (b.sum(a, |_| one()), b.sum(f, |_| one()));
        b.equal(name, l, r);
    }
    let py = b.output("copy", copy);
    b.bind(py, other_table, &other);
}

/// y[n, o] = Σ_c x[n, c]·w[c, o]: places x per c, w per c, y flat, and joins them. Returns the output.
fn product(
    b: &mut Build,
    name: &str,
    x: Tensor,
    batch: usize,
    channels: usize,
    outputs: usize,
) -> (Tensor, usize) {
    let w = b.values(channels * outputs, -8, 8);
    b.program.constants.push(Blob::new(w));
    let constant = b.program.constants.len() as u32 - 1;
    let y = b.tensor(&format!("{name} y"), batch * outputs);
    let loops = [(batch, channels, 0, outputs), (outputs, 0, 1, 1), (channels, 1, outputs, 0)];
    b.plan.steps.push(contract(x, constant, y, &loops));
    // x by channel: element (n, c) of the tensor is row-major, so the arrangement transposes
    let width = b.size(1, batch);
    let (by_channel, x_ends) = parts(channels * batch, batch, width);
    let transpose = |e: usize| (e % batch) * channels + e / batch;
    let x_cells: Arrangement =
        by_channel.iter().map(|r| r.iter().map(|e| e.map(transpose)).collect()).collect();
    let width = b.size(1, outputs);
    let (w_cells, w_ends) = parts(channels * outputs, outputs, width);
    let x_table = b.place(&format!("{name} x"), x, &x_cells);
    let w_table = b.place_fixed(&format!("{name} w"), constant, &w_cells);
    let width = b.size(1, 3);
    let y_cells = wide(y.len, width);
    let y_table = b.place(&format!("{name} y"), y, &y_cells);
    let left = b.fold(x_table, &x_cells, &x_ends, Expr::witness, |e| vec![(e / channels) as i64, 0, 0, 0]);
    let right = b.fold(w_table, &w_cells, &w_ends, Expr::fixed, |e| vec![0, (e % outputs) as i64, 0, 0]);
    let total = b.fold(y_table, &y_cells, &[y_cells.len() as i64], Expr::witness, |e| {
        vec![(e / outputs) as i64, (e % outputs) as i64, 0, 0]
    });
    let (join, sum) = (b.join(left, right), b.sum(total, |_| one()));
    b.equal(&format!("{name}: y = x·w"), sum, join);
    // the x table holds x
    let weighted = b.sum(left, |c| vec![0, 0, 0, c as i64]);
    let cells = column(x.len);
    let flat = b.place(&format!("{name} x flat"), x, &cells);
    let f = b.fold(flat, &cells, &[x.len as i64], Expr::witness, |e| {
        vec![(e / channels) as i64, 0, 0, (e % channels) as i64]
    });
    let flat_sum = b.sum(f, |_| one());
    b.equal(&format!("{name}: x by channel is x"), weighted, flat_sum);
    (y, flat)
}

fn contract(x: Tensor, w: u32, y: Tensor, loops: &[(usize, usize, usize, usize)]) -> Step {
    let loops = loops
        .iter()
        .map(|(extent, x, w, y)| ContractLoop {
            extent: *extent as u32,
            x: *x as i64,
            w: *w as i64,
            y: *y as i64,
        })
        .collect();
    Step::Contract { x: x.id, w: tessera_api::Factor::Constant { constant: w, offset: 0 }, y: y.id, loops }
}

/// Publishes a tensor placed by [`product`] or [`convolve`] as y.
fn publish(b: &mut Build, y: Tensor) {
    let public = b.output("y", y);
    let width = b.size(1, 4);
    let cells = wide(y.len, width);
    let table = b.place("published", y, &cells);
    b.bind(public, table, &cells);
}

/// Says that two tables hold the same tensor, `left` one element a row.
fn same(b: &mut Build, name: &str, left: usize, right: (usize, &Arrangement)) {
    let monomial = |e: usize| vec![0, 0, 0, e as i64];
    let n = b.program.tables[left].rows as usize;
    let l = b.fold(left, &column(n), &[n as i64], |_| Expr::witness(0), monomial);
    let r = b.fold(right.0, right.1, &[right.1.len() as i64], Expr::witness, monomial);
    let (l, r) = (b.sum(l, |_| one()), b.sum(r, |_| one()));
    b.equal(name, l, r);
}

pub(super) fn matmul(b: &mut Build) {
    let (batch, channels, outputs) = (b.size(1, 4), b.size(1, 6), b.size(1, 5));
    let (px, x) = b.input("x", &[batch, channels], -100, 100);
    let (y, flat) = product(b, "fc", x, batch, channels, outputs);
    b.bind(px, flat, &column(x.len));
    bind_y(b, y);
}

/// Publishes y and ties it to the table where the last product or convolution left it.
fn bind_y(b: &mut Build, y: Tensor) {
    let from = b.program.tables.iter().rposition(|t| t.name.ends_with(" y")).unwrap_or(0);
    publish(b, y);
    let to = b.program.tables.len() - 1;
    let width = |t: usize, b: &Build| b.program.tables[t].witness.len();
    let (left, right) = (wide(y.len, width(from, b)), wide(y.len, width(to, b)));
    let monomial = |e: usize| vec![0, 0, 0, e as i64];
    let l = b.fold(from, &left, &[left.len() as i64], Expr::witness, monomial);
    let r = b.fold(to, &right, &[right.len() as i64], Expr::witness, monomial);
    let (l, r) = (b.sum(l, |_| one()), b.sum(r, |_| one()));
    b.equal("y is published", l, r);
}

/// y[n, o, q] = Σ_c Σ_{p+t=q} x[n, c, p]·w[o, c, t], the full convolution, joined per channel.
fn convolve(
    b: &mut Build,
    x: Tensor,
    batch: usize,
    channels: usize,
    outputs: usize,
    taps: usize,
) -> (Tensor, usize) {
    let length = x.len / (batch * channels);
    let full = length + taps - 1;
    let w = b.values(outputs * channels * taps, -8, 8);
    b.program.constants.push(Blob::new(w));
    let constant = b.program.constants.len() as u32 - 1;
    let y = b.tensor("conv y", batch * outputs * full);
    let loops = [
        (batch, channels * length, 0, outputs * full),
        (outputs, 0, channels * taps, full),
        (channels, length, taps, 0),
        (length, 1, 0, 1),
        (taps, 0, 1, 1),
    ];
    b.plan.steps.push(contract(x, constant, y, &loops));
    let at = |n: usize, c: usize, p: usize| (n * channels + c) * length + p;
    // per channel: a row per image, so segments of `batch` rows
    let x_cells: Arrangement = (0..channels)
        .flat_map(|c| (0..batch).map(move |n| (0..length).map(|p| Some(at(n, c, p))).collect()))
        .collect();
    let x_ends: Vec<i64> = (1..=channels).map(|c| (c * batch) as i64).collect();
    // per channel: all outputs and taps in rows of `width`
    let width = b.size(1, outputs * taps);
    let (by_channel, w_ends) = parts(channels * outputs * taps, outputs * taps, width);
    let source = |e: usize| {
        let (c, o, t) = (e / (outputs * taps), e / taps % outputs, e % taps);
        (o * channels + c) * taps + t
    };
    let w_cells: Arrangement = by_channel.iter().map(|r| r.iter().map(|e| e.map(source)).collect()).collect();
    let x_table = b.place("conv x", x, &x_cells);
    let w_table = b.place_fixed("conv w", constant, &w_cells);
    let width = b.size(1, 4);
    let y_cells = wide(y.len, width);
    let y_table = b.place("conv y", y, &y_cells);
    let left = b.fold(x_table, &x_cells, &x_ends, Expr::witness, |e| {
        vec![(e / (channels * length)) as i64, 0, (e % length) as i64, 0]
    });
    let right = b.fold(w_table, &w_cells, &w_ends, Expr::fixed, |e| {
        vec![0, (e / (channels * taps)) as i64, (e % taps) as i64, 0]
    });
    let total = b.fold(y_table, &y_cells, &[y_cells.len() as i64], Expr::witness, |e| {
        vec![(e / (outputs * full)) as i64, (e / full % outputs) as i64, (e % full) as i64, 0]
    });
    let (join, sum) = (b.join(left, right), b.sum(total, |_| one()));
    b.equal("conv: y = x∗w", sum, join);
    let weighted = b.sum(left, |c| vec![0, 0, 0, c as i64]);
    let cells = column(x.len);
    let flat = b.place("conv x flat", x, &cells);
    let f = b.fold(flat, &cells, &[x.len as i64], Expr::witness, |e| {
        vec![(e / (channels * length)) as i64, 0, (e % length) as i64, (e / length % channels) as i64]
    });
    let flat_sum = b.sum(f, |_| one());
    b.equal("conv: x by channel is x", weighted, flat_sum);
    (y, flat)
}

pub(super) fn convolution(b: &mut Build) {
    let (batch, channels, length) = (b.size(1, 3), b.size(1, 4), b.size(1, 6));
    let (px, x) = b.input("x", &[batch, channels, length], -50, 50);
    let (outputs, taps) = (b.size(1, 3), b.size(1, 3));
    let (y, flat) = convolve(b, x, batch, channels, outputs, taps);
    b.bind(px, flat, &column(x.len));
    bind_y(b, y);
}

pub(super) fn mixed(b: &mut Build) {
    let (batch, channels, length) = (b.size(1, 2), b.size(1, 2), b.size(1, 4));
    let (px, x) = b.input("x", &[batch, channels, length], -7, 7);
    let (outputs, taps) = (b.size(1, 3), b.size(1, 3));
    let (acc, flat) = convolve(b, x, batch, channels, outputs, taps);
    b.bind(px, flat, &column(x.len));
    let conv_y = b.program.tables.iter().rposition(|t| t.name == "conv y").unwrap_or(0);
    // |acc| ≤ 2·3·7·8 = 336, so acc + 512 lies in 0 .. 1024 and splits at 5 bits
    let (range, relu) = function(b, 0, 31, |k| (k - 16).max(0), false);
    let n = acc.len;
    let table = b.table("requantize", n);
    let [ca, ch, cl, cq] = ["acc", "hi", "lo", "q"].map(|c| b.witness(table, c));
    let expr = Expr::witness(ch).scale(32).plus(&Expr::witness(cl)).plus(&Expr::witness(ca).scale(-1));
    let active = b.fixed(table, "active", &vec![1; n], 0);
    let expr = expr.plus(&Expr::fixed(active).scale(-512));
    b.program.tables[table].constraints.push(Constraint { expr, source: "requantize: split".into() });
    b.look_up(table, range, vec![Expr::witness(cl)], "requantize: low part");
    b.look_up(table, relu, vec![Expr::witness(ch), Expr::witness(cq)], "requantize: relu");
    let q = b.tensor("q", n);
    let index = Seq::compress(1, &(0..n as i64).collect::<Vec<_>>());
    let ops = vec![
        RowOp::Gather { tensor: acc.id, index: index.clone(), default: 0, dst: 0 },
        RowOp::Store { src: 0, column: ca },
        RowOp::Affine { terms: vec![(1, 0)], constant: 512, dst: 0 },
        RowOp::Split { src: 0, shift: 5, hi: 1, lo: 2 },
        RowOp::Lookup { relation: relu, key: 1, entry: 1, dst: 3 },
        RowOp::Store { src: 1, column: ch },
        RowOp::Store { src: 2, column: cl },
        RowOp::Store { src: 3, column: cq },
        RowOp::Scatter { src: 3, tensor: q.id, index },
    ];
    b.rows(table, 4, ops, "requantize");
    let cells = wide(n, b.program.tables[conv_y].witness.len());
    same(b, "acc is the convolution", table, (conv_y, &cells));
    let (features, classes) = (n / batch, b.size(1, 3));
    let (y, flat) = product(b, "fc", q, batch, features, classes);
    // q in its column of the requantize table is the x of the product
    let monomial = |e: usize| vec![0, 0, 0, e as i64];
    let l = b.fold(table, &column(n), &[n as i64], |_| Expr::witness(cq), monomial);
    let r = b.fold(flat, &column(n), &[n as i64], Expr::witness, monomial);
    let (l, r) = (b.sum(l, |_| one()), b.sum(r, |_| one()));
    b.equal("q is the input of fc", l, r);
    bind_y(b, y);
}
