"""BatchNorm and the forks' BN, Scale, Bias, LRN, MVN, Normalize."""

from __future__ import annotations

import warnings

import numpy as np

from jaxdnn.errors import JaxdnnWarning, WeightsError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.caffe.registry import FILLER_ONE, FILLER_ZERO, CaffeBuilder, LayerSource, rules
from jaxdnn.ir import Initializer
from jaxdnn.layers.base import require
from jaxdnn.layers.normalization import (
    BatchNorm,
    Bias,
    LocalResponseNorm,
    MeanVarianceNorm,
    Normalize,
    Scale,
)

_STATISTICS = {"mean": FILLER_ZERO, "variance": FILLER_ZERO}


@rules("BatchNorm")
def batch_norm(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Normalise by stored statistics; NVCaffe's and Intel's forms have a scale and a bias too."""
    p = source.param("batch_norm_param")
    p.ignore("moving_average_fraction", "engine", "use_weight_bias", "bias_term", "stats_batch_size")
    scale = "filler" if p.has("filler") else "scale_filler"
    stated = p.has(scale) or p.has("bias_filler")
    affine = p.boolean("scale_bias", len(source.blobs) > 3 if source.blobs else stated)
    affine_fillers = _affine(p, scale, "bias_filler")
    global_statistics, epsilon = p.boolean("use_global_stats", True), p.number("eps", 1e-5)
    layer = BatchNorm(
        # NVCaffe has cuDNN's lower bound, and when it tests it never uses the batch's statistics.
        epsilon=max(epsilon, 1e-5) if affine else epsilon,
        scale=affine,
        bias=affine,
        use_batch_statistics=not (global_statistics or affine),
    )
    if layer.use_batch_statistics:
        return b.emit(source, layer, inputs)
    _settle_statistics(source)
    return b.emit(source, layer, inputs, b.slots(source, **_STATISTICS, **(affine_fillers if affine else {})))


def _settle_statistics(source: LayerSource) -> None:
    """Leave mean and variance themselves in the blobs.

    The original stores sums and, third, the factor that they are divided by (0 stands for sums of nothing).
    NVCaffe's five blobs hold statistics; what is third there is not used.
    """
    blobs = source.blobs
    if blobs is None:
        return
    if len(blobs) not in (3, 4, 5):
        raise WeightsError(
            f"has {len(blobs)} blobs in the weights file, 3 expected (mean, variance, their factor)"
        )
    if len(blobs) == 5:
        source.blobs = [*blobs[:2], *blobs[3:]]
    if len(blobs) == 3:
        *statistics, factor = blobs
        if factor.size != 1:
            raise WeightsError(f"the factor of mean and variance has {factor.size} values, 1 expected")
        divisor = np.float32(factor.item())
        inverse = np.float32(1) / divisor if divisor else divisor
        source.blobs = statistics if inverse == 1 else [inverse * array for array in statistics]


@rules("BN")
def bn(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """SegNet's BN of two blobs, or the one of PSPNet's family, of four."""
    p = source.param("bn_param")
    p.ignore("momentum", "decay", "frozen", "icnet", "engine")
    segnet = len(source.blobs) == 2 if source.blobs else p.has("bn_mode")
    shift = p.has("scale_filler") or p.has("shift_filler")
    fillers = _affine(p, *(("scale_filler", "shift_filler") if shift else ("slope_filler", "bias_filler")))
    if not segnet:
        epsilon = p.number("var_eps" if p.has("var_eps") else "eps", 1e-5)
        layer = BatchNorm(epsilon=epsilon, scale=True, bias=True, axis=p.integer("axis", 1))
        return b.emit(source, layer, inputs, b.slots(source, **fillers, **_STATISTICS))
    params = b.slots(source, **fillers)
    if p.enum("bn_mode", ("LEARN", "INFERENCE"), "LEARN") == "INFERENCE":
        # The statistics have been folded into the two blobs.
        return b.emit(source, Scale(bias=True), inputs, params)
    warnings.warn(
        f"{b.origin}: layer {source.place}: bn_mode LEARN normalises by the statistics of each batch; "
        "weights that have statistics folded in need bn_mode: INFERENCE",
        JaxdnnWarning,
        stacklevel=2,
    )
    layer = BatchNorm(epsilon=1e-9, scale=True, bias=True, use_batch_statistics=True)
    return b.emit(source, layer, inputs, params)


@rules("Scale", bottoms=(1, 2))
def scale(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Multiply by a stored factor, or by the second bottom."""
    p = source.param("scale_param")
    layer = Scale(
        axis=p.integer("axis", 1), num_axes=p.integer("num_axes", 1), bias=p.boolean("bias_term", False)
    )
    fillers = _affine(p, "filler", "bias_filler")
    if len(inputs) == 2:
        del fillers["scale"]
    if not layer.bias:
        del fillers["bias"]
    return b.emit(source, layer, inputs, b.slots(source, **fillers))


@rules("Bias", "Shift", bottoms=(1, 2))
def bias(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Add a stored summand, or the second bottom."""
    p = source.param("bias_param")
    layer = Bias(axis=p.integer("axis", 1), num_axes=p.integer("num_axes", 1))
    filler = p.filler("filler") or FILLER_ZERO
    return b.emit(source, layer, inputs, b.slots(source, **({"bias": filler} if len(inputs) == 1 else {})))


@rules("LRN")
def lrn(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Local response normalisation; within channels its constant is 1, whatever k says."""
    p = source.param("lrn_param")
    p.ignore("engine")
    size = p.uint("local_size", 5)
    require(size % 2 == 1, f"local_size must be odd, got {size}")
    constant = p.number("k", 1.0)
    region = p.enum("norm_region", ("ACROSS_CHANNELS", "WITHIN_CHANNEL"), "ACROSS_CHANNELS")
    across = region == "ACROSS_CHANNELS"
    layer = LocalResponseNorm(
        size=size,
        alpha=p.number("alpha", 1.0),
        beta=p.number("beta", 0.75),
        bias=constant if across else 1.0,
        region="across_channels" if across else "within_channel",
    )
    return b.emit(source, layer, inputs)


@rules("MVN")
def mvn(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Mean-variance normalisation of each channel, or of all together."""
    p = source.param("mvn_param")
    layer = MeanVarianceNorm(
        axis=1 if p.boolean("across_channels", False) else 2,
        normalize_variance=p.boolean("normalize_variance", True),
        epsilon=p.number("eps", 1e-9),
        epsilon_inside=b.opencv,
    )
    return b.emit(source, layer, inputs)


@rules("Normalize")
def normalize(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """ParseNet's and SSD's normalisation with a scale, or the one of face recognition without."""
    p = source.param("norm_param", "normalize_param")
    if p.has("normalize_type"):
        p.ignore("fix_gradient", "bp_norm")
        order = 1 if p.enum("normalize_type", ("L1", "L2"), "L2") == "L1" else 2
        return b.emit(source, Normalize(order=order, epsilon=1e-6), inputs)
    shared = p.boolean("channel_shared", True)
    layer = Normalize(
        across_spatial=p.boolean("across_spatial", True),
        scale="shared" if shared else "channel",
        epsilon=p.number("eps", 1e-10),
    )
    return b.emit(source, layer, inputs, b.slots(source, scale=p.filler("scale_filler") or FILLER_ONE))


def _affine(p: Fields, scale: str, bias: str) -> dict[str, Initializer]:
    """Return the fillers of a scale and a bias, by slot; unstated ones change nothing."""
    return {"scale": p.filler(scale) or FILLER_ONE, "bias": p.filler(bias) or FILLER_ZERO}
