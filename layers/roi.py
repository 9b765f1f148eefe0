"""Features of regions: a grid of fixed size cut out of a feature map for each region of interest.

All these layers take a feature map (batch, channels, height, width) and regions (regions, 5), each row
``image, x1, y1, x2, y2``: which image of the batch, and two corners in pixels of the image.
"""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require_at_least, require_one_of


class RoiPool(Layer):
    """The maximum over each bin of each region (Fast R-CNN).

    The corners times ``spatial_scale`` are rounded, halves away from zero, and both belong to the region,
    which is at least 1x1. Of n bins on an axis, bin i covers ``floor(i*size/n)`` up to, but without,
    ``ceil((i+1)*size/n)`` from the region's start, cut off at the map's border. An empty bin is 0.

    Output: (regions, channels, *output).

    Attributes:
        output: bins per column and per row.
        spatial_scale: elements of the feature map per pixel.
    """

    output: tuple[int, int]
    spatial_scale: float = 1.0

    def __post_init__(self) -> None:
        require_at_least(1, output=self.output)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the map once per region, as if the regions covered it."""
        return outputs[0][0] * math.prod(inputs[0][1:])


class PsRoiPool(Layer):
    """The mean over each bin of each region, every bin from its own channel (R-FCN).

    Corner 1 is rounded (halves away from zero), corner 2 too and then moved by 1, and both are multiplied by
    ``spatial_scale``; a region is at least 0.1 wide and high. Bin i covers
    ``floor(start + i*size/groups)`` up to, but without, ``ceil(start + (i+1)*size/groups)``, cut off at the
    map's border. An empty bin is 0. Channel c of bin (i, j) is the mean of input channel
    ``(c*groups + i)*groups + j``.

    Output: (regions, channels, groups, groups); the input has channels * groups² channels.

    Attributes:
        channels: of the output.
        groups: bins per column and per row.
        spatial_scale: elements of the feature map per pixel.
    """

    channels: int
    groups: int
    spatial_scale: float = 1.0

    def __post_init__(self) -> None:
        require_at_least(1, channels=self.channels, groups=self.groups)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the map once per region, as if the regions covered it."""
        return outputs[0][0] * math.prod(inputs[0][1:])


class RoiAlign(Layer):
    """The mean of a few interpolated samples in each bin of each region (Mask R-CNN).

    Corners are multiplied by ``spatial_scale``; then either half an element is subtracted (``half_pixel``)
    or the region is widened to at least 1x1. It is cut into ``output`` equal bins, and each of these into
    ``samples`` x ``samples`` parts whose centres are sampled by bilinear interpolation. Up to one element
    beyond the map's border the border's value is taken; farther out a sample is 0.

    ``corner_max`` takes, instead of the mean, the largest product of an element with its weight in a sample, of the
    four elements of all samples of a bin.

    Output: (regions, channels, *output).

    Attributes:
        output: bins per column and per row.
        spatial_scale: elements of the feature map per pixel.
        samples: per bin and axis; 0: the bin's size in elements, rounded up.
        half_pixel: whether an element's value sits at its centre (x + 0.5) rather than at x.
        statistic: ``mean`` or ``corner_max``.
    """

    output: tuple[int, int]
    spatial_scale: float = 1.0
    samples: int = 0
    half_pixel: bool = False
    statistic: str = "mean"

    def __post_init__(self) -> None:
        require_one_of(("mean", "corner_max"), statistic=self.statistic)
        require_at_least(1, output=self.output)
        require_at_least(0, samples=self.samples)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count two separable contractions with the interpolation weights."""
        regions, channels = outputs[0][:2]
        height, width = inputs[0][2:]
        return 2 * regions * channels * self.output[0] * width * (height + self.output[1])
