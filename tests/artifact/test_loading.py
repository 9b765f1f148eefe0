"""Artifacts: what is exported computes the same when it is loaded, by whatever of it can be used."""

import os
import subprocess
import sys
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export as jax_export
from safetensors.numpy import load

import jaxdnn
from jaxdnn import FileError, InputError, JaxdnnError, Net
from jaxdnn.ir import Graph, Model, Node, Source, Value
from jaxdnn.layers.activation import Relu
from jaxdnn.layers.custom import Custom
from jaxdnn.layers.detection import DetectionOutput
from support.artifacts import assert_close, assert_same, pictures


@pytest.mark.parametrize(("trust", "origin"), [(True, "executable"), (False, "IR")])
def test_it_computes_what_the_net_computes(net, path, trust, origin):
    artifact = jaxdnn.load_artifact(path, trust=trust)
    assert artifact.origin == artifact.origin_of(pictures()) == origin
    assert_same(artifact(pictures()), net(pictures()))
    assert_same(artifact({"data": pictures()}, outputs="prob"), net(pictures()))
    assert_same(artifact(data=jnp.asarray(pictures())), net(pictures()))


def test_its_face_is_that_of_the_net(net, path):
    artifact = jaxdnn.load_artifact(path)
    assert (artifact.name, artifact.inputs, artifact.outputs) == (net.name, net.inputs, net.outputs)
    assert artifact.policy == net.policy
    assert jax.tree.all(jax.tree.map(np.array_equal, artifact.params, net.params))
    assert artifact.manifest.labels == ("a", "b")
    assert artifact.manifest.licence == "MIT"
    assert artifact.manifest.preprocessing == {"scale": 0.5}
    assert repr(artifact) == ("Artifact('n', data: float32[2, 3, 6, 8] -> prob; IR, float32)")


def test_other_sizes_of_the_batch_use_the_program(net, path):
    artifact = jaxdnn.load_artifact(path, trust=True)
    assert artifact.origin_of(pictures(5)) == "StableHLO"
    assert_close(artifact(pictures(5)), net(pictures(5)))


def test_other_outputs_use_the_graph(net, path):
    artifact = jaxdnn.load_artifact(path)
    assert_same(artifact(pictures(), outputs=["conv", "prob"]), net(pictures(), outputs=["conv", "prob"]))
    assert artifact.net == net


def test_nothing_that_xla_reads_is_touched_without_trust(net, path, monkeypatch):
    def touched(*arguments):
        raise AssertionError("it was read")

    monkeypatch.setattr("jaxdnn.artifact.runners.load_executable", touched)
    monkeypatch.setattr("jaxdnn.artifact.runners.read_program", touched)
    artifact = jaxdnn.load_artifact(path)
    assert artifact.notes == (
        "'executables/0.bin' is machine code, which only trust=True permits",
        "'programs/0.stablehlo' is a program for XLA, which only trust=True permits",
    )
    assert_same(artifact(pictures()), net(pictures()))


def test_origins_of_calls(net, path):
    artifact = jaxdnn.load_artifact(path, trust=True)
    assert artifact.origin_of(pictures(), outputs="prob") == "executable"
    assert artifact.origin_of(pictures(), outputs=["conv"]) == "IR"
    assert artifact.origin_of(pictures(3), outputs=["prob"]) == "StableHLO"


def test_apply_is_pure_and_has_gradients(net, path):
    artifact = jaxdnn.load_artifact(path, trust=True)

    def loss(apply, params):
        return apply(params, pictures())["prob"][:, 0].sum()

    want, got = (jax.grad(lambda params, of=of: loss(of.apply, params))(net.params) for of in (net, artifact))
    assert jax.tree.all(jax.tree.map(np.array_equal, got, want))
    jitted = jax.jit(lambda x: artifact(x)["prob"])(pictures())
    np.testing.assert_array_equal(jitted, jax.jit(lambda x: net(x)["prob"])(pictures()))


@pytest.mark.parametrize("trust", [True, False])
def test_params_can_be_swapped(net, path, trust):
    other = jax.tree.map(lambda array: array * 2, net.params)
    artifact = jaxdnn.load_artifact(path, trust=trust)
    before = artifact(pictures())
    swapped = artifact.replace(params=other)
    assert_same(swapped(pictures()), net.replace(params=other)(pictures()))
    assert_same(
        swapped(pictures(), outputs=["dense"]), net.replace(params=other)(pictures(), outputs=["dense"])
    )
    assert_same(artifact(pictures()), before)


def test_errors_of_params(path):
    artifact = jaxdnn.load_artifact(path)
    params = {owner: dict(slots) for owner, slots in artifact.params.items()}
    with pytest.raises(InputError, match="parameter 'dense/bias' has shape \\(4,\\), \\(5,\\) expected"):
        artifact.replace(params={**params, "dense": params["dense"] | {"bias": np.zeros(4)}})
    with pytest.raises(InputError, match="parameter 'x/y' is unknown"):
        artifact.replace(params={**params, "x": {"y": np.zeros(4)}})
    with pytest.raises(InputError, match=r"parameter 'dense/.*' is missing"):
        artifact.replace(params={owner: slots for owner, slots in params.items() if owner != "dense"})


def test_no_importer_and_no_protobuf_is_imported(net, path, tmp_path):
    want = tmp_path / "want.npy"
    np.save(want, net(pictures())["prob"])
    np.save(tmp_path / "x.npy", pictures())
    code = f"""
import sys
import numpy as np
import jaxdnn
artifact = jaxdnn.load_artifact({str(path)!r}, trust=True)
assert artifact.origin == "executable", artifact.notes
np.testing.assert_array_equal(artifact(np.load({str(tmp_path / "x.npy")!r}))["prob"], np.load({str(want)!r}))
formats = [name for name in sys.modules if name.startswith(("google.protobuf", "jaxdnn.importers."))]
assert not [name for name in formats if name != "jaxdnn.importers.files"], formats
assert "pickle" not in vars(sys.modules["jaxdnn.artifact.loading"])
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "JAX_PLATFORMS": "cpu"})


def test_jax_alone_runs_the_program(net, path):
    with zipfile.ZipFile(path) as archive:
        params = load(archive.read("params.safetensors"))
        program = jax_export.deserialize(bytearray(archive.read("programs/0.stablehlo")))
    assert set(program.platforms) == {"cpu", "cuda"}
    outputs, counts = program.call(params, {"data": pictures()})
    np.testing.assert_allclose(outputs["prob"], net(pictures())["prob"], rtol=0, atol=1e-6)
    assert counts == {}


def detector() -> tuple[Net, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    priors = np.stack([np.linspace(0, 0.7, 12), np.full(12, 0.1)]).astype(np.float32).reshape(1, 2, 12)
    feeds = {"boxes": rng.normal(size=(1, 12)), "scores": rng.uniform(size=(1, 6)), "priors": priors}
    feeds = {name: array.astype(np.float32) for name, array in feeds.items()}
    values = tuple(Value(name, array.shape) for name, array in feeds.items())
    layer = DetectionOutput(classes=2, keep_top_k=4, confidence_threshold=0.3)
    graph = Graph("n", values, ("found",), (Node("found", layer, tuple(feeds), ("found",)),))
    return Net.from_model(Model(graph, {}, Source("test"))), feeds


@pytest.mark.parametrize(("trust", "graph"), [(True, True), (False, True), (True, False)])
def test_outputs_whose_size_depends_on_the_data(tmp_path, trust, graph):
    net, feeds = detector()
    path = tmp_path / "a.jaxdnn"
    manifest = net.export(path, graph=graph)
    artifact = jaxdnn.load_artifact(path, trust=trust)
    want = net(feeds)
    assert 0 < want["found"].shape[2] < 4
    assert manifest.programs[0].outputs == {"found": 2}
    assert artifact.origin == ("executable" if trust else "IR")
    assert_same(artifact(feeds), want)
    assert_same({"found": artifact.apply({}, feeds)["found"].trim()}, want)


def test_custom_layers(tmp_path):
    def double(weights, x):
        return x * 2

    graph = Graph("n", (Value("x", (2, 3)),), ("y",), (Node("y", Custom(type="Double"), ("x",), ("y",)),))
    net = Net.from_model(Model(graph, {}, Source("test")), custom_layers={"Double": double})
    path = tmp_path / "a.jaxdnn"
    net.export(path)
    x = np.ones((2, 3), np.float32)
    artifact = jaxdnn.load_artifact(path, trust=True)
    assert_same(artifact(x), net(x))
    assert_same(artifact.apply({}, {"x": x}), net(x))
    with pytest.raises(jaxdnn.UnsupportedLayerError, match="Double"):
        _ = artifact.net
    assert_same(jaxdnn.load_artifact(path, custom_layers={"Double": double}).net(x), net(x))


def test_what_cannot_be_computed_without_the_graph(tmp_path, net):
    path = tmp_path / "a.jaxdnn"
    net.export(path, batch=2, graph=False, executables=False)
    artifact = jaxdnn.load_artifact(path, trust=True)
    assert_close(artifact(pictures()), net(pictures()))
    message = r"no graph, and no program for these outputs of 'data' float32\[3, 3, 6, 8\]"
    for call in (artifact, lambda x: artifact.apply(artifact.params, x)):
        with pytest.raises(InputError, match=message):
            call(pictures(3))
    with pytest.raises(InputError, match="no graph, and no program"):
        artifact(pictures(), outputs=["conv"])
    prob = artifact.apply(artifact.params, pictures(), outputs="prob")
    assert_close(prob, net(pictures()))
    with pytest.raises(InputError, match="the artifact of 'n' has no graph"):
        _ = artifact.net
    with pytest.raises(
        FileError, match=r"nothing in the artifact can be used here: 'programs/0\.stablehlo' is"
    ):
        jaxdnn.load_artifact(path)


def test_an_input_of_another_shape(path):
    artifact = jaxdnn.load_artifact(path)
    with pytest.raises(InputError, match="input 'data' of 'n' is missing"):
        artifact()
    with pytest.raises(InputError, match="has no input 'x'"):
        artifact({"x": pictures()})
    with pytest.raises(JaxdnnError, match="dense"):
        artifact(pictures(1, 9, 9))


def test_double_precision_is_computed_by_the_graph(tmp_path, net):
    with jax.enable_x64(True):
        double = net.replace(policy="float64")
        path = tmp_path / "a.jaxdnn"
        double.export(path)
        artifact = jaxdnn.load_artifact(path, trust=True)
        x = pictures().astype(np.float64) / 3
        assert artifact.origin_of(pictures()) == "executable"
        assert artifact.origin_of(x) == "IR"
        assert_same(artifact(x), double(x))


def test_a_list_of_arrays_is_something_for_the_graph(tmp_path):
    values = (Value("x", (None,)), Value("parts", None, sequence=True))
    graph = Graph("n", values, ("y",), (Node("y", Relu(), ("x",), ("y",)),))
    net = Net.from_model(Model(graph, {}, Source("test"), open_shapes=True))
    path = tmp_path / "a.jaxdnn"
    assert net.export(path).notes == ("no program: input 'parts' is a list of arrays",)
    artifact = jaxdnn.load_artifact(path, trust=True)
    feeds = {"x": np.float32([-1, 2]), "parts": [np.zeros(3, np.float32)]}
    assert artifact.origin_of(feeds) == "IR"
    assert_same(artifact(feeds), net(feeds))
