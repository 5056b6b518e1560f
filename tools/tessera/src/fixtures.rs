//! Models and data inside the binary, and networks made on the spot: what `demo` shows and `bench` measures.
use crate::cli::Weights;
use crate::data::bind::Factor;
use crate::data::{Array, DataFile, Numbers};
use crate::failure::{Failure, Result};
use crate::networks;
use std::borrow::Cow;
use std::path::Path;

/// A model with data to calibrate it and to run it on.
#[derive(Clone, Copy, Debug)]
pub struct Fixture {
    /// What `--model` calls it.
    pub name: &'static str,
    /// Where model and data come from.
    pub source: Source,
    /// What the images' integers are divided by.
    pub divisor: f64,
    /// Inferences a proof covers.
    pub batch: usize,
    /// What the verifying key says of weights.
    pub weights: Weights,
    /// Whether proofs hide the input.
    pub zero_knowledge: bool,
}

/// Where a fixture comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Trained, with real data.
    Shipped {
        /// The ONNX file.
        onnx: &'static [u8],
        /// `.npz` with `images_u8` and `labels`.
        data: &'static [u8],
    },
    /// Random weights and random images.
    Generated {
        /// Writes the ONNX file.
        onnx: fn() -> Vec<u8>,
        /// Shape of an image, without the batch.
        image: &'static [usize],
    },
    /// A language model with random weights, GPT-2 small, which says tokens after a prompt until there are so many positions, and random texts.
    Text {
        /// Positions.
        positions: usize,
        /// Tokens of the shortest prompt.
        prompt: usize,
    },
}

const FMNIST: &[u8] = include_bytes!("../../../tests/models/fmnist_lenet_test1000.npz");
const LENET: Fixture = Fixture {
    name: "fmnist_lenet",
    source: Source::Shipped { onnx: include_bytes!("../../../tests/models/fmnist_lenet.onnx"), data: FMNIST },
    divisor: 255.0,
    batch: 1,
    weights: Weights::Public,
    zero_knowledge: false,
};
const DIGITS: Fixture = Fixture {
    name: "digits_mlp",
    source: Source::Shipped {
        onnx: include_bytes!("../../../tests/models/digits_mlp.onnx"),
        data: include_bytes!("../../../tests/models/digits_test.npz"),
    },
    divisor: 16.0,
    ..LENET
};
const VGG: Fixture = generated("vgg16", networks::vgg16, &[3, 32, 32]);

const fn generated(name: &'static str, onnx: fn() -> Vec<u8>, image: &'static [usize]) -> Fixture {
    Fixture {
        name,
        source: Source::Generated { onnx, image },
        divisor: 255.0,
        batch: 1,
        weights: Weights::Public,
        zero_knowledge: false,
    }
}

/// What is measured, in this order.
pub const ALL: [Fixture; 14] = [
    LENET,
    Fixture { name: "fmnist_lenet_x100", batch: 100, ..LENET },
    Fixture {
        name: "fmnist_lenet_dynamo",
        source: Source::Shipped {
            onnx: include_bytes!("../../../tests/models/fmnist_lenet.dynamo.onnx"),
            data: FMNIST,
        },
        ..LENET
    },
    DIGITS,
    generated("mlp", networks::mlp, &[784]),
    generated("mobilenet", networks::mobilenet, &[3, 32, 32]),
    generated("resnet18", networks::resnet18, &[3, 32, 32]),
    VGG,
    Fixture { name: "vgg16_committed", weights: Weights::Committed, ..VGG },
    Fixture { name: "vgg16_x16", batch: 16, ..VGG },
    Fixture { name: "vgg16_committed_x16", batch: 16, weights: Weights::Committed, ..VGG },
    Fixture { name: "digits_mlp_zk", zero_knowledge: true, ..DIGITS },
    Fixture { name: "fmnist_lenet_zk", zero_knowledge: true, ..LENET },
    Fixture { name: "vgg16_zk", zero_knowledge: true, ..VGG },
];

/// What is measured where it is asked for by name: each takes minutes.
pub const TEXTS: [Fixture; 2] = [text("gpt2_16", 16, 8), text("gpt2_64", 64, 32)];

const fn text(name: &'static str, positions: usize, prompt: usize) -> Fixture {
    Fixture { name, source: Source::Text { positions, prompt }, divisor: 1.0, ..LENET }
}

/// What is measured form by form, in this order.
pub const ABLATED: [Fixture; 5] = [
    LENET,
    VGG,
    generated("resnet18", networks::resnet18, &[3, 32, 32]),
    generated("mobilenet", networks::mobilenet, &[3, 32, 32]),
    generated("encoder", networks::encoder, &[64, 512]),
];

/// What a machine is measured by.
pub const CALIBRATED: [Fixture; 7] = [
    LENET,
    DIGITS,
    generated("mlp", networks::mlp, &[784]),
    generated("mobilenet", networks::mobilenet, &[3, 32, 32]),
    generated("resnet18", networks::resnet18, &[3, 32, 32]),
    VGG,
    generated("encoder", networks::encoder, &[64, 512]),
];

/// Generated images a fixture has.
const IMAGES: usize = 16;
/// Generated texts a fixture has.
const TEXTS_OF_EACH: usize = 4;

/// What the classes of Fashion-MNIST are called.
pub const CLOTHES: [&str; 10] = [
    "T-shirt or top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

impl Fixture {
    /// The one of that name.
    pub fn find(name: &str) -> Option<Fixture> {
        ALL.into_iter().chain(TEXTS).find(|f| f.name == name)
    }

    /// The ONNX file.
    pub fn onnx(&self) -> Cow<'static, [u8]> {
        match self.source {
            Source::Shipped { onnx, .. } => Cow::Borrowed(onnx),
            Source::Generated { onnx, .. } => Cow::Owned(onnx()),
            Source::Text { positions, .. } => Cow::Owned(networks::gpt(networks::gpt2(positions))),
        }
    }

    /// What a network of tokens is made to say tokens by, after prompts of so many at least.
    pub fn prompt(&self) -> Option<usize> {
        match self.source {
            Source::Text { prompt, .. } => Some(prompt),
            _ => None,
        }
    }

    /// Images or texts, and what their integers are multiplied by, where they are no ids.
    pub fn data(&self) -> Result<(DataFile, Option<Factor>)> {
        let file = match self.source {
            Source::Text { positions, .. } => {
                let ids = networks::texts(TEXTS_OF_EACH, positions, networks::gpt2(positions).vocabulary);
                let array =
                    Array { shape: vec![TEXTS_OF_EACH, positions], numbers: Numbers::I64(ids, "int64") };
                let arrays = vec![(None, array)];
                return Ok((DataFile { path: self.name.into(), arrays, unreadable: vec![] }, None));
            }
            Source::Shipped { .. } => {
                let mut file = self.labelled()?;
                let images = file.take("images_u8")?;
                file.arrays = vec![(None, images)];
                file
            }
            Source::Generated { image, .. } => {
                let bytes = networks::images(IMAGES, image);
                let numbers = Numbers::I64(bytes.into_iter().map(i64::from).collect(), "uint8");
                let array = Array { shape: [&[IMAGES], image].concat(), numbers };
                DataFile { path: self.name.into(), arrays: vec![(None, array)], unreadable: vec![] }
            }
        };
        Ok((file, Some(Factor { numerator: 1.0, denominator: self.divisor })))
    }

    /// All arrays of a shipped data set, labels among them.
    pub fn labelled(&self) -> Result<DataFile> {
        match self.source {
            Source::Shipped { data, .. } => DataFile::parse(data, Path::new(self.name)),
            _ => Err(Failure::new(format!("{} has no labels", self.name))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixture_has_images_and_shipped_ones_have_labels() {
        for f in ALL {
            let (images, _) = f.data().unwrap();
            let n = images.arrays[0].1.shape[0];
            assert!(n >= f.batch, "{}", f.name);
            if let Source::Shipped { .. } = f.source {
                let labels = f.labelled().unwrap().take("labels").unwrap();
                assert_eq!(labels.shape, [n], "{}", f.name);
            }
            assert_eq!(Fixture::find(f.name).unwrap().batch, f.batch);
        }
        for f in TEXTS {
            let (texts, factor) = Fixture::find(f.name).unwrap().data().unwrap();
            assert!(factor.is_none() && f.prompt().unwrap() <= texts.arrays[0].1.shape[1], "{}", f.name);
        }
        assert!(Fixture::find("nothing").is_none());
    }
}
