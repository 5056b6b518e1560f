//! A page of rectangles: what of a whole is whose, as areas. One file, without scripts and without anything from elsewhere.
//!
//! Squarified treemaps (Bruls, Huizing, van Wijk 2000): rectangles are laid in rows along the shorter side for as long as that makes them
//! more like squares.
use crate::explain::Part;
use crate::show::{bytes, count, seconds};
use std::fmt::Write;

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rect {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

/// Rectangles of these areas, the largest first, that fill one.
fn squarify(areas: &[f64], mut room: Rect) -> Vec<Rect> {
    let total: f64 = areas.iter().sum();
    let unit = if total > 0.0 { room.w * room.h / total } else { 0.0 };
    let mut out = vec![];
    let mut rest: Vec<f64> = areas.iter().map(|a| a * unit).collect();
    while !rest.is_empty() {
        let side = room.w.min(room.h);
        let worst = |n: usize| {
            let sum: f64 = rest[..n].iter().sum();
            let (most, least) = (rest[0], rest[n - 1].max(1e-12));
            (side * side * most / (sum * sum)).max(sum * sum / (side * side * least))
        };
        let mut n = 1;
        while n < rest.len() && worst(n + 1) <= worst(n) {
            n += 1;
        }
        let sum: f64 = rest[..n].iter().sum();
        let depth = if side > 0.0 { sum / side } else { 0.0 };
        let mut at = 0.0;
        for a in &rest[..n] {
            let length = if depth > 0.0 { a / depth } else { 0.0 };
            out.push(match room.w >= room.h {
                true => Rect { x: room.x, y: room.y + at, w: depth, h: length },
                false => Rect { x: room.x + at, y: room.y, w: length, h: depth },
            });
            at += length;
        }
        room = match room.w >= room.h {
            true => Rect { x: room.x + depth, w: (room.w - depth).max(0.0), ..room },
            false => Rect { y: room.y + depth, h: (room.h - depth).max(0.0), ..room },
        };
        rest.drain(..n);
    }
    out
}

/// What areas can stand for.
struct Measure {
    name: &'static str,
    of: fn(&Part) -> f64,
    say: fn(f64) -> String,
}

const MEASURES: [Measure; 5] = [
    Measure { name: "time", of: |p| p.seconds, say: seconds },
    Measure { name: "proof", of: |p| p.proof_bytes, say: |v| bytes(v as u64) },
    Measure { name: "key", of: |p| p.key_bytes, say: |v| bytes(v as u64) },
    Measure { name: "memory", of: |p| p.memory_bytes, say: |v| bytes(v as u64) },
    Measure { name: "lookups", of: |p| p.lookups as f64, say: |v| count(v as u64) },
];

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 640.0;

/// The page of a model: parts of its proof, and the layers that they are of; `lines` say what is predicted of the whole.
pub fn page(name: &str, parts: &[Part], layers: &[Part], lines: &[String]) -> String {
    let mut s = String::new();
    let title = escape(name);
    let _ = write!(
        s,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: what a proof costs</title>\n<style>{STYLE}</style></head>\n<body><h1>{title}: what a proof costs</h1>\n<pre>{}</pre>\n",
        escape(&lines.join("\n"))
    );
    for (i, m) in MEASURES.iter().enumerate() {
        let checked = if i == 0 { " checked" } else { "" };
        let _ = writeln!(
            s,
            "<input type=\"radio\" name=\"m\" id=\"m{i}\"{checked}><label for=\"m{i}\">{}</label>",
            m.name
        );
    }
    for (i, m) in MEASURES.iter().enumerate() {
        let _ = writeln!(s, "<div class=\"map\" id=\"map{i}\">{}</div>", map(parts, layers, m));
    }
    s += "<p class=\"legend\">";
    for (class, of) in KINDS {
        let _ = write!(
            s,
            "<span><svg viewBox=\"0 0 12 12\"><rect width=\"12\" height=\"12\" class=\"{class}\"/></svg>{of}</span> "
        );
    }
    s += "</p>\n<table><tr><th>layer</th><th>rows</th><th>cells</th><th>lookups</th><th>key</th><th>proof</th><th>memory</th><th>time</th></tr>\n";
    for l in layers {
        let _ = writeln!(
            s,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&l.layer),
            count(l.rows),
            count(l.cells),
            count(l.lookups),
            bytes(l.key_bytes as u64),
            bytes(l.proof_bytes as u64),
            bytes(l.memory_bytes as u64),
            seconds(l.seconds)
        );
    }
    s += "</table></body></html>\n";
    s
}

/// One treemap: layers, and in each its tables.
fn map(parts: &[Part], layers: &[Part], m: &Measure) -> String {
    let mut order: Vec<&Part> = layers.iter().filter(|l| (m.of)(l) > 0.0).collect();
    order.sort_by(|a, b| (m.of)(b).total_cmp(&(m.of)(a)));
    let total: f64 = order.iter().map(|l| (m.of)(l)).sum();
    let areas: Vec<f64> = order.iter().map(|l| (m.of)(l)).collect();
    let mut s = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", m.name);
    let room = Rect { x: 0.0, y: 0.0, w: WIDTH, h: HEIGHT };
    for (l, r) in order.iter().zip(squarify(&areas, room)) {
        let mut own: Vec<&Part> = parts.iter().filter(|p| p.layer == l.layer && (m.of)(p) > 0.0).collect();
        own.sort_by(|a, b| (m.of)(b).total_cmp(&(m.of)(a)));
        let areas: Vec<f64> = own.iter().map(|p| (m.of)(p)).collect();
        for (p, r) in own.iter().zip(squarify(&areas, r)) {
            let share = 100.0 * (m.of)(p) / total;
            let _ = write!(
                s,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"{}\"><title>{}\n{}: {} ({share:.1} %)\n{} rows</title></rect>",
                r.x,
                r.y,
                r.w,
                r.h,
                kind(&p.table),
                escape(&p.layer),
                escape(&p.table),
                (m.say)((m.of)(p)),
                count(p.rows)
            );
        }
        let _ = write!(
            s,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"layer\"/>",
            r.x, r.y, r.w, r.h
        );
        // about as many letters as there is room for
        let room = ((r.w - 10.0) / 7.2).max(0.0) as usize;
        if r.h > 20.0 && room > 3 {
            let text: String = match l.layer.chars().count() > room {
                true => l.layer.chars().take(room - 1).chain(['…']).collect(),
                false => l.layer.clone(),
            };
            let (x, y) = (r.x + 5.0, r.y + 15.0);
            let _ = write!(s, "<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(&text));
            let what = format!("{} · {:.1} %", (m.say)((m.of)(l)), 100.0 * (m.of)(l) / total);
            if r.h > 38.0 && room >= what.chars().count() {
                let y = y + 16.0;
                let _ = write!(s, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"of\">{}</text>", escape(&what));
            }
        }
    }
    s + "</svg>"
}

/// Colors, and what has them.
const KINDS: [(&str, &str); 6] = [
    ("elementwise", "operations element by element"),
    ("activations", "activations of contractions"),
    ("weights", "weights"),
    ("borders", "borders of contractions"),
    ("lookup", "lookup tables"),
    ("other", "anything else"),
];

/// What a table holds, by its name: its color.
fn kind(table: &str) -> &'static str {
    match table {
        "activations" | "factors" => "activations",
        "weights" => "weights",
        "borders" => "borders",
        t if t.starts_with("elementwise") => "elementwise",
        t if t.starts_with("table[") => "lookup",
        _ => "other",
    }
}

pub(super) fn escape(s: &str) -> String {
    let mut out = String::new();
    for c in s.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            c => out.push(c),
        }
    }
    out
}

pub(super) const STYLE: &str = "
body{font:15px/1.45 system-ui,sans-serif;max-width:1240px;margin:24px auto;padding:0 16px;color:#1c2430;background:#fff}
h1{font-size:22px;font-weight:600}pre{background:#f4f6f8;padding:12px;border-radius:6px;white-space:pre-wrap}
input{position:absolute;opacity:0}label{display:inline-block;padding:4px 14px;margin:4px 4px 10px 0;border:1px solid #c6ced8;border-radius:14px;cursor:pointer}
input:checked+label{background:#1c2430;color:#fff}input:focus-visible+label{outline:2px solid #2f6fd0}
.legend svg{display:inline-block;width:12px;height:12px;margin:0 5px 0 14px;vertical-align:-1px}.legend{font-size:13px}.legend span{white-space:nowrap}
.map{display:none}.map svg{width:100%;height:auto;display:block}
#m0:checked~#map0,#m1:checked~#map1,#m2:checked~#map2,#m3:checked~#map3,#m4:checked~#map4{display:block}
rect{stroke:#fff;stroke-width:.5}rect.layer{fill:none;stroke:#fff;stroke-width:2.5;pointer-events:none}
.elementwise{fill:#5b8fd6}.activations{fill:#4fae8c}.weights{fill:#d9a441}.borders{fill:#b07cc6}.lookup{fill:#8795a6}.other{fill:#c3ccd6}
text{font-size:12.5px;fill:#10161f;pointer-events:none}text.of{font-size:11.5px;fill:#2a3442}
table{border-collapse:collapse;margin-top:18px;width:100%}th,td{text-align:right;padding:3px 8px;border-bottom:1px solid #e3e8ee;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}
@media(prefers-color-scheme:dark){body{background:#12171f;color:#dbe2ea}pre{background:#1b222c}label{border-color:#3a4654}input:checked+label{background:#dbe2ea;color:#12171f}th,td{border-color:#28313c}rect,rect.layer{stroke:#12171f}}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rectangles_fill_the_room_and_have_their_areas() {
        let areas = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
        let room = Rect { x: 0.0, y: 0.0, w: 6.0, h: 4.0 };
        let all = squarify(&areas, room);
        for (a, r) in areas.iter().zip(&all) {
            assert!((r.w * r.h - a).abs() < 1e-9);
            assert!(r.x >= -1e-9 && r.y >= -1e-9 && r.x + r.w <= 6.0 + 1e-9 && r.y + r.h <= 4.0 + 1e-9);
        }
        // the paper's example begins with two squares of equal size, one upon the other
        assert_eq!((all[0].w, all[0].h, all[1].y), (3.0, 2.0, 2.0));
    }

    #[test]
    fn names_of_models_are_text() {
        let page = page("<script>", &[], &[], &["a < b".into()]);
        assert!(!page.contains("<script>") && page.contains("a &lt; b"));
    }
}
