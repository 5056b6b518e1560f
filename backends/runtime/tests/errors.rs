//! What a person reads when a plan or an input is refused. The texts are the snapshots; a changed text is a changed product.
use tessera_api::*;
use tessera_checker::testing::{Case, Family, case};
use tessera_runtime::{Limits, Prepared};

/// The error of a case after a change, or "accepted".
fn after(family: Family, change: impl FnOnce(&mut Case)) -> String {
    let mut c = case(family, 5);
    change(&mut c);
    match Prepared::new(&c.program, &c.plan) {
        Err(e) => e.to_string(),
        Ok(p) => p.run(c.inputs).map_or_else(|e| e.to_string(), |_| "accepted".into()),
    }
}

fn rows<'a>(c: &'a mut Case, source: &str) -> &'a mut RowStep {
    let found = c.plan.steps.iter_mut().find_map(|s| match s {
        Step::Rows(r) if r.source == source => Some(r),
        _ => None,
    });
    found.unwrap()
}

#[test]
fn plans() {
    let mut all = vec![];
    let mut show = |what: &str, text: String| all.push(format!("{what}\n  {text}"));
    let last = |c: &mut Case, f: &dyn Fn(&mut RowOp)| f(rows(c, "requantize").ops.last_mut().unwrap());
    show("unchanged", after(Family::Mixed, |_| {}));
    show(
        "a tensor that does not exist",
        after(Family::Mixed, |c| {
            last(c, &|op| {
                if let RowOp::Scatter { tensor, .. } = op {
                    *tensor = 99
                }
            })
        }),
    );
    show(
        "an index too far",
        after(Family::Mixed, |c| {
            last(c, &|op| {
                if let RowOp::Scatter { index, .. } = op {
                    index.runs[0].start[0] = 1
                }
            })
        }),
    );
    show(
        "a short layout",
        after(Family::Mixed, |c| {
            last(c, &|op| {
                if let RowOp::Scatter { index, .. } = op {
                    *index = Seq::compress(1, &[0, 1])
                }
            })
        }),
    );
    show("a register before its time", after(Family::Mixed, |c| rows(c, "requantize").ops.swap(0, 1)));
    show("rows beyond the table", after(Family::Mixed, |c| rows(c, "requantize").first_row = 7));
    show(
        "storing multiplicities",
        after(Family::Lookups, |c| {
            let n = c.program.tables[0].rows;
            let r = rows(c, "activation");
            (r.table, r.rows) = (0, n);
            r.ops = vec![RowOp::Fixed { column: 0, dst: 0 }, RowOp::Store { src: 0, column: 0 }];
        }),
    );
    show(
        "a lookup without values",
        after(Family::Lookups, |c| {
            rows(c, "activation").ops.iter_mut().for_each(|o| {
                if let RowOp::Lookup { relation, .. } = o {
                    *relation = 0
                }
            })
        }),
    );
    show(
        "a contraction out of range",
        after(Family::Matmul, |c| {
            let s = c
                .plan
                .steps
                .iter_mut()
                .find_map(|s| if let Step::Contract { loops, .. } = s { Some(loops) } else { None });
            s.unwrap()[0].extent += 1;
        }),
    );
    show(
        "weights out of range",
        after(Family::Matmul, |c| {
            c.plan.steps.iter_mut().for_each(|s| {
                if let Step::Contract { w: tessera_api::Factor::Constant { offset: w_offset, .. }, .. } = s {
                    *w_offset = 1
                }
            })
        }),
    );
    show(
        "an output never published",
        after(Family::Matmul, |c| c.plan.steps.retain(|s| !matches!(s, Step::Publish { .. }))),
    );
    show("an invalid Program", after(Family::Matmul, |c| c.program.version = 77));
    show(
        "two equal keys",
        after(Family::Lookups, |c| {
            let n = c.program.tables[0].rows as usize;
            let key = &mut c.program.tables[0].fixed[0];
            key.values = Values::Seq(Seq::constant(&[key.padding], n));
        }),
    );
    show(
        "padding that is in no relation",
        after(Family::Lookups, |c| {
            c.program.tables[1].log_height += 2;
            c.program.tables[1].witness[0].padding = 1000;
        }),
    );
    show(
        "an entry on padding rows alone",
        after(Family::Lookups, |c| {
            c.program.tables[0].log_height += 1;
            c.program.tables[0].fixed[1].padding = 1000;
        }),
    );
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn limits() {
    let c = case(Family::Matmul, 5);
    let limited = |elements, operations| {
        Prepared::with_limits(&c.program, &c.plan, Limits { elements, operations }).unwrap_err().to_string()
    };
    insta::assert_snapshot!([limited(10, 1 << 20), limited(1 << 20, 1)].join("\n"));
}

#[test]
fn runs() {
    let mut all = vec![];
    let mut show = |what: &str, text: String| all.push(format!("{what}\n  {text}"));
    show("no input", after(Family::Mixed, |c| c.inputs.clear()));
    show(
        "an input too short",
        after(Family::Mixed, |c| {
            c.inputs[0].pop();
        }),
    );
    show("an input out of range", after(Family::Mixed, |c| c.inputs[0][0] = 100));
    show(
        "a missing key",
        after(Family::Lookups, |c| {
            c.program.publics[0].max = 5000;
            c.inputs[0][0] = 4321;
        }),
    );
    show(
        "a lookup that is not what was computed",
        after(Family::Lookups, |c| {
            rows(c, "activation").ops.insert(2, RowOp::Affine { terms: vec![(1, 1)], constant: 1, dst: 1 })
        }),
    );
    show(
        "a square too large",
        after(Family::Constraints, |c| {
            c.program.publics[0].max = 1 << 60;
            c.inputs[0][0] = 1 << 40;
        }),
    );
    show(
        "a sum too large",
        after(Family::Constraints, |c| {
            c.program.publics[0].max = 1 << 60;
            c.inputs[0][0] = 1 << 60;
            rows(c, "cube").ops.insert(1, RowOp::Affine { terms: vec![(8, 0)], constant: 0, dst: 1 });
        }),
    );
    show(
        "a contraction too large",
        after(Family::Matmul, |c| {
            c.program.publics[0].max = 1 << 60;
            c.inputs[0].fill(1 << 60);
            c.program.constants.iter_mut().for_each(|k| *k = Blob::new(vec![1 << 60; k.len()]));
        }),
    );
    show(
        "an output out of range",
        after(Family::Matmul, |c| {
            c.program.publics.iter_mut().filter(|p| p.role == Role::Output).for_each(|p| p.max = p.min)
        }),
    );
    insta::assert_snapshot!(all.join("\n"));
}
