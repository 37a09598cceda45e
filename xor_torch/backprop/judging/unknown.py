"""A delta that explains every update, and is the derivative of no loss that this check knows.

It may belong to a loss of the script's own. It does not if it is the derivative of nothing, or if
it is an error multiplied with what is not the slope of the output.
"""

from ..operations import SAME_NUMBERS
from . import losses
from .findings import Diagnosis
from .fit import Fit
from .objectives import Objective
from .points import Bench
from .symmetry import symmetric

FACTORS = SAME_NUMBERS | {"multiply", "negative"}


def no_derivative(bench: Bench, found: list[Fit]) -> tuple[Fit, Diagnosis] | None:
    """The delta that is wrong whatever the loss is."""
    for one in sorted(found, key=lambda f: _first(f.objective)):
        k = min(one.objective.terms)
        ((d, z),) = one.objective.terms[k][:1]
        if d is None or len(one.objective.terms[k]) > 1:
            continue
        node = bench.tape.nodes[d]
        asked = len(bench.more_points(k)) >= 3  # with fewer points no loss was looked for
        if _asymmetric(bench, k, d, z) or (asked and _error_times_no_slope(bench, k, d, z)):
            return one, Diagnosis(
                node.line,
                bench.view(k).variable(d),
                "derivative of the wrong quantity",
                True,
                list(bench.names),
                node.shape,
                d,
                z,
            )
    return None


def _first(objective: Objective) -> int:
    return min(d or v for d, v in objective.terms[min(objective.terms)])


def of_some_loss(bench: Bench, objective: Objective) -> bool:
    """Is the delta the derivative of a function of its value, whichever that is?"""
    k = min(objective.terms)
    d, z = objective.terms[k][0]
    if d is None or len(objective.terms[k]) > 1:
        return False
    answers = _symmetric(bench, k, d, z)
    return answers is not None and len(answers) > 1 and all(answers)


def _asymmetric(bench: Bench, k: int, d: int, z: int) -> bool:
    """The Jacobian of a derivative is a Hessian, which is symmetric."""
    answers = _symmetric(bench, k, d, z)
    return answers is not None and all(answer is False for answer in answers)


def _symmetric(bench: Bench, k: int, d: int, z: int) -> list[bool | None] | None:
    """Is the derivative of d by z symmetric, at two points? None if d depends on more than z."""
    view = bench.view(k)
    if d not in view.inside or not view.only_through(d, z):
        return None
    points = [p for p in bench.points if p.step == k and p.moved][:2]
    return [symmetric(p.values[d], p.values[z]) for p in points]


def _error_times_no_slope(bench: Bench, k: int, d: int, z: int) -> bool:
    """Is it ``(f - t) * q``, with f a function of z and q computed without the target?"""
    view, nodes = bench.view(k), bench.tape.nodes
    forward = view.behind([z]) | {n for n in view.after([z]) if view.only_through(n, z) and n < d}
    stack, seen, factors = [d], set[int](), list[int]()
    while stack:
        n = stack.pop()
        if n in seen or n not in view.inside:
            continue
        seen.add(n)
        values = [i for i in nodes[n].inputs if i in view.inside]
        if nodes[n].op in FACTORS:
            stack += values
        else:
            factors.append(n)
    for n in factors:
        inside = [i for i in nodes[n].inputs if i in forward]
        data = [i for i in nodes[n].inputs if i not in view.inside]
        if nodes[n].op != "subtract" or n == d or len(inside) != 1 or len(data) != 1:
            continue
        # a linear output has no slope that could be mistaken: what reads the target is a weight
        others = view.behind([m for m in factors if m != n]) if inside == [z] else ()
        if nodes[data[0]].shape and not any(data[0] in nodes[m].inputs for m in others):
            return losses.is_function(bench, k, z, inside[0])
    return False
