"""What a script did with its arrays: a program without loops and branches, as `record` writes it.

Whoever reads a tape can run it again, in torch and at other numbers (`replay`). A value on it
never changes: an in-place operation stands there as if it had made a new value.
"""

import dataclasses
import json
import math
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .operations import SAME_NUMBERS
from .recording.source import Code

# What came before the first update is worth leaving out if it is so much; of what came right before
# the first forward pass, the data, so much stays.
LONG, DATA = 10_000, 1_000


# A typed number that is no larger, added to a value or the least that it may be, is there against
# a division by zero or its logarithm.
SMALL = 1e-4


class Ref(NamedTuple):
    """A value of the tape, as an argument of a later operation."""

    id: int


class Unknown(str):
    """An argument that the tape could not keep: the operation cannot be run again."""


@dataclass(slots=True, eq=False)
class Node:
    """One operation of the tape, or a value from outside (`op` "leaf")."""

    id: int
    op: str  # NumPy's name of it: "add", "sum", "getitem", "assign", ...
    args: Any = ()  # may hold Refs, also inside tuples and lists
    kwargs: dict[str, Any] = field(default_factory=dict)
    line: int = 0  # of the code, 0 if elsewhere
    site: Any = None  # (code, position in it), the place, loops included; a number if loaded
    name: str = ""  # the variable that it was first assigned to
    shape: tuple[int, ...] = ()
    dtype: str = "f"  # its kind
    value: np.ndarray | None = None  # a copy, None if large
    bits: int = 0  # the random or constant arrays that it descends from, one bit each
    inputs: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.inputs = tuple(_refs((self.args, self.kwargs)))


class Tape:
    """What a script did with its arrays."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.links: list[tuple[int, int]] = []  # (old, new): new = old + a change that needs old
        self.guards: list[tuple[int, bool]] = []  # a branch was taken because of this value
        self.aliases: list[tuple[int, str, int]] = []  # (id, a further name, the line of it)
        self.code = Code()

    def origin(self, id: int, through: Collection[str] = SAME_NUMBERS) -> int:
        """The value that this one is a copy, a transpose, a reshape of."""
        while self.nodes[id].op in through and self.nodes[id].inputs:
            id = self.nodes[id].inputs[0]
        return id

    def behind(self, ids: Iterable[int], inside: Collection[int]) -> set[int]:
        """These values and all that they are computed from, as far as they are `inside`."""
        found, stack = set[int](), [*ids]
        while stack:
            id = stack.pop()
            if id in inside and id not in found:
                found.add(id)
                stack += self.nodes[id].inputs
        return found

    def without_small_constants(self) -> "Tape | None":
        """The same program without its constants against a division by zero; None if it has none.

        ``p + 1e-9`` is p, ``clip(p, 1e-9, 1 - 1e-9)`` is cut at 0 and 1.
        """
        tape = Tape()
        tape.nodes = [
            dataclasses.replace(n, args=_without_small(n.args), kwargs=_without_small(n.kwargs))
            if n.op in ("add", "subtract", "maximum", "clip")
            else n
            for n in self.nodes
        ]
        tape.links, tape.guards, tape.aliases = self.links, self.guards, self.aliases
        tape.code = self.code
        changed = any(a.args != b.args for a, b in zip(tape.nodes, self.nodes, strict=True))
        return tape if changed else None

    def _begin(self) -> int:
        """The first value that matters: what came before the first forward pass need not be kept.

        That is the oldest that depends on what an update has replaced, and that an update has been
        computed from.
        """
        first = min((new for _, new in self.links), default=len(self.nodes))
        if first < LONG:
            return 0
        if not self.links:
            return first
        depends = {old for old, _ in self.links if old < first}
        states = depends.copy()
        below: dict[int, int] = {}  # x[1:] = ..., again: what both have left of x
        for node in self.nodes[min(depends) :]:
            if any(i in depends for i in node.inputs):
                depends.add(node.id)
            if node.op == "assign" and len(node.inputs) == 2:
                base = self.nodes[node.inputs[0]]
                again = base.id in below and base.args[1] == node.args[1]
                below[node.id] = below[base.id] if again else base.id
        found, stack = set[int](), [new for _, new in self.links]
        while stack:
            id = stack.pop()
            if id in depends and id not in found:
                found.add(id)
                inputs = self.nodes[id].inputs
                stack += (below[id], *inputs[1:]) if id in below else inputs
        return max(0, min(found - states) - DATA)

    def _kept(self, begin: int) -> set[int]:
        """The values from `begin` on and, where they are used, those before it."""
        kept = set(range(begin, len(self.nodes)))
        stack = [i for n in self.nodes[begin:] for i in n.inputs]
        stack += [old for old, _ in self.links]
        while stack:
            id = stack.pop()
            if id not in kept:
                kept.add(id)
                stack += self.nodes[id].inputs if self.nodes[id].value is None else ()
        return kept

    def save(self, folder: Path, **outcome: Any) -> None:
        """Write ``tape.json`` and a file of the values, end to end, into `folder`, or neither.

        A long preparation is left out: what came of it is written as if it came from outside.
        """
        begin = self._begin()
        kept = self._kept(begin)
        nodes, offset = list[tuple[Any, ...] | None](), 0
        sites: dict[Any, int] = {None: 0}
        values = folder / f"{time.monotonic_ns()}.bin"
        with values.open("wb") as blob:
            for n in self.nodes:
                if n.id not in kept:
                    nodes.append(None)
                    continue
                stored = None
                if n.value is not None and n.value.dtype.kind in "fiub":
                    stored = n.value.dtype.str, n.value.shape, offset
                    offset += blob.write(np.ascontiguousarray(n.value).tobytes())
                made = n.op, _encode(n.args), _encode(n.kwargs)
                if n.id < begin and n.inputs and stored:
                    made = "leaf", None, _encode({})
                site = sites.setdefault(n.site, len(sites))
                nodes.append((*made, n.line, site, n.name, n.shape, n.dtype, stored))
        content = {
            "values": values.name,
            "nodes": nodes,
            "links": self.links,
            "aliases": [entry for entry in self.aliases if entry[0] in kept],
            "guards": [entry for entry in self.guards if entry[0] in kept],
            "code": dataclasses.astuple(self.code),
            "outcome": outcome,
        }
        beside = values.with_suffix(".json")
        beside.write_text(json.dumps(content))
        beside.replace(folder / "tape.json")

    @classmethod
    def load(cls, folder: Path) -> tuple["Tape", dict[str, Any]]:
        """The tape that `save` wrote, and the outcome beside it."""
        content = json.loads((folder / "tape.json").read_text())
        blob = (folder / content["values"]).read_bytes()
        tape, left_out = cls(), Node(-1, "left out")
        for entry in content["nodes"]:
            if entry is None:
                tape.nodes.append(left_out)
                continue
            op, args, kwargs, *rest, shape, dtype, stored = entry
            value = None
            if stored:
                kind, size, at = stored
                value = np.frombuffer(blob, kind, math.prod(size), at).reshape(size)
            more = _decode(args), _decode(kwargs), *rest, tuple(shape), dtype, value
            tape.nodes.append(Node(len(tape.nodes), op, *more))
        for name in ("links", "aliases", "guards"):
            setattr(tape, name, [tuple(entry) for entry in content[name]])
        lines, places = content["code"]
        tape.code = Code(lines, [(part, at) for part, at in places])
        return tape, content["outcome"]


def squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape without its ones."""
    return tuple(n for n in shape if n != 1)


def _refs(x: Any) -> Iterator[int]:
    """The ids of all values among nested arguments."""
    if isinstance(x, Ref):
        yield x.id
    elif isinstance(x, slice):
        yield from _refs((x.start, x.stop, x.step))
    elif isinstance(x, tuple | list | dict):
        for i in x.values() if isinstance(x, dict) else x:
            yield from _refs(i)


def _without_small(x: Any) -> Any:
    if isinstance(x, float) and (0 < abs(x) <= SMALL or 1 - SMALL <= x < 1):
        return float(round(x))
    if type(x) is tuple:
        return tuple(map(_without_small, x))
    if isinstance(x, dict):
        return {k: _without_small(v) for k, v in x.items()}
    return x


def _encode(x: Any) -> Any:
    """An argument as JSON; what has no faithful form becomes ``{"?": its type}``."""
    if isinstance(x, Ref):
        return {"ref": x.id}
    if x is None or isinstance(x, bool | int | str):
        return x
    if isinstance(x, float):
        return {"float": x.hex()}
    if isinstance(x, np.generic):
        return _encode(x.item())
    if isinstance(x, slice):
        return {"slice": [_encode(i) for i in (x.start, x.stop, x.step)]}
    if x is Ellipsis:
        return {"dots": 1}
    if isinstance(x, tuple):
        return {"tuple": [_encode(i) for i in x]}
    if isinstance(x, list):
        return [_encode(i) for i in x]
    if isinstance(x, dict):
        return {"dict": {str(k): _encode(v) for k, v in x.items()}}
    if isinstance(x, np.dtype | type):
        try:
            return {"dtype": np.dtype(x).str}
        except TypeError:
            pass
    return {"?": type(x).__name__}


def _decode(x: Any) -> Any:
    if isinstance(x, list):
        return [_decode(i) for i in x]
    if not isinstance(x, dict):
        return x
    ((kind, v),) = x.items()
    if kind == "ref":
        return Ref(v)
    if kind == "float":
        return float.fromhex(v)
    if kind == "slice":
        return slice(*map(_decode, v))
    if kind == "dots":
        return Ellipsis
    if kind == "tuple":
        return tuple(map(_decode, v))
    if kind == "dict":
        return {k: _decode(i) for k, i in v.items()}
    if kind == "dtype":
        return np.dtype(v)
    return Unknown(v)
