"""``jaxdnn compare``: how far two networks are apart, value by value."""

from __future__ import annotations

import math
import zipfile
from typing import Any

import click
import numpy as np

from jaxdnn.cli.console import print_json, print_table, status
from jaxdnn.cli.feeding import Feeder
from jaxdnn.cli.options import network_options, picture_options
from jaxdnn.cli.preprocessing import Preprocessing
from jaxdnn.comparison import HEADERS, NUMERIC, Comparison
from jaxdnn.comparison import compare as compare_nets
from jaxdnn.errors import FileError
from jaxdnn.image import read_image, write_image
from jaxdnn.loader import load
from jaxdnn.net import Net


@click.command(
    epilog="""\b
Examples:
  jaxdnn compare deploy.prototxt net.caffemodel cat.jpg --policy mixed_float16 -o layers.png
  jaxdnn compare yolov4.cfg yolov4.weights dog.jpg --policy "float16; yolo*: float32"
  jaxdnn compare net.cfg net.weights inputs.npz --with graph.pb"""
)
@click.argument("files", metavar="MODEL [WEIGHTS] INPUT", nargs=-1, required=True)
@click.option(
    "--with",
    "others",
    metavar="FILE",
    multiple=True,
    help="File of the other network: its MODEL, and again its WEIGHTS. [default: the same network]",
)
@click.option(
    "--policy",
    metavar="POLICY",
    default="float32",
    show_default=True,
    help="Floating-point types of the other network, such as mixed_float16.",
)
@click.option(
    "-o", "--output", "drawing", metavar="PATH", help="Picture file to draw the differences into, as bars."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@picture_options
@network_options
def compare(
    files: tuple[str, ...],
    others: tuple[str, ...],
    policy: str,
    drawing: str | None,
    as_json: bool,
    preprocessing: Preprocessing,
    stages: tuple[str, ...],
    level: int,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
) -> None:
    """Show how far the network in the files MODEL and WEIGHTS, in float32, is from another one.

    The other one is the same network under another POLICY, or the network that --with names. INPUT is a picture, or an
    .npz file with an array for each of the network's inputs. The table has the largest absolute difference of
    each value that both networks have, that difference relative to the largest value of the first network, and the
    cosine of the angle between the two.
    """
    *paths, given = files
    for name, named in (("MODEL [WEIGHTS] INPUT", paths), ("--with", others)):
        if len(named) > 2 or (not named and name != "--with"):
            raise click.UsageError(f"{name} are {len(named)} files of a network, not one or two")
    if not others and policy == "float32":
        raise click.UsageError("there is nothing to compare with: give --policy or --with")
    with status(f"Loading {paths[0]}", quiet=as_json):
        options: dict[str, Any] = {"stages": stages, "level": level, "input_shapes": dict(input_shapes)}
        first = load(*paths, **options)
        second = load(*others, policy=policy, **options) if others else first.replace(policy=policy)
    feeds = _read_arrays(given) if given.endswith(".npz") else _read_picture(first, given, preprocessing)
    with status(f"Computing {given}", quiet=as_json):
        comparison = compare_nets(first, second, feeds)
    if drawing is not None:
        write_image(drawing, np.asarray(comparison.picture())[..., ::-1])
    if as_json:
        print_json(_finite(comparison.to_dict()))
    else:
        _print(comparison)


def _read_picture(net: Net, path: str, given: Preprocessing) -> dict[str, np.ndarray]:
    picture = read_image(path)
    feeds, _ = Feeder.of(net.graph, net.source, given).feed([picture])
    return feeds


def _read_arrays(path: str) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file:
            stored = np.load(file)
            if isinstance(stored, np.lib.npyio.NpzFile):
                return dict(stored)
            raise FileError("this holds one array without a name, not one for each input", file=path)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror or error}", file=path) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(f"this holds no numpy arrays: {error}", file=path) from error


def _print(comparison: Comparison) -> None:
    head, *_, foot = str(comparison).splitlines()
    click.echo(f"{head}\n")
    rows = (row.cells() for row in comparison.rows)
    print_table(HEADERS, rows, numeric=NUMERIC, footer=f"\n{foot}")


def _finite(value: Any) -> Any:
    """Replace infinity and NaN, for which JSON has no word."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
