"""Small networks to export, and artifacts with something changed in them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jaxdnn import Net
from jaxdnn.artifact.archive import read_archive, sha256, write_archive
from jaxdnn.layers.activation import Relu, Softmax
from jaxdnn.layers.base import Layer
from jaxdnn.layers.convolution import Conv
from jaxdnn.layers.dense import Dense
from jaxdnn.layers.pooling import Pool
from support.passes import Builder


def classifier(policy: str = "float32", last: Layer | None = None) -> Net:
    """Return a convolution, a pooling and a dense layer on pictures of 3x6x8."""
    rng = np.random.default_rng(1)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    b = Builder(data=(2, 3, 6, 8))
    b.add("conv", Conv(filters=4, kernel=3, padding=1), "data", weight=draw(4, 3, 3, 3), bias=draw(4))
    b.add("relu", Relu(), "conv")
    b.add("pool", Pool(statistic="max", kernel=2, stride=2), "relu")
    b.add("dense", Dense(units=5), "pool", weight=draw(5, 48), bias=draw(5))
    b.add("prob", last or Softmax(), "dense")
    return Net.from_model(b.model("prob"), policy=policy)


def pictures(count: int = 2, height: int = 6, width: int = 8) -> np.ndarray:
    """Return inputs of :func:`classifier`."""
    return np.random.default_rng(2).standard_normal((count, 3, height, width)).astype(np.float32)


def rewrite(
    path: Path,
    manifest: Callable[[dict], object] = lambda found: None,
    members: Callable[[dict[str, bytes]], object] = lambda found: None,
) -> Path:
    """Write an artifact beside one, in which functions changed the manifest and the members; hashes are right."""
    found = {name: bytes(data) for name, data in read_archive(str(path)).items()}
    stated = json.loads(found.pop("manifest.json"))
    members(found)
    stated["hashes"] = {name: sha256(data) for name, data in found.items()}
    manifest(stated)
    target = path.with_name("rewritten.jaxdnn")
    with target.open("wb") as file:
        write_archive(file, [("manifest.json", json.dumps(stated).encode()), *found.items()])
    return target


def edit_json(member: str, change: Callable[[dict], object]) -> Callable[[dict[str, bytes]], None]:
    """Return a function for :func:`rewrite` that changes a member made of JSON."""

    def edit(found: dict[str, bytes]) -> None:
        document = json.loads(found[member])
        change(document)
        found[member] = json.dumps(document).encode()

    return edit


def assert_same(got, want) -> None:
    """Check names, shapes, types and every bit of outputs."""
    assert list(got) == list(want)
    for name, array in want.items():
        assert (got[name].shape, got[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_array_equal(np.asarray(got[name]), np.asarray(array), name)


def assert_close(got, want) -> None:
    """Check names, shapes, types and values but for rounding: only what this process compiles has kernels."""
    assert list(got) == list(want)
    for name, array in want.items():
        assert (got[name].shape, got[name].dtype) == (array.shape, array.dtype)
        np.testing.assert_allclose(
            np.asarray(got[name]), np.asarray(array), rtol=1e-5, atol=1e-6, err_msg=name
        )
