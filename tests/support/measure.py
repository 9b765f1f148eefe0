"""What a layer can do, measured: each function returns a cell of the table of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdnn import LayerError
from jaxdnn.lowering.padded import trim, unpad
from support.case import Case

STEP = 1e-6
DIRECTIONS = 2
HALF_STEPS = 16
"""How many epsilons of the largest number a half type's result may differ."""


class Cells(NamedTuple):
    """What a row of the table says."""

    forward: str
    grad: str
    vmap: str
    float16: str
    bfloat16: str


def measure(case: Case) -> Cells:
    """Measure all that the table says of a case."""
    return Cells(forward(case), grad(case), vmap(case), half(case, "float16"), half(case, "bfloat16"))


def forward(case: Case) -> str:
    """``yes``: all outputs are finite."""
    return "yes" if all(map(_is_finite, case.net(case.feeds).values())) else "no"


def grad(case: Case) -> str:
    """Compare reverse-mode derivatives with central differences in float64.

    ``yes``: they agree; ``0``: both are zero everywhere; ``–``: no floating numbers go in, or none come out.
    """
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        net = case.net.replace(policy="float64")
        feeds = {name: _double(x) for name, x in case.feeds.items()}
        fixed = {f"x{i}" for i in case.indices}
        moving = {n: x for n, x in feeds.items() if x.dtype == np.float64 and n not in fixed}
        params = {
            slot: jnp.asarray(x) for slot, x in net.params.get("layer", {}).items() if x.dtype == np.float64
        }
        others = {slot: x for slot, x in net.params.get("layer", {}).items() if slot not in params}

        def outputs(point: Any) -> list[Any]:
            moved, weights = point
            layer = {"layer": {**others, **weights}} if {**others, **weights} else {}
            values = map(unpad, net.apply(layer, {**feeds, **moved}).values())
            parts = [part for v in values for part in ((v.real, v.imag) if jnp.iscomplexobj(v) else (v,))]
            return [part for part in parts if jnp.issubdtype(part.dtype, jnp.floating)]

        point = moving, params
        if not jax.tree.leaves(point) or not jax.eval_shape(outputs, point):
            return "–"
        # A few layers compute in float32 whatever the policy: their differences take longer steps.
        step, tolerance = (1e-2, 1e-2) if case.single else (STEP, 1e-5)
        try:
            return _compare_derivatives(outputs, point, step, tolerance)
        except (NotImplementedError, LayerError):  # jax has no rule, or the layer says that it has none
            return "no"


def _compare_derivatives(
    outputs: Callable[[Any], list[Any]], point: Any, step: float, tolerance: float
) -> str:
    rng = np.random.default_rng(5)

    def drawn(like: Any) -> Any:
        return jax.tree.map(lambda x: jnp.asarray(rng.standard_normal(x.shape)), like)

    def weighted(point: Any, cotangent: Any) -> Any:
        pairs = zip(cotangent, outputs(point), strict=True)
        # What is minus infinity (suppressed scores) stays so, and has no difference.
        return sum((c * jnp.where(jnp.isfinite(y), y, jnp.float64(0))).sum() for c, y in pairs)

    differentiate = jax.jit(jax.value_and_grad(weighted))
    cotangent = drawn(jax.eval_shape(outputs, point))
    _, slopes = differentiate(point, cotangent)
    useful = False
    for _ in range(DIRECTIONS):
        direction = drawn(point)
        ends = [jax.tree.map(lambda x, d, s=s: x + s * step * d, point, direction) for s in (-1, 1)]
        low, high = (float(differentiate(end, cotangent)[0]) for end in ends)
        measured = (high - low) / (2 * step)
        derived = float(sum(jax.tree.leaves(jax.tree.map(lambda g, d: (g * d).sum(), slopes, direction))))
        # Cancellation: both ends carry float64's rounding.
        rounding = 1e-15 * max(abs(low), abs(high), 1.0) / step
        if not abs(measured - derived) <= tolerance * abs(measured) + 10 * rounding:
            return "no"
        useful = useful or abs(derived) > 10 * rounding
    return "yes" if useful else "0"


def vmap(case: Case) -> str:
    """``yes``: under ``jax.vmap`` two examples give what each gives alone; ``–``: nothing is fed."""
    net, feeds = case.net, case.feeds
    if not feeds:
        return "–"
    others = {
        name: x * np.float32(0.75) if x.dtype == np.float32 and not _is_index(case, name) else x
        for name, x in feeds.items()
    }
    pair = {name: np.stack([x, others[name]]) for name, x in feeds.items()}
    try:
        both = jax.jit(jax.vmap(lambda inputs: net.apply(net.params, inputs)))(pair)
    except jax.errors.JAXTypeError:
        return "no"
    agree = True
    for index, inputs in enumerate((feeds, others)):
        for name, want in net(inputs).items():
            agree &= _same(jax.tree.map(lambda value, i=index: value[i], both[name]), want)
    return "yes" if agree else "no"


def half(case: Case, dtype: str) -> str:
    """Compare a half type with float32, on inputs and parameters that the half type holds exactly.

    ``yes``: finite wherever float32 is, and within :data:`HALF_STEPS` epsilons of the largest number that goes in or
    comes out; ``–``: no floating numbers come out.
    """
    feeds = {name: _rounded(x) for name, x in case.feeds.items()}
    net = case.net.replace(params=jax.tree.map(_rounded, {o: dict(s) for o, s in case.net.stored.items()}))
    want = net(feeds)
    if not any(jnp.issubdtype(value.dtype, jnp.floating) for value in want.values()):
        return "–"
    got = net.replace(policy=dtype)(feeds)
    numbers = [x for x in jax.tree.leaves((feeds, net.params, want)) if jnp.issubdtype(x.dtype, jnp.floating)]
    largest = max(
        (float(np.abs(x[np.isfinite(x)]).max(initial=0)) for x in map(np.asarray, numbers)), default=0
    )
    bound = HALF_STEPS * float(jnp.finfo(dtype).eps) * largest
    return "yes" if all(_within(got[name], want[name], bound) for name in want) else "no"


def _within(got: Any, want: Any, bound: float) -> bool:
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return False
    if not jnp.issubdtype(want.dtype, jnp.floating):
        return np.array_equal(got, want)
    got, finite = got.astype(np.float32), np.isfinite(want)
    return bool((np.isfinite(got) == finite).all() and (np.abs(got - want)[finite] <= bound).all())


def _same(got: Any, want: Any) -> bool:
    got, want = np.asarray(trim(got)), np.asarray(want)
    return got.shape == want.shape and np.allclose(got, want, rtol=1e-5, atol=1e-5, equal_nan=True)


def _is_finite(value: Any) -> bool:
    value = np.asarray(value)
    return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())


def _is_index(case: Case, name: str) -> bool:
    return int(name[1:]) in case.indices


def _double(x: np.ndarray) -> np.ndarray:
    x = np.asarray(x)
    return x.astype(np.float64) if x.dtype == np.float32 else x


def _rounded(x: Any) -> np.ndarray:
    """Return the nearest numbers that bfloat16 holds; so does float16, which has more digits, if they are not tiny."""
    x = np.asarray(x)
    if x.dtype != np.float32:
        return x
    return np.where(np.abs(x) < 2**-13, 0, x.astype(jnp.bfloat16).astype(np.float32)).astype(np.float32)
