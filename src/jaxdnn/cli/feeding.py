"""From pictures to a network's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxdnn.cli.preprocessing import Preprocessing
from jaxdnn.errors import InputError
from jaxdnn.image import Fit, Mode, Resizing, Size, preprocess
from jaxdnn.ir import Graph, Source

_CHANNELS = (1, 3)


@dataclass(frozen=True)
class Feeder:
    """Makes a network's inputs out of pictures.

    Attributes:
        picture: name of the input that takes pictures.
        info: names of the inputs that take (height, width, scale) of each picture, as Faster R-CNN's im_info.
        channels_last: whether it takes (batch, height, width, channels).
        size: of the pictures as the network sees them.
        gray: whether it sees one channel.
        mean, scale: what the pictures are normalised with.
        swap_rb: whether it sees red, green, blue.
        mode: how pictures are made to fit.
        resizing: whose way of resizing.
    """

    picture: str
    info: tuple[str, ...]
    channels_last: bool
    size: Size
    gray: bool
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    swap_rb: bool
    mode: Mode
    resizing: Resizing

    @classmethod
    def of(cls, graph: Graph, source: Source, given: Preprocessing) -> Feeder:
        """Take what is not given from the network's inputs and from what its file or its format says of pictures.

        Raises:
            InputError: the network has inputs that cannot be made out of pictures, or the file says nonsense.
        """
        required = {value.name: value for value in graph.inputs if not value.optional}
        shapes = {name: value.shape or () for name, value in required.items()}
        layouts = {name: _layout(shape) for name, shape in shapes.items()}
        pictures = [name for name, layout in layouts.items() if layout]
        if len(pictures) != 1:
            inputs = ", ".join(f"{value.name}: {value.text}" for value in graph.inputs)
            raise InputError(
                f"{graph.name!r} has {len(pictures)} inputs that take pictures, not one: {inputs}"
            )
        others = tuple(name for name in required if name != pictures[0])
        for name in others:
            if len(shapes[name]) != 2 or shapes[name][1] != 3:
                raise InputError(f"input {name!r} ({required[name].text}) of {graph.name!r} is no picture's")
        layout = layouts[pictures[0]]
        sizes = dict(zip(layout, shapes[pictures[0]], strict=True))
        width, height = sizes["W"], sizes["H"]
        said = given.over(Preprocessing.stated(source.preprocessing))
        size = said.size or (width and height and (width, height))
        if not size:
            raise InputError(
                f"input {pictures[0]!r} ({required[pictures[0]].text}) has open sizes: give --size"
            )
        return cls(
            pictures[0],
            others,
            layout == "NHWC",
            size,
            sizes["C"] == 1,
            said.mean or (0.0,),
            said.scale or (1.0,),
            bool(said.swap_rb),
            said.mode or "stretch",
            said.resizing or ("darknet" if source.format == "darknet" else "opencv"),
        )

    def feed(self, pictures: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], list[Fit]]:
        """Return the inputs for a batch, and how each picture lies in its input."""
        fits = [Fit.of(picture.shape[1::-1], self.size, self.mode, self.resizing) for picture in pictures]
        blobs = [
            preprocess(
                picture,
                self.size,
                mean=self.mean,
                scale=self.scale,
                swap_rb=self.swap_rb,
                gray=self.gray,
                mode=self.mode,
                resizing=self.resizing,
            )
            for picture in pictures
        ]
        width, height = self.size
        info = np.array([[height, width, 1 / max(fit.step)] for fit in fits], np.float32)
        batch = np.concatenate(blobs)
        if self.channels_last:
            batch = batch.transpose(0, 2, 3, 1)
        return {self.picture: batch, **dict.fromkeys(self.info, info)}, fits

    def to_dict(self) -> dict[str, Any]:
        """Return the preprocessing for JSON."""
        return {
            "input": self.picture,
            "layout": "NHWC" if self.channels_last else "NCHW",
            "size": list(self.size),
            "channels": "gray" if self.gray else "rgb" if self.swap_rb else "bgr",
            "mean": list(self.mean),
            "scale": list(self.scale),
            "mode": self.mode,
            "resize": self.resizing,
        }

    def __str__(self) -> str:
        mean, scale = (",".join(f"{value:g}" for value in values) for values in (self.mean, self.scale))
        channels = self.to_dict()["channels"]
        return (
            f"{self.picture}: {self.size[0]}x{self.size[1]} {channels}, {self.mode} ({self.resizing}), "
            f"(picture - {mean}) * {scale}"
        )


def _layout(shape: tuple[int | None, ...]) -> str:
    """Return how an input's axes are those of pictures, "" if they are not."""
    if len(shape) != 4:
        return ""
    return "NCHW" if shape[1] in _CHANNELS else "NHWC" if shape[3] in _CHANNELS else ""
