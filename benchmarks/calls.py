"""What a call costs beside the computation: 75 small dense layers, which have 150 parameters.

    python benchmarks/calls.py        # needs pip install jaxdnn[bench]

"jax.jit" is the same network written by hand, its weights in the order in which XLA reads them fastest; what the others
take beyond that is theirs. All are called in turn in one process and wait for the result.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from measure import environment, save, timed

import jaxdnn

LAYERS, WIDTH = 75, 16
BLOCKS = 40
LAST = f"fc{LAYERS - 1}"


def prototxt() -> str:
    """Return the network, as Caffe describes it."""
    layers = (
        f'layer {{ name: "fc{i}" type: "InnerProduct" bottom: "{f"fc{i - 1}" if i else "data"}" top: "fc{i}" '
        f'inner_product_param {{ num_output: {WIDTH} weight_filler {{ type: "xavier" }} }} }}\n'
        for i in range(LAYERS)
    )
    return f'name: "calls" input: "data" input_shape {{ dim: 1 dim: {WIDTH} }}\n' + "".join(layers)


def by_hand(net: jaxdnn.Net) -> Callable[[Any], Any]:
    """Return the network as a jitted jax function."""
    layers = [net.params[f"fc{i}"] for i in range(LAYERS)]
    weights = [(jax.numpy.asarray(slots["weight"].T), slots["bias"]) for slots in layers]

    @jax.jit
    def function(weights: Any, x: Any) -> Any:
        for weight, bias in weights:
            x = jax.lax.dot(x, weight, precision="float32") + bias
        return {LAST: x}

    return lambda x: function(weights, x)


def onnxruntime_call(path: Path) -> Callable[[Any], Any]:
    """Return a call of an ONNX file, on one thread: these layers are too small to be divided."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: {LAST: session.run([LAST], {"data": x})[0]}


def main() -> None:
    """Measure, print and save."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "calls"
        path.with_suffix(".prototxt").write_text(prototxt())
        net = jaxdnn.load(path.with_suffix(".prototxt"), key=jax.random.key(0))
        net.export(path.with_suffix(".jaxdnn"))
        net.to_onnx(path.with_suffix(".onnx"))
        forms: dict[str, Callable[[Any], Any]] = {
            "jax.jit": by_hand(net),
            "net(x)": net,
            "net.compile()(x)": net.compile(),
            "load_artifact(trust=True)(x)": jaxdnn.load_artifact(path.with_suffix(".jaxdnn"), trust=True),
            "ONNX Runtime": onnxruntime_call(path.with_suffix(".onnx")),
        }
    x = np.random.default_rng(0).standard_normal((1, WIDTH)).astype(np.float32)
    want = forms["jax.jit"](x)[LAST]
    for name, form in forms.items():
        np.testing.assert_allclose(form(x)[LAST], want, rtol=1e-4, atol=1e-5, err_msg=name)
    blocks = timed(
        {name: lambda form=form: jax.block_until_ready(form(x)) for name, form in forms.items()}, BLOCKS
    )
    found = {name: 1e3 * statistics.median(each) for name, each in blocks.items()}
    for name, microseconds in found.items():
        print(f"{name:28} {microseconds:6.1f} µs, {microseconds - found['jax.jit']:+6.1f}")
    save("calls", {"microseconds": found, "environment": environment("jax", "numpy", "onnxruntime")})


if __name__ == "__main__":
    main()
