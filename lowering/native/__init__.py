"""C++ kernels for what XLA's CPU compiler is slow at; they are optional."""

from jaxdnn.lowering.native.library import SETTING, Library, instructions, kernels, loaded

__all__ = ["SETTING", "Library", "instructions", "kernels", "loaded"]
