//! How results look to people: images as characters, bars, sizes, times.
//!
//! Invariant: pure text from plain data; whether the terminal understands colours or wide characters is asked once,
//! in [`Style::detect`].
pub mod image;
pub mod program;
pub mod progress;
pub mod report;

/// What the terminal understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// 24-bit or 256 colours, and that stdout is a terminal at all.
    pub colour: bool,
    /// Block and line characters.
    pub unicode: bool,
}

impl Style {
    /// Letters only.
    pub const PLAIN: Style = Style { colour: false, unicode: false };

    /// Asks the environment: NO_COLOR and TERM, the locale, and whether stdout is a terminal.
    pub fn detect() -> Style {
        use std::io::IsTerminal;
        let set = |name: &str| std::env::var(name).unwrap_or_default();
        let dumb = set("TERM") == "dumb";
        let colour = std::io::stdout().is_terminal() && set("NO_COLOR").is_empty() && !dumb;
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(set);
        let locale = locale.iter().find(|v| !v.is_empty()).cloned().unwrap_or_default().to_lowercase();
        // a terminal without a locale (a fresh container) shows UTF-8 all the same
        let unicode =
            !dumb && (locale.contains("utf") || (colour && matches!(&locale[..], "" | "c" | "posix")));
        Style { colour, unicode }
    }

    /// Bold, where there are colours.
    pub fn bold(self, text: &str) -> String {
        if self.colour { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
    }

    /// Green, where there are colours.
    pub fn good(self, text: &str) -> String {
        if self.colour { format!("\x1b[1;32m{text}\x1b[0m") } else { text.into() }
    }

    /// Red, where there are colours.
    pub fn bad(self, text: &str) -> String {
        if self.colour { format!("\x1b[1;31m{text}\x1b[0m") } else { text.into() }
    }

    /// Grey, where there are colours.
    pub fn dim(self, text: &str) -> String {
        if self.colour { format!("\x1b[2m{text}\x1b[0m") } else { text.into() }
    }

    /// A bar of `width` characters at most, filled to `share` (0 to 1).
    pub fn bar(self, share: f64, width: usize) -> String {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        if !self.unicode {
            return "#".repeat((share * width as f64).round() as usize);
        }
        let eighths = (share * width as f64 * 8.0).round() as usize;
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        "█".repeat(eighths / 8) + part
    }
}

/// Whether a character moves the cursor, changes colours, reorders letters or is not seen.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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
        c if moves(c) && c != '\n' => format!("\\u{:04x}", c as u32),
        c => c.to_string(),
    };
    json.chars().map(spelled).collect()
}

/// Whether a name can be shown as it is.
pub fn is_plain(name: &str) -> bool {
    !name.contains(moves)
}

/// As [`plain`], but colours that [`Style`] and [`image`] make stay.
pub fn plain_but_styled(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = plain(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        let (code, rest) = part.split_at(digits);
        let ours = ["0", "1", "2", "1;31", "1;32"].contains(&code) || code.starts_with("38;5;");
        match rest.strip_prefix('m').filter(|_| ours) {
            Some(rest) => out += &format!("\x1b[{code}m{}", plain(rest)),
            None => out += &plain(&format!("\x1b[{part}")),
        }
    }
    out
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
        let hostile = "a\x1b]0;t\x07b\rc\nd\u{9b}1me\u{7f}\u{202e}f\tπ";
        let text = "a\\u{1b}]0;t\\u{7}b\\rc\\nd\\u{9b}1me\\u{7f}\\u{202e}f\\tπ";
        assert_eq!(plain(hostile), text);
        assert_eq!(plain_but_styled(hostile), text);
        let colour = Style { colour: true, unicode: true };
        for ours in [colour.good("verified"), colour.dim("x"), image::render(&[0.5], 1, colour).concat()] {
            assert_eq!(plain_but_styled(&ours), ours);
        }
        let json = serde_json::to_string_pretty(&[hostile]).unwrap();
        let shown = plain_json(&json);
        assert!(
            shown.lines().all(is_plain) && serde_json::from_str::<[String; 1]>(&shown).unwrap() == [hostile]
        );
        assert_eq!(plain_but_styled("\x1b[8mx\x1b[2J"), "\\u{1b}[8mx\\u{1b}[2J");
    }

    #[test]
    fn bars_fill_with_their_share() {
        let wide = Style { colour: false, unicode: true };
        assert_eq!(
            (wide.bar(0.5, 8), wide.bar(1.0, 3), wide.bar(0.0, 3)),
            ("████".into(), "███".into(), "".into())
        );
        assert_eq!(wide.bar(0.5, 5), "██▌");
        assert_eq!((Style::PLAIN.bar(0.5, 8), Style::PLAIN.bar(f64::NAN, 8)), ("####".into(), "".into()));
    }

    #[test]
    fn probabilities_sum_to_one_even_of_large_scores() {
        let p = probabilities(&[1000.0, 999.0, -1e9]);
        assert!(
            (p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && (p[0] / p[1] - std::f64::consts::E).abs() < 1e-9
        );
    }
}
