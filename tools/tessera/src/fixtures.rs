//! Models and data inside the binary: what `demo` shows and `bench` measures.
use crate::data::DataFile;
use crate::data::bind::Factor;
use crate::failure::Result;
use std::path::Path;

/// A model with data to calibrate it and to run it on.
#[derive(Clone, Copy, Debug)]
pub struct Fixture {
    /// What `--model` calls it.
    pub name: &'static str,
    /// The ONNX file.
    pub onnx: &'static [u8],
    /// `.npz` with images and labels.
    pub data: &'static [u8],
    /// Name of the images in it.
    pub images: &'static str,
    /// What its integers are divided by.
    pub divisor: f64,
    /// Inferences a proof covers.
    pub batch: usize,
}

const FMNIST: &[u8] = include_bytes!("../../../tests/models/fmnist_lenet_test1000.npz");
const LENET: Fixture = Fixture {
    name: "fmnist_lenet",
    onnx: include_bytes!("../../../tests/models/fmnist_lenet.onnx"),
    data: FMNIST,
    images: "images_u8",
    divisor: 255.0,
    batch: 1,
};

/// What is measured, in this order.
pub const ALL: [Fixture; 4] = [
    LENET,
    Fixture { name: "fmnist_lenet_x100", batch: 100, ..LENET },
    Fixture {
        name: "fmnist_lenet_dynamo",
        onnx: include_bytes!("../../../tests/models/fmnist_lenet.dynamo.onnx"),
        ..LENET
    },
    Fixture {
        name: "digits_mlp",
        onnx: include_bytes!("../../../tests/models/digits_mlp.onnx"),
        data: include_bytes!("../../../tests/models/digits_test.npz"),
        images: "images_u8",
        divisor: 16.0,
        batch: 1,
    },
];

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
        ALL.into_iter().find(|f| f.name == name)
    }

    /// Images, and what their integers are multiplied by.
    pub fn images(&self) -> Result<(DataFile, Factor)> {
        let mut file = self.labels()?;
        let images = file.take(self.images)?;
        file.arrays = vec![(None, images)];
        Ok((file, Factor { numerator: 1.0, denominator: self.divisor }))
    }

    /// All arrays, labels among them.
    pub fn labels(&self) -> Result<DataFile> {
        DataFile::parse(self.data, Path::new(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixture_has_images_and_labels() {
        for f in ALL {
            let (images, _) = f.images().unwrap();
            let n = images.arrays[0].1.shape[0];
            let labels = f.labels().unwrap().take("labels").unwrap();
            assert_eq!(labels.shape, [n], "{}", f.name);
            assert_eq!(Fixture::find(f.name).unwrap().batch, f.batch);
        }
        assert!(Fixture::find("nothing").is_none());
    }
}
