"""Convolution with weights, and perhaps inputs, of one bit."""

from __future__ import annotations

from jaxdnn.layers.convolution import Conv


class BinaryConv(Conv):
    """:class:`Conv` whose weights have the same magnitude within each filter (XNOR-Net's).

    A weight w of a filter becomes ``sign(w) * mean(|weights of the filter|)``, where ``sign`` is 1 above zero
    and -1 elsewhere. With ``binary_input`` the convolution sees ``sign(x)``, and the padding is -1.

    Attributes:
        binary_input: whether the inputs are binarised too.
    """

    binary_input: bool = True
