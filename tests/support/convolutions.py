"""Convolutions as sums written from the formula, and cases of them."""

import itertools

import numpy as np
from hypothesis import strategies as st


def reference(x, weight, options):
    """Sum over the taps of the window, in float64; channels come behind the batch."""
    gaps = options["lhs_dilation"]
    wide = np.zeros(
        (*x.shape[:2], *((n - 1) * g + 1 for n, g in zip(x.shape[2:], gaps, strict=True))), np.float64
    )
    wide[(..., *(slice(None, None, g) for g in gaps))] = x
    ends = [(max(low, 0), max(high, 0)) for low, high in options["padding"]]
    wide = np.pad(wide, [(0, 0), (0, 0), *ends])
    cut = (
        slice(max(-low, 0), n - max(-high, 0))
        for (low, high), n in zip(options["padding"], wide.shape[2:], strict=True)
    )
    wide = wide[(..., *cut)]
    kernel, groups = weight.shape[2:], options["feature_group_count"]
    axes = list(zip(options["window_strides"], options["rhs_dilation"], kernel, wide.shape[2:], strict=True))
    size = [(n - d * (k - 1) - 1) // s + 1 for s, d, k, n in axes]
    y = np.zeros((len(x), groups, len(weight) // groups, *size))
    by_group = weight.astype(np.float64).reshape(groups, -1, *weight.shape[1:])
    for tap in itertools.product(*map(range, kernel)):
        places = (
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, n, (s, d, _, _) in zip(tap, size, axes, strict=True)
        )
        seen = wide[(..., *places)].reshape(len(x), groups, -1, *size)
        y += np.einsum("ngc...,gfc->ngf...", seen, by_group[(..., *tap)])
    return y.reshape(len(x), -1, *size)


@st.composite
def convolutions(draw):
    rank = draw(st.sampled_from([1, 2, 2, 3]))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    groups = draw(st.sampled_from([1, 1, 2, 3, 4]))
    channels, filters = (groups * draw(st.integers(1, 3)) for _ in range(2))
    kernel, once = axes(1, 4), (1,) * rank
    steps, transposed = axes(1, 3), draw(st.booleans())
    dilation = axes(1, 2) if draw(st.booleans()) else once
    padding = tuple((draw(st.integers(-1, 3)), draw(st.integers(-1, 3))) for _ in range(rank))
    least = [
        d * (k - 1) + 1 - low - high for d, k, (low, high) in zip(dilation, kernel, padding, strict=True)
    ]
    gaps = steps if transposed else once
    size = [
        # Negative padding has to leave something of the input.
        max(-(-(n - 1) // g) + 1, 3) + draw(st.integers(0, 3))
        for n, g in zip(least, gaps, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x = rng.standard_normal((draw(st.integers(1, 3)), channels, *size)).astype(np.float32)
    weight = rng.standard_normal((filters, channels // groups, *kernel)).astype(np.float32)
    options = {
        "window_strides": once if transposed else steps,
        "padding": padding,
        "lhs_dilation": gaps,
        "rhs_dilation": dilation,
        "feature_group_count": groups,
    }
    return x, weight, options, draw(st.booleans())
