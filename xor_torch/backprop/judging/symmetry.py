"""Is a step the gradient of anything? The derivative of a gradient, a Hessian, is symmetric.

No loss has to be known for this question. If the steps descend any function, with a learning rate
for each parameter, the derivative of the step of one parameter by another is a multiple of the
transpose of the derivative of the other's step by the one. Random vectors on both sides ask about
all elements at once.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch

from ..operations import COMPARISONS, CUTS, PARTS
from ..tape import Node
from .objectives import derivatives_of, last_used
from .points import PUT_TOGETHER, Bench, Point, View

Tensor = torch.Tensor
SUMS_OF_TWO = {"add", "subtract"}
SYMMETRIC = 1e-5  # relative
ROUNDING = 1e-9
DRAWS = 3
MOST_POINTS = 4


@dataclass
class Products:
    """``u . (d step_i / d theta_j) v`` and ``v . (d step_j / d theta_i) u``, at one step."""

    here: list[float]
    there: list[float]
    # what a product of vectors in a random direction would be: for the rounding
    sizes: list[tuple[float, float]]

    def contradict(self, own: bool, top: float) -> bool:
        """Is `here` not a multiple of `there`? For a parameter with itself the factor must be 1.

        Numbers that are tiny beside the largest of all, ``top``, are rounding.
        """
        if max(map(max, self.sizes)) < ROUNDING * top:
            return False
        if own:
            factor = 1.0
        elif any(0.0 in size for size in self.sizes):
            return False  # one of them does not follow the other at all: it may be held on purpose
        else:
            above = sum(a * b for a, b in zip(self.here, self.there, strict=True))
            factor = above / sum(b * b for b in self.there)
        return any(
            abs(a - factor * b) > SYMMETRIC * (size + abs(factor) * other)
            for a, b, (size, other) in zip(self.here, self.there, self.sizes, strict=True)
        )

    def beside(self, other: "Products") -> "Products":
        """Those of both."""
        return Products(self.here + other.here, self.there + other.there, self.sizes + other.sizes)


def no_gradient(bench: Bench) -> list[int]:
    """The parameters whose steps, beside those of the others, are the gradient of no function.

    The list is empty if there may be one. The steps that use a parameter that they have changed
    already, and points at which something is cut off, are not asked.
    """
    if any(reads_the_new(view) or _looks_ahead(view) for view in map(bench.view, bench.chosen)):
        return []
    points = [p for p in bench.points if p.moved and cuts(bench, p) is None][:MOST_POINTS]
    contradictions = Counter[tuple[int, int]]()
    of_step: dict[tuple[int, int, int], tuple[Products, float]] = {}
    for p in points:
        bench.clock.check()
        products = _products(bench, p)
        top = max(max(map(max, one.sizes)) for one in products.values())
        for (i, j), one in products.items():
            contradictions[i, j] += one.contradict(i == j, top)
            if p.leaves[i].numel() == p.leaves[j].numel() == 1 and i != j:
                known, highest = of_step.get((p.step, i, j), (Products([], [], []), 0.0))
                of_step[p.step, i, j] = known.beside(one), max(top, highest)
    # of two numbers, one is a multiple of the other: of the same at all points of a step
    for (_, i, j), (one, top) in of_step.items():
        contradictions[i, j] += one.contradict(False, top)
    found = {pair for pair, times in contradictions.items() if times >= 2}
    blamed = sorted({i for i, j in found if i == j})
    left = {pair for pair in found if not {*pair} & {*blamed}}
    while left:
        often = [i for pair in left for i in pair]
        blamed.append(max(often, key=lambda i: (often.count(i), -i)))
        left = {pair for pair in left if blamed[-1] not in pair}
    return sorted(blamed)


def has_target(bench: Bench) -> bool:
    """Is an update made of an error: a value minus data that the forward pass does not read?

    A typed number is data if it is another in another step; or a fraction, ``p - 0.9``, if several
    parameters all move by it, unlike the states of a simulation. An autograd engine may add the
    negative instead: one place then adds several numbers.
    """
    view, nodes = bench.view(bench.chosen[0]), bench.tape.nodes
    output, typed, added = last_used(view), _typed(bench), dict[object, set[float]]()
    for n in view.step.nodes:
        node = nodes[n]
        inside = [i for i in node.inputs if i in view.inside]
        data = [i for i in node.inputs if i not in view.inside]
        if node.op not in SUMS_OF_TWO or not view.reaches[n] or view.starts & {*inside}:
            continue
        if len(inside) == len(data) == 1:
            read = {i for m in view.behind(inside) for i in nodes[m].inputs}
            target = data[0]  # it may be made of what is read, but be no part of it: ``y = sin(x)``
            while target not in read and nodes[target].op in PARTS and nodes[target].inputs:
                target = nodes[target].inputs[0]
            value = nodes[target].value
            if node.op == "add" and value is not None and value.size == 1 and value.any():
                added.setdefault(node.site, set()).add(float(value.item()))
            minus = node.op == "subtract" or _is_negative(nodes[data[0]])
            if target not in read and (minus or len(added.get(node.site, ())) > 1):
                return True
        answer = len(inside) == 1 and not data and view.depends[inside[0]] >> output & 1
        numbers = typed.get(node.site, set())
        in_all = view.reaches[n] == view.full > 1
        if answer and (len(numbers) > 1 or (in_all and any(x % 1 for x in numbers))):
            return True
    return False


def _is_negative(node: Node) -> bool:
    return node.op == "negative" or (node.op == "multiply" and -1 in node.args)


def sampled(bench: Bench) -> str | None:
    """What to say of a step that draws samples: it compares what it computes with new numbers.

    Its estimate need not be a gradient, and a sample has no derivative.
    """
    for k in bench.chosen:
        view, nodes = bench.view(k), bench.tape.nodes
        for n in view.step.nodes:
            if nodes[n].op not in COMPARISONS or not view.reaches[n] or n in view.starts:
                continue
            made = [i for i in nodes[n].inputs if view.depends.get(i)]
            given = [nodes[i] for i in nodes[n].inputs if i > max(view.starts) and i not in made]
            drawn = [x.value for x in given if (x.op, x.dtype) == ("leaf", "f")]  # or zeros
            varied = (x for x in drawn if x is not None and (x.size == 1 or len(np.unique(x)) > 1))
            if made and any(np.any(x % 1) for x in varied):
                return (
                    f"{bench.where(n)} draws samples from what the network computes: steps that "
                    "are made of samples, as in contrastive divergence, need not be the gradient "
                    "of any function"
                )
    return None


def _typed(bench: Bench) -> dict[object, set[float]]:
    """The typed numbers that are subtracted, or subtracted from, at each place of the script."""
    found: dict[object, set[float]] = {}
    for step in bench.steps:
        for node in (bench.tape.nodes[n] for n in step.nodes):
            if node.op == "subtract":
                numbers = [float(a) for a in node.args if isinstance(a, int | float)]
                found.setdefault(node.site, set()).update(numbers)
    return found


def symmetric(delta: Tensor, value: Tensor) -> bool | None:
    """Is the derivative of a delta by its value symmetric? None if it cannot be asked."""
    if delta.numel() != value.numel() or not (delta.requires_grad and value.requires_grad):
        return None
    draw = torch.Generator().manual_seed(0)
    for _ in range(DRAWS):
        u, v = (torch.randn(value.shape, generator=draw, dtype=torch.float64) for _ in range(2))
        a, b = (_times(delta, w.reshape(delta.shape), [value])[0] for w in (u, v))
        size = float(a.norm() + b.norm())
        if abs(float((a * v).sum() - (b * u).sum())) > SYMMETRIC * size:
            return False
    return True


def reads_the_new(view: View) -> list[int]:
    """What the step computes, for its updates, from a parameter that it has changed already.

    In ``functools.reduce(step, samples, w)`` no name holds the weights between two samples.
    """
    nodes, moved, stack = view.tape.nodes, {*view.updated}, [*view.updated]
    while stack:
        node = nodes[stack.pop()]
        for i in node.inputs[:1] if node.op in SUMS_OF_TWO else node.inputs:
            old = i in view.starts or view.tape.origin(i, PARTS) in view.starts
            known = old or i in moved or i not in view.inside
            if not known and nodes[i].op in SUMS_OF_TWO | PUT_TOGETHER and _leads_back(view, i):
                moved.add(i)
                stack.append(i)
    return sorted(
        m
        for n in moved
        for m in view.users.get(n, ())
        if (n not in view.updated or m not in view.only_moves) and m not in moved
        if view.reaches[m]
    )


def _looks_ahead(view: View) -> bool:
    """Is a forward pass made with parameters that are moved by a gradient: ``W + c * dW``?

    The step is then no gradient where it begins: an extragradient, or several steps in one.
    """
    nodes = view.tape.nodes
    for n in view.step.nodes:
        if nodes[n].op not in SUMS_OF_TWO or n in view.only_moves or not view.reaches.get(n):
            continue
        moved = [i for i in nodes[n].inputs if view.tape.origin(i) in view.begin]
        by = [i for i in nodes[n].inputs if i not in moved and view.depends.get(i) == view.full]
        alike = moved and by and nodes[n].shape == nodes[moved[0]].shape == nodes[by[0]].shape
        if alike and (nodes[n].shape or view.full > 1):
            return True
    return False


def _leads_back(view: View, n: int) -> bool:
    """Is it an old parameter or a part of one, perhaps with changes added to it?"""
    node = view.tape.nodes[n]
    while n not in view.starts and node.op in SUMS_OF_TWO | PUT_TOGETHER | PARTS and node.inputs:
        n = node.inputs[0]
        node = view.tape.nodes[n]
    return n in view.starts


def cuts(bench: Bench, p: Point) -> int | None:
    """Where a value is cut off at this point, at another number than the zero of a ReLU.

    A cut that an optimiser makes in the gradient does not count.
    """
    nodes, view = bench.tape.nodes, bench.view(p.step)
    for n in sorted(view.behind(bench.changes_of(p.step))):
        if nodes[n].op in CUTS - {"where"} and view.depends[n] == view.full:
            before, after = p.values.get(nodes[n].inputs[0]), p.values.get(n)
            if before is None or after is None:
                continue
            if bool((torch.ne(after, before) & torch.ne(after, 0)).any()):
                return n
    return None


def _products(bench: Bench, p: Point) -> dict[tuple[int, int], Products]:
    changes = [bench.change(p.step, i, p.values) for i in bench.parameters]
    # a step may take one element after the other, and hold the others meanwhile
    moves = [(c.detach() != 0).expand_as(x) for c, x in zip(changes, p.leaves, strict=True)]
    draw = torch.Generator().manual_seed(p.seed)
    found: dict[tuple[int, int], Products] = {}
    for _ in range(DRAWS):
        bench.clock.check()
        u, v = (
            [
                torch.randn(x.shape, generator=draw, dtype=torch.float64) * moved
                for x, moved in zip(p.leaves, moves, strict=True)
            ]
            for _ in range(2)
        )
        left, right = (
            [_times(c, w, p.leaves) for c, w in zip(changes, some, strict=True)] for some in (u, v)
        )
        for i in range(len(changes)):
            for j in range(i, len(changes)):
                made = found.setdefault((i, j), Products([], [], []))
                a, b = left[i][j] * moves[j], right[j][i] * moves[i]
                made.here.append(float((a * v[j]).sum()))
                made.there.append(float((b * u[i]).sum()))
                made.sizes.append((float(a.norm()), float(b.norm())))
    return found


def _times(change: Tensor, vector: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """The derivative of a step, times a vector of its shape."""
    return derivatives_of((change * vector).sum(), leaves)
