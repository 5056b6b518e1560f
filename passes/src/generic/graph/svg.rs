//! A graph as a picture: layered from top to bottom, the costlier an op the warmer its box.
//!
//! Where boxes lie and how edges run is decided by `layout-rs`, after Sugiyama, Tagawa and Toda, Methods for Visual
//! Understanding of Hierarchical System Structures (1981).

use super::{Graph, Node, price};
use layout::{
    core::{
        base::Orientation,
        format::{ClipHandle, RenderBackend, Visible},
        geometry::{Point, Position},
        style::StyleAttr,
    },
    std_shapes::shapes::{Arrow, Element, ShapeKind},
    topo::layout::VisualGraph,
};
use std::fmt::Write;
use tessera_circuit::cost::OpCost;
use tessera_mlir::{Error, Result};

/// Widths and heights in pixels: of a character of the font, a line, the space inside a box and around it, the margin.
const CHARACTER: f64 = 7.25;
const LINE: f64 = 16.0;
const INSIDE: f64 = 8.0;
const AROUND: f64 = 26.0;
const MARGIN: f64 = 16.0;

/// Nodes up to which a graph is drawn: some seconds, and more than anybody reads.
const MOST_NODES: usize = 5000;

/// The picture of a graph.
///
/// # Errors
/// When it has too many nodes.
pub fn svg(graph: &Graph) -> Result<String> {
    if graph.nodes.len() > MOST_NODES {
        return Err(Error::new(format!(
            "a picture has up to {MOST_NODES} nodes, found {}; give a file name that ends in .dot, for other tools",
            graph.nodes.len()
        )));
    }
    let mut layout = VisualGraph::new(Orientation::TopToBottom);
    // its own check for cycles, which IR has none of, takes time exponential in the depth
    layout.dag.set_validate(false);
    let style = StyleAttr::simple();
    let handles = graph.nodes.iter().enumerate().map(|(index, node)| {
        let mut element = Element::create_with_properties(
            // the picture draws its own text: a box tells which node it is
            ShapeKind::new_box(""),
            style.clone(),
            Orientation::TopToBottom,
            Point::zero(),
            index.to_string(),
        );
        *element.position_mut() =
            Position::new(Point::zero(), size(node), Point::zero(), Point::splat(AROUND));
        layout.add_node(element)
    });
    let handles = handles.collect::<Vec<_>>();
    let mut edges = graph.edges.clone();
    // a value that an op reads twice is one line
    edges.dedup();
    for (from, to) in edges {
        layout.add_edge(Arrow::simple(""), handles[from], handles[to]);
    }
    let most = graph.nodes.iter().map(|node| work(node.cost)).max().unwrap_or_default().max(1);
    let mut picture = Picture {
        graph,
        most,
        arrows: String::new(),
        boxes: String::new(),
        low: (f64::MAX, f64::MAX),
        high: (f64::MIN, f64::MIN),
    };
    if !graph.nodes.is_empty() {
        layout.do_it(false, false, false, &mut picture);
    }
    Ok(picture.finish())
}

/// What a proof does for an op: a lookup costs about as much as a cell.
fn work(cost: OpCost) -> u64 {
    cost.witness + cost.lookups
}

fn texts(node: &Node) -> Vec<&str> {
    let lines = node.source.iter().chain(&node.lines).map(String::as_str);
    std::iter::once(node.title.as_str()).chain(lines).collect()
}

fn size(node: &Node) -> Point {
    let texts = texts(node);
    let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    Point::new(longest as f64 * CHARACTER + 2.0 * INSIDE, texts.len() as f64 * LINE + INSIDE)
}

/// A picture while it is drawn, and the rectangle that it fills.
struct Picture<'g> {
    graph: &'g Graph,
    /// The work of the costliest op.
    most: u64,
    arrows: String,
    boxes: String,
    low: (f64, f64),
    high: (f64, f64),
}

impl Picture<'_> {
    fn grow(&mut self, x: f64, y: f64) {
        self.low = (self.low.0.min(x), self.low.1.min(y));
        self.high = (self.high.0.max(x), self.high.1.max(y));
    }

    fn finish(mut self) -> String {
        let total = self.graph.cost();
        let head = match total == OpCost::default() {
            true => String::new(),
            false => format!("{}; warm boxes cost most", price(total)),
        };
        if self.graph.nodes.is_empty() {
            self.grow(0.0, 0.0);
        }
        let above = if head.is_empty() { 0.0 } else { 1.5 * LINE };
        let (left, top) = (self.low.0 - MARGIN, self.low.1 - MARGIN - above);
        let width = (self.high.0 + MARGIN - left).max(head.chars().count() as f64 * CHARACTER + 2.0 * MARGIN);
        let height = self.high.1 + MARGIN - top;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:.0} {top:.0} {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12">
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#5b6470"/></marker></defs>
<rect x="{left:.0}" y="{top:.0}" width="{width:.0}" height="{height:.0}" fill="#ffffff"/>
<text x="{:.0}" y="{:.0}" fill="#5b6470">{head}</text>
<g fill="none" stroke="#5b6470" stroke-width="1.2">
{}</g>
<g stroke="#38404a" text-anchor="middle">
{}</g>
</svg>
"##,
            left + MARGIN,
            top + MARGIN + LINE / 2.0,
            self.arrows,
            self.boxes
        )
    }

    /// White for an op without work, orange for the costliest, by the square root of its share.
    fn colour(&self, node: &Node) -> String {
        if node.is_port {
            return "#e6eefb".to_owned();
        }
        let share = (work(node.cost) as f64 / self.most as f64).sqrt();
        let mix = |from: f64, to: f64| (from + share * (to - from)).round() as u8;
        format!("#{:02x}{:02x}{:02x}", mix(255.0, 250.0), mix(255.0, 176.0), mix(255.0, 96.0))
    }
}

impl RenderBackend for Picture<'_> {
    fn draw_rect(
        &mut self,
        at: Point,
        size: Point,
        _: &StyleAttr,
        node: Option<String>,
        _: Option<ClipHandle>,
    ) {
        let node = node.and_then(|index| self.graph.nodes.get(index.parse::<usize>().ok()?));
        let Some(node) = node else { return };
        self.grow(at.x, at.y);
        self.grow(at.x + size.x, at.y + size.y);
        let colour = self.colour(node);
        let round = if node.is_port { 10 } else { 3 };
        // writing to a String does not fail
        let _ = writeln!(
            self.boxes,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="{round}" fill="{colour}"/>"#,
            at.x, at.y, size.x, size.y
        );
        for (index, text) in texts(node).into_iter().enumerate() {
            let style = match index {
                0 => r##"font-weight="bold" fill="#1d2329""##,
                _ => r##"fill="#38404a""##,
            };
            let (x, y) = (at.x + size.x / 2.0, at.y + (index as f64 + 1.0) * LINE);
            let _ = writeln!(
                self.boxes,
                r#"<text x="{x:.1}" y="{y:.1}" stroke="none" {style}>{}</text>"#,
                escape(text)
            );
        }
    }

    fn draw_arrow(
        &mut self,
        path: &[(Point, Point)],
        _: bool,
        _: (bool, bool),
        _: &StyleAttr,
        _: Option<String>,
        _: &str,
    ) {
        let [(from, leave), (enter, to), rest @ ..] = path else { return };
        for point in path.iter().flat_map(|(a, b)| [a, b]) {
            self.grow(point.x, point.y);
        }
        let point = |point: &Point| format!("{:.1} {:.1}", point.x, point.y);
        let mut line = format!("M{} C{}, {}, {}", point(from), point(leave), point(enter), point(to));
        for (enter, to) in rest {
            line += &format!(" S{}, {}", point(enter), point(to));
        }
        let _ = writeln!(self.arrows, r#"<path d="{line}" marker-end="url(#head)"/>"#);
    }

    fn draw_line(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_circle(&mut self, _: Point, _: Point, _: &StyleAttr, _: Option<String>) {}

    fn draw_text(&mut self, _: Point, _: &str, _: &StyleAttr) {}

    fn create_clip(&mut self, _: Point, _: Point, _: usize) -> ClipHandle {
        0
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(title: &str, witness: u64) -> Node {
        let cost = OpCost { witness, ..OpCost::default() };
        Node { title: title.to_owned(), cost, ..Node::default() }
    }

    /// What stands in quotes after a word, of every line that starts with another.
    fn read(picture: &str, line: &str, word: &str) -> Vec<f64> {
        let lines = picture.lines().filter(|text| text.starts_with(line));
        let values = lines.filter_map(|text| text.split_once(&format!(" {word}=\""))?.1.split('"').next());
        values.map(|value| value.parse().unwrap()).collect()
    }

    #[test]
    fn every_node_is_a_box_of_its_own_and_every_edge_an_arrow() {
        // blocks with a shortcut around them
        let nodes: Vec<Node> = (0..91).map(|i| node(&format!("op {i}"), i)).collect();
        let edges =
            (0..30).flat_map(|b| [(3 * b, 3 * b + 1), (3 * b + 1, 3 * b + 2), (3 * b + 2, 3 * b + 3)]);
        let shortcuts = (0..30).map(|b| (3 * b, 3 * b + 3));
        let graph = Graph { nodes, edges: edges.chain(shortcuts).collect() };
        let picture = svg(&graph).unwrap();
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|word| read(&picture, "<rect", word));
        // the first is the ground, which holds all others
        let apart = |i: usize, j: usize| {
            x[i] + width[i] <= x[j]
                || x[j] + width[j] <= x[i]
                || y[i] + height[i] <= y[j]
                || y[j] + height[j] <= y[i]
        };
        assert_eq!(x.len(), 92);
        for i in 1..92 {
            assert!(x[0] < x[i] && x[i] + width[i] < x[0] + width[0], "{i}");
            assert!(y[0] < y[i] && y[i] + height[i] < y[0] + height[0], "{i}");
            assert!((1..i).all(|j| apart(i, j)), "box {i} lies on another\n{picture}");
        }
        assert_eq!(picture.matches("marker-end").count(), 120);
        assert!((0..91).all(|i| picture.contains(&format!(">op {i}</text>"))));
        assert!(picture.contains("4,095 witness cells; warm boxes cost most"));
        // the costliest; the ground, and one without cost
        assert_eq!(picture.matches("fill=\"#fab060\"").count(), 1);
        assert_eq!(picture.matches("fill=\"#ffffff\"").count(), 2);
    }

    #[test]
    fn texts_are_escaped_and_an_empty_graph_is_a_picture() {
        let graph = Graph { nodes: vec![node("a<b>&c", 0)], edges: vec![] };
        assert!(svg(&graph).unwrap().contains(">a&lt;b&gt;&amp;c</text>"));
        let empty = svg(&Graph { nodes: vec![], edges: vec![] }).unwrap();
        assert!(empty.starts_with("<svg ") && empty.ends_with("</svg>\n") && !empty.contains("inf"));
    }

    #[test]
    fn too_many_nodes_are_refused() {
        let nodes = (0..=MOST_NODES).map(|_| node("op", 0)).collect();
        let error = svg(&Graph { nodes, edges: vec![] }).unwrap_err().to_string();
        assert!(
            error.contains("up to 5000 nodes, found 5001; give a file name that ends in .dot"),
            "{error}"
        );
    }
}
