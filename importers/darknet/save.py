"""Writing a weights file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.importers.darknet.source import DarknetSource
from jaxdnn.importers.files import replacing
from jaxdnn.ir import Source


class NetLike(Protocol):
    """What :func:`save_weights` needs of a net."""

    @property
    def source(self) -> Source:
        """Where it came from."""

    @property
    def params(self) -> Mapping[str, Mapping[str, Any]]:
        """Arrays by owner and slot."""


def save_weights(net: NetLike, path: str | os.PathLike[str]) -> None:
    """Write a net's parameters as a weights file that Darknet and OpenCV read beside the net's cfg.

    The header is that of the file that the net was read from. The file is written beside its place and moved
    there when it is whole.

    Args:
        net: imported from Darknet, whole.
        path: of the file to write.

    Raises:
        InputError: the net is from elsewhere, or it lacks parameters that its cfg has.
    """
    source = net.source
    if not isinstance(source, DarknetSource):
        raise InputError(f"the net comes from {source.format}, not from a Darknet cfg")
    for array in source.arrays:
        if array.slot not in net.params.get(array.owner, {}):
            raise InputError(
                f"the net has no {array.slot} of {array.owner!r}, layer {array.place} of its cfg"
            )
    with replacing(path) as file:
        file.write(source.header.pack())
        for array in source.arrays:
            data = np.asarray(net.params[array.owner][array.slot]).astype("<f4", copy=False)
            if source.header.swaps(array):
                data = data.reshape(array.shape[0], -1).T
            file.write(np.ascontiguousarray(data).data)
