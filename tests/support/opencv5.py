"""A script for an interpreter with OpenCV 5: how far its outputs of ONNX files are from stored ones.

    python opencv5.py NET.onnx CALLS.npz

The arrays are called ``CALL:in:INPUT`` and ``CALL:out:OUTPUT``; printed are the worst differences by output, relative
to the largest stored value, or 1 where that is smaller.
"""

import json
import sys

import cv2
import numpy as np

path, stored = sys.argv[1:]
calls = {}
for key, array in np.load(stored).items():
    call, kind, name = key.split(":", 2)
    calls.setdefault(call, {"in": {}, "out": {}})[kind][name] = array
worst = {}
for arrays in calls.values():
    net = cv2.dnn.readNetFromONNX(path)
    for name, array in arrays["in"].items():
        net.setInput(array, name)
    for (name, want), found in zip(arrays["out"].items(), net.forward(list(arrays["out"])), strict=True):
        if found.size != want.size:
            sys.exit(f"{name} has shape {found.shape}, {want.shape} is right")
        difference = np.abs(found.reshape(want.shape) - want).max(initial=0) / max(
            1, np.abs(want).max(initial=0)
        )
        worst[name] = max(worst.get(name, 0), float(difference))
print(json.dumps(worst))
