"""The trained networks as ONNX files in OpenCV 5, which cannot be installed beside OpenCV 4.

``make test-long`` makes an environment with it and names its interpreter in ``JAXDNN_OPENCV5``.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from support.shared import shared_folder
from support.trained import trained

MODELS = shared_folder()
INTERPRETER = os.environ.get("JAXDNN_OPENCV5")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(MODELS is None, reason="needs the shared networks: set JAXDNN_SHARED"),
    pytest.mark.skipif(INTERPRETER is None, reason="needs a Python with OpenCV 5: set JAXDNN_OPENCV5"),
]
TRAINED = json.loads((MODELS / "manifest.json").read_text()) if MODELS else {}
SCRIPT = Path(__file__).parents[1] / "support/opencv5.py"


@pytest.fixture(scope="module")
def networks():
    return trained(MODELS)


@pytest.mark.parametrize("name", TRAINED)
def test_trained_networks(networks, name, tmp_path):
    network = networks[name]
    net = network.load()
    (data,) = net.graph.required_inputs
    feeds = [np.asarray(feed) for feed in network.feeds.values()]
    calls = [feed for feed in feeds if feed.shape == feeds[0].shape][:3]
    path, stored = tmp_path / "net.onnx", tmp_path / "calls.npz"
    net.to_onnx(path, input_shapes={data: feeds[0].shape})
    arrays = {}
    for number, feed in enumerate(calls):
        arrays[f"{number}:in:{data}"] = feed
        arrays |= {f"{number}:out:{output}": np.asarray(array) for output, array in net(feed).items()}
    np.savez(stored, **arrays)
    done = subprocess.run([INTERPRETER, SCRIPT, path, stored], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    worst = json.loads(done.stdout.splitlines()[-1])
    assert worst.keys() == net.outputs.keys()
    assert max(worst.values()) <= 1e-4
