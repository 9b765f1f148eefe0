"""``jaxdnn.cache``: compilations that outlive the process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from jaxdnn.errors import FileError

_HIT = "/jax/compilation_cache/cache_hits"
_MISS = "/jax/compilation_cache/cache_misses"

_SETTINGS = {
    "jax_enable_compilation_cache": True,
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
"""Everything is kept: jax by itself leaves out what took less than a second to compile."""

_open: list[Cache] = []
_lock = threading.Lock()


class Cache:
    """A folder of compiled programs that jax reads instead of compiling, and writes what it compiles to.

    As a context manager it serves inside of the ``with`` block alone. Do not share a folder with people whose programs
    you would not run: it holds machine code.

    Attributes:
        directory: the folder.
        hits: how many programs were read from it.
        misses: how many were compiled because it did not have them.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hits = 0
        self.misses = 0
        settings = {**_SETTINGS, "jax_compilation_cache_dir": str(directory)}
        with _lock:
            self._before = {name: getattr(jax.config, name) for name in settings}
            _configure(settings)
            jax.monitoring.register_event_listener(self._count)
            _open.append(self)

    @property
    def bytes(self) -> int:
        """The size of all files in the folder together."""
        return sum(path.stat().st_size for path in self.directory.rglob("*") if path.is_file())

    def close(self) -> None:
        """Give jax the settings back that it had before; the folder stays."""
        with _lock:
            if self in _open:
                _open.remove(self)
                jax.monitoring.unregister_event_listener(self._count)
                _configure(self._before)

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cache({str(self.directory)!r}; {self.hits} hits, {self.misses} misses)"

    def _count(self, event: str, **details: Any) -> None:
        del details
        self.hits += event == _HIT
        self.misses += event == _MISS


def opened() -> Path | None:
    """Return the folder of the cache that is open, None if there is none."""
    return _open[0].directory if _open else None


def cache(directory: str | os.PathLike[str]) -> Cache:
    """Keep compiled programs in a folder, for this process and later ones.

    This sets jax's own persistent compilation cache, so it serves everything that is compiled from now on, also what
    has nothing to do with jaxdnn. A program is found again by its contents, the versions of jax and XLA, their flags
    and the device. There is one at a time: the one before is closed.

    Args:
        directory: is made if it does not exist.

    Returns:
        the cache with its counts. Its ``close`` ends it, as the end of a ``with`` block does.

    Raises:
        FileError: the directory cannot be made or written.
    """
    path = Path(directory).expanduser().absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot be made: {error.strerror or error}", file=str(directory)) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise FileError("cannot be written", file=str(directory))
    if _open:
        _open[0].close()
    return Cache(path)


@contextmanager
def uncached() -> Iterator[None]:
    """Compile whatever jax's cache holds: what comes out of it cannot be written into another file.

    jaxlib's CPU client serializes an executable that it has read without the functions in it.
    """
    name = "jax_enable_compilation_cache"
    before = {name: getattr(jax.config, name)}
    with _lock:
        _configure({name: False})
    try:
        yield
    finally:
        with _lock:
            _configure(before)


def _configure(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    compilation_cache.reset_cache()  # jax opens its folder at the first compilation, and only then
