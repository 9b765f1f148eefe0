"""dtype policies: in which types parameters are kept, layers compute and outputs are returned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from jaxdnn.errors import InputError

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_DEFAULT = "default"
_EXACT = "exact"


@dataclass(frozen=True)
class Tuning:
    """What was measured to be faster on a machine than what jaxdnn does by itself, see :meth:`jaxdnn.Net.tune`.

    Attributes:
        recipes: pairs of a convolution, in words, and how it is computed, see :mod:`~jaxdnn.lowering.recipes`.
        chunks: pairs of a batch's size and the number of chunks that it is computed in, side by side.
    """

    recipes: tuple[tuple[str, str], ...] = ()
    chunks: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.recipes or self.chunks)


@dataclass(frozen=True)
class Policy:
    """The floating-point types of a network's run. Integers and booleans are never converted.

    Attributes:
        params: the type that parameters are stored in.
        compute: the type that layers compute in. Layers whose lowering is marked ``float32`` (softmax,
            normalisation sums, arithmetic on arrays, box decoding) compute in float32 all the same when this is a
            half type, and layers that only move values leave what these computed in float32. So do loops and
            branches with what enters and leaves them. Convolutions and products of half types are accumulated in
            float32.
        output: the type of the returned values.
        layers: other policies for some layers, as pairs of a pattern and a policy. A pattern is a layer's name,
            in which ``*``, ``?`` and ``[…]`` stand for letters as in file names. Of the patterns that match a
            layer the last one counts. What they say of outputs means nothing.
        exact: whether layers are never computed in a form that rounds more than their formula does, see
            :mod:`~jaxdnn.lowering.recipes`.
        tuning: what a net's tuning has found; of the policies of layers it means nothing.
    """

    params: str = "float32"
    compute: str = "float32"
    output: str = "float32"
    layers: tuple[tuple[str, Policy], ...] = ()
    exact: bool = False
    tuning: Tuning = Tuning()

    def __post_init__(self) -> None:
        for name in (self.params, self.compute, self.output):
            if name not in _FLOATS:
                raise InputError(f"a policy's types are {', '.join(_FLOATS)}, got {name!r}")
        for pattern, policy in self.layers:
            if policy.layers:
                raise InputError(f"the policy of layers {pattern!r} has policies of layers itself")

    @classmethod
    def parse(cls, policy: AnyPolicy) -> Policy:
        """Read a policy from the forms in which it can be given.

        Args:
            policy: ``"float32"`` (all three types), ``"mixed_float16"`` (float32 params and outputs, float16
                computation) or ``"params=float16,compute=float32,output=float32"`` (what is left out is
                float32); with `` exact`` behind it or not. Layers are named behind semicolons,
                ``"mixed_float16; conv1*: float32"``, or in a dict,
                ``{"default": "mixed_float16", "conv1*": "float32"}``.

        Raises:
            InputError: it is none of these.
        """
        if isinstance(policy, Policy):
            return policy
        if isinstance(policy, Mapping):
            default = policy.get(_DEFAULT, "float32")
            return cls._with_layers(default, ((k, v) for k, v in policy.items() if k != _DEFAULT))
        default, *others = policy.split(";")
        if not others:
            return cls._parse_one(policy.strip())
        pairs = [part.rpartition(":") for part in others]
        for pattern, sign, _ in pairs:
            if not sign or not pattern.strip():
                raise InputError(f"policy {policy!r} has a part that is not <layers>: <policy>")
        return cls._with_layers(default, ((pattern.strip(), text) for pattern, _, text in pairs))

    @classmethod
    def _with_layers(cls, default: str | Policy, layers: Iterable[tuple[str, str | Policy]]) -> Policy:
        pairs = tuple((pattern, cls.parse(policy)) for pattern, policy in layers)
        return replace(cls.parse(default), layers=pairs)

    @classmethod
    def _parse_one(cls, policy: str) -> Policy:
        text, space, last = policy.rpartition(" ")
        if space and last == _EXACT:
            return replace(cls._parse_one(text.strip()), exact=True)
        if policy in _FLOATS:
            return cls(policy, policy, policy)
        if policy.startswith("mixed_") and policy.removeprefix("mixed_") in _FLOATS:
            return cls("float32", policy.removeprefix("mixed_"), "float32")
        pairs = [part.partition("=") for part in policy.split(",")]
        if all(sign and name in ("params", "compute", "output") for name, sign, _ in pairs):
            types = {name: value for name, _, value in pairs}
            params, compute, output = (types.get(name, "float32") for name in ("params", "compute", "output"))
            return cls(params, compute, output)
        raise InputError(
            f"policy {policy!r} is not a type ({', '.join(_FLOATS)}), mixed_<type>, "
            "or params=<type>,compute=<type>,output=<type>, each with or without ' exact'"
        )

    def of(self, layer: str) -> Policy:
        """Return the policy of the layer of this name."""
        if not self.layers:
            return self
        matches = [policy for pattern, policy in self.layers if fnmatchcase(layer, pattern)]
        return matches[-1] if matches else replace(self, layers=())

    def unmatched(self, layers: Iterable[str]) -> list[str]:
        """Return the patterns that match none of these layers' names."""
        names = list(layers)
        return [pattern for pattern, _ in self.layers if not any(fnmatchcase(n, pattern) for n in names)]

    def __str__(self) -> str:
        return "; ".join([self._text, *(f"{pattern}: {policy._text}" for pattern, policy in self.layers)])

    @property
    def _text(self) -> str:
        return f"{self._types} {_EXACT}" if self.exact else self._types

    @property
    def _types(self) -> str:
        if self.params == self.compute == self.output:
            return self.compute
        if self.params == self.output == "float32":
            return f"mixed_{self.compute}"
        return f"params={self.params},compute={self.compute},output={self.output}"


AnyPolicy = str | Policy | Mapping[str, str | Policy]
"""The forms that :meth:`Policy.parse` reads."""
