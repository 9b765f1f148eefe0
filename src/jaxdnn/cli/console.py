"""What both commands print with: tables as wide as their reader, and a sign of life."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

_PATIENCE = 1.0
"""Seconds until a sign of life appears."""

_UNLIMITED = 10_000
"""Columns of a file or pipe, which never wraps lines."""


def print_table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Sequence[str] = (),
    footer: str = "",
) -> None:
    """Print a table on stdout. A terminal's width folds long cells; nothing is cut off.

    Args:
        headers: the columns.
        rows: cells, one per column.
        numeric: the columns whose cells stand flush right and are not folded.
        footer: a line below the table.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for header in headers:
        right = header in numeric
        table.add_column(header, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(
        width=None if sys.stdout.isatty() else _UNLIMITED, markup=False, highlight=False, emoji=False
    )
    console.print(table)
    if footer:
        click.echo(footer)


def print_json(value: Any) -> None:
    """Print a value as one line of JSON on stdout."""
    click.echo(json.dumps(value, allow_nan=False))


@contextmanager
def status(message: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a spinner on stderr while the block runs, if that takes longer than a second.

    Args:
        message: what is going on.
        quiet: whether to show nothing; where stderr is no terminal, the spinner is not shown anyway.

    Yields:
        a function that prints a line on stderr, above the spinner.
    """
    console = Console(stderr=True, quiet=quiet)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)

    if quiet or not console.is_terminal:
        yield say
        return
    spinner = console.status(message)
    timer = threading.Timer(_PATIENCE, spinner.start)
    timer.start()
    try:
        yield say
    finally:
        timer.cancel()
        timer.join()  # it may be starting the spinner just now
        spinner.stop()
