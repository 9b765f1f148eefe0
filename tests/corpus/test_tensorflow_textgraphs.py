"""Text graphs written from the corpus' detectors, against OpenCV's detections with the corpus' own text graphs."""

import cv2
import numpy as np
import pytest

import jaxdnn
from jaxdnn.importers.tensorflow.textgraphs import text_graph

CONFIG = """model { ssd {
  num_classes: 5
  box_coder { faster_rcnn_box_coder { y_scale: 10 x_scale: 10 height_scale: 5 width_scale: 5 } }
  anchor_generator { ssd_anchor_generator {
    num_layers: 3 min_scale: 0.2 max_scale: 0.95 aspect_ratios: [1, 2, 0.5] } }
  image_resizer { fixed_shape_resizer { height: 96 width: 96 } }
  box_predictor { convolutional_box_predictor {} }
  post_processing {
    batch_non_max_suppression {
      score_threshold: 0.3 iou_threshold: 0.6 max_detections_per_class: 30 max_total_detections: 20 }
    score_converter: SIGMOID } } }"""


@pytest.mark.parametrize("name", ["ssd_mobilenet_v1_odapi", "ssd_mobilenet_v1_odapi_unfused"])
def test_single_shot_detectors(shared, tmp_path, name):
    model = shared / f"tensorflow/nets/{name}.pb"
    config, text = tmp_path / "pipeline.config", tmp_path / "graph.pbtxt"
    config.write_text(CONFIG)
    text.write_text(text_graph(model, config).text)
    ref = np.load(shared / f"tensorflow/nets/{name}_opencv_ref.npz")
    # The stored text graphs begin behind the preprocessor, which is 2/255 x - 1.
    blob = (ref["blob"] + 1) * np.float32(127.5)
    want = ref["detection_out"].reshape(-1, 7)
    want = want[want[:, 2] > 0]
    ours = jaxdnn.load(model, text)(blob.transpose(0, 2, 3, 1))["detection_out"]
    net = cv2.dnn.readNetFromTensorflow(str(model), str(text))
    net.setInput(blob)
    theirs = net.forward().reshape(-1, 7)
    np.testing.assert_allclose(np.asarray(ours).reshape(-1, 7), want, rtol=0, atol=1e-5)
    np.testing.assert_allclose(theirs[: len(want)], want, rtol=0, atol=1e-5)
    assert not theirs[len(want) :].any()
