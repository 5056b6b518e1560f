//! A grey image as characters: two pixels per character cell in colour, one pixel as two letters without.
use super::Style;

const RAMP: &[u8] = b" .:-=+*#%@";

/// Rows of text for a row-major grey image, 0 dark to 1 light. In letters, blank rows above and below are left out.
pub fn render(pixels: &[f32], width: usize, style: Style) -> Vec<String> {
    let rows: Vec<&[f32]> = pixels.chunks(width.max(1)).collect();
    if style.colour && style.unicode {
        return rows.chunks(2).map(|pair| half_blocks(pair[0], pair.get(1).copied())).collect();
    }
    let line = |row: &&[f32]| {
        let line: String = row.iter().flat_map(|p| [letter(*p); 2]).collect();
        line.trim_end().to_string()
    };
    let mut lines: Vec<String> = rows.iter().map(line).skip_while(String::is_empty).collect();
    lines.truncate(lines.iter().rposition(|l| !l.is_empty()).map_or(0, |last| last + 1));
    lines
}

fn half_blocks(top: &[f32], bottom: Option<&[f32]>) -> String {
    let mut line = String::new();
    for (x, t) in top.iter().enumerate() {
        let b = bottom.and_then(|r| r.get(x)).copied().unwrap_or(0.0);
        line.push_str(&format!("\x1b[38;5;{};48;5;{}m▀", grey(*t), grey(b)));
    }
    line + "\x1b[0m"
}

fn level(p: f32, levels: usize) -> usize {
    let p = if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
    ((p * levels as f32) as usize).min(levels - 1)
}

/// One of the 24 greys of the 256-colour palette.
fn grey(p: f32) -> usize {
    232 + level(p, 24)
}

fn letter(p: f32) -> char {
    char::from(RAMP[level(p, RAMP.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_is_blank_and_light_is_dense() {
        let lines = render(&[0.0, 0.5, 1.0, 1.0, f32::NAN, 0.0], 3, Style::PLAIN);
        assert_eq!(lines, ["  ++@@", "@@"]);
        let framed = render(&[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 2, Style::PLAIN);
        assert_eq!(framed, ["  @@", "", "@@"]);
    }

    #[test]
    fn colour_puts_two_rows_on_a_line() {
        let style = Style { colour: true, unicode: true };
        let lines = render(&[0.0, 1.0, 1.0, 0.0, 0.5, 0.5], 2, style);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0], "\x1b[38;5;232;48;5;255m▀\x1b[38;5;255;48;5;232m▀\x1b[0m");
    }
}
