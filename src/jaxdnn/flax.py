"""Nets as flax modules, linen's and nnx's, with the imported parameters. Needs flax: ``pip install "jaxdnn[flax]"``.

Both modules compute what ``net.apply`` computes. Batch norms compute with the stored statistics, as in inference, so
that there is no ``batch_stats`` collection: mean and variance are parameters, which :func:`jaxdnn.trainable` and
:func:`named` leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
from flax import linen, nnx

from jaxdnn.freezing import trainable
from jaxdnn.initialize import require_complete
from jaxdnn.net import Net


class LinenNet(linen.Module):
    """A net as a linen module. ``init`` returns its own parameters, whatever the key.

    Attributes:
        net: what is computed. Its parameters are the collection ``params``, as :attr:`jaxdnn.Net.params`.
    """

    net: Net

    @linen.compact
    def __call__(self, inputs: Mapping[str, Any] | Any, *, outputs: Iterable[str] | None = None) -> Any:
        """Compute outputs, see :meth:`jaxdnn.Net.apply`."""
        params = {owner: self._param(owner, slots) for owner, slots in self.net.params.items()}
        return self.net.apply(params, inputs, outputs=outputs)

    def _param(self, owner: str, slots: Mapping[str, Any]) -> Any:
        # Not self.param: a layer may be called like an attribute of the module, "name" or "net".
        assert self.scope is not None
        return self.scope.param(owner, lambda key: dict(slots))


class NnxNet(nnx.Module):
    """A net as an nnx module.

    Attributes:
        net: what is computed, without parameters.
        params: an ``nnx.Param`` for each owner and slot, as :attr:`jaxdnn.Net.params`.
    """

    def __init__(self, net: Net) -> None:
        self.net = nnx.static(net.replace(params={}))
        self.params = nnx.Dict(
            {
                owner: nnx.Dict({slot: nnx.Param(array) for slot, array in slots.items()})
                for owner, slots in net.params.items()
            }
        )

    def __call__(self, inputs: Mapping[str, Any] | Any, *, outputs: Iterable[str] | None = None) -> Any:
        """Compute outputs, see :meth:`jaxdnn.Net.apply`."""
        return self.net.apply(self.arrays, inputs, outputs=outputs)

    @property
    def arrays(self) -> dict[str, dict[str, jax.Array]]:
        """The parameters as :meth:`jaxdnn.Net.replace` takes them."""
        return {
            owner: {slot: param[...] for slot, param in slots.items()} for owner, slots in self.params.items()
        }


def named(net: NnxNet, *patterns: str) -> Callable[[tuple[Any, ...], Any], bool]:
    """Return an nnx filter for what an optimiser is to change: ``nnx.Optimizer(net, tx, wrt=named(net, "fc*"))``.

    Args:
        net: the module.
        patterns: as for :func:`jaxdnn.trainable`.

    Raises:
        InputError: a pattern matches no parameter.
    """
    mask = trainable(net.arrays, *patterns)

    def chosen(path: tuple[Any, ...], value: Any) -> bool:
        del value
        return len(path) > 2 and path[0] == "params" and mask[path[1]][path[2]]

    return chosen


def to_linen(net: Net) -> LinenNet:
    """Return a net as a linen module, whose ``init`` gives the net's parameters.

    Raises:
        WeightsError: parameters are missing.
    """
    require_complete(list(net.missing))
    return LinenNet(net)


def to_nnx(net: Net) -> NnxNet:
    """Return a net as an nnx module, which holds the net's parameters.

    Raises:
        WeightsError: parameters are missing.
    """
    require_complete(list(net.missing))
    return NnxNet(net)
