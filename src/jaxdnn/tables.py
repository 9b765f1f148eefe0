"""Tables and quantities as plain text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numeric: Collection[str] = (),
) -> list[str]:
    """Return the lines of a table: the headers, a rule, the rows, and a rule.

    Args:
        headers: the columns.
        rows: cells, one per column.
        numeric: the columns whose cells stand flush right.
    """
    cells = [headers, *rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if header in numeric else cell.ljust(width)
            for header, cell, width in zip(headers, row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return [lines[0], rule, *lines[1:], rule]


def quantity(number: int, unit: str = "") -> str:
    """Return a number with three significant digits and a decimal prefix: ``1.58 GFLOPs``, ``602 kB``."""
    value, prefixes = float(number), " kMGTPE"
    index = 0
    while value >= 999.5 and index < len(prefixes) - 1:
        value, index = value / 1000, index + 1
    digits = f"{value:.0f}" if index == 0 or value >= 99.95 else f"{value:.3g}"
    return f"{digits} {prefixes[index].strip()}{unit}".strip()
