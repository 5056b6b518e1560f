//! The form of what is placed: sizes of tables and folds, and a digest of the whole Program and of its plan.
//!
//! That a form is right is shown elsewhere, by checkers and interpreters; that it has become another one, as right and dearer, is seen here
//! alone. Where a change is meant, `./x bless -p tessera-tests` writes the new forms.
use super::attention::{Sizes, attention};
use super::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use tessera_circuit::ops::Hint;

fn digest<T: serde::Serialize>(x: &T) -> String {
    blake3::hash(&postcard::to_stdvec(x).unwrap()).to_hex()[..16].into()
}

fn form(out: &mut String, title: &str, b: &Build, options: &PlaceOptions) {
    let placed = place_graph(&b.g, options).unwrap_or_else(|e| panic!("{title}: {e}"));
    let (program, plan) = (placed.program, placed.plan);
    writeln!(out, "# {title}, batch {}", options.batch).unwrap();
    for t in &program.tables {
        let (fixed, witness) = (t.fixed.len(), t.witness.len());
        let (lookups, constraints) = (t.lookups.len(), t.constraints.len());
        writeln!(
            out,
            "{}: {} rows, {fixed} fixed, {witness} witness, {lookups} lookups, {constraints} constraints",
            t.name, t.rows
        )
        .unwrap();
    }
    let folds: Vec<String> = program.folds.iter().map(|f| format!("{} {}", f.name, f.lanes.len())).collect();
    writeln!(out, "folds: {}", folds.join(", ")).unwrap();
    writeln!(out, "program {}, plan {}\n", digest(&program), digest(&plan)).unwrap();
}

/// An input of which two readers read all, and a part.
fn read_twice() -> Build {
    let mut b = Build { seed: 3, ..Build::default() };
    let x = b.input(&[1, 8]);
    let part = b.view(x, View::window(&[1, 8], &[0, 0], &[1, 1], &[1, 3]));
    let (q, r) = (b.affine(vec![(2, x)], 1, -253, 255), b.affine(vec![(3, part)], 1, -380, 382));
    b.output(q);
    b.output(r);
    b
}

/// An output of which the first numbers are results of a product, and the last are none.
fn product_first() -> Build {
    let mut b = Build { seed: 3, ..Build::default() };
    let x = b.input(&[1, 4]);
    let u = b.linear(x, 3);
    (b.g.values[u].lo, b.g.values[u].hi) = (-4 * 127 * 9, 4 * 127 * 9);
    let all = b.together(&[u, x]);
    let all = b.view(all, View::reshape(vec![1, 7]));
    b.output(all);
    b
}

/// A row that holds for the greatest number of one entering value and the least of another.
fn one_padding() -> Build {
    let mut b = Build { seed: 3, ..Build::default() };
    let x = b.input(&[2, 4]);
    let [u, v] = [0, 1].map(|i| b.view(x, View::window(&[2, 4], &[i, 0], &[1, 1], &[1, 4])));
    let far = b.minus(u, (1, v), 0);
    let y = b.range(far, 250, 254);
    b.output(y);
    b
}

/// The same of a value and the results of two hints.
fn padding_of_hints() -> Build {
    let mut b = Build { seed: 3, ..Build::default() };
    let x = b.input(&[2, 9]);
    let [p, q] = [0, 4].map(|from| b.view(x, View::window(&[2, 9], &[0, from], &[1, 1], &[2, 4])));
    let z = b.view(x, View::dense(vec![2], 8, vec![9]));
    let [most, place] = b.hint(p, Hint::Greatest, &[(-127, 127), (0, 3)])[..] else { unreachable!() };
    let [other, last] = b.hint(q, Hint::Greatest, &[(-127, 127), (0, 3)])[..] else { unreachable!() };
    let terms = vec![(1, z), (-1, most), (1000, place), (1, other), (5000, last)];
    let far = b.affine(terms, 0, -381, 18381);
    let y = b.range(far, 18376, 18381);
    b.output(y);
    b
}

#[test]
fn forms_are_as_they_were() {
    let of = |batch: usize| PlaceOptions { batch, ..PlaceOptions::new(tessera_backends::default()) };
    let mut out = String::new();
    for batch in [1, 3] {
        let hints: [(&str, Build); 6] = [
            ("quotients", hints::quotients(1)),
            ("mantissas", hints::mantissas(1)),
            ("softmax", hints::rows(1, false)),
            ("causal softmax", hints::rows(1, true)),
            ("greatest", hints::twice(1)),
            ("codes", hints::codes(1)),
        ];
        let others = [
            ("cnn", small_cnn(1)),
            ("eight channels", eight_channels(1 << 20)),
            ("pool", pooled(1, [2, 2])),
            ("overlapping pool", pooled(1, [3, 3])),
            ("network", owners::network(1)),
            ("attention", attention(1, Sizes { keys: 2, repeats: 2, rows: 3, columns: 2, size: 3 })),
            ("several makers", monomials::several_makers()),
            ("first part read twice", read_twice()),
            ("two readers in turn, few", monomials::turns(&[0, 4], 3)),
            ("two readers in turn, many", monomials::turns(&[0, 4], 300)),
            ("three readers in turn, many", monomials::turns(&[0, 4, 8], 300)),
            ("one padding of nine", one_padding()),
            ("a product's results first", product_first()),
            ("one padding of many, with hints", padding_of_hints()),
        ];
        for (title, b) in hints.iter().chain(&others) {
            form(&mut out, title, b, &of(batch));
        }
        let network = owners::network(1);
        for (x_width, w_width) in [(3, 2), (4, 5)] {
            for committed in [false, true] {
                let title = format!("network, widths {x_width} and {w_width}, committed {committed}");
                let widths = PlaceOptions { x_width: Some(x_width), w_width: Some(w_width), ..of(batch) };
                form(&mut out, &title, &network, &PlaceOptions { committed, biases: Some(true), ..widths });
            }
        }
        let heads = attention(2, Sizes { keys: 2, repeats: 1, rows: 3, columns: 5, size: 3 });
        let widths = PlaceOptions { x_width: Some(3), w_width: Some(2), ..of(batch) };
        form(&mut out, "attention, widths 3 and 2", &heads, &widths);
        let visibility: BTreeMap<_, _> = ["x", "y"].map(|n| (n.to_string(), Visibility::Committed)).into();
        form(&mut out, "both committed", &small_cnn(1), &PlaceOptions { visibility, ..of(batch) });
        form(&mut out, "private", &small_cnn(1), &PlaceOptions { zero_knowledge: true, ..of(batch) });
    }
    insta::assert_snapshot!(out);
}
