"""dtype policies: in which types parameters are kept, layers compute and outputs are returned."""

from __future__ import annotations

from dataclasses import dataclass

from jaxdnn.errors import InputError

_FLOATS = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class Policy:
    """The floating-point types of a network's run. Integers and booleans are never converted.

    Attributes:
        params: the type that parameters are stored in.
        compute: the type that layers compute in. Layers whose lowering is marked ``float32`` (softmax,
            normalisation sums, box decoding) compute in float32 all the same when this is a half type.
        output: the type of the returned values.
    """

    params: str = "float32"
    compute: str = "float32"
    output: str = "float32"

    def __post_init__(self) -> None:
        for name in (self.params, self.compute, self.output):
            if name not in _FLOATS:
                raise InputError(f"a policy's types are {', '.join(_FLOATS)}, got {name!r}")

    @classmethod
    def parse(cls, policy: str | Policy) -> Policy:
        """Read ``"float32"`` (all three types), ``"mixed_float16"`` (float32 params and outputs, float16
        computation) or ``"params=float16,compute=float32,output=float32"``.

        Raises:
            InputError: the text is none of these.
        """
        if isinstance(policy, Policy):
            return policy
        if policy in _FLOATS:
            return cls(policy, policy, policy)
        if policy.startswith("mixed_") and policy.removeprefix("mixed_") in _FLOATS:
            return cls("float32", policy.removeprefix("mixed_"), "float32")
        pairs = [part.partition("=") for part in policy.split(",")]
        if all(sign and name in ("params", "compute", "output") for name, sign, _ in pairs):
            return cls(**{name: value for name, _, value in pairs})
        raise InputError(
            f"policy {policy!r} is not a type ({', '.join(_FLOATS)}), mixed_<type>, "
            "or params=<type>,compute=<type>,output=<type>"
        )

    def __str__(self) -> str:
        if self.params == self.compute == self.output:
            return self.compute
        if self.params == self.output == "float32":
            return f"mixed_{self.compute}"
        return f"params={self.params},compute={self.compute},output={self.output}"
