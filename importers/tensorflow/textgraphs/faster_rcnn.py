"""Detectors of two stages of the Object Detection API: Faster R-CNN."""

from __future__ import annotations

import numpy as np

from jaxdnn.importers.tensorflow.textgraphs import mask_rcnn
from jaxdnn.importers.tensorflow.textgraphs.config import Section
from jaxdnn.importers.tensorflow.textgraphs.draft import Draft
from jaxdnn.importers.tensorflow.textgraphs.image import Size
from jaxdnn.importers.tensorflow.textgraphs.two_stages import CLASSES, crop, first_stage, second_stage


def generate(draft: Draft, config: Section, size: Size | None) -> tuple[str, ...]:
    """Make a text graph of the draft and return the names of its outputs; with masks it is a Mask R-CNN's.

    Args:
        draft: the frozen graph.
        config: the message ``faster_rcnn``.
        size: width and height of the pictures; by default what ``image_resizer`` makes, if that is one size.

    Raises:
        JaxdnnError: configuration and graph do not fit each other.
    """
    if mask_rcnn.predicts_masks(config):
        return mask_rcnn.generate(draft, config, size)
    proposals = first_stage(draft, config, size, clip=False)
    bounds = (("clip_by_value/lower", 0.0), ("clip_by_value/upper", 1.0))
    names = [draft.add_constant(name, np.array([value], np.float32)) for name, value in bounds]
    clipped = draft.add(f"{proposals}/clip_by_value", "ClipByValue", proposals, *names)
    crop(draft, CLASSES, clipped)
    return (second_stage(draft, config, clipped, confidence=0.0),)
