"""Inputs, data layers, constants, and the layers that only pass values on."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import GraphError, LayerError
from jaxdnn.importers.caffe.fields import Fields, checked_dimensions, dimensions
from jaxdnn.importers.caffe.registry import CaffeBuilder, LayerSource, rules
from jaxdnn.layers.constant import Const, Parameter
from jaxdnn.layers.elementwise import Identity

_DATA_PARAMS = (
    "data_param",
    "image_data_param",
    "annotated_data_param",
    "window_data_param",
    "hdf5_data_param",
    "video_data_param",
    "dense_image_data_param",
    "python_param",
)
_LABEL_MAPS = ("DenseImageData", "ImageSegData", "ImageLabelmapData")
_TRANSFORM_FIELDS = ("force_color", "force_gray", "mirror", "scale", "crop_size", "mean_file", "mean_value")


@rules("Input", bottoms=0, tops=(1, None))
def input_(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """One shape per top, or one for all of them."""
    del inputs
    shapes = source.param("input_param").messages("shape")
    if len(shapes) not in (0, 1, len(source.tops)):
        raise GraphError(f"has {len(shapes)} shapes for {len(source.tops)} tops")
    sizes = [dimensions(shape, f"input {top!r}") for shape, top in zip(shapes, source.tops, strict=False)]
    if len(shapes) == 1:
        sizes = sizes[:1] * len(source.tops)
    return tuple(b.input(top, sizes[i] if sizes else None) for i, top in enumerate(source.tops))


@rules(
    "Data",
    "ImageData",
    "AnnotatedData",
    "HDF5Data",
    "WindowData",
    "VideoData",
    "DenseImageData",
    "ImageSegData",
    "ImageLabelmapData",
    bottoms=0,
    tops=(1, None),
)
def data(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A layer that reads a database becomes inputs: the pictures, and the labels, one number or map each."""
    del inputs
    transform = source.param("transform_param")
    p = source.param(*_DATA_PARAMS)
    source.fields.ignore(*_DATA_PARAMS)
    batch = p.uint("batch_size", 0) or 1
    crop = transform.uint("crop_size", 0) or p.uint("crop_size", 0)
    resize = transform.message("resize_param")
    new = p.uint("new_height", 0), p.uint("new_width", 0)
    resized = resize.uint("height", 0), resize.uint("width", 0)
    size: tuple[int, ...] | None = next((size for size in ((crop, crop), new, resized) if all(size)), None)
    frames = p.uint("new_length", 0)
    if size and frames:
        # C3D's clips have an axis of frames. TSN, which states a modality, has a number of channels to guess.
        size = None if p.has("modality") else (frames, *size)
    p.ignore_all()
    resize.ignore_all()
    _record_preprocessing(b, transform)
    channels = 1 if transform.boolean("force_gray", False) else 3
    transform.ignore_all()
    picture = None if size is None else (batch, channels, *size)
    label: tuple[int, ...] | None = (batch,)
    if source.type in _LABEL_MAPS:
        label = None if size is None else (batch, 1, *size)
    return tuple(b.input(top, label if index else picture) for index, top in enumerate(source.tops))


def _record_preprocessing(b: CaffeBuilder, transform: Fields) -> None:
    stated = {name: transform.raw.scalars(name) for name in _TRANSFORM_FIELDS}
    b.preprocessing.update(
        {
            "scale": transform.number("scale", 1.0),
            "mean": transform.numbers("mean_value"),
            "mean_file": transform.string("mean_file", ""),
        }
        if any(stated.values())
        else {}
    )


@rules("MemoryData", bottoms=0, tops=2)
def memory_data(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Pictures and labels."""
    del inputs
    p = source.param("memory_data_param")
    source.param("transform_param").ignore_all()
    sizes = tuple(p.required_uint(name) for name in ("batch_size", "channels", "height", "width"))
    shape = checked_dimensions(sizes, f"input {source.tops[0]!r}", p.line)
    return b.input(source.tops[0], shape), b.input(source.tops[1], shape[:1])


@rules("DummyData", bottoms=0, tops=(1, None))
def dummy_data(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Constants; a top with a random filler becomes an input."""
    del inputs
    p = source.param("dummy_data_param")
    count = len(source.tops)
    shapes = [dimensions(shape, f"top {source.tops[0]!r}") for shape in p.messages("shape")]
    sizes = [p.uints(name) for name in ("num", "channels", "height", "width")]
    if not shapes:
        if not all(sizes):
            raise LayerError("neither shape nor num, channels, height and width are given")
        shapes = [
            checked_dimensions(tuple(v[min(i, len(v) - 1)] for v in sizes), f"top {top!r}", p.line)
            for i, top in enumerate(source.tops)
        ]
    if len(shapes) not in (1, count):
        raise LayerError(f"has {len(shapes)} shapes for {count} tops")
    fillers = [filler.as_filler() for filler in p.messages("data_filler")]
    if len(fillers) not in (0, 1, count):
        raise LayerError(f"has {len(fillers)} data_filler for {count} tops")
    outputs: tuple[str, ...] = ()
    for index, top in enumerate(source.tops):
        shape = shapes[min(index, len(shapes) - 1)]
        filler = fillers[min(index, len(fillers) - 1)] if fillers else None
        if filler is not None and filler.kind != "constant":
            outputs += (b.input(top, shape),)
        else:
            value = np.broadcast_to(np.float32(filler.value if filler else 0.0), shape)
            name = source.name if index == 0 else f"{source.name}:{index}"
            outputs += b.emit(source, Const(value=value), (), tops=(top,), name=name)
    return outputs


@rules("Parameter", bottoms=0)
def parameter(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """A learned blob."""
    shape = dimensions(source.param("parameter_param").message("shape"), f"top {source.tops[0]!r}")
    return b.emit(source, Parameter(shape=shape), inputs, b.slots(source, value=None))


@rules("Split", tops=(1, None))
def split(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Several names for one value."""
    outputs: tuple[str, ...] = ()
    for top in source.tops:
        outputs += b.emit(source, Identity(), inputs, tops=(top,))
    return outputs


@rules("Silence", "HDF5Output", bottoms=(0, None), tops=0)
def silence(b: CaffeBuilder, source: LayerSource, inputs: tuple[str, ...]) -> tuple[str, ...]:
    """Consume blobs, so that they are no outputs of the net."""
    del b, inputs
    source.fields.ignore("hdf5_output_param")
    return ()
