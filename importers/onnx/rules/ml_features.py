"""ai.onnx.ml: numbers prepared for a classifier."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.standard import floating, rank_of
from jaxdnn.layers.arithmetic import Binary, Cast, Select, Unary
from jaxdnn.layers.reduction import Reduce
from jaxdnn.layers.shape import Concat, Gather, Reshape
from jaxdnn.layers.tensor import ExpandDims
from jaxdnn.layers.trees import LookUp

ML = "ai.onnx.ml"


@rules("ArrayFeatureExtractor", inputs=2, domain=ML)
def array_feature_extractor(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Columns; those of a vector are a row."""
    x, places = inputs
    if rank_of(b, x) == 1:
        (x,) = b.emit(node, ExpandDims(axes=(0,)), (x,), part="row")
    (places,) = b.emit(node, Reshape(shape=(-1,)), (places,), part="places")
    return b.emit(node, Gather(axis=-1), (x, places))


@rules("Binarizer", domain=ML)
def binarizer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Whether a number is above a threshold."""
    x = as_float(b, node, inputs[0])
    threshold = floating(b, node, node.attributes.number("threshold", 0.0), part="threshold")
    marks = b.emit(node, Binary(function="greater"), (x, threshold), part="marks")
    return b.emit(node, Cast(dtype="float32"), marks)


@rules("FeatureVectorizer", inputs=(1, None), domain=ML)
def feature_vectorizer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Features of each row, joined."""
    sizes = node.attributes.integers("inputdimensions", ())
    if len(sizes) != len(inputs):
        raise LayerError(f"inputdimensions has {len(sizes)} values for {len(inputs)} inputs")
    parts: list[str] = []
    for index, (x, size) in enumerate(zip(inputs, sizes, strict=True)):
        x = as_float(b, node, x, f"number{index}")
        parts += b.emit(node, Reshape(shape=(-1, size)), (x,), part=f"rows{index}")
    return b.emit(node, Concat(axis=1), tuple(parts))


@rules("Imputer", domain=ML)
def imputer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Numbers for those that are missing."""
    attributes = node.attributes
    if attributes.has("imputed_value_int64s"):
        stated = np.array(attributes.integers("imputed_value_int64s"), np.int64)
        missing = np.array(attributes.integer("replaced_value_int64", 0), np.int64)
        attributes.ignore("replaced_value_float")
    else:
        stated = np.array(attributes.numbers("imputed_value_floats"), np.float32)
        missing = np.array(attributes.number("replaced_value_float", 0.0), np.float32)
        attributes.ignore("replaced_value_int64")
    value = b.const(node, stated, part="imputed")
    if np.isnan(missing):
        marks = b.emit(node, Unary(function="is_nan"), inputs, part="missing")
    else:
        number = b.const(node, missing, part="replaced")
        marks = b.emit(node, Binary(function="equal"), (*inputs, number), part="missing")
    return b.emit(node, Select(), (*marks, value, *inputs))


_KINDS = {"int64s": (np.int64, -1), "floats": (np.float32, -0.0)}


@rules("LabelEncoder", domain=ML)
def label_encoder(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Numbers for numbers; strings are not known."""
    keys, _ = _table(node, "keys")
    values, default = _table(node, "values")
    if len(keys) != len(values):
        raise LayerError(f"has {len(keys)} keys and {len(values)} values")
    default = default.astype(values.dtype)
    named = (("keys", keys), ("values", values), ("default", default))
    tables = [b.const(node, array, part=name) for name, array in named]
    return b.emit(node, LookUp(), (*inputs, *tables))


def _table(node: NodeSource, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a list of numbers, and what stands for one that is not in it."""
    attributes = node.attributes
    attributes.ignore("default_string", "default_int64", "default_float", "default_tensor")
    if attributes.has(f"{what}_tensor"):
        array = attributes.tensor(f"{what}_tensor").reshape(-1)
        if array.dtype.kind not in "if":
            raise LayerError(f"{what}_tensor holds no numbers")
        default = np.array(-1 if array.dtype.kind == "i" else -0.0)
        if what == "values" and attributes.has("default_tensor"):
            default = attributes.tensor("default_tensor").reshape(())
        return array, default
    if attributes.has(f"{what}_int64s"):
        return (
            np.array(attributes.integers(f"{what}_int64s"), np.int64),
            np.array(attributes.integer("default_int64", -1)),
        )
    if attributes.has(f"{what}_floats"):
        return (
            np.array(attributes.numbers(f"{what}_floats"), np.float32),
            np.array(attributes.number("default_float", -0.0)),
        )
    raise LayerError(f"its {what} are no numbers")


@rules("Normalizer", domain=ML)
def normalizer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """Rows divided by their largest element, the sum of the absolute values or the root of that of the squares."""
    x = as_float(b, node, inputs[0])
    norm = node.attributes.one_of("norm", ("MAX", "L1", "L2"), "MAX")
    operation = {"MAX": "max", "L1": "abs_sum", "L2": "square_sum"}[norm]
    size = b.emit(node, Reduce(operation=operation, axes=(-1,), keepdims=True), (x,), part="size")
    if norm == "L2":
        size = b.emit(node, Unary(function="sqrt"), size, part="length")
    zero = floating(b, node, 0, part="zero")
    none = b.emit(node, Binary(function="equal"), (*size, zero), part="none")
    divided = b.emit(node, Binary(function="divide_no_nan"), (x, *size), part="divided")
    return b.emit(node, Select(), (*none, x, *divided))


@rules("OneHotEncoder", domain=ML)
def one_hot_encoder(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """A vector with a one at the place of a category, which is a whole number."""
    if not node.attributes.has("cats_int64s"):
        raise LayerError("its categories are no numbers")
    node.attributes.ignore("zeros")
    stated = np.array(node.attributes.integers("cats_int64s"), np.int64)
    categories = b.const(node, stated, part="categories")
    (whole,) = b.emit(node, Cast(dtype="int64"), inputs, part="whole")
    (column,) = b.emit(node, ExpandDims(axes=(-1,)), (whole,), part="column")
    marks = b.emit(node, Binary(function="equal"), (column, categories), part="marks")
    return b.emit(node, Cast(dtype="float32"), marks)


@rules("Scaler", domain=ML)
def scaler(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """``(x - offset) * scale``."""
    value = as_float(b, node, inputs[0])
    for name, function, part in (("offset", "subtract", "moved"), ("scale", "multiply", "")):
        number = b.const(node, np.array(node.attributes.numbers(name), np.float32), part=name)
        (value,) = b.emit(node, Binary(function=function), (value, number), part=part)
    return (value,)


def as_float(b: OnnxBuilder, node: NodeSource, value: str, part: str = "number") -> str:
    """Return a value as floating numbers: these operators take whole ones, too."""
    return b.emit(node, Cast(dtype="float32"), (value,), part=part)[0]
