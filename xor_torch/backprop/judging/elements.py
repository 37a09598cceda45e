"""Reads of single elements, as reads of what was written there.

A loop fills an array number by number and reads it in the same way: ``y[j] = f(z[j])``. On the tape
every write makes a new array, so each element seems to depend on all that were written before it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from ..tape import Node, Ref, Tape

Index = tuple[int, ...]


@dataclass
class Filled:
    """An array that is written to, one element after the other."""

    begin: int  # the value before the first write
    last: int
    # element -> (array after the write, what was written)
    writes: dict[Index, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))


def followed(tape: Tape, states: Collection[int]) -> Tape:
    """The same program in which an element is read from where it was written.

    Args:
        tape: as recorded.
        states: arrays that are always read as a whole: parameters before and after a step.

    """
    nodes, arrays = [*tape.nodes], dict[int, Filled]()
    for node in tape.nodes:
        if node.op == "assign" and node.id not in states:
            _write(tape, node, arrays)
        elif node.op == "getitem" and not node.shape:
            source = _source(tape, node, arrays)
            if source is not None:
                nodes[node.id] = replace(node, op=source[0], args=source[1])
    read = {n for n, _ in tape.branches}.union(states, *(n.inputs for n in nodes))
    for node in tape.nodes:  # ``x[i]`` of ``x[i][j]`` is not read any more: it keeps no array apart
        if node.op == "getitem" and node.shape and node.id not in read and node.inputs[0] in arrays:
            first = Ref(arrays[node.inputs[0]].begin)
            nodes[node.id] = replace(node, args=(first, node.args[1]), value=None)
    return tape.with_nodes(nodes)


def _write(tape: Tape, node: Node, arrays: dict[int, Filled]) -> None:
    base, path, new = node.args
    if any(op != "getitem" for op, _, _ in path) or not isinstance(new, Ref):
        return
    at = _index([args[0] for _, args, _ in path], node.shape)
    value = tape.nodes[new.id]
    if at is None or value.shape:
        return
    known = arrays.get(base.id)
    if known is None or known.last != base.id:
        known = Filled(base.id, base.id)
    known.writes[at].append((node.id, new.id))
    known.last = node.id
    arrays[node.id] = known


def _source(tape: Tape, node: Node, arrays: dict[int, Filled]) -> tuple[str, Any] | None:
    """The operation that reads an element from where it was written; None: that is `node`."""
    path, base = list[Any](), node
    while base.op == "getitem" and len(base.inputs) == 1:
        path.insert(0, base.args[1])
        base = tape.nodes[base.inputs[0]]
    at, begin = _index(path, base.shape), base.id
    while at is not None and base.id in arrays:
        known = arrays[base.id]
        writes = known.writes.get(at, [])
        before = bisect_right(writes, base.id, key=lambda write: write[0])
        if before:
            new = tape.nodes[writes[before - 1][1]]
            same = new.dtype == node.dtype
            return ("copy", (Ref(new.id),)) if same else ("astype", (Ref(new.id), node.dtype))
        base = tape.nodes[known.begin]
    return ("getitem", (Ref(base.id), at)) if base.id != begin else None


def _index(path: list[Any], shape: tuple[int, ...]) -> Index | None:
    """The numbers that name one element; None if they name more, or if the script computes one."""
    numbers = [i for part in path for i in (part if type(part) is tuple else (part,))]
    if len(numbers) != len(shape) or any(type(i) is not int for i in numbers):
        return None
    return tuple(i % n for i, n in zip(numbers, shape, strict=True))
