"""Descriptions of well-known networks, generated; their weights are drawn."""

from __future__ import annotations

VGG16 = (
    64,
    64,
    "pool",
    128,
    128,
    "pool",
    256,
    256,
    256,
    "pool",
    512,
    512,
    512,
    "pool",
    512,
    512,
    512,
    "pool",
)
DARKNET53 = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
"""Filters and residual blocks of each stage of YOLOv3's backbone."""


def vgg16() -> str:
    """Return the prototxt of VGG-16."""
    layers = ['name: "VGG16"', 'input: "data" input_dim: 1 input_dim: 3 input_dim: 224 input_dim: 224']
    top = "data"

    def add(name: str, kind: str, param: str) -> None:
        nonlocal top
        layers.append(f'layer {{ name: "{name}" type: "{kind}" bottom: "{top}" top: "{name}" {param} }}')
        top = name

    for index, step in enumerate(VGG16):
        if step == "pool":
            add(f"pool{index}", "Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 }")
        else:
            param = f"convolution_param {{ num_output: {step} kernel_size: 3 pad: 1 }}"
            add(f"conv{index}", "Convolution", param)
            add(f"relu{index}", "ReLU", "")
    for name, outputs in (("fc6", 4096), ("fc7", 4096), ("fc8", 1000)):
        add(name, "InnerProduct", f"inner_product_param {{ num_output: {outputs} }}")
    add("prob", "Softmax", "")
    return "\n".join(layers)


def yolov3() -> str:
    """Return the cfg of YOLOv3 for the 80 classes of COCO."""
    sections = ["[net]\nwidth=416\nheight=416\nchannels=3\n"]

    def convolution(filters: int, size: int, stride: int = 1, last: bool = False) -> None:
        kind = "activation=linear" if last else "batch_normalize=1\nactivation=leaky"
        sections.append(f"[convolutional]\nfilters={filters}\nsize={size}\nstride={stride}\npad=1\n{kind}\n")

    convolution(32, 3)
    ends = []
    for filters, blocks in DARKNET53:
        convolution(filters, 3, 2)
        for _ in range(blocks):
            convolution(filters // 2, 1)
            convolution(filters, 3)
            sections.append("[shortcut]\nfrom=-3\nactivation=linear\n")
        ends.append(len(sections) - 2)
    anchors = "10,13, 16,30, 33,23, 30,61, 62,45, 59,119, 116,90, 156,198, 373,326"
    for head, (filters, mask) in enumerate(((512, "6,7,8"), (256, "3,4,5"), (128, "0,1,2"))):
        if head:
            sections.append("[route]\nlayers=-4\n")
            convolution(filters, 1)
            sections.append("[upsample]\nstride=2\n")
            sections.append(f"[route]\nlayers=-1,{ends[-1 - head]}\n")
        for _ in range(3):
            convolution(filters, 1)
            convolution(2 * filters, 3)
        convolution(255, 1, last=True)
        sections.append(f"[yolo]\nmask={mask}\nanchors={anchors}\nclasses=80\nnum=9\n")
    return "\n".join(sections)
