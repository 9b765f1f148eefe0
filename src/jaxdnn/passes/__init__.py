"""Passes: pure functions from a model to a model."""

from jaxdnn.passes.extract import extract
from jaxdnn.passes.fold_batch_norm import fold_batch_norm
from jaxdnn.passes.fold_constants import fold_constants
from jaxdnn.passes.merge_padding import merge_padding
from jaxdnn.passes.merge_transposes import merge_transposes
from jaxdnn.passes.pipeline import Pass, pipeline, run_passes
from jaxdnn.passes.prune import prune
from jaxdnn.passes.quantize_products import quantizable, quantize_products
from jaxdnn.passes.report import Change, Report
from jaxdnn.passes.strip_identities import strip_identities
from jaxdnn.passes.strip_training import strip_training

__all__ = [
    "Change",
    "Pass",
    "Report",
    "extract",
    "fold_batch_norm",
    "fold_constants",
    "merge_padding",
    "merge_transposes",
    "pipeline",
    "prune",
    "quantizable",
    "quantize_products",
    "run_passes",
    "strip_identities",
    "strip_training",
]
