"""Does the same operation of many values at once: those that a loop of the script makes one by one.

A convolution in four loops is 100,000 operations on single numbers and small windows, and each of
them takes torch as long as one on a thousand numbers. Operations of one place of the script that do
not depend on each other become one on a stack of their operands, by `torch.vmap` of the same twin.
What `torch.vmap` cannot do is done one by one.
"""

import functools
import operator
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np
import torch

from .operations import ELEMENTWISE, PRODUCTS, SAME_NUMBERS, SUMS
from .tape import Node, Ref, Tape, refs_in
from .twins import FIRST_OF_EQUAL, TWINS, number, of_kind

Tensor = torch.Tensor
Values = MutableMapping[int, Tensor]
LEAST = 16  # operations that are worth a stack
LEAST_WRITES = 4  # each copies the whole array
BATCHED = {*ELEMENTWISE, *SUMS, *PRODUCTS, *SAME_NUMBERS} - FIRST_OF_EQUAL.keys()


class Batch:
    """Operations of one kind, whose operands are there at the same time.

    Args:
        nodes: the operations.

    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes, self.ids = nodes, [n.id for n in nodes]
        first = nodes[0]
        self.op = first.op
        # the operands of each, in a row for each argument; the weights may be the same for all
        self.columns: list[Any] = [
            [n.args[at].id for n in nodes]
            if isinstance(x, Ref) and any(n.args[at] != x for n in nodes)
            else x
            for at, x in enumerate(first.args)
        ]
        self.kind, self.kwargs = first.dtype, first.kwargs
        self.fails = False
        self.places: Tensor | None = None  # of the numbers that each `getitem` of one array takes

    def run(self, values: Values) -> Tensor | None:
        """The results in a stack; None if they have to be computed one by one."""
        if self.fails:
            return None
        try:
            return self._picked(values) if self.op == "getitem" else self._mapped(values)
        except KeyError:  # an operand could not be computed
            return None
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
            self.fails = True
            return None

    def _picked(self, values: Values) -> Tensor:
        """Parts of one array: each number by its place."""
        x = values[self.columns[0].id]
        if self.places is None:
            at = np.arange(x.numel()).reshape(tuple(x.shape))
            self.places = torch.from_numpy(np.stack([at[n.args[1]] for n in self.nodes]))
        return x.reshape(-1)[self.places]

    def _mapped(self, values: Values) -> Tensor:
        columns = [self._stacked(c, values) for c in self.columns]
        dims = tuple(0 if isinstance(c, list) else None for c in self.columns)
        twin = TWINS[self.op]

        def one(*args: Any) -> Tensor:
            return of_kind(twin(*args, **self.kwargs), self.kind)

        found: Tensor = torch.vmap(one, dims)(*columns)
        return found

    def _stacked(self, column: Any, values: Values) -> Any:
        if not isinstance(column, list):
            return values[column.id] if type(column) is Ref else column
        return torch.stack([values[n] for n in column])


class Writes:
    """Changes of parts of one array, one after the other, which nothing reads in between.

    Args:
        nodes: all set a part, or all add to one.
        put: what they set or add.
        parts: of these sums, beside what they add; none if they set.

    """

    def __init__(self, nodes: Sequence[Node], put: Sequence[int], parts: Sequence[int]) -> None:
        self.nodes, self.ids, self.put, self.adds = nodes, [nodes[-1].id], put, bool(parts)
        self.inner = [*(n.id for n in nodes[:-1]), *parts]  # what nothing else asks for
        self.op, self.kind, self.first = nodes[-1].op, nodes[-1].dtype, nodes[0].inputs[0]
        self.numbers = [i for n in nodes for i in refs_in(n.args[1])]  # in its indices
        self.places: Tensor | None = None

    def run(self, values: Values) -> Tensor | None:
        """The array after the last of them, in a stack of one; None if an operand is missing."""
        try:
            base, *put = [number(values[n]) for n in (self.first, *self.put)]
        except KeyError:
            return None
        if self.places is None or self.numbers:
            self.places = self._places(base, put, values)
        if self.adds:
            at = self.sizes
            row = torch.cat([x.expand(size).reshape(-1) for x, size in zip(put, at, strict=True)])
            found = base.reshape(-1).index_add(0, self.places, row).reshape(base.shape)
        else:
            found = torch.cat([x.reshape(-1) for x in (base, *put)])[self.places]
        return of_kind(found, self.kind).unsqueeze(0)

    def _places(self, base: Tensor, put: Sequence[Tensor], values: Values) -> Tensor:
        """Where the numbers go that are added; or, in a row of all, where each comes from."""
        at, end = np.arange(base.numel()).reshape(tuple(base.shape)), base.numel()
        paths = [[_numbers(index, values) for index in _path(node)] for node in self.nodes]
        if self.adds:
            parts = [functools.reduce(operator.getitem, path, at) for path in paths]
            self.sizes = [np.shape(part) for part in parts]
            return torch.from_numpy(np.concatenate([np.ravel(part) for part in parts]))
        for path, x in zip(paths, put, strict=True):
            part = functools.reduce(operator.getitem, path[:-1], at)
            part[path[-1]] = np.arange(end, end + x.numel()).reshape(tuple(x.shape))
            end += x.numel()
        return torch.from_numpy(at)


class Sums:
    """A running sum of which nothing else reads what it was in between.

    Args:
        nodes: each adds to the one before it.
        put: what they add.

    """

    numbers: Sequence[int] = ()

    def __init__(self, nodes: Sequence[Node], put: Sequence[int]) -> None:
        self.nodes, self.ids, self.put = nodes, [nodes[-1].id], put
        self.op, self.kind, self.shape = nodes[-1].op, nodes[-1].dtype, nodes[-1].shape
        self.first = next(i for i in nodes[0].inputs if i != put[0])
        self.inner = [n.id for n in nodes[:-1]]

    def run(self, values: Values) -> Tensor | None:
        """The whole sum, in a stack of one; None if an operand is missing."""
        try:
            parts = [number(values[n]).expand(self.shape) for n in (self.first, *self.put)]
        except KeyError:
            return None
        return of_kind(torch.stack(parts).sum(0), self.kind).unsqueeze(0)


def _sums(tape: Tape, nodes: Sequence[Node], wanted: Collection[int]) -> list[Sums]:
    """The running sums of a loop."""
    users = Counter(i for n in nodes for i in dict.fromkeys(n.inputs))
    found: dict[int, tuple[list[Node], list[int]]] = {}
    for node in nodes:
        refs = len(node.inputs) == len(node.args or ()) == 2 and not node.kwargs
        if node.op != "add" or not refs or node.id in tape.held or node.dtype != "f":
            continue
        for base, put in (node.inputs, node.inputs[::-1]):
            before = tape.nodes[base]
            if (before.op, before.site, before.shape) != ("add", node.site, node.shape):
                continue
            if base == put or users[base] > 1 or base in wanted or base not in found:
                continue
            chain, added = found.pop(base)
            chain.append(node)
            added.append(put)
            found[node.id] = chain, added
            break
        else:
            found[node.id] = [node], [max(node.inputs)]
    return [Sums(*chain) for chain in found.values() if len(chain[0]) >= LEAST]


def writes(tape: Tape, nodes: Sequence[Node], wanted: Collection[int]) -> list[Writes]:
    """The loops that change one array part by part; one that reads it in between is none."""
    users = Counter(i for n in nodes for i in dict.fromkeys(n.inputs))
    there = {n.id for n in nodes}
    found: dict[int, tuple[list[Node], list[int], list[int]]] = {}
    for node in nodes:
        if node.id in tape.held or not _is_write(tape, node):
            continue
        base, new = node.inputs[0], node.args[2].id
        added = _added(tape, node, users) if new in there else None
        if added is None or not added[1].isdisjoint(wanted):
            added = new, set()
        chain = found.get(base)
        goes_on = (
            chain is not None
            and bool(chain[2]) == bool(added[1])
            and users[base] == (2 if added[1] else 1)
            and base not in wanted
        )
        chain = found.pop(base) if chain is not None and goes_on else ([], [], [])
        chain[0].append(node)
        chain[1].append(added[0])
        chain[2].extend(added[1])
        found[node.id] = chain
    return [Writes(*chain) for chain in found.values() if len(chain[0]) >= LEAST_WRITES]


def _is_write(tape: Tape, node: Node) -> bool:
    """Is it ``x[index] = value`` with an index of single numbers and slices?"""
    if node.op != "assign" or not (type(node.args[0]) is type(node.args[2]) is Ref):
        return False
    return all(
        op == "getitem" and not kwargs and len(args) == 1 and _is_single(tape, args[0])
        for op, args, kwargs in node.args[1]
    )


def _path(write: Node) -> list[Any]:
    """The indices of ``x[i][j] = value``."""
    return [args[0] for _, args, _ in write.args[1]]


def _parts(index: Any) -> tuple[Any, ...]:
    return index if type(index) is tuple else (index,)  # a Ref is a tuple, too


def _numbers(index: Any, values: Values) -> tuple[Any, ...]:
    return tuple(int(values[p.id]) if type(p) is Ref else p for p in _parts(index))


def _added(tape: Tape, node: Node, users: Mapping[int, int]) -> tuple[int, set[int]] | None:
    """What ``x[index] += value`` adds, and its sum and parts, if nothing else uses these."""
    total = tape.nodes[node.args[2].id]
    if total.op != "add" or users[total.id] > 1 or len(total.inputs) != 2:
        return None
    for old, value in (total.inputs, total.inputs[::-1]):
        part, path, inner = tape.nodes[old], list[Any](), {total.id}
        while part.op == "getitem" and users[part.id] == 1 and Ref(part.id) != node.args[0]:
            path.insert(0, part.args[1])
            inner.add(part.id)
            part = tape.nodes[part.inputs[0]]
        if path and Ref(part.id) == node.args[0]:
            same = repr(path) == repr(_path(node)) and tape.nodes[old].shape == total.shape
            return (value, inner) if same and old != value else None
    return None


Step = Node | Batch | Writes | Sums


def ids_of(step: Step) -> Sequence[int]:
    """The values that there are after a step."""
    return (step.id,) if isinstance(step, Node) else step.ids


def inputs_of(step: Step) -> set[int]:
    """The values that its operations read."""
    return {i for node in ((step,) if isinstance(step, Node) else step.nodes) for i in node.inputs}


def batched(
    tape: Tape, nodes: Sequence[Node], wanted: Collection[int], sums: bool = False
) -> list[Step]:
    """The operations in an order in which they can be done, with batches of those alike.

    Args:
        tape: that they are on.
        nodes: the operations, in its order.
        wanted: the values that must be there in the end.
        sums: is what a running sum is in between not asked for?

    """
    changed: dict[int, Writes | Sums] = {w.ids[0]: w for w in writes(tape, nodes, wanted)}
    inside = set[int]()
    if sums:
        changed |= {w.ids[0]: w for w in _sums(tape, nodes, wanted)}
    for w in changed.values():
        inside.update(w.inner)
    depth: dict[int, int] = {}  # how many of these operations lead to one, at most
    levels: dict[int, dict[Hashable, list[Node]]] = {}
    for node in nodes:
        if node.id in inside:
            continue
        whole = changed.get(node.id)
        below = (whole.first, *whole.put, *whole.numbers) if whole else node.inputs
        level = depth[node.id] = 1 + max((depth.get(i, 0) for i in below), default=0)
        levels.setdefault(level, {}).setdefault(_kind(tape, node), []).append(node)
    found: list[Step] = []
    for level in sorted(levels):
        for alike in levels[level].values():
            some = [Batch(alike)] if len(alike) >= LEAST else alike
            found += [changed.get(n.id, n) if isinstance(n, Node) else n for n in some]
    return found


def _kind(tape: Tape, node: Node) -> Hashable:
    """Equal for operations that may be done at once; the id where none may."""
    op, args = node.op, node.args
    if op == "getitem" and type(args[0]) is Ref and _is_typed(args[1]):
        return (op, args[0], node.shape)
    if op not in BATCHED or node.id in tape.held:
        return node.id
    operands = tuple(
        (tape.nodes[x.id].shape, tape.nodes[x.id].dtype) if type(x) is Ref else (type(x), x)
        for x in (*args, *node.kwargs.items())
    )
    options = *node.kwargs.values(), *(x for x in args if type(x) is not Ref)
    if not all(map(_is_option, options)):
        return node.id
    return (op, node.site, node.shape, node.dtype, operands)


def _is_option(x: Any) -> bool:
    """Is it typed, and so the same for all operations of a batch?"""
    some = x if type(x) is tuple else (x,)
    return all(type(i) in (int, float, bool, type(None)) for i in some)


def _is_typed(index: Any) -> bool:
    """Is an index made of whole numbers and slices that are typed, without any array?"""
    types = (int, slice, type(Ellipsis))
    return not refs_in(index) and all(type(p) in types for p in _parts(index))


def _is_single(tape: Tape, index: Any) -> bool:
    """Is an index typed, but for single whole numbers that the script computes?"""
    return all(
        tape.nodes[p.id].dtype == "i" and not tape.nodes[p.id].shape
        if type(p) is Ref
        else _is_typed(p)
        for p in _parts(index)
    )
