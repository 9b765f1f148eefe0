"""Writing a caffemodel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from jaxdnn.errors import InputError
from jaxdnn.importers.caffe.schema import BlobProto, LayerParameter, NetParameter
from jaxdnn.importers.files import replacing
from jaxdnn.ir import Graph, Node, split_reference
from jaxdnn.layers.normalization import BatchNorm


class NetLike(Protocol):
    """What :func:`save_weights` needs of a net."""

    @property
    def graph(self) -> Graph:
        """The graph, whose nodes carry the prototxt's layer names."""

    @property
    def params(self) -> Mapping[str, Mapping[str, Any]]:
        """Arrays by owner and slot."""


def save_weights(net: NetLike, path: str | os.PathLike[str]) -> None:
    """Write a net's parameters as a caffemodel that Caffe and OpenCV read beside the net's prototxt.

    Layers go by their names, as Caffe itself matches them; shared parameters are stored with each of their
    layers. The file is written beside its place and moved there when it is whole.

    Args:
        net: imported from Caffe. What passes or surgery made of it needs a prototxt with the layers that it has.
        path: of the file to write.

    Raises:
        InputError: the net is quantised.
    """
    with replacing(path) as file:
        file.write(NetParameter(name=net.graph.name).SerializeToString())
        for node in net.graph.nodes:
            if node.params:
                layer = LayerParameter(name=node.name, blobs=map(_blob, _arrays(node, net.params)))
                # One layer at a time: what is appended to a message is merged into it.
                file.write(NetParameter(layer=[layer]).SerializeToString())


def _arrays(node: Node, params: Mapping[str, Mapping[str, Any]]) -> list[np.ndarray]:
    """Return a layer's blobs; slots are in the caffemodel's order."""
    arrays = []
    for reference in node.params.values():
        owner, slot = split_reference(reference)
        array = np.asarray(params[owner][slot])
        if array.dtype.kind in "iu":
            raise InputError(
                f"{slot} of {owner!r} is {array.dtype}: a caffemodel cannot hold a quantised net"
            )
        arrays.append(array.astype(np.float32))
    if isinstance(node.layer, BatchNorm) and list(node.params) == ["mean", "variance"]:
        arrays.append(np.ones(1, np.float32))  # the factor that stored statistics are divided by
    return arrays


def _blob(array: np.ndarray) -> Any:
    blob = BlobProto(data=array.astype("<f4").tobytes())
    blob.shape.dim.extend(array.shape)
    return blob
