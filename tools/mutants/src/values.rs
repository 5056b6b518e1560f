//! What a function returns in place of what it computes, by its type: what `cargo mutants` tries, too.
use syn::{GenericArgument, PathArguments, ReturnType, Type};

/// Expressions of a function's type that it most likely does not compute.
pub fn of_return(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec!["()".into()],
        ReturnType::Type(_, t) => of(t),
    }
}

fn list(values: &[&str]) -> Vec<String> {
    values.iter().map(|v| v.to_string()).collect()
}

fn each(values: Vec<String>, around: impl Fn(&str) -> String) -> Vec<String> {
    values.iter().map(|v| around(v)).collect()
}

/// The types between the angle brackets.
fn arguments(a: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(a) = a else { return vec![] };
    a.args.iter().filter_map(|a| if let GenericArgument::Type(t) = a { Some(t) } else { None }).collect()
}

fn of(t: &Type) -> Vec<String> {
    let path = match t {
        Type::Path(p) => &p.path,
        Type::Paren(p) => return of(&p.elem),
        Type::Tuple(t) => {
            // the first of each, and for each element its others
            let all: Vec<_> = t.elems.iter().map(of).collect();
            let most = all.iter().map(Vec::len).max().unwrap_or(1);
            let row =
                |i: usize| all.iter().map(|v| format!("{}, ", v[i.min(v.len() - 1)])).collect::<String>();
            return (0..most).map(|i| format!("({})", row(i))).collect();
        }
        Type::Array(a) => {
            use syn::spanned::Spanned;
            let length = a.len.span().source_text().unwrap_or_default();
            return each(of(&a.elem), |v| format!("[{v}; {length}]"));
        }
        Type::Reference(r) => {
            return match &*r.elem {
                Type::Slice(s) => each(of(&s.elem), |v| format!("Vec::leak(vec![{v}])"))
                    .into_iter()
                    .chain(["Vec::leak(Vec::new())".into()])
                    .collect(),
                Type::Path(p) if p.path.is_ident("str") => list(&["\"\"", "\"xyzzy\""]),
                t => each(of(t), |v| format!("Box::leak(Box::new({v}))")),
            };
        }
        // one body says what type it is
        Type::ImplTrait(_) | Type::Never(_) => return vec![],
        _ => return list(&["Default::default()"]),
    };
    let Some(last) = path.segments.last() else { return vec![] };
    let inner = arguments(&last.arguments);
    let first = || inner.first().map_or_else(|| list(&["Default::default()"]), |t| of(t));
    match &*last.ident.to_string() {
        "bool" => list(&["true", "false"]),
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => list(&["0", "1"]),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => list(&["0", "1", "-1"]),
        "f32" | "f64" => list(&["0.0", "1.0", "-1.0"]),
        "String" => list(&["String::new()", "\"xyzzy\".into()"]),
        "Option" => [list(&["None"]), each(first(), |v| format!("Some({v})"))].concat(),
        "Result" if inner.is_empty() => list(&["Ok(Default::default())"]),
        "Result" => each(first(), |v| format!("Ok({v})")),
        "Vec" => [list(&["vec![]"]), each(first(), |v| format!("vec![{v}]"))].concat(),
        "Box" | "Arc" | "Rc" => each(first(), |v| format!("{}::new({v})", last.ident)),
        "BTreeSet" | "HashSet" => {
            [list(&["Default::default()"]), each(first(), |v| format!("FromIterator::from_iter([{v}])"))]
                .concat()
        }
        _ => list(&["Default::default()"]),
    }
}
