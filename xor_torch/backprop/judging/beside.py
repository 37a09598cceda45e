"""What a script adds beside a gradient: a penalty, a limit, a rate of its own."""

import math

import torch

from .. import replay
from ..operations import ELEMENTWISE, PARTS, SAME_NUMBERS
from .fit import Fit, alike
from .objectives import PLAIN
from .points import Bench, CannotTell
from .repair import Repair
from .soundness import CUTS


def own_rates(bench: Bench, one: Fit) -> str | None:
    """Are the factors of the parameters numbers that the script typed in their updates?

    One is no rate of its own if it is the square of the other, or one N-th of it for a number of
    samples or units.
    """
    k = next(iter(one.factors), None)
    if k is None:
        return None
    view, nodes = bench.view(k), bench.tape.nodes
    sizes = {n for m in view.step.nodes for n in nodes[m].shape} - {1}
    typed = [_typed(bench, k, i) for i in range(len(bench.parameters))]
    good = [i for i, ok in enumerate(one.good) if ok and one.parts[i].factors]
    found = []
    for i in [i for i, ok in enumerate(one.good) if not ok]:
        off = one.parts[i].factors.get(k, math.nan) / one.scale
        if not off > 0 or any(alike(off, n) or alike(off * n, 1) for n in sizes):
            return None
        rates = [
            (a, b)
            for a in typed[i]
            for j in good
            for b in typed[j]
            if alike(a, off * b) and not alike(a, b * b) and not alike(b, a * a)
        ]
        if not rates:
            return None
        found.append(
            f"that of {bench.names[i]} with a rate of its own, {rates[0][0]:.6g} beside "
            f"{rates[0][1]:.6g}"
        )
    return ", ".join(found) or None


def _typed(bench: Bench, k: int, i: int) -> set[float]:
    """The numbers that the update of one parameter alone is multiplied with."""
    view = bench.view(k)
    return bench.multipliers(n for n in view.step.nodes if view.reaches.get(n) == 1 << i)


def meant(bench: Bench, repair: Repair, culprit: int) -> None:
    """A derivative that is clipped on the way, or with a term beside it that has no target in it.

    Raises:
        CannotTell: it may be meant: a penalty, or a limit.

    """
    view, nodes = repair.view, bench.tape.nodes
    targets = _from_targets(repair)
    around = view.behind([culprit]) | view.after([culprit])
    for n in sorted(around - repair.forward - view.ends.keys()):
        inputs = [i for i in nodes[n].inputs if i in view.inside]
        right = [i for i in inputs if repair.matches(i)]
        if nodes[n].op in CUTS and right:
            raise CannotTell(f"derivatives are clipped on {bench.where(n)}, which may be meant")
        beside = [
            i
            for i in inputs
            if i not in right and i not in targets and view.depends.get(i)
            if bench.tape.origin(i, PARTS) not in view.starts
        ]
        if nodes[n].op in ("add", "subtract") and right and beside:
            name = view.variable(n) or "a derivative"
            raise CannotTell(
                f"what is added to {name} on {bench.where(n)} does not depend on the target: it "
                "may be a penalty, and the rest of it is right"
            )


def penalties(bench: Bench) -> dict[int, list[int]]:
    """What is added to the gradient of a parameter and made of that parameter alone, by step.

    If it is made element by element, as ``lam * sign(W)``, it is the gradient of a penalty,
    whatever its formula.
    """
    found: dict[int, list[int]] = {}
    for k in bench.chosen:
        view, nodes, step = bench.view(k), bench.tape.nodes, bench.steps[k]
        for i, bit in ((i, 1 << n) for n, i in enumerate(bench.parameters)):
            stack, seen = [step.end[i]], set[int]()
            while stack:
                n = stack.pop()
                if n in seen or n not in view.inside or n in view.starts:
                    continue
                seen.add(n)
                if view.depends[n] == view.full and nodes[n].op in PLAIN:
                    stack += nodes[n].inputs
                elif view.depends[n] == bit and _elementwise(bench, k, n, step.start[i]):
                    found.setdefault(k, []).append(n)
    return found


def grows(bench: Bench, found: dict[int, list[int]]) -> bool:
    """Does what is added let a parameter grow, instead of shrink?"""
    for p in bench.points:
        zero = {n: torch.zeros_like(p.values[n]) for n in found.get(p.step, ())}
        without = bench.again(p, zero)
        for change, other, leaf in zip(p.changes, without, p.leaves, strict=True):
            if float(((change - other) * leaf.detach()).sum()) > 0:
                return True
    return False


def last_gradients(bench: Bench) -> dict[int, list[int]]:
    """What is added to a parameter and is a multiple of its last gradient, by step.

    That is a momentum that remembers one step: ``W += rate * change + part * last; last = change``.
    """
    found: dict[int, list[int]] = {}
    nodes = bench.tape.nodes
    for k in [k for k in bench.chosen if k]:
        view, step = bench.view(k), bench.steps[k]
        for i in bench.parameters:
            stack, seen = [step.end[i]], set[int]()
            while stack:
                n = stack.pop()
                if n in seen or n in view.starts or nodes[n].shape != nodes[step.end[i]].shape:
                    continue
                seen.add(n)
                if n in view.inside and nodes[n].op in PLAIN:
                    stack += nodes[n].inputs
                elif n not in view.inside and _of_last_gradient(bench, k, i, n):
                    found.setdefault(k, []).append(n)
    return found


def _of_last_gradient(bench: Bench, k: int, i: int, term: int) -> bool:
    """Is a term a multiple of the gradient of the step before, and goes the same way?"""
    nodes, before = bench.tape.nodes, bench.view(k - 1)
    gradient = term
    while not before.reaches.get(gradient):
        inputs = [a for a in nodes[gradient].inputs if nodes[a].shape == nodes[term].shape]
        if nodes[gradient].op not in PLAIN or len(inputs) != 1:
            return False
        (gradient,) = inputs
    if gradient in before.starts or gradient in before.ends:
        return False
    moved = []
    for at in (k - 1, k):  # does each step go the way of this gradient?
        step, ends = bench.steps[at], []
        for size in (0.0, 1.0):
            given = {gradient: torch.full(nodes[gradient].shape, size, dtype=torch.float64)}
            for n in step.start.values():
                given[n] = torch.zeros(nodes[n].shape, dtype=torch.float64)
            ends.append(replay.run(bench.tape, [step.end[i]], given, bench.ties)[step.end[i]])
        moved.append(ends[1] - ends[0])
    return bool((moved[0] * moved[1] > 0).all())


def _elementwise(bench: Bench, k: int, n: int, begin: int) -> bool:
    view, nodes = bench.view(k), bench.tape.nodes
    mine = view.behind([n]) - view.starts
    return nodes[n].shape == nodes[begin].shape and all(
        nodes[m].op in ELEMENTWISE | SAME_NUMBERS and not view.outside(m) for m in mine
    )


def _from_targets(repair: Repair) -> set[int]:
    """What the error comes into: all that is computed from a true derivative of this objective.

    A value that is made of the forward pass alone has no target in it.
    """
    right = {n for n in repair.view.step.nodes if n not in repair.forward and repair.matches(n)}
    return repair.view.after(right) if right else {*repair.view.inside}
