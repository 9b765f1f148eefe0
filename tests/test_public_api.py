"""The names that programs may rely on."""

import os
import subprocess
import sys

import jaxdnn


def test_exported_names():
    assert sorted(jaxdnn.__all__) == [
        "Artifact",
        "Cache",
        "Comparison",
        "CustomLayer",
        "Detections",
        "FileError",
        "GraphError",
        "InputError",
        "JaxdnnError",
        "JaxdnnWarning",
        "LayerError",
        "Net",
        "NonFinite",
        "Padded",
        "ParseError",
        "Policy",
        "Quantization",
        "ShapeError",
        "Spec",
        "UnsupportedLayerError",
        "WeightsError",
        "cache",
        "compare",
        "detections",
        "join",
        "keep_memory",
        "load",
        "load_artifact",
        "optimize",
        "quantize",
        "register_layer",
        "trainable",
        "unregister_layer",
    ]
    assert all(hasattr(jaxdnn, name) for name in jaxdnn.__all__)


def test_every_error_is_a_jaxdnn_error():
    errors = [getattr(jaxdnn, name) for name in jaxdnn.__all__ if name.endswith("Error")]
    assert all(issubclass(error, jaxdnn.JaxdnnError) for error in errors)
    assert issubclass(jaxdnn.JaxdnnWarning, UserWarning)


def test_import_starts_no_backend_and_configures_nothing():
    code = """
import jax
before = dict(jax.config.values)
import jaxdnn, jaxdnn.cli, jaxdnn.summary
assert dict(jax.config.values) == before
"""
    # With a platform that does not exist, whatever starts a backend fails.
    environment = {**os.environ, "JAX_PLATFORMS": "nowhere"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
