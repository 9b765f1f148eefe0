"""Malformed GraphDefs: each is one clear error that names the file and the node."""

import json

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

FOLDER = shared_folder() and shared_folder() / "tensorflow"
MANIFEST = json.loads((FOLDER / "bad" / "manifest.json").read_text()) if FOLDER else {}

EXPECTED = {
    "truncated": "cut short or damaged: field 1 at byte 60 is 494 bytes long, 332 are left",
    "truncated_at_node_boundary": "the graph has no node 'y'; it has 'x', 'w'",
    "cyclic": "in a circle: conv -> y -> conv",
    "missing_input_node": r"'conv' \(Conv2D\): input 0 is 'nonexistent', which no node produces",
    "wrong_content_len": "'w' .*428 bytes of tensor_content, 432 are needed for FLOAT of 3x3x3x4",
    "content_too_long": "'w' .*440 bytes of tensor_content, 432 are needed",
    "unknown_op": "unknown layer types: FancyCustomOp.*\n.*layer 'y'",
    "huge_shape_overflow": "'w' .*has 19342813113834066795298816 elements",
    "huge_shape_splat": "'w' .*has 1000000000000 elements, more than",
    "negative_dim": "'w' .*has the dimension -3",
    "bad_output_port": "'y' .*reads output 5 of 'conv', Conv2D has 1 output",
    "duplicate_name": "two nodes are called 'conv'",
    "missing_attr": r"'conv' \(Conv2D\): has no attribute 'strides'",
    "zero_stride": r"'conv' \(Conv2D\): stride must be at least 1, got 0",
    "recursive_function": "function 'F' calls itself without a bound",
    "missing_function": "function 'nope' is not in the graph's library",
    "git_lfs_pointer": "Git-LFS pointer",
    "empty": "the file is empty",
    "html_page": "HTML page",
    "saved_model_wrapper": "a SavedModel, not a frozen graph: freeze it",
    "meta_graph": r"a MetaGraphDef \(.meta\), not a frozen graph",
    "not_frozen": r"not frozen, it has 1 variables \('w'\)",
    "length_bomb": "is 9223372036854775807 bytes long, 100 are left",
    "text_unterminated_string": ":58:25: the string that opens here is not closed",
    "text_unknown_field": ":95:11: NodeDef has no field 'colour'",
    "text_deep_nesting": "nesting is deeper than 64 messages",
    "deep_nesting": "nesting is deeper than 64 messages",
}


@pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")
class TestBadFiles:
    @pytest.mark.parametrize("name", sorted(EXPECTED))
    def test_is_one_clear_error(self, name):
        path = FOLDER / MANIFEST[name]["file"]
        with pytest.raises(jaxdnn.JaxdnnError, match=EXPECTED[name]) as caught:
            jaxdnn.load(path, outputs=["y"])
        assert str(path) in str(caught.value)

    def test_the_others_run_as_tensorflow_runs_them(self):
        """Sizes are listed beside an unknown rank; values beyond the shape are dropped."""
        assert MANIFEST.keys() - EXPECTED.keys() == {"const_unknown_rank", "too_many_vals"}
        x = np.ones((1, 6, 6, 3), np.float32)
        assert jaxdnn.load(FOLDER / MANIFEST["const_unknown_rank"]["file"])(x)["y"].shape[-1] == 4
        with pytest.warns(jaxdnn.JaxdnnWarning, match="200 values are stored for a shape of 3x3x3x4"):
            jaxdnn.load(FOLDER / MANIFEST["too_many_vals"]["file"])
