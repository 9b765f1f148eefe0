"""Integers for quantised layers."""

import numpy as np

RNG = np.random.default_rng(2)


def drawn(dtype, *shape):
    """Return integers of all of a type; signed ones of eight bits have seven.

    On CPUs without VNNI, ONNX Runtime adds two products of an unsigned and a signed number in sixteen bits, which
    saturate: it is off by 13388 in sums of eight. With seven bits they fit.
    """
    limits = np.iinfo(dtype)
    low, high = (limits.min // 2, limits.max // 2) if limits.dtype == np.int8 else (limits.min, limits.max)
    return RNG.integers(low, high, shape, endpoint=True).astype(dtype)
