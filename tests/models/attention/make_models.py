"""Writes the small transformers of this folder as torch exports them, with inputs and what torch gives for them.

Run it by hand when one is added (torch 1.13: `python make_models.py`); the files are kept in the repository.

  NAME.onnx  a model with random weights
  NAME.npz   inputs by name, one case a row, and torch's outputs as `expected`
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LEAST = torch.finfo(torch.float32).min


def heads(x, count):
    return x.view(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], -1)


def additive(mask):
    """0 where a token counts and the least number where it is padding, as Hugging Face's models compute it."""
    return (1.0 - mask[:, None, None, :].to(torch.float32)) * LEAST


class Masked(nn.Module):
    """Attention of texts of several lengths: how exporters spell the same mask."""

    def __init__(self, spelling, length, width=16, count=2):
        super().__init__()
        self.spelling, self.count = spelling, count
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("causal", torch.ones(1, 1, length, length, dtype=torch.bool).tril())

    def masked(self, a, mask):
        n = a.shape[-1]
        if self.spelling == "fill_infinite":
            return a.masked_fill((mask == 0).view(-1, 1, 1, n).expand_as(a), float("-inf"))
        if self.spelling == "fill_large":
            return a.masked_fill(~mask[:, None, None, :].bool(), -1e9)
        if self.spelling == "causal_and_added":
            return torch.where(self.causal, a, torch.full([], LEAST)) + additive(mask)
        if self.spelling == "combined":
            least = torch.full((n, n), LEAST).triu(1)[None, None]
            padding = (least == 0) & (mask[:, None, None, :] == 0)
            return a + least.expand(1, 1, n, n).masked_fill(padding, LEAST)
        if self.spelling == "inverted":
            inverted = 1.0 - mask[:, None, None, :].expand(1, 1, n, n).to(a.dtype)
            return a + inverted.masked_fill(inverted.to(torch.bool), LEAST)
        if self.spelling == "bounded":
            return torch.max(a + additive(mask), torch.tensor(LEAST))
        assert self.spelling == "added_to_biases"
        return a + self.causal.float() + additive(mask)

    def forward(self, x, mask):
        q, k, v = (heads(t, self.count) for t in self.inputs(x).chunk(3, -1))
        a = self.masked(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), mask)
        return self.output(joined(F.softmax(a, -1) @ v))


class BertLayer(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.count = count
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.after_attention, self.after_layers = (nn.LayerNorm(width, eps=1e-12) for _ in range(2))

    def forward(self, x, mask):
        q, k, v = (heads(f(x), self.count) for f in (self.query, self.key, self.value))
        a = F.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask, -1)
        x = self.after_attention(self.dense(joined(a @ v)) + x)
        return self.after_layers(self.down(F.gelu(self.up(x))) + x)


class Bert(nn.Module):
    """A classifier of pairs of texts (Devlin et al. 2019)."""

    def __init__(self, length, vocabulary=40, width=24, count=2, layers=2):
        super().__init__()
        self.words, self.kinds = nn.Embedding(vocabulary, width), nn.Embedding(2, width)
        self.places, self.norm = nn.Embedding(length, width), nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(BertLayer(width, count) for _ in range(layers))
        self.pool, self.classes = nn.Linear(width, width), nn.Linear(width, 3)
        self.register_buffer("at", torch.arange(length)[None])

    def forward(self, ids, mask, kinds):
        x = self.norm(self.words(ids) + self.kinds(kinds) + self.places(self.at))
        for layer in self.layers:
            x = layer(x, additive(mask))
        return self.classes(torch.tanh(self.pool(x[:, 0])))


class Vit(nn.Module):
    """A classifier of images cut into patches, with a token of the class before them (Dosovitskiy et al. 2021)."""

    def __init__(self, size=16, patch=4, width=24, count=2, layers=2):
        super().__init__()
        self.patches, tokens = nn.Conv2d(3, width, patch, patch), (size // patch) ** 2 + 1
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, tokens, width))
        layer = lambda: nn.ModuleList(
            [
                nn.LayerNorm(width, eps=1e-6),
                nn.MultiheadAttention(width, count, batch_first=True),
                nn.LayerNorm(width, eps=1e-6),
                nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)),
            ]
        )
        self.layers, self.norm = nn.ModuleList(layer() for _ in range(layers)), nn.LayerNorm(width, eps=1e-6)
        self.classes = nn.Linear(width, 5)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        for before, attention, middle, layers in self.layers:
            y = before(x)
            x = x + attention(y, y, y, need_weights=False)[0]
            x = x + layers(middle(x))
        return self.classes(self.norm(x)[:, 0])


class Rms(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.factor = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x):
        return self.factor * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))


def turned(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), -1)


class Llama(nn.Module):
    """A decoder layer with rotary positions, shared keys and values, and a gate (Touvron et al. 2023)."""

    def __init__(self, length, width=32, count=4, shared=2, inner=48):
        super().__init__()
        self.count, self.shared, size = count, shared, width // count
        linear = lambda a, b: nn.Linear(a, b, bias=False)
        self.q, self.k, self.v = linear(width, width), linear(width, shared * size), linear(width, shared * size)
        self.o, self.gate, self.up = linear(width, width), linear(width, inner), linear(width, inner)
        self.down, self.before, self.middle = linear(inner, width), Rms(width), Rms(width)
        turns = torch.outer(torch.arange(length).float(), 1e4 ** (-torch.arange(0, size, 2) / size))
        turns = torch.cat((turns, turns), -1)
        self.register_buffer("cos", turns.cos())
        self.register_buffer("sin", turns.sin())
        self.register_buffer("least", torch.full((length, length), LEAST).triu(1))

    def forward(self, x):
        y = self.before(x)
        q, k, v = heads(self.q(y), self.count), heads(self.k(y), self.shared), heads(self.v(y), self.shared)
        q, k = (t * self.cos + turned(t) * self.sin for t in (q, k))
        copies = (1, self.shared, self.count // self.shared, *k.shape[2:])
        k, v = (t[:, :, None].expand(copies).reshape(q.shape) for t in (k, v))
        a = F.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + self.least, -1)
        x = x + self.o(joined(a @ v))
        y = self.middle(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


def save(name, model, opset=14, **inputs):
    model.eval()
    count = len(next(iter(inputs.values())))
    cases = [[v[i : i + 1] for v in inputs.values()] for i in range(count)]
    with torch.no_grad():
        expected = torch.cat([model(*case) for case in cases])
    torch.onnx.export(
        model, tuple(cases[0]), name + ".onnx", input_names=list(inputs), output_names=["y"], opset_version=opset
    )
    np.savez_compressed(name + ".npz", expected=expected.numpy(), **{k: v.numpy() for k, v in inputs.items()})


def lengths(count, length):
    return (torch.arange(length)[None] < torch.randint(2, length + 1, (count, 1))).long()


if __name__ == "__main__":
    torch.manual_seed(0)
    spellings = ["fill_infinite", "fill_large", "causal_and_added", "combined", "inverted", "bounded", "added_to_biases"]
    for spelling in spellings:
        save(f"mask_{spelling}", Masked(spelling, 8), x=torch.randn(8, 8, 16), mask=lengths(8, 8))
    texts = dict(ids=torch.randint(0, 40, (8, 10)), mask=lengths(8, 10), kinds=(torch.arange(10) > 5).long().repeat(8, 1))
    bert = Bert(10)
    save("bert", bert, **texts)
    save("bert_fused", bert, opset=17, **texts)
    save("vit", Vit(), x=torch.randn(8, 3, 16, 16))
    save("llama", Llama(10), x=torch.randn(8, 10, 32))
