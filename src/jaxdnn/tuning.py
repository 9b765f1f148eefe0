"""``Net.tune``: how a CPU computes a network fastest, found out by measuring the whole network."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxdnn.artifact.documents import read_json, write_json
from jaxdnn.artifact.executables import machine
from jaxdnn.artifact.policies import read_tuning, written_tuning
from jaxdnn.artifact.stablehlo import this_device
from jaxdnn.cache import opened
from jaxdnn.chunks import batch_of, chunk
from jaxdnn.errors import JaxdnnError, ParseError
from jaxdnn.lowering.recipes import CPU, Choices, Plan, candidates, for_platform, name_of, noting
from jaxdnn.policy import Tuning

if TYPE_CHECKING:
    from jaxdnn.lowering.recipes.task import Convolution
    from jaxdnn.net import Net

_GAIN = 0.98
"""Of the time before, what a change has to stay below: less is noise."""
_HOPELESS = 1.5
"""Of the time before, from which on one call tells enough."""
_ROUNDS = 15
"""Calls, or several in a row for a fast network, whose median counts."""
_BLOCK = 0.005
"""Seconds that calls in a row take at least."""
_CLOSE = 1e-4
"""Of the largest value, by how much chunks may differ from the whole batch."""
_CHUNKS = (2, 4)

Feeds = Mapping[str, Any]
Names = tuple[str, ...]
Report = Callable[[str], None]


def tune(net: Net, feeds: Feeds, names: Names, seconds: float, chunks: bool, report: Report | None) -> Net:
    """Try other recipes for a net's convolutions, and its batch in chunks side by side, and keep what is faster.

    Each change is compiled and timed within the whole network, in turns with the best one so far: an operation by
    itself finds its weights in the caches, within a network it does not. The convolutions with the most products come
    first. Values stay the same but for rounding; what an exact policy leaves out is not tried.

    What is found is part of the net's policy (``net.policy.tuning``), also in artifacts and in the machine code in
    them; chunks are for a net's own calls. If a :func:`jaxdnn.cache` is open it is written there, and the next time
    read instead of measured.

    Args:
        net: with all of its parameters.
        feeds: the inputs that it is called with. Inputs of other sizes are computed as before.
        names: of the outputs.
        seconds: after which nothing more is tried.
        chunks: whether chunks are tried as well.
        report: is told in words what was tried and the time that it takes, that of the best one before being 1.

    Returns:
        the tuned net; elsewhere than on a CPU this net as it is.
    """
    net = net.replace(params=net.params)  # on the device once, not once for each trial
    if _device(net).platform != CPU:
        return net
    file = _file(net, feeds, names, chunks)
    tuning = _read(file) if file else None
    if tuning is None:
        tuning = _Search(net, feeds, names, chunks, report or (lambda text: None)).run(seconds)
        if file:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(write_json(written_tuning(tuning)))
    return _tuned(net, tuning)


class _Search:
    """Measures nets that differ in their tuning alone.

    Args:
        net, feeds, names, chunks, report: as for :func:`tune`.
    """

    def __init__(self, net: Net, feeds: Feeds, names: Names, chunks: bool, report: Report) -> None:
        self._net, self._feeds, self._names, self._report = net, feeds, names, report
        self._chunks = _CHUNKS if chunks else ()
        self._best = self._first = self._timed(net.policy.tuning)

    def run(self, seconds: float) -> Tuning:
        """Try one change after the other, and return the tuning of the fastest net."""
        end = time.perf_counter() + seconds
        for text, tuning in self._changes():
            if time.perf_counter() > end:
                self._report(f"{seconds:g} seconds are over")
                break
            trial = self._timed(tuning)
            ratio = self._ratio(trial)
            self._report(f"{text}: {ratio:.2f}")
            if ratio < _GAIN:
                self._best = trial
        if self._best is not self._first and _median_ratio(self._best, self._first) > 1:
            self._best = self._first
        return self._best.net.policy.tuning

    @property
    def _tuning(self) -> Tuning:
        return self._best.net.policy.tuning

    def _changes(self) -> Iterator[tuple[str, Tuning]]:
        """Yield what to try, each made from the best tuning when it is asked for."""
        batch = batch_of(self._feeds)
        for count in self._chunks:
            if batch and batch % count == 0:
                chunks = dict(self._tuning.chunks) | {batch: count}
                yield (
                    f"{count} chunks of {batch // count}",
                    replace(self._tuning, chunks=tuple(chunks.items())),
                )
        count = dict(self._tuning.chunks).get(batch, 1) if self._chunks else 1
        for task in _convolutions(self._net, chunk(self._feeds, 0, count), self._names):
            for recipe in candidates(task, Choices(self._net.policy.exact))[1:]:
                recipes = dict(self._tuning.recipes) | {name_of(task): recipe.name}
                yield f"{_shown(task)}: {recipe.name}", replace(self._tuning, recipes=tuple(recipes.items()))

    def _timed(self, tuning: Tuning) -> _Timed:
        net = _tuned(self._net, tuning)
        return _Timed(net, lambda: net(dict(self._feeds), outputs=self._names))

    def _ratio(self, trial: _Timed) -> float:
        """Return the time of a net, that of the best one being 1; a gain has to show twice."""
        if trial.net.policy.tuning.chunks != self._tuning.chunks and not self._agrees(trial):
            return math.inf
        first = trial.seconds() / self._best.seconds()
        if first > _HOPELESS:
            return first
        ratio = _median_ratio(trial, self._best)
        return max(ratio, _median_ratio(trial, self._best)) if ratio < _GAIN else ratio

    def _agrees(self, trial: _Timed) -> bool:
        """Whether rows do not depend on each other: the batch in chunks has the same values."""
        try:
            found, wanted = trial.call(), self._best.call()
        except (JaxdnnError, TypeError, ValueError):  # chunks that the net cannot compute, or nobody can join
            return False
        return all(_are_close(np.asarray(found[name]), np.asarray(wanted[name])) for name in wanted)


class _Timed:
    """A net whose calls are timed."""

    def __init__(self, net: Net, call: Callable[[], dict[str, Any]]) -> None:
        self.net = net
        self.call = call
        self._calls = 0

    def seconds(self) -> float:
        """Return how long a call takes, now that it is compiled."""
        if not self._calls:
            for _ in range(2):
                jax.block_until_ready(self.call())  # type: ignore[no-untyped-call]
            self._calls = 1
            self._calls = max(1, math.ceil(_BLOCK / self.seconds()))
        start = time.perf_counter()
        for _ in range(self._calls):
            jax.block_until_ready(self.call())  # type: ignore[no-untyped-call]
        return (time.perf_counter() - start) / self._calls


def _median_ratio(trial: _Timed, best: _Timed) -> float:
    return statistics.median(trial.seconds() / best.seconds() for _ in range(_ROUNDS))


def _are_close(found: np.ndarray, wanted: np.ndarray) -> bool:
    if found.shape != wanted.shape:
        return False
    bound = _CLOSE * float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0))
    return bool(np.allclose(found, wanted, rtol=0, atol=bound, equal_nan=True))


def _convolutions(net: Net, feeds: Feeds, names: Names) -> list[Convolution]:
    """Return the convolutions that a call computes, those with the most products first."""
    fixed = {name: feeds[name] for name in net.program.static_inputs if name in feeds}
    others = {name: array for name, array in feeds.items() if name not in fixed}

    def traced(params: Any, others: Feeds) -> Any:
        with for_platform(CPU):
            return net.program(params, {**others, **fixed}, names)

    # Of a net that is computed in several parts only the first one's convolutions are found.
    with noting() as notes, contextlib.suppress(JaxdnnError):
        jax.eval_shape(traced, net.params, others)
    work: dict[Convolution, int] = {}
    for note in notes:
        if isinstance(note, Plan):
            work[note.task] = work.get(note.task, 0) + _products(note.task)
    return sorted(work, key=lambda task: -work[task])


def _products(task: Convolution) -> int:
    return math.prod((*task.size, *task.kernel, task.batch, task.filters, task.channels // task.groups))


def _shown(task: Convolution) -> str:
    kernel, size = ("x".join(map(str, sizes)) for sizes in (task.kernel, task.spatial))
    groups = f" in {task.groups} groups" if task.groups > 1 else ""
    return f"{kernel} from {task.channels} to {task.filters} channels{groups} at {size}"


def _tuned(net: Net, tuning: Tuning) -> Net:
    return net.replace(policy=replace(net.policy, tuning=tuning))


def _device(net: Net) -> jax.Device:
    leaves = jax.tree.leaves(net.params)
    device: jax.Device = next(iter(leaves[0].devices())) if leaves else this_device()
    return device


def _file(net: Net, feeds: Feeds, names: Names, chunks: bool) -> Path | None:
    """Return where the open cache has what was found for this case on this machine, None without a cache."""
    folder = opened()
    if folder is None:
        return None
    case = {
        "convolutions": [name_of(task) for task in _convolutions(net, feeds, names)],
        "inputs": {name: [*np.shape(array)] for name, array in feeds.items()},
        "outputs": names,
        "chunks": chunks,
        "policy": str(net.policy),
        "before": written_tuning(net.policy.tuning),
        "machine": {**machine(_device(net)), "cores": os.cpu_count()},
    }
    digest = hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()
    return folder / "tuning" / f"{digest}.json"


def _read(file: Path) -> Tuning | None:
    """Return what was found before, None if there is nothing that can be read."""
    try:
        return read_tuning(read_json(file.read_bytes(), str(file)), str(file))
    except (OSError, ParseError):
        return None
