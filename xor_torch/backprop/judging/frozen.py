"""Weights that the forward pass multiplies with and that no step changes.

They may be frozen on purpose; or their update is missing.
"""

import math
from collections.abc import Collection

import numpy as np
import torch

from .. import replay
from ..operations import MATRIX_PRODUCTS, PARTS, PRODUCTS, SUMS
from .findings import Diagnosis
from .fit import FOLLOWS, Fit
from .objectives import total
from .points import Bench, largest


def left_alone(bench: Bench, one: Fit) -> Diagnosis | None:
    """Weights that the forward pass multiplies with and that no step changes.

    They were meant to be trained if a value with their shape is computed from the error and used
    for nothing.
    """
    k = next(iter(one.objective.terms))
    view, nodes = bench.view(k), bench.tape.nodes
    since = min(view.starts)
    forward = view.behind(one.objective.values(k)) - view.starts
    stack = [i for n in forward for i in nodes[n].inputs if i not in view.inside and i > since]
    found: set[int] = set()
    seen: set[int] = set()
    read: set[int] = set()
    for n in forward:  # what is multiplied with trained weights is data
        trained = any(bench.tape.origin(i, PARTS) in view.begin for i in nodes[n].inputs)
        if nodes[n].op in PRODUCTS and not trained:
            read |= {*nodes[n].inputs}
    while stack:
        n = stack.pop()
        if n in seen or n in view.inside:
            continue
        seen.add(n)
        if nodes[n].op in PRODUCTS:
            read |= {*nodes[n].inputs}
        if n > since:
            stack += nodes[n].inputs
    states = {n for s in bench.network.states for n in s.nodes}
    for n in read:
        origin = nodes[_unchanged(bench, n)]
        value = origin.value
        if origin.dtype != "f" or value is None or value.ndim != 2:
            continue
        if origin.id >= since or (value == value.round()).all():
            continue
        if states.isdisjoint(bench.tape.behind([origin.id], range(since))):  # without the network
            found.add(origin.id)
    for n in sorted(found):
        for m in view.step.nodes:
            unused = not view.reaches.get(m) and not view.users.get(m) and m not in forward
            if unused and nodes[m].shape == nodes[n].shape and view.depends[m] == view.full:
                name = nodes[m].name or nodes[n].name
                return Diagnosis(
                    nodes[m].line, name, None, True, [nodes[n].name], nodes[n].shape, m
                )
    return None


def _unchanged(bench: Bench, n: int) -> int:
    """Where a value comes from, if only zero was added to it on the way."""
    nodes = bench.tape.nodes
    for _ in range(len(nodes)):
        n = bench.tape.origin(n, PARTS)
        node = nodes[n]
        before = nodes[node.inputs[0]].value if node.inputs else None
        if node.op not in ("add", "subtract") or node.value is None or before is None:
            break
        if not np.array_equal(before, node.value):
            break
        n = node.inputs[0]
    return n


def _moved_by_zero(bench: Bench, n: int, earlier: Collection[int]) -> bool:
    """Is it one of the earlier values, to which later steps have added 0?

    It is not a parameter, whose gradient may happen to be 0.
    """
    nodes = bench.tape.nodes
    trained = {i for s in bench.network.states for i in s.nodes}
    known = {bench.tape.origin(i, PARTS) for i in earlier}
    n = start = bench.tape.origin(n, PARTS)
    while n not in known and nodes[n].op in ("add", "subtract") and len(nodes[n].inputs) == 2:
        old, change = nodes[n].inputs
        added = nodes[change].value
        if added is None or np.any(added):
            return False
        n = old
    return n in known and n != start and start not in trained


def never_changed(bench: Bench, one: Fit) -> str | None:
    """A sentence about an array that every step multiplies with as with weights; None without one.

    The other factor differs from step to step, or it has the samples that the output has.
    """
    first, last = bench.chosen[0], bench.chosen[-1]
    if first == last or not {first, last} <= one.objective.terms.keys():
        return None
    nodes, view = bench.tape.nodes, bench.view(last)
    early, late = (_products(bench, one, k) for k in (first, last))
    begin, output = max(view.starts), nodes[one.objective.values(last)[-1]].shape
    for (place, at), n in late.items():
        before = early.get((place, at))
        if before is None:
            continue
        i, other = nodes[n].inputs[at], nodes[n].inputs[1 - at]
        weights = nodes[bench.tape.origin(i, PARTS)]
        value, was, theirs, were = (
            nodes[m].value
            for m in (i, nodes[before].inputs[at], other, nodes[before].inputs[1 - at])
        )
        if weights.id > begin or weights.dtype != "f" or value is None or value.ndim < 2:
            continue
        if was is None or theirs is None or were is None:
            continue
        if not np.array_equal(value, was) or (value == value.round()).all():
            continue
        moves = not np.array_equal(theirs, were)
        mine = _has_samples(nodes[i].shape, output, at)
        its = _has_samples(nodes[other].shape, output, 1 - at)
        if nodes[n].op == "multiply":
            fixed = moves and other not in view.inside
        else:
            fixed = not mine or its or len(nodes[other].shape) < 2 if moves else its and not mine
        if fixed:
            return (
                f"{weights.name or 'an array'} {weights.shape} is multiplied with on "
                f"{bench.where(n)} in every step and never changes: it may be frozen on purpose, "
                "or its update is missing"
            )
    return None


def always_added(bench: Bench, one: Fit) -> str | None:
    """The same about an array that each step adds to other values: where each word stands, say.

    One that is computed, as from sines, is meant to stay.
    """
    first, last = min(one.objective.terms), max(one.objective.terms)
    if first == last:
        return None
    nodes = bench.tape.nodes
    early, late = (_sums(bench, one, k) for k in (first, last))
    for place in late.keys() & early.keys():
        n, before = late[place], early[place]
        for (i, other), was in zip(
            (nodes[n].inputs, nodes[n].inputs[::-1]), nodes[before].inputs[::-1], strict=True
        ):
            if _moved_by_zero(bench, i, nodes[before].inputs):
                return (
                    f"{nodes[i].name or 'an array'} {nodes[i].shape} is added on {bench.where(n)} "
                    "in every step and never changes, because each step adds 0 to it: it may be "
                    "frozen on purpose, or its gradient is missing"
                )
            root = nodes[bench.tape.origin(i, PARTS | {"multiply", "divide", "astype"})]
            value, its, were = (nodes[m].value for m in (i, other, was))
            if i not in nodes[before].inputs or root.op != "leaf" or nodes[i].dtype != "f":
                continue
            if value is None or its is None or were is None or value.ndim < 2:
                continue
            if value.shape == nodes[n].shape or (value == value.round()).all():
                continue
            if its.shape != were.shape or not np.array_equal(its, were):
                return (
                    f"{nodes[i].name or 'an array'} {nodes[i].shape} is added on {bench.where(n)} "
                    "in every step and never changes: it may be frozen on purpose, or its update "
                    "is missing"
                )
    return None


def zero_added(bench: Bench, one: Fit) -> str | None:
    """The same about a 0 that each step adds: a bias in a list, which is no recorded number."""
    first, last = min(one.objective.terms), max(one.objective.terms)
    nodes, found = bench.tape.nodes, list[dict[object, int]]()
    for k in (first, last) if first != last else ():
        forward = bench.view(k).behind(one.objective.values(k)) - bench.view(k).starts
        sums = (n for n in sorted(forward) if nodes[n].op == "add")
        # (z > 0) + 0 makes a number of a truth value
        sums = (n for n in sums if not nodes[n].inputs or nodes[nodes[n].inputs[0]].dtype == "f")
        sums = (n for n in sums if not bench.tape.begins_a_sum(nodes[n]))
        zeros = (n for n in sums if type(nodes[n].args[1]) in (int, float) and not nodes[n].args[1])
        found.append({nodes[n].site: n for n in zeros})
    both = [n for site, n in found[-1].items() if site in found[0]] if found else []
    if not both:
        return None
    return (
        f"the 0 that {bench.where(both[0])} adds is used like a bias and never changes: it may be "
        "frozen on purpose, or its update is missing"
    )


def with_a_gradient(bench: Bench, one: Fit) -> str | None:
    """The same about an array for which each step computes the gradient, and does not use it.

    It scales or shifts what each sample has, as batch norm does, and may begin with ones or zeros.
    """
    k, nodes = max(one.objective.terms), bench.tape.nodes
    view, values = bench.view(k), one.objective.values(k)
    point = next((p for p in bench.points if p.step == k), None)
    begin = max(bench.view(min(one.objective.terms)).starts)  # it is there before the first step
    forward = view.behind(values) - view.starts
    found = dict[int, int]()  # what may be a parameter -> where it is read
    for n in sorted(forward) if point is not None else ():
        for i in nodes[n].inputs if nodes[n].op in ("add", "multiply") else ():
            size = math.prod(nodes[i].shape)
            small = 1 < size < math.prod(nodes[n].shape) and nodes[i].value is not None
            if small and i < begin and i not in view.inside and nodes[i].dtype == "f":
                found.setdefault(i, n)
    if point is None or not found:
        return None
    given = {n: point.values[n].detach() for n in bench.steps[k].start.values()}
    leaves = {i: replay.tensor(nodes[i].value).double().requires_grad_(True) for i in found}
    sizes = {leaf.numel() for leaf in leaves.values()}
    backward = [
        n
        for n in view.step.nodes
        if n not in forward and view.depends[n] == view.full
        if not (view.reaches[n] and n in view.only_moves)  # that is the gradient of another one
        if math.prod(nodes[n].shape) in sizes
    ]
    made = replay.run(bench.tape, values, {**given, **leaves}, bench.ties, backward)
    loss = total(one.objective, k, {**point.values, **made})
    if loss is None or not loss.requires_grad:
        return None
    grads = torch.autograd.grad(loss, [*leaves.values()], retain_graph=True, allow_unused=True)
    for (i, n), slope in zip(found.items(), grads, strict=True):
        for m in backward if slope is not None and largest(slope) else ():
            x, y = made[m].detach().reshape(-1) if m in made else slope[:0], slope.reshape(-1)
            if len(x) != len(y) or not largest(x):
                continue
            if largest(x * (y @ y) - y * (x @ y)) <= FOLLOWS * largest(x) * float(y @ y):
                return (
                    f"{nodes[i].name or 'an array'} {nodes[i].shape} is read on "
                    f"{bench.where(n)} in every step and never changes, and its gradient is "
                    f"computed on {bench.where(m)}: it may be frozen on purpose, or its update "
                    "is missing"
                )
    return None


def _sums(bench: Bench, one: Fit, k: int) -> dict[object, int]:
    """The last sum of the forward pass at each place of the script."""
    values, since = one.objective.values(k), max(bench.view(k).starts)
    forward = bench.tape.behind(values, range(since, max(values) + 1)) - bench.view(k).starts
    nodes = bench.tape.nodes
    sums = (n for n in sorted(forward) if nodes[n].op == "add" and len(nodes[n].inputs) == 2)
    return {nodes[n].site: n for n in sums}


def _products(bench: Bench, one: Fit, k: int) -> dict[tuple[object, int], int]:
    """The last product of the forward pass at each place of the script, for each of its factors.

    Products with a trained array are left out: the other factor is data.
    """
    view, nodes = bench.view(k), bench.tape.nodes
    since = max(view.starts)  # before it, the step before still computes its updates
    values = one.objective.values(k)
    forward = bench.tape.behind(values, range(since, max(values) + 1)) - view.starts
    summed = {i for n in forward if nodes[n].op in SUMS for i in nodes[n].inputs}
    found: dict[tuple[object, int], int] = {}
    for n in sorted(forward):
        node = nodes[n]
        product = node.op in MATRIX_PRODUCTS or (node.op == "multiply" and n in summed)
        if not product or len(node.inputs) != 2:
            continue
        if any(bench.tape.origin(i, PARTS) in view.begin for i in node.inputs):
            continue
        found[(node.site, node.op), 0] = found[(node.site, node.op), 1] = n
    return found


def _has_samples(shape: tuple[int, ...], output: tuple[int, ...], at: int) -> bool:
    """Is the axis of a factor that its product keeps as long as the same axis of the output?"""
    return len(shape) > 1 and len(output) > 0 and shape[-at] == output[-at]
