"""Language models: a text and one proof of it."""

import json

import numpy as np
import pytest
import tessera
from conftest import MODELS


def test_a_text_has_one_proof(gpt, tmp_path):
    vocabulary = json.loads((MODELS / "gpt2_tiny_vocab.json").read_text())
    ids = vocabulary if isinstance(vocabulary, dict) else {c: i for i, c in enumerate(vocabulary)}
    names = {i: c for c, i in ids.items()}
    said = gpt.generate([ids[c] for c in "To be"])
    assert "".join(names[i] for i in said.tokens) == " the shall t" and 1 < said.runs <= 13
    assert said.proof.text == said.text == gpt.verify(said.proof).text
    said.proof.save(tmp_path / "text.proof")
    gpt.verifying_key.save(tmp_path / "gpt.vk")
    assert tessera.verify(tmp_path / "gpt.vk", tmp_path / "text.proof").text.generated == said.tokens
    assert "after the prompt" in said.proof._repr_html_()
    # a token of the model's own is not one of the prompt that somebody else gave
    shorter = gpt.generate(np.array([[ids[c] for c in "To be "]]), tokens=2, prove=False)
    assert shorter.tokens == said.tokens[1:3] and shorter.proof is None


def test_a_changed_claim_is_noticed(gpt):
    said = gpt.generate([52, 79, 0, 66, 69], tokens=3)
    good = said.proof.to_bytes()
    refused = 0
    # the claim is at the end of the file or near its head; wherever it is, no changed byte of the file verifies as another text
    for at in [*range(len(good) - 40, len(good)), *range(0, 200)]:
        bad = bytearray(good)
        bad[at] ^= 1
        try:
            assert tessera.verify(gpt.verifying_key, bytes(bad)).text == said.text
        except (tessera.ProofRejected, tessera.UseError):
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    "prompt, tokens, words",
    [
        ([], None, "1 to 16 tokens"),
        ([1] * 17, None, "1 to 16 tokens"),
        ([1, 200], None, "none of the model's"),
        ([1, 2], 40, "do not fit into the model"),
        ([1, 2], 0, "1 token or more"),
        ("To be", None, "a tokenizer makes ids of words"),
        ([0.5], None, "a tokenizer makes ids of words"),
        ([[1, 2], [3, 4]], None, "of one text"),
    ],
)
def test_prompts_that_do_not_fit_are_refused(gpt, prompt, tokens, words):
    with pytest.raises(tessera.UseError, match=words):
        gpt.generate(prompt, tokens)


def test_a_model_that_says_no_tokens_is_refused(lenet):
    with pytest.raises(tessera.UseError, match="no model of tokens"):
        lenet.generate([1])
    with pytest.raises(tessera.UseError, match="a batch of 1 with tokens"):
        tessera.compile(MODELS / "gpt2_tiny.onnx", calibration=MODELS / "gpt2_tiny_ids.npy", tokens=True, batch=2)
