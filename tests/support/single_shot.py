"""Small frozen detectors with the names that the Object Detection API and AutoML give their nodes."""

import numpy as np

from support.tensorflow import Type, const, node, placeholder

ONES, TWOS = [1, 1, 1, 1], [1, 2, 2, 1]


class Network:
    """Collects the nodes of a network with random weights; methods return the name of what they add."""

    def __init__(self, seed=0):
        self.nodes = []
        self.rng = np.random.default_rng(seed)

    def add(self, name, op, *inputs, **attributes):
        self.nodes.append(node(name, op, *inputs, **attributes))
        return name

    def const(self, name, array):
        """A constant that is read through an identity, as frozen variables are."""
        self.nodes.append(const(name, array))
        return self.add(f"{name}/read", "Identity", name)

    def plain(self, name, array):
        self.nodes.append(const(name, array))
        return name

    def weights(self, name, *shape):
        scale = 1.5 / np.sqrt(np.prod(shape[:-1]))
        return self.const(name, self.rng.normal(size=shape, scale=scale).astype(np.float32))

    def conv(self, scope, x, channels, out, size=3, strides=ONES, name="Conv2D"):
        weights = self.weights(f"{scope}/weights", size, size, channels, out)
        return self.add(f"{scope}/{name}", "Conv2D", x, weights, strides=strides, padding="SAME")

    def biased(self, scope, x, channels, out, size=3, name="Conv2D"):
        """A convolution and its bias, the last of which is called BiasAdd."""
        product = self.conv(scope, x, channels, out, size, name=name)
        bias = self.rng.normal(size=out, scale=0.3).astype(np.float32)
        return self.add(f"{scope}/BiasAdd", "BiasAdd", product, self.const(f"{scope}/biases", bias))

    def statistics(self, scope, channels):
        values = {
            name: self.rng.uniform(0.5, 1.5, channels).astype(np.float32)
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        }
        return {name: self.const(f"{scope}/{name}", value) for name, value in values.items()}

    def fused_norm(self, scope, x, channels):
        slots = self.statistics(scope, channels)
        return self.add(
            f"{scope}/FusedBatchNorm", "FusedBatchNorm", x, *slots.values(), epsilon=0.01, is_training=False
        )

    def unfused_norm(self, scope, x, channels, gamma=True):
        slots = self.statistics(scope, channels)
        inner = f"{scope}/batchnorm"
        epsilon = self.plain(f"{inner}/add/y", np.float32(0.01))
        total = self.add(f"{inner}/add", "Add", slots["moving_variance"], epsilon)
        factor = self.add(f"{inner}/Rsqrt", "Rsqrt", total)
        if gamma:
            factor = self.add(f"{inner}/mul", "Mul", factor, slots["gamma"])
        product = self.add(f"{inner}/mul_1", "Mul", x, factor)
        shift = self.add(f"{inner}/mul_2", "Mul", slots["moving_mean"], factor)
        rest = self.add(f"{inner}/sub", "Sub", slots["beta"], shift)
        return self.add(f"{inner}/add_1", "AddV2", product, rest)

    def doubled(self, scope, x, sizes, idiom):
        """Repeat each pixel two times downwards and two times to the right."""
        height, width, channels = sizes
        if idiom == "stack":
            inner = self.add(f"{scope}/stack", "Pack", x, x, axis=3)
            repeated = self.add(f"{scope}/stack_1", "Pack", inner, inner, axis=2)
        else:
            shape = self.plain(f"{scope}/Reshape/shape", np.int32([1, height, 1, width, 1, channels]))
            spread = self.add(f"{scope}/Reshape", "Reshape", x, shape)
            if idiom == "ones":
                ones = self.plain(f"{scope}/ones", np.ones((1, 1, 2, 1, 2, 1), np.float32))
                repeated = self.add(f"{scope}/mul", "Mul", spread, ones)
            else:
                multiples = self.plain(f"{scope}/multiples", np.int32([1, 1, 2, 1, 2, 1]))
                repeated = self.add(f"{scope}/Tile", "Tile", spread, multiples)
        shape = self.plain(f"{scope}/shape", np.int32([1, 2 * height, 2 * width, channels]))
        return self.add(f"{scope}/Reshape_1", "Reshape", repeated, shape)


def single_shot(size, anchors, classes, *, shared=False, norm="fused", idiom="stack"):
    """Return the nodes of a detector with two feature maps, at a fourth and an eighth of the picture's size.

    Args:
        size: width and height of prepared pictures, multiples of 8.
        anchors: how many there are on each map.
        classes: how many there are besides the background.
        shared: whether it has the weight-shared predictor, whose scopes have other names.
        norm: ``fused``, ``unfused`` or ``without gamma``.
        idiom: how the coarse map is enlarged: ``stack``, ``ones`` or ``tile``.
    """
    width, height = size
    net = Network()
    net.nodes.append(placeholder("image_tensor", [None, None, None, 3], "uint8"))
    x = net.add("ToFloat", "Cast", "image_tensor", SrcT=Type("uint8"), DstT=Type("float32"))
    wanted = net.plain("Preprocessor/map/size", np.int32([height, width]))
    x = net.add("Preprocessor/map/ResizeBilinear", "ResizeBilinear", x, wanted)
    x = net.add("Preprocessor/mul", "Mul", x, net.plain("Preprocessor/mul/x", np.float32(2 / 255)))
    x = net.add("Preprocessor/sub", "Sub", x, net.plain("Preprocessor/sub/y", np.float32(1)))
    maps, channels = [], 3
    for index, out in enumerate((6, 8, 8)):
        scope = f"FeatureExtractor/Conv_{index}"
        x = net.conv(scope, x, channels, out, strides=TWOS)
        if norm == "fused":
            x = net.fused_norm(f"{scope}/BatchNorm", x, out)
        else:
            x = net.unfused_norm(f"{scope}/BatchNorm", x, out, gamma=norm == "unfused")
        x = net.add(f"{scope}/Relu6", "Relu6", x)
        maps, channels = [*maps, x], out
    sizes = (height // 8, width // 8, 8)
    coarse = net.doubled("FeatureExtractor/fpn/nearest_neighbor_upsampling", maps[2], sizes, idiom)
    fine = net.add("FeatureExtractor/fpn/add", "AddV2", coarse, maps[1])
    box = "BoxPredictor" if shared else "BoxEncodingPredictor"
    for index, x in enumerate((fine, maps[2])):
        scope = f"BoxPredictor_{index}"
        if shared:
            scope = "WeightSharedConvolutionalBoxPredictor" + (f"_{index}" if index else "")
        net.biased(f"{scope}/{box}", x, 8, 4 * anchors[index])
        net.biased(f"{scope}/ClassPredictor", x, 8, (classes + 1) * anchors[index])
    net.add("Postprocessor/convert_scores", "Sigmoid", f"{scope}/ClassPredictor/BiasAdd")
    return net.nodes


def efficientdet(size, *, stated=True, classes=3, anchors=9):
    """Return the nodes of an EfficientDet with two feature maps, at an eighth and a sixteenth of the picture's size.

    Args:
        size: width and height of pictures, multiples of 16.
        stated: whether the placeholder states them.
        classes: how many there are.
        anchors: how many there are on each map.
    """
    width, height = size
    net = Network(1)
    net.nodes.append(
        placeholder("image_arrays", [1, *((height, width) if stated else (None, None)), 3], "uint8")
    )
    x = net.add("Cast", "Cast", "image_arrays", SrcT=Type("uint8"), DstT=Type("float32"))
    x = net.add("sub", "Sub", x, net.plain("sub/y", np.float32([120, 110, 100])))
    x = net.add("truediv", "RealDiv", x, net.plain("truediv/y", np.float32([58, 57, 56])))
    channels = 3
    for index, out in enumerate((4, 6, 8)):
        scope = f"efficientnet-b0/blocks_{index}"
        x = net.conv(f"{scope}/conv2d", x, channels, out, strides=TWOS)
        x = net.fused_norm(f"{scope}/tpu_batch_normalization", x, out)
        x = net.add(f"{scope}/mul", "Mul", x, net.add(f"{scope}/Sigmoid", "Sigmoid", x))
        axes = net.plain(f"{scope}/se/Mean/reduction_indices", np.int32([1, 2]))
        mean = net.add(f"{scope}/se/Mean", "Mean", x, axes, keep_dims=True)
        excited = net.biased(f"{scope}/se/conv2d", mean, out, out, 1)
        excited = net.add(f"{scope}/se/Sigmoid", "Sigmoid", excited)
        x = net.add(f"{scope}/se/mul", "Mul", excited, x)
        channels = out
    fine = x
    coarse = net.add(
        "resample_p6/max_pooling2d/MaxPool", "MaxPool", x, ksize=TWOS, strides=TWOS, padding="SAME"
    )
    cell = "fpn_cells/cell_0/fnode0"
    up = net.doubled(f"{cell}/nearest_upsampling", coarse, (height // 16, width // 16, 8), "tile")
    weights = [
        net.add(f"{cell}/Relu_{index}", "Relu", net.const(f"{cell}/WSM_{index}", np.float32(value)))
        for index, value in enumerate((0.7, 1.6))
    ]
    total = net.add(f"{cell}/AddN", "AddN", *weights)
    total = net.add(f"{cell}/add", "AddV2", total, net.plain(f"{cell}/add/y", np.float32(1e-4)))
    parts = [
        net.add(
            f"{cell}/truediv_{index}", "RealDiv", net.add(f"{cell}/mul_{index}", "Mul", part, weight), total
        )
        for index, (part, weight) in enumerate(zip((fine, up), weights, strict=True))
    ]
    fused = net.add(f"{cell}/AddN_1", "AddN", *parts)
    fused = net.add(f"{cell}/mul", "Mul", net.add(f"{cell}/Sigmoid", "Sigmoid", fused), fused)
    for index, x in enumerate((fused, coarse)):
        suffix = f"_{index}" if index else ""
        net.biased(f"class_net/class-predict{suffix}", x, 8, classes * anchors, name="separable_conv2d")
        net.biased(f"box_net/box-predict{suffix}", x, 8, 4 * anchors, name="separable_conv2d")
    net.add("class_net/Sigmoid", "Sigmoid", "class_net/class-predict/BiasAdd")
    return net.nodes
