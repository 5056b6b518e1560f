//! How numbers and names look to people.
//!
//! Invariant: pure text from plain data; no control character of a name reaches a terminal.
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// Whether a character moves the cursor, changes colours, reorders letters or is not seen.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text from a file or a path as a terminal may have it: what [`moves`] is spelled out, line ends too.
pub fn plain(text: &str) -> String {
    let spelled = |c: char| match c {
        '\n' | '\r' | '\t' => c.escape_default().to_string(),
        c if moves(c) => c.escape_unicode().to_string(),
        c => c.to_string(),
    };
    text.chars().map(spelled).collect()
}

/// JSON as a terminal may have it: the same value, spelled in characters that move nothing. Line ends stand between its tokens.
pub fn plain_json(json: &str) -> String {
    let spelled = |c: char| match c {
        c if moves(c) && c != '\n' => {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    };
    json.chars().map(spelled).collect()
}

/// JSON of plain data of ours, which a terminal may have. Numbers that are not finite become null.
pub fn json(value: &impl Serialize) -> String {
    plain_json(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// In JSON as it is shown.
pub fn shown<T: Display, S: Serializer>(x: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(x)
}

/// Whether a name can be shown as it is.
pub fn is_plain(name: &str) -> bool {
    !name.contains(moves)
}

/// A number of bytes: "1.21 MiB".
pub fn bytes(n: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} bytes");
    }
    let mut x = n as f64 / 1024.0;
    let mut unit = 0;
    while x >= 1023.5 && unit + 1 < units.len() {
        x /= 1024.0;
        unit += 1;
    }
    let digits = if x < 9.995 {
        2
    } else if x < 99.95 {
        1
    } else {
        0
    };
    format!("{x:.digits$} {}", units[unit])
}

/// A duration: "3.4 ms", "1.25 s", "2 min 5 s".
pub fn seconds(s: f64) -> String {
    if s < 0.0995 {
        let ms = s * 1e3;
        return if ms < 9.95 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") };
    }
    if s < 59.95 {
        return if s < 9.995 { format!("{s:.2} s") } else { format!("{s:.1} s") };
    }
    let whole = s.round() as u64;
    format!("{} min {} s", whole / 60, whole % 60)
}

/// An integer with thousands apart: "61,706".
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// "1 image", "2 images".
pub fn plural(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", count(n as u64)) }
}

/// Probabilities from scores (softmax).
pub fn probabilities(scores: &[f64]) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = scores.iter().map(|s| (s - top).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|x| x / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let texts = [
            bytes(17),
            bytes(1024),
            bytes(1_260_000),
            bytes(1 << 40),
            seconds(0.0034),
            seconds(0.0996),
            seconds(0.049),
            seconds(12.34),
            seconds(125.0),
            count(61706),
            count(999),
            count(1_000_000),
            plural(1, "image"),
            plural(1000, "image"),
        ];
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn control_characters_are_spelled_out() {
        let hostile = "a\x1b]0;t\x07b\rc\nd\u{9b}1me\u{7f}\u{202e}f\tπ\u{61c}\u{ad}\u{e0041}鳥";
        let spelled = "a\\u{1b}]0;t\\u{7}b\\rc\\nd\\u{9b}1me\\u{7f}\\u{202e}f\\tπ\\u{61c}\\u{ad}\\u{e0041}鳥";
        assert_eq!(plain(hostile), spelled);
        let json = serde_json::to_string_pretty(&[hostile]).unwrap();
        let shown = plain_json(&json);
        assert!(
            shown.lines().all(is_plain) && serde_json::from_str::<[String; 1]>(&shown).unwrap() == [hostile]
        );
    }

    #[test]
    fn probabilities_sum_to_one_even_of_large_scores() {
        let p = probabilities(&[1000.0, 999.0, -1e9]);
        assert!(
            (p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && (p[0] / p[1] - std::f64::consts::E).abs() < 1e-9
        );
    }
}
