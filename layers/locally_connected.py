"""Convolution without shared weights."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Shape, normalize_axis, require_at_least, spread
from jaxdnn.layers.convolution import Im2Col, conv_output_size


class LocallyConnected(Im2Col):
    """Like :class:`~jaxdnn.layers.convolution.Conv`, with weights and biases of its own at every position.

    ``y[n, o, i] = bias[o, i] + sum over c, k of x[n, c, i*stride - padding + k*dilation] * weight[i, o, c, k]``

    Params: ``weight`` (*output size, filters, channels, *kernel); ``bias`` (filters, *output size).

    Attributes:
        filters: number of output channels.
    """

    filters: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(1, filters=self.filters)

    def param_shapes(self, *inputs: Shape) -> dict[str, Shape]:
        """See :class:`LocallyConnected`."""
        axis = normalize_axis(self.axis, len(inputs[0]))
        size = conv_output_size(self, inputs[0][axis + 1 :])
        kernel = spread("kernel", self.kernel, len(size))
        return {
            "weight": (*size, self.filters, inputs[0][axis], *kernel),
            "bias": (self.filters, *size),
        }

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per weight and sample, and the biases."""
        axis = normalize_axis(self.axis, len(inputs[0]))
        weights = math.prod(self.param_shapes(*inputs)["weight"])
        return 2 * weights * math.prod(inputs[0][:axis]) + math.prod(outputs[0])
