"""Gradient descent on a plain function, as of ``f(x, y)``: there are no data and no target.

Then only a number that the script computes can be the loss: nothing tells an error from any other
value. With one variable, no parameter is right beside the wrong one. So a wrong step is known by
its expression: one term that is larger by a factor, or one number that is another, makes it right.
"""

import numpy as np
import torch

from ..operations import PARTS, SAME_NUMBERS
from ..tape import Tape
from . import losses
from .expected import worst
from .findings import Diagnosis
from .fit import PROPORTIONAL, Fit
from .objectives import gradients_at, reads_data
from .points import Bench, Point, largest
from .steps import BETWEEN
from .symmetry import SUMS_OF_TWO

Tensor = torch.Tensor
MOST = 4  # numbers of a value
TIMES = 3  # that an array stays as it was, and is no chance
SAME = 1e-6  # a smaller change is none
READ = PARTS | SAME_NUMBERS | {"assign"}


def wrong_term(bench: Bench, own: list[Fit]) -> tuple[Fit, float, Diagnosis] | None:
    """The term of a wrong step that, times a number or plus one, is that of the gradient of f.

    Returns:
        The fit of f, the learning rate, and the term; None if there is none.

    """
    # what moves in another turn has become another number since f was computed
    if reads_data(bench) or bench.inner or bench.network.of_others or not own:
        return None
    one = own[0]
    k = min(one.objective.terms)
    parts = bench.view(k).behind(one.objective.values(k))
    if not all(parts.issuperset(f.objective.values(k)) for f in own if k in f.objective.terms):
        return None  # there are two functions
    points = [p for p in bench.more_points(k) if gradients_at(one.objective, p) is not None]
    view, nodes = bench.view(k), bench.tape.nodes
    for n in sorted(view.behind(view.ends) - view.starts - view.ends.keys()):
        typed = [float(x) for x in nodes[n].args if isinstance(x, int | float) and x]
        added = nodes[n].op in SUMS_OF_TWO
        if nodes[n].dtype != "f" or nodes[n].op in READ or (added and not typed):
            continue
        if not points or any(not 0 < p.values[n].numel() <= MOST for p in points):
            continue
        size = points[0].values[n].numel()
        # of several numbers one is right: a factor of all would be the rate
        tried = (_right(bench, one, points, n, added, j) for j in range(size))
        found = next((x for x in tried if x is not None), None)
        if found is None or (added and any(abs(largest(found[0]) - abs(c)) < SAME for c in typed)):
            continue  # without the number, any step of a part of the terms would be right
        change, rate = found
        wrong = Diagnosis(
            nodes[n].line, view.variable(n), None, True, [*bench.names], nodes[n].shape, n
        )
        wrong.part = not nodes[n].name
        p = min(points, key=lambda p: p.moved)
        worst(wrong, wrong.variable, p.values[n].detach(), _changed(p, n, added, change))
        return one, rate, wrong
    return None


def has_target(bench: Bench, one: Fit) -> bool:
    """Is a delta that of a loss with a typed target other than 0, as ``(p - 0.9) * x``?"""
    match = losses.identify(bench, one.objective, losses.LOSSES)
    return match is not None and not match.of_error


def _changed(p: Point, n: int, added: bool, change: Tensor) -> Tensor:
    value = p.values[n].detach()
    change = change.reshape(value.shape) if change.numel() == value.numel() else change
    return value + change if added else value * (1 + change)


def _right(
    bench: Bench, one: Fit, points: list[Point], n: int, added: bool, fixed: int
) -> tuple[Tensor, float] | None:
    """The change of a value that makes every step the gradient, and the rate with which it is.

    Each number of an array has a change of its own, except for one: it may be a list of terms.
    """

    def steps(change: Tensor) -> Tensor:
        made = (bench.again(p, {n: _changed(p, n, added, change)}) for p in points)
        return torch.cat([x.reshape(-1) for some in made for x in some])

    gradients = [gradients_at(one.objective, p) or [] for p in points]
    gradient = torch.cat([g.reshape(-1) for some in gradients for g in some])
    units = torch.eye(points[0].values[n].numel(), dtype=torch.float64)
    now = steps(0 * units[0])
    units = units if len(units) == 1 else torch.cat([units[:fixed], units[fixed + 1 :]])
    table = torch.stack([*(steps(unit) - now for unit in units), gradient], 1)
    sizes = table.abs().amax(0).clamp(min=1e-300)
    if len(now) < len(sizes) + 2 or not bool(torch.isfinite(table.sum() + now.sum())):
        return None
    fitted = torch.linalg.lstsq(table / sizes, -now[:, None], driver="gelsd").solution[:, 0] / sizes
    change, rate = fitted[:-1] @ units, float(fitted[-1])
    gone = not added and bool(((1 + change).abs() < SAME).any())
    if rate <= 0 or largest(change) < SAME or gone:
        return None  # a term that has to go says nothing: it may be a penalty
    off = largest(steps(change) + rate * gradient)
    return (change, rate) if off <= PROPORTIONAL * largest(now) else None


def doubt(bench: Bench, own: list[Fit]) -> str:
    """Why nothing can be said of steps that no objective explains."""
    computed = [one.objective for one in own if not one.objective.by_branches]
    if reads_data(bench):  # a maximum that an `if` asks for has no name; a loss has one
        computed = [objective for objective in computed if objective.name]
    if computed:
        f = computed[0]
        where = bench.where(f.values(min(f.terms))[-1])
        return (
            "the updates follow the gradient of no loss that this check knows, and they are not a "
            f"multiple of that of {f.name or 'a number'} on {where}, which the script computes"
        )
    if not reads_data(bench):
        return (
            f"the steps of {', '.join(dict.fromkeys(bench.names))} read no data that change, and "
            "the loop computes no number that they could be the gradient of: compute the function "
            "or the loss that they go down in the loop"
        )
    return (
        "the updates follow the gradient of no loss that this check knows, and of none that the "
        "script computes; computing the loss in the training loop may help"
    )


def no_training(tape: Tape) -> str | None:
    """Why a number that the script replaces by itself plus a change may be no parameter."""
    made = {new: old for old, new in tape.links}
    sites = [tape.nodes[new].site for new in made]
    for new in reversed(made):
        node = tape.nodes[new]
        name = f"{node.name or 'a number'} on {tape.code.where(node.line)}"
        if sites.count(node.site) == 1:
            return (
                f"no training loop was found: {name} is replaced by itself plus a change that "
                "depends on it, but only once: is the step in the loop?"
            )
        made_of_it = {made[new]}
        for one in tape.nodes[made[new] : new + 1]:
            if not made_of_it.isdisjoint(one.inputs):
                made_of_it.add(one.id)
        between = tape.behind([new], made_of_it, {made[new]}) - {made[new]}
        if not all(tape.nodes[n].op in BETWEEN for n in between):
            return None
        return (
            f"{name} is replaced by itself plus a change that is computed from it with + and * "
            "alone, as a running mean is, and the loop computes nothing else from it: compute the "
            "loss in the loop"
        )
    return None


def adds_nothing(tape: Tape) -> str | None:
    """An array to which each step adds 0, as it does if it holds on to gradients of long ago."""
    times = dict[int, int]()
    for node in tape.nodes:
        if node.op not in ("add", "subtract") or not node.shape or not node.inputs:
            continue
        old = tape.nodes[node.inputs[0]]
        if node.value is None or old.value is None or not np.array_equal(node.value, old.value):
            continue
        times[node.id] = 1 + (times.get(old.id, 0) if old.site == node.site else 0)
        if times[node.id] == TIMES:
            return (
                f"each step adds 0 to {node.name or 'an array'} on {tape.code.where(node.line)}: "
                "does it use the gradients that the backward pass has made last?"
            )
    return None
