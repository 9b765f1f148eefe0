"""Arguments that several commands take, and the types that options are parsed to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar, cast, get_args

import click

from jaxdnn.cli.preprocessing import Preprocessing
from jaxdnn.errors import FileError
from jaxdnn.image import Resizing

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


def parse_named_shape(text: str) -> tuple[str, tuple[int | str, ...]]:
    """Read the shape of an input in which names may stand for any size, ``data=b,3,32*rows,32*columns``."""
    name, _, sizes = text.rpartition("=")
    if not name or not re.fullmatch(r"[\w*]+(,[\w*]+)*", sizes):
        raise click.BadParameter(
            f"{text!r} is not an input's shape like data=1,3,224,224 or data=b,3,height,width"
        )
    return name, tuple(int(size) if size.isdigit() else size for size in sizes.split(","))


def parse_batch(text: str) -> str | int | tuple[int, ...]:
    """Read a batch: a name for any size, one size, or several with commas between them."""
    sizes = [part.strip() for part in text.split(",")]
    if not all(size.isdigit() for size in sizes):
        return text
    return int(text) if len(sizes) == 1 else tuple(map(int, sizes))


def state_options(command: F) -> F:
    """Add the options that choose among the layers of a Caffe file."""
    for option in (
        click.option("--level", metavar="N", default=0, help="Caffe: level of the NetState."),
        click.option(
            "--stage", "stages", metavar="NAME", multiple=True, help="Caffe: a stage of the NetState."
        ),
    ):
        command = option(command)
    return command


def network_options(command: F) -> F:
    """Add the options that say how a network's file is read."""
    option = click.option(
        "--input-shape",
        "input_shapes",
        type=parse_shape,
        metavar="NAME=N,C,H,W",
        multiple=True,
        help="Shape of an input that the file leaves open or that you want otherwise.",
    )
    return state_options(option(command))


def output_options(command: F) -> F:
    """Add the options that name a file to write, as the arguments ``path`` and ``force``."""
    force = click.option("--force", is_flag=True, help="Replace the file if it exists.")
    output = click.option("-o", "--output", "path", metavar="PATH", required=True, help="File to write.")
    return output(force(command))


def require_new(path: str, *, force: bool) -> None:
    """Check that a file may be written.

    Raises:
        FileError: it exists, and nobody says that it may be replaced.
    """
    if os.path.exists(path) and not force:
        raise FileError("the file exists: give --force to replace it", file=path)


trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Artifacts: let the file's machine code and XLA programs run. They can do anything; say so only of files "
    "that you or people whom you trust made.",
)


def picture_options(command: F) -> F:
    """Add the options that say how pictures become a network's input, as the argument ``preprocessing``."""
    names = [field.name for field in fields(Preprocessing)]

    @wraps(command)
    def collected(**given: Any) -> Any:
        said = {name: given.pop(name) for name in names}
        return command(preprocessing=Preprocessing(**said), **given)

    wrapped: Any = collected
    for option in reversed(
        (
            click.option(
                "--mean",
                type=parse_numbers,
                metavar="NUMBERS",
                help="Subtracted from each pixel: one number, or one per channel as the network sees them. "
                "[default: what the file states, or 0]",
            ),
            click.option(
                "--scale",
                type=parse_numbers,
                metavar="NUMBERS",
                help="Factor after the subtraction, like --mean. [default: what the file states, or 1]",
            ),
            click.option(
                "--size",
                type=parse_size,
                metavar="SIZE",
                help="Size of the input, 300 or 320x240. [default: the file's]",
            ),
            click.option(
                "--swap-rb/--no-swap-rb",
                default=None,
                help="The network takes red, green, blue instead of blue, green, red. "
                "[default: as Darknet's networks do]",
            ),
            click.option("--crop", "mode", flag_value="crop", help="Fill the input and cut off the ends."),
            click.option(
                "--letterbox", "mode", flag_value="letterbox", help="Keep the aspect ratio and add borders."
            ),
            click.option(
                "--stretch",
                "mode",
                flag_value="stretch",
                help="Change the aspect ratio. [default, unless the file states letterbox]",
            ),
            click.option(
                "--resize",
                "resizing",
                type=click.Choice(get_args(Resizing)),
                help="Whose way of resizing pictures. [default: darknet for Darknet's networks, otherwise opencv]",
            ),
        )
    ):
        wrapped = option(wrapped)
    return cast(F, wrapped)
