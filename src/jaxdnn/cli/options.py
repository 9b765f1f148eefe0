"""Arguments that both commands take, and the types that options are parsed to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def parse_numbers(text: str) -> tuple[float, ...]:
    """Read numbers with commas between them: ``104,117,123``."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number, or several with commas between them") from None


def parse_size(text: str) -> tuple[int, int]:
    """Read a width and a height, ``320x240``, or one number for both."""
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if not match:
        raise click.BadParameter(f"{text!r} is not a size like 300 or 320x240")
    return int(match[1]), int(match[2] or match[1])


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read the shape of an input, ``data=1,3,224,224``."""
    name, _, sizes = text.rpartition("=")
    if not name or not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", sizes):
        raise click.BadParameter(f"{text!r} is not an input's shape like data=1,3,224,224")
    return name, tuple(map(int, sizes.split(",")))


def network_options(command: F) -> F:
    """Add the options that say how a network's file is read."""
    for option in (
        click.option(
            "--input-shape",
            "input_shapes",
            type=parse_shape,
            metavar="NAME=N,C,H,W",
            multiple=True,
            help="Shape of an input that the file leaves open or that you want otherwise.",
        ),
        click.option("--level", metavar="N", default=0, help="Caffe: level of the NetState."),
        click.option(
            "--stage", "stages", metavar="NAME", multiple=True, help="Caffe: a stage of the NetState."
        ),
    ):
        command = option(command)
    return command
