"""What a wrong value is, and what it should be: its worst element."""

from collections.abc import Sequence

import numpy as np
import torch

from .. import replay
from .findings import Diagnosis
from .fit import RTOL, Fit
from .objectives import gradients_at, total
from .points import Bench, Point

Tensor = torch.Tensor
MOST_ELEMENTS = 40


def fill(bench: Bench, one: Fit, found: Diagnosis) -> None:
    """Give a diagnosis the numbers of its value, or of the step of the first parameter it spoils.

    Args:
        bench: the network.
        one: the objective whose gradient the updates should follow, with the factor of those that
            do.
        found: changed in place; it stays as it is if it has numbers already or there are none.

    """
    points = [p for p in bench.points if p.step in one.factors]
    points.sort(key=lambda p: p.moved)  # at the numbers of the run, if possible
    if found.of or not points or not found.spoils:
        return
    p = points[0]
    if found.mistake == "bias never updated" and found.value is not None:
        slope = _by_constant(bench, one, p, found.value)
        if slope is not None:
            worst(found, f"{found.variable} step", 0 * slope, -one.factors[p.step] * slope)
        return
    spoilt = [bench.names.index(name) for name in found.spoils if name in bench.names]
    if not spoilt or bench.inner:
        return
    moved = bench.view(p.step).reaches.get(found.node or 0, 0)  # by the value, in this step
    i = next((i for i in spoilt if moved >> i & 1), spoilt[0])
    grads = gradients_at(one.objective, p)
    if grads is not None and grads[i].shape == p.changes[i].shape:
        worst(found, f"{bench.names[i]} step", p.changes[i], -one.factors[p.step] * grads[i])


def worst(found: Diagnosis, of: str, actual: Tensor, expected: Tensor) -> None:
    """Keep the element that is farthest off, and some others; NaN is ignored."""
    actual, expected, shape = actual.reshape(-1), expected.reshape(-1), actual.shape
    off = (actual - expected).abs().nan_to_num(0.0)
    if not off.numel() or float(off.max()) <= RTOL * float(expected.nan_to_num(0.0).abs().max()):
        return
    known = torch.isfinite(expected).nonzero().reshape(-1).tolist()
    some = known[:: -(-len(known) // MOST_ELEMENTS)]
    found.elements = [
        (_index(n, shape), float(actual[n]), float(expected[n])) for n in (int(off.argmax()), *some)
    ]
    found.of = of
    found.index, found.actual, found.expected = found.elements[0]


def _index(flat: int, shape: Sequence[int]) -> tuple[int, ...]:
    """The place of an element of an array, from its place in the array's flat form."""
    return tuple(map(int, np.unravel_index(flat, tuple(shape))))


def _by_constant(bench: Bench, one: Fit, p: Point, constant: int) -> Tensor | None:
    """The derivative by an array that no step changes."""
    value = bench.tape.nodes[constant].value
    terms = one.objective.terms[p.step]
    if value is None:
        return None
    leaf = replay.tensor(value).double().requires_grad_(True)
    starts = {n: p.values[n].detach() for n in bench.steps[p.step].start.values()}
    wanted = [n for term in terms for n in term if n is not None]
    values = replay.run(bench.tape, wanted, {**starts, constant: leaf}, bench.ties)
    made = total(one.objective, p.step, values)
    if made is None or not made.requires_grad:
        return None
    (slope,) = torch.autograd.grad(made, leaf, allow_unused=True)
    return slope
