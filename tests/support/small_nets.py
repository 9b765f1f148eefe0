"""A small net of each format, with weights, as files and as a net."""

from pathlib import Path

import numpy as np

import jaxdnn
from jaxdnn.lowering.infer import stored_shapes
from support import caffe, darknet, tensorflow

PROTOTXT = (
    'name: "caffe" '
    + caffe.inputs(data=(1, 3, 8, 8))
    + """
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "norm" type: "LRN" bottom: "conv" top: "norm" }
layer { name: "pool" type: "Pooling" bottom: "norm" top: "pool" pooling_param { kernel_size: 2 stride: 2 } }
layer { name: "fc" type: "InnerProduct" bottom: "pool" top: "fc" inner_product_param { num_output: 5 } }
layer { name: "prob" type: "Softmax" bottom: "fc" top: "prob" }
"""
)
CFG = (
    darknet.picture(8, 8)
    + """
[convolutional]
batch_normalize=1
filters=4
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=16
size=1
stride=1
activation=linear

[yolo]
mask=0,1
anchors=2,3, 4,4
classes=3
num=2
"""
)
FORMATS = ("caffe", "darknet", "tensorflow")


def paths(format: str, folder: Path) -> list[str]:
    """Write the files of the format's net and return their paths."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / 2).astype(np.float32)

    if format == "caffe":
        blobs = {"conv": [normal(4, 3, 3, 3), normal(4)], "fc": [normal(5, 36), normal(5)]}
        return caffe.write(folder, PROTOTXT, blobs)
    if format == "darknet":
        shapes = stored_shapes(darknet.randomized(folder, CFG).stored)
        count = sum(int(np.prod(shape)) for shape in shapes.values())
        return darknet.write(folder, CFG, darknet.weights([np.abs(normal(count)) + np.float32(0.1)]))
    convolution = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    graph = tensorflow.write(
        folder,
        tensorflow.placeholder("x", (None, 8, 8, 3)),
        tensorflow.const("w", normal(3, 3, 3, 4)),
        tensorflow.const("b", normal(4)),
        tensorflow.node("conv", "Conv2D", "x", "w", **convolution),
        tensorflow.node("biased", "BiasAdd", "conv", "b"),
        tensorflow.node("elu", "Elu", "biased"),
        tensorflow.const("axes", np.array([1, 2], np.int32)),
        tensorflow.node("mean", "Mean", "elu", "axes"),
        tensorflow.const("v", normal(4, 5)),
        tensorflow.node("fc", "MatMul", "mean", "v"),
        tensorflow.node("prob", "Softmax", "fc"),
    )
    return [graph]


def load(format: str, folder: Path) -> tuple[jaxdnn.Net, np.ndarray]:
    """Return the format's net and a batch of eight for it."""
    net = jaxdnn.load(*paths(format, folder))
    (spec,) = net.inputs.values()
    x = np.random.default_rng(1).standard_normal((8, *spec.shape[1:])).astype(np.float32)
    return net, x
