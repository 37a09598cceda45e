"""What a step adds to each parameter, or what it hands to an optimiser."""

import torch

from ..replay import Tensor
from ..tape import Ref, Tape
from .points import Values
from .steps import Step

# {(step, state): (value, sign)}: what an optimiser makes the change of a parameter from
Gradients = dict[tuple[int, int], tuple[int, float]]


def parts(tape: Tape, step: Step, i: int) -> list[tuple[int, float]] | None:
    """[(value, sign), ...] that a step adds to state `i`; None if it is not so simple."""
    begin, id = step.start[i], step.end[i]
    found: list[tuple[int, float]] = []
    for _ in range(8):
        if id == begin:
            return found
        node = tape.nodes[id]
        if node.op not in ("add", "subtract") or not all(isinstance(a, Ref) for a in node.args):
            return None
        a, b = (x.id for x in node.args)
        if _descends(tape, a, begin):
            found.append((b, -1.0 if node.op == "subtract" else 1.0))
            id = a
        elif node.op == "add" and _descends(tape, b, begin):
            found.append((a, 1.0))
            id = b
        else:
            return None
    return None


def _descends(tape: Tape, id: int, begin: int) -> bool:
    """Is `id` the old value itself, or a value on the way from it by adding?"""
    for _ in range(8):
        if id == begin:
            return True
        node = tape.nodes[id]
        if node.op not in ("add", "subtract") or node.shape != tape.nodes[begin].shape:
            return False
        if not isinstance(node.args[0], Ref):
            return False
        id = node.args[0].id
    return False


def change(step: Step, i: int, added: list[tuple[int, float]] | None, values: Values) -> Tensor:
    """What is added to state `i`: the sum of the parts, or new minus old."""
    begin, end = step.start[i], step.end[i]
    if added is None:
        return values[end] - values[begin]
    total = torch.as_tensor(sum(sign * values[n] for n, sign in added))
    return total.expand_as(values[begin]) if total.ndim <= values[begin].ndim else total
