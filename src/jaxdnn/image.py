"""Pictures as networks take them: read, resized, normalised, and the way back for boxes.

A picture is an array (height, width) or (height, width, channels), its colours in the order blue, green, red:
what OpenCV's ``imread`` returns and what Caffe's networks were trained on. Sizes are (width, height) and
boxes (left, top, right, bottom) in pixels, also as in OpenCV.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxdnn.errors import FileError, InputError

Size = tuple[int, int]
Mode = Literal["stretch", "crop", "letterbox"]
Resizing = Literal["opencv", "darknet"]
"""Whose way of resizing: OpenCV interpolates between the centres of pixels and keeps 8 bits; Darknet keeps the
corner pixels in the corners and its results unrounded, and a letterbox's size is a quotient of whole numbers."""

_COEFFICIENT_BITS = 11
"""Precision of the interpolation weights of 8-bit pictures; OpenCV's INTER_RESIZE_COEF_BITS."""


_SURE = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats whose first bytes nothing else has."""


def is_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file is certainly a picture, by its first bytes."""
    try:
        with Image.open(path, formats=_SURE):
            return True
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        return False


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture file as uint8 (height, width, 3), the right way up.

    Grayscale and palette pictures become coloured, 16-bit samples lose their lower byte, alpha is dropped.

    Raises:
        FileError: the file cannot be read, is no picture or a damaged one, or has too many pixels.
    """
    name = os.fspath(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                upright = ImageOps.exif_transpose(file)
    except UnidentifiedImageError as error:
        raise FileError("this is no picture, or one of an unknown format", file=name) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError(f"the picture has more than {Image.MAX_IMAGE_PIXELS} pixels", file=name) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow's decoders raise
        raise FileError(f"the picture cannot be read: {_reason(error)}", file=name) from error
    if upright.mode == "F":
        raise FileError("the picture's samples are floating-point numbers, not 8 or 16 bits", file=name)
    if upright.mode.startswith("I"):
        gray = (np.asarray(upright) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if upright.mode == "P":  # whose transparent colours Pillow converts to RGB with a warning
        upright = upright.convert("RGBA")
    return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[..., ::-1])


def write_image(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write a uint8 picture; the extension says in which format.

    Raises:
        FileError: the file cannot be written, or the extension is of no known format.
    """
    try:
        Image.fromarray(np.ascontiguousarray(image[..., ::-1] if image.ndim == 3 else image)).save(path)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot be written: {_reason(error)}", file=os.fspath(path)) from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass(frozen=True)
class Fit:
    """Where a picture lies in a network's input.

    Attributes:
        size: of the network's input.
        resized: the picture's size in there.
        step: picture pixels per input pixel, along x and y.
        offset: position of the picture's left top corner in the input; negative where it is cropped.
    """

    size: Size
    resized: Size
    step: tuple[float, float]
    offset: Size

    @classmethod
    def of(cls, picture: Size, size: Size, mode: Mode = "stretch", resizing: Resizing = "opencv") -> Fit:
        """Fit a picture into an input.

        Args:
            picture: its size.
            size: the input's size.
            mode: ``stretch`` changes the aspect ratio; ``crop`` covers the input and cuts off what sticks
                out at both ends; ``letterbox`` keeps the whole picture and leaves borders.
            resizing: whose way of resizing.
        """
        _require_one_of("mode", mode, get_args(Mode))
        _require_one_of("resizing", resizing, get_args(Resizing))
        if min(*picture, *size) < 1:
            raise InputError(f"a picture of size {picture} cannot be fitted into size {size}")
        # In float32 like OpenCV, which decides the rounding of sizes.
        factors = [np.float32(new) / np.float32(old) for new, old in zip(size, picture, strict=True)]
        if mode == "stretch" or picture == size:
            step = (picture[0] / size[0], picture[1] / size[1])
            return cls(size, size, step, (0, 0))
        if mode == "crop":
            factor = float(max(factors))
            resized = (round(picture[0] * factor), round(picture[1] * factor))
            offset = (-((resized[0] - size[0]) // 2), -((resized[1] - size[1]) // 2))
            return cls(size, resized, (1 / factor, 1 / factor), offset)
        if resizing == "darknet":
            tight = 0 if factors[0] < factors[1] else 1
            whole = [max(1, side * size[tight] // picture[tight]) for side in picture]
        else:
            whole = [max(1, int(np.float32(side) * min(factors))) for side in picture]
        resized = (whole[0], whole[1])
        offset = ((size[0] - resized[0]) // 2, (size[1] - resized[1]) // 2)
        return cls(size, resized, (picture[0] / resized[0], picture[1] / resized[1]), offset)

    def to_picture(self, boxes: Any) -> np.ndarray:
        """Map boxes (…, 4) in pixels of the input to pixels of the picture."""
        mapped: np.ndarray = (np.asarray(boxes) - np.tile(self.offset, 2)) * np.tile(self.step, 2)
        return mapped


def resize(image: np.ndarray, size: Size, step: tuple[float, float] | None = None) -> np.ndarray:
    """Resize by bilinear interpolation between pixel centres, without antialiasing.

    This is OpenCV's INTER_LINEAR, for uint8 in its fixed-point arithmetic and thus equal to the last bit;
    other types become float32.

    Args:
        image: the picture.
        size: of the result.
        step: distance of the sampled points in the picture, along x and y; by default the ratio of sizes.
    """
    height, width = image.shape[:2]
    step = step or (1 / (size[0] / width), 1 / (size[1] / height))
    columns = _taps(width, (np.arange(size[0]) + 0.5) * step[0] - 0.5)
    rows = _taps(height, (np.arange(size[1]) + 0.5) * step[1] - 0.5)
    if image.dtype != np.uint8:
        return _blend(image.astype(np.float32), columns, rows)
    (left, right, x), (top, bottom, y) = _aligned(image, columns, rows)
    x0, x1, y0, y1 = (np.rint(w * (1 << _COEFFICIENT_BITS)).astype(np.int32) for w in (1 - x, x, 1 - y, y))
    lines = (image[:, left] * x0 + image[:, right] * x1) >> 4
    result: np.ndarray = ((lines[top] * y0 >> 16) + (lines[bottom] * y1 >> 16) + 2) >> 2
    return result.astype(np.uint8)


def resize_corners(image: np.ndarray, size: Size) -> np.ndarray:
    """Resize by bilinear interpolation that leaves the corner pixels where they are, as Darknet does; float32."""
    columns, rows = (
        _taps(old, np.arange(new) * ((old - 1) / max(new - 1, 1)))
        for old, new in zip(image.shape[1::-1], size, strict=True)
    )
    return _blend(image.astype(np.float32), columns, rows)


Taps = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The two neighbours of each sampled point along an axis, and the weight of the second."""


def _taps(size: int, position: np.ndarray) -> Taps:
    position = position.astype(np.float32)
    low = np.floor(position)
    index = low.astype(np.int64)
    return index.clip(0, size - 1), (index + 1).clip(0, size - 1), position - low


def _aligned(image: np.ndarray, columns: Taps, rows: Taps) -> tuple[Taps, Taps]:
    """Give the weights the axes of a picture."""
    x = columns[2].reshape(1, -1, *(1,) * (image.ndim - 2))
    y = rows[2].reshape(-1, 1, *(1,) * (image.ndim - 2))
    return (*columns[:2], x), (*rows[:2], y)


def _blend(image: np.ndarray, columns: Taps, rows: Taps) -> np.ndarray:
    (left, right, x), (top, bottom, y) = _aligned(image, columns, rows)
    lines = image[:, left] * (1 - x) + image[:, right] * x
    blended: np.ndarray = lines[top] * (1 - y) + lines[bottom] * y
    return blended


def to_gray(image: np.ndarray) -> np.ndarray:
    """Return the luma of a coloured picture, ``0.299 R + 0.587 G + 0.114 B``; a gray one as it is."""
    if image.ndim == 2 or image.shape[2] == 1:
        return image
    if image.dtype != np.uint8:
        return image[..., :3].astype(np.float32) @ np.array([0.114, 0.587, 0.299], np.float32)
    luma: np.ndarray = image[..., :3].astype(np.int32) @ np.array([3735, 19235, 9798], np.int32)
    return ((luma + (1 << 14)) >> 15).astype(np.uint8)


def preprocess(
    image: np.ndarray,
    size: Size | None = None,
    *,
    mean: float | Sequence[float] = 0.0,
    scale: float | Sequence[float] = 1.0,
    swap_rb: bool = False,
    gray: bool = False,
    mode: Mode = "stretch",
    resizing: Resizing = "opencv",
    border: float | None = None,
) -> np.ndarray:
    """Return the network input ``(picture - mean) * scale``, float32 (1, channels, height, width).

    Equal to OpenCV's ``blobFromImage``, whose ``crop=True`` is ``mode="crop"``.

    Args:
        image: the picture; networks that want numbers up to 1 need ``scale=1/255``.
        size: width and height of the result; by default the picture's own.
        mean: subtracted from every pixel; one value, or one per channel in the order of the result's
            channels: red, green, blue after ``swap_rb``.
        scale: factor after the subtraction; one value, or one per channel like ``mean``.
        swap_rb: exchange the first and the third channel, for networks that take red, green, blue.
        gray: make a single channel out of colours.
        mode: how a picture of another aspect ratio is made to fit, see :meth:`Fit.of`.
        resizing: whose way of resizing, see :data:`Resizing`.
        border: value of the letterbox's borders before ``mean`` is subtracted; by default 0, and Darknet's
            127.5.

    Raises:
        InputError: the array is no picture, or a value does not fit it.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or image.size == 0 or image.shape[2:] not in ((), (1,), (3,), (4,)):
        raise InputError(f"a picture is (height, width) or (height, width, channels), got {image.shape}")
    if image.dtype.kind not in "uif":
        raise InputError(f"a picture is made of numbers, got {image.dtype}")
    if gray:
        image = to_gray(image)
    own = image.shape[1::-1]
    image = _place(image, Fit.of(own, size or own, mode, resizing), resizing, border)
    image = image.reshape(*image.shape[:2], -1)
    channels = image.shape[2]
    if swap_rb and channels >= 3:
        image = image[..., [2, 1, 0, *range(3, channels)]]
    blob = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
    blob -= _per_channel("mean", mean, channels)
    blob *= _per_channel("scale", scale, channels)
    return blob


def _place(image: np.ndarray, fit: Fit, resizing: Resizing, border: float | None) -> np.ndarray:
    """Resize a picture and cut it or add borders, so that it fills the input."""
    if resizing == "darknet":
        image = resize_corners(image, fit.resized)
        border = 127.5 if border is None else border
    elif image.shape[1::-1] != fit.resized:
        image = resize(image, fit.resized, fit.step)
    (left, top), (width, height) = fit.offset, fit.size
    image = image[max(0, -top) :, max(0, -left) :][:height, :width]
    if image.shape[:2] == (height, width):
        return image
    framed = np.full((height, width, *image.shape[2:]), border or 0.0, image.dtype)
    framed[top : top + image.shape[0], left : left + image.shape[1]] = image
    return framed


def _require_one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _per_channel(name: str, value: float | Sequence[float], channels: int) -> np.ndarray:
    values = np.asarray(value, np.float32).reshape(-1)
    if values.size not in (1, channels):
        raise InputError(f"{name} has {values.size} values for {channels} channels")
    return values.reshape(1, -1, 1, 1)
