"""Malformed Caffe files: each is one clear error that names the file, the place and what was expected."""

import json

import numpy as np
import pytest

import jaxdnn
from support.shared import shared_folder

FOLDER = shared_folder() and shared_folder() / "caffe-zoo"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())["bad"] if FOLDER else {}

EXPECTED = {
    "syntax_missing_colon": r":1:6: \":\" expected after 'name'",
    "syntax_unterminated_brace": r"the file ends, but the '\{' of line 16 is not closed",
    "syntax_extra_brace": r":23:1: '\}' closes nothing",
    "syntax_unterminated_string": r":12:9: the string that opens here is not closed",
    "syntax_unknown_field": r":8: layer 'c' .*'convolution_param.kernel_sise'; did you mean 'kernel_size'",
    "syntax_enum_typo": r"unknown value 'MAXX' for pool \(MAX, AVE, STOCHASTIC\)",
    "syntax_bool_typo": r"bias_term must be true or false, got 'maybe'",
    "syntax_string_for_number": r"num_output must be an integer, got '4'",
    "syntax_number_overflow": r"num_output is out of range of uint32",
    "syntax_duplicate_optional": r"num_output is given twice",
    "unknown_layer_type": r"unknown layer types: ReLUU",
    "no_type": r"layer 'x' \(no type\): has no type",
    "python_layer": r"'py' \(Python\): takes 3 bottoms, 1 given",
    "missing_bottom": r"layer 'ip' .*bottom 'nope' is not produced by any layer",
    "wrong_order": r"layer 'r' .*bottom 'c' is produced only by a later layer \(line 8\)",
    "duplicate_tops": r"layer 'b' .*blob 'x' is also produced by layer 'a'",
    "layer_and_layers": r"both \"layer\" and \"layers\"",
    "v1_unknown_enum": r"unknown V1 layer type CONVOLUTIONAL",
    "include_and_exclude": r"layer 'r': has both include and exclude rules",
    "top_count": r"layer 'r' \(ReLU\): takes 1 top, 2 given",
    "bottom_count": r"layer 'e' \(Eltwise\): takes at least 2 bottoms, 1 given",
    "pool_kernel0": r"kernel must be at least 1, got 0",
    "pool_no_kernel": r"no kernel_size is given, nor kernel_h and kernel_w",
    "pool_kernel_both": r"kernel_size or kernel_h and kernel_w must be given, not both",
    "pool_global_with_kernel": r"global_pooling covers the whole plane",
    "pool_pad_ge_kernel": r"padding 2x2 must be smaller than the kernel 2x2",
    "pool_kernel_gt_input": r"kernel 9x9 is larger than the padded input 6x7",
    "pool_stride0": r"stride must be at least 1, got 0",
    "conv_no_num_output": r"num_output is missing in convolution_param",
    "conv_no_kernel": r"no kernel size is given, and there are 2 spatial axes",
    "conv_stride0": r"stride must be at least 1, got 0",
    "conv_negative_pad": r"pad must not be negative, got -1",
    "conv_group_channels": r"groups 2 does not divide 3 input channels",
    "conv_group_outputs": r"groups 3 does not divide 4 filters",
    "conv_kernel_gt_input": r"kernel 9x9 is larger than the padded input 6x7",
    "conv_three_kernels_2d": r"kernel has 3 values \(3, 3, 3\) for 2 spatial axes",
    "slice_points_order": r"slice points must increase",
    "slice_points_count": r"3 parts need 2 slice points, 1 given",
    "slice_point_beyond": r"slice point 9 is beyond axis 1 of size 6",
    "slice_not_divisible": r"axis 1 of size 5 cannot be cut into 2 equal parts",
    "concat_shapes": r"2x3x4 and 2x3x5 differ outside axis 1",
    "eltwise_shapes": r"shapes differ, 2x3x4 and 2x3x5",
    "eltwise_broadcast": r"shapes differ, 2x3x4x5 and 1x3x4x5",
    "eltwise_coeff_count": r"1 coefficients are given for 2 inputs",
    "reshape_two_infer": r"at most one size can be inferred",
    "reshape_count": r"2x3x6x7 has 252 elements and cannot become 2x5, which has 10",
    "crop_offset": r"on axis 2 offset 3 \+ 6 > 8",
    "ip_axis": r"axis 5 is out of range for 4 axes",
    "permute_duplicate": r"order \(0, 0, 1, 2\) repeats an axis",
    "lrn_even": r"local_size must be odd, got 4",
    "input_dims_count": r"input_dim must have 4 values per input, got 3",
    "input_without_shape": r"input 'data' has no complete shape in the file: give input_shapes",
    "input_huge": r"2000000000x2000000000x3x3 elements is absurdly large",
    "input_negative": r"size -3 of input 'data' is not positive",
    "num_output_huge": r"'weight' of 2000000000x3x3x3 has more than 2147483647 elements",
    "lstm_cont_shape": r"continuation is 4x3, 4x2 expected",
    "priorbox_max_lt_min": r"max_size must be greater than min_size",
    "detout_no_num_classes": r"num_classes is missing",
    "detout_priors_mismatch": r"do not match 4 priors",
    "prototxt_html": r"HTML page",
    "prototxt_lfs": r"Git-LFS pointer",
    "prototxt_empty": r"the file is empty",
    "prototxt_is_binary": r"not a prototxt: this is a binary file",
    "prototxt_is_solver": r"this is a solver file, not a net",
    "model_wrong_shape": r"layer 'c' .*weight is 4x3x2x2 in the weights file, 4x3x3x3 expected",
    "model_transposed_ip": r"layer 'ip' .*weight is 80x5 in the weights file, 5x80 expected",
    "model_missing_bias": r"layer 'c' .*has 1 blobs in the weights file, 2 expected",
    "model_extra_blob": r"layer 'c' .*has 3 blobs in the weights file, 2 expected",
    "model_other_net": r"none of its layers .*occurs in 'good'",
    "model_no_weights": r"holds no weights at all, not for 'c', 'ip'",
    "model_truncated": r"cut short or damaged: field 100 at byte 498",
    "model_truncated_by_3": r"cut short or damaged: field 100 at byte 498",
    "model_garbled": r"layer 'c' .*values in the weights file that are not finite",
    "model_html": r"HTML page",
    "model_lfs": r"Git-LFS pointer",
    "model_empty": r"the file is empty",
    "model_is_prototxt": r"not a caffemodel: this is a text file",
    "model_short_data": r"layer 'c' .*shape says 108 values, 54 stored",
    "model_no_data": r"layer 'c' .*shape says 108 values, none stored",
    "model_huge_shape": r"layer 'c' .*its shape 1099511627776x3x3x3 is absurd",
}


def paths_of(name):
    entry = MANIFEST[name]
    return [FOLDER / path for path in (entry["prototxt"], entry["caffemodel"]) if path]


@pytest.mark.skipif(FOLDER is None, reason="needs the shared networks: set JAXDNN_SHARED")
class TestBadFiles:
    @pytest.mark.parametrize("name", sorted(EXPECTED))
    def test_is_one_clear_error(self, name):
        with pytest.raises(jaxdnn.JaxdnnError, match=EXPECTED[name]) as caught:
            jaxdnn.load(*paths_of(name))
        assert str(FOLDER / "bad") in str(caught.value)

    def test_the_others_can_be_read_sensibly(self):
        """A byte-order mark is skipped, layers in place are read in order, label -1 is just a label."""
        x = np.random.default_rng(0).standard_normal((2, 3, 6, 7)).astype(np.float32)
        assert jaxdnn.load(*paths_of("utf8_bom"))(x)["out"].shape == (2, 5)
        in_place = jaxdnn.load(*paths_of("inplace_with_other_consumer"))(x)["out"]
        np.testing.assert_allclose(in_place, np.abs(x) + np.maximum(x, 0), rtol=1e-6)
        assert jaxdnn.load(*paths_of("detout_share_bg_minus1")).outputs["o"].shape == (1, 1, None, 7)
        assert MANIFEST.keys() - EXPECTED.keys() == {
            "utf8_bom",
            "inplace_with_other_consumer",
            "detout_share_bg_minus1",
        }
