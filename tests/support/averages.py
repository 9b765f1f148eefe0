"""A net of one layer whose three outputs are the mean values of the input's channels."""

import numpy as np

from support import caffe

LAYER = """layer { name: "fc" type: "Convolution" bottom: "data" top: "fc" convolution_param {
  num_output: 3 kernel_size: 4 bias_term: false } }
"""
PROTOTXT = caffe.inputs(data=(1, 3, 4, 4)) + LAYER
WEIGHTS = {"fc": [np.eye(3, dtype=np.float32).repeat(16).reshape(3, 3, 4, 4) / 16]}
