//! Forms of a circuit and of its placement that are taken by default. Each can be left out, so that it is measured what it is worth.
//!
//! Invariant: what is left out changes what a proof costs, and never what it says; but for `sums`, which is rounded otherwise, the model
//! computes the same integers.
use crate::failure::{Failure, Result};
use tessera_circuit_to_program::PlaceOptions;

/// A form that can be left out.
#[derive(Debug)]
pub struct Form {
    /// What `--without` calls it.
    pub name: &'static str,
    /// What it is.
    pub summary: &'static str,
    /// How to leave it out.
    off: Off,
}

/// How a form is left out.
#[derive(Debug)]
enum Off {
    /// Without a pass.
    Pass(&'static str),
    /// With an option of a pass.
    Option(&'static str, &'static str),
    /// With an option of placement.
    Placement(fn(&mut PlaceOptions)),
    /// The optimizer asks for it by name.
    Asked,
}

const fn form(name: &'static str, off: Off, summary: &'static str) -> Form {
    Form { name, summary, off }
}

/// Equal forms side by side in an e-graph, and the cheapest taken.
pub const EGRAPH: &str = "egraph";
/// Forms of the e-graph are chosen by an integer program too.
pub const ILP: &str = "ilp";
/// Forms that the e-graph finds are placed, and rules left out that do not gain there.
pub const SEARCH: &str = "search";
/// Convolutions as products of polynomials.
pub const TRANSFORM: &str = "transform";

/// All forms that can be left out.
pub const FORMS: &[Form] = &[
    form(
        "sums",
        Off::Option("convert-nn-to-qnn", "merge-sums=false"),
        "sums are rounded once, with what they add up",
    ),
    form(
        "pads",
        Off::Pass("qnn-absorb-pads"),
        "zeros around an image are part of the convolution that reads it",
    ),
    form(
        "attention",
        Off::Pass("qnn-split-attention"),
        "attention leaves out what its mask leaves out, in blocks of rows",
    ),
    form(
        TRANSFORM,
        Off::Option("convert-qnn-to-circuit", "convolution=direct"),
        "convolutions are products of polynomials where that is cheaper; without, every tap reads the image",
    ),
    form(
        "lengths",
        Off::Option("convert-qnn-to-circuit", "lengths=false"),
        "sums of normalized rows are bounded by their length",
    ),
    form(
        "wide-clamps",
        Off::Option("convert-qnn-to-circuit", "wide-clamps=false"),
        "clamps of more than 16 bits are one lookup in a taller table, where enough elements share it",
    ),
    form("scales", Off::Pass("circuit-absorb-scale"), "constant factors are part of weights"),
    form(
        "views",
        Off::Pass("circuit-hoist-views"),
        "elementwise work, ranges too, is done on what is read alone, lane by lane of a pooling",
    ),
    form(
        "limbs",
        Off::Pass("circuit-narrow-splits"),
        "what is rounded is split into as few bits as are proven to be needed",
    ),
    form("maxima", Off::Pass("circuit-sink-lookups"), "maxima are taken before lookups"),
    form("lookups", Off::Pass("circuit-compose-lookups"), "two lookups, one of the other, are one"),
    form("packing", Off::Placement(|o| o.pack = false), "weights of two output channels share a cell"),
    form(
        "biases",
        Off::Placement(|o| o.biases = Some(false)),
        "biases are rows of weights where that is cheaper",
    ),
    form(
        "determined",
        Off::Placement(|o| o.determined = false),
        "parts and products that other cells determine have no cells",
    ),
    form(
        "blocks",
        Off::Placement(|o| o.blocks = false),
        "rows of a layer stand channel by channel in blocks",
    ),
    form("sharing", Off::Placement(|o| o.shared = false), "layers of one kind of row share tables"),
    form(
        "division",
        Off::Placement(|o| o.divided = false),
        "layers of one kind are divided into tables such that little is padding",
    ),
    form(EGRAPH, Off::Asked, "equal forms stand side by side in an e-graph, and the cheapest is taken"),
    form(
        ILP,
        Off::Asked,
        "an integer program chooses among the e-graph's forms too, and what is placed at less cost is taken",
    ),
    form(
        SEARCH,
        Off::Asked,
        "what the e-graph finds is placed, and rules that gain nothing there are left out",
    ),
];

/// Which forms are left out; none by default.
#[derive(Clone, Debug, Default)]
pub struct Forms {
    without: Vec<&'static Form>,
    /// Rules of the e-graph that are left out.
    pub rules: Vec<String>,
    /// Whether equal forms of the network are tried too, which is no default: their integers are rounded otherwise.
    pub network: bool,
}

impl Forms {
    /// All but these, or none where one of them is `all`.
    ///
    /// # Errors
    /// Where there is no form of a name.
    pub fn without<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Forms> {
        let mut forms = Forms::default();
        for name in names {
            let named: Vec<&Form> = FORMS.iter().filter(|form| name == "all" || form.name == name).collect();
            if named.is_empty() {
                let all: Vec<&str> = FORMS.iter().map(|form| form.name).chain(["all"]).collect();
                return Err(Failure::new(format!("there is no form {name:?}")).expected(all.join(", ")));
            }
            forms.without.extend(named);
        }
        Ok(forms)
    }

    /// With or without equal forms of the network.
    pub fn with_network(self, network: bool) -> Forms {
        Forms { network, ..self }
    }

    /// Whether a form is taken.
    pub fn has(&self, name: &str) -> bool {
        self.without.iter().all(|form| form.name != name)
    }

    /// A pipeline without what is left out.
    pub fn pipeline(&self, pipeline: &str) -> String {
        let mut passes: Vec<String> = passes(pipeline).into_iter().map(str::to_owned).collect();
        for form in &self.without {
            match form.off {
                Off::Pass(name) => passes.retain(|pass| pass != name),
                Off::Option(name, option) => {
                    for pass in passes.iter_mut().filter(|pass| pass.split('{').next() == Some(name)) {
                        *pass = match pass.strip_suffix('}') {
                            Some(others) => format!("{others} {option}}}"),
                            None => format!("{pass}{{{option}}}"),
                        };
                    }
                }
                Off::Placement(_) | Off::Asked => {}
            }
        }
        format!("builtin.module({})", passes.join(","))
    }

    /// Options of placement without what is left out.
    pub fn place(&self, options: PlaceOptions) -> PlaceOptions {
        let mut options = options;
        for form in &self.without {
            if let Off::Placement(leave_out) = form.off {
                leave_out(&mut options);
            }
        }
        options
    }

    /// What is left out that no pipeline shows, for who reads a model's metadata.
    pub fn note(&self) -> Option<String> {
        let placed = |form: &&&Form| matches!(form.off, Off::Placement(_));
        let names: Vec<&str> = self.without.iter().filter(placed).map(|form| form.name).collect();
        (!names.is_empty()).then(|| format!("placed without {}", names.join(", ")))
    }
}

/// The passes of a pipeline, with their options.
pub fn passes(pipeline: &str) -> Vec<&str> {
    let inner = pipeline.trim().strip_prefix("builtin.module(").and_then(|inner| inner.strip_suffix(')'));
    let mut depth = 0i32;
    let apart = |c: char| {
        depth += i32::from(c == '{' || c == '(') - i32::from(c == '}' || c == ')');
        c == ',' && depth == 0
    };
    inner.unwrap_or(pipeline).split(apart).filter(|pass| !pass.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tessera_mlir::pipeline::unknown_passes;
    use zk_opt::pipeline::default_pipeline;

    /// A switch that does nothing measures nothing.
    #[test]
    fn every_form_changes_the_pipeline_or_the_placement() {
        zk_opt::register_all();
        let place = PlaceOptions::new(tessera_backends::default());
        for form in FORMS {
            let forms = Forms::without([form.name]).unwrap();
            let pipeline = forms.pipeline(&default_pipeline());
            assert_eq!(unknown_passes(&pipeline), Vec::<String>::new(), "{}", form.name);
            let placed = format!("{:?}", forms.place(place.clone())) != format!("{place:?}");
            let asked = matches!(form.off, Off::Asked);
            assert_eq!((pipeline != default_pipeline()) ^ placed, !asked, "{}", form.name);
            assert!(!forms.has(form.name) && Forms::default().has(form.name), "{}", form.name);
        }
        assert_eq!(Forms::default().pipeline(&default_pipeline()), default_pipeline());
    }

    #[test]
    fn options_of_one_pass_stand_together() {
        let forms = Forms::without(["sums", "pads", "transform", "lengths"]).unwrap();
        let left = forms.pipeline("builtin.module(qnn-absorb-pads,convert-nn-to-qnn{params=a},qnn-take-input{name=b scale=1},convert-qnn-to-circuit)");
        assert_eq!(
            left,
            "builtin.module(convert-nn-to-qnn{params=a merge-sums=false},qnn-take-input{name=b scale=1},\
             convert-qnn-to-circuit{convolution=direct lengths=false})"
        );
        assert!(Forms::without(["nothing"]).is_err());
        assert!(FORMS.iter().all(|form| !Forms::without(["all"]).unwrap().has(form.name)));
    }
}
