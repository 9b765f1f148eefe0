"""TensorFlow: frozen graphs, binary and text.

Writing text graphs of detectors is in :mod:`jaxdnn.importers.tensorflow.textgraphs`, which loading does not need.
"""

from jaxdnn.importers.tensorflow.network import load_model

__all__ = ["load_model"]
