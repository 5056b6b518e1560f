//! Data as text for people: names and values by indentation, short lists on one line, long ones cut.

use serde_json::Value;
use std::fmt::Write;

/// What is cut.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Entries of a list that are printed; the others are counted.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 16 }
    }
}

impl Limits {
    /// Everything is printed.
    pub fn none() -> Self {
        Self { entries: usize::MAX }
    }
}

/// A value as text.
pub fn text(value: &Value, limits: Limits) -> String {
    let mut out = String::new();
    block(&mut out, value, limits, 0);
    out
}

/// Characters of a line that a value may take to stand on one.
const LINE: usize = 100;

fn block(out: &mut String, value: &Value, limits: Limits, depth: usize) {
    let pad = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                entry(out, &format!("{pad}{name}:"), value, limits, depth);
            }
        }
        Value::Array(values) => {
            for value in values.iter().take(limits.entries) {
                entry(out, &format!("{pad}-"), value, limits, depth);
            }
            if let Some(more) = values.len().checked_sub(limits.entries).filter(|more| *more > 0) {
                line(out, &format!("{pad}… {more} more"));
            }
        }
        scalar => line(out, &format!("{pad}{}", inline(scalar, limits).unwrap_or_default())),
    }
}

fn entry(out: &mut String, head: &str, value: &Value, limits: Limits, depth: usize) {
    match inline(value, limits) {
        Some(text) => line(out, &format!("{head} {text}")),
        None => {
            line(out, head);
            block(out, value, limits, depth + 1);
        }
    }
}

fn line(out: &mut String, text: &str) {
    // writing to a String does not fail
    let _ = writeln!(out, "{}", text.trim_end());
}

/// A value on one line, where it is short enough.
fn inline(value: &Value, limits: Limits) -> Option<String> {
    let text = match value {
        Value::Object(fields) => {
            let fields =
                fields.iter().map(|(name, value)| Some(format!("{name}: {}", inline(value, limits)?)));
            format!("{{{}}}", fields.collect::<Option<Vec<_>>>()?.join(", "))
        }
        Value::Array(values) => {
            let shown = values.iter().take(limits.entries).map(|value| inline(value, limits));
            let mut shown = shown.collect::<Option<Vec<_>>>()?;
            if values.len() > shown.len() {
                shown.push(format!("… {} more", values.len() - shown.len()));
            }
            format!("[{}]", shown.join(", "))
        }
        Value::String(text) => format!("{text:?}"),
        scalar => scalar.to_string(),
    };
    let nested = matches!(value, Value::Object(_) | Value::Array(_));
    (!nested || text.len() <= LINE).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_values_stand_on_a_line_and_long_lists_are_cut() {
        let long: Vec<u32> = (1000..1040).collect();
        let wide = ["a name that is long"; 3];
        let value = json!({ "name": "x \"y\"", "short": [1, 2], "long": long, "wide": wide.repeat(3), "in": { "a": null, "b": [] } });
        assert_eq!(
            text(&value, Limits { entries: 4 }),
            r#"in: {a: null, b: []}
long: [1000, 1001, 1002, 1003, … 36 more]
name: "x \"y\""
short: [1, 2]
wide:
  - "a name that is long"
  - "a name that is long"
  - "a name that is long"
  - "a name that is long"
  … 5 more
"#
        );
        assert_eq!(text(&json!([1, 2, 3]), Limits { entries: 2 }), "- 1\n- 2\n… 1 more\n");
        assert_eq!(text(&json!(vec![7; 60]), Limits::none()).lines().count(), 60);
    }
}
