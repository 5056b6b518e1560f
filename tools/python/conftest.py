"""What all tests need: LeNet of the repository's fixtures, compiled once, and data."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import tessera
import tessera_verify

# the tests run on a copy of this folder, beside the extension that was built
ROOT = Path(os.environ.get("TESSERA_ROOT") or Path(__file__).resolve().parents[2])
MODELS = ROOT / "tests" / "models"
DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def data():
    return np.load(MODELS / "fmnist_lenet_test1000.npz")


@pytest.fixture(scope="session")
def images(data):
    return data["images_u8"]


@pytest.fixture(scope="session")
def labels(data):
    return data["labels"]


@pytest.fixture(scope="session")
def lenet(images):
    return tessera.compile(MODELS / "fmnist_lenet.onnx", calibration=images[:64], scale=1 / 255)


@pytest.fixture(scope="session")
def proof(lenet, images):
    return lenet.prove(images[0])


@pytest.fixture(scope="session")
def gpt():
    """A small language model, for texts of 16 characters."""
    return tessera.compile(MODELS / "gpt2_tiny.onnx", calibration=MODELS / "gpt2_tiny_ids.npy", tokens=True)


@pytest.fixture(autouse=True)
def examples(request, doctest_namespace, tmp_path, monkeypatch):
    """Documentation examples run in a folder with the files that they name."""
    if type(request.node).__name__ != "DoctestItem":
        return
    lenet, images = request.getfixturevalue("lenet"), request.getfixturevalue("images")
    for name in ("fmnist_lenet.onnx", "fmnist_lenet_test1000.npz"):
        os.symlink(MODELS / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    lenet.verifying_key.save("lenet.vk")
    request.getfixturevalue("proof").save("boot.proof")
    if "gpt." in "".join(e.source for e in request.node.dtest.examples):
        doctest_namespace["gpt"] = request.getfixturevalue("gpt")
    doctest_namespace.update(
        tessera=tessera, tessera_verify=tessera_verify, np=np, model=copy.copy(lenet), images=images, image=images[0], labels=request.getfixturevalue("labels")
    )


@pytest.fixture(scope="session")
def torch():
    import torch

    torch.manual_seed(0)
    return torch


@pytest.fixture(scope="session")
def small(torch):
    """A small convolutional network, and data for it."""

    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
            self.head = torch.nn.Linear(4 * 3 * 3, 5)

        def forward(self, image):
            return self.head(self.features(image).flatten(1))

    return Small().eval(), torch.rand(32, 1, 8, 8)
