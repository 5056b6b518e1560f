//! Mutants of a source file, woven into it: `a * b` becomes `(if on(17) {a + b} else {a * b})`.
//!
//! The operators are those of `cargo mutants`, and comparisons are moved by one, too. What is mutated is code of functions, arguments of
//! `vec!` and `matches!` included; no tests, constants, types or patterns.
use crate::values;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Block, Expr, Pat, UnOp};

/// One change of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Line of the original, from one.
    pub line: usize,
    /// Column of the original, from one.
    pub column: usize,
    /// The function that it is in.
    pub function: String,
    /// What is changed into what.
    pub what: String,
    /// What stands in place of the original.
    text: String,
}

/// How the mutants of a place are woven in.
enum Kind {
    /// In place of an expression.
    Value,
    /// As a first statement of a function.
    Body,
    /// As a guard of a pattern that has none.
    Arm,
}

/// A place of the source with its mutants.
struct Site {
    range: Range<usize>,
    kind: Kind,
    mutants: Vec<Mutant>,
}

/// A woven source.
pub struct Woven {
    /// Its text.
    pub text: String,
    /// By mutant: its range in the text.
    pub ranges: Vec<(u32, Range<usize>)>,
    /// By place: its range in the text, and its mutants.
    pub sites: Vec<(Range<usize>, Vec<u32>)>,
}

/// A file's mutants.
pub struct File {
    source: String,
    sites: Vec<Site>,
}

impl File {
    /// Finds them.
    ///
    /// # Errors
    /// When the source is not Rust.
    pub fn new(source: &str) -> syn::Result<File> {
        let mut find = Find { source, functions: vec![], sites: vec![] };
        find.visit_file(&syn::parse_file(source)?);
        let mut sites = find.sites;
        // a place before those inside it
        sites.sort_by_key(|s| (s.range.start, std::cmp::Reverse(s.range.end)));
        Ok(File { source: source.into(), sites })
    }

    /// All of them, in their order.
    pub fn mutants(&self) -> impl Iterator<Item = &Mutant> {
        self.sites.iter().flat_map(|s| &s.mutants)
    }

    /// The source with those of its mutants that are wanted; the first one has this number.
    pub fn weave(&self, first: u32, wanted: &dyn Fn(u32) -> bool) -> Woven {
        let mut woven = Woven { text: String::new(), ranges: vec![], sites: vec![] };
        let mut numbered = vec![];
        let mut next = first;
        for s in &self.sites {
            let all = s.mutants.iter().enumerate().map(|(i, m)| (next + i as u32, m));
            numbered.push((s, all.filter(|(n, _)| wanted(*n)).collect::<Vec<_>>()));
            next += s.mutants.len() as u32;
        }
        self.write(&numbered, 0..self.source.len(), &mut woven);
        woven
    }

    /// This part of the source, with the places inside it.
    fn write(&self, sites: &[(&Site, Vec<(u32, &Mutant)>)], part: Range<usize>, woven: &mut Woven) {
        let mut at = part.start;
        let mut i = 0;
        while i < sites.len() {
            let (site, mutants) = &sites[i];
            let inside = sites[i + 1..].iter().take_while(|(s, _)| s.range.start < site.range.end).count();
            woven.text.push_str(&self.source[at..site.range.start]);
            let start = woven.text.len();
            let put = |before: String, text: &str, after: &str, n: u32, woven: &mut Woven| {
                woven.text.push_str(&before);
                let start = woven.text.len();
                woven.text.push_str(text);
                woven.ranges.push((n, start..woven.text.len()));
                woven.text.push_str(after);
            };
            let on = |n: &u32| format!("crate::mutants::on({n})");
            match site.kind {
                Kind::Value if !mutants.is_empty() => {
                    woven.text.push('(');
                    for (n, m) in mutants {
                        put(format!("if {} {{", on(n)), &m.text, "} else ", *n, woven);
                    }
                    woven.text.push('{');
                }
                Kind::Value => {}
                Kind::Body => mutants
                    .iter()
                    .for_each(|(n, m)| put(format!(" if {} {{ return ", on(n)), &m.text, "; }", *n, woven)),
                Kind::Arm => mutants.iter().for_each(|(n, _)| put(" if !".into(), &on(n), "", *n, woven)),
            }
            self.write(&sites[i + 1..i + 1 + inside], site.range.clone(), woven);
            if matches!(site.kind, Kind::Value) && !mutants.is_empty() {
                woven.text.push_str("})");
            }
            let numbers = mutants.iter().map(|(n, _)| *n).collect();
            woven.sites.push((start..woven.text.len(), numbers));
            at = site.range.end;
            i += 1 + inside;
        }
        woven.text.push_str(&self.source[at..part.end]);
    }
}

/// Walks over a file.
struct Find<'s> {
    source: &'s str,
    functions: Vec<String>,
    sites: Vec<Site>,
}

/// What an operator is changed into.
fn other_operators(op: &BinOp) -> &'static [&'static str] {
    match op {
        BinOp::Eq(_) => &["!="],
        BinOp::Ne(_) => &["=="],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Lt(_) => &["<=", "==", ">"],
        BinOp::Gt(_) => &[">=", "==", "<"],
        BinOp::Le(_) => &["<", ">"],
        BinOp::Ge(_) => &[">", "<"],
        BinOp::Add(_) => &["-", "*"],
        BinOp::Sub(_) => &["+", "/"],
        BinOp::Mul(_) => &["+", "/"],
        BinOp::Div(_) => &["%", "*"],
        BinOp::Rem(_) => &["/", "+"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::BitAnd(_) => &["|", "^"],
        BinOp::BitOr(_) => &["&", "^"],
        BinOp::BitXor(_) => &["|", "&"],
        BinOp::AddAssign(_) => &["-=", "*="],
        BinOp::SubAssign(_) => &["+=", "/="],
        BinOp::MulAssign(_) => &["+=", "/="],
        BinOp::DivAssign(_) => &["%=", "*="],
        BinOp::RemAssign(_) => &["/=", "+="],
        BinOp::ShlAssign(_) => &[">>="],
        BinOp::ShrAssign(_) => &["<<="],
        BinOp::BitAndAssign(_) => &["|=", "^="],
        BinOp::BitOrAssign(_) => &["&=", "^="],
        BinOp::BitXorAssign(_) => &["|=", "&="],
        _ => &[],
    }
}

/// Whether `let` stands in a chain of conditions: no other operator may join those.
fn binds(e: &Expr) -> bool {
    match e {
        Expr::Let(_) => true,
        Expr::Binary(b) => binds(&b.left) || binds(&b.right),
        _ => false,
    }
}

impl Find<'_> {
    fn text(&self, s: &impl Spanned) -> &str {
        &self.source[s.span().byte_range()]
    }

    /// A place, with what stands there instead: what is changed, and the new text.
    fn site(&mut self, range: Range<usize>, named_at: usize, kind: Kind, changes: Vec<(String, String)>) {
        let Some(function) = self.functions.last() else { return };
        let before = &self.source[..named_at];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let mutant = |(what, text)| Mutant { line, column, function: function.clone(), what, text };
        let mutants: Vec<_> = changes.into_iter().map(mutant).collect();
        if !mutants.is_empty() {
            self.sites.push(Site { range, kind, mutants });
        }
    }

    fn function(
        &mut self,
        name: String,
        output: &syn::ReturnType,
        block: &Block,
        inside: impl FnOnce(&mut Self),
    ) {
        let whole = block.span().byte_range();
        let name = match self.functions.last() {
            Some(outer) => format!("{outer}::{name}"),
            None => name,
        };
        self.functions.push(name);
        // a body that is empty already does nothing
        if !block.stmts.is_empty() {
            let returns = values::of_return(output);
            let changes = returns.into_iter().map(|v| (format!("return {v}"), v)).collect();
            self.site(whole.start + 1..whole.start + 1, whole.start, Kind::Body, changes);
        }
        inside(self);
        self.functions.pop();
    }
}

/// Whether this is compiled for tests alone, or must be what it is.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("test")
            || a.path().is_ident("cfg") && a.span().source_text().is_some_and(|t| t.contains("test"))
    })
}

impl<'a> Visit<'a> for Find<'_> {
    fn visit_item_mod(&mut self, m: &'a syn::ItemMod) {
        if !is_test(&m.attrs) {
            visit::visit_item_mod(self, m);
        }
    }

    fn visit_item_fn(&mut self, f: &'a syn::ItemFn) {
        if !is_test(&f.attrs) && f.sig.constness.is_none() {
            self.function(f.sig.ident.to_string(), &f.sig.output, &f.block, |s| s.visit_block(&f.block));
        }
    }

    fn visit_impl_item_fn(&mut self, f: &'a syn::ImplItemFn) {
        if !is_test(&f.attrs) && f.sig.constness.is_none() {
            self.function(f.sig.ident.to_string(), &f.sig.output, &f.block, |s| s.visit_block(&f.block));
        }
    }

    fn visit_item_impl(&mut self, i: &'a syn::ItemImpl) {
        if !is_test(&i.attrs) {
            visit::visit_item_impl(self, i);
        }
    }

    fn visit_expr_binary(&mut self, e: &'a syn::ExprBinary) {
        if !(matches!(e.op, BinOp::And(_)) && (binds(&e.left) || binds(&e.right))) {
            let (left, op, right) = (self.text(&e.left), self.text(&e.op), self.text(&e.right));
            let change = |o: &&str| (format!("{op} to {o}"), format!("({left}) {o} ({right})"));
            let changes = other_operators(&e.op).iter().map(change).collect();
            self.site(e.span().byte_range(), e.op.span().byte_range().start, Kind::Value, changes);
        }
        visit::visit_expr_binary(self, e);
    }

    fn visit_expr_unary(&mut self, e: &'a syn::ExprUnary) {
        if matches!(e.op, UnOp::Not(_) | UnOp::Neg(_)) {
            let changes = vec![(format!("no {}", self.text(&e.op)), self.text(&e.expr).to_owned())];
            let range = e.span().byte_range();
            self.site(range.clone(), range.start, Kind::Value, changes);
        }
        visit::visit_expr_unary(self, e);
    }

    fn visit_expr_match(&mut self, m: &'a syn::ExprMatch) {
        self.visit_expr(&m.expr);
        let rest = m.arms.iter().any(|a| matches!(a.pat, Pat::Wild(_)));
        for a in &m.arms {
            if rest && !matches!(a.pat, Pat::Wild(_) | Pat::Guard(_)) {
                let range = a.pat.span().byte_range();
                let what =
                    format!("no arm {}", self.text(&a.pat).split_whitespace().collect::<Vec<_>>().join(" "));
                self.site(range.end..range.end, range.start, Kind::Arm, vec![(what, String::new())]);
            }
            self.visit_arm(a);
        }
    }

    fn visit_arm(&mut self, a: &'a Arm) {
        if let Pat::Guard(p) = &a.pat {
            if !binds(&p.guard) {
                let range = p.guard.span().byte_range();
                let changes = ["true", "false"].map(|v| (format!("guard {v}"), v.to_owned())).into();
                self.site(range.clone(), range.start, Kind::Value, changes);
            }
            self.visit_expr(&p.guard);
        }
        self.visit_expr(&a.body);
    }

    fn visit_macro(&mut self, m: &'a syn::Macro) {
        use syn::parse::{ParseStream, Parser};
        if m.path.is_ident("vec") {
            let several = |s: ParseStream| {
                let mut all = vec![];
                while !s.is_empty() {
                    all.push(s.parse::<Expr>()?);
                    if s.parse::<syn::Token![,]>().is_err() && !s.is_empty() {
                        s.parse::<syn::Token![;]>()?;
                    }
                }
                Ok(all)
            };
            several.parse2(m.tokens.clone()).iter().flatten().for_each(|e| find(self, e));
        } else if m.path.is_ident("matches") {
            let first = |s: ParseStream| {
                let e = s.parse::<Expr>()?;
                s.parse::<proc_macro2::TokenStream>()?;
                Ok(e)
            };
            first.parse2(m.tokens.clone()).iter().for_each(|e| find(self, e));
        }
    }

    // what is decided when the code is compiled
    fn visit_item_const(&mut self, _: &'a syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'a syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'a syn::ImplItemConst) {}
    fn visit_expr_const(&mut self, _: &'a syn::ExprConst) {}
    fn visit_type(&mut self, _: &'a syn::Type) {}
    fn visit_path(&mut self, _: &'a syn::Path) {}
    fn visit_pat(&mut self, _: &'a Pat) {}
    fn visit_attribute(&mut self, _: &'a syn::Attribute) {}
}

/// What is parsed here lives no longer than this call, so a walk of its own looks at it.
fn find(outer: &mut Find, e: &Expr) {
    let mut inner = Find { source: outer.source, functions: outer.functions.clone(), sites: vec![] };
    inner.visit_expr(e);
    outer.sites.append(&mut inner.sites);
}
