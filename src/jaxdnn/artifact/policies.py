"""Dtype policies and what tuning has found, as JSON."""

from __future__ import annotations

from typing import Any

from jaxdnn.artifact.documents import Record, flag, listed, mapped, size, text
from jaxdnn.errors import ParseError
from jaxdnn.policy import Policy, Tuning


def written_policy(policy: Policy) -> dict[str, Any]:
    """Return a policy as what JSON has."""
    document = {
        "params": policy.params,
        "compute": policy.compute,
        "output": policy.output,
        "exact": policy.exact,
        "layers": [{"pattern": pattern, "policy": written_policy(each)} for pattern, each in policy.layers],
    }
    return document | ({"tuning": written_tuning(policy.tuning)} if policy.tuning else {})


def written_tuning(tuning: Tuning) -> dict[str, Any]:
    """Return a tuning as what JSON has."""
    return {"recipes": dict(tuning.recipes), "chunks": [list(pair) for pair in tuning.chunks]}


def read_policy(value: object, what: str) -> Policy:
    """Return the policy that :func:`written_policy` wrote.

    Raises:
        ParseError: it is not written like that.
    """
    record = Record(value, what)
    params, compute, output = (record.read(name, text) for name in ("params", "compute", "output"))
    layers, exact = record.read("layers", listed(_layer_policy)), record.read("exact", flag)
    policy = Policy(params, compute, output, layers, exact, record.optional("tuning", read_tuning, Tuning()))
    record.done()
    return policy


def read_tuning(value: object, what: str) -> Tuning:
    """Return the tuning that :func:`written_tuning` wrote. Recipes of names that nobody knows mean nothing.

    Raises:
        ParseError: it is not written like that.
    """
    record = Record(value, what)
    recipes, chunks = record.read("recipes", mapped(text)), record.read("chunks", listed(listed(size)))
    record.done()
    pairs = []
    for pair in chunks:
        if len(pair) != 2 or not 1 < pair[1] <= pair[0] or pair[0] % pair[1]:
            raise ParseError(f"the chunks of {what} must be pairs of a batch and a divisor, got {list(pair)}")
        pairs.append((pair[0], pair[1]))
    return Tuning(tuple(recipes.items()), tuple(pairs))


def _layer_policy(value: object, what: str) -> tuple[str, Policy]:
    record = Record(value, what)
    pair = record.read("pattern", text), record.read("policy", read_policy)
    record.done()
    return pair
