//! `tessera bench` as a page: a table, and a chart of where proving time goes.
//!
//! Invariant: only the part of the page between the two marks is written; what people wrote around it stays.
use super::{bytes, seconds};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Marks around what is written.
pub type Marks = [&'static str; 2];

/// Around what all models cost.
const MODELS: Marks =
    ["<!-- measured: written by ./x bench --report docs -->", "<!-- end of what was measured -->"];

/// Around what each form is worth.
pub const ABLATION: Marks =
    ["<!-- forms: written by ./x bench --ablation --report docs -->", "<!-- end of forms -->"];

/// What stands above a page that does not exist yet.
const INTRODUCTION: &str = "# Benchmarks\n\nWritten by `./x bench --report docs`.\n\n";

/// Colours of phases, in their order.
const COLOURS: [&str; 9] =
    ["#4e79a7", "#a0cbe8", "#f28e2b", "#ffbe7d", "#59a14f", "#8cd17d", "#b6992d", "#e15759", "#79706e"];

fn number(v: &Value) -> f64 {
    v.as_f64().unwrap_or(0.0)
}

/// (phase, CPU seconds) of one thread, the witness first.
fn phases(m: &Value) -> Vec<(String, f64)> {
    let one = &m["one_thread"];
    let mut all = vec![("witness".to_string(), number(&one["witness"]["cpu_s"]))];
    for p in one["prove_phases"].as_array().into_iter().flatten() {
        all.push((p["name"].as_str().unwrap_or_default().to_string(), number(&p["cpu_s"])));
    }
    all
}

fn name(m: &Value) -> &str {
    m["model"].as_str().unwrap_or_default()
}

/// A page with what stands between two marks replaced; at its end, where they are not there yet.
pub fn replaced(page: &Path, [begin, end]: Marks, text: &str) -> String {
    let old = std::fs::read_to_string(page).unwrap_or_else(|_| INTRODUCTION.to_string());
    let (before, after) = match (old.split_once(begin), old.split_once(end)) {
        (Some((before, _)), Some((_, after))) => (before.to_string(), after.to_string()),
        _ => (format!("{}\n\n", old.trim_end()), "\n".to_string()),
    };
    format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim_end())
}

/// The page, with its measured part replaced.
pub fn page(models: &[Value], about: &str, old: &Path) -> String {
    let mut s = format!("{about}.\n\n");
    s += "| model | inferences | compile | setup | witness | prove | prove, 1 thread | verify | proof | key | memory |\n";
    s += "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    for m in models {
        let wall = |v: &Value| seconds(number(&v["wall_s"]));
        let size = |what: &str| bytes(m[what].as_u64().unwrap_or(0));
        let _ = writeln!(
            s,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.0} MB |",
            name(m),
            m["batch"],
            wall(&m["compile"]),
            wall(&m["setup"]),
            wall(&m["witness"]),
            wall(&m["prove"]),
            wall(&m["one_thread"]["prove"]),
            wall(&m["verify"]),
            size("proof_bytes"),
            size("key_bytes"),
            number(&m["peak_rss_mb"]),
        );
    }
    s += "\nTimes are by the clock, on all threads unless it says one. CPU milliseconds of one thread, by phase:\n\n";
    let names: Vec<String> =
        models.first().map(|m| phases(m).into_iter().map(|p| p.0).collect()).unwrap_or_default();
    let _ = writeln!(s, "| model | {} | total | floor | total / floor |", names.join(" | "));
    let _ = writeln!(s, "|---|{}--:|--:|--:|", "--:|".repeat(names.len()));
    for m in models {
        let all = phases(m);
        let cells: Vec<String> = names
            .iter()
            .map(|n| all.iter().find(|p| p.0 == *n).map_or("".into(), |p| format!("{:.0}", p.1 * 1e3)))
            .collect();
        let total: f64 = all.iter().map(|p| p.1).sum();
        // committed cells have to be transformed and hashed once
        let floor: f64 = all.iter().filter(|p| p.0.starts_with("commit")).map(|p| p.1).sum();
        let _ = writeln!(
            s,
            "| {} | {} | {:.0} | {:.0} | {:.1} |",
            name(m),
            cells.join(" | "),
            total * 1e3,
            floor * 1e3,
            total / floor.max(1e-9)
        );
    }
    s += "\n![Where proving time goes](benchmarks.svg)";
    replaced(old, MODELS, &s)
}

/// Shares of one thread's time by phase, a bar for each model.
pub fn chart(models: &[Value]) -> String {
    const LEFT: f64 = 170.0;
    const BAR: f64 = 560.0;
    const ROW: f64 = 26.0;
    const TOP: f64 = 64.0;
    let names: Vec<String> =
        models.first().map(|m| phases(m).into_iter().map(|p| p.0).collect()).unwrap_or_default();
    let height = TOP + ROW * models.len() as f64 + 12.0;
    let mut s = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"840\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (i, n) in names.iter().enumerate() {
        let (x, y) = (LEFT + 140.0 * (i % 5) as f64 - 150.0, 14.0 + 18.0 * (i / 5) as f64);
        let colour = COLOURS[i % COLOURS.len()];
        let _ = writeln!(
            s,
            "<rect x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{n}</text>",
            x + 16.0,
            y + 10.0
        );
    }
    for (row, m) in models.iter().enumerate() {
        let y = TOP + ROW * row as f64;
        let all = phases(m);
        let total: f64 = all.iter().map(|p| p.1).sum::<f64>().max(1e-9);
        let _ = writeln!(
            s,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 10.0,
            y + 15.0,
            name(m)
        );
        let mut x = LEFT;
        for (n, t) in &all {
            let i = names.iter().position(|k| k == n).unwrap_or(COLOURS.len() - 1);
            let width = BAR * t / total;
            let colour = COLOURS[i % COLOURS.len()];
            let _ = writeln!(
                s,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"20\" fill=\"{colour}\"/>"
            );
            x += width;
        }
        let _ = writeln!(s, "<text x=\"{}\" y=\"{}\">{}</text>", LEFT + BAR + 8.0, y + 15.0, seconds(total));
    }
    s + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn models() -> Vec<Value> {
        let phases = json!([{ "name": "commit", "cpu_s": 0.2 }, { "name": "open", "cpu_s": 0.1 }]);
        let one = json!({ "prove": { "wall_s": 0.3 }, "witness": { "cpu_s": 0.1 }, "prove_phases": phases });
        vec![json!({ "model": "m", "batch": 1, "prove": { "wall_s": 0.2 }, "one_thread": one })]
    }

    #[test]
    fn the_page_keeps_what_people_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("benchmarks.md");
        std::fs::write(&path, format!("# Mine\n\n{}\nold\n{}\n\nAfter.\n", MODELS[0], MODELS[1])).unwrap();
        let page = page(&models(), "a machine", &path);
        assert!(page.starts_with("# Mine") && page.ends_with("After.\n") && !page.contains("old"));
        assert!(page.contains("| m | 100 | 200 | 100 | 400 | 200 | 2.0 |"), "{page}");
    }

    #[test]
    fn bars_fill_their_row() {
        let svg = chart(&models());
        let widths = svg.split("width=\"").skip(1).filter_map(|w| w.split('"').next()?.parse::<f64>().ok());
        let bars: f64 = widths.filter(|w| *w != 11.0 && *w < 800.0).sum();
        assert!((bars - 560.0).abs() < 1.0, "{bars}");
    }
}
