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
