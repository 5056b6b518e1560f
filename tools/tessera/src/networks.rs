//! Networks made on the spot for `bench`: the shapes that papers measure, with random weights.
//!
//! What a proof costs depends on shapes and value ranges, not on what a network has learnt. Weights are drawn as at the start of
//! training (He et al. 2015: variance 2/fan-in), so that activations keep their scale from layer to layer.
//!
//! Invariant: the same name gives the same bytes.
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tessera_import_onnx::write::{Conv, Tensor, Writer};

/// A writer with a source of weights.
struct Net {
    writer: Writer,
    rng: SmallRng,
}

impl Net {
    fn new(name: &str) -> Net {
        Net { writer: Writer::new(name), rng: SmallRng::seed_from_u64(0x07e5_5e7a) }
    }

    /// Roughly normal values of variance 2/fan-in: sums of three uniform ones.
    fn weights(&mut self, count: usize, fan_in: usize, gain: f32) -> Vec<f32> {
        let scale = gain * (2.0 / fan_in as f32).sqrt() * 2.0;
        let rng = &mut self.rng;
        let mut draw = || rng.random::<f32>() - 0.5;
        (0..count).map(|_| (draw() + draw() + draw()) * scale).collect()
    }

    fn biases(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.rng.random::<f32>() - 0.5) * 0.1).collect()
    }

    fn conv(&mut self, x: &Tensor, outputs: usize, size: usize, c: Conv, gain: f32) -> Tensor {
        let inputs = x.shape[1] / c.groups;
        let fan_in = inputs * size * size;
        let (w, b) = (self.weights(outputs * fan_in, fan_in, gain), self.biases(outputs));
        self.writer.conv(x, ([outputs, inputs, size, size], &w), &b, c)
    }

    fn conv_relu(&mut self, x: &Tensor, outputs: usize, size: usize, c: Conv) -> Tensor {
        let y = self.conv(x, outputs, size, c, 1.0);
        self.writer.relu(&y)
    }

    fn linear(&mut self, x: &Tensor, outputs: usize) -> Tensor {
        let (w, b) = (self.weights(outputs * x.shape[1], x.shape[1], 1.0), self.biases(outputs));
        self.writer.linear(x, outputs, &w, &b)
    }

    /// Numbers for the features of a tensor, near 1 and near 0: normalized, multiplied, added.
    fn norm(&mut self, name: &str, x: &Tensor) -> Tensor {
        let width = x.shape[2];
        let factor: Vec<f32> = self.biases(width).iter().map(|b| 1.0 + b).collect();
        let factor = self.writer.parameter(&format!("{name}.factor"), &[width], &factor);
        let bias = self.biases(width);
        let bias = self.writer.parameter(&format!("{name}.bias"), &[width], &bias);
        self.writer.layer_norm(x, &factor, &bias)
    }

    /// A linear layer on the last of three axes.
    fn dense(&mut self, name: &str, x: &Tensor, outputs: usize, gain: f32) -> Tensor {
        let inputs = x.shape[2];
        let w = self.weights(inputs * outputs, inputs, gain);
        let w = self.writer.parameter(&format!("{name}.weight"), &[inputs, outputs], &w);
        let b = self.biases(outputs);
        let b = self.writer.parameter(&format!("{name}.bias"), &[outputs], &b);
        let y = self.writer.matmul(x, &w);
        self.writer.add(&y, &b)
    }
}

const SAME: Conv = Conv { stride: 1, pad: 1, groups: 1 };

/// VGG-16 for 32×32 images (Simonyan and Zisserman 2015, configuration D, with three linear layers of 512, 512 and 10): 15.2 M
/// weights, 313 M multiplications.
pub fn vgg16() -> Vec<u8> {
    let mut n = Net::new("vgg16");
    let mut x = n.writer.input("image", &[1, 3, 32, 32]);
    for block in [&[64, 64][..], &[128, 128], &[256; 3], &[512; 3], &[512; 3]] {
        for channels in block {
            x = n.conv_relu(&x, *channels, 3, SAME);
        }
        x = n.writer.max_pool(&x, 2);
    }
    x = n.writer.flatten(&x);
    for _ in 0..2 {
        x = n.linear(&x, 512);
        x = n.writer.relu(&x);
    }
    let y = n.linear(&x, 10);
    n.writer.finish(&y)
}

/// ResNet-18 for 32×32 images (He et al. 2016, the variant with a 3×3 stem and no pooling after it): 11.2 M weights, 556 M
/// multiplications. Batch normalization is folded, as any deployment does.
pub fn resnet18() -> Vec<u8> {
    let mut n = Net::new("resnet18");
    let x = n.writer.input("image", &[1, 3, 32, 32]);
    let mut x = n.conv_relu(&x, 64, 3, SAME);
    for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let y = n.conv_relu(&x, channels, 3, Conv { stride, ..SAME });
            // the sum of both branches keeps the scale
            let y = n.conv(&y, channels, 3, SAME, 0.7);
            let shortcut = if x.shape == y.shape {
                x.clone()
            } else {
                n.conv(&x, channels, 1, Conv { stride, pad: 0, groups: 1 }, 0.7)
            };
            let sum = n.writer.add(&y, &shortcut);
            x = n.writer.relu(&sum);
        }
    }
    let x = n.writer.global_average(&x);
    let y = n.linear(&x, 10);
    n.writer.finish(&y)
}

/// A network of depthwise and pointwise convolutions for 32×32 images in the style of MobileNet (Howard et al. 2017), half as wide:
/// 0.8 M weights.
pub fn mobilenet() -> Vec<u8> {
    let mut n = Net::new("mobilenet");
    let x = n.writer.input("image", &[1, 3, 32, 32]);
    let mut x = n.conv_relu(&x, 16, 3, SAME);
    let layers =
        [(32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (256, 1), (512, 2), (512, 1)];
    for (channels, stride) in layers {
        let groups = x.shape[1];
        x = n.conv_relu(&x, groups, 3, Conv { stride, pad: 1, groups });
        x = n.conv_relu(&x, channels, 1, Conv { stride: 1, pad: 0, groups: 1 });
    }
    let x = n.writer.global_average(&x);
    let y = n.linear(&x, 10);
    n.writer.finish(&y)
}

/// A perceptron with two hidden layers of 512 on 784 inputs: 0.67 M weights.
pub fn mlp() -> Vec<u8> {
    let mut n = Net::new("mlp");
    let mut x = n.writer.input("image", &[1, 784]);
    for _ in 0..2 {
        x = n.linear(&x, 512);
        x = n.writer.relu(&x);
    }
    let y = n.linear(&x, 10);
    n.writer.finish(&y)
}

/// A layer of an encoder that reads 64 tokens (Vaswani et al. 2017, the base model: 512 wide, 8 heads, 2048 in the part between, sums
/// before normalizations): 3.2 M weights. Queries, keys and values are products of their own, as exporters write them.
pub fn encoder() -> Vec<u8> {
    let (positions, width, heads, inner) = (64, 512, 8, 2048);
    let mut n = Net::new("encoder");
    let x = n.writer.input("tokens", &[1, positions, width]);
    let [q, k, v] = ["query", "key", "value"].map(|name| {
        let y = n.dense(name, &x, width, 0.7);
        let y = n.writer.reshape(&y, &[1, positions, heads, width / heads]);
        n.writer.transpose(&y, &[0, 2, 1, 3])
    });
    let k = n.writer.transpose(&k, &[0, 1, 3, 2]);
    let scores = n.writer.matmul(&q, &k);
    let scores = n.writer.with_number("Div", &scores, (width as f32 / heads as f32).sqrt());
    let shares = n.writer.softmax(&scores);
    let y = n.writer.matmul(&shares, &v);
    let y = n.writer.transpose(&y, &[0, 2, 1, 3]);
    let y = n.writer.reshape(&y, &[1, positions, width]);
    let y = n.dense("of_heads", &y, width, 0.7);
    let x = n.writer.add(&x, &y);
    let x = n.norm("after_attention", &x);
    let y = n.dense("up", &x, inner, 1.0);
    let y = n.writer.relu(&y);
    let y = n.dense("down", &y, width, 0.7);
    let y = n.writer.add(&x, &y);
    let y = n.norm("after_layers", &y);
    n.writer.finish(&y)
}

/// Sizes of a language model of GPT-2's architecture (Radford et al. 2019).
#[derive(Clone, Copy, Debug)]
pub struct Gpt {
    /// Layers.
    pub layers: usize,
    /// Numbers a token is, a multiple of the heads.
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Tokens there are.
    pub vocabulary: usize,
    /// Tokens that are read at once.
    pub positions: usize,
}

/// GPT-2 small, 124 M weights, for texts of so many tokens.
pub const fn gpt2(positions: usize) -> Gpt {
    Gpt { layers: 12, width: 768, heads: 12, vocabulary: 50257, positions }
}

/// A language model: scores of the next token at every position. The table of tokens is that of the scores too, as in GPT-2.
pub fn gpt(sizes: Gpt) -> Vec<u8> {
    let Gpt { layers, width, heads, vocabulary, positions } = sizes;
    let mut n = Net::new("gpt");
    let ids = n.writer.ids("ids", &[1, positions]);
    let draw = |n: &mut Net, name: &str, shape: &[usize], gain: f32| {
        let values = n.weights(shape.iter().product(), 2, gain);
        n.writer.parameter(name, shape, &values)
    };
    let table = draw(&mut n, "wte", &[vocabulary, width], 0.1);
    let places = draw(&mut n, "wpe", &[positions, width], 0.1);
    let rows = n.writer.gather(&table, &ids);
    let mut x = n.writer.add(&rows, &places);
    // the sums of all branches keep the scale
    let branch = 0.5 / (layers as f32).sqrt();
    for layer in 0..layers {
        let y = n.norm(&format!("{layer}.before_attention"), &x);
        let y = n.dense(&format!("{layer}.attention"), &y, 3 * width, 0.7);
        let part = |n: &mut Net, part: usize| {
            let part = n.writer.slice(&y, &[0, 0, part * width], &[1, positions, width]);
            let part = n.writer.reshape(&part, &[1, positions, heads, width / heads]);
            n.writer.transpose(&part, &[0, 2, 1, 3])
        };
        let [q, k, v] = [0, 1, 2].map(|i| part(&mut n, i));
        let k = n.writer.transpose(&k, &[0, 1, 3, 2]);
        let scores = n.writer.matmul(&q, &k);
        let scores = n.writer.with_number("Div", &scores, (width as f32 / heads as f32).sqrt());
        let shares = n.writer.causal_softmax(&scores);
        let y = n.writer.matmul(&shares, &v);
        let y = n.writer.transpose(&y, &[0, 2, 1, 3]);
        let y = n.writer.reshape(&y, &[1, positions, width]);
        let y = n.dense(&format!("{layer}.of_heads"), &y, width, branch);
        x = n.writer.add(&x, &y);
        let y = n.norm(&format!("{layer}.before_layers"), &x);
        let y = n.dense(&format!("{layer}.up"), &y, 4 * width, 1.0);
        let y = n.writer.function("Gelu(tanh)", &y);
        let y = n.dense(&format!("{layer}.down"), &y, width, branch);
        x = n.writer.add(&x, &y);
    }
    let x = n.norm("last", &x);
    let head = n.writer.transpose(&table, &[1, 0]);
    let scores = n.writer.matmul(&x, &head);
    n.writer.finish(&scores)
}

/// Ids below `below`, evenly drawn: `count` texts of `positions`.
pub fn texts(count: usize, positions: usize, below: usize) -> Vec<i64> {
    let mut rng = SmallRng::seed_from_u64(7);
    (0..count * positions).map(|_| rng.random_range(0..below as i64)).collect()
}

/// Images of noise around a random colour, `count` times `shape`, as bytes.
pub fn images(count: usize, shape: &[usize]) -> Vec<u8> {
    let mut rng = SmallRng::seed_from_u64(7);
    let per_image: usize = shape.iter().product();
    let plane: usize = shape.iter().skip(1).product::<usize>().max(1);
    let mut out = Vec::with_capacity(count * per_image);
    for _ in 0..count {
        for at in (0..per_image).step_by(plane) {
            let mean: f32 = 40.0 + 175.0 * rng.random::<f32>();
            let noise = |_| (mean + 80.0 * (rng.random::<f32>() - 0.5)).clamp(0.0, 255.0) as u8;
            out.extend((at..(at + plane).min(per_image)).map(noise));
        }
    }
    out
}
