//! How results look to people: images as characters, bars, sizes, times.
//!
//! Invariant: pure text from plain data; whether the terminal understands colours or wide characters is asked once,
//! in [`Style::detect`].
#[cfg(feature = "compiler")]
pub mod fidelity;
pub mod image;
pub mod program;
pub mod progress;
pub mod report;
pub mod treemap;

use crate::measure::Time;
pub use tessera_verify::text::{bytes, count, is_plain, plain, plain_json, plural, probabilities, seconds};

/// What time went to, part by part.
pub fn clocks<'a>(parts: impl IntoIterator<Item = (&'a str, Time)>) -> String {
    let part = |(what, time): (&str, Time)| format!("{what} {}", seconds(time.wall_s));
    format!("time       {}", parts.into_iter().map(part).collect::<Vec<_>>().join(", "))
}

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

/// The first of the texts that a port may be.
pub fn texts(texts: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<String> = texts.iter().take(SHOWN).map(|text| format!("{text:?}")).collect();
    let more = if texts.len() > SHOWN { format!(", … ({} in all)", texts.len()) } else { String::new() };
    format!("text: {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out_among_colours() {
        let hostile = "a\x1b]0;t\x07b\rc\nd\u{9b}1me\u{7f}\u{202e}f\tπ";
        let text = "a\\u{1b}]0;t\\u{7}b\\rc\\nd\\u{9b}1me\\u{7f}\\u{202e}f\\tπ";
        assert_eq!(plain_but_styled(hostile), text);
        let colour = Style { colour: true, unicode: true };
        for ours in [colour.good("verified"), colour.dim("x"), image::render(&[0.5], 1, colour).concat()] {
            assert_eq!(plain_but_styled(&ours), ours);
        }
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
}
