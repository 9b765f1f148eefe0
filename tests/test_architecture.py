"""Who imports whom, read from the source: the picture in docs/architecture.md as a table."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

import jaxdnn.importers
import jaxdnn.layers
import jaxdnn.lowering

MAY_IMPORT = {
    "errors": (),
    "tables": (),
    "layers": ("errors",),
    "ir": ("errors", "layers"),
    "passes": ("errors", "layers", "ir", "tables"),
    "policy": ("errors",),
    "importers": ("errors", "layers", "ir"),
    "lowering": ("errors", "layers", "ir", "policy"),
    "initialize": ("errors", "layers", "ir", "lowering"),
    "summary": ("layers", "ir", "lowering", "net", "tables"),
    "feeds": ("errors", "ir", "lowering"),
    "finite": ("layers", "lowering", "net"),
    "comparison": ("chart", "errors", "lowering", "net", "tables"),
    "net": (
        *("errors", "feeds", "finite", "ir", "policy", "lowering", "initialize", "summary"),
        *(
            "new_layer",
            "surgery",
            "artifact",
            "onnx",
            "warmup",
            "chunks",
            "compiled",
            "tuning",
            "programs",
            "calls",
        ),
    ),
    "artifact": (
        *(
            "cache",
            "detection",
            "errors",
            "layers",
            "ir",
            "lowering",
            "policy",
            "feeds",
            "initialize",
            "net",
            "warmup",
        ),
        "importers",  # only exporting, for files that are written whole or not at all
    ),
    "onnx": (
        *("errors", "ir", "layers", "lowering", "net", "policy", "initialize"),
        "importers",  # only exporting, for files that are written whole or not at all
    ),
    "cache": ("errors",),
    "calls": ("chunks", "feeds", "ir", "lowering"),
    "chunks": ("ir", "lowering"),
    "compiled": ("chunks", "errors", "feeds", "lowering", "net", "programs"),
    "programs": ("errors", "ir", "lowering", "policy"),
    "tuning": ("artifact", "cache", "chunks", "errors", "lowering", "net", "policy"),
    "memory": (),
    "warmup": ("errors", "lowering"),
    "loader": ("errors", "importers", "ir", "lowering", "net", "passes", "policy"),
    "optimize": ("errors", "ir", "lowering", "net", "passes"),
    "calibration": ("errors", "net"),
    "quantization": ("comparison", "ir", "layers", "net", "tables"),
    "quantize": (
        *("calibration", "errors", "initialize", "ir", "layers", "net", "optimize", "passes", "quantization"),
    ),
    "new_layer": ("errors", "initialize", "ir", "layers", "lowering", "passes"),
    "surgery": ("errors", "ir", "layers", "lowering", "net", "new_layer", "passes", "policy"),
    "freezing": ("errors", "ir"),
    "flax": ("freezing", "initialize", "net"),
    "detection": ("errors", "ir", "layers", "lowering"),
    "image": ("errors",),
    "drawing": (),
    "chart": ("drawing",),
    "cli": (
        *("errors", "layers", "importers", "image", "drawing", "detection", "loader", "net", "summary"),
        *("artifact", "comparison", "ir", "optimize", "passes", "tables"),
    ),
}
"""By part of the package, the other parts that it may import."""

LIBRARIES = {
    "errors": (),
    "tables": (),
    "layers": ("numpy",),
    "ir": ("numpy",),
    "passes": ("numpy",),
    "policy": (),
    "importers": ("numpy", "google", "onnx"),
    "lowering": ("numpy", "jax", "jaxlib"),  # jaxlib for its version
    "initialize": ("numpy", "jax"),
    "summary": ("jax",),
    "feeds": ("numpy", "jax"),
    "finite": ("numpy",),
    "comparison": ("numpy", "PIL"),
    "net": ("numpy", "jax", "onnx"),
    "onnx": ("numpy", "jax", "onnx"),
    "artifact": ("numpy", "jax", "jaxlib", "safetensors"),
    "cache": ("jax",),
    "calls": ("jax", "numpy"),
    "chunks": ("jax",),
    "compiled": ("numpy", "jax"),
    "programs": ("jax",),
    "tuning": ("numpy", "jax"),
    "memory": (),
    "warmup": ("numpy", "jax"),
    "loader": ("jax",),
    "optimize": ("numpy",),
    "calibration": ("numpy",),
    "quantization": ("numpy", "jax"),
    "quantize": ("numpy", "jax"),
    "new_layer": ("numpy", "jax"),
    "surgery": ("jax",),
    "freezing": ("jax",),
    "flax": ("jax", "flax"),
    "detection": ("numpy", "jax"),
    "image": ("numpy", "PIL"),
    "drawing": ("numpy", "PIL"),
    "chart": ("PIL",),
    "cli": ("numpy", "click", "rich", "onnx"),
}
"""By part of the package, what it may import from outside, besides the standard library."""

SHARED_BY_IMPORTERS = (
    *("attributes", "builder", "files", "order", "prototokens", "tensor_builder", "textproto", "wire"),
)

FOLDERS = {
    "jaxdnn": Path(jaxdnn.__file__).parent,
    **{
        package.__name__: Path(package.__file__).parent
        for package in (jaxdnn.importers, jaxdnn.layers, jaxdnn.lowering)
    },
}


def modules() -> dict[str, Path]:
    """The source file of each module of the package."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            found[name] = path
    return found


def imports(name: str, path: Path) -> set[str]:
    """The modules that a module names in import statements, wherever they stand in it."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # "from package import module" names a module as well.
            found.update(full if (full := f"{base}.{a.name}") in MODULES else base for a in node.names)
    return found


MODULES = modules()


def part(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("name", [name for name in MODULES if name != "jaxdnn"])
def test_a_module_imports_only_what_its_part_may(name):
    own = part(name)
    assert own in MAY_IMPORT, f"{name} has no place in the table"
    for imported in imports(name, MODULES[name]):
        top = imported.split(".")[0]
        if top == "jaxdnn":
            allowed = (own, *MAY_IMPORT[own], *(("",) if own == "cli" else ()))
            assert part(imported) in allowed, f"{name} imports {imported}"
        else:
            assert top in sys.stdlib_module_names or top in LIBRARIES[own], f"{name} imports {imported}"
        assert "._src" not in imported, f"{name} imports a private module of jax"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name.count(".") > 1 and part(name) == "importers"]
)
def test_formats_do_not_import_each_other(name):
    own = name.split(".")[2]
    for imported in imports(name, MODULES[name]):
        if part(imported) == "importers" and imported.count(".") > 1:
            other = imported.split(".")[2]
            assert other == own or other in SHARED_BY_IMPORTERS, f"{name} imports {imported}"
            assert own not in SHARED_BY_IMPORTERS or other in SHARED_BY_IMPORTERS, (
                f"{name} imports {imported}"
            )


@pytest.mark.parametrize("name", list(MODULES))
def test_every_module_says_what_it_is_and_fits_on_few_screens(name):
    text = MODULES[name].read_text()
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 400
