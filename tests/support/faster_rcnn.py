"""A small Faster R-CNN, with masks or without, as the Object Detection API freezes one, and its pipeline.config."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from support.tensorflow import const, graph, node, placeholder

EXTRACTOR = "FirstStageFeatureExtractor/InceptionV2"
SECOND = "SecondStageFeatureExtractor"
FIRST_BOX = "FirstStageBoxPredictor"
SECOND_BOX = "SecondStageBoxPredictor"


@dataclass(frozen=True)
class Detector:
    """What the files state.

    Attributes:
        classes: that objects have, without the background.
        proposals: at most, of the first stage.
        scales, ratios: of the anchors, of 16 pixels.
        masks: whether the second stage predicts them.
        atrous: whether a convolution of the first stage is dilated, in its three parts.
        mean: whether the preprocessor subtracts a mean instead of scaling to -1 … 1.
        overlap: the first stage's threshold of suppression.
        total: detections at most.
        seed: of the weights.
    """

    classes: int = 3
    proposals: int = 12
    scales: tuple[float, ...] = (0.0625, 0.125)
    ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    masks: bool = False
    atrous: bool = False
    mean: bool = False
    overlap: float = 0.7
    total: int = 20
    seed: int = 0

    @property
    def anchors(self) -> int:
        return len(self.scales) * len(self.ratios)

    @property
    def config(self) -> str:
        """The pipeline.config, with fields that do not matter."""
        generator = [f"scales: {scale}" for scale in self.scales]
        generator += [f"aspect_ratios: {ratio}" for ratio in self.ratios]
        mask = "mask_height: 6 mask_width: 6 predict_instance_masks: true" if self.masks else ""
        return f"""
model {{
  faster_rcnn {{
    num_classes: {self.classes}
    {"number_of_stages: 3" if self.masks else ""}
    image_resizer {{ keep_aspect_ratio_resizer {{ min_dimension: 64 max_dimension: 96 }} }}
    feature_extractor {{ type: "faster_rcnn_inception_v2" first_stage_features_stride: 8 }}
    first_stage_anchor_generator {{
      grid_anchor_generator {{
        {" ".join(generator)}
        height_stride: 8
        width_stride: 8
      }}
    }}
    first_stage_nms_score_threshold: 0.0
    first_stage_nms_iou_threshold: {self.overlap}
    first_stage_max_proposals: {self.proposals}
    initial_crop_size: 6
    maxpool_kernel_size: 2
    maxpool_stride: 2
    second_stage_box_predictor {{ mask_rcnn_box_predictor {{ use_dropout: false {mask} }} }}
    second_stage_post_processing {{
      batch_non_max_suppression {{
        score_threshold: 0.05
        iou_threshold: 0.5
        max_detections_per_class: {self.total}
        max_total_detections: {self.total}
      }}
      score_converter: SOFTMAX
    }}
  }}
}}
train_config {{ batch_size: 1 }}
"""

    def nodes(self) -> list[bytes]:
        """The frozen graph. What a text graph leaves out is there in name only: it would not run."""
        writer = _Nodes(self)
        return [*writer.first_stage(), *writer.second_stage()]

    def write(self, folder: Path) -> tuple[str, str]:
        """Write both files and return their paths."""
        binary, config = folder / "frozen.pb", folder / "pipeline.config"
        binary.write_bytes(graph(*self.nodes()))
        config.write_text(self.config)
        return str(binary), str(config)


class _Nodes:
    """Writes nodes with random weights of the detector's seed."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.features = f"{EXTRACTOR}/Conv2d_{3 if detector.atrous else 2}/Relu"
        self.rng = np.random.default_rng(detector.seed)

    def numbers(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (self.rng.normal(size=shape) * scale).astype(np.float32)

    def convolution(
        self,
        name: str,
        x: str,
        sizes: tuple[int, ...],
        *,
        stride: int = 1,
        scope: str = "",
        padding: str = "SAME",
        scale: float = 1.0,
    ) -> list[bytes]:
        """``name/Conv2D`` with its weights; they are another scope's where one is named."""
        weights = f"{scope or name}/weights"
        parts = [
            node(
                name + "/Conv2D",
                "Conv2D",
                x,
                f"{weights}/read",
                strides=[1, stride, stride, 1],
                padding=padding,
            )
        ]
        if not scope:
            fan = sizes[0] * sizes[1] * sizes[2]
            parts += [
                const(weights, self.numbers(*sizes, scale=scale / np.sqrt(fan))),
                node(f"{weights}/read", "Identity", weights),
            ]
        return parts

    def biased(
        self, name: str, x: str, sizes: tuple[int, ...], scope: str = "", scale: float = 1.0
    ) -> list[bytes]:
        """A convolution with a bias."""
        biases = f"{scope or name}/biases"
        parts = self.convolution(name, x, sizes, scope=scope, scale=scale)
        parts += [node(f"{name}/BiasAdd", "BiasAdd", f"{name}/Conv2D", f"{biases}/read", data_format="NHWC")]
        if not scope:
            parts += [
                const(biases, self.numbers(sizes[-1], scale=0.1)),
                node(f"{biases}/read", "Identity", biases),
            ]
        return parts

    def normalized(self, name: str, x: str, scope: str, channels: int, own: bool = True) -> list[bytes]:
        """A fused batch norm and a Relu."""
        slots = ("gamma", "beta", "moving_mean", "moving_variance")
        parts = [
            node(
                f"{name}/BatchNorm/FusedBatchNorm",
                "FusedBatchNorm",
                x,
                *(f"{scope}/BatchNorm/{slot}" for slot in slots),
                epsilon=0.001,
                is_training=False,
            ),
            node(f"{name}/Relu", "Relu", f"{name}/BatchNorm/FusedBatchNorm"),
        ]
        values = {slot: self.numbers(channels, scale=0.2) for slot in slots}
        values["gamma"] += 1
        values["moving_variance"] = np.abs(values["moving_variance"]) + 1
        if own:
            parts += [const(f"{scope}/BatchNorm/{slot}", value) for slot, value in values.items()]
        return parts

    def first_stage(self) -> list[bytes]:
        d = self.detector
        image = "Preprocessor/map/TensorArrayStack/TensorArrayGatherV3"
        nodes = [
            placeholder("image_tensor", (None, None, None, 3), "uint8"),
            node("Cast", "Cast", "image_tensor"),
            node("Preprocessor/map/Shape", "Shape", "Cast"),
            node("Preprocessor/map/while/Enter", "Enter", "Preprocessor/map/Shape"),
            node("Preprocessor/map/while/Exit", "Exit", "Preprocessor/map/while/Enter"),
            node(image, "TensorArrayGatherV3", "Preprocessor/map/while/Exit", "Cast"),
        ]
        if d.mean:
            nodes += [
                const("Preprocessor/sub/y", np.float32([[120, 110, 100]])),
                node("Preprocessor/sub", "Sub", image, "Preprocessor/sub/y"),
            ]
        else:
            nodes += [
                const("Preprocessor/mul/x", np.float32(2 / 255)),
                node("Preprocessor/mul", "Mul", "Preprocessor/mul/x", image),
                const("Preprocessor/sub/y", np.float32(1)),
                node("Preprocessor/sub", "Sub", "Preprocessor/mul", "Preprocessor/sub/y"),
            ]
        scale = 0.02 if d.mean else 1.0
        one, two, three = (f"{EXTRACTOR}/Conv2d_{index}" for index in (1, 2, 3))
        nodes += [
            node("FirstStageFeatureExtractor/Shape", "Shape", "Preprocessor/sub"),
            node("FirstStageFeatureExtractor/Assert/Assert", "Assert", "FirstStageFeatureExtractor/Shape"),
            *self.convolution(one, "Preprocessor/sub", (3, 3, 3, 8), stride=2, scale=scale),
            *self.normalized(one, f"{one}/Conv2D", one, 8),
            node(
                f"{EXTRACTOR}/MaxPool",
                "MaxPool",
                f"{one}/Relu",
                ksize=[1, 3, 3, 1],
                strides=[1, 2, 2, 1],
                padding="SAME",
            ),
            *self.convolution(two, f"{EXTRACTOR}/MaxPool", (3, 3, 8, 12), stride=2),
            *self.normalized(two, f"{two}/Conv2D", two, 12),
            *(self.dilated(three, f"{two}/Relu", 12) if d.atrous else ()),
        ]
        nodes += [
            *self.biased("Conv", self.features, (3, 3, 12, 16)),
            node("Conv/Relu6", "Relu6", "Conv/BiasAdd"),
            *self.biased(
                f"{FIRST_BOX}/BoxEncodingPredictor", "Conv/Relu6", (1, 1, 16, 4 * d.anchors), scale=3
            ),
            *self.biased(f"{FIRST_BOX}/ClassPredictor", "Conv/Relu6", (1, 1, 16, 2 * d.anchors), scale=3),
            # What the API does with these predictions a text graph does in nodes of its own.
            node(f"{FIRST_BOX}/Shape", "Shape", "Conv/Relu6"),
            node("Decode/exp", "Exp", f"{FIRST_BOX}/BoxEncodingPredictor/BiasAdd"),
            node(
                "BatchMultiClassNonMaxSuppression/map",
                "Gather",
                "Decode/exp",
                f"{FIRST_BOX}/ClassPredictor/BiasAdd",
            ),
            node(
                "CropAndResize/Reshape",
                "Reshape",
                "BatchMultiClassNonMaxSuppression/map",
                f"{FIRST_BOX}/Shape",
            ),
            node("CropAndResize/Reshape_1", "Reshape", f"{FIRST_BOX}/Shape", f"{FIRST_BOX}/Shape"),
        ]
        return nodes

    def dilated(self, name: str, x: str, channels: int) -> list[bytes]:
        """A dilated convolution whose paddings and crops are computed."""
        deal = f"{name}/SpaceToBatchND"
        return [
            node(f"{name}/Shape", "Shape", x),
            node(f"{name}/paddings", "Pack", f"{name}/Shape", f"{name}/Shape"),
            node(f"{name}/crops", "Pack", f"{name}/Shape", f"{name}/Shape"),
            const(f"{deal}/block_shape", np.int32([2, 2])),
            node(deal, "SpaceToBatchND", x, f"{deal}/block_shape", f"{name}/paddings"),
            *self.convolution(name, deal, (3, 3, channels, channels), padding="VALID"),
            const(f"{name}/BatchToSpaceND/block_shape", np.int32([2, 2])),
            node(
                f"{name}/BatchToSpaceND",
                "BatchToSpaceND",
                f"{name}/Conv2D",
                f"{name}/BatchToSpaceND/block_shape",
                f"{name}/crops",
            ),
            *self.normalized(name, f"{name}/BatchToSpaceND", name, channels),
        ]

    def crop(self, end: str = "") -> list[bytes]:
        """``CropAndResize`` and ``MaxPool2D``, whose names may have an end, and a feature extractor."""
        crop = f"CropAndResize{end}"
        name = f"{SECOND}{end}/Mixed_5a"
        own = not end
        return [
            const(f"{crop}/crop_size", np.int32([6, 6])),
            node(
                crop,
                "CropAndResize",
                self.features,
                "CropAndResize/Reshape",
                "CropAndResize/Reshape_1",
                f"{crop}/crop_size",
                method="bilinear",
                extrapolation_value=0.0,
            ),
            node(
                f"MaxPool2D{end}/MaxPool",
                "MaxPool",
                crop,
                ksize=[1, 2, 2, 1],
                strides=[1, 2, 2, 1],
                padding="VALID",
            ),
            *self.convolution(
                name, f"MaxPool2D{end}/MaxPool", (3, 3, 12, 16), scope="" if own else f"{SECOND}/Mixed_5a"
            ),
            *self.normalized(name, f"{name}/Conv2D", f"{SECOND}/Mixed_5a", 16, own),
        ]

    def flat(self, name: str, x: str) -> list[bytes]:
        """slim's flatten."""
        scope = f"{SECOND_BOX}/{name}/flatten"
        return [
            node(f"{scope}/Shape", "Shape", x),
            *(const(f"{scope}/strided_slice/stack{end}", np.int32([i])) for i, end in enumerate(("", "_1"))),
            const(f"{scope}/strided_slice/stack_2", np.int32([1])),
            node(
                f"{scope}/strided_slice",
                "StridedSlice",
                f"{scope}/Shape",
                *(f"{scope}/strided_slice/stack{end}" for end in ("", "_1", "_2")),
                shrink_axis_mask=1,
            ),
            const(f"{scope}/Reshape/shape/1", np.int32(-1)),
            node(f"{scope}/Reshape/shape", "Pack", f"{scope}/strided_slice", f"{scope}/Reshape/shape/1", N=2),
            node(f"{scope}/Reshape", "Reshape", x, f"{scope}/Reshape/shape"),
        ]

    def dense(self, name: str, x: str, units: int) -> list[bytes]:
        scope = f"{SECOND_BOX}/{name}"
        return [
            const(f"{scope}/weights", self.numbers(16, units, scale=1.0)),
            node(f"{scope}/weights/read", "Identity", f"{scope}/weights"),
            const(f"{scope}/biases", self.numbers(units, scale=0.1)),
            node(f"{scope}/biases/read", "Identity", f"{scope}/biases"),
            node(
                f"{scope}/MatMul", "MatMul", x, f"{scope}/weights/read", transpose_a=False, transpose_b=False
            ),
            node(f"{scope}/BiasAdd", "BiasAdd", f"{scope}/MatMul", f"{scope}/biases/read"),
        ]

    def second_stage(self) -> list[bytes]:
        classes = self.detector.classes
        pooled = f"{SECOND_BOX}/AvgPool"
        nodes = [
            *self.crop(),
            const(f"{pooled}/reduction_indices", np.int32([1, 2])),
            node(pooled, "Mean", f"{SECOND}/Mixed_5a/Relu", f"{pooled}/reduction_indices", keep_dims=True),
            *self.flat("Flatten", pooled),
            *self.flat("Flatten_1", pooled),
            *self.dense("BoxEncodingPredictor", f"{SECOND_BOX}/Flatten/flatten/Reshape", 4 * classes),
            *self.dense("ClassPredictor", f"{SECOND_BOX}/Flatten_1/flatten/Reshape", classes + 1),
            const(f"{SECOND_BOX}/Reshape/shape", np.int32([-1, classes, 4])),
            node(
                f"{SECOND_BOX}/Reshape",
                "Reshape",
                f"{SECOND_BOX}/BoxEncodingPredictor/BiasAdd",
                f"{SECOND_BOX}/Reshape/shape",
            ),
            const(f"{SECOND_BOX}/Reshape_1/shape", np.int32([-1, 1, classes + 1])),
            node(
                f"{SECOND_BOX}/Reshape_1",
                "Reshape",
                f"{SECOND_BOX}/ClassPredictor/BiasAdd",
                f"{SECOND_BOX}/Reshape_1/shape",
            ),
            node("Postprocessor/Softmax", "Softmax", f"{SECOND_BOX}/Reshape_1"),
            node("Postprocessor/Decode", "Exp", f"{SECOND_BOX}/Reshape"),
            node("detection_boxes", "Identity", "Postprocessor/Decode"),
            node("detection_scores", "Identity", "Postprocessor/Softmax"),
        ]
        return nodes + (self.masks() if self.detector.masks else [])

    def masks(self) -> list[bytes]:
        scope = f"{SECOND_BOX}_1"
        size = f"{scope}/ResizeBilinear/size"
        return [
            *self.crop("_1"),
            const(size, np.int32([6, 6])),
            node(
                f"{scope}/ResizeBilinear",
                "ResizeBilinear",
                f"{SECOND}_1/Mixed_5a/Relu",
                size,
                align_corners=True,
            ),
            *self.biased(f"{scope}/Conv", f"{scope}/ResizeBilinear", (3, 3, 16, 8)),
            node(f"{scope}/Conv/Relu", "Relu", f"{scope}/Conv/BiasAdd"),
            *self.biased(f"{scope}/Conv_1", f"{scope}/Conv/Relu", (3, 3, 8, self.detector.classes)),
            const(f"{scope}/transpose/perm", np.int32([0, 3, 1, 2])),
            node(f"{scope}/transpose", "Transpose", f"{scope}/Conv_1/BiasAdd", f"{scope}/transpose/perm"),
            const(f"{scope}/ExpandDims/dim", np.int32(1)),
            node(f"{scope}/ExpandDims", "ExpandDims", f"{scope}/transpose", f"{scope}/ExpandDims/dim"),
            node("Postprocessor/Sigmoid", "Sigmoid", f"{scope}/ExpandDims"),
            node("detection_masks", "Identity", "Postprocessor/Sigmoid"),
        ]
