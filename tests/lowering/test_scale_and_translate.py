"""Resampling with a kernel against loops over the formula."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdnn import LayerError
from jaxdnn.layers.resize import KERNELS, ScaleAndTranslate
from support.layer import assert_close, run


def mitchell(d, b=1 / 3, c=1 / 3):
    """The kernel as Mitchell and Netravali give it, for any B and C."""
    if d < 1:
        return ((12 - 9 * b - 6 * c) * d**3 + (-18 + 12 * b + 6 * c) * d**2 + 6 - 2 * b) / 6
    return ((-b - 6 * c) * d**3 + (6 * b + 30 * c) * d**2 + (-12 * b - 48 * c) * d + 8 * b + 24 * c) / 6


def kernel(name, d):
    if d > KERNELS[name]:
        return 0.0
    if name.startswith("lanczos"):
        return (
            1.0
            if d == 0
            else math.prod(math.sin(math.pi * x) / (math.pi * x) for x in (d, d / KERNELS[name]))
        )
    return {
        "gaussian": lambda: math.exp(-(d**2) / (2 * 0.5**2)),
        "box": lambda: (d < 0.5) + 0.5 * (d == 0.5),
        "triangle": lambda: 1 - d,
        "keys_cubic": lambda: mitchell(d, 0, 0.5),
        "mitchell_cubic": lambda: mitchell(d),
    }[name]()


def reference(name, line, size, scale, translation, antialias):
    step, result = 1 / scale, []
    widening = max(1, step) if antialias else 1
    for i in range(size):
        p = (i + 0.5 - translation) * step
        weights = [kernel(name, abs(k + 0.5 - p) / widening) for k in range(len(line))]
        inside = 0 <= p <= len(line)
        result.append(np.dot(weights, line) / sum(weights) if inside and sum(weights) else 0)
    return result


@settings(max_examples=8)
@pytest.mark.parametrize("name", KERNELS)
@given(
    st.integers(1, 7),
    st.integers(1, 7),
    # No position lies where a kernel ends or steps.
    st.sampled_from([0.31, 0.67, 1.03, 1.71, 2.9]),
    st.sampled_from([-1.213, 0.117, 0.531]),
    st.booleans(),
)
def test_one_axis(name, count, size, scale, translation, antialias):
    line = np.random.default_rng(count).normal(size=count).astype(np.float32)
    layer = ScaleAndTranslate(
        axes=(1,), size=(size,), scale=(scale,), translation=(translation,), kernel=name, antialias=antialias
    )
    assert_close(run(layer, line[None]), [reference(name, line, size, scale, translation, antialias)], 1e-4)


def test_axes_are_independent_and_integers_become_floats():
    x = np.arange(24, dtype=np.int32).reshape(1, 4, 6)
    layer = ScaleAndTranslate(size=(2, 3), scale=(0.5, 0.5), kernel="box")
    assert_close(run(layer, x), x.reshape(1, 2, 2, 3, 2).mean((2, 4)).astype(np.float32))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"size": (2,)}, "size has 1 values for 2 axes"),
        ({"scale": (1.0, 1.0, 1.0)}, "scale has 3 values for 2 axes"),
        ({"scale": (1.0, 0.0)}, r"scale must be positive, got \(1.0, 0.0\)"),
        ({"kernel": "lanczos2"}, "kernel must be one of lanczos1, .*, got 'lanczos2'"),
        ({"size": (0, 2)}, "size must be at least 1, got 0"),
    ],
)
def test_bad_attributes(attributes, message):
    with pytest.raises(LayerError, match=message):
        ScaleAndTranslate(**{"size": (2, 2), "scale": (1.0, 1.0), **attributes})
