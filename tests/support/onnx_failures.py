"""The official tests that jaxdnn does not pass, by reason."""

TRAINING = "optimisers, gradients and dropout while training are no part of inference"
STRINGS = "a text is fed or yielded, and XLA computes numbers"
RANDOM = "the expected numbers are those of another random generator"
OPTIONAL = "a call cannot feed nothing, and a branch that the data chooses cannot yield nothing"
WIDE = "64-bit types compute in 32 bits without jax_enable_x64"
PICTURES = "the file of a picture is read inside of the graph: feed its pixels"
FRACTIONS = "they keep a fraction of a size; ONNX Runtime and PyTorch round it down, as jaxdnn does"

NOT_INFERENCE = {TRAINING, STRINGS}
"""Reasons that have nothing to do with computing arrays from arrays."""

REASONS: dict[str, tuple[str, ...]] = {
    TRAINING: (
        "test_adagrad",
        "test_adagrad_multiple",
        "test_adam",
        "test_adam_multiple",
        "test_momentum",
        "test_nesterov_momentum",
        "test_momentum_multiple",
        "test_gradient_of_add",
        "test_gradient_of_add_and_mul",
        "test_training_dropout_default",
        "test_training_dropout_default_mask",
        "test_training_dropout_mask",
        "test_training_dropout",
    ),
    STRINGS: (
        "test_ai_onnx_ml_label_encoder_string_int",
        "test_ai_onnx_ml_label_encoder_string_int_no_default",
        "test_ai_onnx_ml_label_encoder_tensor_mapping",
        "test_ai_onnx_ml_label_encoder_tensor_value_only_mapping",
        "test_equal_string",
        "test_equal_string_broadcast",
        "test_regex_full_match_basic",
        "test_regex_full_match_email_domain",
        "test_regex_full_match_empty",
        "test_string_concat",
        "test_string_concat_broadcasting",
        "test_string_concat_zero_dimensional",
        "test_string_concat_empty_string",
        "test_string_concat_utf8",
        "test_string_split_basic",
        "test_string_split_maxsplit",
        "test_string_split_consecutive_delimiters",
        "test_string_split_empty_string_delimiter",
        "test_string_split_no_delimiter",
        "test_string_split_empty_tensor",
        "test_strnormalizer_nostopwords_nochangecase",
        "test_strnormalizer_export_monday_casesensintive_nochangecase",
        "test_strnormalizer_export_monday_casesensintive_lower",
        "test_strnormalizer_export_monday_casesensintive_upper",
        "test_strnormalizer_export_monday_empty_output",
        "test_strnormalizer_export_monday_insensintive_upper_twodim",
        "test_strnorm_model_nostopwords_nochangecase",
        "test_strnorm_model_monday_casesensintive_upper",
        "test_strnorm_model_monday_casesensintive_nochangecase",
        "test_strnorm_model_monday_insensintive_upper_twodim",
        "test_strnorm_model_monday_empty_output",
        "test_strnorm_model_monday_casesensintive_lower",
    ),
    RANDOM: (
        "test_bernoulli",
        "test_bernoulli_double",
        "test_bernoulli_seed",
        "test_bernoulli_expanded",
        "test_bernoulli_double_expanded",
        "test_bernoulli_seed_expanded",
    ),
    OPTIONAL: (
        "test_if_opt",
        "test_optional_has_element_empty_optional_input",
    ),
    WIDE: (
        "test_bitcast_float64_to_int64",
        "test_bitcast_int64_to_float64",
    ),
    PICTURES: (
        "test_image_decoder_decode_jpeg_rgb",
        "test_image_decoder_decode_jpeg_grayscale",
        "test_image_decoder_decode_jpeg_bgr",
        "test_image_decoder_decode_jpeg2k_rgb",
        "test_image_decoder_decode_bmp_rgb",
        "test_image_decoder_decode_png_rgb",
        "test_image_decoder_decode_tiff_rgb",
        "test_image_decoder_decode_webp_rgb",
        "test_image_decoder_decode_pnm_rgb",
    ),
    FRACTIONS: (
        "test_resize_downsample_scales_linear_align_corners",
        "test_resize_downsample_scales_cubic_align_corners",
    ),
}
