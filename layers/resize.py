"""Interpolation: resizing a whole array, or boxes cut out of it."""

from __future__ import annotations

import math

from jaxdnn.errors import LayerError
from jaxdnn.layers.base import Layer, Shape, require, require_at_least, require_one_of

COORDINATES = (
    *("asymmetric", "align_corners", "crop"),
    *("half_pixel", "half_pixel_or_first", "half_pixel_unshifted", "half_pixel_symmetric"),
)


class Resize(Layer):
    """Interpolate along some axes, one after the other.

    Element ``i`` of the output lies in the input at

    - ``asymmetric``: ``i * step``,
    - ``half_pixel``: ``(i + 1/2) * step - 1/2``, where ``step = size / output size`` (``1 / scale``
      where a scale is given),
    - ``half_pixel_or_first``: the same, but 0 if the output has one element,
    - ``half_pixel_unshifted``: ``(i + 1/2) * step``,
    - ``half_pixel_symmetric``: as ``half_pixel``, but with the middle of the output in the middle of the input where
      the output size was rounded: ``size / 2 * (1 - output size / (size * scale))`` is added,
    - ``align_corners``: ``i * (size - 1) / (output size - 1)``, or 0 if the output has one element,
    - ``crop``: ``(size - 1) * (begin + i * (end - begin) / (output size - 1))``, or the middle of the region if the
      output has one element; beyond the ends there is ``extrapolation``.

    ``nearest`` takes the element at the rounded position; ``linear`` mixes the two elements around it by
    their distances, ``cubic`` the four by Keys' kernel. ``area`` is the mean of all elements between the positions
    of elements i and i + 1, those at the two ends counting by the part that lies between; i + 1 may be one behind
    the last. (Where input or output have one element ``align_corners`` means ``asymmetric`` there.) Beyond the ends
    the first and the last element go on. Integers become float32 where they are mixed.

    Inputs: x; optionally a reference, of which only the shape is used.

    Output size along each axis: the reference's, or else ``size``, or else ``floor(size of x * scale)`` in float32.
    With ``aspect`` the smallest, or the largest, of the factors from x's sizes to ``size`` holds for all axes as their
    scale, and the products are rounded to the nearest whole number.

    Attributes:
        axes: which axes are resized; None for all.
        size: output sizes, one per axis.
        scale: factors, one per axis. Without size, scale and reference nothing changes.
        mode: ``nearest``, ``linear``, ``cubic`` or ``area``.
        coordinates: how positions are computed, see above.
        rounding: of positions in the mode ``nearest``: ``floor``, ``ceil``, ``half_up`` (to the nearest
            element, the later one of two) or ``half_down``.
        coefficient: of Keys' kernel, its slope at distance 1.
        exclude_outside: whether in the mode ``cubic`` elements beyond the ends count nothing instead, and the
            other weights are scaled to sum to 1; so for ``antialias``.
        steps: of a position between two elements in the mode ``cubic``: it is rounded to a multiple of
            ``1 / steps``; 0 for any position.
        antialias: whether in the modes ``linear`` and ``cubic`` the kernel is as much wider as an axis shrinks: an
            element at distance d weighs ``h(d * scale)``, and the weights are scaled to sum to 1.
        aspect: ``stretch``, ``not_larger`` or ``not_smaller`` than ``size``.
        regions: the beginning and end of the output in the input, 0 and 1 being the middles of the first and the last
            element; one pair per axis, for ``crop``.
        extrapolation: see ``crop``.
    """

    axes: tuple[int, ...] | None = (2, 3)
    size: tuple[int, ...] | None = None
    scale: tuple[float, ...] | None = None
    mode: str = "linear"
    coordinates: str = "half_pixel"
    rounding: str = "floor"
    coefficient: float = -0.75
    exclude_outside: bool = False
    steps: int = 0
    antialias: bool = False
    aspect: str = "stretch"
    regions: tuple[tuple[float, float], ...] = ()
    extrapolation: float = 0.0

    def __post_init__(self) -> None:
        require_one_of(("nearest", "linear", "cubic", "area"), mode=self.mode)
        require(
            self.mode != "area" or self.coordinates in ("asymmetric", "align_corners"),
            f"the mode area has no {self.coordinates} coordinates",
        )
        require_one_of(COORDINATES, coordinates=self.coordinates)
        require_one_of(("stretch", "not_larger", "not_smaller"), aspect=self.aspect)
        require(not self.antialias or self.mode in ("linear", "cubic"), f"{self.mode} has no antialiasing")
        require_one_of(("floor", "ceil", "half_up", "half_down"), rounding=self.rounding)
        require(self.size is None or self.scale is None, "size or scale must be given, not both")
        for name, values in (("size", self.size), ("scale", self.scale), ("regions", self.regions or None)):
            if values is not None and self.axes is not None and len(values) != len(self.axes):
                raise LayerError(f"{name} has {len(values)} values for {len(self.axes)} axes")
        require(not self.regions or self.coordinates == "crop", f"{self.coordinates} takes no regions")
        require_at_least(1, size=self.size or ())
        require(all(factor > 0 for factor in self.scale or ()), f"scale must be positive, got {self.scale}")

    def fitted(self, sizes: Shape) -> tuple[Shape, tuple[float, ...] | None]:
        """Return the output sizes of axes of these sizes, where neither a scale nor a reference is given.

        With ``aspect`` also the scales, all of them the same.
        """
        if not self.size or self.aspect == "stretch":
            return self.size or sizes, None
        factors = [new / old for new, old in zip(self.size, sizes, strict=True)]
        factor = min(factors) if self.aspect == "not_larger" else max(factors)
        return tuple(math.floor(factor * size + 0.5) for size in sizes), (factor,) * len(sizes)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count the operations per output element and mixed axis: three, or four multiply-adds.

        An area is a product with a matrix along each axis.
        """
        axes = range(len(inputs[0])) if self.axes is None else self.axes
        if self.mode == "area":
            return math.prod(outputs[0]) * 2 * sum(inputs[0][axis] for axis in axes)
        return math.prod(outputs[0]) * len(axes) * {"nearest": 0, "linear": 3, "cubic": 8}[self.mode]


class Interp(Layer):
    """Linear resizing by whole factors that keeps the corners (DeepLab's).

    As :class:`Resize` with ``linear`` and ``align_corners``, to the output size
    ``((size - 1) // shrink) * zoom + 1`` along each axis.

    Attributes:
        axes: which axes are resized.
        shrink: takes one of so many elements.
        zoom: makes so many steps of one.
    """

    axes: tuple[int, ...] = (2, 3)
    shrink: int = 1
    zoom: int = 1

    def __post_init__(self) -> None:
        require_at_least(1, shrink=self.shrink, zoom=self.zoom)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count three operations per output element and axis."""
        del inputs
        return math.prod(outputs[0]) * 3 * len(self.axes)


class Resample(Layer):
    """Resizing with a filter that widens where it shrinks, over two axes (FlowNet2's).

    With ``f = size / output size`` of this axis and ``f'`` of the other one, element i of the output lies
    in the input at ``p = i * f + f'/2 - 1/2`` (each axis takes the other's half, as in the original).
    With ``c`` = p rounded, halves away from zero, the output is

    - ``nearest``: element c;
    - ``linear``, ``cubic``: ``sum of w[k] x[k] / sum of w[k]`` over ``|k - c| <= r`` inside the input, or 0
      where the weights vanish, with ``w[k] = h(a * (p - k))``. ``a = 1 / f`` with antialiasing, which is off
      unless an axis shrinks, and 1 otherwise. ``r = 2`` if ``f < 1``, else ``ceil(K / a)``, K being 2 for
      ``linear`` and 4 for ``cubic``. h is ``max(0, 1 - |d|)`` or Keys' cubic kernel of coefficient -1/2.

    Inputs: x; optionally a reference, of which only the shape is used.

    Output size: the reference's along ``axes``, or else ``size``.

    Attributes:
        axes: the two axes.
        size: their output sizes.
        mode: ``nearest``, ``linear`` or ``cubic``.
        antialias: whether the filter widens where it shrinks.
    """

    axes: tuple[int, int] = (2, 3)
    size: tuple[int, int] | None = None
    mode: str = "linear"
    antialias: bool = True

    def __post_init__(self) -> None:
        require_one_of(("nearest", "linear", "cubic"), mode=self.mode)
        require_at_least(1, size=self.size or ())

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count a product with a dense matrix along each axis."""
        if self.mode == "nearest":
            return 0
        return math.prod(outputs[0]) * 2 * sum(inputs[0][axis] for axis in self.axes)


KERNELS = {
    "lanczos1": 1.0,
    "lanczos3": 3.0,
    "lanczos5": 5.0,
    "gaussian": 1.5,
    "box": 1.0,
    "triangle": 1.0,
    "keys_cubic": 2.0,
    "mitchell_cubic": 2.0,
}
"""Kernels of :class:`ScaleAndTranslate`, and how far each one reaches."""


class ScaleAndTranslate(Layer):
    """Resampling with a kernel that may widen where it shrinks, at any scale and offset.

    Element ``i`` of the output lies at ``p = (i + 1/2 - translation) / scale`` in the input, whose element k covers
    k to k + 1. It is ``sum of w[k] x[k] / sum of w[k]`` with ``w[k] = h(|k + 1/2 - p| / a)`` over the elements whose
    middles are at most ``a * r`` away, or 0 where p is outside the input. ``a = max(1, 1 / scale)`` with antialiasing
    and 1 otherwise. The kernel h of d within its reach r is

    - ``lanczos1``, ``lanczos3``, ``lanczos5``: ``sinc(d) * sinc(d / r)``, with ``sinc(d) = sin(pi d) / (pi d)``;
    - ``gaussian``: ``exp(-d^2 / (2 (r / 3)^2))``, r = 1.5;
    - ``box``: 1 below 1/2, 1/2 there, 0 above; ``triangle``: ``1 - d``;
    - ``keys_cubic``: Keys' kernel of coefficient -1/2; ``mitchell_cubic``: Mitchell and Netravali's of B = C = 1/3.

    Integers become float32.

    Attributes:
        axes: which axes are resampled.
        size: output sizes, one per axis.
        scale: output elements per input element, one per axis.
        translation: where the input begins in the output, in elements of it, one per axis.
        kernel: one of :data:`KERNELS`.
        antialias: whether the kernel widens where an axis shrinks.
    """

    axes: tuple[int, ...] = (1, 2)
    size: tuple[int, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...] = (0.0, 0.0)
    kernel: str = "lanczos3"
    antialias: bool = True

    def __post_init__(self) -> None:
        require_one_of(tuple(KERNELS), kernel=self.kernel)
        for name in ("size", "scale", "translation"):
            count = len(getattr(self, name))
            require(count == len(self.axes), f"{name} has {count} values for {len(self.axes)} axes")
        require_at_least(1, size=self.size)
        require(all(factor > 0 for factor in self.scale), f"scale must be positive, got {self.scale}")

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count a product with a dense matrix along each axis."""
        return math.prod(outputs[0]) * 2 * sum(inputs[0][axis] for axis in self.axes)


class CropAndResize(Layer):
    """Cut boxes out of images and resize each to one size.

    Row i of ``size[0]`` rows of the box ``y1, x1, y2, x2`` lies at ``y1 * (H-1) + i * (y2-y1) * (H-1) /
    (size[0]-1)`` in an image of H rows, or at the box's middle if there is one row; columns likewise. A box
    may be flipped. ``linear`` mixes the four elements around a position; ``nearest`` takes the nearest one,
    the later one of two. Positions outside ``[0, H-1]`` or ``[0, W-1]`` give ``extrapolation``.

    Inputs: images; boxes (boxes, 4), normalised by the last row and column; the image of each box (boxes,).

    Output: (boxes, …) with the axes of the images, ``size`` in place of rows and columns.

    Attributes:
        size: output rows and columns.
        axes: the images' axes of rows and of columns.
        mode: ``linear`` or ``nearest``.
        extrapolation: the value outside an image; None: that of the nearest position inside.
    """

    size: tuple[int, int]
    axes: tuple[int, int] = (2, 3)
    mode: str = "linear"
    extrapolation: float | None = 0.0

    def __post_init__(self) -> None:
        require_at_least(1, size=self.size)
        require_one_of(("linear", "nearest"), mode=self.mode)

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count three lerps per output element."""
        del inputs
        return math.prod(outputs[0]) * (9 if self.mode == "linear" else 0)
