"""A cfg's sections turned into a model by the rules, and the weights file read into it."""

from __future__ import annotations

import math
import os
from collections.abc import Container
from dataclasses import replace

from jaxdnn.errors import FileError, GraphError, ParseError, UnsupportedLayerError, located
from jaxdnn.importers.darknet import rules as _rules  # noqa: F401  (registers all rules)
from jaxdnn.importers.darknet.cfg import Section, parse
from jaxdnn.importers.darknet.registry import MAX_ELEMENTS, RULES, DarknetBuilder, Output
from jaxdnn.importers.darknet.rules.custom import custom
from jaxdnn.importers.darknet.source import DarknetSource
from jaxdnn.importers.darknet.training import EVERYWHERE, NETWORK
from jaxdnn.importers.darknet.weights import Header, read_weights
from jaxdnn.importers.files import basename, kind_of, read_head, read_text
from jaxdnn.ir import Model
from jaxdnn.layers.custom import CustomTypes


def load_model(
    cfg: str,
    weights: str | None = None,
    *,
    compat: str | None = None,
    partial: bool = False,
    custom: CustomTypes | None = None,
) -> Model:
    """Read a Darknet network.

    Args:
        cfg: path of the network's description.
        weights: path of its weights.
        compat: ``"opencv"`` for the numerics of OpenCV 4 where they are not Darknet's.
        partial: whether the weights file may end behind any layer.
        custom: the sections that functions of the user compute, known ones too.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense; the message says where.
    """
    if kind_of(read_head(cfg)) == "binary":
        raise FileError("not a cfg: this is a binary file, the weights perhaps", file=cfg)
    text = read_text(cfg)
    with located(file=cfg):
        first, sections = _check(parse(text), custom or {})
        importer = _Importer(first, cfg, custom or {}, opencv=compat == "opencv")
        for section in sections:
            importer.add(section)
        model = importer.model()
    if weights is None:
        return model
    assert isinstance(model.source, DarknetSource)
    header, params = read_weights(weights, model.source.arrays, partial=partial)
    source = replace(model.source, files=(cfg, weights), header=header)
    return replace(model, params=params, source=source, checked=True)


def _check(sections: list[Section], custom: Container[str]) -> tuple[Section, list[Section]]:
    """Return the section of the network and those of the layers, all of them known."""
    if not sections or sections[0].name not in ("net", "network"):
        line = sections[0].line if sections else None
        raise ParseError("not a cfg of a network: its first section must be [net]", line=line)
    unknown = [
        section for section in sections[1:] if section.name not in RULES and section.name not in custom
    ]
    if unknown:
        listed = ", ".join(f"[{section.name}] in line {section.line}" for section in unknown[:12])
        more = f" and {len(unknown) - 12} more" if len(unknown) > 12 else ""
        raise UnsupportedLayerError(f"unknown sections: {listed}{more}", line=unknown[0].line)
    if len(sections) == 1:
        raise GraphError("there is no layer in it")
    return sections[0], sections[1:]


class _Importer:
    """Keeps the layer at hand while sections are read in order."""

    def __init__(self, network: Section, path: str, custom: CustomTypes, *, opencv: bool) -> None:
        self._path = path
        self._custom = custom
        network.ignore(*NETWORK)
        with located(line=network.line, layer="[net]"):
            shape, flat = _input_shape(network)
        self._preprocessing = {
            "scale": 1 / 255,
            "swap_rb": True,
            "letterbox": network.flag("letter_box"),
        }
        network.refuse_leftovers()
        self._last = Output("data", shape, flat)
        self._builder = DarknetBuilder(self._last, os.path.dirname(path), opencv=opencv)

    def add(self, section: Section) -> None:
        """Import one section.

        Raises:
            JaxdnnError: with the section's number and line.
        """
        b = self._builder
        b.start(section)
        b.origin = f"{self._path}:{section.line}"
        section.ignore(*EVERYWHERE)
        with located(line=section.line, layer=b.place):
            if section.name in self._custom:
                self._last = custom(b, section, self._last, self._custom[section.name])
            else:
                self._last = RULES[section.name](b, section, self._last)
            section.refuse_leftovers()
        b.finish(self._last)

    def model(self) -> Model:
        """Return what was built, without numbers."""
        b = self._builder
        source = DarknetSource(
            "darknet",
            (self._path,),
            self._preprocessing,
            distance_power=b.distance_power,
            layers=tuple(x.value for x in b.layers),
            arrays=tuple(b.arrays),
            header=Header(),
        )
        return b.model(basename(self._path), b.ends(), source)


def _input_shape(network: Section) -> tuple[tuple[int, int, int], bool]:
    """Return channels, height and width of the input, and whether it is a vector."""
    channels, height, width = (network.integer(key, 0) for key in ("channels", "height", "width"))
    inputs = network.integer("inputs", 0)
    if height or width or channels or not inputs:
        for name, size in (("width", width), ("height", height), ("channels", channels)):
            if size < 1:
                raise ParseError(f"{name} must be at least 1, got {size}", line=network.error(name, "").line)
        if math.prod((channels, height, width)) > MAX_ELEMENTS:
            raise ParseError(f"the input of {channels}x{height}x{width} is absurdly large")
        return (channels, height, width), False
    if inputs < 1:
        raise ParseError(f"inputs must be at least 1, got {inputs}", line=network.error("inputs", "").line)
    return (inputs, 1, 1), True
