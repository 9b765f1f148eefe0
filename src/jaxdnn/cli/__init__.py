"""The command line, ``jaxdnn``: one module for each of its commands."""

from __future__ import annotations

import warnings
from typing import Any

import click

import jaxdnn
from jaxdnn.cli import compare, compile, convert, export, inspect, optimize, run, text_graph
from jaxdnn.errors import JaxdnnError, JaxdnnWarning


class _Group(click.Group):
    """Commands that report a :class:`JaxdnnError` as one message, without a traceback, and status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; warnings become lines on stderr."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", JaxdnnWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except JaxdnnError as error:
                raise _Failure(str(error)) from None


class _Failure(click.ClickException):
    """An error whose message click prints."""

    exit_code = 2


def _show_warning(message: Warning | str, *place: Any, **options: Any) -> None:
    del place, options
    click.echo(f"Warning: {message}", err=True)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(jaxdnn.__version__, prog_name="jaxdnn", message="%(prog)s %(version)s")
def main() -> None:
    """Look into trained networks, run them on pictures, and export them."""


main.add_command(compare.compare)
main.add_command(compile.compile_command)
main.add_command(convert.convert)
main.add_command(export.export)
main.add_command(inspect.inspect)
main.add_command(optimize.optimize)
main.add_command(run.run)
main.add_command(text_graph.text_graph_command)
