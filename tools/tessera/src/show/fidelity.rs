//! A page of layers: how near the quantized network's values are to the float one's, how both are spread, and what the worst of them do to
//! the output. One file, without scripts and without anything from elsewhere.
use super::treemap::{STYLE, escape};
use std::fmt::Write;
use tessera_nn_to_qnn::evaluate::{Evaluation, Histogram, Layer};

/// Layers whose values are drawn.
const DRAWN: usize = 24;

/// The page of an evaluation; `lines` say what was found of the whole.
pub fn page(name: &str, lines: &[String], e: &Evaluation) -> String {
    let title = escape(name);
    let mut s = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}: how close to the float model</title>\n\
         <style>{STYLE}{OWN}</style></head>\n<body><h1>{title}: how close to the float model</h1>\n<pre>{}</pre>\n",
        escape(&format!("{} inputs\n{}", e.samples, lines.join("\n")))
    );
    s += "<h2>Signal-to-noise ratio, layer by layer</h2>\n";
    s += &chart(&e.layers);
    s += "<p class=\"legend\"><svg viewBox=\"0 0 12 12\"><rect width=\"12\" height=\"12\" class=\"activations\"/></svg>of the layer's values \
          <svg viewBox=\"0 0 12 12\"><rect width=\"12\" height=\"12\" class=\"weights\"/></svg>of the output, where this layer's values stand in the \
          float network and all after them is exact (of the worst layers)</p>\n";
    s += "<h2>The worst layers</h2>\n";
    let mut worst: Vec<&Layer> = e.layers.iter().collect();
    worst.sort_by(|a, b| a.snr_db.total_cmp(&b.snr_db));
    s += "<div class=\"cards\">\n";
    for l in worst.iter().take(DRAWN) {
        let reaches =
            l.reaches_output_db.map_or(String::new(), |db| format!("<br>at the output {}", decibels(db)));
        let _ = writeln!(
            s,
            "<div class=\"card\"><b>{}</b><br>{} · {} · cosine {:.6} · {} clamped{reaches}{}</div>",
            escape(&l.node),
            escape(&l.op),
            decibels(l.snr_db),
            l.cosine,
            percent(l.histogram.clamped),
            histogram(&l.histogram)
        );
    }
    s += "</div>\n<p class=\"legend\"><svg viewBox=\"0 0 12 12\"><rect width=\"12\" height=\"12\" class=\"elementwise\"/></svg>quantized values, by size; \
          <svg viewBox=\"0 0 12 12\"><path d=\"M0 6H12\" class=\"line\"/></svg>float ones. Heights are roots of counts. Clamped are values that are the least or the greatest that is stored.</p>\n";
    s += "<h2>All layers</h2>\n<table><tr><th>layer</th><th>op</th><th>signal to noise</th><th>cosine</th><th>clamped</th><th>at the output</th></tr>\n";
    for l in &e.layers {
        let _ = writeln!(
            s,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.6}</td><td>{}</td><td>{}</td></tr>",
            escape(&l.node),
            escape(&l.op),
            decibels(l.snr_db),
            l.cosine,
            percent(l.histogram.clamped),
            l.reaches_output_db.map_or(String::new(), decibels)
        );
    }
    s += "</table></body></html>\n";
    s
}

fn decibels(db: f64) -> String {
    if db >= 200.0 { "exact".into() } else { format!("{db:.1} dB") }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

const WIDTH: f64 = 1200.0;
const ROOM: f64 = 220.0;
/// What a bar of the whole height stands for.
const MOST: f64 = 100.0;

/// A bar for each layer, in order.
fn chart(layers: &[Layer]) -> String {
    const LEFT: f64 = 44.0;
    let mut s = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"signal-to-noise ratios\">",
        ROOM + 20.0
    );
    for db in [0.0, 25.0, 50.0, 75.0, 100.0] {
        let y = 10.0 + ROOM * (1.0 - db / MOST);
        let _ = write!(
            s,
            "<path d=\"M{LEFT} {y:.1}H{WIDTH}\" class=\"grid\"/><text x=\"0\" y=\"{:.1}\">{db:.0} dB</text>",
            y + 4.0
        );
    }
    let step = (WIDTH - LEFT) / layers.len().max(1) as f64;
    let height = |db: f64| ROOM * db.clamp(0.5, MOST) / MOST;
    for (i, l) in layers.iter().enumerate() {
        let (x, w) = (LEFT + step * i as f64, (step * 0.8).min(40.0));
        let mut bar = |x: f64, w: f64, db: f64, class: &str, what: &str| {
            let h = height(db);
            let _ = write!(
                s,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" class=\"{class}\"><title>{}\n{what}{}</title></rect>",
                10.0 + ROOM - h,
                escape(&l.node),
                decibels(db)
            );
        };
        bar(x, w, l.snr_db, "activations", "");
        if let Some(db) = l.reaches_output_db {
            bar(x + w * 0.55, w * 0.45, db, "weights", "at the output ");
        }
    }
    s + "</svg>\n"
}

/// Bars of quantized values, and a line of float ones.
fn histogram(h: &Histogram) -> String {
    const ROOM: f64 = 70.0;
    let most = h.float.iter().chain(&h.quantized).copied().max().unwrap_or(0).max(1) as f64;
    let height = |count: u64| ROOM * (count as f64 / most).sqrt();
    let bins = h.quantized.len().max(1) as f64;
    let w = 280.0 / bins;
    let mut s = format!("<svg viewBox=\"0 0 280 {}\" role=\"img\" aria-label=\"values\">", ROOM + 16.0);
    for (i, &count) in h.quantized.iter().enumerate().filter(|(_, count)| **count > 0) {
        let y = height(count);
        let _ = write!(
            s,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{y:.1}\" class=\"elementwise\"/>",
            w * i as f64,
            ROOM - y
        );
    }
    let mut line = String::new();
    for (i, &count) in h.float.iter().enumerate() {
        let (x, y) = (w * i as f64, ROOM - height(count));
        let _ = write!(line, "{}{x:.1} {y:.1}H{:.1}", if i == 0 { 'M' } else { 'L' }, x + w);
    }
    let _ = write!(s, "<path d=\"{line}\" class=\"line\"/>");
    let _ = write!(
        s,
        "<text x=\"0\" y=\"{y}\">{:.4}</text><text x=\"280\" y=\"{y}\" text-anchor=\"end\">{:.4}</text></svg>",
        h.low,
        h.high,
        y = ROOM + 14.0
    );
    s
}

const OWN: &str = "
h2{font-size:17px;font-weight:600;margin-top:26px}.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:12px}
.card{border:1px solid #e3e8ee;border-radius:6px;padding:10px;font-size:13px;overflow-wrap:anywhere}.card svg,svg.chart{width:100%;height:auto;display:block;margin-top:6px}
.card text{font-size:10px}.line{fill:none;stroke:#d2452f;stroke-width:1.4}.grid{stroke:#c6ced8;stroke-width:.6}td:nth-child(2),th:nth-child(2){text-align:left}
@media(prefers-color-scheme:dark){.card{border-color:#28313c}text{fill:#dbe2ea}.grid{stroke:#3a4654}}
";

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_nn_to_qnn::evaluate::{Cosine, Quality, Task};

    fn layer(node: &str, snr_db: f64) -> Layer {
        let histogram =
            Histogram { low: -1.0, high: 1.0, float: vec![1, 4], quantized: vec![0, 5], clamped: 0.25 };
        let reaches_output_db = (snr_db < 50.0).then_some(61.0);
        Layer {
            node: node.into(),
            op: "nn.conv".into(),
            snr_db,
            cosine: 0.9999,
            histogram,
            reaches_output_db,
        }
    }

    #[test]
    fn a_page_shows_the_worst_layer_first_and_what_it_does_to_the_output() {
        let e = Evaluation {
            samples: 3,
            task: Task::Classes,
            float: Quality::default(),
            quantized: Quality::default(),
            agreement: 1.0,
            cosine: Cosine { mean: 1.0, worst: 1.0 },
            ports: vec![],
            worst_layer: None,
            layers: vec![layer("first", 200.0), layer("<second>", 33.3)],
            outputs: Default::default(),
        };
        let page = page("a & b", &["agreement 100 %".into()], &e);
        let cards = &page[page.find("The worst layers").unwrap()..];
        assert!(cards.find("&lt;second&gt;").unwrap() < cards.find("first").unwrap());
        for text in ["a &amp; b", "33.3 dB", "exact", "at the output 61.0 dB", "25.00 %", "agreement 100 %"] {
            assert!(page.contains(text), "{text}");
        }
        assert!(!page.contains("<script") && !page.contains("http") && !page.contains("<second>"));
    }
}
