"""Greedy suppression as the loop over candidates that defines it."""


def overlap(a, b, extent=0.0):
    """Intersection over union of two boxes; an inverted box is empty."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + extent
    height = min(a[3], b[3]) - max(a[1], b[1]) + extent
    if width <= 0 or height <= 0:
        return 0.0
    areas = [max(box[2] - box[0] + extent, 0) * max(box[3] - box[1] + extent, 0) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def reference_nms(boxes, threshold, eta=1.0, extent=0.0, limit=None):
    """Indices of the boxes (best first) that greedy suppression keeps."""
    kept = []
    for index, box in enumerate(boxes):
        if len(kept) == limit:
            break
        if all(overlap(box, boxes[other], extent) <= threshold for other in kept):
            kept.append(index)
            if eta < 1 and threshold > 0.5:
                threshold *= eta
    return kept
