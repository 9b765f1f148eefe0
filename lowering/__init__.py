"""How layers compute: one pure jax function per layer, and the program that strings them together."""

from jaxdnn.lowering.infer import Inferred, Spec, common_specs, infer, infer_open
from jaxdnn.lowering.padded import Padded
from jaxdnn.lowering.program import Program
from jaxdnn.lowering.registry import LOWERINGS, Lowering, lowers

__all__ = [
    "LOWERINGS",
    "Inferred",
    "Lowering",
    "Padded",
    "Program",
    "Spec",
    "common_specs",
    "infer",
    "infer_open",
    "lowers",
]
