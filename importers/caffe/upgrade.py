"""Old prototxt forms (V0, V1) rewritten as today's (V2) layers."""

from __future__ import annotations

from jaxdnn.errors import ParseError
from jaxdnn.importers.textproto import Message, Scalar

V1_TYPES = {
    0: ("NONE", ""),
    1: ("ACCURACY", "Accuracy"),
    2: ("BNLL", "BNLL"),
    3: ("CONCAT", "Concat"),
    4: ("CONVOLUTION", "Convolution"),
    5: ("DATA", "Data"),
    6: ("DROPOUT", "Dropout"),
    7: ("EUCLIDEAN_LOSS", "EuclideanLoss"),
    8: ("FLATTEN", "Flatten"),
    9: ("HDF5_DATA", "HDF5Data"),
    10: ("HDF5_OUTPUT", "HDF5Output"),
    11: ("IM2COL", "Im2col"),
    12: ("IMAGE_DATA", "ImageData"),
    13: ("INFOGAIN_LOSS", "InfogainLoss"),
    14: ("INNER_PRODUCT", "InnerProduct"),
    15: ("LRN", "LRN"),
    16: ("MULTINOMIAL_LOGISTIC_LOSS", "MultinomialLogisticLoss"),
    17: ("POOLING", "Pooling"),
    18: ("RELU", "ReLU"),
    19: ("SIGMOID", "Sigmoid"),
    20: ("SOFTMAX", "Softmax"),
    21: ("SOFTMAX_LOSS", "SoftmaxWithLoss"),
    22: ("SPLIT", "Split"),
    23: ("TANH", "TanH"),
    24: ("WINDOW_DATA", "WindowData"),
    25: ("ELTWISE", "Eltwise"),
    26: ("POWER", "Power"),
    27: ("SIGMOID_CROSS_ENTROPY_LOSS", "SigmoidCrossEntropyLoss"),
    28: ("HINGE_LOSS", "HingeLoss"),
    29: ("MEMORY_DATA", "MemoryData"),
    30: ("ARGMAX", "ArgMax"),
    31: ("THRESHOLD", "Threshold"),
    32: ("DUMMY_DATA", "DummyData"),
    33: ("SLICE", "Slice"),
    34: ("MVN", "MVN"),
    35: ("ABSVAL", "AbsVal"),
    36: ("SILENCE", "Silence"),
    37: ("CONTRASTIVE_LOSS", "ContrastiveLoss"),
    38: ("EXP", "Exp"),
    39: ("DECONVOLUTION", "Deconvolution"),
    40: ("CROP", "Crop"),
}
"""Number, enum name and V2 name of each V1 type (40 is the FCN fork's)."""

_FORK_TYPES = {
    "BATCH_NORM": "BatchNorm",
    "BN": "BN",
    "CONVOLUTION3D": "Convolution3D",
    "DECONVOLUTION3D": "Deconvolution3D",
    "DENSE_IMAGE_DATA": "DenseImageData",
    "NORMALIZE": "Normalize",
    "PERMUTE": "Permute",
    "POOLING3D": "Pooling3D",
    "PRELU": "PReLU",
    "PYTHON": "Python",
    "RESHAPE": "Reshape",
    "ROI_POOLING": "ROIPooling",
    "UPSAMPLE": "Upsample",
    "VIDEO_DATA": "VideoData",
}
"""V2 name of enums that forks added under numbers of their own."""

_BY_ENUM = dict(V1_TYPES.values()) | _FORK_TYPES

_V0_TYPES = {
    "bnll": "BNLL",
    "accuracy": "Accuracy",
    "concat": "Concat",
    "conv": "Convolution",
    "data": "Data",
    "dropout": "Dropout",
    "euclidean_loss": "EuclideanLoss",
    "flatten": "Flatten",
    "hdf5_data": "HDF5Data",
    "hdf5_output": "HDF5Output",
    "im2col": "Im2col",
    "images": "ImageData",
    "infogain_loss": "InfogainLoss",
    "innerproduct": "InnerProduct",
    "lrn": "LRN",
    "multinomial_logistic_loss": "MultinomialLogisticLoss",
    "padding": "padding",
    "pool": "Pooling",
    "power": "Power",
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "softmax": "Softmax",
    "softmax_loss": "SoftmaxWithLoss",
    "split": "Split",
    "tanh": "TanH",
    "window_data": "WindowData",
}

_PARAM_OF = {
    "Convolution": "convolution_param",
    "Im2col": "convolution_param",
    "Pooling": "pooling_param",
    "InnerProduct": "inner_product_param",
    "LRN": "lrn_param",
    "Dropout": "dropout_param",
    "Concat": "concat_param",
    "Power": "power_param",
    "InfogainLoss": "infogain_loss_param",
    "Data": "data_param",
    "ImageData": "image_data_param",
    "WindowData": "window_data_param",
    "HDF5Data": "hdf5_data_param",
    "HDF5Output": "hdf5_output_param",
}
_V0_RENAMED = {
    "biasterm": "bias_term",
    "kernelsize": "kernel_size",
    "batchsize": "batch_size",
    "shuffle_images": "shuffle",
    "det_fg_threshold": "fg_threshold",
    "det_bg_threshold": "bg_threshold",
    "det_fg_fraction": "fg_fraction",
    "det_context_pad": "context_pad",
    "det_crop_mode": "crop_mode",
}
_V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}
_V0_KEPT = ("name", "blobs_lr", "weight_decay")


def upgrade(net: Message) -> list[Message]:
    """Return a net's layers in today's form, whichever form the file uses.

    Raises:
        ParseError: forms are mixed, or an old type is unknown.
    """
    new, old = net.messages("layer"), net.messages("layers")
    if new and old:
        raise ParseError('the file has both "layer" and "layers"', line=old[0].line)
    if new:
        return [_with_v2_type(layer) for layer in new]
    if any(layer.messages("layer") for layer in old):
        return _fold_padding([_from_v0(layer) for layer in old])
    return [_from_v1(layer) for layer in old]


def _with_v2_type(layer: Message) -> Message:
    """Translate an old enum name that stands in a new layer, such as ``type: CONVOLUTION``."""
    fields = [
        (name, _replace(value, _BY_ENUM[value.text]))
        if name == "type" and isinstance(value, Scalar) and not value.quoted and value.text in _BY_ENUM
        else (name, value)
        for name, value in layer.fields
    ]
    return Message(layer.place, fields)


def _from_v1(layer: Message) -> Message:
    result = Message(layer.place)
    for name, value in layer.fields:
        if name == "type" and isinstance(value, Scalar):
            result.add(name, _replace(value, _v1_type(value)))
        elif name == "param" and isinstance(value, Scalar):
            result.add("param", Message(value.place, [("name", value)]))
        else:
            result.add(name, value)
    return result


def _v1_type(value: Scalar) -> str:
    if value.quoted:
        return value.text
    if value.text.isdigit():
        return V1_TYPES.get(int(value.text), ("", value.text))[1]
    if value.text in _BY_ENUM:
        return _BY_ENUM[value.text]
    raise value.error(f"unknown V1 layer type {value.text}")


def _from_v0(layer: Message) -> Message:
    result = Message(layer.place)
    inner = next(iter(layer.messages("layer")), Message(layer.place))
    types = inner.scalars("type")
    kind = _V0_TYPES.get(types[0].text, types[0].text) if types else ""
    if types:
        result.add("type", _replace(types[0], kind))
    transform = Message(layer.place)
    params = Message(layer.place)
    data_layer = kind in ("Data", "ImageData", "WindowData")
    for name, value in inner.fields:
        if name in _V0_KEPT:
            result.add(name, value)
        elif data_layer and name in _V0_TRANSFORM:
            transform.add(_V0_TRANSFORM[name], value)
        elif name not in ("type", "blobs"):
            params.add(_V0_RENAMED.get(name, name), value)
    for name, value in layer.fields:
        if name != "layer":
            result.add(name, value)
    if transform.fields:
        result.add("transform_param", transform)
    if params.fields:
        result.add(_PARAM_OF.get(kind, "padding_param"), params)
    return result


def _fold_padding(layers: list[Message]) -> list[Message]:
    """Drop V0's padding layers and give their pad to the convolution or pooling behind them."""
    pads: dict[str, tuple[str, Scalar]] = {}
    kept = []
    for layer in layers:
        kind = layer.scalars("type")[0].text if layer.scalars("type") else ""
        if kind == "padding":
            bottoms, tops = layer.scalars("bottom"), layer.scalars("top")
            pad = [value for params in layer.messages("padding_param") for value in params.scalars("pad")]
            if not (bottoms and tops and pad):
                raise ParseError("a padding layer needs a bottom, a top and a pad", line=layer.line)
            pads[tops[0].text] = (bottoms[0].text, pad[0])
            continue
        folded = [value.text for value in layer.scalars("bottom") if value.text in pads]
        if folded:
            layer = _with_pad(layer, kind, folded[0], *pads[folded[0]])
        kept.append(layer)
    return kept


def _with_pad(layer: Message, kind: str, blob: str, bottom: str, pad: Scalar) -> Message:
    if kind not in ("Convolution", "Pooling", "Im2col"):
        raise ParseError(f"padding layer's top {blob!r} feeds a {kind} layer", line=layer.line)
    result = Message(layer.place)
    for name, value in layer.fields:
        if name == "bottom" and isinstance(value, Scalar) and value.text == blob:
            value = _replace(value, bottom)
        if name == _PARAM_OF[kind] and isinstance(value, Message):
            value = Message(value.place, [*value.fields, ("pad", pad)])
        result.add(name, value)
    return result


def _replace(value: Scalar, text: str) -> Scalar:
    return Scalar(text, True, value.place)
