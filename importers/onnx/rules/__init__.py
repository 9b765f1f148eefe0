"""One rule per operator, a file per family. Importing this package registers them all."""

import importlib

for _family in (
    "activation",
    "constant",
):
    importlib.import_module(f"jaxdnn.importers.onnx.rules.{_family}")
