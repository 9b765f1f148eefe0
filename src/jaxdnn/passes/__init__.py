"""Passes: pure functions from a model to a model."""

from jaxdnn.passes.extract import extract
from jaxdnn.passes.prune import prune

__all__ = ["extract", "prune"]
