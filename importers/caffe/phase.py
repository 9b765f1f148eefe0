"""Which layers a file's include and exclude rules keep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jaxdnn.errors import GraphError
from jaxdnn.importers.caffe.fields import Fields
from jaxdnn.importers.textproto import Message


@dataclass(frozen=True)
class NetState:
    """What a net is built for; the phase is always TEST.

    Attributes:
        level: compared with the rules' min_level and max_level.
        stages: names that rules may ask for or forbid.
    """

    level: int = 0
    stages: frozenset[str] = frozenset()


def net_state(net: Message, level: int, stages: Iterable[str]) -> NetState:
    """Return the state that the caller asks for, over what the file states itself."""
    stated = Fields(net.messages("state"), "state", net.place)
    return NetState(level or stated.integer("level", 0), frozenset((*stated.strings("stage"), *stages)))


def is_kept(layer: Message, state: NetState) -> bool:
    """Whether a layer belongs to the net in this state.

    Raises:
        GraphError: the layer has both include and exclude rules.
    """
    view = Fields([layer], "layer", layer.place)
    include, exclude = view.messages("include"), view.messages("exclude")
    if include and exclude:
        name = view.string("name", "")
        raise GraphError("has both include and exclude rules", line=layer.line, layer=repr(name))
    if include:
        return any(_meets(rule, state) for rule in include)
    return not any(_meets(rule, state) for rule in exclude)


def _meets(rule: Fields, state: NetState) -> bool:
    phase = rule.enum("phase", ("TRAIN", "TEST"), "TEST")
    low, high = rule.integer("min_level"), rule.integer("max_level")
    return (
        phase == "TEST"
        and (low is None or state.level >= low)
        and (high is None or state.level <= high)
        and state.stages.issuperset(rule.strings("stage"))
        and state.stages.isdisjoint(rule.strings("not_stage"))
    )
