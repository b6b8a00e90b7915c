"""Walking hierarchies somebody else wrote: long chains, many ways up, cycles."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def groups(parents: Mapping[N, Iterable[N]]) -> Iterator[list[N]]:
    """Yield the nodes, each after those above it; those on cycles with one another as one group.

    Strongly connected components by Gabow's path-based algorithm, without recursion; parents that are no
    nodes are passed over.
    """
    reached: dict[N, int] = {}
    yielded: set[N] = set()
    for start in parents:
        if start in reached:
            continue
        reached[start] = len(reached)
        path, waiting, firsts = [(start, iter(parents[start]))], [start], [start]
        while path:
            node, left = path[-1]
            for up in left:
                if up not in parents or up in yielded:
                    continue
                if up not in reached:
                    reached[up] = len(reached)
                    path.append((up, iter(parents[up])))
                    waiting.append(up)
                    firsts.append(up)
                    break
                while reached[firsts[-1]] > reached[up]:
                    firsts.pop()
            else:
                path.pop()
                if firsts[-1] == node:
                    firsts.pop()
                    at = next(at for at in reversed(range(len(waiting))) if waiting[at] == node)
                    group, waiting[at:] = waiting[at:], []
                    yielded.update(group)
                    yield group


def cyclic(parents: Mapping[N, Iterable[N]]) -> set[N]:
    """Return the nodes that are above themselves."""
    return {
        node for group in groups(parents) for node in group if len(group) > 1 or node in set(parents[node])
    }
