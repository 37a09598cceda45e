"""What a script did with its arrays: a program without loops and branches.

`recording` writes it; `replay` runs it again, in torch and with other numbers. A value on it never
changes: an in-place operation is written as if it had made a new value.

The file is long because it holds all of one thing: the tape, its form on disk, and its variants,
such as one without cuts.
"""

import dataclasses
import json
import math
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .code import Code
from .operations import SAME_NUMBERS
from .pair import Pair
from .untrusted import read_regular

# Drop a preparation longer than LONG operations, but keep the last DATA of them before the first
# forward pass: the data.
LONG, DATA = 10_000, 1_000
# The largest files that a recording may have: the limits of `recording.limits`, with a margin.
MAX_JSON, MAX_VALUES = 200_000_000, 1_000_000_000
ENDS = ("ran", "exit", "crash", "time", "full")  # how a recording may end
# A literal up to this size, added or used as a lower bound, guards against a division by zero or
# log(0).
SMALL = 1e-4
INNER = {"maximum": "minimum", "minimum": "maximum"}  # one in the other is a clip
BOUNDS = ("a_min", "min"), ("a_max", "max")  # the names of the arguments of `clip`
AS_IN_JSON = (bool, int, str)  # arguments that are the same in JSON


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
    line: int = 0  # in the code, 0 if the operation came from another file
    site: Any = None  # the instruction in the script: (code, offset), or a number if loaded
    name: str = ""  # the variable that it was first assigned to
    shape: tuple[int, ...] = ()
    dtype: str = "f"  # the kind of its dtype
    value: np.ndarray | None = None  # a copy; None if large
    marks: int = 0  # one bit for each array from outside that it descends from; not saved
    # the lines of the calls that led to its line, the innermost first
    calls: tuple[int, ...] = ()
    inputs: tuple[int, ...] = field(init=False)  # the ids of all Refs in args and kwargs
    again: Any = field(init=False, default=None)  # a function that does it again, see `replay`

    def __post_init__(self) -> None:
        found: list[int] = []
        _add_refs(self.args, found)
        if self.kwargs:
            _add_refs(self.kwargs, found)
        self.inputs = tuple(found)


class Tape:
    """What a script did with its arrays."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.links: list[tuple[int, int]] = []  # (old, new): new = old + a change that needs old
        self.branches: list[tuple[int, bool]] = []  # a branch was taken because of this value
        self.aliases: list[tuple[int, str, int]] = []  # (id, a further name, the line of it)
        # (id, value, loss): autograd's derivative of a loss with respect to a value
        self.gradients: list[tuple[int, int, int]] = []
        # (old, new) of ``p = p - change`` that was made again and again from one value, and in vain
        self.lost_steps: list[tuple[int, int]] = []
        self.pairs: list[Pair] = []  # a forward function and its backward function each
        self.doubt: str | None = None  # why it may be wrong, though every update is right
        self.uncut = frozenset[int]()  # values that the script cut, and this tape does not
        # values whose change is a constant: their derivative is that of what they were before
        self.held = frozenset[int]()
        self.code = Code()

    def origin(
        self, id: int, through: Collection[str] = SAME_NUMBERS, until: Collection[int] = ()
    ) -> int:
        """The value that this one is a copy, a transpose, a reshape of.

        The walk back ends at the values of `until`.
        """
        while id not in until and self.nodes[id].op in through and self.nodes[id].inputs:
            id = self.nodes[id].inputs[0]
        return id

    def begins_a_sum(self, node: Node) -> bool:
        """Is it the 0 of ``sum(...)`` and a term, which a class of the script adds as ``x + 0``?"""
        zero = node.op == "add" and type(node.args[1]) is int and not node.args[1]
        called = zero and bool(node.calls)  # asked of every sum: the text is read of few
        return called and self.code.function_of(node.calls[0]) == "__radd__"

    def behind(
        self, ids: Iterable[int], among: Collection[int], until: Collection[int] = ()
    ) -> set[int]:
        """These values and those `among` others that they are computed from.

        The walk back ends at the values of `until`.
        """
        found, stack = set[int](), [*ids]
        while stack:
            id = stack.pop()
            if id in among and id not in found:
                found.add(id)
                stack += self.nodes[id].inputs if id not in until else ()
        return found

    def without_small_constants(self) -> "Tape | None":
        """The same program without its constants against a division by zero; None if it has none.

        ``p + 1e-9`` is p, ``clip(p, 1e-9, 1 - 1e-9)`` is cut at 0 and 1.
        """
        nodes = [*self.nodes]
        for n in self.nodes:
            if n.op in ("add", "subtract", "maximum", "clip"):
                args, kwargs = _without_small(n.args), _without_small(n.kwargs)
                same = n.op in ("add", "subtract") and args != n.args and args[1] == 0.0
                same = same and [self.nodes[i].dtype for i in n.inputs] == [n.dtype]
                op, args = ("copy", args[:1]) if same else (n.op, args)
                nodes[n.id] = dataclasses.replace(n, op=op, args=args, kwargs=kwargs)
        changed = any(a.args != b.args for a, b in zip(nodes, self.nodes, strict=True))
        return self.with_nodes(nodes) if changed else None

    def holding(self, updates: Collection[int]) -> "Tape":
        """The same program in which no derivative goes through what some updates add."""
        tape = self.with_nodes(self.nodes)
        tape.held = frozenset(updates)
        return tape

    def without_numbers(self, among: Collection[int]) -> "Tape":
        """The same program in which some sums add zero in place of a typed number."""
        nodes = [
            dataclasses.replace(n, args=tuple(a if isinstance(a, Ref) else 0.0 for a in n.args))
            if n.id in among
            else n
            for n in self.nodes
        ]
        return self.with_nodes(nodes)

    def without_cuts(self, among: Collection[int]) -> "Tape | None":
        """The same program without ``clip(x, -limit, limit)``; None if it has none.

        Args:
            among: the values that may be left uncut.

        """
        uncut = {n: x for n in among if (x := self._cut_value(self.nodes[n])) is not None}
        nodes = [*self.nodes]
        for n in self.nodes:  # what is wrong there is wrong already where it was made
            if n.id in uncut:
                x = uncut[n.id]
                nodes[n.id] = dataclasses.replace(
                    n, op="copy", args=(x,), kwargs={}, line=nodes[x.id].line
                )
            elif n.op == "array" and n.inputs and uncut.keys() >= {*n.inputs}:
                nodes[n.id] = dataclasses.replace(n, line=nodes[n.inputs[0]].line)
        tape = self.with_nodes(nodes)
        tape.uncut = frozenset(uncut)
        return tape if uncut else None

    def _cut_value(self, node: Node) -> Ref | None:
        """The x of ``clip(x, -limit, limit)`` or ``max(min(x, limit), -limit)``."""
        if _is_symmetric_cut(node):
            return node.args[0]  # type: ignore[no-any-return]
        outer = _bounded(node) if node.op in INNER else None
        within = self.nodes[outer[0].id] if outer else None
        inner = _bounded(within) if within and within.op == INNER[node.op] else None
        if outer is None or inner is None or outer[1] != -inner[1]:
            return None
        return inner[0] if (outer[1] < 0) == (node.op == "maximum") else None

    def adding_repeats(self, among: Collection[int]) -> "tuple[Tape, list[int]] | None":
        """The same program with ``add.at(x, index, change)`` for ``x[index] += change``.

        Args:
            among: the values that may be replaced. It is done where an index names an element
                twice, of which ``+=`` keeps one change only.

        Returns:
            The tape and what was replaced; None if nothing was.

        """
        nodes = [*self.nodes]
        for n in among:
            added = self._added_at(self.nodes[n])
            if added is not None:
                nodes[n] = dataclasses.replace(nodes[n], op=added[0], args=added[1], kwargs={})
        found = [n for n in among if nodes[n] is not self.nodes[n]]
        return (self.with_nodes(nodes), found) if found else None

    def _added_at(self, node: Node) -> tuple[str, tuple[Any, ...]] | None:
        """The operation that adds every change where an index has repeats; None if none has."""
        if node.op != "assign" or not isinstance(node.args[2], Ref):
            return None
        base, path, new = node.args
        total = self.nodes[self.origin(new.id)]
        if len(path) != 1 or path[0][0] != "getitem" or total.op not in ("add", "subtract"):
            return None
        (index,) = path[0][1]
        first, second = total.args[:2]
        for old, change in ((first, second), (second, first))[: 2 if total.op == "add" else 1]:
            was = self.nodes[old.id] if isinstance(old, Ref) else node
            if was.op == "getitem" and was.args == (base, index) and self._repeats(index):
                return f"{total.op}.at", (base, index, change)
        return None

    def _repeats(self, index: Any) -> bool:
        """Is an index, or a part of it, an array that has a number twice?"""
        values = [self.nodes[i].value for i in refs_in(index)]
        return len(values) == 1 and any(
            x is not None and x.dtype.kind in "iu" and np.unique(x).size < x.size for x in values
        )

    def with_nodes(self, nodes: list[Node]) -> "Tape":
        """The same tape with other operations."""
        tape = Tape()
        tape.nodes = nodes
        tape.links, tape.branches, tape.aliases = self.links, self.branches, self.aliases
        tape.gradients, tape.pairs = self.gradients, self.pairs
        tape.code, tape.doubt, tape.uncut = self.code, self.doubt, self.uncut
        tape.held, tape.lost_steps = self.held, self.lost_steps
        return tape

    def _begin(self) -> int:
        """The first value to keep: a little before the first forward pass.

        The forward pass begins with the oldest value that depends on what an update has replaced,
        and from which an update has been computed.
        """
        first = min((new for _, new in self.links), default=len(self.nodes))
        if first < LONG:
            return 0
        if not self.links:
            return first
        depends = {old for old, _ in self.links if old < first}
        states = depends.copy()
        below: dict[int, int] = {}  # x[1:] = ..., again and again -> x before the first of them
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
        """The values from `begin` on, and those before it that they use."""
        kept = set(range(begin, len(self.nodes)))
        stack = [i for n in self.nodes[begin:] for i in n.inputs]
        stack += [old for old, _ in self.links]
        while stack:
            id = stack.pop()
            if id not in kept:
                kept.add(id)
                stack += self.nodes[id].inputs if self.nodes[id].value is None else ()
        return kept

    def save(self, folder: Path, whole: bool = False, **outcome: Any) -> None:
        """Write ``tape.json`` and a file with the values, one after the other, into `folder`.

        A long preparation is left out unless `whole` is set: its results are written as if they
        came from outside.
        """
        rounds = (n for pair in self.pairs for r in pair.rounds for n in r.values())
        begin = 0 if whole else min((self._begin(), *rounds))
        kept = self._kept(begin)
        nodes, offset = list[tuple[Any, ...] | None](), 0
        sites: dict[Any, int] = {None: 0}
        calls: dict[tuple[int, ...], int] = {}
        values = folder / f"{time.monotonic_ns()}.bin"
        with values.open("wb") as blob:
            for n in self.nodes:
                if n is LEFT_OUT or n.id not in kept:
                    nodes.append(None)
                    continue
                stored = None
                if n.value is not None and n.value.dtype.kind in "fiub":
                    alike = n.value.size > 1 and not any(n.value.strides)  # one number for all
                    stored = n.value.dtype.str, n.value.shape, offset, alike
                    kept_of = n.value.flat[:1] if alike else np.ascontiguousarray(n.value)
                    offset += blob.write(kept_of.tobytes())
                made = n.op, _encode(n.args), _encode(n.kwargs)
                if n.id < begin and n.inputs and stored:
                    made = "leaf", None, _encode({})
                site = sites.setdefault(n.site, len(sites))
                by = calls.setdefault(n.calls, len(calls))
                nodes.append((*made, n.line, site, n.name, n.shape, n.dtype, stored, by))
        content = {
            "values": values.name,
            "nodes": nodes,
            "calls": [*calls],
            "links": self.links,
            "aliases": [entry for entry in self.aliases if entry[0] in kept],
            "branches": [entry for entry in self.branches if entry[0] in kept],
            "lost_steps": [entry for entry in self.lost_steps if kept.issuperset(entry)],
            "gradients": [entry for entry in self.gradients if kept.issuperset(entry)],
            "pairs": [pair.within(kept).to_json() for pair in self.pairs],
            "doubt": self.doubt,
            "code": (self.code.lines, self.code.places),
            "outcome": outcome,
        }
        beside = values.with_suffix(".json")
        beside.write_text(json.dumps(content, separators=(",", ":")))
        beside.replace(folder / "tape.json")

    @classmethod
    def load(cls, folder: Path) -> tuple["Tape", dict[str, Any]]:
        """The tape that `save` wrote, and the outcome beside it.

        The script's process wrote the files, so each part of them is checked.

        Raises:
            ValueError: they are not what `save` writes.
            OSError: they cannot be read.

        """
        raw = read_regular(folder / "tape.json", MAX_JSON)
        try:
            content = json.loads(raw)
            values = str(content["values"])
            if not re.fullmatch(r"\d+\.bin", values):
                raise ValueError(f"{values!r} is not a file of values")
            return cls._from(content, read_regular(folder / values, MAX_VALUES))
        except (
            *(ValueError, TypeError, KeyError, IndexError, AttributeError),
            *(OverflowError, RecursionError, MemoryError),
        ) as e:
            raise ValueError(f"what the script left is not a recording: {e}") from None

    @classmethod
    def _from(cls, content: dict[str, Any], blob: bytes) -> tuple["Tape", dict[str, Any]]:
        tape, calls = cls(), [tuple(map(_whole, lines)) for lines in content["calls"]]
        for entry in content["nodes"]:
            if entry is None:
                tape.nodes.append(LEFT_OUT)
                continue
            id = len(tape.nodes)
            op, args, kwargs, line, site, name, shape, dtype, stored, by = entry
            value = None
            if stored:
                kind, size, at, alike = stored
                count = math.prod(size)
                if at < 0 or min(size, default=0) < 0 or np.dtype(kind).kind not in "fiub":
                    raise ValueError(f"value {id} has no numbers")
                if count > MAX_VALUES:
                    raise ValueError(f"value {id} is too large")
                found = np.frombuffer(blob, kind, 1 if alike else count, at)
                value = np.broadcast_to(found, size) if alike else found.reshape(size)
            place = _whole(line), _whole(site)
            shape = tuple(map(_whole, shape))
            node = Node(
                *(id, _text(op), _decode(args), _decode(kwargs), *place, _text(name), shape),
                *(_text(dtype), value),
            )
            node.calls = calls[_whole(by)]
            if any(not 0 <= i < id for i in node.inputs) or not isinstance(node.kwargs, dict):
                raise ValueError(f"value {id} is computed from a value that is not there")
            tape.nodes.append(node)
        known = range(len(tape.nodes))
        tape.links = [(known[old], known[new]) for old, new in content["links"]]
        tape.branches = [(known[id], bool(answer)) for id, answer in content["branches"]]
        tape.aliases = [(known[id], _text(n), _whole(line)) for id, n, line in content["aliases"]]
        tape.lost_steps = [(known[old], known[new]) for old, new in content["lost_steps"]]
        tape.gradients = [
            (known[id], known[of], known[loss]) for id, of, loss in content["gradients"]
        ]
        tape.pairs = [Pair.of_json(found, len(tape.nodes)) for found in content["pairs"]]
        tape.doubt = _text(content["doubt"]) if content.get("doubt") else None
        lines, places = content["code"]
        tape.code = Code(
            list(map(_text, lines)),
            [
                (part if part is None or type(part) is int else _text(part), _whole(at))
                for part, at in places
            ],
        )
        outcome = content["outcome"]
        if outcome["end"] not in ENDS or not isinstance(outcome.get("left", False), bool):
            raise ValueError("it has no outcome")
        return tape, outcome


def _text(x: Any) -> str:
    if not isinstance(x, str):
        raise ValueError(f"{x!r:.40} is not a text")
    return x


def _whole(x: Any) -> int:
    if type(x) is not int or x < 0:
        raise ValueError(f"{x!r:.40} is not a number")
    return x


def squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape without its ones."""
    return tuple(n for n in shape if n != 1)


def refs_in(x: Any) -> tuple[int, ...]:
    """The ids of all values among nested arguments."""
    found: list[int] = []
    _add_refs(x, found)
    return tuple(found)


def _add_refs(x: Any, found: list[int]) -> None:
    """Append the ids of all values among nested arguments."""
    kind = type(x)
    if kind is Ref:
        found.append(x.id)
    elif kind is tuple or kind is list:
        for i in x:
            if type(i) is Ref:  # nearly all are
                found.append(i.id)
            elif type(i) in NESTED:
                _add_refs(i, found)
    elif kind is dict:
        for i in x.values():
            _add_refs(i, found)
    elif kind is slice:
        _add_refs((x.start, x.stop, x.step), found)


NESTED = {tuple, list, dict, slice}


def with_refs(x: Any, at: Mapping[int, int]) -> Any:
    """Nested arguments with other values in the place of some."""
    if type(x) is Ref:
        return Ref(at.get(x.id, x.id))
    if type(x) in (tuple, list):
        return type(x)(with_refs(i, at) for i in x)
    if type(x) is dict:
        return {name: with_refs(i, at) for name, i in x.items()}
    if type(x) is slice:
        return slice(*(with_refs(i, at) for i in (x.start, x.stop, x.step)))
    return x


LEFT_OUT = Node(-1, "left out")  # in the place of each value that the tape does not keep


def _is_symmetric_cut(node: Node) -> bool:
    """Is it ``clip(x, -limit, limit)``: the usual limit of a derivative?"""
    if node.op != "clip" or node.dtype != "f" or not isinstance(node.args[0], Ref):
        return False
    named = [node.kwargs[x] for names in BOUNDS for x in names if x in node.kwargs]
    bounds = [x for x in (*node.args[1:3], *named) if isinstance(x, int | float)]
    return len(bounds) == 2 and bounds[0] == -bounds[1] < 0


def _bounded(node: Node) -> tuple[Ref, float] | None:
    """The value and the number of ``max(x, number)``."""
    values = [x for x in node.args if isinstance(x, Ref)]
    bounds = [x for x in node.args if isinstance(x, int | float)]
    known = len(node.args) == 2 and len(values) == 1 == len(bounds) and node.dtype == "f"
    return (values[0], bounds[0]) if known else None


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
    if type(x) is Ref:  # nearly all of them are
        return {"ref": x.id}
    if isinstance(x, tuple):
        return {"tuple": [_encode(i) for i in x]}
    if isinstance(x, dict):
        return {"dict": {str(k): _encode(v) for k, v in x.items()}}
    if x is None or isinstance(x, AS_IN_JSON):
        return x
    if isinstance(x, float):
        return {"float": x.hex()}
    if isinstance(x, np.longdouble):  # its `item` is one, too
        return _encode(float(x))
    if isinstance(x, np.generic) and not isinstance(x, np.clongdouble):
        return _encode(x.item())
    if isinstance(x, slice):
        return {"slice": [_encode(i) for i in (x.start, x.stop, x.step)]}
    if x is Ellipsis:
        return {"dots": 1}
    if isinstance(x, list):
        return [_encode(i) for i in x]
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
