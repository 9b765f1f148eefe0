"""The C++ kernels as a library, compiled for this machine by its own compiler, once.

XLA calls the kernels through its foreign function interface, whose headers jaxlib brings. What is compiled stays in a
folder of the user's. Where there is no compiler, or more than one CPU device, among which XLA could not divide a
kernel's work, everything is computed without kernels.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import jax
import numpy as np
from jaxlib.version import __version__ as jaxlib_version

SETTING = "JAXDNN_KERNELS"
"""The environment variable that names the folder of the compiled library; ``off`` does without kernels."""

_FOLDER = Path(__file__).parent
_KERNELS = ("convolution", "depthwise", "joining", "pooling", "suppression", "transposition", "winograd")
_HEADERS = ("binding.h", "epilogue.h", "parallel.h", "products.h", "reach.h", "vectors.h")
_SOURCES = (*(f"{kernel}.cc" for kernel in _KERNELS), *_HEADERS)
_COMPILERS = ("c++", "g++", "clang++")
_OPTIONS = ("-std=c++17", "-O3", "-ffp-contract=fast", "-fPIC", "-pthread")
_SECONDS = 300
_CPUINFO = Path("/proc/cpuinfo")

_log = logging.getLogger(__name__)
_lock = threading.Lock()


@dataclass(frozen=True)
class Library:
    """The kernels, as XLA knows them.

    Attributes:
        version: of the sources, jaxlib, the machine and the form of weights; part of the targets' names, so that an
            executable that was compiled for other kernels finds none.
        filters: how many filters lie beside each other in a convolution's weight.
    """

    version: str
    filters: int

    def target(self, kernel: str) -> str:
        """Return the name under which XLA knows a kernel."""
        return f"jaxdnn_{kernel}_{self.version}"

    def call(
        self,
        kernel: str,
        *shapes: tuple[int, ...],
        aliases: Mapping[int, int] = MappingProxyType({}),
        leading: bool = False,
    ) -> Callable[..., Sequence[jax.Array]]:
        """Return what calls a kernel.

        Args:
            kernel: its name.
            shapes: of its results, float32 arrays.
            aliases: by the number of an argument, that of the result which is written into it.
            leading: whether ``jax.vmap`` may give all arrays further axes before the others; else it calls the kernel
                once for each element.
        """
        results = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]  # type: ignore[no-untyped-call]
        call: Callable[..., Sequence[jax.Array]] = jax.ffi.ffi_call(
            self.target(kernel),
            results,
            vmap_method="broadcast_all" if leading else "sequential",
            input_output_aliases=dict(aliases),
        )
        return call


class _Unavailable(Exception):  # noqa: N818  (not an error: there is another way)
    """Why there are no kernels."""


def kernels() -> Library | None:
    """Return the kernels, compiled if they have never been; None where there are none."""
    with _lock:  # of threads that come at once, one compiles
        return _library(os.environ.get(SETTING, ""))


def loaded() -> Library:
    """Return the kernels where it is known that there are some."""
    found = kernels()
    assert found is not None
    return found


@cache
def _library(setting: str) -> Library | None:
    try:
        if setting == "off":
            raise _Unavailable(f"{SETTING} is off")
        devices = len(jax.devices("cpu"))
        if devices != 1:
            raise _Unavailable(f"there are {devices} CPU devices")
        version = _version()
        path = _folder(setting) / f"kernels-{version}.so"
        if not path.exists():
            _compile(path)
        return _loaded(path, version)
    except (_Unavailable, OSError, RuntimeError) as error:  # jax raises RuntimeError where there is no CPU
        _log.info("no C++ kernels: %s", error)
        return None


def _folder(setting: str) -> Path:
    if setting:
        return Path(setting).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME")
    return (Path(caches) if caches else Path.home() / ".cache") / "jaxdnn" / "kernels"


def _version() -> str:
    """Return a short text that differs where the compiled library has to."""
    parts = [(_FOLDER / name).read_bytes() for name in _SOURCES]
    parts += [text.encode() for text in (jaxlib_version, platform.system(), instructions(), *_OPTIONS)]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def instructions() -> str:
    """Return the CPU's features, where the system lists them; else its name."""
    try:
        lists = re.search(r"^(flags|Features)\s*:(.*)$", _CPUINFO.read_text(), re.MULTILINE)
    except OSError:
        lists = None
    return " ".join(sorted(lists[2].split())) if lists else platform.processor()


def _compile(path: Path) -> None:
    """Write the library, whole or not at all."""
    compiler = _compiler()
    path.parent.mkdir(parents=True, exist_ok=True)
    native = "-march=native" if platform.machine() in ("x86_64", "AMD64") else "-mcpu=native"
    options = [*_OPTIONS, native, "-isystem", jax.ffi.include_dir()]
    _log.info("compiling the C++ kernels for this machine, once: %s", shlex.join([*compiler, *options]))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, ThreadPoolExecutor(len(_KERNELS)) as pool:
        made = Path(folder, path.name)
        objects = [str(Path(folder, f"{kernel}.o")) for kernel in _KERNELS]
        commands = [
            [*compiler, *options, "-c", str(_FOLDER / f"{kernel}.cc"), "-o", object]
            for kernel, object in zip(_KERNELS, objects, strict=True)
        ]
        list(pool.map(_run, commands))
        _run([*compiler, "-shared", "-pthread", *objects, "-o", str(made)])
        made.replace(path)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise _Unavailable(f"{command[0]} takes more than {_SECONDS} seconds") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise _Unavailable(f"{command[0]} fails: {lines[0] if lines else done.returncode}")


def _compiler() -> list[str]:
    wanted = shlex.split(os.environ.get("CXX", ""))
    if wanted:
        return wanted
    found = next(filter(None, map(shutil.which, _COMPILERS)), None)
    if found is None:
        raise _Unavailable(f"there is no compiler: {', '.join(_COMPILERS)}")
    return [found]


def _loaded(path: Path, version: str) -> Library:
    found = ctypes.CDLL(str(path))
    filters = found.jaxdnn_filters()
    made = Library(f"{version}_{filters}", filters)
    for name in _KERNELS:
        handler: Callable[..., object] = getattr(found, f"jaxdnn_{name}")
        capsule = jax.ffi.pycapsule(handler)  # type: ignore[no-untyped-call]
        jax.ffi.register_ffi_target(made.target(name), capsule, platform="cpu")
    return made
