"""The gradient inside an optimiser: Adam, RMSprop, AdaGrad, momentum, clipping.

What such a step adds to a parameter is not proportional to the gradient, but is computed from it,
element by element. So two things are checked apart: that the value which goes into the optimiser
is the gradient (by `Case` and all that follows, as for any other step), and here, that the
optimiser does the same to every parameter and goes downhill.
"""

import math

import torch

from .. import replay
from ..operations import SAME_NUMBERS
from ..replay import Tensor
from ..tape import Node, squeezed
from .case import Case
from .losses import Loss
from .steps import OF_OPTIMISERS

# Operations that keep a gradient up to a constant factor or a penalty.
STEADY = SAME_NUMBERS | {"multiply", "divide", "negative", "assign"}
SAME = 1e-7


def gradient_nodes(case: Case, losses: list[Loss]) -> dict[tuple[int, int], int] | None:
    """{(step, state): the last value that is still the gradient}, None if one is not found."""
    found = {}
    for k in case.chosen:
        terms = [term for loss in losses for term in loss.terms.get(k, [])]
        predictions = {t.prediction for t in terms if t.prediction is not None}
        within = {*case.steps[k].nodes} - {*case.steps[k].start.values()}
        forward = case.tape.behind(predictions, within)
        for i in case.parameters:
            node = _gradient_node(case, k, i, forward)
            if node is None:
                return None
            found[k, i] = node
    return found


def _gradient_node(case: Case, k: int, i: int, forward: set[int]) -> int | None:
    """All that an update gets from elsewhere goes through this one value.

    Such values are those at which a walk back from the update, latest first, holds nothing else.
    It ends at the forward pass: of one number per sample, that is element by element, too.
    """
    nodes, step = case.tape.nodes, case.steps[k]
    begin, end = step.start[i], step.end[i]
    inside, starts = set(step.nodes), set(step.start.values())
    shape = nodes[begin].shape
    waiting, through = {end}, []
    while waiting:
        n = max(waiting)
        waiting.remove(n)
        if not waiting and n != end and squeezed(nodes[n].shape) == squeezed(shape):
            through.append(n)
        if n != end and (nodes[n].op not in OF_OPTIMISERS or forward & {*nodes[n].inputs}):
            break
        for a in nodes[n].inputs:
            # a number is the norm of all gradients
            number = not nodes[a].shape and shape
            if (
                a in inside
                and a not in starts
                and not number
                and not _from_states_only(case, a, starts, inside)
            ):
                waiting.add(a)
    if not through:
        return None
    *after, node = through
    for n in reversed(after):
        others = [a for a in nodes[n].inputs if a != node]
        constant = all(a not in inside for a in others)
        penalty = nodes[n].op == "add" and _leads_to(case, others, begin, inside)
        steady = nodes[n].op in STEADY or _is_new_axis(nodes[n])
        if not (steady and constant and node in nodes[n].inputs) and not penalty:
            break
        node = n
    return node


def _is_new_axis(node: Node) -> bool:
    """``x[None]``, ``x[:, None]``: the same numbers."""
    index = node.args[1] if node.op == "getitem" else 0
    parts = index if isinstance(index, tuple) else (index,)
    return all(p in (None, Ellipsis, slice(None)) for p in parts)


def _from_states_only(case: Case, n: int, starts: set[int], inside: set[int]) -> bool:
    """Is it made of what the step begins with, element by element: ``beta * m``, ``decay * W``?"""
    node = case.tape.nodes[n]
    return node.op in OF_OPTIMISERS and all(
        a in starts or a not in inside or _from_states_only(case, a, starts, inside)
        for a in node.inputs
    )


def _leads_to(case: Case, values: list[int], begin: int, inside: set[int]) -> bool:
    """Is it a penalty: the parameter times a constant?"""
    return bool(values) and all(
        a == begin or (case.tape.nodes[a].op == "multiply" and begin in case.tape.nodes[a].inputs)
        for a in values
        if a in inside
    )


def linear(case: Case, found: dict[tuple[int, int], int]) -> bool:
    """Is a step from rest proportional to the gradient: no optimiser, or momentum only?"""
    k = case.chosen[0]
    small, large = (_answers(case, found, k, gradient, 0.0) for gradient in (0.01, 1.0))
    return all(
        a is not None and b is not None and math.isclose(b, 100 * a, rel_tol=1e-6)
        for a, b in zip(small.values(), large.values(), strict=True)
    )


def signs(case: Case, found: dict[tuple[int, int], int]) -> dict[tuple[int, int], float] | str:
    """Of each gradient: does the step go with it (1) or against it (-1)?

    Returns:
        A reason in words if the optimiser does not treat all parameters alike.

    """
    result: dict[tuple[int, int], float] = {}
    for k in case.chosen:
        # a small gradient, and one large enough to be clipped
        answers = [_answers(case, found, k, g, m) for g, m in ((0.01, 0.0), (1.0, 0.0), (1.0, 0.1))]
        for i in case.parameters:
            if any(a[i] is None for a in answers):
                return f"the optimiser of {_name(case, i)} is not the same for every element"
            first = answers[0][i]
            assert first is not None
            if not first or math.isnan(first):
                return f"the optimiser of {_name(case, i)} does not move it"
            result[k, i] = math.copysign(1.0, first)
        for a in answers:
            values = [(i, abs(v)) for i, v in a.items() if v is not None]
            for i, v in values:
                if not math.isclose(v, values[0][1], rel_tol=SAME):
                    return (
                        f"the optimiser does not treat {_name(case, i)} as it treats "
                        f"{_name(case, values[0][0])}"
                    )
    return result


def _name(case: Case, i: int) -> str:
    return case.names[case.parameters.index(i)]


def _answers(
    case: Case, found: dict[tuple[int, int], int], k: int, gradient: float, state: float
) -> dict[int, float | None]:
    """By how much an element moves if all are equal, of each parameter."""
    nodes, step = case.tape.nodes, case.steps[k]
    ends = [step.end[i] for i in case.parameters]
    result: dict[int, float | None] = {}
    for keep in (False, True):  # at zero there is no weight decay, but perhaps no norm either
        given: dict[int, Tensor] = {}
        for i, n in step.start.items():
            value = 0.0 if i in case.parameters else state
            given[n] = torch.full(nodes[n].shape, value, dtype=torch.float64)
            if keep and i in case.parameters and nodes[n].value is not None:
                given[n] = replay.tensor(nodes[n].value).double()
        for i in case.parameters:
            n = found[k, i]
            given[n] = torch.full(nodes[n].shape, gradient, dtype=torch.float64)
        values = replay.run(case.tape, ends, given, case.ties)
        for i, end in zip(case.parameters, ends, strict=True):
            moved = (values[end] - given[step.start[i]]).reshape(-1)
            alike = bool(((moved - moved[0]).abs() <= SAME * moved[0].abs()).all())
            result[i] = float(moved[0]) if alike else None
        if None not in result.values():
            break
    return result
