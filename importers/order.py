"""Which nodes something needs, in an order in which each comes after those that it reads."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable

from jaxdnn.errors import GraphError


def in_order(
    ends: Iterable[str], sources: Callable[[str], Iterable[str]], known: Container[str] = ()
) -> list[str]:
    """Return the nodes that the named nodes need, themselves included, each after those that it reads.

    Args:
        ends: names of nodes.
        sources: of a name, the names of the nodes that it reads. It may raise an error for an unknown name.
        known: names whose values are known; nothing behind them is needed.

    Raises:
        GraphError: nodes read each other in a circle.
    """
    ordered: list[str] = []
    done: set[str] = set()
    path: dict[str, None] = {}
    stack = [(name, False) for name in reversed(list(ends))]
    while stack:
        name, visited = stack.pop()
        if visited:
            path.pop(name)
            done.add(name)
            ordered.append(name)
            continue
        if name in done or name in known:
            continue
        if name in path:
            circle = [*path][[*path].index(name) :]
            raise GraphError(f"nodes read each other in a circle: {' -> '.join([*circle[::-1], circle[-1]])}")
        read = [*sources(name)]
        if not read:
            done.add(name)
            ordered.append(name)
            continue
        path[name] = None
        stack.append((name, True))
        stack += [(source, False) for source in read]
    return ordered
